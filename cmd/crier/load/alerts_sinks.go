package load

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// sinks are the push services of a run, each a process.
type sinks struct {
	all   []*sinkProcess
	roots *x509.CertPool
}

type sinkProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	hello
}

// startSinks starts so many. End them when done.
func startSinks(ctx context.Context, program []string, n int) (_ *sinks, err error) {
	s := &sinks{roots: x509.NewCertPool()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	for range n {
		cmd := exec.CommandContext(ctx, program[0], program[1:]...) //nolint:gosec // it is the caller's own program
		cmd.Stderr = os.Stderr
		p := &sinkProcess{cmd: cmd}
		if p.in, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("start a sink: %w", err)
		}
		p.out = json.NewDecoder(bufio.NewReader(out))
		s.all = append(s.all, p)
		if err := p.out.Decode(&p.hello); err != nil {
			return nil, fmt.Errorf("a sink: %w", err)
		}
		s.roots.AppendCertsFromPEM([]byte(p.Cert))
	}
	return s, nil
}

// addrs are where they listen.
func (s *sinks) addrs() (out []string) {
	for _, p := range s.all {
		out = append(out, p.Addr)
	}
	return out
}

// tell gives all of them an order, and is what they have counted before it.
func (s *sinks) tell(o order) (sum sunk, err error) {
	line, err := json.Marshal(o)
	if err != nil {
		return sum, err
	}
	for _, p := range s.all {
		var c sunk
		if _, err := p.in.Write(append(line, '\n')); err != nil {
			return sum, fmt.Errorf("a sink: %w", err)
		}
		if err := p.out.Decode(&c); err != nil {
			return sum, fmt.Errorf("a sink: %w", err)
		}
		sum.Requests += c.Requests
		sum.Accepted += c.Accepted
		sum.Opened += c.Opened
		sum.Repeated += c.Repeated
		sum.Wrong += c.Wrong
		sum.Conns += c.Conns
		if c.Problem != "" {
			sum.Problem = c.Problem
		}
		for topic, at := range c.Firsts {
			if sum.Firsts == nil {
				sum.Firsts = map[string]int64{}
			}
			if have := sum.Firsts[topic]; have == 0 || at < have {
				sum.Firsts[topic] = at
			}
		}
	}
	return sum, nil
}

// end ends the processes.
func (s *sinks) end() error {
	var errs []error
	for _, p := range s.all {
		errs = append(errs, p.in.Close(), p.cmd.Wait())
	}
	return errors.Join(errs...)
}
