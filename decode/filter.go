package decode

import (
	"fmt"
	"io"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// filter runs frames of one size and pixel format through FFmpeg filters. What comes out has the same size and pixel format.
type filter struct {
	graph    *astiav.FilterGraph
	in, out  *astiav.FilterContext
	timeBase media.Rational // of the frames that come out
	key      filterKey
}

type filterKey struct {
	w, h   int
	pixels astiav.PixelFormat
	spec   string
}

// newFilter makes the graph that spec describes, for frames like p with times in tb.
func newFilter(p *av.Frame, tb media.Rational, spec string) (*filter, error) {
	f := &filter{graph: astiav.AllocFilterGraph(), key: filterKey{p.Width, p.Height, p.Format, spec}}
	if err := f.open(p, tb, spec); err != nil {
		f.close()
		return nil, fmt.Errorf("filter %s: %w", spec, av.Err(err))
	}
	return f, nil
}

func (f *filter) open(p *av.Frame, tb media.Rational, spec string) (err error) {
	f.graph.SetThreadCount(1)
	args := astiav.FilterArgs{
		"video_size": fmt.Sprintf("%dx%d", p.Width, p.Height), "pix_fmt": strconv.Itoa(int(p.Format)),
		"time_base": fmt.Sprintf("%d/%d", tb.Num, tb.Den), "pixel_aspect": fmt.Sprintf("%d/%d", p.SampleAspect.Num, max(p.SampleAspect.Den, 1)),
	}
	if f.in, err = f.graph.NewFilterContext(astiav.FindFilterByName("buffer"), "in", args); err != nil {
		return err
	}
	if f.out, err = f.graph.NewFilterContext(astiav.FindFilterByName("buffersink"), "out", nil); err != nil {
		return err
	}
	outputs, inputs := astiav.AllocFilterInOut(), astiav.AllocFilterInOut()
	defer outputs.Free()
	defer inputs.Free()
	outputs.SetName("in")
	outputs.SetFilterContext(f.in)
	inputs.SetName("out")
	inputs.SetFilterContext(f.out)
	// The format filter keeps the graph from choosing another pixel format.
	if err = f.graph.Parse(spec+",format="+p.Format.String(), inputs, outputs); err != nil {
		return err
	}
	if err = f.graph.Configure(); err != nil {
		return err
	}
	r := f.out.Inputs()[0].TimeBase()
	f.timeBase = media.Rational{Num: r.Num(), Den: r.Den()}
	return nil
}

// fits reports whether p can go into this graph.
func (f *filter) fits(p *av.Frame) bool {
	return f.key == filterKey{p.Width, p.Height, p.Format, f.key.spec}
}

// push hands a frame in, or nil at the end.
func (f *filter) push(fr *astiav.Frame) error {
	err := av.Err(f.in.BuffersrcAddFrame(fr, astiav.NewBuffersrcFlags()))
	if err == io.EOF {
		return nil
	}
	return err
}

// pull gets a frame out: av.ErrAgain if it wants more, io.EOF after the last.
func (f *filter) pull(fr *astiav.Frame) error {
	return av.Err(f.out.BuffersinkGetFrame(fr, astiav.NewBuffersinkFlags()))
}

func (f *filter) close() {
	if f.in != nil {
		f.in.Free()
	}
	if f.out != nil {
		f.out.Free()
	}
	f.graph.Free()
}
