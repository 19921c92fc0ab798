#!/usr/bin/env python3
"""F4, fault S1, fault S5: kill -9 at random points, any number of times, then a run to the end: every output file is byte for byte that of
an undisturbed run, packed files are by what they unpack to. Dead letters differ only in the time at which they were written.

The seed is printed; PIPEC_SEED replays it. PIPEC_KILLS says how often to kill (default 12).
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


def write_input(directory, rng):
    number = 0
    for name in ("in-0.ndjson", "in-1.ndjson.gz", "in-2.ndjson"):
        opened = gzip.open if name.endswith(".gz") else open
        with opened(os.path.join(directory, name), "wt", encoding="utf-8") as out:
            for _ in range(60_000):
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


def start(directory, state):
    return subprocess.Popen([os.environ["PIPEC"], "run", "-q", "--commit-interval", "20ms", "--state-dir", state, "job.pipe"], cwd=directory,
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate(timeout=300)
    if process.returncode != 0:
        sys.exit(f"pipec ended with {process.returncode}: {errors.decode()}")


def main():
    seed = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
    kills = int(os.environ.get("PIPEC_KILLS", 12))
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as undisturbed, tempfile.TemporaryDirectory() as killed:
        for directory in (undisturbed, killed):
            write_input(directory, random.Random(seed))
            with open(os.path.join(directory, "job.pipe"), "w", encoding="utf-8") as out:
                out.write(PIPELINE)
        begin = time.monotonic()
        finish(start(undisturbed, "state"))
        whole = time.monotonic() - begin
        hits = 0
        for _ in range(kills):
            process = start(killed, "state")
            try:
                process.wait(timeout=rng.uniform(0, whole))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                hits += 1
            process.communicate()
            if process.returncode == 0:  # it came to its end: begin again from nothing
                for folder in ("out", "state"):
                    subprocess.run(["rm", "-rf", os.path.join(killed, folder)], check=True)
            elif process.returncode != -signal.SIGKILL:
                sys.exit(f"pipec ended with {process.returncode} after a kill")
        finish(start(killed, "state"))
        wanted, got = outputs(undisturbed), outputs(killed)
        wrong = [key for key in sorted(set(wanted) | set(got)) if wanted.get(key) != got.get(key)]
        for key in wrong:
            print(f"FAILED {key}: {len(wanted.get(key, b''))} bytes wanted, {len(got.get(key, b''))} found")
        print(f"killed {hits} times; files: {len(wanted) - len(wrong)} passed, {len(wrong)} failed")
        sys.exit(1 if wrong or hits == 0 or len(wanted) < 21 else 0)


if __name__ == "__main__":
    main()
