"""Records when stdout is a pipe that closes, a full disk, or closed; and `eval`, which is used with pipes."""

import os
import re
import signal
import subprocess
import sys
import unittest

from support import HANG_SECONDS, PIPEC, Case, environment, main

TO_STDOUT = 'dlq discard\nrecv file("in.ndjson") | sink stdout()\n'
# Far more than a pipe holds, so that a reader that exits is always detected.
MANY = 300_000


class TestRun(Case):
    def setUp(self):
        super().setUp()
        self.write("a.pipe", TO_STDOUT)

    def test_stdout_carries_records_only(self):
        self.write_records("in.ndjson", 3)
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"n":0}\n{"n":1}\n{"n":2}\n')
        self.assertRegex(done.stderr, rb"3 records in, 3 out, 0 filtered, 0 dead letters; 24 B in ")
        self.assertRegex(done.stderr, rb"peak memory \d")

    def test_quiet_prints_no_messages(self):
        self.write_records("in.ndjson", 3)
        done = self.run_pipec("run", "-q", "a.pipe")
        self.assert_status(done, 0)
        self.assertEqual(done.stderr, b"")

    def test_fault_X5_only_the_owner_may_read_dead_letters_and_state(self):
        self.write("a.pipe", 'dlq file("dead/d.ndjson")\nrecv file("in.ndjson") | parse json | sink file("out.ndjson")\n')
        self.write("in.ndjson", '{"password": "not JSON\n{}\n')
        old = os.umask(0o022)
        try:
            self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        finally:
            os.umask(old)
        mode = {name: os.stat(self.path(name)).st_mode & 0o777 for name in ("dead/d.ndjson", "out.ndjson", ".pipec/a")}
        self.assertEqual(mode, {"dead/d.ndjson": 0o600, "out.ndjson": 0o644, ".pipec/a": 0o700})
        self.assertEqual(len(self.lines("dead/d.ndjson")), 1)

    def test_fault_S9_a_reader_that_leaves_is_an_error_and_nothing_is_lost(self):
        self.write_records("in.ndjson", MANY)
        process = self.start_pipec("run", "a.pipe", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(HANG_SECONDS), 1)
        error = process.stderr.read()
        self.assertEqual(first, b'{"n":0}\n')
        self.assertRegex(error, rb"error: .*stdout")
        self.assertIn(b"committed", error)
        # Uncommitted records are repeated: with the first part, the output is complete.
        committed = re.search(rb"committed: in.ndjson up to byte (\d+)", error)
        again = self.run_pipec("run", "-q", "a.pipe")
        self.assert_status(again, 0)
        whole = self.read("in.ndjson")
        self.assertEqual(again.stdout, whole[int(committed.group(1)) if committed else 0:])

    def test_fault_S9_closed_stdout(self):
        self.write_records("in.ndjson", 3)
        done = subprocess.run(["sh", "-c", 'exec "$0" run a.pipe >&-', PIPEC], cwd=self.directory, env=environment(),
                              stderr=subprocess.PIPE, check=False, timeout=HANG_SECONDS)
        self.assert_status(done, 1)
        self.assertRegex(done.stderr, rb"error: .*stdout")

    def test_fault_S9_a_full_disk_behind_stdout(self):
        self.write_records("in.ndjson", 3)
        with open("/dev/full", "wb") as full:
            done = self.run_pipec("run", "a.pipe", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        self.assert_status(done, 1)
        self.assertIn(b"No space left on device", done.stderr)
        self.assertIn(b"nothing was committed", done.stderr)


class TestEval(Case):
    def test_stdin_to_stdout(self):
        done = self.run_pipec("eval", "filter .n >= 2", stdin=b'{"n":1}\n{"n":2}\n{"n":3}')
        self.assert_status(done, 0)
        self.assertEqual((done.stdout, done.stderr), (b'{"n":2}\n{"n":3}\n', b""))

    def test_no_stages_pass_everything_on(self):
        done = self.run_pipec("eval", "", stdin=b'{"n":1}\n')
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"n":1}\n')

    def test_files_are_read_in_order_with_stdin_in_place_of_a_dash(self):
        self.write_records("one", 2)
        self.write_records("two[1]", 2, start=10)
        done = self.run_pipec("eval", "", "two[1]", "-", "one", stdin=b'{"n":99}\n')
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"n":10}\n{"n":11}\n{"n":99}\n{"n":0}\n{"n":1}\n')

    def test_order_is_kept_on_all_cores(self):
        self.write_records("in.ndjson", MANY)
        done = self.run_pipec("eval", "filter .n % 3 == 0", "in.ndjson")
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b"".join(b'{"n":%d}\n' % n for n in range(0, MANY, 3)))

    def test_a_pipe_is_a_file_too(self):
        done = subprocess.run(["bash", "-c", '"$0" eval "filter .n > 1" <(echo "{\\"n\\":1}") <(echo "{\\"n\\":2}")', PIPEC],
                              cwd=self.directory, capture_output=True, check=False, timeout=HANG_SECONDS, env=environment())
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b'{"n":2}\n')

    def test_failing_records_are_reported_and_the_others_continue(self):
        self.write("in.ndjson", b'{"n":1}\n{"n":"x"}\n{"n":3}\n')
        done = self.run_pipec("eval", "transform { .n = .n * 2 }", "in.ndjson")
        self.assert_status(done, 1)
        self.assertEqual(done.stdout, b'{"n":2}\n{"n":6}\n')
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], rb'^error: in\.ndjson at 8: transform: .+: \{"n":"x"\}$')

    def test_the_message_of_a_failing_record_is_short_and_harmless(self):
        self.write("in.ndjson", b'{"n":"\x1b[2J\xc2\x9b' + b"x" * 10_000 + b'"\n')
        done = self.run_pipec("eval", "parse json", "in.ndjson")
        self.assert_status(done, 1)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertNotIn(b"\xc2\x9b", done.stderr)
        self.assertLess(len(done.stderr), 600)

    def test_stages_that_do_not_compile(self):
        done = self.run_pipec("eval", "filter .n >")
        self.assert_status(done, 3)
        self.assertIn(b"error[E", done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_a_file_that_is_not_there(self):
        done = self.run_pipec("eval", "", "nope.ndjson")
        self.assert_status(done, 1)
        self.assertIn(b"nope.ndjson", done.stderr)

    def test_a_reader_that_leaves_ends_it_as_other_tools_end(self):
        self.write_records("in.ndjson", MANY)
        process = self.start_pipec("eval", "", "in.ndjson", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b'{"n":0}\n')
        process.stdout.close()
        self.assertEqual(process.wait(HANG_SECONDS), -signal.SIGPIPE)
        self.assertEqual(process.stderr.read(), b"")

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = self.run_pipec("eval", "", stdin=b"{}\n", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        self.assert_status(done, 1)
        self.assertIn(b"No space left on device", done.stderr)

    def test_waiting_for_a_terminal_is_reported(self):
        ours, theirs = os.openpty()
        process = self.start_pipec("eval", "", stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(theirs)
        self.read_until(process.stderr.fileno(), b"reading records from the terminal")
        os.write(ours, b'{"n":1}\n\x04')
        self.assertEqual(process.stdout.read(), b'{"n":1}\n')
        self.assertEqual(process.wait(HANG_SECONDS), 0)
        os.close(ours)

    def test_eval_keeps_no_state(self):
        self.write_records("in.ndjson", 2)
        for _ in range(2):
            self.assertEqual(self.run_pipec("eval", "", "in.ndjson").stdout, b'{"n":0}\n{"n":1}\n')
        self.assertEqual(os.listdir(self.directory), ["in.ndjson"])


if __name__ == "__main__":
    main()
