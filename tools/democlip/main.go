// Command democlip serves `make demo`: `make DIR` writes a synthetic clip in full size (hr.mkv, lossless) and shrunken by
// four (lr.mp4, lossy); `score HR LR OUT` prints the PSNR of OUT against HR beside that of bicubic interpolation of LR.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr"
)

const (
	scale = 4
	usage = "usage: democlip make DIR | democlip score HR LR OUT"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "make":
		err = makeClips(os.Args[2])
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
	info := *src.Info()
	info.Format.Width, info.Format.Height = info.Format.Width/scale, info.Format.Height/scale
	down, err := sr.NewResizer(src.Info().Format, info.Format)
	if err != nil {
		return err
	}
	sink, err := encode.CreateFile(filepath.Join(dir, "lr.mp4"), &info, encode.Options{CRF: 20}, encode.FileOptions{Overwrite: true})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for {
		u, err := src.Next(ctx)
		if err == io.EOF {
			return sink.Close()
		}
		if err == nil && u.Frame != nil {
			small := media.NewFrame(info.Format)
			err = down.Resize(small, u.Frame)
			small.CopyProps(u.Frame)
			u.Release()
			u = media.Unit{Frame: small}
		}
		if err == nil {
			err = sink.Write(ctx, u)
		}
		if err != nil {
			_ = sink.Abort()
			return err
		}
	}
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
