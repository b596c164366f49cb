package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BesideOptions are what a run does that measures what preparing sender keys
// costs the readers of the same node.
type BesideOptions struct {
	Subscriptions int           // for which keys are prepared: more than can be in the time
	Readers       int           // live
	Rate          float64       // items a second
	Duration      time.Duration // of posting, each time
	Rounds        int           // in each of which a node prepares and another one has nothing to prepare
	NodeProgram   []string      // a program that serves
	Progress      io.Writer
}

// BesideResult is what such a run found: medians of the rounds, and how the two
// compare. CPU is the node's, of which what the keys took is left out.
type BesideResult struct {
	Subscriptions int     `json:"subscriptions"`
	Readers       int     `json:"readers"`
	Rate          float64 `json:"posted_per_second"`
	Preparing     Beside  `json:"preparing"`
	Idle          Beside  `json:"idle"`
	P50Ratio      float64 `json:"p50_ratio"`
	P99Ratio      float64 `json:"p99_ratio"`
	CPURatio      float64 `json:"cpu_ratio"` // 0 where the system does not say
}

// Beside is what live delivery was.
type Beside struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_us_per_delivery"`
	Keys float64 `json:"keys_prepared"`  // while it was posted
	Key  float64 `json:"cpu_us_per_key"` // before readers came, with the reading of the store
	Lost int64   `json:"missing"`
}

// MeasureBeside does a run. It blocks until then, or until ctx ends.
func MeasureBeside(ctx context.Context, o BesideOptions) (_ *BesideResult, err error) {
	if o.Subscriptions < 1 || o.Rounds < 1 {
		return nil, errors.New("give at least one subscription and one round")
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	full, err := newPlace(AlertsOptions{Engine: "sqlite"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, full.remove(context.WithoutCancel(ctx))) }()
	bare, err := newPlace(AlertsOptions{Engine: "sqlite"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.remove(context.WithoutCancel(ctx))) }()
	c := crowd{Seed: []byte(rand.Text()), Sinks: []string{"127.0.0.1:9"}}
	if err := full.fill(ctx, c, o.Subscriptions); err != nil {
		return nil, err
	}
	var preparing, idle []Beside
	for n := range o.Rounds {
		order := []place{full, bare}
		if n%2 == 1 { // neither is always first
			slices.Reverse(order)
		}
		for _, where := range order {
			b, err := o.once(ctx, where.address.Dir)
			if err != nil {
				return nil, err
			}
			_, _ = fmt.Fprintf(o.Progress, "round %d: p50 %.3f ms, p99 %.3f ms, %.2f µs a delivery, %.0f keys prepared\n", n+1, b.P50, b.P99, b.CPU, b.Keys) // a line that is lost is no loss
			if where.address == full.address {
				preparing = append(preparing, b)
			} else {
				idle = append(idle, b)
			}
		}
	}
	r := &BesideResult{Subscriptions: o.Subscriptions, Readers: o.Readers, Rate: o.Rate, Preparing: medians(preparing), Idle: medians(idle)}
	r.P50Ratio, r.P99Ratio = r.Preparing.P50/r.Idle.P50, r.Preparing.P99/r.Idle.P99
	if r.Idle.CPU > 0 {
		r.CPURatio = r.Preparing.CPU / r.Idle.CPU
	}
	return r, nil
}

// medians is the median of each figure.
func medians(all []Beside) (out Beside) {
	of := func(figure func(Beside) float64) float64 {
		var v []float64
		for _, b := range all {
			v = append(v, figure(b))
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	for _, b := range all {
		out.Lost += b.Lost
	}
	out.P50, out.P99 = of(func(b Beside) float64 { return b.P50 }), of(func(b Beside) float64 { return b.P99 })
	out.Key = of(func(b Beside) float64 { return b.Key })
	out.CPU, out.Keys = of(func(b Beside) float64 { return b.CPU }), of(func(b Beside) float64 { return b.Keys })
	return out
}

// once measures live delivery of a fresh node on the directory.
func (o BesideOptions) once(ctx context.Context, dir string) (b Beside, err error) {
	n, err := startNode(ctx, o.NodeProgram, dir)
	if err != nil {
		return b, err
	}
	defer n.end()
	at, err := n.used(ctx)
	if err != nil {
		return b, err
	}
	wait(ctx, 1500*time.Millisecond)
	was, err := n.used(ctx)
	if err != nil {
		return b, err
	}
	if keys := was.keys - at.keys; keys > 0 {
		b.Key = 1e6 * (was.cpu - at.cpu) / keys
	}
	r, err := Live(ctx, Options{URLs: []string{"http://" + n.addr}, Key: n.key, Readers: o.Readers, Rate: o.Rate, Bytes: 100, Duration: o.Duration, Ramp: time.Second, Settle: 10 * time.Second})
	if err != nil {
		return b, err
	}
	is, err := n.used(ctx)
	b.P50, b.P99, b.Keys, b.Lost = quantile(r.Histogram, 0.5), quantile(r.Histogram, 0.99), is.keys-was.keys, r.Missing
	if is.cpu > 0 {
		b.CPU = (1e6*(is.cpu-was.cpu) - b.Keys*b.Key) / float64(max(r.Deliveries, 1))
	}
	return b, err
}

// quantile is finer than the buckets of a histogram are: it takes what is in one
// for evenly spread.
func quantile(buckets [][2]float64, q float64) float64 {
	sum, from := 0.0, 0.0
	for _, b := range buckets {
		sum += b[1]
	}
	left := q * sum
	for _, b := range buckets {
		if left <= b[1] {
			if from == 0 {
				from = b[0]
			}
			return from + (b[0]-from)*left/b[1]
		}
		left, from = left-b[1], b[0]
	}
	return from
}

// node is a process that serves.
type node struct {
	cmd              *exec.Cmd
	addr, admin, key string
}

func startNode(ctx context.Context, program []string, dir string) (_ *node, err error) {
	n := &node{key: rand.Text()}
	for _, addr := range []*string{&n.addr, &n.admin} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*addr = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	n.cmd = exec.CommandContext(ctx, program[0], append(program[1:], "serve", "--listen", n.addr, "--admin", n.admin, "--data", dir, "--drain-window", "100ms")...) //nolint:gosec // it is the caller's own program
	n.cmd.Env = append(os.Environ(), "CRIER_ADMIN_KEY="+n.key)
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	for began := time.Now(); ; {
		if _, err = n.get(ctx, n.addr, "/readyz"); err == nil {
			return n, nil
		}
		if wait(ctx, 20*time.Millisecond); ctx.Err() != nil || time.Since(began) > 30*time.Second {
			n.end()
			return nil, fmt.Errorf("the node is not ready: %w", err)
		}
	}
}

func (n *node) get(ctx context.Context, addr, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s is answered %s", path, resp.Status)
	}
	return string(body), errors.Join(err, resp.Body.Close())
}

// nodeUsed is seconds of CPU, and keys that are ready.
type nodeUsed struct{ cpu, keys float64 }

func (n *node) used(ctx context.Context) (u nodeUsed, err error) {
	text, err := n.get(ctx, n.admin, "/metrics")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for want, to := range map[string]*float64{"process_cpu_seconds_total": &u.cpu, "crier_keys_ready": &u.keys} {
			if name == want {
				if *to, err = strconv.ParseFloat(value, 64); err != nil {
					return u, err
				}
			}
		}
	}
	return u, nil
}

func (n *node) end() {
	_ = n.cmd.Process.Kill() // it has ended if this fails
	_ = n.cmd.Wait()         // "signal: killed"
}

// Print writes the result for people.
func (r *BesideResult) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "\nlive delivery to %d readers, %g items a second     %10s %10s %8s\n"+
		"p50, ms                                              %10.3f %10.3f %8.3f\n"+
		"p99, ms                                              %10.3f %10.3f %8.3f\n"+
		"the node's CPU a delivery without the keys', µs      %10.2f %10.2f %8.3f\n"+
		"keys prepared meanwhile, %.1f µs each                 %10.0f %10.0f\n",
		r.Readers, r.Rate, "preparing", "idle", "ratio", r.Preparing.P50, r.Idle.P50, r.P50Ratio, r.Preparing.P99, r.Idle.P99, r.P99Ratio,
		r.Preparing.CPU, r.Idle.CPU, r.CPURatio, r.Preparing.Key, r.Preparing.Keys, r.Idle.Keys)
	return err
}
