#!/usr/bin/env python3
"""The Kafka samples: in their one canonical form, they compile, and those for the demo's Kafka run.

usage: PIPEC=path/to/pipec test_samples.py CHECKOUT
"""

import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(sys.argv[1])
PIPEC = os.path.abspath(os.environ["PIPEC"])
FOLDER = os.path.join(ROOT, "samples", "kafka")
DATA = os.path.join(ROOT, "samples", "data", "requests.ndjson")


def pipec(*arguments, directory, **environment):
    return subprocess.run([PIPEC, *arguments], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment}, check=False)


def good_lines():
    found = []
    with open(DATA, encoding="utf-8") as lines:
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def main():
    samples = sorted(os.path.join(FOLDER, name) for name in os.listdir(FOLDER) if name.endswith(".pipe"))
    failed = []

    def check(good, what):
        if not good:
            failed.append(what)
            print("FAILED", what)

    with tempfile.TemporaryDirectory() as directory:
        result = pipec("fmt", "--check", *samples, directory=directory)
        check(result.returncode == 0, f"canonical form: {result.stderr}{result.stdout}")
        result = pipec("check", *samples, directory=directory, BROKERS="localhost:9092")
        check(result.returncode == 0, f"check: {result.stderr}")

        records = good_lines()
        result = pipec("run", "--demo-kafka", f"access={DATA}", os.path.join(FOLDER, "router.pipe"), directory=directory)
        lines = result.stdout.splitlines()
        errors = [record for record in records if isinstance(record, dict) and (record.get("status") or 0) >= 500]
        check(result.returncode == 0, f"router: {result.stderr}")
        check(sum(line.startswith("errors.") for line in lines) == len(errors), "router: not every error was routed")
        check(all(f' key "{line.split()[0].removeprefix("errors.")}": ' in line for line in lines if line.startswith("errors.")),
              "router: keys are not shown")
        check(all(line.split(": ", 1)[0] in ("bulk", "dead") or line.startswith("errors.") for line in lines), "router: topics")
        with open(DATA, encoding="utf-8") as source:
            bad = sum(1 for line in source if line.strip()) - len(records)
        check(sum(line.startswith("dead: ") for line in lines) >= bad > 0, "router: dead letters")

        result = pipec("run", "--demo-kafka", f"access={DATA}", os.path.join(FOLDER, "archive.pipe"), directory=directory)
        check(result.returncode == 0, f"archive: {result.stderr}")
        written = []
        for name in os.listdir(os.path.join(directory, "out", "archive")):
            if name.startswith("access-"):
                with open(os.path.join(directory, "out", "archive", name), encoding="utf-8") as lines:
                    written += [json.loads(line) for line in lines]
        for record in written:
            record.pop("_offset")
        key = lambda record: json.dumps(record, sort_keys=True)  # noqa: E731
        check(sorted(map(key, written)) == sorted(map(key, (r for r in records if isinstance(r, dict)))), "archive: records differ")

        with open(os.path.join(directory, "two.pipe"), "w", encoding="utf-8") as text:
            text.write('dlq discard\nrecv kafka(brokers: env("BROKERS"), topics: ["a", "b"], group: "g", stop_at_end: true)\n'
                       '| transform { @key = .k; @headers.from = "x \\"y\\"" }\n| sink kafka(topic: "out")\n')
        for name in ("one", "other"):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as data:
                data.write(json.dumps({"k": name}) + "\n")
        result = pipec("run", "-q", "--demo-kafka", "a=one", "--demo-kafka", "b=other", "two.pipe", directory=directory)
        check(result.returncode == 0, f"two topics: {result.stderr}")
        check(sorted(result.stdout.splitlines()) == [
            f'out key "{name}" headers {{"from":"x \\"y\\""}}: {{"k": "{name}"}}' for name in ("one", "other")],
            f"two topics: {result.stdout}")

        result = pipec("run", "--demo-kafka", "nothing", samples[0], directory=directory)
        check(result.returncode == 2 and "TOPIC=FILE" in result.stderr, f"wrong usage: {result.stderr}")
    print(f"kafka.samples: {12 - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
