package push

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"crier/news"
)

// Service keeps subscriptions and sends campaigns to them. Make one with
// [New]; all methods are safe for concurrent use. Any number of services may
// share a store.
type Service struct {
	store   Store
	log     news.Log
	o       Options
	hosts   Hosts
	keys    *keyring
	guard   *guard
	net     *network
	zones   zones
	greets  greeter
	tidier  tidier
	stock   *stock
	fleet   *fleet
	worker  string        // how the store knows us
	wake    chan struct{} // holds one ring for the dispatcher
	outage  outage
	pages   *underway
	canary  canary
	counted *counted
}

// New makes a service on a store that follows log. It sends nothing before
// Run. The error says which option is wrong.
func New(store Store, log news.Log, keys VAPID, o Options) (*Service, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	hosts, err := ParseHosts(o.AlertHosts)
	if err != nil {
		return nil, err
	}
	ring, err := newKeyring(keys, o.Subject)
	if err != nil {
		return nil, err
	}
	g, ready := newGuard(o.Logger), newStock(o.PreparedKeys)
	net := &network{transport: newTransport(hosts, o.RootCAs), keys: ring, guard: g, stock: ready, nodes: 1, logger: o.Logger, conns: o.Conns, fill: half,
		timeout: o.RequestTimeout, origins: map[string]*origin{}, paces: map[string]*pace{}}
	s := &Service{
		store: store, log: log, o: o, hosts: hosts, keys: ring, guard: g, net: net, stock: ready, fleet: &fleet{},
		worker: "w" + rand.Text(), wake: make(chan struct{}, 1),
		pages: newUnderway(net, o.Deadlines.longest()), counted: newCounted(),
	}
	s.greets = newGreeter(s)
	return s, nil
}

// Run opens and sends campaigns, and greets, until ctx ends, and then returns nil once
// requests under way have ended, or Options.Grace is over, and their outcomes
// are written. Call it once.
func (s *Service) Run(ctx context.Context) error {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(s.o.Grace, stop) })()
	var parts sync.WaitGroup
	if !s.o.CampaignsElsewhere {
		parts.Go(func() { s.follow(ctx) })
		parts.Go(func() { s.openDigests(ctx) })
		parts.Go(func() { s.dispatch(ctx, sending) })
		parts.Go(func() { s.prepareKeys(ctx) })
	}
	parts.Go(func() { s.listen(ctx) })
	parts.Go(func() { s.net.sweep(ctx) })
	parts.Go(func() { s.greets.run(ctx) })
	parts.Go(func() { s.countRests(ctx) })
	parts.Wait()
	stop() // what is still being dialled is wanted by nobody
	s.net.close()
	return nil
}

// ParseSubscription is the function of that name with the service's hosts and
// keys and the present time.
func (s *Service) ParseSubscription(body []byte) (Subscription, error) {
	return ParseSubscription(body, s.hosts, s.keys.now.Load().vapid, time.Now())
}

// ParseUnsubscribe is the function of that name.
func (s *Service) ParseUnsubscribe(body []byte) (Subscription, error) { return ParseUnsubscribe(body) }

// Subscribe keeps sub, as [Subscriptions] says of PutSubscription, and greets
// a new one with a notification, in the background; and one that must be
// confirmed and was not, if it has not been here for ten minutes. Errors:
// [news.Invalid], ErrNotYours, ErrBusy.
func (s *Service) Subscribe(ctx context.Context, sub Subscription) (created bool, err error) {
	if err := sub.Check(s.hosts); err != nil {
		return false, err
	}
	sub.Unconfirmed = s.o.Confirm.must(s.hosts, sub.Endpoint)
	again := false
	if sub.Unconfirmed {
		was, err := s.store.Subscription(ctx, sub.ID)
		if err != nil && !errors.Is(err, ErrNoSubscription) {
			return false, err
		}
		again = err == nil && was.Unconfirmed && sub.SeenAt.Sub(was.SeenAt) >= greetAgain
		if (again || err != nil) && !s.greets.strangers.Allow() {
			return false, ErrBusy
		}
	}
	created, err = s.store.PutSubscription(ctx, sub)
	if err == nil && (created || again) {
		s.greets.send(sub, welcome)
	}
	return created, err
}

// Unsubscribe forgets a subscription. Errors: ErrNoSubscription, ErrNotYours.
func (s *Service) Unsubscribe(ctx context.Context, id ID, auth [16]byte) error {
	return s.store.DeleteSubscription(ctx, id, auth)
}

// SendTest has a test notification sent, in the background, to the
// subscription that is its own caller. Errors: ErrNoSubscription, ErrNotYours,
// ErrBusy.
func (s *Service) SendTest(ctx context.Context, id ID, auth [16]byte) error {
	sub, err := s.store.Subscription(ctx, id)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(sub.Auth[:], auth[:]) == 0 {
		return ErrNotYours
	}
	if !s.greets.send(sub, selfTest) {
		return ErrBusy
	}
	return nil
}

// AddReceipt counts a browser's receipt. Errors: [news.Invalid],
// ErrReceiptRefused.
func (s *Service) AddReceipt(ctx context.Context, r Receipt) error {
	if err := r.Check(); err != nil {
		return err
	}
	return s.store.AddReceipt(ctx, r)
}

// Report is the last campaign of an item. Errors: ErrNoCampaign.
func (s *Service) Report(ctx context.Context, item string) (Report, error) {
	return s.store.Report(ctx, item)
}

// Reports is the last campaigns of an item, at most limit, the newest first.
func (s *Service) Reports(ctx context.Context, item string, limit int) ([]Report, error) {
	return s.store.Reports(ctx, item, limit)
}

// Letters is the dead letters of an item's last campaign, see [DeadLetters].
// Errors: ErrNoCampaign.
func (s *Service) Letters(ctx context.Context, item, reason string, limit int) (Letters, error) {
	return s.store.Letters(ctx, item, reason, limit)
}

// Replay has dead letters of an item's last campaign attempted again, see
// [DeadLetters]. Errors: ErrNoCampaign, ErrCampaignOver.
func (s *Service) Replay(ctx context.Context, item, reason string) (n int64, err error) {
	n, err = s.store.Replay(ctx, item, reason, time.Now())
	s.ring()
	return n, err
}

// Stop halts the sending of all campaigns, on this node at once and on others
// within half a second: what has not begun is called back. The first stop is
// the one kept.
func (s *Service) Stop(ctx context.Context, stop Stop) error {
	if err := s.store.Stop(ctx, stop); err != nil {
		return err
	}
	s.pages.halt(true)
	return nil
}

// Resume lets campaigns go on.
func (s *Service) Resume(ctx context.Context) error {
	if err := s.store.Resume(ctx); err != nil {
		return err
	}
	s.pages.halt(false)
	s.ring()
	return nil
}

// Stopped is the stop in force, nil if there is none.
func (s *Service) Stopped(ctx context.Context) (*Stop, error) { return s.store.Stopped(ctx) }

// CountSubscriptions is how many subscriptions stand.
func (s *Service) CountSubscriptions(ctx context.Context) (int64, error) {
	return s.store.CountSubscriptions(ctx)
}

// Status is how sending goes.
type Status struct {
	Alarms []Alarm            `json:"alarms"` // of all nodes: while one of a push service stands no subscription is removed
	Rates  map[string]float64 `json:"rates"`  // towards the push services this node has met, in requests a second of all nodes
	Keys   Keys               `json:"keys"`   // of this node
	Canary Canary             `json:"canary"` // likewise
}

// Keys counts the sender keys that were prepared ahead of time.
type Keys struct {
	Ready  int64 `json:"ready"`  // prepared and not used yet
	Hits   int64 `json:"hits"`   // messages sealed with one of them
	Misses int64 `json:"misses"` // messages of campaigns for which there was none
}

// Status does not block. What other nodes have found is in it within a second
// or two while this one sends, and else within five.
func (s *Service) Status() Status {
	return Status{s.guard.standing(), s.net.rates(), s.stock.count(), s.canary.count()}
}

// ClearAlarms is an operator's word that the answers which raised the alarms
// are right. On all nodes removals go on, and none is raised for an hour.
func (s *Service) ClearAlarms(ctx context.Context) error {
	now := time.Now()
	until := now.Add(trustFor).UTC().Truncate(time.Millisecond)
	if err := s.store.ClearAlarms(ctx, until); err != nil {
		return err
	}
	s.guard.adopt(Alarms{Trusted: until}, now)
	return nil
}

// ClearAlarm is ClearAlarms for the alarm of one push service; those of others
// stand, and are raised. Other nodes know of it when they next look.
func (s *Service) ClearAlarm(ctx context.Context, service string) error {
	if err := s.store.LowerAlarm(ctx, service); err != nil {
		return err
	}
	s.guard.clear(service, time.Now())
	return nil
}
