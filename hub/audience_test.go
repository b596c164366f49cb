package hub_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"crier/hub"
)

// TestAudience: readers are counted by what they read over and by what they
// want, as they come and as they go.
func TestAudience(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{Topics: []string{"world", "sport"}, DrainWindow: -1})
		expect := func(want hub.Audience) {
			t.Helper()
			var got hub.Audience
			until(t, fmt.Sprintf("%+v", want), func() bool {
				got = n.hub.Audience()
				got.Compressed = 0 // see tryDial
				return reflect.DeepEqual(got, want)
			})
		}
		expect(hub.Audience{Topics: map[string]int{"world": 0, "sport": 0}})
		all, world := n.dial(t, hub.Join{}), n.dial(t, hub.Join{Topics: []string{"world"}})
		both := n.dial(t, hub.Join{Topics: []string{"rare", "world"}})
		stream := n.openStream(t, hub.Join{Topics: []string{"rare", "world"}})
		defer stream.close()
		ctx, leave := context.WithCancel(context.Background())
		polled := make(chan error, 1)
		go func() {
			_, err := n.hub.Poll(ctx, hub.Join{}, time.Hour)
			polled <- err
		}()
		expect(hub.Audience{
			Readers: 5, WebSockets: 3, EventStreams: 1, Polls: 1, Everything: 2,
			Topics: map[string]int{"world": 3, "sport": 0, "rare": 2},
		})
		both.leave()
		stream.close()
		leave()
		if err := <-polled; err == nil {
			t.Error("who has gone has got an answer")
		}
		expect(hub.Audience{Readers: 2, WebSockets: 2, Everything: 1, Topics: map[string]int{"world": 1, "sport": 0}})
		all.leave()
		world.leave()
		expect(hub.Audience{Topics: map[string]int{"world": 0, "sport": 0}})
	})
}

// TestAudienceIsBounded: however many topics readers think of, those that
// count are always there.
func TestAudienceIsBounded(t *testing.T) {
	n := serve(t, nil, way{}, hub.Options{Topics: []string{"world"}, DrainWindow: -1})
	var clients []*client
	for i := range 150 {
		clients = append(clients, n.dial(t, hub.Join{Topics: []string{fmt.Sprint("a", i), fmt.Sprint("b", i), "world"}}))
	}
	a := n.hub.Audience()
	if len(a.Topics) != 101 || a.Topics["world"] != 150 || a.Others != 100 {
		t.Errorf("%d topics, %d read of the world and %d of others", len(a.Topics), a.Topics["world"], a.Others)
	}
	for _, c := range clients[10:] {
		c.leave()
	}
	until(t, "most to be gone", func() bool { return n.hub.Audience().Readers == 10 })
	if a := n.hub.Audience(); len(a.Topics) != 21 || a.Topics["world"] != 10 || a.Others != 0 {
		t.Errorf("%d topics, %d read of the world and %d of others", len(a.Topics), a.Topics["world"], a.Others)
	}
}
