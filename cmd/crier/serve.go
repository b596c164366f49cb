package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"crier/api"
	"crier/desk"
	"crier/hub"
	"crier/push"
	"crier/web"
)

type serveCmd struct {
	storeFlags
	listenFlags
}

func (c *serveCmd) Run(ctx context.Context, logger *slog.Logger) error {
	return serve(ctx, c.storeFlags, c.listenFlags, logger, nil)
}

// node is one running service: its parts, in the order they are stopped.
type node struct {
	engine engine
	hub    *hub.Hub
	alerts *push.Service
	server *http.Server
	ln     net.Listener
	logger *slog.Logger
	drain  time.Duration
}

// serve runs the service until ctx ends. started, if not nil, is called once
// readers can join, with the address that readers use and the one it has on
// this machine; when it returns an error, serve ends.
func serve(ctx context.Context, st storeFlags, f listenFlags, logger *slog.Logger, started func(ctx context.Context, base, local string) error) error {
	n, base, err := open(ctx, st, f, logger)
	if err != nil {
		return err
	}
	defer n.close()
	return n.run(ctx, func(ctx context.Context) error {
		logger.Info("listening", "addr", n.ln.Addr().String(), "url", base)
		if started == nil {
			return nil
		}
		return started(ctx, base, localURL(n.ln.Addr()))
	})
}

// open makes all the parts of a node. On error nothing is left open.
func open(ctx context.Context, st storeFlags, f listenFlags, logger *slog.Logger) (_ *node, base string, err error) {
	n := &node{logger: logger, drain: f.DrainWindow}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.engine, err = st.open(ctx, false, logger); err != nil {
		return nil, "", err
	}
	if err := putFixedKey(ctx, n.engine, f.AdminKey, st.Redis != ""); err != nil {
		return nil, "", err
	}
	vapid, err := st.vapid(ctx, n.engine, logger)
	if err != nil {
		return nil, "", err
	}
	if n.ln, err = new(net.ListenConfig).Listen(ctx, "tcp", f.Listen); err != nil {
		return nil, "", fmt.Errorf("listen: %w", err)
	}
	if base, err = publicURL(f.PublicURL, n.ln.Addr()); err != nil {
		return nil, "", err
	}
	if n.hub, err = hub.New(n.engine, hub.Options{MaxReaders: f.MaxReaders, DrainWindow: f.DrainWindow, Logger: logger}); err != nil {
		return nil, "", err
	}
	n.alerts, err = push.New(n.engine, n.engine, vapid, push.Options{AlertHosts: f.AlertHosts, Subject: f.AlertSubject, PublicURL: base, Logger: logger})
	if err != nil {
		return nil, "", err
	}
	site, err := web.New(web.Options{PublicURL: base, Topics: f.Topics, Version: version})
	if err != nil {
		return nil, "", err
	}
	n.server = &http.Server{
		Handler: api.New(api.Parts{Log: n.engine, Archive: n.engine, Keys: n.engine, Live: n.hub, Alerts: n.alerts, Site: site},
			api.Options{Proxies: f.Proxies, Logger: logger}),
		// Who dawdles over a request's head is dropped: 10,000 half-open
		// handshakes cost their sockets and nothing for longer.
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return n, base, nil
}

// run serves until ctx ends or a part fails, and then stops the parts one by
// one: readers and requests first, then what they need.
func (n *node) run(ctx context.Context, started func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.hub.Run(ctx) })
	g.Go(func() error { return n.alerts.Run(ctx) })
	g.Go(func() error {
		if err := n.server.Serve(n.ln); !errors.Is(err, http.ErrServerClosed) {
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
		case <-n.hub.Ready():
			return started(ctx)
		}
	})
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (n *node) close() {
	if n.ln != nil {
		_ = n.ln.Close() // closed by the server already, unless it never ran
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

// publicURL is the address readers use, without a slash at the end.
func publicURL(given string, addr net.Addr) (string, error) {
	if given == "" {
		return localURL(addr), nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("--public-url %q: give a scheme and a host, such as https://news.example", given)
	}
	return u.Scheme + "://" + u.Host, nil
}

// localURL is how the listener at addr is reached on this machine.
func localURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String()) // a listener's address has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
