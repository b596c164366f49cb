package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/push/seal"
)

// VAPIDFile is the usual name of the file with the keys, in the data directory.
const VAPIDFile = "vapid.json"

// mostKeys is how many key pairs there may be at a time.
const mostKeys = 8

// ErrKeys says that the keys cannot be rotated: too many old ones have
// subscriptions yet.
var ErrKeys = fmt.Errorf("there are %d pairs of VAPID keys: wait until an old one has no subscription left", mostKeys)

// VAPID is the pairs of keys that subscriptions are made with (RFC 8292): the
// newest, and those that have subscriptions yet. Losing a private one loses its
// subscribers. Pairs are numbered 0, 1, 2 … as they were made. It prints without
// its secrets.
type VAPID struct{ pairs []pair } // newest first

type pair struct {
	Number  int    `json:"number,omitempty"`
	Public  string `json:"public"`
	Private string `json:"private"`
}

// vapidFile is the form in which keys are kept: the newest pair and the others.
type vapidFile struct {
	pair
	Older []pair `json:"older,omitempty"`
}

// Public is the newest public key, which browsers are to subscribe with: an
// uncompressed point in base64url.
func (v VAPID) Public() string {
	if len(v.pairs) == 0 {
		return ""
	}
	return v.pairs[0].Public
}

// String is the newest public key.
func (v VAPID) String() string { return v.Public() }

// GoString is the newest public key.
func (v VAPID) GoString() string { return v.Public() }

// Number is that of the pair with the public key; ok is false if there is none.
func (v VAPID) Number(public string) (number int, ok bool) {
	public = strings.TrimRight(public, "=")
	for _, p := range v.pairs {
		if p.Public == public {
			return p.Number, true
		}
	}
	return 0, false
}

// Oldest is the number of the oldest pair, Newest that of the newest.
func (v VAPID) Oldest() int {
	if len(v.pairs) == 0 {
		return 0
	}
	return v.pairs[len(v.pairs)-1].Number
}

// Newest is the number of the newest pair.
func (v VAPID) Newest() int {
	if len(v.pairs) == 0 {
		return 0
	}
	return v.pairs[0].Number
}

// numbered is the pair with the number.
func (v VAPID) numbered(number int) (pair, bool) {
	i := slices.IndexFunc(v.pairs, func(p pair) bool { return p.Number == number })
	if i < 0 {
		return pair{}, false
	}
	return v.pairs[i], true
}

// Rotated is the keys with a new pair, which is the newest. Errors: ErrKeys.
func (v VAPID) Rotated() (VAPID, error) {
	if len(v.pairs) >= mostKeys {
		return VAPID{}, ErrKeys
	}
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		return VAPID{}, fmt.Errorf("make VAPID keys: %w", err)
	}
	number := 0
	if len(v.pairs) > 0 {
		number = v.Newest() + 1
	}
	return VAPID{append([]pair{{number, public, private}}, v.pairs...)}, nil
}

// Without is the keys but those with the numbers. The newest stays.
func (v VAPID) Without(numbers ...int) VAPID {
	return VAPID{slices.DeleteFunc(slices.Clone(v.pairs), func(p pair) bool {
		return p.Number != v.Newest() && slices.Contains(numbers, p.Number)
	})}
}

// Bytes is the keys in the form that ParseVAPID reads: a secret.
func (v VAPID) Bytes() ([]byte, error) {
	if len(v.pairs) == 0 {
		return nil, errors.New("no VAPID keys")
	}
	b, err := json.MarshalIndent(vapidFile{v.pairs[0], v.pairs[1:]}, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// NewVAPID makes a first pair of keys, in the form that [ParseVAPID] reads.
func NewVAPID() ([]byte, error) {
	v, err := VAPID{}.Rotated()
	if err != nil {
		return nil, err
	}
	return v.Bytes()
}

// ParseVAPID reads keys as [VAPID.Bytes] has them. Its errors say nothing of
// their secrets.
func ParseVAPID(b []byte) (VAPID, error) {
	var f vapidFile
	if err := json.Unmarshal(b, &f); err != nil {
		return VAPID{}, fmt.Errorf("VAPID keys: not the JSON it should be; restore them from a backup: %w", err)
	}
	v := VAPID{append([]pair{f.pair}, f.Older...)}
	if len(v.pairs) > mostKeys {
		return VAPID{}, errors.New("VAPID keys: there are too many; restore them from a backup")
	}
	for i, p := range v.pairs {
		s, err := seal.NewSigner(p.Private, "https://localhost")
		if err != nil {
			return VAPID{}, fmt.Errorf("VAPID keys: restore them from a backup: %w", err)
		}
		if s.Public() != p.Public {
			return VAPID{}, errors.New("VAPID keys: two do not belong together; restore them from a backup")
		}
		if p.Number < 0 || i > 0 && p.Number >= v.pairs[i-1].Number {
			return VAPID{}, errors.New("VAPID keys: they are not in order; restore them from a backup")
		}
	}
	return v, nil
}
