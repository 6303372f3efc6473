package conv

import (
	"encoding/binary"
	"math"

	"vsr/internal/conv/native"
)

// The frame kernels work on bands of rows of one frame; sr/cpu makes plans of them and holds their specification, its plain
// path. They do not check their arguments: native/frame_ops.h says what those mean.
type (
	Frames    = native.Frames
	FrameMap  = native.FrameMap
	FrameConv = native.FrameConv
	FrameHead = native.FrameHead
	FrameTail = native.FrameTail
	FrameYUV  = native.FrameYUV
)

// FramesOf returns the frame kernels of an instruction set that ISAs lists, or nil if it has none, as "go" has not.
func FramesOf(isa string) *Frames { return native.FramesOf(isa) }

// FramePitch is the bytes of a row of a feature map of w pixels of c channels, half precision or single.
func FramePitch(w, c int, half bool) int {
	n := ((w+3)/4*4 + 2*native.FramePad) * c * 4
	if half {
		n /= 2
	}
	return n
}

// ImagePitch is the bytes of a row of an RGB frame of w pixels.
func ImagePitch(w int) int { return 3 * 4 * ((w + 15) &^ 15) }

// FrameChannels rounds a number of output channels up to what the kernels want.
func FrameChannels(n int) int { return native.Pad(n) }

// winogradG is the filter transform of F(4x4,3x3) (Lavin and Gray, 2015).
var winogradG = [6][3]float64{{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
	{1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}}

// PackWinograd transforms 3x3 filters w [len(order),in,3,3] into FrameConv.U. Output k of the layer is filter order[k];
// outputs beyond are zero, up to FrameChannels.
func PackWinograd(f *Frames, w []float32, in int, order []int, bf16 bool) []byte {
	out := FrameChannels(len(order))
	panel := f.Panel(out)
	p := newPacker(36, in, out, bf16)
	for k, o := range order {
		for c := range in {
			u := winogradFilter(w[(o*in+c)*9:][:9])
			for q, v := range u {
				p.put(q, c, k, panel, float32(v))
			}
		}
	}
	return p.data
}

// winogradFilter returns G g G^T.
func winogradFilter(g []float32) (u [36]float64) {
	for i := range 6 {
		for j := range 6 {
			for r := range 3 {
				for s := range 3 {
					u[6*i+j] += winogradG[i][r] * float64(g[3*r+s]) * winogradG[j][s]
				}
			}
		}
	}
	return u
}

// PackTail lays 5x5 filters w [len(order),in,5,5] out as FrameTail.Weight.
func PackTail(w []float32, in int, order []int, bf16 bool) []byte {
	out := FrameChannels(len(order))
	p := newPacker(25, in, out, bf16)
	for k, o := range order {
		for c := range in {
			for t, v := range w[(o*in+c)*25:][:25] {
				p.put(t, c, k, out, v)
			}
		}
	}
	return p.data
}

// packer writes [group][panel][in][column] values, in bfloat16 with pairs of inputs beside each other.
type packer struct {
	data    []byte
	in, out int
	bf16    bool
}

func newPacker(groups, in, out int, bf16 bool) *packer {
	size := 4
	if bf16 {
		size = 2
	}
	return &packer{make([]byte, groups*in*out*size), in, out, bf16}
}

func (p *packer) put(group, c, k, panel int, v float32) {
	at := group*p.in*p.out + k/panel*panel*p.in
	if p.bf16 {
		at += (c/2*panel+k%panel)*2 + c%2
		binary.LittleEndian.PutUint16(p.data[2*at:], bfloat(v))
		return
	}
	binary.LittleEndian.PutUint32(p.data[4*(at+c*panel+k%panel):], math.Float32bits(v))
}

// bfloat rounds to the nearest bfloat16, ties to even.
func bfloat(v float32) uint16 {
	u := math.Float32bits(v)
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}
