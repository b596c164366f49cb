package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The test binary is also the program: a test that needs a process of its own
// runs itself with this set.
const asProgram = "CRIER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command runs a command to its end.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), code
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, req)
}

func fetch(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		out  string // on stdout if code is 0, else on stderr
	}{
		{[]string{"--help"}, 0, "serve"},
		{[]string{"serve", "--help"}, 0, "CRIER_LISTEN"},
		{[]string{"--version"}, 0, version},
		{[]string{}, 2, "expected one of"},
		{[]string{"serve", "--lisen", "x"}, 2, "--listen"},
		{[]string{"keys", "create", "--name", "Ada", "--role", "root"}, 2, "must be one of"},
		{[]string{"serve", "--data", "\x00"}, 1, "data directory"},
		{[]string{"serve", "--data", t.TempDir(), "--listen", "nowhere"}, 1, "listen"},
		{[]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--public-url", "news.example"}, 1, "--public-url"},
		{[]string{"serve", "--data", t.TempDir(), "--admin-key", "short"}, 1, "CRIER_ADMIN_KEY"},
		{[]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--log-age=-1s"}, 1, "--log-age"},
		{[]string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--address-join-rate=0"}, 1, "at least 1"},
		{[]string{"serve", "--redis", "redis://127.0.0.1:1", "--redis-replicas=-1"}, 1, "--redis-replicas"},
		{[]string{"post", "--url", "http://127.0.0.1:1", "--key", "k", ""}, 1, "connection refused"},
	} {
		stdout, stderr, code := command(t, c.args...)
		said := stdout
		if c.code != 0 {
			said = stderr
		}
		if code != c.code || !strings.Contains(said, c.out) {
			t.Errorf("crier %q: code %d, want %d; said %.600q, want %q in it", c.args, code, c.code, said, c.out)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for given, want := range map[string]string{
		"https://news.example":       "https://news.example",
		"https://news.example/":      "https://news.example",
		"http://localhost:8080":      "http://localhost:8080",
		"news.example":               "",
		"ftp://news.example":         "",
		"https://news.example/crier": "",
		"https://a@news.example":     "",
		"https://news.example?a":     "",
		"https://":                   "",
	} {
		if got, err := (serveCmd{listenFlags: listenFlags{PublicURL: given}}).publicURL(nil); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", given, got, err, want)
		}
	}
}

// TestFlagTable holds the README's table against the flags there are.
func TestFlagTable(t *testing.T) {
	var cli flags
	k, err := newParser(&cli)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := flagTable(k, "serve"); !strings.Contains(string(readme), want) {
		t.Errorf("the README does not hold the table of flags:\n\n%s", want)
	}
}

func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	url, stop := service(t, "serve", "--data", dir)
	secret, _, code := command(t, "keys", "create", "--role", "editor", "--name", "Ada", "--data", dir) // beside the service
	if code != 0 || !regexp.MustCompile(`^crier_[\w-]{43}\n$`).MatchString(secret) {
		t.Fatalf("code %d, printed %q", code, secret)
	}
	secret = strings.TrimSpace(secret)
	post := func() (string, int) {
		out, said, code := command(t, "post", "--url", url, "--key", secret, "--topics", "world,sport", "--level", "urgent", "The bell rings")
		return out + said, code
	}
	id, code := post()
	if code != 0 {
		t.Fatalf("post: %s", id)
	}
	if status, body := get(t, url+"/v1/items/"+strings.TrimSpace(id)); status != 200 || !strings.Contains(body, `"topics":["sport","world"]`) {
		t.Errorf("posted: %d %s", status, body)
	}
	list, _, _ := command(t, "keys", "list", "--data", dir)
	m := regexp.MustCompile(`(?m)^(k\w+) +editor .*Ada$`).FindStringSubmatch(list)
	if m == nil || strings.Contains(list, secret) {
		t.Fatalf("list: %s", list)
	}
	if _, said, code := command(t, "keys", "revoke", m[1], "--data", dir); code != 0 {
		t.Fatalf("revoke: %s", said)
	}
	if said, code := post(); code != 1 || !strings.Contains(said, "401") {
		t.Errorf("a revoked key posts: %d %s", code, said)
	}
	if code := stop(); code != 0 {
		t.Errorf("the service ended with %d", code)
	}
}

func TestFixedKeyIsTakenBack(t *testing.T) {
	dir := t.TempDir()
	const secret = "a-key-of-the-environment-0123456789"
	t.Setenv("CRIER_ADMIN_KEY", secret)
	me := func(url string) int {
		req, err := http.NewRequest(http.MethodGet, url+"/v1/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	url, stop := service(t, "serve", "--data", dir)
	if got := me(url); got != http.StatusOK {
		t.Errorf("the key of the environment: %d", got)
	}
	stop()
	t.Setenv("CRIER_ADMIN_KEY", "")
	url, _ = service(t, "serve", "--data", dir)
	if got := me(url); got != http.StatusUnauthorized {
		t.Errorf("the key that is no longer in the environment: %d", got)
	}
}

func TestSecondServiceOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	service(t, "serve", "--data", dir)
	_, said, code := command(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(said, "in use") {
		t.Errorf("code %d, said %s", code, said)
	}
}

// TestJoinRate: readers who come faster than the operator lets them are asked
// to come back.
func TestJoinRate(t *testing.T) {
	url, _ := service(t, "serve", "--data", t.TempDir(), "--join-rate", "1")
	for range 50 { // the first two may join, and one more a second
		switch status, said := get(t, url+"/v1/live/poll?wait=0s"); status {
		case http.StatusOK:
		case http.StatusServiceUnavailable:
			return
		default:
			t.Fatal(status, said)
		}
	}
	t.Error("50 readers joined at once")
}

func TestBackupAndRestore(t *testing.T) {
	base := t.TempDir()
	in := func(name string) string { return filepath.Join(base, name) }
	url, stop := service(t, "serve", "--data", in("data"))
	secret, _, _ := command(t, "keys", "create", "--role", "admin", "--name", "Ada", "--data", in("data"))
	secret = strings.TrimSpace(secret)
	for i := range 5 {
		if _, said, code := command(t, "post", "--url", url, "--key", secret, fmt.Sprintf("Item %d", i)); code != 0 {
			t.Fatal(said)
		}
	}
	front := frontAt(t, url, "5")
	_, key := get(t, url+"/v1/alerts/key")
	if _, said, code := command(t, "backup", "--data", in("data"), "--to", in("b.tar")); code != 0 { // while it runs
		t.Fatal(said)
	}
	stop()

	if info, err := os.Stat(in("b.tar")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup, which holds secrets: %v, %v", info.Mode(), err)
	}
	if _, _, code := command(t, "backup", "--data", in("data"), "--to", in("b.tar")); code != 1 {
		t.Error("a backup was overwritten")
	}
	if _, _, code := command(t, "restore", "--data", in("data"), "--from", in("b.tar")); code != 1 {
		t.Error("a data directory was overwritten")
	}
	if _, said, code := command(t, "restore", "--data", in("again"), "--from", in("b.tar")); code != 0 {
		t.Fatal(said)
	}
	url, _ = service(t, "serve", "--data", in("again"))
	_, got := get(t, url+"/v1/items")
	if items(got) != items(front) {
		t.Errorf("restored: %s\nwas: %s", got, front)
	}
	if got == front { // the cursor: what came after the backup is lost, and readers are told
		t.Error("the epoch is the same after the restore")
	}
	if _, got := get(t, url+"/v1/alerts/key"); got != key {
		t.Errorf("restored key: %s, was %s", got, key)
	}
	if _, said, code := command(t, "post", "--url", url, "--key", secret, "One more"); code != 0 {
		t.Errorf("the editor's key does not work after the restore: %s", said)
	}
}

// frontAt is the front once it shows the entry at offset: a node's front
// follows its log a moment behind.
func frontAt(t *testing.T, url, offset string) string {
	t.Helper()
	for {
		status, front := get(t, url+"/v1/items")
		m := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(front)
		if status != http.StatusOK || m == nil {
			t.Fatalf("front: %d %s", status, front)
		}
		if strings.HasSuffix(m[1], "."+offset) {
			return front
		}
		get(t, url+"/v1/live/poll?wait=20s&cursor="+m[1]) // until it moves on
	}
}

// items is the part of a listing after its cursor.
func items(listing string) string {
	_, rest, _ := strings.Cut(listing, `"items"`)
	return rest
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	base := t.TempDir()
	good := filepath.Join(base, "good.tar")
	dir := filepath.Join(base, "data")
	if _, said, code := command(t, "keys", "create", "--role", "admin", "--name", "Ada", "--data", dir); code != 0 {
		t.Fatal(said)
	}
	if _, said, code := command(t, "backup", "--data", dir, "--to", good); code != 0 {
		t.Fatal(said)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	for i := 512; i < 512+4096; i++ { // the database's first page
		flipped[i] ^= 0xff
	}
	for name, b := range map[string][]byte{
		"empty":    {},
		"nonsense": []byte(strings.Repeat("nonsense", 1000)),
		"cut":      whole[:len(whole)/2],
		"flipped":  flipped,
		"outside":  bytes.Replace(whole, []byte("crier.db"), []byte("../x.db\x00"), 1),
	} {
		from, to := filepath.Join(base, name+".tar"), filepath.Join(base, name)
		if err := os.WriteFile(from, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, said, code := command(t, "restore", "--data", to, "--from", from); code != 1 {
			t.Errorf("%s: code %d, said %s", name, code, said)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s: something was left behind", name)
		}
	}
	left, err := filepath.Glob(filepath.Join(base, ".crier-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestDemoMoves(t *testing.T) {
	url, stop := service(t, "demo")
	_, body := get(t, url+"/v1/live/poll?wait=20s") // a cursor to begin at
	cursor := regexp.MustCompile(`^\{"cursor":"([^"]+)"`).FindStringSubmatch(body)
	if cursor == nil {
		t.Fatal(body)
	}
	_, body = get(t, url+"/v1/live/poll?wait=20s&cursor="+cursor[1])
	if !strings.Contains(body, `"type":"entry"`) {
		t.Errorf("nothing moved: %s", body)
	}
	if code := stop(); code != 0 {
		t.Errorf("the demo ended with %d", code)
	}
}
