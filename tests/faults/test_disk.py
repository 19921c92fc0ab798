#!/usr/bin/env python3
"""F6: full and failing disks. Whatever goes wrong ends the run with its reason, nothing is committed that is not on disk, and
a run without the fault leaves what an undisturbed one would have."""

import os
import unittest

from support import FaultTest, inject, kill_at_state_call, main, needs_mount, needs_strace, outputs, pipec


class FullDisk(FaultTest):
    @needs_mount
    def test_F6_no_space_for_the_output(self):
        self.mount("out", "160k")
        self.assert_stopped(pipec(self.directory), "No space left on device", "sink file")
        self.remount("out", "size=8m")
        self.assert_completes()

    @needs_mount
    def test_F6_a_disk_that_holds_the_output_is_large_enough(self):
        """Preallocated space of several files is released when the disk is full."""
        self.mount("out", "15m")
        with open(os.path.join(self.directory, "in.ndjson"), "w", encoding="utf-8") as out:
            for n in range(120_000):
                out.write('{"n":%d,"k":%d,"text":"%s"}\n' % (n, n % 6, "x" * 80))
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as job:
            job.write('dlq discard\nrecv file("in.ndjson") | sink file("out/${.k}.ndjson")\n')
        self.assertGreater(os.path.getsize(os.path.join(self.directory, "in.ndjson")), 12 << 20)
        ran = pipec(self.directory)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        with open(os.path.join(self.directory, "in.ndjson"), "rb") as whole:
            self.assertEqual(sum(map(len, outputs(self.directory).values())), len(whole.read()))

    @needs_mount
    def test_F6_P9_no_space_for_the_dead_letters(self):
        with open(os.path.join(self.directory, "job.pipe"), encoding="utf-8") as job:
            text = job.read()
        self.mount("dead", "4k")
        with open(os.path.join(self.directory, "dead", "fills.bin"), "wb") as filler:
            filler.write(b"x" * 4096)
        with open(os.path.join(self.directory, "job.pipe"), "w", encoding="utf-8") as job:
            job.write(text.replace("out/dead.ndjson", "dead/dead.ndjson"))
        self.assert_stopped(pipec(self.directory), "No space left on device", "dlq file")
        self.remount("dead", "size=1m")
        ran = pipec(self.directory)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertTrue(outputs(self.directory)["even.ndjson"] == self.undisturbed["even.ndjson"])
        with open(os.path.join(self.directory, "dead", "dead.ndjson"), "rb") as dead:
            self.assertEqual(dead.read().count(b"\n"), self.undisturbed["dead.ndjson"].count(b"\n"))

    @needs_mount
    def test_fault_C3_no_space_for_the_checkpoint(self):
        self.mount("state", "4k")
        with open(os.path.join(self.directory, "state", "fills.bin"), "wb") as filler:
            filler.write(b"x" * 4096)
        self.assert_stopped(pipec(self.directory), "No space left on device")
        os.remove(os.path.join(self.directory, "state", "fills.bin"))
        self.remount("state", "size=1m")
        self.assert_completes()

    @needs_mount
    def test_fault_C3_the_checkpoint_is_on_a_read_only_disk(self):
        self.mount("state", "1m")
        self.assertEqual(pipec(self.directory).returncode, 0)
        with open(os.path.join(self.directory, "in.ndjson"), "a", encoding="utf-8") as more:
            more.write('{"n":6000}\n')
        self.remount("state", "ro")
        self.assert_stopped(pipec(self.directory), "Read-only file system")
        self.remount("state", "rw")
        ran = pipec(self.directory)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertTrue(outputs(self.directory)["even.ndjson"] == self.undisturbed["even.ndjson"] + b'{"n":6000}\n')

    def test_F6_short_writes_up_to_a_limit_on_the_files_size(self):
        self.assert_stopped(pipec(self.directory, limit=100_001), "File too large", "sink file")
        self.assert_completes()


class KillTest(FaultTest):
    def kill_at(self, call, counts):
        """Kills a run at these calls of one thread, each in a fresh directory; the first of them has to come."""
        for when in counts:
            with self.subTest(call=call, when=when):
                self.setUp()
                fired = self.killed(pipec(self.directory, under=inject(call, f"signal=KILL:when={when}")))
                self.assertTrue(fired or when > min(counts), f"no run ever calls {call}")
                self.assert_completes()


class FailingCalls(FaultTest):
    @needs_strace
    def test_F6_a_failed_fsync_is_terminal_wherever_it_occurs(self):
        for call in ("fsync", "fdatasync"):
            for when in (1, 2, 3):
                with self.subTest(call=call, when=when):
                    self.setUp()
                    ran = pipec(self.directory, under=inject(call, f"error=EIO:when={when}"))
                    self.assert_stopped(ran, "Input/output error")
                    self.assert_completes()

    @needs_strace
    def test_F6_a_failed_fsync_is_not_retried(self):
        """After one failure the kernel may mark the lost pages as clean, and a second fsync would succeed."""
        path = os.path.join(self.directory, "out/even.ndjson")
        self.assert_stopped(pipec(self.directory, under=inject("fdatasync", "error=EIO:when=1", path)), "Input/output error")
        self.assert_completes()

    @needs_strace
    def test_F6_a_failed_write_is_terminal(self):
        # A write that finds no space is retried once, after the preallocated space is released.
        for fault, again, words in (("error=EIO", "", "Input/output error"), ("error=ENOSPC", "+", "No space left on device")):
            for when in (1, 3):
                with self.subTest(fault=fault, when=when):
                    self.setUp()
                    self.assert_stopped(pipec(self.directory, under=inject("pwritev", f"{fault}:when={when}{again}")), words)
                    self.assert_completes()

    @needs_strace
    def test_F6_an_interrupted_call_is_made_again(self):
        path = os.path.join(self.directory, "in.ndjson")
        for call, where in (("pwritev", None), ("read", path), ("pread64", path)):
            with self.subTest(call):
                self.setUp()
                ran = pipec(self.directory, under=inject(call, "error=EINTR:when=1+3", where))
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertTrue(outputs(self.directory) == self.undisturbed)

    @needs_strace
    def test_F6_fault_F7_an_input_that_fails_while_it_is_read_is_terminal(self):
        path = os.path.join(self.directory, "in.ndjson")
        for call in ("read", "pread64"):
            ran = pipec(self.directory, under=inject(call, "error=EIO:when=2", path))
            if ran.returncode == 0:
                continue  # not the call it reads with
            self.assert_stopped(ran, "Input/output error", "in.ndjson")
            self.assert_completes()
            return
        self.fail("no call that reads the input was found")

    @needs_strace
    def test_fault_C3_a_checkpoint_that_cannot_be_replaced_is_terminal(self):
        for when in (1, 2):
            with self.subTest(when=when):
                self.setUp()
                ran = pipec(self.directory, under=inject("renameat", f"error=EROFS:when={when}"))
                self.assert_stopped(ran, "Read-only file system")
                self.assert_completes()


class Packed(KillTest):
    """The same faults where input, output and dead letters are packed."""

    packed = True

    def test_F4_without_a_fault(self):
        self.assert_completes()

    @needs_mount
    def test_F6_no_space_for_the_output(self):
        self.mount("out", "4k")
        self.assert_stopped(pipec(self.directory), "No space left on device")
        self.remount("out", "size=8m")
        self.assert_completes()

    @needs_strace
    def test_F6_a_failing_call_is_terminal(self):
        for call, fault, words in (("pwritev", "error=EIO:when=2", "Input/output error"),
                                   ("fdatasync", "error=EIO:when=1", "Input/output error")):
            with self.subTest(call):
                self.setUp()
                self.assert_stopped(pipec(self.directory, under=inject(call, fault)), words)
                self.assert_completes()

    @needs_strace
    def test_F6_fault_F7_an_input_that_fails_while_it_is_read_is_terminal(self):
        path = os.path.join(self.directory, "in.ndjson.gz")
        # Counted by thread: the third one of any is the unpacker's.
        self.assert_stopped(pipec(self.directory, under=inject("pread64", "error=EIO:when=3", path)), "Input/output error",
                            "in.ndjson.gz")
        self.assert_completes()

    @needs_strace
    def test_F4_fault_S5_killed_at_any_call_that_writes_a_restart_completes_the_output(self):
        for call in ("pwritev", "fdatasync", "renameat"):
            self.kill_at(call, (1, 2, 3))

    def test_fault_F10_a_packed_file_that_is_complete_later_resumes_where_it_was_cut(self):
        path = os.path.join(self.directory, "in.ndjson.gz")
        with open(path, "rb") as whole:
            content = whole.read()
        with open(path, "wb") as cut:
            cut.write(content[:len(content) // 2])
        self.assert_stopped(pipec(self.directory), "in.ndjson.gz (gzip): it ends in the middle",
                            f"at byte {len(content) // 2} of the packed data")
        with open(path, "r+b") as whole:
            whole.write(content)
        self.assert_completes()


class Killed(KillTest):
    @needs_strace
    def test_F3_fault_C1_killed_at_any_call_on_the_state_directory_a_restart_completes_the_output(self):
        """Every call by which the checkpoint is made, replaced and made durable, until a run has no more of them."""
        for when in range(1, 200):
            with self.subTest(when=when):
                self.setUp()
                ran = pipec(self.directory, under=kill_at_state_call(self.directory, when))
                fired = self.killed(ran)
                self.assert_completes()
            if not fired:
                break
        self.assertEqual(ran.returncode, 0)
        self.assertGreaterEqual(when, 9)  # of the thread that makes most of them

    @needs_strace
    def test_F3_F4_fault_C1_killed_at_any_call_that_writes_a_restart_completes_the_output(self):
        for call in ("pwritev", "fdatasync", "fsync", "renameat", "linkat", "unlinkat"):
            self.kill_at(call, (1, 2, 4))


class DamagedState(FaultTest):
    def test_F3_fault_C2_a_checkpoint_that_is_not_whole_stops_the_start(self):
        self.assertEqual(pipec(self.directory).returncode, 0)
        path = os.path.join(self.directory, "state", "job", "checkpoint")
        with open(path, "rb") as whole:
            content = whole.read()
        damages = {"empty": b"", "zeros": bytes(len(content)), "cut": content[:-1], "longer": content + b"\n",
                   "a bit": content[:40] + bytes([content[40] ^ 1]) + content[41:], "no checkpoint": b"{}\n"}
        for name, damaged in damages.items():
            with self.subTest(name):
                with open(path, "wb") as out:
                    out.write(damaged)
                before = outputs(self.directory)
                ran = pipec(self.directory)
                self.assert_stopped(ran, "checkpoint")
                self.assertTrue(outputs(self.directory) == before)
        with open(path, "wb") as out:
            out.write(content)
        self.assert_completes()


if __name__ == "__main__":
    unittest.TestCase.maxDiff = 2000
    main()
