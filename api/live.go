package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"crier/hub"
	"crier/news"
)

// live is GET /v1/live: a WebSocket, or an event stream for who asks for one.
func (s *server) live(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	stream := strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	cursor := q.Get("cursor")
	if last := r.Header.Get("Last-Event-ID"); stream && last != "" {
		cursor = last // newer than the address, which the browser keeps when it reconnects
	}
	j, err := s.join(r, cursor)
	if err != nil {
		return err
	}
	if q.Has("ticket") {
		if j.Desk = s.tickets.take(q.Get("ticket"), time.Now()); !j.Desk {
			return unauthorized("ticket", "The ticket has been used, or its time is over.")
		}
	}
	switch {
	case stream:
		return s.Live.EventStream(w, r, j)
	case asksFor(r.Header, "Upgrade", "websocket"):
		return s.Live.WebSocket(w, r, j)
	}
	p := problem(http.StatusUpgradeRequired, "upgrade", "This address is a live stream", "", "open it as a WebSocket, or send Accept: text/event-stream, or use /v1/live/poll")
	p.header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}
	return p
}

// asksFor reports whether a header that is a list (RFC 9110 section 5.6.1) has
// the token, in any case.
func asksFor(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// join is what a reader asks for.
func (s *server) join(r *http.Request, cursor string) (hub.Join, error) {
	from, err := news.ParseCursor(cursor)
	if err != nil {
		return hub.Join{}, badParameter("cursor", "is not a cursor", "send a cursor as you got it, or none to begin now")
	}
	j := hub.Join{Cursor: from, Address: s.home(r)}
	j.Topics, err = news.ParseTopics(r.URL.Query().Get("topics"))
	return j, err
}

const (
	defaultWait = 25 * time.Second
	maxWait     = 55 * time.Second // under the minute after which proxies give up
)

// poll is GET /v1/live/poll: messages after a cursor, as soon as there are any.
func (s *server) poll(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	j, err := s.join(r, q.Get("cursor"))
	if err != nil {
		return err
	}
	wait := defaultWait
	if text := q.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxWait {
			return badParameter("wait", "is not a time in its range", "use 0s to "+maxWait.String())
		}
	}
	page, err := s.Live.Poll(r.Context(), j, wait)
	if err != nil {
		return unread(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(polled(page)) //nolint:gosec // JSON, and declared so; the client is gone if this fails
	return nil
}

// polled is the answer of GET /v1/live/poll. Its messages are JSON as they are:
// they are the same for all, and need not be looked at for each who polls.
func polled(p hub.Page) []byte {
	b := fmt.Appendf(nil, `{"cursor":%q,"messages":[`, p.Cursor)
	for i, m := range p.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, m...)
	}
	return append(b, "]}\n"...)
}
