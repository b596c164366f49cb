package push_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// node runs one more service on the house's store until the test ends, or until
// it is stopped.
func (h *house) node(tune func(o *push.Options)) (svc *push.Service, stop func()) {
	h.t.Helper()
	return h.nodeOn(h.spy, tune)
}

func (h *house) nodeOn(store push.Store, tune func(o *push.Options)) (svc *push.Service, stop func()) {
	h.t.Helper()
	o := h.sink.Options()
	o.Logger = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if tune != nil {
		tune(&o)
	}
	svc, err := push.New(store, h.store, h.sink.Keys, o)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return svc, stop
}

func elsewhere(o *push.Options) { o.CampaignsElsewhere = true }

func TestKeysArePreparedWhileThereIsNothingToSend(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"flaky": firstThen(push.Answer(500))}, nil)
	h.stop()
	h.subscribe(60, "ok", nil)
	h.subscribe(3, "flaky", nil)
	h.start(nil)
	for round := int64(1); round <= 2; round++ {
		h.until("keys are ready", func() bool { return h.svc.Status().Keys.Ready == 63 })
		r := h.finished(h.post(news.Post{}))
		keys := h.svc.Status().Keys
		if r.Tally.Accepted != 63 || keys.Hits < 63*round || keys.Hits+keys.Misses != 63*round+3 { // the first attempts of three failed once
			t.Errorf("round %d: %+v, %+v", round, keys, r.Tally)
		}
	}
	h.stop()
	h.start(func(o *push.Options) { o.PreparedKeys = -1 })
	r := h.finished(h.post(news.Post{}))
	if keys := h.svc.Status().Keys; r.Tally.Accepted != 63 || keys != (push.Keys{Misses: 63}) {
		t.Errorf("with none prepared: %+v, %+v", keys, r.Tally)
	}
}

// TestPreparingStopsForACampaign: while there is something to send no key is
// prepared, and afterwards the rest is.
func TestPreparingStopsForACampaign(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"slow": paced()}, nil)
	h.stop()
	h.subscribe(2000, "slow", nil)
	h.start(nil)
	e := h.post(news.Post{})
	h.until("some are sent", func() bool { return len(h.sink.Order()) >= 100 })
	was := h.svc.Status().Keys.Ready
	h.until("more are sent", func() bool { return len(h.sink.Order()) >= 800 })
	if is := h.svc.Status().Keys.Ready; is > was || was == 2000 {
		t.Errorf("%d keys were ready, and while it was sent %d", was, is)
	}
	h.finished(e)
	h.until("all are prepared", func() bool { return h.svc.Status().Keys.Ready == 2000 })
}

// TestPreparingRestsForAnEntry: while live readers are sent what has just come no
// key is prepared, whether it alerts or not, and afterwards all are.
func TestPreparingRestsForAnEntry(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.stop()
	h.subscribe(2000, "ok", nil)
	quiet := func() {
		d, err := news.Post{Headline: "Ferry late", Level: news.Regular}.Draft(news.NewID(), "k1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		h.append(d)
	}
	quiet() // so that the first thing it sees is an entry
	h.start(nil)
	posted := 0
	was := int64(0)
	h.until("a hundred have come", func() bool {
		quiet()
		if posted++; posted == 10 {
			was = h.svc.Status().Keys.Ready
		}
		return posted == 100
	})
	if is := h.svc.Status().Keys.Ready; is > was || was == 2000 {
		t.Errorf("%d keys were ready, and %d while entries came", was, is)
	}
	h.until("all are prepared", func() bool { return h.svc.Status().Keys.Ready == 2000 })
}

// TestNodesClaimWhatEachWants: two nodes share out all shards between them, and
// each claims its own first: it is these that it has prepared keys for.
func TestNodesClaimWhatEachWants(t *testing.T) {
	h := newHouse(t, nil, nil)
	h.subscribe(10, "ok", nil)
	h.node(nil)
	const all = ^push.Blocks(0)
	h.until("the nodes want different shards, and all of them", func() bool {
		h.finished(h.post(news.Post{}))
		h.spy.mu.Lock()
		defer h.spy.mu.Unlock()
		if len(h.spy.wanted) != 2 {
			return false
		}
		union, both := push.Blocks(0), all
		for _, blocks := range h.spy.wanted {
			union, both = union|blocks, both&blocks
		}
		return union == all && both == 0
	})
}

// listener is a node's store that counts how often the node was told of a stop.
type listener struct {
	push.Store
	told atomic.Int64
}

func (l *listener) Stopped(ctx context.Context) (*push.Stop, error) {
	stop, err := l.Store.Stopped(ctx)
	if stop != nil {
		l.told.Add(1)
	}
	return stop, err
}

// TestAStopReachesEveryNode: a stop on the desk's node halts the nodes that
// send. Of what they have in hand only that goes out which is on its way to the
// push service, and none of it is sent again. How soon they hear of it is
// TestAStopWaitsForNoOtherAnswer's.
func TestAStopReachesEveryNode(t *testing.T) {
	const nodes, answered, onItsWay = 2, 200, 100 // at most on each connection
	var came atomic.Int64
	open := make(chan struct{})
	h := newHouse(t, map[string]http.HandlerFunc{"slow": func(w http.ResponseWriter, r *http.Request) {
		if came.Add(1) > answered {
			select {
			case <-open:
			case <-r.Context().Done():
			}
		}
		w.WriteHeader(http.StatusCreated)
	}}, nil)
	h.stop()
	subs := h.subscribe(6000, "slow", nil) // four ranges, of some pages
	var listeners [nodes]listener
	for i := range listeners {
		listeners[i].Store = h.spy
		h.nodeOn(&listeners[i], func(o *push.Options) {
			o.PageSize, o.Workers, o.Conns, o.RequestTimeout, o.Lease = 1000, 2, 1, time.Minute, 3*time.Minute
		})
	}
	desk, _ := h.node(elsewhere)
	e := h.post(news.Post{})
	h.until("some are on their way", func() bool { return came.Load() > answered })
	if err := desk.Stop(t.Context(), push.Stop{By: "k1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	h.until("the nodes have heard", func() bool { return listeners[0].told.Load() >= 3 && listeners[1].told.Load() >= 3 })
	close(open)
	h.until("all ranges are free", func() bool {
		open, err := h.store.Unfinished(t.Context(), time.Now())
		return err == nil && len(open) == 1 && !slices.ContainsFunc(open[0].Ranges, func(r push.RangeState) bool { return r.Held })
	})
	sent := len(h.sink.Order())
	if sent > answered+nodes*onItsWay {
		t.Errorf("%d were sent, of which %d were answered before the stop", sent, answered)
	}
	if r, err := desk.Report(t.Context(), e.Item.ID); err != nil || int(r.Tally.Accepted) != sent || r.Done {
		t.Errorf("the desk is told %+v, %v; %d were sent", r.Tally, err, sent)
	}
	if err := desk.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.svc = desk
	if r := h.finished(e); r.Tally.Accepted != 6000 || r.Tally.Retried != 0 {
		t.Errorf("tally %+v", r.Tally)
	}
	for _, s := range subs {
		if n := len(h.sink.Got(s)); n != 1 {
			t.Errorf("%d messages for one subscription", n)
		}
	}
}

// TestAnAlarmStandsOnEveryNode: the desk's node shows what the sending one has
// found, after restarts as well, and an operator's word there counts here.
func TestAnAlarmStandsOnEveryNode(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"410": push.Answer(410)}, nil)
	h.subscribe(200, "410", nil)
	desk, _ := h.node(elsewhere)
	h.finished(h.post(news.Post{}))
	h.until("the desk shows the alarm", func() bool { return len(desk.Status().Alarms) == 1 })
	h.stop()
	h.start(nil)
	h.until("it stands after a restart", func() bool { return len(h.svc.Status().Alarms) == 1 })
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n != 200 {
		t.Fatalf("%d stand, %v", n, err)
	}
	if err := desk.ClearAlarms(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := desk.Status().Alarms; len(a) != 0 {
		t.Errorf("the desk still shows %+v", a)
	}
	h.until("the node that sends has heard", func() bool { return len(h.svc.Status().Alarms) == 0 })
	h.finished(h.post(news.Post{}))
	if n, err := h.store.CountSubscriptions(t.Context()); err != nil || n != 0 || len(h.svc.Status().Alarms) != 0 {
		t.Errorf("%d stand, %v; %+v", n, err, h.svc.Status())
	}
}

// TestRatesSurviveARestart: what a push service has asked of one node is known
// to the next.
func TestRatesSurviveARestart(t *testing.T) {
	h := newHouse(t, map[string]http.HandlerFunc{"429": firstThen(push.Answer(429))}, nil)
	h.subscribe(1, "429", nil)
	h.finished(h.post(news.Post{}))
	rate := func() (r float64) {
		for _, r = range h.svc.Status().Rates {
		}
		return r
	}
	learned := rate()
	if learned > 9000 {
		t.Fatalf("after a 429 the rate is %v", learned)
	}
	h.until("the store is told", func() bool { kept, err := h.store.Rates(t.Context()); return err == nil && len(kept) == 1 })
	h.stop()
	h.start(nil)
	h.finished(h.post(news.Post{}))
	if got := rate(); got != learned {
		t.Errorf("after a restart the rate is %v and not %v", got, learned)
	}
}
