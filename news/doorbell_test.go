package news_test

import (
	"testing"

	"crier/news"
)

func TestDoorbell(t *testing.T) {
	var bell news.Doorbell
	bell.Ring(news.Hint{}) // nobody listens
	one, stopOne := bell.Wake()
	two, stopTwo := bell.Wake()
	defer stopTwo()
	hint := news.Hint{Cursor: news.Cursor{Epoch: "e1", Offset: 1}}
	bell.Ring(hint)
	if a, b := <-one, <-two; a != hint || b != hint {
		t.Errorf("heard %v and %v", a, b)
	}
	stopOne()
	for range 1000 { // far more than a busy listener's channel holds: none waits
		bell.Ring(hint)
	}
	if len(one) != 0 {
		t.Errorf("who has stopped still hears %d hints", len(one))
	}
	if len(two) == 0 || len(two) == 1000 {
		t.Errorf("who is busy has %d of 1000 hints waiting", len(two))
	}
}
