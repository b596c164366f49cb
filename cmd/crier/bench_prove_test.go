package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"crier/cmd/crier/load"
	"crier/engine/redis/redistest"
)

// TestBenchProve kills a sender at 40 % of a campaign with every fault there is,
// on both engines. The command checks the counts; this checks the command.
func TestBenchProve(t *testing.T) {
	t.Setenv(asProgram, "1") // the sinks and the senders are this program
	port := redistest.FreePort(t)
	redistest.Start(t, "--bind", "127.0.0.1", "--port", strconv.Itoa(port))
	stdout, said, code := command(t, "bench", "alerts", "--prove", "0.4", "--subscriptions", "4000", "--latency", "20ms", "--timeout", "700ms",
		"--redis", fmt.Sprintf("redis://127.0.0.1:%d", port), "--json")
	if code != 0 {
		t.Fatal(said, stdout)
	}
	var proofs []load.Proof
	if err := json.Unmarshal([]byte(stdout), &proofs); err != nil || len(proofs) != 2 {
		t.Fatalf("%v in %s", err, stdout)
	}
	for _, p := range proofs {
		if p.KilledAt < 1600 || p.KilledAt > 3600 || p.Accepted < 3500 || p.Gone == 0 || p.Gone != p.Removed || p.Failed["too_large"] == 0 || p.Retried == 0 || p.Bound != 8*20 {
			t.Errorf("%+v", p)
		}
	}
	if _, said, code := command(t, "bench", "alerts", "--prove", "1"); code != 1 || !strings.Contains(said, "between 0 and 1") {
		t.Errorf("a share of 1: %d, %s", code, said)
	}
}

// TestBenchBeside measures preparing beside live readers, in a small way: so few
// take less CPU than the clock can tell from what the keys took.
func TestBenchBeside(t *testing.T) {
	t.Setenv(asProgram, "1") // the nodes are this program
	stdout, said, code := command(t, "bench", "alerts", "--readers", "20", "--subscriptions", "30000", "--duration", "500ms", "--json")
	if code != 0 {
		t.Fatal(said)
	}
	var r load.BesideResult
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if r.Preparing.Keys == 0 || r.Idle.Keys != 0 || r.P50Ratio <= 0 || r.P99Ratio <= 0 || r.Preparing.Lost+r.Idle.Lost != 0 {
		t.Errorf("%+v", r)
	}
}
