package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crier/news"
)

// post posts items at the rate, one by one, until ctx ends, and says how many.
// One that was begun is seen through: it is repeated, with its key, until the
// service says what became of it.
func (r *run) post(ctx context.Context, others *crowds) (posted int, err error) {
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: stayHere}
	began := time.Now()
	for n := 0; n < len(r.items); n++ {
		due := began.Add(time.Duration(float64(n) / r.o.Rate * float64(time.Second)))
		if !sleepUntil(ctx, due) {
			return n, nil
		}
		if err := r.postOne(context.WithoutCancel(ctx), client, n, due); err != nil {
			return n, err
		}
		r.acknowledged.Store(int32(n + 1))
		if err := others.tell(signal{Acknowledged: n + 1}); err != nil {
			return n, err
		}
	}
	return len(r.items), nil
}

// headline is how that of an item begins; the nanosecond in which it was due
// follows. A service that keeps the poster waiting is not spared the items that
// were due meanwhile.
const headline = "Exercise of "

// attempts is how often an item is tried.
const attempts = 10

func (r *run) postOne(ctx context.Context, client *http.Client, n int, due time.Time) error {
	body, err := json.Marshal(news.Post{
		Headline: headline + strconv.FormatInt(due.UnixNano(), 10), Summary: strings.Repeat("x", r.o.Bytes), Story: r.name + strconv.Itoa(n), Drill: true,
	})
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		again, err := r.send(ctx, client, n, body)
		if err == nil || !again || try == attempts {
			return err
		}
		time.Sleep(time.Duration(try) * 200 * time.Millisecond)
	}
}

// send makes one attempt. again says that it may be repeated.
func (r *run) send(ctx context.Context, client *http.Client, n int, body []byte) (again bool, err error) {
	u := *r.nodes[0]
	u.Path = "/v1/items"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+r.o.Key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", r.name+strconv.Itoa(n))
	resp, err := client.Do(req)
	if err != nil {
		return true, fmt.Errorf("post: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	said, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || resp.StatusCode == http.StatusCreated || resp.StatusCode == http.StatusOK {
		return err != nil, err
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests, fmt.Errorf("post: status %d: %.300s", resp.StatusCode, said)
}
