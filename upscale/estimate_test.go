package upscale

import "testing"

func TestEstimate(t *testing.T) {
	o := Defaults()
	e := Estimate{Output: "/dev/null/x", Frames: 1000, Length: 40, Workers: 2, Parts: []EstimatePart{
		{Frames: 50, Seconds: 5, FPS: 10, video: 1000 + 49*100, first: 1000, others: 400}, {Frames: 50, Seconds: 2.5, FPS: 20, video: 3000 + 49*300, first: 3000, others: 400}}}
	e.sum(&o, false, 1<<20)
	// 200 bytes a frame, a keyframe of 2000 bytes at the start and every ten seconds, and 800 bytes in 4 s of the other streams.
	if want := int64(200*1000 + 2000*5 + 8000); e.Bytes != want || e.Disk != want {
		t.Errorf("%d bytes, %d on disk, want %d", e.Bytes, e.Disk, want)
	}
	if e.Seconds != 75 || e.SecondsMin != 50 || e.SecondsMax != 100 || e.Memory != 2<<20 || len(e.Notes) != 1 {
		t.Errorf("%+v", e)
	}
	for length, want := range map[float64]int{3: 4, 15: 2, 25: 1, 100: 1} {
		if got := e.places(length); len(got) != want || want == 1 && got[0] != 0 {
			t.Errorf("parts of %g s in 40 s: %v", length, got)
		}
	}
}
