package hub_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"crier/hub"
)

// TestDrain: readers are told, get what is posted meanwhile, are sent away
// spread over the window, and nobody new is let in.
func TestDrain(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		const readers, window = 64, 640 * time.Millisecond
		n := serve(t, nil, w, hub.Options{Shards: 2, DrainWindow: window})
		clients := make([]*client, readers)
		for i := range clients {
			clients[i] = n.dial(t, hub.Join{})
			clients[i].expect("hello 0")
		}
		stream := n.openStream(t, hub.Join{})
		defer stream.close()
		stream.expect(t, "hello 0")
		start := time.Now()
		n.stop()
		var mu sync.Mutex
		var ends []time.Duration
		heard := 0
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				var got []string
				m, err := c.readNews()
				for ; err == nil; m, err = c.readNews() {
					got = append(got, m.String())
					if m.Type == "drain" && m.WithinMS != window.Milliseconds() {
						t.Errorf("got drain within %d ms, want %s", m.WithinMS, window)
					}
					if i == 0 && m.Type == "drain" {
						n.log.Post("while we drain")
					}
				}
				slices.Sort(got) // who has only just come may have the entry from its joiner, before the drain
				if s := strings.Join(got, ", "); s != "drain 0" && s != "drain 0, entry 1 posted while we drain" {
					t.Errorf("got %q", s)
				}
				mu.Lock()
				defer mu.Unlock()
				heard += len(got) - 1
				ends = append(ends, time.Since(start))
				if code := websocket.CloseStatus(err); code != websocket.StatusServiceRestart {
					t.Errorf("closed with %d, %v", code, err)
				}
			})
		}
		for m := (live{}); m.Type != "drain"; {
			var err error
			if m, err = stream.read(); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []error{n.hub.WebSocket(httptest.NewRecorder(), nil, hub.Join{}), n.hub.EventStream(nil, nil, hub.Join{})} {
			if !errors.Is(want, hub.ErrDraining) {
				t.Errorf("a reader who came during the drain: %v", want)
			}
		}
		all.Wait()
		if heard < readers/2 {
			t.Errorf("%d of %d readers got what was posted as the drain began", heard, readers)
		}
		early := 0
		for _, d := range ends {
			if d < window/2 {
				early++
			}
		}
		if early == 0 || early == readers {
			t.Errorf("%d of %d readers were sent away in the first half of the window", early, readers)
		}
		for {
			if _, err := stream.read(); err != nil {
				break
			}
		}
	})
}

// TestDrainEndsEarly: when all have gone by themselves there is nothing to
// wait for.
func TestDrainEndsEarly(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: time.Hour})
		c := n.dial(t, hub.Join{})
		c.expect("hello 0")
		n.stop()
		c.expect("drain 0")
		c.leave()
	}) // serve's cleanup sees that Run returns
}

func TestNobodyToDrain(t *testing.T) {
	serve(t, nil, way{}, hub.Options{DrainWindow: time.Hour})
}

// TestDoor: MaxReaders bounds the readers of all transports together, and a
// place is free when its reader is gone.
func TestDoor(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{MaxReaders: 3, DrainWindow: -1})
		first := n.dial(t, hub.Join{})
		n.dial(t, hub.Join{})
		s := n.openStream(t, hub.Join{})
		defer s.close()
		full := func(err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), "503") && !errors.Is(err, hub.ErrFull) {
				t.Errorf("a fourth reader: %v", err)
			}
		}
		_, err := n.tryDial(hub.Join{})
		full(err)
		_, err = n.hub.Poll(context.Background(), hub.Join{}, 0)
		full(err)
		full(n.hub.EventStream(httptest.NewRecorder(), nil, hub.Join{}))
		first.leave()
		until(t, "a place to be free", func() bool {
			c, err := n.tryDial(hub.Join{})
			if err == nil {
				t.Cleanup(c.leave)
			}
			return err == nil
		})
		_, err = n.tryDial(hub.Join{})
		full(err)
	})
}

// TestPerAddress: readers from one address are bounded, over all transports
// together, others are let in, and a place is free when its reader is gone.
func TestPerAddress(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{PerAddress: 3, DrainWindow: -1})
		here := hub.Join{Address: netip.MustParseAddr("2001:db8::1")}
		neighbour := hub.Join{Address: netip.MustParseAddr("2001:db8::2:1")} // in the same /64
		first := n.dial(t, here)
		s := n.openStream(t, neighbour)
		s.expect(t, "hello 0")
		polling, giveUp := context.WithCancel(context.Background())
		defer giveUp()
		polled := make(chan struct{})
		go func() {
			defer close(polled)
			if _, err := n.hub.Poll(polling, here, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("a poll that was given up: %v", err)
			}
		}()
		until(t, "three readers", func() bool { return n.hub.Audience().Readers == 3 })
		crowded := func() {
			t.Helper()
			if _, err := n.tryDial(neighbour); err == nil || !strings.Contains(err.Error(), "503") {
				t.Errorf("a fourth WebSocket: %v", err)
			}
			if err := n.hub.EventStream(httptest.NewRecorder(), nil, neighbour); !errors.Is(err, hub.ErrCrowded) {
				t.Errorf("a fourth event stream: %v", err)
			}
			if _, err := n.hub.Poll(context.Background(), here, 0); !errors.Is(err, hub.ErrCrowded) {
				t.Errorf("a fourth poll: %v", err)
			}
		}
		crowded()
		n.dial(t, hub.Join{Address: netip.MustParseAddr("2001:db8:0:1::1")}).expect("hello 0")
		n.dial(t, hub.Join{Address: netip.MustParseAddr("192.0.2.1")}).expect("hello 0")
		for range 4 {
			n.dial(t, hub.Join{}).expect("hello 0") // from nobody knows where
		}
		for _, leave := range []func(){first.leave, s.close, func() { giveUp(); <-polled }} {
			leave()
			var err error
			until(t, "a place to be free", func() bool {
				_, err = n.hub.Poll(context.Background(), here, 0)
				return err == nil
			})
			n.dial(t, here).expect("hello 0")
			crowded()
		}
	})
}

// TestNotReady: until the front is loaded nobody joins, and a log that cannot
// be read is tried again.
func TestNotReady(t *testing.T) {
	l := newBroken(t)
	h, err := hub.New(l, hub.Options{DrainWindow: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	if err := h.WebSocket(httptest.NewRecorder(), nil, hub.Join{}); !errors.Is(err, hub.ErrNotReady) {
		t.Errorf("joining too early: %v", err)
	}
	if _, err := h.Poll(ctx, hub.Join{}, 0); !errors.Is(err, hub.ErrNotReady) {
		t.Errorf("polling too early: %v", err)
	}
	l.Break(nil)
	select {
	case <-h.Ready():
	case <-time.After(soon):
		t.Fatal("not ready")
	}
	if s := h.Front(nil); s.Cursor.Offset != 1 || len(s.Entries) != 1 {
		t.Errorf("front %+v", s)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOptions: what cannot be is refused.
func TestOptions(t *testing.T) {
	for _, o := range []hub.Options{{Shards: -1}, {MaxReaders: -1}, {QueueBytes: -1}, {Recent: -1}, {Replay: -1}} {
		if _, err := hub.New(nil, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
