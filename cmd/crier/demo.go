package main

import (
	"context"
	_ "embed" // headlines.json
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"crier/desk"
	"crier/engine/sqlite"
	"crier/news"
)

type demoCmd struct{ listenFlags }

// headlines are what arrives in the demo.
//
//go:embed headlines.json
var headlines []byte

// demoPace is the pause between two entries: short enough that whoever opens
// the page sees it move within three seconds.
const demoPace = 2 * time.Second

func (c *demoCmd) Run(ctx context.Context, s streams, logger *slog.Logger) (err error) {
	dir, err := os.MkdirTemp("", "crier-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.RemoveAll(dir); err == nil {
			err = gone
		}
	}()
	key, err := demoKey(ctx, dir)
	if err != nil {
		return err
	}
	script, err := newDemo()
	if err != nil {
		return err
	}
	c.DrainWindow = min(c.DrainWindow, time.Second) // whoever ends a demo wants it to end
	return serve(ctx, serveCmd{storeFlags: storeFlags{dataFlag: dataFlag{filepath.Join(dir, "data")}}, listenFlags: c.listenFlags}, logger, func(ctx context.Context, base, local string) error {
		fmt.Fprintf(s.out, "\n  The ticker   %s\n  The desk     %s/desk\n  Editor key   %s\n\nHeadlines arrive every %v. Stop with Ctrl-C.\n\n", base, base, key, demoPace)
		return script.play(ctx, newClient(local, key))
	})
}

// demoKey makes a chief's key in a new store.
func demoKey(ctx context.Context, dir string) (string, error) {
	e, err := sqlite.Open(ctx, filepath.Join(dir, "data"), sqlite.Options{})
	if err != nil {
		return "", err
	}
	secret, cred, err := desk.NewKey("Demo editor", desk.RoleChief, time.Now())
	if err == nil {
		err = e.PutKey(ctx, cred)
	}
	if closing := e.Close(); err == nil {
		err = closing
	}
	return secret, err
}

// demo plays headlines in, round after round: each is posted, some are
// updated, corrected, refiled or withdrawn.
type demo struct {
	posts []news.Post
	steps []demoStep
}

// demoStep posts a headline or, if revision is not nil, revises the last item
// made of it.
type demoStep struct {
	headline int
	revision *news.Revision
}

func newDemo() (*demo, error) {
	d := &demo{}
	if err := json.Unmarshal(headlines, &d.posts); err != nil {
		return nil, fmt.Errorf("headlines: %w", err)
	}
	for i := range d.posts {
		d.posts[i].Story = fmt.Sprintf("demo-%d", min(i+1, 5)) // the last three tell one story
	}
	revise := func(k news.Kind, reason string, summary string) *news.Revision {
		r := &news.Revision{Kind: k, Reason: reason}
		if summary != "" {
			r.Summary = &summary
		}
		return r
	}
	d.steps = []demoStep{
		{headline: 0}, {headline: 1}, {headline: 2}, {headline: 3},
		{0, revise(news.Updated, "", "The demo updates this item: more details are expected within the hour.")},
		{headline: 4},
		{2, revise(news.Corrected, "The demo corrects this item: an earlier version named the wrong month.", "")},
		{headline: 5},
		{1, revise(news.Refiled, "", "The demo refiles this item to mend a typing error.")},
		{headline: 6},
		{5, revise(news.Withdrawn, "The demo withdraws this item: it repeats another one.", "")},
	}
	return d, nil
}

// atOnce is how many steps of the first round are played without a pause, so
// that the first reader does not find an empty page.
const atOnce = 4

// play runs the script until ctx ends.
func (d *demo) play(ctx context.Context, c *client) error {
	tick := time.NewTicker(demoPace)
	defer tick.Stop()
	last := make([]news.Entry, len(d.posts))
	for round := 0; ; round++ {
		for i, step := range d.steps {
			if round > 0 || i >= atOnce {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
				}
			}
			e, err := d.step(ctx, c, step, last[step.headline])
			if err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			last[step.headline] = e
		}
	}
}

func (d *demo) step(ctx context.Context, c *client, s demoStep, last news.Entry) (news.Entry, error) {
	if s.revision == nil {
		return c.post(ctx, d.posts[s.headline])
	}
	now, err := c.item(ctx, last.Item.ID) // whoever plays with the desk may have revised it
	if err != nil || now.Item.Withdrawn {
		return now, err
	}
	return c.revise(ctx, now, *s.revision)
}
