package browsertest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// key is a key as the two protocols name it.
type key struct {
	name string // KeyboardEvent.key
	text string // what it types
	code int    // CDP: windowsVirtualKeyCode, without which Chromium does not act on it
	rune rune   // BiDi: its place in WebDriver's private use area, or the character
}

// chord is a key pressed while others are held.
type chord struct {
	key  key
	held []modifier
}

// modifier is a key that is held.
type modifier struct {
	name string
	bit  int // CDP
	rune rune
}

// named is the keys that are not characters (WebDriver section 17.4.2).
func named() []key {
	keys := []key{
		{"Enter", "\r", 13, '\uE007'},
		{"Tab", "", 9, '\uE004'},
		{"Escape", "", 27, '\uE00C'},
		{"Backspace", "", 8, '\uE003'},
		{"Delete", "", 46, '\uE017'},
		{"Home", "", 36, '\uE011'},
		{"End", "", 35, '\uE010'},
		{"PageUp", "", 33, '\uE00E'},
		{"PageDown", "", 34, '\uE00F'},
		{"ArrowLeft", "", 37, '\uE012'},
		{"ArrowUp", "", 38, '\uE013'},
		{"ArrowRight", "", 39, '\uE014'},
		{"ArrowDown", "", 40, '\uE015'},
	}
	for i := range 12 {
		keys = append(keys, key{fmt.Sprintf("F%d", i+1), "", 112 + i, '\uE031' + rune(i)})
	}
	return keys
}

func modifiers() []modifier {
	return []modifier{
		{"Alt", 1, '\uE00A'},
		{"Control", 2, '\uE009'},
		{"Meta", 4, '\uE03D'},
		{"Shift", 8, '\uE008'},
	}
}

// letter is the key of a character. A newline is Enter.
func letter(r rune) key {
	if r == '\n' {
		return named()[0]
	}
	k := key{name: string(r), text: string(r), rune: r}
	switch {
	case r >= 'a' && r <= 'z':
		k.code = int(r - 'a' + 'A')
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ':
		k.code = int(r)
	}
	return k
}

// parseChord reads "Tab", "a", "Shift+Tab".
func parseChord(s string) (chord, error) {
	var c chord
	rest := s
	for {
		name, after, more := strings.Cut(rest, "+")
		if !more || after == "" { // "+" is a key too
			break
		}
		found := false
		for _, m := range modifiers() {
			if m.name == name {
				c.held, found = append(c.held, m), true
			}
		}
		if !found {
			return chord{}, fmt.Errorf("press %s: there is no modifier %s", s, name)
		}
		rest = after
	}
	if rest == "Space" {
		rest = " "
	}
	for _, k := range named() {
		if k.name == rest {
			c.key = k
			return c, nil
		}
	}
	if utf8.RuneCountInString(rest) != 1 {
		return chord{}, fmt.Errorf("press %s: there is no key %s", s, rest)
	}
	r, _ := utf8.DecodeRuneInString(rest)
	c.key = letter(r)
	for _, m := range c.held {
		if m.name != "Shift" {
			c.key.text = "" // a shortcut types nothing
		}
	}
	return c, nil
}
