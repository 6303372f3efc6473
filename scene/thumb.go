package scene

import (
	"math"

	"vsr/media"
)

// The small copy: wide enough to tell shots apart, small enough to search in.
const (
	thumbW, thumbH = 64, 36
	blockW, blockH = 8, 6 // cells
	reachX, reachY = 6, 4 // cells a block may move from frame to frame: a tenth of the picture
	bins           = 12
	zonesX, zonesY = 4, 3 // histograms are taken by zones, which tells shots in the same colours apart
	taps           = 4    // samples a cell in each direction
)

// thumb is a picture in 64x36 cells whatever its size, in 8-bit code values.
type thumb struct {
	luma [thumbW * thumbH]float32
	// hist has a histogram for each zone of luma, and of the chroma planes if there are any; each sums to 1.
	hist     [3][zonesX * zonesY][bins]float32
	planes   int
	mean     float32
	contrast float32 // mean absolute deviation from the mean
}

// Planes is how many planes of a picture the detector looks at.
func Planes(f media.Format) int {
	if f.Layout == media.Gray {
		return 1
	}
	return 3
}

// Cells is the length of a plane's sums.
const Cells = thumbW * thumbH

// Sums is all that a Detector wants to know of a picture: for each of its Planes the sums of 16 samples spread over each cell of a
// grid of 64x36, row by row. It fills to, which has Planes times Cells values. An engine may make them where the picture lies.
func Sums(to []uint32, fr *media.Frame) {
	for p := range Planes(fr.Format) {
		sampleGrid(fr, p, to[p*Cells:][:Cells])
	}
}

// fill takes the thumb of a picture with these sums.
func (t *thumb) fill(f media.Format, sums []uint32) {
	t.hist = [3][zonesX * zonesY][bins]float32{}
	t.planes = Planes(f)
	scale := float32(1) / float32(int(1)<<(f.Depth-8)) / (taps * taps)
	for p := range t.planes {
		for i, sum := range sums[p*Cells:][:Cells] {
			v := float32(sum) * scale // an 8-bit code value
			if p == 0 {
				t.luma[i] = v
			}
			t.count(p, i, v)
		}
	}
	var sum float64
	for _, v := range t.luma {
		sum += float64(v)
	}
	t.mean = float32(sum / float64(len(t.luma)))
	sum = 0
	for _, v := range t.luma {
		sum += math.Abs(float64(v - t.mean))
	}
	t.contrast = float32(sum / float64(len(t.luma)))
}

// count puts the value of cell i of plane p into the two bins next to it, so that a small drift moves little weight.
func (t *thumb) count(p, i int, v float32) {
	const unit = float32(zonesX*zonesY) / (thumbW * thumbH)
	zone := i/thumbW*zonesY/thumbH*zonesX + i%thumbW*zonesX/thumbW
	hist := &t.hist[p][zone]
	at := max(v*bins/256-0.5, 0)
	bin := min(int(at), bins-2)
	part := min(at-float32(bin), 1)
	hist[bin] += (1 - part) * unit
	hist[bin+1] += part * unit
}

// sampleGrid sums a few samples of plane p for each cell.
func sampleGrid(fr *media.Frame, p int, sums []uint32) {
	w, h := fr.PlaneSize(p)
	deep := fr.BytesPerSample() == 2
	for y := range thumbH {
		for x := range thumbW {
			var sum uint32
			for j := range taps {
				row := fr.Row(p, (2*(y*taps+j)+1)*h/(2*thumbH*taps))
				for i := range taps {
					at := (2*(x*taps+i) + 1) * w / (2 * thumbW * taps)
					if deep {
						sum += uint32(row[2*at]) | uint32(row[2*at+1])<<8
					} else {
						sum += uint32(row[at])
					}
				}
			}
			sums[y*thumbW+x] = sum
		}
	}
}
