package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "field:", err)
		stop()
		os.Exit(1)
	}
}

// all are the peers, the one that others are compared with first.
var all = []string{"floor", "crier", "crier-tls", "usual"}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	fs := flag.NewFlagSet("field", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Readers, "readers", 10_000, "readers of each server, at most what this process may hold descriptors of")
	fs.IntVar(&o.Items, "items", 20, "items posted one by one")
	fs.Float64Var(&o.Rate, "rate", 2, "of these, how many a second")
	fs.DurationVar(&o.Idle, "idle", 2*time.Second, "how long readers are idle before memory is looked at")
	fs.DurationVar(&o.Full, "full", 4*time.Second, "how long to post flat out; 0 leaves that out")
	fs.IntVar(&o.Window, "window", 4, "how many items are on their way then")
	fs.IntVar(&o.Bytes, "bytes", 100, "bytes of an item's summary")
	fs.StringVar(&o.Crier, "crier", "", "the program of Crier; built from here if empty")
	rounds := fs.Int("rounds", 5, "rounds of each server")
	names := fs.String("peers", strings.Join(all, ","), "which servers")
	asJSON := fs.Bool("json", false, "print every round as JSON in place of the table")
	peer := fs.String("peer", "", "be this server (for the program itself)")
	listen := fs.String("listen", "", "on this address (likewise)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *peer != "" {
		return servePeer(*peer, *listen)
	}
	peers := strings.Split(*names, ",")
	switch {
	case slices.ContainsFunc(peers, func(p string) bool { return !slices.Contains(all, p) }):
		return fmt.Errorf("-peers: give some of %s", strings.Join(all, ","))
	case min(o.Readers, o.Items, o.Window, *rounds) < 1 || o.Rate <= 0 || min(o.Idle, o.Full) < 0 || o.Bytes < 0 || o.Bytes > 1000:
		return errors.New("give positive numbers, and at most 1000 bytes")
	}
	dir, err := os.MkdirTemp("", "crier-field")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is temporary
	if o.Crier == "" {
		o.Crier = filepath.Join(dir, "crier")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.Crier, "crier/cmd/crier").CombinedOutput(); err != nil { //nolint:gosec // the path is ours
			return fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	found := map[string][]figures{}
	var dials atomic.Uint32
	for i := range *rounds {
		for _, name := range peers {
			f, err := measure(ctx, name, o, dir, &dials)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(stderr, "round %d of %d, %s: %.1f µs a delivery\n", i+1, *rounds, name, f.DeliveryCPU)
			found[name] = append(found[name], f)
			if *asJSON {
				if err := json.NewEncoder(stdout).Encode(f); err != nil {
					return err
				}
			}
		}
	}
	if *asJSON {
		return nil
	}
	return table(stdout, o, *rounds, peers, found)
}

// rows are the lines of the table.
var rows = []struct {
	name   string
	digits int
	of     func(f figures) float64
}{
	{"CPU for a delivery, µs", 1, func(f figures) float64 { return f.DeliveryCPU }},
	{"… items queueing", 1, func(f figures) float64 { return f.FullCPU }},
	{"deliveries a second, queueing", 0, func(f figures) float64 { return f.FullRate }},
	{"memory for an idle reader, B", 0, func(f figures) float64 { return f.IdleMemory }},
	{"… after load", 0, func(f figures) float64 { return f.LoadMemory }},
	{"handshakes a second", 0, func(f figures) float64 { return f.Handshakes }},
	{"CPU for a handshake, µs", 0, func(f figures) float64 { return f.HandshakeCPU }},
	{"delivery p50, ms", 1, func(f figures) float64 { return f.P50 }},
	{"delivery p99, ms", 1, func(f figures) float64 { return f.P99 }},
	{"last reader of an item, ms", 1, func(f figures) float64 { return f.Last }},
	{"missing", 0, func(f figures) float64 { return float64(f.Missing) }},
	{"repeated", 0, func(f figures) float64 { return float64(f.Repeated) }},
}

// table prints medians, and of the others how many times the first peer's they
// are.
func table(w io.Writer, o options, rounds int, peers []string, found map[string][]figures) error {
	fmt.Fprintf(w, "%d readers, medians of %d rounds by turns, and how many times those of %s they are\n\n", o.Readers, rounds, peers[0])
	line := fmt.Sprintf("%-31s", "")
	for _, name := range peers {
		line += fmt.Sprintf("%11s", name)
	}
	for _, name := range peers[1:] {
		line += fmt.Sprintf("%13s", "× "+name)
	}
	fmt.Fprintln(w, line)
	for _, r := range rows {
		line = fmt.Sprintf("%-31s", r.name)
		var medians []float64
		for _, name := range peers {
			medians = append(medians, median(found[name], r.of))
			line += fmt.Sprintf("%11.*f", r.digits, medians[len(medians)-1])
		}
		for _, m := range medians[1:] {
			if medians[0] > 0 {
				line += fmt.Sprintf("%13.2f", m/medians[0])
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func median(all []figures, of func(figures) float64) float64 {
	var v []float64
	for _, f := range all {
		v = append(v, of(f))
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
