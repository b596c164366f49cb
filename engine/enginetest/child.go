package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// The environment of a child process.
const (
	envRole    = "CRIER_ENGINETEST_CHILD" // append or send
	envAddress = "CRIER_ENGINETEST_ADDRESS"
	envRound   = "CRIER_ENGINETEST_ROUND"
)

func isChild() bool { return os.Getenv(envRole) != "" }

// runChild does the child's work, saying on standard output what it has been
// told, until it is killed or has nothing left to do.
func runChild(h Harness) {
	round, err := strconv.Atoi(os.Getenv(envRound))
	if err == nil {
		var e Engine
		if e, err = h.Open(context.Background(), os.Getenv(envAddress)); err == nil {
			switch os.Getenv(envRole) {
			case "append":
				err = childAppends(e, round)
			case "send":
				err = childSends(e, round)
			}
		}
	}
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println("finished")
	os.Exit(0)
}

// lives starts a child, lets it say so many lines and kills it a pause after.
// It returns all that the child said.
func (s *store) lives(t *testing.T, role string, round, lines int, pause time.Duration) [][]string {
	t.Helper()
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	pattern, _, _ = strings.Cut(pattern, "/") // Run is in the test itself
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern)
	cmd.Env = append(os.Environ(), envRole+"="+role, envAddress+"="+s.address, envRound+"="+strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	var said [][]string
	kill := time.NewTimer(pause) // if it need say nothing, it dies while it opens the store
	if lines > 0 {
		kill.Stop()
	}
	in := make(chan []string)
	go func() {
		defer close(in)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil { // half a line was not said
				return
			}
			in <- strings.Fields(line)
		}
	}()
	for {
		select {
		case words, more := <-in:
			if !more {
				_ = cmd.Wait() // "signal: killed", mostly
				return said
			}
			if words[0] == "failed" {
				t.Fatalf("the child failed: %s", strings.Join(words[1:], " "))
			}
			if said = append(said, words); len(said) == lines {
				kill.Reset(pause)
			}
		case <-kill.C:
			ok(t, cmd.Process.Kill())
		}
	}
}

// sayer writes whole lines.
type sayer struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sayer) say(words ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.w, words...)
}

// childDraft is the nth append of a child's goroutine: items of three entries
// each. The name says which append it was.
func childDraft(round, lane, n int) (name string, key news.Key, d news.Draft) {
	id := fmt.Sprintf("n%d-%d-%d", round, lane, n/3)
	d = posted(id)
	if v := n % 3; v > 0 {
		d = revised(id, v, news.Updated)
	}
	name = fmt.Sprintf("%d,%d,%d", round, lane, n)
	return name, keyed(name, id), d
}

func childAppends(e Engine, round int) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	out := &sayer{w: os.Stdout}
	go func() { // what a reader is shown is as durable as what an editor is told
		head, err := e.Head(ctx)
		if err == nil {
			err = news.Follow(ctx, e, head, news.FollowOptions{}, func(es []news.Entry) error {
				for _, x := range es {
					out.say("saw", x.Offset, x.Item.ID, x.Item.Version)
				}
				return nil
			})
		}
		cancel(err)
	}()
	together(4, func(lane int) {
		for n := 0; ctx.Err() == nil; n++ {
			name, key, d := childDraft(round, lane, n)
			out.say("try", name)
			r, err := e.Append(ctx, key, d)
			if err != nil {
				cancel(err)
				return
			}
			out.say("ack", name, r.Entry.Offset)
		}
	})
	return context.Cause(ctx)
}

// killSubscribers is how many subscribers the children notify.
const killSubscribers = 2500

func childSends(e Engine, round int) error {
	ctx := context.Background()
	out := &sayer{w: os.Stdout}
	// The leases of those who were killed ended an hour ago.
	for now := base.Add(time.Duration(round) * time.Hour); ; {
		errs := make([]error, 4)
		together(3, func(i int) {
			w := newWalker(e, fmt.Sprint(round, "-", i), 25, func(_ push.Lease, d push.Delivery) fate {
				out.say("sent", d.Subscription.ID)
				switch {
				case d.Attempts == 0 && d.Subscription.ID[15]%5 == 0:
					return retry
				case d.Subscription.ID[15]%7 == 0:
					return gone
				}
				return accept
			})
			errs[i] = w.work(ctx, now)
		})
		next, err := e.NextDue(ctx, now)
		errs[3] = err
		if err := errors.Join(errs...); err != nil || next.IsZero() {
			return err
		}
		now = next
	}
}
