package push_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// house is a service on a real store that sends to a sink.
type house struct {
	t     *testing.T
	sink  *push.Sink
	store *sqlite.Engine
	spy   *spy
	svc   *push.Service
	log   *syncBuffer
	stop  func()
}

// spy is a store that adds up what is checkpointed, and can lose the power.
type spy struct {
	push.Store
	mu        sync.Mutex
	tallies   map[string]*push.Tally // by campaign
	wanted    map[string]push.Blocks // by worker: what it last wanted first when it claimed
	crashAt   int                    // checkpoints that succeed before the power goes; 0 for never
	powerLost func()
	n         int
	putOff    map[push.ID]bool      // of whom a checkpoint has written a retry
	before    func(p push.Progress) // called before a checkpoint is written; nil for nothing
}

func (s *spy) Claim(ctx context.Context, w push.Worker, now time.Time, lease time.Duration) (push.Lease, bool, error) {
	s.mu.Lock()
	s.wanted[w.Name] = w.Blocks
	s.mu.Unlock()
	return s.Store.Claim(ctx, w, now, lease)
}

func (s *spy) Checkpoint(ctx context.Context, l push.Lease, p push.Progress) (push.State, error) {
	s.mu.Lock()
	s.n++
	lost := s.crashAt > 0 && s.n > s.crashAt
	before := s.before
	s.mu.Unlock()
	if lost {
		s.powerLost()
		return push.State{}, errors.New("the power is gone")
	}
	if before != nil {
		before(p)
	}
	st, err := s.Store.Checkpoint(ctx, l, p)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tallies[l.Campaign.ID] == nil {
			s.tallies[l.Campaign.ID] = &push.Tally{}
		}
		s.tallies[l.Campaign.ID].Add(p.Tally)
		for _, r := range p.Retries {
			s.putOff[r.ID] = true
		}
	}
	return st, err
}

func (s *spy) Release(ctx context.Context, l push.Lease) error {
	s.mu.Lock()
	lost := s.crashAt > 0 && s.n > s.crashAt
	s.mu.Unlock()
	if lost {
		return errors.New("the power is gone")
	}
	return s.Store.Release(ctx, l)
}

func (s *spy) tally(campaign string) push.Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	var t push.Tally
	if have := s.tallies[campaign]; have != nil {
		t.Add(*have)
	}
	return t
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHouse(t *testing.T, answers map[string]http.HandlerFunc, tune func(o *push.Options)) *house {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, sink: push.NewSink(t, true, answers), store: store, log: &syncBuffer{}}
	t.Cleanup(func() {
		h.stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		for _, line := range strings.Split(h.log.String(), "\n") {
			if strings.Contains(line, h.sink.Server.Listener.Addr().String()+"/") { // the host alone is the push service's name
				t.Errorf("an endpoint is in the log: %s", line)
			}
		}
	})
	h.start(tune)
	return h
}

// start runs a service on the store, in place of an earlier one.
func (h *house) start(tune func(o *push.Options)) {
	h.t.Helper()
	o := h.sink.Options()
	o.Logger = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if tune != nil {
		tune(&o)
	}
	h.spy = &spy{Store: h.store, tallies: map[string]*push.Tally{}, wanted: map[string]push.Blocks{}, putOff: map[push.ID]bool{}}
	svc, err := push.New(h.spy, h.store, h.sink.Keys, o)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	h.spy.powerLost = cancel
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	var once sync.Once
	h.svc, h.stop = svc, func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				h.t.Errorf("Run: %v", err)
			}
		})
	}
}

// subscribe keeps n subscriptions without greeting them.
func (h *house) subscribe(n int, answer string, wish func(s *push.Subscription)) []push.Subscription {
	h.t.Helper()
	subs := make([]push.Subscription, n)
	var writes errgroup.Group
	writes.SetLimit(32)
	for i := range subs {
		subs[i] = h.sink.Subscribe(answer)
		if wish != nil {
			wish(&subs[i])
		}
		writes.Go(func() error {
			_, err := h.store.PutSubscription(h.t.Context(), subs[i])
			return err
		})
	}
	if err := writes.Wait(); err != nil {
		h.t.Fatal(err)
	}
	return subs
}

// post appends an item that alerts.
func (h *house) post(p news.Post) news.Entry {
	h.t.Helper()
	if p.Headline == "" {
		p.Headline = "Harbour bridge closed"
	}
	if p.Level == "" {
		p.Level = news.Urgent
	}
	p.Alert = true
	d, err := p.Draft(news.NewID(), "k1", time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return h.append(d)
}

func (h *house) append(d news.Draft) news.Entry {
	h.t.Helper()
	r, err := h.store.Append(h.t.Context(), news.Key{}, d)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Entry
}

// revise appends a revision of e's item.
func (h *house) revise(e news.Entry, r news.Revision) news.Entry {
	h.t.Helper()
	d, err := r.Draft(e.Item, "k1", time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return h.append(d)
}

// until waits for cond, and for no longer than it should ever take.
func (h *house) until(what string, cond func() bool) {
	h.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("it never came to this: %s", what)
		}
	}
}

// finished waits until the campaign of e is done and its account closes.
func (h *house) finished(e news.Entry) push.Report {
	h.t.Helper()
	var r push.Report
	h.until("the campaign is done", func() bool {
		var err error
		r, err = h.svc.Report(h.t.Context(), e.Item.ID)
		return err == nil && r.Campaign.Entry.Offset == e.Offset && r.Done
	})
	if r.Tally.Queued() != 0 || !r.Scanned {
		h.t.Errorf("the account does not close: %+v", r)
	}
	return r
}

func (h *house) stands(s push.Subscription) bool {
	h.t.Helper()
	_, err := h.store.Subscription(h.t.Context(), s.ID)
	if err != nil && !errors.Is(err, push.ErrNoSubscription) {
		h.t.Fatal(err)
	}
	return err == nil
}

func (h *house) epoch() string {
	h.t.Helper()
	head, err := h.store.Head(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return head.Epoch
}
