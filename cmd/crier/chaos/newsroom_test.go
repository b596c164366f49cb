package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/news"
)

// newsroom posts and revises until it is closed.
type newsroom struct {
	fleet     *fleet
	client    *http.Client
	headlines []news.Post
	jobs      chan int
	over      chan struct{} // closed when nobody wants to know any more
	quit      context.CancelFunc
	running   sync.WaitGroup

	mu    sync.Mutex
	tasks []*task
}

// task is a post or a revision, and all that it was answered.
type task struct {
	number  int // in its text, so that it is known however it came into the log
	path    string
	version int // that it revises; 0 for a post
	body    map[string]any
	patient bool // repeats what was refused until it is taken

	began   time.Time
	acked   time.Time // zero until it was
	tries   int
	unknown bool // an attempt was not answered, or was answered that nobody knows
	refused int  // answers of 503
	created int  // answers of 201
	entry   news.Entry
	cursor  news.Cursor
	fault   string // what no answer may be
	void    bool   // the item it revises is not there, or not as it was
}

// editors is how many post at once.
const editors = 12

// openNewsroom begins to post about rate items a second, in bursts and alone.
func openNewsroom(t testing.TB, f *fleet, rate int) *newsroom {
	t.Helper()
	b, err := os.ReadFile("../headlines.json")
	if err != nil {
		t.Fatal(err)
	}
	ctx, quit := context.WithCancel(context.Background())
	r := &newsroom{fleet: f, jobs: make(chan int), over: make(chan struct{}), quit: quit, client: &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: editors, IdleConnTimeout: time.Second}}}
	if err := json.Unmarshal(b, &r.headlines); err != nil || len(r.headlines) == 0 {
		t.Fatalf("%d headlines, %v", len(r.headlines), err)
	}
	t.Cleanup(func() {
		close(r.over)
		r.close()
	})
	for range editors {
		r.running.Go(r.edit)
	}
	r.running.Go(func() { r.plan(ctx, rate) })
	return r
}

// close ends the planning and returns when everything planned is known.
func (r *newsroom) close() {
	r.quit()
	r.running.Wait()
}

// plan hands out work: bursts of up to 20, with pauses between.
func (r *newsroom) plan(ctx context.Context, rate int) {
	defer close(r.jobs)
	for n := 1; ; {
		burst := 1
		if rand.IntN(4) == 0 {
			burst = 1 + rand.IntN(20)
		}
		for range burst {
			select {
			case r.jobs <- n:
				n++
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(burst) * time.Second / time.Duration(rate)):
		}
	}
}

// edit does what is planned. Every eighth job revises the editor's last item.
func (r *newsroom) edit() {
	var last news.Entry
	for n := range r.jobs {
		k := r.post(n)
		if n%8 == 0 && last.Item.ID != "" {
			k = r.revision(n, last)
		}
		k.patient = n%10 != 1
		r.mu.Lock()
		r.tasks = append(r.tasks, k)
		r.mu.Unlock()
		r.do(k)
		r.mu.Lock()
		switch {
		case k.void || k.entry.Item.Withdrawn:
			last = news.Entry{} // there is nothing more to revise
		case !k.acked.IsZero():
			last = k.entry
		}
		r.mu.Unlock()
	}
}

func (r *newsroom) post(n int) *task {
	h := r.headlines[n%len(r.headlines)]
	return &task{number: n, path: "/v1/items", body: map[string]any{
		"headline": h.Headline + tag(n), "summary": h.Summary, "topics": h.Topics, "level": h.Level, "new_story": true}}
}

func (r *newsroom) revision(n int, e news.Entry) *task {
	k := &task{number: n, path: "/v1/items/" + e.Item.ID + "/revisions", version: e.Item.Version}
	headline := r.headlines[n%len(r.headlines)].Headline + tag(n)
	switch n / 8 % 4 {
	case 0:
		k.body = map[string]any{"kind": news.Updated, "headline": headline}
	case 1:
		k.body = map[string]any{"kind": news.Corrected, "headline": headline, "reason": "An earlier version was wrong."}
	case 2:
		k.body = map[string]any{"kind": news.Refiled, "headline": headline}
	default:
		k.body = map[string]any{"kind": news.Withdrawn, "reason": "It was wrong." + tag(n)}
	}
	return k
}

// tag is how a text bears the number of its task.
func tag(n int) string { return fmt.Sprintf(" (no. %d)", n) }

// numberOf is the number of the task that made an entry, 0 if none did.
func numberOf(e news.Entry) int {
	text := e.Item.Headline
	if e.Kind == news.Withdrawn {
		text = e.Item.Reason
	}
	i := strings.LastIndex(text, " (no. ")
	if i < 0 {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(text[i+len(" (no. "):], ")"))
	return n
}

// do sends a task until its fate is known: always with the same key, to any
// node, and after what Retry-After says, but a second at most. One that is not
// patient gives up when it was refused, if it is known to be.
func (r *newsroom) do(k *task) {
	key := "k" + strconv.Itoa(k.number)
	for deadline := time.Now().Add(2 * patience); ; {
		pause := r.try(k, key)
		r.mu.Lock()
		over := !k.acked.IsZero() || k.fault != "" || k.void || !k.patient && !k.unknown && k.refused > 0
		if !over && time.Now().After(deadline) {
			k.fault, over = "its fate does not get known", true
		}
		r.mu.Unlock()
		if over {
			return
		}
		select {
		case <-time.After(min(pause, time.Second)):
		case <-r.over: // nil for who has no newsroom to close
			return
		}
	}
}

// try sends a task once, and returns how long to wait before the next time.
func (r *newsroom) try(k *task, key string) (pause time.Duration) {
	b, err := json.Marshal(k.body)
	if err != nil {
		panic(err) // of texts and numbers
	}
	req, err := http.NewRequest(http.MethodPost, r.fleet.any().URL+k.path, bytes.NewReader(b))
	if err != nil {
		panic(err) // of our own making
	}
	req.Header = http.Header{"Authorization": {"Bearer " + r.fleet.key}, "Idempotency-Key": {key}, "Content-Type": {"application/json"}}
	if k.version > 0 {
		req.Header.Set("If-Match", strconv.Quote(strconv.Itoa(k.version)))
	}
	req.GetBody = nil // net/http repeats nothing of its own accord
	began := time.Now()
	w, err := r.client.Do(req)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(w.Body)
		_ = w.Body.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k.tries++
	if k.began.IsZero() {
		k.began = began
	}
	if err != nil {
		if dial := (*net.OpError)(nil); !errors.As(err, &dial) || dial.Op != "dial" {
			k.unknown = true
		}
		return rand.N(200 * time.Millisecond)
	}
	return k.learn(w, text)
}

// learn takes in an answer. The newsroom is locked.
func (k *task) learn(w *http.Response, text []byte) (pause time.Duration) {
	switch w.StatusCode {
	case http.StatusCreated, http.StatusOK:
		var got struct {
			Cursor news.Cursor
			news.Entry
		}
		if err := json.Unmarshal(text, &got); err != nil {
			k.fault = fmt.Sprintf("%d with %.200q: %v", w.StatusCode, text, err)
			return 0
		}
		if w.StatusCode == http.StatusCreated {
			k.created++
		} else if !k.unknown {
			k.fault = "200 as if repeated, though no attempt before it can have been kept"
		}
		k.entry, k.cursor, k.acked = got.Entry, got.Cursor, time.Now()
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		after, err := strconv.Atoi(w.Header.Get("Retry-After"))
		if err != nil || after < 1 {
			k.fault = fmt.Sprintf("%d with Retry-After %q", w.StatusCode, w.Header.Get("Retry-After"))
		}
		if w.StatusCode == http.StatusServiceUnavailable {
			k.refused++
		} else {
			k.unknown = true
		}
		return time.Duration(after) * time.Second
	case http.StatusNotFound, http.StatusPreconditionFailed:
		k.void = true
	default:
		k.fault = fmt.Sprintf("%d: %.300s", w.StatusCode, text)
	}
	return 0
}

// after waits for an entry that was posted after a time and acknowledged, and
// is its cursor; ok is false if there is none within patience.
func (r *newsroom) after(t time.Time) (c news.Cursor, ok bool) {
	ok = until(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		i := slices.IndexFunc(r.tasks, func(k *task) bool { return k.began.After(t) && !k.acked.IsZero() })
		if i >= 0 {
			c = r.tasks[i].cursor
		}
		return i >= 0
	})
	return c, ok
}

// taken is how many tasks were acknowledged so far.
func (r *newsroom) taken() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.tasks {
		if !k.acked.IsZero() {
			n++
		}
	}
	return n
}
