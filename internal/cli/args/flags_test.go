package args

import (
	"testing"
)

func TestClock(t *testing.T) {
	for in, want := range map[string]float64{"90": 90, "1:30": 90, "0:01:30.5": 90.5, "0": 0, "2:00:00": 7200} {
		var c float64
		if err := Clock(&c).Set(in); err != nil || c != want {
			t.Errorf("%s: %g, %v", in, c, err)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1:60", "1:2:3:4", "inf", "nan", "1:-5"} {
		var c float64
		if Clock(&c).Set(bad) == nil {
			t.Errorf("%q is taken as %g", bad, c)
		}
	}
}
