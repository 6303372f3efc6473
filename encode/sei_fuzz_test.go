package encode

import (
	"bytes"
	"testing"

	"vsr/internal/av"
)

// FuzzInsertSEI puts any message into any frame: what was in the frame stays, in its order, and the message adds no start code.
func FuzzInsertSEI(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x40, 1, 0xc, 0, 0, 1, 0x26, 1, 0xaf, 9}, []byte{0xb5, 0, 0, 0, 1, 0, 0, 3})
	f.Fuzz(func(t *testing.T, frame, message []byte) {
		_ = av.HDR10PlusMessage(message, av.Enlarged{Width: 64, Height: 48, X: 2, Y: 2})
		out := insertSEI(frame, message)
		added := len(out) - len(frame)
		if added == 0 {
			return
		}
		at := 0
		for at < len(frame) && frame[at] == out[at] {
			at++
		}
		// The same bytes may follow, so where the message begins is known only up to that.
		whole := false
		for ; at >= 0 && !whole; at-- {
			whole = bytes.Equal(append(bytes.Clone(out[:at]), out[at+added:]...), frame)
		}
		if !whole {
			t.Fatalf("% x became % x", frame, out)
		}
		if n := bytes.Count(out, []byte{0, 0, 1}) - bytes.Count(frame, []byte{0, 0, 1}); n > 1 {
			t.Fatalf("%d start codes more", n)
		}
	})
}
