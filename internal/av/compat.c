#include "compat.h"

#include <libavutil/version.h>

#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100) // FFmpeg 6.0
int64_t vsr_frame_duration(const AVFrame *f) { return f->duration; }
#else
int64_t vsr_frame_duration(const AVFrame *f) { return f->pkt_duration; }
#endif

#ifdef AV_FRAME_FLAG_INTERLACED // FFmpeg 6.1
int vsr_frame_interlaced(const AVFrame *f) { return !!(f->flags & AV_FRAME_FLAG_INTERLACED); }
int vsr_frame_top_first(const AVFrame *f) { return !!(f->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST); }
int vsr_frame_key(const AVFrame *f) { return !!(f->flags & AV_FRAME_FLAG_KEY); }
#else
int vsr_frame_interlaced(const AVFrame *f) { return f->interlaced_frame; }
int vsr_frame_top_first(const AVFrame *f) { return f->top_field_first; }
int vsr_frame_key(const AVFrame *f) { return f->key_frame; }
#endif

#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100) // FFmpeg 6.1
int vsr_stream_side_data(const AVStream *st, const AVPacketSideData **list) {
	*list = st->codecpar->coded_side_data;
	return st->codecpar->nb_coded_side_data;
}

uint8_t *vsr_stream_new_side_data(AVStream *st, enum AVPacketSideDataType type, size_t size) {
	AVCodecParameters *p = st->codecpar;
	AVPacketSideData *sd = av_packet_side_data_new(&p->coded_side_data, &p->nb_coded_side_data, type, size, 0);
	return sd ? sd->data : NULL;
}
#else
int vsr_stream_side_data(const AVStream *st, const AVPacketSideData **list) {
	*list = st->side_data;
	return st->nb_side_data;
}

uint8_t *vsr_stream_new_side_data(AVStream *st, enum AVPacketSideDataType type, size_t size) { return av_stream_new_side_data(st, type, size); }
#endif

#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100) // FFmpeg 7.1
static const void *supported(const AVCodec *c, enum AVCodecConfig what) {
	const void *list = NULL;
	return avcodec_get_supported_config(NULL, c, what, 0, &list, NULL) < 0 ? NULL : list;
}

const enum AVPixelFormat *vsr_codec_pixel_formats(const AVCodec *c) { return supported(c, AV_CODEC_CONFIG_PIX_FORMAT); }
const enum AVSampleFormat *vsr_codec_sample_formats(const AVCodec *c) { return supported(c, AV_CODEC_CONFIG_SAMPLE_FORMAT); }
const int *vsr_codec_sample_rates(const AVCodec *c) { return supported(c, AV_CODEC_CONFIG_SAMPLE_RATE); }
const AVChannelLayout *vsr_codec_layouts(const AVCodec *c) { return supported(c, AV_CODEC_CONFIG_CHANNEL_LAYOUT); }
#else
const enum AVPixelFormat *vsr_codec_pixel_formats(const AVCodec *c) { return c->pix_fmts; }
const enum AVSampleFormat *vsr_codec_sample_formats(const AVCodec *c) { return c->sample_fmts; }
const int *vsr_codec_sample_rates(const AVCodec *c) { return c->supported_samplerates; }
const AVChannelLayout *vsr_codec_layouts(const AVCodec *c) { return c->ch_layouts; }
#endif

int vsr_matroska_adds_delay(void) { return avformat_version() >= AV_VERSION_INT(60, 0, 0); }
