package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crier/news"
)

// TestTrouble: an outage is told once a minute by each operation, anything
// else each time, and the end of our own context never.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &Service{o: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		down := fmt.Errorf("claim: %w", news.ErrUnavailable)
		for range 150 { // seconds
			s.trouble(t.Context(), "look for work", down)
			s.trouble(t.Context(), "read the log", down)
			s.trouble(t.Context(), "claim a range", nil)
			time.Sleep(time.Second)
		}
		for range 2 {
			s.trouble(t.Context(), "claim a range", errors.New("odd"))
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		s.trouble(over, "claim a range", context.Canceled)
		for what, want := range map[string]int{"look for work": 3, "read the log": 3, "claim a range": 2} {
			if got := strings.Count(log.String(), fmt.Sprintf("op=%q", what)); got != want {
				t.Errorf("%q is told %d times, want %d", what, got, want)
			}
		}
	})
}
