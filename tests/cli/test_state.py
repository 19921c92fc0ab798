"""What is kept from run to run: going on, nothing new, beginning again, and who may look at it."""

import contextlib
import os
import shutil
import stat
import subprocess
import unittest

from support import HANG_SECONDS, Case, main

COPY = 'recv file("in.ndjson") | sink file("out.ndjson")\n'


class TestState(Case):
    def setUp(self):
        super().setUp()
        self.write("a.pipe", COPY)
        self.write_records("in.ndjson", 3)

    def run_ok(self, *arguments):
        done = self.run_pipec("run", "a.pipe", *arguments)
        self.assert_status(done, 0)
        return done.stderr

    def test_a_second_run_says_that_nothing_is_new(self):
        self.run_ok()
        said = self.run_ok()
        self.assertIn(b"nothing", said)
        self.assertIn(b"--from-start", said)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def test_a_second_run_goes_on_where_the_first_ended(self):
        self.run_ok()
        with open(self.path("in.ndjson"), "ab") as file:
            file.write(b'{"n":3}\n')
        said = self.run_ok()
        self.assertIn(b"1 record in, 1 out", said)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def test_from_start_reads_again_and_appends(self):
        self.run_ok()
        self.run_ok("--from-start")
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson") * 2)

    def test_truncate_begins_the_output_empty(self):
        self.run_ok()
        self.run_ok("--from-start", "--truncate")
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))
        self.assertIn(b"nothing", self.run_ok())

    def test_the_state_is_where_it_is_asked_for_and_its_owners_alone(self):
        self.run_ok()
        self.assertTrue(os.path.isdir(self.path(".pipec/a")))
        self.run_ok("--state-dir", "deep/er/state", "--from-start")
        for directory in (".pipec/a", "deep/er/state"):
            path = self.path(directory)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)
            self.assertTrue(os.listdir(path))
            for name in os.listdir(path):
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode), 0o600, name)

    def test_two_pipelines_of_one_process_do_not_share_standard_input(self):
        self.write("a.pipe", 'recv stdin() | sink file("a.out")\n')
        self.write("b.pipe", 'recv stdin() | filter .n > 1 | sink file("b.out")\n')
        done = self.run_pipec("run", "a.pipe", "b.pipe", stdin=b'{"n":1}\n')
        self.assert_status(done, 2)
        self.assertIn(b"'a' and 'b' both read standard input", done.stderr)
        self.assertFalse(os.path.exists(self.path("a.out")))
        done = self.run_pipec("run", "-", stdin=b'recv stdin() | sink file("a.out")\n')
        self.assert_status(done, 2)
        self.assertIn(b"text was read from standard input", done.stderr)

    def test_F3_a_corrupt_checkpoint_is_an_error_and_no_fresh_start(self):
        self.run_ok()
        damaged = 0
        for name in os.listdir(self.path(".pipec/a")):
            path = self.path(".pipec/a/" + name)
            content = open(path, "rb").read()
            if content:
                damaged += 1
                with open(path, "wb") as file:
                    file.write(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        self.assertGreater(damaged, 0)
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"error: ", done.stderr)
        self.assertIn(b"checkpoint", done.stderr)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def test_fault_C4_a_pipeline_runs_once_at_a_time(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path("out.ndjson")) and self.read("out.ndjson"), "the record")
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 1)
        self.assertIn(b".pipec/a", done.stderr)
        process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 0)


class TestOneName(Case):
    """F12: what an output is called in the text decides nothing."""

    def test_F12_an_output_spelt_otherwise_after_a_crash_is_cut_back(self):
        os.symlink("out.ndjson", self.path("link.ndjson"))
        job = 'dlq discard\nrecv file("in.ndjson") | transform { .z = sha256(sha256("${.n}")) } | sink file("%s")\n'
        self.write_records("in.ndjson", 200_000)
        self.write("a.pipe", job % "whole.ndjson")
        self.assert_status(self.run_pipec("run", "a.pipe", "-q", "--state-dir", "undisturbed"), 0)
        for name in ("out.ndjson", "./out.ndjson", "link.ndjson", self.path("out.ndjson")):
            self.write("a.pipe", job % name)
            process = self.start_pipec("run", "a.pipe", "-q", "--commit-interval", "5ms", stdin=subprocess.DEVNULL)
            before = os.path.getsize(self.path("out.ndjson")) if os.path.exists(self.path("out.ndjson")) else 0
            self.wait_for(lambda: process.poll() is not None or os.path.exists(self.path("out.ndjson")) and
                          os.path.getsize(self.path("out.ndjson")) > before + 1_000_000, "output")
            process.kill()
            process.wait(HANG_SECONDS)
        self.assert_status(self.run_pipec("run", "a.pipe", "-q"), 0)
        self.assertTrue(self.read("out.ndjson") == self.read("whole.ndjson"))


class TestSeveral(Case):
    def test_several_files_are_independent_pipelines(self):
        self.write_records("in.ndjson", 3)
        self.write("a.pipe", COPY)
        self.write("b.pipe", COPY.replace("out", "out-b"))
        self.write("c.pipe", COPY.replace("in.ndjson", "nope.ndjson").replace("out", "out-c"))
        done = self.run_pipec("run", "a.pipe", "b.pipe", "c.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"error: c: ", done.stderr)
        self.assertIn(b"a: 3 records in, 3 out", done.stderr)
        for name in ("out.ndjson", "out-b.ndjson"):
            self.assertEqual(self.read(name), self.read("in.ndjson"))
        self.assertEqual(sorted(os.listdir(self.path(".pipec"))), ["a", "b", "c"])

    def test_nothing_runs_where_one_of_them_does_not_compile(self):
        self.write_records("in.ndjson", 3)
        self.write("a.pipe", COPY)
        self.write("b.pipe", "recv")
        self.assert_status(self.run_pipec("run", "a.pipe", "b.pipe"), 3)
        self.assertFalse(os.path.exists(self.path("out.ndjson")))

    def test_two_with_one_name_are_refused(self):
        os.mkdir(self.path("other"))
        self.write("a.pipe", COPY)
        self.write("other/a.pipe", COPY)
        done = self.run_pipec("run", "a.pipe", "other/a.pipe")
        self.assert_status(done, 2)
        self.assertIn(b"two pipelines are named 'a'", done.stderr)

    def test_fault_C6_a_state_directory_that_is_removed_ends_the_run(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "--commit-interval", "1ms", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path(".pipec/a/checkpoint")), "a commit")
        # A commit may be under way, and put a file into it meanwhile, or be the one that ends the run.
        self.wait_for(lambda: shutil.rmtree(self.path(".pipec"), ignore_errors=True) or not os.path.exists(self.path(".pipec")), "room")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b'{"n":2}\n')
            process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 1)
        self.assertIn(b".pipec/a", process.stderr.read())

    def test_fault_S4_what_lies_behind_the_committed_length_is_cut_off_and_said(self):
        self.write_records("in.ndjson", 2)
        self.write("a.pipe", 'dlq discard\nrecv file("in.ndjson") | sink file("out.ndjson")\n')
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        with open(self.path("out.ndjson"), "ab") as file:
            file.write(b"of somebody else\n")
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 0)
        self.assertIn(b"out.ndjson: cut back by 17 bytes to what is committed", done.stderr)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))


if __name__ == "__main__":
    main()
