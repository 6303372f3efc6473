package degrade

import (
	"fmt"
	"math"
	"math/rand/v2"

	"vsr/internal/av"
	"vsr/media"
)

// Video is what happens to video that people want enlarged: a soft lens, some sensor noise, perhaps interlacing or sharpening,
// perhaps an upload that was resized and compressed, and nearly always a codec at the end, in 8-bit 4:2:0. Blur and noise walk
// slowly over a clip. It needs an FFmpeg with the encoders of Codecs.
type Video struct {
	Factor int // scale, 2 to 4
	Length int // frames a clip, default 4
	// Lossless leaves out every codec pass and chroma subsampling, for comparison.
	Lossless bool
	Ranges   *Ranges // nil is DefaultRanges
}

// videoParams is one draw of the recipe.
type videoParams struct {
	s1, s2, theta float64 // lens, in sharp pixels; 0 is none
	plateau       float64 // exponent of a plateau kernel instead of a Gaussian, 0 is none
	mode          Mode
	noise         float64 // standard deviation, in [0,1]
	gray          bool
	poisson       float64
	fields        int // -1 none, else a fieldMode
	odd           int
	sharpen       float64
	reupload      *codecDraw
	upload        float64 // size of the earlier upload, relative
	uploadMode    [2]Mode
	codec         *codecDraw
	matrix        media.Matrix
}

// Scale implements Recipe.
func (v Video) Scale() int { return v.Factor }

// Frames implements Recipe.
func (v Video) Frames() int {
	if v.Length > 0 {
		return v.Length
	}
	return 4
}

// drawVideo draws everything but the walks and the noise.
func drawVideo(r *rand.Rand, scale float64, all *Ranges) videoParams {
	o := all.Video
	p := videoParams{fields: -1, matrix: media.MatrixSMPTE170M}
	if r.Float64() < o.Blur {
		// By default up to 0.7 of a low-resolution pixel: more is out of focus, and no network brings that back.
		p.s1 = uniform(r, o.Sigma[0], o.Sigma[1]) * scale
		p.s2 = p.s1
		if r.Float64() < 0.3 {
			p.s2, p.theta = uniform(r, o.Sigma[0], o.Sigma[1])*scale, uniform(r, 0, math.Pi)
		}
		if r.Float64() < 0.15 {
			p.plateau = uniform(r, 1, 2)
		}
	}
	p.mode = [...]Mode{CubicSoft, CubicSoft, Area, Area, Cubic, Bilinear}[r.IntN(6)]
	if r.Float64() < o.Noise {
		level := r.Float64()
		p.noise = o.NoiseSigma[0]/255 + level*level*(o.NoiseSigma[1]-o.NoiseSigma[0])/255 // mostly weak
		p.gray = r.Float64() < 0.4
		if r.Float64() < 0.3 {
			p.noise, p.poisson = 0, uniform(r, o.Poisson[0], o.Poisson[1])
		}
	}
	if r.Float64() < o.Interlaced {
		p.fields, p.odd = [...]int{int(bob), int(bob), int(blend), int(interleave)}[r.IntN(4)], r.IntN(2)
	}
	if r.Float64() < o.Sharpen {
		p.sharpen = uniform(r, o.Amount[0], o.Amount[1])
	}
	if r.Float64() < o.Reupload {
		c := drawCodec(r, all.Codecs.choices(), true)
		p.reupload = &c
		p.upload = 1
		if r.Float64() < 0.7 {
			p.upload = uniform(r, o.ReuploadSize[0], o.ReuploadSize[1])
		}
		p.uploadMode = [2]Mode{Mode(r.IntN(4)), Mode(r.IntN(4))}
	}
	if r.Float64() < o.Codec {
		c := drawCodec(r, all.Codecs.choices(), false)
		p.codec = &c
	}
	if r.IntN(2) == 1 {
		p.matrix = media.MatrixBT709
	}
	return p
}

// Apply implements Recipe.
func (v Video) Apply(r Rand, hr []Image) ([]Image, error) {
	if v.Factor < 1 || v.Factor > 8 || v.Length < 0 || v.Length > 64 {
		return nil, fmt.Errorf("degrade: video: scale %d (want 1 to 8), length %d (0 to 64)", v.Factor, v.Length)
	}
	if err := checkClip(hr, v.Factor); err != nil {
		return nil, err
	}
	p := drawVideo(r.Batch, float64(v.Factor), v.Ranges.or())
	if v.Lossless {
		p.reupload, p.codec = nil, nil
	}
	clip, err := p.video(hr, v.Factor, r.Own)
	if err != nil {
		return nil, err
	}
	if p.fields >= 0 {
		clip = interlace(clip, fieldMode(p.fields), p.odd)
	}
	for i := range clip {
		if p.sharpen > 0 {
			sharpen(clip[i], p.sharpen)
		}
		clip[i].Clamp()
	}
	if clip, err = p.publish(clip); err != nil {
		return nil, fmt.Errorf("degrade: video: %w", err)
	}
	for _, m := range clip {
		m.Quantise()
	}
	return clip, nil
}

// video is lens, reduction and sensor, frame by frame, with strengths that walk.
func (p videoParams) video(hr []Image, scale int, r *rand.Rand) ([]Image, error) {
	var lens, light walk
	out := make([]Image, len(hr))
	for i, m := range hr {
		blur, grain := lens.step(r), light.step(r)
		st := stage{mode: p.mode, gray: p.gray, level: p.noise * grain}
		if p.s1 > 0 {
			k := p.kernel(blur)
			st.kernel = &k
		}
		w, h := m.W/scale, m.H/scale
		lr, err := st.resample(m, w, h, 1/float64(scale), 1/float64(scale))
		if err != nil {
			return nil, err
		}
		lr.Clamp()
		switch {
		case p.poisson > 0:
			poissonNoise(lr, p.poisson*grain, p.gray, randomNoise{r})
		case p.noise > 0:
			gaussianNoise(lr, st.level, p.gray, randomNoise{r})
		}
		out[i] = lr
	}
	return out, nil
}

// kernel is the lens with its deviations scaled by a walk.
func (p videoParams) kernel(by float64) Kernel {
	if p.plateau > 0 {
		return Plateau(classicSide, p.s1*by*0.7, p.s2*by*0.7, p.theta, p.plateau)
	}
	return Anisotropic(classicSide, p.s1*by, p.s2*by, p.theta)
}

// walk is a factor around 1 that drifts: its logarithm is a first-order autoregressive process with deviation 0.15.
type walk struct {
	x       float64
	started bool
}

func (w *walk) step(r *rand.Rand) float64 {
	const keep, deviation = 0.9, 0.15
	if !w.started {
		w.started = true
		w.x = deviation * r.NormFloat64()
	} else {
		w.x = keep*w.x + deviation*math.Sqrt(1-keep*keep)*r.NormFloat64()
	}
	return math.Exp(w.x)
}

// publish sends the clip through its codecs.
func (p videoParams) publish(clip []Image) ([]Image, error) {
	w, h := clip[0].W, clip[0].H
	if p.reupload != nil {
		uw, uh := max(int(float64(w)*p.upload), 8), max(int(float64(h)*p.upload), 8)
		var err error
		if clip, err = resizeClip(clip, uw, uh, p.uploadMode[0]); err != nil {
			return nil, err
		}
		if clip, err = code(clip, p.matrix, p.reupload.options, p.reupload.lead); err != nil {
			return nil, err
		}
		if clip, err = resizeClip(clip, w, h, p.uploadMode[1]); err != nil {
			return nil, err
		}
	}
	if p.codec == nil {
		return clip, nil
	}
	return code(clip, p.matrix, p.codec.options, p.codec.lead)
}

// resizeClip resizes every frame and clamps; it returns the clip itself if the size is right already.
func resizeClip(clip []Image, w, h int, mode Mode) ([]Image, error) {
	if clip[0].W == w && clip[0].H == h {
		return clip, nil
	}
	out := make([]Image, len(clip))
	for i, m := range clip {
		r, err := Resize(m, w, h, mode)
		if err != nil {
			return nil, err
		}
		r.Clamp()
		out[i] = r
	}
	return out, nil
}

// sharpen is the unsharp mask of cameras and editors: amount times what a Gaussian of sigma 1 takes away is added.
func sharpen(m Image, amount float64) {
	soft := newBlurPlan(Isotropic(7, 1)).blur(m)
	for i, v := range soft.Pix {
		m.Pix[i] += float32(amount) * (m.Pix[i] - v)
	}
}

// Codecs lists the encoders that Video may ask for.
func Codecs() []Codec {
	out := make([]Codec, len(standard.Codecs.choices()))
	for i, c := range standard.Codecs.choices() {
		out[i] = c.codec
	}
	return out
}

// Probe reports the first of the codecs that this FFmpeg cannot encode and decode.
func Probe() error {
	black := []*media.Frame{ToYUV(NewImage(64, 64), media.MatrixBT709)}
	for _, c := range standard.Codecs.choices() {
		if _, err := av.RoundTrip(av.RoundTripOptions{Codec: string(c.codec), Quality: c.high}, black); err != nil {
			return fmt.Errorf("degrade: %w", err)
		}
	}
	return nil
}
