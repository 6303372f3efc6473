package eval

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"vsr/train/data"
	"vsr/train/degrade"
)

// PlotOptions says which degradation vectors are compared. All fields but Out must be given.
type PlotOptions struct {
	Data         string
	Degradations []string // protocols as in Options; every variant of each is a class
	Scale        int
	Estimate     func(lr degrade.Image) ([]float32, error)
	Out          string // .png, .svg or .pdf; empty only measures
}

// Separation says how well the vectors of known degradations fall into groups.
type Separation struct {
	Classes    int     `json:"classes"`
	Vectors    int     `json:"vectors"`
	Silhouette float64 `json:"silhouette"` // mean over all vectors, in the space of the vectors, -1 to 1
	Explained  float64 `json:"explained"`  // share of the variance that the two drawn directions hold
}

// Print writes a line for people.
func (s *Separation) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d vectors of %d degradations: silhouette %.3f; the plot shows %.0f %% of their variance\n", s.Vectors, s.Classes, s.Silhouette, 100*s.Explained)
	return err
}

// PlotDegradations estimates the vectors of every image under every degradation, measures how well they separate and draws their
// first two principal components, one color a degradation (as Fig. 6 of the paper).
func PlotDegradations(ctx context.Context, o PlotOptions) (*Separation, error) {
	s, err := plotDegradations(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("eval: plot: %w", err)
	}
	return s, nil
}

func plotDegradations(ctx context.Context, o PlotOptions) (*Separation, error) {
	var classes []variant
	for _, name := range o.Degradations {
		v, err := variants(name, o.Scale)
		if err != nil {
			return nil, err
		}
		classes = append(classes, v...)
	}
	vectors, class, err := estimateAll(ctx, o, classes)
	if err != nil {
		return nil, err
	}
	rows, columns := len(vectors), len(vectors[0])
	if len(classes) < 2 || rows < len(classes)+1 {
		return nil, fmt.Errorf("%d vectors of %d degradations are too few to compare", rows, len(classes))
	}
	m := mat.NewDense(rows, columns, nil)
	for i, v := range vectors {
		m.SetRow(i, v)
	}
	s := &Separation{Classes: len(classes), Vectors: rows, Silhouette: silhouette(vectors, class)}
	var pc stat.PC
	if !pc.PrincipalComponents(m, nil) {
		return nil, errors.New("principal components did not converge")
	}
	vars := pc.VarsTo(nil)
	var total float64
	for _, v := range vars {
		total += v
	}
	if len(vars) < 2 || total == 0 {
		return nil, errors.New("all vectors are equal")
	}
	s.Explained = (vars[0] + vars[1]) / total
	if o.Out == "" {
		return s, nil
	}
	var axes, at mat.Dense
	pc.VectorsTo(&axes)
	at.Mul(m, axes.Slice(0, columns, 0, 2))
	return s, drawClasses(o.Out, &at, class, classes, *s)
}

// estimateAll returns one vector for every image and degradation, with the number of its degradation.
func estimateAll(ctx context.Context, o PlotOptions, classes []variant) (vectors [][]float64, class []int, err error) {
	groups, _, err := groupFiles(o.Data, false)
	if err != nil {
		return nil, nil, err
	}
	for id, files := range groups {
		m, err := data.ReadImage(files[0])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", files[0], err)
		}
		hr := []degrade.Image{m.CropMultiple(o.Scale)}
		for c, v := range classes {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			if v.recipe == nil {
				return nil, nil, fmt.Errorf("degradation %q makes no input", v.label)
			}
			lr, err := v.recipe.Apply(degrade.NewRand(v.seed, uint64(id)), hr)
			if err != nil {
				return nil, nil, err
			}
			d, err := o.Estimate(lr[0])
			if err != nil {
				return nil, nil, fmt.Errorf("%s, %s: %w", filepath.Base(files[0]), v.label, err)
			}
			row := make([]float64, len(d))
			for i, x := range d {
				row[i] = float64(x)
			}
			vectors, class = append(vectors, row), append(class, c)
		}
	}
	return vectors, class, nil
}

// silhouette is Rousseeuw's mean silhouette with Euclidean distances; a class of one vector counts as 0.
func silhouette(vectors [][]float64, class []int) float64 {
	classes := 0
	for _, c := range class {
		classes = max(classes, c+1)
	}
	var total float64
	for i := range vectors {
		sum, n := make([]float64, classes), make([]float64, classes)
		for j := range vectors {
			if j == i {
				continue
			}
			var d float64
			for k, x := range vectors[i] {
				d += (x - vectors[j][k]) * (x - vectors[j][k])
			}
			sum[class[j]] += math.Sqrt(d)
			n[class[j]]++
		}
		if n[class[i]] == 0 {
			continue
		}
		own, nearest := sum[class[i]]/n[class[i]], math.Inf(1)
		for c := range classes {
			if c != class[i] && n[c] > 0 {
				nearest = min(nearest, sum[c]/n[c])
			}
		}
		if top := max(own, nearest); top > 0 && !math.IsInf(top, 1) {
			total += (nearest - own) / top
		}
	}
	return total / float64(len(vectors))
}

func drawClasses(path string, at *mat.Dense, class []int, classes []variant, s Separation) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Degradation vectors of %d images, silhouette %.3f", s.Vectors/s.Classes, s.Silhouette)
	p.X.Label.Text, p.Y.Label.Text = "first principal component", "second principal component"
	for c, v := range classes {
		var points plotter.XYs
		for i, k := range class {
			if k == c {
				points = append(points, plotter.XY{X: at.At(i, 0), Y: at.At(i, 1)})
			}
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		scatter.GlyphStyle = draw.GlyphStyle{Color: hue(float64(c) / float64(len(classes))), Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}
		p.Add(scatter)
		p.Legend.Add(strings.TrimSpace(v.label), scatter)
	}
	p.Legend.Top = true
	return p.Save(20*vg.Centimeter, 15*vg.Centimeter, path)
}

// hue walks once round the color circle at a brightness that prints well.
func hue(t float64) color.RGBA {
	channel := func(shift float64) uint8 {
		return uint8(110 + 100*math.Cos(2*math.Pi*(t-shift)))
	}
	return color.RGBA{channel(0), channel(1.0 / 3), channel(2.0 / 3), 255}
}
