package view

import (
	"strings"

	"github.com/spf13/pflag"

	"vsr/internal/cli/args"
	"vsr/sr/kdsr"
	"vsr/upscale"
)

// OptionFlags adds the flags that say what an output is to be, with what o holds as defaults.
func OptionFlags(f *pflag.FlagSet, o *upscale.Options) {
	f.StringVar(&o.Degradation, "degradation", o.Degradation, "scene (estimated once a scene), lock (once for the whole video), or file:`FILE`, a scenes file or an earlier report")
	SliderFlags(f, &o.Sliders)
	f.StringVar(&o.Model, "model", o.Model, "built-in model or .safetensors `file`; empty chooses the best for the size (vsr model list)")
	f.BoolVar(&o.Fast, "fast", o.Fast, "without --model: a smaller network, several times faster")
	f.Float64Var(&o.Sharpness, "sharpness", o.Sharpness, "from 0 to 1: from the faithful model to its sharp variant, which invents detail (models that have one: vsr model list)")
	f.StringVar(&o.Device, "device", o.Device, "auto, cpu or cuda[:N]; vsr run takes several, as in cpu,cuda:0")
	f.Var(args.Scale(&o.Scale), "scale", "enlarge 2, 3 or 4 times (default: 4 for up to 540 rows as displayed, 2 for up to 1080)")
	f.IntVar(&o.SR.Height, "height", o.SR.Height, "rows of the output, instead of a scale, as in 1080")
	f.StringVar((*string)(&o.Audio), "audio", string(o.Audio), "copy, auto (converted where the output cannot hold it), or a codec: "+strings.Join(upscale.AudioCodecs(), ", "))
	f.StringVar((*string)(&o.Decode.Deinterlace), "deinterlace", string(o.Decode.Deinterlace), "auto (frames marked as interlaced), off, bwdif (every frame) or telecine (undoes a 3:2 pulldown)")
	f.BoolVar(&o.Decode.FieldRate, "field-rate", o.Decode.FieldRate, "a frame for each field of interlaced frames: 50i becomes 50 frames a second")
	f.StringVar(&o.Decode.FrameRate, "frame-rate", o.Decode.FrameRate, "frames a second of raw streams and sequences of images, as in 25 or 30000/1001")
	f.BoolVar(&o.Decode.Autorotate, "autorotate", o.Decode.Autorotate, "turn the frames themselves, instead of keeping the mark that players turn them by")
	f.BoolVar(&o.SquarePixels, "square-pixels", o.SquarePixels, "make pixels that are not square so, by another width")
	f.BoolVar(&o.Decode.Network, "allow-network", o.Decode.Network, "let IN be an address: http, https, rtsp, rtmp, srt, udp, ...")
	f.IntVar(&o.Decode.Programme, "programme", o.Decode.Programme, "of several in a transport stream: its number; the others are left out")
	f.IntVar(&o.Decode.VideoTrack, "video-track", o.Decode.VideoTrack, "which of several videos, from 1 in the order of the file; 0 chooses")
	f.StringVar(&o.Encode.Codec, "codec", o.Encode.Codec, "video codec: "+upscale.CodecHelp())
	f.Var(args.CRF(&o.Encode.CRF, upscale.CRFZero), "crf", "quality as FFmpeg's -crf: lower is better and larger; -1 is lossless (default: that of --quality high)")
	f.StringVar(&o.Encode.Preset, "preset", o.Encode.Preset, "the codec's own preset")
	f.StringVar(&o.Encode.PixFmt, "pix-fmt", o.Encode.PixFmt, "FFmpeg pixel `format` of the output; empty keeps the input's")
	f.Var(args.Clock(&o.Decode.Start), "start", "begin here: seconds, or h:m:s")
	f.Var(args.Clock(&o.Decode.Duration), "duration", "length to work on: seconds, or h:m:s; 0 is all")
	f.IntVar(&o.Threads, "threads", o.Threads, "threads of the CPU engine; 0 is all cores; workers share them")
	f.BoolVar(&o.Decode.Strict, "strict", o.Decode.Strict, "stop at damaged data instead of skipping it, and at a change of size or color")
	f.BoolVar(&o.Repeatable, "repeatable", o.Repeatable, "make equal runs give equal frames with x264, in a larger file (no mbtree)")
}

// SliderFlags are the flags that move a degradation from its estimate.
func SliderFlags(f *pflag.FlagSet, s *kdsr.Sliders) {
	f.Float64Var(&s.Deblur, "deblur", s.Deblur, "from -1 to 1: sharpen less or more than the estimate asks for")
	f.Float64Var(&s.Denoise, "denoise", s.Denoise, "from -1 to 1: remove less or more noise")
	f.Float64Var(&s.Decompress, "decompress", s.Decompress, "from -1 to 1: remove less or more damage of compression")
}
