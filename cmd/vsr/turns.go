package main

import (
	"fmt"

	"vsr/decode"
	"vsr/media"
)

// turn is a change of the picture's size, layout, depth or colour in mid-stream.
type turn struct {
	Frame int64   `json:"frame"` // the first of the new kind, from 0
	Time  float64 `json:"time_s"`
	From  string  `json:"from"`
	To    string  `json:"to"`
}

// turns follows the format of the source's frames. The output has one size and one description of its colours, those of the first
// frame: what comes later is scaled and converted to them, in a scene of its own. Light that cannot be converted is refused.
type turns struct {
	tell     func(format string, args ...any)
	strict   bool
	timeBase media.Rational

	frames      int64
	first, last media.Format
	count       int64
	list        []turn // the first maxTurns
}

// maxTurns is how many turns are told one by one.
const maxTurns = 20

func (j *job) newTurns() *turns {
	return &turns{tell: j.app.tell, strict: j.request.Decode.Strict, timeBase: j.firstInfo.VideoTrack().TimeBase}
}

// see is shown every frame in order. The error is of a change that ends the run.
func (t *turns) see(f *media.Frame) error {
	n, was := t.frames, t.last
	t.frames++
	t.last = f.Format
	if n == 0 {
		t.first = f.Format
	}
	if n == 0 || was == f.Format {
		return nil
	}
	one := turn{n, float64(f.PTS) * t.timeBase.Float(), kindOf(was), kindOf(f.Format)}
	line := fmt.Sprintf("frame %d, at %s: the picture changes from %s to %s", one.Frame, clock(one.Time), one.From, one.To)
	const hint = "make two films of it, with --duration and --start"
	switch {
	case t.strict:
		return inputFault(fmt.Errorf("%s (--strict)", line), "without --strict the rest is brought to the first size and colour; or "+hint)
	case light(f.Color) != light(t.first.Color):
		return requestFault(hint, "%s: vsr does not turn %s into %s", line, light(f.Color), light(t.first.Color))
	}
	if t.count++; t.count > maxTurns {
		return nil
	}
	t.list = append(t.list, one)
	t.tell("note: %s; %s", line, t.remedy(f.Format))
	if t.count == maxTurns {
		t.tell("note: further changes are counted and not named")
	}
	return nil
}

// aspect tells, at the end, of changes of the pixel aspect.
func (t *turns) aspect(s decode.Stats, first media.Rational) {
	if s.AspectTurns > 0 {
		t.tell("note: the pixel aspect changes in mid-stream, %d times, first at %s to %v; the output keeps %v", s.AspectTurns,
			clock(float64(s.AspectAt)*t.timeBase.Float()), s.AspectTo, first)
	}
}

// remedy says what is done about a change to f.
func (t *turns) remedy(f media.Format) string {
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

// kindOf writes a format out, with the numbers of H.273.
func kindOf(f media.Format) string {
	full := map[media.Range]string{media.RangeFull: "full", media.RangeLimited: "limited"}[f.Color.Range]
	alpha := map[bool]string{true: " with alpha"}[f.Alpha]
	return fmt.Sprintf("%v%s (matrix %d, primaries %d, transfer %d, %s range, siting %d)", f, alpha, f.Color.Matrix, f.Color.Primaries, f.Color.Transfer, full, f.Color.Siting)
}

// light names the family of primaries and transfer. Within one a difference is small, as between the primaries of PAL, NTSC and BT.709.
func light(c media.Color) string {
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
