package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"crier/news"
	"crier/push"
)

// AlertsOptions are what a run of campaigns does.
type AlertsOptions struct {
	Subscriptions int           // at least 1, at most 10 million
	Engine        string        // "sqlite" or "redis"
	Redis         string        // for "redis": a server on this machine
	Sinks         int           // push services, 1 to 64
	Latency       time.Duration // of each answer
	Faults        float64       // share of subscriptions with a fault
	Timeout       time.Duration // of one request
	Loop          int           // messages of the loop of webpush-go
	Flash         bool          // sends a flash at 30 % of one more campaign
	Profile       string        // file for the CPU profile of the prepared campaign; "" for none
	SinkProgram   []string      // a program that calls Sink with its stdin and stdout
	Progress      io.Writer     // gets a line now and then
}

// subject is how the sinks reach the sender.
const subject = "desk@news.example"

func (o *AlertsOptions) check() error {
	o.Loop = min(o.Loop, o.Subscriptions)
	switch {
	case o.Subscriptions < 1 || o.Subscriptions > 10_000_000:
		return errors.New("give 1 to 10,000,000 subscriptions")
	case o.Engine != "sqlite" && o.Engine != "redis":
		return errors.New("the engine is sqlite or redis")
	case o.Engine == "sqlite" && o.Redis != "":
		return errors.New("--redis is for --engine redis")
	case o.Sinks < 1 || o.Sinks > 64:
		return errors.New("give 1 to 64 sinks")
	case o.Faults < 0 || o.Faults > 1:
		return errors.New("the share of faults is 0 to 1")
	case o.Latency < 0 || o.Timeout <= 0 || o.Latency >= o.Timeout:
		return errors.New("the latency is 0 or more, and less than the timeout")
	case o.Loop < 0:
		return errors.New("give 0 or more messages to the loop")
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return nil
}

// alertsRun is a run under way.
type alertsRun struct {
	o     AlertsOptions
	sinks *sinks
	crowd crowd
	place place
	store store
	vapid []byte // the pair of keys, in the form of push.NewVAPID
	keys  push.VAPID
}

// Alerts makes subscriptions and push services, sends them a campaign cold and
// one with keys prepared, and the loop of webpush-go, and returns what each
// cost this process. It blocks until then, or until ctx ends. Everything it
// makes is on this machine and is removed at the end.
func Alerts(ctx context.Context, o AlertsOptions) (_ *AlertsResult, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &alertsRun{o: o}
	if r.place, err = newPlace(o); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.place.remove(context.WithoutCancel(ctx))) }()
	if r.sinks, err = startSinks(ctx, o.SinkProgram, o.Sinks); err != nil {
		return nil, err
	}
	defer func() {
		if end := r.sinks.end(); ctx.Err() == nil { // else they were killed
			err = errors.Join(err, end)
		}
	}()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	return r.measure(ctx)
}

// prepare makes the subscriptions.
func (r *alertsRun) prepare(ctx context.Context) (err error) {
	r.crowd = crowd{Seed: []byte(rand.Text()), Sinks: r.sinks.addrs()}
	if r.vapid, err = push.NewVAPID(); err != nil {
		return err
	}
	if r.keys, err = push.ParseVAPID(r.vapid); err != nil {
		return err
	}
	began := time.Now()
	if err := r.place.fill(ctx, r.crowd, r.o.Subscriptions); err != nil {
		return err
	}
	if r.store, err = r.place.open(ctx); err != nil {
		return err
	}
	r.say("%d subscriptions made in %.1f s", r.o.Subscriptions, time.Since(began).Seconds())
	return nil
}

// say tells how it goes. A line that is lost is no loss.
func (r *alertsRun) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.o.Progress, format+"\n", args...)
}

func (r *alertsRun) measure(ctx context.Context) (*AlertsResult, error) {
	res := &AlertsResult{Engine: r.o.Engine, Subscriptions: r.o.Subscriptions, Sinks: r.o.Sinks, Latency: ms(r.o.Latency), Faults: r.o.Faults}
	var err error
	if res.Cold, err = r.campaign(ctx, "cold", -1, nil); err != nil {
		return nil, err
	}
	var profile io.Writer
	if r.o.Profile != "" {
		f, err := os.Create(r.o.Profile)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // a profile that is cut short says so when it is read
		profile = f
	}
	if res.AlertsCampaign, err = r.campaign(ctx, "prepared", r.o.Subscriptions*5/4+100_000, profile); err != nil {
		return nil, err
	}
	if r.o.Flash {
		if res.AlertsFlash, err = r.flash(ctx); err != nil {
			return nil, err
		}
	}
	if r.o.Loop == 0 {
		return res, nil
	}
	if _, err := r.sinks.tell(order{Crowd: r.crowd, Key: r.keys.Public()}); err != nil {
		return nil, err
	}
	accepted, used, err := r.loop(ctx, r.o.Loop)
	if err != nil {
		return nil, err
	}
	res.LoopAccepted, res.LoopCPU = accepted, perMessage(used, accepted)
	return res, nil
}

// campaign sends one campaign to all, with up to so many keys prepared, and
// says what it cost.
func (r *alertsRun) campaign(ctx context.Context, name string, keys int, profile io.Writer) (out AlertsCampaign, err error) {
	svc, stop, err := r.start(ctx, keys)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	standing, err := svc.CountSubscriptions(ctx)
	if err == nil && keys > 0 {
		out.PreparingSeconds, err = r.ready(ctx, svc, standing)
	}
	if err == nil {
		_, err = r.sinks.tell(order{Crowd: r.crowd, Key: r.keys.Public(), Latency: r.o.Latency, Faults: r.o.Faults})
	}
	if err != nil {
		return out, err
	}
	if profile != nil {
		if err := pprof.StartCPUProfile(profile); err != nil {
			return out, err
		}
		defer pprof.StopCPUProfile()
	}
	return out, r.send(ctx, svc, name, &out)
}

// start runs a service, with up to so many keys prepared, until stop is called.
func (r *alertsRun) start(ctx context.Context, keys int) (svc *push.Service, stop func() error, err error) {
	svc, err = push.New(r.store, r.store, r.keys, push.Options{AlertHosts: r.crowd.Sinks, RootCAs: r.sinks.roots, Subject: subject,
		RequestTimeout: r.o.Timeout, Lease: max(3*r.o.Timeout, 15*time.Second), PreparedKeys: keys, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(running) }()
	return svc, func() error {
		end()
		return <-ended
	}, nil
}

// ready waits until all keys are prepared, and says how long that took.
func (r *alertsRun) ready(ctx context.Context, svc *push.Service, want int64) (seconds float64, err error) {
	began := time.Now()
	for n := 0; ; n++ {
		have := svc.Status().Keys.Ready
		if have >= want {
			break
		}
		if n%50 == 0 {
			r.say("%d of %d keys prepared", have, want)
		}
		if wait(ctx, 100*time.Millisecond); ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return time.Since(began).Seconds(), nil
}

// send posts, waits until the campaign is done, and fills in what it cost.
func (r *alertsRun) send(ctx context.Context, svc *push.Service, name string, out *AlertsCampaign) error {
	draft, err := exercise(news.Urgent)
	if err != nil {
		return err
	}
	was, err := r.used(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	receipt, err := r.store.Append(ctx, news.Key{}, draft)
	if err != nil {
		return err
	}
	var report push.Report
	for n := 1; !report.Done; n++ {
		if wait(ctx, 100*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
		report, err = svc.Report(ctx, receipt.Entry.Item.ID)
		if err != nil && !errors.Is(err, push.ErrNoCampaign) {
			return err
		}
		out.RSS = max(out.RSS, residentMB())
		if n%20 == 0 {
			r.say("%-8s %5.1f s  %d of %d accepted, %d queued", name, time.Since(began).Seconds(), report.Tally.Accepted, report.Tally.Audience, report.Tally.Queued())
		}
	}
	out.Seconds = time.Since(began).Seconds()
	is, err := r.used(ctx)
	if err != nil {
		return err
	}
	counted, err := r.sinks.tell(order{Crowd: r.crowd, Key: r.keys.Public()})
	if err != nil {
		return err
	}
	out.fill(report, svc.Status().Keys, counted)
	out.CPU = perMessage(is.own-was.own, report.Tally.Accepted)
	out.ServerCPU = perMessage(is.server-was.server, report.Tally.Accepted)
	for _, first := range counted.Firsts { // there is one
		out.First = ms(time.Unix(0, first).Sub(began))
	}
	return nil
}

// exercise is what is sent.
func exercise(level news.Level) (news.Draft, error) {
	return news.Post{Headline: "Exercise: harbour bridge closed", Summary: strings.Repeat("All traffic is diverted. ", 12),
		Level: level, Alert: true}.Draft(news.NewID(), "bench", time.Now())
}

// used is CPU time: this process's, and that of the store's server.
type used struct{ own, server time.Duration }

func (r *alertsRun) used(ctx context.Context) (u used, err error) {
	if u.server, err = r.place.cpu(ctx); err == nil {
		u.own, err = cpuTime()
	}
	return u, err
}

func perMessage(d time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(d.Nanoseconds()/n) / 1000
}

// residentMB is the memory that this process has, in millions of bytes; 0
// where the system does not say.
func residentMB() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return float64(pages*int64(os.Getpagesize())) / 1e6
}
