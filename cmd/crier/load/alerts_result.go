package load

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"maps"

	"crier/push"
)

// AlertsResult is what a run of campaigns found. What it embeds is of the
// campaign with keys prepared.
type AlertsResult struct {
	Engine        string  `json:"engine"`
	Subscriptions int     `json:"subscriptions"`
	Sinks         int     `json:"sinks"`
	Latency       float64 `json:"sink_latency_ms"`
	Faults        float64 `json:"faults"` // share of subscriptions

	AlertsCampaign
	Cold AlertsCampaign `json:"cold"`
	*AlertsFlash

	LoopCPU      float64 `json:"webpush_go_cpu_us_per_accepted"`
	LoopAccepted int64   `json:"webpush_go_accepted"`
}

// AlertsCampaign is what one campaign came to. CPU is in microseconds.
type AlertsCampaign struct {
	CPU       float64 `json:"sender_cpu_us_per_accepted"` // store reading and result keeping included
	ServerCPU float64 `json:"redis_cpu_us_per_accepted"`  // of the Redis server; 0 for sqlite, which is in the sender's

	Audience  int64            `json:"audience"`
	Accepted  int64            `json:"accepted"`
	Gone      int64            `json:"gone"`
	Failed    int64            `json:"failed"`
	Reasons   map[string]int64 `json:"failed_by_reason"`
	Expired   int64            `json:"expired"`
	Cancelled int64            `json:"cancelled"`
	Retried   int64            `json:"retried"`
	Throttled int64            `json:"throttled"`

	Seconds          float64 `json:"seconds"`         // until the campaign was done
	First            float64 `json:"first_accept_ms"` // from the post until the first was accepted
	To50             float64 `json:"seconds_to_50"`   // until that share of the audience was accepted; 0 if never
	To90             float64 `json:"seconds_to_90"`
	To99             float64 `json:"seconds_to_99"`
	PreparingSeconds float64 `json:"preparing_seconds"`
	RSS              float64 `json:"rss_mb"` // the most, while it was sent
	Hits             int64   `json:"prepared_hits"`
	Misses           int64   `json:"prepared_misses"`

	Requests int64   `json:"sink_requests"`
	Opened   int64   `json:"sink_opened"`     // of a sample, that were decrypted
	Repeated int64   `json:"sink_repeated"`   // accepted more than once
	Wrong    int64   `json:"sink_wrong"`      // that broke a rule
	Problem  string  `json:"sink_problem"`    // the last of them
	Conns    int64   `json:"connections"`     // that the sinks have seen so far
	Series   []Point `json:"accepted_series"` // for a plot
}

// AlertsFlash is what became of a flash that was posted while a bulletin was
// being sent to the same crowd.
type AlertsFlash struct {
	FlashPosted   float64 `json:"flash_posted_at"`       // the share of the bulletin that was settled then
	FlashFirst    float64 `json:"flash_first_accept_ms"` // from its post until the first was accepted
	FlashTo99     float64 `json:"flash_seconds_to_99"`
	FlashFinished float64 `json:"flash_seconds"`        // until it was done
	FlashWon      bool    `json:"flash_finished_first"` // the bulletin was not done then
	FlashRest     int64   `json:"flash_bulletin_left"`  // of the bulletin, not settled when the flash was done
	FlashClosed   bool    `json:"flash_accounts_close"` // both accounts
}

// Point is how many were accepted by then.
type Point struct {
	Seconds  float64 `json:"seconds"`
	Accepted int64   `json:"accepted"`
}

func (c *AlertsCampaign) fill(r push.Report, keys push.Keys, s sunk) {
	t := r.Tally
	c.Audience, c.Accepted, c.Gone, c.Expired, c.Cancelled = t.Audience, t.Accepted, t.Gone, t.Expired, t.Cancelled
	c.Retried, c.Throttled, c.Reasons = t.Retried, t.Throttled, t.Failed
	for _, n := range t.Failed {
		c.Failed += n
	}
	for share, to := range map[float64]*float64{0.5: &c.To50, 0.9: &c.To90, 0.99: &c.To99} {
		if d, ok := t.TimeTo(share); ok {
			*to = d.Seconds()
		}
	}
	c.Hits, c.Misses = keys.Hits, keys.Misses
	c.Requests, c.Opened, c.Repeated, c.Wrong, c.Problem, c.Conns = s.Requests, s.Opened, s.Repeated, s.Wrong, s.Problem, s.Conns
	sum := int64(0)
	for _, tenth := range slices.Sorted(maps.Keys(t.AcceptedAt)) {
		sum += t.AcceptedAt[tenth]
		c.Series = append(c.Series, Point{float64(tenth+1) / 10, sum})
	}
}

// Closed reports whether every subscription in the audience has one outcome,
// and the sinks accepted what they are said to have accepted.
func (c *AlertsCampaign) Closed() bool {
	return c.Audience == c.Accepted+c.Gone+c.Failed+c.Expired+c.Cancelled && c.Wrong == 0
}

// Print writes the result for people.
func (r *AlertsResult) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d subscriptions in %s, %d sinks, latency %.0f ms, faults %.0f %%\n\n", r.Subscriptions, r.Engine, r.Sinks, r.Latency, 100*r.Faults)
	fmt.Fprintf(&b, "%-34s %12s %12s\n", "", "cold", "prepared")
	for _, line := range []struct {
		name   string
		of     func(*AlertsCampaign) float64
		digits int
	}{
		{"sender's CPU a message, µs", func(c *AlertsCampaign) float64 { return c.CPU }, 1},
		{"Redis's CPU a message, µs", func(c *AlertsCampaign) float64 { return c.ServerCPU }, 1},
		{"audience", func(c *AlertsCampaign) float64 { return float64(c.Audience) }, 0},
		{"accepted", func(c *AlertsCampaign) float64 { return float64(c.Accepted) }, 0},
		{"gone", func(c *AlertsCampaign) float64 { return float64(c.Gone) }, 0},
		{"failed", func(c *AlertsCampaign) float64 { return float64(c.Failed) }, 0},
		{"expired", func(c *AlertsCampaign) float64 { return float64(c.Expired) }, 0},
		{"cancelled", func(c *AlertsCampaign) float64 { return float64(c.Cancelled) }, 0},
		{"attempts beyond the first", func(c *AlertsCampaign) float64 { return float64(c.Retried) }, 0},
		{"accepted twice", func(c *AlertsCampaign) float64 { return float64(c.Repeated) }, 0},
		{"first accepted after, ms", func(c *AlertsCampaign) float64 { return c.First }, 1},
		{"50 % accepted after, s", func(c *AlertsCampaign) float64 { return c.To50 }, 1},
		{"90 % accepted after, s", func(c *AlertsCampaign) float64 { return c.To90 }, 1},
		{"99 % accepted after, s", func(c *AlertsCampaign) float64 { return c.To99 }, 1},
		{"resident memory, MB", func(c *AlertsCampaign) float64 { return c.RSS }, 0},
		{"sealed with prepared keys", func(c *AlertsCampaign) float64 { return float64(c.Hits) }, 0},
		{"connections so far", func(c *AlertsCampaign) float64 { return float64(c.Conns) }, 0},
	} {
		fmt.Fprintf(&b, "%-34s %12.*f %12.*f\n", line.name, line.digits, line.of(&r.Cold), line.digits, line.of(&r.AlertsCampaign))
	}
	if f := r.AlertsFlash; f != nil {
		fmt.Fprintf(&b, "\nA flash posted at %.0f %% of a bulletin: the first accepted after %.0f ms, 99 %% after %.1f s, done after %.1f s, before the bulletin: %v (%d of that left)\n",
			100*f.FlashPosted, f.FlashFirst, f.FlashTo99, f.FlashFinished, f.FlashWon, f.FlashRest)
	}
	if r.LoopAccepted > 0 {
		fmt.Fprintf(&b, "\nwebpush-go's loop: %.1f µs a message (%d messages), %.1f times as much as cold and %.1f times as much as prepared\n",
			r.LoopCPU, r.LoopAccepted, r.LoopCPU/r.Cold.CPU, r.LoopCPU/r.CPU)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
