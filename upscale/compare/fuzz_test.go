package compare

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/upscale"
	"vsr/verify"
	"vsr/verify/html"
)

// FuzzReport reads reports that anybody may have written, and makes a page of them. Scenes lie within the video.
func FuzzReport(f *testing.F) {
	run := upscale.Report{SchemaVersion: upscale.ReportVersion, Version: "v", Output: "o.mkv", OK: true, Frames: upscale.FrameCounts{In: 50, Out: 50}, Model: upscale.ModelReport{Name: "<b>"}, Device: "cpu",
		Scenes: []upscale.SceneReport{{SceneRecord: sr.SceneRecord{Index: 1, Vector: []float32{1, -2}}}, {SceneRecord: sr.SceneRecord{Index: 2, FirstFrame: 20, FirstPTS: 9, Estimates: 1}}}}
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
		run, err := upscale.ParseReport(text)
		if err != nil {
			return
		}
		scenes := placed(run.Scenes, run.Frames.Out)
		for _, s := range scenes {
			if s.First < 0 || s.Frames < 1 || int64(s.First)+int64(s.Frames) > run.Frames.Out {
				t.Errorf("scene %+v of a video of %d frames", s, run.Frames.Out)
			}
		}
		g := html.NewGallery(scenes, 12)
		info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
		fr := media.NewFrame(media.Format{Width: 2, Height: 2, Layout: media.YUV420, Depth: 8})
		for i := range max(min(frames, 100), 0) {
			g.Add(verify.Numbers{Frame: i, Consistency: 30}, html.Pair{Source: fr, Output: fr, SourceInfo: info, OutputInfo: info})
		}
		var page strings.Builder
		p, err := g.Page(&verify.Report{OK: true}, facts(run))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WriteHTML(&page); err != nil {
			t.Error(err)
		}
		if strings.Contains(run.Model.Name, "<") && strings.Contains(page.String(), ">"+run.Model.Name+"<") {
			t.Errorf("%q stands on the page as it is", run.Model.Name)
		}
		if err := run.Write(io.Discard); err != nil {
			t.Error(err)
		}
	})
}
