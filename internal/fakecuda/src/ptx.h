// PTX as the interpreter holds it. Only what clang emits for our kernels is known; the parser refuses the rest.
#pragma once
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine.h"

namespace emu::ptx {

enum Op {
  MOV, ADD, SUB, MUL_LO, MUL_HI, MUL_WIDE, MAD_LO, FMA, DIV, MIN, MAX, NEG, AND, OR, XOR, NOT, SHL, SHR, BFE, SETP, SELP, CVT,
  TO_SHARED, FROM_SHARED, LOAD, STORE, BRANCH, RETURN, BARRIER, LDMATRIX, MMA, COPY_ASYNC, COPY_WAIT, SHUFFLE, UNPACK, PACK
};

enum Kind { UNSIGNED, SIGNED, BITS, FLOAT, PREDICATE };
struct Type {
  Kind kind = BITS;
  int bits = 0;
  bool operator==(const Type& o) const { return kind == o.kind && bits == o.bits; }
};

enum Compare { EQ, NE, LT, LE, GT, GE, LTU, LEU, GTU, GEU, EQU, NEU };
enum Space { GLOBAL, SHARED, PARAM };

// A row holds one register of all 32 lanes, as an array of its own width. Immediates and special registers have rows too.
constexpr int ROW = 256;  // bytes

struct Instruction {
  Op op = MOV;
  Type type, from;         // from: source of cvt
  Compare compare = EQ;
  Space space = GLOBAL;
  int predicate = -1;      // row, -1 always
  bool negate = false;     // run when the predicate is false
  int d = -1, a = -1, b = -1, c = -1;  // rows
  std::vector<int> dv, av, bv, cv;     // rows of vector operands
  std::vector<int> width;  // register bits of dv or av in LOAD and STORE
  bool wide = true;        // the address register has 64 bits
  long long offset = 0;    // of an address, or of a parameter
  int target = -1;         // of a branch
  std::string label;
  int line = 0;
};

struct Constant {
  int row;
  int bits;
  uint64_t value;
};
enum Special { TID_X, TID_Y, TID_Z, CTAID_X, CTAID_Y, CTAID_Z, NCTAID_X, NCTAID_Y, NCTAID_Z, SPECIALS };

struct Program {
  std::string name;
  int max_threads = 0;
  std::vector<int> param_bytes, param_at;
  std::map<std::string, int> param_index;
  std::vector<Instruction> code;
  int rows = 0;
  std::vector<Constant> constants;
  int special[SPECIALS];
  std::string shared_symbol;
};

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// parse reads every entry of a module, or throws Error with line and reason.
std::vector<Program> parse(const std::string& text);

// execute runs a launch, or throws Error.
void execute(const Program&, const Launch&);

}  // namespace emu::ptx
