package push

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestTenth(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want int
	}{
		{-time.Hour, 0}, {0, 0}, {99 * time.Millisecond, 0}, {100 * time.Millisecond, 1},
		{10*time.Minute - 1, 5999}, {10 * time.Minute, 6009}, {10*time.Minute + time.Second, 6019},
		{time.Hour - 1, 35999}, {time.Hour, 36599}, {12*time.Hour - 1, MaxTenths - 1}, {1000 * time.Hour, MaxTenths - 1},
	} {
		if got := Tenth(c.d); got != c.want {
			t.Errorf("%v is in tenth %d, want %d", c.d, got, c.want)
		}
	}
	seen := map[int]bool{}
	for d := time.Duration(0); d < 13*time.Hour; d += 50 * time.Millisecond {
		tenth := Tenth(d)
		seen[tenth] = true
		if end := time.Duration(tenth+1) * (time.Second / 10); end <= d && d < 12*time.Hour {
			t.Fatalf("%v is said to be before %v", d, end)
		}
	}
	if len(seen) != 6000+3000+660 {
		t.Errorf("%d tenths are told apart", len(seen))
	}
}

func TestTimeTo(t *testing.T) {
	tally := Tally{Audience: 100, Accepted: 95, AcceptedAt: map[int]int64{2: 50, 7: 40, 9: 5}}
	for _, c := range []struct {
		share float64
		want  time.Duration
		ok    bool
	}{
		{0, 300 * time.Millisecond, true}, {0.5, 300 * time.Millisecond, true}, {0.51, 800 * time.Millisecond, true},
		{0.9, 800 * time.Millisecond, true}, {0.95, time.Second, true}, {0.96, 0, false}, {1, 0, false},
	} {
		if d, ok := tally.TimeTo(c.share); d != c.want || ok != c.ok {
			t.Errorf("time to %v: %v, %v; want %v, %v", c.share, d, ok, c.want, c.ok)
		}
	}
	if _, ok := (Tally{}).TimeTo(0.5); ok {
		t.Error("half of nobody was reached")
	}
}

// TestSumOf: the whole is the sum of its services, and shares nothing with them.
func TestSumOf(t *testing.T) {
	random := func() *Tally {
		return &Tally{Audience: rand.Int64N(9) + 1, Accepted: rand.Int64N(9), Failed: map[string]int64{FailedKeys: rand.Int64N(9)}, AcceptedAt: map[int]int64{rand.IntN(3): 1}}
	}
	a, b := random(), random()
	sum := sumOf(map[string]*Tally{"a": a, "b": b, "idle": {}})
	if len(sum.Services) != 2 || sum.Audience != a.Audience+b.Audience || sum.Failed[FailedKeys] != a.Failed[FailedKeys]+b.Failed[FailedKeys] {
		t.Errorf("the sum of %+v and %+v is %+v", a, b, sum)
	}
	was := sum.Clone()
	twice := sum.Clone()
	twice.Add(was)
	if !reflect.DeepEqual(sum, was) || twice.Services["a"].Accepted != 2*a.Accepted || twice.Audience != 2*sum.Audience {
		t.Errorf("added to a copy, %+v became %+v; the copy is %+v", was, sum, twice)
	}
}

func TestCountedServices(t *testing.T) {
	named := []string{"fcm.googleapis.com"}
	for _, host := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"} {
		named = append(named, host+".example:443")
	}
	h, err := ParseHosts(named)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, endpoint := range []string{"https://fcm.googleapis.com/x", "https://web.push.apple.com/x", "https://wns2.notify.windows.com/x",
		"https://updates.push.services.mozilla.com/x", "https://a.example/x", "https://p.example/x"} {
		target, fault := h.target(endpoint)
		if fault != nil && endpoint != "https://fcm.googleapis.com/x" {
			t.Fatalf("%s: %v", endpoint, fault)
		}
		names[h.counted(target.service)] = true
	}
	for _, host := range named {
		names[h.counted(host)] = true
	}
	if !names["push.apple.com"] || !names["a.example:443"] || !names[OtherServices] || names["p.example:443"] || len(names) > MaxServices+1 {
		t.Errorf("counted: %v", names)
	}
	if got := h.counted(""); got != OtherServices {
		t.Errorf("an endpoint that leads nowhere is counted under %q", got)
	}
}
