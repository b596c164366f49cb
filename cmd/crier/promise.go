package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crier/api"
	"crier/push"
)

// watchFlags are how a service watches over its alerts.
type watchFlags struct {
	AlertPromise string        `help:"What is promised of alerts: a share of the audience accepted within a time, such as 90%@120s. Reports and metrics say whether it was kept; none promises nothing." default:"90%@120s" placeholder:"SHARE%@TIME"`
	CanaryEvery  time.Duration `help:"How often a test alert is sent to a push service of our own, to raise an alarm if that fails; 0 for never." default:"0" placeholder:"TIME"`
}

// apiOptions are the HTTP server's and the desks'.
func (f listenFlags) apiOptions(does roles, logger *slog.Logger) (api.Options, error) {
	o := api.Options{Proxies: f.Proxies, ReadersElsewhere: !does.hub, EditorsElsewhere: !does.api, JoinRate: f.JoinRate, AddressJoinRate: f.AddressJoinRate, Logger: logger}
	if f.CanaryEvery < 0 {
		return o, errors.New("--canary-every: give 0 or more")
	}
	return o, nil
}

// promise is what is promised of alerts.
func (f watchFlags) promise() (push.Promise, error) {
	p, err := push.ParsePromise(f.AlertPromise)
	if err != nil {
		return p, fmt.Errorf("--alert-promise: %w", err)
	}
	return p, nil
}

// watching is the leader's chores about alerts.
func (f watchFlags) watching(n *node) []chore {
	chores := []chore{n.metrics.promises.chore(n.alerts)}
	if f.CanaryEvery > 0 {
		chores = append(chores, chore{"canary", f.CanaryEvery, n.alerts.SendCanary})
	}
	return chores
}

// promises counts, on the leader, how campaigns did against what was promised.
type promises struct {
	judged *prometheus.CounterVec
	to90   prometheus.Histogram
}

func newPromises() *promises {
	p := &promises{
		judged: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "crier_campaigns_total",
			Help: "Campaigns by what became of the promise, counted by the leader: kept, broken, or void where nobody was in the audience or a later entry came first."}, []string{"promise"}),
		to90: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "crier_campaign_90_seconds",
			Help:    "Time until 90 % of a campaign's audience were accepted, counted by the leader.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 90, 120, 180, 300, 600, 1800, 3600}}),
	}
	for _, v := range []push.Verdict{push.PromiseKept, push.PromiseBroken, push.PromiseVoid} {
		p.judged.WithLabelValues(string(v)) // so that they are shown from the first
	}
	return p
}

// promiseEvery is how often campaigns are looked at; after so many times
// without, another node has led.
const (
	promiseEvery = 5 * time.Second
	promiseGap   = 4
)

// counted is what has been counted of a campaign under way.
type counted struct{ judged, timed bool }

// chore has the leader count. What was decided before it first looked, or while
// another led, it leaves to that one.
func (p *promises) chore(alerts *push.Service) chore {
	var watch *push.Watch
	var last time.Time
	seen := map[string]counted{}
	return chore{"promises", promiseEvery, func(ctx context.Context) error {
		now := time.Now()
		first := watch == nil || now.Sub(last) > promiseGap*promiseEvery
		if first {
			watch = alerts.Watch()
			clear(seen)
		}
		all, err := watch.Reports(ctx, now)
		if err != nil {
			return err
		}
		last = now
		still := map[string]counted{} // under way: what was replaced is forgotten
		for _, r := range all {
			c := seen[r.Campaign.ID]
			promise := r.Campaign.Promise
			if v := promise.Judge(r, now); promise != (push.Promise{}) && v != push.PromiseOpen && !c.judged {
				if c.judged = true; !first {
					p.judged.WithLabelValues(string(v)).Inc()
				}
			}
			if d, ok := r.Tally.TimeTo(0.9); ok && r.Scanned && !c.timed {
				if c.timed = true; !first {
					p.to90.Observe(d.Seconds())
				}
			}
			if !r.Done {
				still[r.Campaign.ID] = c
			}
		}
		seen = still
		return nil
	}}
}
