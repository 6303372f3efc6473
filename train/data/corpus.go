package data

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sort"
	"strings"
)

// Options says where the material is and how it is cut.
type Options struct {
	// Dirs are folders of JPEG and PNG images and of videos, searched with their subfolders; single files are allowed.
	Dirs []string
	// Cache is a folder for the shards, made if absent. Empty keeps all tiles in memory.
	Cache string
	// TileSize is the side of the tiles, default 512. Smaller images become one smaller tile.
	TileSize int
	// MinSize is the smallest side that a tile may have, default 96. Smaller images are skipped.
	MinSize int
	// Limit bounds the bytes of all tiles together, default 4 GiB. What does not fit is left out and counted.
	Limit int64
	// Videos opens video files; nil skips them. See VideoReader.
	Videos VideoReader
	// Progress is called when a source file is waited for, with its path and the number of those before it, and once at the end
	// with an empty path; by one goroutine at a time.
	Progress func(done, total int, path string)
	Log      *slog.Logger
	// Whole keeps no source back for validation.
	Whole bool
}

// Skipped names a source that was left out and says why.
type Skipped struct{ Path, Reason string }

// Report says what Open found.
type Report struct {
	Files   int   // sources seen
	Tiles   int   // tiles kept
	Bytes   int64 // their size
	Skipped []Skipped
	Reused  bool // the shards were there already
}

// Tile is a segment of sharp material: one frame of a photograph, or a few consecutive frames of a video.
type Tile struct {
	W, H, Frames int
	Pix          []byte // [Frames,H,W,3], read only
	Source       string // the image or video it comes from; tiles of one source never straddle train and validation
}

// Corpus is the cut material, split by source.
type Corpus struct {
	Train, Validation []Tile
	Skipped           []Skipped // sources that were left out
	close             func() error
}

// Close unmaps the shards. No tile may be used afterwards.
func (c *Corpus) Close() error {
	if c.close == nil {
		return nil
	}
	err := c.close()
	c.close = nil
	return err
}

// Open finds, decodes and cuts all sources. Files that cannot be read are skipped, logged and named in the report; it is an
// error only if nothing is left.
func Open(ctx context.Context, o Options) (*Corpus, Report, error) {
	o.defaults()
	c, rep, err := open(ctx, o)
	if err != nil {
		return nil, rep, fmt.Errorf("data: %w", err)
	}
	return c, rep, nil
}

func (o *Options) defaults() {
	if o.TileSize == 0 {
		o.TileSize = 512
	}
	if o.MinSize == 0 {
		o.MinSize = 96
	}
	if o.Limit == 0 {
		o.Limit = 4 << 30
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string) {}
	}
}

func open(ctx context.Context, o Options) (*Corpus, Report, error) {
	sources, err := findSources(o.Dirs)
	if err != nil {
		return nil, Report{}, err
	}
	rep := Report{Files: len(sources)}
	if o.Cache != "" {
		return openShards(ctx, o, sources, rep)
	}
	store := &memoryStore{}
	if err := cutAll(ctx, o, sources, store, &rep); err != nil {
		return nil, rep, err
	}
	return assemble(store.tiles, nil, o.Whole, rep)
}

// source is one file to cut.
type source struct {
	path  string
	name  string // what the split hashes
	size  int64
	video bool
}

var videoSuffixes = map[string]bool{".mp4": true, ".mkv": true, ".mov": true, ".webm": true, ".avi": true, ".mpg": true, ".ts": true, ".m2ts": true, ".y4m": true}

// findSources lists images and videos in a fixed order.
func findSources(dirs []string) ([]source, error) {
	if len(dirs) == 0 {
		return nil, errors.New("no data folder given")
	}
	var out []source
	for _, dir := range dirs {
		names := sourceNames{}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			suffix := strings.ToLower(filepath.Ext(path))
			image := suffix == ".jpg" || suffix == ".jpeg" || suffix == ".png"
			if !image && !videoSuffixes[suffix] {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			out = append(out, source{path: path, name: names.of(path), size: info.Size(), video: !image})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out, nil
}
