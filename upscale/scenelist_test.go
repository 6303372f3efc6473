package upscale

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// The list has no gap, ends with the video, and writes itself in three forms.
func TestListScenes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "video.mkv")
	o := testmedia.Options{Frames: 40, Cuts: []int{12, 20, 30}, Rate: media.Rational{Num: 25, Den: 1},
		Format: media.Format{Width: 96, Height: 54, Layout: media.YUV420, Depth: 8}}
	if err := testmedia.WriteClip(path, o, encode.Options{Codec: "ffv1"}); err != nil {
		t.Fatal(err)
	}
	l, err := ListScenes(t.Context(), path, SceneListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var first []int64
	next, at := int64(0), 0.0
	for _, s := range l.Scenes {
		if s.FirstFrame != next || s.Start < at-1e-3 || s.Start > at+1e-3 || s.End <= s.Start {
			t.Errorf("scene %+v, want one from frame %d at %.3f s", s, next, at)
		}
		first, next, at = append(first, s.FirstFrame), s.FirstFrame+s.Frames, s.End
	}
	if diff := cmp.Diff([]int64{0, 12, 20, 30}, first); diff != "" || l.Frames != 40 || next != 40 || at < 1.59 || at > 1.61 {
		t.Errorf("%d frames, the last scene ends with frame %d at %.3f s; first frames: %s", l.Frames, next, at, diff)
	}
	var table, edl, csv bytes.Buffer
	if err := errors.Join(l.Print(&table), l.WriteEDL(&edl), l.WriteCSV(&csv)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(edl.String(), "TITLE: video\n") || !strings.Contains(edl.String(), "002  AX       V     C        00:00:00:12 00:00:00:20 00:00:00:12 00:00:00:20\n") {
		t.Error(edl.String())
	}
	if lines := strings.Split(csv.String(), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[3], "3,20,10,0.800000,1.200000,") {
		t.Error(csv.String())
	}
	if !strings.Contains(table.String(), "0:00:01.200") {
		t.Error(table.String())
	}
}

func TestSceneListRefuses(t *testing.T) {
	l := &SceneList{Scenes: make([]SceneSpan, 3)}
	if kind := Classify(l.WriteEDL(&bytes.Buffer{})).Kind; kind != Request {
		t.Errorf("an edit list without a frame rate: %v", kind)
	}
	l = &SceneList{FPS: 25, Scenes: make([]SceneSpan, 1000)}
	if kind := Classify(l.WriteEDL(&bytes.Buffer{})).Kind; kind != Request {
		t.Errorf("an edit list of 1000 scenes: %v", kind)
	}
	if _, err := ListScenes(t.Context(), "missing.mkv", SceneListOptions{}); Classify(err).Kind != Input {
		t.Errorf("a file that is not there: %v", err)
	}
	o := SceneListOptions{}
	o.Scene.Threshold = 2
	if _, err := ListScenes(t.Context(), "missing.mkv", o); Classify(err).Kind != Usage {
		t.Errorf("a threshold of 2: %v", err)
	}
}
