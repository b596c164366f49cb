package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// testCluster is a Cluster of three masters on ports of the loopback.
type testCluster struct {
	nodes []*testServer
	ports []int
}

func startCluster(t testing.TB) *testCluster {
	t.Helper()
	c := &testCluster{}
	for range 3 {
		port, bus := freePort(t), freePort(t)
		c.ports = append(c.ports, port)
		c.nodes = append(c.nodes, startServer(t, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
			"--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000"))
		c.meet(t, len(c.nodes)-1, bus)
	}
	for i, n := range c.nodes {
		n.say(t, "CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
	}
	c.agree(t)
	return c
}

// meet has the nth node meet the first.
func (c *testCluster) meet(t testing.TB, n, bus int) {
	t.Helper()
	if n > 0 {
		c.nodes[0].say(t, "CLUSTER", "MEET", "127.0.0.1", c.ports[n], bus)
	}
}

// agree returns when every node knows where all slots are.
func (c *testCluster) agree(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		agreed := 0
		for _, n := range c.nodes {
			info := fmt.Sprint(n.say(t, "CLUSTER", "INFO"))
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:3") {
				agreed++
			}
		}
		if agreed == len(c.nodes) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come up")
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (c *testCluster) url() string {
	return fmt.Sprintf("redis+cluster://127.0.0.1:%d,127.0.0.1:%d", c.ports[0], c.ports[1])
}

func (c *testCluster) save(t testing.TB) func(testing.TB) {
	t.Helper()
	var restores []func(testing.TB)
	for _, n := range c.nodes {
		restores = append(restores, n.save(t))
	}
	return func(t testing.TB) {
		t.Helper()
		for _, restore := range restores {
			restore(t)
		}
		c.agree(t)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// TestClusterMove moves the log's slot to another master, key by key, while
// entries are appended and followed and campaigns are sent. Nothing is lost,
// no count is off and the epoch stays.
func TestClusterMove(t *testing.T) {
	c := startCluster(t)
	a, b := openTest(t, c.url(), Options{}), openTest(t, c.url(), Options{})
	ctx := t.Context()
	epoch := head(t, a).Epoch
	mustAppend(t, a, news.Key{}, testDraft("n0"))

	slot := c.nodes[0].say(t, "CLUSTER", "KEYSLOT", a.keys.log).(int64)
	from, to := c.owner(t, slot), 0
	if from == 0 {
		to = 1
	}
	ids := [2]string{fmt.Sprint(c.nodes[from].say(t, "CLUSTER", "MYID")), fmt.Sprint(c.nodes[to].say(t, "CLUSTER", "MYID"))}

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
	c.nodes[to].say(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
	c.nodes[from].say(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
	for {
		keys := c.nodes[from].say(t, "CLUSTER", "GETKEYSINSLOT", slot, 1).([]any)
		if len(keys) == 0 {
			break
		}
		c.nodes[from].say(t, append([]any{"MIGRATE", "127.0.0.1", c.ports[to], "", 0, 5000, "KEYS"}, keys...)...)
	}
	for _, n := range []int{to, from, 3 - from - to} {
		c.nodes[n].say(t, "CLUSTER", "SETSLOT", slot, "NODE", ids[1])
	}
	err := <-followed
	close(stop)
	for _, err := range []error{<-appended, err, <-sent} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// A new node finds a server it does not know, and asks those that do.
	n := openTest(t, c.url(), Options{})
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
		l, ok, err := e.Claim(ctx, "w", now, time.Second)
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

func (c *testCluster) owner(t testing.TB, slot int64) int {
	t.Helper()
	for i := range c.nodes {
		if slot >= int64(i*16384/3) && slot < int64((i+1)*16384/3) {
			return i
		}
	}
	t.Fatalf("slot %d is nobody's", slot)
	return 0
}
