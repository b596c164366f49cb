package push

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crier/news"
	"crier/push/seal"
)

var update = flag.Bool("update", false, "write the golden payloads anew")

func payloadCampaign(kind news.Kind) Campaign {
	at := time.Date(2026, 3, 1, 12, 30, 15, 250e6, time.UTC)
	return Campaign{
		Token: "AAECAwQFBgcICQoLDA0ODw", Entry: news.Entry{Kind: kind, Alert: true, Item: news.Item{
			ID: "n0123456789abcdef", Version: 1, Story: "harbour-bridge", Level: news.Bulletin, Language: "en", RevisedAt: at,
			Headline: `Harbour Bridge closed after ship strikes "north" pier & railing`,
			Summary:  "All lanes are shut.\nFerries are free until midnight.",
		}},
	}
}

// The golden payloads are what the browser's tests feed to the service worker.
func TestPayloads(t *testing.T) {
	corrected := payloadCampaign(news.Corrected)
	corrected.Entry.Item.Reason = "The ship struck the south pier, not the north one."
	withdrawn := payloadCampaign(news.Withdrawn)
	withdrawn.Entry.Item.Reason = "The bridge is open. The report came from an exercise."
	withdrawn.Entry.Item.Withdrawn = true
	drill := payloadCampaign(news.Posted)
	drill.Entry.Item.Drill, drill.Entry.Item.Level = true, news.Flash
	long := payloadCampaign(news.Posted)
	long.Entry.Item.Headline = strings.Repeat("橋", news.MaxHeadline)
	long.Entry.Item.Summary = strings.Repeat("ship “Ærø” 👩‍🚒 ", 60)
	long.Entry.Item.Language = "ja"
	arabic := payloadCampaign(news.Posted)
	arabic.Entry.Item.Headline, arabic.Entry.Item.Summary, arabic.Entry.Item.Language = "إغلاق جسر الميناء", "", "ar"
	sampled := payloadCampaign(news.Posted)
	sampled.Sample = 100
	for _, tt := range []struct {
		name   string
		c      Campaign
		silent bool
	}{
		{"sampled", sampled, false},
		{"posted", payloadCampaign(news.Posted), false},
		{"updated", payloadCampaign(news.Updated), false},
		{"silent", payloadCampaign(news.Posted), true},
		{"corrected", corrected, false},
		{"withdrawn", withdrawn, false},
		{"drill", drill, false},
		{"long", long, false},
		{"arabic", arabic, false},
	} {
		got, err := payload(tt.c, "https://news.example", "https://news.example/icon-192.png", tt.silent)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		path := filepath.Join("testdata", "payload", tt.name+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, bytes.TrimSuffix(want, []byte("\n"))) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, want)
		}
		if len(got) > seal.MaxPlaintext || !utf8.Valid(got) {
			t.Errorf("%s: %d bytes", tt.name, len(got))
		}
	}
}

func TestAWithdrawalDoesNotSayTheErrorAgain(t *testing.T) {
	c := payloadCampaign(news.Withdrawn)
	c.Entry.Item.Reason = "The report came from an exercise."
	b, err := payload(c, "https://news.example", "", false)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("Withdrawn")) || !bytes.Contains(b, []byte("came from an exercise")) {
		t.Errorf("%s does not say that it is a withdrawal, and why", b)
	}
	if bytes.Contains(b, []byte("closed")) || bytes.Contains(b, []byte("lanes")) {
		t.Errorf("%s says the error again", b)
	}
}

func TestTheLongestItemFits(t *testing.T) {
	for _, char := range []string{"x", `"`, `\`, "\n", "&", "é", "橋", "🚢", "👩‍🚒", "e\u0301\u0323", "🇦🇹"} {
		n := utf8.RuneCountInString(char)
		c := payloadCampaign(news.Corrected)
		item := &c.Entry.Item
		item.Story = strings.Repeat("s", 64)
		item.Headline = strings.Repeat(char, news.MaxHeadline/n)
		item.Reason = strings.Repeat(char, news.MaxReason/n)
		item.Drill = true
		site := "https://" + strings.Repeat("s", maxSite-8)
		b, err := payload(c, site, site, true)
		if err != nil || len(b) > seal.MaxPlaintext {
			t.Errorf("%q: %d bytes, %v", char, len(b), err)
			continue
		}
		var n2 notice
		if err := json.Unmarshal(b, &n2); err != nil {
			t.Errorf("%q: %v", char, err)
			continue
		}
		if got := n2.Notification; !strings.HasPrefix(got.Title, "DRILL: Correction: ") || strings.ContainsRune(got.Title+got.Body, utf8.RuneError) {
			t.Errorf("%q: title %q, body %q", char, got.Title, got.Body)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		s    string
		over int
		want string
	}{
		{"abcdefghij", 1, "abcdef…"},
		{"abc", 3, ""},
		{"abc", 100, ""},
		{"ab cdefghij", 5, "ab…"},
		{"ababab橋橋", 1, "ababab…"},
		{"abe\u0301xyzuv", 1, "abe\u0301x…"},
		{"abe\u0301xyz", 1, "ab…"},
		{"a👩‍🚒bc", 1, "a…"},
		{"a👍🏽bc", 1, "a…"},
		{"a🇦🇹b", 1, "a…"},
		{"🇦🇹🇦🇹🇦🇹", 1, "🇦🇹🇦🇹…"},
		{"", 5, ""},
	} {
		if got := shorten(tt.s, tt.over); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.s, tt.over, got, tt.want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("Harbour Bridge closed", 5)
	f.Add("👩‍🚒👍🏽🇦🇹e\u0301", 9)
	f.Fuzz(func(t *testing.T, s string, over int) {
		if over <= 0 || over > 1<<20 || !utf8.ValidString(s) {
			return
		}
		got := shorten(s, over)
		if !utf8.ValidString(got) || len(got) > max(len(s)-over, 0) {
			t.Errorf("shorten(%q, %d) = %q", s, over, got)
		}
		if !strings.HasPrefix(s, strings.TrimSuffix(got, ellipsis)) {
			t.Errorf("shorten(%q, %d) = %q, which is no beginning", s, over, got)
		}
	})
}

func TestTopicHeader(t *testing.T) {
	a, b := topic("harbour-bridge"), topic("harbour-bridge-2")
	if len(a) != 32 || strings.Trim(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || a == b || a != topic("harbour-bridge") {
		t.Errorf("%q, %q", a, b)
	}
}
