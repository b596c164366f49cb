package news

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DefaultLanguage is the language of items that name none.
const DefaultLanguage = "en"

// Post is an editor's new item, unchecked: the body of POST /v1/items.
type Post struct {
	Headline    string   `json:"headline"`
	Summary     string   `json:"summary,omitempty"`
	URL         string   `json:"url,omitempty"`
	Topics      []string `json:"topics,omitempty"`
	Level       Level    `json:"level,omitempty"` // regular if empty
	Story       string   `json:"story,omitempty"` // a new story if empty
	Language    string   `json:"language,omitempty"`
	Alert       bool     `json:"alert,omitempty"`
	DuplicateOf string   `json:"duplicate_of,omitempty"`
	NewStory    bool     `json:"new_story,omitempty"`
	Drill       bool     `json:"drill,omitempty"`
}

// Draft checks p and makes the first entry of the item id, posted by the
// editor's key by. The error is an [Invalid] with every fault.
func (p Post) Draft(id, by string, at time.Time) (Draft, error) {
	var c checker
	at = at.UTC().Truncate(time.Millisecond)
	it := Item{
		ID: id, Version: 1, Story: p.Story, Level: p.Level, URL: p.URL, Language: p.Language,
		Drill: p.Drill, DuplicateOf: p.DuplicateOf, NewStory: p.NewStory, PostedAt: at, RevisedAt: at,
		Headline: c.text("headline", p.Headline, MaxHeadline, true, false),
		Summary:  c.text("summary", p.Summary, MaxSummary, false, true),
		Topics:   c.topics(p.Topics, p.Drill),
	}
	if it.Story == "" {
		it.Story = "s" + id[min(1, len(id)):]
	}
	if it.Level == "" {
		it.Level = Regular
	}
	if it.Language == "" {
		it.Language = DefaultLanguage
	}
	c.name("story", it.Story)
	c.name("duplicate_of", p.DuplicateOf)
	if p.DuplicateOf != "" && p.NewStory {
		c.add("new_story", "contradicts duplicate_of", "give one of the two")
	}
	c.content(it)
	c.alert(it, p.Alert)
	if p.Alert {
		it.Alerted = it.Alerted.widen(it)
	}
	return Draft{Kind: Posted, Alert: p.Alert, Item: it, By: by}, c.err()
}

// content checks what a post and a revision have in common.
func (c *checker) content(it Item) {
	c.level("level", it.Level)
	c.link("url", it.URL)
	c.language("language", it.Language)
}

func (c *checker) alert(it Item, alert bool) {
	if alert && it.Level == Regular {
		c.add("alert", "regular items are ticker only", "choose urgent, bulletin or flash, or leave alert out")
	}
}

// widen is r stretched to take in who an alert of it goes to.
func (r *Reach) widen(it Item) *Reach {
	if r == nil {
		return &Reach{it.Level, slices.Clone(it.Topics)}
	}
	w := &Reach{r.Level, append(slices.Clone(r.Topics), it.Topics...)}
	if it.Level.Rank() > w.Level.Rank() {
		w.Level = it.Level
	}
	slices.Sort(w.Topics)
	w.Topics = slices.Compact(w.Topics)
	return w
}

// Revision is an editor's change to an item, unchecked: the body of
// POST /v1/items/{id}/revisions. What is nil stays as it is.
type Revision struct {
	Kind     Kind      `json:"kind"`
	Headline *string   `json:"headline,omitempty"`
	Summary  *string   `json:"summary,omitempty"`
	URL      *string   `json:"url,omitempty"`
	Topics   *[]string `json:"topics,omitempty"`
	Level    *Level    `json:"level,omitempty"`
	Language *string   `json:"language,omitempty"`
	Alert    *bool     `json:"alert,omitempty"`
	Reason   string    `json:"reason,omitempty"` // needed to correct and to withdraw
}

// ErrWithdrawn says that a withdrawn item takes no more revisions.
var ErrWithdrawn = errors.New("the item has been withdrawn")

// Draft checks r against the item as it stands and makes its next entry.
//
// A correction or withdrawal of an item that has alerted alerts too, whatever
// r says: those who were told the error are told it was one. A refiling never
// alerts. Errors: ErrWithdrawn, or an [Invalid] with every fault.
func (r Revision) Draft(now Item, by string, at time.Time) (Draft, error) {
	if now.Withdrawn {
		return Draft{}, ErrWithdrawn
	}
	var c checker
	at = at.UTC().Truncate(time.Millisecond)
	it := now.Clone()
	it.Version++
	it.RevisedAt = at
	alert := r.Alert != nil && *r.Alert
	needReason := r.Kind == Corrected || r.Kind == Withdrawn
	reason := c.text("reason", r.Reason, MaxReason, needReason, false)
	switch r.Kind {
	case Updated:
	case Corrected:
		it.CorrectedAt, it.Reason = &at, reason
		alert = alert || it.Alerted != nil
	case Refiled:
		if alert {
			c.add("alert", "a refiled item never alerts", "leave it out, or make it an update")
		}
	case Withdrawn:
		it.Withdrawn, it.Reason = true, reason
		if alert && it.Alerted == nil {
			c.add("alert", "nobody was alerted to the item", "leave it out")
		}
		alert = it.Alerted != nil
	default:
		c.add("kind", "is not a kind of revision", "use updated, corrected, refiled or withdrawn")
	}
	r.apply(&c, &it)
	if r.Kind == Updated || r.Kind == Corrected && it.Alerted == nil {
		c.alert(it, alert)
	}
	if alert {
		it.Alerted = it.Alerted.widen(it)
	}
	return Draft{Kind: r.Kind, Alert: alert, Item: it, By: by}, c.err()
}

// apply sets the fields of r that are given, and checks them.
func (r Revision) apply(c *checker, it *Item) {
	given := r.Headline != nil || r.Summary != nil || r.URL != nil || r.Topics != nil || r.Level != nil || r.Language != nil
	if r.Kind == Withdrawn && given {
		c.add("kind", "a withdrawal changes nothing but the item's standing", "give only kind and reason")
		return
	}
	if r.Headline != nil {
		it.Headline = c.text("headline", *r.Headline, MaxHeadline, true, false)
	}
	if r.Summary != nil {
		it.Summary = c.text("summary", *r.Summary, MaxSummary, false, true)
	}
	if r.URL != nil {
		it.URL = *r.URL
	}
	if r.Topics != nil {
		it.move(c, c.topics(*r.Topics, it.Drill))
	}
	if r.Level != nil {
		it.Level = *r.Level
	}
	if r.Language != nil {
		it.Language = *r.Language
	}
	c.content(*it)
}

// move gives the item topics and remembers those it leaves.
func (i *Item) move(c *checker, topics []string) {
	had := append(slices.Clone(i.Formerly), i.Topics...)
	slices.Sort(had)
	i.Topics, i.Formerly = topics, nil
	for _, t := range slices.Compact(had) {
		if !slices.Contains(topics, t) {
			i.Formerly = append(i.Formerly, t)
		}
	}
	if len(i.Formerly) > MaxFormerly {
		c.add("topics", fmt.Sprintf("the item has left %d topics", len(i.Formerly)), "return to topics it had, or withdraw it and post it anew")
	}
}
