package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"crier/engine"
	"crier/news"
)

// schema is the number of the layout of keys that this package knows.
const schema = 1

// seen is the last entry of the log that this node knows of: what it takes
// to tell a log from one that has lost its end, or that lost it and was
// appended to since.
type seen struct {
	epoch  string
	offset uint64
	mark   string // random, made with the entry
}

// sight is what the node has seen. It is the witness that Redis lacks: a
// server that lost history cannot know that it did.
type sight struct {
	mu sync.Mutex
	at seen
}

func (s *sight) now() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// learn takes in what the log was found to be by a call that knew sent. The
// log vouched that what was sent is in it, and for nothing else: an answer
// counts only if nothing has been learnt meanwhile, or evidence against the
// log would be covered up by what was appended to it since. One of another
// epoch counts if no call has learnt of another one meanwhile. changed says
// that history was lost.
func (s *sight) learn(sent, got seen) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case got.epoch == s.at.epoch:
		if got.offset > s.at.offset && sent == s.at {
			s.at = got
		}
	case sent.epoch == s.at.epoch:
		changed = s.at.epoch != ""
		s.at = got
	}
	return changed
}

// learn is sight.learn, and tells the operator why history was lost.
func (e *Engine) learn(sent, got seen, why string) {
	if e.sight.learn(sent, got) {
		e.tell(sent, got, why)
	}
}

func (e *Engine) tell(had, has seen, why string) {
	e.stats.lost.Add(1)
	e.log.Error("Redis has lost history: the log has a new epoch and all readers are sent the front anew",
		"server", e.name, "had", had.cursor().String(), "has", has.cursor().String(), "because", why)
}

// newer is the refusal of keys that a newer version has changed, which it may
// have done while we run.
func (e *Engine) newer(has string) error {
	return fmt.Errorf("the keys of %s have schema %s, this Crier knows %d: %w", e.keys.log, has, schema, ErrNewer)
}

// head is the head in a script's answer.
func (r *reply) head() seen {
	s := seen{epoch: r.text()}
	s.offset = uint64(r.number())
	s.mark = r.text()
	return s
}

func (s seen) cursor() news.Cursor { return news.Cursor{Epoch: s.epoch, Offset: s.offset} }

// args begin the arguments of every script that reads the log.
func (s seen) args(more ...any) []any { return append([]any{s.epoch, s.offset, s.mark}, more...) }

// view runs a script that reads the log, and has the log put right first if
// the script finds that it has lost history. The reply is what comes after
// the script's verdict and the head.
func (e *Engine) view(ctx context.Context, read func(ctx context.Context, sent seen) (any, error)) (verdict string, head seen, r *reply, err error) {
	for {
		sent := e.sight.now()
		r = newReply(read(ctx, sent))
		if verdict = r.text(); r.err != nil {
			return "", seen{}, nil, r.err
		}
		if verdict == "rewound" {
			if err := e.reckon(ctx); err != nil {
				return "", seen{}, nil, err
			}
			continue
		}
		head = r.head()
		if r.err != nil {
			return "", seen{}, nil, r.err
		}
		e.learn(sent, head, otherNode)
		return verdict, head, r, nil
	}
}

// reckon makes sure that the log is there and has lost nothing since this
// node last looked; if it has, the log gets a new epoch.
func (e *Engine) reckon(ctx context.Context) error {
	verdict, err := e.tryReckon(ctx, false)
	if err == nil && verdict == restarted {
		_, err = e.tryReckon(ctx, true)
	}
	return err
}

// otherNode is the reason where another node has found it out.
const otherNode = "another node found it so"

// restarted is the verdict that the server is not the one that the nodes
// knew, and that this node cannot say whether anything is missing.
const restarted = "restarted"

// tryReckon is one look at the log. With distrust there is no such verdict as
// restarted: the log gets a new epoch then.
func (e *Engine) tryReckon(ctx context.Context, distrust bool) (verdict string, err error) {
	sent := e.sight.now()
	r := newReply(e.run(ctx, e.scripts.reckon, []string{e.keys.log, e.keys.entries()}, sent.args(news.NewEpoch(), distrust)...))
	verdict = r.text()
	if verdict == "newer" {
		return "", e.newer(r.text())
	}
	if verdict == "moving" {
		return "", engine.ErrHalfMoved
	}
	head := r.head()
	why := otherNode
	if verdict == "renewed" {
		why = r.text()
	}
	if r.err != nil {
		return "", r.err
	}
	switch {
	case verdict == restarted: // not to be learnt from: nobody has vouched for it yet
	case verdict == "renewed" && sent.epoch == "":
		e.sight.learn(sent, head)
		e.tell(sent, head, why)
	default:
		e.learn(sent, head, why)
	}
	return verdict, nil
}

// vouchFor is how long a new node waits for one that knows the log to vouch
// for a server that has restarted.
const vouchFor = 2 * time.Second

// meet is how a node that has seen nothing yet comes to know the log. If the
// server is not the one that the nodes knew, it asks those that live to say
// whether anything is missing. If none does, nobody can know, and the log
// gets a new epoch: one reset too many is cheap, a loss in silence is not.
func (e *Engine) meet(ctx context.Context) error {
	deadline := time.NewTimer(vouchFor)
	defer deadline.Stop()
	tick := time.NewTicker(vouchFor / 40)
	defer tick.Stop()
	for asked := false; ; asked = true {
		verdict, err := e.tryReckon(ctx, false)
		if err != nil || verdict != restarted {
			return err
		}
		if !asked {
			if err := e.client.Publish(ctx, e.keys.bell, vouchCall).Err(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			_, err := e.tryReckon(ctx, true)
			return err
		case <-tick.C:
		}
	}
}
