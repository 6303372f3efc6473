package testmedia

import (
	"math"

	"vsr/media"
)

// Span is a range of frames, First included, End not.
type Span struct{ First, End int }

func (s Span) has(n int) bool { return n >= s.First && n < s.End }

// Options describe a clip. The zero value is 48 frames of 320x180 at 24 fps, 8-bit 4:2:0, with no cut.
type Options struct {
	Format  media.Format   // zero: 320x180 4:2:0, BT.709
	Frames  int            // default 48
	Rate    media.Rational // default 24/1; also gives the time base
	Cuts    []int          // first frame of each new scene, rising
	Looks   []int          // which scene each looks like, from 1; those beyond look like themselves
	Flashes []int          // white frames within a scene
	Fades   []Span         // down to black and up again
	Stills  []Span         // the frame stands
	Tone    float64        // hertz of a mono AAC tone, 0 for no sound
	Seed    uint64         // another seed, other frames
	Start   int            // number of the first frame: shifts frames and times
	Drop    func(n int) bool
}

func (o Options) withDefaults() Options {
	if o.Format == (media.Format{}) {
		o.Format = media.Format{Width: 320, Height: 180, Layout: media.YUV420, Depth: 8,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
	}
	if o.Frames == 0 {
		o.Frames = 48
	}
	if o.Rate.Num == 0 {
		o.Rate = media.Rational{Num: 24, Den: 1}
	}
	return o
}

// Scene returns the number of the scene that frame n belongs to, from 1.
func (o Options) Scene(n int) int {
	s := 1
	for _, c := range o.Cuts {
		if n >= c {
			s++
		}
	}
	return s
}

// light is how bright frame n is: 1 for normal, 0 for black at the middle of a fade.
func (o Options) light(n int) float64 {
	for _, f := range o.Fades {
		if f.has(n) {
			x := float64(n-f.First) / float64(f.End-f.First)
			return math.Abs(2*x - 1)
		}
	}
	return 1
}

// hash gives a well mixed number for a seed and two coordinates (splitmix64's finaliser).
func hash(seed uint64, x, y int) uint64 {
	h := seed ^ uint64(uint32(x))<<32 ^ uint64(uint32(y))
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Draw paints frame n of the clip into fr, whose format must be that of the clip.
func (o Options) Draw(fr *media.Frame, n int) {
	o = o.withDefaults()
	when := n
	for _, s := range o.Stills {
		if s.has(n) {
			when = s.First
		}
	}
	look := o.Scene(n)
	if look <= len(o.Looks) {
		look = o.Looks[look-1]
	}
	scene := o.Seed*1000 + uint64(look)
	flash := false
	for _, f := range o.Flashes {
		flash = flash || f == n
	}
	for p := range fr.Planes() {
		o.drawPlane(fr, p, scene, when, o.light(n), flash)
	}
	drawNumber(fr, n)
}

// drawPlane paints sines, a checkerboard and grain that move with a speed of the scene's own; every scene has another mean and other colours.
func (o Options) drawPlane(fr *media.Frame, p int, scene uint64, n int, light float64, flash bool) {
	w, h := fr.PlaneSize(p)
	top := float64(int(1)<<fr.Depth - 1)
	key := hash(scene, p, 7)
	fx, fy := 0.02+float64(key%64)/900, 0.02+float64(key>>8%64)/900
	vx, vy := float64(key>>16%7)-3, float64(key>>24%5)-2
	sx, sy := 1.0, 1.0
	if p > 0 && p < 3 {
		x, y := fr.Layout.Shift()
		sx, sy = float64(int(1)<<x), float64(int(1)<<y)
	}
	mean := 0.3 + 0.4*float64(key>>32%100)/100
	for y := range h {
		row := fr.Plane[p][y*fr.Stride[p]:]
		for x := range w {
			X, Y := float64(x)*sx+vx*float64(n), float64(y)*sy+vy*float64(n)
			v := mean + 0.2*math.Sin(X*fx)*math.Cos(Y*fy)
			if p == 0 {
				if (int(math.Floor(X/16))+int(math.Floor(Y/16)))&1 == 0 {
					v += 0.06
				}
				v += (float64(hash(scene, int(math.Floor(X)), int(math.Floor(Y)))%256)/255 - 0.5) * 0.06
				if v *= light; flash {
					v = 1
				}
			} else if p < 3 {
				if v = 0.5 + (v-0.5)*0.6*light; flash {
					v = 0.5
				}
			} else {
				v = 1 // alpha: opaque
			}
			put(row, x, fr.Depth, 0.06*top+v*0.86*top)
		}
	}
}

func put(row []byte, x, depth int, v float64) {
	n := int(math.Round(max(0, min(v, float64(int(1)<<depth-1)))))
	if depth == 8 {
		row[x] = byte(n)
		return
	}
	row[2*x], row[2*x+1] = byte(n), byte(n>>8)
}

// Number bits are blocks of luma along the bottom edge, most significant first; white is one.
const (
	numberBits  = 12
	numberBlock = 8
)

func drawNumber(fr *media.Frame, n int) {
	if fr.Width < numberBits*numberBlock || fr.Height < numberBlock {
		return
	}
	top := float64(int(1)<<fr.Depth - 1)
	for y := fr.Height - numberBlock; y < fr.Height; y++ {
		row := fr.Plane[0][y*fr.Stride[0]:]
		for b := range numberBits {
			v := 0.07 * top
			if n>>(numberBits-1-b)&1 == 1 {
				v = 0.9 * top
			}
			for x := range numberBlock {
				put(row, b*numberBlock+x, fr.Depth, v)
			}
		}
	}
}

// Number reads the frame number back from a decoded frame that was enlarged scale times; numbers count modulo 4096. -1 if the frame is too small.
func Number(fr *media.Frame, scale int) int {
	block := numberBlock * scale
	if fr.Width < numberBits*block || fr.Height < block {
		return -1
	}
	n, half := 0, 1<<(fr.Depth-1)
	y := fr.Height - block/2
	for b := range numberBits {
		x := b*block + block/2
		v := int(fr.Plane[0][y*fr.Stride[0]+x*fr.BytesPerSample()])
		if fr.Depth > 8 {
			v |= int(fr.Plane[0][y*fr.Stride[0]+2*x+1]) << 8
		}
		n <<= 1
		if v >= half {
			n |= 1
		}
	}
	return n
}
