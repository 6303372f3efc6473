// Command democlip serves `make demo`: `make DIR` writes a synthetic clip in full size (hr.mkv, lossless) and shrunken by
// four (lr.mp4, compressed); `make DIR CLIP START` does the same with four seconds of a sharp 8-bit clip; `score HR LR OUT`
// prints the PSNR of OUT against HR beside that of bicubic interpolation of LR.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
)

const (
	scale = 4
	usage = "usage: democlip make DIR [CLIP START] | democlip score HR LR OUT"
	crf   = 26 // of the shrunken clip: visibly compressed
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "make":
		err = makeClips(os.Args[2])
	case len(os.Args) == 5 && os.Args[1] == "make":
		err = shrinkClip(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 5 && os.Args[1] == "score":
		err = score(os.Args[2], os.Args[3], os.Args[4])
	default:
		err = errors.New(usage)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// makeClips writes both sizes of the same clip.
func makeClips(dir string) error {
	options := testmedia.Options{Frames: 48, Cuts: []int{24}, Tone: 440,
		Format: media.Format{Width: 960, Height: 544, Layout: media.YUV420, Depth: 8,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}}
	if err := testmedia.WriteClip(filepath.Join(dir, "hr.mkv"), options, encode.Options{Codec: "ffv1"}); err != nil {
		return err
	}
	src, err := testmedia.New(options)
	if err != nil {
		return err
	}
	defer src.Close()
	return shrink(src, nil, filepath.Join(dir, "lr.mp4"), *src.Info())
}

// shrinkClip writes both sizes of a part of a real clip, cut to a size that divides by eight.
func shrinkClip(dir, clip, start string) error {
	from, err := strconv.ParseFloat(start, 64)
	if err != nil {
		return err
	}
	src, err := decode.Open(context.Background(), clip, decode.Options{Start: from, Duration: 4})
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
	return errors.Join(shrink(src, full, filepath.Join(dir, "lr.mp4"), info), full.Close())
}

// shrink writes the frames of src, cut to info's size and reduced by four, into path; and, as they were cut, into full.
func shrink(src pipeline.Source, full *encode.Sink, path string, info media.Info) error {
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
	ctx := context.Background()
	for {
		u, err := src.Next(ctx)
		if err == io.EOF {
			return sink.Close()
		}
		switch {
		case err == nil && u.Frame != nil:
			var small *media.Frame
			if small, err = reduce(ctx, u.Frame, large, info.Format, down, full); err == nil {
				err = sink.Write(ctx, media.Unit{Frame: small})
			}
		case err == nil && full == nil: // the synthetic clip keeps its sound
			err = sink.Write(ctx, u)
		}
		if err != nil {
			return errors.Join(err, sink.Abort())
		}
	}
}

// reduce consumes f: it is cut to large from the top left corner, handed to full if there is one, and returned at the small size.
func reduce(ctx context.Context, f *media.Frame, large, small media.Format, down *sr.Resizer, full *encode.Sink) (*media.Frame, error) {
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
		return nil, err
	}
	out.CopyProps(cut)
	if full != nil {
		return out, full.Write(ctx, media.Unit{Frame: cut})
	}
	return out, nil
}

// score compares frame by frame.
func score(hr, lr, out string) error {
	var files [3]*decode.Source
	for i, path := range []string{hr, lr, out} {
		f, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			return err
		}
		defer f.Close()
		files[i] = f
	}
	bicubic, err := sr.NewBicubic(scale)
	if err != nil {
		return err
	}
	defer bicubic.Close()
	ours, theirs, n := 0.0, 0.0, 0
	for {
		var f [3]*media.Frame
		for i, file := range files {
			if f[i], err = nextFrame(file); err == io.EOF && i == 0 {
				fmt.Printf("PSNR of luma over %d frames: bicubic %.2f dB, this output %.2f dB, difference %+.2f dB\n",
					n, theirs/float64(n), ours/float64(n), (ours-theirs)/float64(n))
				return nil
			}
			if err != nil {
				return err
			}
		}
		plain := media.NewFrame(f[1].Format.Scaled(scale))
		d, err := bicubic.Modulate(context.Background(), []float32{0})
		if err != nil {
			return err
		}
		if err := bicubic.Upscale(context.Background(), plain, f[1], d); err != nil {
			return err
		}
		if f[0].Width != f[2].Width || f[0].Height != f[2].Height || plain.Width != f[0].Width {
			return fmt.Errorf("sizes differ: %v, %v, %v", f[0].Format, plain.Format, f[2].Format)
		}
		ours, theirs, n = ours+psnr(f[0], f[2]), theirs+psnr(f[0], plain), n+1
		for _, fr := range f {
			fr.Release()
		}
	}
}

func nextFrame(s *decode.Source) (*media.Frame, error) {
	for {
		u, err := s.Next(context.Background())
		if err != nil || u.Frame != nil {
			return u.Frame, err
		}
	}
}

// psnr of 8-bit luma, in dB.
func psnr(a, b *media.Frame) float64 {
	sum := 0.0
	for y := range a.Height {
		rb := b.Row(0, y)
		for x, v := range a.Row(0, y) {
			d := float64(v) - float64(rb[x])
			sum += d * d
		}
	}
	return 10 * math.Log10(255*255*float64(a.Width*a.Height)/max(sum, 1))
}
