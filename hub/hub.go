package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"crier/news"
)

// Source is what the hub follows: a log and its front.
type Source interface {
	news.Log
	// Front is news.Archive's.
	Front(ctx context.Context, n int) (news.Snapshot, error)
}

// Options tune a hub. The zero value works.
type Options struct {
	// Shards is the number of goroutines that write. Default: GOMAXPROCS.
	Shards int
	// MaxReaders bounds the readers of all transports together. Default: what
	// the limit on open files allows, less some for the rest of the process;
	// 10,000 where that is not known.
	MaxReaders int
	// PerAddress bounds the readers of all transports together who come from
	// one address, as Join.Address says. Default 10,000, as many phones share
	// one; negative leaves it unbounded.
	PerAddress int
	// QueueBytes is how far a reader may be behind, beyond what the kernel
	// keeps for it. One that a goroutine writes to (HTTP/2) may be 16
	// times as far for a quarter of a second, which a busy process needs to get
	// round to all of them. Default 64 KiB.
	QueueBytes int
	// SendBuffer is the kernel's part for each socket, SO_SNDBUF in bytes;
	// Linux doubles it for its own needs. Left to itself Linux hides up to
	// 4 MiB behind a reader that has stopped reading. Default 32 KiB; negative
	// leaves it to the system.
	SendBuffer int
	// Beat is how often each reader hears from us at least. Default 25 s.
	Beat time.Duration
	// StaleAfter is how long the log may stay silent before the readers are
	// told that what they see may be out of date. Default 3 s.
	StaleAfter time.Duration
	// Recent is how many entries are kept in memory, encoded, for readers who
	// come back. Default 1024.
	Recent int
	// Replay is the most entries a reader may be behind and still get each of
	// them; beyond it gets a reset. Default 2048.
	Replay int
	// Topics are those that Audience counts whoever else is here.
	Topics []string
	// DrainWindow is the time over which readers are sent away when Run's
	// context ends. Default 10 s; negative sends them away at once.
	DrainWindow time.Duration
	// Plain compresses nothing for anybody: for comparing, and where a proxy
	// does it.
	Plain bool
	// Portable gives each reader a goroutine even where it could be parked:
	// for comparing, and for kernels that keep epoll from us.
	Portable bool
	// Logger is told of resets, of trouble with the log and of the drain.
	// Default: discards.
	Logger *slog.Logger
}

func (o *Options) setDefaults() error {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"Shards", &o.Shards, runtime.GOMAXPROCS(0)},
		{"MaxReaders", &o.MaxReaders, defaultMaxReaders()},
		{"QueueBytes", &o.QueueBytes, 64 << 10},
		{"Recent", &o.Recent, 1024},
		{"Replay", &o.Replay, 2048},
	} {
		if *f.value < 0 {
			return fmt.Errorf("hub: %s is %d", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.PerAddress == 0 {
		o.PerAddress = 10_000
	}
	if o.SendBuffer == 0 {
		o.SendBuffer = 32 << 10
	}
	if o.Beat <= 0 {
		o.Beat = 25 * time.Second
	}
	if o.StaleAfter <= 0 {
		o.StaleAfter = 3 * time.Second
	}
	if o.DrainWindow == 0 {
		o.DrainWindow = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Errors that keep a reader from joining. Nothing has been written then.
var (
	ErrNotReady = errors.New("the hub has not loaded the front yet")
	ErrDraining = errors.New("the hub is draining")
	ErrFull     = errors.New("the hub has all the readers it may have")
	ErrCrowded  = errors.New("the hub has all the readers it may have from one address")
)

// Join says what a reader wants: the entries after Cursor, or from now on if
// it is zero, that carry one of Topics, or all live ones if there are none.
// Topics are as [news.ParseTopics] returns them. Address is who asks, for
// Options.PerAddress: of IPv6 its first 64 bits count, and the zero Addr is not
// bounded.
type Join struct {
	Cursor  news.Cursor
	Topics  []string
	Address netip.Addr
	// Desk: the reader is an editor, and gets what Hub.TellDesks says. Polls do
	// not.
	Desk bool
}

// Hub is the readers' sockets. Make one with [New] and run it with [Hub.Run];
// its methods are safe for concurrent use.
type Hub struct {
	src  Source
	o    Options
	born time.Time
	// patience is how long a connection may take nothing at all before it is
	// given up: until the next beat, when there will be more to take.
	patience time.Duration
	joinTime time.Duration // how long a reader may take to be brought to the head
	ready    chan struct{} // closed once the front is loaded
	shards   []*shard
	next     atomic.Uint64 // the shard that gets the next reader
	reads    chan struct{} // a token for each read of the log by a joiner
	door     door
	way      way
	tally    tally
	pulse    pulse
	audience audience
	desks    desks
	own      sync.WaitGroup // goroutines of attended readers

	// order makes numbering a message and putting it in line at all shards one
	// step, so that every shard sees messages in the order of their numbers.
	order sync.Mutex

	mu     sync.RWMutex // guards what follows
	head   news.Cursor  // of the last entry taken from the log
	seq    uint64       // number of the last broadcast
	front  news.Front
	recent ring

	resets resets
	packer packer
}

// New makes a hub that follows src. It fails only on options that cannot be.
func New(src Source, o Options) (*Hub, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	h := &Hub{src: src, o: o, born: time.Now(), patience: max(o.Beat, 10*time.Second), joinTime: joinTime,
		ready: make(chan struct{}), reads: make(chan struct{}, 8)}
	h.door.init(o.MaxReaders, o.PerAddress)
	h.way.init(runtime.GOMAXPROCS(0))
	h.audience.init(o.Topics)
	h.pulse.again = make(chan struct{}, 1)
	h.recent.init(o.Recent)
	for range o.Shards {
		h.shards = append(h.shards, newShard(h))
	}
	return h, nil
}

// clock is the time since the hub was made.
func (h *Hub) clock() time.Duration { return time.Since(h.born) }

// Ready is closed once the front is loaded: from then on readers may join.
func (h *Hub) Ready() <-chan struct{} { return h.ready }

// Front is what a reader of topics sees now. It does not block and shares no
// memory with the hub. Before [Hub.Ready] it is empty.
func (h *Hub) Front(topics []string) news.Snapshot {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return news.Snapshot{Cursor: h.head, Entries: h.front.Entries(topics)}
}

// Head is the cursor of the last entry that has been broadcast. It does not
// block; before [Hub.Ready] it is zero.
func (h *Hub) Head() news.Cursor {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.head
}

// Run follows the log and serves readers until ctx ends. Then it drains:
// readers are told, sent away over the DrainWindow (and still get what is
// posted meanwhile), and no new ones are let in. If a part fails it drains
// too. It returns when all of its goroutines have, with what failed or nil.
// Call it once.
func (h *Hub) Run(ctx context.Context) error {
	if !h.o.Portable {
		for _, s := range h.shards {
			var err error
			if s.poller, err = newPoller(); err != nil {
				return fmt.Errorf("hub: %w", err) // those made before are closed by their finalizers
			}
		}
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the drain
	defer stop()
	var parts sync.WaitGroup
	failed := make(chan error, 2*len(h.shards)+3)
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(work); err != nil && work.Err() == nil {
				failed <- err
			}
		})
	}
	for _, s := range h.shards {
		part(s.run)
		if s.poller != nil {
			part(s.poller.run)
		}
	}
	part(h.follow)
	part(h.beat)
	part(h.watch)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("hub: %w", err)
	}
	h.drain(work)
	stop()
	parts.Wait()
	h.own.Wait()
	return err
}
