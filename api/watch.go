package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"time"

	"crier/desk"
	"crier/hub"
	"crier/push"
)

// DeskWatch tells the desks on this node's hub how alerts go: a report of each
// campaign under way every second, and one when it has ended, and the alarms
// that stand whenever these change. While no desk is here it asks the store
// nothing. It also tells the other nodes of this node's readers.
type DeskWatch struct {
	desks     Desks
	alerts    Alerts
	audiences desk.Audiences
	node      string
	logger    *slog.Logger
	every     time.Duration
}

// Desks is where the desks are, as a DeskWatch sees them.
type Desks interface {
	Desks() int
	Audience() hub.Audience
	TellDesks(ctx context.Context, js []byte)
}

// NewDeskWatch tells the desks there what p.Alerts has to say, and p.Audiences
// of the readers there. Of o it takes Logger and Node.
func NewDeskWatch(desks Desks, p Parts, o Options) *DeskWatch {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &DeskWatch{desks: desks, alerts: p.Alerts, audiences: p.Audiences, node: o.node(), logger: o.Logger, every: time.Second}
}

// campaignMessage and alarmsMessage are what desks are told.
type campaignMessage struct {
	Type   string `json:"type"`
	Report report `json:"report"`
}

type alarmsMessage struct {
	Type   string       `json:"type"`
	Alarms []push.Alarm `json:"alarms"`
}

// Run tells the desks until ctx ends.
func (d *DeskWatch) Run(ctx context.Context) error {
	watch := d.alerts.Watch()
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	var told []push.Alarm
	var seen time.Time
	failing := false
	defer d.show(context.WithoutCancel(ctx), time.Time{})
	for {
		if now := time.Now(); now.Sub(seen) >= audienceEvery {
			seen = now
			d.show(ctx, now.Add(audienceFor))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if d.desks.Desks() == 0 {
			told = nil
			continue
		}
		if alarms := d.alerts.Status().Alarms; !reflect.DeepEqual(alarms, told) {
			told = alarms
			d.tell(ctx, alarmsMessage{"alarms", append([]push.Alarm{}, alarms...)})
		}
		err := d.reports(ctx, watch)
		if err != nil && ctx.Err() == nil && !failing { // once for an outage
			d.logger.Warn("desks cannot be told how their alerts go", "error", err)
		}
		failing = err != nil
	}
}

// watchTime is how long the store is waited for.
const watchTime = 5 * time.Second

func (d *DeskWatch) reports(ctx context.Context, watch *push.Watch) error {
	within, cancel := context.WithTimeout(ctx, watchTime)
	defer cancel()
	now := time.Now()
	all, err := watch.Reports(within, now)
	if err != nil || len(all) == 0 {
		return err
	}
	stop, err := d.alerts.Stopped(within)
	if err != nil {
		return err
	}
	for _, r := range all {
		d.tell(ctx, campaignMessage{"campaign", newReport(r, stop != nil, now)})
	}
	return nil
}

func (d *DeskWatch) tell(ctx context.Context, message any) {
	js, err := json.Marshal(message)
	if err != nil { // no message has what JSON has not
		d.logger.Error("encode what desks are told", "error", err)
		return
	}
	d.desks.TellDesks(ctx, js)
}
