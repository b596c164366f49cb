package pushtest

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxBody is how many bytes a push service takes at least (RFC 8030 section
// 7.2), and this one at most.
const MaxBody = 4096

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// refusal is an answer other than 201.
type refusal struct {
	status  int
	problem string
}

func (r refusal) Error() string { return r.problem }

// servePost takes a sender's notification.
func (s *Service) servePost(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	req := Request{Endpoint: s.endpoint(token), Header: r.Header.Clone(), Status: http.StatusCreated}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return // the sender has gone, or means no good
	}
	req.Body = body
	m, retryAfter, err := s.take(token, req, time.Now())
	if refused := (refusal{}); errors.As(err, &refused) {
		req.Status, req.Problem = refused.status, refused.problem
	}

	// Recorded before the answer, so that a sender who has it finds it in Seen.
	s.mu.Lock()
	s.seen.Statuses[req.Status]++
	s.seen.Requests = keep(s.seen.Requests, req)
	s.change()
	s.mu.Unlock()

	if req.Status == http.StatusCreated {
		w.Header().Set("Location", s.origin+"/m/"+m.version)
		w.Header().Set("TTL", req.Header.Get("TTL"))
		w.WriteHeader(req.Status)
		return
	}
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	if req.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "vapid")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(req.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": req.Status, "message": req.Problem}) // the sender may have gone
}

// take checks a request and hands its message on. The error is a refusal.
func (s *Service) take(token string, r Request, now time.Time) (*message, time.Duration, error) {
	if status, retryAfter := s.nextFailure(); status != 0 {
		return nil, retryAfter, refusal{status, "told to fail"}
	}
	ttl, err := checkHeaders(r.Header)
	if err != nil {
		return nil, 0, err
	}
	if err := checkBody(r.Body); err != nil {
		return nil, 0, err
	}
	key, err := s.checkVAPID(r.Header.Get("Authorization"), now)
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[token]
	switch {
	case c == nil:
		return nil, 0, refusal{http.StatusNotFound, "there is no such subscription"}
	case c.gone:
		return nil, 0, refusal{http.StatusGone, "the subscription is gone"}
	case c.key != nil && string(c.key) != string(key):
		return nil, 0, refusal{http.StatusForbidden, "the subscription is restricted to another application server key"}
	}
	m := &message{
		channel: c, token: token, version: token + "." + rand.Text(), topic: r.Header.Get("Topic"),
		expires: now.Add(ttl), data: r.Body,
	}
	if c.browser != nil && (ttl > 0 || c.browser.conn != nil) { // RFC 8030 section 5.2: with TTL 0 it is now or never
		c.browser.deliver(m)
	}
	return m, 0, nil
}

func (s *Service) nextFailure() (status int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.failures) > 0 {
		f := &s.failures[0]
		if f.times > 0 {
			f.times--
			return f.status, f.retryAfter
		}
		s.failures = s.failures[1:]
	}
	return 0, 0
}

// checkHeaders checks a notification's headers but for its authorization.
func checkHeaders(h http.Header) (ttl time.Duration, err error) {
	seconds, err := strconv.ParseUint(h.Get("TTL"), 10, 31) // RFC 8030 section 5.2
	if err != nil {
		return 0, refusal{http.StatusBadRequest, "TTL must be seconds"}
	}
	if h.Get("Content-Encoding") != "aes128gcm" { // RFC 8291 section 4
		return 0, refusal{http.StatusUnsupportedMediaType, "Content-Encoding must be aes128gcm"}
	}
	if topic := h.Get("Topic"); topic != "" { // RFC 8030 section 5.4
		if len(topic) > 32 || strings.Trim(topic, base64url) != "" {
			return 0, refusal{http.StatusBadRequest, "Topic must be at most 32 characters of base64url"}
		}
	}
	switch h.Get("Urgency") { // RFC 8030 section 5.3
	case "", "very-low", "low", "normal", "high":
	default:
		return 0, refusal{http.StatusBadRequest, "Urgency must be very-low, low, normal or high"}
	}
	return time.Duration(seconds) * time.Second, nil
}

// checkBody checks what can be seen of an encrypted body without the key (RFC
// 8188 section 2.1, RFC 8291 section 4): one record, with the sender's public
// key.
func checkBody(b []byte) error {
	const salt, size, idLen, id = 16, 4, 1, 65
	switch {
	case len(b) > MaxBody:
		return refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", MaxBody)}
	case len(b) < salt+size+idLen+id+18: // a record is a tag and at least the delimiter
		return refusal{http.StatusBadRequest, "the body is too short for aes128gcm"}
	case b[salt+size] != id:
		return refusal{http.StatusBadRequest, "the body's key must have 65 bytes"}
	}
	if _, err := ecdh.P256().NewPublicKey(b[salt+size+idLen:][:id]); err != nil {
		return refusal{http.StatusBadRequest, "the body's key is not on the curve"}
	}
	if rs := binary.BigEndian.Uint32(b[salt:]); int64(rs) < int64(len(b)-(salt+size+idLen+id)) {
		return refusal{http.StatusBadRequest, "the body has more than one record"}
	}
	return nil
}
