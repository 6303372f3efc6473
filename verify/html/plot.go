package html

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"vsr/verify"
)

// The plots are drawn in a box of plotW x plotH units that the page stretches; words stand outside of it, so that they keep
// their size.
const plotW, plotH = 1000, 160

// plotView is one plot with its words.
type plotView struct {
	Title, Top, Bottom, From, To string
	Keys                         []keyView
	Lines                        template.HTML
}

// keyView explains one line of a plot. Class is its colour.
type keyView struct{ Class, Text string }

// line is one value for each frame.
type line struct {
	class, text string
	values      []float64
	lowest      bool // which end of many frames is shown at one place: the lowest value, or the highest
}

// plots are those of the numbers that were measured.
func (p *Page) plots() []plotView {
	n := len(p.Numbers)
	if n == 0 {
		return nil
	}
	column := func(of func(verify.Numbers) float64) []float64 {
		v := make([]float64, n)
		for i, x := range p.Numbers {
			v[i] = of(x)
		}
		return v
	}
	list := []plotView{
		p.plot("The output, reduced to the source's size, against the source", "dB",
			line{"main", "PSNR of luma", column(func(x verify.Numbers) float64 { return x.Consistency }), true}),
		p.plot("Change from each frame to the next", "levels",
			line{"faint", "source", column(func(x verify.Numbers) float64 { return x.SourceChange }), false},
			line{"main", "output, reduced", column(func(x verify.Numbers) float64 { return x.Change }), false}),
	}
	if psnr := column(func(x verify.Numbers) float64 { return x.PSNR }); highest(psnr) > 0 {
		list = append(list, p.plot("The output against the reference", "dB", line{"main", "PSNR of luma", psnr, true}))
	}
	if vmaf := column(func(x verify.Numbers) float64 { return x.VMAF }); highest(vmaf) > 0 {
		list = append(list, p.plot("The output against the reference, as FFmpeg's libvmaf sees it", "", line{"main", "VMAF", vmaf, true}))
	}
	return list
}

func highest(v []float64) float64 {
	top := math.Inf(-1)
	for _, x := range v {
		top = max(top, x)
	}
	return top
}

// plot draws lines on one scale. Above plotW frames each place shows the worst of its share.
func (p *Page) plot(title, unit string, lines ...line) plotView {
	frames := len(p.Numbers)
	n := min(frames, plotW)
	jumps := make([]bool, n) // places of cuts: what leaps there may leave the plot at the top
	for _, cut := range p.Cuts {
		if cut >= 0 && cut < frames {
			jumps[cut*n/frames] = true
			jumps[min((cut*n+n-1)/frames, n-1)] = true
		}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range lines {
		short := make([]float64, n)
		for k := range short {
			from, to := k*frames/n, (k+1)*frames/n
			short[k] = lines[i].values[from]
			for _, x := range lines[i].values[from:to] {
				if lines[i].lowest {
					short[k] = min(short[k], x)
				} else {
					short[k] = max(short[k], x)
				}
			}
			lo = min(lo, short[k])
			if !jumps[k] || lines[i].lowest {
				hi = max(hi, short[k])
			}
		}
		lines[i].values = short
	}
	if math.IsInf(hi, -1) { // nothing but cuts
		hi = lo
	}
	lo, hi = math.Floor(lo), math.Ceil(hi)
	if hi == lo {
		hi++
	}
	v := plotView{Title: title, Top: fmt.Sprintf("%.0f %s", hi, unit), Bottom: fmt.Sprintf("%.0f", lo), From: "frame 0", To: fmt.Sprint(frames - 1)}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s">`, plotW, plotH, template.HTMLEscapeString(title))
	for _, cut := range p.Cuts {
		if cut > 0 && cut < frames {
			x := float64(cut) / float64(max(frames-1, 1)) * plotW
			fmt.Fprintf(&s, `<line class="cut" x1="%.1f" x2="%.1f" y1="0" y2="%d"/>`, x, x, plotH)
		}
	}
	for _, l := range lines {
		fmt.Fprintf(&s, `<polyline class="%s" points="`, l.class)
		for i, x := range l.values {
			fmt.Fprintf(&s, "%.1f,%.1f ", float64(i)/float64(max(n-1, 1))*plotW, (hi-x)/(hi-lo)*plotH)
		}
		s.WriteString(`"/>`)
		v.Keys = append(v.Keys, keyView{l.class, l.text})
	}
	s.WriteString("</svg>")
	v.Lines = template.HTML(s.String())
	if len(p.Cuts) > 1 {
		v.Keys = append(v.Keys, keyView{"cut", "scene cut"})
	}
	return v
}

// bars draws a degradation vector as small bars, zero in the middle.
func bars(v []float32) template.HTML {
	if len(v) == 0 {
		return ""
	}
	top := float32(1e-9)
	for _, x := range v {
		top = max(top, x, -x)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="vector" viewBox="0 0 %d 40" preserveAspectRatio="none" role="img" aria-label="degradation vector">`, 6*len(v))
	for i, x := range v {
		h := 20 * x / top
		fmt.Fprintf(&s, `<rect x="%d" y="%.1f" width="5" height="%.1f"/>`, 6*i, 20-max(h, 0), max(h, -h))
	}
	return template.HTML(s.String() + "</svg>")
}
