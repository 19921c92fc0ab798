// Redaction of what should not leave: card numbers, mail and IP addresses, or what a pattern matches.
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "stdlib/functions/builders.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/pattern.h"
#include "stdlib/functions/sensitive.h"

namespace pipec::stdlib {

namespace {

using Finder = std::optional<Found> (*)(std::string_view text, std::size_t from);

// The finder of a kind; null: the word is no kind and so a pattern.
Finder finder_of(std::string_view kind) {
  if (kind == "card") return find_card;
  if (kind == "mail") return find_mail;
  if (kind == "ip") return find_ip;
  return nullptr;
}

Prepared prepare_redact(Constants arguments) {
  if (!arguments[1] || finder_of(arguments[1]->text())) return nothing_prepared();
  auto pattern = Pattern::compile(arguments[1]->text());
  if (!pattern.ok()) return pattern.error();
  return std::shared_ptr<const void>(*pattern);
}

// The next match that is not empty.
std::optional<Found> find_match(const Pattern& pattern, std::string_view text, std::size_t from,
                                std::vector<std::string_view>& groups) {
  while (from < text.size() && pattern.match(text, from, groups)) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    if (!groups[0].empty()) return Found{begin, begin + groups[0].size()};
    from = begin + 1;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U) ++from;
  }
  return std::nullopt;
}

Value redact(CallContext& context, Arguments arguments) {
  const std::string_view text = arguments[0].text();
  const Finder finder = finder_of(arguments[1].text());
  std::shared_ptr<const Pattern> made;
  const auto* pattern = static_cast<const Pattern*>(context.prepared());
  if (!finder && !pattern) {
    made = pattern_of(context, arguments[1]);
    if (!made) return Value::failed();
    pattern = made.get();
  }
  std::vector<std::string_view> groups;
  std::optional<TextBuilder> result;
  std::size_t copied = 0;
  while (true) {
    const auto found = finder ? finder(text, copied) : find_match(*pattern, text, copied, groups);
    if (!found) break;
    if (!result) result.emplace(context.arena(), text.size() + arguments[2].size());
    result->append(text.substr(copied, found->begin - copied));
    result->append(arguments[2].text());
    if (result->too_long()) return context.fail("the result is longer than 64 MiB");
    copied = found->end;
  }
  if (!result) return arguments[0];
  result->append(text.substr(copied));
  return Value::string(result->view());
}

}  // namespace

void register_redaction(Registry& registry) {
  Family family(registry, "redaction");
  family.add("redact",
             {required("s", Type::string), required("what", Type::string),
              defaulted("with", Type::string, Value::string("***"))},
             Type::string,
             R"(The string with every "card", "mail" or "ip" in it replaced, or every match of a pattern)",
             {{R"(redact("paid with 4111 1111 1111 1111", "card"))", R"("paid with ***")"},
              {R"(redact("from bob@example.com", "mail", "<mail>"))", R"("from <mail>")"},
              {R"(redact("10.0.0.1 -> [2001:db8::1]:80", "ip"))", R"("*** -> [***]:80")"},
              {R"re(redact("token=abc123", r"\w+\d+"))re", R"("token=***")"}},
             redact, prepare_redact);
}

}  // namespace pipec::stdlib
