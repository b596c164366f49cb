package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crier/hub"
)

// TestDesksAreTold: what is for desks comes to every desk, over every
// transport, between the entries and in order, and to nobody else.
func TestDesksAreTold(t *testing.T) {
	onEveryWay(t, func(t *testing.T, w way) {
		n := serve(t, nil, w, hub.Options{Shards: 3, Beat: time.Hour, DrainWindow: -1})
		public := n.dial(t, hub.Join{})
		public.expect("hello 0")
		var desks []*client
		for range 4 {
			d := n.dial(t, hub.Join{Desk: true, Topics: []string{"sport"}})
			d.expect("hello 0")
			desks = append(desks, d)
		}
		stream := n.openStream(t, hub.Join{Desk: true})
		defer stream.close()
		stream.expect(t, "hello 0")
		until(t, "five desks", func() bool { return n.hub.Desks() == 5 })

		// What was said before they had a place is not made up for.
		told := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(told)
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				n.hub.TellDesks(t.Context(), []byte(`{"type":"begun"}`))
				select {
				case <-tick.C:
				case <-stop:
					return
				}
			}
		}()
		for _, d := range desks {
			d.expect("begun 0")
		}
		if m, err := stream.read(); err != nil || m.Type != "begun" || strings.Contains(stream.raw, "id:") { // which would be no cursor
			t.Fatalf("the stream has %q, %v", stream.raw, err)
		}
		close(stop)
		<-told
		for i := range 3 {
			n.hub.TellDesks(t.Context(), fmt.Appendf(nil, `{"type":"number%d"}`, i))
		}
		n.log.Post("sport's", "sport")
		for _, d := range desks {
			m, err := d.read()
			for err == nil && m.Type == "begun" {
				m, err = d.read()
			}
			if err != nil || m.Type != "number0" {
				t.Fatalf("got %v, %v", m, err)
			}
			d.expect("number1 0", "number2 0", "entry 1 posted sport's")
		}
		public.expect("entry 1 posted sport's") // and nothing else

		for _, d := range desks {
			d.leave()
		}
		until(t, "one desk", func() bool { return n.hub.Desks() == 1 })
		stream.close()
		until(t, "no desk", func() bool { return n.hub.Desks() == 0 })
		n.hub.TellDesks(t.Context(), []byte(`{"type":"nobody"}`))
		n.log.Post("more", "world")
		public.expect("entry 2 posted more")
	})
}
