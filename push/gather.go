package push

import (
	"net"
	"sync"
)

// gathering is a connection on which what is written while a write is under way
// goes out with the next one. An HTTP/2 request is two writes of a TLS record
// each; when hundreds of them are on their way, a system call for each would be
// a fifth of the CPU. A write fails with the error of an earlier one, as it may
// on a plain connection.
type gathering struct {
	net.Conn
	wake chan struct{} // holds one ring for the flusher
	end  chan struct{} // closed with the connection
	once sync.Once

	mu    sync.Mutex
	room  sync.Cond // there is room again, or an error
	bytes []byte    // that wait
	err   error
}

// mostGathered is how many bytes wait at most before a write does.
const mostGathered = 256 << 10

func newGathering(c net.Conn) *gathering {
	g := &gathering{Conn: c, wake: make(chan struct{}, 1), end: make(chan struct{})}
	g.room.L = &g.mu
	go g.flush()
	return g
}

// Write takes b. It blocks while too much waits; the write deadline ends that,
// as it ends the write that is under way.
func (g *gathering) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.bytes) > 0 && len(g.bytes)+len(b) > mostGathered && g.err == nil {
		g.room.Wait()
	}
	if g.err != nil {
		return 0, g.err
	}
	g.bytes = append(g.bytes, b...)
	select {
	case g.wake <- struct{}{}:
	default:
	}
	return len(b), nil
}

// flush writes what waits, until the connection is closed or fails.
func (g *gathering) flush() {
	var out []byte
	for {
		select {
		case <-g.wake:
		case <-g.end:
			return
		}
		g.mu.Lock()
		out, g.bytes = g.bytes, out[:0]
		g.room.Broadcast()
		g.mu.Unlock()
		if len(out) == 0 {
			continue
		}
		if _, err := g.Conn.Write(out); err != nil {
			g.fail(err)
			return
		}
	}
}

func (g *gathering) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	g.room.Broadcast()
}

// Close closes the connection. What waits is dropped.
func (g *gathering) Close() error {
	g.once.Do(func() { close(g.end) })
	g.fail(net.ErrClosed)
	return g.Conn.Close()
}
