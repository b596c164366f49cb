package push

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"crier/news"
	"crier/push/seal"
)

// Bounds on what a browser may send.
const (
	maxForm     = 8 << 10 // bytes of a subscription's JSON
	maxDaily    = 100     // of Subscription.DailyMax: beyond, it is as good as no bound
	maxZone     = 64      // bytes of a time zone's name; the longest has 32
	maxLanguage = 35      // BCP 47 section 4.4.1
)

// form is a subscription as a browser sends it: what PushSubscription.toJSON
// gives, and the reader's preferences.
type form struct {
	Endpoint string   `json:"endpoint"`
	Expires  *float64 `json:"expirationTime"` // milliseconds; browsers say null, and 410 tells us anyway
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
	Key         string     `json:"key"` // the VAPID key it was made with, as PushSubscription.options has it
	Topics      []string   `json:"topics"`
	Level       news.Level `json:"level"`
	Quiet       *quietForm `json:"quiet"`
	DailyMax    int        `json:"daily_max"`
	FlashAlways bool       `json:"flash_always"`
	Digest      string     `json:"digest"`
	Zone        string     `json:"zone"`
	Language    string     `json:"language"`
}

type quietForm struct {
	From string `json:"from"`
	To   string `json:"to"`
	Zone string `json:"zone"` // as form.Zone, which came later
}

// ParseSubscription reads a subscription from a browser's JSON of at most 8
// KiB and checks all of it. Unknown fields are refused. No level means urgent, no
// digest 18:00, no key the oldest of keys. CreatedAt and SeenAt are at. The
// error is a [news.Invalid] with every fault.
func ParseSubscription(body []byte, hosts Hosts, keys VAPID, at time.Time) (Subscription, error) {
	var f form
	if err := decodeForm(body, &f); err != nil {
		return Subscription{}, err
	}
	at = at.UTC().Truncate(time.Millisecond)
	s := Subscription{ID: EndpointID(f.Endpoint), Endpoint: f.Endpoint, Level: f.Level, DailyMax: f.DailyMax, FlashAlways: f.FlashAlways,
		Digest: usualDigest, Zone: f.Zone, Key: keys.Oldest(), Language: f.Language, CreatedAt: at, SeenAt: at}
	if s.Level == "" {
		s.Level = news.Urgent
	}
	faults := readKeys(&s, f.Keys.P256dh, f.Keys.Auth)
	if f.Key != "" {
		var known bool
		if s.Key, known = keys.Number(f.Key); !known {
			faults = append(faults, news.Fault{Field: "key", Problem: "is no key of ours", Mend: "subscribe anew with the key of GET /v1/alerts/key"})
		}
	}
	if topics, err := news.CheckTopics(f.Topics); err == nil {
		s.Topics = topics
	} else {
		faults = append(faults, faultsOf(err)...)
	}
	if f.Quiet != nil {
		s.Quiet = &Quiet{From: readClock(&faults, "quiet.from", f.Quiet.From), To: readClock(&faults, "quiet.to", f.Quiet.To)}
		faults = append(faults, quietZone(&s, f.Quiet.Zone)...)
	}
	if f.Digest != "" {
		s.Digest = readClock(&faults, "digest", f.Digest)
	}
	for _, fault := range faultsOf(s.Check(hosts)) { // what could not even be read has been said
		if !slices.ContainsFunc(faults, func(have news.Fault) bool {
			return have.Field == fault.Field || strings.HasPrefix(have.Field, fault.Field+".")
		}) {
			faults = append(faults, fault)
		}
	}
	if faults != nil {
		return Subscription{}, faults
	}
	return s, nil
}

// ParseUnsubscribe reads what names a subscription and proves to be its
// browser: {"endpoint", "keys": {"auth"}}. A whole subscription will do. Only
// ID and Auth of the result are set. The error is a [news.Invalid].
func ParseUnsubscribe(body []byte) (Subscription, error) {
	var f form
	if err := decodeForm(body, &f); err != nil {
		return Subscription{}, err
	}
	var faults news.Invalid
	if f.Endpoint == "" || len(f.Endpoint) > maxEndpoint {
		faults = append(faults, news.Fault{Field: "endpoint", Problem: "is missing or too long", Mend: "send the endpoint as the browser gives it"})
	}
	auth, err := seal.ParseAuth(f.Keys.Auth)
	if err != nil {
		faults = append(faults, authFault)
	}
	if faults != nil {
		return Subscription{}, faults
	}
	return Subscription{ID: EndpointID(f.Endpoint), Auth: auth}, nil
}

// Check is nil if s may be kept: its ID is its endpoint's, the endpoint is at
// one of hosts, the key is on the curve and the preferences are in their
// bounds. The error is a [news.Invalid] with every fault.
func (s Subscription) Check(hosts Hosts) error {
	var faults news.Invalid
	add := func(field, problem, mend string) {
		faults = append(faults, news.Fault{Field: field, Problem: problem, Mend: mend})
	}
	if _, fault := hosts.target(s.Endpoint); fault != nil {
		faults = append(faults, *fault)
	}
	if s.ID != EndpointID(s.Endpoint) {
		add("id", "is not the endpoint's", "derive it with EndpointID")
	}
	if _, err := ecdh.P256().NewPublicKey(s.P256dh[:]); err != nil {
		faults = append(faults, keyFault)
	}
	if topics, err := news.CheckTopics(s.Topics); err != nil {
		faults = append(faults, faultsOf(err)...)
	} else if !slices.Equal(topics, s.Topics) {
		add("topics", "are not sorted, or repeat", "sort them and drop repeats")
	}
	if !s.Level.MayAlert() {
		add("level", fmt.Sprintf("%.20q does not alert", string(s.Level)), "use urgent, bulletin or flash")
	}
	if s.DailyMax < 0 || s.DailyMax > maxDaily {
		add("daily_max", fmt.Sprintf("is %d", s.DailyMax), fmt.Sprintf("use 0 for no bound, or 1 to %d", maxDaily))
	}
	if !languageForm(s.Language) {
		add("language", fmt.Sprintf("%.40q is not a language tag", s.Language), "use BCP 47, such as en or pt-BR")
	}
	if q := s.Quiet; q != nil && (!inDay(q.From) || !inDay(q.To) || q.From == q.To) {
		add("quiet", "is no span of a day", "give two different times from 00:00 to 23:59")
	}
	if !inDay(s.Digest) {
		add("digest", "is no time of day", "use 00:00 to 23:59")
	}
	if _, err := loadZone(s.Zone); s.Zone != "" && err != nil {
		faults = append(faults, zoneFault("zone", s.Zone))
	}
	if s.Key < 0 {
		add("key", "is no key of ours", "use the number of one")
	}
	if faults == nil {
		return nil
	}
	return faults
}

// inDay reports whether m is minutes after midnight.
func inDay(m int) bool { return m >= 0 && m < 24*60 }

func zoneFault(field, zone string) news.Fault {
	return news.Fault{Field: field, Problem: fmt.Sprintf("%.40q is not a time zone", zone), Mend: "use an IANA name, such as Europe/Vienna"}
}

// quietZone takes the zone that came with the quiet hours for that of s. A
// subscriber has one clock.
func quietZone(s *Subscription, zone string) news.Invalid {
	switch {
	case zone == "" && s.Zone != "":
		return nil
	case s.Zone != "" && s.Zone != zone:
		return news.Invalid{{Field: "quiet.zone", Problem: "is not that of zone", Mend: "leave it out"}}
	}
	if _, err := loadZone(zone); err != nil {
		return news.Invalid{zoneFault("quiet.zone", zone)}
	}
	s.Zone = zone
	return nil
}

var (
	keyFault  = news.Fault{Field: "keys.p256dh", Problem: "is not a P-256 public key", Mend: "send the key as the browser gives it: 65 bytes in base64url"}
	authFault = news.Fault{Field: "keys.auth", Problem: "is not an authentication secret", Mend: "send the secret as the browser gives it: 16 bytes in base64url"}
)

func readKeys(s *Subscription, p256dh, auth string) (faults news.Invalid) {
	keys, err := seal.ParseKeys(p256dh, auth)
	if errors.Is(err, seal.ErrPublicKey) {
		faults = append(faults, keyFault)
	}
	if errors.Is(err, seal.ErrAuth) {
		faults = append(faults, authFault)
	}
	s.P256dh, s.Auth = keys.P256dh, keys.Auth
	return faults
}

// readClock reads "22:00" as minutes after midnight.
func readClock(faults *news.Invalid, field, text string) int {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		*faults = append(*faults, news.Fault{Field: field, Problem: fmt.Sprintf("%.20q is not a time of day", text), Mend: "use 00:00 to 23:59"})
		return 0
	}
	return t.Hour()*60 + t.Minute()
}

// languageForm reports whether s is empty or has the form of a language tag.
func languageForm(s string) bool {
	odd := strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	return len(s) <= maxLanguage && !odd && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-")
}

// decodeForm reads one JSON object into v, and nothing after it.
func decodeForm(body []byte, v any) error {
	fault := func(field, problem, mend string) error {
		return news.Invalid{{Field: field, Problem: problem, Mend: mend}}
	}
	if len(body) > maxForm {
		return fault("body", "is too long", fmt.Sprintf("send at most %d bytes", maxForm))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		return fault("body", "goes on after its JSON value", "send one JSON object")
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fault(kind.Field, "is a "+kind.Value, "send a "+kind.Type.String())
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fault(strings.Trim(name, `"`), "is unknown", "remove it or mend its spelling")
	}
	return fault("body", "is not JSON", "send one JSON object")
}

// faultsOf is the faults in err, nil if it holds none.
func faultsOf(err error) news.Invalid {
	var v news.Invalid
	errors.As(err, &v)
	return v
}
