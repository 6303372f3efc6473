package testmedia

import (
	"testing"

	"vsr/media"
)

func TestClockReadsBack(t *testing.T) {
	for _, size := range [][2]int{{320, 180}, {640, 360}, {1280, 720}, {424, 240}} {
		fr := media.NewFrame(media.Format{Width: size[0], Height: size[1], Layout: media.YUV420, Depth: 8})
		if n, ok := Clock(fr); ok {
			t.Errorf("%v: a black frame reads as %d", size, n)
		}
		for _, n := range []int{1, 2, 3, 4095, 70000, 1<<24 - 1, 1<<24 + 5} {
			DrawClock(fr, n)
			if got, ok := Clock(fr); !ok || got != n&(1<<24-1) {
				t.Errorf("%v: %d reads as %d, %v", size, n, got, ok)
			}
		}
		DrawClock(fr, 5)
		clockBox(fr, clockLeft, clockTop, clockBlock, clockRows, 0) // 5 is 111 in Gray code
		if n, ok := Clock(fr); ok {
			t.Errorf("%v: a frame with one wrong block reads as %d", size, n)
		}
		fr.Release()
	}
}
