package main

import (
	"strings"
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

func TestLoadedLibraries(t *testing.T) {
	maps := "7f00 r-xp /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f01 r--p /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f02 r-xp /lib/libx264.so.164\n7f03 r-xp /lib/libc.so.6\n"
	if got := strings.Join(loadedLibraries(maps), ","); got != "avcodec 59.37.100,x264 164" {
		t.Error(got)
	}
}
