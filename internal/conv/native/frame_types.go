package native

// FramePad is how many pixels of zeros a row of a feature map begins with; see frame_ops.h.
const FramePad = 2

// FrameMap is a window of rows of a feature map or of an RGB frame: Mem is row Lo. Pitch is in bytes. See frame_ops.h.
type FrameMap struct {
	Mem   []byte
	Pitch int
	Lo    int
}

// FrameConv is a 3x3 convolution layer, with all that is fused into it: struct frame_conv.
type FrameConv struct {
	Dst, Src, Add FrameMap // Add may be empty
	Taps          []float32
	U             []byte
	Bias          []float32
	H, W, C, K    int
	X0, X1        int // columns to compute; X1 = 0 means W
	LReLU, Half   bool
	BF16          bool
	Shuffle       int
}

// FrameHead is the first convolution: struct frame_head.
type FrameHead struct {
	Dst, Src     FrameMap
	Weight, Bias []float32
	Shift        [3]float32
	H, W, K      int
	X0, X1       int // columns of Dst to compute; X1 = 0 means all
	Stride       int
	LReLU, Half  bool
}

// FrameTail is the collapsed official tail: struct frame_tail.
type FrameTail struct {
	Dst, Src, Add FrameMap
	Weight        [9][]byte
	Bias          [9][]float32
	H, W, C, K    int
	X0, X1        int // columns of Src to compute; X1 = 0 means W
	Half, BF16    bool
	Shuffle       int
}

// FrameYUV is a frame in planes with the numbers of its colors: struct frame_yuv.
type FrameYUV struct {
	Plane              [3][]byte
	Stride             [3]int
	W, H, CW, CH       int
	Wide, Gray, RGB    bool
	SX, SY, PX2, PY2   int
	KR, KG, KB         float32
	RCr, BCb, GCb, GCr float32
	YOff, YScale       float32
	COff, CScale, Top  float32
}
