package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"crier/cmd/crier/load"
)

type benchAlertsCmd struct {
	Subscriptions int           `help:"Subscriptions, each with keys of its own." default:"20000" placeholder:"N"`
	Engine        string        `help:"What keeps them: sqlite, in a temporary directory, or redis." default:"sqlite" enum:"sqlite,redis" placeholder:"NAME"`
	Redis         string        `help:"Redis on this machine for --engine redis. Keys of the run's own are made in it and removed at the end." placeholder:"URL"`
	Sinks         int           `help:"Push services, each a process that listens on the loopback." default:"2" placeholder:"N"`
	Latency       time.Duration `help:"Time they take over each answer." default:"0s" placeholder:"TIME"`
	Faults        float64       `help:"Share of subscriptions with a fault: 404, 410 and 413 always; 429, 500, 503, a stall, a reset or a slow body at first." default:"0" placeholder:"SHARE"`
	Timeout       time.Duration `help:"Time that the sender gives a push service to answer." default:"2s" placeholder:"TIME"`
	Loop          int           `help:"Messages that the loop of webpush-go sends in the same run, for comparison." default:"4000" placeholder:"N"`
	Profile       string        `help:"Write the sender's CPU profile, of the campaign with keys prepared, to this file." type:"path" placeholder:"FILE"`
	JSON          bool          `name:"json" help:"Print the result as JSON."`
}

func (c *benchAlertsCmd) Run(ctx context.Context, s streams) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := load.Alerts(ctx, load.AlertsOptions{
		Subscriptions: c.Subscriptions, Engine: c.Engine, Redis: c.Redis, Sinks: c.Sinks, Latency: c.Latency, Faults: c.Faults,
		Timeout: c.Timeout, Loop: c.Loop, Profile: c.Profile, SinkProgram: []string{program, "bench", "sink"}, Progress: s.err,
	})
	if err != nil {
		return err
	}
	if !c.JSON {
		return r.Print(s.out)
	}
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// benchSinkCmd is a push service of a run: the program again, in a process of
// its own, so that the sender's CPU can be told from it.
type benchSinkCmd struct{}

func (c *benchSinkCmd) Run(ctx context.Context, s streams) error {
	return load.Sink(ctx, os.Stdin, s.out)
}
