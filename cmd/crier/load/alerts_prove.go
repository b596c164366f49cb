package load

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"crier/push"
)

// ProveOptions are what is proven.
type ProveOptions struct {
	AlertsOptions          // of which the engine is both, and Redis may be empty for sqlite alone
	Kill          float64  // the sender is killed when this share is settled
	SenderProgram []string // a program that calls Sender with its stdin and stdout
}

// proveWorkers is how many workers a sender has.
const proveWorkers = 8

// Proof is what a campaign came to, on one engine, whose sender was killed.
type Proof struct {
	Engine   string           `json:"engine"`
	Audience int64            `json:"audience"`
	Accepted int64            `json:"accepted"`
	Gone     int64            `json:"gone"`
	Failed   map[string]int64 `json:"failed"`
	Expired  int64            `json:"expired"`
	Cancel   int64            `json:"cancelled"`
	Retried  int64            `json:"retried"`
	Letters  int64            `json:"dead_letters"`
	Removed  int64            `json:"removed"`       // subscriptions
	KilledAt int64            `json:"killed_at"`     // settled when the sender was killed
	Repeated int64            `json:"sink_repeated"` // accepted more than once
	Bound    int64            `json:"most_repeated"` // a page a worker
	Seconds  float64          `json:"seconds"`
	Wrong    []string         `json:"wrong"` // what should not be
}

// proof is a proof under way.
type proof struct {
	o     ProveOptions
	sinks *sinks
	crowd crowd
	vapid []byte
	keys  push.VAPID
	page  int
}

// Prove sends one campaign on each engine to the same crowd with its faults,
// kills the sender in the middle as kill -9 does, has another go on, and holds
// what comes of it to what must: the account closes to the last one, nobody is
// removed who is not gone, no more is repeated than a page a worker, and the
// engines agree. It blocks until then, or until ctx ends.
func Prove(ctx context.Context, o ProveOptions) (out []Proof, err error) {
	if o.Kill <= 0 || o.Kill >= 1 {
		return nil, errors.New("the sender is killed between 0 and 1")
	}
	o.Engine = "sqlite"
	redis := o.Redis
	o.Redis = ""
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &proof{o: o, page: min(max(o.Subscriptions/200, 16), 256)}
	if p.sinks, err = startSinks(ctx, o.SinkProgram, o.Sinks); err != nil {
		return nil, err
	}
	defer func() {
		if end := p.sinks.end(); ctx.Err() == nil { // else they were killed
			err = errors.Join(err, end)
		}
	}()
	p.crowd = crowd{Seed: []byte(rand.Text()), Sinks: p.sinks.addrs()}
	if p.vapid, err = push.NewVAPID(); err != nil {
		return nil, err
	}
	if p.keys, err = push.ParseVAPID(p.vapid); err != nil {
		return nil, err
	}
	engines := []AlertsOptions{o.AlertsOptions}
	if redis != "" {
		engines = append(engines, o.AlertsOptions)
		engines[1].Engine, engines[1].Redis = "redis", redis
	}
	for _, e := range engines {
		one, err := p.prove(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("on %s: %w", e.Engine, err)
		}
		out = append(out, one)
	}
	if len(out) == 2 && !out[0].agrees(out[1]) {
		out[1].blame("the engines do not agree")
	}
	return out, nil
}

// agrees reports whether two campaigns came to the same.
func (p Proof) agrees(q Proof) bool {
	return p.Audience == q.Audience && p.Accepted == q.Accepted && p.Gone == q.Gone && maps.Equal(p.Failed, q.Failed) &&
		p.Expired == q.Expired && p.Cancel == q.Cancel && p.Removed == q.Removed && p.Letters == q.Letters
}

func (p *Proof) blame(format string, args ...any) {
	p.Wrong = append(p.Wrong, fmt.Sprintf(format, args...))
}

// prove does it on one engine.
func (p *proof) prove(ctx context.Context, o AlertsOptions) (out Proof, err error) {
	out = Proof{Engine: o.Engine, Bound: int64(proveWorkers * p.page)}
	where, err := newPlace(o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, where.remove(context.WithoutCancel(ctx))) }()
	if err := where.fill(ctx, p.crowd, o.Subscriptions); err != nil {
		return out, err
	}
	told := order{Crowd: p.crowd, Key: p.keys.Public(), Latency: o.Latency, Faults: o.Faults}
	if _, err := p.sinks.tell(told); err != nil {
		return out, err
	}
	e := errand{Store: where.address, VAPID: p.vapid, Hosts: p.crowd.Sinks, Timeout: o.Timeout, Workers: proveWorkers, PageSize: p.page, Post: true}
	for _, s := range p.sinks.all {
		e.Roots = append(e.Roots, s.Cert)
	}
	began := time.Now()
	killed, err := p.send(ctx, e, func(said progress) bool {
		out.KilledAt = said.Settled
		return float64(said.Settled) >= p.o.Kill*float64(o.Subscriptions) && !said.Done
	})
	if err != nil {
		return out, err
	}
	if !killed {
		return out, errors.New("the campaign was over before its sender could be killed")
	}
	_, _ = fmt.Fprintf(o.Progress, "%s: killed when %d of %d were settled\n", o.Engine, out.KilledAt, o.Subscriptions) // a line that is lost is no loss
	e.Post = false
	if _, err := p.send(ctx, e, func(progress) bool { return false }); err != nil {
		return out, err
	}
	out.Seconds = time.Since(began).Seconds()
	counted, err := p.sinks.tell(told)
	if err != nil {
		return out, err
	}
	return out, p.judge(ctx, where, counted, &out)
}

// judge holds what came of it to what must.
func (p *proof) judge(ctx context.Context, where place, counted sunk, out *Proof) (err error) {
	st, err := where.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r, err := onlyReport(ctx, st)
	if err != nil {
		return err
	}
	t := r.Tally
	out.Audience, out.Accepted, out.Gone, out.Failed, out.Expired, out.Cancel, out.Retried = t.Audience, t.Accepted, t.Gone, t.Failed, t.Expired, t.Cancelled, t.Retried
	out.Repeated = counted.Repeated
	failed := int64(0)
	for _, n := range t.Failed {
		failed += n
	}
	n := int64(p.o.Subscriptions)
	if !r.Done || t.Audience != n || t.Audience != t.Accepted+t.Gone+failed+t.Expired+t.Cancelled {
		out.blame("the account of %d subscriptions does not close: %+v", n, t)
	}
	if reached := counted.Accepted - counted.Repeated; reached != t.Accepted {
		out.blame("the sinks have accepted for %d subscriptions, and %d are counted", reached, t.Accepted)
	}
	if counted.Wrong > 0 {
		out.blame("%d requests broke a rule: %s", counted.Wrong, counted.Problem)
	}
	if out.Repeated > out.Bound {
		out.blame("%d were repeated, and %d workers had a page of %d each", out.Repeated, proveWorkers, p.page)
	}
	letters, err := st.Letters(ctx, r.Campaign.Entry.Item.ID, "", 0)
	if err != nil {
		return err
	}
	for _, n := range letters.Kept {
		out.Letters += n
	}
	if out.Letters != min(failed, push.MaxLetters) {
		out.blame("%d dead letters of %d that failed", out.Letters, failed)
	}
	return p.judgeRemovals(ctx, st, out)
}

// judgeRemovals checks that those who are gone are removed, and nobody else.
func (p *proof) judgeRemovals(ctx context.Context, st store, out *Proof) error {
	standing := make(map[push.ID]bool, p.o.Subscriptions)
	all := push.Range{High: push.Shards - 1}
	for after := (push.ID{}); ; {
		page, err := st.Receivers(ctx, all, after, 4096)
		if err != nil {
			return err
		}
		for _, r := range page {
			standing[r.ID], after = true, r.ID
		}
		if len(page) < 4096 {
			break
		}
	}
	out.Removed = int64(p.o.Subscriptions - len(standing))
	for i := range p.o.Subscriptions {
		fault := p.crowd.fault(i, p.o.Faults)
		gone := fault == "404" || fault == "410"
		if stands := standing[push.EndpointID(p.crowd.endpoint(i))]; stands == gone {
			out.blame("subscription %d with the fault %q stands: %v", i, fault, stands)
			break // enough to go by
		}
	}
	return nil
}

// PrintProofs writes proofs for people.
func PrintProofs(w io.Writer, all []Proof) error {
	var b strings.Builder
	for _, p := range all {
		failed, err := json.Marshal(p.Failed)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%-7s audience %d = accepted %d + gone %d + failed %s + expired %d + cancelled %d; %d removed, %d dead letters, %d attempts beyond the first\n"+
			"        killed at %d, %d accepted twice (at most %d), %.1f s\n", p.Engine, p.Audience, p.Accepted, p.Gone, failed, p.Expired, p.Cancel,
			p.Removed, p.Letters, p.Retried, p.KilledAt, p.Repeated, p.Bound, p.Seconds)
		for _, wrong := range p.Wrong {
			fmt.Fprintf(&b, "        WRONG: %s\n", wrong)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
