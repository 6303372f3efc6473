// Package html makes the report page of a comparison: one HTML file, with nothing outside it, that shows source and output side by
// side for every scene, the numbers frame by frame and the table of checks; and a strip of the same images as one PNG.
//
// In: a verify.Report, numbers, and pairs of frames. Out: HTML or PNG. Images are compressed as they are taken, so a page holds some
// 100 kB for each megapixel and not the pixels.
package html

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"

	"vsr/verify"
)

// Page is what the page shows.
type Page struct {
	Report   *verify.Report
	Facts    []Fact // lines for the head of the page
	Notes    []string
	Sections []Section
	// More counts scenes that are not shown.
	More    int
	Numbers []verify.Numbers
	// Cuts are the frames at which scenes begin, for the plots.
	Cuts []int
}

// Fact is one value for the head of the page.
type Fact struct{ Name, Value string }

// Section is what is shown of one scene.
type Section struct {
	Title   string // as in: scene 3
	Span    string // as in: 0:12.480 to 0:15.200, 65 frames
	Moments []Moment
	// Vector is the scene's degradation vector, nil if unknown, and Degradation the same in words.
	Vector      []float32
	Degradation string
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

type momentView struct {
	Title          string
	Source, Output template.URL
	Ratio          template.CSS
	Width          int
	Shown          bool
}

type sceneView struct {
	Title, Span, About, Degradation string
	Moments                         []momentView
	Bars                            template.HTML
}

// WriteHTML writes the page.
func (p *Page) WriteHTML(w io.Writer) error {
	view := struct {
		*verify.Report
		Facts  []Fact
		Notes  []string
		Scenes []sceneView
		More   int
		Plots  []plotView
	}{Report: p.Report, Facts: p.Facts, Notes: p.Notes, More: p.More, Plots: p.plots()}
	var before []float32
	for _, s := range p.Sections {
		v := sceneView{Title: s.Title, Span: s.Span, Bars: bars(s.Vector), About: about(s.Vector, before), Degradation: s.Degradation}
		for i, m := range s.Moments {
			v.Moments = append(v.Moments, momentView{Title: m.title, Source: dataURL(m.source), Output: dataURL(m.output), Shown: i == len(s.Moments)/2,
				Width: m.width, Ratio: template.CSS(fmt.Sprintf("%d / %d", m.width, m.height))})
		}
		view.Scenes = append(view.Scenes, v)
		if s.Vector != nil {
			before = s.Vector
		}
	}
	return pageTemplate.Execute(w, view)
}

func dataURL(jpeg []byte) template.URL {
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpeg))
}

// about puts a degradation vector into words: its length, and how far it is from the one of the scene shown before.
func about(v, before []float32) string {
	if len(v) == 0 {
		return ""
	}
	var squares, moved, old float64
	for i, x := range v {
		squares += float64(x) * float64(x)
		if len(before) == len(v) {
			d := float64(x - before[i])
			moved += d * d
			old += float64(before[i]) * float64(before[i])
		}
	}
	text := fmt.Sprintf("%d values, length %.2f", len(v), math.Sqrt(squares))
	if old > 0 {
		text += fmt.Sprintf(", %.0f %% away from the scene above", 100*math.Sqrt(moved/old))
	}
	return text
}
