#!/usr/bin/env python3
"""Sums up a ctest run from its JUnit file: how many cases passed and failed, and what was skipped and why.

ctest counts programs, and hides the output of those that pass. What counts here are the cases inside them, as the
programs themselves tell them:

  * a Catch2 program by its last line ("All tests passed (N assertions in M test cases)");
  * ours by `cases: N passed, N failed`, and `SKIP name: reason` for each that did not run;
  * of these, `FAILED FIRST name` for each that passed only when it was run again. They are listed, and where they are more than
    MOST_FAILED_FIRST of all cases the tests have failed: a fault that comes and goes must not pass by trying twice.

A program that says nothing of the kind is one case.
"""

import re
import sys
import xml.etree.ElementTree as xml

ALL_PASSED = re.compile(r"All tests passed \(.*? in (\d+) test cases?\)")
CATCH_CASES = re.compile(r"^test cases:\s*\d+(.*)$", re.MULTILINE)
CATCH_PART = re.compile(r"\|\s*(\d+) (passed|failed)")
OUR_CASES = re.compile(r"^cases: (\d+) passed, (\d+) failed$", re.MULTILINE)
FAILED_FIRST = re.compile(r"^FAILED FIRST (.+)$", re.MULTILINE)
MOST_FAILED_FIRST = 0.02
SKIP = re.compile(r"^SKIP (.+)$", re.MULTILINE)


def cases_of(output, ok):
    """(passed, failed) of one program."""
    ours = OUR_CASES.search(output)
    if ours:
        passed, failed = int(ours.group(1)), int(ours.group(2))
    elif ALL_PASSED.search(output):
        passed, failed = int(ALL_PASSED.search(output).group(1)), 0
    elif CATCH_CASES.search(output):
        counts = {word: int(n) for n, word in CATCH_PART.findall(CATCH_CASES.search(output).group(1))}
        passed, failed = counts.get("passed", 0), counts.get("failed", 0)
    else:
        passed, failed = (1, 0) if ok else (0, 1)
    if not ok and failed == 0:
        failed = 1  # it crashed, or failed outside of its cases
    return passed, failed


def main():
    try:
        suite = xml.parse(sys.argv[1]).getroot()
    except (OSError, xml.ParseError) as error:
        print(f"no test ran to its end: {error}", file=sys.stderr)
        return 1
    passed = failed = 0
    failures, skips, again = [], [], []
    for test in suite.iter("testcase"):
        name = test.get("name")
        output = test.findtext("system-out") or ""
        status = test.get("status")
        if status in ("notrun", "disabled"):
            skipped = test.find("skipped")
            skips.append(f"{name}: {skipped.get('message') if skipped is not None else 'did not run'}")
            continue
        ok = status == "run"
        some_passed, some_failed = cases_of(output, ok)
        passed += some_passed
        failed += some_failed
        if not ok:
            failures.append(name)
        skips += [f"{name}: {line}" for line in SKIP.findall(output)]
        again += [f"{name}: {line}" for line in FAILED_FIRST.findall(output)]
    for name in failures:
        print(f"FAILED  {name}")
    for line in skips:
        print(f"skipped {line}")
    for line in again:
        print(f"failed at first, passed when run again: {line}")
    too_many = len(again) > MOST_FAILED_FIRST * (passed + failed)
    if too_many:
        print(f"FAILED  {len(again)} cases passed only when run again; {MOST_FAILED_FIRST:.0%} of {passed + failed} may")
    print(f"{passed} passed, {failed} failed" + (f", {len(skips)} skipped" if skips else ""))
    return 1 if failed or too_many else 0


if __name__ == "__main__":
    sys.exit(main())
