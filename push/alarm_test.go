package push

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func loggingGuard(log *strings.Builder) *guard {
	return newGuard(slog.New(slog.NewTextHandler(log, nil)))
}

func TestRemovalGuard(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	answer := map[byte]outcome{
		'a': {fate: accepted, at: now}, 'g': {fate: gone, at: now}, 't': {fate: throttled, at: now}, 'r': {fate: retry, at: now},
		'u': {fate: failed, reason: FailedUnauthorized, at: now}, 'f': {fate: failed, reason: FailedForbidden, at: now},
		'b': {fate: failed, reason: FailedRequest, at: now},
	}
	for _, tt := range []struct {
		name, answers string
		alarm         bool
	}{
		{"all is well", strings.Repeat("a", 1000), false},
		{"a few are gone", strings.Repeat("aaaaag", 200), false},
		{"too many are gone", strings.Repeat("aaag", 200), true},
		{"too few to judge", strings.Repeat("g", enough-1), false},
		{"just enough", strings.Repeat("g", enough), true},
		{"six of ten", "aaaagggggg", true},
		{"five of ten", "aaaaaggggg", false},
		{"seventeen of fifty", strings.Repeat("a", 33) + strings.Repeat("g", 17), false},
		{"eighteen of fifty", strings.Repeat("a", 32) + strings.Repeat("g", 18), true},
		{"a sixth of many, in bursts", strings.Repeat(strings.Repeat("a", 25)+"ggggg", 50), false},
		{"a tenth that comes first", "ggggg" + strings.Repeat("a", 45), false},
		{"refusals of a small site", strings.Repeat("u", 10), true},
		{"nine refusals", strings.Repeat("u", 9) + strings.Repeat("a", 500) + strings.Repeat("u", 9), false},
		{"ten in a row among many", strings.Repeat("a", 500) + strings.Repeat("f", 10), true},
		{"refusals", strings.Repeat("a", 40) + strings.Repeat("u", 11), true},
		{"refusals of both sorts", strings.Repeat("a", 40) + strings.Repeat("uf", 6), true},
		{"scattered refusals", strings.Repeat("aaaaaf", 100), false},
		{"other failures say nothing", strings.Repeat("btr", 500), false},
		{"long ago", strings.Repeat("g", 5) + strings.Repeat("a", window) + strings.Repeat("g", 20), false},
	} {
		var log strings.Builder
		g := loggingGuard(&log)
		for i := range len(tt.answers) {
			g.heard("push.example", answer[tt.answers[i]])
		}
		if g.mayRemove() == tt.alarm || (len(g.standing()) > 0) != tt.alarm {
			t.Errorf("%s: may remove %v, alarms %v", tt.name, g.mayRemove(), g.standing())
		}
		if n := strings.Count(log.String(), "no subscription is removed"); n != map[bool]int{true: 1}[tt.alarm] {
			t.Errorf("%s: logged %d times", tt.name, n)
		}
	}
}

func TestAnAlarmStandsUntilCleared(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := loggingGuard(&strings.Builder{})
	for range enough {
		g.heard("push.example", outcome{fate: gone, at: now})
	}
	for range 10 * window {
		g.heard("push.example", outcome{fate: accepted, at: now})
		g.heard("other.example", outcome{fate: accepted, at: now})
	}
	if a := g.standing(); len(a) != 1 || a[0].Service != "push.example" || !a[0].Since.Equal(now) || a[0].Problem == "" {
		t.Fatalf("alarms %+v", a)
	}
	g.told(g.news()[0])
	g.adopt(Alarms{Standing: g.standing(), Trusted: now.Add(trustFor)}, now)
	g.adopt(Alarms{Trusted: now.Add(trustFor)}, now)
	for range window { // the operator said they are gone indeed
		g.heard("push.example", outcome{fate: gone, at: now.Add(time.Minute)})
	}
	if !g.mayRemove() {
		t.Error("an alarm is raised again at once")
	}
	g.heard("push.example", outcome{fate: gone, at: now.Add(trustFor)})
	if g.mayRemove() {
		t.Error("no alarm is raised ever after")
	}
}

// TestAnAlarmIsClearedByService: here or on another node, and others stay watched.
func TestAnAlarmIsClearedByService(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	gone := func(g *guard, service string, at time.Time) {
		for range enough {
			g.heard(service, outcome{fate: gone, at: at})
		}
	}
	here, there := loggingGuard(&strings.Builder{}), loggingGuard(&strings.Builder{})
	gone(here, "push.example", now)
	a := here.news()[0]
	here.told(a)
	there.adopt(Alarms{Standing: []Alarm{a}}, now)
	here.clear("push.example", now)
	there.adopt(Alarms{}, now)
	for name, g := range map[string]*guard{"here": here, "there": there} {
		if gone(g, "push.example", now.Add(time.Minute)); !g.mayRemove() {
			t.Errorf("%s: it is raised again at once", name)
		}
		if gone(g, "other.example", now.Add(time.Minute)); len(g.standing()) != 1 || g.standing()[0].Service != "other.example" {
			t.Errorf("%s: of another service stands %+v", name, g.standing())
		}
		if gone(g, "push.example", now.Add(trustFor)); len(g.standing()) != 2 {
			t.Errorf("%s: an hour later stands %+v", name, g.standing())
		}
	}
}
