#!/usr/bin/env python3
"""F3, F4, fault S8: power loss. A run is traced, and from its system calls follows what the disk may hold after each of them when what was not
synced is lost, kept or torn. A restart from every such state leaves what an undisturbed run leaves, byte for byte.

That the states can tell is shown with a disk that forgets an fsync: there some restart must fail.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import zlib

from disk_model import Directory, Disk, decoded, strace
from support import ENVIRONMENT, PIPEC, main, needs_strace, outputs, write_input

PIPELINE = """
dlq file("out/dead.ndjson")
recv file("in.ndjson")
| parse json
| route {
    .n % 3 == 0 -> sink file("out/third.ndjson.gz", compress: gzip)
    .n % 2 == 0 -> sink file("out/by/${.n % 4}.ndjson")
    else -> sink file("out/odd.ndjson")
  }
"""


SYNC = re.compile(r"\bf(?:data)?sync\(\d+<([^>]*)>")


def run(directory, under=()):
    # A small budget makes several batches, each with a separate commit; one thread, so that the trace is always the same.
    command = [*under, PIPEC, "run", "-q", "--threads", "1", "--budget", "4KiB", "--commit-interval", "0ms", "job.pipe"]
    return subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                          env=ENVIRONMENT)


class PowerLoss(unittest.TestCase):
    def setUp(self):
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="pipec-power-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.directory, self.store = os.path.join(self.base, "job"), os.path.join(self.base, "store")
        os.mkdir(self.directory)
        os.mkdir(self.store)
        write_input(self.directory, records=300)
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as out:
            out.write(PIPELINE)
        self.disk = Disk(self.directory)
        self.trace = os.path.join(self.base, "trace")
        ran = run(self.directory, strace(self.trace))
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.undisturbed = outputs(self.directory)
        self.assertEqual(len(self.undisturbed), 5)

    def keep_inodes(self, directory, path):
        """The traced run's files keep their inodes over all restarts, since pipec knows files by them: by a second name each."""
        for name, node in directory.names.items():
            if isinstance(node, Directory):
                self.keep_inodes(node, os.path.join(path, name))
            else:
                os.link(os.path.join(path, name), os.path.join(self.store, str(id(node))))

    def lay(self, state):
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)
        for path, node, content in state:
            if node is None:
                os.mkdir(path, 0o700)
                continue
            kept = os.path.join(self.store, str(id(node)))
            with open(kept, "wb") as out:
                out.write(content)
            os.link(kept, path)

    def failures(self, trace, first_only=False):
        """Restarts from every state; returns the problems with the results, and the number of states."""
        after, found, seen = [], [], set()
        for number, call in enumerate(self.disk.apply(trace)):
            after += [(f"call {number}, {call}: {which}", state) for which, state in self.disk.states()]
        self.keep_inodes(self.disk.top, self.directory)
        for where, state in after:
            tree = hashlib.sha256(repr([(path, content) for path, _, content in state]).encode()).digest()
            if tree in seen:
                continue
            if found and first_only:
                break
            seen.add(tree)
            self.lay(state)
            ran = run(self.directory)
            if ran.returncode != 0:
                found.append(f"{where}: {ran.stderr}")
                continue
            try:
                now = outputs(self.directory)
            except (OSError, EOFError, zlib.error) as error:
                found.append(f"{where}: a packed file cannot be read: {error}")
                continue
            different = sorted(name for name in {*now, *self.undisturbed} if now.get(name) != self.undisturbed.get(name))
            if different:
                found.append(f"{where}: {different} differ")
        return found, len(seen)

    def lines(self):
        with open(self.trace, encoding="ascii") as trace:
            return trace.readlines()

    @needs_strace
    def test_F3_F4_fault_S8_a_restart_after_any_power_loss_completes_the_output(self):
        found, states = self.failures(self.lines())
        self.assertEqual(found, [], f"{len(found)} of {states} states:\n" + "\n".join(found))
        self.assertGreater(states, 50)

    def without(self, unwanted):
        """The trace of a program that leaves these fsyncs out. `unwanted`: of a path, whether it is one of them."""
        kept = [line for line in self.lines()
                if not ((sync := SYNC.search(line)) and unwanted(os.fsdecode(decoded(sync.group(1)))))]
        self.assertLess(len(kept), len(self.lines()))
        return kept

    @needs_strace
    def test_fault_S8_a_directory_that_is_never_synced_is_noticed(self):
        self.assertNotEqual(self.failures(self.without(os.path.isdir), first_only=True)[0], [])

    @needs_strace
    def test_fault_S8_an_output_that_is_never_synced_is_noticed(self):
        self.assertNotEqual(self.failures(self.without(lambda path: path.endswith("odd.ndjson")), first_only=True)[0], [])

    @needs_strace
    def test_fault_S8_a_checkpoint_that_is_never_synced_is_noticed(self):
        self.assertNotEqual(self.failures(self.without(lambda path: "checkpoint" in path), first_only=True)[0], [])


if __name__ == "__main__":
    unittest.TestCase.maxDiff = 4000
    main()
