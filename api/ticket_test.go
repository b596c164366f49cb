package api

import (
	"encoding/base64"
	"testing"
	"time"
)

func signedWith(key string) func() []byte { return func() []byte { return []byte(key) } }

func TestTickets(t *testing.T) {
	shared := signedWith("a key that all nodes share")
	one, other, stranger := newTickets(shared), newTickets(shared), newTickets(signedWith("another"))
	now := time.Now()
	ticket := one.issue(now)
	for _, c := range []struct {
		name string
		of   *tickets
		text string
		at   time.Time
		want bool
	}{
		{"of a node with another key", stranger, ticket, now, false},
		{"too late", other, ticket, now.Add(ticketLife + time.Second), false},
		{"none", other, "", now, false},
		{"shortened", other, ticket[:len(ticket)-4], now, false},
		{"lengthened", other, ticket + "AAAA", now, false},
		{"on another node", other, ticket, now.Add(ticketLife - time.Second), true},
		{"again", other, ticket, now, false},
		{"another", other, one.issue(now), now, true},
	} {
		if got := c.of.take(c.text, c.at); got != c.want {
			t.Errorf("%s: taken %v, want %v", c.name, got, c.want)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(one.issue(now))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // no bit of it can be changed
		raw[i] ^= 1
		if one.take(base64.RawURLEncoding.EncodeToString(raw), now) {
			t.Errorf("a ticket is taken whose byte %d was changed", i)
		}
		raw[i] ^= 1
	}
}

// TestTicketsAreForgotten: those that were used are remembered in a bounded
// number, and for as long as they are good.
func TestTicketsAreForgotten(t *testing.T) {
	s := newTickets(signedWith("key"))
	now := time.Now()
	for range mostSpent {
		if !s.take(s.issue(now), now) {
			t.Fatal("a good ticket is not taken")
		}
	}
	if s.take(s.issue(now), now) || len(s.spent) > mostSpent {
		t.Errorf("%d tickets are remembered", len(s.spent))
	}
	later := now.Add(ticketLife + time.Second)
	if !s.take(s.issue(later), later) || len(s.spent) != 1 {
		t.Errorf("%d tickets are remembered after their time", len(s.spent))
	}
}

func FuzzTicket(f *testing.F) {
	s := newTickets(signedWith("key"))
	f.Add(s.issue(time.Now()))
	f.Add("")
	f.Add("AAAA")
	strangers := newTickets(signedWith("another key"))
	f.Fuzz(func(t *testing.T, text string) {
		if strangers.take(text, time.Now()) {
			t.Fatalf("%q is taken", text)
		}
	})
}
