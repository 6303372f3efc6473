//go:build nvidia

package cuda

import "math"

// pad returns how many channels a feature map of n channels has on the device: one of the widths of the block kernels, or a
// multiple of 64. The channels beyond n have zero weights and stay zero.
func pad(n int) int {
	for _, c := range []int{16, 32, 64, 128} {
		if n <= c {
			return c
		}
	}
	return (n + 63) / 64 * 64
}

// packConv orders the weights [out,in,k,k] of a convolution as the B fragments of mma.m16n8k16, padded to outs and ins
// channels: [ins/16][k*k][outs/16][32 lanes][4 words of 2 halves]. Word r of a lane holds output channel 8(r/2)+lane/4 and
// input channels 8(r%2)+2(lane%4) and the next (PTX ISA, matrix fragments for mma.m16n8k16 with .f16).
func packConv(w []float32, out, in, k, outs, ins int) []uint16 {
	packed := make([]uint16, outs*ins*k*k)
	i := 0
	for group := range ins / 16 {
		for tap := range k * k {
			for block := range outs / 16 {
				for lane := range 32 {
					for r := range 4 {
						o := block*16 + r/2*8 + lane/4
						c := group*16 + r%2*8 + lane%4*2
						for h := range 2 {
							if o < out && c+h < in {
								packed[i] = half(w[(o*in+c+h)*k*k+tap])
							}
							i++
						}
					}
				}
			}
		}
	}
	return packed
}

// padRows copies a matrix [rows,columns] into one of [toRows,toColumns] filled up with zeros.
func padRows(m []float32, rows, columns, toRows, toColumns int) []float32 {
	to := make([]float32, toRows*toColumns)
	for r := range rows {
		copy(to[r*toColumns:], m[r*columns:(r+1)*columns])
	}
	return to
}

// half rounds to the nearest binary16, ties to even. Values beyond 65504 become infinite.
func half(f float32) uint16 {
	b := math.Float32bits(f)
	sign, abs := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00 // not a number
	case abs >= 0x477ff000: // 65520, the first that rounds to infinity
		return sign | 0x7c00
	case abs < 0x38800000: // subnormal: units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	}
	abs += 0xfff + abs>>13&1
	return sign | uint16(abs>>13-112<<10)
}
