#!/usr/bin/env python3
"""Every promise of docs/contract.md has a test whose name begins with its number, and every number there is one: a bare one a promise's,
one that follows the word `fault` a row's of docs/faults.md.

usage: promises.py ROOT [--list]        --list: the tests of each promise
"""

import os
import re
import sys

import test_names

PROMISE = re.compile(r"^\| ([A-Z]\d+) \|", re.MULTILINE)
INVARIANTS = {f"I{number}" for number in range(1, 10)}  # tests/kafka/README.md: names of the tests of the oracle itself


def rows(root, page):
    with open(os.path.join(root, "docs", page), encoding="utf-8") as text:
        return PROMISE.findall(text.read())


def main():
    root = sys.argv[1]
    promises, faults = rows(root, "contract.md"), set(rows(root, "faults.md"))
    proofs = {promise: [] for promise in promises}
    failed = []
    for path, name, title in test_names.tests(root):
        kept, injected = test_names.numbers(title)
        for number in kept:
            if number in proofs:
                proofs[number].append(f"{path}: {name or title}")
            elif number not in INVARIANTS:
                hint = f"; the fault is cited as `fault {number}`" if number in faults else ""
                failed.append(f"{path}: {title}: docs/contract.md has no {number}{hint}")
        failed += [f"{path}: {title}: docs/faults.md has no {number}" for number in injected if number not in faults]
    failed += [f"no test names {promise}" for promise, found in proofs.items() if not found]
    if "--list" in sys.argv:
        for promise, found in proofs.items():
            print(promise + "".join("\n    " + each for each in found))
    for line in failed:
        print("FAILED " + line)
    print(f"cases: {sum(map(bool, proofs.values()))} passed, {len(failed)} failed")
    sys.exit(1 if failed or not promises else 0)


if __name__ == "__main__":
    main()
