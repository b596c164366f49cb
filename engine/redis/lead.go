package redis

import (
	"context"
	"time"
)

// Lead makes node the leader of job until now+term and reports whether it is:
// of the nodes that ask one leads, and stays leader as long as it asks in
// time. The clocks are the nodes' own. For the moment by which they differ
// there may be two leaders, so what a leader does must bear being done twice.
func (e *Engine) Lead(ctx context.Context, job, node string, now time.Time, term time.Duration) (leads bool, err error) {
	v, err := e.run(ctx, e.scripts.lead, []string{e.keys.leaders()}, job, node, now.UnixMilli(), now.Add(term).UnixMilli())
	if err != nil {
		return false, failed("lead "+job, err)
	}
	return v == int64(1), nil
}

// Resign gives job up, if node leads it, so that another can lead at once.
func (e *Engine) Resign(ctx context.Context, job, node string) error {
	if _, err := e.run(ctx, e.scripts.resign, []string{e.keys.leaders()}, job, node); err != nil {
		return failed("resign from "+job, err)
	}
	return nil
}
