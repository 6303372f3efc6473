package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"vsr/train/degrade"
)

// variant is one degradation that every image goes through; a protocol has one or several.
type variant struct {
	label  string
	recipe degrade.Recipe // nil: the data are the input, there is no original
	seed   uint64
}

// gaussian8 lists the test sigmas by scale: those of the official code for x4 and x2, and for x3 the eight uniform values of IKC
// and DAN (docs/kdsr.md 3.2).
var gaussian8 = map[int][2]float64{4: {1.8, 3.2}, 3: {1.35, 2.4}, 2: {0.9, 1.6}}

// aniso9 is the list of the author of DSAT: two deviations and an angle in degrees (docs/kdsr.md 3.2).
var aniso9 = [9][3]float64{
	{2, 0.2, 0}, {2, 1, 10}, {3.5, 1.5, 30}, {3.5, 2, 45}, {3.5, 2, 90}, {4, 1.5, 120}, {4, 2, 135}, {4, 3, 165}, {4, 4, 180},
}

// variants reads the name of a protocol:
//
//	none          the data are the input; only what needs no original is measured
//	bicubic       antialiased bicubic reduction only
//	gaussian8     eight isotropic blurs
//	aniso9[:N]    nine anisotropic blurs, then white noise of level N of 255 (default 0; the paper has 0, 10 and 20)
//	gaussian:S    one isotropic blur of deviation S
//	second:SEED   one draw an image of the second-order process
//	real:SEED     one draw an image of the video recipe, codecs included
//	worn[:SEED]   area reduction, blur, noise and MPEG-4 twice: see degrade.Worn
//	h264:CRF, hevc:CRF, vp9:CRF, mpeg4:Q, mpeg2:Q   bicubic reduction, then the codec at that quality
func variants(name string, scale int) ([]variant, error) {
	kind, arg, hasArg := strings.Cut(name, ":")
	number := 0.0
	if hasArg {
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil || v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("degradation %q: %q is not a number from 0 on", name, arg)
		}
		number = v
	}
	switch kind {
	case "none":
		return []variant{{label: "none"}}, nil
	case "bicubic":
		return []variant{{"bicubic", degrade.Fixed{Factor: scale}, 0}}, nil
	case "worn":
		return []variant{{name, degrade.Worn{Factor: scale}, uint64(number)}}, nil
	case "gaussian":
		return []variant{{name, degrade.Fixed{Factor: scale, S1: number, S2: number}, 0}}, nil
	case "gaussian8":
		limits, ok := gaussian8[scale]
		if !ok {
			return nil, fmt.Errorf("degradation gaussian8 is defined for scales 2 to 4, not %d", scale)
		}
		var out []variant
		for i := range 8 {
			s := limits[0] + float64(i)*(limits[1]-limits[0])/7
			out = append(out, variant{fmt.Sprintf("sigma %.2f", s), degrade.Fixed{Factor: scale, S1: s, S2: s}, 0})
		}
		return out, nil
	case "aniso9":
		var out []variant
		for i, k := range aniso9 {
			f := degrade.Fixed{Factor: scale, S1: k[0], S2: k[1], Theta: k[2] * math.Pi / 180, NoiseLevel: number}
			out = append(out, variant{fmt.Sprintf("k%d (%g, %g, %g)", i+1, k[0], k[1], k[2]), f, uint64(i)})
		}
		return out, nil
	}
	if !hasArg {
		return nil, fmt.Errorf("degradation %q is not known, or wants a number after a colon", name)
	}
	switch kind {
	case "second":
		return []variant{{name, degrade.SecondOrder{Factor: scale}, uint64(number)}}, nil
	case "real":
		return []variant{{name, degrade.Video{Factor: scale}, uint64(number)}}, nil
	}
	codec, err := degrade.ParseCodec(kind)
	if err != nil {
		return nil, fmt.Errorf("degradation %q is not known", name)
	}
	c := degrade.Coded{Factor: scale, Codec: codec, Quality: int(number)}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return []variant{{name, c, 0}}, nil
}
