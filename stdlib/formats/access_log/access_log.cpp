// access_log: the lines of web servers' access logs.
#include <utility>

#include "pipec/runtime/json.h"
#include "stdlib/formats/access_log/log_format.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

namespace {

struct AccessLogScratch final : runtime::Scratch {
  std::vector<runtime::Member> fields;
  runtime::Arena arena;
  std::size_t last = 0;  // the format that the last line had
};

class AccessLogFormat final : public TextFormat {
 public:
  explicit AccessLogFormat(std::vector<LogFormat> formats) : formats_(std::move(formats)) {}

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<AccessLogScratch>();
  }

  // A log has one format: it is tried first. The reason is that of the format that came furthest.
  std::string_view parse(std::string_view line, runtime::Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    auto& own = static_cast<AccessLogScratch&>(*scratch);
    const char* furthest = nullptr;
    at = 0;
    for (std::size_t i = 0; i < formats_.size(); ++i) {
      const std::size_t format = (own.last + i) % formats_.size();
      own.fields.clear();
      own.arena.reset();
      std::size_t reached = 0;
      const char* const reason = formats_[format].read(line, own.arena, own.fields, reached);
      if (!reason) {
        own.last = format;
        append(own.fields, out);
        return {};
      }
      if (furthest && reached <= at) continue;
      furthest = reason;
      at = reached;
    }
    return furthest;
  }

 private:
  static void append(const std::vector<runtime::Member>& fields, runtime::Buffer& out) {
    out.append('{');
    for (const auto& [key, value] : fields) {
      if (&key != &fields.front().key) out.append(',');
      runtime::append_json_string(key, out);
      out.append(':');
      runtime::append_json(value, out);
    }
    out.append('}');
  }

  const std::vector<LogFormat> formats_;
};

runtime::Result<std::unique_ptr<runtime::Stage>> make_access_log(const runtime::Options& options) {
  std::vector<LogFormat> formats(known_log_formats().begin(), known_log_formats().end());
  if (options.given("format")) {
    auto own = LogFormat::compile(options.string("format"));
    if (!own) return own.error();
    formats.clear();
    formats.push_back(std::move(*own));
  }
  return make_text_stage("access_log", options, std::make_unique<AccessLogFormat>(std::move(formats)));
}

}  // namespace

void register_access_log_format(runtime::Registry& registry) {
  runtime::OptionSpec format;
  format.name = "format";
  format.types = runtime::Type::string;
  format.doc =
      "the line as Apache's LogFormat describes it (default: common, combined, vhost_combined or nginx's "
      "main, "
      "whichever the line is)";
  runtime::FormatSpec spec;
  spec.name = "access_log";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of a line of a web server's access log; what is - there is null";
  parse.options = text_format_options({std::move(format)});
  parse.makes_strings = true;
  parse.make = make_access_log;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
