// What differs between FFmpeg 5.1 and 9: fields that moved, and behaviour that must be asked of the library's version. Nothing else in
// this program looks at a version of FFmpeg.
#ifndef VSR_AV_COMPAT_H
#define VSR_AV_COMPAT_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>

int64_t vsr_frame_duration(const AVFrame *f);
int vsr_frame_interlaced(const AVFrame *f);
int vsr_frame_top_first(const AVFrame *f);
int vsr_frame_key(const AVFrame *f);

int vsr_stream_side_data(const AVStream *st, const AVPacketSideData **list); // returns how many entries *list has
uint8_t *vsr_stream_new_side_data(AVStream *st, enum AVPacketSideDataType type, size_t size);

// What an encoder takes, ended as FFmpeg ends such lists; NULL means anything.
const enum AVPixelFormat *vsr_codec_pixel_formats(const AVCodec *c);
const enum AVSampleFormat *vsr_codec_sample_formats(const AVCodec *c);
const int *vsr_codec_sample_rates(const AVCodec *c);
const AVChannelLayout *vsr_codec_layouts(const AVCodec *c);

// Whether the Matroska muxer takes an encoder's delay (Opus: pre-skip) off the time stamps by itself.
int vsr_matroska_adds_delay(void);

#endif
