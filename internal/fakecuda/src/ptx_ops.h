// What the PTX interpreter does without looking beyond one warp: registers, arithmetic, conversions, and the race detector.
#pragma once
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ptx.h"
#include "tensor.h"

namespace emu::ptx {

[[noreturn]] inline void wrong(const Instruction& i, const std::string& why) {
  throw Error("PTX line " + std::to_string(i.line) + ": " + why);
}

// Shadow remembers who touched each word of shared memory since the last barrier.
class Shadow {
 public:
  explicit Shadow(size_t bytes) : words_((bytes + 3) / 4) {}
  void barrier() { epoch_++; }
  void read(const Instruction& i, uint64_t at, unsigned bytes, int thread) {
    for (uint64_t w = at / 4; w < (at + bytes + 3) / 4; w++) {
      Word& s = words_[w];
      if (s.write_epoch == epoch_ && s.writer != thread) race(i, w, s.writer, thread);
      if (s.read_epoch != epoch_) s.read_epoch = epoch_, s.reader = thread, s.many = false;
      else if (s.reader != thread) s.many = true;
    }
  }
  void write(const Instruction& i, uint64_t at, unsigned bytes, int thread) {
    for (uint64_t w = at / 4; w < (at + bytes + 3) / 4; w++) {
      Word& s = words_[w];
      if (s.write_epoch == epoch_ && s.writer != thread) race(i, w, s.writer, thread);
      if (s.read_epoch == epoch_ && (s.many || s.reader != thread)) race(i, w, s.reader, thread);
      s.write_epoch = epoch_, s.writer = thread;
    }
  }

 private:
  struct Word {
    uint32_t write_epoch = 0, read_epoch = 0;
    int writer = 0, reader = 0;
    bool many = false;
  };
  std::vector<Word> words_;
  uint32_t epoch_ = 1;

  [[noreturn]] void race(const Instruction& i, uint64_t word, int a, int b) {
    wrong(i, "race on shared byte " + std::to_string(word * 4) + " between threads " + std::to_string(a) + " and " +
                 std::to_string(b));
  }
};

struct Copy {
  uint32_t to;
  uint64_t from;
  bool ok;
};

enum State : uint8_t { RUNNING, AT_BARRIER, AT_WARP, ENDED };

struct Warp {
  std::vector<uint8_t> registers;
  uint32_t pc[32];
  State state[32];
  std::vector<Copy> copies[32];
  int first = 0;  // linear index of lane 0
};

template <class T>
T* row(Warp& w, int r) {
  return (T*)(w.registers.data() + (size_t)r * ROW);
}

template <class F>
inline void each(uint32_t mask, F f) {
  if (mask == ~0u) {
    for (int l = 0; l < 32; l++) f(l);
    return;
  }
  for (; mask; mask &= mask - 1) f(__builtin_ctz(mask));
}

template <class D, class S = D, class F>
void unary(Warp& w, const Instruction& i, uint32_t m, F f) {
  D* d = row<D>(w, i.d);
  const S* a = row<S>(w, i.a);
  each(m, [&](int l) { d[l] = f(a[l]); });
}
template <class T, class D = T, class F>
void binary(Warp& w, const Instruction& i, uint32_t m, F f) {
  D* d = row<D>(w, i.d);
  const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
  each(m, [&](int l) { d[l] = f(a[l], b[l]); });
}
template <class T, class F>
void shifted(Warp& w, const Instruction& i, uint32_t m, F f) {
  T *d = row<T>(w, i.d), *a = row<T>(w, i.a);
  const uint32_t* b = row<uint32_t>(w, i.b);
  each(m, [&](int l) { d[l] = f(a[l], b[l]); });
}

// pick calls f with a value of the C++ type of t; signs matters for integers.
template <class F>
void pick(const Type& t, bool floats, F f) {
  bool s = t.kind == SIGNED;
  switch (t.bits) {
    case 8: return f(uint8_t());
    case 16: return s ? f(int16_t()) : f(uint16_t());
    case 32: return t.kind == FLOAT && floats ? f(float()) : s ? f(int32_t()) : f(uint32_t());
    default: return s ? f(int64_t()) : f(uint64_t());
  }
}

template <class T>
struct Wide {
  typedef std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
                             std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>> type;
};

template <class T>
bool compare(Compare c, T a, T b) {
  bool unordered = a != a || b != b;
  switch (c) {
    case EQ: return a == b;
    case NE: return !unordered && a != b;
    case LT: return a < b;
    case LE: return a <= b;
    case GT: return a > b;
    case GE: return a >= b;
    case LTU: return unordered || a < b;
    case LEU: return unordered || a <= b;
    case GTU: return unordered || a > b;
    case GEU: return unordered || a >= b;
    case EQU: return unordered || a == b;
    case NEU: return unordered || a != b;
  }
  return false;
}

inline void arithmetic(Warp& w, const Instruction& i, uint32_t m) {
  pick(i.type, true, [&](auto zero) {
    typedef decltype(zero) T;
    switch (i.op) {
      case MOV: return unary<T>(w, i, m, [](T a) { return a; });
      case ADD: return binary<T>(w, i, m, [](T a, T b) { return (T)(a + b); });
      case SUB: return binary<T>(w, i, m, [](T a, T b) { return (T)(a - b); });
      case MUL_LO: return binary<T>(w, i, m, [](T a, T b) {
        if constexpr (std::is_floating_point_v<T>) return a * b;
        else return (T)((uint64_t)a * (uint64_t)b);
      });
      case DIV: return binary<T>(w, i, m, [](T a, T b) {
        if constexpr (std::is_floating_point_v<T>) return a / b;
        else return b ? (T)(a / b) : (T)~(T)0;
      });
      case MIN: return binary<T>(w, i, m, [](T a, T b) { return b < a || a != a ? b : a; });
      case MAX: return binary<T>(w, i, m, [](T a, T b) { return b > a || a != a ? b : a; });
      case NEG: return unary<T>(w, i, m, [](T a) { return (T)-a; });
      case SETP: {
        uint8_t* d = row<uint8_t>(w, i.d);
        const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
        each(m, [&](int l) { d[l] = compare(i.compare, a[l], b[l]); });
        return;
      }
      case SELP: {
        T* d = row<T>(w, i.d);
        const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
        const uint8_t* c = row<uint8_t>(w, i.c);
        each(m, [&](int l) { d[l] = c[l] & 1 ? a[l] : b[l]; });
        return;
      }
      case FMA:
      case MAD_LO: {
        T *d = row<T>(w, i.d), *a = row<T>(w, i.a), *b = row<T>(w, i.b), *c = row<T>(w, i.c);
        if constexpr (std::is_floating_point_v<T>) each(m, [&](int l) { d[l] = fmaf(a[l], b[l], c[l]); });
        else each(m, [&](int l) { d[l] = (T)((uint64_t)a[l] * (uint64_t)b[l] + (uint64_t)c[l]); });
        return;
      }
      default: break;
    }
    if constexpr (std::is_integral_v<T>) {
      switch (i.op) {
        case AND: return binary<T>(w, i, m, [](T a, T b) { return (T)(a & b); });
        case OR: return binary<T>(w, i, m, [](T a, T b) { return (T)(a | b); });
        case XOR: return binary<T>(w, i, m, [](T a, T b) { return (T)(a ^ b); });
        case NOT: return unary<T>(w, i, m, [](T a) { return (T)(sizeof(T) == 1 ? !(a & 1) : ~a); });
        case SHL: return shifted<T>(w, i, m, [](T a, uint32_t n) { return n >= sizeof(T) * 8 ? (T)0 : (T)((uint64_t)a << n); });
        case SHR: return shifted<T>(w, i, m, [](T a, uint32_t n) {
          if (n >= sizeof(T) * 8) return std::is_signed_v<T> ? (T)(a >> (sizeof(T) * 8 - 1)) : (T)0;
          return (T)(a >> n);
        });
        case MUL_HI: return binary<T>(w, i, m, [](T a, T b) { return (T)(((__int128)a * b) >> (sizeof(T) * 8)); });
        case MUL_WIDE: {
          typedef typename Wide<T>::type W;
          return binary<T, W>(w, i, m, [](T a, T b) { return (W)((W)a * (W)b); });
        }
        case BFE: {
          T *d = row<T>(w, i.d), *a = row<T>(w, i.a);
          const uint32_t *b = row<uint32_t>(w, i.b), *c = row<uint32_t>(w, i.c);
          if (std::is_signed_v<T> || sizeof(T) < 4) wrong(i, "bfe of this type is not modelled");
          each(m, [&](int l) {
            uint32_t at = b[l] & 255, n = c[l] & 255;
            uint64_t v = at >= sizeof(T) * 8 ? 0 : (uint64_t)a[l] >> at;
            d[l] = (T)(n >= 64 ? v : v & ((1ull << n) - 1));
          });
          return;
        }
        default: break;
      }
    }
    wrong(i, "operation on this type is not modelled");
  });
}

inline void convert(Warp& w, const Instruction& i, uint32_t m) {
  if (i.type.kind == FLOAT && i.type.bits == 16) return unary<uint16_t, float>(w, i, m, float_to_half);
  if (i.from.kind == FLOAT && i.from.bits == 16) return unary<float, uint16_t>(w, i, m, half_to_float);
  pick(i.type, true, [&](auto to) {
    typedef decltype(to) D;
    pick(i.from, true, [&](auto from) {
      typedef decltype(from) S;
      unary<D, S>(w, i, m, [](S a) {
        if constexpr (std::is_floating_point_v<S> && std::is_integral_v<D>) {  // saturates, not a number gives 0
          if (!(a == a)) return (D)0;
          if (a >= (S)std::numeric_limits<D>::max()) return std::numeric_limits<D>::max();
          if (a <= (S)std::numeric_limits<D>::min()) return std::numeric_limits<D>::min();
        }
        return (D)a;
      });
    });
  });
}

}  // namespace emu::ptx
