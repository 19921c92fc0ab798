// The aggregates of summarize. An Aggregate is code; its states, one for each group, are memory that the
// caller provides. Merging states in the order of their records gives the state of all of them.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/registry.h"
#include "stdlib/stages/canonical.h"

namespace pipec::stdlib {

class Aggregate {
 public:
  virtual ~Aggregate() = default;
  virtual std::size_t size() const = 0;  // of a state
  virtual void create(void* state) const = 0;
  virtual void destroy(void* state) const = 0;

  // Whether the state takes this value, which is not null; if not, the record is a dead letter.
  virtual bool takes(const void* state, const runtime::Value& value) const = 0;
  // The reason if it does not.
  virtual std::string refusal(const void* state, const runtime::Value& value) const = 0;
  virtual void add(void* state, const runtime::Value& value, runtime::Arena& arena) const = 0;

  // False: a record of `from` may be one that `into` does not take. They have to be added one by one.
  virtual bool merges(const void* into, const void* from) const {
    (void)into, (void)from;
    return true;
  }
  virtual void merge(void* into, const void* from) const = 0;
  // Lives as long as the state and the arena's content. Failed: the sum is beyond a double.
  virtual runtime::Value result(const void* state, runtime::Arena& arena) const = 0;

  virtual void save(const void* state, std::string& out) const = 0;
  virtual bool load(void* state, std::string_view& from) const = 0;
  virtual std::size_t held(const void* state) const {  // memory besides size()
    (void)state;
    return 0;
  }
};

// One whose state is an object of type State.
template <class State>
class AggregateOf : public Aggregate {
 public:
  std::size_t size() const final { return sizeof(State); }
  void create(void* state) const final { new (state) State(); }
  void destroy(void* state) const final { at(state).~State(); }

 protected:
  static State& at(void* state) { return *static_cast<State*>(state); }
  static const State& at(const void* state) { return *static_cast<const State*>(state); }
};

// "sum takes a number, got string".
std::string wrong_type(const runtime::Function& function, const runtime::Value& value);

// A number that arithmetic takes.
inline bool is_plain_number(const runtime::Value& value) {
  return value.is_number() && !value.is_beyond();
}

// What the aggregates of one stage share.
struct AggregateSetup {
  const Secret* secret = nullptr;  // of hashes; outlives them, may be set later
};

// The functions that a summarize block may call, and the code of a call.
std::deque<runtime::Function> aggregate_functions();
std::unique_ptr<Aggregate> make_aggregate(const runtime::Options::Call& call, const AggregateSetup& setup);

// By families; null if the family has no such function.
std::unique_ptr<Aggregate> make_sum_aggregate(const runtime::Options::Call& call);
std::unique_ptr<Aggregate> make_number_aggregate(const runtime::Options::Call& call);
std::unique_ptr<Aggregate> make_order_aggregate(const runtime::Options::Call& call);
std::unique_ptr<Aggregate> make_list_aggregate(const runtime::Options::Call& call,
                                               const AggregateSetup& setup);

}  // namespace pipec::stdlib
