// The kernels on whole blocks of lines.
#include "runtime/json/field_index.h"
#include "runtime/json/kernel.h"
#include "runtime/json/layouts.h"
#include "support/catch.h"
#include "unit/runtime/json_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

std::size_t flat(const json::Kernel& kernel, std::string_view text) {
  const Padded padded(text);
  return kernel.flat(padded.view().data(), 0, text.size());
}

bool is_flat(const json::Kernel& kernel, std::string_view text) {
  return flat(kernel, text) == text.size();
}

}  // namespace

TEST_CASE("flat lines are objects of scalars, with at most one space after a separator") {
  for (const json::Kernel* kernel : json::usable_kernels()) {
    INFO(kernel->name);
    for (const char* text :
         {R"({"a":1})", R"({"a":1,"b":"x"})", R"({"a": 1, "b": "x"})", R"({"a\"b":"\\","c":"{[:,]}"})",
          "{\"a\":1}\n{\"b\":\"\xc3\xa9\"}", R"({"a":tru,"b":01,"a":2})"}) {
      INFO(text);
      CHECK(is_flat(*kernel, text));
    }
    for (const char* text : {R"({})",
                             R"({"a":})",
                             R"({"a": })",
                             R"({"a":,"b":1})",
                             R"({"a":1,})",
                             R"({"a"1})",
                             R"({a:1})",
                             R"({"a":[]})",
                             R"({"a":{}})",
                             R"({"a":1}})",
                             R"({"a":1)",
                             R"({"a":"x})",
                             R"({"a":1} )",
                             R"( {"a":1})",
                             R"({"a":1}{"b":1})",
                             R"({"a":1,,"b":2})",
                             R"({"a":1:2})",
                             R"({"a":"x"y"z"})",
                             R"({"a""b":1})",
                             R"({"a":1 "b":2})",
                             "{\"a\":\"x\n\"}",
                             "{\"a\":1}\n\n{\"b\":1}",
                             "{\"a\":1\x0c\"b\":1}",
                             "{\"a\":1}\r\n{\"b\":1}",
                             R"([1])",
                             "1",
                             R"({"a" :1})",
                             R"({"a":  1})"}) {
      INFO(text);
      CHECK_FALSE(is_flat(*kernel, text));
    }
  }
}

TEST_CASE("the index accepts exactly the flat lines, at any distance from a block's end") {
  Random random(11);
  const FieldSet fields{{"a"}};
  json::FieldIndex index(fields);
  std::size_t taken = 0;
  for (int round = 0; round < 3000; ++round) {
    // Lines of random lengths, one of them damaged.
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < 6; ++i) {
      std::string line = "{";
      for (std::size_t k = 1 + random.below(4); k > 0; --k) {
        line += random_key(random) + ":" + random_scalar(random) + (k > 1 ? "," : "}");
      }
      lines.push_back(line);
    }
    std::string& one = lines[random.below(6)];
    if (random.chance(70)) one = damaged(random, one);
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    text.pop_back();
    std::size_t expected = 0;
    for (const json::Kernel* kernel : json::usable_kernels()) {
      INFO(kernel->name << ": " << text);
      const std::size_t stop = flat(*kernel, text);
      if (kernel == json::usable_kernels().front()) expected = stop;
      REQUIRE(stop == expected);
    }
    // Lines that end two bytes before the fault are objects.
    const Padded padded(text);
    const std::size_t known =
        expected == text.size() ? expected : expected - std::min<std::size_t>(expected, 2);
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      if (end > known) break;
      const std::string_view line = padded.view().substr(begin, end - begin);
      if (line.front() == '{' && line.back() == '}') {
        INFO(line);
        REQUIRE(index.scan(line) == record::Shape::object);
        ++taken;
      }
      begin = end + 1;
    }
  }
  CHECK(taken > 2000);
}

TEST_CASE("keys and possible escapes of them are found in a block") {
  Random random(12);
  static const std::vector<std::string> keys = {
      "a", "status", "d/e", "eight_ch", "a key of more than sixteen bytes", ""};
  for (int round = 0; round < 2000; ++round) {
    const std::string key = random.of(keys);
    const json::Needle needle(key);
    std::string text;
    for (std::size_t i = random.below(60); i > 0; --i) {
      text += random.chance(30)   ? '"' + key + '"'
              : random.chance(50) ? random_string(random)
                                  : random_scalar(random);
    }
    if (random.chance(10)) text += '\\';  // a record that is cut off
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < text.size(); ++i) {
      const bool before_u = i + 1 < text.size() && text[i + 1] == 'u';
      const bool escape = text[i] == '\\' && (key == "d/e" || before_u);
      if (escape || text.compare(i, needle.quoted.size(), needle.quoted) == 0) expected.push_back(i);
    }
    const Padded padded(text);
    for (const json::Kernel* kernel : json::usable_kernels()) {
      INFO(kernel->name << ": " << text);
      record::Offsets offsets;
      const std::size_t count = kernel->find(padded.view().data(), 0, text.size(), needle, offsets);
      REQUIRE(std::vector<std::uint32_t>(offsets.data(), offsets.data() + count) == expected);
    }
  }
}

TEST_CASE("the operators that are noted while lines are validated are those that are looked for alone") {
  Random random(13);
  std::size_t noted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::size_t i = 1 + random.below(8); i > 0; --i) {
      text += "{\"a\":" + random_scalar(random) + ",\"key{[:,]}\":" + std::to_string(random.below(100'000));
      text += i > 1 ? "}\n" : "}";
    }
    const Padded padded(text);
    const char* const data = padded.view().data();
    for (const json::Kernel* kernel : json::usable_kernels()) {
      INFO(kernel->name << ": " << text);
      bool ascii = false;
      record::Offsets with;
      record::Offsets alone;
      std::size_t count = 0;
      std::size_t alone_count = 0;
      const std::size_t stop = kernel->valid_flat(data, 0, text.size(), &ascii, &with, &count);
      REQUIRE(stop == kernel->valid_flat(data, 0, text.size(), &ascii, nullptr, nullptr));
      kernel->operators(data, 0, text.size(), alone, alone_count);
      REQUIRE(count <= alone_count);
      REQUIRE((stop < text.size() || count == alone_count));
      REQUIRE(std::equal(with.data(), with.data() + count, alone.data()));
      noted += count;
    }
  }
  CHECK(noted > 10'000);
}

TEST_CASE("following a shape gives the same result as the record's operators") {
  Random random(14);
  const FieldSet fields{{"a"}};
  std::size_t followed = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto record = [&] {
      return "{\"a\":" + random_scalar(random) +
             ", \"a key of more than sixteen bytes\": " + random_scalar(random) +
             ",\"c\":" + random_scalar(random) + "}";
    };
    const std::string good = record();
    std::string other = record();
    if (random.chance(60)) other = damaged(random, other);
    if (other.size() < 3 || other.front() != '{' || other.back() != '}') continue;
    if (other.find('\n') != std::string::npos) continue;
    const Padded first(good);
    const Padded second(other);
    for (const json::Kernel* kernel : json::usable_kernels()) {
      if (!kernel->follow) continue;
      INFO(kernel->name << ": " << good << '\n' << other);
      json::Layouts layouts(fields);
      record::Offsets offsets;
      std::size_t count = 0;
      kernel->operators(first.view().data(), 0, good.size(), offsets, count);
      const auto size = static_cast<std::uint32_t>(other.size());
      const record::Layout* const layout =
          layouts.find(first.view().data(), static_cast<std::uint32_t>(good.size()), offsets.data(), count);
      if (!layout) continue;
      std::vector<std::uint32_t> members(1 + 2 * layout->leads.size());
      record::Offsets quotes;
      kernel->quotes(second.view().data(), 0, size, quotes);
      const std::uint32_t* const behind =
          kernel->follow(*layout, second.view().data(), 0, size, quotes.data(), members.data());
      if (!behind) {
        ++refused;
        continue;
      }
      ++followed;
      REQUIRE(behind - quotes.data() == std::count(other.begin(), other.end(), '"'));
      count = 0;
      kernel->operators(second.view().data(), 0, size, offsets, count);
      REQUIRE(layouts.find(second.view().data(), size, offsets.data(), count) == layout);
      REQUIRE(std::vector<std::uint32_t>(offsets.data(), offsets.data() + members.size()) == members);
    }
  }
  if (json::best_kernel().follow) {
    CHECK(followed > 2'000);
    CHECK(refused > 2'000);
  }
}
