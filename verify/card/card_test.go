package card

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"vsr/verify"
)

func picture(w, h int, c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return m
}

func testCard() *Card {
	return &Card{
		Report: &verify.Report{Source: "a.mp4", Output: "<b>.mp4", Checks: []verify.Check{
			{Name: "frames", Must: true, Detail: "5 to 4"}, {Name: "rotation", OK: true, Must: true, Detail: "0 to 0 degrees"}}},
		Pairs: []Pair{{Title: "scene 1", Source: picture(32, 18, color.White), Output: picture(128, 72, color.Black), Vector: []float32{1, -2, 0}},
			{Title: "scene 2", Source: picture(18, 32, color.White), Output: picture(72, 128, color.Black)}},
		Consistency: []float64{30, 31, 29.5, 40},
	}
}

func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	var b bytes.Buffer
	if err := testCard().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	for _, want := range []string{"failed: frames", "scene 1", "scene 2", "5 to 4", "&lt;b&gt;.mp4", "<polyline", `class="vector"`, "data:image/jpeg;base64,"} {
		if !strings.Contains(s, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"http://", "https://", "<b>.mp4", "ZgotmplZ", "NaN"} {
		if strings.Contains(s, never) {
			t.Errorf("the page contains %q", never)
		}
	}
}

func TestStrip(t *testing.T) {
	var b bytes.Buffer
	if err := testCard().WriteStrip(&b); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Bounds().Size(), image.Pt(2*480+4, 2*270+4); got != want {
		t.Fatalf("strip of %v, want %v", got, want)
	}
	left, _, _, _ := m.At(100, 100).RGBA()
	right, _, _, _ := m.At(600, 100).RGBA()
	if left != 0xffff || right != 0 {
		t.Errorf("left %x, right %x; want the source left and the output right", left, right)
	}
	if (&Card{}).WriteStrip(&b) == nil {
		t.Error("an empty strip is no error")
	}
}
