package eval

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"vsr/internal/quality"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/feature"
)

// Method is one way to enlarge.
type Method struct {
	Name string
	// Upscale enlarges a quantised image by Options.Scale. Calls do not overlap, and those for the frames of a clip are in order.
	Upscale func(lr degrade.Image) (degrade.Image, error)
	// NewClip, when not nil, is called before the images of a group go through Upscale for one degradation: what was estimated from
	// the images before no longer holds.
	NewClip func()
}

// Options says what is measured. Data, Degradation and Scale must be given.
type Options struct {
	Data string // folder of sharp images, searched with its subfolders, or one image, or a sharp video, or OddSet
	// Input is the degraded version of the video Data, of the same frames and reduced by Scale. Empty makes one by Degradation.
	Input string
	// Frames is how many frames of a video are measured, default 48.
	Frames      int
	Degradation string // see variants: bicubic, h264:CRF, worn, real:SEED...
	Scale       int
	// Methods are measured beside the baseline, which is the first in every result.
	Methods []Method
	// Baseline replaces bicubic interpolation of RGB when its Upscale is not nil.
	Baseline Method
	// Clip takes the images of each folder, in order of their names, for the frames of one clip that is degraded as a whole.
	Clip bool
	// Gray turns the originals gray first, so that ColoredShare and ColoredLevels are measured.
	Gray bool
	// Features, when not nil, adds the distance of a classification network's features.
	Features *feature.Distance
	// Workers is how many frames are measured at a time; 0 means GOMAXPROCS.
	Workers int
	// Sheet, when not nil, is given every degraded image with what became of it, in order; outs are in the order of the methods.
	// hr is nil where there is no original.
	Sheet func(name string, lr degrade.Image, outs []degrade.Image, hr *degrade.Image) error
	// Progress is called after every group of images; done and total count images.
	Progress func(done, total int)
}

// Run measures. An image that cannot be read is an error here: a table with a hole in it is no table.
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
	e := newEvaluator(o)
	switch {
	case o.Frames < 0:
		return nil, fmt.Errorf("frames %d, want 1 or more", o.Frames)
	case IsVideo(o.Data):
		return e.video(ctx)
	case o.Input != "":
		return nil, fmt.Errorf("a degraded input goes with a video, %s is none", o.Data)
	}
	all, err := variants(o.Degradation, o.Scale)
	if err != nil {
		return nil, err
	}
	groups, total, err := openGroups(o)
	if err != nil {
		return nil, err
	}
	return e.groups(ctx, all, groups, total)
}

// group is images that are degraded together.
type group struct {
	names []string
	load  func() ([]degrade.Image, error)
}

// openGroups lists the images in order.
func openGroups(o Options) (groups []group, total int, err error) {
	if o.Data == OddSet {
		groups, total = oddGroups(o.Scale)
		return groups, total, nil
	}
	files, total, err := groupFiles(o.Data, o.Clip)
	for _, paths := range files {
		g := group{load: func() ([]degrade.Image, error) { return readImages(paths) }}
		for _, path := range paths {
			name, err := filepath.Rel(o.Data, path)
			if err != nil || name == "." {
				name = filepath.Base(path)
			}
			g.names = append(g.names, filepath.ToSlash(name))
		}
		groups = append(groups, g)
	}
	return groups, total, err
}

func readImages(paths []string) (out []degrade.Image, err error) {
	for _, path := range paths {
		m, err := data.ReadImage(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// groupFiles lists the files of each group.
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
		err = fmt.Errorf("no image under %s", root)
	}
	sort.SliceStable(groups, func(i, j int) bool { return groups[i][0] < groups[j][0] })
	return groups, total, err
}

// evaluator is one run.
type evaluator struct {
	o       Options
	methods []Method // the baseline first
	locks   []*sync.Mutex
	names   []string
}

func newEvaluator(o Options) *evaluator {
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	e := &evaluator{o: o}
	base, lock := o.Baseline, &sync.Mutex{}
	if base.Upscale == nil {
		base = Method{Name: "bicubic", Upscale: func(lr degrade.Image) (degrade.Image, error) { return degrade.Enlarge(lr, o.Scale), nil }}
		lock = nil // it has no state
	}
	e.add(base, lock)
	for _, m := range o.Methods {
		e.add(m, &sync.Mutex{})
	}
	return e
}

func (e *evaluator) add(m Method, lock *sync.Mutex) {
	e.methods, e.locks, e.names = append(e.methods, m), append(e.locks, lock), append(e.names, m.Name)
}

// groups measures several groups at a time and keeps their order.
func (e *evaluator) groups(ctx context.Context, all []variant, groups []group, total int) (*Result, error) {
	results := make([][]ImageResult, len(groups))
	var order inOrder
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(e.o.Workers)
	for i, g := range groups {
		work.Go(func() error {
			hr, err := g.load()
			if err != nil {
				return err
			}
			takes := make([]take, len(hr))
			for k, name := range g.names {
				if takes[k], err = e.original(hr[k], name); err != nil {
					return err
				}
			}
			var sheet []func() error
			results[i], sheet, err = e.clip(ctx, all, takes, uint64(order.startOf(groups, i)))
			if err != nil {
				return err
			}
			return order.done(i, func() error {
				for _, draw := range sheet {
					if err := draw(); err != nil {
						return err
					}
				}
				if e.o.Progress != nil {
					e.o.Progress(order.startOf(groups, i)+len(g.names), total)
				}
				return nil
			})
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	var images []ImageResult
	for _, r := range results {
		images = append(images, r...)
	}
	return newResult(e.o, e.names, images), nil
}

// inOrder calls functions in the order of their numbers, whatever order they come in.
type inOrder struct {
	mu      sync.Mutex
	next    int
	waiting map[int]func() error
}

// startOf is the number of images before group i.
func (*inOrder) startOf(groups []group, i int) (n int) {
	for _, g := range groups[:i] {
		n += len(g.names)
	}
	return n
}

func (o *inOrder) done(i int, f func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting == nil {
		o.waiting = map[int]func() error{}
	}
	o.waiting[i] = f
	for {
		f, ok := o.waiting[o.next]
		if !ok {
			return nil
		}
		delete(o.waiting, o.next)
		o.next++
		if err := f(); err != nil {
			return err
		}
	}
}

// original prepares one sharp image: cropped, gray if asked for. The input is still empty.
func (e *evaluator) original(m degrade.Image, name string) (take, error) {
	if m.W < 4*e.o.Scale+11 || m.H < 4*e.o.Scale+11 { // the border and the window of SSIM leave nothing
		return take{}, fmt.Errorf("%s: %dx%d is too small to measure", name, m.W, m.H)
	}
	m = m.CropMultiple(e.o.Scale)
	if e.o.Gray {
		m = grayOf(m)
	}
	return take{name: name, hr: &m}, nil
}

// grayOf is the luma of BT.601 in all channels, in 8 bits.
func grayOf(m degrade.Image) degrade.Image {
	out := m.Clone()
	for i := 0; i+2 < len(out.Pix); i += 3 {
		v := 0.299*out.Pix[i] + 0.587*out.Pix[i+1] + 0.114*out.Pix[i+2]
		out.Pix[i], out.Pix[i+1], out.Pix[i+2] = v, v, v
	}
	out.Quantise()
	return out
}

// clip degrades the originals together by every variant and measures. id seeds the degradation. The functions draw the sheet.
func (e *evaluator) clip(ctx context.Context, all []variant, originals []take, id uint64) (results []ImageResult, sheet []func() error, err error) {
	hr := make([]degrade.Image, len(originals))
	for i, t := range originals {
		hr[i] = *t.hr
		results = append(results, ImageResult{Name: t.name, Width: hr[i].W, Height: hr[i].H, Inputs: len(all), sums: make([]mean, len(e.methods))})
	}
	for _, v := range all {
		takes := make([]take, len(originals))
		copy(takes, originals)
		if v.recipe == nil { // the data are the input
			for i := range takes {
				takes[i].lr, takes[i].hr = hr[i], nil
				results[i].Width, results[i].Height = hr[i].W*e.o.Scale, hr[i].H*e.o.Scale
			}
		} else {
			lr, err := v.recipe.Apply(degrade.NewRand(v.seed, id), hr)
			if err != nil {
				return nil, nil, err
			}
			for i := range takes {
				takes[i].lr = lr[i]
			}
		}
		if err := e.upscale(ctx, takes, true); err != nil {
			return nil, nil, err
		}
		if err := e.measure(ctx, takes, nil, results); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.label, err)
		}
		sheet = append(sheet, e.draw(takes, v.label, len(all) > 1)...)
	}
	return results, sheet, nil
}

// upscale fills in the outputs of all frames. The frames of a clip go through a method together, since it keeps what it estimated.
func (e *evaluator) upscale(ctx context.Context, takes []take, newClip bool) error {
	for k, m := range e.methods {
		if err := e.method(ctx, m, e.locks[k], takes, newClip); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return nil
}

func (e *evaluator) method(ctx context.Context, m Method, lock *sync.Mutex, takes []take, newClip bool) error {
	if lock != nil {
		lock.Lock()
		defer lock.Unlock()
	}
	if newClip && m.NewClip != nil {
		m.NewClip()
	}
	for i := range takes {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := m.Upscale(takes[i].lr)
		if err != nil {
			return err
		}
		if want := takes[i].lr; out.W != want.W*e.o.Scale || out.H != want.H*e.o.Scale {
			return fmt.Errorf("it made %dx%d of %dx%d", out.W, out.H, want.W, want.H)
		}
		takes[i].outs = append(takes[i].outs, bytesOf(out))
	}
	return nil
}

// measure adds the scores of the frames to results. before is the frame before the first one, or nil.
func (e *evaluator) measure(ctx context.Context, takes []take, before *take, results []ImageResult) error {
	work, _ := errgroup.WithContext(ctx)
	work.SetLimit(e.o.Workers)
	for i := range takes {
		work.Go(func() error {
			scores, reference, err := takes[i].measure(e.o)
			if err != nil {
				return fmt.Errorf("%s: %w", takes[i].name, err)
			}
			results[i].count(scores, reference)
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for i := range takes {
		results[i].count(takes[i].flickers(before))
		before = &takes[i]
	}
	return nil
}

func (r *ImageResult) count(scores []Score, reference Score) {
	for k, s := range scores {
		r.sums[k].add(s)
	}
	r.reference.add(reference)
}

// draw returns functions that hand the frames to Options.Sheet.
func (e *evaluator) draw(takes []take, label string, several bool) (out []func() error) {
	if e.o.Sheet == nil {
		return nil
	}
	for _, t := range takes {
		out = append(out, func() error {
			name := t.name
			if several {
				name += ", " + label
			}
			var images []degrade.Image
			for _, m := range t.outs {
				images = append(images, floats(m))
			}
			return e.o.Sheet(name, t.lr, images, t.hr)
		})
	}
	return out
}

func floats(m quality.Image) degrade.Image { return degrade.FromBytes(m.W, m.H, m.Pix) }

var errNoFrames = errors.New("it has no frames")
