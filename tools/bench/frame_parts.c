// Times the three parts of a fused block (depthwise, LeakyReLU, 3x3 convolution, sum) by themselves, 32 channels, in cycles of the
// core for a tile of 4x4 pixels and 16 channels, and the output transform of the last layer for a whole tile. Needs AVX512_BF16.
//
//   gcc -O2 -Iinternal/conv/native -o build/frame_parts tools/bench/frame_parts.c && build/frame_parts
#include "frame_avx512bf16_amd64.c"
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

enum { WIDTH = 320, HEIGHT = 8, C = 32, K = 48, BLOCKS = WIDTH / 4 / FRAME_TILES, ROUNDS = 2000 };

static uint64_t ticks(void) {
    unsigned cpu;
    _mm_lfence();
    uint64_t t = __rdtscp(&cpu);
    _mm_lfence();
    return t;
}

// The fewest ticks that something took: other programs only add.
#define LEAST(best, what) do { \
        best = ~0ull; \
        for (int round = 0; round < ROUNDS; round++) { \
            uint64_t began = ticks(); \
            for (int b = 0; b < BLOCKS; b++) { what; } \
            uint64_t spent = ticks() - began; \
            if (spent < best) best = spent; \
        } \
    } while (0)
#define PRINT(name, n, what) do { \
        uint64_t best; \
        LEAST(best, what); \
        printf("%-58s %6.1f\n", name, (double)best / tick / (BLOCKS * (n))); \
    } while (0)

static void *zeros(size_t n) {
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);
    if (!p) abort();
    return memset(p, 0, n);
}

int main(void) {
    const size_t pitch = (WIDTH + 2 * FRAME_PAD) * C * 2, large = WIDTH * 4 * 3 * 4, small = WIDTH * 3 * 4;
    struct frame_conv a = {
        .dst = {zeros(pitch * HEIGHT), pitch, 0}, .src = {zeros(pitch * HEIGHT), pitch, 0}, .add = {zeros(pitch * HEIGHT), pitch, 0},
        .taps = zeros(9 * C * 4), .u = zeros(36 * C * C * 2), .bias = zeros(K * 4),
        .h = HEIGHT, .w = WIDTH, .c = C, .k = C, .x1 = WIDTH, .half = 1, .bf16 = 1,
    };
    struct frame_conv last = a;
    last.dst = (struct frame_map){zeros(large * 4 * HEIGHT), large, 0};
    last.add = (struct frame_map){zeros(small * HEIGHT), small, 0};
    last.k = K, last.shuffle = 4;
    struct frame_group g = {.rows = HEIGHT, .carry = zeros(FRAME_CARRY * C * 4)};
    for (int i = 0; i < 6; i++) g.r[i] = frame_row(&a.src, i);
    for (int i = 0; i < 2; i++) g.last[i] = zeros(frame_line(WIDTH, C));
    void *V = zeros(frame_points(C)), *M = zeros(frame_points(K));

    uint64_t clock;
    LEAST(clock, call_frame_clock(20000));
    const double tick = (double)clock / (20000.0 * BLOCKS); // ticks of the counter in a cycle
    PRINT("input transform with depthwise, bfloat16", 2 * FRAME_TILES, frame_input_111(&a, &g, FRAME_TILES * b, FRAME_TILES, V));
    PRINT("input transform alone, bfloat16", 2 * FRAME_TILES, frame_input_110(&a, &g, FRAME_TILES * b, FRAME_TILES, V));
    PRINT("products, bfloat16 (288 at two a cycle)", 2 * FRAME_TILES, frame_products_bf16[1][FRAME_TILES - 1](V, a.u, a.bias, M, C, C));
    PRINT("output transform with the sum", 2 * FRAME_TILES, frame_output_110(&a, M, 0, FRAME_TILES * b, FRAME_TILES));
    PRINT("last layer: output transform into the picture, a whole tile", FRAME_TILES, frame_output_shuffle(&last, M, 0, FRAME_TILES * b, FRAME_TILES));
}
