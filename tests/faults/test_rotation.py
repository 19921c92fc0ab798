#!/usr/bin/env python3
"""fault F1, fault F2, fault F6: logs that are rotated while they are written and read. A writer appends numbered lines in pieces of any size and
rotates all the time; pipec runs again and again over the log and what rotation made of it, half of the runs are killed. In the end
every line is there once. PIPEC_SEED replays the random choices.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from support import ENVIRONMENT, PIPEC, main

SEED = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
ROTATIONS = 25
LINES = 40_000
PIPELINE = 'recv file("app.log*", partial: wait) | sink file("out.ndjson")\n'


class Log:
    """app.log, and app.log.1 and so on, the highest the oldest."""

    def __init__(self, directory):
        self.path, self.rotated = os.path.join(directory, "app.log"), 0
        self.file = self.open()

    def open(self):
        return open(self.path, "ab", buffering=0)

    def shift(self):
        for number in range(self.rotated, 0, -1):
            os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        self.rotated += 1

    def by_rename(self, last):
        """The writer has not heard of it: its last lines go to the file that has another name now."""
        self.shift()
        os.rename(self.path, self.path + ".1")
        self.file.write(last)
        self.file.close()
        self.file = self.open()

    def by_copy(self, last):
        """Nothing is written between the copy and the cut: that would be the tool's loss."""
        self.file.write(last)
        self.shift()
        shutil.copyfile(self.path, self.path + ".1")
        os.truncate(self.path, 0)


class Rotation(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pipec-rotation-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as out:
            out.write(PIPELINE)
        self.rng = random.Random(SEED)
        self.done = threading.Event()
        self.failed = None

    def start(self):
        return subprocess.Popen([PIPEC, "run", "-q", "--commit-interval", "1ms", "--budget", "16KiB", "job.pipe"], cwd=self.directory,
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT)

    def write(self, rotate):
        """All lines, in pieces that end anywhere; a rotation after every so many."""
        rng, log = random.Random(SEED + 1), Log(self.directory)
        try:
            each = LINES // ROTATIONS
            for begin in range(0, LINES, each):
                lines = [b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * (n % 90)) for n in range(begin, begin + each)]
                text = b"".join(lines[:-20])
                while text:
                    size = rng.randrange(1, 4000)
                    log.file.write(text[:size])
                    text = text[size:]
                    self.done.wait(0.001)
                rotate(log, b"".join(lines[-20:]))
        except Exception as error:  # pylint: disable=broad-except
            self.failed = error
        finally:
            log.file.close()
            self.done.set()

    def check(self, rotate):
        writer = threading.Thread(target=self.write, args=(rotate,))
        writer.start()
        runs = kills = overtaken = 0
        while not self.done.is_set():
            process = self.start()
            runs += 1
            if self.rng.random() < 0.5:
                try:
                    process.wait(self.rng.uniform(0, 0.1))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            said = process.communicate()[1].decode(errors="replace")
            if process.returncode == 1:  # a run that sees a rotation leaves the rest to the next one
                self.assertRegex(said, "was (replaced or )?truncated|No such file or directory", f"seed {SEED}")
                overtaken += 1
            else:
                self.assertIn(process.returncode, (0, -signal.SIGKILL), f"seed {SEED}: {said}")
        writer.join()
        self.assertIsNone(self.failed)
        process = self.start()
        said = process.communicate()[1].decode(errors="replace")
        self.assertEqual(process.returncode, 0, said)
        with open(os.path.join(self.directory, "out.ndjson"), "rb") as out:
            numbers = [json.loads(line)["n"] for line in out]
        print(f"seed {SEED}: {runs} runs, {kills} killed, {overtaken} overtaken by a rotation")
        self.assertEqual(len(numbers), len(set(numbers)), f"seed {SEED}: lines came twice")
        self.assertEqual(sorted(numbers), list(range(LINES)), f"seed {SEED}: lines are missing")
        self.assertGreater(runs, 2)

    def test_F1_fault_F1_renamed_while_its_writer_still_appends(self):
        self.check(Log.by_rename)

    def test_F1_fault_F2_copied_and_truncated(self):
        self.check(Log.by_copy)


if __name__ == "__main__":
    main()
