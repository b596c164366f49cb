package hub

import (
	"net"
	"time"
)

// attended is a client with a goroutine that waits for what it sends: on
// systems without epoll, on connections that are not the kernel's, and over TLS
// without [Parkable].
// A second goroutine writes what the reader has been sent, and ends when that
// is done. It is its own wire.
type attended struct {
	client
	nc      net.Conn
	writing bool // the second goroutine runs; guarded by reader.mu
}

// listen takes what the client sends until the connection ends.
func (a *attended) listen(early []byte) {
	if len(early) > 0 {
		a.feed(early)
	}
	why := Left
	buf := make([]byte, 256)
	for !a.done() {
		n, err := a.nc.Read(buf)
		a.feed(buf[:n])
		if err != nil {
			why = causeOf(err)
			break
		}
	}
	_ = a.nc.Close() // it may be broken already
	a.release(why)
}

// write takes nothing at once: the connection might block.
func (a *attended) write([]byte) (int, error) { return 0, nil }

func (a *attended) await() {
	if a.writing {
		return
	}
	a.writing = true
	a.owe()
	a.hub.own.Go(func() {
		if !a.drainTo(a.send) {
			a.shut()
		}
	})
}

func (a *attended) send(b []byte) error {
	if err := a.nc.SetWriteDeadline(time.Now().Add(a.hub.patience)); err != nil {
		return err
	}
	_, err := a.nc.Write(b)
	return err
}

func (a *attended) rest(last bool) {
	if last && !a.writing {
		a.abort() // it ends without a word
	}
	a.writing = false
}

// shut tells the other side that no more will come, on connections that can.
func (a *attended) shut() {
	if c, ok := a.nc.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the connection may be broken: then listen sees it
	}
}

func (a *attended) expire() { a.wakeBy(time.Now().Add(lingerTime)) }
func (a *attended) abort()  { a.wakeBy(time.Unix(1, 0)) }

// wakeBy ends reads and writes that block at time t.
func (a *attended) wakeBy(t time.Time) {
	_ = a.nc.SetDeadline(t) // fails only where there is nothing to wake
}
