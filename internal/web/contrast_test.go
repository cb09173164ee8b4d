package web

import (
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Contrast as WCAG 2.2 counts it: 4.5 for text (1.4.3), 3 for the lines that
// make a control and for focus (1.4.11).
func TestContrast(t *testing.T) {
	light, dark := palettes(t)
	for mode, colour := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "card", 4.5}, {"ink", "strip", 4.5}, {"ink", "page", 4.5},
			{"muted", "card", 4.5}, {"muted", "strip", 4.5}, {"accent", "card", 4.5}, {"accent", "strip", 4.5},
			{"accent-strong", "strip", 4.5}, {"accent", "tile", 4.5}, {"on-accent", "accent", 4.5},
			{"on-accent", "accent-strong", 4.5}, {"error", "error-page", 4.5}, {"error", "card", 4.5},
			{"on-band", "band", 4.5}, {"on-band", "band-line", 4.5},
			{"control", "card", 3}, {"error-line", "card", 3}, {"error-line", "error-page", 3},
			{"accent", "card", 3}, {"focus", "card", 3}, {"focus", "strip", 3}, {"focus", "error-page", 3},
		} {
			got := contrast(t, colour[pair.front], colour[pair.back])
			t.Logf("%-5s %-13s on %-13s %5.2f", mode, pair.front, pair.back, got)
			if got < pair.least {
				t.Errorf("%s: %s on %s has %.2f, needs %.1f", mode, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

var (
	declaration = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	use         = regexp.MustCompile(`var\(--([a-z-]+)\)`)
	literal     = regexp.MustCompile(`#[0-9a-f]{3,8}\b`)
)

// palettes reads the two colour blocks, and holds the rest of the sheet to them.
func palettes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	css, _, _, _ := newPages(t).Asset("signon.css")
	before, after, ok := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	rest := strings.Index(after, "\n}\n")
	if !ok || rest < 0 {
		t.Fatal("no dark palette")
	}
	light, dark = colours(before), colours(after[:rest])
	if len(light) == 0 || len(light) != len(dark) {
		t.Fatalf("%d light and %d dark colours", len(light), len(dark))
	}
	for name := range maps.Keys(light) {
		if dark[name] == "" {
			t.Errorf("%s has no dark form", name)
		}
	}
	for _, name := range use.FindAllStringSubmatch(after[rest:], -1) {
		if light[name[1]] == "" {
			t.Errorf("%s is not in the palette", name[1])
		}
	}
	for _, hex := range literal.FindAllString(after[rest:], -1) {
		if !strings.HasPrefix(hex, "#000000") || len(hex) != 9 { // shadows
			t.Errorf("%s stands outside the palette", hex)
		}
	}
	return light, dark
}

func colours(css string) map[string]string {
	found := map[string]string{}
	for _, m := range declaration.FindAllStringSubmatch(css, -1) {
		found[m[1]] = m[2]
	}
	return found
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of #rrggbb.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// The browser's own bar has the colour of the band below it.
func TestThemeColour(t *testing.T) {
	light, dark := palettes(t)
	html := states(t)["signon"].html
	for mode, colour := range map[string]string{"light": light["band"], "dark": dark["band"]} {
		if !strings.Contains(html, `media="(prefers-color-scheme: `+mode+`)" content="`+colour+`"`) {
			t.Errorf("%s bar is not %s", mode, colour)
		}
	}
}

// The sheet keeps its promises to people who zoom, tab, or dislike movement.
func TestStyle(t *testing.T) {
	css, _, _, _ := newPages(t).Asset("signon.css")
	for _, want := range []string{":focus-visible { outline: 3px", "@media (prefers-reduced-motion: no-preference)", "overflow-wrap: anywhere", "color-scheme: light dark"} {
		if !strings.Contains(string(css), want) {
			t.Errorf("no %q", want)
		}
	}
	before, _, _ := strings.Cut(string(css), "@media (prefers-reduced-motion")
	for _, word := range []string{"transition", "animation", "outline: 0", "outline: none", "@font-face"} {
		if strings.Contains(before, word) {
			t.Errorf("%q", word)
		}
	}
}
