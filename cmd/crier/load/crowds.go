package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// crowdSize is the most readers of one process, which may hold few descriptors.
const crowdSize = 10_000

// crowds are the processes of a run whose readers storm.
type crowds struct {
	all []*crowdProcess

	mu     sync.Mutex // guards writing to them
	settle time.Duration
}

type crowdProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *json.Decoder
	back chan time.Time // closed if it never says so
	rest chan final     // its last answer
}

type final struct {
	share *share
	err   error
}

// startCrowds has those who are to storm join, at once, and notes how long that
// takes: from when the first process begins to until all have joined.
func (r *run) startCrowds(ctx context.Context) (_ *crowds, err error) {
	c := &crowds{settle: r.o.Settle}
	n := (r.o.Storm + crowdSize - 1) / crowdSize
	for range n {
		p, err := r.startCrowd(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start a crowd: %w", err), c.end())
		}
		c.all = append(c.all, p)
	}
	began, left, first := time.Now(), r.o.Storm, r.o.Readers-r.o.Storm
	for i, p := range c.all {
		m := muster{URLs: r.o.URLs, Hosts: r.o.Hosts, Name: r.name, First: first, Readers: left / (n - i), Items: len(r.items), AtOnce: atOnce / n}
		first, left = first+m.Readers, left-m.Readers
		if err := json.NewEncoder(p.in).Encode(m); err != nil {
			return nil, errors.Join(fmt.Errorf("a crowd: %w", err), c.end())
		}
	}
	for _, p := range c.all {
		a, err := p.answer()
		if err != nil {
			return nil, errors.Join(err, c.end())
		}
		r.storm.bare = max(r.storm.bare, a.Joined.Sub(began))
	}
	for _, p := range c.all {
		go p.listen()
	}
	return c, nil
}

func (r *run) startCrowd(ctx context.Context) (*crowdProcess, error) {
	program := r.o.CrowdProgram
	if r.o.Nice > 0 {
		program = append([]string{"nice", "-n", strconv.Itoa(r.o.Nice)}, program...)
	}
	cmd := exec.CommandContext(ctx, program[0], program[1:]...) //nolint:gosec // it is the caller's own program
	cmd.Stderr = os.Stderr
	p := &crowdProcess{cmd: cmd, back: make(chan time.Time, 1), rest: make(chan final, 1)}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.said = json.NewDecoder(bufio.NewReader(out))
	return p, cmd.Start()
}

// answer is the next one.
func (p *crowdProcess) answer() (a answer, err error) {
	if err = p.said.Decode(&a); err == nil && a.Problem != "" {
		err = errors.New(a.Problem)
	}
	if err != nil {
		return a, fmt.Errorf("a crowd: %w", err)
	}
	return a, nil
}

// listen takes the answers after the first, until the last.
func (p *crowdProcess) listen() {
	defer close(p.back)
	for {
		a, err := p.answer()
		switch {
		case err != nil || a.Share != nil:
			p.rest <- final{a.Share, err}
			return
		case !a.Back.IsZero():
			p.back <- a.Back
		}
	}
}

// tell gives all of them an order.
func (c *crowds) tell(o signal) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.all {
		if _, err := p.in.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("a crowd: %w", err)
		}
	}
	return nil
}

// allBack waits until all readers are back and says when the last was; zero if
// one never is, or if ctx ends.
func (c *crowds) allBack(ctx context.Context) (last time.Time) {
	for _, p := range c.all {
		select {
		case at := <-p.back:
			if at.IsZero() { // closed
				return at
			}
			if at.After(last) {
				last = at
			}
		case <-ctx.Done():
			return time.Time{}
		}
	}
	return last
}

// finish waits until they have all that was posted, and returns their shares.
func (c *crowds) finish(posted int) (shares []*share, err error) {
	if err := c.tell(signal{Posted: &posted, Settle: int64(c.settle)}); err != nil {
		return nil, err
	}
	for _, p := range c.all {
		f := <-p.rest
		if f.err != nil {
			return nil, f.err
		}
		shares = append(shares, f.share)
	}
	return shares, nil
}

// end ends the processes.
func (c *crowds) end() error {
	var errs []error
	for _, p := range c.all {
		errs = append(errs, p.in.Close())
	}
	for _, p := range c.all {
		errs = append(errs, p.cmd.Wait())
	}
	return errors.Join(errs...)
}
