#!/usr/bin/env python3
"""fault L7, fault G2: a soak. Two pipelines side by side, under random faults, for as long as PIPEC_SOAK says (120 s by default; a day by hand).

The first is killed, stopped, continued, terminated and runs out of disk space in one life after the other; the second is one long run that is
stopped and continued and whose reader stalls. The oracle knows what went in, reads what comes out, and never asks pipec, but for
the position at which a run reports that it resumes. tests/kafka/README.md explains I1 to I9. PIPEC_SEED replays the choices.
"""

import gzip
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from support import NO_MOUNT, sanitized

PIPEC = os.environ["PIPEC"]
SECONDS = float(os.environ.get("PIPEC_SOAK", 120))
SEED = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
RESIDENT = 96 << 20  # the limit and the process's other memory
GROWTH = 8 << 20  # of the second half of a long run
WARM = 60  # a shorter run is still opening its files
LIVES = """
govern { memory: 64MiB }
dlq file("out/dead.ndjson")
recv file("in.ndjson")
| parse json
| filter .n % 10 != 9
| route {
    .n % 3 == 0 -> sink file("out/third.ndjson.gz", compress: gzip, level: 1)
    .n % 7 == 0 -> sink file("out/by/${.n % 300}.ndjson")
    else -> sink file("out/rest.ndjson")
  }
"""
LONG = """
govern { memory: 64MiB }
dlq file("out/dead.ndjson")
recv stdin()
| parse json
| filter .n % 10 != 9
| route {
    .n % 100 == 0 -> sink file("out/by/${div(.n, 100) % 300}.ndjson")
    else -> sink stdout()
  }
"""


class Broken(Exception):
    pass


def hold(condition, invariant, what):
    if not condition:
        raise Broken(f"{invariant}: {what}")


def record(n):
    return b'{"n":%d, cut off\n' % n if n % 500 == 499 else b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n % 150))


def is_poison(n):
    return n % 500 == 499


def destination(n):
    """The file of LIVES that gets the record; None where it is filtered."""
    if is_poison(n):
        return "dead.ndjson"
    if n % 10 == 9:
        return None
    return "third.ndjson.gz" if n % 3 == 0 else f"by/{n % 300}.ndjson" if n % 7 == 0 else "rest.ndjson"


def resident(pid, key="VmRSS:"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith(key)), 0)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def unpacked(path):
    """All that can be had of a file, and whether it is whole."""
    if not path.endswith(".gz"):
        with open(path, "rb") as plain:
            return plain.read(), True
    content = b""
    try:
        with gzip.open(path) as packed:
            while piece := packed.read(1 << 16):
                content += piece
    except (OSError, EOFError):
        return content, False
    return content, True


def number(line):
    return int(re.search(rb'"n":(\d+)', line).group(1))


def numbers(content):
    """Of whole lines; dead letters hold their record as a text."""
    lines = content.split(b"\n")[:-1]
    return [number(json.loads(line)["original"].encode() if b'"original":' in line else line) for line in lines]


class Lives:
    """One directory; its input grows, and each run of the pipeline processes the input so far."""

    def __init__(self, rng, counts):
        self.rng, self.counts = rng, counts
        self.directory = tempfile.mkdtemp(prefix="pipec-soak-")
        self.out = os.path.join(self.directory, "out")
        os.mkdir(self.out)
        if not NO_MOUNT:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", self.out], check=True)
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as job:
            job.write(LIVES)
        self.ends = [0]  # the byte after each record of the input
        self.position = 0
        self.seen = None  # the output at the end of the previous run

    def close(self):
        if not NO_MOUNT:
            subprocess.run(["umount", "-l", self.out], check=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def more(self, count):
        with open(os.path.join(self.directory, "in.ndjson"), "ab") as out:
            for n in range(len(self.ends) - 1, len(self.ends) - 1 + count):
                line = record(n)
                out.write(line)
                self.ends.append(self.ends[-1] + len(line))

    def start(self):
        return subprocess.Popen([PIPEC, "run", "--commit-interval", "5ms", "--budget", "64KiB", "--deadline", "10s", "job.pipe"],
                                cwd=self.directory, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def whats_out(self):
        found = {}
        for folder, _, names in os.walk(self.out):
            for name in names:
                path = os.path.join(folder, name)
                if name != "filler":
                    found[os.path.relpath(path, self.out)] = unpacked(path)
        return found

    def check_position(self, said):
        """I2 and I6, for the position at which this run resumes."""
        match = re.search(r"resuming at byte (\d+)|read to byte (\d+)", said)
        if not match:
            return
        position = int(match.group(1) or match.group(2))
        hold(position >= self.position, "I6", f"the position went from {self.position} back to {position}")
        self.position = position
        if self.seen is None:
            return
        self.counts["positions checked"] = self.counts.get("positions checked", 0) + 1
        passed = [n for n in range(len(self.ends) - 1) if self.ends[n + 1] <= position and destination(n)]
        out = {n for content, _ in self.seen.values() for n in numbers(content)}
        lost = [n for n in passed if n not in out]
        hold(not lost, "I2", f"{len(lost)} records below the position {position} were not out, e.g. {lost[:5]}")

    def judge(self):
        """I1, I3, I4, I5 of the quiet pipeline: every file holds what it should, in order, once."""
        wanted = {}
        for n in range(len(self.ends) - 1):
            if name := destination(n):
                wanted.setdefault(name, []).append(n)
        found = self.whats_out()
        for name, expected in wanted.items():
            hold(name in found, "I1", f"{name} is missing")
            content, whole = found.pop(name)
            got = numbers(content)
            hold(whole and got == expected, "I1 I4 I5", f"{name} holds {len(got)} records instead of {len(expected)}")
            if name != "dead.ndjson":
                hold(content == b"".join(record(n) for n in expected), "I3", f"{name} has other bytes")
        hold(not any(content for content, _ in found.values()), "I3", f"unexpected files: {sorted(found)[:5]}")

    def life(self, fault):
        self.more(self.rng.randrange(1000, 30_000))
        filler = os.path.join(self.out, "filler")
        if fault == "full disk":
            room = os.statvfs(self.out)
            with open(filler, "wb") as out:
                out.write(b"x" * max(0, room.f_bavail * room.f_bsize - self.rng.randrange(200_000)))
        process = self.start()
        try:
            process.wait(self.rng.uniform(0, 0.5) if fault not in ("none", "full disk") else 120)
        except subprocess.TimeoutExpired:
            hold(resident(process.pid, "VmHWM:") < RESIDENT, "I7", f"{resident(process.pid, 'VmHWM:') >> 20} MiB resident")
            if fault == "stop":
                process.send_signal(signal.SIGSTOP)
                time.sleep(self.rng.uniform(0, 0.3))  # the fault
                process.send_signal(signal.SIGCONT)
            elif fault == "kill":
                process.kill()
            else:
                process.send_signal(signal.SIGTERM)
                if fault == "terminate and kill":
                    process.kill()
        try:
            said = process.communicate(timeout=60)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            raise Broken(f"I8: {fault}: it does not end") from None
        allowed = {"kill": (0, -9), "terminate and kill": (0, -9, -15), "terminate": (0, -15), "full disk": (0, 1)}.get(fault, (0,))
        hold(process.returncode in allowed, "I9", f"{fault}: status {process.returncode}: {said}")
        if process.returncode == 1:
            hold("No space left on device" in said, "I9", f"{fault}: {said}")
            self.counts["ran out of space"] = self.counts.get("ran out of space", 0) + 1
        if os.path.exists(filler):
            os.remove(filler)
        self.check_position(said)
        self.seen = self.whats_out()
        self.counts[fault] = self.counts.get(fault, 0) + 1

    def run(self, until):
        faults = ["kill", "kill", "stop", "terminate", "terminate and kill"] + ([] if NO_MOUNT else ["full disk"])
        while time.monotonic() < until and self.ends[-1] < 40 << 20:
            self.life(self.rng.choice(faults))
        self.life("none")  # I8: after the faults what is fresh passes
        self.judge()


class Long:
    """One run for the whole time. Records go in through a pipe, and most leave through another."""

    def __init__(self, rng):
        self.rng = rng
        self.directory = tempfile.mkdtemp(prefix="pipec-soak-")
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as job:
            job.write(LONG)
        with open(os.path.join(self.directory, "log"), "wb") as log:
            self.process = subprocess.Popen([PIPEC, "run", "--deadline", "10s", "job.pipe"], cwd=self.directory, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log)
        self.sent, self.got, self.wrong = 0, 0, None
        self.ending, self.stalled = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.feed, self.read)]
        self.samples = []  # (resident, descriptors)
        for thread in self.threads:
            thread.start()

    def feed(self):
        while not self.ending.is_set():
            self.process.stdin.write(b"".join(record(n) for n in range(self.sent, self.sent + 500)))
            self.process.stdin.flush()
            self.sent += 500
            self.ending.wait(0.05)
        self.process.stdin.close()

    def read(self):
        wanted = (n for n in range(1 << 62) if not is_poison(n) and n % 10 != 9 and n % 100 != 0)
        for line in self.process.stdout:
            while self.stalled.is_set():
                time.sleep(0.01)  # the fault
            n = next(wanted)
            self.got += 1
            if line != record(n):
                self.wrong = self.wrong or f"{line[:60]!r} instead of record {n}"

    def run(self, until):
        while time.monotonic() < until and self.process.poll() is None:
            kind = self.rng.randrange(8)
            if kind == 0:
                self.process.send_signal(signal.SIGSTOP)
            elif kind == 1:
                self.stalled.set()
            time.sleep(self.rng.uniform(0.1, 1))  # the fault, or none
            self.process.send_signal(signal.SIGCONT)
            self.stalled.clear()
            if self.process.poll() is None:
                self.samples.append((resident(self.process.pid), descriptors(self.process.pid)))
        self.finish()

    def log(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def finish(self):
        hold(self.process.poll() is None, "I9", f"the long run ended with {self.process.returncode}: {self.log()}")
        self.ending.set()
        self.threads[0].join()
        hold(self.process.wait(60) == 0, "I8", f"the long run ended with {self.process.returncode}: {self.log()}")
        self.threads[1].join()
        hold(not self.wrong, "I1 I3 I4 I5", self.wrong)
        expected = sum(not is_poison(n) and n % 10 != 9 and n % 100 != 0 for n in range(self.sent))
        hold(self.got == expected, "I1", f"{self.got} records came out of {expected}")
        for rest in range(300):
            path = os.path.join(self.directory, f"out/by/{rest}.ndjson")
            wanted = [n for n in range(rest * 100, self.sent, 30_000) if not is_poison(n)]
            hold((numbers(unpacked(path)[0]) if os.path.exists(path) else []) == wanted, "I1", f"by/{rest}.ndjson is not right")
        dead = numbers(unpacked(os.path.join(self.directory, "out/dead.ndjson"))[0])
        hold(dead == list(range(499, self.sent, 500)), "I1", f"{len(dead)} dead letters")
        quarter = len(self.samples) // 4
        early, late = self.samples[quarter:2 * quarter], self.samples[3 * quarter:]
        sizes = [statistics.median(size for size, _ in some) for some in (early, late)]
        files = [max(count for _, count in some) for some in (early, late)]
        print(f"long run: {self.sent} records, resident {sizes[0] / 2**20:.1f} and later {sizes[1] / 2**20:.1f} MiB, "
              f"{files[0]} and later {files[1]} descriptors", flush=True)
        hold(max(size for size, _ in self.samples) < RESIDENT, "I7", "more resident than the limit and its slack")
        if SECONDS >= WARM:
            hold(sizes[1] - sizes[0] < GROWTH, "I7", "it grows")
            hold(files[1] <= files[0] + 2, "I7", "descriptors leak")

    def close(self):
        self.ending.set()
        self.stalled.clear()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    if sanitized():
        print("SKIP L7: the address sanitizer takes more memory than the limit\ncases: 0 passed, 0 failed")
        return 0
    if NO_MOUNT:
        print(f"SKIP L7's full disks: {NO_MOUNT}")
    print(f"seed {SEED}", flush=True)
    until = time.monotonic() + SECONDS
    rng, counts, failed = random.Random(SEED), {}, []
    long = Long(random.Random(SEED + 1))

    def watched():
        try:
            long.run(until)
        except Exception as error:  # pylint: disable=broad-except
            failed.append(f"long run: {error!r}")
    beside = threading.Thread(target=watched)
    beside.start()
    try:
        while time.monotonic() < until and not failed:
            lives = Lives(rng, counts)
            try:
                lives.run(until)
            except Broken as error:
                failed.append(f"lives: {error}")
            finally:
                lives.close()
        beside.join()
    finally:
        long.close()
    print("lives: " + ", ".join(f"{count} {fault}" for fault, count in sorted(counts.items())))
    for text in failed:
        print("FAILED " + text)
    print(f"cases: {2 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
