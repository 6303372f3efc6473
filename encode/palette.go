package encode

import (
	"fmt"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
)

// paletteSpec gives each frame a palette of its own. One for all frames would have to see them all first.
const paletteSpec = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=sierra2_4a"

// toPalette makes a frame with a palette of a packed RGB frame with alpha. The caller frees it.
func toPalette(fr *astiav.Frame) (out *astiav.Frame, err error) {
	g := astiav.AllocFilterGraph()
	defer g.Free()
	g.SetThreadCount(1)
	args := astiav.FilterArgs{"video_size": fmt.Sprintf("%dx%d", fr.Width(), fr.Height()), "pix_fmt": strconv.Itoa(int(fr.PixelFormat())), "time_base": "1/100"}
	source, err := g.NewFilterContext(astiav.FindFilterByName("buffer"), "in", args)
	if err != nil {
		return nil, av.Err(err)
	}
	defer source.Free()
	sink, err := g.NewFilterContext(astiav.FindFilterByName("buffersink"), "out", nil)
	if err != nil {
		return nil, av.Err(err)
	}
	defer sink.Free()
	outputs, inputs := astiav.AllocFilterInOut(), astiav.AllocFilterInOut()
	defer outputs.Free()
	defer inputs.Free()
	outputs.SetName("in")
	outputs.SetFilterContext(source)
	inputs.SetName("out")
	inputs.SetFilterContext(sink)
	if err := av.Explain(func() error { return g.Parse("[in]"+paletteSpec+"[out]", inputs, outputs) }); err != nil {
		return nil, err
	}
	if err := av.Explain(g.Configure); err != nil {
		return nil, err
	}
	fr.SetPts(0)
	if err := av.Err(source.BuffersrcAddFrame(fr, astiav.NewBuffersrcFlags(astiav.BuffersrcFlagKeepRef))); err != nil {
		return nil, err
	}
	if err := av.Err(source.BuffersrcAddFrame(nil, astiav.NewBuffersrcFlags())); err != nil {
		return nil, err
	}
	out = astiav.AllocFrame()
	if err := av.Explain(func() error { return sink.BuffersinkGetFrame(out, astiav.NewBuffersinkFlags()) }); err != nil {
		out.Free()
		return nil, err
	}
	return out, nil
}

// result is the frame that the encoder gets, after load.
func (p *avFrame) result() (*astiav.Frame, error) {
	if !p.palette {
		return p.out, nil
	}
	if p.paletted != nil {
		p.paletted.Free()
		p.paletted = nil
	}
	var err error
	p.paletted, err = toPalette(p.out)
	return p.paletted, err
}
