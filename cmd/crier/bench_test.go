package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"crier/cmd/crier/load"
)

// TestBenchLive runs the load generator on a service: its readers lose
// connections and resume, and every delivery is accounted for.
func TestBenchLive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	url, _ := service(t, "serve", "--data", dir)
	key, said, code := command(t, "keys", "create", "--role", "editor", "--name", "Load", "--data", dir)
	if code != 0 {
		t.Fatal(said)
	}
	key = strings.TrimSpace(key)
	stdout, said, code := command(t, "bench", "live", "--url", url, "--key", key, "--readers", "40", "--rate", "40", "--duration", "2s", "--ramp", "100ms", "--churn", "30", "--json")
	if code != 0 {
		t.Fatal(said)
	}
	var r load.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if r.Readers != 40 || r.Posted < 10 || r.Missing != 0 || r.Repeated != 0 || r.Deliveries != int64(40*r.Posted) {
		t.Errorf("the accounts do not close: %+v", r)
	}
	if r.Back == 0 || r.Lost != 0 || r.Resets != 0 {
		t.Errorf("%d came back by cursor; %d were lost otherwise, %d resets", r.Back, r.Lost, r.Resets)
	}
	var counted float64
	for _, h := range r.Histogram {
		counted += h[1]
	}
	if int64(counted) != r.Deliveries || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P99 || r.Last.P50 < r.Latency.P50 || r.Handshake.P50 <= 0 {
		t.Errorf("the times are not whole: %+v", r)
	}
	if !strings.Contains(said, " readers  ") {
		t.Errorf("no progress is shown: %s", said)
	}
	stdout, said, code = command(t, "bench", "live", "--url", url, "--key", key, "--readers", "2", "--duration", "300ms", "--ramp", "0s")
	if code != 0 || !strings.Contains(stdout, "0 missing, 0 repeated") || !strings.Contains(stdout, "█") {
		t.Errorf("for people: %d %s %s", code, stdout, said)
	}
	elsewhere := httptest.NewServer(http.RedirectHandler(url+"/v1/live", http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--readers", "5", "--storm", "3", "--stalled", "2"}, "at least one reader"},
		{[]string{"--storm", "3", "--churn", "1"}, "churn or a storm"},
		{[]string{"--nice", "20"}, "0 to 19"},
		{[]string{"--url", url, "--url", "https://news.example"}, "--host news.example"},
		{[]string{"--url", "https://news.example"}, "--host news.example"},
		{[]string{"--url", "https://news.example", "--host", "other.example"}, "--host news.example"},
		{[]string{"--url", "https://a.news.example", "--url", "https://b.news.example", "--host", "a.news.example"}, "--host b.news.example"},
		{[]string{"--url", elsewhere.URL, "--readers", "1"}, "could not join"},
		{[]string{"--url", "ws://127.0.0.1"}, "scheme and host"},
		{[]string{"--url", url, "--rate", "501"}, "500 items a second"},
		{[]string{"--url", url, "--readers", "0"}, "at least one reader"},
		{[]string{"--url", url, "--readers", "1", "--ramp", "0s", "--key", "wrong"}, "status 401"},
		{[]string{"--url", "http://127.0.0.1:1", "--readers", "1"}, "could not join"},
	} {
		if _, said, code := command(t, append([]string{"bench", "live", "--key", key}, c.args...)...); code != 1 || !strings.Contains(said, c.says) {
			t.Errorf("%q: %d, %s", c.args, code, said)
		}
	}
}

// TestBenchStorm has half of the readers lose their connections at once, and
// some read nothing.
func TestBenchStorm(t *testing.T) {
	t.Setenv(asProgram, "1") // those who storm are this program
	dir := filepath.Join(t.TempDir(), "data")
	url, _ := service(t, "serve", "--data", dir)
	key, said, code := command(t, "keys", "create", "--role", "editor", "--name", "Load", "--data", dir)
	if code != 0 {
		t.Fatal(said)
	}
	args := []string{"bench", "live", "--url", url, "--key", strings.TrimSpace(key), "--readers", "65", "--storm", "30", "--stalled", "5", "--rate", "40", "--ramp", "100ms"}
	stdout, said, code := command(t, append(args, "--duration", "2s", "--json")...)
	if code != 0 {
		t.Fatal(said)
	}
	var r load.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if r.Readers != 60 || r.Stalled != 5 || r.Missing != 0 || r.Repeated != 0 || r.Deliveries != int64(60*r.Posted) {
		t.Errorf("the accounts do not close: %+v", r)
	}
	if r.DuringArrived.P99 > r.During.P99 || r.BeforeArrived.P99 <= 0 || r.BeforeArrived.P99 > r.Before.P99 || r.Arrived.P50 <= 0 || r.Arrived.P50 > r.Latency.P50 {
		t.Errorf("messages were read before they came: %+v", r)
	}
	if r.Storm != 30 || r.Back != 30 || r.StormAway != 0 || r.Lost != 0 || r.Resets != 0 {
		t.Errorf("%d came back of a storm of %d, %d are away; %d were lost otherwise, %d resets", r.Back, r.Storm, r.StormAway, r.Lost, r.Resets)
	}
	if r.StormBack <= 0 || r.StormBack > 2000 || r.StormBare <= 0 || r.Before.P99 <= 0 || r.Before.P99 > r.Latency.Max {
		t.Errorf("the times are not whole: %+v", r)
	}
	stdout, said, code = command(t, append(args, "--duration", "500ms", "--nice", "10")...)
	if code != 0 || !strings.Contains(stdout, "storm of 30: back after ") || !strings.Contains(stdout, "\n5 more readers") || !strings.Contains(stdout, "\nstayed, before storm") {
		t.Errorf("for people: %d %s %s", code, stdout, said)
	}
}
