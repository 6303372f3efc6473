package upscale

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/kdsr"
)

// tinyFormat keeps the tests fast.
var tinyFormat = media.Format{Width: 96, Height: 64, Layout: media.YUV420, Depth: 8,
	Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}

// tinyWeights writes random weights of a small student and returns the file's name.
func tinyWeights(t *testing.T) string {
	t.Helper()
	w, err := kdsr.RandomWeights(kdsr.Config{C: 4, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Meta[kdsr.MetaName] = "tiny"
	path := filepath.Join(t.TempDir(), "tiny.safetensors")
	if err := w.Save(path, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	return path
}

// clip writes a synthetic clip and returns its name.
func clip(t *testing.T, name string, o testmedia.Options) string {
	t.Helper()
	o.Format = tinyFormat
	path := filepath.Join(t.TempDir(), name)
	if err := testmedia.WriteClip(path, o, encode.Options{CRF: 18, Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	return path
}

// longClip is a clip of several scenes, of variable frame rate and with audio.
func longClip(t *testing.T, frames int) string {
	var cuts []int
	for n := 23; n < frames; n += 31 {
		cuts = append(cuts, n)
	}
	return clip(t, "in.mp4", testmedia.Options{Frames: frames, Cuts: cuts, Tone: 440, Drop: func(n int) bool { return n%11 == 7 }})
}

// tinyOptions work in segments of 16 to 40 frames with tiny weights.
func tinyOptions(t *testing.T, out string) Options {
	t.Helper()
	o := Defaults()
	o.Model, o.Output, o.SegmentMin, o.SegmentMax, o.Threads, o.Repeatable, o.Encode.Preset = tinyWeights(t), out, 16, 40, 1, true, "ultrafast"
	return o
}

// only checks which files a folder holds.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// events collects what a job says.
type events struct{ list []Event }

func (e *events) add(one Event) { e.list = append(e.list, one) }

// lines are the events but Progress, as text.
func (e *events) lines() (list []string) {
	for _, one := range e.list {
		if _, ok := one.(Progress); !ok {
			list = append(list, one.String())
		}
	}
	return list
}
