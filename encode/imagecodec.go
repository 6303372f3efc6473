package encode

import (
	"path/filepath"
	"slices"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// imageCodecs are chosen by the ending of the output's name, besides png, which is a codec for video too.
var imageCodecs = []codec{
	{name: "jpeg", aliases: []string{"mjpeg"}, encoder: "mjpeg", ordered: true, set: func(_ Options, _ codec, _ *media.Info, p *private) {
		p.dict["flags"], p.dict["global_quality"] = "+qscale", "236" // the best that FFmpeg has by -q:v, 2, times 118
	}},
	{name: "tiff", encoder: "tiff", lossless: true, ordered: true, rgb: true, set: func(_ Options, _ codec, _ *media.Info, p *private) {
		p.dict["compression_algo"] = "deflate"
	}},
	{name: "webp", aliases: []string{"libwebp"}, encoder: "libwebp", lossless: true, ordered: true, rgb: true, set: setWebP},
	{name: "gif", encoder: "gif", ordered: true, rgb: true, set: noOptions},
	{name: "apng", encoder: "apng", lossless: true, ordered: true, rgb: true, set: noOptions},
}

func noOptions(Options, codec, *media.Info, *private) {}

// setWebP keeps RGB without loss, and other frames at a quality meant for keeping.
func setWebP(o Options, _ codec, info *media.Info, p *private) {
	if info.Format.RGB() || o.CRF == -1 {
		p.dict["lossless"] = "1"
		return
	}
	p.dict["quality"] = "95"
}

// image reports whether a codec makes images, each a file of its own or a frame of an animation.
func (c codec) image() bool {
	return c.name == "png" || slices.ContainsFunc(imageCodecs, func(i codec) bool { return i.name == c.name })
}

// imageEndings are the endings of outputs that are images, with the codec of each.
var imageEndings = map[string]string{".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".gif": "gif", ".apng": "apng"}

// ImageCodec is the codec of an output whose name ends as that of an image, still or animated; empty for others.
func ImageCodec(path string) string { return imageEndings[strings.ToLower(filepath.Ext(path))] }

// animated reports whether a name is that of one file for several images.
func animated(path string) bool {
	c := ImageCodec(path)
	_, numbered := media.ParsePattern(path)
	return (c == "gif" || c == "apng" || c == "webp") && !numbered
}

// ForFile is o with the codec that the ending of the output's name asks for, where it is that of an image.
func (o Options) ForFile(path string) Options {
	if c := ImageCodec(path); c != "" {
		o.Codec = c
	}
	return o
}

// colorOf is what the samples of an encoder's pixel format mean, for frames of f, where the codec itself says so: a JPEG is in full range
// and BT.601 (JFIF), a WebP in limited range and BT.601.
func (c codec) colorOf(f media.Format, pixels astiav.PixelFormat) media.Color {
	color := colorOf(f, pixels)
	if d, _ := av.DescribePixels(pixels); d.RGB || d.Pal || d.Components < 3 {
		return color
	}
	switch c.name {
	case "jpeg":
		color.Matrix, color.Range, color.Siting = media.MatrixSMPTE170M, media.RangeFull, 2
	case "webp":
		color.Matrix, color.Range = media.MatrixSMPTE170M, media.RangeLimited
	}
	return color
}

// pixelFormats are those that an encoder may get. Few programs read a TIFF of luma and chroma.
func (c codec) pixelFormats(enc *astiav.Codec) []astiav.PixelFormat {
	if c.encoder == "rawvideo" {
		return rawFormats(c.name == "y4m")
	}
	list := av.PixelFormats(enc)
	if c.name != "tiff" {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(p astiav.PixelFormat) bool { return strings.HasPrefix(p.String(), "yuv") })
}
