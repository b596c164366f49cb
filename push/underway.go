package push

import (
	"sync"
	"time"
)

// underway is the pages that this node is sending. It sees to it that the last
// word on an item is the last that a device hears: what is unsent of an older
// campaign is called back as soon as a newer one of the item is known, and
// where an older notification may still be on its way to a push service, the
// newer one waits for it. Push services keep the message that came last.
type underway struct {
	net  *network
	keep time.Duration // how long a campaign may last

	mu     sync.Mutex
	pages  map[*page]struct{}
	halted bool              // all sending is stopped
	newest map[string]newest // by item
}

type newest struct {
	offset uint64 // of the entry of the newest campaign
	at     time.Time
}

// overtake is how long a notification waits for an older one to the same
// device to be answered, before it looks again.
const overtake = 200 * time.Millisecond

// enter adds p. busy is the subscriptions to which an older notification of
// the item is on its way.
func (u *underway) enter(p *page) (busy map[ID]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.supersede(p.campaign)
	item, offset := p.campaign.Entry.Item.ID, p.campaign.Entry.Offset
	if u.halted || u.newest[item].offset > offset {
		u.net.recall(p)
	}
	for other := range u.pages {
		if other.campaign.Entry.Item.ID == item && other.campaign.Entry.Offset < offset {
			for i, d := range other.deliveries {
				if other.settled[i].Load() {
					continue
				}
				if busy == nil {
					busy = map[ID]bool{}
				}
				busy[d.Subscription.ID] = true
			}
		}
	}
	u.pages[p] = struct{}{}
	return busy
}

// leave takes p away: all its deliveries have their results.
func (u *underway) leave(p *page) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pages, p)
}

// opened tells the pages of new campaigns: those of a lower lane make room when
// they are done.
func (u *underway) opened(cs []Campaign) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range cs {
		u.supersede(c)
		for p := range u.pages {
			if c.Lane > p.campaign.Lane {
				p.yield.Store(true)
			}
		}
	}
}

// halt calls back all pages, and those that enter from now on, or lets them go
// on. It reports whether that is new.
func (u *underway) halt(stopped bool) (changed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.halted == stopped {
		return false
	}
	u.halted = stopped
	for p := range u.pages {
		if stopped {
			u.net.recall(p)
		}
	}
	return true
}

// supersede notes that c is open and calls back older pages of its item. The
// caller holds u.mu.
func (u *underway) supersede(c Campaign) {
	item, offset, now := c.Entry.Item.ID, c.Entry.Offset, time.Now()
	if offset <= u.newest[item].offset {
		return
	}
	for old, n := range u.newest {
		if now.Sub(n.at) > u.keep {
			delete(u.newest, old)
		}
	}
	u.newest[item] = newest{offset, now}
	for p := range u.pages {
		if p.campaign.Entry.Item.ID == item && p.campaign.Entry.Offset < offset {
			u.net.recall(p)
		}
	}
}
