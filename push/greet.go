package push

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"
	"golang.org/x/time/rate"

	"crier/push/seal"
)

// ErrBusy says that too many greetings wait already. Try again.
var ErrBusy = errors.New("too many notifications of this kind are waiting")

// greeting is a message from the service to one browser, outside any campaign.
type greeting struct{ kind, title, body string }

var (
	welcome  = greeting{"welcome", "Alerts are on", "This is how breaking news will reach you."}
	selfTest = greeting{"test", "A test of your alerts", "You asked for it, and it works."}
)

// Bounds on greetings: they are few, and may wait or be lost.
const (
	greetQueue   = 256
	greetWorkers = 8
	greetTTL     = 10 * time.Minute
	// greetRate is how many a second this node takes in of those that must be
	// confirmed, and greetQueue at once: whoever asks, and from however many
	// addresses, each makes us send a notification to a browser vendor.
	greetRate = 50
)

var errNoKeys = errors.New("the VAPID keys that the subscription was made with are no more")

// greeter sends greetings, through webpush-go.
type greeter struct {
	s         *Service
	client    *http.Client
	queue     chan greetJob
	strangers *rate.Limiter // who must be confirmed
}

type greetJob struct {
	to   Subscription
	what greeting
}

func newGreeter(s *Service) greeter {
	return greeter{s: s, queue: make(chan greetJob, greetQueue), strangers: rate.NewLimiter(greetRate, greetQueue), client: &http.Client{
		Transport:     s.net.transport,
		Timeout:       s.o.RequestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send queues a greeting and reports whether there was room. It does not block.
func (g *greeter) send(to Subscription, what greeting) bool {
	select {
	case g.queue <- greetJob{to.Clone(), what}:
		return true
	default:
		g.s.o.Logger.Warn("a greeting is dropped: too many wait", "subscription", to.ID.String(), "kind", what.kind)
		return false
	}
}

// run sends what is queued until ctx ends; what is left then is dropped.
func (g *greeter) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range greetWorkers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case j := <-g.queue:
					g.greet(ctx, j)
				}
			}
		})
	}
	workers.Wait()
}

// greet sends one. A subscription that its push service does not know is
// removed: it was given to us broken, or withdrawn at once.
func (g *greeter) greet(ctx context.Context, j greetJob) {
	logger := g.s.o.Logger.With("subscription", j.to.ID.String(), "kind", j.what.kind)
	status, err := g.post(ctx, j)
	if err == nil {
		g.tell(j, status)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		logger.Warn("a greeting did not arrive", "error", bare(err))
	case status == http.StatusNotFound || status == http.StatusGone:
		if !g.s.guard.mayRemove() {
			return
		}
		err := g.s.store.DeleteSubscription(ctx, j.to.ID, j.to.Auth)
		if !errors.Is(err, ErrNoSubscription) && !errors.Is(err, ErrNotYours) { // else it has changed meanwhile
			g.s.trouble(ctx, "remove a subscription", err)
		}
	case status >= 300:
		logger.Warn("a greeting was refused", "status", status)
	}
}

// tell has the guard know what was answered. What is not confirmed is anybody's
// invention, so that its answers say nothing of others; and if it is removed
// wrongly the browser subscribes again at its next visit.
func (g *greeter) tell(j greetJob, status int) {
	if to, fault := g.s.hosts.target(j.to.Endpoint); fault == nil && !j.to.Unconfirmed {
		g.s.guard.heard(to.service, judge(status, nil, time.Now()))
	}
}

// post has webpush-go seal and send. Of its traps, this takes care that it
// writes into spare capacity of the message, puts mailto: before any subject
// that is not https, and has neither a time limit nor a check on redirects.
func (g *greeter) post(ctx context.Context, j greetJob) (status int, err error) {
	o := &g.s.o
	keys, ok := g.s.keys.now.Load().vapid.numbered(j.to.Key)
	if !ok {
		return 0, errNoKeys
	}
	data := noticeData{Kind: j.what.kind}
	if nonce, ok := g.s.keys.nonce(&j.to); ok && j.to.Unconfirmed {
		data.Confirm = &confirm{j.to.ID.String(), nonce}
	}
	message, err := fit(notice{8030, data.Confirm != nil, notification{
		Title: j.what.title, Body: j.what.body, Navigate: o.PublicURL + "/alerts", Tag: "crier-" + j.what.kind, Lang: "en", Dir: "auto",
		Timestamp: time.Now().UnixMilli(), Icon: o.Icon, Data: data,
	}})
	if err != nil {
		return 0, err
	}
	enc := base64.RawURLEncoding.EncodeToString
	resp, err := webpush.SendNotificationWithContext(ctx, slices.Clip(message),
		&webpush.Subscription{Endpoint: j.to.Endpoint, Keys: webpush.Keys{P256dh: enc(j.to.P256dh[:]), Auth: enc(j.to.Auth[:])}},
		&webpush.Options{
			HTTPClient: g.client, RecordSize: seal.Size, TTL: int(greetTTL / time.Second), Urgency: webpush.UrgencyNormal,
			Subscriber: strings.TrimPrefix(o.Subject, "mailto:"), VAPIDPublicKey: keys.Public, VAPIDPrivateKey: keys.Private,
		})
	if err != nil {
		return 0, err
	}
	discard(resp)
	return resp.StatusCode, nil
}
