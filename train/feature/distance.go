package feature

import (
	"fmt"
	"math"
	"os"

	"vsr/internal/conv"
	"vsr/internal/quality"
	"vsr/sr/kdsr"
	"vsr/train/graph"
)

// Distance compares two images by the features of SqueezeNet 1.1 after seven of its layers, in the form of LPIPS (Zhang et al. 2018):
// the features of each position are normalised over the channels, and squared differences are averaged over the positions, weighed
// and summed over channels and layers.
//
// Words of caution. It agrees with people better than PSNR does, and prefers what looks sharp to what is true: an invented texture can
// beat an honest blur. Its numbers are not those of the lpips package, whose SqueezeNet was trained apart; compare them only within one
// run and one pair of files. A model trained on this network's features (stage 3 with the same file) has learnt to please it.
type Distance struct {
	net    *graph.Features
	linear [][]float32 // weights of the channels of each layer; nil weighs all by one
}

// channels of the layers that are compared: conv1, and the modules 3, 5, 6, 7, 8 and 9.
var channels = []int{64, 128, 256, 384, 384, 512, 512}

// compared tells by a layer's name whether it is compared.
var compared = map[string]bool{"conv1": true, "fire3": true, "fire5": true, "fire6": true, "fire7": true, "fire8": true, "fire9": true}

// OpenDistance reads SqueezeNet 1.1 as ONNX and, unless linear is empty, the weights of the channels as the lpips package has them
// (weights/v0.1/squeeze.pth).
func OpenDistance(network, linear string) (*Distance, error) {
	net, err := Open(network)
	if err != nil {
		return nil, err
	}
	d := &Distance{net: net}
	for _, l := range net.Layers {
		if l.Conv != "" && l.Conv != "conv1" {
			return nil, fmt.Errorf("feature network %s: the distance needs SqueezeNet 1.1, this is %s", network, net.Name)
		}
	}
	if linear != "" {
		if d.linear, err = readLinear(linear); err != nil {
			return nil, fmt.Errorf("feature weights %s: %w", linear, err)
		}
	}
	return d, nil
}

// Name says which weights are used, since numbers of different ones cannot be compared.
func (d *Distance) Name() string {
	if d.linear != nil {
		return "SqueezeNet 1.1, linear weights"
	}
	return "SqueezeNet 1.1, uniform weights"
}

func readLinear(path string) ([][]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tensors, err := kdsr.ReadTorch(f, info.Size(), func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	var out [][]float32
	for i, c := range channels {
		name := fmt.Sprintf("lin%d.model.1.weight", i)
		t, ok := tensors[name]
		if !ok || len(t.Data) != c {
			return nil, fmt.Errorf("tensor %s has shape %v, want %d channels", name, t.Shape, c)
		}
		out = append(out, t.Data)
	}
	return out, nil
}

// minSide is the least side of which every layer leaves something.
const minSide = 32

// featureMap is NHWC with one image.
type featureMap struct {
	h, w, c int
	data    []float32
}

// Extract runs the network. Each result is the normalised features of one layer, position by position. // [H*W,C] a layer
func (d *Distance) Extract(m quality.Image) ([][]float32, error) {
	if min(m.W, m.H) < minSide || len(m.Pix) != 3*m.W*m.H {
		return nil, fmt.Errorf("feature distance: %d bytes for %dx%d, want at least %d on a side", len(m.Pix), m.W, m.H, minSide)
	}
	x := featureMap{m.H, m.W, 3, make([]float32, len(m.Pix))}
	for i := 0; i < len(m.Pix); i += 3 {
		for c := range 3 {
			x.data[i+c] = d.net.Scale[c]*float32(m.Pix[i+d.net.From[c]])/255 + d.net.Shift[c]
		}
	}
	var out [][]float32
	for _, l := range d.net.Layers {
		name := l.Conv + l.Fire
		switch {
		case l.Pool > 0:
			x = maxPool(x, l.Pool)
		case l.Fire != "":
			s := d.convolve(x, l.Fire+"/squeeze1x1", 1, 0)
			x = join(d.convolve(s, l.Fire+"/expand1x1", 1, 0), d.convolve(s, l.Fire+"/expand3x3", 1, 1))
		default:
			x = d.convolve(x, l.Conv, l.Stride, l.Pad)
		}
		if compared[name] {
			out = append(out, normalised(x))
		}
	}
	return out, nil
}

// Distance compares what Extract gave for two images of one size.
func (d *Distance) Distance(a, b [][]float32) float64 {
	var total float64
	for l, p := range a {
		q, c := b[l], channels[l]
		sums := make([]float64, c)
		for i := 0; i < len(p); i += c {
			for k := range c {
				e := float64(p[i+k] - q[i+k])
				sums[k] += e * e
			}
		}
		for k, s := range sums {
			if d.linear != nil {
				s *= float64(d.linear[l][k])
			}
			total += s / float64(len(p)/c)
		}
	}
	return total
}

func (d *Distance) convolve(x featureMap, name string, stride, pad int) featureMap {
	w, b := d.net.Tensors[name+".weight"], d.net.Tensors[name+".bias"]
	g := conv.General{N: 1, H: x.h, W: x.w, In: x.c, Out: w.Shape[0], K: w.Shape[2], Stride: stride, Pad: pad}
	y := featureMap{g.OutH(), g.OutW(), g.Out, make([]float32, g.OutH()*g.OutW()*g.Out)}
	conv.ForwardGeneral(nil, y.data, x.data, w.Data, b.Data, nil, g, 0)
	return y
}

// maxPool has stride 2 and leaves out windows that do not fit, as the published network does.
func maxPool(x featureMap, side int) featureMap {
	y := featureMap{(x.h-side)/2 + 1, (x.w-side)/2 + 1, x.c, nil}
	y.data = make([]float32, y.h*y.w*y.c)
	for oy := range y.h {
		for ox := range y.w {
			out := y.data[(oy*y.w+ox)*y.c:][:y.c]
			for k := range side * side {
				in := x.data[((2*oy+k/side)*x.w+2*ox+k%side)*x.c:][:x.c]
				for c, v := range in {
					if k == 0 || v > out[c] {
						out[c] = v
					}
				}
			}
		}
	}
	return y
}

// join puts the channels of b after those of a.
func join(a, b featureMap) featureMap {
	y := featureMap{a.h, a.w, a.c + b.c, make([]float32, 0, len(a.data)+len(b.data))}
	for i := range a.h * a.w {
		y.data = append(y.data, a.data[i*a.c:(i+1)*a.c]...)
		y.data = append(y.data, b.data[i*b.c:(i+1)*b.c]...)
	}
	return y
}

// normalised gives every position's features the length one.
func normalised(x featureMap) []float32 {
	out := make([]float32, len(x.data))
	for i := 0; i < len(out); i += x.c {
		var sum float64
		for _, v := range x.data[i : i+x.c] {
			sum += float64(v) * float64(v)
		}
		f := float32(1 / (math.Sqrt(sum) + 1e-10))
		for k := i; k < i+x.c; k++ {
			out[k] = f * x.data[k]
		}
	}
	return out
}
