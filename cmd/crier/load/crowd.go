package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A crowd is the readers of a run whom another process has: those who storm.
// It takes orders on its standard input, a line of JSON each, and answers on
// its standard output.

// muster is the first line: what a crowd is.
type muster struct {
	URLs    []string
	Hosts   []string
	Name    string // of the run
	First   int    // the number of its first reader
	Readers int
	Items   int // at most
	AtOnce  int // handshakes under way
}

// signal is each line after it; one field is set.
type signal struct {
	Acknowledged int   `json:",omitempty"` // so many items are now
	Break        bool  `json:",omitempty"` // all connections
	Posted       *int  `json:",omitempty"` // all there will be: wait for them, and end
	Settle       int64 `json:",omitempty"` // for how long, in nanoseconds
}

// answer is what a crowd says: that all have joined, that all are back, and at
// the end its share of what was found.
type answer struct {
	Problem string    `json:",omitempty"`
	Joined  time.Time `json:",omitzero"`
	Back    time.Time `json:",omitzero"`
	Share   *share    `json:",omitempty"`
}

// share is what a crowd has found.
type share struct {
	Delivered, Repeated, Resets, Lost, Back, Bytes, Away int64

	Over time.Time `json:",omitzero"` // when the last was back, if all were

	Latency, Arrived, Handshakes counted

	Got     []int32 // by item, as in outgoing
	Slowest []int64
}

// Crowd is the other process: it does what in says until its last order or its
// end, or until ctx ends. It returns what kept it from that.
func Crowd(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(bufio.NewReader(in))
	var m muster
	if err := lines.Decode(&m); err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	nodes, err := nodes(m.URLs, m.Hosts)
	if err != nil {
		return err
	}
	r := newRun(Options{}, nodes, m.Name, m.Items)
	r.storm.slots = make(chan struct{}, m.AtOnce)
	var mu sync.Mutex
	said := json.NewEncoder(out)
	say := func(a answer) error {
		mu.Lock()
		defer mu.Unlock()
		return said.Encode(a)
	}
	ctx, end := context.WithCancel(ctx)
	crowd := make([]*reader, m.Readers)
	for i := range crowd {
		crowd[i] = r.newReader(m.First + i)
		crowd[i].storms = true
	}
	joined := r.join(ctx, crowd, 0, r.storm.slots)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end()
	if joined != nil {
		return say(answer{Problem: joined.Error()})
	}
	if err := say(answer{Joined: time.Now()}); err != nil {
		return err
	}
	for {
		var o signal
		switch err := lines.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil // who gave the orders is gone
		case err != nil:
			return fmt.Errorf("crowd: %w", err)
		}
		switch {
		case o.Break:
			r.hit(crowd)
			beside.Go(func() {
				if last := r.storm.wait(ctx); !last.IsZero() {
					_ = say(answer{Back: last}) // if nobody hears it, the end will say so
				}
			})
		case o.Posted != nil:
			r.o.Settle = time.Duration(o.Settle)
			r.settle(ctx, crowd, *o.Posted)
			end()
			for _, m := range crowd {
				<-m.ended
			}
			return say(answer{Share: r.share(*o.Posted)})
		default:
			r.acknowledged.Store(int32(o.Acknowledged))
		}
	}
}

// wait waits until all are back, and says when that was; zero if ctx ends.
func (s *storm) wait(ctx context.Context) time.Time {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if over := s.over.Load(); over != nil {
			return *over
		}
		select {
		case <-ctx.Done():
			return time.Time{}
		case <-tick.C:
		}
	}
}

func (r *run) share(items int) *share {
	s := &share{
		Delivered: r.delivered.Load(), Repeated: r.repeated.Load(), Resets: r.resets.Load(), Lost: r.lost.Load(), Back: r.back.Load(),
		Bytes: r.bytes.Load(), Away: r.storm.away.Load(),
		Latency: r.latency.counted(), Arrived: r.arrived.counted(), Handshakes: r.handshakes.counted(),
	}
	if over := r.storm.over.Load(); over != nil {
		s.Over = *over
	}
	for i := range r.items[:items] {
		s.Got = append(s.Got, r.items[i].got.Load())
		s.Slowest = append(s.Slowest, r.items[i].slowest.Load())
	}
	return s
}

// add takes a crowd's share into the run's.
func (r *run) add(s *share) {
	r.delivered.Add(s.Delivered)
	r.repeated.Add(s.Repeated)
	r.resets.Add(s.Resets)
	r.lost.Add(s.Lost)
	r.back.Add(s.Back)
	r.bytes.Add(s.Bytes)
	r.storm.away.Add(s.Away)
	if over := r.storm.over.Load(); !s.Over.IsZero() && (over == nil || s.Over.After(*over)) {
		r.storm.over.Store(&s.Over)
	}
	r.latency.merge(s.Latency)
	r.arrived.merge(s.Arrived)
	r.handshakes.merge(s.Handshakes)
	for i := range s.Got {
		r.items[i].got.Add(s.Got[i])
		raise(&r.items[i].slowest, s.Slowest[i])
	}
}
