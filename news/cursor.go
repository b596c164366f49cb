package news

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Cursor says what a reader has seen: all entries up to and including Offset,
// in Epoch. Its zero value stands before the first entry of whatever epoch
// the log is in.
type Cursor struct {
	Epoch  string
	Offset uint64
}

// ErrBadCursor is returned for text that is not a cursor.
var ErrBadCursor = errors.New("not a cursor: want epoch.offset")

// maxCursor bounds a cursor's text in bytes: 32 of epoch, a dot, 20 digits.
const maxCursor = 53

// ParseCursor reads "epoch.offset". The empty text is the zero cursor.
// Anything else that String would not write is ErrBadCursor.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	epoch, digits, ok := strings.Cut(s, ".")
	if !ok || len(s) > maxCursor || !isName(epoch, 32) {
		return Cursor{}, ErrBadCursor
	}
	offset, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || strconv.FormatUint(offset, 10) != digits {
		return Cursor{}, ErrBadCursor
	}
	return Cursor{epoch, offset}, nil
}

// String is the form ParseCursor reads: "" for the zero cursor.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return c.Epoch + "." + strconv.FormatUint(c.Offset, 10)
}

// MarshalText is String, for JSON.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseCursor, for JSON.
func (c *Cursor) UnmarshalText(b []byte) (err error) {
	if *c, err = ParseCursor(string(b)); err != nil {
		return fmt.Errorf("cursor %.60q: %w", b, err)
	}
	return nil
}

// isName reports whether s is 1 to most bytes of a–z, 0–9 and inner hyphens:
// the form of topics, stories, items' names and epochs.
func isName(s string, most int) bool {
	if s == "" || len(s) > most || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
