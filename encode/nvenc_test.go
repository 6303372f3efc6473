package encode

import (
	"errors"
	"strings"
	"testing"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

var someFormat = media.Format{Width: 64, Height: 36, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}

func formatLike(change func(f *media.Format)) media.Format {
	f := someFormat
	change(&f)
	return f
}

// The decision which frames go to the encoder without leaving the GPU.
func TestTakesGPU(t *testing.T) {
	gpu := &GPU{}
	for name, c := range map[string]struct {
		o    Options
		f    media.Format
		want bool
	}{
		"h264_nvenc":          {Options{Codec: "h264_nvenc", GPU: gpu}, someFormat, true},
		"hevc_nvenc":          {Options{Codec: "hevc_nvenc", GPU: gpu}, someFormat, true},
		"hevc_nvenc, 10 bits": {Options{Codec: "hevc_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Depth = 10 }), true},
		"no GPU":              {Options{Codec: "h264_nvenc"}, someFormat, false},
		"x264":                {Options{GPU: gpu}, someFormat, false},
		"h264_nvenc, 10 bits": {Options{Codec: "h264_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Depth = 10 }), false},
		"hevc_nvenc, 12 bits": {Options{Codec: "hevc_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Depth = 12 }), false},
		"4:2:2":               {Options{Codec: "hevc_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Layout = media.YUV422 }), false},
		"alpha":               {Options{Codec: "h264_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Alpha = true }), false},
		"odd width":           {Options{Codec: "h264_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Width = 63 }), false},
		"odd height":          {Options{Codec: "h264_nvenc", GPU: gpu}, formatLike(func(f *media.Format) { f.Height = 35 }), false},
		"asked for yuv444p":   {Options{Codec: "h264_nvenc", GPU: gpu, PixFmt: "yuv444p"}, someFormat, false},
		"a test":              {Options{GPU: &GPU{Download: true}}, someFormat, true},
		"no such codec":       {Options{Codec: "h999", GPU: gpu}, someFormat, false},
	} {
		if got := c.o.TakesGPU(c.f); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FFmpeg knows every option that NVENC is given, with its value. Opening fails where there is no GPU, after the options are read.
func TestOptionsOfNVENC(t *testing.T) {
	av.NewLog(nil, "encode") // so that errors say what FFmpeg has logged
	for name, o := range map[string]Options{
		"default": {}, "quality": {CRF: 30, Preset: "p7"}, "lossless": {CRF: -1}, "live": {ZeroLatency: true, BitRate: 1e6},
	} {
		for _, codec := range []string{"h264_nvenc", "hevc_nvenc"} {
			c, err := findCodec(codec)
			if err != nil {
				t.Fatal(err)
			}
			enc := astiav.FindEncoderByName(c.encoder)
			if enc == nil {
				t.Skip("this FFmpeg has no " + c.encoder)
			}
			o.Codec = codec
			if err := o.Validate(); err != nil {
				t.Error(err)
			}
			p := &private{dict: map[string]string{}}
			c.set(o.withDefaults(), c, nil, p)
			cc := astiav.AllocCodecContext(enc)
			cc.SetWidth(64)
			cc.SetHeight(36)
			cc.SetPixelFormat(astiav.PixelFormatNv12)
			cc.SetTimeBase(astiav.NewRational(1, 25))
			dict := astiav.NewDictionary()
			for k, v := range p.dict {
				if err := dict.Set(k, v, astiav.NewDictionaryFlags()); err != nil {
					t.Fatal(err)
				}
			}
			err = av.Explain(func() error { return cc.Open(enc, dict) })
			if left := dict.Get("", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagIgnoreSuffix)); left != nil {
				t.Errorf("%s, %s: unknown option %s", codec, name, left.Key())
			}
			if err != nil && !strings.Contains(err.Error(), "Cannot load lib") && !strings.Contains(err.Error(), "CUDA") {
				t.Errorf("%s, %s: %v", codec, name, err)
			}
			cc.Free()
			dict.Free()
		}
	}
}

// Without a GPU NVENC is refused in one line, with a hint and without a file.
func TestNoNVENC(t *testing.T) {
	info := &media.Info{Format: someFormat, FrameRate: media.Rational{Num: 25, Den: 1}, Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
	info.Format.Width, info.Format.Height = 320, 180 // what the encoder can hold
	s, err := Create(info, Options{Codec: "hevc_nvenc"})
	if err == nil {
		_ = s.Abort()
		t.Skip("this machine has NVENC")
	}
	var request *RequestError
	if !errors.As(err, &request) || !strings.Contains(request.Hint, "NVENC") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line of a *RequestError with a hint", err)
	}
}

// NVENC gets 10 bits as P010, not as 4:4:4 of 16 bits.
func TestPixelsOfNVENC(t *testing.T) {
	enc := astiav.FindEncoderByName("hevc_nvenc")
	if enc == nil {
		t.Skip("this FFmpeg has no hevc_nvenc")
	}
	for f, want := range map[media.Format]astiav.PixelFormat{
		someFormat: astiav.PixelFormatNv12, formatLike(func(f *media.Format) { f.Depth = 10 }): astiav.PixelFormatP010Le,
		formatLike(func(f *media.Format) { f.Layout = media.YUV444 }): astiav.PixelFormatYuv444P,
	} {
		if got, err := choosePixels(av.PixelFormats(enc), f, "", true, false); err != nil || got != want {
			t.Errorf("%v: %v, error %v, want %v", f, got, err, want)
		}
	}
}
