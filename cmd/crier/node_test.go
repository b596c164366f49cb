package main

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// testNode is a service that runs in this process.
type testNode struct {
	url, admin string
	stop       func() int // ends it in peace and returns its exit code
	stopped    bool
	said       func() string // its log so far
}

// service runs serve, or another command that serves, in this process. stop
// ends it in peace and returns its exit code.
func service(t *testing.T, args ...string) (url string, stop func() int) {
	t.Helper()
	n := runService(t, args...)
	return n.url, n.stop
}

// startNode is service for serve alone, with all that a test may ask of it.
func startNode(t *testing.T, args ...string) *testNode {
	t.Helper()
	return runService(t, append([]string{"serve"}, args...)...)
}

func runService(t *testing.T, args ...string) *testNode {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{args[0], "--listen", "127.0.0.1:0", "--drain-window", "10ms"}, args[1:]...), io.Discard, w)
		_ = w.Close()
	}()
	n := listening(t, r)
	n.stop = func() int {
		if n.stopped {
			return 0
		}
		n.stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { n.stop() })
	return n
}

var (
	publicLine = regexp.MustCompile(`msg=listening .*url=(\S+)`)
	adminLine  = regexp.MustCompile(`msg="listening for operators" admin=(\S+)`)
)

// listening reads a service's log until it says where it listens, and goes on
// reading behind.
func listening(t *testing.T, log io.Reader) *testNode {
	t.Helper()
	var mu sync.Mutex
	var said strings.Builder
	n := &testNode{said: func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}}
	up := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			mu.Lock()
			said.WriteString(lines.Text() + "\n")
			mu.Unlock()
			if m := adminLine.FindStringSubmatch(lines.Text()); m != nil {
				n.admin = "http://" + m[1]
			}
			if m := publicLine.FindStringSubmatch(lines.Text()); m != nil {
				n.url = m[1]
				up <- true
			}
		}
		close(up)
	}()
	if !<-up {
		t.Fatalf("the service ended: %s", n.said())
	}
	return n
}
