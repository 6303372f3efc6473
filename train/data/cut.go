package data

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // decoders of the two image formats
	_ "image/png"
	"os"
	"runtime"
	"sync"
)

// maxPixels bounds a image before it is decoded: a damaged header must not ask for all memory.
const maxPixels = 128 << 20

// VideoReader opens a video and calls emit with short runs of consecutive frames, one run or more from each scene, so that
// near-identical frames do not repeat. All frames of a run have one size.
type VideoReader func(ctx context.Context, path string, emit func(run []*image.RGBA) error) error

// store takes finished tiles in the order of their sources.
type store interface{ add(t Tile) error }

type memoryStore struct{ tiles []Tile }

func (m *memoryStore) add(t Tile) error {
	m.tiles = append(m.tiles, t)
	return nil
}

// cutAll decodes on every core and stores in order, so that the same folder always gives the same corpus.
func cutAll(ctx context.Context, o Options, sources []source, out store, rep *Report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		tiles []Tile
		err   error
	}
	workers := min(runtime.GOMAXPROCS(0), 8)
	// One slot per source in flight keeps the order and bounds memory.
	slots := make(chan chan result, workers)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(slots)
		for _, s := range sources {
			slot := make(chan result, 1)
			select {
			case slots <- slot:
			case <-ctx.Done():
				return
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				tiles, err := cut(ctx, o, s)
				slot <- result{tiles, err}
			}()
		}
	}()
	done := 0
	for slot := range slots {
		o.Progress(done, len(sources), sources[done].path)
		r := <-slot
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := keep(o, sources[done], r.tiles, r.err, out, rep); err != nil {
			return err
		}
		done++
	}
	o.Progress(done, len(sources), "")
	return ctx.Err()
}

// errFull says that the limit is reached; it is a reason in the report, not a failure.
var errFull = errors.New("the size limit of the corpus is reached")

func keep(o Options, s source, tiles []Tile, err error, out store, rep *Report) error {
	for _, t := range tiles {
		if rep.Bytes+int64(len(t.Pix)) > o.Limit {
			err = errFull
			break
		}
		if err := out.add(t); err != nil {
			return err
		}
		rep.Bytes += int64(len(t.Pix))
	}
	if err != nil {
		rep.Skipped = append(rep.Skipped, Skipped{Path: s.path, Reason: err.Error()})
		o.Log.Warn("source skipped", "path", s.path, "reason", err)
	}
	return nil
}

func cut(ctx context.Context, o Options, s source) ([]Tile, error) {
	if !s.video {
		m, err := readImage(s.path)
		if err != nil {
			return nil, err
		}
		return cutFrames(o, s.name, []*image.RGBA{m})
	}
	if o.Videos == nil {
		return nil, errors.New("videos are not read in this run")
	}
	var tiles []Tile
	err := o.Videos(ctx, s.path, func(run []*image.RGBA) error {
		t, err := cutFrames(o, s.name, run)
		tiles = append(tiles, t...)
		return err
	})
	return tiles, err
}

// readImage decodes a JPEG or PNG to 8-bit RGB; transparency is laid over black.
func readImage(path string) (*image.RGBA, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	cfg, _, err := image.DecodeConfig(r)
	if err != nil {
		return nil, err
	}
	if int64(cfg.Width)*int64(cfg.Height) > maxPixels {
		return nil, fmt.Errorf("%dx%d is too large", cfg.Width, cfg.Height)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	r.Reset(f)
	m, _, err := image.Decode(r)
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, m.Bounds().Dx(), m.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), m, m.Bounds().Min, draw.Src)
	return out, nil
}

// cutFrames lays a grid of tiles over a run of frames, spread evenly so that the whole image is covered.
func cutFrames(o Options, name string, run []*image.RGBA) ([]Tile, error) {
	if len(run) == 0 {
		return nil, nil
	}
	b := run[0].Bounds()
	if min(b.Dx(), b.Dy()) < o.MinSize {
		return nil, fmt.Errorf("%dx%d is smaller than %d", b.Dx(), b.Dy(), o.MinSize)
	}
	w, h := min(b.Dx(), o.TileSize), min(b.Dy(), o.TileSize)
	var tiles []Tile
	for _, y := range gridPositions(b.Dy(), h) {
		for _, x := range gridPositions(b.Dx(), w) {
			tiles = append(tiles, copyTile(run, name, x, y, w, h))
		}
	}
	return tiles, nil
}

// gridPositions returns the starts of n/side windows (at least one), spread over n samples.
func gridPositions(n, side int) []int {
	count := max(n/side, 1)
	out := make([]int, count)
	for i := range out {
		if count > 1 {
			out[i] = i * (n - side) / (count - 1)
		} else {
			out[i] = (n - side) / 2
		}
	}
	return out
}

func copyTile(run []*image.RGBA, name string, x, y, w, h int) Tile {
	t := Tile{W: w, H: h, Frames: len(run), Source: name, Pix: make([]byte, len(run)*w*h*3)}
	o := 0
	for _, m := range run {
		for r := range h {
			src := m.Pix[m.PixOffset(m.Rect.Min.X+x, m.Rect.Min.Y+y+r):]
			for c := range w {
				copy(t.Pix[o:o+3], src[4*c:])
				o += 3
			}
		}
	}
	return t
}
