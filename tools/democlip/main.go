// Command democlip serves `make demo`. `make DIR CLIP START` writes four seconds of a sharp 8-bit clip in full size (hr.mkv, lossless)
// and reduced by four (lr.mp4, compressed); `score HR LR OUT PNG` prints the PSNR of OUT against HR beside that of bicubic
// interpolation of LR, and draws a part of one frame of each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/sr"
)

const (
	scale   = 4
	crf     = 26 // of the reduced clip: visibly compressed
	seconds = 4
	usage   = "usage: democlip make DIR CLIP START | democlip score HR LR OUT PNG"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 4 && args[0] == "make":
		start, err := strconv.ParseFloat(args[3], 64)
		if err != nil {
			return fmt.Errorf("start %q: %w", args[3], err)
		}
		return makeClips(ctx, args[1], args[2], start, seconds)
	case len(args) == 5 && args[0] == "score":
		s, err := scoreFiles(ctx, args[1], args[2], args[3])
		if err != nil {
			return err
		}
		fmt.Println(s)
		return s.draw(args[4])
	}
	return errors.New(usage)
}

// makeClips writes both sizes of a part of a clip, cut to a size that divides by eight.
func makeClips(ctx context.Context, dir, clip string, start, length float64) error {
	src, err := decode.Open(ctx, clip, decode.Options{Start: start, Duration: length})
	if err != nil {
		return err
	}
	defer src.Close()
	info := *src.Info()
	if info.Format.Depth != 8 || info.Format.Alpha {
		return fmt.Errorf("%s: %v: only 8-bit clips without alpha can be scored", clip, info.Format)
	}
	info.Format.Width, info.Format.Height = info.Format.Width&^7, info.Format.Height&^7
	info.Tracks = []media.Track{*info.VideoTrack()}
	info.Video, info.Tracks[0].Index, info.Chapters = 0, 0, nil
	full, err := encode.CreateFile(filepath.Join(dir, "hr.mkv"), &info, encode.Options{Codec: "ffv1"}, encode.FileOptions{Overwrite: true})
	if err != nil {
		return err
	}
	return errors.Join(reduceClip(ctx, src, full, filepath.Join(dir, "lr.mp4"), info), full.Close())
}

// reduceClip writes the frames of src, cut to info's size, into full; and reduced by four into path.
func reduceClip(ctx context.Context, src *decode.Source, full *encode.Sink, path string, info media.Info) error {
	large := info.Format
	info.Format.Width, info.Format.Height = large.Width/scale, large.Height/scale
	down, err := sr.NewResizer(large, info.Format)
	if err != nil {
		return err
	}
	sink, err := encode.CreateFile(path, &info, encode.Options{CRF: crf}, encode.FileOptions{Overwrite: true})
	if err != nil {
		return err
	}
	for {
		u, err := src.Next(ctx)
		if err == io.EOF {
			return sink.Close()
		}
		if err == nil && u.Frame != nil {
			err = writeBoth(ctx, u.Frame, large, info.Format, down, full, sink)
		}
		if err != nil {
			return errors.Join(err, sink.Abort())
		}
	}
}

// writeBoth consumes f: cut to large from the top left corner it goes to full, reduced it goes to sink.
func writeBoth(ctx context.Context, f *media.Frame, large, small media.Format, down *sr.Resizer, full, sink *encode.Sink) error {
	cut := media.NewFrame(large)
	for p := range large.Planes() {
		_, h := large.PlaneSize(p)
		for y := range h {
			copy(cut.Row(p, y), f.Row(p, y))
		}
	}
	cut.CopyProps(f)
	f.Release()
	out := media.NewFrame(small)
	if err := down.Resize(out, cut); err != nil {
		return err
	}
	out.CopyProps(cut)
	return errors.Join(full.Write(ctx, media.Unit{Frame: cut}), sink.Write(ctx, media.Unit{Frame: out}))
}
