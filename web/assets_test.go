package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func get(t testing.TB, s *Site, address string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Assets().ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, res *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func assetNames(t testing.TB) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(assets, "assets", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(p, "assets/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestEveryAssetIsServed(t *testing.T) {
	s := site(t)
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	for _, name := range assetNames(t) {
		res := get(t, s, s.assetPath(name))
		want, err := assets.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK || !bytes.Equal(body(t, res), want) {
			t.Errorf("%s: %s, or another body", name, res.Status)
		}
		for h, value := range map[string]string{
			"Content-Type": kinds[path.Ext(name)], "Cache-Control": forEver, "Access-Control-Allow-Origin": "*",
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Accept-Encoding",
		} {
			if got := res.Header.Get(h); got != value {
				t.Errorf("%s: %s is %q, not %q", name, h, got, value)
			}
		}
		if again := get(t, s, s.assetPath(name), "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked again with its ETag, the answer is %s", name, again.Status)
		}
	}
}

func TestFixedAddresses(t *testing.T) {
	s := site(t)
	for address, want := range map[string]struct{ kind, caching string }{
		"/ticker.js":            {"text/javascript; charset=utf-8", shortly},
		"/worker.js":            {"text/javascript; charset=utf-8", checkEach},
		"/manifest.webmanifest": {"application/manifest+json", shortly},
		"/robots.txt":           {"text/plain; charset=utf-8", shortly},
		"/icon.svg":             {"image/svg+xml", oneDay},
		"/icon-192.png":         {"image/png", oneDay},
		"/icon-512.png":         {"image/png", oneDay},
		"/badge-96.png":         {"image/png", oneDay},
		"/apple-touch-icon.png": {"image/png", oneDay},
	} {
		res := get(t, s, address)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != want.kind || res.Header.Get("Cache-Control") != want.caching || res.Header.Get("ETag") == "" {
			t.Errorf("%s: %s %v", address, res.Status, res.Header)
		}
		if !slices.Contains(s.AssetPaths(), address) {
			t.Errorf("%s is not in AssetPaths", address)
		}
	}
	if got := get(t, s, "/worker.js").Header.Get("Service-Worker-Allowed"); got != "/" {
		t.Errorf("Service-Worker-Allowed is %q", got)
	}
	if n := len(s.AssetPaths()); n != 10 {
		t.Errorf("%d asset paths, some of them untested: %v", n, s.AssetPaths())
	}
}

func TestTickerDoor(t *testing.T) {
	s := site(t)
	m := regexp.MustCompile(`^export \* from "\.(/assets/[0-9a-f]{12}/js/ticker\.js)";\n$`).FindSubmatch(body(t, get(t, s, "/ticker.js")))
	if m == nil {
		t.Fatal("/ticker.js does not lead to the module")
	}
	if res := get(t, s, string(m[1])); res.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", m[1], res.Status)
	}
}

func TestGzip(t *testing.T) {
	s := site(t)
	plain := get(t, s, s.assetPath("js/live.js"))
	for accept, want := range map[string]bool{"gzip, deflate, br": true, "GZIP": true, "gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "": false} {
		res := get(t, s, s.assetPath("js/live.js"), "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: gzip is %t", accept, got)
			continue
		}
		if !want {
			continue
		}
		if res.Header.Get("ETag") == plain.Header.Get("ETag") {
			t.Error("two bodies share an ETag")
		}
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if src, _ := assets.ReadFile("assets/js/live.js"); !bytes.Equal(b, src) {
			t.Error("unpacked, it is another file")
		}
	}
}

func TestOtherRevisions(t *testing.T) {
	s := site(t)
	res := get(t, s, "/assets/000000000000/js/live.js")
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("another release's module: %s, %s", res.Status, res.Header.Get("Cache-Control"))
	}
	for _, address := range []string{"/assets/", "/assets/" + s.rev, "/assets/" + s.rev + "/", "/assets/" + s.rev + "/nope.js", "/assets/x/../../site.go", "/assets/000000000000/nope.js", "/nope"} {
		r := &http.Request{Method: http.MethodGet, URL: mustURL(t, address), Header: http.Header{}}
		w := httptest.NewRecorder()
		s.Assets().ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", address, w.Code)
		}
	}
}

// TestPagesNameWhatIsThere follows every address that pages and style sheets load.
func TestPagesNameWhatIsThere(t *testing.T) {
	s := site(t)
	for name, page := range everyPage(t) {
		for _, n := range find(parse(t, page), func(*html.Node) bool { return true }) {
			address := ""
			switch n.Data {
			case "script", "img":
				address = attr(n, "src")
			case "link":
				if attr(n, "rel") != "canonical" {
					address = attr(n, "href")
				}
			}
			if address == "" {
				continue
			}
			if res := get(t, s, address); res.StatusCode != http.StatusOK {
				t.Errorf("%s loads %s: %s", name, address, res.Status)
			}
		}
	}
}

// TestModules holds the modules to the form that moduleGraph reads, and to
// each other.
func TestModules(t *testing.T) {
	reached := map[string]bool{}
	for _, p := range pageParts() {
		for _, m := range p.modules {
			graph, err := moduleGraph(m)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range graph {
				reached[g] = true
			}
		}
	}
	loose := regexp.MustCompile(`\bimport\s*\(|\bimport\s+'|from\s+'|\beval\(|new Function|\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|setAttribute\("style"`)
	exports := regexp.MustCompile(`(?m)^export (?:async )?(?:function|const|let|class) (\w+)`)
	names := regexp.MustCompile(`(?m)^import \{ ([^}]+) \} from "([^"]+)";`)
	known := map[string][]string{}
	for _, name := range assetNames(t) {
		src, err := assets.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if path.Ext(name) != ".js" {
			continue
		}
		if !reached[name] {
			t.Errorf("no page loads %s", name)
		}
		if m := loose.Find(src); m != nil {
			t.Errorf("%s has %q", name, m)
		}
		for _, m := range exports.FindAllSubmatch(src, -1) {
			known[name] = append(known[name], string(m[1]))
		}
	}
	for name := range reached {
		src, err := assets.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range names.FindAllSubmatch(src, -1) {
			from := path.Join(path.Dir(name), string(m[2]))
			for _, want := range strings.Split(string(m[1]), ", ") {
				if !slices.Contains(known[from], want) {
					t.Errorf("%s imports %s, which %s does not export", name, want, from)
				}
			}
		}
	}
}

// idsIn is the ids that a module looks up.
func idsIn(t testing.TB, name string) []string {
	t.Helper()
	src, err := assets.ReadFile("assets/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range regexp.MustCompile(`(?:byId|getElementById)\("([^"]+)"\)`).FindAllSubmatch(src, -1) {
		ids = append(ids, string(m[1]))
	}
	return ids
}

func TestManifest(t *testing.T) {
	s := site(t)
	var m struct {
		Name     string `json:"name"`
		StartURL string `json:"start_url"`
		Display  string `json:"display"`
		Icons    []struct{ Src, Sizes, Type string }
	}
	if err := json.Unmarshal(body(t, get(t, s, "/manifest.webmanifest")), &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "Crier" || m.StartURL != "/" || m.Display != "standalone" || len(m.Icons) == 0 {
		t.Errorf("the manifest is %+v", m)
	}
	for _, icon := range m.Icons {
		res := get(t, s, icon.Src)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != icon.Type {
			t.Errorf("%s: %s, %s", icon.Src, res.Status, res.Header.Get("Content-Type"))
		}
		if icon.Type != "image/png" {
			continue
		}
		c, err := png.DecodeConfig(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		w, h, _ := strings.Cut(icon.Sizes, "x")
		if strconv.Itoa(c.Width) != w || strconv.Itoa(c.Height) != h {
			t.Errorf("%s is %dx%d and said to be %s", icon.Src, c.Width, c.Height, icon.Sizes)
		}
	}
}

// TestNamesAreUnblocked: what ad blockers match is not loaded.
func TestNamesAreUnblocked(t *testing.T) {
	bad := regexp.MustCompile(`(?i)push|\bads?\b|track|analytic|beacon|banner|popup`)
	for _, p := range append(assetNames(t), site(t).AssetPaths()...) {
		if bad.MatchString(p) {
			t.Errorf("%s has a name that ad blockers match", p)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := http.Header{}
	SecurityHeaders(h)
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Cross-Origin-Opener-Policy", "Permissions-Policy"} {
		if h.Get(name) == "" {
			t.Errorf("%s is not set", name)
		}
	}
	for _, loose := range []string{"unsafe-inline", "unsafe-eval", "*", "http:", "data:"} {
		if strings.Contains(ContentSecurityPolicy, loose) {
			t.Errorf("the policy allows %s", loose)
		}
	}
}

func mustURL(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
