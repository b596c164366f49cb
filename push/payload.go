package push

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"crier/news"
	"crier/push/seal"
)

// notice is the message a browser gets: Declarative Web Push, which Safari acts
// on by itself and our service worker follows elsewhere.
type notice struct {
	WebPush      int          `json:"web_push"`          // 8030 marks the format
	Mutable      bool         `json:"mutable,omitempty"` // our service worker is to see it also where the browser shows it by itself
	Notification notification `json:"notification"`
}

type notification struct {
	Title     string     `json:"title"`
	Body      string     `json:"body"`
	Navigate  string     `json:"navigate"` // absolute
	Tag       string     `json:"tag"`      // one notification a story, see Campaign.Story
	Lang      string     `json:"lang"`
	Dir       string     `json:"dir"`
	Silent    bool       `json:"silent"`
	Timestamp int64      `json:"timestamp"` // Unix milliseconds
	Icon      string     `json:"icon,omitempty"`
	Data      noticeData `json:"data"`
}

type noticeData struct {
	Receipt string `json:"receipt,omitempty"` // the campaign's token; none is wanted for a greeting
	// OneIn in so many browsers tell that they displayed it, after a random
	// time of up to WithinMS milliseconds. Left out: all do, at once.
	OneIn    int        `json:"one_in,omitempty"`
	WithinMS int64      `json:"within_ms,omitempty"`
	Item     string     `json:"item,omitempty"`
	Story    string     `json:"story,omitempty"`
	Kind     string     `json:"kind"`
	Level    news.Level `json:"level,omitempty"`
	Drill    bool       `json:"drill"`
	// Confirm is to be sent back: then alerts are sent.
	Confirm *confirm `json:"confirm,omitempty"`
}

// payload is the message of campaign c, at most seal.MaxPlaintext bytes: too
// long a summary is cut first, then the headline. site is the public URL,
// icon an absolute URL or empty.
func payload(c Campaign, site, icon string, silent bool) ([]byte, error) {
	return payloadAs(c, c.tag(), site, icon, silent)
}

// payloadAs is payload with a tag of its own.
func payloadAs(c Campaign, tag, site, icon string, silent bool) ([]byte, error) {
	item := c.Entry.Item
	title, body := wording(c.Entry)
	within := time.Duration(0)
	if c.Sample > 0 {
		within = receiptJitter
	}
	return fit(notice{8030, false, notification{
		Title: title, Body: body, Navigate: site + "/s/" + item.Story, Tag: tag, Lang: item.Language, Dir: "auto",
		Silent: silent, Timestamp: item.RevisedAt.UnixMilli(), Icon: icon,
		Data: noticeData{Receipt: c.Token, OneIn: c.Sample, WithinMS: within.Milliseconds(), Item: item.ID, Story: item.Story, Kind: string(c.Entry.Kind), Level: item.Level, Drill: item.Drill},
	}})
}

// mostHeadlines is how many headlines a digest gives.
const mostHeadlines = 3

// digestPayload is the message of a digest about these stories, newest first;
// nil if there are none.
func digestPayload(c Campaign, stories []news.Item, site, icon string, silent bool) ([]byte, error) {
	if len(stories) == 0 {
		return nil, nil
	}
	title, lines := "1 more story today", make([]string, 0, mostHeadlines)
	if n := len(stories); n > 1 {
		title = fmt.Sprintf("%d more stories today", n)
	}
	for _, item := range stories[:min(len(stories), mostHeadlines)] {
		headline, _ := wording(news.Entry{Kind: news.Posted, Item: item})
		lines = append(lines, headline)
	}
	return fit(notice{8030, false, notification{
		Title: title, Body: strings.Join(lines, "\n"), Navigate: site + "/", Tag: digestStory, Lang: stories[0].Language, Dir: "auto",
		Silent: silent, Timestamp: c.Entry.Item.PostedAt.UnixMilli(), Icon: icon,
		Data: noticeData{Receipt: c.Token, Kind: string(Digested)},
	}})
}

// wording is what an entry says on a lock screen. A withdrawal does not say
// again what was false: not even its headline.
func wording(e news.Entry) (title, body string) {
	switch e.Kind {
	case news.Corrected:
		title, body = "Correction: "+e.Item.Headline, e.Item.Reason
	case news.Withdrawn:
		title, body = "Withdrawn: our earlier alert", e.Item.Reason
	default:
		title, body = e.Item.Headline, e.Item.Summary
	}
	if e.Item.Drill {
		title = "DRILL: " + title
	}
	return title, body
}

// fit encodes n, cut to the size that is sealed.
func fit(n notice) ([]byte, error) {
	b, err := encode(n)
	for _, text := range []*string{&n.Notification.Body, &n.Notification.Title} {
		if over := len(b) - seal.MaxPlaintext; err == nil && over > 0 {
			*text = shorten(*text, over)
			b, err = encode(n)
		}
	}
	if err == nil && len(b) > seal.MaxPlaintext {
		err = fmt.Errorf("%d bytes of payload without any text", len(b))
	}
	return b, err
}

func encode(n notice) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is no HTML, and six bytes for an ampersand are five too many
	if err := e.Encode(n); err != nil {
		return nil, fmt.Errorf("encode a payload: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

const ellipsis = "…"

// shorten takes at least over bytes off the end of s, counting the ellipsis
// that it puts there, and never cuts inside what a reader sees as a character.
// JSON writes no character in fewer bytes than UTF-8 does, so the encoding
// becomes shorter by as much.
func shorten(s string, over int) string {
	end := len(s) - over - len(ellipsis)
	for end > 0 && !boundary(s, end) {
		end--
	}
	if end <= 0 {
		return ""
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + ellipsis
}

// boundary reports whether s may be cut before s[i]: not inside a code point,
// before a mark or modifier that belongs to the character before it, or next
// to a joiner.
func boundary(s string, i int) bool {
	if !utf8.RuneStart(s[i]) {
		return false
	}
	const joiner = '\u200d'
	next, _ := utf8.DecodeRuneInString(s[i:])
	last, _ := utf8.DecodeLastRuneInString(s[:i])
	skinTone := next >= 0x1f3fb && next <= 0x1f3ff
	return next != joiner && last != joiner && !unicode.Is(unicode.M, next) && !skinTone && !insideFlag(s[:i], next)
}

// insideFlag reports whether next is the second of the two letters that make a
// flag: an odd number of them comes before it.
func insideFlag(before string, next rune) bool {
	letter := func(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }
	odd := false
	for letter(next) && before != "" {
		r, size := utf8.DecodeLastRuneInString(before)
		if !letter(r) {
			break
		}
		before, odd = before[:len(before)-size], !odd
	}
	return odd
}

// topic is the Topic header of a story's notifications (RFC 8030 section 5.4:
// at most 32 characters of base64url): of those that wait at the push service
// only the newest is delivered.
func topic(story string) string {
	sum := sha256.Sum256([]byte(story))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// urgency is the Urgency header (RFC 8030 section 5.3).
func urgency(l news.Level) string {
	if l.Rank() >= news.Bulletin.Rank() {
		return "high"
	}
	return "normal"
}
