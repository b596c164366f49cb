package api

import (
	"cmp"
	"encoding/csv"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"crier/push"
)

// writeCSV answers with one of a report's tables (RFC 4180): table=series, the
// seconds in which something happened, ready to be drawn, or table=services,
// the totals.
func writeCSV(w http.ResponseWriter, r *http.Request, rep push.Report, out report) error {
	var rows [][]string
	table := r.URL.Query().Get("table")
	switch table {
	case "", "series":
		table, rows = "series", series(rep)
	case "services":
		rows = totals(out)
	default:
		return badParameter("table", "is not a table of the report", "use series or services")
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="alert-`+out.Item+"-"+table+`.csv"`)
	c := csv.NewWriter(w)
	c.UseCRLF = true
	_ = c.WriteAll(rows) // the client is gone if this fails
	return nil
}

// series has a row for each second after the opening in which something was
// accepted or displayed, and for the first; displayed is scaled up where only
// some browsers were asked.
func series(rep push.Report) [][]string {
	type second struct{ accepted, displayed int64 }
	by := map[int64]second{0: {}}
	oneIn := max(int64(rep.Campaign.Sample), 1)
	for tenth, n := range rep.Tally.AcceptedAt {
		s := by[int64(tenth)/10]
		s.accepted += n
		by[int64(tenth)/10] = s
	}
	for tenth, n := range rep.DisplayedAt {
		s := by[int64(tenth)/10]
		s.displayed += n * oneIn
		by[int64(tenth)/10] = s
	}
	rows := [][]string{{"seconds", "accepted", "displayed", "accepted_total", "displayed_total"}}
	var sum second
	for _, at := range sortedKeys(by) {
		sum.accepted += by[at].accepted
		sum.displayed += by[at].displayed
		rows = append(rows, numbers(at, by[at].accepted, by[at].displayed, sum.accepted, sum.displayed))
	}
	return rows
}

// totals has a row for each push service, and one for all.
func totals(out report) [][]string {
	reasons := sortedKeys(out.Failed)
	head := []string{"service", "audience", "queued", "accepted", "retried", "throttled", "gone", "expired", "cancelled", "failed"}
	for _, reason := range reasons {
		head = append(head, "failed_"+reason)
	}
	rows := [][]string{append(head, "seconds_to_50", "seconds_to_90", "seconds_to_99", "rate", "eta_seconds", "oldest_waiting_seconds", "displayed", "displayed_estimate", "clicked")}
	row := func(name string, c counts, left, oldest *float64) []string {
		var failed int64
		for _, n := range c.Failed {
			failed += n
		}
		row := append([]string{name}, numbers(c.Audience, c.Queued, c.Accepted, c.Retried, c.Throttled, c.Gone, c.Expired, c.Cancelled, failed)...)
		for _, reason := range reasons {
			row = append(row, numbers(c.Failed[reason])...)
		}
		for _, s := range []*float64{c.SecondsTo50, c.SecondsTo90, c.SecondsTo99, &c.Rate, left, oldest} {
			text := ""
			if s != nil {
				text = strconv.FormatFloat(*s, 'f', 1, 64)
			}
			row = append(row, text)
		}
		return row
	}
	for _, s := range out.Services {
		rows = append(rows, append(row(s.Service, s.counts, s.Left, s.Oldest), "", "", ""))
	}
	return append(rows, append(row("all", out.counts, out.Left, out.Oldest), numbers(out.Displayed, out.DisplayedEstimate.Number, out.Clicked)...))
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func numbers(ns ...int64) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = strconv.FormatInt(n, 10)
	}
	return out
}
