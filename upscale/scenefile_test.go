package upscale

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
	"vsr/scene"
)

// What vsr scenes writes is read again, and a line that is removed joins two scenes.
func TestSceneFile(t *testing.T) {
	l := &SceneList{Input: "a: b #.mkv", Scenes: []SceneSpan{{Index: 1, Frames: 12}, {Index: 2, FirstFrame: 12, Frames: 3}, {Index: 3, FirstFrame: 15, Frames: 5}}}
	var text bytes.Buffer
	if err := l.WriteSceneFile(&text); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scenes.yaml")
	read := func(text string) ([]int64, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := ReadSceneFile(path)
		if err != nil {
			return nil, err
		}
		return s.Cuts(), nil
	}
	got, err := read(text.String())
	if diff := cmp.Diff([]int64{12, 15}, got); diff != "" || err != nil {
		t.Errorf("%v %s\n%s", err, diff, &text)
	}
	lines := strings.SplitAfter(text.String(), "\n")
	for i, line := range lines {
		if strings.Contains(line, "first_frame: 12") {
			lines[i] = ""
		}
	}
	if got, err := read(strings.Join(lines, "")); err != nil || !cmp.Equal(got, []int64{15}) {
		t.Errorf("without a line: %v %v", got, err)
	}
	for name, bad := range map[string]string{
		"not rising":      "schema_version: 1\nscenes: [{first_frame: 0}, {first_frame: 9}, {first_frame: 9}]\n",
		"no first scene":  "schema_version: 1\nscenes: [{first_frame: 4}]\n",
		"no scenes":       "schema_version: 1\nscenes: []\n",
		"an unknown key":  "schema_version: 1\nscenes: [{first_frame: 0, hue: 1}]\n",
		"another version": "schema_version: 2\nscenes: [{first_frame: 0}]\n",
		"a word":          "schema_version: 1\nscenes: [{first_frame: 0, blur: much}]\n",
		"too much":        "schema_version: 1\nscenes: [{first_frame: 0, noise: -1}]\n",
		"a slider":        "schema_version: 1\nscenes: [{first_frame: 0, deblur: 1.5}]\n",
		"no YAML":         "}{",
	} {
		if _, err := read(bad); err == nil || Classify(err).Kind != Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Cuts that are given are part of the job's identity, also when there are none, and come back from it.
func TestGivenCutsAreIdentity(t *testing.T) {
	var names []string
	for _, cuts := range [][]int64{nil, {}, {5}, {5, 9}} {
		o := Defaults()
		o.Scene.Cuts = cuts
		i := o.identity(2)
		var back Options
		i.restore(&back)
		if diff := cmp.Diff(cuts, back.Scene.Cuts); diff != "" {
			t.Errorf("%v: %s", cuts, diff)
		}
		in := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(in, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := o.planOf(in, "model", "hash", 2)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, p.ID())
	}
	for i, a := range names {
		for _, b := range names[:i] {
			if a == b {
				t.Errorf("two lists of cuts are one job: %v", names)
			}
		}
	}
}

// A detector that is given cuts numbers frames by them, and by changes of format.
func TestGivenCuts(t *testing.T) {
	f := media.Format{Width: 32, Height: 18, Layout: media.YUV420, Depth: 8}
	d, fr := scene.New(scene.Options{Cuts: []int64{3, 5}}), media.NewFrame(f)
	var got []uint64
	for range 7 {
		d.Mark(fr)
		got = append(got, fr.Scene)
	}
	f.Width = 16
	d.Mark(media.NewFrame(f))
	if diff := cmp.Diff([]uint64{1, 1, 1, 2, 2, 3, 3}, got); diff != "" || d.Scene() != 4 {
		t.Errorf("scene %d after a change of format; %s", d.Scene(), diff)
	}
}
