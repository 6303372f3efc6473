package upscale

import (
	"path/filepath"
	"strings"
	"testing"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// The default is the largest scale of a built-in network that does not pass 2160 displayed rows.
func TestDefaultScale(t *testing.T) {
	for _, c := range []struct{ rows, want int }{{1, 4}, {480, 4}, {540, 4}, {541, 2}, {720, 2}, {1080, 2}, {1081, 0}, {2160, 0}} {
		if got := defaultScale(c.rows); got != c.want {
			t.Errorf("%d rows: x%d, want x%d", c.rows, got, c.want)
		}
	}
}

// Rows are counted as a player shows them, and what was asked for is left alone.
func TestSettleScale(t *testing.T) {
	wide := media.Info{Format: media.Format{Width: 960, Height: 540}}
	turned := wide
	turned.Rotation = 90
	over := wide
	over.Rotation = 180
	for _, c := range []struct {
		name        string
		o           Options
		info        media.Info
		scale, rows int
	}{
		{"wide", Options{}, wide, 4, 540}, {"turned", Options{}, turned, 2, 960}, {"upside down", Options{}, over, 4, 540},
		{"asked", Options{Scale: 3}, turned, 3, 0}, {"model", Options{Model: "fast-x2"}, wide, 0, 0},
	} {
		rows, err := c.o.settleScale(&c.info)
		if err != nil || c.o.Scale != c.scale || rows != c.rows {
			t.Errorf("%s: x%d for %d rows (%v), want x%d for %d", c.name, c.o.Scale, rows, err, c.scale, c.rows)
		}
	}
	height := Options{}
	height.SR.Height = 2000
	if _, err := height.settleScale(&wide); err != nil || height.Scale != 0 {
		t.Errorf("with a height: x%d, %v", height.Scale, err)
	}
}

// The first event says what was chosen; a video that no scale fits is a matter of usage.
func TestDefaultScaleIsSaid(t *testing.T) {
	path := clip(t, "in.mp4", testmedia.Options{Frames: 2})
	o := Defaults()
	o.Device, o.Threads, o.Encode.Preset, o.Output = "cpu", 1, "ultrafast", filepath.Join(t.TempDir(), "out.mkv")
	var got events
	o.Events = got.add
	j, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, ok := got.list[0].(Started)
	if !ok || first.Scale != 4 || first.DefaultFor != 64 || first.OutputHeight != 256 || !strings.Contains(first.String(), "x4 by default for 64 rows (Options.Scale)") {
		t.Errorf("first event: %#v", got.list[0])
	}

	tall := filepath.Join(t.TempDir(), "tall.mp4")
	big := testmedia.Options{Frames: 1, Format: tinyFormat}
	big.Format.Height = 1082
	if err := testmedia.WriteClip(tall, big, encode.Options{CRF: 40, Preset: "ultrafast"}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"run":  func() error { _, err := Open(t.Context(), tall, o); return err }(),
		"plan": func() error { _, err := Plan(t.Context(), tall, o); return err }(),
	} {
		if e := Classify(err); e.Kind != Usage || !strings.Contains(e.Hint, "Options.Scale") {
			t.Errorf("%s of 1082 rows: %v (hint %q)", name, err, e.Hint)
		}
	}
}
