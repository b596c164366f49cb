package push

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVAPIDKeysAreMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, VAPIDFile)
	v, created, err := LoadOrCreateVAPID(path)
	if err != nil || !created {
		t.Fatalf("first start: %v, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, created, err := LoadOrCreateVAPID(path)
	if err != nil || created || again != v {
		t.Errorf("second start: %v, %v, same %v", created, err, again == v)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files left: %v, %v", files, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, v); strings.Contains(text, v.private) || !strings.Contains(text, v.public) {
			t.Errorf("%s prints %q", verb, text)
		}
	}
	if _, err := New(nil, nil, v, Options{}); err != nil {
		t.Errorf("a service with these keys: %v", err)
	}
}

func TestABadVAPIDFileIsAnErrorAndIsLeftAlone(t *testing.T) {
	v, _, err := LoadOrCreateVAPID(filepath.Join(t.TempDir(), VAPIDFile))
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := LoadOrCreateVAPID(filepath.Join(t.TempDir(), VAPIDFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty":      "",
		"not JSON":   "keys",
		"no keys":    "{}",
		"half":       `{"public":"` + v.public + `"}`,
		"mismatched": `{"public":"` + other.public + `","private":"` + v.private + `"}`,
	} {
		path := filepath.Join(t.TempDir(), VAPIDFile)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, created, err := LoadOrCreateVAPID(path)
		if err == nil || created || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), v.private) {
			t.Errorf("%s: %v, %v", name, created, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%s: the file is now %q, %v", name, got, err)
		}
	}
	if _, _, err := LoadOrCreateVAPID(filepath.Join(t.TempDir(), "no", "such", VAPIDFile)); err == nil {
		t.Error("a missing directory is no error")
	}
}

func TestOptions(t *testing.T) {
	v, _, err := LoadOrCreateVAPID(filepath.Join(t.TempDir(), VAPIDFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"bad host":          {AlertHosts: []string{"http://x"}},
		"bad subject":       {Subject: "nobody"},
		"subject over http": {Subject: "http://news.example"},
		"no scheme":         {PublicURL: "news.example"},
		"slash at the end":  {PublicURL: "https://news.example/"},
		"endless URL":       {PublicURL: "https://" + strings.Repeat("x", 400)},
		"negative":          {Workers: -1},
		"short lease":       {Lease: 1},
	} {
		if _, err := New(nil, nil, v, o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, tt := range []struct{ given, site, want string }{
		{"", "https://news.example", "https://news.example"},
		{"", "http://127.0.0.1:8080", "mailto:crier@localhost"},
		{"desk@news.example", "https://news.example", "mailto:desk@news.example"},
		{"mailto:desk@news.example", "https://news.example", "mailto:desk@news.example"},
		{"https://news.example/contact", "http://127.0.0.1:8080", "https://news.example/contact"},
	} {
		s, err := New(nil, nil, v, Options{Subject: tt.given, PublicURL: tt.site})
		if err != nil || s.o.Subject != tt.want {
			t.Errorf("%q at %s: %v", tt.given, tt.site, err)
		}
	}
}
