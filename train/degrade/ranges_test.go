package degrade

import (
	"slices"
	"strings"
	"testing"
)

func TestRangesAreChecked(t *testing.T) {
	if err := DefaultRanges().Validate(); err != nil {
		t.Fatal(err)
	}
	for key, spoil := range map[string]func(r *Ranges){
		"video.blur":               func(r *Ranges) { r.Video.Blur = 1.1 },
		"video.sigma":              func(r *Ranges) { r.Video.Sigma = [2]float64{2, 1} },
		"second.first.size":        func(r *Ranges) { r.Second.First.Size[0] = -1 },
		"careful.codec":            func(r *Ranges) { r.Light.Codec = -0.1 },
		"coding.codecs":            func(r *Ranges) { r.Coding.Codecs.H264.Share = 0.9 },
		"codecs: vp9":              func(r *Ranges) { r.Codecs.VP9.Quality[1] = 64 },
		"codecs.h264.quality":      func(r *Ranges) { r.Codecs.H264.Quality = [2]int{30, 20} },
		"coding.codecs.h264.share": func(r *Ranges) { r.Coding.Codecs.H264.Share = 2 },
	} {
		r := DefaultRanges()
		spoil(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

// TestRangesAreUsed turns every step off, one recipe at a time, and on.
func TestRangesAreUsed(t *testing.T) {
	off, on := DefaultRanges(), DefaultRanges()
	off.Video = VideoRanges{}
	on.Video.Blur, on.Video.Noise, on.Video.Interlaced, on.Video.Sharpen, on.Video.Reupload, on.Video.Codec = 1, 1, 1, 1, 1, 1
	off.Light, off.Coding.Blur, off.Coding.Again = LightRanges{}, 0, 0
	on.Light, on.Coding.Blur, on.Coding.Again, on.Coding.Third = LightRanges{1, [2]float64{0.2, 0.2}, 1}, 1, 1, 1
	for seed := range uint64(50) {
		said := func(r *Ranges, name string) string {
			recipe, err := r.ByName(name, 4)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(Describe(recipe, NewRand(seed, 0)), ", ")
		}
		if got := said(&off, "video"); got != "video: no blur" {
			t.Fatalf("off: %s", got)
		}
		for _, want := range []string{"blur ", "noise", "interlaced", "sharpened", "size"} {
			if got := said(&on, "video"); !strings.Contains(got, want) {
				t.Fatalf("on: %s, want %s", got, want)
			}
		}
		if got := said(&off, "light"); got != "light: no blur" {
			t.Fatalf("off: %s", got)
		}
		if got := said(&on, "light"); !strings.HasPrefix(got, "light: blur 0.80, ") {
			t.Fatalf("on: %s", got)
		}
		if off, on := said(&off, "coding"), said(&on, "coding"); strings.Count(off, ", ") != 1 || strings.Count(strings.ReplaceAll(on, ", range", ""), ", ") != 3 {
			t.Fatalf("off: %s; on: %s", off, on)
		}
	}
}

// TestDescribeSaysWhatIsDone compares with draws that leave a trace: no noise and no blur gives what plain reduction gives.
func TestDescribeSaysWhatIsDone(t *testing.T) {
	hr := []Image{NewImage(64, 64)}
	for i := range hr[0].Pix {
		hr[0].Pix[i] = float32(i%97) / 97
	}
	plain, err := Fixed{Factor: 2}.Apply(NewRand(0, 0), hr)
	if err != nil {
		t.Fatal(err)
	}
	mix := Mix{{Fixed{Factor: 2}, 0.5}, {Classic{Factor: 2, Sigma: [2]float64{1, 2}}, 0.5}}
	seen := map[bool]int{}
	for seed := range uint64(20) {
		got, err := mix.Apply(NewRand(seed, 0), hr)
		if err != nil {
			t.Fatal(err)
		}
		bicubic := slices.Equal(Describe(mix, NewRand(seed, 0)), []string{"bicubic"})
		if same := slices.Equal(got[0].Pix, plain[0].Pix); same != bicubic {
			t.Errorf("seed %d: plain is %v, described as %q", seed, same, Describe(mix, NewRand(seed, 0)))
		}
		seen[bicubic]++
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("only one kind was drawn: %v", seen)
	}
}
