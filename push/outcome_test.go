package push

import (
	"net/http"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		status int
		want   fate
		reason string
	}{
		{200, accepted, ""}, {201, accepted, ""}, {202, accepted, ""}, {204, accepted, ""},
		{301, failed, FailedRedirected}, {302, failed, FailedRedirected}, {307, failed, FailedRedirected}, {308, failed, FailedRedirected},
		{400, failed, FailedRequest}, {401, failed, FailedUnauthorized}, {402, failed, FailedRefused}, {403, failed, FailedForbidden},
		{404, gone, ""}, {405, failed, FailedRefused}, {406, throttled, ""}, {408, retry, ""}, {410, gone, ""},
		{413, failed, FailedTooLarge}, {421, retry, ""}, {425, retry, ""}, {429, throttled, ""},
		{500, retry, ""}, {501, retry, ""}, {502, retry, ""}, {503, throttled, ""}, {504, retry, ""}, {599, retry, ""},
	} {
		got := judge(tt.status, http.Header{}, now)
		if got.fate != tt.want || got.reason != tt.reason || !got.answered || !got.at.Equal(now) {
			t.Errorf("%d: %+v, want fate %v, reason %q", tt.status, got, tt.want, tt.reason)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, " 120 ": 2 * time.Minute, "3600": time.Hour,
		"3601": maxRetryAfter, "999999999999999999": maxRetryAfter, "99999999999999999999999999": maxRetryAfter,
		"-5": 0, "+5": 0, "1.5": 0, "soon": 0, "0x10": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat):                     90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):                           0,
		now.Add(48 * time.Hour).Format(http.TimeFormat):                       maxRetryAfter,
		now.Add(30*time.Second).Format("Monday, 02-Jan-06 15:04:05") + " GMT": 30 * time.Second, // RFC 850
		now.Add(30 * time.Second).Format(time.ANSIC):                          30 * time.Second,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	h := http.Header{"Retry-After": {"7"}}
	for _, status := range []int{429, 503, 406, 500} {
		if got := judge(status, h, now); got.after != 7*time.Second {
			t.Errorf("%d: after %v", status, got.after)
		}
	}
}

func TestPauses(t *testing.T) {
	for attempts, most := range map[int]time.Duration{0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second, 8: 256 * time.Second, 9: lastPause, 1000: lastPause} {
		distinct := map[time.Duration]bool{}
		for range 100 {
			d := pause(attempts, 0)
			if d < most/2 || d > most {
				t.Errorf("attempt %d: %v, want %v to %v", attempts, d, most/2, most)
			}
			distinct[d] = true
		}
		if len(distinct) < 50 {
			t.Errorf("attempt %d: only %d distinct pauses", attempts, len(distinct))
		}
	}
	for range 100 {
		if d := pause(1, time.Minute); d < time.Minute || d > time.Minute+firstPause {
			t.Errorf("asked for a minute: %v", d)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "120", "Sun, 06 Nov 1994 08:49:37 GMT", "99999999999999999999", "-1"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", s, d)
		}
	})
}
