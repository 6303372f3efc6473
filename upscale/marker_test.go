package upscale

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vsr/upscale/segment"
)

// published runs a job up to the moment at which the output has its name and the work folder is still there, and stops dead.
func published(t *testing.T, in string, o Options) *Job {
	t.Helper()
	j, err := Open(t.Context(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.upscaleAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.work.lock.Close()
	j.work.lock = nil
	return j
}

// again runs the same job once more.
func again(t *testing.T, in string, o Options) (report Report, lines []string, err error) {
	t.Helper()
	var e events
	o.Events = e.add
	j, err := Open(t.Context(), in, o)
	if err != nil {
		return Report{}, nil, err
	}
	report, err = j.Run(t.Context())
	lines = slices.DeleteFunc(e.lines(), func(l string) bool { return strings.Contains(l, " -> ") }) // Started is the first of every job
	return report, lines, err
}

// Killed between the output's name and the end of the work folder, the same job sees that all is done.
func TestKilledAfterPublishing(t *testing.T) {
	for name, kill := range map[string]func(t *testing.T, j *Job, out string){
		"before the check": func(*testing.T, *Job, string) {},
		"before the removal": func(t *testing.T, j *Job, out string) {
			if err := j.checkFile(context.Background()); err != nil {
				t.Fatal(err)
			}
			j.work.marker.Checked = true
			if err := j.work.marker.seal(WorkDir(out), out); err != nil {
				t.Fatal(err)
			}
		},
		"in the removal": func(t *testing.T, j *Job, out string) {
			j.work.marker.Checked = true
			if err := j.work.marker.seal(WorkDir(out), out); err != nil {
				t.Fatal(err)
			}
			entries, _ := os.ReadDir(WorkDir(out))
			for _, e := range entries {
				if e.Name() != segment.MarkerFile {
					os.Remove(filepath.Join(WorkDir(out), e.Name()))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := longClip(t, 60), filepath.Join(dir, "out.mkv")
			o := tinyOptions(t, out)
			kill(t, published(t, in, o), out)
			before, err := os.Stat(out)
			if err != nil {
				t.Fatal(err)
			}
			report, lines, err := again(t, in, o)
			if err != nil || !report.OK || report.Frames.Resumed != report.Frames.Out || !slices.Equal(lines, []string{Finished{out}.String()}) {
				t.Fatalf("%+v, %q, %v", report.Frames, lines, err)
			}
			after, _ := os.Stat(out)
			if !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
				t.Error("the output was made again")
			}
			only(t, dir, "out.mkv")
			if _, _, err := again(t, in, o); err == nil || Classify(err).Kind != Output || Classify(err).Hint != "Options.Replace replaces the file" {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// Somebody else's file under the output's name is not taken for ours.
func TestOthersFileIsNotOurs(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, j *Job, out string){
		"another file": func(t *testing.T, j *Job, out string) {
			text, err := os.ReadFile(out)
			if err == nil {
				err = os.Rename(out, out+".old")
			}
			if err == nil {
				err = os.WriteFile(out, text, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"changed since": func(t *testing.T, j *Job, out string) {
			if err := j.work.marker.seal(WorkDir(out), out); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(out, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := longClip(t, 60), filepath.Join(t.TempDir(), "out.mkv")
			o := tinyOptions(t, out)
			change(t, published(t, in, o), out)
			if _, _, err := again(t, in, o); err == nil || Classify(err).Kind != Output || Classify(err).Hint != "Options.Replace replaces the file" {
				t.Errorf("%v", err)
			}
		})
	}
	// Other settings make another job: the marker of the first does not cover it.
	in, out := longClip(t, 60), filepath.Join(t.TempDir(), "out.mkv")
	o := tinyOptions(t, out)
	published(t, in, o)
	o.Encode.CRF = 33
	if _, _, err := again(t, in, o); err == nil || Classify(err).Kind != Output && Classify(err).Kind != Request {
		t.Errorf("other settings: %v", err)
	}
}

// FuzzMarker reads markers that anybody may have written. None makes vsr take a file for its own whose inode, size or time is another.
func FuzzMarker(f *testing.F) {
	dir := f.TempDir()
	out := filepath.Join(dir, "out.mkv")
	if err := os.WriteFile(out, []byte("file"), 0o666); err != nil {
		f.Fatal(err)
	}
	st, err := os.Stat(out)
	if err != nil {
		f.Fatal(err)
	}
	m := marker{Plan: "p", Frames: 7, Checked: true}
	if err := m.seal(dir, out); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, segment.MarkerFile))
	if err != nil {
		f.Fatal(err)
	}
	if m, ok := readMarker(dir, out); !ok || m.Frames != 7 || m.Size != 4 {
		f.Fatalf("its own marker: %+v, %v", m, ok)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(bytes.Replace(good, []byte(`"frames":7`), []byte(`"frames":-7`), 1))
	f.Add(bytes.Replace(good, []byte(`"size":4`), []byte(`"size":5`), 1))
	f.Add([]byte(`{"plan":"p","device":1,"inode":1,"frames":9223372036854775807,"cut":true}`))
	f.Add([]byte(`[[[[`))
	f.Add([]byte("null"))
	device, inode, _ := inodeOf(out)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, ok := parseMarker(bytes.NewReader(text))
		if ok && (m.Plan == "" || m.Frames < 0 || m.Frames > maxFrames) || !ok && m != (marker{}) {
			t.Errorf("%+v is taken: %v", m, ok)
		}
		work := t.TempDir()
		if err := os.WriteFile(filepath.Join(work, segment.MarkerFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if m, ok := readMarker(work, out); ok && (m.Device != device || m.Inode != inode || m.Mtime != 0 && (m.Size != st.Size() || m.Mtime != st.ModTime().UnixNano())) {
			t.Errorf("the file is taken for that of %+v", m)
		}
	})
}
