package upscale

import (
	"fmt"

	"vsr/decode"
	"vsr/media"
	"vsr/verify"
)

// FormatChange is a change of size, chroma layout, bit depth or color in mid-stream.
type FormatChange struct {
	Frame int64   `json:"frame"` // the first of the new format, from 0
	Time  float64 `json:"time_s"`
	From  string  `json:"from"`
	To    string  `json:"to"`

	remedy string // what is done about it
}

// String names both formats and what is done.
func (c FormatChange) String() string {
	text := "note: " + c.line()
	if c.remedy != "" {
		text += "; " + c.remedy
	}
	return text
}

func (c FormatChange) line() string {
	return fmt.Sprintf("frame %d, at %s: the format changes from %s to %s", c.Frame, verify.Clock(c.Time), c.From, c.To)
}

// formatChanges follows the format of the source's frames. The output has one size and one description of its color, those of the
// first frame: frames of another format are scaled and converted to them, in a scene of their own. A change between SDR, PQ, HLG and
// wide gamut cannot be converted and is refused.
type formatChanges struct {
	emit     func(Event)
	strict   bool
	timeBase media.Rational

	frames      int64
	first, last media.Format
	count       int64
	list        []FormatChange // the first maxFormatChanges
}

// maxFormatChanges is how many changes are reported one by one.
const maxFormatChanges = 20

// observe takes every frame in order. An error is of a change that ends the job.
func (t *formatChanges) observe(f *media.Frame) error {
	n, was := t.frames, t.last
	t.frames++
	t.last = f.Format
	if n == 0 {
		t.first = f.Format
	}
	if n == 0 || was == f.Format {
		return nil
	}
	c := FormatChange{Frame: n, Time: float64(f.PTS) * t.timeBase.Float(), From: describeFormat(was), To: describeFormat(f.Format)}
	const hint = "make two videos of it, with Options.Decode.Duration and Options.Decode.Start"
	switch {
	case t.strict:
		return &Error{Kind: Input, Err: fmt.Errorf("%s (Options.Decode.Strict)", c.line()), Hint: "without Options.Decode.Strict the rest is converted to the first size and color; or " + hint}
	case dynamicRange(f.Color) != dynamicRange(t.first.Color):
		return requestError(hint, "%s: vsr does not convert %s to %s", c.line(), dynamicRange(f.Color), dynamicRange(t.first.Color))
	}
	if t.count++; t.count > maxFormatChanges {
		return nil
	}
	c.remedy = t.remedy(f.Format)
	t.list = append(t.list, c)
	t.emit(c)
	if t.count == maxFormatChanges {
		t.emit(Note("further changes of format are counted and not named"))
	}
	return nil
}

// noteAspect reports, at the end, changes of the pixel aspect.
func (t *formatChanges) noteAspect(s decode.Stats, first media.Rational) {
	if s.AspectTurns > 0 {
		t.emit(Note(fmt.Sprintf("the pixel aspect changes in mid-stream, %d times, first at %s to %v; the output keeps %v", s.AspectTurns,
			verify.Clock(float64(s.AspectAt)*t.timeBase.Float()), s.AspectTo, first)))
	}
}

// remedy says what is done about a change to f.
func (t *formatChanges) remedy(f media.Format) string {
	a := t.first
	if f == a {
		return "a new scene begins, again as at the start"
	}
	text := "a new scene begins"
	if f.Width != a.Width || f.Height != a.Height {
		text += fmt.Sprintf(", scaled to the size that %dx%d gave", a.Width, a.Height)
	}
	if f.Color.Matrix != a.Color.Matrix || f.Color.Range != a.Color.Range || f.Layout != a.Layout || f.Depth != a.Depth {
		text += ", converted to the first matrix, range and depth"
	}
	if f.Color.Primaries != a.Color.Primaries || f.Color.Transfer != a.Color.Transfer || f.Color.Siting != a.Color.Siting {
		text += "; primaries, transfer and chroma siting stay as they are, under the first tags"
	}
	return text
}

// describeFormat writes a format out, with the code points of H.273.
func describeFormat(f media.Format) string {
	full := map[media.Range]string{media.RangeFull: "full", media.RangeLimited: "limited"}[f.Color.Range]
	alpha := map[bool]string{true: " with alpha"}[f.Alpha]
	return fmt.Sprintf("%v%s (matrix %d, primaries %d, transfer %d, %s range, siting %d)", f, alpha, f.Color.Matrix, f.Color.Primaries, f.Color.Transfer, full, f.Color.Siting)
}

// dynamicRange names the family of primaries and transfer. Within one a difference is small, as between the primaries of PAL, NTSC
// and BT.709.
func dynamicRange(c media.Color) string {
	switch {
	case c.Transfer == media.TransferPQ:
		return "PQ"
	case c.Transfer == media.TransferHLG:
		return "HLG"
	case c.Primaries == 9 || c.Primaries == 10 || c.Primaries == 11 || c.Primaries == 12: // BT.2020, XYZ, P3
		return "wide gamut"
	case c.Transfer == 8 || c.Transfer == 9 || c.Transfer == 10 || c.Transfer == 17: // linear, logarithmic, SMPTE 428
		return "linear or logarithmic light"
	}
	return "SDR"
}
