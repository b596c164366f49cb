package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// subscribeAll puts n made-up subscriptions into a data directory.
func subscribeAll(t testing.TB, dir string, n int) {
	t.Helper()
	e, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for lane := range 32 {
		all.Go(func() {
			for i := lane; i < n; i += 32 {
				endpoint := fmt.Sprintf("https://fcm.googleapis.com/fcm/send/%0152d", i)
				if _, err := e.PutSubscription(t.Context(), push.Subscription{
					ID: push.EndpointID(endpoint), Endpoint: endpoint, Topics: []string{"politics", "world"}, Level: news.Urgent,
					Language: "en", CreatedAt: time.UnixMilli(1e12), SeenAt: time.UnixMilli(2e12),
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMoveThereAndBack moves a site to Redis and back, and at each place goes
// on with it: readers by their cursors, browsers with the key they know,
// editors with theirs.
func TestMoveThereAndBack(t *testing.T) {
	const subscriptions = 300
	first, second, redis := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second"), startRedis(t)
	secret, said, code := command(t, "keys", "create", "--role", "editor", "--name", "Ada", "--data", first)
	if code != 0 {
		t.Fatal(said)
	}
	secret = strings.TrimSpace(secret)
	subscribeAll(t, first, subscriptions)
	post := func(url, headline string) (id string) {
		t.Helper()
		id, said, code := command(t, "post", "--url", url, "--key", secret, headline)
		if code != 0 {
			t.Fatal(said)
		}
		return strings.TrimSpace(id)
	}

	url, stop := service(t, "serve", "--data", first)
	_, key := get(t, url+"/v1/alerts/key")
	post(url, "Before the reader came")
	cursor := cursorOf(t, url)
	ids := []string{post(url, "After the reader went")}
	if _, said, code := command(t, "move", "--from", first, "--to", redis); code != 1 || !strings.Contains(said, "stop all that runs on it") {
		t.Fatalf("moving from a directory that is served: code %d, %s", code, said)
	}
	if code := stop(); code != 0 {
		t.Fatalf("the service ended with %d", code)
	}

	for _, way := range []struct {
		from, to string
		serve    []string
	}{
		{first, redis, []string{"serve", "--redis", redis}},
		{redis, second, []string{"serve", "--data", second}},
	} {
		out, said, code := command(t, "move", "--from", way.from, "--to", way.to)
		if code != 0 || !regexp.MustCompile(fmt.Sprintf(`(?m)^ +%d +%[1]d +subscriptions$`, subscriptions)).MatchString(out) ||
			!strings.Contains(said, fmt.Sprintf("verified %d subscriptions", subscriptions)) {
			t.Fatalf("code %d, said %s, printed\n%s", code, said, out)
		}
		if _, said, code := command(t, "move", "--from", way.from, "--to", way.to); code != 1 || !strings.Contains(said, "not empty") {
			t.Errorf("moving there again: code %d, %s", code, said)
		}
		url, stop := service(t, way.serve...)
		_, live := get(t, url+"/v1/live/poll?wait=20s&cursor="+cursor)
		for _, id := range ids {
			if !strings.Contains(live, id) {
				t.Errorf("item %s does not reach the reader: %s", id, live)
			}
		}
		if strings.Contains(live, `"reset"`) || strings.Contains(live, "Before the reader came") {
			t.Errorf("the reader is sent the front anew: %s", live)
		}
		if _, moved := get(t, url+"/v1/alerts/key"); moved != key {
			t.Errorf("browsers subscribed with %s, the key is %s", key, moved)
		}
		ids = append(ids, post(url, "News from the new place"))
		if _, said, code := command(t, "move", "--from", way.to, "--to", filepath.Join(t.TempDir(), "x")); code != 1 || !strings.Contains(said, "stop all that runs on it") {
			t.Errorf("moving from what is served: code %d, %s", code, said)
		}
		if code := stop(); code != 0 {
			t.Errorf("the service ended with %d", code)
		}
	}
}

// cutter is a standard error that ends the program after so many lines.
type cutter struct {
	bytes.Buffer
	lines int
	cut   context.CancelFunc
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.lines -= bytes.Count(p, []byte("\n")); c.lines <= 0 {
		c.cut()
	}
	return c.Buffer.Write(p)
}

// TestMoveInterrupted ends moves while they copy, verify and finish. What they
// leave is not served, and another move puts it right.
func TestMoveInterrupted(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	subscribeAll(t, source, 100)
	redis, dir := startRedis(t), filepath.Join(t.TempDir(), "target")
	for _, to := range []struct{ place, flag string }{{redis, "--redis"}, {dir, "--data"}} {
		for lines := 1; lines <= 4; lines++ { // the log and the subscriptions, copied and verified
			ctx, cancel := context.WithCancel(t.Context())
			said := &cutter{lines: lines, cut: cancel}
			if code := run(ctx, []string{"move", "--from", source, "--to", to.place}, io.Discard, said); code != 1 || !strings.Contains(said.String(), "interrupted") {
				t.Fatalf("%d lines: code %d, said %s", lines, code, said)
			}
			_, refused, code := command(t, "serve", to.flag, to.place, "--listen", "127.0.0.1:0")
			if code != 1 || !strings.Contains(refused, "half a move") {
				t.Fatalf("%d lines: served with code %d, said %s", lines, code, refused)
			}
		}
		if _, said, code := command(t, "move", "--from", source, "--to", to.place); code != 0 {
			t.Fatalf("moving at last: %s", said)
		}
		_, stop := service(t, "serve", to.flag, to.place)
		if code := stop(); code != 0 {
			t.Errorf("served with code %d", code)
		}
	}
}

// killed starts a move as a process and kills it while it copies; false if it
// was faster.
func killed(t *testing.T, args ...string) bool {
	t.Helper()
	program := exec.Command(os.Args[0], append([]string{"move"}, args...)...)
	program.Env = append(os.Environ(), asProgram+"=1")
	log, err := program.StderrPipe()
	if err == nil {
		err = program.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(log); lines.Scan() && !strings.HasPrefix(lines.Text(), "copied"); {
	}
	_ = program.Process.Kill() // an error if it has ended
	_ = program.Wait()
	return !program.ProcessState.Success()
}

// TestMoveKilled leaves what a crash leaves.
func TestMoveKilled(t *testing.T) {
	source, home, redis := filepath.Join(t.TempDir(), "source"), t.TempDir(), startRedis(t)
	subscribeAll(t, source, 5000)
	for name, target := range map[string]func(try int) (move, serve []string){
		"Redis": func(try int) (move, serve []string) {
			prefix := fmt.Sprint("--redis-prefix=site", try)
			return []string{"--to", redis, prefix}, []string{"serve", "--redis", redis, prefix}
		},
		"directory": func(try int) (move, serve []string) {
			dir := filepath.Join(home, fmt.Sprint(try))
			return []string{"--to", dir}, []string{"serve", "--data", dir}
		},
	} {
		for try := 1; ; try++ {
			move, serve := target(try)
			move = append(move, "--from", source)
			if !killed(t, move...) {
				continue
			}
			_, refused, code := command(t, append(serve, "--listen", "127.0.0.1:0")...)
			if code != 1 || !strings.Contains(refused, "half a move") {
				t.Fatalf("%s: served with code %d, said %s", name, code, refused)
			}
			if _, said, code := command(t, append([]string{"move"}, move...)...); code != 0 {
				t.Fatalf("%s: moving once more: %s", name, said)
			}
			_, stop := service(t, serve...)
			if code := stop(); code != 0 {
				t.Errorf("%s: served with code %d", name, code)
			}
			break
		}
	}
}

func TestMoveRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "nothing")
	text := t.TempDir()
	if err := os.WriteFile(filepath.Join(text, sqlite.File), []byte(strings.Repeat("x", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	redis := startRedis(t)
	for name, c := range map[string]struct{ from, to, says string }{
		"nothing there":  {empty, redis, "no store of Crier's"},
		"an empty Redis": {redis, empty, "no store of Crier's"},
		"no database":    {text, redis, "not a database"},
		"no Redis":       {"redis://:secret@127.0.0.1:1", empty, "127.0.0.1:1"},
		"not an address": {"http://127.0.0.1:1", empty, "not a Redis URL"},
		"a bogus option": {"redis://127.0.0.1:1?bogus=1", empty, "bogus"},
	} {
		_, said, code := command(t, "move", "--from", c.from, "--to", c.to)
		if code != 1 || !strings.Contains(said, c.says) || strings.Contains(said, "secret") {
			t.Errorf("%s: code %d, said %s", name, code, said)
		}
	}
	if _, err := os.Stat(empty); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was refused left something behind: %v", err)
	}
}
