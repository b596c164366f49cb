package load

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestCrowdOrders gives a crowd what it cannot follow.
func TestCrowdOrders(t *testing.T) {
	for in, says := range map[string]string{
		"":  "EOF",
		"{": "crowd: ",
		`{"URLs":["https://news.example"],"Readers":1}`: "news.example is not this machine",
		`{"URLs":["ws://127.0.0.1"],"Readers":1}`:       "scheme and host",
		`{"Readers":1}`: "give the address",
	} {
		var out strings.Builder
		if err := Crowd(t.Context(), strings.NewReader(in), &out); err == nil || !strings.Contains(err.Error(), says) || out.Len() > 0 {
			t.Errorf("%q: %v, said %s", in, err, out.String())
		}
	}
	var out strings.Builder
	if err := Crowd(t.Context(), strings.NewReader(`{"URLs":["http://127.0.0.1:1"],"Readers":2,"AtOnce":1}`), &out); err != nil || !strings.Contains(out.String(), "could not join") {
		t.Errorf("nobody there: %v, said %s", err, out.String())
	}
}

// TestCrowdEnds: what a crowd never does is not waited for.
func TestCrowdEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &crowdProcess{back: make(chan time.Time, 1)}
	c := &crowds{all: []*crowdProcess{p}}
	cancel()
	if !c.allBack(ctx).IsZero() {
		t.Error("all are back")
	}
	close(p.back)
	if !c.allBack(t.Context()).IsZero() {
		t.Error("all are back")
	}
}

// TestMergedHistogram: two processes' counts are as if one had counted.
func TestMergedHistogram(t *testing.T) {
	var a, b, both Histogram
	for i := range 1000 {
		d := time.Duration(i*i) * time.Microsecond
		both.Add(d)
		if i%3 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	a.merge(b.counted())
	if a.times() != both.times() || a.Count() != both.Count() {
		t.Errorf("%+v, want %+v", a.times(), both.times())
	}
}
