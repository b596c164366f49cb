package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test's program be a peer, as the program itself can.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-peer" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestField: every peer serves its readers, nothing is missing or repeated, and
// every figure has been taken.
func TestField(t *testing.T) {
	var out, progress bytes.Buffer
	if err := run(context.Background(), []string{"-readers", "50", "-rounds", "1", "-items", "3", "-rate", "50", "-idle", "0s", "-full", "100ms", "-json"}, &out, &progress); err != nil {
		t.Fatal(err)
	}
	found := map[string][]figures{}
	for d := json.NewDecoder(&out); ; {
		var f figures
		if err := d.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if f.Missing+f.Repeated > 0 || min(f.Handshakes, f.FullRate, f.P50, f.P99, f.Last) <= 0 || f.P50 > f.P99 {
			t.Errorf("%+v", f)
		}
		found[f.Peer] = append(found[f.Peer], f)
	}
	if len(found) != len(all) {
		t.Errorf("figures of %d peers, want %d", len(found), len(all))
	}
	var printed bytes.Buffer
	if err := table(&printed, options{Readers: 50}, 1, all, found); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(printed.String(), "\n"), len(rows)+3; got != want {
		t.Errorf("a table of %d lines, want %d:\n%s", got, want, printed.String())
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range []string{"-readers 0", "-peers nobody", "-bytes 5000", "-rate 0", "-full -1s", "-peer nobody"} {
		if err := run(context.Background(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

// TestTake: messages are counted once, wherever the reads cut them.
func TestTake(t *testing.T) {
	msg := func(n string) []byte {
		text := `{"type":"entry","story":"field-` + n + `"}` + strings.Repeat(" ", 200)
		return append([]byte{0x81, 126, 0, byte(len(text))}, text...)
	}
	beat := append([]byte{0x81, 15}, `{"type":"beat"}`...)
	stream := bytes.Join([][]byte{beat, msg("0"), msg("1"), beat, msg("1"), msg("3")}, nil)
	for size := 1; size <= len(stream); size += 7 {
		c := &crowd{members: make([]member, 1), out: make(chan int, 8)}
		for range 4 {
			c.begin()
		}
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			if err := c.take(&c.members[0], bytes.Clone(rest[:n]), c.items[0].began); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if len(c.out) != 3 || c.missing != 1 || c.repeated != 1 || len(c.look()) != 3 {
			t.Errorf("in reads of %d: %d came, %d missing, %d repeated", size, len(c.out), c.missing, c.repeated)
		}
	}
}
