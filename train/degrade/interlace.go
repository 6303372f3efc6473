package degrade

// fieldMode is how interlaced material was made progressive again.
type fieldMode uint8

const (
	bob        fieldMode = iota // one field kept, the other's lines interpolated
	blend                       // both fields, filtered 1-2-1 down the columns
	interleave                  // both fields as they are: combs on everything that moves
)

// interlace leaves the residue of interlacing in a clip: the lines of the odd field come from the next frame (the previous one for
// the last), and a simple deinterlacer then makes the best of it.
func interlace(clip []Image, mode fieldMode, odd int) []Image {
	out := make([]Image, len(clip))
	for i, m := range clip {
		other := m
		switch {
		case i+1 < len(clip):
			other = clip[i+1]
		case i > 0:
			other = clip[i-1]
		}
		woven := m.Clone()
		for y := odd; y < m.H; y += 2 {
			copy(woven.Row(y), other.Row(y))
		}
		switch mode {
		case bob:
			for y := odd; y < m.H; y += 2 {
				average(woven.Row(y), m.Row(clampIndex(y-1, m.H)), m.Row(clampIndex(y+1, m.H)))
			}
			if odd == 0 && m.H > 1 {
				copy(woven.Row(0), m.Row(1)) // there is no line of the kept field above
			}
			if last := m.H - 1; m.H > 1 && last%2 == odd {
				copy(woven.Row(last), m.Row(last-1))
			}
		case blend:
			soft := NewImage(m.W, m.H)
			for y := range m.H {
				average(soft.Row(y), woven.Row(clampIndex(y-1, m.H)), woven.Row(clampIndex(y+1, m.H)))
				average(soft.Row(y), soft.Row(y), woven.Row(y))
			}
			woven = soft
		}
		out[i] = woven
	}
	return out
}

// average writes (a+b)/2.
func average(dst, a, b []float32) {
	for i := range dst {
		dst[i] = (a[i] + b[i]) / 2
	}
}
