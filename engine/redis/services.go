package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crier/push"

	"github.com/redis/go-redis/v9"
)

// RaiseAlarm implements push.Store.
func (e *Engine) RaiseAlarm(ctx context.Context, a push.Alarm) error {
	_, err := e.run(ctx, e.scripts.raiseAlarm, []string{e.keys.log, e.keys.alarms()}, a.Service, at(a.Since), alarmText(a))
	if err != nil {
		return failed("raise an alarm", err)
	}
	return nil
}

// LowerAlarm implements push.Store.
func (e *Engine) LowerAlarm(ctx context.Context, service string) error {
	_, err := again(ctx, e, func(ctx context.Context) (int64, error) {
		return e.client.HDel(ctx, e.keys.alarms(), service).Result()
	})
	if err != nil {
		return failed("lower an alarm", err)
	}
	return nil
}

// alarmText is how an alarm is kept: since when, and the problem.
func alarmText(a push.Alarm) string { return strconv.FormatInt(at(a.Since), 10) + " " + a.Problem }

// Alarms implements push.Store.
func (e *Engine) Alarms(ctx context.Context) (push.Alarms, error) {
	out, err := e.alarms(ctx)
	if err != nil {
		return push.Alarms{}, failed("read the alarms", err)
	}
	return out, nil
}

func (e *Engine) alarms(ctx context.Context) (out push.Alarms, err error) {
	var trusted *redis.StringCmd
	var standing *redis.MapStringStringCmd
	_, err = pipelined(ctx, e, func(p redis.Pipeliner) []redis.Cmder {
		trusted, standing = p.HGet(ctx, e.keys.log, "trusted"), p.HGetAll(ctx, e.keys.alarms())
		return []redis.Cmder{trusted, standing}
	})
	if err != nil {
		return out, err
	}
	if text := trusted.Val(); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return out, err
		}
		out.Trusted = when(ms)
	}
	all := standing.Val()
	for _, service := range slices.Sorted(maps.Keys(all)) {
		since, problem, _ := strings.Cut(all[service], " ")
		ms, err := strconv.ParseInt(since, 10, 64)
		if err != nil {
			return out, fmt.Errorf("the alarm of %.80q: %w", service, err)
		}
		out.Standing = append(out.Standing, push.Alarm{Service: service, Problem: problem, Since: when(ms)})
	}
	return out, nil
}

// ClearAlarms implements push.Store.
func (e *Engine) ClearAlarms(ctx context.Context, until time.Time) error {
	if _, err := e.run(ctx, e.scripts.clearAlarms, []string{e.keys.log, e.keys.alarms()}, at(until)); err != nil {
		return failed("clear the alarms", err)
	}
	return nil
}

// KeepRate implements push.Store.
func (e *Engine) KeepRate(ctx context.Context, r push.Rate) error {
	if _, err := e.run(ctx, e.scripts.keepRate, []string{e.keys.rates()}, r.Service, at(r.At), rateText(r)); err != nil {
		return failed("keep a rate", err)
	}
	return nil
}

// rateText is how a rate is kept: when it was learned, and how much it is.
func rateText(r push.Rate) string {
	return strconv.FormatInt(at(r.At), 10) + " " + strconv.FormatFloat(r.PerSecond, 'g', -1, 64)
}

// Rates implements push.Store.
func (e *Engine) Rates(ctx context.Context) ([]push.Rate, error) {
	out, err := e.rates(ctx)
	if err != nil {
		return nil, failed("read the rates", err)
	}
	return out, nil
}

func (e *Engine) rates(ctx context.Context) (out []push.Rate, err error) {
	all, err := again(ctx, e, func(ctx context.Context) (map[string]string, error) {
		return e.client.HGetAll(ctx, e.keys.rates()).Result()
	})
	if err != nil {
		return nil, err
	}
	for _, service := range slices.Sorted(maps.Keys(all)) {
		var ms int64
		r := push.Rate{Service: service}
		if _, err := fmt.Sscan(all[service], &ms, &r.PerSecond); err != nil {
			return nil, fmt.Errorf("the rate of %.80q: %w", service, err)
		}
		r.At = when(ms)
		out = append(out, r)
	}
	return out, nil
}
