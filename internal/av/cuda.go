package av

// #include "av.h"
// #include <libavutil/hwcontext.h>
//
// // vsr_cuda_frames makes a pool of pictures in the primary context of a card. 0 or an AVERROR.
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
// // vsr_cuda_planes is 0 if f does not lie on a card, else 1 with the pixel format there.
// static int vsr_cuda_planes(const AVFrame *f, int *pixels) {
// 	if (f->format != AV_PIX_FMT_CUDA || !f->hw_frames_ctx) return 0;
// 	*pixels = ((AVHWFramesContext *)f->hw_frames_ctx->data)->sw_format;
// 	return 1;
// }
import "C"

import (
	"errors"
	"strconv"
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// CUDAFrames is a pool of pictures in the memory of one card, in its primary context, which the CUDA engine shares.
// go-astiav v0.16 can neither make such a pool nor free a device, so both are done here.
type CUDAFrames struct{ ref *C.AVBufferRef }

// NewCUDAFrames makes a pool for pictures of one size; pixels is what they hold: NV12, P010, or a planar format.
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

// Get gives f, which must be empty, a picture of the pool. What it holds is anything.
func (c *CUDAFrames) Get(f *astiav.Frame) error {
	if c.ref == nil {
		return errors.New("pool of CUDA frames is closed")
	}
	return Explain(func() error { return check(C.av_hwframe_get_buffer(c.ref, (*C.AVFrame)(f.UnsafePointer()), 0)) })
}

// Close gives the pool up; its memory goes with its last picture. It may be called twice.
func (c *CUDAFrames) Close() {
	if c.ref != nil {
		C.av_buffer_unref(&c.ref)
	}
}

// OnCard tells where the planes of a CUDA frame lie, in addresses of the card and bytes from row to row, and what they hold.
func OnCard(f *astiav.Frame) (planes [3]uint64, pitch [3]int, pixels astiav.PixelFormat, ok bool) {
	c := (*C.AVFrame)(f.UnsafePointer())
	var p C.int
	if C.vsr_cuda_planes(c, &p) == 0 {
		return planes, pitch, astiav.PixelFormatNone, false
	}
	for i := range planes {
		planes[i], pitch[i] = uint64(uintptr(unsafe.Pointer(c.data[i]))), int(c.linesize[i])
	}
	return planes, pitch, astiav.PixelFormat(p), true
}
