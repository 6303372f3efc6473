// Package quality measures how close a picture is to its original, exactly as the KDSR evaluation does (kdsr-spec §4.1).
//
// Pictures are interleaved 8-bit RGB. The border of shave pixels on every side does not count. Nothing is rounded after the
// conversion to luma, and everything is computed in float64.
package quality
