package degrade

import (
	"fmt"
	"math"
	"math/rand/v2"

	"vsr/internal/av"
	"vsr/media"
)

// Known is a degradation that three numbers describe: blur, antialiased bicubic reduction, white noise, one pass of x264. It is what
// the probes of a degradation vector are fitted to, not a recipe of training. It needs an FFmpeg with x264.
type Known struct{ Factor int }

// KnownAmounts is one draw of Known.
type KnownAmounts struct {
	Blur  float64 // standard deviation, in pixels of the input; 0 is none
	Noise float64 // standard deviation, in 8-bit code values; 0 is none
	CRF   float64 // of x264; KnownClean is none
}

// What Known draws from. A CRF of KnownClean and below leaves nothing that could be seen, so material without compression counts as it.
const (
	KnownBlur  = 1.2
	KnownNoise = 10
	KnownClean = 12
	KnownWorst = 40
)

// Amounts are those that Apply would draw from r, of which only Batch is used.
func (Known) Amounts(r Rand) KnownAmounts {
	a, _ := drawKnown(r.Batch)
	return a
}

func drawKnown(r *rand.Rand) (a KnownAmounts, o av.RoundTripOptions) {
	if r.Float64() < 0.8 {
		a.Blur = uniform(r, 0, KnownBlur)
	}
	if r.Float64() < 0.65 {
		a.Noise = uniform(r, 0, KnownNoise)
	}
	a.CRF = KnownClean
	o = av.RoundTripOptions{Codec: string(H264), GOP: 1 + r.IntN(24), BFrames: r.IntN(4), Preset: [...]string{"veryfast", "faster", "fast"}[r.IntN(3)]}
	if r.Float64() < 0.9 {
		o.Quality = KnownClean + r.IntN(KnownWorst-KnownClean+1)
		a.CRF = float64(o.Quality)
	}
	return a, o
}

// knownSide is a kernel's side that holds three deviations.
func knownSide(sigma float64) int { return 2*int(math.Ceil(3*sigma)) + 3 }

// Scale implements Recipe.
func (k Known) Scale() int { return k.Factor }

// Frames implements Recipe.
func (k Known) Frames() int { return 3 }

// Apply implements Recipe. All draws but the noise come from r.Batch.
func (k Known) Apply(r Rand, hr []Image) ([]Image, error) {
	if k.Factor < 1 || k.Factor > 8 {
		return nil, fmt.Errorf("degrade: known: scale %d (want 1 to 8)", k.Factor)
	}
	a, o := drawKnown(r.Batch)
	gray, lead := r.Batch.Float64() < 0.4, r.Batch.IntN(4)
	clip, err := blurReduce(hr, Isotropic(knownSide(a.Blur*float64(k.Factor)), a.Blur*float64(k.Factor)), k.Factor, 0, r.Own)
	if err != nil {
		return nil, err
	}
	for _, m := range clip {
		gaussianNoise(m, a.Noise/255, gray, randomNoise{r.Own})
		m.Quantise()
	}
	if o.Quality == 0 {
		return clip, nil
	}
	matrix := media.MatrixBT709
	if r.Batch.IntN(2) == 0 {
		matrix = media.MatrixSMPTE170M
	}
	if clip, err = code(clip, matrix, o, lead); err != nil {
		return nil, fmt.Errorf("degrade: known: %w", err)
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}
