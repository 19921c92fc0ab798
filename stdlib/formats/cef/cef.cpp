// cef: ArcSight's Common Event Format, `CEF:0|vendor|product|version|id|name|severity|key=value ...`, with or
// without a header of syslog in front of it.
#include <array>
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/shared/field_list.h"
#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

namespace {

constexpr std::array<const char*, 7> kHeader = {
    "cefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"};
constexpr std::string_view kBegin = "CEF:";

struct CefScratch final : runtime::Scratch {
  FieldList fields;
};

bool is_key_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == '[' || c == ']';
}

std::string_view unescaped(std::string_view text, runtime::Arena& arena) {
  if (text.find('\\') == std::string_view::npos) return text;
  char* const copy = arena.allocate(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size() &&
        std::string_view("\\|=nr").find(text[i + 1]) != std::string_view::npos) {
      c = text[++i];
      if (c == 'n') c = '\n';
      if (c == 'r') c = '\r';
    }
    copy[size++] = c;
  }
  return {copy, size};
}

// The next `wanted` that no backslash escapes; npos: there is none.
std::size_t find_plain(std::string_view text, char wanted, std::size_t at) {
  for (; at < text.size() && text[at] != wanted; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at < text.size() ? at : std::string_view::npos;
}

class CefFormat final : public TextFormat {
 public:
  std::unique_ptr<runtime::Scratch> make_scratch() const override { return std::make_unique<CefScratch>(); }

  std::string_view parse(std::string_view text, runtime::Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    FieldList& fields = static_cast<CefScratch&>(*scratch).fields;
    fields.clear();
    at = 0;
    std::size_t begin = text.find(kBegin);
    while (begin != std::string_view::npos && begin != 0 && text[begin - 1] != ' ')
      begin = text.find(kBegin, begin + 1);
    if (begin == std::string_view::npos) return "no header 'CEF:'";
    at = begin + kBegin.size();
    for (std::size_t i = 0; i < kHeader.size(); ++i) {
      std::size_t end = find_plain(text, '|', at);
      // Nothing need follow the severity.
      if (end == std::string_view::npos && i + 1 == kHeader.size()) end = text.size();
      if (end == std::string_view::npos) return "the header ends too early";
      fields.set(kHeader[i], unescaped(text.substr(at, end - at), fields.arena()));
      at = end < text.size() ? end + 1 : end;
    }
    if (const char* const reason = extension(text, fields, at)) return reason;
    fields.append_to(out);
    return {};
  }

 private:
  // key=value key=value: a value goes up to the next key, spaces included.
  static const char* extension(std::string_view text, FieldList& fields, std::size_t& at) {
    while (at < text.size() && text[at] == ' ') ++at;
    while (at < text.size()) {
      const std::size_t begin = at;
      while (at < text.size() && is_key_byte(text[at])) ++at;
      const std::string_view key = text.substr(begin, at - begin);
      if (key.empty() || at == text.size() || text[at] != '=') return at = begin, "expected key=value";
      const std::size_t value = ++at;
      std::size_t next = find_plain(text, '=', at);
      std::size_t end = text.size();
      if (next != std::string_view::npos) {
        std::size_t key_begin = next;
        while (key_begin > value && is_key_byte(text[key_begin - 1])) --key_begin;
        if (key_begin == next || key_begin == value || text[key_begin - 1] != ' ')
          return at = next, "a = in a value must be written \\=";
        end = key_begin - 1;
        next = key_begin;
      } else {
        next = text.size();
      }
      std::string_view found = text.substr(value, end - value);
      while (found.ends_with(' ')) found.remove_suffix(1);
      fields.set(key, unescaped(found, fields.arena()));
      at = next;
    }
    return nullptr;
  }
};

}  // namespace

void register_cef_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "cef";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of an event of ArcSight's CEF: its header and the keys of its extension";
  parse.options = text_format_options({});
  parse.makes_strings = true;
  parse.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return make_text_stage("cef", options, std::make_unique<CefFormat>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
