package av

// #include "av.h"
// #include <libavutil/hwcontext.h>
//
// // vsr_cuda_frames makes a pool of frames in the primary context of a GPU. 0 or an AVERROR.
// static int vsr_cuda_frames(AVBufferRef **out, const char *device, int width, int height, int pixels) {
// 	AVBufferRef *dev = NULL, *frames = NULL;
// 	AVDictionary *opts = NULL;
// 	int r = av_dict_set(&opts, "primary_ctx", "1", 0);
// 	if (r >= 0) r = av_hwdevice_ctx_create(&dev, AV_HWDEVICE_TYPE_CUDA, device, opts, 0);
// 	av_dict_free(&opts);
// 	if (r < 0) return r;
// 	frames = av_hwframe_ctx_alloc(dev);
// 	av_buffer_unref(&dev);
// 	if (!frames) return AVERROR(ENOMEM);
// 	AVHWFramesContext *c = (AVHWFramesContext *)frames->data;
// 	c->format = AV_PIX_FMT_CUDA;
// 	c->sw_format = pixels;
// 	c->width = width;
// 	c->height = height;
// 	if ((r = av_hwframe_ctx_init(frames)) < 0) {
// 		av_buffer_unref(&frames);
// 		return r;
// 	}
// 	*out = frames;
// 	return 0;
// }
//
// // vsr_cuda_pixels is the pixel format of a frame that lies on a GPU, AV_PIX_FMT_NONE of another.
// static int vsr_cuda_pixels(const AVFrame *f) {
// 	if (f->format != AV_PIX_FMT_CUDA || !f->hw_frames_ctx) return AV_PIX_FMT_NONE;
// 	return ((AVHWFramesContext *)f->hw_frames_ctx->data)->sw_format;
// }
//
// // vsr_decodes_on_card tells whether a decoder can put its frames on a GPU.
// static int vsr_decodes_on_card(const AVCodec *codec) {
// 	const AVCodecHWConfig *c;
// 	for (int i = 0; (c = avcodec_get_hw_config(codec, i)); i++)
// 		if (c->device_type == AV_HWDEVICE_TYPE_CUDA && c->pix_fmt == AV_PIX_FMT_CUDA &&
// 		    (c->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX)) return 1;
// 	return 0;
// }
//
// // vsr_pick_format takes the GPU for the frames that we can use there, and the decoder's own format otherwise. FFmpeg asks
// // again, without the GPU, when that does not start.
// static enum AVPixelFormat vsr_pick_format(AVCodecContext *c, const enum AVPixelFormat *list) {
// 	enum AVPixelFormat sw = c->sw_pix_fmt, host = AV_PIX_FMT_NONE;
// 	int fits = sw == AV_PIX_FMT_YUV420P || sw == AV_PIX_FMT_YUVJ420P || sw == AV_PIX_FMT_YUV420P10;
// 	for (; *list != AV_PIX_FMT_NONE; list++) {
// 		const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(*list);
// 		if (*list == AV_PIX_FMT_CUDA && fits) return *list;
// 		if (host == AV_PIX_FMT_NONE && d && !(d->flags & AV_PIX_FMT_FLAG_HWACCEL)) host = *list;
// 	}
// 	return host;
// }
//
// // vsr_decode_on_card gives a decoder that is not open yet a GPU. 0 or an AVERROR.
// static int vsr_decode_on_card(AVCodecContext *c, const char *device) {
// 	AVDictionary *opts = NULL;
// 	int r = av_dict_set(&opts, "primary_ctx", "1", 0);
// 	if (r >= 0) r = av_hwdevice_ctx_create(&c->hw_device_ctx, AV_HWDEVICE_TYPE_CUDA, device, opts, 0);
// 	av_dict_free(&opts);
// 	if (r >= 0) c->get_format = vsr_pick_format;
// 	return r;
// }
//
// // vsr_encode_on_card makes an encoder that is not open yet take frames of a pool.
// static int vsr_encode_on_card(AVCodecContext *c, AVBufferRef *frames) {
// 	if (!(c->hw_frames_ctx = av_buffer_ref(frames))) return AVERROR(ENOMEM);
// 	c->pix_fmt = AV_PIX_FMT_CUDA;
// 	c->sw_pix_fmt = ((AVHWFramesContext *)frames->data)->sw_format;
// 	return 0;
// }
import "C"

import (
	"errors"
	"strconv"
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// CUDAFrames is a pool of frames in the memory of one GPU, in its primary context, which the CUDA engine shares.
// go-astiav v0.16 can neither make such a pool nor free a device, so both are done here.
type CUDAFrames struct{ ref *C.AVBufferRef }

// NewCUDAFrames makes a pool for frames of one size; pixels is what they hold: NV12, P010, or a planar format.
func NewCUDAFrames(device, width, height int, pixels astiav.PixelFormat) (*CUDAFrames, error) {
	name := C.CString(strconv.Itoa(device))
	defer C.free(unsafe.Pointer(name))
	c := &CUDAFrames{}
	err := Explain(func() error {
		return check(C.vsr_cuda_frames(&c.ref, name, C.int(width), C.int(height), C.int(pixels)))
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Get gives f, which must be empty, a frame of the pool. What it holds is anything.
func (c *CUDAFrames) Get(f *astiav.Frame) error {
	if c.ref == nil {
		return errors.New("pool of CUDA frames is closed")
	}
	return Explain(func() error { return check(C.av_hwframe_get_buffer(c.ref, (*C.AVFrame)(f.UnsafePointer()), 0)) })
}

// Close gives the pool up; its memory goes with its last frame. It may be called twice.
func (c *CUDAFrames) Close() {
	if c.ref != nil {
		C.av_buffer_unref(&c.ref)
	}
}

// DecodesOnCard reports whether a decoder has a way through NVDEC. Whether the GPU has it too shows when frames come.
func DecodesOnGPU(codec *astiav.Codec) bool {
	return C.vsr_decodes_on_card((*C.AVCodec)(pointer(codec))) != 0
}

// DecodeOnCard lets a decoder, before it is opened, put 4:2:0 frames of 8 and 10 bits into the memory of a GPU, in its primary
// context. Where NVDEC does not start or does not take the stream, the decoder goes on as without it.
func DecodeOnGPU(cc *astiav.CodecContext, device int) error {
	name := C.CString(strconv.Itoa(device))
	defer C.free(unsafe.Pointer(name))
	return Explain(func() error { return check(C.vsr_decode_on_card((*C.AVCodecContext)(pointer(cc)), name)) })
}

// EncodeOnCard makes an encoder, before it is opened, take the frames of a pool.
func EncodeOnGPU(cc *astiav.CodecContext, frames *CUDAFrames) error {
	return check(C.vsr_encode_on_card((*C.AVCodecContext)(pointer(cc)), frames.ref))
}

// CopyFrameProps gives a frame the time, colour and side data of another. What is to be cut off at the edges is not passed on.
func CopyFrameProps(dst, src *astiav.Frame) error {
	d := (*C.AVFrame)(dst.UnsafePointer())
	err := check(C.av_frame_copy_props(d, (*C.AVFrame)(src.UnsafePointer())))
	d.crop_left, d.crop_top, d.crop_right, d.crop_bottom = 0, 0, 0, 0
	return err
}

// CUDAPicture says where the planes of a CUDA frame lie, in addresses of the GPU and bytes from row to row, and what they hold.
type CUDAFrame struct {
	Plane         [3]uint64
	Pitch         [3]int
	Pixels        astiav.PixelFormat
	Width, Height int
}

// OnGPU describes a frame that lies on a GPU; ok is false for others. FFmpeg leaves it to us to cut off columns and rows at
// the left and at the top of such frames.
func OnGPU(f *astiav.Frame) (p CUDAFrame, ok bool) {
	c := (*C.AVFrame)(f.UnsafePointer())
	p.Pixels = astiav.PixelFormat(C.vsr_cuda_pixels(c))
	info, known := DescribePixels(p.Pixels)
	if !known {
		return p, false
	}
	p.Width, p.Height = int(c.width), int(c.height)
	for i := range p.Plane {
		p.Plane[i], p.Pitch[i] = uint64(uintptr(unsafe.Pointer(c.data[i]))), int(c.linesize[i])
	}
	p.cut(info, int(c.crop_left), int(c.crop_top))
	return p, true
}

// cut takes columns away at the left and rows at the top, which should be even where chroma is subsampled.
func (p *CUDAFrame) cut(info PixelInfo, left, top int) {
	p.Width, p.Height = p.Width-left, p.Height-top
	size := (info.Depth + 7) / 8
	for i := range p.Plane {
		x, y := left, top
		if i > 0 {
			x, y = x>>info.ShiftX, y>>info.ShiftY
			if p.Plane[2] == 0 { // Cb and Cr side by side
				x *= 2
			}
		}
		if p.Plane[i] != 0 {
			p.Plane[i] += uint64(y*p.Pitch[i] + x*size)
		}
	}
}
