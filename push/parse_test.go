package push

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/news"
)

const (
	goodKey  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	goodAuth = "BTBZMqHH6r4Tts7J_aSIgg"
	goodURL  = "https://fcm.googleapis.com/fcm/send/abc:def"
)

// body is a subscription's JSON with more fields.
func body(endpoint, p256dh, auth, more string) string {
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}%s}`, endpoint, p256dh, auth, more)
}

func TestParseSubscription(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456, time.FixedZone("", 3600))
	s, err := ParseSubscription([]byte(body(goodURL, goodKey, goodAuth, `,"topics":["world","sport","world"],"level":"bulletin",
		"quiet":{"from":"22:00","to":"07:30","zone":"Europe/Vienna"},"daily_max":5,"language":"de-AT"`)), Hosts{}, VAPID{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != EndpointID(goodURL) || s.Endpoint != goodURL || s.P256dh[0] != 4 || s.Auth[0] != 5 {
		t.Errorf("endpoint and keys: %+v", s)
	}
	if !slices.Equal(s.Topics, []string{"sport", "world"}) || s.Level != news.Bulletin || s.DailyMax != 5 || s.Language != "de-AT" {
		t.Errorf("wishes: %+v", s)
	}
	if s.Quiet == nil || *s.Quiet != (Quiet{22 * 60, 7*60 + 30}) || s.Zone != "Europe/Vienna" {
		t.Errorf("quiet hours: %+v", s.Quiet)
	}
	if want := at.UTC().Truncate(time.Millisecond); s.CreatedAt != want || s.SeenAt != want {
		t.Errorf("times: %v, %v", s.CreatedAt, s.SeenAt)
	}
	s, err = ParseSubscription([]byte(body(goodURL, goodKey+"=", goodAuth+"==", `,"quiet":null`)), Hosts{}, VAPID{}, at)
	if err != nil || s.Level != news.Urgent || s.Quiet != nil || s.Topics != nil || s.DailyMax != 0 {
		t.Errorf("without wishes: %+v, %v", s, err)
	}
}

func TestParseSubscriptionRefuses(t *testing.T) {
	good := func(more string) string { return body(goodURL, goodKey, goodAuth, more) }
	for _, tt := range []struct {
		name, body string
		fields     []string
	}{
		{"empty", "", []string{"body"}},
		{"not JSON", "{", []string{"body"}},
		{"null", "null", []string{"keys.p256dh", "keys.auth", "endpoint"}},
		{"a list", "[]", []string{""}},
		{"two values", good("") + "{}", []string{"body"}},
		{"too long", good(`,"language":"` + strings.Repeat(" ", maxForm) + `"`), []string{"body"}},
		{"unknown field", good(`,"colour":"red"`), []string{"colour"}},
		{"wrong type", good(`,"daily_max":"5"`), []string{"daily_max"}},
		{"fraction", good(`,"daily_max":1.5`), []string{"daily_max"}},
		{"loopback", body("http://127.0.0.1/x", goodKey, goodAuth, ""), []string{"endpoint"}},
		{"look-alike", body("https://evil.example/x.google.com/", goodKey, goodAuth, ""), []string{"endpoint"}},
		{"off the curve", body(goodURL, goodKey[:86]+"g", goodAuth, ""), []string{"keys.p256dh"}},
		{"no keys", `{"endpoint":"` + goodURL + `"}`, []string{"keys.p256dh", "keys.auth"}},
		{"short secret", body(goodURL, goodKey, goodAuth[:21], ""), []string{"keys.auth"}},
		{"level that never alerts", good(`,"level":"regular"`), []string{"level"}},
		{"no level", good(`,"level":"loud"`), []string{"level"}},
		{"path tricks in a topic", good(`,"topics":["../../etc"]`), []string{"topics[0]"}},
		{"too many topics", good(`,"topics":["a0","a1","a2","a3","a4","a5","a6","a7","a8","a9","b0","b1","b2","b3","b4","b5","b6"]`), []string{"topics"}},
		{"negative", good(`,"daily_max":-1`), []string{"daily_max"}},
		{"too many a day", good(`,"daily_max":101`), []string{"daily_max"}},
		{"bad clock", good(`,"quiet":{"from":"24:00","to":"7:00","zone":"UTC"}`), []string{"quiet.from", "quiet.to"}},
		{"empty span", good(`,"quiet":{"from":"07:00","to":"07:00","zone":"UTC"}`), []string{"quiet"}},
		{"no zone", good(`,"quiet":{"from":"22:00","to":"07:00"}`), []string{"quiet.zone"}},
		{"the server's zone", good(`,"quiet":{"from":"22:00","to":"07:00","zone":"Local"}`), []string{"quiet.zone"}},
		{"a file as zone", good(`,"quiet":{"from":"22:00","to":"07:00","zone":"../../../etc/passwd"}`), []string{"quiet.zone"}},
		{"unknown in quiet", good(`,"quiet":{"from":"22:00","to":"07:00","zone":"UTC","days":[]}`), []string{"days"}},
		{"no such time of day", good(`,"digest":"25:00"`), []string{"digest"}},
		{"half a time of day", good(`,"digest":"7:00"`), []string{"digest"}},
		{"no such zone", good(`,"zone":"Mars/Olympus"`), []string{"zone"}},
		{"the server's zone for all", good(`,"zone":"Local"`), []string{"zone"}},
		{"two zones", good(`,"zone":"UTC","quiet":{"from":"22:00","to":"07:00","zone":"Europe/Vienna"}`), []string{"quiet.zone"}},
		{"a flash sometimes", good(`,"flash_always":"sometimes"`), []string{"flash_always"}},
		{"another site's key", good(`,"key":"` + goodKey + `"`), []string{"key"}},
		{"thousands of topics", good(`,"topics":["t` + strings.Repeat(`","t`, 1500) + `"]`), []string{"topics"}},
		{"infinity", body("https://fcm.googleapis.com/", "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", goodAuth, ""), []string{"keys.p256dh", "endpoint"}},
		{"language", good(`,"language":"de_AT"`), []string{"language"}},
		{"several at once", body("http://x/", goodKey, "", `,"daily_max":-1,"topics":["A"]`), []string{"keys.auth", "topics[0]", "endpoint", "daily_max"}},
	} {
		_, err := ParseSubscription([]byte(tt.body), Hosts{}, VAPID{}, time.Now())
		var faults news.Invalid
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var fields []string
		for _, f := range faults {
			fields = append(fields, f.Field)
			if f.Problem == "" || f.Mend == "" || strings.Contains(f.Problem+f.Mend, "abc:def") {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		if !slices.Equal(fields, tt.fields) {
			t.Errorf("%s: faults in %q, want %q", tt.name, fields, tt.fields)
		}
	}
}

func TestParseUnsubscribe(t *testing.T) {
	for _, ok := range []string{body(goodURL, goodKey, goodAuth, ""), `{"endpoint":"` + goodURL + `","keys":{"auth":"` + goodAuth + `"}}`} {
		s, err := ParseUnsubscribe([]byte(ok))
		if err != nil || s.ID != EndpointID(goodURL) || s.Auth[0] != 5 {
			t.Errorf("%s: %+v, %v", ok, s, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"endpoint":"` + goodURL + `"}`, `{"keys":{"auth":"` + goodAuth + `"}}`, `{"endpoint":"x","keys":{"auth":"short"}}`} {
		if _, err := ParseUnsubscribe([]byte(bad)); faultsOf(err) == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheckRefusesWhatParsingCannotMake(t *testing.T) {
	good, err := ParseSubscription([]byte(body(goodURL, goodKey, goodAuth, "")), Hosts{}, VAPID{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(s *Subscription){
		"id":          func(s *Subscription) { s.ID[3] ^= 1 },
		"keys.p256dh": func(s *Subscription) { s.P256dh[64] ^= 1 },
		"topics":      func(s *Subscription) { s.Topics = []string{"b", "a"} },
		"level":       func(s *Subscription) { s.Level = "" },
		"quiet":       func(s *Subscription) { s.Quiet = &Quiet{From: -1, To: 5} },
	} {
		s := good
		spoil(&s)
		if faults := faultsOf(s.Check(Hosts{})); len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %v", field, faults)
		}
	}
}

func TestReceiptCheck(t *testing.T) {
	good := Receipt{Token: newToken(), Kind: Displayed, Nonce: "0b9c6f1e-3f0a-4c1e-9d8e-2f1c7e5a4b3d"}
	if err := good.Check(); err != nil {
		t.Errorf("as the service worker makes it: %v", err)
	}
	for field, spoil := range map[string]func(r *Receipt){
		"token": func(r *Receipt) { r.Token = r.Token[1:] },
		"kind":  func(r *Receipt) { r.Kind = "read" },
		"nonce": func(r *Receipt) { r.Nonce = "short" },
	} {
		r := good
		spoil(&r)
		if faults := faultsOf(r.Check()); len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %v", field, faults)
		}
	}
	for _, nonce := range []string{strings.Repeat("x", maxNonce+1), "eight ch", "éééééééé", "1234567\n"} {
		r := good
		r.Nonce = nonce
		if r.Check() == nil {
			t.Errorf("nonce %q is taken", nonce)
		}
	}
	for _, token := range []string{"", strings.Repeat("=", 22), strings.Repeat("A", 21) + "B", strings.Repeat("\n", 22)} {
		r := good
		r.Token = token
		if r.Check() == nil {
			t.Errorf("token %q is taken", token)
		}
	}
}

func FuzzParseSubscription(f *testing.F) {
	f.Add([]byte(body(goodURL, goodKey, goodAuth, `,"topics":["world"],"level":"flash","quiet":{"from":"22:00","to":"07:00","zone":"Europe/Vienna"},"daily_max":3,"language":"en"`)))
	f.Add([]byte(body("https://evil.example/x.google.com/", goodKey, goodAuth, "")))
	f.Add([]byte(`{"endpoint":5}`))
	f.Add([]byte(body(goodURL, goodKey, goodAuth, `,"digest":"25:00","zone":"Mars/Olympus","key":"=","flash_always":true`)))
	f.Add([]byte(body(goodURL, goodKey, goodAuth, `,"digest":"07:30","zone":"Asia/Kathmandu","quiet":{"from":"22:00","to":"07:00"},"flash_always":true`)))
	f.Add([]byte(body(goodURL, goodKey[:86]+"g", goodAuth, `,"topics":["t`+strings.Repeat(`","t`, 1500)+`"]`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSubscription(b, Hosts{}, VAPID{}, time.Now())
		if err != nil {
			if faultsOf(err) == nil {
				t.Errorf("no fault in %v", err)
			}
			return
		}
		if err := s.Check(Hosts{}); err != nil {
			t.Errorf("what parses fails its check: %v", err)
		}
		if vendor(strings.ToLower(strings.Split(strings.Split(s.Endpoint, "/")[2], ":")[0])) == "" {
			t.Errorf("%q is no push service's", s.Endpoint)
		}
		if u, err := ParseUnsubscribe(b); err != nil || u.ID != s.ID || u.Auth != s.Auth {
			t.Errorf("cannot be unsubscribed: %v", err)
		}
	})
}
