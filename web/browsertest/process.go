package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long anything may take before the test fails. It is meant
// for a slow machine that is busy with other tests: no success waits for it.
const Patience = 60 * time.Second

// warden starts the browser and kills its whole process group when its own
// standard input ends: when the test closes it, and just as well when the test
// binary dies without a chance to clean up.
const warden = `"$@" </dev/null & exec >/dev/null 2>&1; read -r _; kill -KILL 0`

// start runs the first of names that is installed and returns what the group
// of the regular expression address finds in its standard error.
func start(t testing.TB, install string, names, args []string, home, address string) string {
	t.Helper()
	var path string
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatalf("none of %s is installed; install it with: %s", strings.Join(names, ", "), install)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", warden, "warden", path}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A home of its own keeps the browser's caches and crash dumps out of the
	// developer's.
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home,
		"MOZ_CRASHREPORTER_DISABLE=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &says{address: regexp.MustCompile(address), found: make(chan string, 1), ended: make(chan struct{})}
	go s.read(stderr)
	t.Cleanup(func() {
		_ = stdin.Close() // the warden kills the group, itself included
		select {
		case <-s.ended: // every process that could write has ended
		case <-time.After(Patience):
			t.Errorf("%s did not end", path)
		}
		_ = cmd.Wait() // killed: the error says no more
		if t.Failed() {
			t.Logf("%s said last:\n%s", path, s.tail())
		}
	})
	select {
	case a := <-s.found:
		return a
	case <-s.ended:
		t.Fatalf("%s ended before it said where it listens", path)
	case <-time.After(Patience):
		t.Fatalf("%s did not say where it listens", path)
	}
	return ""
}

// says keeps the last lines that a browser wrote.
type says struct {
	address *regexp.Regexp
	found   chan string
	ended   chan struct{}

	mu    sync.Mutex
	lines []string
}

func (s *says) read(r io.Reader) {
	defer close(s.ended)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		s.add(strings.TrimRight(line, "\n"))
		if err != nil {
			return
		}
	}
}

func (s *says) add(line string) {
	if m := s.address.FindStringSubmatch(line); m != nil {
		select {
		case s.found <- m[1]:
		default: // said twice
		}
	}
	if strings.Contains(line, ":dbus/") {
		return // Chromium misses its desktop in dozens of lines
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines = append(s.lines, line); len(s.lines) > 100 {
		s.lines = s.lines[50:]
	}
}

func (s *says) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// profile makes a directory that is removed after the browser in it has ended.
func profile(t testing.TB) string {
	t.Helper()
	// Not t.TempDir: its long names overflow the paths of the browsers' sockets.
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("remove the browser's profile: %v", err)
		}
	})
	return dir
}

// limited is a context for one exchange with a browser.
func limited(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(t.Context(), Patience, fmt.Errorf("not done after %v", Patience))
}
