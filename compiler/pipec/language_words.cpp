#include "compiler/pipec/language_words.h"

#include <array>

namespace pipec::cli {

namespace {

constexpr std::string_view kSource = "the start of a flow";
constexpr std::string_view kStage = "a stage";
constexpr std::string_view kStatement = "a statement of transform";
constexpr std::string_view kDirective = "a directive";
constexpr std::string_view kItem = "an item of a file";
constexpr std::string_view kOperator = "an operator";

constexpr std::array kWords = {
    LanguageWord{"recv", kSource, "recv CONNECTOR(...)",
                 "Reads records; `pipec functions file` shows a connector",
                 "recv file(\"in.ndjson\") | sink stdout()"},
    LanguageWord{"merge", kSource, "merge(a, b, ...)", "Merges streams bound by `let` into one",
                 "merge(a, b) | sink stdout()"},
    LanguageWord{"filter", kStage, "filter CONDITION [else drop | else dlq \"why\"]",
                 "Keeps the records for which the condition is true", "filter .status >= 500"},
    LanguageWord{"parse", kStage, "parse FORMAT", "Reads and checks whole records; bad ones are dead letters",
                 "parse json"},
    LanguageWord{"transform", kStage, "transform { STATEMENTS }", "Changes records",
                 "transform { .level = \"error\"; del(.agent) }"},
    LanguageWord{"route", kStage, "route { CONDITION -> STAGES ... else -> STAGES }",
                 "Sends each record to the first arm whose condition holds",
                 "route { .status >= 500 -> sink file(\"bad.ndjson\") else -> drop }"},
    LanguageWord{"sink", kStage, "sink CONNECTOR(...)",
                 "Writes records; `pipec functions file` shows a connector", "sink file(\"out.ndjson\")"},
    LanguageWord{"drop", kStage, "drop", "Drops records: in transform this record, elsewhere all of them",
                 "transform { if .debug { drop } }"},
    LanguageWord{"=", kStatement, ".a = VALUE", "Sets a field; `@key = ...` sets metadata",
                 ".client = mask_ip(.ip)"},
    LanguageWord{"let", kStatement, "let NAME = VALUE",
                 "Binds a value within the block; at the top of a file a stream or a stage chain",
                 "let host = lower(.host)"},
    LanguageWord{"del", kStatement, "del(.a, .b)", "Removes fields; missing ones are ignored",
                 "del(.agent, .a.b)"},
    LanguageWord{"keep", kStatement, "keep(.a, .b)", "Removes all other fields", "keep(.time, .path)"},
    LanguageWord{"rename", kStatement, "rename(.old, .new)", "Moves a value, byte for byte",
                 "rename(.msg, .message)"},
    LanguageWord{"dlq", kStatement, "dlq \"why\"",
                 "Makes this record a dead letter; as a directive, it sets where dead letters go",
                 "if .id == null { dlq \"no id\" }"},
    LanguageWord{"emit", kStatement, "emit VALUE", "Emits an additional record, before this one",
                 "emit {kind: \"audit\", id: .id}"},
    LanguageWord{"for", kStatement, "for x in ARRAY { STATEMENTS }", "Runs the statements for each item",
                 "for x in .items { emit x }"},
    LanguageWord{"if", kStatement, "if CONDITION { ... } else { ... }",
                 "Runs statements under a condition; also an expression, then with an else",
                 ".level = if .status >= 500 { \"error\" } else { \"info\" }"},
    LanguageWord{"commit", kDirective, "commit auto | sink", "Who commits positions: the engine or the sink",
                 "commit auto"},
    LanguageWord{"govern", kDirective, "govern off | {...}", "How memory is limited",
                 "govern {memory: 512MiB}"},
    LanguageWord{"name", kDirective, "name \"...\"",
                 "The pipeline's name; its state is stored under this name", "name \"errors\""},
    LanguageWord{"fn", kItem, "fn NAME(a, b) = EXPRESSION", "A user-defined function",
                 "fn is_error(status) = status >= 500"},
    LanguageWord{"use", kItem, "use \"other.pipe\"", "Imports the names that another file binds",
                 "use \"shared.pipe\""},
    LanguageWord{"test", kItem, "test \"...\" { stage NAME given RECORD expect RECORD }",
                 "Checks a stage chain; `pipec test` runs it",
                 "test \"upper\" { stage up given {\"a\": \"x\"} expect {\"a\": \"X\"} }"},
    LanguageWord{"matches", kOperator, "s matches r\"...\"", "Does the pattern (RE2) occur in the string?",
                 ".path matches r\"^/api/\""},
    LanguageWord{"in", kOperator, "x in ARRAY | STRING | OBJECT", "Is it an item, a part, a key of it?",
                 ".level in [\"error\", \"fatal\"]"},
    LanguageWord{"catch", kOperator, "a catch b", "a, or b where evaluating a failed", "int(.n) catch 0"},
    LanguageWord{"??", kOperator, "a ?? b", "a, or b where a is null or missing", ".host ?? \"unknown\""},
    LanguageWord{"and", kOperator, "a and b", "Are both true?", ".a > 1 and .b"},
    LanguageWord{"or", kOperator, "a or b", "Is one of them true?", ".a > 1 or .b"},
    LanguageWord{"not", kOperator, "not a", "Is it false? It binds less tightly than comparisons",
                 "not .a > 1"},
    LanguageWord{"+", kOperator, "a + b", "The sum of numbers; joins two strings or arrays", ".a + 1"},
    LanguageWord{"%", kOperator, "a % b", "The remainder, with the sign of a", ".n % 10"},
    LanguageWord{"${}", kOperator, "\"${a}\"", "Writes a value into a text", "\"${.host}:${.port}\""},
};

}  // namespace

std::span<const LanguageWord> language_words() {
  return kWords;
}

}  // namespace pipec::cli
