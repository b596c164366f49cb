package seal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"crier/push/seal"
)

func TestCheck(t *testing.T) {
	private, public := vapidKeys(t)
	_, stranger := vapidKeys(t)
	s, err := seal.NewSigner(private, "https://news.example")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	const origin = "https://a.example"
	header, err := s.Authorization(origin, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Check(header, public, origin, now); err != nil {
		t.Errorf("our own: %v", err)
	}
	dot := strings.LastIndexByte(header, '.')
	for name, c := range map[string]struct {
		header, public, origin string
		at                     time.Time
	}{
		"none":               {"", public, origin, now},
		"a bearer's":         {"Bearer x", public, origin, now},
		"of another":         {header, stranger, origin, now},
		"said to be another": {strings.Replace(header, public, stranger, 1), stranger, origin, now},
		"for another":        {header, public, "https://b.example", now},
		"over":               {header, public, origin, now.Add(13 * time.Hour)},
		"too far ahead":      {header, public, origin, now.Add(-13 * time.Hour)},
		"changed":            {strings.Replace(header, "t=ey", "t=fy", 1), public, origin, now},
		"without signature":  {header[:dot] + ", k=" + public, public, origin, now},
		"signed by nobody":   {header[:dot] + "." + strings.Repeat("A", 86) + ", k=" + public, public, origin, now},
		"of no key":          {strings.Replace(header, public, "x", 1), "x", origin, now},
	} {
		if err := seal.Check(c.header, c.public, c.origin, c.at); !errors.Is(err, seal.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	_, public := vapidKeys(f)
	f.Add("vapid t=a.b.c, k=" + public)
	f.Add("vapid t=, k=")
	f.Fuzz(func(t *testing.T, header string) {
		if seal.Check(header, public, "https://a.example", time.Now()) == nil {
			t.Fatalf("%q is taken, and nobody has signed it", header)
		}
	})
}
