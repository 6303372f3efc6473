package conv

import (
	"math/bits"
	"sync"
)

// Scratch memory comes in powers of two. Buffers that nobody asks for are given back to the garbage collector.
var scratch [48]sync.Pool

// takeFloats returns n floats that hold anything; giveFloats returns them.
func takeFloats(n int) *[]float32 {
	class := bits.Len(uint(max(n, 1024) - 1))
	p, _ := scratch[class].Get().(*[]float32)
	if p == nil {
		s := make([]float32, 1<<class)
		p = &s
	}
	*p = (*p)[:n]
	return p
}

func giveFloats(p *[]float32) {
	class := bits.Len(uint(cap(*p) - 1))
	*p = (*p)[:cap(*p)]
	scratch[class].Put(p)
}
