package data

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vsr/internal/atomicfile"
)

// shardSize is about how large a shard file grows.
const shardSize = 256 << 20

// indexEntry places one tile.
type indexEntry struct {
	W, H, Frames int
	Source       string
	Shard        int
	Offset       int64
}

// index is the file that names the shards' tiles. It is written last: without it the shards do not count.
type index struct {
	Tiles   []indexEntry
	Skipped []Skipped
	Shards  int
}

// fingerprint names the shards of one set of sources and one way to cut them.
func fingerprint(o Options, sources []source) string {
	h := fnv.New64a()
	fmt.Fprintln(h, 1, o.TileSize, o.MinSize, o.Limit, o.Videos != nil)
	for _, s := range sources {
		fmt.Fprintln(h, s.path, s.name, s.size)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

func shardPath(dir, name string, i int) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%03d.rgb", name, i))
}

// openShards maps the shards of the sources, cutting them first if they are not there.
func openShards(ctx context.Context, o Options, sources []source, rep Report) (*Corpus, Report, error) {
	if err := os.MkdirAll(o.Cache, 0o777); err != nil {
		return nil, rep, err
	}
	name := fingerprint(o, sources)
	path := filepath.Join(o.Cache, name+".json")
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		rep.Reused = true
	case !errors.Is(err, os.ErrNotExist):
		return nil, rep, err
	default:
		if text, err = buildShards(ctx, o, sources, name, &rep); err != nil {
			return nil, rep, fmt.Errorf("writing shards to %s: %w", o.Cache, err)
		}
	}
	var ix index
	if err := json.Unmarshal(text, &ix); err != nil {
		return nil, rep, fmt.Errorf("%s: %w (delete it to cut again)", path, err)
	}
	rep.Skipped = ix.Skipped
	m := mapping{}
	for i := range ix.Shards {
		if err := m.add(shardPath(o.Cache, name, i)); err != nil {
			return nil, rep, errors.Join(err, m.close())
		}
	}
	tiles := make([]Tile, len(ix.Tiles))
	for i, e := range ix.Tiles {
		if tiles[i], err = m.tile(e); err != nil {
			return nil, rep, errors.Join(fmt.Errorf("%s: tile %d: %w (delete it to cut again)", path, i, err), m.close())
		}
	}
	return assemble(tiles, m.close, o.Whole, rep)
}

// buildShards cuts everything and writes the index last, under its final name.
func buildShards(ctx context.Context, o Options, sources []source, name string, rep *Report) ([]byte, error) {
	w := &shardWriter{dir: o.Cache, name: name}
	err := cutAll(ctx, o, sources, w, rep)
	if err = errors.Join(err, w.finish()); err != nil {
		return nil, errors.Join(err, w.remove())
	}
	text, err := json.Marshal(index{Tiles: w.tiles, Skipped: rep.Skipped, Shards: w.count})
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteBytes(filepath.Join(o.Cache, name+".json"), text); err != nil {
		return nil, errors.Join(err, w.remove())
	}
	return text, nil
}

// shardWriter is a store that appends tiles to files.
type shardWriter struct {
	dir, name string
	count     int // files begun
	file      *os.File
	buffer    *bufio.Writer
	offset    int64
	tiles     []indexEntry
}

func (w *shardWriter) add(t Tile) error {
	if w.file == nil || w.offset+int64(len(t.Pix)) > shardSize {
		if err := w.finish(); err != nil {
			return err
		}
		f, err := os.Create(shardPath(w.dir, w.name, w.count))
		if err != nil {
			return err
		}
		w.file, w.buffer, w.offset = f, bufio.NewWriterSize(f, 1<<20), 0
		w.count++
	}
	if _, err := w.buffer.Write(t.Pix); err != nil {
		return err
	}
	w.tiles = append(w.tiles, indexEntry{t.W, t.H, t.Frames, t.Source, w.count - 1, w.offset})
	w.offset += int64(len(t.Pix))
	return nil
}

// finish closes the file being written.
func (w *shardWriter) finish() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.buffer.Flush(), w.file.Close())
	w.file = nil
	return err
}

// remove deletes what a failed run has written, so that a full disk is not left full.
func (w *shardWriter) remove() error {
	err := w.finish()
	for i := range w.count {
		err = errors.Join(err, os.Remove(shardPath(w.dir, w.name, i)))
	}
	return err
}

// mapping is the shards in memory, read only.
type mapping struct{ shards [][]byte }

func (m *mapping) add(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", path, err)
	}
	m.shards = append(m.shards, b)
	return nil
}

func (m *mapping) tile(e indexEntry) (Tile, error) {
	const side, frames = 1 << 15, 1 << 10
	if e.W < 1 || e.H < 1 || e.Frames < 1 || e.W > side || e.H > side || e.Frames > frames || e.Shard < 0 || e.Shard >= len(m.shards) {
		return Tile{}, fmt.Errorf("%d frames of %dx%d in shard %d", e.Frames, e.W, e.H, e.Shard)
	}
	n, b := int64(e.W)*int64(e.H)*int64(e.Frames)*3, m.shards[e.Shard]
	if e.Offset < 0 || e.Offset > int64(len(b)) || n > int64(len(b))-e.Offset {
		return Tile{}, fmt.Errorf("it lies outside its shard of %d bytes", len(b))
	}
	return Tile{W: e.W, H: e.H, Frames: e.Frames, Source: e.Source, Pix: b[e.Offset : e.Offset+n : e.Offset+n]}, nil
}

func (m *mapping) close() error {
	var err error
	for _, b := range m.shards {
		err = errors.Join(err, unix.Munmap(b))
	}
	m.shards = nil
	return err
}
