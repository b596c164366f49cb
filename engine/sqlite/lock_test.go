package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"crier/desk"
)

// envServe makes this test binary, run again, a server of the directory.
const envServe = "CRIER_SQLITE_SERVE"

func TestSecondProcessIsRefused(t *testing.T) {
	if dir := os.Getenv(envServe); dir != "" {
		e, err := Open(context.Background(), dir, Options{})
		fmt.Println("opened", err)
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil { // until killed
			fmt.Println(e.Close())
		}
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), envServe+"="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "opened <nil>\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	_, err = Open(t.Context(), dir, Options{})
	if want := fmt.Sprintf("in use by another process (process %d)", cmd.Process.Pid); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("opening what a child serves: %v", err)
	}
	// An operator's command works beside it.
	beside := openTest(t, dir, Options{Beside: true})
	_, k, err := desk.NewKey("Night desk", desk.RoleChief, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := beside.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	e := openTest(t, dir, Options{})
	if got, err := e.KeyHolder(t.Context(), k.Sum); err != nil || got != k.Editor {
		t.Fatalf("the key put beside the child: %+v, %v", got, err)
	}
}

func TestBeside(t *testing.T) {
	dir := t.TempDir()
	_, k, err := desk.NewKey("Night desk", desk.RoleAdmin, testTime)
	if err != nil {
		t.Fatal(err)
	}
	// In a directory that nothing has been in yet.
	first := openTest(t, dir, Options{Beside: true})
	if err := first.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	// A server can start meanwhile, and sees what was put and what is.
	server := openTest(t, dir, Options{})
	if _, err := server.KeyHolder(t.Context(), k.Sum); err != nil {
		t.Fatal(err)
	}
	second := openTest(t, dir, Options{Beside: true})
	if err := second.RevokeKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := server.KeyHolder(t.Context(), k.Sum); !errors.Is(err, desk.ErrNoKey) {
		t.Fatalf("a key revoked beside the server: %v", err)
	}
	// The server still holds the directory.
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second server: %v", err)
	}
}
