package load

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"crier/news"
	"crier/push"
)

// errand is what a sender in a process of its own is told, a line of JSON.
type errand struct {
	Store             address
	VAPID             []byte
	Hosts, Roots      []string
	Timeout           time.Duration
	Workers, PageSize int
	Post              bool // else there is a campaign, and it goes on
}

// progress is what it says, a line of JSON every few hundredths of a second.
type progress struct {
	Audience, Settled int64
	Done              bool
}

// Sender sends a campaign as a node does, until that is done, in ends or ctx
// does. It is what a proof kills.
func Sender(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := json.NewDecoder(in)
	var e errand
	if err := lines.Decode(&e); err != nil {
		return fmt.Errorf("what to send: %w", err)
	}
	go func() { // whoever started this has ended
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	keys, err := push.ParseVAPID(e.VAPID)
	if err != nil {
		return err
	}
	st, err := e.Store.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	roots := x509.NewCertPool()
	for _, r := range e.Roots {
		roots.AppendCertsFromPEM([]byte(r))
	}
	svc, err := push.New(st, st, keys, push.Options{AlertHosts: e.Hosts, RootCAs: roots, Subject: subject, RequestTimeout: e.Timeout, Lease: 3 * e.Timeout,
		Workers: e.Workers, PageSize: e.PageSize, PreparedKeys: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	if e.Post {
		draft, err := exercise(news.Urgent)
		if err != nil {
			return err
		}
		if _, err := st.Append(ctx, news.Key{}, draft); err != nil {
			return err
		}
	}
	return tellProgress(ctx, st, json.NewEncoder(out))
}

// tellProgress says how the only campaign goes, until it is done.
func tellProgress(ctx context.Context, st store, out *json.Encoder) error {
	for said := (progress{}); !said.Done; {
		if wait(ctx, 20*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
		r, err := onlyReport(ctx, st)
		if errors.Is(err, push.ErrNoCampaign) {
			continue
		}
		if err != nil {
			return err
		}
		said = progress{r.Tally.Audience, r.Tally.Audience - r.Tally.Queued(), r.Done}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return nil
}

// onlyReport is the report of the store's only campaign.
func onlyReport(ctx context.Context, st store) (push.Report, error) {
	all, err := st.CampaignsSince(ctx, time.Time{})
	if err == nil && len(all) != 1 {
		err = push.ErrNoCampaign
	}
	if err != nil {
		return push.Report{}, err
	}
	return st.Report(ctx, all[0].Entry.Item.ID)
}

// send has a process send, until until says that it is enough: then it is killed
// as kill -9 does. It reports whether that came to be.
func (p *proof) send(ctx context.Context, e errand, until func(progress) bool) (killed bool, err error) {
	cmd := exec.CommandContext(ctx, p.o.SenderProgram[0], p.o.SenderProgram[1:]...) //nolint:gosec // it is the caller's own program
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return false, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start a sender: %w", err)
	}
	err = json.NewEncoder(in).Encode(e)
	for lines := json.NewDecoder(out); err == nil && !killed; {
		var said progress
		if err = lines.Decode(&said); err == nil && until(said) {
			killed = true
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if killed || err != nil {
		_ = cmd.Process.Kill() // it has ended if this fails
	}
	if end := cmd.Wait(); !killed {
		err = errors.Join(err, end)
	}
	return killed, err
}
