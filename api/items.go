package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"crier/hub"
	"crier/news"
)

// appended is the answer to a post and to a revision.
type appended struct {
	Cursor news.Cursor `json:"cursor"`
	news.Entry
}

func etag(e news.Entry) string { return `"` + strconv.Itoa(e.Item.Version) + `"` }

// post appends a new item: POST /v1/items.
func (s *server) post(w http.ResponseWriter, r *http.Request) error {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return problem(http.StatusBadRequest, "key-missing", "An Idempotency-Key is needed",
			"Without one, a repeat after a lost answer would post the item twice.", "send Idempotency-Key: a fresh random value for each new item, the same for a repeat")
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	var p news.Post
	if err := decode(body, &p); err != nil {
		return err
	}
	k, err := appendKey(r, key, body)
	if err != nil {
		return err
	}
	d, err := p.Draft(news.NewID(), editor(r).ID, time.Now())
	if err != nil {
		return err
	}
	return s.append(w, r, k, d)
}

// revise appends the next entry of an item: POST /v1/items/{id}/revisions.
// Its If-Match guards against revising what one has not seen (RFC 9110
// section 13.1.1); an Idempotency-Key makes it safe to repeat.
func (s *server) revise(w http.ResponseWriter, r *http.Request) error {
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	var rev news.Revision
	if err := decode(body, &rev); err != nil {
		return err
	}
	k, err := appendKey(r, r.Header.Get("Idempotency-Key"), body)
	if err != nil {
		return err
	}
	now, err := s.Archive.Item(r.Context(), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	d := news.Draft{Kind: rev.Kind, Item: now.Item.Clone(), By: editor(r).ID}
	if now.Item.Version == version {
		if d, err = rev.Draft(now.Item, editor(r).ID, time.Now()); err != nil {
			return err
		}
	} else {
		// Too late, unless this repeats the very request that made the item
		// move on. Only the log knows, so it is asked; the draft is for a
		// version that has passed, so it cannot be appended.
		d.Item.Version = version + 1
	}
	err = s.append(w, r, k, d)
	if !errors.Is(err, news.ErrConflict) {
		return err
	}
	if now, err = s.Archive.Item(r.Context(), d.Item.ID); err != nil {
		return err
	}
	p := problem(http.StatusPreconditionFailed, "changed", "The item has changed since you read it",
		fmt.Sprintf("It is at version %d and you revise version %d.", now.Item.Version, version), "look at current, then send If-Match: "+etag(now))
	p.Current = &now
	p.header = http.Header{"Etag": {etag(now)}}
	return p
}

// errOutcome: the log did not say in time what became of an append.
var errOutcome = errors.New("it is not known whether the entry was kept")

// append makes d an entry. A 503 says that it was not kept, a 504 that nobody
// knows yet: repeated with the same key, the request finds out.
func (s *server) append(w http.ResponseWriter, r *http.Request, k news.Key, d news.Draft) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.o.AppendTime)
	defer cancel()
	rcpt, err := s.Log.Append(ctx, k, d)
	if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		return errors.Join(errOutcome, err)
	}
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if rcpt.Replayed {
		status = http.StatusOK
	}
	w.Header().Set("ETag", etag(rcpt.Entry))
	w.Header().Set("Location", "/v1/items/"+rcpt.Entry.Item.ID)
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, status, appended{rcpt.Cursor, rcpt.Entry})
}

// appendKey makes the client's idempotency key the editor's own, and binds it
// to all that the request asks for.
func appendKey(r *http.Request, key string, body []byte) (news.Key, error) {
	if key == "" {
		return news.Key{}, nil
	}
	if len(key) > 128 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return news.Key{}, badParameter("Idempotency-Key", "is not 1 to 128 printable ASCII characters", "use a UUID or the like")
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", r.URL.Path, r.Header.Get("If-Match"))
	h.Write(body)
	return news.Key{Value: editor(r).ID + ":" + key, Sum: [32]byte(h.Sum(nil))}, nil
}

// ifMatch is the version that the client revises. A star is refused: it would
// overwrite what nobody has read.
func ifMatch(r *http.Request) (int, error) {
	tag := r.Header.Get("If-Match")
	if tag == "" {
		return 0, problem(http.StatusPreconditionRequired, "precondition", "An If-Match is needed",
			"Without one, you could revise an item that has changed since you read it.", `send If-Match with the item's ETag, such as "3"`)
	}
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	version, err := strconv.Atoi(inner)
	if !ok || !ok2 || err != nil || version < 1 || version > 1<<30 {
		return 0, badParameter("If-Match", "is not the ETag of an item", `send the item's ETag as you got it, such as "3"`)
	}
	return version, nil
}

// item is GET /v1/items/{id}.
func (s *server) item(w http.ResponseWriter, r *http.Request) error {
	e, err := s.Archive.Item(r.Context(), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(e))
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == etag(e) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeJSON(w, http.StatusOK, e)
}

// listing is the answer of GET /v1/items. Cursor is set on the front only:
// going live from it misses nothing.
type listing struct {
	Cursor string       `json:"cursor,omitempty"`
	Items  []news.Entry `json:"items"`
	Next   uint64       `json:"next,omitempty"` // before= of the next page
}

const (
	maxListing     = 200
	defaultListing = 60
)

// items is GET /v1/items: the front from memory, or a page of the archive.
func (s *server) items(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	topics, err := news.ParseTopics(q.Get("topics"))
	if err != nil {
		return err
	}
	limit, err := number(q.Get("limit"), "limit", defaultListing, 1, maxListing)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	if !q.Has("before") && !q.Has("story") {
		front, err := s.front(topics)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, frontListing(front, limit))
	}
	before, err := number(q.Get("before"), "before", 0, 0, 1<<53)
	if err != nil {
		return err
	}
	entries, err := s.Archive.Items(r.Context(), news.Query{Story: q.Get("story"), Before: uint64(before), Limit: limit})
	if err != nil {
		return err
	}
	l := listing{Items: make([]news.Entry, 0, len(entries))}
	for _, e := range entries {
		if e.Item.WantedBy(topics) {
			l.Items = append(l.Items, e)
		}
	}
	if len(entries) == limit { // a page may be short of wanted items and not be the last
		l.Next = entries[len(entries)-1].First
	}
	return writeJSON(w, http.StatusOK, l)
}

// front is the front in memory. Until the hub has loaded it, it is not there:
// an empty page would be taken for no news.
func (s *server) front(topics []string) (news.Snapshot, error) {
	select {
	case <-s.Live.Ready():
		return s.Live.Front(topics), nil
	default:
		return news.Snapshot{}, hub.ErrNotReady
	}
}

func frontListing(front news.Snapshot, limit int) listing {
	l := listing{Cursor: front.Cursor.String(), Items: front.Entries}
	if len(l.Items) > limit {
		l.Items = l.Items[:limit]
	}
	if n := len(l.Items); n > 0 && l.Items[n-1].First > 1 {
		l.Next = l.Items[n-1].First
	}
	return l
}

// number reads a query parameter.
func number(s, name string, unset, least, most int) (int, error) {
	if s == "" {
		return unset, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, badParameter(name, "is not a number in its range", fmt.Sprintf("use %d to %d", least, most))
	}
	return n, nil
}
