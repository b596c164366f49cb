package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast holds the palette to WCAG 2.2 AA: 4.5 to 1 for text.
func TestContrast(t *testing.T) {
	src, err := assets.ReadFile("assets/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(src), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("tokens.css has no dark half")
	}
	pairs := [][2]string{
		{"ink", "paper"}, {"ink", "sheet"}, {"soft", "paper"}, {"soft", "sheet"}, {"signal", "paper"}, {"signal", "sheet"},
		{"on-signal", "signal"}, {"on-flash", "flash"}, {"ink", "signal-wash"}, {"soft", "signal-wash"}, {"amber", "paper"},
		{"ink", "amber-wash"}, {"amber", "amber-wash"}, {"calm", "sheet"}, {"ink", "drill-wash"}, {"soft", "drill-wash"}, {"drill-b", "drill-a"},
		{"paper", "ink"},
	}
	for name, half := range map[string]string{"light": light, "dark": dark} {
		colours := palette(t, half)
		for _, p := range pairs {
			if c := contrast(colours[p[0]], colours[p[1]]); c < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", name, p[0], p[1], c)
			}
		}
	}
}

// palette is the relative luminance of each colour, by name.
func palette(t *testing.T, css string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3}|[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		hex := m[2]
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		part := func(shift uint) float64 {
			c := float64(n>>shift&0xff) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		out[m[1]] = 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
	}
	return out
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
