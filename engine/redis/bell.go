package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"crier/news"

	"github.com/redis/go-redis/v9"
)

// Wake implements news.Log. Hints come for entries appended by any node.
func (e *Engine) Wake() (c <-chan news.Hint, stop func()) { return e.bell.Wake() }

// vouchCall is the message by which a new node asks the others to vouch for a
// server that has restarted.
const vouchCall = "vouch"

// The doorbell's connection is probed when it has been silent for a while,
// and given up when it stays so. A lost one is made anew well within the time
// that new nodes wait for a word of this one, see meet.
const (
	silence    = 2 * time.Second
	firstRedo  = 20 * time.Millisecond
	lastRedo   = vouchFor / 4
	maxSilence = 3
)

// listen keeps the node's one connection to the doorbell, until ctx ends. It
// says on up when the first subscription stands, or why it does not.
func (e *Engine) listen(ctx context.Context, up chan<- error) {
	defer close(e.ended)
	var once sync.Once
	first := func(err error) { once.Do(func() { up <- err }) }
	down := false
	for wait := firstRedo; ; wait = min(2*wait, lastRedo) {
		err := e.hear(ctx, func(again bool) {
			wait, down = firstRedo, false
			first(nil)
			if again {
				e.stats.rung.Add(1)
			}
		})
		first(err)
		if ctx.Err() != nil {
			return
		}
		if !down {
			down = true
			e.log.Warn("the doorbell's connection is lost: new entries come by polling until it is back", "server", e.name, "error", err)
			e.bell.Ring(news.Hint{})
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// hear subscribes and passes on what it hears until the connection fails.
// Whatever rang while there was no subscription was missed, so each one
// begins with an empty hint.
func (e *Engine) hear(ctx context.Context, subscribed func(again bool)) error {
	ps := e.client.Subscribe(ctx, e.keys.bell)
	defer func() { _ = ps.Close() }() // its connection is of no more use to anybody
	stop := context.AfterFunc(ctx, func() { _ = ps.Close() })
	defer stop()
	for quiet := 0; ; {
		msg, err := ps.ReceiveTimeout(ctx, silence)
		switch {
		case err != nil && timedOut(err) && quiet < maxSilence:
			quiet++
			if err := ps.Ping(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		quiet = 0
		switch msg := msg.(type) {
		case *redis.Subscription:
			subscribed(e.heard)
			if e.heard {
				e.lookAgain(ctx)
			}
			e.heard = true
		case *redis.Message:
			e.pass(ctx, msg.Payload)
		}
	}
}

// lookAgain finds out what was missed, and vouches for a server that may have
// restarted in the meantime.
func (e *Engine) lookAgain(ctx context.Context) {
	if err := e.reckon(ctx); err != nil {
		e.log.Warn("the log cannot be looked at", "server", e.name, "error", err)
		e.bell.Ring(news.Hint{})
		return
	}
	e.bell.Ring(news.Hint{Cursor: e.sight.now().cursor()})
}

// pass passes on a message "epoch, mark of the entry before, mark offset first
// body". Only an entry that follows what was seen becomes seen: hearing of a
// later one proves nothing of what lies between.
func (e *Engine) pass(ctx context.Context, payload string) {
	if payload == vouchCall {
		if err := e.reckon(ctx); err != nil {
			e.log.Warn("the log cannot be looked at", "server", e.name, "error", err)
		}
		return
	}
	epoch, rest, _ := strings.Cut(payload, " ")
	before, rest, _ := strings.Cut(rest, " ")
	mark, packed, _ := strings.Cut(rest, " ")
	entry, err := unpack(packed)
	if err != nil { // not ours: anybody may publish
		e.bell.Ring(news.Hint{})
		return
	}
	e.sight.learn(seen{epoch, entry.Offset - 1, before}, seen{epoch, entry.Offset, mark})
	e.bell.Ring(news.Hint{Cursor: news.Cursor{Epoch: epoch, Offset: entry.Offset}, Entry: &entry})
}
