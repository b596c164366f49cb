package hub

import (
	"net"
	"runtime"
	"sync"
	"time"
)

// When a network comes back, thousands of readers come at once. Their handshakes
// take the processor longer than the writing of an entry to all who are here,
// and Go's scheduler is fair: the entry would wait behind all of them. So those who come give
// way. Few of them are at work at a time, in the order they came, and while a
// broadcast is being written none begins; but a hub that broadcasts without end
// takes readers for half of the time. What is bounded is work for the
// processor: nobody waits for a network in here, so a client that stalls holds
// up nobody.

// turn is for how long those who come give way to one broadcast, and for how
// long they do not give way after that.
const turn = 50 * time.Millisecond

// way is what those who come give way on. Nothing is waited for under its lock.
type way struct {
	places chan struct{} // a token for each who is at work

	mu    sync.Mutex
	busy  int           // messages in line or in hand, of all shards
	clear chan struct{} // if made, closed when nobody need give way any more
	until time.Time     // nobody gives way before
}

func (w *way) init(places int) { w.places = make(chan struct{}, places) }

// take: a message will be in line at a shard.
func (w *way) take() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy++
}

// leave: a shard has written n messages.
func (w *way) leave(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy -= n; w.busy == 0 {
		w.free()
	}
}

// free lets those go who have given way. w.mu is held.
func (w *way) free() {
	if w.clear != nil {
		close(w.clear)
		w.clear = nil
	}
}

// blocked is closed when who comes now may go; nil if at once.
func (w *way) blocked() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy == 0 || time.Now().Before(w.until) {
		return nil
	}
	if w.clear == nil {
		w.clear = make(chan struct{})
	}
	return w.clear
}

// give waits while a broadcast is being written, at most a turn.
func (w *way) give() {
	clear := w.blocked()
	if clear == nil {
		return
	}
	over := time.NewTimer(turn)
	defer over.Stop()
	select {
	case <-clear:
	case <-over.C:
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.clear == clear { // or somebody else has done so
			w.until = time.Now().Add(turn)
			w.free()
		}
	}
}

// enter gives way and takes a place, to be given back at once when there is
// nothing more to do for the processor.
func (w *way) enter() {
	w.give()
	w.places <- struct{}{}
}

func (w *way) exit() { <-w.places }

// Listener is ln for a server whose readers are the hub's: connections are
// accepted a few at a time and not while a broadcast is being written. They
// wait in the kernel's queue then, for some 50 ms at most. Accept's errors are
// ln's.
func (h *Hub) Listener(ln net.Listener) net.Listener { return &doorway{ln, &h.way} }

type doorway struct {
	net.Listener
	way *way
}

// Accept waits for a connection.
func (d *doorway) Accept() (net.Conn, error) {
	runtime.Gosched() // those who are in go on first
	d.way.give()
	return d.Listener.Accept()
}
