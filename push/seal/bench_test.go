package seal_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/push/seal"
)

// BenchmarkMessage makes whole messages, body and Authorization header, three
// ways in one run: webpush-go's (it signs a token for each), sealed inline,
// and sealed with keys prepared before. The last columns are the ratios.
func BenchmarkMessage(b *testing.B) {
	to := newBrowser(b)
	private, public := vapidKeys(b)
	signer, err := seal.NewSigner(private, "mailto:desk@news.example")
	if err != nil {
		b.Fatal(err)
	}
	text := make([]byte, 600)
	sub := &webpush.Subscription{Endpoint: "https://push.example/1", Keys: webpush.Keys{
		P256dh: base64.RawURLEncoding.EncodeToString(to.keys.P256dh[:]), Auth: base64.RawURLEncoding.EncodeToString(to.keys.Auth[:])}}
	o := &webpush.Options{HTTPClient: discard{}, Subscriber: "desk@news.example", VAPIDPublicKey: public, VAPIDPrivateKey: private, TTL: 60, RecordSize: seal.Size}
	dst := make([]byte, 0, seal.Size)

	var theirs, inline, prepare, prepared time.Duration
	for b.Loop() {
		t0 := time.Now()
		_, err0 := webpush.SendNotification(slices.Clip(text), sub, o)
		t1 := time.Now()
		_, err1 := seal.Seal(dst, text, to.keys)
		_, err2 := signer.Authorization("https://push.example", t1)
		t2 := time.Now()
		p, err3 := seal.Prepare(to.keys)
		t3 := time.Now()
		_, err4 := p.Seal(dst, text)
		_, err5 := signer.Authorization("https://push.example", t3)
		t4 := time.Now()
		for _, err := range []error{err0, err1, err2, err3, err4, err5} {
			if err != nil {
				b.Fatal(err)
			}
		}
		theirs, inline, prepare, prepared = theirs+t1.Sub(t0), inline+t2.Sub(t1), prepare+t3.Sub(t2), prepared+t4.Sub(t3)
	}
	report(b, "webpush-go", theirs)
	report(b, "inline", inline)
	report(b, "prepare", prepare)
	report(b, "prepared", prepared)
	b.ReportMetric(0, "ns/op") // the sum of the four says nothing
	b.ReportMetric(float64(theirs)/float64(inline), "x-inline")
	b.ReportMetric(float64(theirs)/float64(prepared), "x-prepared")
}

// BenchmarkToken compares a token kept with one signed for each message.
func BenchmarkToken(b *testing.B) {
	private, _ := vapidKeys(b)
	kept, err := seal.NewSigner(private, "mailto:desk@news.example")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	var cached, signed time.Duration
	for b.Loop() {
		t0 := time.Now()
		_, err0 := kept.Authorization("https://push.example", at)
		t1 := time.Now()
		at = at.Add(12 * time.Hour) // too old for the cache
		_, err1 := kept.Authorization("https://push.example", at)
		t2 := time.Now()
		if err0 != nil || err1 != nil {
			b.Fatal(err0, err1)
		}
		cached, signed = cached+t1.Sub(t0), signed+t2.Sub(t1)
	}
	report(b, "cached", cached)
	report(b, "signed", signed)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(signed)/float64(cached), "x-cached")
}

func report(b *testing.B, name string, d time.Duration) {
	b.ReportMetric(float64(d.Nanoseconds())/float64(b.N), name+"-ns")
}

// BenchmarkOpen is the receiver's cost: what a sink that decrypts must afford.
func BenchmarkOpen(b *testing.B) {
	to := newBrowser(b)
	body, err := seal.Seal(nil, make([]byte, 600), to.keys)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := seal.Open(to.private, to.keys.Auth, body); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is an HTTP client that sends nothing.
type discard struct{}

func (discard) Do(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, err
}
