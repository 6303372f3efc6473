package quality

import "math"

// Detail is the root mean square of the Laplacian of a luma plane, in code values: how much fine structure it has. // luma [H,W]
func Detail(luma []float32, w, h int) float64 {
	var sum float64
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			d := laplacian(luma, w, x, y)
			sum += d * d
		}
	}
	return math.Sqrt(sum / float64(max((w-2)*(h-2), 1)))
}

func laplacian(luma []float32, w, x, y int) float64 {
	at := y*w + x
	return float64(4*luma[at] - luma[at-1] - luma[at+1] - luma[at-w] - luma[at+w])
}
