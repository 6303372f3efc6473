package encode

import (
	"encoding/binary"
	"fmt"
	"math"

	"vsr/internal/av"
	"vsr/media"
)

// display is FFmpeg's AVMasteringDisplayMetadata: chromaticities of red, green, blue and white, and the luminances in cd/m2.
type display struct {
	primaries [3][2]float64 // R G B
	white     [2]float64
	low, high float64
}

// mastering reads the mastering display side data (SMPTE ST 2086) of the video track.
func mastering(info *media.Info) (d display, ok bool) {
	b := streamSideData(info, av.PacketMastering)
	if len(b) < 88 {
		return d, false
	}
	at := func(i int) float64 { // AVRational number i
		num, den := int32(binary.NativeEndian.Uint32(b[8*i:])), int32(binary.NativeEndian.Uint32(b[8*i+4:]))
		if den == 0 {
			return 0
		}
		return float64(num) / float64(den)
	}
	for c := range 3 {
		d.primaries[c] = [2]float64{at(2 * c), at(2*c + 1)}
	}
	d.white = [2]float64{at(6), at(7)}
	d.low, d.high = at(8), at(9)
	hasPrimaries, hasLuminance := binary.NativeEndian.Uint32(b[80:]), binary.NativeEndian.Uint32(b[84:])
	return d, hasPrimaries != 0 && hasLuminance != 0
}

// x265 is the form of x264's mastering-display and x265's master-display: chromaticity in 1/50000, luminance in 1/10000 cd/m2.
func (d display) x265() string {
	c := func(v float64) int { return int(math.Round(v * 50000)) }
	l := func(v float64) int { return int(math.Round(v * 10000)) }
	p := d.primaries
	return fmt.Sprintf("G(%d,%d)B(%d,%d)R(%d,%d)WP(%d,%d)L(%d,%d)", c(p[1][0]), c(p[1][1]), c(p[2][0]), c(p[2][1]), c(p[0][0]), c(p[0][1]),
		c(d.white[0]), c(d.white[1]), l(d.high), l(d.low))
}

// decimal is SVT-AV1's form.
func (d display) decimal() string {
	p := d.primaries
	return fmt.Sprintf("G(%g,%g)B(%g,%g)R(%g,%g)WP(%g,%g)L(%g,%g)", p[1][0], p[1][1], p[2][0], p[2][1], p[0][0], p[0][1], d.white[0], d.white[1], d.high, d.low)
}

// lightLevel reads the content light level side data (CTA-861.3): MaxCLL and MaxFALL in cd/m2.
func lightLevel(info *media.Info) (l [2]uint32, ok bool) {
	b := streamSideData(info, av.PacketLightLevel)
	if len(b) < 8 {
		return l, false
	}
	return [2]uint32{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])}, true
}

func streamSideData(info *media.Info, t int) []byte {
	for _, sd := range info.VideoSideData {
		if sd.Type == t {
			return sd.Data
		}
	}
	return nil
}
