package redistest

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	for _, in := range []string{
		"+OK\r\n", "-ERR no\r\n", ":-1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12345678901234567890\r\n",
		"$-1\r\n", "$0\r\n\r\n", "$4\r\na\r\nb\r\n", "=7\r\ntxt:a b\r\n", "!5\r\nERR x\r\n",
		"*-1\r\n", "*0\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "~1\r\n:1\r\n", ">2\r\n+a\r\n+b\r\n",
		"%1\r\n+a\r\n:1\r\n", "|1\r\n+a\r\n:1\r\n:2\r\n",
	} {
		r := bufio.NewReader(strings.NewReader(in + "+next\r\n"))
		got, err := readValue(r, nil)
		if err != nil || string(got) != in {
			t.Errorf("%q: %q, %v", in, got, err)
		}
		if rest, err := r.ReadString('\n'); rest != "+next\r\n" {
			t.Errorf("%q leaves %q, %v", in, rest, err)
		}
	}
	for _, in := range []string{"", "\r\n", "$5\r\nab\r\n", "$x\r\n", "*2\r\n:1\r\n", "$99999999999\r\n"} {
		if got, err := readValue(bufio.NewReader(strings.NewReader(in)), nil); err == nil {
			t.Errorf("%q is a value: %q", in, got)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n": `["ECHO" "a\r\nb"]`,
		"*1\r\n$0\r\n\r\n":                     `[""]`,
		"+OK\r\n":                              `[]`,
		"*1\r\n:1\r\n":                         `[]`,
	} {
		if got := fmt.Sprintf("%q", words([]byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzValues: what is read is what was sent, and no more of it.
func FuzzValues(f *testing.F) {
	f.Add("*2\r\n$4\r\nECHO\r\n$1\r\na\r\n")
	f.Add("%1\r\n+a\r\n|1\r\n_\r\n#t\r\n:1\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		b, err := readValue(bufio.NewReader(strings.NewReader(in)), nil)
		if err == nil && !strings.HasPrefix(in, string(b)) {
			t.Errorf("%q was read of %q", b, in)
		}
		words([]byte(in))
	})
}
