package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"crier/desk"
	"crier/news"
	"crier/push"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Options tune an engine. The zero value works.
type Options struct {
	// Prefix begins the name of every key, so that several sites can share a
	// server: 1 to 40 of a–z, A–Z, 0–9, '.', '_' and '-'. Default "crier".
	Prefix string
	// Replicas is how many replicas must have an entry before its append is
	// acknowledged (WAIT). While too few answer, appends wait.
	Replicas int
	// Synced has appends wait until the entry is in the append-only files of
	// the master and of Replicas replicas (WAITAOF, Redis 7.2 or later). Where
	// the server runs with appendfsync always, the master's needs no waiting.
	Synced bool
	// TLS is used in place of what the address says. Default: for rediss://
	// the system's roots, TLS 1.2 or later.
	TLS *tls.Config
	// Logger is told of lost history, of servers that may lose some, and of
	// lost connections. Default: nobody is.
	Logger *slog.Logger
	// Now is the clock by which entries age. Default time.Now.
	Now func() time.Time
}

var prefixes = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,40}$`)

// Engine is a node's share in a Redis. All methods are safe for concurrent use.
type Engine struct {
	client  redis.UniversalClient
	name    string // the address without its secrets
	log     *slog.Logger
	now     func() time.Time
	waits   waits
	keys    keys
	scripts scripts
	sight   sight
	bell    news.Doorbell
	stats   counters

	gate   sync.Mutex
	closed bool           // under gate
	calls  sync.WaitGroup // added to under gate

	heard bool // the doorbell was subscribed to before; its goroutine's own
	quit  context.CancelFunc
	ended chan struct{} // the doorbell's goroutine is over
	close func() error
}

var (
	_ news.Log     = (*Engine)(nil)
	_ news.Archive = (*Engine)(nil)
	_ desk.Keyring = (*Engine)(nil)
	_ push.Store   = (*Engine)(nil)
)

type counters struct{ lost, rung, repeated atomic.Int64 }

// Stats is what an engine has been through since it was opened.
type Stats struct {
	HistoryLost  int64 // times that the log was found with another epoch than before
	BellReplaced int64 // times that the doorbell's connection was made anew
	AppendsAsked int64 // times that an append was asked after because its answer was lost
}

// Stats never blocks.
func (e *Engine) Stats() Stats {
	return Stats{HistoryLost: e.stats.lost.Load(), BellReplaced: e.stats.rung.Load(), AppendsAsked: e.stats.repeated.Load()}
}

// Open connects to the Redis at the address, checks that it can be trusted
// with a log, and makes an empty one if there is none. The address is one of
//
//	redis://[user:password@]host[:port][/db]        rediss:// for TLS
//	unix://[user:password@]/path/to/socket[?db=n]
//	redis+sentinel://[user:password@]host[:port],…/mastername[?db=n&sentinel_password=…]
//	redis+cluster://[user:password@]host[:port],…
//
// with go-redis's options (dial_timeout, pool_size, …) as query parameters;
// rediss+sentinel:// and rediss+cluster:// use TLS. Errors: ErrAddress,
// ErrPrefix, ErrTooOld, ErrReplica, ErrEvicts, ErrForeign, ErrNewer,
// engine.ErrHalfMoved. Close the engine when done.
func Open(ctx context.Context, address string, o Options) (*Engine, error) {
	e, err := connect(address, o)
	if err != nil {
		return nil, fmt.Errorf("open redis: %w", err)
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(failed("open "+e.name, err), e.client.Close())
	}
	return e, nil
}

// connect makes an engine that has neither looked at the server nor listens.
func connect(address string, o Options) (*Engine, error) {
	if o.Prefix == "" {
		o.Prefix = "crier"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if !prefixes.MatchString(o.Prefix) {
		return nil, fmt.Errorf("prefix %.60q: %w", o.Prefix, ErrPrefix)
	}
	// go-redis writes to standard error, for the whole process, what it also
	// returns: it is for us to log it, and once.
	logging.Disable()
	s, err := dial(address, o)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		client: s.client, name: s.name, log: o.Logger, now: o.Now, scripts: loadScripts(),
		waits: waits{replicas: o.Replicas, synced: o.Synced}, keys: newKeys(o.Prefix, s.db), ended: make(chan struct{}),
	}
	e.close = sync.OnceValue(e.shut)
	return e, nil
}

// start checks the server and the log, and listens for the doorbell before
// anybody can wait for it.
func (e *Engine) start(ctx context.Context) error {
	if err := e.check(ctx); err != nil {
		return err
	}
	if err := e.meet(ctx); err != nil {
		return err
	}
	listening, quit := context.WithCancel(context.Background())
	e.quit = quit
	up := make(chan error, 1)
	go e.listen(listening, up)
	select {
	case err := <-up:
		if err != nil {
			quit()
			<-e.ended
		}
		return err
	case <-ctx.Done():
		quit()
		<-e.ended
		return ctx.Err()
	}
}

// Close waits for calls that are under way and closes the connections. Calls
// made after it fail with news.ErrUnavailable.
func (e *Engine) Close() error { return e.close() }

func (e *Engine) shut() error {
	e.gate.Lock()
	e.closed = true
	e.gate.Unlock()
	e.quit()
	<-e.ended
	e.calls.Wait()
	if err := e.client.Close(); err != nil {
		return fmt.Errorf("close %s: %w", e.name, err)
	}
	return nil
}
