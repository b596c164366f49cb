package hub

import (
	"crypto/tls"
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// parked is a client without a goroutine: a bare descriptor that the poller
// watches. It is its own wire.
//
// That it never touches another connection's descriptor, although the kernel
// gives numbers out again at once, rests on this: fd is the only descriptor of
// its socket, and only the poller's goroutine closes it (close below). It does
// so with reader.mu held and sets the state to gone, and everybody else uses
// fd with reader.mu held and in another state. The poller reads without the
// lock, being the one that closes. An event that epoll reports carries not the
// number but a key that is never given out twice, and closing the only
// descriptor of a socket ends its events; one that has been fetched but not
// yet looked at finds no reader under its key.
type parked struct {
	fd int
	client
	key uint64
}

// park makes a client of nc if it is a plain socket of the kernel's, or TLS on
// one that came by way of [Parkable], and returns nil if not. It closes nc
// then: the descriptor leaves Go's runtime.
func (h *Hub) park(nc net.Conn, f form, topics []string, early []byte) (*client, func(), error) {
	switch nc := nc.(type) {
	case *tls.Conn:
		return h.parkSealed(nc, f, topics, early)
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil, nil, nil
	}
	fd, err := detach(nc)
	if err != nil {
		return nil, nil, err
	}
	p := &parked{fd: fd}
	p.init(h, p, f, topics)
	return &p.client, func() { p.begin(early) }, nil
}

// detach takes the socket of nc, which has one, out of Go's runtime, and closes
// nc.
func detach(nc net.Conn) (fd int, err error) {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("park: %w", err)
	}
	fd = -1
	if cerr := raw.Control(func(of uintptr) {
		fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		err = cerr
	}
	_ = nc.Close() // if fd is there the socket lives on
	if err != nil {
		return -1, fmt.Errorf("park: %w", err)
	}
	return fd, nil
}

func (p *parked) begin(early []byte) {
	if len(early) > 0 {
		p.feed(early)
	}
	p.shard.poller.add(p)
}

// write is write(2) without telling Go's scheduler: it does not block and takes
// some microseconds, in which the scheduler would otherwise, on a busy machine,
// take the processor from us and give it back at the price of a thread switch.
func (p *parked) write(b []byte) (int, error) {
	for {
		n, _, err := unix.RawSyscall(unix.SYS_WRITE, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) //nolint:gosec // as unix.Write does it
		switch err {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}

const (
	waitRead  = unix.EPOLLIN | unix.EPOLLRDHUP
	waitWrite = waitRead | unix.EPOLLOUT
)

func (p *parked) await() { p.shard.poller.watch(p, waitWrite) }

func (p *parked) rest(last bool) {
	p.shard.poller.watch(p, waitRead)
	if last {
		_ = unix.Shutdown(p.fd, unix.SHUT_WR) // fails if the other side is gone
	}
}

func (p *parked) expire() { p.shard.poller.linger(p.key) }

// abort makes the poller see an end.
func (p *parked) abort() { _ = unix.Shutdown(p.fd, unix.SHUT_RDWR) }

// drain writes what waits, as far as it goes.
func (p *parked) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.out.empty() {
		b := p.out.next(maxWrite)
		n, err := p.write(b)
		if err != nil {
			p.fail(causeOf(err))
			return
		}
		p.out.written(n)
		if n < len(b) {
			return
		}
	}
	p.settle()
}

// ready is called by the poller when there is something to read, room to
// write or an end. buf is the poller's.
func (p *parked) ready(happened uint32, buf []byte) {
	if s, ok := p.wire.(*sealed); ok {
		s.ready(happened, buf)
		return
	}
	if happened&unix.EPOLLOUT != 0 {
		p.drain()
	}
	if happened&^unix.EPOLLOUT != 0 {
		n, err := unix.Read(p.fd, buf)
		switch {
		case n > 0:
			p.feed(buf[:n])
		case err == unix.EAGAIN, err == unix.EINTR:
		default:
			p.close(causeOf(err))
			return
		}
	}
	if p.done() {
		p.close(Left)
	}
}

// close is called by the poller alone.
func (p *parked) close(why Cause) {
	p.mu.Lock()
	p.set(gone, why)
	_ = unix.Close(p.fd) // the descriptor is gone whatever it says
	p.mu.Unlock()
	p.shard.poller.forget(p.key)
	p.release(why)
}

// tune sets what the kernel does for a reader's connection, where it is the
// kernel's: how much it holds back, and that it gives up a client that has not
// acknowledged what it was sent for h.patience. Every reader is sent something
// every beat, so one whose network is gone is found within two of them, and a
// keepalive would only wake phones a second time.
func (h *Hub) tune(nc net.Conn) {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = over.NetConn()
	}
	if s, ok := nc.(*seam); ok {
		nc = s.TCPConn
	}
	c, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return // closed: the first write will see it
	}
	_ = raw.Control(func(fd uintptr) { // errors as above; all of these are known to any kernel since 2.6.37
		if h.o.SendBuffer > 0 {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, h.o.SendBuffer)
		}
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(h.patience.Milliseconds()))
	})
}

// defaultMaxReaders leaves descriptors for the listener, the store and what
// else the process does; a handshake needs two for a moment.
func defaultMaxReaders() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<20 {
		return 1 << 20
	}
	return max(int(limit.Cur)-int(limit.Cur/16)-64, 1)
}
