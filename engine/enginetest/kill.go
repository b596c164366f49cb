package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

func testKillAppending(t *testing.T, s *store) {
	const rounds = 12
	r := rand.New(rand.NewPCG(8, uint64(time.Now().UnixNano())))
	tried := map[string]bool{} // by the version's name
	s.close(t)
	for round := range rounds {
		said := s.lives(t, "append", round, r.IntN(80), time.Duration(r.IntN(3000))*time.Microsecond)
		s.open(t)
		checkAfterKill(t, s, said, tried)
		s.close(t)
	}
	s.open(t)
}

func versionName(it news.Item) string { return fmt.Sprint(it.ID, " ", it.Version) }

// checkAfterKill holds the store to what the child said.
func checkAfterKill(t *testing.T, s *store, said [][]string, tried map[string]bool) {
	t.Helper()
	ctx, e := t.Context(), s.node(0)
	log := wholeLog(t, e)
	offsets := map[string]uint64{} // where each version is
	for i, x := range log {
		name := versionName(x.Item)
		if x.Offset != uint64(i+1) || offsets[name] != 0 {
			t.Fatalf("entry %d of the log has offset %d; %s is at %d too", i+1, x.Offset, name, offsets[name])
		}
		offsets[name] = x.Offset
	}
	var open []string // tried and not acknowledged
	for _, words := range said {
		var round, lane, n int
		if words[0] != "saw" {
			must(fmt.Sscanf(words[1], "%d,%d,%d", &round, &lane, &n))(t)
		}
		_, _, d := childDraft(round, lane, n)
		switch words[0] {
		case "try":
			tried[versionName(d.Item)] = true
			open = append(open, words[1])
		case "ack":
			if got := fmt.Sprint(offsets[versionName(d.Item)]); got != words[2] {
				t.Fatalf("%s was acknowledged at offset %s and is at %s", words[1], words[2], got)
			}
			open = slices.DeleteFunc(open, func(name string) bool { return name == words[1] })
		case "saw":
			if got := fmt.Sprint(offsets[words[2]+" "+words[3]]); got != words[1] {
				t.Fatalf("%v was shown at offset %s and is at %s", words[2:], words[1], got)
			}
		}
	}
	for name := range offsets {
		if !tried[name] {
			t.Fatalf("%s is in the log and nobody appended it", name)
		}
	}
	// Nothing is half done: the other ways to see the log agree with it.
	head := must(e.Head(ctx))(t)
	equal(t, "head", head.Offset, uint64(len(log)))
	equal(t, "front", must(e.Front(ctx, 1e6))(t), news.Snapshot{Cursor: head, Entries: fold(log, 1e6)})
	equal(t, "items", must(e.Items(ctx, news.Query{Limit: 1e6}))(t), fold(log, 1e6))
	for _, x := range fold(log, 20) {
		equal(t, "item", must(e.Item(ctx, x.Item.ID))(t), x)
	}
	// The calls that were under way can be made again.
	for _, name := range open {
		var round, lane, n int
		must(fmt.Sscanf(name, "%d,%d,%d", &round, &lane, &n))(t)
		_, key, d := childDraft(round, lane, n)
		was := offsets[versionName(d.Item)]
		got := must(e.Append(ctx, key, d))(t)
		if got.Replayed != (was != 0) || was != 0 && got.Entry.Offset != was {
			t.Fatalf("%s was at offset %d; repeating it: %+v", name, was, got)
		}
	}
}

func testKillSending(t *testing.T, s *store) {
	ids := subscribe(t, s.node(0), 0, killSubscribers)
	open(t, s.node(0), posted("na"))
	s.close(t)
	r := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	sent := map[string]int{}
	finished := false
	round := 0
	for ; !finished; round++ {
		lines := r.IntN(killSubscribers / 4)
		if round >= 6 {
			lines = 1 << 30 // live to the end
		}
		for _, words := range s.lives(t, "send", round, lines, time.Duration(r.IntN(2000))*time.Microsecond) {
			if words[0] == "sent" {
				sent[words[1]]++
			}
			finished = finished || words[0] == "finished"
		}
	}
	s.open(t)
	var want push.Tally
	repeats := 0
	for id := range ids {
		want.Audience++
		attempts := 1
		if id[15]%5 == 0 {
			attempts++
			want.Retried++
			want.Throttled++
		}
		if id[15]%7 == 0 {
			want.Gone++
		} else {
			want.Accepted++
		}
		if sent[id.String()] < attempts {
			t.Fatalf("subscription %s was attempted %d times, and its fate takes %d", id, sent[id.String()], attempts)
		}
		repeats += sent[id.String()] - attempts
	}
	if most := (round - 1) * 3 * 25; repeats > most {
		t.Fatalf("%d repeats where %d kills of 3 workers with pages of 25 cost at most %d", repeats, round-1, most)
	}
	got := must(s.node(0).Report(t.Context(), "na"))(t)
	var at int64
	for _, n := range got.Tally.AcceptedAt {
		at += n
	}
	equal(t, "accepted by time", at, want.Accepted)
	var sum push.Tally
	for _, service := range got.Tally.Services {
		sum.Add(service)
	}
	equal(t, "accepted by time, of all services", sum.AcceptedAt, got.Tally.AcceptedAt)
	got.Tally.AcceptedAt, got.Tally.Services, sum.AcceptedAt = nil, nil, nil
	equal(t, "tally", got.Tally, want)
	equal(t, "tally of all services", sum, want)
	equal(t, "subscriptions left", must(s.node(0).CountSubscriptions(t.Context()))(t), want.Audience-want.Gone)
	if !got.Done {
		t.Fatalf("the campaign is not done: %+v", got)
	}
}
