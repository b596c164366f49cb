package redis

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"

	"github.com/redis/go-redis/v9"
)

func member(s push.Subscription, born int64) string {
	id, auth, birth, rest := encode(s, born)
	return string(id) + string(auth) + string(birth) + string(rest)
}

func TestRecords(t *testing.T) {
	full := testSubscription(1)
	full.Auth = [16]byte{0xff, 0, 1}
	full.Quiet = &push.Quiet{From: 22 * 60, To: 7 * 60}
	full.Zone, full.Digest, full.FlashAlways, full.Unconfirmed, full.Key = "Europe/Vienna", 1439, true, true, 1<<20
	full.DailyMax, full.Language, full.Level = 300, "pt-BR", news.Flash
	full.CreatedAt, full.SeenAt = testTime.Add(-time.Hour), testTime.Add(123*time.Millisecond)
	for _, endpoint := range append(endpointsOf(), "", "https://push.example.org/"+strings.Repeat("x", 2000)) {
		for _, s := range []push.Subscription{full, testSubscription(2), {CreatedAt: testTime, SeenAt: testTime, Level: news.Regular}} {
			s.Endpoint, s.ID = endpoint, push.EndpointID(endpoint)
			r, err := decode(member(s, 1<<42))
			if err != nil || !reflect.DeepEqual(r, record{s, 1 << 42}) {
				t.Errorf("%+v became %+v, %v", s, r, err)
			}
		}
	}
	usual := member(testSubscription(1), 1)
	for i := range len(usual) {
		if _, err := decode(usual[:i]); err == nil {
			t.Errorf("the first %d bytes of a record are one", i)
		}
	}
	if len(usual) > 330 {
		t.Errorf("a usual subscription takes %d bytes", len(usual))
	}
}

// TestFirstRecords: subscriptions from before there were digests are read, and
// keep what they were promised.
func TestFirstRecords(t *testing.T) {
	for _, quiet := range []*push.Quiet{nil, {From: 22 * 60, To: 7 * 60}} {
		s := testSubscription(1)
		s.Quiet, s.Zone, s.Digest, s.Key, s.FlashAlways = quiet, "", 0, 0, false
		now := member(s, 7)
		head, ok := strings.CutSuffix(now, "\x00\x00\x00\x00")
		old := head
		s.Digest, s.FlashAlways = firstDigest, true
		if quiet != nil {
			quietly := string(binary.AppendVarint(binary.AppendVarint(nil, int64(quiet.From)), int64(quiet.To)))
			head, ok = strings.CutSuffix(now, "\x00\x00\x00\x01"+quietly)
			old = head + "\x01" + string(appendText(nil, "Europe/Vienna")) + quietly
			s.Zone, s.FlashAlways = "Europe/Vienna", false
		}
		if !ok {
			t.Fatalf("the record ends with %q", now[len(now)-10:])
		}
		old = old[:16] + "\x01" + old[17:]
		r, err := decode(old)
		if err != nil || !reflect.DeepEqual(r, record{s, 7}) {
			t.Errorf("%q was read as %+v, %v; want %+v", old, r, err, s)
		}
	}
}

// TestFirstRecordsArePut: one of version 1 is refreshed by its browser, and
// nobody else.
func TestFirstRecordsArePut(t *testing.T) {
	e := openTest(t, redistest.Start(t).URL(), Options{})
	s := testSubscription(1)
	s.Quiet, s.Zone, s.Digest, s.Key, s.FlashAlways = nil, "", 0, 0, false
	now := member(s, 7)
	old := now[:16] + "\x01" + strings.TrimSuffix(now[17:], "\x00\x00\x00\x00")
	if err := e.client.ZAdd(t.Context(), e.keys.shardOf(s.ID), redis.Z{Member: old}).Err(); err != nil {
		t.Fatal(err)
	}
	thief := s
	thief.Auth[0] ^= 1
	if _, err := e.PutSubscription(t.Context(), thief); !errors.Is(err, push.ErrNotYours) {
		t.Fatalf("taking over: %v", err)
	}
	s.Unconfirmed, s.Digest, s.Key = true, 60, 1
	if created, err := e.PutSubscription(t.Context(), s); created || err != nil {
		t.Fatalf("refreshing: %v, %v", created, err)
	}
	s.Unconfirmed = false // as all from before
	if got, err := e.Subscription(t.Context(), s.ID); err != nil || !reflect.DeepEqual(got, s) {
		t.Fatalf("refreshed: %+v, %v; want %+v", got, err, s)
	}
	if n, err := e.CountSubscriptions(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d stand, %v", n, err)
	}
}

// endpointsOf is an endpoint with each of the known beginnings.
func endpointsOf() (out []string) {
	for _, p := range endpointPrefixes() {
		out = append(out, p+"abc")
	}
	return out
}

func FuzzDecode(f *testing.F) {
	f.Add(member(testSubscription(1), 1))
	s := testSubscription(2)
	s.Quiet = &push.Quiet{From: 1, To: 2}
	f.Add(member(s, 1<<40))
	f.Add("")
	f.Add(strings.Repeat("\xff", 200))
	f.Fuzz(func(t *testing.T, in string) {
		r, err := decode(in)
		if err != nil {
			return
		}
		again, err := decode(member(r.sub, r.born))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v was written and read as %+v, %v", r, again, err)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(`12 3 {"kind":"posted","item":{"id":"n1"}}`)
	f.Add("1 1 {")
	f.Add("-1  {}")
	f.Fuzz(func(t *testing.T, in string) {
		e, err := unpack(in)
		if err == nil && (e.Offset > 1<<63-1 || e.First > 1<<63-1) {
			t.Fatalf("%q is at %d", in, e.Offset)
		}
		if r, err := parseRemoval(in); err == nil && r.text() == "" {
			t.Fatalf("%q is the removal %+v", in, r)
		}
	})
}

func TestCuts(t *testing.T) {
	for standing, want := range map[int64]int{0: 1, 1: 1, 2048: 1, 2049: 2, 4096: 2, 4097: 4, 100_000: 64, 10_000_000: 64} {
		if got := cuts(standing); got != want {
			t.Errorf("%d subscriptions are cut into %d ranges, want %d", standing, got, want)
		}
	}
}

// TestSight: what a node has seen changes only on what was vouched for.
func TestSight(t *testing.T) {
	a, b, c := seen{"e1", 1, "a"}, seen{"e1", 2, "b"}, seen{"e1", 3, "c"}
	other := seen{"e2", 1, "x"}
	for _, s := range []struct {
		name          string
		at, sent, got seen
		want          seen
		changed       bool
	}{
		{"the first look", seen{}, seen{}, b, b, false},
		{"further on", a, a, c, c, false},
		{"nothing new", b, b, b, b, false},
		{"an old answer", b, a, a, b, false},
		{"seen further meanwhile", b, a, c, b, false},
		{"of a new epoch", b, b, other, other, true},
		{"of a new epoch, asked for long ago", b, a, other, other, true},
		{"of an epoch that is over", other, b, c, other, false},
	} {
		x := sight{at: s.at}
		if changed := x.learn(s.sent, s.got); changed != s.changed || x.at != s.want {
			t.Errorf("%s: %+v, %v", s.name, x.at, changed)
		}
	}
}
