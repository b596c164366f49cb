package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a run does.
type Options struct {
	URLs     []string      // of the service's nodes: scheme and host; readers go to them in turn, posts to the first
	Hosts    []string      // must repeat the hosts of those that are not loopback
	Key      string        // an editor's
	Readers  int           // at least 1
	Rate     float64       // items a second, above 0, at most 500
	Bytes    int           // of each item's summary, at most 1000
	Duration time.Duration // of posting
	Ramp     time.Duration // over which readers join
	Churn    float64       // readers a second who leave and come back by cursor
	Storm    int           // readers who lose their connections in the middle, and come back at once; not with Churn
	Stalled  int           // other readers who stop reading once they have joined, and are left out of the accounts
	Settle   time.Duration // the longest wait for what is outstanding at the end
	Progress io.Writer     // gets a line a second, about the readers who stay
	// CrowdProgram is the command that runs Crowd: those who storm are in
	// processes of their own, so that those who stay are not measured waiting
	// for them.
	CrowdProgram []string
	// Nice is by how much these processes step back for the others, 0 to 19, with
	// nice(1): on one machine a storm costs its readers as much as the service.
	Nice int
}

// maxRate bounds Options.Rate: a service takes a thousand posts a second from
// one address.
const maxRate = 500

func (o Options) check() ([]*url.URL, error) {
	nodes, err := nodes(o.URLs, o.Hosts)
	switch {
	case err != nil:
		return nil, err
	case o.Readers < 1:
		return nil, errors.New("give at least one reader")
	case o.Rate <= 0 || o.Rate > maxRate:
		return nil, fmt.Errorf("give a rate above 0 and up to %d items a second", maxRate)
	case o.Bytes < 0 || o.Bytes > 1000:
		return nil, errors.New("give 0 to 1000 bytes of summary")
	case o.Duration <= 0 || o.Ramp < 0 || o.Settle < 0 || o.Churn < 0:
		return nil, errors.New("times and churn must not be negative, and the duration above 0")
	case o.Storm < 0 || o.Stalled < 0 || o.Storm+o.Stalled >= o.Readers:
		return nil, errors.New("storm and stalled must leave at least one reader")
	case o.Storm > 0 && o.Churn > 0:
		return nil, errors.New("give churn or a storm: those who stay are compared with themselves")
	case o.Nice < 0 || o.Nice > 19:
		return nil, errors.New("nice goes from 0 to 19")
	case o.Key == "":
		return nil, errors.New("posting needs an editor key")
	}
	return nodes, nil
}

// nodes are the addresses that may be loaded.
func nodes(urls, hosts []string) (out []*url.URL, err error) {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("%q is not the address of a service: give scheme and host, such as http://127.0.0.1:8080", text)
		}
		if !loopback(u.Hostname()) && !slices.Contains(hosts, u.Hostname()) {
			return nil, fmt.Errorf("%s is not this machine: to put load on it, repeat its name with --host %s", u.Hostname(), u.Hostname())
		}
		out = append(out, u)
	}
	if len(out) == 0 {
		return nil, errors.New("give the address of a service")
	}
	return out, nil
}

// stayHere follows no redirects: it would load a host that nobody has named.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// run is one measurement under way, or the part of one that a crowd has.
type run struct {
	o     Options
	nodes []*url.URL
	name  string // the stories of its items begin with it

	latency, arrived, handshakes Histogram

	joined, lost, resets, repeated, back atomic.Int64 // readers now; connections that broke; and so on
	delivered, bytes, dials              atomic.Int64
	acknowledged                         atomic.Int32 // items

	storm storm
	items []outgoing
}

// outgoing is an item on its way to the readers.
type outgoing struct {
	got     atomic.Int32 // readers who have it
	slowest atomic.Int64 // until the last of them had it, in microseconds
}

func newRun(o Options, nodes []*url.URL, name string, items int) *run {
	r := &run{o: o, nodes: nodes, name: name, items: make([]outgoing, items)}
	r.storm.slots = make(chan struct{}, atOnce)
	return r
}

// Live does a run and returns what was found. It blocks until then, or until
// ctx ends. Errors: what is wrong with the options, or that no reader could
// join or no item could be posted.
func Live(ctx context.Context, o Options) (_ *Result, err error) {
	nodes, err := o.check()
	if err != nil {
		return nil, err
	}
	r := newRun(o, nodes, "bench-"+strings.ToLower(rand.Text()[:10])+"-", int(o.Rate*o.Duration.Seconds())+2)
	readers, end := context.WithCancel(ctx)
	defer end()
	crowd, err := r.gather(readers)
	if err != nil {
		return nil, err
	}
	others, err := r.startCrowds(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, others.end()) }()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	if o.Progress != nil {
		beside.Go(func() { r.progress(readers) })
	}
	posting, stop := context.WithTimeout(ctx, o.Duration)
	defer stop()
	beside.Go(func() { r.churn(posting, crowd[r.o.Stalled:]) })
	beside.Go(func() { r.strike(posting, readers, others) })
	began := time.Now()
	posted, err := r.post(posting, others)
	took := time.Since(began)
	stop() // whoever is away then comes back yet
	if err != nil {
		return nil, err
	}
	r.settle(ctx, crowd[r.o.Stalled:], posted)
	shares, err := others.finish(posted)
	if err != nil {
		return nil, err
	}
	end()
	for _, m := range crowd {
		<-m.ended
	}
	beside.Wait()
	for _, s := range shares {
		r.add(s)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.result(posted, took), nil
}

// gather has all readers who stay join, evenly over the ramp.
func (r *run) gather(ctx context.Context) ([]*reader, error) {
	crowd := make([]*reader, r.o.Readers-r.o.Storm)
	for i := range crowd {
		crowd[i] = r.newReader(i)
		crowd[i].stalls = i < r.o.Stalled
	}
	return crowd, r.join(ctx, crowd, r.o.Ramp, make(chan struct{}, 64))
}

// join has readers join, evenly over the ramp, with as many handshakes under
// way as there are slots.
func (r *run) join(ctx context.Context, crowd []*reader, ramp time.Duration, slots chan struct{}) error {
	var first atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for i, m := range crowd {
		if !sleepUntil(ctx, began.Add(ramp*time.Duration(i)/time.Duration(len(crowd)))) {
			return ctx.Err()
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := m.start(ctx); err != nil {
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	all.Wait()
	if err := first.Load(); err != nil {
		return fmt.Errorf("a reader could not join: %w", *err)
	}
	return nil
}

// churn has readers leave and come back until ctx ends.
func (r *run) churn(ctx context.Context, crowd []*reader) {
	if r.o.Churn == 0 {
		return
	}
	began := time.Now()
	for n := 0; sleepUntil(ctx, began.Add(time.Duration(float64(n)/r.o.Churn*float64(time.Second)))); n++ {
		crowd[n%len(crowd)].cut()
	}
}

// settle waits until every reader has the last item, at most Options.Settle.
func (r *run) settle(ctx context.Context, crowd []*reader, posted int) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Settle)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, m := range crowd {
		for int(m.next.Load()) < posted {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

func (r *run) progress(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, _ = fmt.Fprintf(r.o.Progress, "%4d s  %d readers  %d posted  %d delivered  p50 %v  p99 %v\n", n, r.joined.Load(), r.acknowledged.Load(),
			r.delivered.Load(), r.latency.Quantile(0.5), r.latency.Quantile(0.99)) // a progress line that is lost is no loss
	}
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	wait := time.NewTimer(time.Until(t))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
		return true
	}
}
