package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller watches the parked clients of a shard with one epoll instance and
// runs them: it alone reads from them and closes them. Go's runtime watches
// the epoll instance itself, so that no thread is blocked in it.
//
// epoll is told to report what is the case, not what changes (it is level
// triggered): a client that sends without end gets its turn with the others.
type poller struct {
	fd   int // the epoll instance
	file *os.File
	raw  syscall.RawConn

	mu      sync.Mutex // guards what follows, and all uses of fd but waiting
	closed  bool
	clients map[uint64]*parked // by key
	lastKey uint64
	waiting []deadline // those that have ended, in order
}

type deadline struct {
	key uint64
	at  time.Time
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.NewFile keeps it from the runtime
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), clients: map[uint64]*parked{}}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

// run serves the clients until ctx ends, and closes those that are left.
func (p *poller) run(ctx context.Context) error {
	defer p.closeAll()
	stop := context.AfterFunc(ctx, func() { p.wakeAt(time.Unix(1, 0)) })
	defer stop()
	events := make([]unix.EpollEvent, 128)
	buf := make([]byte, 4<<10)
	for ctx.Err() == nil {
		n, err := p.wait(events)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.expire(time.Now())
			continue
		case err != nil:
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, e := range events[:n] {
			if c := p.client(keyOf(e)); c != nil {
				c.ready(e.Events, buf)
			}
		}
	}
	return nil
}

// wait returns what has happened, as soon as something has.
func (p *poller) wait(events []unix.EpollEvent) (n int, err error) {
	rerr := p.raw.Read(func(fd uintptr) bool {
		for {
			if n, err = unix.EpollWait(int(fd), events, 0); err != unix.EINTR {
				return n != 0 || err != nil
			}
		}
	})
	if rerr != nil {
		return 0, rerr
	}
	return n, err
}

// keyOf and event put a client's key into the 64 bits that epoll keeps for us.
func keyOf(e unix.EpollEvent) uint64 { return uint64(uint32(e.Fd))<<32 | uint64(uint32(e.Pad)) }

func event(key uint64, events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: int32(key >> 32), Pad: int32(key)}
}

func (p *poller) client(key uint64) *parked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[key]
}

// add takes over a client: from now on only the poller reads from it.
func (p *poller) add(c *parked) {
	if err := p.enter(c); err != nil {
		c.hub.o.Logger.Error("a reader could not be parked", "error", err)
		c.close(Failed) // nobody else knows it
	}
}

func (p *poller) enter(c *parked) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastKey++
	c.key = p.lastKey
	events := uint32(waitRead)
	if !c.out.empty() {
		events = waitWrite
	}
	if err := p.control(unix.EPOLL_CTL_ADD, c, events); err != nil {
		return err
	}
	p.clients[c.key] = c
	if c.state != open {
		p.lingerLocked(c.key)
	}
	return nil
}

// watch changes what is waited for. Before add it does nothing.
func (p *poller) watch(c *parked, events uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[c.key] == c {
		if err := p.control(unix.EPOLL_CTL_MOD, c, events); err != nil {
			c.hub.o.Logger.Error("a reader cannot be watched", "error", err)
		}
	}
}

// control is epoll_ctl. p.mu is held.
func (p *poller) control(op int, c *parked, events uint32) error {
	if p.closed {
		return os.ErrClosed
	}
	if err := unix.EpollCtl(p.fd, op, c.fd, event(c.key, events)); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// linger has a client that has ended closed when lingerTime is over.
func (p *poller) linger(key uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lingerLocked(key)
}

func (p *poller) lingerLocked(key uint64) {
	p.waiting = append(p.waiting, deadline{key, time.Now().Add(lingerTime)})
	if len(p.waiting) == 1 {
		p.wakeAt(p.waiting[0].at)
	}
}

// wakeAt ends a wait at time t. It fails only when the poller is closed.
func (p *poller) wakeAt(t time.Time) { _ = p.file.SetReadDeadline(t) }

// expire closes the clients whose time is over by now.
func (p *poller) expire(now time.Time) {
	var over []*parked
	p.mu.Lock()
	n := 0
	for ; n < len(p.waiting) && !p.waiting[n].at.After(now); n++ {
		if c := p.clients[p.waiting[n].key]; c != nil {
			over = append(over, c)
		}
	}
	p.waiting = slices.Delete(p.waiting, 0, n)
	if len(p.waiting) > 0 {
		p.wakeAt(p.waiting[0].at)
	} else {
		p.wakeAt(time.Time{})
	}
	p.mu.Unlock()
	for _, c := range over {
		c.close(Left)
	}
}

// forget: the client is closed.
func (p *poller) forget(key uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.clients, key)
}

func (p *poller) closeAll() {
	p.mu.Lock()
	p.closed = true
	_ = p.file.Close() // nothing can be done about it
	left := slices.Collect(maps.Values(p.clients))
	p.mu.Unlock()
	for _, c := range left {
		c.close(Drained)
	}
}
