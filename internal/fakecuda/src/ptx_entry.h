// One entry of a PTX module: registers, operands and the forms of instructions that the interpreter knows. The rest is refused.
#pragma once
#include <cstdlib>
#include <cstring>

#include "ptx_text.h"

namespace emu::ptx {

struct Register {
  int row, bits;
};

class EntryParser {
 public:
  explicit EntryParser(Program& p) : p_(p) {
    scopes_.emplace_back();
    for (int i = 0; i < SPECIALS; i++) p_.special[i] = p_.rows++;
  }

  void open() { scopes_.emplace_back(); }
  void close() { scopes_.pop_back(); }
  void label(const std::string& name) {
    if (!labels_.emplace(name, (int)p_.code.size()).second) bad("label " + name + " twice");
  }

  void statement(const std::string& raw, int line) {
    std::string s = trim(raw);
    try {
      if (s.empty()) return;
      if (s[0] == '.') return directive(s);
      instruction(s, line);
    } catch (Error& e) {
      bad("line " + std::to_string(line) + ": " + e.what() + ": " + s);
    }
  }

  void finish() {
    for (Instruction& i : p_.code)
      if (i.op == BRANCH) {
        auto l = labels_.find(i.label);
        if (l == labels_.end()) bad("unknown label " + i.label);
        i.target = l->second;
      }
    if (p_.code.empty() || p_.code.back().op != RETURN) bad("entry " + p_.name + " does not end with ret");
  }

 private:
  Program& p_;
  std::vector<std::map<std::string, Register>> scopes_;
  std::map<std::string, int> labels_;
  std::map<std::pair<int, uint64_t>, int> constants_;

  // The instruction being decoded.
  std::string op_;
  std::vector<std::string> mods_, args_;
  std::vector<Type> types_;

  void directive(const std::string& s) {
    if (s == ".pragma \"nounroll\"") return;
    if (s.rfind(".reg", 0) != 0) bad("unknown directive");
    std::string rest = trim(s.substr(4));
    size_t space = rest.find_first_of(" \t");
    Type t;
    if (space == std::string::npos || rest[0] != '.' || !type_of(rest.substr(1, space - 1), t)) bad("unknown register type");
    for (const std::string& n : split(rest.substr(space), ',')) {
      size_t angle = n.find('<');
      if (angle == std::string::npos) {
        scopes_.back()[n] = {p_.rows++, t.bits};
        continue;
      }
      for (int i = 0, count = atoi(n.c_str() + angle + 1); i < count; i++)
        scopes_.back()[n.substr(0, angle) + std::to_string(i)] = {p_.rows++, t.bits};
    }
  }

  const Register* find(const std::string& name) const {
    for (size_t i = scopes_.size(); i-- > 0;) {
      auto r = scopes_[i].find(name);
      if (r != scopes_[i].end()) return &r->second;
    }
    return nullptr;
  }

  int constant(uint64_t value, int bits) {
    if (bits < 64) value &= (1ull << bits) - 1;
    auto [it, fresh] = constants_.emplace(std::make_pair(bits, value), p_.rows);
    if (fresh) p_.constants.push_back({p_.rows++, bits, value});
    return it->second;
  }

  int special(const std::string& s) const {
    static const char* names[SPECIALS] = {"%tid.x",   "%tid.y",   "%tid.z",    "%ctaid.x", "%ctaid.y",
                                          "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z"};
    for (int i = 0; i < SPECIALS; i++)
      if (s == names[i]) return p_.special[i];
    return -1;
  }

  // source is an operand that is read as `bits` wide: a register, an immediate, a special register or the shared symbol.
  int source(const std::string& s, int bits) {
    if (const Register* r = find(s)) {
      if (r->bits != bits) bad("register " + s + " has " + std::to_string(r->bits) + " bits, want " + std::to_string(bits));
      return r->row;
    }
    if (special(s) >= 0 && bits == 32) return special(s);
    if (s == p_.shared_symbol && bits == 64) return constant(0, 64);
    if (s.rfind("0f", 0) == 0 && s.size() == 10 && bits == 32) return constant(strtoull(s.c_str() + 2, nullptr, 16), 32);
    char* end = nullptr;
    uint64_t v = s[0] == '-' ? (uint64_t)strtoll(s.c_str(), &end, 0) : strtoull(s.c_str(), &end, 0);
    if (s.empty() || *end) bad("unknown operand " + s);
    return constant(v, bits);
  }

  int target(const std::string& s, int bits) {
    const Register* r = find(s);
    if (!r) bad("undeclared register " + s);
    if (r->bits != bits) bad("register " + s + " has " + std::to_string(r->bits) + " bits, want " + std::to_string(bits));
    return r->row;
  }

  std::vector<int> vector(const std::string& s, size_t count, int bits) {
    if (s.size() < 2 || s[0] != '{' || s.back() != '}') bad("want a vector of registers");
    std::vector<int> rows;
    for (const std::string& e : split(s.substr(1, s.size() - 2), ',')) rows.push_back(target(e, bits));
    if (rows.size() != count) bad("vector of " + std::to_string(rows.size()) + " registers, want " + std::to_string(count));
    return rows;
  }

  // address reads [base], [base+offset] or [parameter+offset].
  void address(const std::string& s, Instruction& i, int bits) {
    if (s.size() < 2 || s[0] != '[' || s.back() != ']') bad("want an address");
    std::string in = s.substr(1, s.size() - 2);
    size_t plus = in.find('+');
    std::string base = trim(in.substr(0, plus));
    if (plus != std::string::npos) i.offset = strtoll(in.c_str() + plus + 1, nullptr, 0);
    if (i.space == PARAM) {
      auto p = p_.param_index.find(base);
      if (p == p_.param_index.end()) bad("unknown parameter " + base);
      if (i.offset || p_.param_bytes[p->second] * 8 != i.type.bits) bad("parameter read with another width");
      i.offset = p_.param_at[p->second];
      return;
    }
    i.a = source(base, bits);
  }

  void want(size_t operands) const {
    if (args_.size() != operands) bad("wants " + std::to_string(operands) + " operands");
  }

  // modifiers must be exactly these, in this order, types left out.
  void modifiers(std::initializer_list<const char*> want) const {
    std::vector<std::string> rest;
    Type t;
    for (const std::string& m : mods_)
      if (!type_of(m, t)) rest.push_back(m);
    if (rest != std::vector<std::string>(want.begin(), want.end())) bad("unknown form of " + op_);
  }
  bool form(const std::string& s) const {
    std::string j;
    for (const std::string& m : mods_) j += "." + m;
    return j == s;
  }
  Type type(size_t n = 0) const {
    if (n >= types_.size()) bad("no type");
    return types_[n];
  }

  void instruction(std::string s, int line) {
    Instruction i;
    i.line = line;
    if (s[0] == '@') {
      size_t space = s.find_first_of(" \t");
      if (space == std::string::npos) bad("no instruction after the predicate");
      i.negate = s[1] == '!';
      i.predicate = target(s.substr(1 + i.negate, space - 1 - i.negate), 8);
      s = trim(s.substr(space));
    }
    size_t end = s.find_first_of(" \t");
    std::vector<std::string> words = split(s.substr(0, end), '.');
    op_ = words[0];
    mods_.assign(words.begin() + 1, words.end());
    args_ = end == std::string::npos ? std::vector<std::string>() : split(s.substr(end), ',');
    types_.clear();
    Type t;
    for (const std::string& m : mods_)
      if (type_of(m, t)) types_.push_back(t);
    if (!memory(i) && !control(i) && !convert(i) && !arithmetic(i)) bad("unknown opcode " + op_);
    p_.code.push_back(std::move(i));
  }

  bool arithmetic(Instruction& i) {
    struct Form {
      Op op;
      const char* mod;   // required modifier, "" none
      int sources;
      bool integers, floats, predicates;
    };
    static const std::multimap<std::string, Form> forms = {
        {"mov", {MOV, "", 1, true, true, true}},     {"add", {ADD, "", 2, true, false, false}},
        {"add", {ADD, "rn", 2, false, true, false}}, {"sub", {SUB, "", 2, true, false, false}},
        {"sub", {SUB, "rn", 2, false, true, false}}, {"mul", {MUL_LO, "rn", 2, false, true, false}},
        {"mul", {MUL_LO, "lo", 2, true, false, false}}, {"mul", {MUL_HI, "hi", 2, true, false, false}},
        {"mad", {MAD_LO, "lo", 3, true, false, false}}, {"fma", {FMA, "rn", 3, false, true, false}},
        {"div", {DIV, "rn", 2, false, true, false}}, {"div", {DIV, "", 2, true, false, false}},
        {"min", {MIN, "", 2, true, true, false}},    {"max", {MAX, "", 2, true, true, false}},
        {"neg", {NEG, "", 1, true, true, false}},    {"and", {AND, "", 2, true, false, true}},
        {"or", {OR, "", 2, true, false, true}},      {"xor", {XOR, "", 2, true, false, true}},
        {"not", {NOT, "", 1, true, false, true}},    {"shl", {SHL, "", 2, true, false, false}},
        {"shr", {SHR, "", 2, true, false, false}},   {"bfe", {BFE, "", 3, true, false, false}},
        {"selp", {SELP, "", 3, true, true, false}},
    };
    if (op_ == "setp") return setp(i);
    if (op_ == "mul" && !mods_.empty() && mods_[0] == "wide") {
      modifiers({"wide"});
      i.op = MUL_WIDE, i.type = type();
      want(3);
      if (i.type.bits > 32) bad("mul.wide of 64 bits");
      i.d = target(args_[0], i.type.bits * 2), i.a = source(args_[1], i.type.bits), i.b = source(args_[2], i.type.bits);
      return true;
    }
    if (op_ == "mov" && !args_.empty() && (args_[0][0] == '{' || (args_.size() > 1 && args_[1][0] == '{'))) return move_vector(i);
    auto range = forms.equal_range(op_);
    for (auto f = range.first; f != range.second; ++f) {
      const Form& w = f->second;
      i.type = type();
      bool kind = i.type.kind == FLOAT ? w.floats && i.type.bits == 32 : i.type.kind == PREDICATE ? w.predicates : w.integers;
      std::vector<std::string> rest;
      Type t;
      for (const std::string& m : mods_)
        if (!type_of(m, t)) rest.push_back(m);
      if (!kind || rest != (*w.mod ? std::vector<std::string>{w.mod} : std::vector<std::string>{})) continue;
      want(w.sources + 1);
      i.op = w.op;
      int bits = i.type.bits, shift = i.op == SHL || i.op == SHR || i.op == BFE ? 32 : bits;
      i.d = target(args_[0], bits);
      i.a = source(args_[1], bits);
      if (w.sources > 1) i.b = source(args_[2], shift);
      if (w.sources > 2) i.c = source(args_[3], i.op == SELP ? 8 : shift);
      return true;
    }
    if (range.first != range.second) bad("unknown form of " + op_);
    return false;
  }

  bool setp(Instruction& i) {
    static const std::map<std::string, Compare> names = {{"eq", EQ},   {"ne", NE},   {"lt", LT},   {"le", LE},
                                                         {"gt", GT},   {"ge", GE},   {"ltu", LTU}, {"leu", LEU},
                                                         {"gtu", GTU}, {"geu", GEU}, {"equ", EQU}, {"neu", NEU}};
    i.op = SETP, i.type = type();
    want(3);
    if (mods_.size() != 2 || !names.count(mods_[0])) bad("unknown form of setp");
    i.compare = names.at(mods_[0]);
    if (i.compare > GE && i.type.kind != FLOAT) bad("unordered comparison of integers");
    if (i.type.kind == FLOAT && i.type.bits != 32) bad("unknown form of setp");
    i.d = target(args_[0], 8), i.a = source(args_[1], i.type.bits), i.b = source(args_[2], i.type.bits);
    return true;
  }

  bool move_vector(Instruction& i) {
    modifiers({});
    want(2);
    if (type().bits != 32) bad("vector move of other than 32 bits");
    i.op = args_[0][0] == '{' ? UNPACK : PACK;
    if (i.op == UNPACK) i.dv = vector(args_[0], 2, 16), i.a = source(args_[1], 32);
    else i.d = target(args_[0], 32), i.av = vector(args_[1], 2, 16);
    return true;
  }

  bool convert(Instruction& i) {
    if (op_ == "cvta") {
      want(2);
      i.op = form(".to.shared.u64") ? TO_SHARED : form(".shared.u64") ? FROM_SHARED : MOV;
      if (i.op == MOV && !form(".to.global.u64") && !form(".global.u64")) bad("unknown form of cvta");
      i.type = {BITS, 64};
      i.d = target(args_[0], 64), i.a = source(args_[1], 64);
      return true;
    }
    if (op_ != "cvt") return false;
    want(2);
    i.op = CVT, i.type = type(0), i.from = type(1);
    bool to_float = i.type.kind == FLOAT, from_float = i.from.kind == FLOAT;
    if (to_float && from_float) {
      if (i.type.bits == 16) modifiers({"rn"});
      else modifiers({});
      if (i.type.bits == i.from.bits) bad("unknown form of cvt");
    } else if (to_float) {
      modifiers({"rn"});
    } else if (from_float) {
      modifiers({"rzi"});
    } else {
      modifiers({});
    }
    if ((to_float != from_float) && (to_float ? i.type : i.from).bits != 32) bad("unknown form of cvt");
    i.d = target(args_[0], i.type.bits), i.a = source(args_[1], i.from.bits);
    return true;
  }

  bool control(Instruction& i) {
    if (op_ == "bra") {
      if (!form("") && !form(".uni")) bad("unknown form of bra");
      want(1);
      i.op = BRANCH, i.label = args_[0];
    } else if (op_ == "ret") {
      want(0);
      i.op = RETURN;
    } else if (op_ == "bar") {
      want(1);
      if (!form(".sync") || args_[0] != "0" || i.predicate >= 0) bad("unknown form of bar");
      i.op = BARRIER;
    } else if (op_ == "shfl") {
      want(5);
      if (!form(".sync.bfly.b32") || args_[3] != "31" || (args_[4] != "0xffffffff" && args_[4] != "-1") || i.predicate >= 0)
        bad("unknown form of shfl");
      i.op = SHUFFLE, i.d = target(args_[0], 32), i.a = source(args_[1], 32), i.b = source(args_[2], 32);
    } else if (op_ == "mma") {
      want(4);
      int k = form(".sync.aligned.m16n8k16.row.col.f32.f16.f16.f32") ? 16
              : form(".sync.aligned.m16n8k8.row.col.f32.f16.f16.f32") ? 8 : 0;
      if (!k || i.predicate >= 0) bad("unknown form of mma");
      i.op = MMA, i.offset = k;
      i.dv = vector(args_[0], 4, 32), i.av = vector(args_[1], k / 4, 32), i.bv = vector(args_[2], k / 8, 32);
      i.cv = vector(args_[3], 4, 32);
    } else {
      return false;
    }
    return true;
  }

  bool memory(Instruction& i) {
    if (op_ == "ldmatrix") {
      want(2);
      if (!form(".sync.aligned.m8n8.x4.shared.b16") || i.predicate >= 0) bad("unknown form of ldmatrix");
      i.op = LDMATRIX, i.dv = vector(args_[0], 4, 32);
      i.space = SHARED;
      address(args_[1], i, 32);
      return true;
    }
    if (op_ == "cp") {
      if (form(".async.wait_all")) {
        want(0);
        i.op = COPY_WAIT;
        return true;
      }
      want(4);
      if (!form(".async.cg.shared.global") || args_[2] != "16") bad("unknown form of cp");
      i.op = COPY_ASYNC, i.c = source(args_[3], 32);
      i.space = SHARED;
      address(args_[0], i, 32);
      if (i.offset) bad("cp.async with an offset");
      i.d = i.a;
      address(args_[1], i, 64);
      return true;
    }
    if (op_ != "ld" && op_ != "st") return false;
    want(2);
    i.op = op_ == "ld" ? LOAD : STORE;
    i.type = type();
    size_t count = 1;
    std::vector<std::string> rest;
    Type t;
    for (const std::string& m : mods_) {
      if (m == "v2" || m == "v4") count = m[1] - '0';
      else if (!type_of(m, t)) rest.push_back(m);
    }
    std::string joined = rest.empty() ? "" : rest[0] + (rest.size() > 1 ? "." + rest[1] : "");
    if (rest.size() > 2) bad("unknown form of " + op_);
    if (joined == "global" || (joined == "global.nc" && i.op == LOAD)) i.space = GLOBAL;
    else if (joined == "shared") i.space = SHARED;
    else if (joined == "param" && i.op == LOAD) i.space = PARAM;
    else bad("unknown form of " + op_);
    const std::string& mem = args_[i.op == STORE ? 0 : 1];
    const std::string& reg = args_[i.op == STORE ? 1 : 0];
    const Register* base = find(trim(mem.substr(1, mem.find_first_of("+]") - 1)));
    i.wide = !(i.space == SHARED && base && base->bits == 32);
    address(mem, i, i.wide ? 64 : 32);
    if (count > 1) {
      i.dv = vector(reg, count, i.type.bits);
    } else {  // a register may be wider than what is loaded or stored
      const Register* r = find(reg);
      if (!r && i.op == STORE) i.dv = {source(reg, i.type.bits)};
      else if (!r || r->bits < i.type.bits) bad("register " + reg + " does not fit");
      else i.dv = {r->row};
      i.width = {r ? r->bits : i.type.bits};
    }
    if (i.width.empty()) i.width.assign(count, i.type.bits);
    return true;
  }
};

}  // namespace emu::ptx
