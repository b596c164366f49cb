package load

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stamped is a connection that knows when the kernel got what was read from it
// last (SO_TIMESTAMPNS): what a busy load generator adds to that is not the
// service's.
type stamped struct {
	*net.TCPConn
	raw  syscall.RawConn
	oob  [64]byte
	came time.Time // zero: the kernel did not say

	// Of the read in hand.
	p   []byte
	n   int
	err error
}

func stamp(c *net.TCPConn) (*stamped, error) {
	s := &stamped{TCPConn: c}
	var err error
	if s.raw, err = c.SyscallConn(); err != nil {
		return nil, err
	}
	if cerr := s.raw.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	}); cerr != nil {
		err = cerr
	}
	return s, err
}

// Read reads what has come.
func (s *stamped) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.p = p
	if err := s.raw.Read(s.receive); err != nil {
		return 0, err
	}
	if s.err == nil && s.n == 0 {
		return 0, io.EOF
	}
	return s.n, s.err
}

func (s *stamped) receive(fd uintptr) bool {
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(fd), s.p, s.oob[:], 0)
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case nil:
			s.n, s.err, s.came = n, nil, stampIn(s.oob[:oobn])
		default:
			s.n, s.err = 0, os.NewSyscallError("recvmsg", err)
		}
		return true
	}
}

// stampIn is the time in a control message, zero if there is none.
func stampIn(oob []byte) time.Time {
	if len(oob) == 0 {
		return time.Time{}
	}
	head, data, _, err := unix.ParseOneSocketControlMessage(oob)
	var t unix.Timespec
	if err != nil || head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_TIMESTAMPNS || len(data) < int(unsafe.Sizeof(t)) {
		return time.Time{}
	}
	t = *(*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(data))) //nolint:gosec // the kernel's own form
	return time.Unix(t.Unix())
}

// arrived is when the kernel got what was read last, or now if it did not say.
func (s *stamped) arrived(now time.Time) time.Time {
	if s == nil || s.came.IsZero() {
		return now
	}
	return s.came
}

// comeFrom has dial's connections come from a loopback address, all of which
// may be bound. The kernel chooses a port only when it knows where each goes: it
// may then be one that other connections have, to elsewhere.
func comeFrom(dial *net.Dialer, from net.IP) {
	dial.LocalAddr = &net.TCPAddr{IP: from}
	dial.Control = func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
		}); cerr != nil {
			return cerr
		}
		return err
	}
}
