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

// park parks nobody: all readers are attended.
func (h *Hub) park(net.Conn, []string, []byte) (*client, func(), error) { return nil, nil, nil }

// tune sets what can be set on any system.
func (h *Hub) tune(nc net.Conn) {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = over.NetConn()
	}
	if c, ok := nc.(*net.TCPConn); ok && h.o.SendBuffer > 0 {
		_ = c.SetWriteBuffer(h.o.SendBuffer) // fails only if it is closed: the first write will see it
	}
}

func defaultMaxReaders() int { return 10_000 }
