// A rule of the grammar that has to begin and end on one line.
#pragma once

#include <algorithm>
#include <tao/pegtl.hpp>

namespace ebnf {

struct rule_SPACE;

template <typename... Rules>
struct one_line {
  using rule_t = one_line;
  using subs_t = tao::pegtl::type_list<rule_SPACE, Rules...>;

  template <tao::pegtl::apply_mode Apply, tao::pegtl::rewind_mode, template <typename...> class Action,
            template <typename...> class Control, typename Input, typename... States>
  static bool match(Input& in, States&&... states) {
    auto marker = in.template mark<tao::pegtl::rewind_mode::required>();
    static_cast<void>(  // it always fits
        Control<rule_SPACE>::template match<Apply, tao::pegtl::rewind_mode::dontcare, Action, Control>(
            in, states...));
    const char* const begin = in.current();
    if (!Control<tao::pegtl::seq<Rules...>>::template match<Apply, tao::pegtl::rewind_mode::dontcare, Action,
                                                            Control>(in, states...)) {
      return marker(false);
    }
    return marker(std::find(begin, in.current(), '\n') == in.current());
  }
};

}  // namespace ebnf
