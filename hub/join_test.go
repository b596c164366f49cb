package hub_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"crier/hub"
	"crier/news"
	"crier/news/newstest"
)

func tlsClient(c net.Conn) net.Conn {
	return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // httptest's own certificate
}

// TestResume joins with every kind of cursor.
func TestResume(t *testing.T) {
	type join struct {
		name   string
		cursor func(l *newstest.Log) news.Cursor
		topics []string
		want   []string
	}
	offset := func(o uint64) func(*newstest.Log) news.Cursor {
		return func(l *newstest.Log) news.Cursor { return at(t, l, o) }
	}
	none := func(*newstest.Log) news.Cursor { return news.Cursor{} }
	other := func(*newstest.Log) news.Cursor { return news.Cursor{Epoch: "elsewhere", Offset: 3} }
	tail := []string{"entry 9 posted h9", "entry 10 posted h10"}
	joins := []join{
		{"none", none, nil, []string{"hello 10"}},
		{"head", offset(10), nil, []string{"hello 10"}},
		{"in the ring", offset(8), nil, append([]string{"hello 8"}, tail...)},
		{"before the ring", offset(5), nil, append([]string{"hello 5", "entry 6 posted h6", "entry 7 posted h7", "entry 8 posted h8"}, tail...)},
		{"too far back", offset(2), nil, []string{"hello 2", "reset 10: h10 h9 h8 h7 h6 h5 h4 h3 h2 h1"}},
		{"the beginning", offset(0), nil, []string{"hello 0", "reset 10: h10 h9 h8 h7 h6 h5 h4 h3 h2 h1"}},
		{"ahead of the log", offset(11), nil, []string{"hello 11", "reset 10: h10 h9 h8 h7 h6 h5 h4 h3 h2 h1"}},
		{"another epoch", other, nil, []string{"hello 3", "reset 10: h10 h9 h8 h7 h6 h5 h4 h3 h2 h1"}},
		{"a topic", offset(5), []string{"odd"}, []string{"hello 5", "entry 7 posted h7", "entry 9 posted h9"}},
		{"two topics", offset(7), []string{"even", "odd"}, append([]string{"hello 7", "entry 8 posted h8"}, tail...)},
		{"a topic in the ring", offset(7), []string{"even"}, []string{"hello 7", "entry 8 posted h8", "entry 10 posted h10"}},
		{"a topic nobody has", offset(5), []string{"none"}, []string{"hello 5"}},
		{"a topic, too far back", offset(1), []string{"odd"}, []string{"hello 1", "reset 10: h9 h7 h5 h3 h1"}},
	}
	onEveryWay(t, func(t *testing.T, w way) {
		l := newstest.New()
		for i := range 6 {
			l.Post(fmt.Sprint("h", i+1), []string{"even", "odd"}[(i+1)%2], "both")
		}
		n := serve(t, l, w, hub.Options{Recent: 4, Replay: 7, DrainWindow: -1})
		for i := 6; i < 10; i++ {
			l.Post(fmt.Sprint("h", i+1), []string{"even", "odd"}[(i+1)%2], "both")
		}
		until(t, "the hub to be at 10", func() bool { return n.hub.Stats().Head.Offset == 10 })
		clients := make([]*client, len(joins))
		for i, j := range joins {
			clients[i] = n.dial(t, hub.Join{Cursor: j.cursor(l), Topics: j.topics})
			hello := clients[i].expect(j.want...)
			if hello.Type == "hello" && hello.BeatMS != 25000 {
				t.Errorf("%s: beat_ms is %d", j.name, hello.BeatMS)
			}
		}
		// All of them are live, without a gap or a repeat.
		l.Post("h11", "odd", "both")
		l.Post("h12", "even", "none")
		for i, j := range joins {
			first, second := "entry 11 posted h11", "entry 12 posted h12"
			switch fmt.Sprint(j.topics) {
			case "[odd]":
				clients[i].expect(first)
			case "[even]", "[none]":
				clients[i].expect(second)
			default:
				clients[i].expect(first, second)
			}
		}
	})
}

// TestTrimmedAndBroken: what the log has lost is told with a reset, what it
// cannot give just now with a close that asks to try again.
func TestTrimmedAndBroken(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		l := newstest.New()
		for i := range 6 {
			l.Post(fmt.Sprint("h", i+1))
		}
		n := serve(t, l, w, hub.Options{Recent: 1, DrainWindow: -1})
		l.Trim(2)
		n.dial(t, hub.Join{Cursor: at(t, l, 2)}).expect("hello 2", "reset 6: h6 h5 h4 h3 h2 h1")
		n.dial(t, hub.Join{Cursor: at(t, l, 4)}).expect("hello 4", "entry 5 posted h5", "entry 6 posted h6")
		before := at(t, l, 4)
		l.Break(fmt.Errorf("disk on fire"))
		c := n.dial(t, hub.Join{Cursor: before})
		c.expect("hello 4")
		c.expectClose(1013)
		n.dial(t, hub.Join{}).expect("hello 6") // needs no log
		l.Break(nil)
		n.dial(t, hub.Join{Cursor: before}).expect("hello 4", "entry 5 posted h5", "entry 6 posted h6")
	})
}

// TestAheadOfTheHub: a cursor that the log knows and the hub does not yet.
func TestAheadOfTheHub(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		l := newstest.New()
		l.Post("h1")
		n := serve(t, l, w, hub.Options{DrainWindow: -1})
		l.SetDoorbell(newstest.Silent) // the hub learns of it when it looks by itself
		cursor := l.Post("h2").Cursor
		c := n.dial(t, hub.Join{Cursor: cursor})
		c.expect("hello 2")
		l.Post("h3")
		c.expect("entry 3 posted h3")
	})
}

// TestLostEpoch: readers who are there when history is lost get the front.
func TestLostEpoch(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		l := newstest.New()
		n := serve(t, l, w, hub.Options{DrainWindow: -1})
		all, odd := n.dial(t, hub.Join{}), n.dial(t, hub.Join{Topics: []string{"odd"}})
		all.expect("hello 0")
		odd.expect("hello 0")
		for i := range 4 {
			l.Post(fmt.Sprint("h", i+1), []string{"even", "odd"}[(i+1)%2])
		}
		all.expect("entry 1 posted h1", "entry 2 posted h2", "entry 3 posted h3", "entry 4 posted h4")
		odd.expect("entry 1 posted h1", "entry 3 posted h3")
		l.Restore(2)
		old := all.expect("reset 2: h2 h1").Cursor
		odd.expect("reset 2: h1")
		l.Post("h3 again", "odd")
		if c := all.expect("entry 3 posted h3 again").Cursor; c.Epoch != old.Epoch {
			t.Errorf("cursor %s after a reset at %s", c, old)
		}
		odd.expect("entry 3 posted h3 again")
		n.dial(t, hub.Join{Cursor: old}).expect("hello 2", "entry 3 posted h3 again")
		if s := n.hub.Front([]string{"odd"}); s.Cursor.Offset != 3 || len(s.Entries) != 2 {
			t.Errorf("front %+v", s)
		}
	})
}

// TestTopics: who gets what, with drills and with items that move.
func TestTopics(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{DrainWindow: -1})
		all := n.dial(t, hub.Join{})
		world := n.dial(t, hub.Join{Topics: []string{"sport", "world"}})
		economy := n.dial(t, hub.Join{Topics: []string{"economy"}})
		drill := n.dial(t, hub.Join{Topics: []string{"drill"}})
		fire := n.dial(t, hub.Join{Topics: []string{"drill-fire", "world"}})
		for _, c := range []*client{all, world, economy, drill, fire} {
			c.expect("hello 0")
		}
		moved := n.log.Post("moves", "economy").Entry
		n.log.Post("both", "sport", "world") // two reasons, one delivery
		n.log.Post("exercise", "drill")
		n.log.Post("fire", "drill-fire")
		to := []string{"world"}
		moved = n.log.Revise(moved, news.Revision{Kind: news.Updated, Topics: &to}).Entry
		moved = n.log.Revise(moved, news.Revision{Kind: news.Corrected, Reason: "wrong"}).Entry
		n.log.Revise(moved, news.Revision{Kind: news.Withdrawn, Reason: "very wrong"})
		n.log.Post("untagged")
		last := n.log.Post("end", "economy", "world")
		n.log.Post("end of drill", "drill", "drill-fire")

		steps := []string{"entry 5 updated moves", "entry 6 corrected moves", "entry 7 withdrawn moves"}
		all.expect(append(append([]string{"entry 1 posted moves", "entry 2 posted both"}, steps...), "entry 8 posted untagged", "entry 9 posted end")...)
		world.expect(append(append([]string{"entry 2 posted both"}, steps...), "entry 9 posted end")...)
		economy.expect(append(append([]string{"entry 1 posted moves"}, steps...), "entry 9 posted end")...)
		drill.expect("entry 3 posted exercise", "entry 10 posted end of drill")
		fire.expect(append(append([]string{"entry 2 posted both", "entry 4 posted fire"}, steps...), "entry 9 posted end", "entry 10 posted end of drill")...)

		// The same for those who come back.
		start := last.Cursor
		start.Offset = 0
		n.dial(t, hub.Join{Cursor: start, Topics: []string{"economy"}}).expect(append(append([]string{"hello 0", "entry 1 posted moves"}, steps...), "entry 9 posted end")...)
		n.dial(t, hub.Join{Cursor: start, Topics: []string{"drill"}}).expect("hello 0", "entry 3 posted exercise", "entry 10 posted end of drill")
	})
}

// TestBeats: each reader hears from us, with a cursor that is true.
func TestBeats(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{Beat: 40 * time.Millisecond, DrainWindow: -1})
		c := n.dial(t, hub.Join{Topics: []string{"rare"}})
		if m := c.expect("hello 0"); m.BeatMS != 40 {
			t.Errorf("hello %+v", m)
		}
		c.expect("beat 0", "beat 0")
		n.log.Post("not wanted", "other")
		for m := c.expect2beat(); m.Cursor.Offset != 1; m = c.expect2beat() {
		}
		n.log.Post("wanted", "rare")
		c.expect("entry 2 posted wanted", "beat 2")
	})
}

func (c *client) expect2beat() live {
	c.t.Helper()
	m, err := c.read()
	if err != nil || m.Type != "beat" {
		c.t.Fatalf("got %s, %v", m, err)
	}
	return m
}
