package data

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/atomicfile"
	"vsr/train/degrade"
)

// ReadImage decodes a JPEG or PNG file; transparency is laid over black.
func ReadImage(path string) (degrade.Image, error) {
	m, err := readImage(path)
	if err != nil {
		return degrade.Image{}, err
	}
	return fromRGBA(m), nil
}

func fromRGBA(m *image.RGBA) degrade.Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	return degrade.FromBytes(w, h, copyTile([]*image.RGBA{m}, "", 0, 0, w, h).Pix)
}

// errEnough ends the reading of a video that has given what was asked for.
var errEnough = errors.New("enough frames")

// ReadClip reads a image, the images of a folder in order of their names, or the beginning of a video: at most limit frames, of
// one size. single says that path is one image.
func ReadClip(ctx context.Context, path string, limit int) (clip []degrade.Image, single bool, err error) {
	if limit < 1 {
		return nil, false, fmt.Errorf("a clip of %d frames", limit)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() && videoSuffixes[strings.ToLower(filepath.Ext(path))] {
		err = Videos(VideoOptions{Run: limit, Runs: 1, Change: 256})(ctx, path, func(run []*image.RGBA) error {
			for _, m := range run {
				clip = append(clip, fromRGBA(m))
			}
			return errEnough
		})
		if errors.Is(err, errEnough) {
			err = nil
		}
		if err == nil && len(clip) == 0 {
			err = fmt.Errorf("it has fewer than %d frames", limit)
		}
		return clip, false, err
	}
	sources, err := findSources([]string{path})
	if err != nil {
		return nil, false, err
	}
	for _, s := range sources {
		if s.video || len(clip) == limit {
			continue
		}
		m, err := ReadImage(s.path)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", s.path, err)
		}
		if len(clip) > 0 && (m.W != clip[0].W || m.H != clip[0].H) {
			return nil, false, fmt.Errorf("%s is %dx%d, the first image is %dx%d", s.path, m.W, m.H, clip[0].W, clip[0].H)
		}
		clip = append(clip, m)
	}
	if len(clip) == 0 {
		return nil, false, errors.New("no image and no video")
	}
	return clip, !info.IsDir(), nil
}

// WritePNG writes m under its final name only when it is complete.
func WritePNG(path string, m image.Image) error {
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, m) })
}
