package push

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"crier/news"
)

// Options tune a [Service]. The zero value works.
type Options struct {
	// AlertHosts names further push services, see [ParseHosts].
	AlertHosts []string
	// Subject is how push services reach whoever runs this: a mail address,
	// with or without mailto:, or an https URL. Default: PublicURL if it is
	// https; else an address that Apple will not take.
	Subject string
	// PublicURL is where readers find the site: scheme and host, no slash at
	// the end. Default http://127.0.0.1:8080.
	PublicURL string
	// Icon is the absolute URL of the image on notifications. Default:
	// /icon-192.png of the site.
	Icon string
	// RootCAs are trusted to sign push services' certificates. Default: the
	// system's.
	RootCAs *x509.CertPool
	// Workers is how many ranges are worked on at once. Default 8.
	Workers int
	// PageSize is how many subscriptions are between two checkpoints of a
	// worker: what a crash may repeat. Default 256.
	PageSize int
	// Lease is how long a crashed worker holds up its range. Default 60 s; at
	// least three times RequestTimeout.
	Lease time.Duration
	// RequestTimeout bounds one request to a push service. Default 10 s.
	RequestTimeout time.Duration
	// PreparedKeys is for how many subscriptions a sender key is prepared while
	// there is nothing to send, each 133 bytes of memory. The bound is kept
	// shard by shard, so that a few of so many may be left without. Default
	// 1,200,000; negative for none.
	PreparedKeys int
	// Conns is the most connections to one push service's host. Default 16.
	Conns int
	// Deadlines say how long after an entry its alerts are still sent, and
	// kept by push services for devices that are off.
	Deadlines Deadlines
	// Promise is what is promised of the campaigns that are opened here. Default:
	// nothing.
	Promise Promise
	// Keys is where the VAPID keys are kept, to be looked at every two seconds.
	// Default: they stay as they are.
	Keys KeyStore
	// Confirm says whose subscriptions must be confirmed before they get alerts:
	// see [Confirm]. Default ConfirmVendors.
	Confirm Confirm
	// Unseen is how long after the last visit a subscription is forgotten.
	// Default: never.
	Unseen time.Duration
	// Items says how items stand, for digests. Default: as their last campaigns
	// say.
	Items Items
	// CampaignsElsewhere: other nodes open and send campaigns. Subscribing,
	// greetings, reports and orders to stop work all the same.
	CampaignsElsewhere bool
	// Grace is how long requests under way may take to end when the service
	// stops. Default 5 s.
	Grace time.Duration
	// Logger gets what operators need to know. Default: none.
	Logger *slog.Logger
}

// Deadlines is a span for each level that alerts, from the entry's time. A
// correction or withdrawal has the longest of them, so that it can still reach
// every device that the error may reach.
type Deadlines struct {
	Flash    time.Duration // default 6 h
	Bulletin time.Duration // default 4 h
	Urgent   time.Duration // default 2 h
}

func (d Deadlines) of(l news.Level, repair bool) time.Duration {
	switch {
	case repair:
		return d.longest()
	case l == news.Flash:
		return d.Flash
	case l == news.Bulletin:
		return d.Bulletin
	}
	return d.Urgent
}

func (d Deadlines) longest() time.Duration { return max(d.Flash, d.Bulletin, d.Urgent) }

// maxSite bounds the addresses that every notification carries, in bytes: a
// headline must still fit.
const maxSite = 300

// pageTime is how long a page may be waited for before what has not begun is
// put off: with the last requests it stays inside the lease.
func (o *Options) pageTime() time.Duration { return o.Lease / 3 }

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	set(&o.PublicURL, "http://127.0.0.1:8080")
	set(&o.Icon, o.PublicURL+"/icon-192.png")
	set(&o.Confirm, ConfirmVendors)
	set(&o.Workers, 8)
	set(&o.PageSize, 256)
	set(&o.Lease, 60*time.Second)
	set(&o.RequestTimeout, 10*time.Second)
	set(&o.Conns, 16)
	set(&o.PreparedKeys, 1_200_000)
	set(&o.Deadlines.Flash, 6*time.Hour)
	set(&o.Deadlines.Bulletin, 4*time.Hour)
	set(&o.Deadlines.Urgent, 2*time.Hour)
	set(&o.Grace, 5*time.Second)
	set(&o.Logger, slog.New(slog.DiscardHandler))
	if len(o.Icon) > maxSite {
		return fmt.Errorf("icon's URL: use at most %d bytes", maxSite)
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.HasSuffix(o.PublicURL, "/") || len(o.PublicURL) > maxSite {
		return fmt.Errorf("public URL %.80q: give scheme and host, without a slash at the end", o.PublicURL)
	}
	if err := o.Confirm.check(); err != nil {
		return err
	}
	if o.Unseen < 0 || o.Workers < 0 || o.PageSize < 0 || o.Conns < 0 || o.RequestTimeout < 0 || o.Grace < 0 || min(o.Deadlines.Flash, o.Deadlines.Bulletin, o.Deadlines.Urgent) < 0 {
		return errors.New("an option is negative")
	}
	if o.Lease < 3*o.RequestTimeout {
		return fmt.Errorf("a lease of %v is too short for requests of %v: make it three times as long", o.Lease, o.RequestTimeout)
	}
	o.Subject = subject(o.Subject, o.PublicURL)
	return nil
}

// set gives *v a value if it has none.
func set[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// subject is the contact as tokens carry it.
func subject(given, site string) string {
	switch {
	case given == "" && strings.HasPrefix(site, "https://"):
		return site
	case given == "":
		return "mailto:crier@localhost"
	case strings.Contains(given, ":"):
		return given
	}
	return "mailto:" + given
}
