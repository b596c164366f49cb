package browsertest

import (
	"strings"
	"testing"
)

func TestParseChord(t *testing.T) {
	for _, c := range []struct {
		in         string
		name, text string
		code, held int
		bad        bool
	}{
		{in: "Enter", name: "Enter", text: "\r", code: 13},
		{in: "a", name: "a", text: "a", code: 65},
		{in: "+", name: "+", text: "+"},
		{in: "Space", name: " ", text: " ", code: 32},
		{in: "ö", name: "ö", text: "ö"},
		{in: "F4", name: "F4", code: 115},
		{in: "Shift+Tab", name: "Tab", code: 9, held: 8},
		{in: "Shift+A", name: "A", text: "A", code: 65, held: 8},
		{in: "Control+Shift+a", name: "a", code: 65, held: 10},
		{in: "Control++", name: "+", held: 2},
		{in: "", bad: true},
		{in: "Return", bad: true},
		{in: "F13", bad: true},
		{in: "Ctrl+a", bad: true},
		{in: "Control+", bad: true},
	} {
		got, err := parseChord(c.in)
		if (err != nil) != c.bad {
			t.Errorf("%q: error %v, want one: %t", c.in, err, c.bad)
			continue
		}
		held := 0
		for _, m := range got.held {
			held |= m.bit
		}
		if got.key.name != c.name || got.key.text != c.text || got.key.code != c.code || held != c.held {
			t.Errorf("%q: %+v, want %+v", c.in, got, c)
		}
	}
}

func FuzzParseChord(f *testing.F) {
	for _, s := range []string{"Tab", "Shift+Tab", "Control++", "+", "Alt+", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseChord(s)
		if err == nil && (c.key.name == "" || c.key.rune == 0 && !strings.Contains(s, "\x00")) {
			t.Errorf("%q is a chord without a key: %+v", s, c)
		}
	})
}
