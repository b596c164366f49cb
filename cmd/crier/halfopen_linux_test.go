package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestHalfOpenHandshakes opens 10,000 connections that never finish their
// request, and sees that readers and editors are served all the same, that
// memory stays within bounds, and that the connections are dropped.
func TestHalfOpenHandshakes(t *testing.T) {
	const connections = 10_000
	const mostPerConnection = 128 << 10 // with the race detector's own memory, most of it
	dir := t.TempDir()
	secret, _, _ := command(t, "keys", "create", "--role", "editor", "--name", "Ada", "--data", dir)
	secret = strings.TrimSpace(secret)

	// A process of its own: one may hold no more sockets than both ends need.
	program := exec.Command(os.Args[0], "serve", "--data", dir, "--listen", "127.0.0.1:0", "--drain-window", "10ms")
	program.Env = append(os.Environ(), asProgram+"=1")
	log, err := program.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = program.Process.Signal(syscall.SIGTERM)
		_ = program.Wait()
	}()
	url := listening(t, log).url
	before := rss(t, program.Process.Pid)

	addr := strings.TrimPrefix(url, "http://")
	dropped := make(chan struct{}, connections)
	var wg sync.WaitGroup
	for i := range connections {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%4))}}
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close() //nolint:errcheck // dropped by the other side
		if _, err := io.WriteString(c, "GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: webso"); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		wg.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
			if _, err := io.Copy(io.Discard, c); err == nil || !os.IsTimeout(err) {
				dropped <- struct{}{}
			}
		})
	}
	during := rss(t, program.Process.Pid)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reader, _, err := websocket.Dial(ctx, url+"/v1/live", nil)
	if err != nil {
		t.Fatalf("a reader cannot join: %v", err)
	}
	defer reader.CloseNow() //nolint:errcheck // the test is over
	if _, said, code := command(t, "post", "--url", url, "--key", secret, "The bell rings"); code != 0 {
		t.Fatalf("an editor cannot post: %s", said)
	}
	for {
		_, b, err := reader.Read(ctx)
		if err != nil {
			t.Fatalf("the item did not reach the reader: %v", err)
		}
		if strings.Contains(string(b), "The bell rings") {
			break
		}
	}
	wg.Wait()
	if n := len(dropped); n != connections {
		t.Errorf("%d of %d half-open connections were dropped", n, connections)
	}
	t.Logf("resident: %d kB before, %d kB with %d half-open handshakes", before>>10, during>>10, connections)
	if during-before > connections*mostPerConnection {
		t.Errorf("%d bytes for each half-open handshake", (during-before)/connections)
	}
}

// rss is the resident set of a process, in bytes.
func rss(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatal("no VmRSS")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
