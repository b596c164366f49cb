package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"crier/news"
)

type postCmd struct {
	URL      string   `name:"url" help:"Address of the service." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Key      string   `help:"Editor key; better set in the environment." required:"" placeholder:"KEY"`
	Headline string   `arg:"" help:"What happened."`
	Summary  string   `help:"A sentence or two more." placeholder:"TEXT"`
	Link     string   `help:"Address of the full story." placeholder:"URL"`
	Topics   []string `help:"Topics." placeholder:"TOPIC"`
	Level    string   `help:"Level: flash, bulletin, urgent or regular." default:"regular" enum:"flash,bulletin,urgent,regular"`
	Story    string   `help:"Story the item belongs to; a new one if empty." placeholder:"NAME"`
	Language string   `help:"Language of the item." default:"en" placeholder:"TAG"`
	Alert    bool     `help:"Notify subscribers too."`
	Drill    bool     `help:"An exercise: reaches no live topic."`
}

func (c *postCmd) Run(ctx context.Context, s streams) error {
	p := news.Post{
		Headline: c.Headline, Summary: c.Summary, URL: c.Link, Topics: c.Topics, Level: news.Level(c.Level),
		Story: c.Story, Language: c.Language, Alert: c.Alert, Drill: c.Drill,
	}
	e, err := newClient(c.URL, c.Key).post(ctx, p)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, e.Item.ID)
	return err
}

// client speaks to a running service as an editor.
type client struct {
	base, key string
	http      http.Client
}

func newClient(base, key string) *client {
	return &client{base: strings.TrimRight(base, "/"), key: key, http: http.Client{Timeout: 15 * time.Second}}
}

// attempts is how often a call is made before its failure is told: it carries
// one idempotency key, so that repeating it is safe.
const attempts = 4

func (c *client) post(ctx context.Context, p news.Post) (news.Entry, error) {
	return c.send(ctx, "/v1/items", "", p)
}

func (c *client) revise(ctx context.Context, now news.Entry, r news.Revision) (news.Entry, error) {
	return c.send(ctx, "/v1/items/"+now.Item.ID+"/revisions", fmt.Sprintf(`"%d"`, now.Item.Version), r)
}

func (c *client) item(ctx context.Context, id string) (news.Entry, error) {
	e, _, err := c.try(ctx, http.MethodGet, "/v1/items/"+id, http.Header{}, nil)
	return e, err
}

func (c *client) send(ctx context.Context, path, match string, body any) (news.Entry, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return news.Entry{}, err
	}
	header := http.Header{
		"Authorization":   {"Bearer " + c.key},
		"Content-Type":    {"application/json"},
		"Idempotency-Key": {rand.Text()},
	}
	if match != "" {
		header.Set("If-Match", match)
	}
	for n, wait := 1, 200*time.Millisecond; ; n, wait = n+1, 2*wait {
		e, again, err := c.try(ctx, http.MethodPost, path, header, b)
		if err == nil || !again || n == attempts {
			return e, err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return news.Entry{}, errors.Join(err, ctx.Err())
		case <-t.C:
		}
	}
}

// try makes one call; again reports whether another may do better.
func (c *client) try(ctx context.Context, method, path string, header http.Header, body []byte) (e news.Entry, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return e, false, err
	}
	req.Header = header
	resp, err := c.http.Do(req)
	if err != nil {
		return e, ctx.Err() == nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return e, true, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var p struct {
			Title, Detail, Mend string
		}
		if json.Unmarshal(b, &p) != nil || p.Title == "" {
			p.Title = http.StatusText(resp.StatusCode)
		}
		return e, resp.StatusCode == http.StatusServiceUnavailable, fmt.Errorf("%s (%d): %s %s", p.Title, resp.StatusCode, p.Detail, p.Mend)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, false, fmt.Errorf("the answer is not an entry: %w", err)
	}
	return e, false, nil
}
