package redis

import (
	"context"

	"crier/engine"
)

// services has what was learned of push services.
func (x *export) services(ctx context.Context) error {
	alarms, err := x.e.Alarms(ctx)
	if err != nil {
		return err
	}
	for _, a := range alarms.Standing {
		if err := x.put(engine.Alarm{Alarm: a}); err != nil {
			return err
		}
	}
	rates, err := x.e.Rates(ctx)
	if err != nil {
		return err
	}
	for _, r := range rates {
		if err := x.put(engine.Rate{Rate: r}); err != nil {
			return err
		}
	}
	return nil
}
