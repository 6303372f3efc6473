package main

import (
	"testing"
)

func TestClock(t *testing.T) {
	for in, want := range map[string]float64{"90": 90, "1:30": 90, "0:01:30.5": 90.5, "0": 0, "2:00:00": 7200} {
		var c clockFlag
		if err := c.Set(in); err != nil || float64(c) != want {
			t.Errorf("%s: %g, %v", in, float64(c), err)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1:60", "1:2:3:4", "inf", "nan", "1:-5"} {
		var c clockFlag
		if c.Set(bad) == nil {
			t.Errorf("%q is taken as %g", bad, float64(c))
		}
	}
}
