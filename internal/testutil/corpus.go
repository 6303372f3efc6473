// Package testutil holds what tests of several packages need. Only tests import it.
package testutil

import (
	"image"
	_ "image/png" // the corpus's images
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Clips are the files of testdata/corpus that hold video; its README says what is in each.
var Clips = []string{"street_180p_h264_aac.mp4", "bottle_288i_mpeg2.mpg", "bunny_180p_vp9_opus.webm"}

// Images are the stills of testdata/corpus, 256x192 RGB each.
var Images = []string{"car.png", "bottle.png", "meadow.png", "bunny.png", "trees.png"}

// Corpus returns the path of a file of testdata/corpus, whatever package the test belongs to.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	path := filepath.Join(filepath.Dir(here), "..", "..", "testdata", "corpus", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Image decodes a PNG file.
func Image(t testing.TB, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
