package hub

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestWay: those who come wait for a broadcast, at most a turn, and do not wait
// for the next before another one is over.
func TestWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w way
		w.init(1)
		waits := func(want time.Duration) {
			t.Helper()
			start := time.Now()
			if w.give(); time.Since(start) != want {
				t.Errorf("gave way for %v, want %v", time.Since(start), want)
			}
		}
		waits(0)
		w.take()
		w.take()
		go func() {
			time.Sleep(turn / 5)
			w.leave(1) // one shard of two is done
			time.Sleep(turn / 5)
			w.leave(1)
		}()
		waits(2 * turn / 5)
		waits(0)
		w.take() // and it does not end
		others := make(chan time.Duration, 2)
		start := time.Now()
		for range 2 {
			go func() {
				w.give()
				others <- time.Since(start)
			}()
		}
		waits(turn)
		for range cap(others) {
			if d := <-others; d != turn {
				t.Errorf("another gave way for %v", d)
			}
		}
		waits(0)
		time.Sleep(turn - 1)
		waits(0)
		time.Sleep(time.Nanosecond)
		waits(turn)
		w.leave(1)
		waits(0)
	})
}

// TestTakenBeforeInLine: a message that stands in line is one that those who
// come give way to, however soon its shard is done with it; one that was given
// up is not.
func TestTakenBeforeInLine(t *testing.T) {
	h, err := New(nil, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const messages = 2000
	sent := make(chan error, 1)
	go func() {
		for range messages {
			if err := h.broadcast(ctx, &message{}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for got := 0; got < messages; {
		h.way.mu.Lock()
		n := len(h.shards[0].line)
		if busy := h.way.busy; busy < n {
			t.Errorf("%d messages in line, %d taken", n, busy)
			got = messages
		}
		h.way.mu.Unlock()
		for range n {
			<-h.shards[0].line
			h.way.leave(1)
			got++
		}
		runtime.Gosched()
	}
	if t.Failed() {
		return
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for range maxLine {
		if err := h.broadcast(ctx, &message{}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := h.broadcast(ctx, &message{}); !errors.Is(err, context.Canceled) || h.way.busy != maxLine {
		t.Errorf("a broadcast that was given up: %v, %d in line, %d taken", err, maxLine, h.way.busy)
	}
}

// TestPlaces: as many are at work as there are places, in the order they came.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w way
		w.init(2)
		in := make(chan int, 5)
		for i := range 5 {
			go func() {
				w.enter()
				in <- i
			}()
			synctest.Wait()
		}
		if len(in) != 2 {
			t.Fatalf("%d have entered, want 2", len(in))
		}
		for i := range 5 {
			if got := <-in; got != i {
				t.Errorf("%d has entered, want %d", got, i)
			}
			w.exit()
			synctest.Wait()
		}
	})
}

// TestListenerGivesWay: no connection is accepted while a broadcast is being
// written.
func TestListenerGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := New(nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		come := make(chan net.Conn, 1)
		ln := h.Listener(&queue{come: come})
		come <- nil
		h.way.take()
		accepted := make(chan time.Time, 1)
		go func() {
			_, _ = ln.Accept()
			accepted <- time.Now()
		}()
		time.Sleep(turn / 2)
		h.way.leave(1)
		if at, now := <-accepted, time.Now(); at != now {
			t.Errorf("accepted %v before the broadcast was over", now.Sub(at))
		}
	})
}

// queue is a listener with connections that have come.
type queue struct {
	net.Listener
	come chan net.Conn
}

func (q *queue) Accept() (net.Conn, error) { return <-q.come, nil }
