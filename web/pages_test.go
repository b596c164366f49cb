package web

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func parse(t testing.TB, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func find(n *html.Node, want func(*html.Node) bool) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && want(d) {
			out = append(out, d)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// TestWellFormed compares the tags as written with the tree as parsed: a tag
// left open, closed twice or nested where it may not be shows as a difference.
func TestWellFormed(t *testing.T) {
	void := map[string]bool{"meta": true, "link": true, "input": true, "img": true, "br": true, "option": true, "path": true, "rect": true}
	for name, page := range everyPage(t) {
		var open []string
		z := html.NewTokenizer(strings.NewReader(page))
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			tok := z.Token()
			switch {
			case kind == html.StartTagToken && !void[tok.Data]:
				open = append(open, tok.Data)
			case kind == html.EndTagToken && !void[tok.Data]:
				if len(open) == 0 || open[len(open)-1] != tok.Data {
					t.Fatalf("%s: </%s> closes %v", name, tok.Data, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v left open", name, open)
		}
	}
}

// checkNothingInline holds a page to our own policy.
func checkNothingInline(t *testing.T, name string, doc *html.Node) {
	t.Helper()
	for _, n := range find(doc, func(*html.Node) bool { return true }) {
		switch {
		case n.DataAtom == atom.Script && (n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/assets/")):
			t.Errorf("%s has an inline or foreign script", name)
		case n.DataAtom == atom.Style || has(n, "style"):
			t.Errorf("%s has an inline style on <%s>", name, n.Data)
		case n.DataAtom == atom.Base || n.DataAtom == atom.Iframe || n.DataAtom == atom.Object:
			t.Errorf("%s has a <%s>", name, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s has an inline handler %s on <%s>", name, a.Key, n.Data)
			}
			if (a.Key == "href" || a.Key == "src") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s has a script for a link", name)
			}
		}
	}
}

func TestPolicyHolds(t *testing.T) {
	for name, page := range everyPage(t) {
		checkNothingInline(t, name, parse(t, page))
	}
}

func TestAccessible(t *testing.T) {
	for name, page := range everyPage(t) {
		t.Run(name, func(t *testing.T) { checkAccessible(t, parse(t, page)) })
	}
}

func checkAccessible(t *testing.T, doc *html.Node) {
	tags := func(a atom.Atom) []*html.Node { return find(doc, func(n *html.Node) bool { return n.DataAtom == a }) }
	ids := map[string]int{}
	for _, n := range find(doc, func(n *html.Node) bool { return has(n, "id") }) {
		ids[attr(n, "id")]++
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %q is given %d times", id, n)
		}
	}
	if lang := attr(tags(atom.Html)[0], "lang"); lang != "en" {
		t.Errorf("lang is %q", lang)
	}
	if n := len(tags(atom.Title)); n < 1 || textOf(tags(atom.Title)[0]) == "" {
		t.Error("no title")
	}
	for _, a := range []atom.Atom{atom.Main, atom.Header, atom.Footer} {
		if n := len(tags(a)); n != 1 {
			t.Errorf("%d <%s>", n, a)
		}
	}
	shown := func(n *html.Node) bool { // at first, without what scripts show later
		for p := n; p != nil; p = p.Parent {
			if has(p, "hidden") || p.DataAtom == atom.Dialog {
				return false
			}
		}
		return true
	}
	h1 := 0
	for _, n := range tags(atom.H1) {
		if shown(n) {
			h1++
		}
	}
	if h1 != 1 {
		t.Errorf("%d h1 are shown", h1)
	}
	for _, n := range tags(atom.Nav) {
		if attr(n, "aria-label") == "" {
			t.Error("a <nav> without a name")
		}
	}
	for _, n := range tags(atom.Img) {
		if !has(n, "alt") {
			t.Errorf("an image without alt: %s", attr(n, "src"))
		}
	}
	for _, n := range append(append(tags(atom.Input), tags(atom.Select)...), tags(atom.Textarea)...) {
		labelled := false
		for p := n.Parent; p != nil; p = p.Parent {
			labelled = labelled || p.DataAtom == atom.Label && strings.TrimSpace(textOf(p)) != ""
		}
		if !labelled {
			t.Errorf("<%s name=%q> has no label", n.Data, attr(n, "name"))
		}
	}
	for _, n := range append(tags(atom.Button), tags(atom.A)...) {
		script := attr(n, "id") // revise-send and the like get their words with the dialog
		if strings.TrimSpace(textOf(n)) == "" && script != "revise-send" && script != "halt-go" {
			t.Errorf("<%s id=%q> says nothing", n.Data, attr(n, "id"))
		}
		if n.DataAtom == atom.Button && attr(n, "type") == "" {
			t.Errorf("the button %q has no type", textOf(n))
		}
	}
	for _, n := range tags(atom.Fieldset) {
		if len(find(n, func(c *html.Node) bool { return c.DataAtom == atom.Legend })) != 1 {
			t.Error("a fieldset without a legend")
		}
	}
	for _, n := range find(doc, func(*html.Node) bool { return true }) {
		for _, name := range []string{"aria-labelledby", "aria-describedby", "aria-controls", "list", "data-for"} {
			for _, id := range strings.Fields(attr(n, name)) {
				if ids[id] == 0 {
					t.Errorf("%s of <%s> names %q, which is not there", name, n.Data, id)
				}
			}
		}
		if n.DataAtom == atom.A && strings.HasPrefix(attr(n, "href"), "#") && ids[attr(n, "href")[1:]] == 0 {
			t.Errorf("a link to %s, which is not there", attr(n, "href"))
		}
	}
}

// TestStandingInWords holds that nothing is told by looks alone.
func TestStandingInWords(t *testing.T) {
	doc := parse(t, everyPage(t)["front"])
	for id, words := range map[string][]string{
		"n2":  {"Withdrawn", "Withdrawn:", "The source was false."},
		"n3":  {"Bulletin", "Correction:", "It is 2.4%, not 4.2%."},
		"n8":  {"Updated"},
		"n10": {"Flash"},
	} {
		items := find(doc, func(n *html.Node) bool { return attr(n, "data-item") == id })
		if len(items) != 1 {
			t.Fatalf("%s is on the page %d times", id, len(items))
		}
		for _, w := range words {
			if !strings.Contains(textOf(items[0]), w) {
				t.Errorf("%s does not say %q", id, w)
			}
		}
	}
	arabic := find(doc, func(n *html.Node) bool { return attr(n, "id") == "h-n4" })[0]
	if attr(arabic, "lang") != "ar" || attr(arabic, "dir") != "auto" {
		t.Errorf("an Arabic headline has lang=%q dir=%q", attr(arabic, "lang"), attr(arabic, "dir"))
	}
}

// TestIDsOfScripts holds that what the scripts look up by id is on their page.
func TestIDsOfScripts(t *testing.T) {
	pages := everyPage(t)
	for page, modules := range map[string][]string{"alerts": {"js/alerts/page.js"}, "desk": {"js/desk/desk.js"}, "front": {"js/alerts/invite.js"}} {
		ids := map[string]bool{}
		for _, n := range find(parse(t, pages[page]), func(n *html.Node) bool { return has(n, "id") }) {
			ids[attr(n, "id")] = true
		}
		for _, entry := range modules {
			graph, err := moduleGraph(entry)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range graph {
				for _, id := range idsIn(t, name) {
					if !ids[id] {
						t.Errorf("%s looks for #%s, which the page %s does not have", name, id, page)
					}
				}
			}
		}
	}
}
