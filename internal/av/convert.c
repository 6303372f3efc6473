// Audio of one codec into another: decode, resample, cut into the encoder's frames, encode.
#include "av.h"
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

struct vsr_audio {
	AVCodecContext *in, *out;
	SwrContext *swr;
	AVAudioFifo *fifo;
	AVFrame *decoded, *frame;
	int64_t next; // time of the first sample in the fifo, in samples of the output
	int64_t end;  // time after the last one
	int started;
	int size; // samples of a frame
	// What swr was made for.
	enum AVSampleFormat format;
	int rate;
	AVChannelLayout layout;
};

void vsr_audio_free(vsr_audio *a) {
	if (!a) return;
	avcodec_free_context(&a->in);
	avcodec_free_context(&a->out);
	swr_free(&a->swr);
	if (a->fifo) av_audio_fifo_free(a->fifo);
	av_frame_free(&a->decoded);
	av_frame_free(&a->frame);
	av_channel_layout_uninit(&a->layout);
	free(a);
}

static int choose_rate(const AVCodec *c, int rate) {
	const int *rates = vsr_codec_sample_rates(c);
	if (!rates) return rate;
	int best = 0;
	for (const int *r = rates; *r; r++) {
		if (*r == rate) return rate;
		if (!best || (best < rate ? *r > best : *r >= rate && *r < best)) best = *r;
	}
	return best;
}

static enum AVSampleFormat choose_format(const AVCodec *c, enum AVSampleFormat f) {
	const enum AVSampleFormat *formats = vsr_codec_sample_formats(c);
	if (!formats) return f;
	enum AVSampleFormat best = formats[0];
	int bytes = av_get_bytes_per_sample(f);
	for (const enum AVSampleFormat *p = formats; *p != AV_SAMPLE_FMT_NONE; p++) {
		if (av_get_packed_sample_fmt(*p) == av_get_packed_sample_fmt(f)) return *p;
		int n = av_get_bytes_per_sample(*p), b = av_get_bytes_per_sample(best);
		if (b < bytes ? n > b : n >= bytes && n < b) best = *p;
	}
	return best;
}

static int choose_layout(AVChannelLayout *to, const AVCodec *c, const AVChannelLayout *from) {
	const AVChannelLayout *layouts = vsr_codec_layouts(c);
	if (layouts) {
		const AVChannelLayout *same = NULL;
		for (const AVChannelLayout *l = layouts; l->nb_channels; l++) {
			if (!av_channel_layout_compare(l, from)) return av_channel_layout_copy(to, from);
			if (l->nb_channels == from->nb_channels && !same) same = l;
		}
		if (same) return av_channel_layout_copy(to, same);
		av_channel_layout_default(to, from->nb_channels > 1 ? 2 : 1);
		return 0;
	}
	if (from->order == AV_CHANNEL_ORDER_UNSPEC) {
		av_channel_layout_default(to, from->nb_channels);
		return 0;
	}
	return av_channel_layout_copy(to, from);
}

int vsr_audio_open(vsr_audio **res, const AVCodecParameters *par, AVRational tb, const char *encoder, int64_t bits_a_channel, int bits_a_sample, int most_channels) {
	vsr_audio *a = calloc(1, sizeof *a);
	if (!a) return AVERROR(ENOMEM);
	const AVCodec *dec = avcodec_find_decoder(par->codec_id), *enc = avcodec_find_encoder_by_name(encoder);
	int ret = !dec ? AVERROR_DECODER_NOT_FOUND : !enc ? AVERROR_ENCODER_NOT_FOUND : 0;
	if (ret < 0) goto fail;
	ret = AVERROR(ENOMEM);
	if (!(a->in = avcodec_alloc_context3(dec)) || !(a->out = avcodec_alloc_context3(enc)) || !(a->decoded = av_frame_alloc()) || !(a->frame = av_frame_alloc())) goto fail;
	if ((ret = avcodec_parameters_to_context(a->in, par)) < 0) goto fail;
	a->in->pkt_timebase = tb;
	if ((ret = avcodec_open2(a->in, dec, NULL)) < 0) goto fail;
	if (a->in->ch_layout.nb_channels < 1 || a->in->sample_rate < 1) { ret = AVERROR_INVALIDDATA; goto fail; }
	a->out->sample_rate = choose_rate(enc, a->in->sample_rate);
	a->out->sample_fmt = choose_format(enc, a->in->sample_fmt == AV_SAMPLE_FMT_NONE ? AV_SAMPLE_FMT_FLTP : a->in->sample_fmt);
	if ((ret = choose_layout(&a->out->ch_layout, enc, &a->in->ch_layout)) < 0) goto fail;
	if (most_channels && a->out->ch_layout.nb_channels > most_channels) {
		av_channel_layout_uninit(&a->out->ch_layout);
		av_channel_layout_default(&a->out->ch_layout, most_channels);
	}
	a->out->bit_rate = bits_a_channel * a->out->ch_layout.nb_channels;
	if (bits_a_sample) a->out->bits_per_raw_sample = bits_a_sample;
	a->out->time_base = (AVRational){1, a->out->sample_rate};
	a->out->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	a->out->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
	if ((ret = avcodec_open2(a->out, enc, NULL)) < 0) goto fail;
	a->size = a->out->frame_size > 0 ? a->out->frame_size : 1024;
	if (!(a->fifo = av_audio_fifo_alloc(a->out->sample_fmt, a->out->ch_layout.nb_channels, a->size))) { ret = AVERROR(ENOMEM); goto fail; }
	*res = a;
	return 0;
fail:
	vsr_audio_free(a);
	return ret;
}

AVCodecContext *vsr_audio_encoder(vsr_audio *a) { return a->out; }

// Hands n samples of the fifo to the encoder. Less than size at the end only.
static int encode(vsr_audio *a, int n) {
	AVFrame *f = a->frame;
	av_frame_unref(f);
	f->nb_samples = n;
	f->format = a->out->sample_fmt;
	f->sample_rate = a->out->sample_rate;
	int ret = av_channel_layout_copy(&f->ch_layout, &a->out->ch_layout);
	if (ret < 0 || (ret = av_frame_get_buffer(f, 0)) < 0) return ret;
	if (av_audio_fifo_read(a->fifo, (void **)f->extended_data, n) < n) return AVERROR_BUG;
	f->pts = a->next;
	a->next += n;
	return avcodec_send_frame(a->out, f);
}

// Puts samples into the fifo; in NULL takes out what the resampler holds.
static int resample(vsr_audio *a, AVFrame *in) {
	if (!in && !a->swr) return 0;
	if (in && (!a->swr || a->format != in->format || a->rate != in->sample_rate || av_channel_layout_compare(&a->layout, &in->ch_layout))) {
		AVChannelLayout from = {0};
		int ret;
		if (in->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) av_channel_layout_default(&from, in->ch_layout.nb_channels);
		else if ((ret = av_channel_layout_copy(&from, &in->ch_layout)) < 0) return ret;
		swr_free(&a->swr);
		ret = swr_alloc_set_opts2(&a->swr, &a->out->ch_layout, a->out->sample_fmt, a->out->sample_rate, &from, in->format, in->sample_rate, 0, NULL);
		av_channel_layout_uninit(&from);
		if (ret < 0 || (ret = swr_init(a->swr)) < 0) return ret;
		a->format = in->format;
		a->rate = in->sample_rate;
		av_channel_layout_uninit(&a->layout);
		if ((ret = av_channel_layout_copy(&a->layout, &in->ch_layout)) < 0) return ret;
	}
	int most = swr_get_out_samples(a->swr, in ? in->nb_samples : 0);
	if (most <= 0) return most;
	uint8_t **out = NULL;
	int ret = av_samples_alloc_array_and_samples(&out, NULL, a->out->ch_layout.nb_channels, most, a->out->sample_fmt, 0);
	if (ret < 0) return ret;
	ret = swr_convert(a->swr, out, most, in ? (const uint8_t **)in->extended_data : NULL, in ? in->nb_samples : 0);
	if (ret > 0) {
		int n = ret;
		ret = av_audio_fifo_write(a->fifo, (void **)out, n);
		if (ret >= 0) a->end += n;
	}
	av_freep(&out[0]);
	av_freep(&out);
	return ret < 0 ? ret : 0;
}

// Puts a decoded frame where its time says. Small differences are those of rounded time stamps; at others the frame before is filled up.
static int take(vsr_audio *a) {
	AVFrame *f = a->decoded;
	int ret;
	int64_t at = f->best_effort_timestamp;
	if (at != AV_NOPTS_VALUE) {
		at = av_rescale_q(at, a->in->pkt_timebase, a->out->time_base);
		int64_t apart = at - a->end;
		if (!a->started) {
			a->next = a->end = at;
		} else if (apart > a->out->sample_rate / 20) {
			int rest = av_audio_fifo_size(a->fifo);
			if (rest && (ret = encode(a, rest)) < 0) return ret;
			a->next = a->end = at;
		}
		a->started = 1;
	}
	a->started = 1;
	return resample(a, f);
}

int vsr_audio_send(vsr_audio *a, const AVPacket *p) {
	int ret = avcodec_send_packet(a->in, p);
	if (ret < 0 && ret != AVERROR_EOF) return ret;
	while ((ret = avcodec_receive_frame(a->in, a->decoded)) >= 0) {
		ret = take(a);
		av_frame_unref(a->decoded);
		if (ret < 0) return ret;
	}
	return ret == AVERROR(EAGAIN) || ret == AVERROR_EOF ? 0 : ret;
}

int vsr_audio_receive(vsr_audio *a, AVPacket *out) {
	for (;;) {
		int ret = avcodec_receive_packet(a->out, out);
		if (ret != AVERROR(EAGAIN)) return ret;
		if (av_audio_fifo_size(a->fifo) < a->size) return ret;
		if ((ret = encode(a, a->size)) < 0) return ret;
	}
}

int vsr_audio_drain(vsr_audio *a) {
	int ret = vsr_audio_send(a, NULL);
	if (ret < 0 || (ret = resample(a, NULL)) < 0) return ret;
	return 0;
}

// After the last full frames: the rest, then the encoder's end.
int vsr_audio_finish(vsr_audio *a) {
	int rest = av_audio_fifo_size(a->fifo);
	if (rest) {
		int ret = encode(a, rest);
		if (ret < 0) return ret;
	}
	return avcodec_send_frame(a->out, NULL);
}
