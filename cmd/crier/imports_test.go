package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type rule struct {
	from string
	to   []string
	why  string
}

// imports are the edges that the design allows between our packages, from
// each folder to folders (with all below them), and why the others are not.
// cmd and the packages of test peers may import anything.
var imports = []rule{
	{"crier/news", nil, "news is the vocabulary: it imports nothing of ours, so that everything can import it"},
	{"crier/desk", []string{"crier/news"}, "desk decides what may go out: it must not know how anything is kept, sent or shown"},
	{"crier/hub", []string{"crier/news"}, "the hub never sees an engine: it follows a log through news.Log, whatever keeps it"},
	{"crier/push", []string{"crier/news"}, "push keeps its subscriptions through push.Store: it must not know an engine"},
	{"crier/web", []string{"crier/news"}, "web is how it looks: what it shows is handed to it"},
	{"crier/engine", []string{"crier/news", "crier/desk", "crier/push"}, "an engine never sees HTTP, sockets or pages"},
	{"crier/docs", nil, "a program of the documentation reckons with what was measured, not with what is there"},
	{"crier/api", []string{"crier/news", "crier/desk", "crier/hub", "crier/push", "crier/web"}, "the API joins the parts; which engine is below them is for cmd to choose"},
}

// homes are the libraries that have one home each.
var homes = []struct{ library, home, why string }{
	{"github.com/coder/websocket", "crier/hub", "bytes to a browser's socket are the hub's alone"},
	{"github.com/SherClockHolmes/webpush-go", "crier/push", "who gets a notification is push's alone"},
	{"github.com/go-chi/chi", "crier/api", "routes are the API's alone"},
	{"github.com/redis/go-redis", "crier/engine/redis", "Redis is one engine's alone"},
	{"modernc.org/sqlite", "crier/engine/sqlite", "SQLite is one engine's alone"},
	{"database/sql", "crier/engine/sqlite", "SQL is one engine's alone"},
	{"net/http", "", "an engine never sees HTTP"},
}

// peers are packages that only tests and benchmarks import.
var peers = []string{"crier/news/newstest", "crier/engine/enginetest", "crier/engine/redis/redistest", "crier/push/pushtest", "crier/web/browsertest", "crier/web/e2e"}

// clients are load generators and what they compare with: they see a service
// from outside, with client libraries of their own.
var clients = []string{"crier/cmd/crier/load", "crier/cmd/field"}

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "crier/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	all := packages(t)
	for _, r := range imports {
		if !slices.ContainsFunc(all, func(p listed) bool { return within(p.ImportPath, r.from) }) {
			t.Errorf("there is no package in %s: the table is out of date", r.from)
		}
	}
	for _, p := range all {
		if within(p.ImportPath, "crier/cmd") || slices.Contains(peers, p.ImportPath) {
			continue
		}
		i := slices.IndexFunc(imports, func(r rule) bool { return within(p.ImportPath, r.from) })
		if i < 0 {
			t.Errorf("%s has no place in the import table", p.ImportPath)
			continue
		}
		r := imports[i]
		for _, imp := range p.Imports {
			if slices.Contains(peers, imp) {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, imp)
			}
			if within(imp, "crier") && !within(imp, r.from) && !slices.ContainsFunc(r.to, func(f string) bool { return within(imp, f) }) {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, r.why)
			}
			if r.from == "crier/news" && strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("%s imports %s: news imports the standard library only", p.ImportPath, imp)
			}
		}
	}
}

func TestLibrariesHaveOneHome(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(peers, p.ImportPath) || slices.Contains(clients, p.ImportPath) {
			continue
		}
		for _, h := range homes {
			away := !within(p.ImportPath, h.home)
			if h.home == "" { // forbidden to engines only
				away = within(p.ImportPath, "crier/engine")
			}
			if away && slices.ContainsFunc(p.Imports, func(imp string) bool { return within(imp, h.library) }) {
				t.Errorf("%s imports %s: %s", p.ImportPath, h.library, h.why)
			}
		}
	}
}
