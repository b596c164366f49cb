package news_test

import (
	"encoding/json"
	"errors"
	"testing"

	"crier/news"
)

func TestParseCursor(t *testing.T) {
	for _, c := range []struct {
		in   string
		want news.Cursor
		ok   bool
	}{
		{"", news.Cursor{}, true},
		{"e1.0", news.Cursor{Epoch: "e1"}, true},
		{"e1.9223372036854775807", news.Cursor{Epoch: "e1", Offset: 1<<63 - 1}, true},
		{"e1.9223372036854775808", news.Cursor{}, false}, // SQLite and Redis count in int64
		{".5", news.Cursor{}, false},
		{"e1", news.Cursor{}, false},
		{"e1.", news.Cursor{}, false},
		{"e1.05", news.Cursor{}, false},
		{"e1.+5", news.Cursor{}, false},
		{"e1.-5", news.Cursor{}, false},
		{"E1.5", news.Cursor{}, false},
		{"e1.5.5", news.Cursor{}, false},
		{"../e.5", news.Cursor{}, false},
		{"e1.5\x00", news.Cursor{}, false},
	} {
		got, err := news.ParseCursor(c.in)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("ParseCursor(%q) = %v, %v; want %v, ok %v", c.in, got, err, c.want, c.ok)
		}
		if err != nil && !errors.Is(err, news.ErrBadCursor) {
			t.Errorf("ParseCursor(%q): error %v is not ErrBadCursor", c.in, err)
		}
	}
}

func TestCursorInJSON(t *testing.T) {
	in := news.Cursor{Epoch: "e1", Offset: 7}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `"e1.7"` {
		t.Fatalf("Marshal = %s, %v", b, err)
	}
	var out news.Cursor
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("Unmarshal = %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`"nonsense"`), &out); !errors.Is(err, news.ErrBadCursor) {
		t.Errorf("Unmarshal of nonsense: %v", err)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "e1.5", "e1.05", "e1", "🙂.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := news.ParseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("%q was read as %v, which is written %q", s, c, c.String())
		}
		if err != nil && c != (news.Cursor{}) {
			t.Errorf("%q is refused, but gave %v", s, c)
		}
	})
}
