package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"crier/news"
)

// TestFullDisk has the database reach a bound on its size, which SQLite
// reports as it does a full disk.
func TestFullDisk(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	var pages int
	if err := e.writer.c.row(t.Context(), "PRAGMA page_count", nil, &pages); err != nil {
		t.Fatal(err)
	}
	onWriter(t, e, fmt.Sprintf("PRAGMA max_page_count = %d", pages+20))
	big := func(i int) news.Draft {
		d := testDraft(fmt.Sprint("n", i))
		d.Item.Summary = strings.Repeat("x", 3000)
		return d
	}
	kept := uint64(0)
	var full error
	for i := 0; full == nil; i++ {
		if i == 1000 {
			t.Fatal("the disk does not get full")
		}
		var r news.Receipt
		if r, full = e.Append(t.Context(), testKey(fmt.Sprint("k", i), "b"), big(i)); full == nil {
			kept = r.Entry.Offset
		}
	}
	if !errors.Is(full, news.ErrUnavailable) || !strings.Contains(full.Error(), "append entry: the log is unavailable: ") ||
		!strings.Contains(full.Error(), "full") {
		t.Fatalf("append to a full disk: %v", full)
	}
	// Again and again, alone and together, nothing of it is kept.
	queued(t, e, 20, func(i int) {
		if _, err := e.Append(t.Context(), testKey(fmt.Sprint("late", i), "b"), big(1000+i)); !errors.Is(err, news.ErrUnavailable) {
			t.Errorf("append to a full disk: %v", err)
		}
	})
	if kept == 0 || offsetOf(t, e) != kept {
		t.Fatalf("the head is at %d; %d was the last acknowledged", offsetOf(t, e), kept)
	}
	entries, err := e.Since(t.Context(), news.Cursor{}, 1000)
	if err != nil || uint64(len(entries)) != kept {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	items, err := e.Items(t.Context(), news.Query{Limit: 1000})
	if err != nil || uint64(len(items)) != kept {
		t.Fatalf("%d items, %v", len(items), err)
	}
	// With room again the same call succeeds.
	onWriter(t, e, "PRAGMA max_page_count = 100000")
	if r := mustAppend(t, e, testKey("late0", "b"), big(1000)); r.Replayed || r.Entry.Offset != kept+1 {
		t.Fatalf("append once there is room: %+v", r)
	}
}

func TestReadOnly(t *testing.T) {
	e := openTest(t, t.TempDir(), Options{})
	mustAppend(t, e, news.Key{}, testDraft("n1"))
	onWriter(t, e, "PRAGMA query_only = ON")
	if _, err := e.Append(t.Context(), news.Key{}, testDraft("n2")); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("append: %v", err)
	}
	if _, err := e.PutSubscription(t.Context(), testSubscription(1)); !errors.Is(err, news.ErrUnavailable) {
		t.Fatalf("put subscription: %v", err)
	}
	onWriter(t, e, "PRAGMA query_only = OFF")
	if r := mustAppend(t, e, news.Key{}, testDraft("n2")); r.Entry.Offset != 2 {
		t.Fatalf("append once it is writable: %+v", r)
	}
}
