package eval

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"sort"
	"strings"

	"vsr/internal/quality"
	"vsr/train/data"
	"vsr/train/degrade"
)

// Options says what is measured. Data, Degradation and Scale must be given.
type Options struct {
	Data string // folder of sharp pictures, searched with its subfolders, or one picture, or a sharp video
	// Input is the degraded version of the video Data, of the same frames and reduced by Scale. Empty makes one by Degradation.
	Input string
	// Frames is how many frames of a video are measured, default 48.
	Frames      int
	Degradation string // see variants: gaussian8, aniso9, bicubic, real:SEED, h264:CRF...
	Scale       int
	// Upscale enlarges a quantised picture by Scale. Nil measures the baselines only.
	Upscale func(lr degrade.Image) (degrade.Image, error)
	// NewClip, when not nil, is called before the pictures of a group go through Upscale for one degradation: what was estimated
	// from the pictures before no longer holds.
	NewClip func()
	// Clip takes the pictures of each folder, in order of their names, for the frames of one clip that is degraded as a whole.
	Clip bool
	// Sheet, when not nil, is given every degraded picture with what became of it.
	Sheet func(name string, lr, bicubic, out, hr degrade.Image) error
	// Progress is called after every picture.
	Progress func(done, total int)
}

// Score is one method's quality.
type Score struct {
	PSNRY float64 `json:"psnr_y"`
	SSIMY float64 `json:"ssim_y"`
	PSNR  float64 `json:"psnr_rgb"`
	// Flicker, of clips: mean absolute luma difference from the frame before where the original is still, in 8-bit levels.
	Flicker float64 `json:"flicker,omitempty"`
}

// ImageResult is the scores of one picture, averaged over the degradations of the protocol.
type ImageResult struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Inputs int    `json:"inputs"` // degraded versions
	Score
	Bicubic Score `json:"bicubic"`
	Lanczos Score `json:"lanczos"`
	stills  int   // inputs whose flicker was measured
}

// Result is the mean over all pictures and degradations. Without a model, the top scores are bicubic's.
type Result struct {
	Data        string `json:"data"`
	Degradation string `json:"degradation"`
	Scale       int    `json:"scale"`
	Score
	Bicubic Score         `json:"bicubic"`
	Lanczos Score         `json:"lanczos"`
	Images  []ImageResult `json:"images"`
}

// Run measures. Pictures that cannot be read are an error here: a table with a hole in it is no table.
func Run(ctx context.Context, o Options) (*Result, error) {
	r, err := run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return r, nil
}

func run(ctx context.Context, o Options) (*Result, error) {
	if o.Scale < 2 || o.Scale > 4 {
		return nil, fmt.Errorf("scale %d, want 2 to 4", o.Scale)
	}
	switch {
	case o.Frames < 0:
		return nil, fmt.Errorf("frames %d, want 1 or more", o.Frames)
	case IsVideo(o.Data):
		return runVideo(ctx, o)
	case o.Input != "":
		return nil, fmt.Errorf("a degraded input goes with a video, %s is none", o.Data)
	}
	all, err := variants(o.Degradation, o.Scale)
	if err != nil {
		return nil, err
	}
	groups, total, err := groupFiles(o.Data, o.Clip)
	if err != nil {
		return nil, err
	}
	res := &Result{Data: o.Data, Degradation: o.Degradation, Scale: o.Scale}
	for _, files := range groups {
		done, err := measureGroup(ctx, o, all, files, uint64(len(res.Images)))
		if err != nil {
			return nil, err
		}
		res.Images = append(res.Images, done...)
		if o.Progress != nil {
			o.Progress(len(res.Images), total)
		}
	}
	res.mean()
	return res, nil
}

// groupFiles lists the pictures in order; each group is degraded together.
func groupFiles(root string, clips bool) (groups [][]string, total int, err error) {
	byFolder := map[string]int{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".png", ".jpg", ".jpeg":
		default:
			return nil
		}
		total++
		if g, seen := byFolder[filepath.Dir(path)]; clips && seen {
			groups[g] = append(groups[g], path)
			return nil
		}
		byFolder[filepath.Dir(path)] = len(groups)
		groups = append(groups, []string{path})
		return nil
	})
	if err == nil && total == 0 {
		err = fmt.Errorf("no picture under %s", root)
	}
	sort.SliceStable(groups, func(i, j int) bool { return groups[i][0] < groups[j][0] })
	return groups, total, err
}

// measureGroup degrades the pictures of a group by every variant and measures each.
func measureGroup(ctx context.Context, o Options, all []variant, files []string, id uint64) ([]ImageResult, error) {
	hr := make([]degrade.Image, len(files))
	out := make([]ImageResult, len(files))
	for i, path := range files {
		m, err := data.ReadPicture(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := largeEnough(m, o.Scale, path); err != nil {
			return nil, err
		}
		hr[i] = m.CropMultiple(o.Scale)
		name, err := filepath.Rel(o.Data, path)
		if err != nil || name == "." {
			name = filepath.Base(path)
		}
		out[i] = ImageResult{Name: filepath.ToSlash(name), Width: hr[i].W, Height: hr[i].H, Inputs: len(all)}
	}
	if err := measureClip(ctx, o, all, hr, out, id); err != nil {
		return nil, err
	}
	return out, nil
}

// largeEnough refuses pictures of which the border and the window of SSIM leave nothing.
func largeEnough(m degrade.Image, scale int, name string) error {
	if m.W < 4*scale+11 || m.H < 4*scale+11 {
		return fmt.Errorf("%s: %dx%d is too small to measure", name, m.W, m.H)
	}
	return nil
}

// measureClip degrades sharp pictures together by every variant and fills in their results.
func measureClip(ctx context.Context, o Options, all []variant, hr []degrade.Image, out []ImageResult, id uint64) error {
	for _, v := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		lr, err := v.recipe.Apply(degrade.NewRand(v.seed, id), hr)
		if err != nil {
			return err
		}
		if o.NewClip != nil {
			o.NewClip()
		}
		var before *take
		for i := range hr {
			now, err := out[i].add(o, v, lr[i], hr[i])
			if err != nil {
				return fmt.Errorf("%s, %s: %w", out[i].Name, v.label, err)
			}
			out[i].steady(now, before)
			before = now
		}
	}
	for i := range out {
		out[i].divide(float64(len(all)))
	}
	return nil
}

// add measures one degraded picture and adds the scores.
func (r *ImageResult) add(o Options, v variant, lr, hr degrade.Image) (*take, error) {
	bicubic := degrade.Enlarge(lr, o.Scale)
	up := bicubic
	if o.Upscale != nil {
		var err error
		if up, err = o.Upscale(lr); err != nil {
			return nil, err
		}
	}
	t := &take{hr, [3]degrade.Image{up, bicubic, degrade.EnlargeLanczos(lr, o.Scale)}}
	for i, sum := range []*Score{&r.Score, &r.Bicubic, &r.Lanczos} {
		s, err := compare(t.methods[i], hr, o.Scale)
		if err != nil {
			return nil, err
		}
		sum.accumulate(s)
	}
	if o.Sheet == nil {
		return t, nil
	}
	name := r.Name
	if r.Inputs > 1 {
		name += ", " + v.label
	}
	return t, o.Sheet(name, lr, bicubic, up, hr)
}

// compare scores one enlarged picture. A PSNR above 100 dB counts as 100, so that an exact match does not swallow a mean.
func compare(a, b degrade.Image, shave int) (Score, error) {
	pa, pb := quality.Picture{W: a.W, H: a.H, Pix: a.Bytes()}, quality.Picture{W: b.W, H: b.H, Pix: b.Bytes()}
	y, err := quality.PSNRY(pa, pb, shave)
	if err != nil {
		return Score{}, err
	}
	ssim, err := quality.SSIMY(pa, pb, shave)
	if err != nil {
		return Score{}, err
	}
	rgb, err := quality.PSNR(pa, pb, shave)
	return Score{PSNRY: math.Min(y, 100), SSIMY: ssim, PSNR: math.Min(rgb, 100)}, err
}

func (s *Score) accumulate(t Score) {
	s.PSNRY += t.PSNRY
	s.SSIMY += t.SSIMY
	s.PSNR += t.PSNR
}

func (s *Score) scale(f float64) {
	s.PSNRY *= f
	s.SSIMY *= f
	s.PSNR *= f
	s.Flicker *= f
}

func (r *ImageResult) divide(n float64) {
	for _, s := range []*Score{&r.Score, &r.Bicubic, &r.Lanczos} {
		s.scale(1 / n)
	}
}

// mean averages over the pictures; every picture has as many inputs as any other.
func (r *Result) mean() {
	for _, m := range r.Images {
		r.Score.accumulate(m.Score)
		r.Bicubic.accumulate(m.Bicubic)
		r.Lanczos.accumulate(m.Lanczos)
	}
	for _, s := range []*Score{&r.Score, &r.Bicubic, &r.Lanczos} {
		s.scale(1 / float64(len(r.Images)))
	}
	r.flickers()
}
