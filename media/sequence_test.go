package media

import "testing"

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		n       int
		file    string
	}{{"a/f%05d.png", 7, "a/f00007.png"}, {"%d.jpg", 120, "120.jpg"}, {"x%03d.tif", 12345, "x12345.tif"}} {
		p, ok := ParsePattern(c.pattern)
		if !ok || p.Name(c.n) != c.file {
			t.Errorf("%s of %d: %s", c.pattern, c.n, p.Name(c.n))
		}
		if n, ok := p.Number(c.file); !ok || n != c.n {
			t.Errorf("%s in %s: %d, %v", c.file, c.pattern, n, ok)
		}
	}
	for _, name := range []string{"a.png", "100%.png", "%d-%d.png", "%d/a.png", "%5s.png"} {
		if _, ok := ParsePattern(name); ok {
			t.Errorf("%s was taken for a pattern", name)
		}
	}
	p, _ := ParsePattern("a/f%03d.png")
	for _, name := range []string{"a/f7.png", "a/f0007.png", "a/f007.jpg", "b/f007.png", "a/f.png", "a/f-07.png", "a/f+07.png"} {
		if n, ok := p.Number(name); ok {
			t.Errorf("%s was taken for image %d", name, n)
		}
	}
}

func TestParseRate(t *testing.T) {
	for s, want := range map[string]Rational{"25": {25, 1}, "23.976": {24000, 1001}, "23.98": {24000, 1001}, "29.97": {30000, 1001}, "59.94": {60000, 1001},
		"30000/1001": {30000, 1001}, "12.5": {12500, 1000}, "0.2": {200, 1000}} {
		if got, err := ParseRate(s); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0", "-5", "a", "1/0", "NaN", "1e9", "25 fps", "2000/1"} {
		if got, err := ParseRate(s); err == nil {
			t.Errorf("%q gave %v", s, got)
		}
	}
}
