package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"crier/news"
)

func TestWhere(t *testing.T) {
	for _, c := range []struct {
		body   string
		offset int64
		want   string
	}{
		{"", 0, "line 1, column 1"},
		{"abc", 2, "line 1, column 3"},
		{"a\nbc", 3, "line 2, column 2"},
		{"a\n", 2, "line 2, column 1"},
		{"a", 99, "line 1, column 2"},
		{"a", -1, "line 1, column 1"},
	} {
		if got := where([]byte(c.body), c.offset); got != c.want {
			t.Errorf("byte %d of %q is at %s, want %s", c.offset, c.body, got, c.want)
		}
	}
}

// FuzzDecode looks for a body that is taken though it is not one JSON value
// of the post's fields, or that is refused without a reason.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"headline":"a"}`, `{"headline":"a"} x`, `{"x":1}`, `{"headline":1}`, `{"topics":[null]}`, `[`, ``, `"`, `{"headline":"a"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var p news.Post
		err := decode([]byte(body), &p)
		if err == nil {
			if !json.Valid([]byte(body)) {
				t.Errorf("%q was taken", body)
			}
			return
		}
		answer := asProblem(err)
		if answer.Status != http.StatusBadRequest || answer.Detail == "" || answer.Mend == "" || strings.Contains(answer.Detail, "goroutine") {
			t.Errorf("%q was refused with %+v", body, answer)
		}
	})
}
