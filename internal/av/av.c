#include "av.h"

#include <libavutil/opt.h>

void vsr_picture_read(const AVFrame *f, vsr_picture *o) {
	for (int i = 0; i < 4; i++) {
		o->data[i] = f->data[i];
		o->linesize[i] = f->linesize[i];
	}
	o->width = f->width;
	o->height = f->height;
	o->format = f->format;
	o->pts = f->pts;
	o->best_effort = f->best_effort_timestamp;
	o->duration = vsr_frame_duration(f);
	o->pkt_dts = f->pkt_dts;
	o->interlaced = vsr_frame_interlaced(f);
	o->top_first = vsr_frame_top_first(f);
	o->key = vsr_frame_key(f);
	o->corrupt = (f->flags & AV_FRAME_FLAG_CORRUPT) || f->decode_error_flags;
	o->matrix = f->colorspace;
	o->range = f->color_range;
	o->primaries = f->color_primaries;
	o->transfer = f->color_trc;
	o->siting = f->chroma_location;
	o->sar_num = f->sample_aspect_ratio.num;
	o->sar_den = f->sample_aspect_ratio.den;
}

void vsr_picture_color(AVFrame *f, int matrix, int range, int primaries, int transfer, int siting) {
	f->colorspace = matrix;
	f->color_range = range;
	f->color_primaries = primaries;
	f->color_trc = transfer;
	f->chroma_location = siting;
}

static int interrupted(void *flag) { return __atomic_load_n((int *)flag, __ATOMIC_RELAXED); }

int *vsr_interrupt_new(AVFormatContext *fc) {
	int *flag = calloc(1, sizeof *flag);
	if (!flag) return NULL;
	fc->interrupt_callback.callback = interrupted;
	fc->interrupt_callback.opaque = flag;
	return flag;
}

// The format context's opaque pointer carries the guard. Playlist formats open contexts of their own, which do not inherit it: decode keeps those
// formats out by its list.
static int (*default_open)(AVFormatContext *, AVIOContext **, const char *, int, AVDictionary **);

static int guarded_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **options) {
	vsr_guard *g = s->opaque;
	if (!g || g->opens >= g->allowed) {
		if (g) g->refused++;
		av_log(s, AV_LOG_ERROR, "refused to open %s, named inside the input\n", url);
		return AVERROR(EACCES);
	}
	g->opens++;
	return default_open(s, pb, url, flags, options);
}

vsr_guard *vsr_guard_new(AVFormatContext *fc) {
	vsr_guard *g = calloc(1, sizeof *g);
	if (!g) return NULL;
	g->allowed = 1;
	__atomic_store_n(&default_open, fc->io_open, __ATOMIC_RELAXED); // the same function for every context
	fc->opaque = g;
	fc->io_open = guarded_open;
	return g;
}

struct SwsContext *vsr_scale_new(int w, int h, int from, int full_in, int dw, int dh, int to, int full_out, int flags) {
	struct SwsContext *s = sws_alloc_context();
	if (!s) return NULL;
	av_opt_set_int(s, "srcw", w, 0);
	av_opt_set_int(s, "srch", h, 0);
	av_opt_set_int(s, "src_format", from, 0);
	av_opt_set_int(s, "src_range", full_in, 0);
	av_opt_set_int(s, "dstw", dw, 0);
	av_opt_set_int(s, "dsth", dh, 0);
	av_opt_set_int(s, "dst_format", to, 0);
	av_opt_set_int(s, "dst_range", full_out, 0);
	av_opt_set_int(s, "sws_flags", flags, 0);
	if (sws_init_context(s, NULL, NULL) < 0) {
		sws_freeContext(s);
		return NULL;
	}
	return s;
}

int vsr_scale_color(struct SwsContext *s, int matrix_in, int full_in, int matrix_out, int full_out) {
	return sws_setColorspaceDetails(s, sws_getCoefficients(matrix_in), full_in, sws_getCoefficients(matrix_out), full_out, 0, 1 << 16, 1 << 16);
}

int vsr_program_of(const AVFormatContext *fc, int stream) {
	for (unsigned i = 0; i < fc->nb_programs; i++) {
		const AVProgram *p = fc->programs[i];
		for (unsigned k = 0; k < p->nb_stream_indexes; k++) {
			if ((int)p->stream_index[k] == stream) return i;
		}
	}
	return -1;
}

int vsr_add_chapter(AVFormatContext *fc, int64_t id, AVRational tb, int64_t start, int64_t end, AVDictionary *meta) {
	AVChapter **list = av_realloc_array(fc->chapters, fc->nb_chapters + 1, sizeof *list);
	if (!list) return AVERROR(ENOMEM);
	fc->chapters = list;
	AVChapter *c = av_mallocz(sizeof *c);
	if (!c) return AVERROR(ENOMEM);
	c->id = id;
	c->time_base = tb;
	c->start = start;
	c->end = end;
	c->metadata = meta;
	list[fc->nb_chapters++] = c;
	return 0;
}

// Keeps the source's codec tag where the output format knows it, else lets the muxer choose (0).
unsigned int vsr_output_tag(const AVOutputFormat *of, enum AVCodecID id, unsigned int tag) {
	unsigned int known;
	if (!of->codec_tag || av_codec_get_id(of->codec_tag, tag) == id || !av_codec_get_tag2(of->codec_tag, id, &known)) return tag;
	return 0;
}

// Matroska stores any audio and video through the tags of other formats; FFmpeg calls that unofficial.
int vsr_query_codec(const AVOutputFormat *of, enum AVCodecID id) {
	return avformat_query_codec(of, id, strcmp(of->name, "matroska") ? FF_COMPLIANCE_NORMAL : FF_COMPLIANCE_UNOFFICIAL);
}

// Writes the header into memory and throws it away, to learn whether the muxer takes these streams.
int vsr_dry_header(AVFormatContext *fc, AVDictionary **opts) {
	int ret = avio_open_dyn_buf(&fc->pb);
	if (ret < 0) return ret;
	ret = avformat_write_header(fc, opts);
	uint8_t *buffer = NULL;
	avio_close_dyn_buf(fc->pb, &buffer);
	fc->pb = NULL;
	av_free(buffer);
	return ret;
}

int vsr_beyond_end(AVFormatContext *fc, AVStream *st) {
	int64_t size = fc->pb ? avio_size(fc->pb) : -1;
	int beyond = 0;
	if (size <= 0) return 0;
	for (int i = 0, n = avformat_index_get_entries_count(st); i < n; i++) {
		const AVIndexEntry *e = avformat_index_get_entry(st, i);
		if (e && (e->pos > size || e->size > size - e->pos)) beyond++;
	}
	return beyond;
}

const char *vsr_input_formats(void) {
	size_t used = 0, room = 8192;
	char *out = malloc(room);
	void *it = NULL;
	const AVInputFormat *f;
	if (!out) return NULL;
	out[0] = 0;
	while ((f = av_demuxer_iterate(&it))) {
		size_t n = strlen(f->name);
		if (used + n + 2 > room) {
			char *more = realloc(out, room *= 2);
			if (!more) break;
			out = more;
		}
		if (used) out[used++] = ',';
		memcpy(out + used, f->name, n + 1);
		used += n;
	}
	return out;
}
