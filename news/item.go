package news

import (
	"crypto/rand"
	"encoding/base32"
	"slices"
	"time"
)

// Item is one piece of news as it stands at one version. It is a value: copy
// it with [Item.Clone] where the slices must not be shared.
type Item struct {
	ID       string   `json:"id"`      // see [NewID]
	Version  int      `json:"version"` // 1, 2, 3 …, one up with every entry
	Story    string   `json:"story"`   // the thread the item belongs to
	Level    Level    `json:"level"`
	Headline string   `json:"headline"`          // 1 to MaxHeadline characters, one line
	Summary  string   `json:"summary,omitempty"` // at most MaxSummary characters
	URL      string   `json:"url,omitempty"`     // absolute, http or https
	Topics   []string `json:"topics"`            // sorted, no repeats, at most MaxTopics
	Language string   `json:"language"`          // BCP 47

	PostedAt    time.Time  `json:"posted_at"`
	RevisedAt   time.Time  `json:"revised_at"`             // of this version
	CorrectedAt *time.Time `json:"corrected_at,omitempty"` // of the last correction: the notice stays
	Reason      string     `json:"reason,omitempty"`       // given with the last correction or the withdrawal
	Withdrawn   bool       `json:"withdrawn,omitempty"`
	Drill       bool       `json:"drill,omitempty"`

	// DuplicateOf and NewStory are the editor's word on likeness to another
	// item, kept as given.
	DuplicateOf string `json:"duplicate_of,omitempty"`
	NewStory    bool   `json:"new_story,omitempty"`

	// Formerly is the topics that earlier versions carried and this one does
	// not: sorted, no repeats, at most MaxFormerly. Who read the item under one
	// of them still gets what becomes of it, see [Item.WantedBy].
	Formerly []string `json:"formerly,omitempty"`

	// Alerted is the widest reach that versions of the item alerted with, nil
	// if none has. A correction goes to all of it.
	Alerted *Reach `json:"alerted,omitempty"`
}

// Reach is who an item's alerts went to: subscribers of any of the topics who
// take alerts of the level or a lesser one.
type Reach struct {
	Level  Level    `json:"level"`
	Topics []string `json:"topics"`
}

// Clone is a copy that shares no memory with i.
func (i Item) Clone() Item {
	i.Topics = slices.Clone(i.Topics)
	i.Formerly = slices.Clone(i.Formerly)
	if i.CorrectedAt != nil {
		at := *i.CorrectedAt
		i.CorrectedAt = &at
	}
	if i.Alerted != nil {
		i.Alerted = &Reach{Level: i.Alerted.Level, Topics: slices.Clone(i.Alerted.Topics)}
	}
	return i
}

// Entry is one line of the log: what happened to an item, and the item as it
// now stands.
type Entry struct {
	Offset uint64 `json:"offset"`
	First  uint64 `json:"first"` // the offset of the item's posted entry: its place on the front
	Kind   Kind   `json:"kind"`
	Alert  bool   `json:"alert,omitempty"` // this entry opens a campaign
	Item   Item   `json:"item"`
}

// Clone is a copy that shares no memory with e.
func (e Entry) Clone() Entry {
	e.Item = e.Item.Clone()
	return e
}

// idAlphabet is Crockford's base 32 in lower case: no letter reads as a digit.
var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes the name of a new item: 'n' and 80 random bits. It is no secret
// but cannot be guessed, so an item that failed to append leaves no trace.
func NewID() string { return newName("n") }

// NewEpoch makes the name of a new epoch of the log.
func NewEpoch() string { return newName("e") }

func newName(prefix string) string {
	var b [10]byte
	rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return prefix + idAlphabet.EncodeToString(b[:])
}
