package scene

import "vsr/media"

// The small copy: wide enough to tell shots apart, small enough to search in.
const (
	thumbW, thumbH = 64, 36
	bins           = 12
	zonesX, zonesY = 4, 3 // histograms are taken by zones, which tells shots in the same colors apart
	taps           = 4    // samples of a cell in each direction
	unit           = taps * taps
)

// thumb is a frame in 64x36 cells whatever its size. Values are 16 times those of 8-bit code values.
type thumb struct {
	luma [Cells]int32
	// total has the sum of luma over the rectangle from the corner to each cell, [thumbH+1][thumbW+1].
	total [(thumbH + 1) * (thumbW + 1)]int32
	// hist has a histogram for each zone of luma, and of the chroma planes if there are any.
	hist     [3][zonesX * zonesY][bins]int32
	planes   int
	mean     float32 // 8-bit code values
	contrast float32 // mean absolute deviation from the mean, in 8-bit code values
	across   float32 // mean difference of cells side by side, in 8-bit code values
	along    float32 // and of cells above each other
	bright   float32 // share of cells near white
}

// Planes is how many planes of a frame the detector looks at.
func Planes(f media.Format) int {
	if f.Layout == media.Gray {
		return 1
	}
	return 3
}

// Cells is the length of a plane's sums.
const Cells = thumbW * thumbH

// Sums is all that a Detector needs of a frame: for each of its Planes the sums of 16 samples spread over each cell of a
// grid of 64x36, row by row. It fills to, which has Planes times Cells values. An engine may make them where the frame lies.
func Sums(to []uint32, fr *media.Frame) {
	for p := range Planes(fr.Format) {
		sampleGrid(fr, p, to[p*Cells:][:Cells])
	}
}

// fill takes the thumb of a frame with these sums.
func (t *thumb) fill(f media.Format, sums []uint32) {
	t.hist = [3][zonesX * zonesY][bins]int32{}
	t.planes = Planes(f)
	shift := f.Depth - 8
	for i, sum := range sums[:Cells] {
		t.luma[i] = int32(sum >> shift)
	}
	for p := range t.planes {
		for y := range thumbH {
			for zx := range zonesX {
				at := y*thumbW + zx*thumbW/zonesX
				count(&t.hist[p][y*zonesY/thumbH*zonesX+zx], sums[p*Cells+at:][:thumbW/zonesX], shift)
			}
		}
	}
	t.sum()
}

// scale takes the luma of o with its distance from the mean multiplied by gain.
func (t *thumb) scale(o *thumb, gain float32) {
	t.planes = 1
	t.hist[0] = o.hist[0]
	mean, k := int32(o.mean*unit), int32(gain*256)
	for i, v := range o.luma {
		t.luma[i] = mean + (v-mean)*k>>8
	}
	t.sum()
}

// sum makes the rest of a thumb from its luma.
func (t *thumb) sum() {
	for y := range thumbH {
		row := int32(0)
		for x, v := range t.luma[y*thumbW:][:thumbW] {
			row += v
			t.total[(y+1)*(thumbW+1)+x+1] = t.total[y*(thumbW+1)+x+1] + row
		}
	}
	mean := t.total[len(t.total)-1] / Cells
	var sum, across, along, bright int32
	for i, v := range t.luma {
		sum += abs(v - mean)
		if v >= nearWhite*unit {
			bright++
		}
		if i%thumbW > 0 {
			across += abs(v - t.luma[i-1])
		}
		if i >= thumbW {
			along += abs(v - t.luma[i-thumbW])
		}
	}
	const cells = 1.0 / (unit * Cells)
	t.mean, t.contrast, t.across, t.along = float32(mean)/unit, float32(sum)*cells, float32(across)*cells, float32(along)*cells
	t.bright = float32(bright) / Cells
}

// nearWhite is the code value of 8 bits from which light has no room above it.
const nearWhite = 220

// whole is the weight of one cell in a histogram.
const whole = 4096

// count divides each cell between the two bins next to its value, so that a small drift moves little weight.
func count(hist *[bins]int32, sums []uint32, shift int) {
	for _, sum := range sums {
		at := max(int32(sum>>shift)*(bins*whole/(256*unit))-whole/2, 0)
		bin := min(at/whole, bins-2)
		part := min(at-bin*whole, whole)
		hist[bin] += whole - part
		hist[bin+1] += part
	}
}

// area is the sum of luma over a block.
func (t *thumb) area(x, y, w, h int) int32 {
	a, b := y*(thumbW+1)+x, (y+h)*(thumbW+1)+x
	return t.total[b+w] - t.total[b] - t.total[a+w] + t.total[a]
}

func abs(v int32) int32 { return max(v, -v) }

// palette is the mean distance between the histograms of the zones of a plane, in [0, 1].
func palette(cur, prev *thumb, p int) float32 {
	sum := int32(0)
	for zone := range cur.hist[p] {
		for i, v := range cur.hist[p][zone] {
			sum += abs(v - prev.hist[p][zone][i])
		}
	}
	return float32(sum) / (2 * whole * Cells)
}

// sampleGrid sums a few samples of plane p for each cell.
func sampleGrid(fr *media.Frame, p int, sums []uint32) {
	w, h := fr.PlaneSize(p)
	deep := fr.BytesPerSample() == 2
	var at [thumbW * taps]int
	for i := range at {
		at[i] = (2*i + 1) * w / (2 * thumbW * taps)
	}
	for y := range thumbH {
		to := sums[y*thumbW:][:thumbW]
		clear(to)
		for j := range taps {
			row := fr.Row(p, (2*(y*taps+j)+1)*h/(2*thumbH*taps))
			for x := range to {
				i := at[x*taps:][:taps]
				if deep {
					for _, k := range i {
						to[x] += uint32(row[2*k]) | uint32(row[2*k+1])<<8
					}
				} else {
					to[x] += uint32(row[i[0]]) + uint32(row[i[1]]) + uint32(row[i[2]]) + uint32(row[i[3]])
				}
			}
		}
	}
}
