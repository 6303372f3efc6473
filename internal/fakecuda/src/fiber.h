// The source-level engine: every CUDA thread is a fiber, blocks run one after another, threads run between barriers in a seeded
// random order, and warp-wide instructions are collectives that the last lane to arrive carries out.
#pragma once
#include <functional>
#include <string>
#include "engine.h"

namespace emu {

struct Block {
  Dim index, size, grid;
  uint8_t* shared = nullptr;
  size_t shared_bytes = 0;
};

struct Thread {
  Dim index;
  Block* block = nullptr;
};

Thread& self();

// barrier is __syncthreads. site tells barriers apart, so that divergent ones are found.
void barrier(int site);

// fail ends the launch with a message.
[[noreturn]] void fail(const char* what);

// Warp-wide operations: all 32 lanes must arrive, from the same kind of call.
void warp_ldmatrix(uint32_t (&out)[4], const uint8_t (&row)[16]);
void warp_mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
float warp_shuffle_xor(float v, uint32_t mask);

// Asynchronous copies land at copy_wait of the same thread; store is how the dialect writes shared memory.
void copy_async(uint8_t* dst, const uint8_t* src, bool ok);
void copy_wait(void (*store)(uint8_t* dst, const uint8_t* src, bool ok));

// run_grid executes kernel for every thread. The result is empty or says what went wrong.
std::string run_grid(const std::function<void()>& kernel, const Launch&);

}  // namespace emu
