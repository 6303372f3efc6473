package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/media"
	"vsr/segment"
	"vsr/sr"
	"vsr/verify"
	"vsr/verify/html"
)

// FuzzNote reads notes that anybody may have written. None makes vsr take a file for its own whose number, size or time is another.
func FuzzNote(f *testing.F) {
	dir := f.TempDir()
	out := filepath.Join(dir, "out.mkv")
	if err := os.WriteFile(out, []byte("film"), 0o666); err != nil {
		f.Fatal(err)
	}
	st, err := os.Stat(out)
	if err != nil {
		f.Fatal(err)
	}
	n := joinNote{Plan: "p", Frames: 7, Checked: true}
	if err := n.seal(dir, out); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, segment.NoteFile))
	if err != nil {
		f.Fatal(err)
	}
	if n, ok := readJoinNote(dir, out); !ok || n.Frames != 7 || n.Size != 4 {
		f.Fatalf("its own note: %+v, %v", n, ok)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(bytes.Replace(good, []byte(`"frames":7`), []byte(`"frames":-7`), 1))
	f.Add(bytes.Replace(good, []byte(`"size":4`), []byte(`"size":5`), 1))
	f.Add([]byte(`{"plan":"p","device":1,"inode":1,"frames":9223372036854775807,"cut":true}`))
	f.Add([]byte(`[[[[`))
	f.Add([]byte("null"))
	device, inode, _ := identity(out)
	f.Fuzz(func(t *testing.T, text []byte) {
		n, ok := parseNote(bytes.NewReader(text))
		if ok && (n.Plan == "" || n.Frames < 0 || n.Frames > mostFrames) || !ok && n != (joinNote{}) {
			t.Errorf("%+v is taken: %v", n, ok)
		}
		work := t.TempDir()
		if err := os.WriteFile(filepath.Join(work, segment.NoteFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if n, ok := readJoinNote(work, out); ok && (n.Device != device || n.Inode != inode || n.Mtime != 0 && (n.Size != st.Size() || n.Mtime != st.ModTime().UnixNano())) {
			t.Errorf("the file is taken for that of %+v", n)
		}
	})
}

// FuzzReport reads reports that anybody may have written, and makes a page of them. Scenes lie within the film.
func FuzzReport(f *testing.F) {
	run := report{Version: "v", Output: "o.mkv", OK: true, Frames: frameCounts{In: 50, Out: 50}, Model: modelReport{Name: "<b>"}, Device: "cpu",
		Scenes: []sr.SceneRecord{{Index: 1, Vector: []float32{1, -2}}, {Index: 2, FirstFrame: 20, FirstPTS: 9, Estimates: 1}}}
	good, err := json.Marshal(run)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 30)
	f.Add(good[:len(good)-9], 0)
	f.Add(bytes.ReplaceAll(good, []byte(`"first_frame":20`), []byte(`"first_frame":9223372036854775807`)), 3)
	f.Add(bytes.ReplaceAll(good, []byte(`"first_frame":20`), []byte(`"first_frame":-5`)), 3)
	f.Add(bytes.ReplaceAll(good, []byte(`"out":50`), []byte(`"out":1099511627776`)), 1)
	f.Add(bytes.ReplaceAll(good, []byte(`-2`), []byte(`3.4e38`)), 1)
	f.Add([]byte(`{"output":"x","scenes":[{}],"frames":{"out":-1}}`), 1)
	f.Add([]byte("{}"), 1)
	f.Fuzz(func(t *testing.T, text []byte, frames int) {
		run, err := parseReport(text)
		if err != nil {
			return
		}
		scenes := reportedScenes(run)
		for _, s := range scenes {
			if s.First < 0 || s.Frames < 1 || int64(s.First)+int64(s.Frames) > run.Frames.Out {
				t.Errorf("scene %+v of a film of %d frames", s, run.Frames.Out)
			}
		}
		g := html.NewGallery(scenes, 12)
		info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
		fr := media.NewFrame(media.Format{Width: 2, Height: 2, Layout: media.YUV420, Depth: 8})
		for i := range max(min(frames, 100), 0) {
			g.Add(verify.Numbers{Frame: i, Consistency: 30}, html.Pair{Source: fr, Output: fr, SourceInfo: info, OutputInfo: info})
		}
		var page strings.Builder
		p, err := g.Page(&verify.Report{OK: true}, runFacts(run))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WriteHTML(&page); err != nil {
			t.Error(err)
		}
		if strings.Contains(run.Model.Name, "<") && strings.Contains(page.String(), ">"+run.Model.Name+"<") {
			t.Errorf("%q stands on the page as it is", run.Model.Name)
		}
		if err := run.write("-", io.Discard); err != nil {
			t.Error(err)
		}
	})
}
