#!/usr/bin/env python3
"""docs/functions.md, docs/stages.md and docs/connectors.md come out of the registry: `pipec functions` prints what is in it.

usage: PIPEC=path/to/pipec reference.py [--update]

Without --update it says whether the pages are what the binary would give now (status 1 where they are not).
PIPEC_UPDATE_GOLDEN=1 means --update too.
"""

import difflib
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MADE = "<!-- made by tests/docs/reference.py --update; edit the registry's entries instead -->\n"
KINDS = {"recv": "Receivers", "sink": "Sinks", "parse": "Formats"}
STAGES = "stage"


def pipec(*arguments):
    return subprocess.run([os.environ["PIPEC"], "functions", *arguments], check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def sections():
    """[(heading, [name])] in the order of `pipec functions`."""
    found = []
    for line in pipec().splitlines():
        if line == "language":  # its words are not entries of the registry: docs/language.md has them
            break
        if re.fullmatch(r"\S.*", line) and not line.startswith("`"):
            found.append((line, []))
        elif line.startswith("  "):
            found[-1][1].append(re.match(r"\w+", line.strip()).group())
    return found


def pages(name):
    """The output of `pipec functions NAME`, one page for each entry of that name."""
    text, parts = pipec(name), []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            parts.append([])
        if parts:
            parts[-1].append(line)
    return ["\n".join(part).rstrip() for part in parts]


def is_connector(page):
    return page.split(" ", 1)[0] in KINDS


def is_stage(page):
    """A function's page begins with its signature, which has the result type."""
    return not is_connector(page) and "->" not in page.split("\n", 1)[0]


def functions_page(found):
    out = ["# Functions", "", MADE, "A parameter with `= value` may be left out; a name may be given with an argument: "
           "`round(.x, digits: 2)`. A wrong type always fails;", "so does null, unless the signature says null or any. "
           "`# fails` marks an example that shows a failure.", ""]
    for family, names in found:
        if family in KINDS or family == STAGES:
            continue
        out += [f"## {family[0].upper()}{family[1:]}", ""]
        for name in names:
            page = next(page for page in pages(name) if not is_connector(page) and not is_stage(page))
            out += ["```", page, "```", ""]
    return "\n".join(out).rstrip() + "\n"


def stages_page(found):
    out = ["# Stages", "", MADE, "The stages that come with the standard library, beside those that are part of the language (`filter`, `parse`,",
           "`transform`, `route`, `sink`, `drop`; see [language.md](language.md#stages)). Options come by position where the page",
           "shows them without a colon, else by name. A `let` of the same name hides a stage.", ""]
    for name in next(names for family, names in found if family == STAGES):
        out += [f"## {name}", "", "```", next(page for page in pages(name) if is_stage(page)), "```", ""]
    return "\n".join(out).rstrip() + "\n"


def connectors_page(found):
    out = ["# Connectors and formats", "", MADE, "Options come by position where the page shows them without a colon, "
           "else by name: `sink file(\"out.ndjson\", encode: text)`.", ""]
    for kind, names in found:
        if kind not in KINDS:
            continue
        out += [f"## {KINDS[kind]}", ""]
        for name in names:
            out += ["```", next(page for page in pages(name) if page.startswith(kind + " ")), "```", ""]
    return "\n".join(out).rstrip() + "\n"


def main():
    update = "--update" in sys.argv or os.environ.get("PIPEC_UPDATE_GOLDEN") == "1"
    found, good = sections(), True
    for name, text in (("functions.md", functions_page(found)), ("stages.md", stages_page(found)),
                       ("connectors.md", connectors_page(found))):
        path = os.path.join(ROOT, "docs", name)
        old = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as page:
                old = page.read()
        if old == text:
            continue
        if update:
            with open(path, "w", encoding="utf-8") as page:
                page.write(text)
            continue
        good = False
        print("\n".join(difflib.unified_diff(old.splitlines(), text.splitlines(), f"docs/{name}", "the registry",
                                             lineterm="", n=1)))
    print("pages: " + ("3 passed, 0 failed" if good else "out of date: tests/docs/reference.py --update"))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
