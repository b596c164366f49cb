package browsertest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestMissingBrowserFails(t *testing.T) {
	said := record(t, func(t testing.TB) {
		start(t, "apt-get install none", []string{"no-such-browser"}, nil, t.TempDir(), `(.)`)
	})
	if len(said) != 1 || !strings.Contains(said[0], "install it with: apt-get install none") {
		t.Errorf("failed with %q", said)
	}
}

func TestBrowserThatEndsFails(t *testing.T) {
	said := record(t, func(t testing.TB) {
		start(t, "", []string{"sh"}, []string{"-c", "echo sorry >&2"}, t.TempDir(), `listening on (.*)`)
	})
	if len(said) != 1 || !strings.Contains(said[0], "ended before it said") {
		t.Errorf("failed with %q", said)
	}
}

// TestProcessesEnd has a browser's grandchild end with the test.
func TestProcessesEnd(t *testing.T) {
	var pid int
	t.Run("inner", func(t *testing.T) {
		a := start(t, "", []string{"sh"}, []string{"-c", `sh -c 'echo listening on $$ >&2; exec sleep 1000'; true`},
			t.TempDir(), `listening on (.*)`)
		if _, err := fmt.Sscan(a, &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); err != nil {
			t.Fatalf("the grandchild %d does not run: %v", pid, err)
		}
	})
	if alive(pid) {
		t.Errorf("the grandchild %d runs on", pid)
	}
}

// TestWardenOutlivesNobody kills the process that holds the warden's input.
func TestWardenOutlivesNobody(t *testing.T) {
	if os.Getenv("BROWSERTEST_HOLDER") == "yes" {
		cmd := exec.Command("/bin/sh", "-c", warden, "warden", "sh", "-c", "echo $$ >&2; exec sleep 1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Stderr = os.Stderr
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed before it returns
	}
	holder := exec.Command(os.Args[0], "-test.run=^TestWardenOutlivesNobody$")
	holder.Env = append(os.Environ(), "BROWSERTEST_HOLDER=yes")
	stderr, err := holder.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stderr)
	line, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatal(err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := said.WriteTo(&bytes.Buffer{}); err != nil { // until the grandchild's end closes it
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	if alive(pid) {
		t.Errorf("the grandchild %d runs on", pid)
	}
}

// alive reports whether a process runs: neither gone nor a zombie that its
// new parent has not yet buried.
func alive(pid int) bool {
	stat, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	return err == nil && !bytes.HasPrefix(stat, []byte("Z"))
}
