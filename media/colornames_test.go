package media

import "testing"

func TestColorNames(t *testing.T) {
	for got, want := range map[string]string{
		MatrixSMPTE170M.Name(): "BT.601", MatrixBT709.Name(): "BT.709", MatrixUnspecified.Name(): "unknown", Matrix(99).Name(): "number 99",
		TransferPQ.Name(): "PQ", Transfer(13).Name(): "sRGB", PrimariesBT2020.Name(): "BT.2020", RangeFull.Name(): "full",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
