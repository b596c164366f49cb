package engine

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"crier/news"
	"crier/push"
)

// sequence is the records, and err after them if it is not nil.
func sequence(err error, rs ...Record) iter.Seq2[Record, error] {
	return Records(func(put func(Record) error) error {
		for _, r := range rs {
			if err := put(r); err != nil {
				return err
			}
		}
		return err
	})
}

func TestCompare(t *testing.T) {
	broken := errors.New("broken")
	log := Log{Epoch: "e", Head: 2}
	one, two := Entry{Entry: news.Entry{Offset: 1}}, Entry{Entry: news.Entry{Offset: 2}}
	other := two
	other.By = "keditor"
	sub := Subscription{Subscription: push.Subscription{Endpoint: "https://push.example/secret"}}
	newer := sub
	newer.Born = 1
	for name, c := range map[string]struct {
		sent, arrived iter.Seq2[Record, error]
		err           error
		says          string
	}{
		"the same":           {sequence(nil, log, one, sub), sequence(nil, log, one, sub), nil, ""},
		"nothing":            {sequence(nil), sequence(nil), nil, ""},
		"one missing":        {sequence(nil, log, one, two), sequence(nil, log, one), ErrDiffers, "entry 2 is missing"},
		"one in the middle":  {sequence(nil, log, one, two), sequence(nil, log, two), ErrDiffers, "in the place of entry 1 is entry 2"},
		"one too many":       {sequence(nil, log), sequence(nil, log, one), ErrDiffers, "entry 1 was not sent"},
		"another":            {sequence(nil, two), sequence(nil, other), ErrDiffers, "entry 2"},
		"another's number":   {sequence(nil, sub), sequence(nil, newer), ErrDiffers, "subscription " + sub.Subscription.ID.String()},
		"sending breaks":     {sequence(broken, log), sequence(nil, log), broken, ""},
		"arriving breaks":    {sequence(nil, log, one), sequence(broken, log), broken, ""},
		"breaks at the end":  {sequence(nil, log), sequence(broken, log), broken, ""},
		"both break at once": {sequence(broken), sequence(broken), broken, ""},
	} {
		err := compare(c.sent, c.arrived)
		if !errors.Is(err, c.err) || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNames: every kind of record has a name that is not its type's.
func TestNames(t *testing.T) {
	for i, r := range []Record{Log{}, Entry{}, Item{}, Key{}, Editor{}, Secret{}, Alarm{}, Rate{}, Campaign{}, Nonce{}, Subscription{}, Retry{}} {
		if r.kind() != Kinds()[i] {
			t.Errorf("record %d is of the %s, want %s", i, r.kind(), Kinds()[i])
		}
		if n := name(r); strings.Contains(n, "engine.") {
			t.Errorf("%T is named %q", r, n)
		}
	}
}

func TestProgress(t *testing.T) {
	var told []string
	c := counter{verified: true, progress: func(k Kind, n int64, verified bool) { told = append(told, fmt.Sprintln(k, n, verified)) }}
	rs := []Record{Log{Head: 7}}
	for range progressStep {
		rs = append(rs, Subscription{})
	}
	rs = append(rs, Retry{}, Retry{})
	n := 0
	for _, err := range c.count(sequence(nil, rs...)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	want := []string{"log 1 true\n", fmt.Sprintf("subscriptions %d true\n", progressStep), "retries 2 true\n"}
	if n != len(rs) || c.log.Head != 7 || !reflect.DeepEqual(told, want) {
		t.Errorf("%d of %d records, told %q, want %q", n, len(rs), told, want)
	}
}

// TestOver is what engines decide in their own ways.
func TestOver(t *testing.T) {
	ends := time.UnixMilli(1e12)
	c := push.Campaign{Deadline: ends.Add(-push.ReceiptLife)}
	for after, over := range map[time.Duration]bool{-time.Millisecond: false, 0: false, time.Millisecond: true} {
		if Over(c, ends.Add(after)) != over {
			t.Errorf("over %v after the end: %v", after, !over)
		}
	}
}
