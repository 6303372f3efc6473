package media

// Colour tags. The numbers are those of ITU-T H.273, which FFmpeg uses as they are; 2 (and 0 for Range and Siting) means unspecified.
type (
	// Matrix is H.273 MatrixCoefficients (FFmpeg AVColorSpace).
	Matrix uint8
	// Primaries is H.273 ColourPrimaries.
	Primaries uint8
	// Transfer is H.273 TransferCharacteristics.
	Transfer uint8
	// Range is FFmpeg's AVColorRange: 0 unspecified, 1 limited, 2 full.
	Range uint8
	// Siting is FFmpeg's AVChromaLocation: 0 unspecified, 1 left, 2 center, 3 top-left.
	Siting uint8
)

// The tags that code branches on.
const (
	MatrixRGB         Matrix = 0
	MatrixBT709       Matrix = 1
	MatrixUnspecified Matrix = 2
	MatrixFCC         Matrix = 4
	MatrixBT470BG     Matrix = 5
	MatrixSMPTE170M   Matrix = 6
	MatrixSMPTE240M   Matrix = 7
	MatrixYCgCo       Matrix = 8
	MatrixBT2020NCL   Matrix = 9
	MatrixBT2020CL    Matrix = 10
	MatrixSMPTE2085   Matrix = 11
	MatrixDerivedNCL  Matrix = 12
	MatrixDerivedCL   Matrix = 13
	MatrixICtCp       Matrix = 14

	PrimariesUnspecified Primaries = 2
	PrimariesBT2020      Primaries = 9
	TransferUnspecified  Transfer  = 2
	TransferPQ           Transfer  = 16
	TransferHLG          Transfer  = 18

	RangeUnspecified Range = 0
	RangeLimited     Range = 1
	RangeFull        Range = 2
)

// Color says what the sample values of a frame mean. It rides on every frame and is never guessed downstream.
type Color struct {
	Matrix    Matrix
	Range     Range
	Primaries Primaries
	Transfer  Transfer
	Siting    Siting
}

// GuessMatrix is what players take an untagged video of w x h samples for: BT.709 for HD, BT.601 below.
func GuessMatrix(w, h int) Matrix {
	if w >= 1280 || h > 576 {
		return MatrixBT709
	}
	return MatrixSMPTE170M
}

// LumaWeights returns Kr and Kb of a matrix (H.273 Table 4) that is made of them: R'G'B' = linear in Y'CbCr. ok is false for the others.
func (m Matrix) LumaWeights() (kr, kb float64, ok bool) {
	switch m {
	case MatrixBT709:
		return 0.2126, 0.0722, true
	case MatrixBT470BG, MatrixSMPTE170M:
		return 0.299, 0.114, true
	case MatrixFCC:
		return 0.30, 0.11, true
	case MatrixSMPTE240M:
		return 0.212, 0.087, true
	case MatrixBT2020NCL:
		return 0.2627, 0.0593, true
	}
	return 0, 0, false
}

// LumaWeights returns Kr and Kb of the format's matrix; that of GuessMatrix where it has none of its own. Sources give no frame whose matrix
// is not made of them.
func (f Format) LumaWeights() (kr, kb float64) {
	kr, kb, ok := f.Color.Matrix.LumaWeights()
	if !ok {
		kr, kb, _ = GuessMatrix(f.Width, f.Height).LumaWeights()
	}
	return kr, kb
}
