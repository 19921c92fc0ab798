#!/usr/bin/env python3
"""docs/faults.md has every fault, and for each the tests that inject it or the reason why there is none; every test named there exists.

usage: faults.py ROOT
"""

import os
import re
import sys

import test_names

GROUPS = {"K": 20, "P": 14, "Q": 5, "F": 11, "C": 6, "S": 9, "M": 6, "G": 4, "L": 7, "D": 12, "X": 7}
FAULTS = [f"{letter}{number}" for letter, count in GROUPS.items() for number in range(1, count + 1)]
ROW = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.(?:py|cpp|pipe|stderr))(?:: ([^`]+))?`")
NO_TEST = "No test"
SHORTEST_REASON = 40


def wrong_with(root, path, name, known):
    """The problem with a test that the table names, if any."""
    file = os.path.join(root, "tests", path)
    if not os.path.exists(file):
        return f"tests/{path} is not there"
    if name and file not in known:
        known[file] = {test for test, _ in test_names.names(file)}
    if name and name not in known[file]:
        return f"tests/{path} has no test '{name}'"
    return None


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "docs/faults.md"), encoding="utf-8") as page:
        rows = ROW.findall(page.read())
    known, failed = {}, []
    ids = [row for row, _ in rows]
    failed += [f"{fault} has no row" for fault in FAULTS if fault not in ids]
    failed += [f"{row} is no fault" for row in ids if row not in FAULTS]
    failed += [f"{row} has two rows" for row in sorted(set(ids)) if ids.count(row) > 1]
    for row, text in rows:
        cells = [cell.strip() for cell in text.split(" | ")]
        if len(cells) != 3 or not all(cells):
            failed.append(f"{row}: fault, what holds and tests are three cells, not {len(cells)}")
            continue
        named = TEST.findall(cells[2])
        if not named and not (cells[2].startswith(NO_TEST) and len(cells[2]) >= SHORTEST_REASON):
            failed.append(f"{row}: neither a test nor a reason ('{NO_TEST}: ...')")
        failed += [f"{row}: {wrong}" for path, name in named if (wrong := wrong_with(root, path, name, known))]
    for line in failed:
        print("FAILED " + line)
    print(f"cases: {len(FAULTS) if not failed else 0} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
