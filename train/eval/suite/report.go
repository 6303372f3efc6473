package suite

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/eval"
)

// Report is what Run measured; its JSON is that of vsr eval.
type Report struct {
	Schema   int            `json:"schema_version"`
	Layout   string         `json:"layout"`
	Gray     bool           `json:"gray,omitempty"`
	Features string         `json:"features,omitempty"` // network and weights of feature_distance
	Results  []*eval.Result `json:"results"`            // one a set and degradation, in the order of the options

	each bool // also print every image
}

// columns are the columns of the table: heading and format of each measure.
var columns = map[eval.Measure][2]string{
	eval.PSNRY: {"PSNR-Y", "%.2f"}, eval.PSNRCb: {"Cb", "%.2f"}, eval.PSNRCr: {"Cr", "%.2f"}, eval.SSIMY: {"SSIM", "%.4f"},
	eval.Feature: {"features", "%.3f"}, eval.Blockiness: {"blocks", "%.2f"}, eval.Grid: {"grid", "%.2f"}, eval.Overshoot: {"overshoot", "%.2f"},
	eval.Flicker: {"flicker", "%.2f"}, eval.ColoredShare: {"colored", "%.4f"}, eval.ColoredLevels: {"levels", "%.0f"},
}

// Print writes the tables for people.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	for _, res := range r.Results {
		printTable(&b, res, r.each)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printTable writes one table.
func printTable(out io.Writer, res *eval.Result, each bool) {
	title := filepath.Base(res.Data)
	fmt.Fprintf(out, "%s, %s, x%d, %d images\n", title, res.Degradation, res.Scale, len(res.Images))
	var shown []eval.Measure
	for _, m := range eval.Measures() {
		if _, ok := columns[m]; ok && (res.Methods[0].Scores.Has(m) || res.Reference != nil && res.Reference.Has(m)) {
			shown = append(shown, m)
		}
	}
	fmt.Fprintf(out, "  %-28s", "")
	for _, m := range shown {
		fmt.Fprintf(out, " %9s", columns[m][0])
	}
	withGain := res.Methods[0].Scores.Has(eval.PSNRY)
	if withGain {
		fmt.Fprintf(out, " %9s", "gain")
	}
	fmt.Fprintln(out)
	line := func(name string, s, base eval.Score, gain bool) {
		if len(name) > 28 {
			name = "..." + name[len(name)-25:]
		}
		fmt.Fprintf(out, "  %-28s", name)
		for _, m := range shown {
			if s.Has(m) {
				fmt.Fprintf(out, " %9s", fmt.Sprintf(columns[m][1], s[m]))
			} else {
				fmt.Fprintf(out, " %9s", "-")
			}
		}
		if gain {
			fmt.Fprintf(out, " %+9.2f", s[eval.PSNRY]-base[eval.PSNRY])
		}
		fmt.Fprintln(out)
	}
	table := func(methods []eval.MethodScore, reference *eval.Score, prefix string) {
		for i, m := range methods {
			line(prefix+m.Name, m.Scores, methods[0].Scores, withGain && i > 0)
		}
		if reference != nil {
			line(prefix+"reference", *reference, eval.Score{}, false)
		}
	}
	if each {
		for _, m := range res.Images {
			table(m.Methods, m.Reference, m.Name+" ")
		}
	}
	table(res.Methods, res.Reference, "")
	fmt.Fprintln(out)
}

// sheet keeps the first images of each set and degradation for a sheet.
type sheet struct {
	limit int // of images a set and degradation
	count int
	names []string // of the methods

	tallest int // output so far, in pixels
	title   string
	images  []degrade.Labelled
}

func (s *sheet) begin(set, degradation string) {
	s.count, s.title = 0, filepath.Base(set)+" "+degradation
}

// sheetHeight bounds a sheet, in pixels: more rows are left out rather than that a run ends without its sheet.
const sheetHeight = 16000

// add appends a row: the input, what each method made of it, and the original.
func (s *sheet) add(name string, lr degrade.Image, outs []degrade.Image, hr *degrade.Image) error {
	if s.count++; s.count > s.limit {
		return nil
	}
	rows := len(s.images)/(len(s.names)+2) + 1
	if s.tallest = max(s.tallest, outs[0].H); rows > 1 && rows*s.tallest > sheetHeight {
		return nil
	}
	s.images = append(s.images, degrade.Labelled{Label: s.title + ": " + name, Image: lr})
	for i, m := range outs {
		s.images = append(s.images, degrade.Labelled{Label: s.names[i], Image: m})
	}
	last := degrade.Labelled{Label: "no original", Image: degrade.NewImage(1, 1)}
	if hr != nil {
		last = degrade.Labelled{Label: "original", Image: *hr}
	}
	s.images = append(s.images, last)
	return nil
}

func (s *sheet) write(path string) error {
	m, err := degrade.Sheet(s.images, len(s.names)+2)
	if err != nil {
		return err
	}
	return data.WritePNG(path, m)
}
