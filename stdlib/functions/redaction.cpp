// Redaction of sensitive text: numbers and addresses of known kinds, or matches of a pattern.
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/pattern.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/sensitive.h"

namespace pipec::stdlib {

namespace {

using FindNext = std::optional<Found> (*)(std::string_view text, std::size_t from);

struct Kind {
  std::string_view name;
  FindNext find;
};

constexpr Kind kKinds[] = {
    {"email", find_mail},
    {"mail", find_mail},
    {"credit_card", find_card},
    {"card", find_card},
    {"iban", find_iban},
    {"us_ssn", find_us_ssn},
    {"phone", find_phone},
    {"ipv4", find_ipv4},
    {"ipv6", find_ipv6},
    {"ip", find_ip},
    {"mac", find_mac},
    {"jwt", find_jwt},
    {"url_password", find_url_password},
};

// One target of a call: a kind or a pattern.
struct Target {
  FindNext find = nullptr;
  std::shared_ptr<const Pattern> pattern;

  std::optional<Found> next(std::string_view text, std::size_t from) const {
    return find ? find(text, from) : next_match(text, from);
  }

 private:
  // The next match that is not empty.
  std::optional<Found> next_match(std::string_view text, std::size_t from) const {
    thread_local std::vector<std::string_view> groups;
    while (from < text.size() && pattern->match(text, from, groups)) {
      const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
      if (!groups[0].empty()) return Found{begin, begin + groups[0].size()};
      from = begin + 1;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U) ++from;
    }
    return std::nullopt;
  }
};

using Targets = std::vector<Target>;

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// A text of letters, digits and `_` alone is a kind, any other a pattern.
std::optional<Error> add_target(std::string_view what, Targets& targets) {
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& known) { return known.name == what; });
  if (kind != std::end(kKinds)) {
    targets.push_back({kind->find, nullptr});
    return std::nullopt;
  }
  if (is_word(what)) {
    std::string message = "unknown kind " + quote(what) + "; there are ";
    for (const Kind& known : kKinds) {
      if (&known != std::begin(kKinds)) message += &known == std::prev(std::end(kKinds)) ? " and " : ", ";
      message += known.name;
    }
    return bad_argument(message + ", and patterns such as r\"token=\\w+\"");
  }
  auto pattern = Pattern::compile(what);
  if (!pattern.ok()) return pattern.error();
  targets.push_back({nullptr, *pattern});
  return std::nullopt;
}

Prepared prepare_redact(Constants arguments) {
  if (!arguments[1])
    return bad_argument("what to redact must be a constant: a kind, a pattern, or an array of them");
  Arena arena;
  std::span<const Value> all(&*arguments[1], 1);
  if (arguments[1]->type() == Type::array) {
    const Value built = runtime::expand(*arguments[1], arena);
    all = std::span(built.items(), built.size());
  }
  if (all.empty()) return bad_argument("there is nothing to redact in the array");
  auto targets = std::make_shared<Targets>();
  for (const Value& what : all) {
    if (what.type() != Type::string) return bad_argument("a kind or pattern must be a string");
    if (const auto error = add_target(runtime::decoded(what, arena).text(), *targets)) return *error;
  }
  return std::shared_ptr<const void>(std::move(targets));
}

class Redactor {
 public:
  Redactor(CallContext& context, const Targets& targets, std::string_view with)
      : context_(context), targets_(targets), with_(with), next_(targets.size()) {}

  // Text with nothing to redact is returned unchanged; the failed value if the call has failed.
  Value redact(const Value& value) {
    switch (value.type()) {
      case Type::string:
        return string(value);
      case Type::array:
        return array(value);
      case Type::object:
        return object(value);
      default:
        return value;
    }
  }
  // Whether the last result differs from its input.
  bool changed() const { return changed_; }

 private:
  // The last match of a target; searched again only once the text was copied past it.
  struct Seen {
    std::optional<Found> place;
    bool looked = false;
  };

  std::optional<Found> nearest(std::string_view text, std::size_t from) {
    std::optional<Found> best;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      Seen& seen = next_[i];
      if (!seen.looked || (seen.place && seen.place->begin < from))
        seen = {targets_[i].next(text, from), true};
      if (!seen.place) continue;
      const bool sooner = !best || seen.place->begin < best->begin ||
                          (seen.place->begin == best->begin && seen.place->end > best->end);
      if (sooner) best = seen.place;
    }
    return best;
  }

  Value string(const Value& value) {
    const std::string_view text = runtime::decode_string(value, context_.arena());
    std::fill(next_.begin(), next_.end(), Seen());
    std::optional<TextBuilder> result;
    std::size_t copied = 0;
    while (const auto found = nearest(text, copied)) {
      if (!result) result.emplace(context_.arena(), text.size() + with_.size());
      result->append(text.substr(copied, found->begin - copied));
      result->append(with_);
      if (result->too_long()) return context_.fail("the result is longer than 64 MiB");
      copied = found->end;
    }
    changed_ = result.has_value();
    if (!result) return value;
    result->append(text.substr(copied));
    return Value::string(result->view());
  }

  Value array(const Value& value) {
    const auto items = items_of(context_, value);
    if (!items) return Value::failed();
    ListBuilder<Value> result(context_.arena(), items->size());
    bool any = false;
    for (const Value& item : *items) {
      result.push(part(item, any));
      if (result[result.size() - 1].is_failed()) return Value::failed();
    }
    changed_ = any;
    return any ? finished(result) : value;
  }

  Value object(const Value& value) {
    const auto members = members_of(context_, value);
    if (!members) return Value::failed();
    ListBuilder<Member> result(context_.arena(), members->size());
    bool any = false;
    for (const Member& member : *members) {
      result.push({member.key, part(member.value, any)});
      if (result[result.size() - 1].value.is_failed()) return Value::failed();
    }
    changed_ = any;
    return any ? finished(result) : value;
  }

  Value part(const Value& value, bool& any) {
    changed_ = false;
    const Value result = redact(value);
    any = any || changed_;
    return result;
  }

  CallContext& context_;
  const Targets& targets_;
  std::string_view with_;
  std::vector<Seen> next_;
  bool changed_ = false;
};

Value redact(CallContext& context, Arguments arguments) {
  const auto* targets = context.prepared<Targets>();
  if (!targets) return context.fail("what to redact was not known when compiling");
  return Redactor(context, *targets, arguments[2].text()).redact(arguments[0]);
}

}  // namespace

void register_redaction(Registry& registry) {
  Family family(registry, "redaction");
  family.add_like_first(
      "redact",
      {required("v", TypeSet(Type::string) | Type::array | Type::object),
       required("what", TypeSet(Type::string) | Type::array),
       defaulted("with", Type::string, Value::string("***"))},
      TypeSet(Type::string) | Type::array | Type::object,
      "The string, or the strings at any depth of an array or object, with what is sensitive replaced: "
      "email, "
      "credit_card, iban, us_ssn, phone, ip, ipv4, ipv6, mac, jwt, url_password, what a pattern matches, or "
      "an array "
      "of these; cards and IBANs by their check digits",
      {{R"(redact("paid with 4111 1111 1111 1111", "credit_card"))", R"("paid with ***")"},
       {R"(redact({"from": "bob@example.com", "to": ["10.0.0.1"]}, ["email", "ip"], "<out>"))",
        R"({"from":"<out>","to":["<out>"]})"},
       {R"(redact("https://bob:hunter2@example.com", "url_password"))", R"("https://bob:***@example.com")"},
       {R"re(redact("token=abc123", r"\w+\d+"))re", R"("token=***")"}},
      redact, prepare_redact);
}

}  // namespace pipec::stdlib
