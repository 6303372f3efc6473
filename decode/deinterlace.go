package decode

import (
	"fmt"
	"slices"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// newDeinterlacer runs FFmpeg's filters for the options: see Deinterlace. What comes out is some frames late.
func newDeinterlacer(p *av.Frame, tb media.Rational, o Options) (*filter, error) {
	mode, which := "send_frame", "interlaced"
	if o.Deinterlace == DeinterlaceOn {
		which = "all"
	}
	if o.FieldRate {
		mode = "send_field"
	}
	spec := "bwdif=mode=" + mode + ":parity=auto:deint=" + which
	if o.Deinterlace == DeinterlaceTelecine {
		// The filter would have frames of other kinds converted to 8 bits.
		if !slices.Contains([]string{"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"}, p.Format.String()) {
			return nil, &UnsupportedError{Reason: "a 3:2 pulldown can be undone in 8-bit YUV only, and this is " + p.Format.String(), Hint: "Options.Deinterlace bwdif takes every kind of frame"}
		}
		spec = "fieldmatch=order=auto:mode=pc_n:combmatch=full," + spec
	}
	return newFilter(p, tb, spec)
}

// refine gives the video a finer clock than the container has, where frames will come between its ticks.
func (s *Source) refine(t *media.Track) {
	const most = 1 << 30
	s.fine = s.opt.fineness()
	if int64(t.TimeBase.Den)*s.fine > most { // fine enough
		s.fine = 1
	}
	t.TimeBase.Den *= int(s.fine)
	t.Duration *= s.fine
	if t.Start != media.NoTime {
		t.Start *= s.fine
	}
}

// readPacket reads the next packet into s.packet, with the times of the video on its finer clock.
func (s *Source) readPacket() error {
	if err := s.fc.ReadFrame(s.packet); err != nil {
		return err
	}
	if p := s.packet; s.fine > 1 && p.StreamIndex() == s.info.Video {
		if t := p.Pts(); t != media.NoTime {
			p.SetPts(t * s.fine)
		}
		if t := p.Dts(); t != media.NoTime {
			p.SetDts(t * s.fine)
		}
		p.SetDuration(p.Duration() * s.fine)
	}
	return nil
}

// expectFrames adapts the estimates of rate and count to what deinterlacing makes of the frames.
func (s *Source) expectFrames() {
	num, den := 1, 1
	switch {
	case s.opt.FieldRate && s.info.Interlaced:
		num = 2
	case s.opt.Deinterlace == DeinterlaceTelecine:
		num, den = 4, 5
	default:
		return
	}
	s.info.FrameRate.Num *= num
	s.info.FrameRate.Den *= den
	s.info.Frames = s.info.Frames * int64(num) / int64(den)
}

// pulldown leaves out, of every five frames with matched fields, the one that a 3:2 pulldown added.
type pulldown struct {
	frames []*astiav.Frame // of the cycle
	change []float64       // of each from the frame before
	before *astiav.Frame   // the last of the cycle before
	on     bool            // the cycle before had one too many
	ready  []*astiav.Frame // to be given out
	left   int64           // frames left out
}

const cycle = 5

// push takes over the frame in fr, whose times are those of the video track.
func (d *pulldown) push(fr *astiav.Frame) {
	own := astiav.AllocFrame()
	own.MoveRef(fr)
	last := d.before
	if n := len(d.frames); n > 0 {
		last = d.frames[n-1]
	}
	d.frames, d.change = append(d.frames, own), append(d.change, change(last, own))
	if len(d.frames) == cycle {
		d.finish(d.extra())
	}
}

// extra is the number of the frame that shows nothing new, -1 if all do. In a cycle without motion it goes by the one before.
func (d *pulldown) extra() int {
	const (
		distinct = 3.0 // times more changes elsewhere than in an added frame
		alike    = 1.5
		moves    = 3.0 // 8-bit levels, of the part of the frame that changes most
	)
	if d.uneven() {
		return -1
	}
	least := 0
	for i, v := range d.change {
		if v < d.change[least] {
			least = i
		}
	}
	rest := slices.Clone(d.change)
	slices.Sort(rest)
	switch second := rest[1]; {
	case second > distinct*rest[0] && second > moves/2:
		d.on = true
	case second <= alike*rest[0] && second > moves:
		d.on = false
	}
	if !d.on {
		return -1
	}
	return least
}

// uneven reports whether a frame of the cycle stays longer than others: then nothing was pulled down there.
func (d *pulldown) uneven() bool {
	least, most := int64(1)<<62, int64(0)
	for i := 1; i < len(d.frames); i++ {
		step := d.frames[i].Pts() - d.frames[i-1].Pts()
		least, most = min(least, step), max(most, step)
	}
	return 2*most > 3*least
}

// finish makes the cycle's frames ready, but for number skip; the others share its time.
func (d *pulldown) finish(skip int) {
	first, last := d.frames[0].Pts(), d.frames[len(d.frames)-1].Pts()
	if d.before != nil {
		d.before.Free()
	}
	d.before = d.frames[len(d.frames)-1].Clone()
	n := int64(0)
	for i, f := range d.frames {
		if i == skip {
			f.Free()
			d.left++
			continue
		}
		if skip >= 0 { // four frames in the time of five; last-first is that of four
			f.SetPts(first + n*(last-first)*cycle/((cycle-1)*(cycle-1)))
		}
		n++
		d.ready = append(d.ready, f)
	}
	d.frames, d.change = nil, nil
}

// flush makes the frames of an unfinished cycle ready.
func (d *pulldown) flush() {
	if len(d.frames) > 0 {
		d.finish(-1)
	}
}

// pull gives the next ready frame; ok is false without.
func (d *pulldown) pull(fr *astiav.Frame) (ok bool) {
	if len(d.ready) == 0 {
		return false
	}
	fr.MoveRef(d.ready[0])
	d.ready[0].Free()
	d.ready = d.ready[1:]
	return true
}

func (d *pulldown) close() {
	for _, f := range append(d.frames, d.ready...) {
		f.Free()
	}
	if d.before != nil {
		d.before.Free()
	}
	*d = pulldown{left: d.left}
}

// change is how much the luma of two 8-bit frames differs, in levels, in the block of 32x32 that differs most. A frame without one before is all new.
func change(a, b *astiav.Frame) float64 {
	const side, most = 32, 255.0
	if a == nil || a.Width() != b.Width() || a.Height() != b.Height() {
		return most
	}
	var x, y av.Frame
	x.Read(a)
	y.Read(b)
	worst := 0.0
	sums := make([]int, (x.Width+side-1)/side)
	for row := range x.Height {
		p, q := x.Row(0, row, x.Width), y.Row(0, row, x.Width)
		for i, v := range p {
			d := int(v) - int(q[i])
			sums[i/side] += max(d, -d)
		}
		if row%side != side-1 && row != x.Height-1 {
			continue
		}
		rows := row%side + 1
		for i := range sums {
			worst = max(worst, float64(sums[i])/float64(rows*min(side, x.Width-i*side)))
		}
		clear(sums)
	}
	return worst
}

// String names what a filter was made for, for the log.
func (f *filter) String() string { return fmt.Sprintf("%s at %dx%d", f.key.spec, f.key.w, f.key.h) }
