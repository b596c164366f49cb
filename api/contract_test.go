package api_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/go-chi/chi/v5"

	"crier/api"
)

// contract is openapi.yaml, and what of it the tests have seen.
var contract = loadContract()

type contractCheck struct {
	doc    *openapi3.T
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool // "METHOD path status"
}

func loadContract() *contractCheck {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		panic(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return &contractCheck{doc: doc, router: router, seen: map[string]bool{}}
}

// anywhere is what any route may answer: openapi.yaml's default.
var anywhere = []int{http.StatusTooManyRequests, http.StatusMisdirectedRequest, http.StatusInternalServerError}

// check holds one exchange against the contract: the answer must be one that
// is documented, and what was answered well must have been asked well.
func (c *contractCheck) check(t *testing.T, req *http.Request, a answer) {
	t.Helper()
	req.URL.Host, req.URL.Scheme = "", "" // the document's server is "/"
	route, params, err := c.router.FindRoute(req)
	if re := (*routers.RouteError)(nil); errors.As(err, &re) {
		return // pages, and what is asked wrongly on purpose
	}
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	c.mu.Lock()
	c.seen[exchange(req.Method, route.Path, a.status)] = true
	c.mu.Unlock()
	if route.Operation.Responses.Value(strconv.Itoa(a.status)) == nil && !slices.Contains(anywhere, a.status) {
		t.Errorf("%s %s: %d is not documented: %.300s", req.Method, req.URL.Path, a.status, a.body)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.status < 400 {
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
			t.Errorf("%s %s was taken, but openapi.yaml does not allow it: %v", req.Method, req.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header, Options: in.Options}
	out.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s: the answer is not as documented: %v", req.Method, req.URL, err)
	}
}

func exchange(method, path string, status int) string {
	return fmt.Sprintf("%s %s %d", method, path, status)
}

// saw notes an exchange whose answer is a stream and read as it comes.
func (c *contractCheck) saw(req *http.Request, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[exchange(req.Method, req.URL.Path, status)] = true
}

// covered reports whether every documented answer has been seen, and names
// those that have not. It only judges a run of all the tests.
func (c *contractCheck) covered(w io.Writer) bool {
	if f := flag.Lookup("test.run"); f != nil && f.Value.String() != "" || flag.Lookup("test.list").Value.String() != "" {
		return true
	}
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		return true
	}
	ok := true
	for _, path := range slices.Sorted(maps.Keys(c.doc.Paths.Map())) {
		for method, op := range c.doc.Paths.Find(path).Operations() {
			for status := range op.Responses.Map() {
				if status == "default" { // see anywhere
					continue
				}
				if key := fmt.Sprintf("%s %s %s", method, path, status); !c.seen[key] {
					fmt.Fprintln(w, "openapi.yaml documents what no test has seen:", key)
					ok = false
				}
			}
		}
	}
	return ok
}

// TestRoutesAreDocumented holds the router against openapi.yaml, both ways.
// Pages and their assets are for people and not documented there.
func TestRoutesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for path, item := range contract.doc.Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	routed := map[string]bool{}
	handler := api.New(api.Parts{Site: newPages(t)}, api.Options{})
	err := chi.Walk(handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if strings.HasPrefix(route, "/v1/") || route == "/healthz" || route == "/readyz" {
			routed[method+" "+route] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(documented, routed) {
		t.Errorf("documented: %q\nrouted: %q", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(routed)))
	}
}
