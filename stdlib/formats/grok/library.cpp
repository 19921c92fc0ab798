// The patterns that grok knows, under the names that other tools use. RE2 has no lookaround: those that need
// it there match a little more here.
#include "stdlib/formats/grok/expand.h"

namespace pipec::stdlib::grok {

const Patterns& library() {
  static const auto* const patterns = new Patterns{
      // Numbers, words
      {"INT", R"([+-]?[0-9]+)"},
      {"POSINT", R"(\b[1-9][0-9]*\b)"},
      {"NONNEGINT", R"(\b[0-9]+\b)"},
      {"BASE10NUM", R"([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))"},
      {"NUMBER", R"(%{BASE10NUM}(?:[eE][+-]?[0-9]+)?)"},
      {"BASE16NUM", R"([+-]?(?:0x)?[0-9A-Fa-f]+)"},
      {"WORD", R"(\b\w+\b)"},
      {"NOTSPACE", R"(\S+)"},
      {"SPACE", R"(\s*)"},
      {"DATA", R"(.*?)"},
      {"GREEDYDATA", R"(.*)"},
      {"MULTILINEDATA", R"((?s:.*))"},
      {"QUOTEDSTRING", R"("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"},
      {"QS", R"(%{QUOTEDSTRING})"},
      {"UUID", R"([0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})"},
      {"USERNAME", R"([a-zA-Z0-9._-]+)"},
      {"USER", R"(%{USERNAME})"},
      {"EMAILLOCALPART", R"([a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+)"},
      {"EMAILADDRESS", R"(%{EMAILLOCALPART}@%{HOSTNAME})"},
      // Networks
      {"MAC", R"((?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})"},
      {"IPV4", R"((?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9]))"},
      {"IPV6", R"((?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::)"
               R"((?:(?:[0-9A-Fa-f]{1,4}:){0,5}(?:%{IPV4}|[0-9A-Fa-f]{1,4}))?)"},
      {"IP", R"(%{IPV6}|%{IPV4})"},
      {"HOSTNAME", R"(\b[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,62}))*\.?)"},
      {"IPORHOST", R"(%{IP}|%{HOSTNAME})"},
      {"HOST", R"(%{HOSTNAME})"},
      {"HOSTPORT", R"((?:%{IPORHOST}):%{POSINT})"},
      // Paths and URIs
      {"UNIXPATH", R"((?:/[\w%!$@:.,+~-]*)+)"},
      {"WINPATH", R"((?:[A-Za-z]:|\\)(?:\\[^\\?*]*)+)"},
      {"PATH", R"(%{UNIXPATH}|%{WINPATH})"},
      {"TTY", R"(/dev/(?:pts|tty(?:[pq])?)(?:\w+)?/?[0-9]+)"},
      {"URIPROTO", R"([A-Za-z][A-Za-z0-9+.-]*)"},
      {"URIHOST", R"((?:%{IPORHOST})(?::%{POSINT})?)"},
      {"URIPATH", R"((?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+)"},
      {"URIPARAM", R"(\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*)"},
      {"URIPATHPARAM", R"(%{URIPATH}(?:%{URIPARAM})?)"},
      {"URI", R"(%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?)"},
      // Times
      {"MONTH",
       R"(\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|)"
       R"([Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\b)"},
      {"MONTHNUM", R"(0?[1-9]|1[0-2])"},
      {"MONTHNUM2", R"(0[1-9]|1[0-2])"},
      {"MONTHDAY", R"(0[1-9]|[12][0-9]|3[01]|[1-9])"},
      {"DAY", R"(\b(?:[Mm]on(?:day)?|[Tt]ue(?:sday)?|[Ww]ed(?:nesday)?|[Tt]hu(?:rsday)?|[Ff]ri(?:day)?|)"
              R"([Ss]at(?:urday)?|[Ss]un(?:day)?)\b)"},
      {"YEAR", R"([0-9]{4}|[0-9]{2})"},
      {"HOUR", R"(2[0-3]|[01]?[0-9])"},
      {"MINUTE", R"([0-5][0-9])"},
      {"SECOND", R"((?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?)"},
      {"TIME", R"((?:%{HOUR}):(?:%{MINUTE})(?::(?:%{SECOND}))?)"},
      {"DATE_US", R"((?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-](?:%{YEAR}))"},
      {"DATE_EU", R"((?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-](?:%{YEAR}))"},
      {"DATE", R"(%{DATE_US}|%{DATE_EU})"},
      {"ISO8601_TIMEZONE", R"(Z|[+-](?:%{HOUR})(?::?(?:%{MINUTE}))?)"},
      {"TIMESTAMP_ISO8601", R"([0-9]{4}-(?:%{MONTHNUM})-(?:%{MONTHDAY})[T ](?:%{HOUR}):?(?:%{MINUTE}))"
                            R"((?::?(?:%{SECOND}))?(?:%{ISO8601_TIMEZONE})?)"},
      {"TZ", R"([A-Z]{3,4}|UTC)"},
      {"DATESTAMP", R"((?:%{DATE})[- ]%{TIME})"},
      {"DATESTAMP_RFC2822", R"(%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} (?:%{ISO8601_TIMEZONE}))"},
      {"DATESTAMP_OTHER", R"(%{DAY} %{MONTH} +%{MONTHDAY} %{TIME} %{TZ} %{YEAR})"},
      {"HTTPDATE", R"(%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT})"},
      {"SYSLOGTIMESTAMP", R"(%{MONTH} +%{MONTHDAY} %{TIME})"},
      // Logs
      {"LOGLEVEL",
       R"((?i:trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|)"
       R"(alert|emerg(?:ency)?))"},
      {"PROG", R"([\x21-\x5a\x5c\x5e-\x7e]+)"},
      {"SYSLOGPROG", R"(%{PROG:program}(?:\[%{POSINT:pid}\])?)"},
      {"SYSLOGHOST", R"(%{IPORHOST})"},
      {"SYSLOGFACILITY", R"(<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>)"},
      {"SYSLOGBASE",
       R"(%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:)"},
      {"COMMONAPACHELOG",
       R"re(%{IPORHOST:clientip} %{NOTSPACE:ident} %{NOTSPACE:auth} \[%{HTTPDATE:timestamp}\] )re"
       R"re("(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" )re"
       R"re((?:%{NUMBER:response}|-) (?:%{NUMBER:bytes}|-))re"},
      {"COMBINEDAPACHELOG", R"(%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent})"},
  };
  return *patterns;
}

}  // namespace pipec::stdlib::grok
