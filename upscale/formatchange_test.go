package upscale

import (
	"testing"

	"vsr/media"
)

// Only so many changes are reported one by one.
func TestManyFormatChanges(t *testing.T) {
	lines := 0
	s := formatChanges{emit: func(Event) { lines++ }, timeBase: media.Rational{Num: 1, Den: 25}}
	for i := range 1000 {
		f := &media.Frame{Format: tinyFormat}
		f.Width += i % 2
		if err := s.observe(f); err != nil {
			t.Fatal(err)
		}
	}
	if s.count != 999 || len(s.list) != maxFormatChanges || lines != maxFormatChanges+1 {
		t.Errorf("%d changes, %d kept, %d lines", s.count, len(s.list), lines)
	}
}
