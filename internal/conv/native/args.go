package native

// Conv is a 3x3 convolution of one sample x [H,W,In] to y [H,W,Out], stride 1, padding 1:
// y = act(conv + bias), times MaskSlope where Mask <= 0, plus Add. Bias [Out], Add and Mask (both like y) may be nil.
// act is LeakyReLU with the given slope, 1 being none.
type Conv struct {
	Y, X             []float32
	U                []float32 // from WinoFilter, [36,In,Pad(Out)] in panels (gemm.h)
	Bias, Add, Mask  []float32
	H, W, In, Out    int
	Slope, MaskSlope float32
}

// Shape is a general convolution of one sample.
type Shape struct{ H, W, In, OutW, K, Stride, Pad int }

// Pad rounds a number of channels up to what the kernels want: a multiple of 16.
func Pad(n int) int { return (n + 15) &^ 15 }

// WinoScratch is the number of floats that the Winograd kernels need for tiles tiles at a time.
func WinoScratch(tiles, in, out int) int { return 36 * (tiles*(Pad(in)+Pad(out)) + 32) }
