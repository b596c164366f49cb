package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"crier/news"
)

// options are those of all rounds.
type options struct {
	Readers int
	Items   int           // posted one by one
	Rate    float64       // of these, a second
	Idle    time.Duration // before memory is looked at
	Full    time.Duration // of items flat out; 0 leaves them out
	Window  int           // of these, how many are on their way at a time
	Bytes   int           // of an item's summary
	Crier   string        // the program
}

// figures are what a round found.
type figures struct {
	Peer         string  `json:"peer"`
	HandshakeCPU float64 `json:"cpu_us_per_handshake"`
	Handshakes   float64 `json:"handshakes_per_second"`
	IdleMemory   float64 `json:"rss_bytes_per_idle_reader"`
	LoadMemory   float64 `json:"rss_bytes_per_reader_after_load"`
	DeliveryCPU  float64 `json:"cpu_us_per_delivery"`
	FullCPU      float64 `json:"cpu_us_per_delivery_flat_out"`
	FullRate     float64 `json:"deliveries_per_second_flat_out"`
	P50          float64 `json:"delivery_p50_ms"`
	P99          float64 `json:"delivery_p99_ms"`
	Last         float64 `json:"last_reader_p50_ms"`
	Missing      int     `json:"missing"`
	Repeated     int     `json:"repeated"`
}

// peer is a server under way.
type peer struct {
	addr netip.AddrPort
	cmd  *exec.Cmd
	over string // the scheme: http, or https
	key  string
	said bytes.Buffer
}

// start runs the server of that name and waits until it is ready.
func start(ctx context.Context, name string, o options, dir string) (_ *peer, err error) {
	addr, err := free(ctx)
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	p := &peer{addr: netip.MustParseAddrPort(addr), over: "http", key: rand.Text()}
	switch name {
	case "crier", "crier-tls":
		data := filepath.Join(dir, strings.ReplaceAll(addr, ":", "-"))
		p.cmd = exec.CommandContext(ctx, o.Crier, "serve", "--listen", addr, "--data", data) //nolint:gosec // it is the caller's own program
		p.cmd.Env = append(os.Environ(), "CRIER_ADMIN_KEY="+p.key)
		if name == "crier-tls" {
			cert, key, err := certificate(dir)
			if err != nil {
				return nil, fmt.Errorf("make a certificate: %w", err)
			}
			p.over = "https"
			p.cmd.Args = append(p.cmd.Args, "--tls-cert", cert, "--tls-key", key)
		}
	default:
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p.cmd = exec.CommandContext(ctx, self, "-peer", name, "-listen", addr) //nolint:gosec // it is this program
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if resp, err := p.do(ctx, http.MethodGet, "/readyz", nil, ""); err == nil && resp == http.StatusOK {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.kill()
			return nil, fmt.Errorf("%s is not ready: %s", name, p.said.String())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.kill()
			return nil, ctx.Err()
		}
	}
}

// kill ends the server and waits until it has.
func (p *peer) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // its state is that it was killed
}

// client posts. Whoever serves on our port was started by us.
var client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // as said

func (p *peer) do(ctx context.Context, method, path string, body []byte, idempotency string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.over+"://"+p.addr.String()+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", idempotency)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, err
}

// post posts an item that the crowd is to get.
func (p *peer) post(ctx context.Context, c *crowd, size int) error {
	n := c.begin()
	story := "field-" + strconv.Itoa(n)
	body, err := json.Marshal(news.Post{Headline: "Exercise", Summary: strings.Repeat("x", size), Story: story, Topics: []string{"world"}})
	if err != nil {
		return err
	}
	status, err := p.do(ctx, http.MethodPost, "/v1/items", body, story+"-"+p.addr.String())
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}

// used is the CPU time and the memory of the server so far (proc(5)).
func (p *peer) used() (cpu time.Duration, rss float64, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from state, the third
	if len(fields) < 22 {
		return 0, 0, fmt.Errorf("%s/stat: %q", dir, stat)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(fields[21], 10, 64)
	const tick = time.Second / 100 // USER_HZ, the same on all architectures that Go runs on
	return time.Duration(user+system) * tick, float64(pages) * float64(os.Getpagesize()), errors.Join(err1, err2, err3)
}

// since is the CPU time since before.
func (p *peer) since(before time.Duration) (time.Duration, error) {
	cpu, _, err := p.used()
	return cpu - before, err
}

// measure does a round.
func measure(ctx context.Context, name string, o options, dir string, dials *atomic.Uint32) (f figures, err error) {
	f.Peer = name
	p, err := start(ctx, name, o, dir)
	if err != nil {
		return f, err
	}
	defer p.kill()
	cpu, empty, err := p.used()
	if err != nil {
		return f, err
	}
	began := time.Now()
	c, err := newCrowd(p.addr, o.Readers, p.over == "https", dials)
	if err != nil {
		return f, fmt.Errorf("%w; the server said: %s", err, p.said.String())
	}
	readers := float64(o.Readers)
	f.Handshakes = readers / time.Since(began).Seconds()
	shaken, err := p.since(cpu)
	if err != nil {
		return f, err
	}
	f.HandshakeCPU = micros(shaken) / readers
	if err := c.watch(); err != nil {
		return f, err
	}
	defer func() {
		p.kill()  // so that the crowd's reading ends
		<-c.ended //nolint:errcheck // it was killed
		c.close()
	}()
	if err := pause(ctx, o.Idle); err != nil {
		return f, err
	}
	_, idle, err := p.used()
	if err != nil {
		return f, err
	}
	f.IdleMemory = (idle - empty) / readers
	if err := f.paced(ctx, p, c, o); err != nil {
		return f, err
	}
	if err := f.flatOut(ctx, p, c, o); err != nil {
		return f, err
	}
	_, loaded, err := p.used()
	f.LoadMemory = (loaded - empty) / readers
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Missing, f.Repeated = c.missing, c.repeated
	return f, err
}

// paced posts items at the rate, after one that warms everything up.
func (f *figures) paced(ctx context.Context, p *peer, c *crowd, o options) error {
	if err := errors.Join(p.post(ctx, c, o.Bytes), c.wait(ctx, 1)); err != nil {
		return err
	}
	c.look()
	cpu, _, err := p.used()
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range o.Items {
		if err := pause(ctx, time.Until(began.Add(time.Duration(float64(i)/o.Rate*float64(time.Second))))); err != nil {
			return err
		}
		if err := p.post(ctx, c, o.Bytes); err != nil {
			return err
		}
	}
	if err := c.wait(ctx, o.Items); err != nil {
		return err
	}
	used, err := p.since(cpu)
	if err != nil {
		return err
	}
	f.DeliveryCPU = micros(used) / float64(o.Items*o.Readers)
	took := c.look()
	slices.Sort(took)
	f.P50, f.P99 = millis(took[len(took)/2]), millis(took[len(took)*99/100])
	var last []time.Duration
	for _, it := range c.items[1:] { // nothing is on its way
		last = append(last, it.last)
	}
	slices.Sort(last)
	f.Last = millis(last[len(last)/2])
	return nil
}

// flatOut keeps a window of items on their way.
func (f *figures) flatOut(ctx context.Context, p *peer, c *crowd, o options) error {
	if o.Full == 0 {
		return nil
	}
	cpu, _, err := p.used()
	if err != nil {
		return err
	}
	began := time.Now()
	posted, out := 0, 0
	for time.Since(began) < o.Full {
		if posted-out == o.Window {
			if err := c.wait(ctx, 1); err != nil {
				return err
			}
			out++
		}
		if err := p.post(ctx, c, o.Bytes); err != nil {
			return err
		}
		posted++
	}
	if err := c.wait(ctx, posted-out); err != nil {
		return err
	}
	used, err := p.since(cpu)
	if err != nil {
		return err
	}
	n := float64(posted * o.Readers)
	f.FullCPU, f.FullRate = micros(used)/n, n/time.Since(began).Seconds()
	return nil
}

// wait waits until n more items have come to all.
func (c *crowd) wait(ctx context.Context, n int) error {
	const patience = 60 * time.Second
	late := time.NewTimer(patience)
	defer late.Stop()
	for range n {
		select {
		case <-c.out:
		case err := <-c.ended:
			c.ended <- err
			return err
		case <-late.C:
			return fmt.Errorf("an item has not come to all readers within %v", patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
