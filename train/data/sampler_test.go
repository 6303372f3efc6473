package data

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vsr/train/degrade"
)

func randomTiles(n, side int) []Tile {
	r := rand.New(rand.NewPCG(9, 9))
	tiles := make([]Tile, n)
	for i := range tiles {
		pix := make([]byte, side*side*3)
		for j := range pix {
			pix[j] = byte(r.Uint32())
		}
		tiles[i] = Tile{W: side, H: side, Frames: 1, Pix: pix, Source: string(rune('a' + i))}
	}
	return tiles
}

func newTestSampler(t *testing.T, o SamplerOptions) *Sampler {
	t.Helper()
	if o.Recipe == nil {
		o.Recipe = degrade.Classic{Factor: 2, Noise: [2]float64{0, 10}}
	}
	if o.Batch == 0 {
		o.Batch = 5
	}
	o.Patch = 12
	s, err := NewSampler(randomTiles(4, 64), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A batch depends on seed and step only: not on what was drawn before, nor on the workers.
func TestSamplerResumes(t *testing.T) {
	for _, shared := range []bool{false, true} {
		a := newTestSampler(t, SamplerOptions{Seed: 7, SharedPerBatch: shared})
		var want []*Batch
		for step := range 9 {
			b, err := a.Batch(step)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, b)
		}
		for _, workers := range []int{1, 3} {
			s := newTestSampler(t, SamplerOptions{Seed: 7, SharedPerBatch: shared}).Prefetch(context.Background(), 4, workers, 3)
			for step := 4; step < 9; step++ {
				b, err := s.Next(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				w := want[step]
				if b.Step != step || !slices.Equal(b.LR, w.LR) || !slices.Equal(b.HR, w.HR) || !slices.Equal(b.Other, w.Other) {
					t.Errorf("shared %v: step %d differs with %d workers", shared, step, workers)
				}
				s.Recycle(b)
			}
			s.Close()
		}
		other, _ := newTestSampler(t, SamplerOptions{Seed: 8, SharedPerBatch: shared}).Batch(4)
		if slices.Equal(other.LR, want[4].LR) {
			t.Error("another seed gives the same batch")
		}
		if slices.Equal(want[4].LR, want[5].LR) {
			t.Error("two steps give the same batch")
		}
	}
}

// With a recipe that only reduces, every LR patch must be the reduction of its HR patch away from the borders, and Other must
// come from the same clip: this catches any misalignment of the crops and flips.
func TestSamplerAligned(t *testing.T) {
	const p, s = 12, 2
	for step := range 12 {
		sampler := newTestSampler(t, SamplerOptions{Seed: 3, Recipe: degrade.Fixed{Factor: s}, Clip: 40, Shrink: float64(step%2) * 0.5})
		b, err := sampler.Batch(step)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			hr := degrade.Image{W: p * s, H: p * s, Pix: b.HR[i*p*s*p*s*3:][:p*s*p*s*3]}
			lr, _ := degrade.Bicubic(hr, s)
			lr.Quantise()
			got := degrade.Image{W: p, H: p, Pix: b.LR[i*p*p*3:][:p*p*3]}
			if !slices.Equal(lr.Crop(3, 3, p-6, p-6).Pix, got.Crop(3, 3, p-6, p-6).Pix) {
				t.Fatalf("step %d sample %d: LR is not the reduction of HR", step, i)
			}
		}
	}
}

// Patches are drawn all over the clip, at a place of its own for every sample: the image says where each comes from.
func TestSamplerPlaces(t *testing.T) {
	const side, p, s = 64, 12, 2
	tile := Tile{W: side, H: side, Frames: 1, Pix: make([]byte, side*side*3), Source: "ruler"}
	for i := range side * side {
		tile.Pix[3*i], tile.Pix[3*i+1] = byte(i%side), byte(i/side)
	}
	sampler, err := NewSampler([]Tile{tile}, SamplerOptions{Batch: 16, Patch: p, Recipe: degrade.Fixed{Factor: s}, Clip: side, NoAugment: true})
	if err != nil {
		t.Fatal(err)
	}
	places := map[[2]int]int{}
	for step := range 8 {
		b, err := sampler.Batch(step)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 16 {
			first := b.HR[i*p*p*s*s*3:]
			places[[2]int{int(first[0]*255 + 0.5), int(first[1]*255 + 0.5)}]++
		}
	}
	// 128 draws over 21 x 21 places: about 111 different ones are expected.
	if len(places) < 90 {
		t.Errorf("128 patches come from %d places", len(places))
	}
	low, high := side, 0
	for at := range places {
		low, high = min(low, at[0], at[1]), max(high, at[0], at[1])
	}
	if low != 0 || high != side-p*s {
		t.Errorf("places reach from %d to %d, want 0 to %d", low, high, side-p*s)
	}
}

func TestSamplerRejects(t *testing.T) {
	r := degrade.Classic{Factor: 4}
	for name, o := range map[string]SamplerOptions{
		"recipe": {Batch: 1, Patch: 8}, "batch": {Recipe: r, Patch: 8}, "patch": {Recipe: r, Batch: 1},
		"tiles": {Recipe: r, Batch: 1, Patch: 48}, "clip": {Recipe: r, Batch: 1, Patch: 8, Clip: 16},
	} {
		if _, err := NewSampler(randomTiles(1, 64), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// sharedDraw notes the first number of the stream that a batch shares.
type sharedDraw struct {
	degrade.Fixed
	seen *[]uint64
}

func (d sharedDraw) Apply(r degrade.Rand, hr []degrade.Image) ([]degrade.Image, error) {
	*d.seen = append(*d.seen, r.Batch.Uint64())
	return d.Fixed.Apply(r, hr)
}

// Without a pool the samples of a batch share their draws; with one, most come from batches before, and as old as the pool says.
func TestPool(t *testing.T) {
	const batch, steps, pool = 5, 120, 30
	draws := func(pool int) [][]uint64 {
		var all [][]uint64
		var seen []uint64
		s := newTestSampler(t, SamplerOptions{Seed: 7, Batch: batch, Reuse: 1, SharedPerBatch: true, Pool: pool,
			Recipe: sharedDraw{degrade.Fixed{Factor: 2}, &seen}})
		for step := range steps {
			seen = nil
			if _, err := s.Batch(step); err != nil {
				t.Fatal(err)
			}
			all = append(all, seen)
		}
		return all
	}
	plain, pooled := draws(0), draws(pool)
	born := map[uint64]int{}
	for step, d := range plain {
		if len(d) != batch || slices.Min(d) != slices.Max(d) {
			t.Fatalf("step %d: draws %x, want %d equal ones", step, d, batch)
		}
		born[d[0]] = step
	}
	var age float64
	for step := steps / 2; step < steps; step++ {
		for _, v := range pooled[step] {
			b, known := born[v]
			if !known || b > step {
				t.Fatalf("step %d: draw %x of step %d, known %v", step, v, b, known)
			}
			age += float64(step-b) / (batch * steps / 2)
		}
	}
	// A pair is handed out with probability batch/pool a step: it waits (1-p)/p steps in the mean.
	if want := float64(pool-batch) / batch; age < 0.8*want || age > 1.2*want {
		t.Errorf("mean age %.2f steps, want about %.2f", age, want)
	}
}

// Half of the clips are reduced, by factors that fill the range as far as a patch has stage: the slope of a ruler tells by how much.
func TestSamplerShrinks(t *testing.T) {
	const w, h, p, s, least = 96, 64, 12, 2, 24.0 / 64
	tile := Tile{W: w, H: h, Frames: 1, Pix: make([]byte, w*h*3), Source: "ruler"}
	for i := range w * h {
		tile.Pix[3*i], tile.Pix[3*i+1] = byte(2*(i%w)), byte(2*(i/w))
	}
	sampler, err := NewSampler([]Tile{tile}, SamplerOptions{Batch: 16, Patch: p, Clip: 48, Recipe: degrade.Fixed{Factor: s}, Reuse: 1, Shrink: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	var whole, strong, total int
	for step := range 12 {
		b, err := sampler.Batch(step)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 16 {
			hr := b.HR[i*p*p*s*s*3:][:p*p*s*s*3]
			across, down := slope(hr, p*s, 3, p*s-7), slope(hr, p*s, p*s*3, p*s-7)
			if math.Abs(across-down) > 0.12 || across < 0.98 || across > 1/least+0.05 {
				t.Fatalf("step %d sample %d: slopes %.3f and %.3f, want equal, from 1 to %.2f", step, i, across, down, 1/least)
			}
			total++
			if across < 1.01 {
				whole++
			}
			if across > 1.8 {
				strong++
			}
		}
	}
	if whole < total*2/5 || whole > total*3/5 || strong < total/10 {
		t.Errorf("%d of %d clips whole, %d reduced strongly", whole, total, strong)
	}
}

// slope is how many pixels of the ruler one pixel covers along a direction, in the middle of a sharp patch.
func slope(hr []float32, side, stride, n int) float64 {
	first := (3*side + 3) * 3
	var most float64
	for c := range 2 { // a transposed ruler has its axes in the other channel
		most = max(most, math.Abs(float64(hr[first+n*stride+c]-hr[first+c]))*255/2/float64(n))
	}
	return most
}

// A tile with space for one patch is never reduced, and a tall one only as far as its width allows.
func TestSamplerShrinkKeepsStage(t *testing.T) {
	tiles := randomTiles(1, 24)
	tall := randomTiles(1, 64)[0]
	tall.W, tall.Pix = 25, tall.Pix[:25*64*3]
	for _, tile := range append(tiles, tall) {
		s, err := NewSampler([]Tile{tile}, SamplerOptions{Batch: 8, Patch: 12, Recipe: degrade.Fixed{Factor: 2}, Reuse: 1, Shrink: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 20 {
			if _, err := s.Batch(step); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := NewSampler(tiles, SamplerOptions{Batch: 8, Patch: 12, Recipe: degrade.Fixed{Factor: 2}, Shrink: -0.1}); err == nil {
		t.Error("a negative factor was taken")
	}
}

// The share of clips that is asked for gets soft parts: noise tells, which is equally rough everywhere without them.
func TestSamplerDefocuses(t *testing.T) {
	for _, share := range []float64{0, 0.5, 1} {
		s := newTestSampler(t, SamplerOptions{Batch: 16, Reuse: 1, Recipe: degrade.Fixed{Factor: 2}, Defocus: share})
		var soft, total int
		for step := range 12 {
			b, err := s.Batch(step)
			if err != nil {
				t.Fatal(err)
			}
			n := len(b.HR) / 16
			for i := range 16 {
				var rough float64
				for j := 3; j < n; j++ {
					rough += math.Abs(float64(b.HR[i*n+j] - b.HR[i*n+j-3]))
				}
				if rough/float64(n) < 0.3 { // a third is the mean of whole noise
					soft++
				}
				total++
			}
		}
		if got := float64(soft) / float64(total); got > share || got < 0.7*share {
			t.Errorf("defocus %g: %.2f of the clips are softer", share, got)
		}
	}
}
