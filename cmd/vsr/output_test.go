package main

import (
	"strings"
	"testing"
)

func TestDefaultOutput(t *testing.T) {
	tests := []struct{ in, codec, want string }{
		{"a/b.mp4", "x264", "a/b_x4.mp4"},
		{"b.MOV", "x265", "b_x4.MOV"},
		{"b.mov", "prores", "b_x4.mov"},
		{"b.mp4", "prores", "b_x4.mkv"},
		{"b.mp4", "ffv1", "b_x4.mkv"},
		{"b.webm", "x264", "b_x4.mkv"},
		{"b.webm", "vp9", "b_x4.webm"},
		{"b.webm", "vp8", "b_x4.webm"},
		{"b.webm", "svtav1", "b_x4.webm"},
		{"b.3gp", "x264", "b_x4.mp4"},
		{"b.3gp", "ffv1", "b_x4.mkv"},
		{"b.avi", "x264", "b_x4.mkv"},
		{"b.ts", "", "b_x4.ts"},
		{"noending", "x264", "noending_x4.mkv"},
		{"v1.0/noending", "x264", "v1.0/noending_x4.mkv"},
		{"-", "x264", "out_x4.mkv"},
	}
	for _, tt := range tests {
		if got := defaultOutput(tt.in, "x4", tt.codec); got != tt.want {
			t.Errorf("%s with %s: %s, want %s", tt.in, tt.codec, got, tt.want)
		}
	}
}

func TestDefaultModel(t *testing.T) {
	all := []string{"base-x4", "fast-x2", "fast-x4"}
	tests := []struct {
		factor float64
		names  []string
		want   string
	}{
		{4, all, "fast-x4"}, {2, all, "fast-x2"}, {1.5, all, "fast-x2"}, {3, all, "fast-x4"}, {2.5, all, "fast-x4"}, {8, all, "fast-x4"},
		{4, []string{"fast-x2"}, "fast-x2"}, {4, nil, ""}, {4, []string{"base-x4"}, ""},
	}
	for _, tt := range tests {
		if got := defaultModel(tt.factor, tt.names); got != tt.want {
			t.Errorf("factor %g of %v: %q, want %q", tt.factor, tt.names, got, tt.want)
		}
	}
}

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

func TestLedger(t *testing.T) {
	record := func(times ...int64) *ledger {
		var l ledger
		for _, v := range times {
			l.note(v)
		}
		return &l
	}
	in := record(-3, 0, 7)
	if err := agree(in, record(-3, 0, 7)); err != nil {
		t.Error(err)
	}
	for say, out := range map[string]*ledger{
		"2 went out":   record(-3, 0),
		"back in time": record(-3, 7, 0),
		"not those":    record(-3, 1, 7),
	} {
		if err := agree(in, out); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("error %v, want %q", err, say)
		}
	}
}

func TestLoadedLibraries(t *testing.T) {
	maps := "7f00 r-xp /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f01 r--p /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f02 r-xp /lib/libx264.so.164\n7f03 r-xp /lib/libc.so.6\n"
	if got := strings.Join(loadedLibraries(maps), ","); got != "avcodec 59.37.100,x264 164" {
		t.Error(got)
	}
}
