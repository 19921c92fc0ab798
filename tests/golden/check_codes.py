#!/usr/bin/env python3
"""Every diagnostic code is shown by a golden file. usage: check_codes.py ROOT"""

import os
import re
import sys


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "dsl/include/pipec/dsl/diagnostics.def"), encoding="utf-8") as definitions:
        codes = re.findall(r"^PIPEC_DIAGNOSTIC\((\w+), (\w+),", definitions.read(), re.MULTILINE)
    shown = set()
    for directory, _, names in os.walk(os.path.join(root, "tests/golden/errors")):
        for name in names:
            if name.endswith(".stderr"):
                with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as text:
                    shown.update(re.findall(r"^(?:error|warning)\[(\w+)\]:", text.read(), re.MULTILINE))
    missing = [(code, name) for code, name in codes if code not in shown]
    for code, name in missing:
        print(f"{code} ({name}) is shown by no file under tests/golden/errors")
    if len({code for code, _ in codes}) != len(codes):
        print("diagnostics.def lists a code twice")
        missing.append(("", ""))
    print(f"cases: {len(codes) - len(missing)} passed, {len(missing)} failed")
    return 1 if missing or not codes else 0


if __name__ == "__main__":
    sys.exit(main())
