"""Helpers of the Kafka tests: pipec as a child process, waiting, and the oracle that checks the output."""

import base64
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import rdkafka

PIPEC = os.environ["PIPEC"]
STARTED = threading.local()  # processes and directories of the running test, by its thread


class Failure(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Failure(message)


def wait_for(condition, seconds=30, what="a condition"):
    """Polls, because there is no other way to wait for events in another process."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def mine(kind):
    """The running test's list of `jobs` or `directories`."""
    if not hasattr(STARTED, kind):
        setattr(STARTED, kind, [])
    return getattr(STARTED, kind)


def fresh_directory():
    """Removed after a test that passes."""
    mine("directories").append(tempfile.mkdtemp(prefix="pipec-kafka-"))
    return mine("directories")[-1]


class Pipec:
    """One run of one pipeline, in a separate directory (kept for the next run if `directory` is given)."""

    def __init__(self, text, *options, directory=None, environment=None, stdout=None, interval="100ms", program=PIPEC):
        self.directory = directory or fresh_directory()
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as out:
            out.write(text)
        self.log = os.path.join(self.directory, "log")
        with open(self.log, "ab") as log:
            self.begin = log.tell()
            self.process = subprocess.Popen([program, "run", "job.pipe", "--commit-interval", interval, *options],
                                            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                                            env={**os.environ, **(environment or {})})
        mine("jobs").append(self)

    def stderr(self):
        with open(self.log, "rb") as log:
            log.seek(self.begin)
            return log.read().decode("utf-8", "replace")

    def end(self, seconds=60):
        """Waits for it to end unprompted; returns its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"pipec did not end in {seconds} s:\n{self.stderr()}") from None

    def handles(self, number):
        """Caught or blocked: a signal that comes before would end it as it ends any process."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigCgt", "SigBlk"))]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return not self.alive() or any(mask >> (number - 1) & 1 for mask in masks)

    def stop(self, seconds=40):
        wait_for(lambda: self.handles(signal.SIGTERM), what="the start")
        self.process.send_signal(signal.SIGTERM)
        return self.end(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self, seconds=60):
        status = self.end(seconds)
        expect(status == 0, f"pipec ended with {status}:\n{self.stderr()}")

    def alive(self):
        return self.process.poll() is None


def fill(bootstrap, topic, count, partitions=1, first=0, size=20, **properties):
    """`count` numbered records, number n into partition n % partitions."""
    producer = rdkafka.Producer(bootstrap, **properties)
    for number in range(first, first + count):
        value = json.dumps({"n": number, "pad": "x" * size}, separators=(",", ":")).encode()
        producer.send(topic, value, key=b"k%d" % number, partition=number % partitions)
    producer.flush()
    producer.close()


def bearer_token(lifetime, algorithm="none", **claims):
    """A JWT without a signature, over in `lifetime` seconds."""
    part = lambda content: base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")  # noqa: E731
    now = int(time.time())
    return f'{part({"alg": algorithm})}.{part({"iat": now, "exp": now + lifetime, **claims})}.'


def number_of(record):
    return json.loads(record.value)["n"]


class Oracle:
    """Checks I1 to I6 of a copy of numbered records from outside: by the output topic and the group's positions."""

    def __init__(self, produced, exactly_once=False):
        self.produced = set(produced)
        self.exactly_once = exactly_once

    def complaints(self, delivered, dead=(), filtered=lambda _n: False, values=None):
        """`delivered`: [(source partition, number)] in the order of the output, per partition."""
        found = []
        seen = {}
        for partition, number in delivered:
            seen.setdefault(partition, []).append(number)
        all_out = [number for _, number in delivered]
        got = set(all_out) | set(dead)
        declared = {n for n in self.produced if filtered(n)}
        missing = self.produced - got - declared
        if missing:
            found.append(f"I1: {len(missing)} records are missing, e.g. {sorted(missing)[:5]}")
        invented = (got - self.produced) | (set(all_out) & declared)
        if invented:
            found.append(f"I3: {len(invented)} records were invented, e.g. {sorted(invented)[:5]}")
        for number, good in (values or {}).items():
            if not good:
                found.append(f"I3: record {number} was changed")
                break
        for partition, numbers in seen.items():
            first, last = set(), -1
            for number in numbers:
                if number in first:
                    continue
                first.add(number)
                if number < last:
                    found.append(f"I4: {number} came after {last} in partition {partition}")
                    break
                last = number
        if self.exactly_once and len(all_out) != len(set(all_out)):
            found.append(f"I5: {len(all_out) - len(set(all_out))} records came twice")
        return found

    @staticmethod
    def safe(positions, numbers_below, delivered):
        """I2: everything below the committed positions is delivered. numbers_below(partition, position) -> numbers."""
        out = set(delivered)
        lost = [n for partition, position in positions.items() for n in numbers_below(partition, position) if n not in out]
        return [f"I2: {len(lost)} records below the committed position are not out, e.g. {lost[:5]}"] if lost else []

    def judge(self, *arguments, **named):
        found = self.complaints(*arguments, **named)
        expect(not found, "; ".join(found))


class Skipped(Exception):
    """Raised by a test that cannot run here, with the reason: it counts neither as passed nor as failed."""


def attempt(test):
    """Runs one test; True, False, or None where it was skipped."""
    begin = time.monotonic()
    STARTED.jobs, STARTED.directories = [], []
    try:
        test()
        for directory in STARTED.directories:
            shutil.rmtree(directory, ignore_errors=True)
        print(f"ok      {test.__name__} ({time.monotonic() - begin:.1f} s): {test.__doc__}", flush=True)
        return True
    except Skipped as reason:
        print(f"SKIP {test.__name__}: {reason}", flush=True)
        return None
    except Exception as error:  # pylint: disable=broad-except
        detail = "" if isinstance(error, Failure) else "\n" + traceback.format_exc()
        print(f"FAILED  {test.__name__}: {test.__doc__}\n        {error}{detail}", flush=True)
        return False
    finally:
        for job in STARTED.jobs:
            if job.alive():
                job.kill()


def run(tests, at_once=1, alone=()):
    """Runs the functions, or those that the arguments name; says which failed and why. `alone`: after the others, one by one.

    With PIPEC_SECOND_TRY in the environment a test that failed runs once more, after all others and alone. Its first failure is
    reported as such: tests/support/report.py counts them, and fails above its rate.
    """
    wanted = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    chosen, lonely = ([test for test in some if not wanted or test.__name__ in wanted] for some in (tests, alone))
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = list(zip(chosen, pool.map(attempt, chosen)))
    results += [(test, attempt(test)) for test in lonely]
    failed = [test for test, result in results if result is False]
    passed = sum(result is True for _, result in results)
    if os.environ.get("PIPEC_SECOND_TRY"):
        for test in failed.copy():
            if attempt(test):
                print(f"FAILED FIRST {test.__name__}", flush=True)
                failed.remove(test)
                passed += 1
    print(f"cases: {passed} passed, {len(failed)} failed")
    sys.exit(1 if failed or not passed else 0)
