package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

//go:embed root
var root embed.FS

// How long browsers and caches may keep a file.
const (
	forEver   = "public, max-age=31536000, immutable" // its address changes with it
	shortly   = "public, max-age=300, stale-while-revalidate=86400"
	oneDay    = "public, max-age=86400"
	checkEach = "no-cache"
)

// file is one file as it is served.
type file struct {
	body    []byte
	packed  []byte // gzip, nil where it does not pay
	kind    string
	etag    string // without quotes
	caching string
}

func newFile(name string, body []byte, caching string) (file, error) {
	sum := sha256.Sum256(body)
	f := file{body: body, kind: contentType(name), caching: caching, etag: base64.RawURLEncoding.EncodeToString(sum[:12])}
	if !strings.HasPrefix(f.kind, "image/png") {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return file{}, err
		}
		if _, err := z.Write(body); err != nil {
			return file{}, err
		}
		if err := z.Close(); err != nil {
			return file{}, err
		}
		if b.Len() < len(body) {
			f.packed = b.Bytes()
		}
	}
	return f, nil
}

// contentType does not ask the machine's own tables, which differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".webmanifest":
		return "application/manifest+json"
	}
	return mime.FormatMediaType("text/plain", map[string]string{"charset": "utf-8"})
}

// load fills s.files and s.rev.
func (s *Site) load() error {
	tree := map[string][]byte{}
	h := sha256.New()
	err := fs.WalkDir(assets, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := assets.ReadFile(p)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, "assets/")
		tree[name] = b
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b) // WalkDir goes in order of name
		return nil
	})
	if err != nil {
		return err
	}
	s.rev = hex.EncodeToString(h.Sum(nil)[:6])
	for name, b := range tree {
		if err := s.put(s.assetPath(name), b, forEver); err != nil {
			return err
		}
	}
	return s.loadRoot()
}

// loadRoot fills in what has a fixed address.
func (s *Site) loadRoot() error {
	dir, err := root.ReadDir("root")
	if err != nil {
		return err
	}
	for _, d := range dir {
		b, err := root.ReadFile("root/" + d.Name())
		if err != nil {
			return err
		}
		caching := oneDay
		if d.Name() == "worker.js" {
			caching = checkEach // a browser with an old worker must notice the new one
		}
		if err := s.put("/"+d.Name(), b, caching); err != nil {
			return err
		}
	}
	manifest, err := json.Marshal(s.manifest())
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"/ticker.js":            fmt.Sprintf("export * from \".%s\";\n", s.assetPath("js/ticker.js")),
		"/robots.txt":           "User-agent: *\nDisallow: /desk\nDisallow: /v1/\n",
		"/manifest.webmanifest": string(manifest),
	} {
		if err := s.put(name, []byte(text), shortly); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) put(name string, body []byte, caching string) error {
	f, err := newFile(name, body, caching)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.files[name] = f
	return nil
}

// manifest lets the site be put on a home screen, which iOS asks for before
// it lets a page alert anybody.
func (s *Site) manifest() map[string]any {
	icon := func(src, sizes, kind, purpose string) map[string]string {
		return map[string]string{"src": src, "sizes": sizes, "type": kind, "purpose": purpose}
	}
	return map[string]any{
		"id": "/", "name": s.o.Name, "short_name": s.o.Name, "start_url": "/", "scope": "/", "display": "standalone", "lang": "en",
		"description": "Breaking news as it is filed, live.", "background_color": "#faf8f3", "theme_color": "#faf8f3",
		"icons": []any{
			icon("/icon.svg", "any", "image/svg+xml", "any"),
			icon("/icon-192.png", "192x192", "image/png", "any maskable"),
			icon("/icon-512.png", "512x512", "image/png", "any maskable"),
			icon("/badge-96.png", "96x96", "image/png", "monochrome"),
		},
		"shortcuts": []any{map[string]string{"name": "Alerts", "url": "/alerts"}},
	}
}

// assetPath is where the file with the name under assets/ is served.
func (s *Site) assetPath(name string) string { return "/assets/" + s.rev + "/" + name }

// AssetPaths is the paths that [Site.Assets] answers, sorted: exact ones, and
// "/assets/*" for all that lies beneath.
func (s *Site) AssetPaths() []string {
	paths := []string{"/assets/*"}
	for p := range s.files {
		if !strings.HasPrefix(p, "/assets/") {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// Assets serves the files, to GET and HEAD. Pages of any origin may load
// them: that is how the ticker is embedded.
func (s *Site) Assets() http.Handler { return http.HandlerFunc(s.serveFile) }

func (s *Site) serveFile(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok {
		// A page of another release, still open or served by a node that is
		// not this one: what we have is better than nothing, but nobody may
		// keep it under that address.
		if rev, name, cut := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/"); cut && rev != s.rev {
			f, ok = s.files[s.assetPath(name)]
			f.caching = "no-store"
		}
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	SecurityHeaders(h)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.caching)
	h.Set("Vary", "Accept-Encoding")
	if r.URL.Path == "/worker.js" {
		h.Set("Service-Worker-Allowed", "/")
	}
	body, etag := f.body, f.etag
	if f.packed != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, etag = f.packed, f.etag+"-gz"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads as much of Accept-Encoding as browsers and caches send:
// gzip is wanted unless it is given no weight (RFC 9110 section 12.5.3).
func acceptsGzip(accept string) bool {
	for _, part := range strings.Split(accept, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			_, q, given := strings.Cut(weight, "q=")
			return !given || strings.Trim(q, " 0.") != ""
		}
	}
	return false
}

// imports finds what a module imports; the modules keep one form for it.
func imports() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:import|export)\s[^;]*?from "([^"]+)";|^import "([^"]+)";`)
}

// moduleGraph is the module and all that it imports, itself first: what a
// page names up front so that the browser need not discover it step by step.
func moduleGraph(entry string) ([]string, error) {
	statement := imports()
	graph := []string{entry}
	for i := 0; i < len(graph); i++ {
		src, err := assets.ReadFile("assets/" + graph[i])
		if err != nil {
			return nil, err
		}
		for _, m := range statement.FindAllStringSubmatch(string(src), -1) {
			if name := path.Join(path.Dir(graph[i]), m[1]+m[2]); !slices.Contains(graph, name) {
				graph = append(graph, name)
			}
		}
	}
	return graph, nil
}
