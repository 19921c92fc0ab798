#include "stdlib/formats/kv/pairs.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "pipec/runtime/json.h"
#include "stdlib/formats/shared/field_list.h"

namespace pipec::stdlib {

namespace {

struct PairsScratch final : runtime::Scratch {
  FieldList fields;
  std::string reason;
};

class PairsFormat final : public TextFormat {
 public:
  explicit PairsFormat(PairsSyntax syntax) : syntax_(std::move(syntax)) {
    if (syntax_.field.empty()) {
      for (const char c : {' ', '\t', '\n', '\v', '\f', '\r'})
        begins_field_[static_cast<unsigned char>(c)] = true;
    } else {
      begins_field_[static_cast<unsigned char>(syntax_.field[0])] = true;
    }
    begins_either_ = begins_field_;
    begins_either_[static_cast<unsigned char>(syntax_.value[0])] = true;
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override { return std::make_unique<PairsScratch>(); }

  std::string_view parse(std::string_view text, runtime::Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    auto& own = static_cast<PairsScratch&>(*scratch);
    FieldList& fields = own.fields;
    fields.clear();
    bool pair = false;
    for (at = 0;;) {
      while (at < text.size() && is_field_end(text, at)) at += field_size();
      if (at == text.size()) break;
      std::string_view key;
      if (const char* const reason = take_key(text, fields, key, at)) return reason;
      if (!text.substr(at).starts_with(syntax_.value)) {
        fields.set(key, "true", FieldList::Kind::json);
        continue;
      }
      pair = true;
      at += syntax_.value.size();
      if (at < text.size() && text[at] == '"') {
        std::string_view value;
        if (const char* const reason = take_quoted(text, fields, value, at)) return reason;
        if (at < text.size() && !is_field_end(text, at)) return "text after a closing quote";
        fields.set(key, value);
        continue;
      }
      const std::size_t begin = at;
      while (at < text.size() && !is_field_end(text, at)) ++at;
      fields.set(key, text.substr(begin, at - begin));
    }
    if (!pair) {
      at = 0;
      own.reason = fmt::format("no key{}value", syntax_.value);
      return own.reason;
    }
    fields.append_to(out, syntax_.typed);
    return {};
  }

 private:
  using CharSet = std::array<bool, 256>;
  static bool has(const CharSet& set, char c) { return set[static_cast<unsigned char>(c)]; }

  std::size_t field_size() const { return syntax_.field.empty() ? 1 : syntax_.field.size(); }
  bool is_field_end(std::string_view text, std::size_t at) const {
    return has(begins_field_, text[at]) &&
           (syntax_.field.size() < 2 || text.substr(at).starts_with(syntax_.field));
  }

  // Null, or why there is none at `at`.
  const char* take_key(std::string_view text, FieldList& fields, std::string_view& key,
                       std::size_t& at) const {
    const std::size_t begin = at;
    if (syntax_.quoted_keys && text[at] == '"') {
      if (const char* const reason = take_quoted(text, fields, key, at)) return reason;
      const bool ends =
          at == text.size() || is_field_end(text, at) || text.substr(at).starts_with(syntax_.value);
      return ends ? nullptr : "text after a closing quote";
    }
    for (; at < text.size(); ++at) {
      if (!has(begins_either_, text[at])) continue;
      if (is_field_end(text, at) || text.substr(at).starts_with(syntax_.value)) break;
    }
    key = text.substr(begin, at - begin);
    return key.empty() ? "a value without a key" : nullptr;
  }

  // The string that begins with the quote at text[at]; moves past the closing one.
  static const char* take_quoted(std::string_view text, FieldList& fields, std::string_view& value,
                                 std::size_t& at) {
    bool escaped = false;
    std::size_t close = at + 1;
    for (; close < text.size() && text[close] != '"'; ++close) {
      if (text[close] != '\\') continue;
      escaped = true;
      ++close;
    }
    if (close >= text.size()) return "the quote is not closed";
    const std::string_view quoted = text.substr(at, close + 1 - at);
    at = close + 1;
    value = quoted.substr(1, quoted.size() - 2);
    if (escaped) value = unescaped(quoted, fields.arena());
    return nullptr;
  }

  static std::string_view unescaped(std::string_view quoted, runtime::Arena& arena) {
    if (const auto string = runtime::read_json(quoted)) return runtime::decode_string(*string, arena);
    // No JSON string (a control character, an unknown escape): the backslashes of quotes and backslashes go.
    const std::string_view inside = quoted.substr(1, quoted.size() - 2);
    char* const text = arena.allocate(inside.size());
    std::size_t size = 0;
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (inside[i] == '\\' && i + 1 < inside.size() && (inside[i + 1] == '"' || inside[i + 1] == '\\')) ++i;
      text[size++] = inside[i];
    }
    return {text, size};
  }

  const PairsSyntax syntax_;
  CharSet begins_field_{};
  CharSet begins_either_{};  // a field's or a value's separator
};

}  // namespace

std::unique_ptr<const TextFormat> make_pairs_format(PairsSyntax syntax) {
  return std::make_unique<PairsFormat>(std::move(syntax));
}

}  // namespace pipec::stdlib
