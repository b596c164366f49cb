package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"crier/cmd/crier/load"
)

type benchCmd struct {
	Live   benchLiveCmd   `cmd:"" help:"Load a running service with readers and exercises, and measure what they get."`
	Alerts benchAlertsCmd `cmd:"" help:"Send campaigns to push services on this machine, and measure what they cost."`
	Sink   benchSinkCmd   `cmd:"" hidden:""`
	Crowd  benchCrowdCmd  `cmd:"" hidden:""`
	Sender benchSenderCmd `cmd:"" hidden:""`
}

type benchLiveCmd struct {
	URL      []string      `name:"url" help:"Address of the service; of several nodes, which share one Redis, each: readers go to them in turn." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Host     []string      `help:"Repeat the URL's host here if it is not this machine, each where there are several: nobody else's service is loaded by mistake." placeholder:"HOST"`
	Key      string        `help:"Editor key; better set in the environment." required:"" placeholder:"KEY"`
	Readers  int           `help:"Readers." default:"1000" placeholder:"N"`
	Rate     float64       `help:"Exercises posted a second." default:"5" placeholder:"N"`
	Bytes    int           `help:"Bytes of each exercise's summary." default:"100" placeholder:"N"`
	Duration time.Duration `help:"How long to post." default:"10s" placeholder:"TIME"`
	Ramp     time.Duration `help:"Time over which readers join." default:"2s" placeholder:"TIME"`
	Churn    float64       `help:"Readers a second whose connection is cut, to come back by cursor." default:"0" placeholder:"N"`
	Storm    int           `help:"Readers whose connections break at once in the middle of the run, to come back by cursor at once." default:"0" placeholder:"N"`
	Nice     int           `help:"By how much the processes of the readers who storm step back for the rest of the machine, 0 to 19." default:"0" placeholder:"N"`
	Stalled  int           `help:"Readers who stop reading once they have joined; the others are measured." default:"0" placeholder:"N"`
	Settle   time.Duration `help:"Longest wait at the end for what is outstanding." default:"10s" placeholder:"TIME"`
	JSON     bool          `name:"json" help:"Print the result as JSON."`
}

func (c *benchLiveCmd) Run(ctx context.Context, s streams) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := load.Live(ctx, load.Options{
		URLs: c.URL, Hosts: c.Host, Key: c.Key, Readers: c.Readers, Rate: c.Rate, Bytes: c.Bytes, Duration: c.Duration,
		Ramp: c.Ramp, Churn: c.Churn, Storm: c.Storm, Stalled: c.Stalled, Settle: c.Settle, Progress: s.err,
		CrowdProgram: []string{program, "bench", "crowd"}, Nice: c.Nice,
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

// benchCrowdCmd is readers of a run who storm: the program again, in a process
// of its own, so that those who stay do not wait for them.
type benchCrowdCmd struct{}

func (c *benchCrowdCmd) Run(ctx context.Context, s streams) error {
	return load.Crowd(ctx, os.Stdin, s.out)
}
