package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/push"
)

// How many pages a node has under way at once, and how long they are.
const (
	workers  = 8
	pageSize = 256
)

// sending is a campaign on its way from workers to a push service.
type sending struct {
	*testing.T
	server  *redistest.Server
	proxy   *redistest.Proxy
	sink    *sink
	fleet   *fleet
	subs    []push.Subscription
	gone    int // of them
	item    string
	scripts map[string]string // name to the sentence that only its text has
}

// prepare has n subscriptions, one in 40 of which the push service says is
// gone, and a node that sees Redis through the proxy.
func prepare(t *testing.T, n int) *sending {
	t.Helper()
	s := &sending{T: t, server: redistest.Start(t), sink: startSink(t), scripts: map[string]string{}}
	for _, name := range []string{"claim", "checkpoint", "removesub"} {
		b, err := os.ReadFile("../../../engine/redis/lua/" + name + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\n-- ")
		if s.scripts[name], _, _ = strings.Cut(text, "\n"); s.scripts[name] == "" {
			t.Fatalf("the script %s does not begin by saying what it does", name)
		}
	}
	s.proxy = redistest.StartProxy(t, s.server)
	s.fleet = startFleet(t, 1, s.args()...)
	s.server.Say(t, "CONFIG", "SET", "appendfsync", "no")
	s.subs = subscribe(t, s.server.URL(), n, func(int) string { return s.sink.service.Subscribe(nil) })
	s.server.Say(t, "CONFIG", "SET", "appendfsync", "always")
	for i := 0; i < n; i += 40 { // few enough that no burst of them stops removals
		s.sink.service.Drop(s.subs[i].Endpoint)
		s.gone++
	}
	return s
}

// args are those of a node. Its leases are short, so that a killed worker's
// ranges are soon free.
func (s *sending) args() []string {
	timeout := sized(time.Second, 600*time.Millisecond)
	return []string{"--redis", s.proxy.URL(), "--alert-hosts", s.sink.host(),
		"--alert-timeout", timeout.String(), "--alert-lease", (3 * timeout).String()}
}

// runs reports whether a call runs the script.
func (s *sending) runs(c redistest.Call, name string) bool {
	return c.Script != "" && strings.Contains(c.Script, s.scripts[name])
}

// open posts what is to be sent.
func (s *sending) open() {
	s.Helper()
	r := &newsroom{fleet: s.fleet, client: http.DefaultClient}
	k := &task{number: 1, path: "/v1/items", patient: true, body: map[string]any{
		"headline": "River bursts its banks", "topics": []string{"world"}, "level": "urgent", "alert": true}}
	r.do(k)
	if k.acked.IsZero() {
		s.Fatal(k.fault)
	}
	s.item = k.entry.Item.ID
}

// report is what the desk is told of a campaign.
type report struct {
	State                                                         string
	Audience, Queued, Accepted, Retried, Gone, Expired, Cancelled int
	Failed                                                        map[string]int
}

// ask asks a node as the desk does; ok is false while it cannot tell.
func (s *sending) ask(n *node, path string, out any) (ok bool) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, n.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.fleet.key)
	w, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = w.Body.Close() }()
	return w.StatusCode == http.StatusOK && json.NewDecoder(w.Body).Decode(out) == nil
}

func (s *sending) report(n *node) (r report, ok bool) {
	s.Helper()
	ok = s.ask(n, "/v1/items/"+s.item+"/campaign", &r)
	return r, ok
}

// done waits until the campaign is done, as the node tells, and checks that
// its report closes and that who is gone was removed, and nobody else.
func (s *sending) done(n *node) (r report) {
	s.Helper()
	if !until(func() bool { got, ok := s.report(n); r = got; return ok && r.State == "done" }) {
		s.Fatalf("the campaign does not end: %+v", r)
	}
	failed := 0
	for _, n := range r.Failed {
		failed += n
	}
	if r.Audience != len(s.subs) || r.Audience != r.Accepted+r.Gone+failed+r.Expired+r.Cancelled || r.Queued != 0 {
		s.Errorf("the report of %d subscriptions does not close: %+v", len(s.subs), r)
	}
	if r.Gone != s.gone || failed+r.Expired+r.Cancelled > 0 {
		s.Errorf("not everybody was reached, or found gone who is: %+v", r)
	}
	var me struct{ Subscriptions int }
	if !until(func() bool { return s.ask(n, "/v1/me", &me) && me.Subscriptions == len(s.subs)-s.gone }) {
		s.Errorf("%d subscriptions stand of %d, %d of them gone", me.Subscriptions, len(s.subs), s.gone)
	}
	return r
}

// reached counts who got no notification at all, and repeats.
func (s *sending) reached() (missing, repeats int) {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	for _, sub := range s.subs {
		switch n := s.sink.attempts[sub.Endpoint]; n {
		case 0:
			missing++
		default:
			repeats += n - 1
		}
	}
	return missing, repeats
}

// TestChaosCampaign kills the worker at every step of its work, over and over.
// Everybody is notified, and what is repeated is no more than the pages that
// were under way.
func TestChaosCampaign(t *testing.T) {
	beside(t)
	s := prepare(t, sized(20_000, 1000))
	n := s.fleet.nodes[0]
	k := &trap{node: n}
	s.proxy.Watch(func(c redistest.Call, answer []byte) bool {
		asked, answered := answer == nil, len(answer) > 0 && answer[0] == '*'
		dead := false
		switch {
		case s.runs(c, "checkpoint") && asked:
			dead = k.spring(beforeCheckpoint)
		case s.runs(c, "checkpoint") && answered:
			dead = k.spring(afterCheckpoint)
		case s.runs(c, "removesub") && asked:
			dead = k.spring(beforeRemovals)
		case s.runs(c, "claim") && answered && strings.Contains(string(answer), "lease"):
			dead = k.spring(afterClaim)
		}
		return !dead
	})
	s.sink.before(func() { k.spring(underWay) })
	kills := make([]int, steps)
	total, repeatsBefore := 0, 0
	k.arm(0)
	s.open()
	killed := time.Now()
	for i := 0; i < sized(128, int(steps)) && s.awaits(k); i++ {
		at := step(i) % steps
		kills[at]++
		total++
		killed = time.Now()
		_, repeats := s.reached()
		t.Logf("killed %s: %d repeats since the last", at, repeats-repeatsBefore)
		repeatsBefore = repeats
		k.arm((at + 1) % steps)
		s.fleet.launch(n) // and may die before it is ready
	}
	k.arm(steps) // no more
	r := s.done(n)
	missing, repeats := s.reached()
	if missing > 0 {
		t.Errorf("%d of %d subscriptions got nothing", missing, len(s.subs))
	}
	if repeats > total*workers*pageSize {
		t.Errorf("%d repeats after %d kills, %d workers had a page of %d each under way", repeats, total, workers, pageSize)
	}
	for at, n := range kills {
		if n == 0 {
			t.Errorf("the worker was never killed %s", step(at))
		}
	}
	t.Logf("%+v", r)
	results.add(row{fault: fmt.Sprintf("a push worker killed -9, %d times", total), items: 1, crowd: fmt.Sprint(len(s.subs), " subscribed"), missing: missing,
		repeated: repeats, recovered: time.Since(killed), note: fmt.Sprintf("%.0f repeats a kill, %.2f pages", float64(repeats)/float64(total), float64(repeats)/float64(total)/pageSize)})
}

// awaits reports whether the trap springs before the campaign is done.
func (s *sending) awaits(k *trap) (sprung bool) {
	s.Helper()
	if !until(func() bool {
		select {
		case <-k.sprung:
			sprung = true
		default:
		}
		r, ok := s.report(k.node)
		return sprung || ok && r.State == "done"
	}) {
		s.Fatal("the worker neither dies nor ends")
	}
	return sprung
}
