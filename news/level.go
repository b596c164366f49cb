package news

import "slices"

// Level is a rung of the wire services' ladder of importance.
type Level string

// The ladder, least first. Regular is ticker only; the others may alert.
const (
	Regular  Level = "regular"
	Urgent   Level = "urgent"
	Bulletin Level = "bulletin"
	Flash    Level = "flash"
)

// Levels is the ladder, least first. The slice is the caller's.
func Levels() []Level { return []Level{Regular, Urgent, Bulletin, Flash} }

// Rank is the level's place on the ladder: 1 for regular to 4 for flash, 0 for
// anything that is not a level.
func (l Level) Rank() int { return slices.Index(Levels(), l) + 1 }

// MayAlert reports whether an item of this level may interrupt subscribers.
func (l Level) MayAlert() bool { return l.Rank() > Regular.Rank() }

// Kind is what an entry does to its item.
type Kind string

// The kinds of entry.
const (
	Posted    Kind = "posted"    // the item's first entry
	Updated   Kind = "updated"   // the news moved on
	Corrected Kind = "corrected" // the item was wrong; the reason says how
	Refiled   Kind = "refiled"   // a typo mended: no buzz
	Withdrawn Kind = "withdrawn" // a kill: stays visible, struck out, with its reason
)

// Kinds is every kind of entry. The slice is the caller's.
func Kinds() []Kind { return []Kind{Posted, Updated, Corrected, Refiled, Withdrawn} }

// Valid reports whether k is a kind of entry.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }
