//go:build nvidia

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"vsr/media"
	"vsr/sr/kdsr"
)

// Flags of the kernels, as in kernels/conv.h, estimate.h and tail.h.
const (
	flagLReLU = 1
	flagAdd   = 2 // convolutions
	flagBias  = 2 // linear layers
	flagSkip  = 1 // tail
)

const (
	tileW, tileH = 16, 8
	maxPool      = 256 // blocks of the pooling kernel
)

// plan is what the device does for one frame of one format: launches over buffers that it owns.
type plan struct {
	gpu      *gpu
	source   source
	format   media.Format
	in, out  frameLayout
	rgb      cu.DevicePtr // [3,H,W] float
	large    cu.DevicePtr // [3,sH,sW] 16-bit fixed point
	kernels  cu.DevicePtr // [N,C,9] float: of the scene that is being upscaled
	frame    [2]cu.DevicePtr
	buffers  []cu.DevicePtr
	partial  cu.DevicePtr
	result   cu.DevicePtr // of an estimate
	launches []launch     // without the conversion from and to frames
	owned    []cu.DevicePtr
}

// maxPixels bounds frames: kernels count pixels and bytes of a plane in 32 bits.
const maxPixels = 1 << 30

// source is what frames a plan is made for: their format, and where they come from and go to.
type source struct {
	format  media.Format
	in, out place
}

// place is where frames lie. The zero place is the host.
type place struct{ onGPU, semi bool }

// newPlan records one of the network's functions for a format and lays it out on the device.
func newPlan(c *gpu, l *layers, from source, scale int, body func(*recorder, *value)) (p *plan, err error) {
	f := from.format
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if f.Width > maxPixels/f.Height/(scale*scale) {
		return nil, fmt.Errorf("a %dx%d frame enlarged %d times is too large", f.Width, f.Height, scale)
	}
	r := &recorder{}
	x := &value{kind: valueFrame, c: 3, h: f.Height, w: f.Width, buffer: -1}
	body(r, x)
	if err := r.Err(); err != nil {
		return nil, err
	}
	p = &plan{gpu: c, source: from, format: f, in: layoutOf(f, from.in.semi), out: layoutOf(f.Scaled(scale), from.out.semi)}
	defer func() {
		if err != nil {
			p.close()
			p, err = nil, fmt.Errorf("%v: %w", f, err)
		}
	}()
	if err := p.allocate(assign(r.steps), scale); err != nil {
		return p, err
	}
	for _, s := range r.steps {
		if err := p.add(s, l); err != nil {
			return p, err
		}
	}
	p.result = p.at(r.steps[len(r.steps)-1].out)
	return p, nil
}

func (p *plan) own(bytes int) (cu.DevicePtr, error) {
	d, err := p.gpu.alloc(bytes)
	if err == nil {
		p.owned = append(p.owned, d)
	}
	return d, err
}

func (p *plan) allocate(sizes []int, scale int) (err error) {
	pixels := p.format.Width * p.format.Height
	take := func(to *cu.DevicePtr, bytes int) {
		if err == nil {
			*to, err = p.own(bytes)
		}
	}
	take(&p.rgb, 3*4*pixels)
	take(&p.large, 3*2*pixels*scale*scale)
	p.buffers = make([]cu.DevicePtr, len(sizes))
	for i, n := range sizes {
		take(&p.buffers[i], n)
	}
	if err != nil {
		return err
	}
	for i, l := range []*frameLayout{&p.in, &p.out} {
		if p.frame[i], err = put(p.gpu, l.words(p.format)); err != nil {
			return err
		}
		p.owned = append(p.owned, p.frame[i])
	}
	return nil
}

// close frees the buffers.
func (p *plan) close() {
	for _, d := range p.owned {
		p.gpu.free(d)
	}
	p.owned = nil
}

// at returns where a value lies.
func (p *plan) at(v *value) cu.DevicePtr {
	if v.kind == valueFrame {
		return p.rgb
	}
	if v.buffer < 0 {
		return 0
	}
	return p.buffers[v.buffer]
}

func ceil(a, b int) int { return (a + b - 1) / b }

func flags(pairs ...any) int {
	f := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			f |= pairs[i+1].(int)
		}
	}
	return f
}

// add appends the launches of a step.
func (p *plan) add(s *step, l *layers) error {
	switch s.kind {
	case stepFirst:
		return p.addFirst(s, l)
	case stepConv:
		return p.addConv(s, l)
	case stepBlock:
		return p.addBlock(s, l)
	case stepTail:
		return p.addTail(s, l)
	case stepPool:
		return p.addPool(s)
	}
	n, err := l.linear(s.name, s.out.c, s.in.c, s.bias)
	p.push("vsr_linear", [3]int{ceil(s.out.c, 4), 1, 1}, p.at(s.in), p.at(s.out), n.weights, n.bias, s.in.c, s.out.c,
		flags(s.lrelu, flagLReLU, s.bias, flagBias))
	return err
}

func (p *plan) push(name string, grid [3]int, params ...any) {
	p.launches = append(p.launches, p.gpu.newLaunch(name, grid, params...))
}

func (p *plan) addFirst(s *step, l *layers) error {
	n, err := l.first(s.name, s.out.c)
	shift := l.mean
	if !s.shift {
		shift += 3 * 4 // the zeros
	}
	p.push("vsr_first_conv", [3]int{ceil(s.out.h*s.out.w, 128), s.out.c / 16, 1}, p.rgb, p.at(s.out), n.weights, n.bias, shift,
		s.in.h, s.in.w, s.out.c, s.stride, flags(s.lrelu, flagLReLU))
	return err
}

func (p *plan) addConv(s *step, l *layers) error {
	n, err := l.conv(s.name, s.out.c, s.in.c)
	width := 64
	for s.out.c%width != 0 {
		width /= 2
	}
	add := p.at(s.out) // not read
	if s.add != nil {
		add = p.at(s.add)
	}
	p.push(fmt.Sprintf("vsr_conv3_n%d", width), [3]int{ceil(s.out.w, tileW), ceil(s.out.h, tileH), s.out.c / width}, p.at(s.in),
		p.at(s.out), n.weights, n.bias, add, s.out.h, s.out.w, s.in.c, s.out.c,
		flags(s.lrelu, flagLReLU, s.add != nil, flagAdd))
	return err
}

func (p *plan) addBlock(s *step, l *layers) error {
	n, err := l.conv(s.name, s.out.c, s.in.c)
	if err == nil && p.kernels == 0 {
		p.kernels, err = p.own(kernelBytes(l.w.Config))
	}
	p.push(fmt.Sprintf("vsr_block_c%d", s.out.c), [3]int{ceil(s.out.w, tileW), ceil(s.out.h, tileH), 1}, p.at(s.in), p.at(s.out),
		p.kernels+cu.DevicePtr(s.block*9*s.out.c*4), n.weights, n.bias, s.out.h, s.out.w)
	return err
}

func (p *plan) addTail(s *step, l *layers) error {
	scale, w, h := l.w.Config.Scale, s.in.w, s.in.h
	n, k, err := l.enlarge(s.in.c, s.shift)
	if err != nil {
		return err
	}
	flag := flags(s.skip, flagSkip)
	p.push(fmt.Sprintf("vsr_tail%d_s%d", k, scale), [3]int{ceil(w, tileW), ceil(h, tileH), 1}, p.at(s.in), p.large, n.weights,
		n.bias, p.rgb, h, w, s.in.c, flag)
	if k == 3 {
		return nil
	}
	r, err := l.edges(w, h, s.in.c, s.shift)
	p.push(fmt.Sprintf("vsr_ring_s%d", scale), [3]int{ringPixels(w, h), 1, 1}, p.at(s.in), p.large, r.weights, r.bias, r.sets,
		p.rgb, h, w, s.in.c, flag)
	return err
}

// ringPixels is the number of pixels that touch an edge of the frame.
func ringPixels(w, h int) int { return w*h - max(w-2, 0)*max(h-2, 0) }

func (p *plan) addPool(s *step) error {
	pixels, c := s.in.w*s.in.h, s.in.c
	blocks := min(maxPool, ceil(pixels, 64))
	var err error
	if p.partial, err = p.own(blocks * c * 4); err != nil {
		return err
	}
	p.push("vsr_pool_partial", [3]int{blocks, 1, 1}, p.at(s.in), p.partial, pixels, c)
	p.push("vsr_pool_finish", [3]int{ceil(c, 128), 1, 1}, p.partial, p.at(s.out), blocks, pixels, c)
	return nil
}

// kernelBytes is the size of one scene's depthwise kernels on the device, at least one.
func kernelBytes(c kdsr.Config) int { return max(c.N*9*pad(c.C)*4, 4) }

// run puts the whole frame on the compute stream: from the frame buffer in to the frame buffer out, or, when out is 0, up to
// the result of the last step.
func (p *plan) run(in, out cu.DevicePtr) error {
	first := p.gpu.newLaunch("vsr_rgb_in", [3]int{ceil(p.format.Width*p.format.Height, 128), 1, 1}, in, p.rgb, p.frame[0])
	if err := first.run(p.gpu.compute); err != nil {
		return err
	}
	for i := range p.launches {
		if err := p.launches[i].run(p.gpu.compute); err != nil {
			return err
		}
	}
	if out == 0 {
		return nil
	}
	cw, ch := p.out.format.PlaneSize(1)
	last := p.gpu.newLaunch("vsr_frame_out", [3]int{ceil(cw*ch, 128), 1, 1}, p.large, out, p.frame[1])
	return last.run(p.gpu.compute)
}
