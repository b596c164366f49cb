package browsertest

import (
	"slices"
	"strings"
	"sync"
)

// faults collects what a page did wrong by itself. Faults are added by the
// goroutine that reads from the browser.
type faults struct {
	mu      sync.Mutex
	found   []string
	allowed []string
}

func (f *faults) add(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = append(f.found, s)
}

func (f *faults) allow(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.allowed = append(f.allowed, text)
}

func (f *faults) unexpected() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.found), func(s string) bool {
		return slices.ContainsFunc(f.allowed, func(a string) bool { return strings.Contains(s, a) })
	})
}
