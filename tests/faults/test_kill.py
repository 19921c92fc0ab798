#!/usr/bin/env python3
"""F4, F7, F8, S1, fault S1, fault S5: kill -9 at random points, any number of times, then a run to the end: every output file is byte for byte
that of an undisturbed run, packed files are by what they unpack to. Dead letters differ only in the time at which they were written.
Whenever a run comes to its end between two kills its outputs are compared before it begins again from nothing.

The seed is printed; PIPEC_SEED replays it. PIPEC_KILLS says how often to kill (default 12, with --full 200).
"""

import gzip
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

PIPELINE = """
dlq file("out/dead.ndjson")

let events = recv file("in-*") | parse json

events
| filter .n % 7 == 0
| transform {
    for part in .parts { emit {n: .n, part: part} }
    drop
  }
| sink file("out/parts.ndjson")

events | filter .n % 3 == 1 | sink file("out/many/${div(.n, 3) % 300}.ndjson")

events | dedupe([.kind, .n % 5000]) | sink file("out/once.ndjson")

events
| unroll(.parts, into: .part)
| dedupe(.part, within: 40s, last: 60, at: from_unix(.n), state: "parts")
| sink file("out/part-once.ndjson")

events
| route {
    .n % 1000 == 0 -> sink file("out/rare.ndjson")
    .n % 2 == 0 -> sink file("out/by-kind/${.kind}.ndjson")
    .n % 3 == 0 -> sink file("out/third.zst", compress: zstd)
    .n % 5 == 0 -> sink file("out/packed/${.kind}.gz", compress: gzip, level: 1)
    else -> transform { .half = div(.n, 2) ; del(.parts) } | sink file("out/odd.ndjson")
  }
"""
TIME = re.compile(rb'("time":")[^"]*(")')


def write_input(directory, rng, records):
    number = 0
    for name in ("in-0.ndjson", "in-1.ndjson.gz", "in-2.ndjson"):
        opened = gzip.open if name.endswith(".gz") else open
        with opened(os.path.join(directory, name), "wt", encoding="utf-8") as out:
            for _ in range(records):
                number += 1
                if rng.random() < 0.002:
                    out.write('{"n": %d, "cut off\n' % number)
                    continue
                parts = ",".join(str(rng.randrange(100)) for _ in range(rng.randrange(4)))
                out.write('{"n":%d,"kind":"%s","parts":[%s],"text":"%s"}\n' %
                          (number, rng.choice("abcdefgh"), parts, "x" * rng.randrange(200)))


def outputs(directory):
    found = {}
    for folder, _, files in os.walk(os.path.join(directory, "out")):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as handle:
                content = handle.read()
            key = os.path.relpath(path, directory)
            if key.endswith(".gz"):
                content = gzip.decompress(content)  # a member that is not whole is an error
            if key.endswith(".zst"):
                content = subprocess.run(["zstd", "-dcq"], input=content, stdout=subprocess.PIPE, check=True).stdout
            found[key] = TIME.sub(rb"\1\2", content) if key == "out/dead.ndjson" else content
    return found


def start(directory):
    return subprocess.Popen([os.environ["PIPEC"], "run", "-q", "--commit-interval", "50ms", "--state-dir", "state", "job.pipe"],
                            cwd=directory, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate(timeout=300)
    if process.returncode != 0:
        sys.exit(f"pipec ended with {process.returncode}: {errors.decode()}")


def differences(wanted, directory):
    """Prints what is not as wanted; how many files that are."""
    got = outputs(directory)
    wrong = [key for key in sorted(set(wanted) | set(got)) if wanted.get(key) != got.get(key)]
    for key in wrong:
        print(f"FAILED {key}: {len(wanted.get(key, b''))} bytes wanted, {len(got.get(key, b''))} found", flush=True)
    return len(wrong)


def main():
    full = "--full" in sys.argv
    seed = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
    kills = int(os.environ.get("PIPEC_KILLS", 200 if full else 12))
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as undisturbed, tempfile.TemporaryDirectory() as killed:
        for directory in (undisturbed, killed):
            write_input(directory, random.Random(seed), 120_000 if full else 60_000)
            with open(os.path.join(directory, "job.pipe"), "w", encoding="utf-8") as out:
                out.write(PIPELINE)
        begin = time.monotonic()
        finish(start(undisturbed))
        whole = time.monotonic() - begin
        wanted = outputs(undisturbed)
        hits = completed = wrong = 0
        while hits < kills and not wrong:
            process = start(killed)
            try:
                # Several kills between the beginning and the end.
                process.wait(timeout=rng.uniform(0, whole / 2))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == -signal.SIGKILL:
                hits += 1
            elif process.returncode != 0:
                sys.exit(f"pipec ended with {process.returncode} after a kill")
            else:
                completed += 1
                wrong = differences(wanted, killed)
                for folder in ("out", "state"):
                    subprocess.run(["rm", "-rf", os.path.join(killed, folder)], check=True)
        if not wrong:
            finish(start(killed))
            wrong = differences(wanted, killed)
        print(f"killed {hits} times, came to an end {completed + 1} times; "
              f"files: {len(wanted) - wrong} passed, {wrong} failed")
        sys.exit(1 if wrong or hits < kills or len(wanted) < 323 else 0)


if __name__ == "__main__":
    main()
