// The family of the parsers.
#include "stdlib/functions/families.h"
#include "stdlib/functions/parsers.h"

namespace pipec::stdlib {

void register_parsing(Registry& registry) {
  const Parameter text = required("s", Type::string);
  const Parameter delimiter = defaulted("delimiter", Type::string, Value::string(","));

  Family family(registry, "parsing");
  family.add("parse_url", {text}, Type::object,
             "The parts of a URL: scheme, username, password, host, port, path, query (an object), fragment; "
             "null if there is none",
             {{R"(parse_url("https://bob@example.com:8443/a/b?x=1#top"))",
               R"({"scheme":"https","username":"bob","password":null,"host":"example.com","port":8443,)"
               R"("path":"/a/b","query":{"x":"1"},"fragment":"top"})"},
              {R"(parse_url("not a url"))", "error"}},
             parse_url);
  family.add("parse_query", {text}, Type::object,
             "The parameters of a URL's query; of repeated ones the last",
             {{R"(parse_query("a=1&b=x+y%21&c"))", R"({"a":"1","b":"x y!","c":""})"}}, parse_query);
  family.add("parse_logfmt", {text}, Type::object,
             "The pairs of a logfmt line, as strings; a bare key has an empty one",
             {{R"re(parse_logfmt("level=info msg=\"all done\" n=3"))re",
               R"({"level":"info","msg":"all done","n":"3"})"},
              {R"(parse_logfmt("hello"))", "error"}},
             parse_logfmt);
  family.add(
      "parse_clf", {text}, Type::object,
      "The fields of a web server's access log line, in the common or the combined format; null if it says -",
      {{R"re(parse_clf("192.0.2.7 - bob [02/Jan/2026:03:04:05 +0000] \"GET /a HTTP/1.1\" 200 512"))re",
        R"({"host":"192.0.2.7","identity":null,"user":"bob","timestamp":"2026-01-02T03:04:05Z",)"
        R"("method":"GET","path":"/a","protocol":"HTTP/1.1","status":200,"size":512})"},
       {R"(parse_clf("hello"))", "error"}},
      parse_clf);
  family.add("parse_csv", {text, delimiter}, Type::array, "The fields of one line of CSV, as strings",
             {{R"re(parse_csv("a,\"b, c\","))re", R"(["a","b, c",""])"}}, parse_csv, check_delimiter);
  family.add("to_csv", {required("a", Type::array), delimiter}, Type::string,
             "One line of CSV, quoted where it must be; null is empty",
             {{R"(to_csv(["a", "b, c", 1, null]))", R"("a,\"b, c\",1,")"}}, to_csv, check_delimiter);
}

}  // namespace pipec::stdlib
