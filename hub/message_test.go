package hub

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crier/news"
)

var update = flag.Bool("update", false, "write testdata/frames anew")

// golden is one message of each kind, as readers get it.
func golden(t *testing.T) map[string]encoded {
	t.Helper()
	at := time.Date(2026, 11, 23, 9, 30, 0, 120_000_000, time.UTC)
	later := at.Add(3 * time.Minute)
	cursor := news.Cursor{Epoch: "e4s1m8zv0k2c9t6w", Offset: 13}
	posted := news.Entry{Offset: 12, First: 12, Kind: news.Posted, Item: news.Item{
		ID: "n0h3v8c2k5d9t7w1", Version: 1, Story: "election-night", Level: news.Regular,
		Headline: "Polls close in the capital", Topics: []string{"politics", "world"}, Language: "en", PostedAt: at, RevisedAt: at,
	}}
	corrected := news.Entry{Offset: 13, First: 9, Kind: news.Corrected, Alert: true, Item: news.Item{
		ID: "n6p2x4r8b1m3q5z7", Version: 3, Story: "election-night", Level: news.Bulletin,
		Headline: `Turnout is 61 %, not 71 %: "a slip" <of> the pen & more`, Summary: "First line.\nSecond line.",
		URL: "https://news.example/turnout?a=1&b=2", Topics: []string{"politics"}, Formerly: []string{"economy"}, Language: "en",
		PostedAt: at, RevisedAt: later, CorrectedAt: &later, Reason: "A digit was wrong.",
		Alerted: &news.Reach{Level: news.Bulletin, Topics: []string{"economy", "politics"}},
	}}
	withdrawn := corrected
	withdrawn.Kind, withdrawn.Item.Withdrawn, withdrawn.Item.Reason = news.Withdrawn, true, "It did not happen."
	drill := posted
	drill.Item.Drill, drill.Item.Topics = true, []string{"drill"}
	all := map[string]encoded{"hello": encodeHello(cursor, 25*time.Second), "beat": encodeBeat(cursor, false), "beat-stale": encodeBeat(cursor, true), "beat-stale-bare": encodeBeat(news.Cursor{}, true),
		"drain": encodeDrain(10 * time.Second)}
	for name, e := range map[string]news.Entry{"entry": corrected, "entry-posted": posted, "entry-withdrawn": withdrawn, "entry-drill": drill} {
		enc, err := encodeEntry(e, news.Cursor{Epoch: cursor.Epoch, Offset: e.Offset})
		if err != nil {
			t.Fatal(err)
		}
		all[name] = enc
	}
	enc, err := encodeReset(news.Snapshot{Cursor: cursor, Entries: []news.Entry{posted, corrected}})
	if err != nil {
		t.Fatal(err)
	}
	all["reset"] = enc
	if enc, err = encodeReset(news.Snapshot{Cursor: cursor, Entries: []news.Entry{}}); err != nil {
		t.Fatal(err)
	}
	all["reset-empty"] = enc
	return all
}

// TestGoldenFrames holds the messages to testdata/frames, which the browser's
// tests read too: what we send and what they understand cannot part.
func TestGoldenFrames(t *testing.T) {
	all := golden(t)
	for name, enc := range all {
		file := filepath.Join("testdata", "frames", name+".json")
		text := payload(t, enc[frames])
		if *update {
			if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(text, '\n'), want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, text, want)
		}
	}
	files, err := filepath.Glob("testdata/frames/*.json")
	if err != nil || len(files) != len(all) {
		t.Errorf("there are %d golden frames for %d messages, %v", len(files), len(all), err)
	}
}

// TestForms: every form of a message carries the same JSON, on one line.
func TestForms(t *testing.T) {
	for name, enc := range golden(t) {
		text := payload(t, enc[frames])
		var m struct{ Type, Cursor string }
		if err := json.Unmarshal(text, &m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		event := "data: " + string(text) + "\n\n"
		if m.Cursor != "" {
			event = "id: " + m.Cursor + "\n" + event
		}
		line := string(text) + "\n"
		if m.Type == "beat" {
			event = ": beat\n" + event
		}
		if got := string(enc[events]); got != event {
			t.Errorf("%s as an event is %q, want %q", name, got, event)
		}
		if got := string(enc[lines]); got != line {
			t.Errorf("%s as a line is %q, want %q", name, got, line)
		}
		if bytes.ContainsAny(text, "\r\n") {
			t.Errorf("%s is not on one line", name)
		}
	}
}

// payload takes the header off the one text frame that b is.
func payload(t *testing.T, b []byte) []byte {
	t.Helper()
	header := map[byte]int{126: 4, 127: 10}[b[1]]
	if header == 0 {
		header = 2
	}
	if b[0] != 0x81 || serverFrame(b) != len(b) {
		t.Fatalf("not one text frame: %d bytes, the header says %d", len(b), serverFrame(b))
	}
	return b[header:]
}

func TestFrameHeaders(t *testing.T) {
	for _, c := range []struct {
		n    int
		want []byte
	}{
		{0, []byte{0x81, 0}},
		{125, []byte{0x81, 125}},
		{126, []byte{0x81, 126, 0, 126}},
		{65535, []byte{0x81, 126, 0xff, 0xff}},
		{65536, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		got := appendFrameHeader(nil, c.n)
		if !bytes.Equal(got, c.want) || serverFrame(append(got, make([]byte, c.n)...)) != len(got)+c.n {
			t.Errorf("header of %d bytes: % x, want % x", c.n, got, c.want)
		}
	}
}

// TestTogether: entries in line are one write, for the forms that are in use.
func TestTogether(t *testing.T) {
	text := func(s string) encoded { return shape("e.1", "", []byte(s)) }
	run := []*message{{encoded: text("a")}, {encoded: text("b")}}
	all := together(run, [forms]int{frames: 5, lines: 1})
	if got := string(all[frames]); got != "\x81\x01a\x81\x01b" {
		t.Errorf("frames %q", got)
	}
	if got := string(all[lines]); got != "a\nb\n" {
		t.Errorf("lines %q", got)
	}
	if all[events] != nil {
		t.Errorf("events %q, which nobody uses", all[events])
	}
	if alone := together(run[:1], [forms]int{}); &alone[frames][0] != &run[0].encoded[frames][0] {
		t.Error("a single message was copied")
	}
}

func TestRing(t *testing.T) {
	var r ring
	r.init(4)
	r.clear(10)
	add := func(seq uint64) {
		r.add(&message{seq: seq, from: seq - 1, live: seq%2 == 0, topics: []string{"t"}, encoded: encoded{frames: []byte{byte('a' + seq - 11)}}})
	}
	for seq := uint64(11); seq <= 16; seq++ {
		add(seq)
	}
	for at, has := range map[uint64]bool{0: false, 10: false, 11: false, 12: true, 15: true, 16: true, 17: false} {
		if r.has(at) != has {
			t.Errorf("has(%d) is %v", at, !has)
		}
	}
	for _, c := range []struct {
		at     uint64
		topics []string
		limit  int
		want   string
		to     uint64
	}{
		{12, nil, 100, "df", 16},
		{12, []string{"t"}, 100, "cdef", 16},
		{12, []string{"x", "t"}, 2, "cd", 14},
		{12, []string{"x"}, 100, "", 16},
		{15, []string{"t"}, 100, "f", 16},
		{16, []string{"t"}, 100, "", 16},
	} {
		if b, to := r.gather(c.at, c.topics, frames, c.limit); string(b) != c.want || to != c.to {
			t.Errorf("gather(%d, %v, %d) = %q, %d; want %q, %d", c.at, c.topics, c.limit, b, to, c.want, c.to)
		}
	}
	r.clear(20)
	if !r.has(20) || r.has(16) {
		t.Error("the ring was not cleared")
	}
}

// TestCauses: each has a name of its own.
func TestCauses(t *testing.T) {
	seen := map[string]bool{}
	for c := range causes {
		if name := c.String(); name == "" || seen[name] || strings.ToLower(name) != name {
			t.Errorf("cause %d is called %q", c, name)
		} else {
			seen[name] = true
		}
	}
}

// TestCursorOf: a poll's cursor is that of the messages, read without parsing
// them.
func TestCursorOf(t *testing.T) {
	at := news.Cursor{Epoch: "e1", Offset: 7}
	odd := news.Entry{Offset: 7, Kind: news.Posted, Item: news.Item{Headline: `","cursor":"e2.9"`}}
	entry, err := encodeEntry(odd, at)
	if err != nil {
		t.Fatal(err)
	}
	reset, err := encodeReset(news.Snapshot{Cursor: at, Entries: []news.Entry{odd}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line []byte
		want news.Cursor
	}{
		{entry[lines], at},
		{reset[lines], at},
		{encodeHello(at, time.Second)[lines], at},
		{encodeBeat(at, true)[lines], at},
		{encodeBeat(news.Cursor{}, true)[lines], news.Cursor{}},
		{encodeDrain(time.Second)[lines], news.Cursor{}},
		{[]byte(`{"type":"entry`), news.Cursor{}},
		{[]byte(`{"type":"entry","cursor":"e1`), news.Cursor{}},
		{nil, news.Cursor{}},
	} {
		var parsed struct{ Cursor news.Cursor }
		_ = json.Unmarshal(c.line, &parsed) // two of these are no JSON
		if got, ok := cursorOf(c.line); got != c.want || ok != (c.want != news.Cursor{}) || got != parsed.Cursor {
			t.Errorf("%s: %s, %t; want %s", c.line, got, ok, c.want)
		}
	}
}
