package news_test

import (
	"slices"
	"strings"
	"testing"

	"crier/news"
)

func TestParseTopics(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("a,", news.MaxTopics+1), ",")
	for _, c := range []struct {
		in   string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{"world", []string{"world"}, true},
		{"world,africa,world", []string{"africa", "world"}, true},
		{"g7-2026", []string{"g7-2026"}, true},
		{strings.Repeat("a", 32), []string{strings.Repeat("a", 32)}, true},
		{strings.Repeat("a", 33), nil, false},
		{"World", nil, false},
		{"-a", nil, false},
		{"a-", nil, false},
		{"a,,b", nil, false},
		{"../../etc/passwd", nil, false},
		{"a/b", nil, false},
		{"a b", nil, false},
		{"a\x00", nil, false},
		{"%2e%2e", nil, false},
		{"wörld", nil, false},
		{many, nil, false},
		{strings.Repeat("a", 1<<20), nil, false},
	} {
		got, err := news.ParseTopics(c.in)
		if !slices.Equal(got, c.want) || (err == nil) != c.ok {
			t.Errorf("ParseTopics(%.40q) = %v, %v; want %v, ok %v", c.in, got, err, c.want, c.ok)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		asked, has string
		want       bool
	}{
		{"", "world", true},
		{"", "", true},
		{"world", "", false},
		{"world", "politics,world", true},
		{"sport", "politics,world", false},
		{"", "drill", false},
		{"", "drill-flood", false},
		{"world", "drill", false},
		{"drill", "drill", true},
		{"drill", "drill-flood", false},
		{"drill-flood,world", "drill-flood", true},
	} {
		split := func(s string) []string {
			out, err := news.ParseTopics(s)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := news.Wanted(split(c.asked), split(c.has)); got != c.want {
			t.Errorf("a reader of %q gets %q: %v, want %v", c.asked, c.has, got, c.want)
		}
	}
}

func FuzzParseTopics(f *testing.F) {
	for _, s := range []string{"", "a,b", "a,,b", "../x", "a-b,a-b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		topics, err := news.ParseTopics(s)
		if err != nil {
			return
		}
		again, err := news.ParseTopics(strings.Join(topics, ","))
		if err != nil || !slices.Equal(again, topics) || !slices.IsSorted(topics) || len(topics) > news.MaxTopics {
			t.Errorf("%q gave %q, which gives %q, %v", s, topics, again, err)
		}
	})
}
