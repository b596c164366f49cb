package main

import (
	"net/http"
	"strings"
	"testing"

	"crier/engine/redis/redistest"
)

func TestRolesFlag(t *testing.T) {
	for _, c := range []struct {
		given []string
		redis string
		want  roles
		fails bool
	}{
		{[]string{"api", "hub", "push"}, "", roles{true, true, true}, false},
		{[]string{"push", "hub", "api", "api"}, "", roles{true, true, true}, false},
		{[]string{"hub"}, "redis://localhost", roles{hub: true}, false},
		{[]string{"api", "push"}, "redis://localhost", roles{api: true, push: true}, false},
		{[]string{"hub"}, "", roles{}, true},
		{nil, "redis://localhost", roles{}, true},
	} {
		got, err := listenFlags{Roles: c.given}.roles(storeFlags{Redis: c.redis})
		if (err != nil) != c.fails || !c.fails && got != c.want {
			t.Errorf("%q: %+v, %v", c.given, got, err)
		}
	}
	if _, said, code := command(t, "serve", "--roles", "hub,desk"); code != 2 || !strings.Contains(said, "must be one of") {
		t.Errorf("an unknown role: %d, %s", code, said)
	}
}

// TestRolesApart runs each role in a node of its own: what is posted at one
// reaches the readers of another, and a third opens its campaign.
func TestRolesApart(t *testing.T) {
	redis := redistest.Start(t).URL()
	key := newKey(t, redis)
	take := startNode(t, "--redis", redis, "--roles", "api", "--admin", "127.0.0.1:0")
	hold := startNode(t, "--redis", redis, "--roles", "hub", "--admin", "127.0.0.1:0")
	cursor := cursorOf(t, hold.url)
	id, said, code := command(t, "post", "--url", take.url, "--key", key, "--level", "flash", "--alert", "The bell rings")
	if code != 0 {
		t.Fatal(said)
	}
	id = strings.TrimSpace(id)
	if _, live := get(t, hold.url+"/v1/live/poll?wait=20s&cursor="+cursor); !strings.Contains(live, id) {
		t.Errorf("readers get %s", live)
	}
	if code, said := get(t, take.url+"/v1/live/poll"); code != http.StatusMisdirectedRequest {
		t.Errorf("a reader at the node without: %d %s", code, said)
	}
	if _, said, code := command(t, "post", "--url", hold.url, "--key", key, "Wrong door"); code != 1 || !strings.Contains(said, "Another node does this") {
		t.Errorf("an editor at the node without: %d %s", code, said)
	}
	for _, path := range []string{"/", "/ticker.js", "/v1/items/" + id} {
		for _, n := range []*testNode{take, hold} {
			if code, _ := get(t, n.url+path); code != http.StatusOK {
				t.Errorf("%s%s: %d", n.url, path, code)
			}
		}
	}
	report := func() string {
		req, err := http.NewRequest(http.MethodGet, take.url+"/v1/items/"+id+"/campaign", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		_, body := fetch(t, req)
		return body
	}
	if got := report(); strings.Contains(got, `"done"`) {
		t.Errorf("there is no node that sends, and yet: %s", got)
	}
	send := startNode(t, "--redis", redis, "--roles", "push", "--admin", "127.0.0.1:0")
	eventually(t, "the campaign is sent", func() bool { return strings.Contains(report(), `"state":"done"`) })
	if code, _ := get(t, send.url+"/readyz"); code != http.StatusOK {
		t.Errorf("the sending node is not ready: %d", code)
	}
	if code, _ := get(t, send.url+"/"); code != http.StatusMisdirectedRequest {
		t.Errorf("the sending node shows pages: %d", code)
	}
	leaders := func() (n float64) {
		for _, node := range []*testNode{take, hold, send} {
			if !node.stopped {
				n += metric(t, node.admin, "crier_leader")
			}
		}
		return n
	}
	eventually(t, "one node leads", func() bool { return leaders() == 1 })
	if metric(t, take.admin, "crier_leader") == 1 {
		take.stop()
	} else {
		hold.stop()
		send.stop()
	}
	eventually(t, "another leads after it", func() bool { return leaders() == 1 })
}
