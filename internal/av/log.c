// A bounded, process-wide ring for FFmpeg's warnings and errors, and the first error of each thread since it was forgotten.
#include "av.h"
#include <pthread.h>
#include <stdio.h>

enum { RING = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vsr_line ring[RING];
static int head, filled;
static long long lost;
static __thread char first_error[384];

// The error resilience of FFmpeg's decoders tells of every picture that it mended by a line of this kind. A decoder's own contexts of
// each thread share opaque with the one that was opened, so it leads to the counter of vsr_concealed_new.
static void count_concealed(void *ctx, const char *format) {
	if (!ctx || *(const AVClass **)ctx != avcodec_get_class() || strncmp(format, "concealing ", 11)) return;
	vsr_concealed *c = ((AVCodecContext *)ctx)->opaque;
	if (c) __atomic_add_fetch(&c->pictures, 1, __ATOMIC_RELAXED);
}

vsr_concealed *vsr_concealed_new(AVCodecContext *decoder) { return decoder->opaque = calloc(1, sizeof(vsr_concealed)); }

static void on_log(void *ctx, int level, const char *format, va_list args) {
	count_concealed(ctx, format);
	if (level > AV_LOG_WARNING || level < 0) return;
	char text[384];
	vsnprintf(text, sizeof text, format, args);
	size_t n = strlen(text);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\r')) text[--n] = 0;
	if (n == 0) return;
	if (level <= AV_LOG_ERROR && !first_error[0]) memcpy(first_error, text, sizeof first_error);

	const char *source = "";
	const AVClass *class = ctx ? *(const AVClass **)ctx : NULL;
	if (class && class->item_name) source = class->item_name(ctx);

	pthread_mutex_lock(&lock);
	vsr_line *line = filled ? &ring[(head + filled - 1) % RING] : NULL;
	if (line && !strcmp(line->text, text)) {
		line->count++;
	} else if (filled == RING) {
		lost++;
	} else {
		line = &ring[(head + filled++) % RING];
		line->level = level;
		line->count = 1;
		snprintf(line->source, sizeof line->source, "%s", source ? source : "");
		memcpy(line->text, text, sizeof text);
	}
	pthread_mutex_unlock(&lock);
}

void vsr_log_install(void) { av_log_set_callback(on_log); }

int vsr_log_pop(vsr_line *out) {
	pthread_mutex_lock(&lock);
	int any = filled > 0;
	if (any) {
		*out = ring[head];
		head = (head + 1) % RING;
		filled--;
	}
	pthread_mutex_unlock(&lock);
	return any;
}

long long vsr_log_lost(void) {
	pthread_mutex_lock(&lock);
	long long n = lost;
	lost = 0;
	pthread_mutex_unlock(&lock);
	return n;
}

void vsr_log_forget(void) { first_error[0] = 0; }
const char *vsr_log_first(void) { return first_error; }
