package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crier/engine/redis/redistest"
	"crier/news"
	"crier/push"
)

// TestClusterMove moves the log's slot to another master, key by key, while
// entries are appended and followed and campaigns are sent. Nothing is lost,
// no count is off and the epoch stays.
func TestClusterMove(t *testing.T) {
	c := redistest.StartCluster(t)
	a, b := openTest(t, c.URL(), Options{}), openTest(t, c.URL(), Options{})
	ctx := t.Context()
	epoch := head(t, a).Epoch
	mustAppend(t, a, news.Key{}, testDraft("n0"))

	const total, subscriptions = 200, 30
	for i := range subscriptions {
		if _, err := a.PutSubscription(ctx, testSubscription(i)); err != nil {
			t.Fatal(err)
		}
	}
	stop, sent := make(chan struct{}), make(chan error, 1)
	go func() { sent <- keepSending(ctx, b, stop) }()
	moving := make(chan struct{})
	appended := make(chan error, 1)
	go func() {
		for i := 1; i < total; i++ {
			if i == total/4 {
				close(moving)
			}
			for {
				_, err := a.Append(ctx, news.Key{Value: fmt.Sprint("k", i)}, testDraft(fmt.Sprint("n", i)))
				if errors.Is(err, news.ErrUnavailable) { // a script's keys are in two places: nothing was kept
					continue
				}
				if err != nil {
					appended <- err
					return
				}
				break
			}
		}
		appended <- nil
	}()
	followed := make(chan error, 1)
	go func() {
		next := uint64(1)
		done := errors.New("done")
		err := news.Follow(ctx, b, news.Cursor{}, news.FollowOptions{Quiet: 20 * time.Millisecond}, func(es []news.Entry) error {
			for _, e := range es {
				if e.Offset != next {
					return fmt.Errorf("offset %d after %d", e.Offset, next-1)
				}
				next++
			}
			if next > total {
				return done
			}
			return nil
		})
		if errors.Is(err, done) {
			err = nil
		}
		followed <- err
	}()

	<-moving
	c.Move(t, a.keys.log)
	err := <-followed
	close(stop)
	for _, err := range []error{<-appended, err, <-sent} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// A new node finds a server it does not know, and asks those that do.
	n := openTest(t, c.URL(), Options{})
	for _, e := range []*Engine{a, b, n} {
		if got := head(t, e); got != (news.Cursor{Epoch: epoch, Offset: total}) {
			t.Errorf("head %q after the move; the epoch was %s", got, epoch)
		}
	}
}

// keepSending opens a campaign for each entry, as push does, and sends it,
// putting off one in five once. What is refused is done again.
func keepSending(ctx context.Context, e *Engine, stop <-chan struct{}) error {
	at, err := e.Head(ctx)
	at.Offset = 0
	for now, last := testTime, false; err == nil || errors.Is(err, news.ErrUnavailable); {
		select {
		case <-stop:
			if last {
				return checkSent(ctx, e, 30)
			}
			last = err == nil // and once more
		default:
		}
		if at, err = openNext(ctx, e, at); err != nil {
			continue
		}
		now = now.Add(time.Minute)
		err = sendDue(ctx, e, now)
		if errors.Is(err, push.ErrLeaseLost) { // it was lent out again meanwhile
			err = nil
		}
		if next, e2 := e.NextDue(ctx, now); e2 != nil || !next.IsZero() {
			last = false
		}
	}
	return err
}

func openNext(ctx context.Context, e *Engine, at news.Cursor) (news.Cursor, error) {
	es, err := e.Since(ctx, at, 10)
	if err != nil || len(es) == 0 {
		return at, err
	}
	var cs []push.Campaign
	for _, x := range es {
		at.Offset = x.Offset
		cs = append(cs, testCampaign(news.Receipt{Entry: x, Cursor: at}))
	}
	if err := e.OpenCampaigns(ctx, at, cs); err != nil {
		at.Offset = es[0].Offset - 1
		return at, err
	}
	return at, nil
}

func sendDue(ctx context.Context, e *Engine, now time.Time) error {
	for {
		l, ok, err := e.Claim(ctx, push.Worker{Name: "w"}, now, time.Second)
		if err != nil || !ok {
			return err
		}
		p, err := e.Deliveries(ctx, l, now, 100)
		if err != nil {
			return err
		}
		prog := push.Progress{Cursor: p.Cursor, Scanned: p.Scanned, Ends: now}
		for _, d := range p.Deliveries {
			id := d.Subscription.ID
			if d.Attempts > 0 {
				prog.Settled = append(prog.Settled, id)
			} else {
				prog.Tally.Audience++
			}
			if d.Attempts == 0 && id[15]%5 == 0 {
				prog.Retries = append(prog.Retries, push.Retry{ID: id, Attempts: 1, Due: now.Add(time.Second)})
			} else {
				prog.Tally.Accepted++
			}
		}
		if _, err := e.Checkpoint(ctx, l, prog); err != nil {
			return err
		}
	}
}

func checkSent(ctx context.Context, e *Engine, audience int64) error {
	cs, err := e.CampaignsSince(ctx, time.Time{})
	if err != nil {
		return err
	}
	for _, c := range cs {
		r, err := e.Report(ctx, c.Entry.Item.ID)
		if err != nil {
			return err
		}
		if !r.Done || r.Tally.Audience != audience || r.Tally.Accepted != audience {
			return fmt.Errorf("the campaign of %s: %+v", c.Entry.Item.ID, r)
		}
	}
	if len(cs) != 200 {
		return fmt.Errorf("%d campaigns", len(cs))
	}
	return nil
}
