package redis

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"crier/engine/enginetest"
	"crier/engine/redis/redistest"
)

// TestConformance has three nodes on one server.
func TestConformance(t *testing.T) {
	var s *redistest.Server
	enginetest.Run(t, harness(func() string {
		if s == nil {
			s = redistest.Start(t)
		}
		return s.URL()
	}, func(t testing.TB) func(testing.TB) { return s.Save(t) }))
}

// TestClusterConformance has three nodes on a Cluster of three masters.
func TestClusterConformance(t *testing.T) {
	var c *redistest.Cluster
	enginetest.Run(t, harness(func() string {
		if c == nil {
			c = redistest.StartCluster(t)
		}
		return c.URL()
	}, func(t testing.TB) func(testing.TB) { return c.Save(t) }))
}

// harness gives each store a prefix of its own. up starts the servers when it
// is first called: the suite's children, which open stores only, start none.
func harness(up func() (url string), save func(testing.TB) func(testing.TB)) enginetest.Harness {
	stores := 0
	return enginetest.Harness{
		Create: func(testing.TB) string {
			stores++
			return fmt.Sprintf("%s store%d", up(), stores)
		},
		Open: func(ctx context.Context, address string) (enginetest.Engine, error) {
			url, prefix, _ := strings.Cut(address, " ")
			return Open(ctx, url, Options{Prefix: prefix})
		},
		Nodes: 3,
		Save:  func(t testing.TB, _ string) func(testing.TB) { return save(t) },
	}
}
