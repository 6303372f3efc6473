package upscale

import "vsr/media"

// maxRows is how many rows the default scale reaches and does not pass: those of UHD.
const maxRows = 2160

// defaultScale is how much a video of so many displayed rows is enlarged when nobody says: by the larger of 4 and 2, the scales that
// networks are built in for, that does not pass maxRows; 0 when both do.
func defaultScale(rows int) int {
	for _, scale := range []int{4, 2} {
		if rows*scale <= maxRows {
			return scale
		}
	}
	return 0
}

// displayedRows is how many rows of pixels a player shows: the columns of a video that is shown turned by a quarter.
func displayedRows(info *media.Info) int {
	if info.Rotation%180 != 0 {
		return info.Format.Width
	}
	return info.Format.Height
}

// settleScale chooses a scale where neither scale, height nor model says how large the output is to be. It returns the rows that the
// choice followed, 0 if there was nothing to choose.
func (o *Options) settleScale(info *media.Info) (rows int, err error) {
	if o.Scale != 0 || o.SR.Height != 0 || o.Model != "" {
		return 0, nil
	}
	rows = displayedRows(info)
	if o.Scale = defaultScale(rows); o.Scale == 0 {
		return 0, usageError("as in Options.Scale 2, or Options.SR.Height 2160", "the input has %d rows, and twice as many are more than %d: say with Options.Scale how large the output is to be", rows, maxRows)
	}
	return rows, nil
}

// squarePixels settles by how much the width is resampled so that the pixels are square.
func (o *Options) squarePixels(info *media.Info) {
	if a := info.SampleAspect; o.SquarePixels && a.Num > 0 && a.Den > 0 && a.Num != a.Den {
		o.SR.Stretch = a.Float()
	}
}
