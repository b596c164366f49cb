package push

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// linked is two ends of a TCP connection, ours gathering.
func linked(t *testing.T) (ours *gathering, theirs net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	ours = newGathering(c)
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() }) // either may be closed
	return ours, theirs
}

func TestGatheredWritesArriveWhole(t *testing.T) {
	ours, theirs := linked(t)
	const writers, each = 8, 500
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				// A frame: who, which, and as many bytes of that as its length says.
				b := binary.BigEndian.AppendUint32([]byte{byte(w)}, uint32(i))
				b = append(b, bytes.Repeat([]byte{byte(w + i)}, i)...)
				if n, err := ours.Write(b); n != len(b) || err != nil {
					t.Errorf("wrote %d of %d: %v", n, len(b), err)
					return
				}
			}
		})
	}
	next := [writers]uint32{}
	for range writers * each {
		var head [5]byte
		if _, err := io.ReadFull(theirs, head[:]); err != nil {
			t.Fatal(err)
		}
		w, i := head[0], binary.BigEndian.Uint32(head[1:])
		body := make([]byte, i)
		if _, err := io.ReadFull(theirs, body); err != nil {
			t.Fatal(err)
		}
		if int(w) >= writers || i != next[w] || !bytes.Equal(body, bytes.Repeat([]byte{byte(uint32(w) + i)}, int(i))) {
			t.Fatalf("writer %d, frame %d: want %d, or its bytes are others", w, i, next)
		}
		next[w]++
	}
	all.Wait()
}

func TestGatheredWritesAreBounded(t *testing.T) {
	ours, _ := linked(t) // nobody reads
	chunk := make([]byte, 64<<10)
	if err := ours.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	wrote := 0
	for {
		n, err := ours.Write(chunk)
		wrote += n
		ours.mu.Lock()
		waits := len(ours.bytes)
		ours.mu.Unlock()
		if waits > mostGathered {
			t.Fatalf("%d bytes wait", waits)
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a write that waits for too long: %v", err)
			}
			break
		}
	}
	if wrote < mostGathered {
		t.Errorf("%d bytes were taken", wrote)
	}
	if _, err := ours.Write(chunk); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write after that: %v", err)
	}
}

func TestAClosedGatheringTakesNothing(t *testing.T) {
	ours, theirs := linked(t)
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write: %v", err)
	}
	if b, err := io.ReadAll(theirs); len(b) > 0 || err != nil {
		t.Errorf("the other side read %q, %v", b, err)
	}
}
