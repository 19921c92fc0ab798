#!/usr/bin/env python3
"""G10, G3, G4: a pipeline in a real memory cgroup of 64 MiB, many times as much input, a reader that is far too slow for a while, a
neighbour that takes a part of the memory, records of 1 KiB and then of 4 MiB. It must not be killed, lose nothing, stay under
the limit, and hold its intake meanwhile. The same pipeline with `govern off` and a large queue is killed.

Then a packed bomb, whose records are many times the limit or tiny and many, and a transform that begins to balloon in mid-stream.
Then what one number has to bound: sixteen sinks that pack, twelve pipelines in one process, patterns that each take megabytes, records
that are wide or that a sort makes many times as large, and nothing but records that cannot be parsed.

Skipped, visibly, where no memory cgroup can be made. PIPEC_MEMORY_INPUT: MiB of input (default 160; --full: 2048).
"""

import gzip
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

from support import sanitized

LIMIT = 64 << 20
PIPELINE = """{govern}
recv file("in.ndjson")
| transform {{ .seen = true }}
| sink stdout()
"""
BOMB = """
dlq file("bomb-dead.ndjson")
recv file("bomb") | parse json | sink file("bomb-out.ndjson")
"""
BALLOON = """
recv file("balloon.ndjson")
| transform { if .n >= 20000 { .big = repeat(.padding, 1000) } }
| sink file("balloon-out.ndjson")
"""
NEIGHBOUR = """
import sys, time
held = bytearray({size})
for at in range(0, len(held), 4096):
    held[at] = 1
print("ready", flush=True)
sys.stdin.read()
"""


class Group:
    """A memory cgroup of either version; `why` says why there is none."""

    def __init__(self):
        self.path, self.why = None, ""
        name = f"pipec-test-{os.getpid()}"
        for parent, limit, setup in self.places():
            path = os.path.join(parent, name)
            try:
                os.mkdir(path)
            except OSError as error:
                self.why = f"{path}: {error.strerror}"
                continue
            try:
                for file in setup:
                    with open(os.path.join(path, file), "w", encoding="utf-8") as out:
                        out.write("0")
                with open(os.path.join(path, limit), "w", encoding="utf-8") as out:
                    out.write(str(LIMIT))
                self.path = path
                return
            except OSError as error:
                self.why = f"{path}/{limit}: {error.strerror}"
                os.rmdir(path)

    @staticmethod
    def places():
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            for line in mounts:
                before, _, behind = line.partition(" - ")
                point, kind = before.split()[4], behind.split()
                if kind[0] == "cgroup" and "memory" in kind[2].split(","):
                    yield point, "memory.limit_in_bytes", ["memory.swappiness"]
                if kind[0] == "cgroup2":
                    yield point, "memory.max", []

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="utf-8") as out:
            out.write(str(os.getpid()))

    def close(self):
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.02)  # its last process is still exiting


def write_input(path, mebibytes):
    """Half in records of 1 KiB, half in records of 4 MiB. Returns how many records there are."""
    number = 0
    with open(path, "wb") as out:
        for size, total in ((1 << 10, mebibytes << 19), (4 << 20, mebibytes << 19)):
            padding = b"x" * (size - 40)
            end = out.tell() + total
            while out.tell() < end:
                record = b'{"n":%d,"padding":"' % number + padding
                out.write(record[:size - 3] + b'"}\n')
                number += 1
        out.flush()
        os.fsync(out.fileno())  # dirty pages must not disturb the test
    return number


class Reader(threading.Thread):
    """Checks every record's number; far too slow for a while at the start, and again where the large records begin."""

    def __init__(self, stream, slow_seconds, large_from):
        super().__init__()
        self.stream, self.records, self.wrong, self.bytes = stream, 0, [], 0
        self.slow_seconds, self.slow_at, self.slow_until = slow_seconds, [0, large_from], 0

    def run(self):
        rest = b""
        while True:
            chunk = os.read(self.stream.fileno(), 1 << 16)
            if not chunk:
                break
            self.bytes += len(chunk)
            if self.slow_at and self.bytes > self.slow_at[0]:
                self.slow_at.pop(0)
                self.slow_until = time.monotonic() + self.slow_seconds
            if time.monotonic() < self.slow_until:
                time.sleep(0.02)
            if b"\n" not in chunk:
                rest += chunk if len(rest) < 64 else b""
                continue
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                if not line.startswith(b'{"n":%d,' % self.records):
                    self.wrong.append((self.records, line[:40]))
                self.records += 1
        if rest:
            self.wrong.append((self.records, b"no newline"))


def peak(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def run(group, directory, name, govern, arguments, slow_seconds, large_from, neighbour):
    job = os.path.join(directory, f"{name}.pipe")
    with open(job, "w", encoding="utf-8") as out:
        out.write(PIPELINE.format(govern=govern))
    process = subprocess.Popen([os.environ["PIPEC"], "run", "--state-dir", os.path.join(directory, name), *arguments, job],
                               cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=group.enter)
    reader = Reader(process.stdout, slow_seconds, large_from)
    reader.start()
    errors = []
    messages = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    messages.start()
    highest = 0
    begin = time.monotonic()
    other = None
    while process.poll() is None:
        highest = max(highest, peak(process.pid))
        now = time.monotonic() - begin
        if neighbour and other is None and now > slow_seconds / 3:
            # A neighbour in the same group makes pressure independently of the pipeline.
            other = subprocess.Popen([sys.executable, "-S", "-c", NEIGHBOUR.format(size=neighbour)], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, preexec_fn=group.enter)
        if other and not other.stdin.closed and now > 2 * slow_seconds / 3:
            other.stdin.close()
        if now > 600:
            process.kill()
        time.sleep(0.02)
    if other:
        if not other.stdin.closed:
            other.stdin.close()
        other.wait()
        other.stdout.close()
    reader.join()
    messages.join()
    process.stdout.close()
    process.stderr.close()
    return process.returncode, reader, highest, errors[0].decode(errors="replace")


def run_alone(group, directory, name, *pipelines):
    """Runs them in one process. Status, peak, messages."""
    jobs = []
    for number, pipeline in enumerate(pipelines):
        jobs.append(os.path.join(directory, f"{name}{number or ''}.pipe"))
        with open(jobs[-1], "w", encoding="utf-8") as out:
            out.write(pipeline)
    process = subprocess.Popen([os.environ["PIPEC"], "run", "--state-dir", os.path.join(directory, name), *jobs], cwd=directory,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=group.enter)
    highest, parts = 0, []
    reader = threading.Thread(target=lambda: parts.append(process.stderr.read()))
    reader.start()
    begin = time.monotonic()
    while process.poll() is None:
        highest = max(highest, peak(process.pid))
        if time.monotonic() - begin > 300:
            process.kill()  # it makes no progress
        time.sleep(0.02)
    reader.join()
    errors = parts[0].decode(errors="replace")
    process.stderr.close()
    print(f"{name}: status {process.returncode}, peak {highest / (1 << 20):.1f} MiB")
    if process.returncode != 0:
        print("  " + "\n  ".join(errors.splitlines()[-10:]))
    return process.returncode, highest, errors


def check_bomb(group, directory, check, packing):
    """1 GiB without a newline, then 192 MiB of tiny lines, both in about a mebibyte."""
    pack = gzip.compress if packing == "gzip" else lambda text: subprocess.run(["zstd", "-cq"], input=text,
                                                                               stdout=subprocess.PIPE, check=True).stdout
    zeros, tiny = pack(bytes(64 << 20)), pack(b"7\n" * (32 << 20))
    with open(os.path.join(directory, "bomb"), "wb") as out:
        out.write(pack(b'{"n":1}\n') + zeros * 16 + pack(b"\n") + tiny * 3 + pack(b'{"n":2}\n'))
    for name in ("bomb-out.ndjson", "bomb-dead.ndjson"):
        if os.path.exists(os.path.join(directory, name)):
            os.remove(os.path.join(directory, name))
    status, highest, _ = run_alone(group, directory, f"bomb-{packing}", BOMB)
    check(status == 0, f"G3 the {packing} bomb ended the run with {status}")
    check(0 < highest < LIMIT, f"G3 with a {packing} bomb resident memory came to {highest} bytes")
    size = os.path.getsize(os.path.join(directory, "bomb-out.ndjson"))
    check(size == 16 + 3 * (64 << 20), f"G3 {size} bytes came out of a {packing} bomb")
    with open(os.path.join(directory, "bomb-dead.ndjson"), "rb") as dead:
        letters = dead.read().splitlines()
    check(len(letters) == 1 and b"the record has 1073741824 bytes" in letters[0],
          f"fault F8 {len(letters)} dead letters of a {packing} bomb: {letters[0][-300:] if letters else b''}")


def check_balloon(group, directory, check):
    """20 MiB that stay as they are, then 400 records of 1 KiB of which each becomes a mebibyte."""
    with open(os.path.join(directory, "balloon.ndjson"), "wb") as out:
        for number in range(20_400):
            out.write(b'{"n":%d,"padding":"%s"}\n' % (number, b"p" * 1000))
    status, highest, _ = run_alone(group, directory, "balloon", BALLOON)
    check(status == 0, f"G4 the balloon ended the run with {status}")
    check(0 < highest < LIMIT, f"G4 with a balloon resident memory came to {highest} bytes")
    number = 0
    with open(os.path.join(directory, "balloon-out.ndjson"), "rb") as out:
        for line in out:
            if not line.startswith(b'{"n":%d,' % number) or len(line) < (1_000_000 if number >= 20_000 else 1000):
                break
            number += 1
    check(number == 20_400, f"G4 the balloon's record {number} is missing or damaged")


def lines_of(path):
    """A file of one JSON value a line, unpacked."""
    text = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout if path.endswith(".zst") else None
    if text is None:
        with open(path, "rb") as content:
            text = content.read()
    return text.splitlines()


def check_one_number(group, directory, check):
    """G12: sinks, pipelines, patterns, evaluation. Each alone would take far more than the limit."""
    govern = 'govern { memory: 64MiB }\n'
    with open(os.path.join(directory, "medium.ndjson"), "wb") as out:
        for number in range(20_000):
            out.write(b'{"i":%d,"s":"%s"}\n' % (number, b"abc" * 300))

    fan = "".join(f'raw | filter .i >= 0 | sink file("fan_{i}.zst", compress: zstd)\n' for i in range(16))
    status, highest, _ = run_alone(group, directory, "fan", "dlq discard\n" + govern + 'let raw = recv file("medium.ndjson") | parse json\n' + fan)
    check(status == 0, f"G12 sixteen sinks that pack: status {status}")
    check(0 < highest < LIMIT, f"G12 with sixteen sinks that pack resident memory came to {highest} bytes")
    whole = lines_of(os.path.join(directory, "medium.ndjson"))
    for i in range(16):
        path = os.path.join(directory, f"fan_{i}.zst")
        check(os.path.exists(path) and lines_of(path) == whole, f"G12 fan_{i}.zst is not what came in")

    many = [f'dlq discard\n{govern}recv file("medium.ndjson") | parse json | transform {{ .t = upper(.s) .u = "${{.s}}${{.s}}${{.s}}" }} '
            f'| sink file("many_{i}.ndjson")\n' for i in range(12)]
    status, highest, errors = run_alone(group, directory, "many", *many)
    check(status == 0, f"G12 twelve pipelines: status {status}")
    check(0 < highest < LIMIT, f"G12 with twelve pipelines resident memory came to {highest} bytes")
    size = sum(len(b'{"i":%d,"s":"","t":"","u":""}\n' % number) + 900 * 5 for number in range(20_000))
    for i in range(12):
        path = os.path.join(directory, f"many_{i}.ndjson")
        check(os.path.exists(path) and os.path.getsize(path) == size, f"G12 many_{i}.ndjson is not whole")
        if os.path.exists(path):
            os.remove(path)

    with open(os.path.join(directory, "patterns.ndjson"), "wb") as out:
        for number in range(16):
            out.write(b'{"p":"[\\\\p{L}]{1,200}%d","s":"abc%d"}\n' % (number, number))
    status, highest, _ = run_alone(group, directory, "patterns", govern + 'recv file("patterns.ndjson") '
                                   '| transform { .f = len(find_all(.s, .p)) } | sink file("patterns.out")\n')
    check(status == 0, f"G12 sixteen computed patterns: status {status}")
    check(0 < highest < LIMIT, f"G12 with sixteen computed patterns resident memory came to {highest} bytes")
    found = lines_of(os.path.join(directory, "patterns.out"))
    check(len(found) == 16 and all(line.endswith(b'"f":1}') for line in found), "G12 computed patterns give something else")

    wide = b"{" + b",".join(b'"k%d":%d' % (j, j) for j in range(60_000)) + b"}\n"
    with open(os.path.join(directory, "wide.ndjson"), "wb") as out:
        out.write(wide * 40)
    status, highest, errors = run_alone(group, directory, "wide", govern + 'recv file("wide.ndjson") | transform { . = {"n": len(keys(.)), '
                                        '"k": join(map(keys(.), x -> upper(x)), ",")} } | sink file("wide.out")\n')
    check(status == 0, f"G12 wide records: status {status}")
    check(0 < highest < LIMIT, f"G12 with wide records resident memory came to {highest} bytes")
    made = lines_of(os.path.join(directory, "wide.out"))
    check(len(made) == 40 and all(line.startswith(b'{"n":60000,"k":"K0,K1,') for line in made), "G12 wide records are lost or damaged")

    with open(os.path.join(directory, "large.ndjson"), "wb") as out:
        for number in range(6):
            out.write(b'{"i":%d,"s":"%s"}\n' % (number, b"a," * 2_000_000))
        out.write(b'{"i":6,"s":"b,a"}\n')
    status, highest, _ = run_alone(group, directory, "large", govern + 'dlq file("large-dead.ndjson")\nrecv file("large.ndjson") '
                                   '| transform { .s = join(sort(split(.s, ",")), ";") } | sink file("large.out")\n')
    check(status == 0, f"G10 records of 4 MB that are sorted: status {status}")
    check(0 < highest < LIMIT, f"G10 with records of 4 MB that are sorted resident memory came to {highest} bytes")
    check(lines_of(os.path.join(directory, "large.out")) == [b'{"i":6,"s":"a;b"}'], "G10 the small record after large ones is lost")
    dead = lines_of(os.path.join(directory, "large-dead.ndjson"))
    check(len(dead) == 6 and all(b"of memory to evaluate" in line for line in dead), f"G10 {len(dead)} dead letters of large records")


def check_poison(group, directory, check):
    """fault Q3: nothing but records that cannot be parsed, tiny ones, then ten times as many."""
    peaks, logs = [], []
    for records in (100_000, 1_000_000):
        with open(os.path.join(directory, "poison.ndjson"), "wb") as out:
            out.write(b"{x\n" * records)
        for name in ("poison-dead.ndjson", "poison.out"):
            if os.path.exists(os.path.join(directory, name)):
                os.remove(os.path.join(directory, name))
        status, highest, errors = run_alone(group, directory, f"poison-{records}", 'dlq file("poison-dead.ndjson")\n'
                                            'recv file("poison.ndjson") | parse json | sink file("poison.out")\n')
        check(status == 0, f"Q3 {records} bad records: status {status}")
        check(0 < highest < LIMIT, f"Q3 with {records} bad records resident memory came to {highest} bytes")
        with open(os.path.join(directory, "poison-dead.ndjson"), "rb") as dead:
            letters = sum(1 for _ in dead)
        check(letters == records, f"Q3 {letters} dead letters of {records} bad records")
        peaks.append(highest)
        logs.append(len([line for line in errors.splitlines() if "governor:" not in line]))
    check(peaks[1] < peaks[0] + (12 << 20), f"Q3 ten times the bad records took {peaks[1] - peaks[0]} bytes more")
    check(logs[1] == logs[0], f"Q3 {logs[0]} lines are logged, {logs[1]} of ten times the bad records")


def main():
    full = "--full" in sys.argv[1:]
    mebibytes = int(os.environ.get("PIPEC_MEMORY_INPUT", 2048 if full else 160))
    slow_seconds = 20 if full else 3
    large_from = mebibytes << 19  # the second half of the input
    if sanitized():
        print("SKIP G10: the address sanitizer takes more memory than the limit")
        print("cases: 0 passed, 0 failed")
        return 0
    group = Group()
    if not group.path:
        print(f"SKIP G10: no memory cgroup can be made: {group.why or 'none is mounted'}")
        print("cases: 0 passed, 0 failed")
        return 0
    failed, checks = [], 0

    def check(holds, what):
        nonlocal checks
        checks += 1
        if not holds:
            failed.append(what)
            print("FAILED " + what)

    try:
        with tempfile.TemporaryDirectory(prefix="pipec-memory-") as directory:
            records = write_input(os.path.join(directory, "in.ndjson"), mebibytes)
            status, reader, highest, errors = run(group, directory, "governed", "", [], slow_seconds, large_from, 34 << 20)
            print(f"governed: status {status}, {reader.records} records, {reader.bytes >> 20} MiB, peak {highest / (1 << 20):.1f} MiB")
            print("  " + "\n  ".join(errors.splitlines()[-30:]))
            check(status == 0, f"G10 the governed pipeline ended with {status}")
            check(not reader.wrong, f"G10 records are out of order or damaged: {reader.wrong[:3]}")
            check(reader.records == records, f"G10 {records} records went in, {reader.records} came out")
            check(0 < highest < LIMIT, f"G10 resident memory came to {highest} bytes")
            paused, resumed = (len(re.findall(rf"governor: {edge} recv file: pressure", errors)) for edge in ("paused", "resumed"))
            check(paused >= 1, "G10 the gate never closed")
            check(paused == resumed, f"G7 {paused} pauses, {resumed} resumptions")
            check("held back" in errors, "G11 the summary does not tell of the pauses")

            status, reader, highest, errors = run(group, directory, "off", "govern off", ["--budget", "1GiB"], slow_seconds, large_from, 0)
            print(f"govern off: status {status}, {reader.records} records, peak {highest / (1 << 20):.1f} MiB")
            check(status == -9 or highest >= LIMIT, "G10 without a governor the limit was not exceeded: the test shows nothing")
            os.remove(os.path.join(directory, "in.ndjson"))

            check_bomb(group, directory, check, "gzip")
            check_bomb(group, directory, check, "zstd")
            check_balloon(group, directory, check)
            check_one_number(group, directory, check)
            check_poison(group, directory, check)
    finally:
        group.close()
    print(f"cases: {checks - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
