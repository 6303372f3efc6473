package upscale

import (
	"context"
	"os"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/internal/testmedia"
)

// The check at the end of a run reads the file back and moves a bad one aside.
func TestCheckKeepsABadOutputAside(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 6, Tone: 440})
	bad := clip(t, "out.mp4", testmedia.Options{Frames: 5, Tone: 440})
	src, err := decode.Open(context.Background(), in, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	j := &Job{source: src, info: *src.Info(), report: Report{Output: bad}, input: in}
	for i := range 6 {
		j.times = append(j.times, int64(i)*512)
	}
	f := Classify(j.checkFile(context.Background()))
	if f.Kind != Check || !strings.Contains(f.Error(), "frames: 6 to 5") {
		t.Errorf("%v: %v", f.Kind, f)
	}
	if _, err := os.Stat(strings.TrimSuffix(bad, ".mp4") + ".failed.mp4"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(bad); !os.IsNotExist(err) {
		t.Error("the bad output still has its name")
	}
}
