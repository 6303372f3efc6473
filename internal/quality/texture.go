package quality

import (
	"math"
	"slices"
)

// textureBlock is the side of the blocks that FlatNoise sorts, in pixels.
const textureBlock = 8

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

// FlatNoise is the median deviation of the Laplacian within the flattest tenth of the blocks of 8x8 pixels of a reference, in code
// values: what is left of noise where there is nothing else. ref and luma are of one size. // [H,W]
func FlatNoise(luma, ref []float32, w, h int) float64 {
	type block struct{ x, y int }
	var blocks []block
	contrast := map[block]float64{}
	for y := 1; y+textureBlock < h; y += textureBlock {
		for x := 1; x+textureBlock < w; x += textureBlock {
			b := block{x, y}
			blocks = append(blocks, b)
			contrast[b] = spread(ref, w, x, y)
		}
	}
	if len(blocks) == 0 {
		return 0
	}
	slices.SortStableFunc(blocks, func(a, b block) int {
		switch d := contrast[a] - contrast[b]; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	var noise []float64
	for _, b := range blocks[:max(len(blocks)/10, 1)] {
		sum := 0.0
		for y := b.y; y < b.y+textureBlock; y++ {
			for x := b.x; x < b.x+textureBlock; x++ {
				d := laplacian(luma, w, x, y)
				sum += d * d
			}
		}
		noise = append(noise, math.Sqrt(sum/(textureBlock*textureBlock)))
	}
	slices.Sort(noise)
	return noise[len(noise)/2]
}

func laplacian(luma []float32, w, x, y int) float64 {
	at := y*w + x
	return float64(4*luma[at] - luma[at-1] - luma[at+1] - luma[at-w] - luma[at+w])
}

// spread is the standard deviation of a block.
func spread(luma []float32, w, x, y int) float64 {
	var sum, squares float64
	for j := y; j < y+textureBlock; j++ {
		for i := x; i < x+textureBlock; i++ {
			v := float64(luma[j*w+i])
			sum, squares = sum+v, squares+v*v
		}
	}
	const n = textureBlock * textureBlock
	return math.Sqrt(max(squares/n-sum/n*sum/n, 0))
}
