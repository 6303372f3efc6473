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

// fill takes the thumb of fr.
func (t *thumb) fill(fr *media.Frame) {
	t.hist = [3][zonesX * zonesY][bins]float32{}
	t.planes = 1
	sampleGrid(fr, 0, func(i int, v float32) { t.luma[i] = v; t.count(0, i, v) })
	if fr.Layout != media.Gray {
		t.planes = 3
		for p := 1; p < 3; p++ {
			sampleGrid(fr, p, func(i int, v float32) { t.count(p, i, v) })
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

// sampleGrid calls put with the mean of a few samples of plane p for each cell, as an 8-bit code value.
func sampleGrid(fr *media.Frame, p int, put func(i int, v float32)) {
	w, h := fr.PlaneSize(p)
	deep := fr.BytesPerSample() == 2
	scale := float32(1) / float32(int(1)<<(fr.Depth-8)) / (taps * taps)
	for y := range thumbH {
		for x := range thumbW {
			sum := 0
			for j := range taps {
				row := fr.Row(p, (2*(y*taps+j)+1)*h/(2*thumbH*taps))
				for i := range taps {
					at := (2*(x*taps+i) + 1) * w / (2 * thumbW * taps)
					if deep {
						sum += int(row[2*at]) | int(row[2*at+1])<<8
					} else {
						sum += int(row[at])
					}
				}
			}
			put(y*thumbW+x, float32(sum)*scale)
		}
	}
}
