package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"crier/news"
	"crier/news/newstest"
)

// newStage is a hub that has loaded l's front and published what l has, with
// one shard that the test runs itself. The line is empty.
func newStage(t *testing.T, l *newstest.Log, recent int) (*Hub, *shard) {
	t.Helper()
	h, err := New(l, Options{Shards: 1, Recent: recent})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := h.restart(ctx, news.Snapshot{Cursor: news.Cursor{Epoch: "stage"}}, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		publishOne(t, h, uint64(i+1))
	}
	s := h.shards[0]
	for len(s.line) > 0 {
		s.send([]*message{<-s.line})
	}
	return h, s
}

// publishOne publishes entry offset, whose topics are its number and "all".
func publishOne(t *testing.T, h *Hub, offset uint64) {
	t.Helper()
	it := news.Item{ID: fmt.Sprint("n", offset), Headline: fmt.Sprint("h", offset), Topics: []string{"all", fmt.Sprint(offset)}}
	if err := h.publish(context.Background(), []news.Entry{{Offset: offset, First: offset, Kind: news.Posted, Item: it}}); err != nil {
		t.Fatal(err)
	}
}

// seated is a reader that has been brought to broadcast at.
func seated(h *Hub, s *shard, at uint64, topics ...string) *written {
	w := &written{}
	w.init(h, w, lines, topics)
	w.at = at
	s.seat(&w.reader)
	return w
}

func (w *written) messages() string {
	var got []string
	for line := range strings.Lines(string(w.b)) {
		switch _, text, ok := strings.Cut(line, `"offset":`); {
		case strings.Contains(line, `"reset"`):
			got = append(got, fmt.Sprint("reset:", strings.Count(line, `"offset"`)))
		case ok:
			n, _, _ := strings.Cut(text, ",")
			got = append(got, n)
		}
	}
	return strings.Join(got, " ")
}

// TestSeat: whatever passed between a joiner's last look and the reader's seat
// in its shard is made up for, and what the joiner saw before the shard did is
// not sent again. The front's reset is broadcast 1, entry n is n+1.
func TestSeat(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     uint64
		topics []string
		recent int
		want   string
	}{
		{"at the head", 4, nil, 8, "4 5"},
		{"behind the shard", 2, nil, 8, "2 3 4 5"},
		{"behind the shard, with a topic", 1, []string{"2", "5"}, 8, "2 5"},
		{"behind the ring", 1, nil, 2, "reset:3 4 5"},
		{"ahead of the shard", 5, nil, 8, "5"},
		{"ahead of the shard, with topics", 5, []string{"4", "5", "all"}, 8, "5"},
		{"ahead of all", 7, nil, 8, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, s := newStage(t, newstest.New(), c.recent)
			w := seated(h, s, c.at, c.topics...)
			publishOne(t, h, 4)
			publishOne(t, h, 5)
			s.send([]*message{<-s.line, <-s.line}) // in one write
			if got := w.messages(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestAnnounced: a reset goes to those it is news to; a beat never says more
// than its reader has been sent.
func TestAnnounced(t *testing.T) {
	h, s := newStage(t, newstest.New(), 8)
	before := seated(h, s, 4)
	if err := h.restart(context.Background(), news.Snapshot{Cursor: news.Cursor{Epoch: "anew", Offset: 7}}, nil); err != nil {
		t.Fatal(err)
	}
	after := seated(h, s, h.seq) // its joiner has seen the reset already
	s.send([]*message{<-s.line})
	if before.messages() != "reset:0" || after.messages() != "" {
		t.Errorf("got %q and %q", before.messages(), after.messages())
	}
	publishOne(t, h, 8)
	s.send([]*message{<-s.line})
	for _, w := range []*written{before, after} {
		if !strings.HasSuffix(w.messages(), "8") {
			t.Errorf("after the reset: %q", w.messages())
		}
	}
	late := seated(h, s, h.seq+1)
	old := &message{kind: beat, from: h.seq, seq: h.seq, encoded: encoded{lines: []byte("beat\n")}}
	for old.phase = range phases {
		s.announce(old)
	}
	if strings.Contains(string(late.b), "beat") || !strings.Contains(string(before.b), "beat") {
		t.Errorf("beats: %q, %q", late.b, before.b)
	}
	publishOne(t, h, 9)
	s.send([]*message{<-s.line})
	if !strings.HasSuffix(before.messages(), "8 9") {
		t.Errorf("after a beat: %q", before.messages())
	}
}

// TestResetOfWhoWasAhead: who has seen entries that the hub never had, and that
// the log has lost, gets the reset and every entry after it, wherever it was
// when history was lost.
func TestResetOfWhoWasAhead(t *testing.T) {
	for name, come := range map[string]func(h *Hub, s *shard, at uint64) *written{
		"seated before": func(h *Hub, s *shard, at uint64) *written {
			w := seated(h, s, at)
			lose(t, h)
			return w
		},
		"seated between": func(h *Hub, s *shard, at uint64) *written {
			lose(t, h)
			return seated(h, s, at)
		},
		"seated after": func(h *Hub, s *shard, at uint64) *written {
			lose(t, h)
			s.send([]*message{<-s.line})
			return seated(h, s, at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := newStage(t, newstest.New(), 8)
			w := come(h, s, h.seq+3)
			for len(s.line) > 0 {
				s.send([]*message{<-s.line})
			}
			for i := range 4 {
				publishOne(t, h, uint64(8+i))
				s.send([]*message{<-s.line})
			}
			if got, want := w.messages(), "reset:0 8 9 10 11"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// lose has the log begin a new epoch at 7.
func lose(t *testing.T, h *Hub) {
	t.Helper()
	if err := h.restart(context.Background(), news.Snapshot{Cursor: news.Cursor{Epoch: "anew", Offset: 7}}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestBeats: whatever comes in between, no reader is without a word for longer
// than all phases take, nobody is sent beats who is sent entries, and who wants
// none of these is sent one in each round.
func TestBeats(t *testing.T) {
	const rounds = 20
	for _, c := range []struct {
		every int // how many beats between two entries
		beats int // one reader is sent, at most
	}{{1, 0}, {7, 0}, {32, 0}, {33, 2}, {50, 15}, {64, 20}, {65, 20}, {100, 20}, {2 * rounds * phases, 20}} {
		h, s := newStage(t, newstest.New(), 8)
		var all [phases]*written
		var others [phases]int // beats to those who want nothing of what comes
		var idle [phases]*written
		for i := range all {
			all[i] = seated(h, s, 4)
		}
		for i := range idle {
			idle[i] = seated(h, s, 4, "nothing")
		}
		var heard, beats [phases]int
		for n := 1; n <= rounds*phases; n++ {
			if n%c.every == 0 {
				publishOne(t, h, uint64(3+n/c.every))
				s.send([]*message{<-s.line})
				for i := range heard {
					heard[i] = n - 1 // or soon after
				}
			}
			s.announce(&message{kind: beat, phase: n % phases, from: h.seq, seq: h.seq, encoded: encoded{lines: []byte("beat\n")}})
			for i, w := range all {
				if strings.HasSuffix(string(w.b), "beat\n") {
					heard[i], beats[i] = n, beats[i]+1
				}
				w.b = nil
				if n-heard[i] > phases {
					t.Fatalf("an entry every %d beats: reader %d has heard nothing for %d beats", c.every, i, n-heard[i])
				}
			}
			for i, w := range idle {
				others[i] += strings.Count(string(w.b), "beat\n")
				w.b = nil
			}
		}
		if low, high := slices.Min(others[:]), slices.Max(others[:]); low < rounds || high > rounds+1 {
			t.Errorf("an entry every %d beats: who is sent none gets %d to %d beats in %d rounds", c.every, low, high, rounds)
		}
		if got := slices.Max(beats[:]); got != c.beats {
			t.Errorf("an entry every %d beats: a reader was sent %d beats, want %d", c.every, got, c.beats)
		}
	}
}

// TestWordOfSilence: all are told that the log is silent, and so is who comes
// later, but nobody is taken back by its cursor.
func TestWordOfSilence(t *testing.T) {
	h, s := newStage(t, newstest.New(), 8)
	come := func(at uint64, f form) *written {
		w := &written{}
		w.init(h, w, f, nil)
		w.at = at
		s.seat(&w.reader)
		return w
	}
	tell := func(stale bool) {
		h.tellPulse(context.Background(), stale)
		s.send([]*message{<-s.line})
	}
	here, ahead := come(4, events), come(9, events)
	tell(true)
	late, poll := come(4, events), come(4, lines)
	tell(false)
	after := come(4, events)
	const at, stale, fresh = "id: stage.3\n", `data: {"type":"beat","cursor":"stage.3","stale":true}`, `data: {"type":"beat","cursor":"stage.3"}`
	for _, c := range []struct {
		name string
		who  *written
		want string
	}{
		{"a reader at the head", here, ": beat\n" + at + stale + "\n\n: beat\n" + at + fresh + "\n\n"},
		{"a reader who has seen more", ahead, ": beat\ndata: {\"type\":\"beat\",\"stale\":true}\n\n: beat\ndata: {\"type\":\"beat\"}\n\n"},
		{"a reader who came meanwhile", late, ": beat\n" + at + stale + "\n\n: beat\n" + at + fresh + "\n\n"},
		{"a poll that came meanwhile", poll, "{\"type\":\"beat\"}\n"},
		{"a reader who came after it", after, ""},
	} {
		if got := string(c.who.b); got != c.want {
			t.Errorf("%s got %q, want %q", c.name, got, c.want)
		}
	}
}
