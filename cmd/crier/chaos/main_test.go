package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"
)

// full is whether the tests run in their full form, which takes minutes.
var full = flag.Bool("full", false, "run the full form: 3,000 readers, 2,000 items, 20,000 subscriptions")

// binary is the program under test, built by TestMain.
var binary string

// patience is how long anything may take that happens by itself.
const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "crier-chaos")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears what is left
	binary = filepath.Join(dir, "crier")
	args := []string{"build", "-o", binary}
	if raced() {
		args = append(args, "-race") // what holds for the tests holds for what they test
	}
	if out, err := exec.Command("go", append(args, "crier/cmd/crier")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	results.print()
	return code
}

// raced is whether the tests are built with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// sized is how much of something there is, in the full form and the short.
func sized[T any](long, short T) T {
	if *full {
		return long
	}
	return short
}

// beside lets a test run beside another in the short form: much of it is
// waiting. In the full form each has the machine to itself.
func beside(t *testing.T) {
	t.Helper()
	if !*full {
		t.Parallel()
	}
}

// row is what became of one fault.
type row struct {
	fault             string
	items             int
	crowd             string // how many of whom
	missing, repeated int
	recovered         time.Duration
	note              string // what the columns have no place for
}

// table collects the rows of all tests.
type table struct {
	mu   sync.Mutex
	rows []row
}

var results table

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

func (t *table) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return
	}
	fmt.Printf("\n%-44s %6s %16s %8s %9s %11s\n", "fault", "items", "readers", "missing", "repeated", "s to recover")
	for _, r := range t.rows {
		fmt.Printf("%-44s %6d %16s %8d %9d %11.2f  %s\n", r.fault, r.items, r.crowd, r.missing, r.repeated, r.recovered.Seconds(), r.note)
	}
	fmt.Println()
}
