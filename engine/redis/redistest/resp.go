package redistest

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

var errProtocol = errors.New("not a value of RESP3, or too long a one")

// maxValue bounds the bytes of a text and the values in a list.
const maxValue = 64 << 20

// readValue appends to b the next value that a client or server sends, whole,
// as it came.
func readValue(r *bufio.Reader, b []byte) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, errProtocol
	}
	b = append(b, line...)
	n := 0
	if strings.IndexByte("$!=*~>%|", line[0]) >= 0 {
		if n, err = strconv.Atoi(line[1 : len(line)-2]); err != nil || n > maxValue {
			return nil, errProtocol
		}
	}
	switch line[0] {
	case '$', '!', '=':
		if n < 0 {
			return b, nil
		}
		at := len(b)
		b = append(b, make([]byte, n+2)...)
		_, err := io.ReadFull(r, b[at:])
		return b, err
	case '%', '|':
		n *= 2
	}
	if line[0] == '|' {
		n++ // attributes, and the value they are of
	}
	for range n {
		if b, err = readValue(r, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// words is the texts in a command, which is an array of them.
func words(b []byte) (out []string) {
	s := string(b)
	if !strings.HasPrefix(s, "*") {
		return nil
	}
	_, s, _ = strings.Cut(s, "\r\n")
	for s != "" {
		head, rest, _ := strings.Cut(s, "\r\n")
		n, err := strconv.Atoi(strings.TrimPrefix(head, "$"))
		if err != nil || n < 0 || n+2 > len(rest) {
			return nil
		}
		out, s = append(out, rest[:n]), rest[n+2:]
	}
	return out
}
