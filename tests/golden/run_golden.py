#!/usr/bin/env python3
"""Runs the golden cases of one suite against the binary in $PIPEC. README.md in this folder describes the cases."""

import argparse
import concurrent.futures
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HANG_SECONDS = 120


class Process:
    """One call of pipec: its output, status, and whether it had to be killed."""

    def __init__(self, arguments, directory, stdin=b""):
        environment = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8", NO_COLOR="1")
        try:
            done = subprocess.run(
                [os.environ["PIPEC"], *arguments],
                cwd=directory, input=stdin, capture_output=True, env=environment, timeout=HANG_SECONDS, check=False,
            )
            self.out, self.err, self.status = done.stdout, done.stderr, str(done.returncode)
        except subprocess.TimeoutExpired as late:
            self.out, self.err, self.status = late.stdout or b"", late.stderr or b"", "none: it hangs"


def normalise(data):
    """Takes out what is different at every run: the time a dead letter was made."""
    return re.sub(rb'"time":"\d{4}-\d\d-\d\dT[0-9:.]+Z"', b'"time":"TIME"', data)


class Case:
    def __init__(self, suite, base):
        self.suite = suite
        self.base = base  # the path without an extension
        self.name = os.path.relpath(base, HERE)
        self.stem = os.path.basename(base)

    def has(self, extension):
        return os.path.exists(self.base + extension)

    def read(self, extension, otherwise=b""):
        if not self.has(extension):
            return otherwise
        with open(self.base + extension, "rb") as file:
            return file.read()

    def prepare(self, directory):
        """Fills the directory; returns the files in it, which are not output."""
        if self.has(".pipe"):
            shutil.copy(self.base + ".pipe", directory)
        if self.has(".in"):
            shutil.copytree(self.base + ".in", directory, dirs_exist_ok=True)
        if self.has(".setup.py"):
            subprocess.run([sys.executable, self.base + ".setup.py"], cwd=directory, check=True)
        return files_below(directory)

    def run(self, directory):
        """The results of the case: extension (or path in `.files`) to content."""
        before = self.prepare(directory)
        if self.suite == "errors":
            done = Process(["check", self.stem + ".pipe"], directory)
            return {".stderr": done.out + done.err + f"exit status: {done.status}\n".encode()}
        if self.suite == "plan":
            return self.run_plan(directory)
        if self.has(".exprs"):
            return {".out": self.run_expressions(directory)}
        actual = self.run_lines(directory)
        for path, content in files_below(directory).items():
            if before.get(path) != content and not path.startswith(".pipec/"):
                actual[".files/" + path] = normalise(content)
        return actual

    def run_plan(self, directory):
        actual = {}
        commands = {".plan": ["explain"], ".dot": ["graph", "--format", "dot"], ".mermaid": ["graph", "--format", "mermaid"]}
        for extension, command in commands.items():
            if extension == ".plan" or self.has(extension):
                done = Process([*command, self.stem + ".pipe"], directory)
                actual[extension] = done.out + done.err
                if done.status != "0":
                    actual[extension] += f"exit status: {done.status}\n".encode()
        return actual

    def run_lines(self, directory):
        """Each line of `.args`, or the one run of `.pipe`."""
        lines = ["run -q " + self.stem + ".pipe"]
        if self.has(".args"):
            lines = [line for line in self.read(".args").decode().splitlines() if line and not line.startswith("#")]
        out = err = b""
        worth_saying = False
        for line in lines:
            done = Process(shlex.split(line), directory, self.read(".stdin"))
            out += done.out
            worth_saying = worth_saying or done.err != b"" or done.status != "0"
            if len(lines) > 1:
                err += f"$ pipec {line}\n".encode()
            err += done.err + f"exit status: {done.status}\n".encode()
        actual = {".out": normalise(out)} if out else {}
        if worth_saying:
            actual[".stderr"] = err
        return actual

    def run_expressions(self, directory):
        result = []
        for line in self.read(".exprs").decode().splitlines():
            if not line.strip() or line.startswith("#"):
                result.append(line)
                continue
            record, _, expression = line.partition(" :: ")
            # The brackets keep an expression from being read as a statement's end or a record's replacement.
            done = Process(["eval", "transform { . = [" + expression + "] }"], directory, record.encode() + b"\n")
            result.append(line + "  =>  " + outcome_of(done))
        return "".join(line + "\n" for line in result).encode()


def outcome_of(done):
    out, err = done.out.decode(errors="replace"), done.err.decode(errors="replace")
    if done.status == "0":
        return out.rstrip("\n")[1:-1]
    if done.status == "1":
        # "error: stdin at 0: transform: REASON: RECORD"
        reason = re.match(r"error: stdin(?: at \d+)?: transform: (.*): ", err)
        return "fails: " + (reason.group(1) if reason else err.strip())
    first = err.splitlines()[0] if err else ""
    return "does not compile: " + first if done.status == "3" else f"exit status {done.status}: {err}"


def files_below(directory):
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = file.read()
    return found


def expected_of(case):
    extensions = {"errors": [".stderr"], "plan": [".plan", ".dot", ".mermaid"], "run": [".out", ".stderr"]}[case.suite]
    expected = {extension: case.read(extension) for extension in extensions if case.has(extension)}
    if case.suite == "run" and case.has(".files"):
        for path, content in files_below(case.base + ".files").items():
            expected[".files/" + path] = content
    return expected


def difference(case, expected, actual):
    lines = []
    for key in sorted(expected.keys() | actual.keys()):
        want, have = expected.get(key), actual.get(key)
        if want == have:
            continue
        lines += difflib.unified_diff(
            (want or b"").decode(errors="backslashreplace").splitlines(),
            (have or b"").decode(errors="backslashreplace").splitlines(),
            f"{case.name}{key} (expected{'' if want is not None else ': no such file'})",
            f"{case.name}{key} (now{'' if have is not None else ': no such file'})",
            lineterm="",
        )
        if want is None or have is None or len(lines) > 200:
            lines = lines[:200]
    return lines


def rewrite(case, expected, actual):
    for key in expected.keys() - actual.keys():
        os.remove(case.base + key)
    shutil.rmtree(case.base + ".files", ignore_errors=True)
    for key, content in actual.items():
        path = case.base + key
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def run_case(case, update):
    """Lines that say what is different; none where the case is as expected."""
    with tempfile.TemporaryDirectory(prefix="pipec-golden-") as directory:
        try:
            actual = case.run(directory)
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
            return [f"{case.name}: {error}"]
    expected = expected_of(case)
    if actual == expected:
        return []
    if update:
        rewrite(case, expected, actual)
        print(f"updated {case.name}")
        return []
    return difference(case, expected, actual) or [f"{case.name}: an expected file is empty, and nothing came"]


def find_cases(suite, texts):
    starts = {"errors": (".pipe",), "plan": (".pipe",), "run": (".pipe", ".args", ".exprs")}[suite]
    bases = set()
    for directory, folders, names in os.walk(os.path.join(HERE, suite)):
        # Files in `x.in` or `x.files` belong to a case.
        folders[:] = [folder for folder in folders if "." not in folder]
        for name in names:
            base, extension = os.path.splitext(name)
            if extension in starts:
                bases.add(os.path.join(directory, base))
    cases = [Case(suite, base) for base in sorted(bases)]
    return [case for case in cases if not texts or any(text in case.name for text in texts)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=["errors", "plan", "run"])
    parser.add_argument("-k", action="append", default=[], metavar="TEXT", help="only cases with this in their path")
    parser.add_argument("--update", action="store_true", default=bool(os.environ.get("PIPEC_UPDATE_GOLDEN")))
    arguments = parser.parse_args()

    cases = find_cases(arguments.suite, arguments.k)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for lines in pool.map(lambda case: run_case(case, arguments.update), cases):
            failed += bool(lines)
            for line in lines:
                print(line)
    print(f"cases: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
