package upscale

import (
	"testing"
)

func TestDefaultOutput(t *testing.T) {
	tests := []struct{ in, codec, want string }{
		{"a/b.mp4", "x264", "a/b_x4.mp4"},
		{"b.MOV", "x265", "b_x4.MOV"},
		{"b.mov", "prores", "b_x4.mov"},
		{"b.mp4", "prores", "b_x4.mov"},
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
		if got := defaultOutput(tt.in, "x4", tt.codec, nil); got != tt.want {
			t.Errorf("%s with %s: %s, want %s", tt.in, tt.codec, got, tt.want)
		}
	}
}
