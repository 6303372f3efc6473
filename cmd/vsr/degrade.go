package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vsr/train"
	"vsr/train/data"
	"vsr/train/degrade"
)

// degradeFlags are the flags of vsr train degrade.
type degradeFlags struct {
	config, recipe, sheet string
	scale, frames, draws  int
	seed                  uint64
}

// newDegradeCmd is `vsr train degrade`.
func newDegradeCmd() *cobra.Command {
	f := &degradeFlags{}
	cmd := &cobra.Command{
		Use: "degrade IN OUT", Short: "Show what a training degradation does to an image or clip", Args: cobra.ExactArgs(2),
		Long: `Degrade an image, a video or the images of a folder as training would, write the result and say what was drawn.
An image gives the PNG OUT; a clip (a video, or a folder of images of one size) gives numbered PNGs in the folder OUT.
--sheet writes one PNG with several draws beside the original, each with what was drawn.`,
		Example: "  vsr train degrade sharp.png soft.png --recipe real --scale 2 --seed 7\n  vsr train degrade sharp.mp4 frames --config training/fine-tune.yaml --sheet sheet.png",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return f.run(ctx, args[0], args[1], cmd.OutOrStdout())
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "training config whose degradation is used")
	fl.StringVar(&f.recipe, "recipe", "real", "without --config: bicubic, gaussian, aniso, second, video, light, real, coding or balanced")
	fl.IntVar(&f.scale, "scale", 4, "without --config: 2 to 4")
	fl.Uint64Var(&f.seed, "seed", 1, "number of the draw")
	fl.IntVar(&f.frames, "frames", 12, "frames of a clip at most")
	fl.StringVar(&f.sheet, "sheet", "", "write a contact sheet PNG of several draws")
	fl.IntVar(&f.draws, "draws", 11, "draws on the contact sheet")
	return cmd
}

func (f *degradeFlags) run(ctx context.Context, in, out string, say io.Writer) error {
	recipe, err := f.open()
	if err != nil {
		return fault{exitUsage, err, ""}
	}
	clip, single, err := data.ReadClip(ctx, in, f.frames)
	if err != nil {
		return fault{exitInput, fmt.Errorf("%s: %w", in, err), ""}
	}
	for i := range clip {
		clip[i] = clip[i].CropMultiple(recipe.Scale())
	}
	n := len(clip)
	for single && len(clip) < recipe.Frames() {
		clip = append(clip, clip[0]) // a still: codecs see it standing
	}
	if drawn := degrade.Describe(recipe, degrade.NewRand(f.seed, 0)); len(drawn) > 0 {
		fmt.Fprintf(say, "seed %d: %s\n", f.seed, strings.Join(drawn, ", "))
	}
	lr, err := recipe.Apply(degrade.NewRand(f.seed, 0), clip)
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	if err := writeDegraded(out, lr[len(lr)-n:], single); err != nil {
		return fault{exitDestination, err, ""}
	}
	if f.sheet == "" {
		return nil
	}
	return f.writeSheet(recipe, clip)
}

func (f *degradeFlags) open() (degrade.Recipe, error) {
	if f.config == "" {
		return degrade.ByName(f.recipe, f.scale)
	}
	c, err := train.Load(f.config, nil)
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
func (f *degradeFlags) writeSheet(recipe degrade.Recipe, clip []degrade.Image) error {
	s := recipe.Scale()
	side := func(n int) int { return min(n, 256) / s * s }
	w, h := side(clip[0].W), side(clip[0].H)
	for i, m := range clip {
		clip[i] = m.Crop((m.W-w)/2, (m.H-h)/2, w, h)
	}
	last := len(clip) - 1
	images := []degrade.Labelled{{Label: "original", Image: clip[last]}}
	for i := range f.draws {
		lr, err := recipe.Apply(degrade.NewRand(f.seed+uint64(i), 0), clip)
		if err != nil {
			return fault{exitRequest, err, ""}
		}
		drawn := append([]string{fmt.Sprintf("seed %d", f.seed+uint64(i))}, degrade.Describe(recipe, degrade.NewRand(f.seed+uint64(i), 0))...)
		images = append(images, degrade.Labelled{Label: strings.Join(drawn, "\n"), Image: lr[last]})
	}
	sheet, err := degrade.Sheet(images, 4)
	if err != nil {
		return fault{exitRequest, err, ""}
	}
	if err := data.WritePNG(f.sheet, sheet); err != nil {
		return fault{exitDestination, err, ""}
	}
	return nil
}
