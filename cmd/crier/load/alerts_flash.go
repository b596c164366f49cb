package load

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"crier/news"
	"crier/push"
)

// flash sends a bulletin to all, and a flash when a share of that is settled.
func (r *alertsRun) flash(ctx context.Context) (out *AlertsFlash, err error) {
	const share = 0.3
	svc, stop, err := r.start(ctx, -1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if _, err := r.sinks.tell(order{Crowd: r.crowd, Key: r.keys.Public(), Latency: r.o.Latency, Faults: r.o.Faults}); err != nil {
		return nil, err
	}
	standing, err := svc.CountSubscriptions(ctx)
	if err != nil {
		return nil, err
	}
	bulletin, err := r.post(ctx, news.Bulletin)
	if err != nil {
		return nil, err
	}
	settled := func(p push.Report) int64 { return p.Tally.Audience - p.Tally.Queued() }
	was, err := r.until(ctx, svc, bulletin, func(p push.Report) bool { return float64(settled(p)) >= share*float64(standing) })
	if err != nil {
		return nil, err
	}
	posted := time.Now()
	flash, err := r.post(ctx, news.Flash)
	if err != nil {
		return nil, err
	}
	won, err := r.until(ctx, svc, flash, func(p push.Report) bool { return p.Done })
	if err != nil {
		return nil, err
	}
	out = &AlertsFlash{FlashPosted: float64(settled(was)) / float64(max(standing, 1)), FlashFinished: time.Since(posted).Seconds()}
	if d, ok := won.Tally.TimeTo(0.99); ok {
		out.FlashTo99 = d.Seconds()
	}
	then, err := svc.Report(ctx, bulletin)
	if err != nil {
		return nil, err
	}
	out.FlashWon, out.FlashRest = !then.Done, standing-settled(then)
	last, err := r.until(ctx, svc, bulletin, func(p push.Report) bool { return p.Done })
	if err != nil {
		return nil, err
	}
	counted, err := r.sinks.tell(order{Crowd: r.crowd, Key: r.keys.Public()})
	if err != nil {
		return nil, err
	}
	out.FlashClosed = won.Tally.Queued() == 0 && last.Tally.Queued() == 0 && counted.Wrong == 0
	if firsts := slices.Sorted(maps.Values(counted.Firsts)); len(firsts) == 2 { // the bulletin's, and the flash's
		out.FlashFirst = ms(time.Unix(0, firsts[1]).Sub(posted))
	}
	return out, nil
}

// post posts an exercise and returns its item.
func (r *alertsRun) post(ctx context.Context, level news.Level) (item string, err error) {
	draft, err := exercise(level)
	if err != nil {
		return "", err
	}
	receipt, err := r.store.Append(ctx, news.Key{}, draft)
	return receipt.Entry.Item.ID, err
}

// until waits until the report on an item is as wanted.
func (r *alertsRun) until(ctx context.Context, svc *push.Service, item string, wanted func(push.Report) bool) (push.Report, error) {
	for n := 1; ; n++ {
		report, err := svc.Report(ctx, item)
		if err != nil && !errors.Is(err, push.ErrNoCampaign) {
			return report, err
		}
		if err == nil && wanted(report) {
			return report, nil
		}
		if n%100 == 0 {
			r.say("%-8s %d of %d accepted", report.Campaign.Entry.Item.Level, report.Tally.Accepted, report.Tally.Audience)
		}
		if wait(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return report, ctx.Err()
		}
	}
}
