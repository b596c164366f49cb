package desk

import (
	"context"
	"time"
)

// Audience is the readers of a node, as editors see them.
type Audience struct {
	Node       string         `json:"node"`
	Readers    int            `json:"readers"`
	Everything int            `json:"everything"` // of these, who name no topic
	Topics     map[string]int `json:"topics"`     // who name each, among others perhaps
	Others     int            `json:"others"`     // who name one that is not in Topics
}

// Audiences is where the nodes that have readers tell the others of them. Its
// methods may block on the store.
type Audiences interface {
	// PutAudience keeps a until ends, in place of what its node has said before.
	// If ends is not after now the node has no readers any more.
	PutAudience(ctx context.Context, a Audience, now, ends time.Time) error
	// Audiences returns what the nodes have said that is good at the time now, by
	// their names.
	Audiences(ctx context.Context, now time.Time) ([]Audience, error)
}

// Together is all of them as one.
func Together(all []Audience) Audience {
	sum := Audience{Topics: map[string]int{}}
	for _, a := range all {
		sum.Readers += a.Readers
		sum.Everything += a.Everything
		sum.Others += a.Others
		for t, n := range a.Topics {
			sum.Topics[t] += n
		}
	}
	return sum
}
