package decode

import (
	"testing"

	"vsr/media"
)

// Timecodes run on by frames; where numbers are dropped, by those that there are.
func TestLaterTimecode(t *testing.T) {
	pal, ntsc, fast := media.Rational{Num: 25, Den: 1}, media.Rational{Num: 30000, Den: 1001}, media.Rational{Num: 60000, Den: 1001}
	for _, c := range []struct {
		from    string
		seconds float64
		rate    media.Rational
		want    string
	}{
		{"01:02:03:04", 0, pal, "01:02:03:04"}, {"01:02:03:04", 10, pal, "01:02:13:04"}, {"01:02:03:04", 0.84, pal, "01:02:04:00"}, {"23:59:59:24", 0.04, pal, "00:00:00:00"},
		{"00:00:59;29", 1001. / 30000, ntsc, "00:01:00;02"}, {"00:09:59;29", 1001. / 30000, ntsc, "00:10:00;00"}, {"00:00:00;00", 3600, ntsc, "01:00:00;00"},
		{"00:00:00:00", 3603.6, ntsc, "01:00:00:00"}, {"00:00:59;59", 1001. / 60000, fast, "00:01:00;04"}, {"10:00", 1, pal, ""}, {"01:02:03:04", 1, media.Rational{}, ""},
	} {
		if got := laterTimecode(c.from, c.seconds, c.rate); got != c.want {
			t.Errorf("%s and %g s at %v: %q, want %q", c.from, c.seconds, c.rate, got, c.want)
		}
	}
}
