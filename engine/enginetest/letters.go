package enginetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// giveUp is progress with every delivery of a page given up, for the reason that
// why says.
func giveUp(p push.Page, why func(push.ID) string, now time.Time) push.Progress {
	out := push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: now.Add(leaseFor)}
	out.Tally.Failed = map[string]int64{}
	for _, d := range p.Deliveries {
		id := d.Subscription.ID
		if d.Attempts == 0 {
			out.Tally.Audience++
		} else {
			out.Settled = append(out.Settled, id)
		}
		out.Tally.Failed[why(id)]++
		out.Letters = append(out.Letters, push.Letter{ID: id, Service: "push.example.org", Reason: why(id), Status: 413, At: now})
	}
	out.Tally.Services = map[string]push.Tally{"push.example.org": out.Tally.Clone()}
	return out
}

// testLetters keeps what was given up, and has it attempted again when it is
// asked for, once.
func testLetters(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	if _, err := e.Letters(ctx, "na", "", 1); !errors.Is(err, push.ErrNoCampaign) {
		t.Fatalf("the letters of no campaign: %v", err)
	}
	if _, err := e.Replay(ctx, "na", "", base); !errors.Is(err, push.ErrNoCampaign) {
		t.Fatalf("a replay of no campaign: %v", err)
	}
	subs := neighbours(t, e, 9)
	c := open(t, e, posted("na"))
	equal(t, "letters at first", must(e.Letters(ctx, "na", "", 9))(t), push.Letters{Campaign: c})
	why := func(id push.ID) string { return []string{"size", "odd reason"}[id[3]%2] }
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 4))(t)
	must(e.Checkpoint(ctx, l, giveUp(page, why, later(1))))(t)
	letter := func(i int, at time.Time) push.Letter {
		return push.Letter{ID: subs[i].ID, Service: "push.example.org", Reason: why(subs[i].ID), Status: 413, At: at}
	}
	equal(t, "letters", must(s.node(1).Letters(ctx, "na", "", 3))(t), push.Letters{Campaign: c, Kept: map[string]int64{"size": 2, "odd reason": 2},
		First: []push.Letter{letter(0, later(1)), letter(1, later(1)), letter(2, later(1))}})
	equal(t, "of a reason", must(e.Letters(ctx, "na", "odd reason", 9))(t).First, []push.Letter{letter(1, later(1)), letter(3, later(1))})
	equal(t, "of another", len(must(e.Letters(ctx, "na", "none", 9))(t).First), 0)

	// While the range is under way: what is replayed comes to its worker.
	equal(t, "replayed of no such reason", must(e.Replay(ctx, "na", "none", later(2)))(t), int64(0))
	equal(t, "replayed of a reason", must(s.node(1).Replay(ctx, "na", "odd reason", later(2)))(t), int64(2))
	r := must(e.Report(ctx, "na"))(t)
	if r.Tally.Queued() != 2 || r.Tally.Failed["size"] != 2 || len(r.Tally.Failed) != 1 {
		t.Fatalf("report after a replay: %+v", r.Tally)
	}
	equal(t, "its service's part", r.Tally.Services["push.example.org"].Failed, r.Tally.Failed)
	page = must(e.Deliveries(ctx, l, later(2), 99))(t)
	equal(t, "the first of the page", page.Deliveries[0], push.Delivery{Subscription: subs[1], Attempts: 1})
	equal(t, "deliveries", len(page.Deliveries), 2+5)
	prog := giveUp(page, why, later(3))
	st := must(e.Checkpoint(ctx, l, prog))(t)
	if !st.Done {
		t.Fatalf("the range is not done: %+v", st)
	}
	equal(t, "letters of all", must(e.Letters(ctx, "na", "", 0))(t).Kept, map[string]int64{"size": 5, "odd reason": 4})

	// When all is done: the range is opened again. Racing calls replay each once;
	// two have departed meanwhile, of whom one has come back and is new.
	for i := range 2 {
		ok(t, e.DeleteSubscription(ctx, subs[i].ID, subs[i].Auth))
	}
	must(e.PutSubscription(ctx, subs[1]))(t)
	var n atomic.Int64
	together(4, func(i int) {
		got, err := s.node(i).Replay(ctx, "na", "", later(4))
		if err != nil {
			t.Errorf("replay: %v", err)
		}
		n.Add(got)
	})
	equal(t, "replayed in all", n.Load(), int64(9))
	equal(t, "letters after that", must(e.Letters(ctx, "na", "", 9))(t), push.Letters{Campaign: c})
	r = must(e.Report(ctx, "na"))(t)
	if r.Done || !r.Scanned || r.Tally.Audience != 9 || r.Tally.Queued() != 9 || len(r.Tally.Failed) != 0 {
		t.Fatalf("report after the second replay: %+v", r)
	}
	if _, err := e.Checkpoint(ctx, l, prog); !errors.Is(err, push.ErrLeaseLost) {
		t.Fatalf("a checkpoint of the lease of before: %v", err)
	}
	again := claim(t, e, "w", later(4))
	if again.Token <= l.Token || again.Range != l.Range {
		t.Fatalf("the lease %+v after %+v", again, l)
	}
	page = must(e.Deliveries(ctx, again, later(4), 99))(t)
	var got []push.ID
	for _, d := range page.Deliveries {
		got = append(got, d.Subscription.ID)
	}
	var want []push.ID
	for _, sub := range subs[2:] {
		want = append(want, sub.ID)
	}
	equal(t, "attempted again", got, want)
	prog = progress(page, again, always(accept), later(4))
	st = must(e.Checkpoint(ctx, again, prog))(t)
	r = must(e.Report(ctx, "na"))(t)
	if !st.Done || !r.Done || r.Tally.Accepted != 7 || r.Tally.Gone != 2 || r.Tally.Queued() != 0 {
		t.Fatalf("report at the end: %+v", r)
	}

	// What is over stays over.
	open(t, e, posted("nb"))
	l = oneRange(t, e)
	page = must(e.Deliveries(ctx, l, base, 99))(t)
	must(e.Checkpoint(ctx, l, giveUp(page, why, later(5))))(t)
	if _, err := e.Replay(ctx, "nb", "", l.Campaign.Deadline); !errors.Is(err, push.ErrCampaignOver) {
		t.Fatalf("a replay at the deadline: %v", err)
	}
	open(t, e, revised("nb", 1, news.Corrected))
	equal(t, "letters of the correction", len(must(e.Letters(ctx, "nb", "", 9))(t).Kept), 0)
	idle := must(e.Replay(ctx, "nb", "", later(6)))(t)
	equal(t, "replayed of the correction", idle, int64(0))
}

// testLettersAreBounded: of so many that were given up some are kept, and the
// account closes.
func testLettersAreBounded(t *testing.T, s *store) {
	ctx, e := t.Context(), s.node(0)
	subs := neighbours(t, e, 3)
	open(t, e, posted("na"))
	l := oneRange(t, e)
	page := must(e.Deliveries(ctx, l, base, 1))(t)
	prog := giveUp(page, func(push.ID) string { return "size" }, base)
	prog.Letters = nil
	made := make([]push.Letter, push.MaxLetters-1)
	for i := range made {
		made[i] = push.Letter{ID: push.ID{0x12, 0x34, 1, byte(i >> 8), byte(i)}, Reason: "size", At: base}
	}
	for some := range slices.Chunk(made, 2500) {
		prog.Letters = some
		prog.Tally.Audience, prog.Tally.Failed["size"] = int64(len(some)), int64(len(some))
		must(e.Checkpoint(ctx, l, prog))(t)
	}
	page = must(e.Deliveries(ctx, l, base, 9))(t)
	must(e.Checkpoint(ctx, l, giveUp(page, func(push.ID) string { return "size" }, base)))(t)
	got := must(e.Letters(ctx, "na", "", 1))(t)
	equal(t, "kept", got.Kept["size"], int64(push.MaxLetters))
	equal(t, "the first", got.First, []push.Letter{{ID: subs[1].ID, Service: "push.example.org", Reason: "size", Status: 413, At: base}})
	equal(t, "failed", must(e.Report(ctx, "na"))(t).Tally.Failed["size"], int64(push.MaxLetters+1))
	equal(t, "replayed", must(e.Replay(ctx, "na", "", later(1)))(t), int64(push.MaxLetters))
	r := must(e.Report(ctx, "na"))(t)
	equal(t, "failed beyond what is kept", r.Tally.Failed["size"], int64(1))
	l = claim(t, e, "w", later(1))
	page = must(e.Deliveries(ctx, l, later(1), 9))(t)
	must(e.Checkpoint(ctx, l, progress(page, l, always(accept), later(1))))(t)
	w := newWalker(e, "w", 9, func(push.Lease, push.Delivery) fate { return accept }) // those who never stood are counted as gone
	ok(t, w.finish(ctx, later(1)))
	equal(t, "given out to be sent", len(w.order), 0)
	r = must(e.Report(ctx, "na"))(t)
	if !r.Done || r.Tally.Gone != push.MaxLetters-1 || r.Tally.Accepted != 1 || r.Tally.Queued() != 0 {
		t.Fatalf("at the end: %+v", r)
	}
}
