#!/usr/bin/env python3
"""Every promise of docs/contract.md has a test whose name carries its number.

usage: promises.py ROOT [--list]        --list: the tests of each promise

A number counts at the beginning of a name, several may stand there: TEST_CASE("D3 D4 a sink ..."), test_F6_P9_no_space...
The command line's tests are left out: they count faults, with numbers of their own.
"""

import os
import re
import sys

PROMISE = re.compile(r"^\| ([A-Z]\d+) \|", re.MULTILINE)
CPP = re.compile(r'TEST_CASE\(\s*"((?:[A-Z]\d+[,;]? )+[^"]*)"')
PYTHON = re.compile(r"def test_((?:[A-Z]\d+_)+\w+)")
DOCUMENT = re.compile(r'^"""([A-Z]\d+): ([^\n]*)', re.MULTILINE)  # a script that is one test
# A test that is a function, of Kafka: """K4 ...""", or """faults K2, K7 ...""" whose first number is the fault's.
FUNCTION = re.compile(r'^def \w+\(\):\n    """(?:faults [A-Z]\d+,? )?((?:[A-Z]\d+,? )+[^"\n]*)', re.MULTILINE)
NUMBER = re.compile(r"\b[A-Z]\d+\b")


def leading_numbers(name):
    """Of "P5 skipped ...; P6 a stage ...": all that begin it or one of its parts."""
    found = []
    for part in name.split(";"):
        for word in part.split():
            if not NUMBER.fullmatch(word.rstrip(",")):
                break
            found.append(word.rstrip(","))
    return found


def tests(root):
    for folder, folders, names in os.walk(os.path.join(root, "tests")):
        if "cli" in folders:
            folders.remove("cli")
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith(".cpp"):
                with open(path, encoding="utf-8") as source:
                    for title in CPP.findall(source.read()):
                        yield os.path.relpath(path, root), title, leading_numbers(title)
            elif name.endswith(".py"):
                with open(path, encoding="utf-8") as source:
                    text = source.read()
                for title in PYTHON.findall(text):
                    yield os.path.relpath(path, root), title, leading_numbers(title.replace("_", " "))
                for title in FUNCTION.findall(text):
                    yield os.path.relpath(path, root), title, leading_numbers(title)
                for number, title in DOCUMENT.findall(text):
                    yield os.path.relpath(path, root), title, [number]


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "docs/contract.md"), encoding="utf-8") as contract:
        promises = PROMISE.findall(contract.read())
    proofs = {promise: [] for promise in promises}
    failed = []
    for path, title, numbers in tests(root):
        for number in numbers:
            if number in proofs:
                proofs[number].append(f"{path}: {title}")
    failed += [f"no test names {promise}" for promise, found in proofs.items() if not found]
    if "--list" in sys.argv:
        for promise, found in proofs.items():
            print(promise + "".join("\n    " + each for each in found))
    for line in failed:
        print("FAILED " + line)
    print(f"cases: {len(promises) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or not promises else 0)


if __name__ == "__main__":
    main()
