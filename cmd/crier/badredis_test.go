package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"crier/engine/redis/redistest"
)

// TestRedisThatCannotBeUsed: serve ends at once and says what is wrong, where,
// and how to mend it.
func TestRedisThatCannotBeUsed(t *testing.T) {
	server := redistest.Start(t)
	for _, c := range []struct {
		name     string
		do, undo [][]any
		address  string
		says     []string
	}{
		{"nobody there", nil, nil, "redis://127.0.0.1:1", []string{"127.0.0.1:1", "connection refused", "is the address right?"}},
		{"no socket", nil, nil, "unix://" + filepath.Join(t.TempDir(), "none"), []string{"no such file", "is it running"}},
		{"no URL", nil, nil, "127.0.0.1:6379", []string{"not a Redis URL: want redis://"}},
		{"too old", nil, nil, oldRedis(t), []string{"it is Redis 6.2.14", "needs Redis 7.0 or later"}},
		{"a read-only replica", [][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}}, "", []string{"read-only replica: give the address of its master"}},
		{"evicts", [][]any{{"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"}}, [][]any{{"CONFIG", "SET", "maxmemory-policy", "noeviction"}}, "", []string{"allkeys-lru", "set maxmemory-policy noeviction"}},
		{"no memory", [][]any{{"CONFIG", "SET", "maxmemory", "1"}}, [][]any{{"CONFIG", "SET", "maxmemory", "0"}}, "", []string{"maxmemory: raise that"}},
		{"a foreign key", [][]any{{"SET", "{crier:log}:items", "x"}}, [][]any{{"DEL", "{crier:log}:items"}}, "", []string{"{crier:log}:items is a string and not a hash", "another prefix"}},
		{"a newer version", [][]any{{"HSET", "{crier:log}", "schema", 99}}, [][]any{{"DEL", "{crier:log}"}}, "", []string{"schema 99", "newer version of Crier: run that one"}},
		{"no password", [][]any{{"ACL", "SETUSER", "default", "resetpass", ">secret"}}, nil, "", []string{"NOAUTH", "give user and password in the URL"}},
		{"a wrong password", nil, nil, strings.Replace(server.URL(), "unix://", "unix://:guess@", 1), []string{"WRONGPASS", "mend user and password"}},
	} {
		for _, args := range c.do {
			server.Say(t, args...)
		}
		if c.address == "" {
			c.address = server.URL()
		}
		_, said, code := command(t, "serve", "--redis", c.address, "--listen", "127.0.0.1:0")
		if code != 1 || strings.Contains(said, "panic") || strings.Contains(said, "guess") {
			t.Errorf("%s: code %d, said %s", c.name, code, said)
		}
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: want %q in %s", c.name, want, said)
			}
		}
		for _, args := range c.undo {
			server.Say(t, args...)
		}
	}
}

// oldRedis answers as a Redis of before 7.0 does, as far as it is asked before
// it is refused.
func oldRedis(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go answerAsOld(c)
		}
	}()
	return "redis://" + ln.Addr().String()
}

func answerAsOld(c net.Conn) {
	defer c.Close() //nolint:errcheck // the client has gone or is done
	const info = "# Server\r\nredis_version:6.2.14\r\nrole:master\r\n"
	for in := bufio.NewReader(c); ; {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch strings.ToUpper(command[0]) {
		case "HELLO", "CLIENT":
			answer = "-ERR unknown subcommand or wrong number of arguments\r\n"
		case "INFO":
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// readCommand reads one command: a list of strings, each with its length.
func readCommand(in *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil || n < 1 {
		return nil, fmt.Errorf("a list of %d: %w", n, err)
	}
	command := make([]string, n)
	for i := range command {
		size, err := number()
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		command[i] = string(word[:size])
	}
	return command, nil
}
