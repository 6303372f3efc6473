package media

import "fmt"

// Names of H.273's code points as people know them. Code points that are not here are numbers.
var (
	matrixNames = map[Matrix]string{
		MatrixRGB: "RGB", MatrixBT709: "BT.709", MatrixUnspecified: "unknown", MatrixFCC: "FCC", MatrixBT470BG: "BT.601 (625 lines)",
		MatrixSMPTE170M: "BT.601", MatrixSMPTE240M: "SMPTE 240M", MatrixYCgCo: "YCgCo", MatrixBT2020NCL: "BT.2020",
		MatrixBT2020CL: "BT.2020 constant luminance", MatrixSMPTE2085: "SMPTE 2085", MatrixDerivedNCL: "derived from the primaries",
		MatrixDerivedCL: "derived from the primaries, constant luminance", MatrixICtCp: "ICtCp",
	}
	primariesNames = map[Primaries]string{
		1: "BT.709", PrimariesUnspecified: "unknown", 4: "BT.470 M", 5: "BT.601 (625 lines)", 6: "BT.601", 7: "SMPTE 240M", 8: "generic C illuminant",
		PrimariesBT2020: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU 3213",
	}
	transferNames = map[Transfer]string{
		1: "BT.709", TransferUnspecified: "unknown", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE 240M", 8: "linear", 9: "log 100:1",
		10: "log 316:1", 11: "xvYCC", 12: "BT.1361", 13: "sRGB", 14: "BT.2020 10 bit", 15: "BT.2020 12 bit", TransferPQ: "PQ", 17: "SMPTE 428",
		TransferHLG: "HLG",
	}
	rangeNames = map[Range]string{RangeUnspecified: "unknown", RangeLimited: "limited", RangeFull: "full"}
)

// Name is the matrix as people know it, as in BT.601.
func (m Matrix) Name() string { return nameOf(matrixNames, m) }

// Name is the primaries as people know them, as in BT.2020.
func (p Primaries) Name() string { return nameOf(primariesNames, p) }

// Name is the transfer function as people know it, as in PQ.
func (t Transfer) Name() string { return nameOf(transferNames, t) }

// Name is limited, full or unknown.
func (r Range) Name() string { return nameOf(rangeNames, r) }

func nameOf[T ~uint8](names map[T]string, v T) string {
	if name, ok := names[v]; ok {
		return name
	}
	return fmt.Sprintf("number %d", uint8(v))
}
