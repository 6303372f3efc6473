// Pieces of text that the parser of PTX cuts and names.
#pragma once
#include "ptx.h"

namespace emu::ptx {

[[noreturn]] inline void bad(const std::string& why) { throw Error(why); }

inline std::string trim(const std::string& s) {
  size_t a = s.find_first_not_of(" \t\r\n"), b = s.find_last_not_of(" \t\r\n");
  return a == std::string::npos ? "" : s.substr(a, b - a + 1);
}

// split cuts at sep outside of brackets.
inline std::vector<std::string> split(const std::string& s, char sep) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (char c : s) {
    depth += (c == '{' || c == '[' || c == '(') - (c == '}' || c == ']' || c == ')');
    if (c == sep && depth == 0) {
      parts.push_back(trim(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trim(part).empty()) parts.push_back(trim(part));
  return parts;
}

inline bool type_of(const std::string& s, Type& t) {
  static const std::map<std::string, Type> all = {
      {"u8", {UNSIGNED, 8}},   {"u16", {UNSIGNED, 16}}, {"u32", {UNSIGNED, 32}}, {"u64", {UNSIGNED, 64}},
      {"s8", {SIGNED, 8}},     {"s16", {SIGNED, 16}},   {"s32", {SIGNED, 32}},   {"s64", {SIGNED, 64}},
      {"b8", {BITS, 8}},       {"b16", {BITS, 16}},     {"b32", {BITS, 32}},     {"b64", {BITS, 64}},
      {"f16", {FLOAT, 16}},    {"f32", {FLOAT, 32}},    {"pred", {PREDICATE, 8}},
  };
  auto i = all.find(s);
  if (i == all.end()) return false;
  t = i->second;
  return true;
}

}  // namespace emu::ptx
