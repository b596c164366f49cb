package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"
)

// leading is what makes one of many nodes the leader. Both engines have it.
type leading interface {
	Lead(ctx context.Context, job, node string, now time.Time, term time.Duration) (leads bool, err error)
	Resign(ctx context.Context, job, node string) error
}

// chore is what one node does for all of them, again and again. It ends when
// its context does, goes on the next time, and bears being done twice.
type chore struct {
	name  string
	every time.Duration
	do    func(context.Context) error
}

const (
	leaderJob = "chores"
	// term is how long the nodes wait for a leader that has crashed.
	term = 15 * time.Second
)

// leader has one node do the chores.
type leader struct {
	store  leading
	node   string
	chores []chore
	logger *slog.Logger
	leads  atomic.Bool // for the metrics
	astray bool        // the store does not say who leads
}

func newLeader(store leading, logger *slog.Logger, chores ...chore) *leader {
	return &leader{store: store, node: rand.Text(), chores: chores, logger: logger}
}

// Run asks to lead and does the chores while it does, until ctx ends. Then it
// resigns, so that another node can lead at once.
func (l *leader) Run(ctx context.Context) error {
	next := make([]time.Time, len(l.chores))
	tick := time.NewTicker(term / 3)
	defer tick.Stop()
	for {
		l.turn(ctx, next)
		select {
		case <-ctx.Done():
			return l.resign(ctx)
		case <-tick.C:
		}
	}
}

// turn renews the term and does what is due, for no longer than the term lasts.
func (l *leader) turn(ctx context.Context, next []time.Time) {
	ctx, cancel := context.WithTimeout(ctx, term)
	defer cancel()
	now := time.Now()
	leads, err := l.store.Lead(ctx, leaderJob, l.node, now, term)
	if was := l.leads.Swap(leads); was != leads {
		l.logger.Info("who does the chores of all nodes", "leads", leads)
	}
	if err != nil && ctx.Err() == nil && !l.astray { // once for an outage
		l.logger.Warn("cannot ask who leads", "error", err)
	}
	l.astray = err != nil
	for i, c := range l.chores {
		if !leads || now.Before(next[i]) {
			continue
		}
		next[i] = now.Add(c.every)
		if err := c.do(ctx); err != nil && ctx.Err() == nil {
			l.logger.Warn("a chore failed and will be tried again", "chore", c.name, "error", err)
		}
	}
}

func (l *leader) resign(ctx context.Context) error {
	if !l.leads.Swap(false) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := l.store.Resign(ctx, leaderJob, l.node); err != nil {
		l.logger.Warn("could not resign as the leader; its term ends by itself", "error", err)
	}
	return nil
}
