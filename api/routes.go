package api

import (
	"context"
	_ "embed" // openapi.yaml
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"crier/desk"
	"crier/hub"
	"crier/news"
	"crier/push"
	"crier/web"
)

// OpenAPI is the contract, as served at /v1/openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Live is the hub as this package sees it.
type Live interface {
	WebSocket(w http.ResponseWriter, r *http.Request, j hub.Join) error
	EventStream(w http.ResponseWriter, r *http.Request, j hub.Join) error
	Poll(ctx context.Context, j hub.Join, wait time.Duration) (hub.Page, error)
	Room(address netip.Addr) error
	Head() news.Cursor
	Front(topics []string) news.Snapshot
	Audience() hub.Audience
	Ready() <-chan struct{}
}

// Alerts is the notification service as this package sees it.
type Alerts interface {
	PublicKey() string
	DeskKey() []byte
	Subscribe(ctx context.Context, s push.Subscription) (created bool, err error)
	Unsubscribe(ctx context.Context, id push.ID, auth [16]byte) error
	ParseSubscription(body []byte) (push.Subscription, error)
	ParseUnsubscribe(body []byte) (push.Subscription, error) // only ID and Auth are set
	Confirm(ctx context.Context, subscription, nonce string) error
	AddReceipt(ctx context.Context, r push.Receipt) error
	Report(ctx context.Context, item string) (push.Report, error)
	Reports(ctx context.Context, item string, limit int) ([]push.Report, error)
	Stop(ctx context.Context, s push.Stop) error
	Resume(ctx context.Context) error
	Stopped(ctx context.Context) (*push.Stop, error)
	Unsent(ctx context.Context) ([]push.Unsent, error)
	Letters(ctx context.Context, item, reason string, limit int) (push.Letters, error)
	Replay(ctx context.Context, item, reason string) (n int64, err error)
	CountSubscriptions(ctx context.Context) (int64, error)
	Status() push.Status
	Watch() *push.Watch
	ClearAlarms(ctx context.Context) error
	ClearAlarm(ctx context.Context, service string) error
}

// Log is the log as this package sees it.
type Log interface {
	news.Log
	// Writable is nil if an append would be taken just now.
	Writable(ctx context.Context) error
}

// Parts is what the routes join. All fields are needed, but Live only where
// there are readers or editors.
type Parts struct {
	Log     Log
	Archive news.Archive
	Keys    desk.Keyring
	Live    Live
	Alerts  Alerts
	Site    *web.Site
	// Audiences is where nodes tell each other of their readers.
	Audiences desk.Audiences
}

// Options tune the server. The zero value works.
type Options struct {
	// Proxies may name the client in X-Forwarded-For. Default: nobody.
	Proxies []netip.Prefix
	// Node is the name that this node's readers are told of by. Default: "node".
	Node string
	// ReadersElsewhere: other nodes have the readers' live connections.
	ReadersElsewhere bool
	// EditorsElsewhere: other nodes take what is posted, and subscriptions.
	// With both, all that is left is /healthz and /readyz.
	EditorsElsewhere bool
	// JoinRate is how many readers may join in a second; twice as many may in
	// the first. Default 10,000.
	JoinRate int
	// AddressJoinRate is how many may from one address, and a hundred times as
	// many in the first second, as many phones share one. Addresses of this
	// machine and of private networks are not bounded so. Default 50.
	AddressJoinRate int
	// AppendTime is how long an append is waited for before the client is told
	// that its outcome is not known. Default 20 s.
	AppendTime time.Duration
	// Refusals counts the joins that are refused. Default: nobody looks.
	Refusals *Refusals
	// Leaving is closed when the node is about to go down: /readyz and
	// /v1/live/room say so, and all else goes on. Nil for never.
	Leaving <-chan struct{}
	Logger  *slog.Logger // default: discards
}

type server struct {
	Parts
	o Options

	guesses  *limiter // wrong keys
	posts    *limiter // writes by editors
	signups  *limiter // subscribing and unsubscribing
	confirms *limiter
	receipts *limiter
	reads    *limiter // what reads the store
	rooms    *limiter // who asks whether there is room
	desks    *limiter // tickets
	tickets  *tickets
	joins    *gate     // readers who join
	polls    *gate     // readers who poll on
	unnamed  sync.Once // the log is told of a proxy that nobody has named
}

// New is Crier's HTTP handler.
func New(p Parts, o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AppendTime <= 0 {
		o.AppendTime = 20 * time.Second
	}
	if o.JoinRate <= 0 {
		o.JoinRate = 10_000
	}
	if o.AddressJoinRate <= 0 {
		o.AddressJoinRate = 50
	}
	if o.Refusals == nil {
		o.Refusals = new(Refusals)
	}
	s := &server{
		Parts: p, o: o,
		guesses:  newLimiter(3*time.Second, 20),
		posts:    newLimiter(time.Millisecond, 2000),
		signups:  newLimiter(2*time.Second, 30),
		confirms: newLimiter(time.Second, 60),           // as signups, and each may be sent again
		receipts: newLimiter(200*time.Millisecond, 100), // many readers may share one address
		reads:    newLimiter(10*time.Millisecond, 400),
		rooms:    newLimiter(time.Second/time.Duration(2*o.AddressJoinRate), 200*o.AddressJoinRate), // once for each join, and again
		desks:    newLimiter(100*time.Millisecond, 300),                                             // a newsroom shares one address
		tickets:  newTickets(func() []byte { return p.Alerts.DeskKey() }),
		joins:    newGate(o.AddressJoinRate, 100*o.AddressJoinRate, o.JoinRate, 2*o.JoinRate),
		// Who polls asks again after each item, all of them at once.
		polls: newGate(20*o.AddressJoinRate, 400*o.AddressJoinRate, 4*o.JoinRate, 8*o.JoinRate),
	}
	return s.routes()
}

// routes is every route there is.
func (s *server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.recoverer, secure, middleware.GetHead)
	r.NotFound(s.handle(s.notFound))
	r.MethodNotAllowed(s.handle(methodNotAllowed))

	readers, editors := s.here(!s.o.ReadersElsewhere), s.here(!s.o.EditorsElsewhere)
	anybody := s.here(!s.o.ReadersElsewhere || !s.o.EditorsElsewhere)

	r.Group(func(r chi.Router) { // for readers, from any origin
		r.Use(anyOrigin, readers)
		r.Get("/v1/live", s.handle(getOnly(s.admit(s.joining, s.live))))
		r.Get("/v1/live/poll", s.handle(getOnly(s.admit(s.polling, s.poll))))
		r.Get("/v1/live/room", s.handle(s.room))
	})
	r.Group(func(r chi.Router) {
		r.Use(anyOrigin, anybody)
		r.Get("/v1/items", s.handle(s.limit(s.reads, s.items)))
		r.Get("/v1/items/{id}", s.handle(s.limit(s.reads, s.item)))
		r.Get("/v1/openapi.yaml", s.handle(openAPI))
	})

	r.Group(func(r chi.Router) {
		editor, chief := desk.RoleEditor, desk.RoleChief
		r.Use(editors)
		r.Post("/v1/live/ticket", s.handle(s.limit(s.desks, s.allow(editor, s.ticket))))
		r.Get("/v1/me", s.handle(s.allow(editor, s.me)))
		r.Post("/v1/items", s.handle(s.limit(s.posts, s.allow(editor, s.post))))
		r.Post("/v1/items/{id}/revisions", s.handle(s.limit(s.posts, s.allow(editor, s.revise))))
		r.Get("/v1/items/{id}/campaign", s.handle(s.allow(editor, s.campaign)))
		r.Get("/v1/items/{id}/campaign/failed", s.handle(s.allow(editor, s.failed)))
		r.Post("/v1/items/{id}/campaign/replay", s.handle(s.allow(chief, s.replay)))
		r.Get("/v1/stop", s.handle(s.allow(editor, s.stopped)))
		r.Post("/v1/stop", s.handle(s.allow(chief, s.stop)))
		r.Delete("/v1/stop", s.handle(s.allow(chief, s.resume)))

		r.Delete("/v1/alarms", s.handle(s.allow(chief, s.clearAlarms)))

		r.Get("/v1/alerts/key", s.handle(s.alertsKey))
		r.Put("/v1/alerts/subscription", s.handle(s.limit(s.signups, s.subscribe)))
		r.Delete("/v1/alerts/subscription", s.handle(s.limit(s.signups, s.unsubscribe)))
		r.Post("/v1/alerts/confirmation", s.handle(s.limit(s.confirms, s.confirm)))
		r.Post("/v1/alerts/receipts", s.handle(s.limit(s.receipts, s.receipt)))
	})
	r.Group(func(r chi.Router) {
		r.Use(anybody)
		r.Get("/", s.handle(s.frontPage))
		r.Get("/s/{story}", s.handle(s.limit(s.reads, s.storyPage)))
		r.Get("/alerts", s.handle(s.alertsPage))
		r.Get("/desk", s.handle(s.deskPage))
		assets := s.Site.Assets()
		for _, path := range s.Site.AssetPaths() {
			r.Method(http.MethodGet, path, assets)
			r.Method(http.MethodHead, path, assets)
		}
	})

	r.Get("/healthz", s.handle(healthy))
	r.Get("/readyz", s.handle(s.ready))
	return r
}

func openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(OpenAPI) // the client is gone if this fails
	return nil
}

// healthy says that the process answers at all.
func healthy(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n") // the client is gone if this fails
	return nil
}

// leaving reports whether the node is about to go down.
func (s *server) leaving() bool {
	select {
	case <-s.o.Leaving:
		return true
	default:
		return false
	}
}

// readyTime is how long the log is waited for before the node is not ready.
const readyTime = 3 * time.Second

// ready says that readers can join and editors can post.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	if s.leaving() {
		return hub.ErrDraining
	}
	if s.Live != nil {
		select {
		case <-s.Live.Ready():
		default:
			return hub.ErrNotReady
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := s.Log.Writable(ctx); err != nil {
		return errors.Join(news.ErrUnavailable, err)
	}
	return healthy(w, r)
}

// whoami is what an editor's screen has to know before anything is posted.
type whoami struct {
	desk.Editor
	Subscriptions int64        `json:"subscriptions"` // that stand: the most an alert may reach
	Alarms        []push.Alarm `json:"alarms"`        // of all nodes' sending
	// Readers are here now, on all nodes; nil if the store does not say.
	Readers  *int            `json:"readers,omitempty"`
	Audience *desk.Audience  `json:"audience,omitempty"` // all of them
	Nodes    []desk.Audience `json:"nodes,omitempty"`
}

func (s *server) me(w http.ResponseWriter, r *http.Request) error {
	n, err := s.Alerts.CountSubscriptions(r.Context())
	if err != nil {
		return err
	}
	alarms := s.Alerts.Status().Alarms
	if alarms == nil {
		alarms = []push.Alarm{}
	}
	who := whoami{Editor: editor(r), Subscriptions: n, Alarms: alarms}
	if nodes, err := s.audiences(r.Context()); err == nil { // or an outage would sign editors out
		all := desk.Together(nodes)
		who.Readers, who.Audience, who.Nodes = &all.Readers, &all, nodes
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, who)
}

// clearAlarms is DELETE /v1/alarms: a chief has looked, and removals go on.
func (s *server) clearAlarms(w http.ResponseWriter, r *http.Request) (err error) {
	if service := r.URL.Query().Get("service"); service != "" {
		err = s.Alerts.ClearAlarm(r.Context(), service)
	} else {
		err = s.Alerts.ClearAlarms(r.Context())
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) error {
	if wantsPage(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		return s.Site.NotFound(w)
	}
	return problem(http.StatusNotFound, "no-route", "There is nothing here", r.URL.Path, "see /v1/openapi.yaml")
}

func methodNotAllowed(_ http.ResponseWriter, r *http.Request) error {
	return problem(http.StatusMethodNotAllowed, "method", "This is not the way to use this address", r.Method+" "+r.URL.Path, "see /v1/openapi.yaml")
}
