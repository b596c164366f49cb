package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crier/cmd/crier/load"
	"crier/engine/redis/redistest"
)

// TestBenchAlerts sends campaigns from both engines to sinks that have every
// fault there is, and every account closes.
func TestBenchAlerts(t *testing.T) {
	t.Setenv(asProgram, "1") // the sinks are this program
	port := redistest.FreePort(t)
	server := redistest.Start(t, "--bind", "127.0.0.1", "--port", strconv.Itoa(port))
	for _, where := range [][]string{{"--engine", "sqlite"}, {"--engine", "redis", "--redis", fmt.Sprintf("redis://127.0.0.1:%d", port)}} {
		profile := filepath.Join(t.TempDir(), "cpu.prof")
		stdout, said, code := command(t, append([]string{"bench", "alerts", "--subscriptions", "1500", "--faults", "0.1", "--latency", "2ms",
			"--timeout", "500ms", "--loop", "50", "--flash", "--profile", profile, "--json"}, where...)...)
		if code != 0 {
			t.Fatal(where, said)
		}
		var r load.AlertsResult
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v in %s", err, stdout)
		}
		// These names are promised to whoever reads them, so they are held against
		// what is written and not against the struct that wrote it.
		var raw map[string]json.RawMessage
		if err := json.Unmarshal([]byte(stdout), &raw); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"sender_cpu_us_per_accepted", "webpush_go_cpu_us_per_accepted", "audience", "accepted", "gone", "failed", "expired",
			"cancelled", "first_accept_ms", "seconds_to_50", "seconds_to_90", "seconds_to_99"} {
			var n float64
			if err := json.Unmarshal(raw[key], &n); err != nil {
				t.Errorf("%v: %s is %s: %v", where, key, raw[key], err)
			}
		}
		for name, c := range map[string]*load.AlertsCampaign{"cold": &r.Cold, "prepared": &r.AlertsCampaign} {
			if !c.Closed() {
				t.Errorf("%v, %s: the account does not close: %+v", where, name, c)
			}
			if c.Repeated != 0 || c.Opened == 0 || c.Problem != "" || c.CPU <= 0 || c.First <= 0 || c.To50 <= 0 || c.To90 < c.To50 || c.Series[len(c.Series)-1].Accepted != c.Accepted {
				t.Errorf("%v, %s: %+v", where, name, c)
			}
		}
		if r.Cold.Audience != 1500 || r.Cold.Reasons["too_large"] != r.Cold.Failed || r.Cold.Gone == 0 || r.Audience != 1500-r.Cold.Gone || r.Gone != 0 || r.Failed != r.Reasons["too_large"] || r.Retried == 0 || r.Throttled == 0 {
			t.Errorf("%v: who is gone is removed, and nobody else: %+v", where, r)
		}
		if f := r.AlertsFlash; f == nil || !f.FlashClosed || f.FlashFirst <= 0 || f.FlashPosted < 0.3 || f.FlashFirst >= 1000*f.FlashFinished {
			t.Errorf("%v: the flash %+v", where, f)
		}
		if r.Cold.Hits != 0 || r.Hits < r.Audience*9/10 || r.LoopAccepted != 50 || r.LoopCPU <= 0 {
			t.Errorf("%v: cold, prepared and the loop: %+v", where, r)
		}
	}
	if left := server.Say(t, "DBSIZE"); left != int64(0) {
		t.Errorf("%v keys are left in the Redis", left)
	}
	series := filepath.Join(t.TempDir(), "series.csv")
	stdout, said, code := command(t, "bench", "alerts", "--subscriptions", "100", "--sinks", "1", "--loop", "10", "--series", series)
	if code != 0 || !strings.Contains(stdout, "webpush-go's loop") || !strings.Contains(said, "100 subscriptions made") {
		t.Errorf("for people: %d %s %s", code, stdout, said)
	}
	f, err := os.Open(series)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(f).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if n := len(rows); n < 2 || !slices.Equal(rows[0], []string{"seconds", "accepted_total"}) || rows[n-1][1] != "100" {
		t.Errorf("the series: %v", rows)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--engine", "redis", "--redis", "redis://news.example:6379"}, "of this machine"},
		{[]string{"--engine", "redis"}, "of this machine"},
		{[]string{"--redis", "redis://127.0.0.1:1"}, "for --engine redis"},
		{[]string{"--subscriptions", "0"}, "10,000,000"},
		{[]string{"--sinks", "0"}, "64 sinks"},
		{[]string{"--faults", "1.1"}, "0 to 1"},
		{[]string{"--latency", "3s"}, "less than the timeout"},
	} {
		if _, said, code := command(t, append([]string{"bench", "alerts"}, c.args...)...); code != 1 || !strings.Contains(said, c.says) {
			t.Errorf("%q: %d, %s", c.args, code, said)
		}
	}
}
