package main

import (
	"os"
	"strings"
	"testing"
)

// TestTables: what the documentation says is what comes out.
func TestTables(t *testing.T) {
	doc, err := os.ReadFile("../capacity.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	tables(&b)
	for _, table := range strings.Split(b.String(), "\n\n") {
		if !strings.Contains(string(doc), strings.TrimSpace(table)) {
			t.Errorf("docs/capacity.md does not hold\n%s", table)
		}
	}
}

// TestPlay holds the simulation to what can be reckoned by hand.
func TestPlay(t *testing.T) {
	m := machine{"", 2, 4e9, 1e9}
	const n = 10_000
	alone := n * (shareWrite + shareItem) / 2
	near := func(got, want float64) bool { return got > want*0.999 && got < want*1.001 }
	if last := play(m, n, []float64{5}); !near(last[0], alone) {
		t.Errorf("an item alone takes %v s, want %v", last[0], alone)
	}
	if last := play(m, n, []float64{5, 6}); !near(last[1], alone) {
		t.Errorf("an item after a quiet second takes %v s, want %v", last[1], alone)
	}
	// Three come while the first is on its way, and go out with one write.
	last := play(m, n, []float64{0, 0.001, 0.002, 0.003})
	if together := alone + n*(shareWrite+3*shareItem)/2; !near(last[1], together-0.001) || !near(last[3], together-0.003) {
		t.Errorf("three together take %v, want them at %v", last[1:], together)
	}
	// A thin wire, not the CPU, is what they wait for.
	m.network = 1e6
	if last := play(m, n, []float64{5}); !near(last[0], n*itemBytes/1e6) {
		t.Errorf("through a thin wire it takes %v s", last[0])
	}
}
