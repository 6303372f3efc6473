// Side calls for go-astiav. See doc.go.
#ifndef VSR_AV_H
#define VSR_AV_H

#include "compat.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

// One line of FFmpeg's log, with how often it came in a row.
typedef struct vsr_line {
	int level;
	int count;
	char source[32];
	char text[384];
} vsr_line;

void vsr_log_install(void);
int vsr_log_pop(vsr_line *out);      // 1 if a line was taken
long long vsr_log_lost(void);        // lines thrown away since the last call because nobody took them
void vsr_log_forget(void);           // clears this thread's first error
const char *vsr_log_first(void);    // the first error line of this thread since then

// How many pictures a decoder mended. The decoder must not be open yet; the counter is freed by the owner after it.
typedef struct vsr_concealed { long long pictures; } vsr_concealed;
vsr_concealed *vsr_concealed_new(AVCodecContext *decoder);

// What Go needs of a decoded picture, read in one call.
typedef struct vsr_picture {
	uint8_t *data[4];
	int linesize[4];
	int width, height, format;
	int64_t pts, best_effort, duration, pkt_dts;
	int interlaced, top_first, key, corrupt;
	int matrix, range, primaries, transfer, siting;
	int sar_num, sar_den;
} vsr_picture;

void vsr_picture_read(const AVFrame *f, vsr_picture *out);
void vsr_picture_color(AVFrame *f, int matrix, int range, int primaries, int transfer, int siting);

// An interrupt flag that FFmpeg polls; freed by the owner after the context is closed.
int *vsr_interrupt_new(AVFormatContext *fc);

// Refuses every open but the first one of this context: no file may make us read another.
typedef struct vsr_guard { int opens; int allowed; int refused; } vsr_guard;
vsr_guard *vsr_guard_new(AVFormatContext *fc);

// A scaler whose ranges are known when it is made: swscale picks a plain copy then, or not. NULL if it does not know the formats.
struct SwsContext *vsr_scale_new(int w, int h, int from, int full_in, int dw, int dh, int to, int full_out, int flags);
int vsr_scale_color(struct SwsContext *s, int matrix_in, int full_in, int matrix_out, int full_out);
int vsr_program_of(const AVFormatContext *fc, int stream); // index of the first programme that has the stream, -1 without
int vsr_add_chapter(AVFormatContext *fc, int64_t id, AVRational tb, int64_t start, int64_t end, AVDictionary *meta);
unsigned int vsr_output_tag(const AVOutputFormat *of, enum AVCodecID id, unsigned int tag);
int vsr_query_codec(const AVOutputFormat *of, enum AVCodecID id);
int vsr_dry_header(AVFormatContext *fc, AVDictionary **opts);
// How many entries of a stream's index lie beyond the end of the file, in part or whole. 0 where the end is not known.
int vsr_beyond_end(AVFormatContext *fc, AVStream *st);
const char *vsr_input_formats(void); // comma-separated names of all demuxers, to be freed

// Converts the audio of one stream. bits_a_channel is the bit rate of lossy encoders; bits_a_sample the depth of lossless ones, 0 for their own.
typedef struct vsr_audio vsr_audio;
int vsr_audio_open(vsr_audio **res, const AVCodecParameters *par, AVRational tb, const char *encoder, int64_t bits_a_channel, int bits_a_sample, int most_channels);
AVCodecContext *vsr_audio_encoder(vsr_audio *a);
int vsr_audio_send(vsr_audio *a, const AVPacket *p);
int vsr_audio_receive(vsr_audio *a, AVPacket *out);
int vsr_audio_drain(vsr_audio *a);
int vsr_audio_finish(vsr_audio *a);
void vsr_audio_free(vsr_audio *a);

#endif
