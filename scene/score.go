package scene

import "math"

// Contrast, in code values, under which a picture shows no shot: black, white, or nearly so.
const blankContrast = 3

// Share of a picture that may be new for it still to be the shot that was there before a flash or a fade. The palette says
// nothing then: while one shot fades in, its colours pass through those of the other.
const sameShot = 0.6

// blank reports whether the picture shows nothing.
func (t *thumb) blank() bool { return t.contrast < blankContrast }

// weaker reports whether cur shows much less than prev: a shot half faded out, or one that has not come up yet.
func weaker(cur, prev *thumb) bool { return cur.contrast < prev.contrast/2 }

// comesUp reports whether cur is a fade-in's next step from prev: stronger, but not by a leap.
func comesUp(cur, prev *thumb) bool {
	return cur.contrast > 1.02*prev.contrast && cur.contrast < prev.contrast+10
}

// change scores the step from prev to cur: 0 for none, 1 for two pictures with nothing in common.
func change(cur, prev *thumb) float64 {
	return math.Sqrt(structure(cur, prev) * palette(cur, prev))
}

// structure is the share of cur that no block of prev explains, in [0, 1]: the cost of the best matches over the cost
// of describing each block by its mean alone, as encoders weigh inter against intra prediction.
func structure(cur, prev *thumb) float64 {
	a, b := 1/max(cur.contrast, 2*blankContrast), 1/max(prev.contrast, 2*blankContrast)
	var inter, intra float64
	for y := 0; y < thumbH; y += blockH {
		for x := 0; x < thumbW; x += blockW {
			own := intraCost(cur, x, y, a)
			inter += float64(min(bestMatch(cur, prev, x, y, a, b), own+0.25*blockW*blockH))
			intra += float64(own)
		}
	}
	return min(inter/(intra+0.1*thumbW*thumbH), 1)
}

func intraCost(t *thumb, x0, y0 int, gain float32) float32 {
	var sum float32
	for y := y0; y < y0+blockH; y++ {
		for _, v := range t.luma[y*thumbW+x0:][:blockW] {
			sum += v
		}
	}
	mean := sum / (blockW * blockH)
	sum = 0
	for y := y0; y < y0+blockH; y++ {
		for _, v := range t.luma[y*thumbW+x0:][:blockW] {
			sum += abs(v - mean)
		}
	}
	return sum * gain
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// bestMatch is the least sum of differences between a block of cur and one of prev within reach, both equalised.
func bestMatch(cur, prev *thumb, x0, y0 int, a, b float32) float32 {
	var block [blockW * blockH]float32
	for y := range blockH {
		for x, v := range cur.luma[(y0+y)*thumbW+x0:][:blockW] {
			block[y*blockW+x] = (v-cur.mean)*a + prev.mean*b
		}
	}
	best := float32(math.MaxFloat32)
	for py := max(y0-reachY, 0); py <= min(y0+reachY, thumbH-blockH); py++ {
		for px := max(x0-reachX, 0); px <= min(x0+reachX, thumbW-blockW); px++ {
			var sum float32
			for y := 0; y < blockH && sum < best; y++ {
				row := prev.luma[(py+y)*thumbW+px:][:blockW]
				for x, v := range block[y*blockW:][:blockW] {
					sum += abs(v - row[x]*b)
				}
			}
			best = min(best, sum)
		}
	}
	return best
}

// palette is the mean distance between the histograms of the zones, in [0, 1], of the plane where it is largest.
func palette(cur, prev *thumb) float64 {
	var most float32
	for p := range cur.planes {
		var sum float32
		for zone := range cur.hist[p] {
			for i, v := range cur.hist[p][zone] {
				sum += abs(v - prev.hist[p][zone][i])
			}
		}
		most = max(most, sum/(2*zonesX*zonesY))
	}
	return min(float64(most), 1)
}
