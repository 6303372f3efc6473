package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/fault"
	"vsr/train/data"
	"vsr/train/degrade"
)

// DegradeOptions says what Degrade makes.
type DegradeOptions struct {
	Config string // training config whose degradation is used; empty takes Recipe and Scale
	Recipe string // a name that degrade.ByName knows
	Scale  int    // 2, 3 or 4
	Frames int    // of a clip at most
	Seed   uint64 // number of the draw
	Sheet  string // PNG to write with several draws beside the original; empty is none
	Draws  int    // on the sheet
}

// Degrade degrades the image, the video or the folder of images in as training would, and writes it: an image as the PNG out, a clip as
// numbered PNGs in the folder out. It returns what was drawn, in words. Errors are *fault.Error.
func Degrade(ctx context.Context, in, out string, o DegradeOptions) (drawn []string, err error) {
	recipe, err := o.recipe()
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Err: err}
	}
	clip, single, err := data.ReadClip(ctx, in, o.Frames)
	if err != nil {
		return nil, fault.New(fault.Input, "", "%s: %w", in, err)
	}
	for i := range clip {
		clip[i] = clip[i].CropMultiple(recipe.Scale())
	}
	n := len(clip)
	for single && len(clip) < recipe.Frames() {
		clip = append(clip, clip[0]) // a still: codecs see it standing
	}
	lr, err := recipe.Apply(degrade.NewRand(o.Seed, 0), clip)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Request, Err: err}
	}
	if err := writeDegraded(out, lr[len(lr)-n:], single); err != nil {
		return nil, &fault.Error{Kind: fault.Output, Err: err}
	}
	if o.Sheet != "" {
		if err := o.writeSheet(recipe, clip); err != nil {
			return nil, err
		}
	}
	return degrade.Describe(recipe, degrade.NewRand(o.Seed, 0)), nil
}

func (o *DegradeOptions) recipe() (degrade.Recipe, error) {
	if o.Config == "" {
		return degrade.ByName(o.Recipe, o.Scale)
	}
	c, err := Load(o.Config, nil)
	if err != nil {
		return nil, err
	}
	return c.Recipe()
}

func writeDegraded(out string, lr []degrade.Image, single bool) error {
	if single {
		return data.WritePNG(out, lr[0].RGBA())
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	for i, m := range lr {
		if err := data.WritePNG(filepath.Join(out, fmt.Sprintf("%04d.png", i+1)), m.RGBA()); err != nil {
			return err
		}
	}
	return nil
}

// writeSheet shows the middle of the last frame under several draws.
func (o *DegradeOptions) writeSheet(recipe degrade.Recipe, clip []degrade.Image) error {
	s := recipe.Scale()
	side := func(n int) int { return min(n, 256) / s * s }
	w, h := side(clip[0].W), side(clip[0].H)
	for i, m := range clip {
		clip[i] = m.Crop((m.W-w)/2, (m.H-h)/2, w, h)
	}
	last := len(clip) - 1
	images := []degrade.Labelled{{Label: "original", Image: clip[last]}}
	for i := range o.Draws {
		seed := o.Seed + uint64(i)
		lr, err := recipe.Apply(degrade.NewRand(seed, 0), clip)
		if err != nil {
			return &fault.Error{Kind: fault.Request, Err: err}
		}
		drawn := append([]string{fmt.Sprintf("seed %d", seed)}, degrade.Describe(recipe, degrade.NewRand(seed, 0))...)
		images = append(images, degrade.Labelled{Label: strings.Join(drawn, "\n"), Image: lr[last]})
	}
	sheet, err := degrade.Sheet(images, 4)
	if err != nil {
		return &fault.Error{Kind: fault.Request, Err: err}
	}
	if err := data.WritePNG(o.Sheet, sheet); err != nil {
		return &fault.Error{Kind: fault.Output, Err: err}
	}
	return nil
}
