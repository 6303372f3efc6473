package upscale

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/encode"
	"vsr/internal/atomicfile"
	"vsr/internal/testmedia"
	"vsr/sr/kdsr"
)

// A locked degradation is one vector for all scenes, the same for one worker and for two. A report gives its vectors to another run, and
// sliders move them all; weights without probes refuse sliders.
func TestDegradationOptions(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Frames: 72, Cuts: []int{24, 48}})
	model := probedWeights(t)
	run := func(edit func(*Options)) (Report, error) {
		o := tinyOptions(t, filepath.Join(t.TempDir(), "out.mkv"))
		o.Model = model
		edit(&o)
		j, err := Open(context.Background(), in, o)
		if err != nil {
			return Report{}, err
		}
		defer j.Close()
		return j.Run(context.Background())
	}
	must := func(edit func(*Options)) Report {
		t.Helper()
		r, err := run(edit)
		if err != nil || len(r.Scenes) != 3 {
			t.Fatalf("%v, %d scenes", err, len(r.Scenes))
		}
		return r
	}
	plain := must(func(*Options) {})
	if cmp.Equal(plain.Scenes[0].Vector, plain.Scenes[1].Vector) || plain.Scenes[0].Estimate != nil {
		t.Fatalf("scenes %+v", plain.Scenes)
	}
	lock := must(func(o *Options) { o.Degradation = DegradationLock })
	for i, s := range lock.Scenes {
		if !cmp.Equal(s.Vector, lock.Scenes[0].Vector) || cmp.Equal(s.Vector, plain.Scenes[i].Vector) {
			t.Errorf("locked: scene %d has %v", i+1, s.Vector)
		}
	}
	two := must(func(o *Options) { o.Degradation, o.Workers = DegradationLock, 2 })
	if diff := cmp.Diff(lock.Scenes, two.Scenes); diff != "" {
		t.Errorf("locked, two workers: %s", diff)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	if err := atomicfile.Write(report, lock.Write); err != nil {
		t.Fatal(err)
	}
	again := must(func(o *Options) { o.Degradation = DegradationFile + report })
	for i, s := range again.Scenes {
		if !cmp.Equal(s.Vector, lock.Scenes[i].Vector) || !cmp.Equal(s.Estimate, plain.Scenes[i].Vector) {
			t.Errorf("from a report: scene %d has %v of estimate %v", i+1, s.Vector, s.Estimate)
		}
	}
	moved := must(func(o *Options) { o.Denoise = -1 })
	for i, s := range moved.Scenes {
		want := plain.Scenes[i].Vector
		if math.Abs(float64(want[1]-s.Vector[1])-0.5) > 1e-4 || s.Vector[0] != want[0] {
			t.Errorf("denoise -1: scene %d has %v, estimate %v", i+1, s.Vector, want)
		}
	}
	for name, edit := range map[string]func(*Options){
		"a word":    func(o *Options) { o.Degradation = "sharp" },
		"no file":   func(o *Options) { o.Degradation = DegradationFile + filepath.Join(t.TempDir(), "none.json") },
		"no probes": func(o *Options) { o.Model, o.Deblur = tinyWeights(t), 0.5 },
		"too far":   func(o *Options) { o.Deblur = 1.5 },
		"twice":     func(o *Options) { o.Degradation, o.Scenes = DegradationFile+report, []SceneEntry{{}} },
	} {
		if _, err := run(edit); err == nil {
			t.Errorf("%s: no error", name)
		} else if kind := Classify(err).Kind; kind != Usage && kind != Request {
			t.Errorf("%s: %v of kind %v", name, err, kind)
		}
	}
	yaml := filepath.Join(t.TempDir(), "scenes.yaml")
	text := strings.Join([]string{"schema_version: 1", "scenes:", "  - {first_frame: 0}", "  - {first_frame: 24, noise: 30}", ""}, "\n")
	if err := os.WriteFile(yaml, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	values := must(func(o *Options) { o.Degradation = DegradationFile + yaml })
	for i, s := range values.Scenes {
		if set := s.Estimate != nil; set != (i > 0) { // the second entry goes on to the end
			t.Errorf("values of a file: scene %d has %v of estimate %v", i+1, s.Vector, s.Estimate)
		}
	}
}

// A video in which no frame can be estimated from is locked to the estimate of its first frame, whoever comes first.
func TestLockWithoutInformativeFrames(t *testing.T) {
	var white []int
	for n := range 72 {
		white = append(white, n)
	}
	format := tinyFormat
	format.Width = 80 // too narrow for the frame's number
	in := filepath.Join(t.TempDir(), "in.mp4")
	if err := testmedia.WriteClip(in, testmedia.Options{Format: format, Frames: 72, Flashes: white}, encode.Options{CRF: 18, Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	o := tinyOptions(t, filepath.Join(t.TempDir(), "out.mkv"))
	o.Degradation, o.Workers = DegradationLock, 2
	j, err := Open(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w, err := kdsr.Load(o.Model)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Degradation(context.Background(), w, in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, j.adjuster.locked); diff != "" {
		t.Errorf("locked to another vector than the first frame's: %s", diff)
	}
}
