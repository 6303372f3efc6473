package upscale

import (
	"context"
	"os"

	"vsr/decode"
)

// Notes on how the fields of interlaced frames belong together.
const (
	noteSegmentedFrames = "the frames are marked as interlaced, but both fields of each show the same moment (PsF): they are taken as they are; Options.Decode.Deinterlace bwdif rebuilds them all the same"
	noteTelecine        = "the fields follow a 3:2 pulldown: Options.Decode.Deinterlace telecine gives the frames from before it back, four for five"
)

// settleFields looks at how the fields of an interlaced file belong together, unless the options say what to do with them. Frames of segmented
// fields (PsF) are not deinterlaced: then src is opened again. It returns what to tell the user.
func (o *Options) settleFields(ctx context.Context, input string, src *decode.Source) (again *decode.Source, note string, err error) {
	d := &o.Decode
	if !src.Info().Interlaced || d.FieldRate || d.Deinterlace != decode.DeinterlaceAuto && d.Deinterlace != "auto" {
		return src, "", nil
	}
	if st, err := os.Stat(input); err != nil || !st.Mode().IsRegular() {
		return src, "", nil
	}
	kind, err := decode.FindCadence(ctx, input, *d)
	if err != nil {
		return src, "", err
	}
	switch kind {
	case decode.CadenceTelecine:
		return src, noteTelecine, nil
	case decode.CadenceProgressive:
		d.Deinterlace = decode.DeinterlaceOff
		if err := src.Close(); err != nil {
			return src, "", err
		}
		again, err = decode.Open(ctx, input, *d)
		return again, noteSegmentedFrames, err
	}
	return src, "", nil
}
