package av

/*
#include <malloc.h>

static void vsr_bound_arenas(void) {
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

static void vsr_trim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

// BoundArenas keeps glibc from giving each of FFmpeg's threads a heap of its own: every encoder that is opened and closed
// would leave one behind, and a long run would seem to grow. It also holds the size from which a block gets pages of its own at
// 128 KiB. By itself glibc raises it to the largest block that was freed, a frame say, and then the muxer's index, which grows by 64 KiB
// at a time, wanders through the heap and leaves as much behind as it holds. Call it once at start.
func BoundArenas() { C.vsr_bound_arenas() }

// Trim hands memory that FFmpeg has freed back to the system, after something large was closed.
func Trim() { C.vsr_trim() }
