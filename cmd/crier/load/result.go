package load

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Result is what a run found. Times are in milliseconds.
type Result struct {
	Readers    int     `json:"readers"` // without the stalled
	Stalled    int     `json:"stalled,omitempty"`
	Seconds    float64 `json:"seconds"` // of posting
	Posted     int     `json:"posted"`
	Rate       float64 `json:"posted_per_second"`
	Deliveries int64   `json:"deliveries"`
	Missing    int64   `json:"missing"`  // deliveries that had not come when the run ended
	Repeated   int64   `json:"repeated"` // deliveries that came again
	Resets     int64   `json:"resets"`
	Lost       int64   `json:"connections_lost"` // broken by the service or the network
	Back       int64   `json:"resumed"`          // after a break, by cursor
	Bytes      int64   `json:"message_bytes"`

	Latency   Times        `json:"latency_ms"`     // of a delivery
	Arrived   Times        `json:"arrived_ms"`     // of a delivery, until this machine's kernel had it
	Last      Times        `json:"last_reader_ms"` // until an item was out
	Handshake Times        `json:"handshake_ms"`
	Histogram [][2]float64 `json:"latency_histogram"` // up to ms, deliveries

	Storm     int     `json:"storm,omitempty"`           // readers whose connections broke at once
	StormBack float64 `json:"storm_back_ms,omitempty"`   // until the last of them was connected and had what it had missed; 0 if one never was
	StormBare float64 `json:"storm_bare_ms,omitempty"`   // in which as many joined at first, just as fast, without a cursor
	StormAway int64   `json:"storm_away,omitempty"`      // readers who were not back when the run ended
	Before    Times   `json:"stayed_before_ms,omitzero"` // deliveries to those who stayed, until the storm
	During    Times   `json:"stayed_during_ms,omitzero"` // and while it lasted
	// The same until this machine's kernel had them: without what the load
	// generator took to read them.
	BeforeArrived Times `json:"stayed_before_arrived_ms,omitzero"`
	DuringArrived Times `json:"stayed_during_arrived_ms,omitzero"`
}

// Times are quantiles in milliseconds.
type Times struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (h *Histogram) times() Times {
	return Times{ms(h.Quantile(0.5)), ms(h.Quantile(0.9)), ms(h.Quantile(0.99)), ms(h.Quantile(1))}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *run) result(posted int, took time.Duration) *Result {
	res := &Result{
		Readers: r.o.Readers - r.o.Stalled, Stalled: r.o.Stalled, Seconds: took.Seconds(), Posted: posted, Rate: float64(posted) / took.Seconds(),
		Deliveries: r.delivered.Load(), Repeated: r.repeated.Load(), Resets: r.resets.Load(), Lost: r.lost.Load(), Back: r.back.Load(),
		Bytes: r.bytes.Load(), Latency: r.latency.times(), Arrived: r.arrived.times(), Handshake: r.handshakes.times(),
	}
	res.Missing = int64(posted)*int64(res.Readers) - res.Deliveries
	var last Histogram
	for i := range r.items {
		if it := &r.items[i]; int(it.got.Load()) == res.Readers {
			last.Add(time.Duration(it.slowest.Load()) * time.Microsecond)
		}
	}
	res.Last = last.times()
	if s := &r.storm; r.o.Storm > 0 {
		res.Storm, res.StormAway = r.o.Storm, s.away.Load()
		res.StormBack, res.StormBare = ms(s.took()), ms(s.bare)
		res.Before, res.During = s.before.times(), s.during.times()
		res.BeforeArrived, res.DuringArrived = s.beforeArrived.times(), s.duringArrived.times()
	}
	for _, b := range r.latency.Buckets() {
		res.Histogram = append(res.Histogram, [2]float64{ms(b.UpTo), float64(b.Count)})
	}
	return res
}

// Print writes the result for people.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d readers, %d items in %.1f s (%.1f a second), %d deliveries: %d missing, %d repeated\n", r.Readers, r.Posted, r.Seconds, r.Rate, r.Deliveries, r.Missing, r.Repeated)
	fmt.Fprintf(&b, "%d connections broke, %d came back by cursor, %d resets\n", r.Lost, r.Back, r.Resets)
	if r.Stalled > 0 {
		fmt.Fprintf(&b, "%d more readers had stopped reading\n", r.Stalled)
	}
	if r.Storm > 0 {
		fmt.Fprintf(&b, "storm of %d: back after %.0f ms, %d never; as many joined at first in %.0f ms\n", r.Storm, r.StormBack, r.StormAway, r.StormBare)
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "%-22s %9s %9s %9s %9s\n", "milliseconds", "p50", "p90", "p99", "max")
	for _, line := range []struct {
		name string
		t    Times
	}{
		{"delivery", r.Latency}, {"  come to this machine", r.Arrived}, {"last reader of an item", r.Last}, {"handshake", r.Handshake},
		{"stayed, before storm", r.Before}, {"  come to this machine", r.BeforeArrived}, {"stayed, during it", r.During}, {"  come to this machine", r.DuringArrived},
	} {
		if line.t == (Times{}) {
			continue // it was not measured
		}
		fmt.Fprintf(&b, "%-22s %9.1f %9.1f %9.1f %9.1f\n", line.name, line.t.P50, line.t.P90, line.t.P99, line.t.Max)
	}
	b.WriteString("\n")
	r.bars(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// bars draws the histogram, a line for each doubling of the latency.
func (r *Result) bars(b *strings.Builder) {
	type line struct{ upTo, n float64 }
	var lines []line
	var most float64
	for _, h := range r.Histogram {
		if len(lines) == 0 || h[0] > lines[len(lines)-1].upTo {
			upTo := 0.125
			for upTo < h[0] {
				upTo *= 2
			}
			lines = append(lines, line{upTo: upTo})
		}
		last := &lines[len(lines)-1]
		last.n += h[1]
		most = max(most, last.n)
	}
	for _, l := range lines {
		fmt.Fprintf(b, "up to %8.3g ms %9.0f %s\n", l.upTo, l.n, strings.Repeat("█", int(l.n/most*50+0.5)))
	}
}
