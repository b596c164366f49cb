package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"crier/api"
	"crier/desk"
	"crier/hub"
	"crier/push"
	"crier/web"
)

// serveCmd is all that a service can be told.
type serveCmd struct {
	storeFlags
	listenFlags
	tlsFlags
}

func (c *serveCmd) Run(ctx context.Context, logger *slog.Logger) error {
	// So little is alive for each reader that the collector would run all the
	// time while many come: 200 costs no memory to speak of and saves a seventh
	// of the CPU of a handshake.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	return serve(ctx, *c, logger, nil)
}

// startTime is how long a node that cannot read its front yet keeps who comes
// waiting, before it says so.
const startTime = time.Second

// node is one running service: its parts, in the order they are stopped.
type node struct {
	engine  engine
	hub     *hub.Hub // nil on a node without pages
	alerts  *push.Service
	watch   *api.DeskWatch // nil on a node without readers
	leader  *leader
	metrics *metrics
	server  *http.Server
	ln      net.Listener
	adminLn net.Listener // nil without --admin
	logger  *slog.Logger
	drain   time.Duration
	notice  *notice
	warn    time.Duration // how long before the drain it is given
}

// serve runs the service until ctx ends. started, if not nil, is called once
// readers can join, with the address that readers use and the one it has on
// this machine; when it returns an error, serve ends.
func serve(ctx context.Context, c serveCmd, logger *slog.Logger, started func(ctx context.Context, base, local string) error) error {
	n, base, err := open(ctx, c, logger)
	if err != nil {
		return err
	}
	defer n.close()
	return n.run(ctx, func(ctx context.Context) error {
		logger.Info("listening", "addr", n.ln.Addr().String(), "url", base)
		if started == nil {
			return nil
		}
		return started(ctx, base, c.local(n.ln.Addr()))
	})
}

// open makes all the parts of a node. On error nothing is left open.
func open(ctx context.Context, c serveCmd, logger *slog.Logger) (_ *node, base string, err error) {
	n := &node{logger: logger, drain: c.DrainWindow, notice: newNotice(), warn: min(c.DrainNotice, c.DrainWindow), metrics: newMetrics()}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if min(c.AddressReaders, c.JoinRate, c.AddressJoinRate) < 1 {
		return nil, "", errors.New("--address-readers, --join-rate and --address-join-rate: use at least 1")
	}
	does, err := c.roles(c.storeFlags)
	if err != nil {
		return nil, "", err
	}
	opened, err := c.open(ctx, false, logger)
	if err != nil {
		return nil, "", err
	}
	n.engine = measured{opened, n.metrics}
	if err := putFixedKey(ctx, n.engine, c.AdminKey, c.Redis != ""); err != nil {
		return nil, "", err
	}
	keys := vapidKeys{n.engine}
	vapid, err := keys.read(ctx, logger)
	if err != nil {
		return nil, "", err
	}
	if err := n.listen(ctx, c); err != nil {
		return nil, "", err
	}
	if base, err = c.publicURL(n.ln.Addr()); err != nil {
		return nil, "", err
	}
	parts := api.Parts{Log: n.engine, Archive: n.engine, Keys: n.engine, Audiences: n.engine}
	if does.pages() {
		if n.hub, err = hub.New(n.engine, hub.Options{MaxReaders: c.MaxReaders, PerAddress: c.AddressReaders, DrainWindow: c.DrainWindow, Topics: c.Topics, Logger: logger}); err != nil {
			return nil, "", err
		}
		parts.Live = n.hub
	}
	promise, err := c.promise()
	if err != nil {
		return nil, "", err
	}
	n.alerts, err = push.New(n.engine, n.engine, vapid, push.Options{AlertHosts: c.AlertHosts, Subject: c.AlertSubject, PublicURL: base,
		RequestTimeout: c.AlertTimeout, Lease: c.AlertLease, CampaignsElsewhere: !does.push, Logger: logger,
		Keys: keys, Confirm: push.Confirm(c.AlertConfirm), Unseen: c.AlertUnseen, Items: n.engine, Promise: promise})
	if err != nil {
		return nil, "", err
	}
	parts.Alerts = n.alerts
	o, err := c.apiOptions(does, logger)
	if err != nil {
		return nil, "", err
	}
	o.Node = nodeName(n.ln.Addr())
	o.Refusals, o.Leaving = &n.metrics.refused, n.notice.given
	if does.hub {
		n.watch = api.NewDeskWatch(n.hub, parts, o)
	}
	if parts.Site, err = web.New(web.Options{PublicURL: base, Topics: c.Topics, Version: version}); err != nil {
		return nil, "", err
	}
	certs, err := c.tlsConfig(c.storeFlags, logger)
	if err != nil {
		return nil, "", err
	}
	kept, err := c.retention(&n.metrics.trimmed)
	if err != nil {
		return nil, "", err
	}
	chores := append(c.watching(n), kept.chore(n.engine, logger), tidying(n.alerts, logger))
	n.leader = newLeader(n.engine, logger, chores...)
	n.server = &http.Server{
		Handler: n.notice.heed(api.New(parts, o)),
		// Who dawdles over a request's head is dropped: 10,000 half-open
		// handshakes cost their sockets and nothing for longer.
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       75 * time.Second,
		// A stream over HTTP/2 is net/http's to watch.
		HTTP2:          &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		MaxHeaderBytes: 16 << 10,
		TLSConfig:      certs,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return n, base, nil
}

// nodeName is what a node's readers are told of by.
func nodeName(listens net.Addr) string {
	_, port, err := net.SplitHostPort(listens.String())
	host, herr := os.Hostname()
	if err != nil || herr != nil {
		return listens.String()
	}
	return net.JoinHostPort(host, port)
}

func (n *node) listen(ctx context.Context, c serveCmd) (err error) {
	// Without keep-alive probes: the hub sees to its readers itself, other
	// connections are closed when idle, and four system calls are saved on
	// each of a storm of handshakes.
	if n.ln, err = (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", c.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if c.Admin == "" {
		return nil
	}
	if n.adminLn, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Admin); err != nil {
		return fmt.Errorf("listen for --admin: %w", err)
	}
	return nil
}

// run serves until asked ends, and for the notice after that, or until a part
// fails. Then it stops the parts one by one: readers and requests first, then
// what they need.
func (n *node) run(asked context.Context, started func(context.Context) error) error {
	work, stop := context.WithCancel(context.WithoutCancel(asked))
	defer stop()
	g, ctx := errgroup.WithContext(work)
	g.Go(func() error {
		select {
		case <-asked.Done():
			n.notice.give(ctx, n.warn, n.logger)
			stop()
		case <-ctx.Done(): // a part has failed
		}
		return nil
	})
	ready := closedChan()
	if n.hub != nil {
		ready = n.hub.Ready()
		g.Go(func() error { return n.hub.Run(ctx) })
	}
	if n.adminLn != nil {
		n.logger.Info("listening for operators", "admin", n.adminLn.Addr().String())
		g.Go(func() error { return n.serveAdmin(ctx, n.adminLn) })
	}
	g.Go(func() error { return n.alerts.Run(ctx) })
	g.Go(func() error { return n.leader.Run(ctx) })
	if n.watch != nil {
		g.Go(func() error { return n.watch.Run(ctx) })
	}
	g.Go(func() error {
		select { // who comes at the very start waits in the kernel's queue, and is not sent away
		case <-ready:
		case <-ctx.Done():
		case <-time.After(startTime):
		}
		serve, ln := n.server.Serve, n.ln
		if n.hub != nil {
			ln = n.hub.Listener(ln)
		}
		if n.server.TLSConfig != nil {
			serve = func(ln net.Listener) error { return n.server.ServeTLS(hub.Parkable(ln), "", "") }
		}
		if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		n.logger.Info("stopping", "drain", n.drain)
		// The hub drains meanwhile; its streams end within the window, and
		// requests that were under way get their answers.
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.drain+5*time.Second)
		defer cancel()
		if err := n.server.Shutdown(wait); err != nil {
			_ = n.server.Close() // what could not end in time is cut off
		}
		return nil
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
			return started(ctx)
		}
	})
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func closedChan() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (n *node) close() {
	for _, ln := range []net.Listener{n.ln, n.adminLn} {
		if ln != nil {
			_ = ln.Close() // closed by its server already, unless that never ran
		}
	}
	if n.engine == nil {
		return
	}
	if err := n.engine.Close(); err != nil {
		n.logger.Error("close the store", "error", err)
	}
}

// putFixedKey keeps the admin key of the environment; an empty one takes back
// what an earlier start has kept, unless that may have been another node's.
func putFixedKey(ctx context.Context, keys desk.Keyring, secret string, shared bool) error {
	if secret == "" && shared {
		return nil
	}
	if secret == "" {
		if err := keys.RevokeKey(ctx, desk.FixedKeyID); err != nil && !errors.Is(err, desk.ErrNoKey) {
			return err
		}
		return nil
	}
	c, err := desk.FixedKey(secret, time.Now())
	if err != nil {
		return fmt.Errorf("CRIER_ADMIN_KEY: %w", err)
	}
	return keys.PutKey(ctx, c)
}
