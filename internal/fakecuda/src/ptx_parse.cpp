#include "ptx_entry.h"

namespace emu::ptx {
namespace {

std::string without_comments(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '/' && i + 1 < text.size() && text[i + 1] == '/')
      while (i < text.size() && text[i] != '\n') i++;
    if (i < text.size()) out += text[i];
  }
  return out;
}

// body feeds the text between the braces of an entry to the parser and returns the position after it.
size_t body(EntryParser& parser, const std::string& text, size_t at, int line) {
  std::string current;
  int depth = 1, inside = 0, start = line;
  for (; depth; at++) {
    if (at >= text.size()) bad("an entry does not end");
    char c = text[at];
    if (c == '\n') line++;
    bool blank = trim(current).empty();
    if (c == '{' && blank) {
      depth++, parser.open();
    } else if (c == '}' && !inside) {
      if (!blank) bad("line " + std::to_string(line) + ": missing ;");
      depth--, parser.close();
    } else if (c == ';') {
      parser.statement(current, start);
      current.clear();
    } else if (c == ':' && !inside && trim(current).find_first_of(" \t") == std::string::npos) {
      parser.label(trim(current));
      current.clear();
    } else {
      inside += (c == '{') - (c == '}');
      if (blank) start = line;
      current += c;
    }
  }
  return at;
}

void parameters(Program& p, const std::string& list) {
  int at = 0;
  for (const std::string& one : split(list, ',')) {
    size_t name = one.find_last_of(" \t");
    std::vector<std::string> words = split(one.substr(0, name), ' ');
    Type t;
    if (words.size() < 2 || words[0] != ".param" || !type_of(words[1].substr(1), t)) bad("unknown parameter " + one);
    int bytes = t.bits / 8;
    at = (at + bytes - 1) / bytes * bytes;
    p.param_index[trim(one.substr(name))] = (int)p.param_at.size();
    p.param_at.push_back(at);
    p.param_bytes.push_back(bytes);
    at += bytes;
  }
}

}  // namespace

std::vector<Program> parse(const std::string& source) {
  std::string text = without_comments(source), shared;
  if (text.find(".version") == std::string::npos || text.find(".target") == std::string::npos) bad("not PTX");
  size_t ext = text.find(".extern .shared");
  if (ext != std::string::npos) {
    size_t bracket = text.find('[', ext), name = text.find_last_of(" \t", bracket) + 1;
    shared = text.substr(name, bracket - name);
  }
  std::vector<Program> programs;
  for (size_t at = 0; (at = text.find(".entry", at)) != std::string::npos;) {
    size_t open = text.find('(', at), close = text.find(')', open), brace = text.find('{', close);
    if (brace == std::string::npos) bad("an entry without body");
    Program p;
    p.name = trim(text.substr(at + 6, open - at - 6));
    p.shared_symbol = shared;
    parameters(p, text.substr(open + 1, close - open - 1));
    std::string attributes = text.substr(close + 1, brace - close - 1);
    size_t threads = attributes.find(".maxntid");
    if (threads != std::string::npos) p.max_threads = atoi(attributes.c_str() + threads + 8);
    int line = 1;
    for (size_t i = 0; i < brace; i++) line += text[i] == '\n';
    EntryParser parser(p);
    at = body(parser, text, brace + 1, line);
    parser.finish();
    programs.push_back(std::move(p));
  }
  if (programs.empty()) bad("no entry");
  return programs;
}

}  // namespace emu::ptx
