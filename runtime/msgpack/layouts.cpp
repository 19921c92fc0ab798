#include "runtime/msgpack/layouts.h"

#include "runtime/msgpack/read.h"

namespace pipec::runtime::msgpack {

namespace {

// The members of text[begin, end): `begin`, then the end of each key and that of its value. Returns the
// number of members; 0 if it is not a map, is empty, has too many members, or is malformed.
std::size_t cut(const char* text, std::uint32_t begin, std::uint32_t end, std::uint32_t* places) {
  const char* const stop = text + end;
  const auto offset = [&](const char* at) { return static_cast<std::uint32_t>(at - text); };
  Token head;
  const char* at = read_token(text + begin, stop, head);
  if (!at || head.kind != Kind::map || head.size > Layout::kMostMembers) return 0;
  *places++ = begin;
  for (std::uint32_t i = 0; i < head.size; ++i) {
    Token key;
    at = read_key(at, stop, key);
    if (!at) return 0;
    *places++ = offset(at);
    at = skip(at, stop, 1);
    if (!at) return 0;
    *places++ = offset(at);
  }
  return at == stop ? head.size : 0;
}

// cut(), where the record has this layout.
bool follow(const Layout& layout, const char* text, std::uint32_t begin, std::uint32_t end,
            std::uint32_t* places) {
  const char* const stop = text + end;
  const auto offset = [&](const char* at) { return static_cast<std::uint32_t>(at - text); };
  const char* at = text + begin;
  *places++ = begin;
  for (const Layout::Lead& lead : layout.leads) {
    if (stop - at < static_cast<std::ptrdiff_t>(lead.size) || !layout.begins(at, lead)) return false;
    at += lead.size;
    *places++ = offset(at);
    at = skip(at, stop, 1);
    if (!at) return false;
    *places++ = offset(at);
  }
  return at == stop;
}

// Whether the record with these members has this layout.
bool same(const Layout& layout, const char* text, const std::uint32_t* places, std::size_t found) {
  if (layout.leads.size() != found) return false;
  for (const Layout::Lead& lead : layout.leads) {
    if (places[1] - places[0] != lead.size || !layout.begins(text + places[0], lead)) return false;
    places += 2;
  }
  return true;
}

}  // namespace

const Layout* Layouts::find(const char* text, std::uint32_t begin, std::uint32_t end,
                            record::Offsets& members, std::size_t& count) {
  constexpr std::size_t kMostPlaces = 1 + 2 * Layout::kMostMembers;
  while (members.room() - count < kMostPlaces) members.grow();
  std::uint32_t* const places = members.data() + count;
  const Layout* layout = list_.last();
  if (!layout || !follow(*layout, text, begin, end, places)) {
    const std::size_t found = cut(text, begin, end, places);
    if (found == 0) return nullptr;
    layout = list_.find([&](const Layout& known) { return same(known, text, places, found); });
    if (!layout && !list_.full()) layout = learn(text, places, found);
    if (!layout) return nullptr;
  }
  count += 1 + 2 * layout->leads.size();
  return layout;
}

const Layout* Layouts::learn(const char* text, const std::uint32_t* places, std::size_t found) {
  std::unique_ptr<Layout> layout = list_.begin();
  for (std::size_t i = 0; i < found; ++i, places += 2) {
    const char* const lead = text + places[0];
    const char* const end = text + places[1];
    Token key;
    // After the head of the map, where the first key begins.
    const char* const begin = i == 0 ? read_token(lead, end, key) : lead;
    read_token(begin, end, key);
    arena_.reset();
    Layout::Lead where;
    where.size = where.colon = places[1] - places[0];
    where.key = static_cast<std::uint32_t>(begin - lead);
    if (!list_.add(*layout, key_text(key, arena_), lead, where)) return nullptr;
  }
  return list_.keep_last(std::move(layout));
}

}  // namespace pipec::runtime::msgpack
