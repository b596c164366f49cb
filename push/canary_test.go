package push

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crier/push/seal"
)

// JudgeCanary is for tests that have it fail.
func (s *Service) JudgeCanary(ctx context.Context, took time.Duration, err error) error {
	return s.judgeCanary(ctx, took, err)
}

// TestPerch: the canary's push service takes what is right, and nothing else.
func TestPerch(t *testing.T) {
	made, err := NewVAPID()
	if err != nil {
		t.Fatal(err)
	}
	vapid, err := ParseVAPID(made)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := newKeyring(vapid, "https://news.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, public := range map[string]string{"": vapid.Public(), "its signature is of another key": strings.Repeat("A", 87)} {
		s := &Service{keys: keys, o: Options{}}
		if err := s.o.complete(); err != nil {
			t.Fatal(err)
		}
		if name == "" {
			if err := s.flyCanary(t.Context()); err != nil {
				t.Errorf("the canary: %v", err)
			}
			continue
		}
		p, err := openPerch(t.Context(), public)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		client := &http.Client{Transport: newTransport(Hosts{named: map[string]bool{p.addr: true}}, p.roots)}
		defer client.CloseIdleConnections()
		resp, err := client.Post("https://"+p.addr+"/canary", "application/octet-stream", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !errors.Is(p.problem(), seal.ErrToken) || p.arrived([]byte("x")) == nil {
			t.Errorf("%s: answered %d, %v", name, resp.StatusCode, p.problem())
		}
	}
}
