#!/usr/bin/env python3
"""Which part may include what, checked over every source: the dependency rule and where third-party headers may be.

usage: check_layout.py ROOT COMPILED      COMPILED: a file with the path of every source that is compiled, one a line
"""

import os
import re
import sys

# Part: the folder, and the parts whose public headers it may include.
PARTS = {
    "dsl": ("dsl", set()),
    "runtime": ("runtime", set()),
    "graph": ("graph", {"runtime"}),
    "stdlib": ("stdlib", {"runtime"}),
    "compiler": ("compiler", {"dsl", "runtime", "graph"}),
    "c": ("compiler/c", {"dsl", "runtime", "graph", "compiler", "stdlib"}),
    "pipec": ("compiler/pipec", {"dsl", "runtime", "graph", "compiler", "stdlib"}),
}

# Separate parts inside the compiler's folder.
NESTED = ("c", "pipec")

# Folders that may not know each other, not by way of another header either, and the public headers that are theirs.
# What formats share, and what goes from one to another, is in runtime/record.
STRANGERS = [
    {"runtime/json/": "pipec/runtime/json.h", "runtime/msgpack/": "pipec/runtime/msgpack.h"},
]

# Prefix of a system include: the parts that may use it, in sources and internal headers. Public headers must not.
THIRD_PARTY = {
    "tao/": {"dsl"},
    "tbb/": {"graph"},
    "oneapi/": {"graph"},
    "simdjson": {"runtime"},
    "re2/": {"stdlib"},
    "date/": {"stdlib"},
    "openssl/": {"stdlib"},
    "zlib.h": {"stdlib"},
    "librdkafka/": {"stdlib"},
    "xxhash.h": {"runtime", "stdlib"},
    "unicode/": {"stdlib", "dsl"},
    "CLI/": {"pipec"},
    "fmt/": {"dsl", "runtime", "graph", "stdlib", "compiler", "c", "pipec"},
    "catch2/": set(),
    "benchmark/": set(),
    "nlohmann/": set(),
    "msgpack.hpp": set(),
}

# Headers of the whole project: pipec.h, which includes everything, is for programs.
COMMON = {"pipec/version.h"}
UMBRELLA = "compiler/include/pipec/pipec.h"

# Expensive to compile, or not there yet with the oldest compiler.
BANNED = {"iostream", "regex", "ranges", "format"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def part_of(path):
    for part in NESTED:
        if path.startswith(PARTS[part][0] + "/"):
            return part
    return path.split("/")[0]


def part_of_public(name):
    """Of a public header as it is included: pipec/graph/plan.h, pipec/c.h."""
    return name.split("/")[1].removesuffix(".h")


def is_public(path):
    return "/include/pipec/" in path


def complaints(path, text):
    """Violations in the includes of this file; `path` is relative to the root."""
    part = part_of(path)
    folder, may_include = PARTS[part]
    found = []

    def complain(line, reason):
        found.append(f"{path}:{line}: {reason}")

    if path.endswith(".h") and "#pragma once" not in text:
        complain(1, "a header begins with #pragma once")
    for match in INCLUDE.finditer(text):
        kind, name = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        if kind == "<":
            if name in BANNED:
                complain(line, f"<{name}> is not used in this project")
            for prefix, allowed in THIRD_PARTY.items():
                if not name.startswith(prefix):
                    continue
                if is_public(path):
                    complain(line, f"<{name}> in a public header")
                elif part not in allowed:
                    complain(line, f"<{name}> has no place in {part}")
            if name.startswith("pipec/"):
                complain(line, f"our own headers are included in quotes: {name}")
        elif name.startswith("pipec/"):
            other = part_of_public(name)
            if other != part and other not in may_include and name not in COMMON and path != UMBRELLA:
                complain(line, f"{part} may not include {other} ({name})")
        elif is_public(path):
            complain(line, f"a public header includes an internal one ({name})")
        elif not name.startswith(folder + "/") or (part == "compiler" and part_of(name) != part):
            complain(line, f"{name} is no header of {part}")
    return found


UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}\s*$", re.MULTILINE | re.DOTALL)
TYPE = re.compile(r"^(?:struct|class|enum class|enum) (\w+)\b(?!\s*;)", re.MULTILINE)
CONSTANT = re.compile(r"^(?:inline |static )*(?:constexpr|const|constinit)\b[^;{=(]*?\b(k\w+)\b", re.MULTILINE)
FUNCTION = re.compile(
    r"^(?!return|else|if|for|while|switch|case|using|namespace|friend|typedef)[\w:<>,*&\s\[\]]*?[\s*&](\w+)\(([^;]*?)\)\s*(?:noexcept\s*)?\{",
    re.MULTILINE | re.DOTALL)


def unnamed_names(text):
    """What the unnamed namespaces of a source define; functions with the types of their parameters."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"//.*", "", text))
    names = set()
    for body in UNNAMED.findall(re.sub(r"'(?:[^'\\]|\\.)'", "' '", text)):
        depth, top = 0, []
        for line in body.split("\n"):
            if depth == 0:
                top.append(line)
            depth += line.count("{") - line.count("}")
        outside = "\n".join(top)
        names.update(TYPE.findall(outside), CONSTANT.findall(outside))
        for statement in re.findall(r"^(?:inline |static )*(?:constexpr|const)\b[^;{]*;", outside, re.MULTILINE):
            names.update(re.findall(r",\s*(k\w+)\s*=", statement))
        for name, parameters in FUNCTION.findall(outside):
            types = [re.sub(r"\s*\b\w+\s*(=.*)?$", "", each) for each in re.sub(r"<[^<>]*>", "<>", parameters).split(",")]
            names.add(f"{name}({','.join(' '.join(each.split()) for each in types)})")
    return names


def twins(sources):
    """Sources are joined when a part is built for the first time (PIPEC_UNITY), in groups that change with every new file:
    so no two of a namespace may define the same in an unnamed one. `sources`: their texts, by path."""
    first, found = {}, []
    for path in sorted(sources):
        outer = re.search(r"^namespace ([\w:]+) \{", sources[path], re.MULTILINE)
        if not outer or not path.endswith(".cpp") or "/kernel_" in path:  # those are compiled alone
            continue
        for name in sorted(unnamed_names(sources[path])):
            other = first.setdefault((part_of(path), outer[1], name), path)
            if other != path:
                found.append(f"{path}: {name} is defined in {other} too")
    return found


def home_of(path):
    """The folder of STRANGERS that a header or source belongs to, as it is included."""
    for folders in STRANGERS:
        for folder, public in folders.items():
            if path.startswith(folder) or path == public:
                return folder
    return None


def meetings(files):
    """Forbidden includes between parts. `files`: the text of each, by the name with which it is included."""
    found = []
    includes = {
        path: [name for kind, name in INCLUDE.findall(text) if kind == '"'] for path, text in files.items()
    }
    for path in sorted(files):
        home = home_of(path)
        if not home:
            continue
        strangers = {folder for folders in STRANGERS if home in folders for folder in folders} - {home}
        seen = {path}
        ways = [(path, [])]
        while ways:
            at, way = ways.pop()
            for name in includes.get(at, []):
                if name in seen:
                    continue
                seen.add(name)
                if home_of(name) in strangers:
                    found.append(f"{path}: {home} may not include {name}" + "".join(f", by {by}" for by in way))
                else:
                    ways.append((name, way + [name]))
    return found


# As below, for several files at once.
MEETINGS = [
    ({"runtime/json/a.cpp": '#include "runtime/msgpack/a.h"'}, True),
    ({"runtime/msgpack/a.h": '#include "runtime/json/a.h"'}, True),
    ({"runtime/msgpack/a.h": '#include "pipec/runtime/json.h"'}, True),
    ({"pipec/runtime/json.h": '#include "pipec/runtime/msgpack.h"'}, True),
    ({"runtime/json/a.h": '#include "runtime/record/b.h"', "runtime/record/b.h": '#include "runtime/msgpack/a.h"'}, True),
    ({"runtime/json/a.h": '#include "runtime/record/b.h"', "runtime/record/b.h": '#include "runtime/json/a.h"'}, False),
    ({"runtime/json/a.h": '#include "runtime/json/b.h"', "runtime/record/b.h": '#include "runtime/msgpack/a.h"'}, False),
    ({"runtime/record/a.cpp": '#include "runtime/json/a.h"\n#include "runtime/msgpack/a.h"'}, False),
]


# The check itself must be able to fail: a path, a line of text, and whether it is wrong.
SAMPLES = [
    ("dsl/lexer.cpp", "#include <tao/pegtl.hpp>", False),
    ("dsl/lexer.cpp", '#include "dsl/token.h"', False),
    ("dsl/lexer.cpp", '#include "pipec/runtime/value.h"', True),
    ("runtime/value.cpp", "#include <tao/pegtl.hpp>", True),
    ("runtime/value.cpp", "#include <tbb/flow_graph.h>", True),
    ("runtime/value.cpp", "#include <simdjson.h>", False),
    ("graph/node.cpp", "#include <oneapi/tbb/flow_graph.h>", False),
    ("graph/node.cpp", '#include "pipec/runtime/batch.h"', False),
    ("graph/node.cpp", '#include "pipec/stdlib/register.h"', True),
    ("graph/node.cpp", '#include "runtime/json/scan.h"', True),
    ("graph/include/pipec/graph/plan.h", "#pragma once\n#include <tbb/flow_graph.h>", True),
    ("graph/include/pipec/graph/plan.h", '#pragma once\n#include "graph/node.h"', True),
    ("graph/include/pipec/graph/plan.h", "#include <vector>", True),
    ("stdlib/functions/regex.cpp", "#include <re2/re2.h>", False),
    ("stdlib/functions/regex.cpp", '#include "pipec/graph/plan.h"', True),
    ("compiler/plan.cpp", '#include "pipec/stdlib/register.h"', True),
    ("compiler/plan.cpp", '#include "compiler/pipec/console.h"', True),
    ("compiler/plan.cpp", "#include <re2/re2.h>", True),
    ("compiler/plan.cpp", "  #  include <iostream>", True),
    ("compiler/c/api.cpp", '#include "pipec/c.h"', False),
    ("compiler/c/api.cpp", '#include "pipec/stdlib/register.h"', False),
    ("compiler/plan.cpp", '#include "pipec/c.h"', True),
    ("compiler/pipec/main.cpp", '#include "pipec/stdlib/register.h"', False),
    ("compiler/pipec/main.cpp", '#include "compiler/scope.h"', True),
    ("compiler/pipec/main.cpp", '#include "compiler/pipec/console.h"', False),
]


def in_unnamed(text, namespace="a"):
    return f"namespace {namespace} {{\nnamespace {{\n{text}\n}}  // namespace\n}}\n"


TWINS = [
    ({"dsl/a.cpp": in_unnamed("int f(int a) {\n}"), "dsl/b.cpp": in_unnamed("int f(int b) {\n}")}, True),
    ({"dsl/a.cpp": in_unnamed("int f(int a) {\n}"), "dsl/b.cpp": in_unnamed("int f(char b) {\n}")}, False),
    ({"dsl/a.cpp": in_unnamed("int f(int a) {\n}"), "dsl/b.cpp": in_unnamed("int f(int b) {\n}", "b")}, False),
    ({"dsl/a.cpp": in_unnamed("int f(int a) {\n}"), "graph/b.cpp": in_unnamed("int f(int b) {\n}")}, False),
    ({"dsl/a.cpp": in_unnamed("struct T {\n};"), "dsl/b.cpp": in_unnamed("class T {\n};")}, True),
    ({"dsl/a.cpp": in_unnamed("constexpr int kB = 1, kA = 2;"), "dsl/b.cpp": in_unnamed("const char kA = 0;")}, True),
    ({"dsl/a.cpp": in_unnamed("constexpr int kA = 1;"), "dsl/b.cpp": in_unnamed("const char* const kA = 0;")}, True),
]


def self_check():
    return [
        f"check_layout.py: {path} with {text!r} should be {'wrong' if wrong else 'right'}"
        for path, text, wrong in SAMPLES
        if bool(complaints(path, text)) != wrong
    ] + [
        f"check_layout.py: {files} should be {'wrong' if wrong else 'right'}"
        for files, wrong in MEETINGS
        if bool(meetings(files)) != wrong
    ] + [
        f"check_layout.py: {files} should be {'wrong' if wrong else 'right'}"
        for files, wrong in TWINS
        if bool(twins(files)) != wrong
    ]


def exists(root, name):
    if name.startswith("pipec/"):
        if name in COMMON:  # generated
            return True
        part = part_of_public(name)
        folder = "compiler" if name == "pipec/pipec.h" else PARTS[part][0] if part in PARTS else part
        return os.path.exists(os.path.join(root, folder, "include", name))
    return os.path.exists(os.path.join(root, name))


def main():
    root, compiled_list = sys.argv[1:]
    with open(compiled_list, encoding="utf-8") as lines:
        compiled = {os.path.relpath(line.strip(), root) for line in lines if line.strip()}

    found = self_check()
    sources = []
    for folder in ("dsl", "runtime", "graph", "stdlib", "compiler"):
        if not os.path.exists(os.path.join(root, folder, "README.md")):
            found.append(f"{folder}/README.md is missing: what the part is for, where to begin, what it may include")
        for directory, _, names in os.walk(os.path.join(root, folder)):
            sources += [os.path.relpath(os.path.join(directory, name), root) for name in names]
    sources = sorted(path for path in sources if path.endswith((".cpp", ".h", ".def")))

    texts = {}
    included = set()
    for path in sources:
        with open(os.path.join(root, path), encoding="utf-8") as source:
            text = source.read()
        texts[path.split("/include/", 1)[1] if is_public(path) else path] = text
        found += complaints(path, text)
        for kind, name in INCLUDE.findall(text):
            if kind != '"':
                continue
            own = path.endswith(".cpp") and os.path.basename(name)[:-2] == os.path.basename(path)[:-4]
            if not own:
                included.add(name)
            if not exists(root, name):
                found.append(f"{path}: there is no {name}")
        if path.endswith(".cpp") and path not in compiled:
            found.append(f"{path} is compiled by no target")
    found += meetings(texts) + twins(texts)
    # Tests may include anything.
    for directory, _, names in os.walk(os.path.join(root, "tests")):
        for name in names:
            if name.endswith((".cpp", ".h")):
                with open(os.path.join(directory, name), encoding="utf-8") as source:
                    included.update(include for _, include in INCLUDE.findall(source.read()))
    for path in sources:
        name = path.split("/include/", 1)[1] if is_public(path) else path
        if path.endswith((".h", ".def")) and name not in included:
            found.append(f"{path} is included only by its own source")

    for line in found:
        print(line)
    print(f"cases: {len(sources) + len(SAMPLES) + len(MEETINGS) - len(found)} passed, {len(found)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
