package newstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crier/news"
	"crier/news/newstest"
)

// TestFollowed: whatever the doorbell's mood, news.Follow yields the suffix.
func TestFollowed(t *testing.T) {
	for d := newstest.Rings; d <= newstest.Empty; d++ {
		t.Run(fmt.Sprint(int(d)), func(t *testing.T) {
			l := newstest.New()
			l.Post("before")
			l.SetDoorbell(d)
			go func() {
				for i := range 20 {
					l.Post(fmt.Sprint("headline ", i))
				}
			}()
			done := errors.New("done")
			next := uint64(1)
			o := news.FollowOptions{Quiet: 5 * time.Millisecond}
			err := news.Follow(t.Context(), l, news.Cursor{}, o, func(entries []news.Entry) error {
				for _, e := range entries {
					if e.Offset != next {
						t.Errorf("got offset %d, want %d", e.Offset, next)
					}
					next++
				}
				if next == 22 {
					return done
				}
				return nil
			})
			if !errors.Is(err, done) {
				t.Fatal(err)
			}
		})
	}
}

func TestLostHistory(t *testing.T) {
	ctx := context.Background()
	l := newstest.New()
	first := l.Post("first")
	for range 5 {
		l.Post("more")
	}
	l.Trim(2)
	for offset, lost := range []bool{true, true, true, true, false, false, false, true} {
		_, err := l.Since(ctx, news.Cursor{Epoch: first.Cursor.Epoch, Offset: uint64(offset)}, 1)
		if errors.Is(err, news.ErrCursorLost) != lost {
			t.Errorf("since %d of 6, trimmed to 2: %v", offset, err)
		}
	}
	l.Restore(3)
	if _, err := l.Since(ctx, first.Cursor, 1); !errors.Is(err, news.ErrCursorLost) {
		t.Errorf("a cursor of the lost epoch was taken: %v", err)
	}
	front, err := l.Front(ctx, 2)
	if err != nil || front.Cursor.Offset != 3 || len(front.Entries) != 2 || front.Entries[0].Offset != 3 {
		t.Errorf("front %+v, %v", front, err)
	}
}

func TestAppendIsStrict(t *testing.T) {
	ctx := context.Background()
	l := newstest.New()
	d, err := news.Post{Headline: "Headline"}.Draft("n1", "k", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key := news.Key{Value: "once", Sum: [32]byte{1}}
	for i, want := range []bool{false, true} {
		if r, err := l.Append(ctx, key, d); err != nil || r.Replayed != want || r.Cursor.Offset != 1 {
			t.Errorf("append %d: %+v, %v", i, r, err)
		}
	}
	if _, err := l.Append(ctx, news.Key{Value: "once"}, d); !errors.Is(err, news.ErrKeyReused) {
		t.Errorf("another body under the key: %v", err)
	}
	if _, err := l.Append(ctx, news.Key{}, d); !errors.Is(err, news.ErrConflict) {
		t.Errorf("version 1 twice: %v", err)
	}
	d.Kind, d.Item.ID = news.Updated, "n2"
	if _, err := l.Append(ctx, news.Key{}, d); !errors.Is(err, news.ErrNoItem) {
		t.Errorf("an update of nothing: %v", err)
	}
}
