package e2e

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crier/news"
	"crier/web/browsertest"
)

// binary is the program under test, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "crier-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears what is left
	binary = filepath.Join(dir, "crier")
	args := []string{"build", "-o", binary}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race") // what holds for the tests holds for what they test
	}
	if out, err := exec.Command("go", append(args, "crier/cmd/crier")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// crier is a running service.
type crier struct {
	t   *testing.T
	URL string
	key string // an admin's
	dir string // its data directory

	troubled bool // the test makes trouble, so its log may tell of errors
}

// startCrier runs the service on an empty directory for the time of the test.
func startCrier(t *testing.T, args ...string) *crier {
	t.Helper()
	dir := t.TempDir()
	c := &crier{t: t, dir: dir}
	key, err := exec.Command(binary, "keys", "create", "--role", "admin", "--name", "Night desk", "--data", dir).Output()
	if err != nil {
		t.Fatalf("keys create: %v", err)
	}
	c.key = strings.TrimSpace(string(key))
	cmd := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--drain-window", "100ms"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := &transcript{listens: make(chan string, 1), ended: make(chan struct{})}
	go said.read(stderr)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have failed by itself: Wait tells
		select {
		case <-said.ended:
		case <-time.After(browsertest.Patience):
			t.Error("crier does not stop")
			_ = cmd.Process.Kill()
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("crier: %v", err)
		}
		if text := said.text(); t.Failed() || strings.Contains(text, "level=ERROR") && !c.troubled || strings.Contains(text, "DATA RACE") {
			t.Errorf("crier said:\n%s", text)
		} else if strings.Contains(text, "/wpush/") { // of pushtest's endpoints
			t.Errorf("an endpoint is in the log:\n%s", text)
		}
	})
	select {
	case c.URL = <-said.listens:
	case <-said.ended:
		t.Fatalf("crier ended before it listened:\n%s", said.text())
	case <-time.After(browsertest.Patience):
		t.Fatalf("crier does not listen:\n%s", said.text())
	}
	return c
}

// transcript is what a program writes.
type transcript struct {
	listens chan string
	ended   chan struct{}

	mu  sync.Mutex
	all bytes.Buffer
}

func (l *transcript) read(r io.Reader) {
	defer close(l.ended)
	address := regexp.MustCompile(`msg=listening addr=(\S+)`)
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		l.mu.Lock()
		l.all.WriteString(line)
		l.mu.Unlock()
		if m := address.FindStringSubmatch(line); m != nil {
			l.listens <- "http://" + m[1]
		}
		if err != nil {
			return
		}
	}
}

func (l *transcript) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// do sends an editor's request, decodes the answer into out and fails the test
// unless it has the status.
func (c *crier) do(method, path string, header http.Header, body, out any, status int) {
	c.t.Helper()
	got, text := c.ask(method, path, header, body)
	if got != status {
		c.t.Fatalf("%s %s: %d, want %d\n%s", method, path, got, status, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", method, path, err, text)
	}
}

// ask sends an editor's request and returns the answer.
func (c *crier) ask(method, path string, header http.Header, body any) (status int, text []byte) {
	c.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+path, bytes.NewReader(b))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Idempotency-Key", rand.Text())
	r.Header.Set("Content-Type", "application/json")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err = io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return w.StatusCode, text
}

// post posts an item.
func (c *crier) post(p news.Post) news.Entry {
	c.t.Helper()
	var e news.Entry
	c.do(http.MethodPost, "/v1/items", nil, p, &e, http.StatusCreated)
	return e
}

// revise revises an item as it stands at e.
func (c *crier) revise(e news.Entry, change map[string]any) news.Entry {
	c.t.Helper()
	var after news.Entry
	c.do(http.MethodPost, "/v1/items/"+e.Item.ID+"/revisions",
		http.Header{"If-Match": {fmt.Sprintf("%q", fmt.Sprint(e.Item.Version))}}, change, &after, http.StatusCreated)
	return after
}

// items is what is on the front, newest first.
func (c *crier) items() []news.Entry {
	c.t.Helper()
	var page struct{ Items []news.Entry }
	c.do(http.MethodGet, "/v1/items", nil, nil, &page, http.StatusOK)
	return page.Items
}

// report is what is known of an item's last campaign.
type report struct {
	State                                       string
	Audience, Accepted, Gone, Displayed, Queued int
}

// reported waits until the report of an item is as wanted. At first there may
// be none: the campaign opens after the item is on the wire.
func (c *crier) reported(item string, want func(report) bool) report {
	c.t.Helper()
	deadline := time.After(browsertest.Patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		var r report
		status, text := c.ask(http.MethodGet, "/v1/items/"+item+"/campaign", nil, nil)
		switch {
		case status == http.StatusNotFound:
		case status != http.StatusOK:
			c.t.Fatalf("the report: %d\n%s", status, text)
		default:
			if err := json.Unmarshal(text, &r); err != nil {
				c.t.Fatalf("the report: %v\n%s", err, text)
			}
			if want(r) {
				return r
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			c.t.Fatalf("the report stays at %+v", r)
		}
	}
}

// headlines is the fixture that the demo plays too.
func headlines(t *testing.T) []news.Post {
	t.Helper()
	b, err := os.ReadFile("../../cmd/crier/headlines.json")
	if err != nil {
		t.Fatal(err)
	}
	var posts []news.Post
	if err := json.Unmarshal(b, &posts); err != nil {
		t.Fatal(err)
	}
	if len(posts) == 0 {
		t.Fatal("the fixture is empty")
	}
	return posts
}
