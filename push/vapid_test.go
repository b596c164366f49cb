package push

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// someKeys is so many pairs of keys.
func someKeys(t testing.TB, n int) (v VAPID) {
	t.Helper()
	for range n {
		var err error
		if v, err = v.Rotated(); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func TestVAPIDKeysRotate(t *testing.T) {
	first := someKeys(t, 1)
	second, err := first.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if first.Newest() != 0 || second.Newest() != 1 || second.Oldest() != 0 || second.Public() == first.Public() || len(first.pairs) != 1 {
		t.Errorf("first %v, then %v", first, second)
	}
	for number, public := range []string{first.Public(), second.Public()} {
		if got, ok := second.Number(public); !ok || got != number {
			t.Errorf("key %s is number %d, %v", public, got, ok)
		}
	}
	if _, ok := first.Number(second.Public()); ok {
		t.Error("the first keys know the second")
	}
	if left := second.Without(0, 1); left.Newest() != 1 || left.Oldest() != 1 || left.Public() != second.Public() {
		t.Errorf("without the old one: %v", left)
	}
	for _, v := range []VAPID{first, second, second.Without(0), someKeys(t, mostKeys)} {
		b, err := v.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseVAPID(b)
		if err != nil || !slices.Equal(again.pairs, v.pairs) {
			t.Errorf("%s was read as %v, %v", v, again, err)
		}
	}
	if _, err := someKeys(t, mostKeys).Rotated(); !errors.Is(err, ErrKeys) {
		t.Errorf("one pair too many: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, second)
		if strings.Contains(text, second.pairs[0].Private) || strings.Contains(text, second.pairs[1].Private) || !strings.Contains(text, second.Public()) {
			t.Errorf("%s prints %q", verb, text)
		}
	}
	if _, err := New(nil, nil, second, Options{}); err != nil {
		t.Errorf("a service with these keys: %v", err)
	}
	if _, err := New(nil, nil, VAPID{}, Options{}); err == nil {
		t.Error("a service without keys")
	}
}

func TestParseVAPIDRefuses(t *testing.T) {
	v := someKeys(t, 2)
	pairOf := func(public, private string, more string) string {
		return `{"public":"` + public + `","private":"` + private + `"` + more + `}`
	}
	newest, oldest := v.pairs[0], v.pairs[1]
	if got, err := ParseVAPID([]byte(pairOf(oldest.Public, oldest.Private, ""))); err != nil || got.Newest() != 0 || got.Public() != oldest.Public {
		t.Errorf("a single pair: %v, %v", got, err)
	}
	old := `,"older":[` + pairOf(oldest.Public, oldest.Private, `,"number":1`) + "]"
	for name, content := range map[string]string{
		"empty":         "",
		"not JSON":      "keys",
		"no keys":       "{}",
		"half":          `{"public":"` + newest.Public + `"}`,
		"mismatched":    pairOf(oldest.Public, newest.Private, ""),
		"same number":   pairOf(newest.Public, newest.Private, `,"number":1`+old),
		"in disorder":   pairOf(newest.Public, newest.Private, old),
		"negative":      pairOf(newest.Public, newest.Private, `,"number":-1`),
		"off the field": pairOf(newest.Public, strings.Repeat("_", 43), ""),
		"too many":      pairOf(newest.Public, newest.Private, `,"older":[`+strings.Repeat("{},", mostKeys)+"{}]"),
	} {
		if _, err := ParseVAPID([]byte(content)); err == nil || strings.Contains(err.Error(), newest.Private) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseVAPID(f *testing.F) {
	for _, n := range []int{1, 3} {
		b, err := someKeys(f, n).Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"public":"","private":"","older":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVAPID(b)
		if err != nil {
			return
		}
		if _, ok := v.numbered(v.Oldest()); !ok || v.Newest() < v.Oldest() {
			t.Errorf("%v", v)
		}
	})
}

func TestOptions(t *testing.T) {
	v := someKeys(t, 1)
	for name, o := range map[string]Options{
		"bad host":          {AlertHosts: []string{"http://x"}},
		"bad subject":       {Subject: "nobody"},
		"subject over http": {Subject: "http://news.example"},
		"no scheme":         {PublicURL: "news.example"},
		"slash at the end":  {PublicURL: "https://news.example/"},
		"endless URL":       {PublicURL: "https://" + strings.Repeat("x", 400)},
		"negative":          {Workers: -1},
		"short lease":       {Lease: 1},
	} {
		if _, err := New(nil, nil, v, o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, tt := range []struct{ given, site, want string }{
		{"", "https://news.example", "https://news.example"},
		{"", "http://127.0.0.1:8080", "mailto:crier@localhost"},
		{"desk@news.example", "https://news.example", "mailto:desk@news.example"},
		{"mailto:desk@news.example", "https://news.example", "mailto:desk@news.example"},
		{"https://news.example/contact", "http://127.0.0.1:8080", "https://news.example/contact"},
	} {
		s, err := New(nil, nil, v, Options{Subject: tt.given, PublicURL: tt.site})
		if err != nil || s.o.Subject != tt.want {
			t.Errorf("%q at %s: %v", tt.given, tt.site, err)
		}
	}
}
