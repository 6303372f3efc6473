package sr

import (
	"encoding/binary"
	"fmt"

	"vsr/media"
)

// Chroma says where the color of enlarged frames comes from.
type Chroma string

// The values of Options.Chroma.
const (
	// ChromaResample takes luma from the network and color from the input, enlarged with a Catmull-Rom cubic in its own sample
	// format: chroma planes are bicubic's, and gray in is gray out, exactly. It is the default.
	ChromaResample Chroma = "resample"
	// ChromaNetwork takes color from the network too, as the published networks do.
	ChromaNetwork Chroma = "network"
)

// chroma replaces the color of a frame that the network made. It serves one goroutine.
type chroma struct {
	plane   *scaler      // from the input's chroma to the output's; nil for RGB
	rgb     [3]*scaler   // planes G, B, R
	bicubic *media.Frame // the whole input enlarged, for RGB
	kr, kb  float64
}

// newChroma returns nil for frames without color. from is the input's format, to the output's.
func newChroma(from, to media.Format) *chroma {
	if from.Layout == media.Gray {
		return nil
	}
	if from.Color.Matrix == media.MatrixRGB && from.Layout == media.YUV444 {
		c := &chroma{bicubic: media.NewFrame(to)}
		for i := range c.rgb {
			c.rgb[i], _ = scalers(catmullRom, from, to)
		}
		c.kr, c.kb = 0.2126, 0.0722 // BT.709's: RGB has no matrix of its own
		return c
	}
	c := &chroma{}
	_, c.plane = scalers(catmullRom, from, to)
	return c
}

// replace writes src's color, enlarged, into dst, which holds the network's frame; its luma stays.
func (c *chroma) replace(dst, src *media.Frame) {
	if c.bicubic == nil {
		c.plane.run(dst, 1, src, 1)
		c.plane.run(dst, 2, src, 2)
		return
	}
	for p, s := range c.rgb {
		s.run(c.bicubic, p, src, p)
	}
	c.relight(dst)
}

// relight gives the enlarged RGB of c.bicubic the luma of dst: the same difference is added to red, green and blue, so that Cb and Cr
// stay.
func (c *chroma) relight(dst *media.Frame) {
	bytes := dst.BytesPerSample()
	top := float64(int(1)<<dst.Depth - 1)
	at := func(row []byte, x int) float64 {
		if bytes == 1 {
			return float64(row[x])
		}
		return float64(binary.LittleEndian.Uint16(row[2*x:]))
	}
	put := func(row []byte, x int, v float64) {
		n := int(min(max(v, 0), top) + 0.5)
		if bytes == 1 {
			row[x] = byte(n)
		} else {
			binary.LittleEndian.PutUint16(row[2*x:], uint16(n))
		}
	}
	luma := func(g, b, r float64) float64 { return c.kr*r + (1-c.kr-c.kb)*g + c.kb*b }
	for y := range dst.Height {
		var from, to [3][]byte
		for p := range 3 {
			from[p], to[p] = c.bicubic.Row(p, y), dst.Row(p, y)
		}
		for x := range dst.Width {
			g, b, r := at(from[0], x), at(from[1], x), at(from[2], x)
			more := luma(at(to[0], x), at(to[1], x), at(to[2], x)) - luma(g, b, r)
			put(to[0], x, g+more)
			put(to[1], x, b+more)
			put(to[2], x, r+more)
		}
	}
}

func (c Chroma) validate() error {
	if c != "" && c != ChromaResample && c != ChromaNetwork {
		return fmt.Errorf("sr: chroma %q, want %s or %s", c, ChromaResample, ChromaNetwork)
	}
	return nil
}
