package news

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// FollowOptions tune [Follow]. The zero value works.
type FollowOptions struct {
	// Quiet is the longest time without a hint before the log is read all the
	// same: the most that a lost hint can cost. Default 500 ms.
	Quiet time.Duration
	// Batch is the most entries read at once. Default 256.
	Batch int
	// Trouble, if set, is told when the log cannot be read, and again every
	// minute while that lasts; Follow tries more often. It must not block.
	Trouble func(error)
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
	tellAgain  = time.Minute
)

// Follow calls f with every entry after from, in order and each exactly once,
// in batches of at least one, until ctx ends, f fails or history is lost. It
// returns ctx's error, f's error or one that wraps ErrCursorLost; any other
// failure to read the log is retried with growing pauses. Hints only make it
// faster: the entry of a hint is used when it is the next one, and the log is
// read on a hole, on an empty hint and after a quiet spell. f must not keep
// the slice, and must not change the entries.
func Follow(ctx context.Context, l Log, from Cursor, o FollowOptions, f func([]Entry) error) error {
	if o.Quiet <= 0 {
		o.Quiet = 500 * time.Millisecond
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.Trouble == nil {
		o.Trouble = func(error) {}
	}
	hints, stop := l.Wake() // before the first read, so that nothing falls between
	defer stop()
	fo := follower{log: l, at: from, o: o, f: f}
	if err := fo.catchUp(ctx); err != nil {
		return err
	}
	quiet := time.NewTimer(o.Quiet)
	defer quiet.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h := <-hints:
			err = fo.take(ctx, h)
		case <-quiet.C:
			err = fo.catchUp(ctx)
		}
		if err != nil {
			return err
		}
		quiet.Reset(o.Quiet)
	}
}

type follower struct {
	log Log
	at  Cursor
	o   FollowOptions
	f   func([]Entry) error
	one [1]Entry
}

// take acts on a hint: the next entry is delivered as it came, an old one is
// dropped, anything else sends us to the log.
func (fo *follower) take(ctx context.Context, h Hint) error {
	switch same := h.Cursor.Epoch == fo.at.Epoch; {
	case same && h.Cursor.Offset <= fo.at.Offset:
		return nil
	case same && h.Entry != nil && h.Entry.Offset == fo.at.Offset+1:
		fo.one[0] = *h.Entry
		if err := fo.f(fo.one[:]); err != nil {
			return err
		}
		fo.at.Offset++
		return nil
	}
	return fo.catchUp(ctx)
}

// catchUp delivers all the log has after fo.at.
func (fo *follower) catchUp(ctx context.Context) error {
	var told time.Time
	for wait := firstRetry; ; {
		more, err := fo.read(ctx)
		var own *callbackError
		switch {
		case errors.As(err, &own):
			return own.err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrCursorLost):
			return fmt.Errorf("follow the log from %s: %w", fo.at, err)
		case err == nil && !more:
			return nil
		case err == nil:
			wait, told = firstRetry, time.Time{}
			continue
		}
		if time.Since(told) >= tellAgain {
			fo.o.Trouble(err)
			told = time.Now()
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		wait = min(2*wait, lastRetry)
	}
}

// callbackError keeps f's failures apart from the log's.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// read delivers one batch and reports whether there may be more.
func (fo *follower) read(ctx context.Context) (more bool, err error) {
	if fo.at == (Cursor{}) { // name the epoch once, so that hints can be told apart
		head, err := fo.log.Head(ctx)
		if err != nil {
			return false, err
		}
		fo.at.Epoch = head.Epoch
	}
	entries, err := fo.log.Since(ctx, fo.at, fo.o.Batch)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	for i, e := range entries {
		if e.Offset != fo.at.Offset+1+uint64(i) {
			return false, fmt.Errorf("the log gave offset %d after %d", e.Offset, fo.at.Offset+uint64(i))
		}
	}
	if err := fo.f(entries); err != nil {
		return false, &callbackError{err}
	}
	fo.at.Offset += uint64(len(entries))
	return len(entries) == fo.o.Batch, nil
}
