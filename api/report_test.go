package api_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"crier/desk"
	"crier/engine/sqlite"
	"crier/news"
	"crier/push"
)

// theReport is a report as a client reads it.
type theReport struct {
	Campaign, State           string
	Audience, Queued          int64
	Accepted, Gone, Displayed int64
	Swept                     float64
	Rate                      float64
	AudienceEstimate          *int64        `json:"audience_estimate"`
	Left                      *float64      `json:"eta_seconds"`
	Oldest                    *float64      `json:"oldest_waiting_seconds"`
	SecondsTo90               *float64      `json:"seconds_to_90"`
	DisplayedTo50             *float64      `json:"displayed_seconds_to_50"`
	DisplayedOneIn            int           `json:"displayed_one_in"`
	DisplayedEstimate         push.Estimate `json:"displayed_estimate"`
	Promise                   *struct {
		Share, Seconds float64
		Verdict        push.Verdict
	}
	Services []struct {
		Service                          string
		Audience, Queued, Accepted, Gone int64
		SecondsTo90                      *float64 `json:"seconds_to_90"`
		Rate                             float64
		Left                             *float64 `json:"eta_seconds"`
		Oldest                           *float64 `json:"oldest_waiting_seconds"`
	}
}

// halfway is a campaign of which half has been sent, and how to send the rest.
func halfway(t *testing.T, s *site, store *sqlite.Engine) (path string, rest func()) {
	t.Helper()
	loud := s.posted("loud", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	upto, err := news.ParseCursor(loud.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().UTC().Truncate(time.Millisecond)
	for i := range 400 {
		endpoint := fmt.Sprintf("https://%s/%d", alertHost, i)
		if _, err := store.PutSubscription(t.Context(), push.Subscription{ID: push.EndpointID(endpoint), Endpoint: endpoint, Level: news.Urgent, CreatedAt: before, SeenAt: before}); err != nil {
			t.Fatal(err)
		}
	}
	opened := time.Now().Add(-4 * time.Second).UTC().Truncate(time.Millisecond)
	err = store.OpenCampaigns(t.Context(), upto, []push.Campaign{{
		ID: loud.Cursor, Entry: loud.Entry, Reach: *loud.Item.Alerted, Lane: 2, Token: "AAAAAAAAAAAAAAAAAAAAAA", Sample: 10, OpenedAt: opened, Deadline: opened.Add(time.Hour),
		Promise: push.Promise{Share: 0.9, Within: 2 * time.Minute},
	}})
	if err != nil {
		t.Fatal(err)
	}
	lease, ok, err := store.Claim(t.Context(), push.Worker{Name: "worker"}, opened, time.Minute)
	if err != nil || !ok {
		t.Fatalf("claim: %v, %v", ok, err)
	}
	send := func(at int) {
		page, err := store.Deliveries(t.Context(), lease, opened, 200)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(len(page.Deliveries))
		small := push.Tally{Audience: 40, Accepted: 30, Gone: 10, AcceptedAt: map[int]int64{at: 30}}
		large := push.Tally{Audience: n - 40, Accepted: n - 40, AcceptedAt: map[int]int64{at: n - 40}}
		all := push.Tally{Services: map[string]push.Tally{"fcm.googleapis.com": large, "push.apple.com": small}}
		all.Add(large)
		all.Add(small)
		if _, err := store.Checkpoint(t.Context(), lease, push.Progress{Cursor: page.Cursor, Scanned: page.Scanned, Ends: opened.Add(time.Minute), Tally: all}); err != nil {
			t.Fatal(err)
		}
	}
	send(10)
	return "/v1/items/" + loud.Item.ID + "/campaign", func() { send(25) }
}

// TestReportOnTheWay: what is estimated is told apart from what is known, and
// becomes it.
func TestReportOnTheWay(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	path, rest := halfway(t, s, store)
	report := func() (r theReport) {
		a := s.do(call{method: "GET", path: path})
		a.want(t, http.StatusOK, "")
		a.into(t, &r)
		return r
	}
	r := report()
	if r.State != "sending" || r.Audience != 200 || r.Accepted != 190 || r.Swept < 0.4 || r.Swept > 0.6 || r.SecondsTo90 != nil {
		t.Errorf("halfway: %+v", r)
	}
	if r.AudienceEstimate == nil || *r.AudienceEstimate < 340 || *r.AudienceEstimate > 470 {
		t.Errorf("halfway 400 are taken for %v", r.AudienceEstimate)
	}
	for _, part := range r.Services {
		if part.Oldest == nil || *part.Oldest < 4 || part.Rate > 0 && part.Left == nil {
			t.Errorf("halfway: %+v", part)
		}
	}
	if r.Rate <= 0 || r.Left == nil || *r.Left <= 0 || r.Oldest == nil || *r.Oldest < 4 || r.Promise == nil || r.Promise.Verdict != push.PromiseOpen {
		t.Errorf("halfway: %+v", r)
	}
	rest()
	for i := range 3 {
		receipt := fmt.Sprintf(`{"token":"AAAAAAAAAAAAAAAAAAAAAA","kind":"displayed","nonce":"0123456789abcde%d","waited_ms":%d}`, i, 1000*i)
		s.do(call{"POST", "/v1/alerts/receipts", receipt, nil}).want(t, http.StatusNoContent, "")
	}
	r = report()
	if r.State != "done" || r.Audience != 400 || r.Accepted != 380 || r.Queued != 0 || r.Swept != 1 || r.Rate != 0 || r.Left != nil || r.Oldest != nil {
		t.Errorf("at the end: %+v", r)
	}
	if r.SecondsTo90 == nil || *r.SecondsTo90 != 2.6 || r.Promise.Verdict != push.PromiseKept || r.Promise.Share != 0.9 || r.Promise.Seconds != 120 {
		t.Errorf("at the end: %+v, %+v", r, r.Promise)
	}
	if r.Displayed != 3 || r.DisplayedOneIn != 10 || r.DisplayedEstimate.Number != 30 || r.DisplayedEstimate.Low > 10 || r.DisplayedEstimate.High < 80 || r.DisplayedTo50 != nil {
		t.Errorf("displayed: %+v", r)
	}
	if len(r.Services) != 2 || r.Services[0].Service != "fcm.googleapis.com" || r.Services[0].Accepted != 320 || *r.Services[0].SecondsTo90 != 2.6 || r.Services[1].Gone != 20 || r.Services[1].SecondsTo90 != nil {
		t.Errorf("by service: %+v", r.Services)
	}
}

// TestReportOfEarlierAlerts: an item that was corrected while it was sent has two
// campaigns, and both are told.
func TestReportOfEarlierAlerts(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	path, rest := halfway(t, s, store)
	a := s.do(call{"POST", strings.TrimSuffix(path, "campaign") + "revisions", `{"kind":"corrected","headline":"River does not burst its banks","reason":"We were wrong."}`,
		map[string]string{"If-Match": `"1"`, "Idempotency-Key": "correction"}})
	a.want(t, http.StatusCreated, "")
	var corrected entry
	a.into(t, &corrected)
	upto, err := news.ParseCursor(corrected.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Now().UTC().Truncate(time.Millisecond)
	err = store.OpenCampaigns(t.Context(), upto, []push.Campaign{{
		ID: corrected.Cursor, Entry: corrected.Entry, Reach: *corrected.Item.Alerted, Lane: 2, Token: "BBBBBBBBBBBBBBBBBBBBBB", OpenedAt: opened, Deadline: opened.Add(time.Hour),
	}})
	if err != nil {
		t.Fatal(err)
	}
	rest() // what had been on its way
	var r struct {
		theReport
		Kind    string
		Earlier []theReport
	}
	a = s.do(call{method: "GET", path: path})
	a.want(t, http.StatusOK, "")
	a.into(t, &r)
	if r.State != "sending" || r.Kind != "corrected" || r.Accepted != 0 || len(r.Earlier) != 1 {
		t.Fatalf("the report: %+v", r)
	}
	if old := r.Earlier[0]; old.State != "cancelled" || old.Accepted != 380 {
		t.Errorf("of the error: %+v", old)
	}
}

func TestReportAsCSV(t *testing.T) {
	store, idle := idleAlerts(t)
	s := newSite(t, idle)
	path, rest := halfway(t, s, store)
	rest()
	read := func(query string) [][]string {
		a := s.do(call{"GET", path + query, "", map[string]string{"Accept": "text/csv"}})
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") {
			t.Fatalf("%d %v", a.status, a.header)
		}
		if lines := strings.Count(string(a.body), "\n"); strings.Count(string(a.body), "\r\n") != lines {
			t.Errorf("not all lines end as RFC 4180 says: %q", a.body)
		}
		rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	want := [][]string{{"seconds", "accepted", "displayed", "accepted_total", "displayed_total"},
		{"0", "0", "0", "0", "0"}, {"1", "190", "0", "190", "0"}, {"2", "190", "0", "380", "0"}}
	for _, query := range []string{"", "?table=series"} {
		if got := read(query); !reflect.DeepEqual(got, want) {
			t.Errorf("series: %v", got)
		}
	}
	got := read("?table=services")
	if len(got) != 4 || got[1][0] != "fcm.googleapis.com" || got[2][0] != "push.apple.com" || got[3][0] != "all" || got[3][1] != "400" || got[3][3] != "380" ||
		!slices.Equal(got[0][len(got[0])-6:], []string{"rate", "eta_seconds", "oldest_waiting_seconds", "displayed", "displayed_estimate", "clicked"}) || got[1][len(got[1])-6] != "0.0" || got[1][len(got[1])-5] != "" {
		t.Errorf("totals: %v", got)
	}
	s.do(call{"GET", path + "?table=people", "", map[string]string{"Accept": "text/csv"}}).want(t, http.StatusBadRequest, "parameter")
}

// TestDesksAreToldHowAlertsGo: who joins with a ticket gets reports and alarms
// besides the items, and others do not.
func TestDesksAreToldHowAlertsGo(t *testing.T) {
	s := newSite(t)
	s.do(call{"POST", "/v1/live/ticket", "", map[string]string{"Authorization": ""}}).want(t, http.StatusUnauthorized, "key-missing")
	var made struct{ Ticket string }
	a := s.do(call{"POST", "/v1/live/ticket", "", nil})
	a.want(t, http.StatusCreated, "")
	a.into(t, &made)
	read := s.socket("?ticket=" + made.Ticket)
	if m := next(t, read); m.Type != "hello" {
		t.Fatalf("first came %+v", m)
	}
	stream := map[string]string{"Accept": "text/event-stream"}
	for _, ticket := range []string{made.Ticket, "", "nonsense", strings.Repeat("A", len(made.Ticket))} {
		s.do(call{"GET", "/v1/live?ticket=" + ticket, "", stream}).want(t, http.StatusUnauthorized, "key-ticket")
	}
	alarm := push.Alarm{Service: "push.example", Problem: "25 % of the last 80 subscriptions are said to be gone", Since: time.Now().UTC().Truncate(time.Millisecond)}
	if err := s.engine.RaiseAlarm(t.Context(), alarm); err != nil {
		t.Fatal(err)
	}
	public := s.socket("")
	next(t, public)
	loud := s.posted("loud", strings.Replace(flood, `"language"`, `"alert":true,"language"`, 1))
	var seen []string
	done, raised, cleared := false, false, false
	for !done || !cleared {
		m := next(t, read)
		seen = append(seen, m.Type)
		switch {
		case m.Type == "campaign":
			if m.Report.Campaign != loud.Cursor {
				t.Fatalf("a report on %q", m.Report.Campaign)
			}
			done = done || m.Report.State == "done"
		case m.Type != "alarms":
		case len(m.Alarms) == 1 && m.Alarms[0] == alarm:
			raised = true
			s.do(call{"DELETE", "/v1/alarms", "", s.as(desk.RoleChief)}).want(t, http.StatusNoContent, "")
		case len(m.Alarms) == 0 && raised:
			cleared = true
		default:
			t.Fatalf("alarms: %+v", m.Alarms)
		}
	}
	if m := next(t, public); m.Type != "entry" {
		t.Errorf("the public is told %+v", m)
	}
	quiet := s.posted("quiet", flood)
	if m := next(t, public); m.Type != "entry" || m.Cursor != quiet.Cursor {
		t.Errorf("the public is told %+v, the desk was told %v", m, seen)
	}
}
