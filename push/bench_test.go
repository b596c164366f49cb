//go:build unix

package push_test

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
	"crier/push/seal"
)

// sinkEnv makes the test binary a sink: a push service in a process of its
// own, so that the sender's CPU can be told from it.
const sinkEnv = "CRIER_BENCH_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(sinkEnv) == "" {
		os.Exit(m.Run())
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the benchmark counts only its answers
		w.WriteHeader(http.StatusCreated)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := json.NewEncoder(os.Stdout).Encode(benchSink{s.Listener.Addr().String(), string(cert)}); err != nil {
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	s.Close()
}

type benchSink struct{ Addr, Cert string }

func startSink(b *testing.B) (sink benchSink, roots *x509.CertPool) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), sinkEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(line, &sink); err != nil {
		b.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(sink.Cert))
	return sink, roots
}

// cpu is the CPU time this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend sends to the same sink, in the same run, a campaign of the
// service, store reading and result keeping included, and the usual loop of
// webpush-go, and reports the sender's CPU for each message accepted.
func BenchmarkSend(b *testing.B) {
	const n = 4000
	sink, roots := startSink(b)
	kept, err := push.NewVAPID()
	if err != nil {
		b.Fatal(err)
	}
	keys, err := push.ParseVAPID(kept)
	if err != nil {
		b.Fatal(err)
	}
	store, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	subs := make([]push.Subscription, n)
	for i := range subs {
		k, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		s := push.Subscription{Endpoint: fmt.Sprintf("https://%s/fcm/send/%s:%s%s%s", sink.Addr, rand.Text()[:11], rand.Text(), rand.Text(), rand.Text()), Level: news.Urgent, CreatedAt: time.Now(), SeenAt: time.Now()}
		s.ID = push.EndpointID(s.Endpoint)
		copy(s.P256dh[:], k.PublicKey().Bytes())
		rand.Read(s.Auth[:])
		if _, err := store.PutSubscription(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		subs[i] = s
	}
	svc, err := push.New(store, store, keys, push.Options{AlertHosts: []string{sink.Addr}, RootCAs: roots})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	}()

	var ours, theirs, ourTime, theirTime time.Duration
	for b.Loop() {
		c0, t0 := cpu(b), time.Now()
		campaign(b, store, svc, n)
		c1, t1 := cpu(b), time.Now()
		loop(b, kept, roots, subs)
		c2, t2 := cpu(b), time.Now()
		ours, theirs, ourTime, theirTime = ours+c1-c0, theirs+c2-c1, ourTime+t1.Sub(t0), theirTime+t2.Sub(t1)
	}
	messages := float64(b.N) * n
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.Microseconds())/messages, "cpu-us/msg")
	b.ReportMetric(float64(theirs.Microseconds())/messages, "webpush-go-cpu-us/msg")
	b.ReportMetric(float64(theirs)/float64(ours), "x-cpu")
	b.ReportMetric(messages/ourTime.Seconds(), "msg/s")
	b.ReportMetric(messages/theirTime.Seconds(), "webpush-go-msg/s")
}

// campaign sends one campaign of the service.
func campaign(b *testing.B, store *sqlite.Engine, svc *push.Service, n int64) {
	b.Helper()
	d, err := news.Post{Headline: "Harbour bridge closed", Level: news.Urgent, Alert: true}.Draft(news.NewID(), "k1", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	r, err := store.Append(b.Context(), news.Key{}, d)
	if err != nil {
		b.Fatal(err)
	}
	for {
		rep, err := svc.Report(b.Context(), r.Entry.Item.ID)
		if err == nil && rep.Done {
			if rep.Tally.Accepted != n {
				b.Fatalf("%+v", rep.Tally)
			}
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// loop sends to all with webpush-go, from as many goroutines as serve it best
// here, over one client.
func loop(b *testing.B, kept []byte, roots *x509.CertPool, subs []push.Subscription) {
	b.Helper()
	var keys struct{ Public, Private string }
	if err := json.Unmarshal(kept, &keys); err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true, MaxConnsPerHost: 4, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	text := make([]byte, 450)
	enc := base64.RawURLEncoding.EncodeToString
	todo := make(chan push.Subscription)
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for s := range todo {
				resp, err := webpush.SendNotification(slices.Clip(text), &webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: enc(s.P256dh[:]), Auth: enc(s.Auth[:])}},
					&webpush.Options{HTTPClient: client, RecordSize: seal.Size, TTL: 60, Subscriber: "desk@news.example", VAPIDPublicKey: keys.Public, VAPIDPrivateKey: keys.Private})
				if err != nil {
					b.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body) // empty
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					b.Error(resp.Status)
				}
			}
		})
	}
	for _, s := range subs {
		todo <- s
	}
	close(todo)
	workers.Wait()
}
