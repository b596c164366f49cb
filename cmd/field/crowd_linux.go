package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is the readers of a round. Its members join, and then one goroutine
// reads what comes to all of them.
type crowd struct {
	ep      int
	members []member
	dials   *atomic.Uint32 // of all rounds
	out     chan int       // the items that all have, in order
	ended   chan error     // what watch ended with

	mu       sync.Mutex // guards what follows
	items    []sent
	missing  int
	repeated int
	took     []time.Duration // of each delivery since the last look
}

type member struct {
	fd   int
	over net.Conn // in its place, where it reads over TLS
	next int      // the item that it is to get next
	part []byte   // of a message, the rest of which has yet to come
}

// sent is an item on its way.
type sent struct {
	began time.Time
	last  time.Duration // until the last of those who have it had it
	got   int
}

const (
	// atOnce is how many handshakes are under way at a time.
	atOnce = 64
	// readTime bounds a handshake.
	readTime = 20 * time.Second
	// story is how that of an item begins; its number follows.
	story = `"story":"field-`
)

const upgrade = "GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// newCrowd has n members join the peer at addr, over TLS if that is so.
func newCrowd(addr netip.AddrPort, n int, overTLS bool, dials *atomic.Uint32) (*crowd, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	c := &crowd{ep: ep, members: make([]member, n), dials: dials, out: make(chan int, 1024), ended: make(chan error, 1)}
	for i := range c.members {
		c.members[i].fd = -1
	}
	var all sync.WaitGroup
	var next atomic.Int64
	failed := make(chan error, atOnce)
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				join := c.join
				if overTLS {
					join = c.secure
				}
				if err := join(i, addr); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		c.close()
		return nil, fmt.Errorf("a reader could not join: %w", err)
	default:
	}
	return c, nil
}

// source is where the next connection comes from. One loopback address has ports
// for some 28,000, and those of connections that were closed are not free for a
// minute: there are 250 addresses, and they take turns.
func (c *crowd) source() net.IP { return net.IPv4(127, 0, 0, byte(2+c.dials.Add(1)%250)) }

// join makes member i.
func (c *crowd) join(i int, addr netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	m := &c.members[i]
	m.fd = fd
	from := &unix.SockaddrInet4{Addr: [4]byte(c.source().To4())}
	wait := unix.NsecToTimeval(readTime.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.Bind(fd, from))
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())})
	}
	if err == nil {
		_, err = unix.Write(fd, []byte(upgrade))
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	m.part, err = answered(func(b []byte) (int, error) {
		for {
			if n, err := unix.Read(fd, b); err != unix.EINTR { // a read with a time limit is not begun again by itself
				return n, err
			}
		}
	})
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}

// answered reads the answer to a handshake and returns what has come behind it:
// hello begins there, and who has that gets what is posted then.
func answered(read func([]byte) (int, error)) (rest []byte, err error) {
	var buf [4096]byte
	for n := 0; ; {
		k, err := read(buf[n:])
		if err != nil || k == 0 {
			return nil, fmt.Errorf("handshake: %q, %w", buf[:n], err)
		}
		n += k
		head, rest, whole := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if whole && !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			return nil, fmt.Errorf("handshake: %q", head)
		}
		if whole && len(rest) > 0 {
			return bytes.Clone(rest), nil
		}
	}
}

// watch reads what comes, until an error or until the crowd is closed.
func (c *crowd) watch() error {
	for i := range c.members {
		m := &c.members[i]
		if m.over != nil {
			go func() {
				err := c.listen(m)
				select {
				case c.ended <- err:
				default: // another has ended before
				}
			}()
			continue
		}
		if err := unix.EpollCtl(c.ep, unix.EPOLL_CTL_ADD, m.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			return fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	if c.members[0].over == nil {
		go func() { c.ended <- c.read() }()
	}
	return nil
}

func (c *crowd) read() error {
	events := make([]unix.EpollEvent, 256)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.EpollWait(c.ep, events, 1000)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			m := &c.members[e.Fd]
			k, err := unix.Read(m.fd, buf)
			if err == unix.EAGAIN {
				continue
			}
			if err != nil || k == 0 {
				return fmt.Errorf("a reader was sent away after item %d: %w", m.next-1, err)
			}
			if err := c.take(m, buf[:k], time.Now()); err != nil {
				return err
			}
		}
	}
}

// take splits what has come to m into messages: frames of the server, without
// masks and whole (RFC 6455 section 5.2).
func (c *crowd) take(m *member, b []byte, now time.Time) error {
	if len(m.part) > 0 {
		m.part = append(m.part, b...)
		b = m.part
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		head, size := 2, 0
		if len(b) >= head {
			switch size = int(b[1]); size {
			case 126:
				head = 4
			case 127:
				return errors.New("a message of over 64 KiB")
			}
		}
		if len(b) < head {
			break
		}
		if head == 4 {
			size = int(binary.BigEndian.Uint16(b[2:]))
		}
		if len(b) < head+size {
			break
		}
		c.count(m, b[head:head+size], now)
		b = b[head+size:]
	}
	m.part = append(m.part[:0], b...)
	if len(m.part) == 0 {
		m.part = nil // idle readers cost the machine nothing here
	}
	return nil
}

// count accounts for a message. c.mu is held.
func (c *crowd) count(m *member, msg []byte, now time.Time) {
	_, rest, found := bytes.Cut(msg, []byte(story))
	end := bytes.IndexByte(rest, '"')
	if !found || end < 0 {
		return // hello, a beat
	}
	n, err := strconv.Atoi(string(rest[:end]))
	if err != nil || n < 0 || n >= len(c.items) {
		return
	}
	if n < m.next {
		c.repeated++
		return
	}
	c.missing += n - m.next
	m.next = n + 1
	it := &c.items[n]
	took := now.Sub(it.began)
	c.took = append(c.took, took)
	it.last = max(it.last, took)
	if it.got++; it.got == len(c.members) {
		c.out <- n
	}
}

// begin numbers an item that is now being posted.
func (c *crowd) begin() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items = append(c.items, sent{began: time.Now()})
	return len(c.items) - 1
}

// look returns how long deliveries took since the last look.
func (c *crowd) look() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := c.took
	c.took = nil
	return took
}

// close ends the connections. Nobody may be reading: the peer was killed, so
// that watch has ended, or watch never began.
func (c *crowd) close() {
	for _, m := range c.members {
		if m.fd >= 0 {
			_ = unix.Close(m.fd)
		}
		if m.over != nil {
			_ = m.over.Close()
		}
	}
	_ = unix.Close(c.ep)
}
