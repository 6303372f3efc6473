package machine

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestLoadedLibraries(t *testing.T) {
	maps := "7f00 r-xp /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f01 r--p /usr/lib/x86_64-linux-gnu/libavcodec.so.59.37.100\n7f02 r-xp /lib/libx264.so.164\n7f03 r-xp /lib/libc.so.6\n"
	if got := strings.Join(loadedLibraries(maps), ","); got != "avcodec 59.37.100,x264 164" {
		t.Error(got)
	}
}

// TestDescribe: text and JSON name the same things.
func TestDescribe(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	r := Describe(t.Context(), "v1.2.3")
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || back.Schema != Schema {
		t.Fatalf("%v: %s", err, b)
	}
	for _, want := range append([]string{"v1.2.3", back.ISA, back.GPUNote, "x264"}, back.Models...) {
		if want == "" || !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	if len(back.Kernels) != len(back.Models) {
		t.Errorf("kernels of %v, models %v", back.Kernels, back.Models)
	}
	for _, k := range back.Kernels {
		if !strings.Contains(text.String(), k.Model+" takes "+k.ISA) || len(back.ISAs) > 2 && len(k.Times) < 2 {
			t.Errorf("%+v is not in the text, or has no times:\n%s", k, text.String())
		}
	}
	if len(back.Libraries) == 0 || len(back.Encoders) == 0 || back.Threads < 1 {
		t.Errorf("%s", b)
	}
}

func TestSummary(t *testing.T) {
	r := Report{Models: []string{"fast-x4"}, Libraries: []string{"avcodec 59", "x264 164"}}
	if got := r.Summary(); got != "ready: vsr clip.mp4 upscales on the CPU" {
		t.Error(got)
	}
	r.Libraries = r.Libraries[:1]
	if got := r.Summary(); got != "missing: the encoder x264 in this FFmpeg" {
		t.Error(got)
	}
	r.Models = nil
	if got := r.Summary(); got != "missing: built-in models, the encoder x264 in this FFmpeg" {
		t.Error(got)
	}
}
