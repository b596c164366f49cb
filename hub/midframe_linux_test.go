package hub

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/news/newstest"
)

// TestPongsInMidFrame: a client's pings are answered while the socket has taken
// the beginning of an entry and no more. The pongs wait for the end of that
// frame, and everything arrives whole and in order.
func TestPongsInMidFrame(t *testing.T) {
	for _, over := range []string{"TCP", "TLS"} {
		t.Run(over, func(t *testing.T) {
			l := newstest.New()
			h, c := alone(t, l, Options{Shards: 1, SendBuffer: 4 << 10, QueueBytes: 16 << 20, DrainWindow: -1}, over == "TLS")
			if over == "TLS" {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			if _, err := io.WriteString(c, upgrade); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			if _, err := http.ReadResponse(r, nil); err != nil {
				t.Fatal(err)
			}
			if f := nextFrame(t, r); !strings.Contains(f, `"hello"`) {
				t.Fatalf("first came %q", f)
			}

			// Nothing is read from here on.
			posted, behind := 0, 0
			post := func() {
				posted++
				d, err := news.Post{Headline: "long", Summary: strings.Repeat("lorem ipsum ", 80)}.Draft(news.NewID(), "k", time.Now())
				if err == nil {
					_, err = l.Append(t.Context(), news.Key{}, d)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			only := h.shards[0].poller.only(t)
			for !only.inMidFrame() || only.behind() < 256<<10 { // so far that the kernels take no more
				for range 50 {
					post()
				}
				eventually(t, "the hub to have broadcast it", func() bool { return h.Head().Offset == uint64(posted) && len(h.shards[0].line) == 0 })
			}
			ping := "\x89\x84\x00\x00\x00\x00news"
			behind = only.waits()
			const pings = 5
			if _, err := io.WriteString(c, strings.Repeat(ping, pings)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the pongs to wait", func() bool { return only.waits() >= behind+pings })
			if !only.inMidFrame() {
				t.Error("the socket has taken more than it had room for")
			}
			for range 20 {
				post()
			}

			pongs := 0
			for next := 1; next <= posted || pongs < pings; {
				f := nextFrame(t, r)
				if f == "\x8a\x04news" {
					pongs++
					continue
				}
				var m struct {
					Type  string
					Entry news.Entry
				}
				_, text, _ := strings.Cut(f, "{")
				if err := json.Unmarshal([]byte("{"+text), &m); err != nil || f[0] != 0x81 {
					t.Fatalf("after entry %d and %d pongs came %.40q: %v", next-1, pongs, f, err)
				}
				if m.Type == "beat" {
					continue
				}
				if m.Entry.Offset != uint64(next) || len(m.Entry.Item.Summary) < 900 {
					t.Fatalf("got entry %d, want %d", m.Entry.Offset, next)
				}
				next++
			}
			if pongs != pings {
				t.Errorf("%d pings were answered with %d pongs", pings, pongs)
			}
		})
	}
}

// nextFrame reads a frame of the hub's, none of which here is shorter than 4
// bytes.
func nextFrame(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	head, err := r.Peek(4)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, serverFrame(head))
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// only is the poller's only client, as soon as it has one.
func (p *poller) only(t *testing.T) (only *parked) {
	t.Helper()
	eventually(t, "the reader to be parked", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, only = range p.clients {
		}
		return len(p.clients) == 1
	})
	return only
}

// inMidFrame reports whether the socket has taken a part of what it was given.
func (p *parked) inMidFrame() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.wire.(*sealed); ok {
		return len(s.left) > 0
	}
	return !p.out.empty() && p.out.sent > 0
}

// behind is how many bytes are in the outbox.
func (p *parked) behind() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.size
}

// waits is how many messages are in the outbox.
func (p *parked) waits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out.waiting)
}

// eventually waits until what is asked for is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(2 * time.Minute); !is(); <-tick.C {
		if time.Now().After(over) {
			t.Fatal("not in time: ", what)
		}
	}
}
