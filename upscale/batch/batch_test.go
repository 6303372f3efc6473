package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/kdsr"
	"vsr/upscale"
	"vsr/verify"
)

var tiny = media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8,
	Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}

// tree makes files below a folder: videos of so many frames, or with 0 frames text.
func tree(t *testing.T, dir string, files map[string]int) {
	t.Helper()
	for name, frames := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil && frames == 0 {
			err = os.WriteFile(path, []byte("no video"), 0o666)
		} else if err == nil {
			err = testmedia.WriteClip(path, testmedia.Options{Format: tiny, Frames: frames}, encode.Options{CRF: 30, Preset: "ultrafast"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// jobs are options with weights that are fast and segments of 16 to 24 frames.
func jobs(t *testing.T) upscale.Options {
	t.Helper()
	w, err := kdsr.RandomWeights(kdsr.Config{C: 4, N: 1, R: 1, Scale: 2, Tail: kdsr.TailDirect, Skip: kdsr.SkipNearest, Stem: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.safetensors")
	if err := w.Save(path, kdsr.F32); err != nil {
		t.Fatal(err)
	}
	o := upscale.Defaults()
	o.Model, o.Device, o.Threads, o.SegmentMin, o.SegmentMax, o.Encode.Preset = path, "cpu", 1, 16, 24, "ultrafast"
	return o
}

// files lists what is below a folder, without work folders and temporary files.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// The places of outputs: mirrored trees, one below its name for each of several folders, endings where two would meet.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/x.mp4", "a/x.MKV", "a/X.avi", "a/sub/y.mov", "a/notes.txt", "a/.hidden.mp4", "a/.work/z.mp4", "a/out/old.mp4", "b/x.mp4", "c.webm"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "a", "circle")); err != nil {
		t.Fatal(err)
	}
	in := func(names ...string) []string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return names
	}
	out := filepath.Join(dir, "a", "out")
	for _, c := range []struct {
		name      string
		inputs    []string
		recursive bool
		want      string
	}{
		{"folder", in("a"), false, "X.avi x.MKV x.mp4 -notes.txt"},
		{"recursive", in("a"), true, "X.avi x.MKV x.mp4 -notes.txt sub/y"},
		{"two folders", in("a", "b"), false, "a/X.avi a/x.MKV a/x.mp4 -notes.txt b/x"},
		{"file and folder", in("c.webm", "b", "c.webm"), false, "c x"},
		{"one twice", in("b/x.mp4", "b"), false, "x"},
	} {
		list, err := Find(c.inputs, out, c.recursive)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, i := range list {
			if i.why != "" {
				names = append(names, "-"+filepath.Base(i.Path))
				continue
			}
			rel, _ := filepath.Rel(out, i.Stem)
			names = append(names, rel)
		}
		slices.SortFunc(names, func(a, b string) int {
			return strings.Compare(strings.ToLower(strings.TrimLeft(a, "-")), strings.ToLower(strings.TrimLeft(b, "-")))
		})
		want := strings.Fields(c.want)
		slices.SortFunc(want, func(a, b string) int {
			return strings.Compare(strings.ToLower(strings.TrimLeft(a, "-")), strings.ToLower(strings.TrimLeft(b, "-")))
		})
		if !strings.EqualFold(strings.Join(names, " "), strings.Join(want, " ")) {
			t.Errorf("%s: %v, want %v", c.name, names, want)
		}
		seen := map[string]bool{}
		for _, i := range list {
			if key := strings.ToLower(i.Stem); i.why == "" && seen[key] {
				t.Errorf("%s: two outputs are called %s", c.name, i.Stem)
			} else if i.why == "" {
				seen[key] = true
			}
		}
	}
	if _, err := Find(in("a/sub/none.d"), out, true); err != nil {
		t.Errorf("a file that is not there fails when its turn comes: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(in("empty"), out, true); upscale.Classify(err).Kind != upscale.Input {
		t.Errorf("an empty folder: %v", err)
	}
}

// A folder with a broken file and one that is no video: the others are made, the error is that of the broken one, and a second run makes nothing.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	tree(t, in, map[string]int{"a.mp4": 3, "sub/b.mkv": 4, "broken.mp4": 0, "notes.txt": 0})
	f, err := os.Create(filepath.Join(in, "still.png"))
	if err == nil {
		err = errors.Join(png.Encode(f, image.NewRGBA(image.Rect(0, 0, 32, 16))), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := Find([]string{in}, out, true)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Job: jobs(t), Output: out}
	for n, want := range []map[Status]int{{Done: 3, Failed: 1, Skipped: 1}, {Present: 3, Failed: 1, Skipped: 1}} {
		ended := 0
		o.Events = func(e Event) {
			if _, ok := e.(Ended); ok {
				ended++
			}
		}
		sum, err := Run(t.Context(), list, o)
		if upscale.Classify(err).Kind != upscale.Input {
			t.Errorf("run %d: %v", n, err)
		}
		if diff := cmp.Diff(want, sum.Counts); diff != "" || ended != 5 {
			t.Errorf("run %d: %d ended, statuses (-want +got):\n%s", n, ended, diff)
		}
		if diff := cmp.Diff([]string{"a_x2.mp4", "still_x2.png", "sub/b_x2.mkv"}, files(t, out)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", n, diff)
		}
	}
}

// stopAt runs a batch that is stopped when frames of the n-th input are done.
func stopAt(t *testing.T, list []Input, o Options, input int) (Summary, error) {
	t.Helper()
	stop := make(chan struct{})
	now, closed := 0, false
	o.Stop = stop
	o.Events = func(e Event) {
		switch e := e.(type) {
		case Begun:
			now = e.Index
		case Job:
			if p, ok := e.Event.(upscale.Progress); ok && now == input && p.Frames > p.Resumed && !closed {
				close(stop)
				closed = true
			}
		}
	}
	return Run(t.Context(), list, o)
}

// A batch that is stopped twice ends complete, with the outputs of a batch that was not, and nothing is left beside them.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	tree(t, in, map[string]int{"a.mp4": 5, "b.mp4": 60, "c.mkv": 50})
	job := jobs(t)
	job.Repeatable = true
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	list, err := Find([]string{in}, whole, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), list, Options{Job: job, Output: whole}); err != nil {
		t.Fatal(err)
	}
	if list, err = Find([]string{in}, parts, false); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{2, 3} {
		sum, err := stopAt(t, list, Options{Job: job, Output: parts}, at)
		if k := upscale.Classify(err).Kind; k != upscale.Interrupted {
			t.Fatalf("stopped at %d: %v, %v", at, err, sum)
		}
		if sum.Counts[Stopped]+sum.Counts[Done]+sum.Counts[Present] > at {
			t.Errorf("stopped at %d: %v", at, sum)
		}
	}
	sum, err := Run(t.Context(), list, Options{Job: job, Output: parts})
	if err != nil || sum.Counts[Done]+sum.Counts[Present] != 3 {
		t.Fatalf("%v, %v", sum, err)
	}
	want := []string{"a_x2.mp4", "b_x2.mp4", "c_x2.mkv"}
	if diff := cmp.Diff(want, files(t, parts)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, name := range want {
		frames := 0
		r, err := upscale.Verify(t.Context(), filepath.Join(whole, name), filepath.Join(parts, name), upscale.VerifyOptions{
			Frame: func(_ verify.Numbers, a, b *media.Frame) {
				frames++
				for y := range a.Height {
					if !bytes.Equal(a.Row(0, y), b.Row(0, y)) {
						t.Errorf("%s: frame %d differs", name, frames)
						return
					}
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK || frames == 0 {
			t.Errorf("%s: %d frames, %+v", name, frames, r.Checks)
		}
	}
}

// The gravest error counts, whichever came first; a context that ends is reported as itself.
func TestWorst(t *testing.T) {
	b := batch{}
	for _, k := range []upscale.Kind{upscale.Input, upscale.Device, upscale.Request} {
		b.worst(&upscale.Error{Kind: k, Err: errors.New(k.String())})
	}
	if k := upscale.Classify(b.sum.Worst).Kind; k != upscale.Device {
		t.Errorf("%v", k)
	}
	dir := t.TempDir()
	tree(t, dir, map[string]int{"a.mp4": 2})
	list, err := Find([]string{dir}, filepath.Join(dir, "out"), false)
	if err != nil {
		t.Fatal(err)
	}
	cause := fmt.Errorf("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Run(ctx, list, Options{Job: jobs(t), Output: filepath.Join(dir, "out")}); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

// A file with audio alone, under the name of a video, is skipped where it lies in a folder, and an error where it was named.
func TestAudioAlone(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	tree(t, in, map[string]int{"a.mp4": 2})
	// RIFF WAVE: PCM, mono, 8000 samples a second of 8 bits, a tenth of a second of silence.
	wave := append([]byte("RIFF\x44\x03\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x20\x03\x00\x00"), bytes.Repeat([]byte{128}, 800)...)
	talk := filepath.Join(in, "talk.mp4")
	if err := os.WriteFile(talk, wave, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		names []string
		want  map[Status]int
		kind  upscale.Kind
	}{{[]string{in}, map[Status]int{Done: 1, Skipped: 1}, 0}, {[]string{talk, filepath.Join(in, "a.mp4")}, map[Status]int{Failed: 1, Present: 1}, upscale.Input}} {
		list, err := Find(c.names, out, false)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Run(t.Context(), list, Options{Job: jobs(t), Output: out})
		if diff := cmp.Diff(c.want, sum.Counts); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.names, diff)
		}
		if (err == nil) != (c.kind == 0) || err != nil && upscale.Classify(err).Kind != c.kind {
			t.Errorf("%v: %v", c.names, err)
		}
	}
}
