package api_test

import (
	"net/http"
	"testing"

	"crier/api"
)

// TestRoles: a node does what its roles are, and says of the rest that another
// node does it.
func TestRoles(t *testing.T) {
	const health = "always"
	requests := []struct {
		call
		needs string
	}{
		{call{"GET", "/v1/live/poll?wait=0s", "", nil}, "readers"},
		{call{"GET", "/v1/live", "", nil}, "readers"},
		{call{"POST", "/v1/items", flood, map[string]string{"Idempotency-Key": "k"}}, "editors"},
		{call{"GET", "/v1/me", "", nil}, "editors"},
		{call{"POST", "/v1/live/ticket", "", nil}, "editors"},
		{call{"GET", "/v1/alerts/key", "", nil}, "editors"},
		{call{"GET", "/v1/stop", "", nil}, "editors"},
		{call{"GET", "/v1/items", "", nil}, "anybody"},
		{call{"GET", "/", "", nil}, "anybody"},
		{call{"GET", "/desk", "", nil}, "anybody"},
		{call{"GET", "/ticker.js", "", nil}, "anybody"},
		{call{"GET", "/healthz", "", nil}, health},
		{call{"GET", "/readyz", "", nil}, health},
	}
	for _, node := range []struct {
		name string
		o    api.Options
		does map[string]bool
	}{
		{"readers only", api.Options{EditorsElsewhere: true}, map[string]bool{"readers": true, "anybody": true, health: true}},
		{"editors only", api.Options{ReadersElsewhere: true}, map[string]bool{"editors": true, "anybody": true, health: true}},
		{"neither", api.Options{ReadersElsewhere: true, EditorsElsewhere: true}, map[string]bool{health: true}},
	} {
		s := newSite(t, func(p *api.Parts, o *api.Options) {
			*o = node.o
			if o.ReadersElsewhere && o.EditorsElsewhere {
				p.Live = nil
			}
		})
		for _, r := range requests {
			switch a := s.do(r.call); {
			case !node.does[r.needs]:
				a.want(t, http.StatusMisdirectedRequest, "role")
			case a.status == http.StatusMisdirectedRequest:
				t.Errorf("%s: %s %s is said to be elsewhere", node.name, r.method, r.path)
			}
		}
	}
}
