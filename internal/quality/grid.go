package quality

import "math"

// gridWindow is how many pixels of a row or column the spectrum is taken of: a multiple of every scale, so that the frequencies of the
// pixel shuffle fall on whole numbers of cycles. gridAway is how far off the frequencies lie that they are compared with: outside of what
// the Hann window smears.
const (
	gridWindow = 48
	gridAway   = 3
	// gridLines is how many lines, every second one, have their powers added before the logarithm.
	gridLines = 8
)

// gridFloor is the power of rounding to 8 bits in a window, below which nothing is seen: the variance 1/12 times the sum of the squared
// weights of the Hann window, 3/8 of its length.
const gridFloor = 1.0 / 12 * 3 / 8 * gridWindow

// Grid is the power of luma at the frequencies of a pixel shuffle by scale (1/scale cycles a pixel and its multiples) over that at
// frequencies beside them: the geometric mean over windows of 48 x 16 pixels along rows and columns, so that a faint pattern on a plain wall
// counts as much as a strong one in a texture. 1 is no pattern. False for images smaller than a window.
func Grid(luma []float32, w, h, scale int) (float64, bool) {
	if scale < 2 || w < gridWindow || h < gridWindow || len(luma) != w*h {
		return 0, false
	}
	var sum float64
	n := 0
	// along is the distance of neighbours in a window, across that of its lines.
	direction := func(length, lines, along, across int) {
		for first := 0; first+2*gridLines <= lines; first += 2 * gridLines {
			for start := 0; start+gridWindow <= length; start += gridWindow {
				sum, n = sum+gridRatio(luma[first*across+start*along:], along, 2*across, scale), n+1
			}
		}
	}
	direction(w, h, 1, w)
	direction(h, w, w, 1)
	return math.Exp(sum / float64(n)), true
}

// gridRatio is the mean logarithm, over the shuffle's frequencies, of the power at one less that beside it, each summed over some lines.
func gridRatio(luma []float32, along, across, scale int) float64 {
	var spectrum [gridWindow/2 + 1]float64
	wanted := map[int]bool{}
	for cycles := gridWindow / scale; cycles <= gridWindow/2; cycles += gridWindow / scale {
		wanted[cycles-gridAway], wanted[cycles], wanted[min(cycles+gridAway, gridWindow/2)] = true, true, true
	}
	var window [gridWindow]float64
	for line := range gridLines {
		var mean float64
		for i := range window {
			window[i] = float64(luma[line*across+i*along])
			mean += window[i] / gridWindow
		}
		for i := range window {
			window[i] = (window[i] - mean) * hann[i]
		}
		for cycles := range wanted {
			spectrum[cycles] += power(&window, cycles)
		}
	}
	var sum float64
	n := 0
	for cycles := gridWindow / scale; cycles <= gridWindow/2; cycles += gridWindow / scale {
		beside := math.Log(spectrum[cycles-gridAway])
		if above := cycles + gridAway; above <= gridWindow/2 {
			beside = (beside + math.Log(spectrum[above])) / 2
		}
		sum, n = sum+math.Log(spectrum[cycles])-beside, n+1
	}
	return sum / float64(n)
}

// power at a number of cycles a window, with what rounding makes.
func power(window *[gridWindow]float64, cycles int) float64 {
	var re, im float64
	for i, v := range window {
		k := cycles * i % gridWindow
		re += v * turn[(k+gridWindow/4)%gridWindow]
		im += v * turn[k]
	}
	return re*re + im*im + gridFloor
}

// turn is the sine of whole parts of a turn, hann the window.
var turn, hann = func() (s, w [gridWindow]float64) {
	for i := range s {
		s[i] = math.Sin(2 * math.Pi * float64(i) / gridWindow)
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/gridWindow)
	}
	return s, w
}()
