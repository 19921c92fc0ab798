#!/usr/bin/env python3
"""The picture in docs/design.md is the graph that runs.

usage: picture.py PIPEC ROOT [--update]      --update writes the graph that runs into the page
"""

import os
import re
import subprocess
import sys

SAMPLE = "samples/03_dead_letters.pipe"
BLOCK = re.compile(r"(This is the graph of `" + re.escape(SAMPLE) + r"`:\n\n```mermaid\n)(.*?)(```\n)", re.DOTALL)


def main():
    pipec, root = sys.argv[1:3]
    page = os.path.join(root, "docs/design.md")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    found = BLOCK.search(text)
    if not found:
        sys.exit(f"docs/design.md has no picture of {SAMPLE}")
    drawn = subprocess.run([pipec, "graph", "--runtime", "--format", "mermaid", os.path.join(root, SAMPLE)],
                           capture_output=True, text=True, check=True).stdout
    if found[2] == drawn:
        print("cases: 1 passed, 0 failed")
        return
    if "--update" in sys.argv:
        with open(page, "w", encoding="utf-8") as file:
            file.write(text[:found.start(2)] + drawn + text[found.end(2):])
        return
    print("docs/design.md shows another graph than the one that runs; picture.py --update rewrites it:\n" + drawn)
    print("cases: 0 passed, 1 failed")
    sys.exit(1)


if __name__ == "__main__":
    main()
