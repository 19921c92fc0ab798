// syslog: RFC 3164 and RFC 5424, told apart by themselves.
#include <array>
#include <utility>

#include "pipec/runtime/clock.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/number_text.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/shared/text_format.h"
#include "stdlib/formats/syslog/message.h"

namespace pipec::stdlib {

namespace {

using runtime::Buffer;
using runtime::Error;
using runtime::ErrorCode;

// As `logger -p` writes them; those from 12 on have no names there.
constexpr std::array<const char*, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::array<const char*, 8> kSeverities = {"emerg",   "alert",  "crit", "err",
                                                    "warning", "notice", "info", "debug"};

struct SyslogScratch final : runtime::Scratch {
  explicit SyslogScratch(const syslog::OldTimes& old_times) : reader(old_times) {}
  syslog::Reader reader;
  syslog::Message message;
  std::int64_t now = 0;
};

void append_text(std::string_view lead, std::string_view text, Buffer& out) {
  out.append(lead);
  if (text.data() == nullptr) {
    out.append("null");
  } else {
    runtime::append_json_string(text, out);
  }
}

class SyslogFormat final : public TextFormat {
 public:
  SyslogFormat(std::shared_ptr<const TimeZone> zone, std::optional<std::int64_t> year)
      : old_times_(std::move(zone), year) {}

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<SyslogScratch>(old_times_);
  }

  runtime::Status begin(const runtime::Batch&, runtime::Scratch* scratch) const override {
    static_cast<SyslogScratch&>(*scratch).now = runtime::Clock::system().unix_nanoseconds();
    return {};
  }

  std::string_view parse(std::string_view text, Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    auto& own = static_cast<SyslogScratch&>(*scratch);
    const syslog::Message& message = own.message;
    if (const char* const reason = own.reader.read(text, own.now, own.message, at)) return reason;
    const bool known = message.priority.has_value();
    append_text("{\"facility\":", known ? kFacilities[*message.priority / 8] : std::string_view(), out);
    append_text(",\"severity\":", known ? kSeverities[*message.priority % 8] : std::string_view(), out);
    char time[40];
    const std::size_t size = message.timestamp ? runtime::format_timestamp(*message.timestamp, time) : 0;
    append_text(",\"timestamp\":", size == 0 ? std::string_view() : std::string_view(time, size), out);
    append_text(",\"hostname\":", message.hostname, out);
    append_text(",\"appname\":", message.appname, out);
    append_text(",\"procid\":", message.procid, out);
    append_text(",\"msgid\":", message.msgid, out);
    out.append(",\"structured_data\":");
    out.append(message.structured_data.data() ? message.structured_data : "null");
    append_text(",\"message\":", message.text, out);
    out.append('}');
    return {};
  }

 private:
  const syslog::OldTimes old_times_;
};

runtime::Result<std::unique_ptr<runtime::Stage>> make_syslog(const runtime::Options& options) {
  auto zone = TimeZone::find(options.string("zone", "UTC"));
  if (!zone) return zone.error();
  std::optional<std::int64_t> year;
  if (options.given("year")) year = options.integer("year", 0);
  if (year && (*year < 1970 || *year > 2261))
    return Error::make(ErrorCode::option, "'year' must be 1970 to 2261");
  return make_text_stage("syslog", options, std::make_unique<SyslogFormat>(std::move(*zone), year));
}

}  // namespace

void register_syslog_format(runtime::Registry& registry) {
  runtime::OptionSpec zone;
  zone.name = "zone";
  zone.types = runtime::Type::string;
  zone.fallback = runtime::Value::string("UTC");
  zone.doc = "the time zone of timestamps that name none (RFC 3164)";
  runtime::OptionSpec year;
  year.name = "year";
  year.types = runtime::Type::integer;
  year.doc =
      "the year of timestamps that have none (default: the latest in which they are not in the future)";
  runtime::FormatSpec spec;
  spec.name = "syslog";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of a line of syslog, RFC 3164 or RFC 5424; absent parts are null";
  parse.options = text_format_options({std::move(zone), std::move(year)});
  parse.makes_strings = true;
  parse.make = make_syslog;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
