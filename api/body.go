package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"crier/news"
)

const (
	maxBody  = 32 << 10         // bytes of any body we take; the largest legal post is under 20 KiB
	bodyTime = 10 * time.Second // to send it in
)

// readBody is the whole body, bounded in bytes and time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, problem(http.StatusUnsupportedMediaType, "media-type", "The body is not declared as JSON",
			fmt.Sprintf("Content-Type is %.60q.", r.Header.Get("Content-Type")), "send Content-Type: application/json")
	}
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(bodyTime)); err == nil {
		defer func() { _ = rc.SetReadDeadline(time.Time{}) }() // a long answer may follow
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem(http.StatusRequestEntityTooLarge, "too-large", "The body is too large",
			fmt.Sprintf("It has over %d bytes.", maxBody), fmt.Sprintf("send at most %d bytes", maxBody))
	case err != nil:
		return nil, problem(http.StatusBadRequest, "body", "The body did not arrive whole", err.Error(), "send it again")
	case !utf8.Valid(b):
		return nil, problem(http.StatusBadRequest, "json", "The body is not UTF-8", "", "send JSON in UTF-8 (RFC 8259 section 8.1)")
	}
	return b, nil
}

// readObject is the body where another package knows its fields: here it need
// only be a JSON object.
func readObject(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	return b, decode(b, &object)
}

// readReason is the reason that the body gives, "" if there is no body.
func readReason(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength == 0 {
		return "", nil
	}
	b, err := readBody(w, r)
	if err != nil {
		return "", err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	err = decode(b, &in)
	return in.Reason, err
}

// decode reads b, one JSON value and nothing after it, into v. Unknown fields
// are refused: a misspelt "alert" must not be dropped in silence.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		return problem(http.StatusBadRequest, "json", "The body goes on after its JSON value", where(b, d.InputOffset()), "send one JSON object")
	}
	const title, mend = "The body is not the JSON that is wanted", "see /v1/openapi.yaml"
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var own *Problem
	var v2 news.Invalid
	switch name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); {
	case errors.As(err, &own), errors.As(err, &v2):
		return err
	case errors.As(err, &kind):
		p := problem(http.StatusBadRequest, "json", title, fmt.Sprintf("%s: a %s where %s is wanted, at %s.", kind.Field, kind.Value, kind.Type, where(b, kind.Offset)), mend)
		p.Errors = news.Invalid{{Field: kind.Field, Problem: "is a " + kind.Value, Mend: "send a " + kind.Type.String()}}
		return p
	case unknown:
		name = strings.Trim(name, `"`)
		p := problem(http.StatusBadRequest, "json", title, fmt.Sprintf("There is no field %.60q.", name), mend)
		p.Errors = news.Invalid{{Field: name, Problem: "is unknown", Mend: "remove it or mend its spelling"}}
		return p
	case errors.As(err, &syntax):
		return problem(http.StatusBadRequest, "json", "The body is not JSON", err.Error()+" at "+where(b, syntax.Offset)+".", mend)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return problem(http.StatusBadRequest, "json", "The body is not JSON", "It ends too early, at "+where(b, int64(len(b)))+".", mend)
	}
	return problem(http.StatusBadRequest, "json", title, err.Error(), mend)
}

// where names a byte of b the way editors count: from 1.
func where(b []byte, offset int64) string {
	before := b[:min(max(offset, 0), int64(len(b)))]
	line := bytes.Count(before, []byte("\n")) + 1
	return fmt.Sprintf("line %d, column %d", line, len(before)-bytes.LastIndexByte(before, '\n'))
}
