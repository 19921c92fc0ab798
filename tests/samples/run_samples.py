#!/usr/bin/env python3
"""Runs every sample as its first comment says and compares what it wrote with samples/expected/NAME/.

usage: run_samples.py PIPEC SAMPLES_DIR [--update] [NAME...]

Each sample runs in an empty directory of its own with the samples beside it. Compared: the exit status (0), stdout, and
every file below out/, a gzip file by what is in it (its own bytes differ between versions of zlib); its `test` blocks must
hold. The one thing that differs from run to run, the time in a dead letter, is blanked. A second run must write nothing and
say that nothing is new, where the sample reads files.
"""

import argparse
import difflib
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

DEAD_LETTER_TIME = re.compile(rb'("time":")\d{4}-[^"]*(")(?=\}?$)', re.M)


def run(pipec, directory, name):
    return subprocess.run([pipec, "run", f"samples/{name}.pipe"], cwd=directory, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)


def outputs(directory, stdout):
    found = {"stdout": stdout}
    for folder, _, files in os.walk(os.path.join(directory, "out")):
        for file in files:
            path = os.path.join(folder, file)
            with open(path, "rb") as handle:
                content = handle.read()
            if path.endswith(".gz"):
                content = gzip.decompress(content)
                path = path.removesuffix(".gz") + ".unpacked"
            found[os.path.relpath(path, directory)] = DEAD_LETTER_TIME.sub(rb"\1\2", content)
    return {key: value for key, value in found.items() if value or key == "stdout"}


def expected(directory):
    found = {}
    for folder, _, files in os.walk(directory):
        for file in files:
            path = os.path.join(folder, file)
            with open(path, "rb") as handle:
                found[os.path.relpath(path, directory)] = handle.read()
    return found


def show_difference(name, wanted, got):
    for key in sorted(set(wanted) | set(got)):
        old, new = wanted.get(key), got.get(key)
        if old == new:
            continue
        lines = difflib.unified_diff((old or b"").decode("utf-8", "replace").splitlines(),
                                     (new or b"").decode("utf-8", "replace").splitlines(),
                                     f"expected/{name}/{key}", f"now/{name}/{key}", lineterm="", n=1)
        for line in list(lines)[:20]:
            print("    " + line)


def check(pipec, samples, name, update):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(samples, os.path.join(directory, "samples"))
        first = run(pipec, directory, name)
        if first.returncode != 0:
            print(f"FAILED {name}: exit status {first.returncode}\n{first.stderr.decode()}")
            return False
        got = outputs(directory, first.stdout)
        folder = os.path.join(samples, "expected", name)
        if update:
            shutil.rmtree(folder, ignore_errors=True)
            for key, value in got.items():
                path = os.path.join(folder, key)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as out:
                    out.write(value)
        wanted = expected(folder)
        if wanted != got:
            print(f"FAILED {name}: the output differs")
            show_difference(name, wanted, got)
            return False
        second = run(pipec, directory, name)
        if second.returncode != 0 or outputs(directory, second.stdout) != {**got, "stdout": b""}:
            print(f"FAILED {name}: a second run wrote something\n{second.stderr.decode()}")
            return False
        if not re.search("nothing (new|to do)", second.stderr.decode()):
            print(f"FAILED {name}: a second run did not say that nothing is new\n{second.stderr.decode()}")
            return False
        tests = subprocess.run([pipec, "test", f"samples/{name}.pipe"], cwd=directory, stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=60, check=False)
        if tests.returncode != 0:
            print(f"FAILED {name}: its tests fail\n{tests.stdout.decode()}{tests.stderr.decode()}")
            return False
    print(f"ok {name}")
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pipec")
    parser.add_argument("samples")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    pipec = os.path.abspath(arguments.pipec)
    names = arguments.names or sorted(f[:-5] for f in os.listdir(arguments.samples) if f.endswith(".pipe"))
    results = [check(pipec, os.path.abspath(arguments.samples), name, arguments.update) for name in names]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) and results else 1)


if __name__ == "__main__":
    main()
