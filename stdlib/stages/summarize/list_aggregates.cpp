// Of values of any kind, several of them: distinct, collect, collect_distinct, top.
#include <algorithm>

#include "pipec/runtime/json.h"
#include "stdlib/stages/seen_keys.h"
#include "stdlib/stages/state_bytes.h"
#include "stdlib/stages/summarize/aggregate.h"
#include "stdlib/stages/summarize/stored_value.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Options;
using runtime::Value;

struct Known {
  StoredValue value;  // null where only the count of different values is asked for
  Hash128 hash;       // of the values' canonical form, where they are told apart
  std::uint64_t count = 0;
};

// The values in the order of their first appearance.
struct Values {
  std::vector<Known> known;
  HashIndex index;  // of the hashes
  std::size_t text = 0;
};

class ListOf : public AggregateOf<Values> {
 public:
  enum class Kind : std::uint8_t { distinct, collect, collect_distinct, top };
  ListOf(Kind kind, std::size_t limit, const AggregateSetup& setup)
      : kind_(kind), limit_(limit), secret_(*setup.secret) {}

  bool takes(const void*, const Value&) const override { return true; }
  std::string refusal(const void*, const Value&) const override { return {}; }

  void add(void* state, const Value& value, Arena& arena) const override {
    Values& values = at(state);
    Hash128 hash;
    if (kind_ != Kind::collect) {
      thread_local std::string canonical;
      canonical.clear();
      append_canonical(value, arena, canonical);
      hash = keyed_hash(canonical, secret_);
      if (std::uint64_t* number = values.index.find(hash)) {
        ++values.known[static_cast<std::size_t>(*number)].count;
        return;
      }
    }
    if (full(values)) return;
    Known known;
    known.hash = hash;
    known.count = 1;
    if (kind_ != Kind::distinct) known.value.set(value, arena);
    append(values, std::move(known));
  }

  void merge(void* into, const void* from) const override {
    Values& values = at(into);
    for (const Known& known : at(from).known) {
      std::uint64_t* number = kind_ == Kind::collect ? nullptr : values.index.find(known.hash);
      if (number) {
        values.known[static_cast<std::size_t>(*number)].count += known.count;
      } else if (!full(values)) {
        append(values, Known(known));
      }
    }
  }

  Value result(const void* state, Arena& arena) const override {
    const Values& values = at(state);
    if (kind_ == Kind::distinct) return Value::integer(static_cast<std::int64_t>(values.known.size()));
    std::vector<const Known*> chosen;
    for (const Known& known : values.known) chosen.push_back(&known);
    if (kind_ == Kind::top) {
      std::stable_sort(chosen.begin(), chosen.end(),
                       [](const auto* a, const auto* b) { return a->count > b->count; });
      chosen.resize(std::min(chosen.size(), limit_));
    }
    Value* items = arena.allocate_array<Value>(chosen.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      new (items + i) Value(chosen[i]->value.value(arena));
      if (kind_ != Kind::top) continue;
      auto* members = arena.allocate_array<runtime::Member>(2);
      new (members) runtime::Member{"value", items[i]};
      new (members + 1) runtime::Member{"count", Value::integer(static_cast<std::int64_t>(chosen[i]->count))};
      items[i] = Value::built_object(members, 2);
    }
    return Value::built_array(items, static_cast<std::uint32_t>(chosen.size()));
  }

  void save(const void* state, std::string& out) const override {
    write_word(at(state).known.size(), out);
    for (const Known& known : at(state).known) {
      if (kind_ != Kind::collect) HashIndex::write(known.hash, out);
      if (kind_ == Kind::top) write_word(known.count, out);
      if (kind_ != Kind::distinct) known.value.write(out);
    }
  }

  bool load(void* state, std::string_view& from) const override {
    auto count = read_word(from);
    for (; count && *count > 0; --*count) {
      Known known;
      if (kind_ != Kind::collect) {
        const auto hash = HashIndex::read(from);
        if (!hash || at(state).index.find(*hash)) return false;
        known.hash = *hash;
      }
      const auto times = kind_ == Kind::top ? read_word(from) : std::optional<std::uint64_t>(1);
      auto value =
          kind_ == Kind::distinct ? std::optional<StoredValue>(StoredValue()) : StoredValue::read(from);
      if (!times || !value) return false;
      known.count = *times;
      known.value = std::move(*value);
      append(at(state), std::move(known));
    }
    return count.has_value();
  }

  std::size_t held(const void* state) const override {
    return at(state).known.capacity() * sizeof(Known) + at(state).index.bytes() + at(state).text;
  }

 private:
  bool full(const Values& values) const {
    return (kind_ == Kind::collect || kind_ == Kind::collect_distinct) && values.known.size() >= limit_;
  }
  void append(Values& values, Known&& known) const {
    values.text += known.value.bytes();
    if (kind_ != Kind::collect) values.index.put(known.hash, values.known.size());
    values.known.push_back(std::move(known));
  }

  const Kind kind_;
  const std::size_t limit_;
  const Secret& secret_;
};

}  // namespace

std::unique_ptr<Aggregate> make_list_aggregate(const Options::Call& call, const AggregateSetup& setup) {
  const std::string& name = call.function->name;
  if (name == "distinct") return std::make_unique<ListOf>(ListOf::Kind::distinct, 0, setup);
  const auto limit = static_cast<std::size_t>(call.constants[0].as_int());
  if (name == "top") return std::make_unique<ListOf>(ListOf::Kind::top, limit, setup);
  return std::make_unique<ListOf>(name == "collect" ? ListOf::Kind::collect : ListOf::Kind::collect_distinct,
                                  limit, setup);
}

}  // namespace pipec::stdlib
