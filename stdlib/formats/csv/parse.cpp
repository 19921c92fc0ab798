// parse csv: rows to objects. The names come from `columns`, or from the first row of the row's own input.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "stdlib/formats/csv/dialect.h"
#include "stdlib/formats/csv/roles.h"
#include "stdlib/formats/shared/text_format.h"
#include "stdlib/formats/shared/typed_text.h"

namespace pipec::stdlib::csv {

namespace {

using runtime::Batch;
using runtime::Buffer;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Record;
using runtime::Result;
using runtime::Status;

// What goes before each value: `{"a":`, `,"b":`.
struct Columns {
  std::vector<std::string> leads;
  std::size_t bytes = 0;

  void assign(const std::vector<std::string>& names) {
    runtime::BufferPool pool;
    const runtime::BufferRef text = pool.get(256);
    leads.clear();
    bytes = 0;
    for (const std::string& name : names) {
      text->clear();
      text->append(leads.empty() ? '{' : ',');
      runtime::append_json_string(name, *text);
      text->append(':');
      leads.emplace_back(text->view());
      bytes += text->size();
    }
  }
};

struct Scratch final : runtime::Scratch {
  std::shared_ptr<const runtime::SourceHead> head;  // `columns` are of it
  Columns columns;
  std::string unusable;  // why the head is no header
  std::vector<std::uint32_t> ends;
  std::string field;
  std::string reason;
};

class CsvFormat final : public TextFormat {
 public:
  CsvFormat(const std::vector<std::string>& names, bool has_header, Dialect dialect, bool typed)
      : named_(!names.empty()), has_header_(has_header), dialect_(dialect), typed_(typed) {
    given_.assign(names);
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  Status begin(const Batch& batch, runtime::Scratch* scratch) const override {
    auto& own = static_cast<Scratch&>(*scratch);
    const auto& head = batch.block().head;
    if (named_ || (head && own.head == head)) return {};
    if (!head)
      return Error::make(ErrorCode::option,
                         "parse csv needs 'columns': only files and standard input have a header");
    std::vector<std::string> names;
    own.unusable = read_header(head->text, own, names);
    if (!own.unusable.empty() && !head->skip_bad) {
      const std::string& source = batch.block().source;
      return Error::make(ErrorCode::parse,
                         fmt::format("{}: {}", source.empty() ? "standard input" : source, own.unusable));
    }
    own.columns.assign(names);
    own.head = head;
    return {};
  }

  bool is_header(const Batch& batch, const Record& record) const override {
    const runtime::Block& block = batch.block();
    return has_header_ && block.head && block.first_position <= block.head->position &&
           block.position(record.origin) == block.head->position;
  }

  std::string_view parse(std::string_view row, Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    auto& own = static_cast<Scratch&>(*scratch);
    at = kNowhere;
    if (!named_ && !own.unusable.empty()) return own.unusable;
    const Columns& columns = named_ ? given_ : own.columns;
    if (!find_plain_fields(row, dialect_, own.ends)) return parse_quoted(row, columns, out, own, at);
    if (own.ends.size() != columns.leads.size()) {
      const bool more = own.ends.size() > columns.leads.size();
      at = more ? own.ends[columns.leads.size() - 1] + 1 : row.size();
      return other_count(own.ends.size(), columns, own);
    }
    if (typed_) {
      append_typed_fields(row, columns, own.ends, out);
    } else {
      append_strings(row, columns, own.ends, out);
    }
    return {};
  }

 private:
  std::string read_header(std::string_view text, Scratch& own, std::vector<std::string>& names) const {
    if (!runtime::is_utf8(text)) return "the header is not UTF-8";
    RowReader reader(text, dialect_, own.field);
    for (std::string_view field; reader.next(field);) names.emplace_back(field);
    if (reader.reason())
      return fmt::format("the header is malformed: {} at byte {}", reader.reason(), reader.at());
    const std::string fault = fault_of(names);
    return fault.empty() ? fault : "the header " + fault;
  }

  static std::string_view other_count(std::size_t count, const Columns& columns, Scratch& own) {
    own.reason = fmt::format("{} field{} instead of {}", count, count == 1 ? "" : "s", columns.leads.size());
    return own.reason;
  }

  // All at once: the row has nothing to escape.
  static void append_strings(std::string_view row, const Columns& columns,
                             const std::vector<std::uint32_t>& ends, Buffer& out) {
    char* to = out.extend(columns.bytes + row.size() + columns.leads.size() * 2 + 1);
    const auto put = [&to](std::string_view text) {
      std::memcpy(to, text.data(), text.size());
      to += text.size();
    };
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      put(columns.leads[i]);
      *to++ = '"';
      put(row.substr(begin, ends[i] - begin));
      *to++ = '"';
      begin = ends[i] + std::size_t{1};
    }
    *to++ = '}';
    out.set_size(static_cast<std::size_t>(to - out.data()));
  }

  static void append_typed_fields(std::string_view row, const Columns& columns,
                                  const std::vector<std::uint32_t>& ends, Buffer& out) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      out.append(columns.leads[i]);
      append_typed(row.substr(begin, ends[i] - begin), out);
      begin = ends[i] + std::size_t{1};
    }
    out.append('}');
  }

  std::string_view parse_quoted(std::string_view row, const Columns& columns, Buffer& out, Scratch& own,
                                std::size_t& at) const {
    RowReader reader(row, dialect_, own.field);
    std::size_t count = 0;
    std::size_t extra = row.size();  // where the first field beyond the columns begins
    std::size_t begin = 0;
    for (std::string_view field; reader.next(field); begin = reader.at(), ++count) {
      if (count >= columns.leads.size()) {
        if (count == columns.leads.size()) extra = begin;
        continue;
      }
      out.append(columns.leads[count]);
      if (typed_) {
        append_typed(field, out);
      } else {
        runtime::append_json_string(field, out);
      }
    }
    out.append('}');
    at = reader.reason() ? reader.at() : extra;
    if (reader.reason()) return reader.reason();
    return count == columns.leads.size() ? std::string_view() : other_count(count, columns, own);
  }

  Columns given_;
  const bool named_;
  const bool has_header_;
  const Dialect dialect_;
  const bool typed_;
};

Result<std::unique_ptr<runtime::Stage>> make(const runtime::Options& options) {
  auto columns = columns_of(options);
  if (!columns) return columns.error();
  const auto dialect = dialect_of(options);
  if (!dialect) return dialect.error();
  const bool named = !columns->empty();
  const bool has_header = options.boolean("header", !named);
  if (!named && options.path("from"))
    return Error::make(ErrorCode::option, "'from' needs 'columns': a field has no header");
  if (!named && !has_header) return Error::make(ErrorCode::option, "'header: false' needs 'columns'");
  if (has_header && options.path("from"))
    return Error::make(ErrorCode::option, "'header: true' does not go with 'from': a field has no header");
  return make_text_stage(
      "csv", options,
      std::make_unique<CsvFormat>(std::move(*columns), has_header, *dialect, types_are_auto(options)));
}

}  // namespace

runtime::FormatParse parse_role() {
  runtime::OptionSpec header;
  header.name = "header";
  header.types = runtime::Type::boolean;
  header.doc = "the first row of each input is a header and no record (default: true without `columns`)";
  std::vector<runtime::OptionSpec> own = {
      columns_option("the fields' names (default: the first row of the input that the record came from)")};
  own.push_back(std::move(header));
  for (runtime::OptionSpec& option : dialect_options()) own.push_back(std::move(option));
  own.push_back(types_option());
  runtime::FormatParse parse;
  parse.doc = "Makes an object of each row of comma-separated values";
  parse.options = text_format_options(std::move(own));
  parse.makes_strings = true;
  parse.make = make;
  return parse;
}

}  // namespace pipec::stdlib::csv
