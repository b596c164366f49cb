package e2e

import (
	"testing"

	"crier/news"
	"crier/web/browsertest"
)

// focused is the element that has the focus.
const focused = `document.activeElement`

// tabTo presses Tab until the element of a selector has the focus.
func tabTo(t *testing.T, p *browsertest.ChromiumPage, selector string) {
	t.Helper()
	var is bool
	for range 100 {
		if p.Eval(&is, focused+`.matches(args[0])`, selector); is {
			return
		}
		p.Press("Tab")
	}
	t.Fatalf("Tab does not lead to %s but last to %s", selector, p.Text(focused+`.outerHTML.slice(0, 200)`))
}

// TestEditorNeedsNoMouse signs in, posts with an alert, corrects and withdraws
// with keys alone.
func TestEditorNeedsNoMouse(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	b := browsertest.StartChromium(t)
	reader := b.Open(t, c.URL)
	reader.Wait(live)
	p := b.Open(t, c.URL+"/desk")
	tabTo(t, p, `[name=key]`)
	p.Type(c.key)
	p.Press("Enter")
	p.Wait(focused + `.id === "headline"`) // where writing begins
	p.Wait(`document.querySelector("#who").innerText.startsWith("Night desk")`)
	p.Wait(`document.querySelector("#wire-state").dataset.state === "live"`)
	p.Wait(`/^[1-9] readers?$/.test(document.querySelector("#readers summary").innerText)`)
	tabTo(t, p, "#readers summary")
	p.Press("Enter")
	p.Wait(`/^By topic\s+All topics\s+[1-9]/.test(document.querySelector("#readers .audience-of").innerText)`)
	p.Press("Enter")
	p.Wait(`!document.querySelector("#readers").open`)
	tabTo(t, p, "#headline")

	p.Type("Bridge closed after a ship strikes it")
	p.Press("Enter") // a stray one posts nothing
	tabTo(t, p, "#summary")
	p.Type("Nobody is hurt.")
	tabTo(t, p, "[name=level]")
	p.Press("ArrowDown")
	p.Wait(focused + `.value === "urgent" && ` + focused + `.checked`)
	tabTo(t, p, "[name=topics][value=world]")
	p.Press("Space")
	tabTo(t, p, "[name=alert]")
	p.Press("Space")
	p.Wait(`document.querySelector("#post").innerText.startsWith("Review the alert")`)
	p.Wait(`document.querySelector("#preview-card h2")?.innerText === "Bridge closed after a ship strikes it"`)
	p.Press("Control+Enter")
	p.Wait(`document.querySelector("#review").open && ` + focused + `.id === "review-back"`) // not on what sends
	if n := len(c.items()); n != 0 {
		t.Fatalf("%d items on the wire before the review", n)
	}
	p.Wait(`document.querySelector("#review-send").getAttribute("aria-disabled") === "false"`)
	tabTo(t, p, "#review-send")
	p.Press("Enter")
	p.Wait(`document.querySelector("#compose-done").innerText.startsWith("Posted: Bridge")`)
	reader.Wait(`document.querySelector("news-ticker h2")?.innerText === "Bridge closed after a ship strikes it"`)
	items := c.items()
	if len(items) != 1 {
		t.Fatalf("%d items on the wire, want 1", len(items))
	}
	if i := items[0].Item; i.Level != news.Urgent || len(i.Topics) != 1 || i.Topics[0] != "world" || i.Summary != "Nobody is hurt." || i.Alerted == nil {
		t.Errorf("the item is %+v", i)
	}

	p.Press("F4") // to the wire
	tabTo(t, p, "[data-act=corrected]")
	p.Press("Enter")
	p.Wait(`document.querySelector("#revise").open && ` + focused + `.id === "revise-headline"`)
	p.Press("Control+a")
	p.Type("Bridge closed after a barge strikes it")
	tabTo(t, p, "#revise-reason")
	p.Type("It was a barge.")
	p.Press("Control+Enter")
	sendReviewed(t, p)
	reader.Wait(`document.querySelector(".correction .reason")?.innerText === "It was a barge."`)

	p.Press("F4")
	tabTo(t, p, "[data-act=withdrawn]")
	p.Press("Enter")
	p.Wait(`document.querySelector("#revise").open && ` + focused + `.id === "revise-reason"`)
	p.Press("Escape") // leaves and does nothing
	p.Wait(`!document.querySelector("#revise").open && ` + focused + `.dataset.act === "withdrawn"`)
	p.Press("Enter")
	p.Wait(`document.querySelector("#revise").open`)
	p.Type("The bridge is open.")
	p.Press("Control+Enter")
	sendReviewed(t, p)
	reader.Wait(`document.querySelector(".withdrawal .reason")?.innerText === "The bridge is open."`)
	reader.Wait(`document.querySelector("news-ticker h2 s")`)
	p.Wait(`!document.querySelector("#wire-list [data-act]")`) // nothing more can be done to it
	if i := c.items()[0].Item; !i.Withdrawn || i.Version != 3 {
		t.Errorf("the item is %+v", i)
	}
}

// sendReviewed sends what is under review.
func sendReviewed(t *testing.T, p *browsertest.ChromiumPage) {
	t.Helper()
	p.Wait(`document.querySelector("#review").open &&
		document.querySelector("#review-send").getAttribute("aria-disabled") === "false"`)
	tabTo(t, p, "#review-send")
	p.Press("Enter")
	p.Wait(`!document.querySelector("dialog[open]")`)
}

// TestImpatientEditorPostsOnce presses and clicks more often than needed,
// while the answer is slow to come and then does not come at all.
func TestImpatientEditorPostsOnce(t *testing.T) {
	t.Parallel()
	c := startCrier(t)
	proxy := browsertest.StartProxy(t, c.URL)
	p := browsertest.StartChromium(t).Open(t, proxy.URL+"/desk")
	allowCuts(p.Page)
	signIn(p.Page, c.key)

	p.Type("Once")
	p.Press("Control+Enter", "Control+Enter", "Control+Enter")
	p.Wait(`document.querySelector("#compose-done").innerText.includes("Once")`)
	if n := len(c.items()); n != 1 {
		t.Errorf("%d items on the wire, want 1", n)
	}

	// The request arrives, its answer does not.
	p.Type("Not twice")
	proxy.CutAfter("POST", "/v1/items")
	p.Click("#post")
	p.Wait(`!document.querySelector("#unsure").hidden`)
	if n := len(c.items()); n != 2 {
		t.Errorf("%d items on the wire, want 2", n)
	}
	proxy.Mend()
	p.Click("#unsure-retry")
	p.Wait(`document.querySelector("#compose-done").innerText.includes("Was posted already, once: Not twice")`)
	if n := len(c.items()); n != 2 {
		t.Errorf("%d items on the wire, want 2", n)
	}
}
