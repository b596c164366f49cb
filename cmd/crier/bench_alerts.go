package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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
	Flash         bool          `help:"Post a flash at 30 % of one more campaign, and measure how it overtakes."`
	Profile       string        `help:"Write the sender's CPU profile, of the campaign with keys prepared, to this file." type:"path" placeholder:"FILE"`
	Series        string        `help:"Write how many were accepted by when, of the campaign with keys prepared, to this file: CSV, for a plot." type:"path" placeholder:"FILE"`
	Prove         float64       `help:"Prove instead that nothing is lost: kill the sender at this share of a campaign, such as 0.4, have another go on, and check every count; in sqlite, and in redis as well with --redis. Without --faults a tenth have one." default:"0" placeholder:"SHARE"`
	Readers       int           `help:"Measure instead what preparing keys for the subscriptions costs this many live readers of the same node." default:"0" placeholder:"N"`
	Rate          float64       `help:"With --readers: items a second." default:"4" placeholder:"N"`
	Duration      time.Duration `help:"With --readers: how long to post, in each of eight runs." default:"8s" placeholder:"TIME"`
	JSON          bool          `name:"json" help:"Print the result as JSON."`
}

func (c *benchAlertsCmd) Run(ctx context.Context, s streams) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o := load.AlertsOptions{
		Subscriptions: c.Subscriptions, Engine: c.Engine, Redis: c.Redis, Sinks: c.Sinks, Latency: c.Latency, Faults: c.Faults,
		Timeout: c.Timeout, Loop: c.Loop, Flash: c.Flash, Profile: c.Profile, SinkProgram: []string{program, "bench", "sink"}, Progress: s.err,
	}
	if c.Prove > 0 {
		return c.prove(ctx, s, o, program)
	}
	if c.Readers > 0 {
		r, err := load.MeasureBeside(ctx, load.BesideOptions{Subscriptions: c.Subscriptions, Readers: c.Readers, Rate: c.Rate, Duration: c.Duration, Rounds: 4,
			NodeProgram: []string{program}, Progress: s.err})
		return c.tell(s, r, err)
	}
	r, err := load.Alerts(ctx, o)
	if err == nil && c.Series != "" {
		err = writeSeries(c.Series, r.Series)
	}
	return c.tell(s, r, err)
}

// writeSeries writes the points as CSV.
func writeSeries(path string, points []load.Point) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	rows := [][]string{{"seconds", "accepted_total"}}
	for _, p := range points {
		rows = append(rows, []string{strconv.FormatFloat(p.Seconds, 'f', 1, 64), strconv.FormatInt(p.Accepted, 10)})
	}
	return errors.Join(csv.NewWriter(f).WriteAll(rows), f.Close())
}

// tell prints a result, if there is one.
func (c *benchAlertsCmd) tell(s streams, r interface{ Print(w io.Writer) error }, err error) error {
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

// prove fails if anything is not as it must be.
func (c *benchAlertsCmd) prove(ctx context.Context, s streams, o load.AlertsOptions, program string) error {
	if o.Faults == 0 {
		o.Faults = 0.1
	}
	proofs, err := load.Prove(ctx, load.ProveOptions{AlertsOptions: o, Kill: c.Prove, SenderProgram: []string{program, "bench", "sender"}})
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		err = e.Encode(proofs)
	} else {
		err = load.PrintProofs(s.out, proofs)
	}
	for _, p := range proofs {
		if len(p.Wrong) > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %s", p.Engine, p.Wrong[0]))
		}
	}
	return err
}

// benchSenderCmd is the sender that a proof kills, in a process of its own.
type benchSenderCmd struct{}

func (c *benchSenderCmd) Run(ctx context.Context, s streams) error {
	return load.Sender(ctx, os.Stdin, s.out)
}

// benchSinkCmd is a push service of a run: the program again, in a process of
// its own, so that the sender's CPU can be told from it.
type benchSinkCmd struct{}

func (c *benchSinkCmd) Run(ctx context.Context, s streams) error {
	return load.Sink(ctx, os.Stdin, s.out)
}
