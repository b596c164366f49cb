package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Parkable has the connections of ln such that a reader who comes over one of
// them by TLS can be parked: give it to [net/http.Server.ServeTLS]. On systems
// without epoll it is ln itself.
func Parkable(ln net.Listener) net.Listener { return parkable{ln} }

type parkable struct{ net.Listener }

// Accept waits for the next connection.
func (p parkable) Accept() (net.Conn, error) {
	nc, err := p.Listener.Accept()
	if c, ok := nc.(*net.TCPConn); ok {
		return &seam{TCPConn: c}, nil
	}
	return nc, err
}

// seam is where crypto/tls is joined to what carries it: at first a connection
// of net/http's, and the reader itself once that is parked. It is moved over
// between the two, when nobody reads or writes.
type seam struct {
	*net.TCPConn
	reader *sealed // nil until then
}

// Read reads what is sealed.
func (s *seam) Read(p []byte) (int, error) {
	if s.reader != nil {
		return s.reader.take(p)
	}
	return s.TCPConn.Read(p)
}

// Write writes what is sealed.
func (s *seam) Write(p []byte) (int, error) {
	if s.reader != nil {
		return s.reader.put(p)
	}
	return s.TCPConn.Write(p)
}

// sealed is a parked client whose bytes go through TLS (RFC 8446). crypto/tls
// is made for connections that wait; this one does not:
//
//   - What the socket does not take of a sealed record stays in left, as what
//     has been sealed must be sent. Until all of it has gone nothing else is
//     sealed, and what it stands for stays in the outbox, where it counts, and
//     where it is not cut, as bytes in hand.
//   - Where there is nothing to read it says so with errNotYet, which
//     crypto/tls takes for a deadline that has passed: it keeps the part of a
//     record that it has, and goes on with it the next time. The tests hold it
//     to that.
//
// A client may ask for new keys while it is read, and crypto/tls answers at
// once, so reads hold reader.mu, too. One that asks without end and takes no
// answer is ended when maxLeft is reached.
type sealed struct {
	parked
	tls  *tls.Conn
	left []byte // sealed, and not taken by the socket
	hand int    // how much of the outbox it stands for
	may  bool   // read the socket, once for each time that epoll has said so
	over bool   // left would have been more than maxLeft
}

// maxLeft is the most that is kept sealed: what maxWrite bytes become, and as
// much again for crypto/tls's own answers.
const maxLeft = 2 * maxWrite

// errFlood: the client asks for answers and does not take them.
var errFlood = errors.New("too many answers wait for the client")

// parkSealed is park for a connection that speaks TLS by way of a seam.
func (h *Hub) parkSealed(over *tls.Conn, f form, topics []string, early []byte) (*client, func(), error) {
	at, ok := over.NetConn().(*seam)
	if !ok {
		return nil, nil, nil
	}
	fd, err := detach(at.TCPConn)
	if err != nil {
		return nil, nil, err
	}
	s := &sealed{parked: parked{fd: fd}, tls: over}
	at.reader = s
	s.init(h, s, f, topics)
	return &s.client, func() { s.begin(early) }, nil
}

func (s *sealed) begin(early []byte) {
	if len(early) > 0 {
		s.feed(early)
	}
	_ = s.listen(make([]byte, 256)) // what came with the handshake; an end is seen again
	s.shard.poller.add(&s.parked)
}

// write seals b and sends it, as far as the socket takes it.
func (s *sealed) write(b []byte) (n int, err error) {
	for n < len(b) && len(s.left) == 0 {
		part := b[n:min(n+maxWrite, len(b))]
		if _, err := s.tls.Write(part); err != nil {
			return n, fmt.Errorf("seal: %w", err)
		}
		if len(s.left) > 0 {
			s.hand, s.out.busy = len(part), len(part)
			break
		}
		n += len(part)
	}
	return n, nil
}

// put is what crypto/tls writes to. It takes everything, up to maxLeft.
func (s *sealed) put(p []byte) (n int, err error) {
	if len(s.left) == 0 {
		if n, err = s.parked.write(p); err != nil {
			return n, err
		}
	}
	if len(s.left)+len(p)-n > maxLeft {
		s.over = true
		return n, errFlood
	}
	s.left = append(s.left, p[n:]...) // p is crypto/tls's own
	return len(p), nil
}

// take is what crypto/tls reads from.
func (s *sealed) take(p []byte) (int, error) {
	if !s.may {
		return 0, errNotYet
	}
	s.may = false
	n, err := unix.Read(s.fd, p)
	switch {
	case n > 0:
		return n, nil
	case n == 0 && err == nil:
		return 0, io.EOF
	case err == unix.EAGAIN, err == unix.EINTR:
		return 0, errNotYet
	}
	return 0, err
}

// errNotYet says that there is nothing to read. It is a [net.Error] that will
// pass.
var errNotYet = os.ErrDeadlineExceeded

// rest ends TLS before the connection.
func (s *sealed) rest(last bool) {
	if last {
		_ = s.tls.CloseWrite() // as far as it goes: the close frame has been sent
	}
	s.parked.rest(last)
}

// drain writes what waits, as far as it goes.
func (s *sealed) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if len(s.left) > 0 {
			n, err := s.parked.write(s.left)
			if err != nil {
				s.left = nil
				s.fail(causeOf(err))
				return
			}
			if s.left = s.left[n:]; len(s.left) > 0 {
				return
			}
			s.left = nil // an idle reader keeps nothing
			s.out.busy = 0
			s.out.written(s.hand)
			s.hand = 0
		}
		if s.out.empty() {
			break
		}
		n, err := s.write(s.out.next(maxWrite))
		if err != nil {
			s.fail(causeOf(err))
			return
		}
		if n > 0 {
			s.out.written(n)
		}
	}
	s.settle()
}

// ready is called by the poller, as [parked.ready] is.
func (s *sealed) ready(happened uint32, buf []byte) {
	if happened&unix.EPOLLOUT != 0 {
		s.drain()
	}
	if happened&^unix.EPOLLOUT != 0 {
		s.may = true
		switch err := s.listen(buf); {
		case errors.Is(err, errFlood):
			s.close(Policy)
			return
		case err != nil:
			s.close(causeOf(err))
			return
		}
	}
	if s.done() {
		s.close(Left)
	}
}

// listen takes what has come. The error says that nothing more will.
func (s *sealed) listen(buf []byte) error {
	for {
		s.mu.Lock()
		n, err := s.tls.Read(buf)
		if s.over {
			err = errFlood // crypto/tls says so only when something is written
		}
		if len(s.left) > 0 && s.out.empty() {
			s.await() // an answer of crypto/tls's own
		}
		s.mu.Unlock()
		if n > 0 {
			s.feed(buf[:n])
		}
		switch {
		case errors.Is(err, errNotYet):
			return nil
		case err != nil:
			return err
		}
	}
}
