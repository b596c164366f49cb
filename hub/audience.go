package hub

import (
	"slices"
	"strings"
	"sync"
)

// Audience is who is here, on this node. It is counted as readers come and
// go, so that asking for it costs next to nothing, however many there are.
type Audience struct {
	Readers      int // of all transports
	WebSockets   int
	Compressed   int // WebSockets that get their messages compressed
	EventStreams int
	Polls        int // that wait just now: a reader who polls is away in between
	Everything   int // readers who name no topic
	// Topics is the readers who name each topic, among others perhaps. It has
	// Options.Topics and at most 100 more.
	Topics map[string]int
	// Others is the readers who name a topic that is not in Topics.
	Others int
}

// maxNamed is how many topics are counted one by one beyond Options.Topics:
// readers may name what they like.
const maxNamed = 100

// crowd is the readers who name the same topics, which it keeps for all of
// them.
type crowd struct {
	topics []string
	counts []*int // of these, and of others
	n      int    // guarded by audience.mu
}

// audience counts readers by what they want. Its lock is taken alone.
type audience struct {
	mu         sync.Mutex
	crowds     map[string]*crowd // by the topics' names
	topics     map[string]*int
	own        []string // Options.Topics, which stay in topics
	everything int
	others     int
}

func (a *audience) init(own []string) {
	a.crowds, a.topics, a.own = map[string]*crowd{}, map[string]*int{}, own
	for _, t := range own {
		a.topics[t] = new(int)
	}
}

// join counts a reader of topics in and returns the crowd it is one of.
func (a *audience) join(topics []string) *crowd {
	key := strings.Join(topics, ",") // a copy: topics are part of a request that is not to be kept
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.crowds[key]
	if c == nil {
		c = a.gather(key)
		a.crowds[key] = c
	}
	c.n++
	for _, n := range c.counts {
		*n++
	}
	return c
}

// gather makes the crowd of key. a.mu is held.
func (a *audience) gather(key string) *crowd {
	c := &crowd{}
	if key == "" {
		c.counts = []*int{&a.everything}
		return c
	}
	c.topics = strings.Split(key, ",")
	for _, t := range c.topics {
		n := a.topics[t]
		if n == nil && len(a.topics) < maxNamed+len(a.own) {
			n = new(int)
			a.topics[t] = n
		}
		if n == nil {
			n = &a.others
		}
		if !slices.Contains(c.counts, n) {
			c.counts = append(c.counts, n)
		}
	}
	return c
}

// leave counts a reader of c out. What nobody names any more is forgotten.
func (a *audience) leave(c *crowd) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range c.counts {
		*n--
	}
	if c.n--; c.n > 0 {
		return
	}
	delete(a.crowds, strings.Join(c.topics, ","))
	for _, t := range c.topics {
		if n := a.topics[t]; n != nil && *n == 0 && !slices.Contains(a.own, t) {
			delete(a.topics, t)
		}
	}
}

// Audience returns who is here now. It does not block.
func (h *Hub) Audience() Audience {
	t, a := &h.tally, &h.audience
	now := Audience{
		Compressed:   int(t.readers[packed].Load()),
		EventStreams: int(t.readers[events].Load()),
		Polls:        int(t.readers[lines].Load()),
		Topics:       map[string]int{},
	}
	now.WebSockets = int(t.readers[frames].Load()) + now.Compressed
	now.Readers = now.WebSockets + now.EventStreams + now.Polls
	a.mu.Lock()
	defer a.mu.Unlock()
	now.Everything, now.Others = a.everything, a.others
	for name, n := range a.topics {
		now.Topics[name] = *n
	}
	return now
}
