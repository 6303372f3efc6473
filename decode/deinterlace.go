package decode

import (
	"vsr/internal/av"
	"vsr/media"
)

// newDeinterlacer runs FFmpeg's bwdif: one frame out for each frame in, one frame late. With all it takes every frame for interlaced.
func newDeinterlacer(p *av.Frame, tb media.Rational, all bool) (*filter, error) {
	which := "interlaced"
	if all {
		which = "all"
	}
	return newFilter(p, tb, "bwdif=mode=send_frame:parity=auto:deint="+which)
}
