#include "stdlib/functions/text_case.h"

#include <unicode/stringoptions.h>
#include <unicode/ucasemap.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "stdlib/functions/builders.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;

struct CloseCaseMap {
  void operator()(UCaseMap* map) const { ucasemap_close(map); }
};

// One per thread: title casing changes the map. Null if ICU cannot create one.
UCaseMap* case_map() {
  thread_local const std::unique_ptr<UCaseMap, CloseCaseMap> map = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<UCaseMap, CloseCaseMap> made(
        ucasemap_open("", U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT, &status));
    if (U_FAILURE(status)) made.reset();
    return made;
  }();
  return map.get();
}

char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// `convert(destination, capacity, status)` returns the size of the whole result, as ICU's functions do.
template <typename Convert>
std::string_view convert_wide(std::string_view text, Arena& arena, const Convert& convert) {
  if (text.size() > kMaxText || case_map() == nullptr) return {};
  std::size_t capacity = text.size() + text.size() / 2 + 16;
  for (int attempt = 0; attempt < 2; ++attempt) {
    char* bytes = arena.allocate(capacity);
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t size = convert(bytes, static_cast<std::int32_t>(capacity), &status);
    if (U_SUCCESS(status)) return {bytes, static_cast<std::size_t>(size)};
    if (status != U_BUFFER_OVERFLOW_ERROR) return {};
    capacity = static_cast<std::size_t>(size) + 1;
  }
  return {};
}

template <typename PerByte>
std::string_view convert_ascii(std::string_view text, Arena& arena, PerByte per_byte) {
  char* bytes = arena.allocate(text.size());
  std::transform(text.begin(), text.end(), bytes, per_byte);
  return {bytes, text.size()};
}

}  // namespace

std::string_view to_upper(std::string_view text, Arena& arena) {
  if (is_ascii(text)) return convert_ascii(text, arena, ascii_upper);
  return convert_wide(text, arena, [text](char* to, std::int32_t capacity, UErrorCode* status) {
    return ucasemap_utf8ToUpper(case_map(), to, capacity, text.data(), static_cast<std::int32_t>(text.size()),
                                status);
  });
}

std::string_view to_lower(std::string_view text, Arena& arena) {
  if (is_ascii(text)) return convert_ascii(text, arena, ascii_lower);
  return convert_wide(text, arena, [text](char* to, std::int32_t capacity, UErrorCode* status) {
    return ucasemap_utf8ToLower(case_map(), to, capacity, text.data(), static_cast<std::int32_t>(text.size()),
                                status);
  });
}

std::string_view to_capitalized(std::string_view text, Arena& arena) {
  if (is_ascii(text)) {
    char* bytes = arena.allocate(text.size());
    std::transform(text.begin(), text.end(), bytes, ascii_lower);
    if (!text.empty()) bytes[0] = ascii_upper(bytes[0]);
    return {bytes, text.size()};
  }
  return convert_wide(text, arena, [text](char* to, std::int32_t capacity, UErrorCode* status) {
    return ucasemap_utf8ToTitle(case_map(), to, capacity, text.data(), static_cast<std::int32_t>(text.size()),
                                status);
  });
}

}  // namespace pipec::stdlib
