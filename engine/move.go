package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"time"
)

// Errors of moving. Test with errors.Is.
var (
	// ErrHalfMoved: a move into the store was interrupted.
	ErrHalfMoved = errors.New("it holds half a move: run crier move again, which overwrites it")
	// ErrInUse: nodes run on the store.
	ErrInUse = errors.New("it is in use: stop all that runs on it first")
	// ErrNothing: there is no store to move from.
	ErrNothing = errors.New("there is no store of Crier's to move from")
	// ErrNotEmpty: there is something in the store to move to.
	ErrNotEmpty = errors.New("it is not empty: move to an empty place, or empty it first if nothing in it is needed")
	// ErrDiffers: what arrived is not what was sent.
	ErrDiffers = errors.New("what arrived is not what was sent")

	errEnough = errors.New("no more records are wanted")
)

// Exporter is a store to move from, which nothing else uses meanwhile.
type Exporter interface {
	// Export gives every record that is not over at the time at, in the order
	// of Kinds and within each in the order that its type says. It changes
	// nothing. An error is the last of the sequence.
	Export(ctx context.Context, at time.Time) iter.Seq2[Record, error]
}

// Importer is an empty store to move to. What it has so far can be exported
// at any time.
type Importer interface {
	Exporter
	// Import keeps the records, which come in the order of an export. It ends
	// with the first error of the sequence or its own.
	Import(ctx context.Context, records iter.Seq2[Record, error]) error
	// Finish makes the store one that an engine opens, in one atomic write.
	Finish(ctx context.Context) error
}

// Options tune a move. The zero value works.
type Options struct {
	// Now is the time at which the move begins. Default time.Now.
	Now time.Time
	// Progress, if set, is told how many records of a kind have been copied or
	// verified: of every 25,000, and when there are no more of the kind. It
	// is called by the caller's goroutine.
	Progress func(k Kind, n int64, verified bool)
}

const progressStep = 25_000

// verifyFrom is how long a key has to live yet for it to be held against its
// copy: longer than it takes to come to the last key.
const verifyFrom = 10 * time.Minute

// Count is what was moved of a kind. Fewer may be verified than were copied:
// those whose life ends in the next minutes.
type Count struct {
	Kind             Kind
	Copied, Verified int64
}

// Move copies all of from to to, holds every record that arrived against the
// one that was sent, and finishes. After an error to is half a move. Errors:
// those of the stores, ErrDiffers.
func Move(ctx context.Context, from Exporter, to Importer, o Options) ([]Count, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Progress == nil {
		o.Progress = func(Kind, int64, bool) {}
	}
	o.Now = o.Now.Truncate(time.Millisecond) // as engines keep times
	copied, verified := counter{progress: o.Progress}, counter{progress: o.Progress, verified: true}
	if err := to.Import(ctx, copied.count(from.Export(ctx, o.Now))); err != nil {
		return nil, fmt.Errorf("copy: %w", err)
	}
	if n := int64(copied.log.Head - copied.log.Floor); copied.n[KindEntry] != n {
		return nil, fmt.Errorf("the log says it has %d entries and there are %d: the source is damaged", n, copied.n[KindEntry])
	}
	later := o.Now.Add(verifyFrom)
	if err := compare(verified.count(from.Export(ctx, later)), to.Export(ctx, later)); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if err := to.Finish(ctx); err != nil {
		return nil, fmt.Errorf("finish: %w", err)
	}
	var out []Count
	for _, k := range Kinds() {
		out = append(out, Count{k, copied.n[k], verified.n[k]})
	}
	return out, nil
}

// compare fails with ErrDiffers at the first record that is not the same.
func compare(sent, arrived iter.Seq2[Record, error]) error {
	next, stop := iter.Pull2(arrived)
	defer stop()
	for want, err := range sent {
		if err != nil {
			return err
		}
		got, err, more := next()
		switch {
		case err != nil:
			return err
		case !more:
			return fmt.Errorf("%s is missing: %w", name(want), ErrDiffers)
		case !reflect.DeepEqual(got, want):
			return fmt.Errorf("in the place of %s is %s, and it is not the same: %w", name(want), name(got), ErrDiffers)
		}
	}
	if got, err, more := next(); err != nil {
		return err
	} else if more {
		return fmt.Errorf("%s was not sent: %w", name(got), ErrDiffers)
	}
	return nil
}

// name names a record, without its secrets.
func name(r Record) string {
	switch r := r.(type) {
	case Log:
		return fmt.Sprintf("the log %s, %d to %d", r.Epoch, r.Floor, r.Head)
	case Entry:
		return fmt.Sprintf("entry %d", r.Entry.Offset)
	case Item:
		return "item " + r.Entry.Item.ID
	case Key:
		return fmt.Sprintf("an idempotency key of entry %d", r.Entry.Offset)
	case Editor:
		return "editor " + r.Credential.ID
	case Secret:
		return "the secret " + r.Name
	case Alarm:
		return "the alarm of " + r.Alarm.Service
	case Rate:
		return "the rate of " + r.Rate.Service
	case Campaign:
		return "campaign " + r.Campaign.ID
	case Nonce:
		return fmt.Sprintf("a receipt of campaign number %d", r.Campaign)
	case Subscription:
		return "subscription " + r.Subscription.ID.String()
	case Retry:
		return fmt.Sprintf("the retry of %s in campaign number %d", r.ID, r.Campaign)
	}
	return fmt.Sprintf("a %T", r)
}

// counter counts the records that pass, and remembers the first.
type counter struct {
	n        map[Kind]int64
	log      Log
	progress func(Kind, int64, bool)
	verified bool
}

func (c *counter) count(records iter.Seq2[Record, error]) iter.Seq2[Record, error] {
	c.n = map[Kind]int64{}
	return func(yield func(Record, error) bool) {
		var last Kind
		for r, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			k := r.kind()
			if k != last {
				c.done(last)
			}
			last = k
			if l, ok := r.(Log); ok {
				c.log = l
			}
			if c.n[k]++; c.n[k]%progressStep == 0 {
				c.progress(k, c.n[k], c.verified)
			}
			if !yield(r, nil) {
				return
			}
		}
		c.done(last)
	}
}

// done tells of the last records of a kind.
func (c *counter) done(k Kind) {
	if n := c.n[k]; n%progressStep > 0 {
		c.progress(k, n, c.verified)
	}
}
