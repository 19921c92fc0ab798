#!/usr/bin/env python3
"""A function, a stage and a connector that are one file each and a line in a list: pipec_extended has them, and CONTRIBUTING.md
shows the stage as it is.

usage: PIPEC=path/to/pipec_extended test_extend.py SOURCE_DIR      PIPEC_UPDATE_GOLDEN=1 rewrites the expected output
"""

import difflib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PIPELINE = 'recv ticks(7) | every(3) | transform { .text = shout("tick ${.tick}") } | sink file("out.ndjson")\n'


def pipec(directory, *arguments):
    done = subprocess.run([os.environ["PIPEC"], *arguments], cwd=directory, input="", capture_output=True, text=True, timeout=60,
                          check=False)
    return f"$ pipec {' '.join(arguments)}\n{done.stdout}{done.stderr}exit status: {done.returncode}\n"


def observed():
    with tempfile.TemporaryDirectory() as directory:
        def write(count):
            with open(os.path.join(directory, "a.pipe"), "w", encoding="utf-8") as text:
                text.write(PIPELINE.replace("7", str(count)))

        text = "".join(pipec(directory, "functions", name) for name in ("shout", "every", "ticks"))
        write(7)
        text += pipec(directory, "run", "-q", "a.pipe")
        write(11)  # the count continues at 7
        text += pipec(directory, "run", "-q", "a.pipe")
        with open(os.path.join(directory, "out.ndjson"), encoding="utf-8") as out:
            return text + out.read() + pipec(directory, "eval", "every(0)")


def main():
    root = sys.argv[1]
    path = os.path.join(HERE, "expected.out")
    found = observed()
    if os.environ.get("PIPEC_UPDATE_GOLDEN") == "1":
        with open(path, "w", encoding="utf-8") as golden:
            golden.write(found)
    with open(path, encoding="utf-8") as golden:
        wanted = golden.read()
    failures = list(difflib.unified_diff(wanted.splitlines(), found.splitlines(), "expected.out", "pipec_extended", lineterm=""))
    with open(os.path.join(root, "CONTRIBUTING.md"), encoding="utf-8") as page, \
            open(os.path.join(HERE, "stdlib/stages/every.cpp"), encoding="utf-8") as stage:
        if stage.read() not in page.read():
            failures.append("CONTRIBUTING.md does not show tests/extend/stdlib/stages/every.cpp as it is")
    print("\n".join(failures))
    print(f"cases: {0 if failures else 2} passed, {1 if failures else 0} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
