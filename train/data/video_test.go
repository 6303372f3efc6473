package data

import (
	"context"
	"image"
	"math"
	"os/exec"
	"path/filepath"
	"testing"

	"vsr/media"
)

// scenes writes a video of three still-standing colors, 40 frames each, with the ffmpeg program.
func scenes(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg program: ", err)
	}
	path := filepath.Join(t.TempDir(), "scenes.mkv")
	source := "color=red:s=128x96:r=25:d=1.6[a];color=blue:s=128x96:r=25:d=1.6[b];testsrc=s=128x96:r=25:d=1.6[c];[a][b][c]concat=n=3"
	out, err := exec.Command(program, "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// One sample from each scene, none from the frames that repeat it, none across a cut, in the right colors.
func TestVideos(t *testing.T) {
	path := scenes(t)
	var firsts [][3]uint8
	err := Videos(VideoOptions{Run: 4, Change: 8})(context.Background(), path, func(run []*image.RGBA) error {
		if len(run) != 4 || run[0].Rect.Dx() != 128 || run[0].Rect.Dy() != 96 {
			t.Errorf("a run of %d frames of %v", len(run), run[0].Rect)
		}
		a, b := run[0].RGBAAt(9, 50), run[3].RGBAAt(9, 50)
		if a != b {
			t.Errorf("a run crosses a cut: %v, %v", a, b)
		}
		firsts = append(firsts, [3]uint8{a.R, a.G, a.B})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(firsts) != 3 {
		t.Fatalf("%d samples, want 3: %v", len(firsts), firsts)
	}
	for i, want := range [][3]float64{{254, 0, 0}, {0, 0, 254}} {
		for c, v := range firsts[i] {
			if math.Abs(float64(v)-want[c]) > 4 {
				t.Errorf("scene %d has color %v, want %v", i, firsts[i], want)
			}
		}
	}
	c, rep, err := Open(context.Background(), Options{Dirs: []string{filepath.Dir(path)}, Videos: Videos(VideoOptions{Run: 4})})
	if err != nil || rep.Tiles != 3 || len(rep.Skipped) != 0 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if tile := append(c.Train, c.Validation...)[0]; tile.Frames != 4 || len(tile.Pix) != 4*128*96*3 {
		t.Errorf("%d frames of %dx%d, %d bytes", tile.Frames, tile.W, tile.H, len(tile.Pix))
	}
}

// A cut in the middle of a run throws the run away.
func TestRunEndsAtCut(t *testing.T) {
	grey := func(level byte) *media.Frame {
		fr := media.NewFrame(media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8})
		for p := range 3 {
			for i := range fr.Plane[p] {
				fr.Plane[p][i] = 128
				if p == 0 {
					fr.Plane[p][i] = level
				}
			}
		}
		return fr
	}
	var got []uint8
	v := videoSampler{o: VideoOptions{Run: 4, Runs: 9, Gap: 2, Change: 10}, since: 2, emit: func(run []*image.RGBA) error {
		for _, m := range run {
			got = append(got, m.Pix[0])
		}
		return nil
	}}
	for _, level := range []byte{50, 50, 200, 200, 200, 200, 200} {
		if err := v.frame(grey(level)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 4 || got[0] != got[3] || got[0] < 200 {
		t.Errorf("the run has levels %v, want four of the second shot", got)
	}
}

// Deep, full-range and less subsampled frames give the color that they mean.
func TestToRGBA(t *testing.T) {
	for _, f := range []media.Format{
		{Layout: media.YUV420, Depth: 8}, {Layout: media.YUV444, Depth: 10}, {Layout: media.YUV422, Depth: 12, Color: media.Color{Range: media.RangeFull}},
	} {
		f.Width, f.Height = 6, 5
		fr := media.NewFrame(f)
		for p, v := range [3]float64{0.5, 0.2, -0.1} { // luma in [0,1], chroma in [-1/2,1/2]
			x := []float64{16 + 219*v, 128 + 224*v, 128 + 224*v}[p]
			if f.Color.Range == media.RangeFull {
				x = []float64{255 * v, 128 + 255*v, 128 + 255*v}[p]
			}
			n := int(math.Round(x * float64(int(1)<<(f.Depth-8))))
			_, h := f.PlaneSize(p)
			for y := range h {
				row := fr.Row(p, y)
				for i := range row {
					row[i] = byte(n)
					if f.Depth > 8 {
						row[i] = byte(n >> (8 * (i % 2)))
					}
				}
			}
		}
		m := toRGBA(fr)
		for c, want := range [3]float64{0.5 - 1.402*0.1, 0.5 - 0.344136*0.2 + 0.714136*0.1, 0.5 + 1.772*0.2} {
			if got := float64(m.Pix[m.PixOffset(5, 4)+c]); math.Abs(got-255*want) > 2 {
				t.Errorf("%v: channel %d is %g, want %.1f", f, c, got, 255*want)
			}
		}
	}
}
