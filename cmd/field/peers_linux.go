package main

import (
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 wants it
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"crier/news"
)

// hello is the first message to each reader, as Crier has one.
const hello = `{"type":"hello","cursor":"","beat_ms":25000}`

// broadcaster is a peer's way to its readers.
type broadcaster interface {
	// join makes a reader of a request for a WebSocket.
	join(w http.ResponseWriter, r *http.Request)
	// send sends msg, which does not change, to all readers.
	send(msg []byte)
}

// servePeer serves the peer of that name on addr until it is killed.
func servePeer(name, addr string) error {
	var b broadcaster
	switch name {
	case "floor":
		b = newFloor()
	case "usual":
		b = &usual{readers: map[*usualReader]struct{}{}}
	default:
		return fmt.Errorf("there is no peer %q", name)
	}
	var posts poster
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/live", b.join)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/items", func(w http.ResponseWriter, r *http.Request) {
		if err := posts.take(r.Body, b.send); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return srv.ListenAndServe()
}

// poster makes of each post the message that Crier makes of it.
type poster struct {
	mu    sync.Mutex // so that all get the messages in one order
	epoch string
	last  uint64
}

func (p *poster) take(body io.Reader, send func([]byte)) error {
	var post news.Post
	if err := json.NewDecoder(body).Decode(&post); err != nil {
		return err
	}
	d, err := post.Draft(news.NewID(), "k-field", time.Now())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch == "" {
		p.epoch = news.NewEpoch()
	}
	p.last++
	js, err := json.Marshal(news.Entry{Offset: p.last, First: p.last, Kind: news.Posted, Item: d.Item})
	if err != nil {
		return err
	}
	send(fmt.Appendf(nil, `{"type":"entry","cursor":%q,"entry":%s}`, news.Cursor{Epoch: p.epoch, Offset: p.last}, js))
	return nil
}

// floor is what the kernel allows: a reader is the number of its socket, and
// a message one write(2) to each from as many goroutines as there are
// processors on the usual small machine. It reads nothing and sees no end.
type floor struct {
	lines [2]chan []byte // of frames

	mu      sync.Mutex
	readers [2][]int
}

func newFloor() *floor {
	f := &floor{}
	for i := range f.lines {
		f.lines[i] = make(chan []byte, 16)
		go f.write(i)
	}
	return f
}

func (f *floor) join(w http.ResponseWriter, r *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close() //nolint:errcheck // what is kept is a copy
	fd := -1
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(of uintptr) { fd, _ = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	}
	if err != nil || fd < 0 {
		return
	}
	f.mu.Lock() // who has hello is in the list
	defer f.mu.Unlock()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81%c%s",
		base64.StdEncoding.EncodeToString(sum[:]), len(hello), hello)
	if err != nil {
		_ = unix.Close(fd)
		return
	}
	i := 0
	if len(f.readers[1]) < len(f.readers[0]) {
		i = 1
	}
	f.readers[i] = append(f.readers[i], fd)
}

func (f *floor) send(msg []byte) {
	frame := append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(len(msg))), msg...) // of 126 to 65,535 bytes
	for _, line := range f.lines {
		line <- frame
	}
}

func (f *floor) write(part int) {
	for frame := range f.lines[part] {
		f.mu.Lock()
		readers := f.readers[part]
		f.mu.Unlock()
		for _, fd := range readers {
			_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(frame))), uintptr(len(frame))) //nolint:gosec // as unix.Write does it
		}
	}
}

// usual is the hub that one writes first: for each reader a goroutine that
// reads, one that writes, and a channel.
type usual struct {
	mu      sync.Mutex
	readers map[*usualReader]struct{}
}

type usualReader struct {
	line chan []byte
	slow context.CancelFunc
}

func (u *usual) join(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow() //nolint:errcheck // it has ended
	ctx, slow := context.WithCancel(c.CloseRead(context.Background()))
	defer slow()
	m := &usualReader{make(chan []byte, 16), slow}
	u.mu.Lock()
	u.readers[m] = struct{}{}
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.readers, m)
	}()
	if c.Write(ctx, websocket.MessageText, []byte(hello)) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case msg := <-m.line:
			within, done := context.WithTimeout(ctx, 5*time.Second)
			err := c.Write(within, websocket.MessageText, msg)
			done()
			if err != nil {
				return
			}
		}
	}
}

func (u *usual) send(msg []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for m := range u.readers {
		select {
		case m.line <- msg:
		default:
			m.slow()
		}
	}
}

// free is an address nobody listens on.
func free(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close() //nolint:errcheck // it has served
	return ln.Addr().String(), nil
}
