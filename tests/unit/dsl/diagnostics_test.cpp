#include "pipec/dsl/diagnostic.h"

#include <set>

#include "support/catch.h"

using namespace pipec::dsl;

TEST_CASE("codes are unique, well formed and explained") {
  std::set<std::string_view> codes, names;
  for (Code code : all_codes()) {
    std::string_view text = code_text(code);
    REQUIRE(text.size() == 5);
    CHECK((text[0] == 'E' || text[0] == 'W'));
    CHECK(text.find_first_not_of("0123456789", 1) == std::string_view::npos);
    CHECK((text[0] == 'W') == (text[2] == '5'));
    CHECK((code_severity(code) == Severity::kWarning) == (text[0] == 'W'));
    CHECK(codes.insert(text).second);
    CHECK(names.insert(code_name(code)).second);
    CHECK_FALSE(code_explanation(code).empty());
    CHECK_FALSE(code_explanation(code).ends_with('.'));
  }
  CHECK(code_text(Code::unknown_option) == "E0203");
}

TEST_CASE("a sink collects, counts errors and orders by place") {
  DiagnosticSink sink;
  sink.report(Code::unknown_option, Span{0, 9, 10}, "second").hint("").hint("h");
  sink.report(Code::unknown_option, Span{0, 3, 4}, "first");
  sink.report(Code::unknown_option, Span{0, 9, 10}, "third");
  CHECK(sink.error_count() == 3);
  CHECK(sink.has_errors());
  sink.sort_by_place();
  CHECK(sink.all()[0].message == "first");
  CHECK(sink.all()[1].message == "second");
  CHECK(sink.all()[1].hints == std::vector<std::string>{"h"});
  CHECK(sink.all()[2].message == "third");
}
