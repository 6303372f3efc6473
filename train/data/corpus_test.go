package data

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeImages fills a folder: three good images of which two are cuts of one photograph, and four that cannot be used.
func writeImages(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "photos")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	draw := func(w, h, seed int) image.Image {
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			for x := range w {
				m.Set(x, y, color.RGBA{byte(x * seed), byte(y * seed), byte(x + y), 255})
			}
		}
		return m
	}
	var b bytes.Buffer
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i, size := range [][2]int{{200, 130}, {64, 64}, {70, 150}} {
		b.Reset()
		if err := png.Encode(&b, draw(size[0], size[1], i+1)); err != nil {
			t.Fatal(err)
		}
		write(fmt.Sprintf("good%d.png", i), b.Bytes())
	}
	write("cut.png", b.Bytes()[:b.Len()/2])
	write("text.jpg", []byte("this is no image"))
	b.Reset()
	if err := jpeg.Encode(&b, draw(20, 20, 1), nil); err != nil {
		t.Fatal(err)
	}
	write("small.jpeg", b.Bytes())
	write("video.mp4", []byte("nor is this"))
	write("notes.txt", []byte("not even looked at"))
	table := "file\tsource_file\ngood0.png\tsunset.jpg\ngood2.png\tsunset.jpg\n"
	if err := os.WriteFile(dir+".tsv", []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	return root
}

func sameTiles(a, b []Tile) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].W != b[i].W || a[i].H != b[i].H || a[i].Source != b[i].Source || !bytes.Equal(a[i].Pix, b[i].Pix) {
			return false
		}
	}
	return true
}

// Bad files are named, good ones are cut; memory, fresh shards and reused shards hold the same.
func TestOpen(t *testing.T) {
	dir := writeImages(t)
	cache := filepath.Join(t.TempDir(), "shards")
	var first *Corpus
	for i, c := range []string{"", cache, cache} {
		calls := 0
		got, rep, err := Open(context.Background(), Options{Dirs: []string{dir}, Cache: c, TileSize: 64, MinSize: 48, Progress: func(done, total int, path string) {
			if done != calls || total != 7 || (path == "") != (done == total) {
				t.Errorf("progress %d of %d on call %d, %q", done, total, calls, path)
			}
			calls++
		}})
		if err != nil {
			t.Fatal(err)
		}
		// 200x130 holds 3x2 tiles of 64, 64x64 one, 70x150 two.
		if rep.Files != 7 || rep.Tiles != 9 || rep.Bytes != 9*64*64*3 || rep.Reused != (i == 2) {
			t.Errorf("run %d: %+v", i, rep)
		}
		var bad []string
		for _, s := range rep.Skipped {
			bad = append(bad, filepath.Base(s.Path))
			if s.Reason == "" {
				t.Errorf("%s: no reason", s.Path)
			}
		}
		if got := strings.Join(bad, " "); got != "cut.png small.jpeg text.jpg video.mp4" {
			t.Errorf("run %d skipped %q", i, got)
		}
		if first == nil {
			first = got
		} else if !sameTiles(first.Train, got.Train) || !sameTiles(first.Validation, got.Validation) {
			t.Errorf("run %d: other tiles than in memory", i)
		}
		for _, tile := range append(got.Train, got.Validation...) {
			if tile.Source == "good0.png" {
				t.Error("the table of sources was not read")
			}
		}
		if i > 0 {
			if err := got.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	// The first tile starts at the corner, the third ends at the right border.
	if p := first.Train[2].Pix; p[0] != byte(200-64) {
		t.Errorf("third tile starts at column %d", p[0])
	}
}

func TestOpenRejects(t *testing.T) {
	empty := t.TempDir()
	for name, o := range map[string]Options{
		"nothing": {}, "empty": {Dirs: []string{empty}}, "absent": {Dirs: []string{filepath.Join(empty, "x")}},
		"limit": {Dirs: []string{writeImages(t)}, TileSize: 64, MinSize: 48, Limit: 100},
		"cache": {Dirs: []string{writeImages(t)}, TileSize: 64, MinSize: 48, Cache: "/dev/null/x"},
	} {
		if _, _, err := Open(context.Background(), o); err == nil || !strings.HasPrefix(err.Error(), "data: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Open(ctx, Options{Dirs: []string{writeImages(t)}}); err == nil {
		t.Error("a cancelled context gives no error")
	}
}

// A damaged index or shard must not be read beyond its end.
func TestDamagedShards(t *testing.T) {
	dir, cache := writeImages(t), t.TempDir()
	o := Options{Dirs: []string{dir}, Cache: cache, TileSize: 64, MinSize: 48}
	c, _, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	shards, _ := filepath.Glob(filepath.Join(cache, "*.rgb"))
	if len(shards) != 1 {
		t.Fatalf("%d shards", len(shards))
	}
	if err := os.Truncate(shards[0], 1000); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "outside its shard") {
		t.Errorf("short shard: %v", err)
	}
	for _, text := range []string{"{", `{"Tiles":[{"W":-1,"H":5,"Frames":1}],"Shards":1}`, `{"Tiles":[{"W":1,"H":1,"Frames":1,"Shard":7}],"Shards":0}`} {
		index, _ := filepath.Glob(filepath.Join(cache, "*.json"))
		if err := os.WriteFile(index[0], []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(context.Background(), o); err == nil {
			t.Errorf("index %s: no error", text)
		}
	}
}

// TestSmallSplit keeps something back of few sources, and never all.
func TestSmallSplit(t *testing.T) {
	for n := range 60 {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("photo%d.jpg", i))
		}
		held := len(heldBack(list))
		least, most := min(max(n/smallShare, 1), enoughValidation), n-1
		if n < 2 {
			least, most = 0, 0
		}
		if held < least || held > most {
			t.Errorf("%d of %d sources are kept for validation", held, n)
		}
	}
}

// The split is by source and takes about a twentieth.
func TestSplit(t *testing.T) {
	n := 0
	for i := range 4000 {
		if IsValidation(fmt.Sprintf("photo%d.jpg", i)) {
			n++
		}
	}
	if n < 150 || n > 250 {
		t.Errorf("%d of 4000 sources are for validation", n)
	}
	root := "../../../shared/data/train"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no training images: ", err)
	}
	sources, err := findSources([]string{root})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range sources {
		names[s.name] = true
	}
	if len(sources) != 709 || len(names) >= 650 {
		t.Errorf("%d tiles of %d images: the tables of sources are not read", len(sources), len(names))
	}
}
