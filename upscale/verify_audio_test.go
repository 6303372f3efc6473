package upscale

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"vsr/encode"
	"vsr/internal/testmedia"
)

// An output whose audio was converted on request is right for who says so, and wrong for who does not.
func TestVerifyKnowsTheAudio(t *testing.T) {
	in := clip(t, "in.mp4", testmedia.Options{Format: tinyFormat, Frames: 6, Tone: 440})
	out := filepath.Join(t.TempDir(), "out.mkv")
	o := Defaults()
	o.Model, o.Threads, o.Resume, o.Output, o.Audio, o.Encode.Preset = tinyWeights(t), 1, false, out, "flac", "ultrafast"
	job, err := Open(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	defer job.Close()
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		audio encode.Audio
		ok    bool
	}{{"flac", true}, {"", false}, {"opus", false}} {
		for _, quick := range []bool{true, false} {
			r, err := Verify(context.Background(), in, out, VerifyOptions{Audio: c.audio, Quick: quick})
			if err != nil {
				t.Fatal(err)
			}
			// The color of a random network is of no interest here.
			if named := strings.Contains(strings.Join(r.Failures(), " "), "audio"); named == c.ok {
				t.Errorf("--audio %q, quick %v: failed %v", c.audio, quick, r.Failures())
			}
		}
	}
	if _, err := Verify(context.Background(), in, out, VerifyOptions{Audio: "nothing"}); Classify(err).Kind != Usage {
		t.Errorf("an audio codec that is none: %v", err)
	}
	if _, err := Verify(context.Background(), in, out, VerifyOptions{FieldRate: true, Quick: true}); Classify(err).Kind != Usage {
		t.Errorf("fields by packets: %v", err)
	}
}
