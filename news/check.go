package news

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what an editor may send. Text is counted in characters (code
// points), the rest in bytes.
const (
	MaxHeadline = 240
	MaxSummary  = 1000
	MaxReason   = 500
	MaxURL      = 1024
	maxName     = 64 // a story's or an item's name
	maxLanguage = 35 // BCP 47 section 4.4.1
)

// Fault is one thing wrong with one field, and how to mend it.
type Fault struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
	Mend    string `json:"mend"`
}

// Invalid is everything wrong with an input, at least one fault.
type Invalid []Fault

func (v Invalid) Error() string {
	s := make([]string, len(v))
	for i, f := range v {
		s[i] = f.Field + ": " + f.Problem + " (" + f.Mend + ")"
	}
	return strings.Join(s, "; ")
}

// checker gathers faults.
type checker struct{ faults Invalid }

func (c *checker) add(field, problem, mend string) {
	c.faults = append(c.faults, Fault{field, problem, mend})
}

func (c *checker) err() error {
	if c.faults == nil {
		return nil
	}
	return c.faults
}

// text checks s and returns it without surrounding space. Control characters
// could break a line or forge one; the bidirectional overrides could make a
// headline read as what it does not say (Trojan Source, CVE-2021-42574).
func (c *checker) text(field, s string, most int, need, lines bool) string {
	if !utf8.ValidString(s) {
		c.add(field, "is not UTF-8", "send UTF-8")
		return ""
	}
	s = strings.TrimSpace(s)
	visible := false
	for _, r := range s {
		switch {
		case r == '\n' && lines:
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			c.add(field, fmt.Sprintf("has a control character (%U)", r), "remove it")
			return ""
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			c.add(field, fmt.Sprintf("has a bidirectional control (%U)", r), "remove it; direction follows from the language")
			return ""
		}
		visible = visible || unicode.In(r, unicode.L, unicode.N, unicode.S)
	}
	switch n := utf8.RuneCountInString(s); {
	case need && !visible:
		c.add(field, "is empty", "say something")
	case n > most:
		c.add(field, fmt.Sprintf("has %d characters", n), fmt.Sprintf("use at most %d", most))
	}
	return s
}

func (c *checker) name(field, s string) {
	if s != "" && !isName(s, maxName) {
		c.add(field, fmt.Sprintf("%.40q is not a name", s), fmt.Sprintf("use 1 to %d of a–z, 0–9 and inner hyphens", maxName))
	}
}

func (c *checker) link(field, s string) {
	if s == "" {
		return
	}
	const mend = "give an absolute http or https address"
	u, err := url.Parse(s)
	switch {
	case len(s) > MaxURL:
		c.add(field, "is too long", fmt.Sprintf("use at most %d bytes", MaxURL))
	case err != nil || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }):
		c.add(field, "is not an address", mend)
	case u.Scheme != "http" && u.Scheme != "https":
		c.add(field, fmt.Sprintf("has the scheme %.20q", u.Scheme), mend)
	case u.Hostname() == "":
		c.add(field, "has no host", mend)
	case u.User != nil:
		c.add(field, "carries a user name", "leave it out")
	}
}

// language checks the form of a BCP 47 tag, not that it is registered.
func (c *checker) language(field, s string) {
	parts := strings.Split(s, "-")
	ok := len(s) <= maxLanguage && len(parts[0]) >= 2 && len(parts[0]) <= 3
	for i, p := range parts {
		ok = ok && p != "" && len(p) <= 8 && !strings.ContainsFunc(p, func(r rune) bool {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
			return !letter && (i == 0 || r < '0' || r > '9')
		})
	}
	if !ok {
		c.add(field, fmt.Sprintf("%.40q is not a language tag", s), "use BCP 47, such as en or pt-BR")
	}
}

func (c *checker) level(field string, l Level) {
	if l.Rank() == 0 {
		c.add(field, fmt.Sprintf("%.20q is not a level", string(l)), "use regular, urgent, bulletin or flash")
	}
}

func (c *checker) topics(t []string, drill bool) []string {
	if drill && len(t) == 0 {
		return []string{DrillTopic}
	}
	out, bad := checkTopics(t)
	if bad != nil {
		c.faults = append(c.faults, bad...)
		return nil
	}
	if out == nil {
		out = []string{} // "topics" is a list in JSON, never null
	}
	for i, topic := range out {
		field := fmt.Sprintf("topics[%d]", i)
		switch {
		case drill && !IsDrillTopic(topic):
			c.add(field, fmt.Sprintf("%q is a live topic and this is a drill", topic), "use drill or drill-…, or no topics")
		case !drill && IsDrillTopic(topic):
			c.add(field, fmt.Sprintf("%q is a drill's topic and this is live", topic), `remove it, or set "drill": true`)
		}
	}
	return out
}
