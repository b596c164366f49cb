package push

import (
	"testing"
	"time"
)

func TestParsePromise(t *testing.T) {
	for text, want := range map[string]Promise{
		"none": {}, "90%@120s": {0.9, 2 * time.Minute}, "99.5%@5m": {0.995, 5 * time.Minute}, "100%@1s": {1, time.Second}, "50%@12h": {0.5, 12 * time.Hour},
	} {
		p, err := ParsePromise(text)
		if err != nil || p != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
		if again, err := ParsePromise(p.String()); err != nil || again != want {
			t.Errorf("%q is written %q, which is %v, %v", text, p, again, err)
		}
	}
	for _, text := range []string{"", "90", "90%", "90%@", "@120s", "0%@120s", "-1%@120s", "101%@120s", "NaN%@120s", "90%@120", "90%@0s", "90%@13h", "90%@-5s", "90 % @ 120 s"} {
		if p, err := ParsePromise(text); err == nil {
			t.Errorf("%q is taken for %v", text, p)
		}
	}
}

func FuzzParsePromise(f *testing.F) {
	for _, seed := range []string{"none", "90%@120s", "99.5%@5m", "1e1%@1e3s", "%@", "90%@@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePromise(text)
		if err != nil || p == (Promise{}) {
			return
		}
		if !(p.Share > 0 && p.Share <= 1) || p.Within < time.Second {
			t.Fatalf("%q is %+v", text, p)
		}
		if _, err := ParsePromise(p.String()); err != nil {
			t.Fatalf("%q is written %q: %v", text, p, err)
		}
	})
}

func TestPromiseJudge(t *testing.T) {
	p := Promise{0.9, 10 * time.Second}
	in := func(tally Tally, swept float64, done, cancelled bool) Report {
		r := underWay(tally, swept)
		r.Done, r.Cancelled = done, cancelled
		return r
	}
	soon := Tally{Audience: 100, Accepted: 95, AcceptedAt: map[int]int64{50: 95}}
	slow := Tally{Audience: 100, Accepted: 95, AcceptedAt: map[int]int64{50: 80, 150: 15}}
	for _, c := range []struct {
		name  string
		r     Report
		after time.Duration
		want  Verdict
	}{
		{"at first", in(Tally{}, 0, false, false), 0, PromiseOpen},
		{"soon", in(soon, 1, false, false), 6 * time.Second, PromiseKept},
		{"soon, but how many are to come?", in(soon, 0.5, false, false), 6 * time.Second, PromiseOpen},
		{"slow, and still time", in(slow, 1, false, false), 9 * time.Second, PromiseOpen},
		{"slow, and what was written may lag", in(slow, 1, false, false), 12 * time.Second, PromiseOpen},
		{"slow", in(slow, 1, false, false), 16 * time.Second, PromiseBroken},
		{"slow and done", in(slow, 1, true, false), 16 * time.Second, PromiseBroken},
		{"done early with too few", in(Tally{Audience: 100, Accepted: 80, Gone: 20, AcceptedAt: map[int]int64{5: 80}}, 1, true, false), time.Second, PromiseBroken},
		{"half the way in twice the time", in(soon, 0.5, false, false), 20 * time.Second, PromiseBroken},
		{"nearly all the way", in(soon, 0.99, false, false), 20 * time.Second, PromiseOpen},
		{"nothing is known", in(Tally{}, 0, false, false), 20 * time.Second, PromiseBroken},
		{"nobody", in(Tally{}, 1, true, false), 20 * time.Second, PromiseVoid},
		{"replaced", in(slow, 0.7, false, true), 3 * time.Second, PromiseVoid},
		{"a newer item of the story for most", in(Tally{Audience: 100, Accepted: 28, Gone: 2, Cancelled: 70, AcceptedAt: map[int]int64{50: 28}}, 1, true, false), time.Minute, PromiseKept},
		{"and too late for the rest", in(Tally{Audience: 100, Accepted: 30, Cancelled: 70, AcceptedAt: map[int]int64{150: 30}}, 1, true, false), time.Minute, PromiseBroken},
		{"a newer item of the story for all", in(Tally{Audience: 100, Cancelled: 100}, 1, true, false), time.Minute, PromiseVoid},
		{"replaced, and what was sent was in time", in(Tally{Audience: 100, Accepted: 30, Cancelled: 70, AcceptedAt: map[int]int64{50: 30}}, 1, true, true), time.Minute, PromiseVoid},
		{"replaced after it was kept", in(soon, 1, true, true), time.Minute, PromiseKept},
	} {
		if got := p.Judge(c.r, opened.Add(c.after)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
