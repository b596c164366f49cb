package news_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crier/news"
)

// TestTopicsLeftBehind: who read an item under a topic gets what becomes of
// it, however often it moves.
func TestTopicsLeftBehind(t *testing.T) {
	d, err := news.Post{Headline: "Headline", Topics: []string{"economy"}}.Draft("n1", "k1", noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		topics   []string
		formerly []string
		wanted   string // which of the topics' readers get it
	}{
		{[]string{"world"}, []string{"economy"}, "economy world"},
		{[]string{"world", "africa"}, []string{"economy"}, "africa economy world"},
		{nil, []string{"economy"}, "africa economy world"}, // topics not given: they stay
		{[]string{}, []string{"africa", "economy", "world"}, "africa economy world"},
		{[]string{"economy"}, []string{"africa", "world"}, "africa economy world"},
		{[]string{"economy", "africa", "world"}, nil, "africa economy world"},
	} {
		r := news.Revision{Kind: news.Updated}
		if step.topics != nil {
			r.Topics = &step.topics
		}
		if d, err = r.Draft(d.Item, "k1", noon); err != nil {
			t.Fatal(err)
		}
		var wanted []string
		for _, topic := range []string{"africa", "economy", "sport", "world"} {
			if d.Item.WantedBy([]string{"sport2", topic}) {
				wanted = append(wanted, topic)
			}
		}
		if !slices.Equal(d.Item.Formerly, step.formerly) || strings.Join(wanted, " ") != step.wanted {
			t.Errorf("at %v: formerly %v, wanted by %v; want %v, %s", d.Item.Topics, d.Item.Formerly, wanted, step.formerly, step.wanted)
		}
		if !d.Item.WantedBy(nil) {
			t.Error("not wanted by who asks for everything")
		}
	}
}

func TestTopicsLeftBehindAreBounded(t *testing.T) {
	it := news.Item{ID: "n1", Level: news.Regular, Language: "en"}
	var err error
	for n := 0; err == nil; n++ {
		topics := []string{fmt.Sprintf("t%d", n)}
		var d news.Draft
		if d, err = (news.Revision{Kind: news.Updated, Topics: &topics}).Draft(it, "k1", noon); err == nil {
			it = d.Item
		}
		if n > 2*news.MaxFormerly {
			t.Fatal("an item may leave topics without end")
		}
	}
	if len(it.Formerly) != news.MaxFormerly {
		t.Errorf("refused after %d topics: %v", len(it.Formerly), err)
	}
}
