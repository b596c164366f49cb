package load

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/push/seal"
)

// loopWorkers is how many goroutines serve webpush-go best on two processors.
const loopWorkers = 64

// loop sends n messages to the crowd as programs with webpush-go do, from
// goroutines that share a client, and says how many were accepted and what CPU
// time that took.
func (r *alertsRun) loop(ctx context.Context, n int) (accepted int64, used time.Duration, err error) {
	var keys struct{ Public, Private string }
	if err := json.Unmarshal(r.vapid, &keys); err != nil {
		return 0, 0, err
	}
	client := &http.Client{Timeout: r.o.Timeout, Transport: &http.Transport{ForceAttemptHTTP2: true, MaxConnsPerHost: 4,
		TLSClientConfig: &tls.Config{RootCAs: r.sinks.roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	subs := make([]webpush.Subscription, n)
	together(n, func(k int) { // made before, as our own are read from the store
		s := r.crowd.subscription(k*(r.o.Subscriptions/n), time.Time{})
		enc := base64.RawURLEncoding.EncodeToString
		subs[k] = webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: enc(s.P256dh[:]), Auth: enc(s.Auth[:])}}
	})
	before, err := cpuTime()
	if err != nil {
		return 0, 0, err
	}
	var next, taken atomic.Int64
	var first atomic.Pointer[error]
	var workers sync.WaitGroup
	text := make([]byte, 450)
	for range loopWorkers {
		workers.Go(func() {
			for k := next.Add(1) - 1; k < int64(n) && ctx.Err() == nil; k = next.Add(1) - 1 {
				status, err := sendOne(ctx, client, &subs[k], keys.Public, keys.Private, text)
				if err != nil {
					first.CompareAndSwap(nil, &err)
				} else if status == http.StatusCreated {
					taken.Add(1)
				}
			}
		})
	}
	workers.Wait()
	after, err := cpuTime()
	if p := first.Load(); p != nil {
		err = errors.Join(err, fmt.Errorf("the loop of webpush-go: %w", *p))
	}
	return taken.Load(), after - before, errors.Join(err, ctx.Err())
}

func sendOne(ctx context.Context, client *http.Client, to *webpush.Subscription, public, private string, text []byte) (status int, err error) {
	resp, err := webpush.SendNotificationWithContext(ctx, slices.Clip(text), to, &webpush.Options{HTTPClient: client, RecordSize: seal.Size, TTL: 60,
		Subscriber: subject, VAPIDPublicKey: public, VAPIDPrivateKey: private})
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
