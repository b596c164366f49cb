//go:build !linux

package hub

import (
	"context"
	"net"
)

// poller has nothing to do where nobody is parked.
type poller struct{}

func newPoller() (*poller, error) { return &poller{}, nil }

func (*poller) run(context.Context) error { return nil }

// Parkable is ln: nobody is parked.
func Parkable(ln net.Listener) net.Listener { return ln }

// park parks nobody: all readers are attended.
func (h *Hub) park(net.Conn, form, []string, []byte) (*client, func(), error) { return nil, nil, nil }

// tune sets what can be set on any system.
func (h *Hub) tune(nc net.Conn) {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = over.NetConn()
	}
	c, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	// Both fail only if it is closed: the first write will see it. A client that
	// is gone while something is on its way to it is given up when the system
	// stops sending it again, or when so much waits that a write does.
	if h.o.SendBuffer > 0 {
		_ = c.SetWriteBuffer(h.o.SendBuffer)
	}
	_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: h.patience, Interval: h.patience / 4, Count: 4})
}

func defaultMaxReaders() int { return 10_000 }
