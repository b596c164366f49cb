// Capacity reckons what machines and fleets should hold, from the costs that
// were measured: it plays an hour of news on simulated nodes and prints the
// tables of docs/capacity.md. The same numbers come out every time.
//
//	go run ./docs/capacity
package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
)

// What was measured, see docs/capacity.md for how.
const (
	readerBytes = 5_600  // of memory: 1,200 of the process and 4,400 of the kernel
	nodeBytes   = 60e6   // of a node without readers
	shareWrite  = 5.4e-6 // seconds of CPU for a write, whatever is in it
	shareItem   = 3.7e-6 // and for each item in it: alone 9.1 µs, in lines of eight 4.4
	handshake   = 52e-6  // seconds of CPU
	itemBytes   = 560    // on the wire: 400 of message, headers, acknowledgement
	line        = 8      // items that go out with one write when they queue
	appends     = 5_000  // a second that one Redis takes, each synced, from many callers: half of what it did
	publish     = 6e-6   // seconds of Redis's one thread for an entry of 1 kB to one node
)

// What is asked for.
const (
	headroom = 0.5 // of the memory, and of the CPU when all come back, for the day that is worse
	promise  = 1.0 // seconds until the last reader has an item, at the 99th percentile
	storm    = 30  // seconds in which all readers of a node are back after it was cut off
)

// machine is what a node runs on.
type machine struct {
	name    string
	cores   int
	memory  float64 // bytes
	network float64 // bytes a second
}

var machines = []machine{
	{"4 cores, 8 GB, 1 Gb/s", 4, 8e9, 125e6},
	{"4 cores, 16 GB, 10 Gb/s", 4, 16e9, 1.25e9},
	{"32 cores, 64 GB, 25 Gb/s", 32, 64e9, 3.125e9},
}

// night is the times at which items are posted in an hour: one every five
// seconds on average, and four bursts of 30 within ten seconds.
func night() []float64 {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same night every time
	var at []float64
	for t := r.ExpFloat64() * 5; t < 3600; t += r.ExpFloat64() * 5 {
		at = append(at, t)
	}
	for b := range 4 {
		for range 30 {
			at = append(at, 600+float64(b)*800+r.Float64()*10)
		}
	}
	slices.Sort(at)
	return at
}

// play is how long after its posting each item of a night has reached the last
// of n readers of a machine, whose CPUs and network work side by side. What is
// posted while a round is on waits and goes out with the next.
func play(m machine, n float64, posted []float64) (last []float64) {
	free := 0.0
	for i := 0; i < len(posted); {
		begin := max(free, posted[i])
		k := i
		for k < len(posted) && k-i < line && posted[k] <= begin {
			k++
		}
		items := float64(k - i)
		cpu := n * (shareWrite + shareItem*items) / float64(m.cores)
		wire := n * items * itemBytes / m.network
		free = begin + max(cpu, wire)
		for ; i < k; i++ {
			last = append(last, free-posted[i])
		}
	}
	return last
}

func quantile(of []float64, q float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[int(math.Ceil(q*float64(len(of))))-1]
}

// holds is the most readers that a machine holds, to a thousand, and why not
// more.
func holds(m machine) (n float64, why string) {
	posted := night()
	bounds := []struct {
		why string
		n   float64
	}{
		{"memory", (m.memory*headroom - nodeBytes) / readerBytes},
		{"all back in " + fmt.Sprint(storm) + " s", storm * float64(m.cores) * headroom / handshake},
		{"the last reader within " + fmt.Sprint(promise) + " s", search(func(n float64) bool { return quantile(play(m, n, posted), 0.99) <= promise })},
	}
	best := slices.MinFunc(bounds, func(a, b struct {
		why string
		n   float64
	}) int {
		return int(a.n - b.n)
	})
	return math.Floor(best.n/1000) * 1000, best.why
}

// search is the most, to a thousand, for which it is fine.
func search(fine func(float64) bool) float64 {
	low, high := 0.0, 1e8
	for high-low > 1000 {
		if mid := (low + high) / 2; fine(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// tables prints all that there is to say.
func tables(w io.Writer) {
	posted := night()
	fmt.Fprintln(w, "| one node on | readers | bounded by | item alone, last reader | 99 % of a night | memory |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, m := range machines {
		n, why := holds(m)
		fmt.Fprintf(w, "| %s | %s | %s | %.2f s | %.2f s | %.1f GB |\n", m.name, count(n), why,
			play(m, n, posted[:1])[0], quantile(play(m, n, posted), 0.99), (nodeBytes+n*readerBytes)/1e9)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "| readers | nodes, one to spare: 4 cores, 16 GB | 32 cores, 64 GB | Redis: items a second, at most |")
	fmt.Fprintln(w, "|---|---|---|---|")
	for _, readers := range []float64{1e6, 10e6, 100e6} {
		small, big := fleet(machines[1], readers), fleet(machines[2], readers)
		fmt.Fprintf(w, "| %s | %s | %s | %s or %s |\n", count(readers), count(small), count(big), count(redisRate(small)), count(redisRate(big)))
	}
}

// fleet is the nodes that readers need when one is away.
func fleet(m machine, readers float64) float64 {
	n, _ := holds(m)
	return math.Ceil(readers/n) + 1
}

// redisRate is how many items a second one Redis passes on to so many nodes:
// each append is synced once, and sent to each node once.
func redisRate(nodes float64) float64 {
	return math.Floor(1 / (1/float64(appends) + nodes*publish))
}

// count is a number with commas.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func main() { tables(os.Stdout) }
