package decode

import (
	"fmt"
	"io"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// deinterlacer runs FFmpeg's bwdif: one frame out for each frame in, one frame late.
type deinterlacer struct {
	graph    *astiav.FilterGraph
	in, out  *astiav.FilterContext
	timeBase media.Rational // of the frames that come out
	key      deinterlaceKey
}

type deinterlaceKey struct {
	w, h   int
	pixels astiav.PixelFormat
}

func newDeinterlacer(p *av.Picture, tb media.Rational, all bool) (*deinterlacer, error) {
	d := &deinterlacer{graph: astiav.AllocFilterGraph(), key: deinterlaceKey{p.Width, p.Height, p.Format}}
	fail := func(err error) (*deinterlacer, error) {
		d.close()
		return nil, fmt.Errorf("deinterlace: %w", av.Err(err))
	}
	d.graph.SetThreadCount(1)
	var err error
	args := astiav.FilterArgs{
		"video_size": fmt.Sprintf("%dx%d", p.Width, p.Height), "pix_fmt": strconv.Itoa(int(p.Format)),
		"time_base": fmt.Sprintf("%d/%d", tb.Num, tb.Den), "pixel_aspect": fmt.Sprintf("%d/%d", p.SampleAspect.Num, max(p.SampleAspect.Den, 1)),
	}
	if d.in, err = d.graph.NewFilterContext(astiav.FindFilterByName("buffer"), "in", args); err != nil {
		return fail(err)
	}
	if d.out, err = d.graph.NewFilterContext(astiav.FindFilterByName("buffersink"), "out", nil); err != nil {
		return fail(err)
	}
	outputs, inputs := astiav.AllocFilterInOut(), astiav.AllocFilterInOut()
	defer outputs.Free()
	defer inputs.Free()
	outputs.SetName("in")
	outputs.SetFilterContext(d.in)
	inputs.SetName("out")
	inputs.SetFilterContext(d.out)
	which := "interlaced"
	if all {
		which = "all"
	}
	// The format filter after bwdif keeps the graph from choosing another pixel format.
	if err = d.graph.Parse("bwdif=mode=send_frame:parity=auto:deint="+which+",format="+p.Format.String(), inputs, outputs); err != nil {
		return fail(err)
	}
	if err = d.graph.Configure(); err != nil {
		return fail(err)
	}
	r := d.out.Inputs()[0].TimeBase()
	d.timeBase = media.Rational{Num: r.Num(), Den: r.Den()}
	return d, nil
}

// fits reports whether p can go into this graph.
func (d *deinterlacer) fits(p *av.Picture) bool {
	return d.key == deinterlaceKey{p.Width, p.Height, p.Format}
}

// push hands a frame in, or nil at the end.
func (d *deinterlacer) push(f *astiav.Frame) error {
	err := av.Err(d.in.BuffersrcAddFrame(f, astiav.NewBuffersrcFlags()))
	if err == io.EOF {
		return nil
	}
	return err
}

// pull gets a frame out: av.ErrAgain if it wants more, io.EOF after the last.
func (d *deinterlacer) pull(f *astiav.Frame) error {
	return av.Err(d.out.BuffersinkGetFrame(f, astiav.NewBuffersinkFlags()))
}

func (d *deinterlacer) close() {
	if d.in != nil {
		d.in.Free()
	}
	if d.out != nil {
		d.out.Free()
	}
	d.graph.Free()
}
