// Package card makes the report card of a run: one HTML page, with nothing outside it, that shows source and output side by
// side for every scene, the numbers frame by frame and the table of checks; and a strip of the same pictures as one PNG.
//
// In: a verify.Report and pairs of pictures. Out: HTML or PNG. It reads no video.
package card

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"math"
	"strings"

	"vsr/verify"
)

// Pair is one moment of the film, before and after.
type Pair struct {
	Title  string // as in: scene 3, 0:12.480
	Source image.Image
	Output image.Image
	// Vector is the scene's degradation vector, nil if unknown.
	Vector []float32
}

// Card is what the page shows.
type Card struct {
	Report *verify.Report
	Pairs  []Pair
	// Consistency is the PSNR in dB of each output frame, reduced to the source's size, against its source.
	Consistency []float64
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("card").Parse(pageText))

type pairView struct {
	Title          string
	Source, Output template.URL
	Bars           template.HTML
	Ratio          template.CSS
}

// WriteHTML writes the page. Pictures are embedded as JPEG of high quality, so a pair of 720p pictures takes some 400 kB.
func (c *Card) WriteHTML(w io.Writer) error {
	view := struct {
		*verify.Report
		Pairs []pairView
		Plot  template.HTML
	}{Report: c.Report, Plot: plot(c.Consistency)}
	for _, p := range c.Pairs {
		src, err := dataURL(p.Source)
		if err != nil {
			return fmt.Errorf("card: %s: %w", p.Title, err)
		}
		out, err := dataURL(p.Output)
		if err != nil {
			return fmt.Errorf("card: %s: %w", p.Title, err)
		}
		b := p.Output.Bounds()
		view.Pairs = append(view.Pairs, pairView{Title: p.Title, Source: src, Output: out, Bars: bars(p.Vector),
			Ratio: template.CSS(fmt.Sprintf("%d / %d", b.Dx(), b.Dy()))})
	}
	return page.Execute(w, view)
}

func dataURL(m image.Image) (template.URL, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		return "", err
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

const plotW, plotH = 960, 160

// plot draws one value per frame as an SVG line. Above a thousand frames each point is the lowest of its share.
func plot(v []float64) template.HTML {
	if len(v) == 0 {
		return ""
	}
	n := min(len(v), 1000)
	low := make([]float64, n)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range low {
		from, to := i*len(v)/n, (i+1)*len(v)/n
		low[i] = math.Inf(1)
		for _, x := range v[from:to] {
			low[i] = min(low[i], x)
		}
		lo, hi = min(lo, low[i]), max(hi, low[i])
	}
	lo, hi = math.Floor(lo), math.Ceil(hi)
	if hi == lo {
		hi++
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 %d %d" role="img" aria-label="PSNR of every frame"><polyline points="`, plotW, plotH)
	for i, x := range low {
		fmt.Fprintf(&s, "%.1f,%.1f ", float64(i)/float64(max(n-1, 1))*plotW, (hi-x)/(hi-lo)*plotH)
	}
	fmt.Fprintf(&s, `"/><text x="4" y="14">%.0f dB</text><text x="4" y="%d">%.0f dB</text><text x="%d" y="%d" text-anchor="end">frame %d</text></svg>`,
		hi, plotH-4, lo, plotW-4, plotH-4, len(v)-1)
	return template.HTML(s.String())
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
	fmt.Fprintf(&s, `<svg class="vector" viewBox="0 0 %d 40" role="img" aria-label="degradation vector">`, 6*len(v))
	for i, x := range v {
		h := 20 * x / top
		fmt.Fprintf(&s, `<rect x="%d" y="%.1f" width="5" height="%.1f"/>`, 6*i, 20-max(h, 0), max(h, -h))
	}
	return template.HTML(s.String() + "</svg>")
}
