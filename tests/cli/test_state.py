"""State between runs: resuming, nothing new, starting over, and permissions."""

import contextlib
import os
import resource
import shutil
import stat
import subprocess
import unittest

from support import HANG_SECONDS, Case, main, sanitized

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

    def test_a_second_run_reports_nothing_new(self):
        self.run_ok()
        said = self.run_ok()
        self.assertIn(b"nothing", said)
        self.assertIn(b"--from-start", said)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def test_a_second_run_resumes_where_the_first_ended(self):
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

    def test_the_state_is_in_the_given_directory_and_private(self):
        self.run_ok()
        self.assertTrue(os.path.isdir(self.path(".pipec/a")))
        self.run_ok("--state-dir", "deep/er/state", "--from-start")
        for directory in (".pipec/a", "deep/er/state/a"):
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

    def test_fault_C6_a_state_directory_that_is_removed_ends_the_run(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "--commit-interval", "1ms", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path(".pipec/a/checkpoint")), "a commit")
        # A commit may be in progress, and create a file in it meanwhile, or be the one that ends the run.
        self.wait_for(lambda: shutil.rmtree(self.path(".pipec"), ignore_errors=True) or not os.path.exists(self.path(".pipec")), "room")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b'{"n":2}\n')
            process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 1)
        self.assertIn(b".pipec/a", process.stderr.read())

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
    """F12: the spelling of an output in the text does not matter."""

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

    def test_nothing_runs_if_one_file_does_not_compile(self):
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


class TestLayout(Case):
    """One directory for each pipeline, however many run and wherever the state is."""

    def setUp(self):
        super().setUp()
        self.write_records("in.ndjson", 3)
        self.write("a.pipe", COPY)
        self.write("b.pipe", COPY.replace("out", "out-b"))

    def test_the_state_directory_holds_one_directory_for_each_pipeline(self):
        self.assert_status(self.run_pipec("run", "a.pipe", "--state-dir", "S"), 0)
        self.assertEqual(os.listdir(self.path("S")), ["a"])
        self.assert_status(self.run_pipec("run", "a.pipe", "b.pipe", "--state-dir", "S"), 0)
        self.assertEqual(sorted(os.listdir(self.path("S"))), ["a", "b"])
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def old_layout(self):
        self.assert_status(self.run_pipec("run", "a.pipe", "--state-dir", "S"), 0)
        self.assert_status(self.run_pipec("run", "b.pipe", "--state-dir", "T"), 0)
        os.rename(self.path("S/a"), self.path("old"))
        os.rmdir(self.path("S"))
        os.rename(self.path("old"), self.path("S"))

    def test_state_in_the_directory_itself_is_found_and_moved(self):
        self.old_layout()
        done = self.run_pipec("run", "b.pipe", "--state-dir", "S")  # not its own
        self.assert_status(done, 0)
        self.assertNotIn(b"nothing", done.stderr)
        done = self.run_pipec("run", "a.pipe", "--state-dir", "S")
        self.assert_status(done, 0)
        self.assertIn(b"nothing", done.stderr)
        self.assertEqual(sorted(os.listdir(self.path("S"))), ["a", "b"])
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))

    def test_old_state_that_cannot_be_read_is_an_error_and_no_fresh_start(self):
        self.old_layout()
        self.write("S/checkpoint", "rubbish")
        done = self.run_pipec("run", "a.pipe", "--state-dir", "S")
        self.assert_status(done, 1)
        self.assertIn(b"S/checkpoint", done.stderr)
        self.assertIn(b"--from-start", done.stderr)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))
        self.assert_status(self.run_pipec("run", "a.pipe", "--state-dir", "S", "--from-start", "--truncate"), 0)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))


class TestBeginningAnew(Case):
    """F13: --from-start and --truncate are done as a whole, by this run or by the next."""

    SLOW = ('dlq discard\nrecv file("in.ndjson") | transform { .z = sha256(sha256("${.n}")) } | sink file("%s")\n')

    def kill_when(self, condition, *arguments):
        process = self.start_pipec("run", "a.pipe", "-q", "--commit-interval", "5ms", *arguments, stdin=subprocess.DEVNULL)
        self.wait_for(lambda: process.poll() is not None or condition(), "output")
        process.kill()
        process.wait(HANG_SECONDS)

    def size(self, name):
        return os.path.getsize(self.path(name)) if os.path.exists(self.path(name)) else 0

    def test_F13_a_missing_input_is_found_before_the_output_is_emptied(self):
        self.write_records("in.ndjson", 3)
        for sink in ("out.ndjson", "out/${.n}.ndjson"):
            self.write("a.pipe", 'dlq discard\nrecv file("in.ndjson") | sink file("%s")\n' % sink)
            self.assert_status(self.run_pipec("run", "a.pipe", "--from-start"), 0)
            os.rename(self.path("in.ndjson"), self.path("away"))
            done = self.run_pipec("run", "a.pipe", "--from-start", "--truncate")
            self.assert_status(done, 1)
            self.assertIn(b"in.ndjson", done.stderr)
            os.rename(self.path("away"), self.path("in.ndjson"))
            self.assertIn(b"nothing", self.run_pipec("run", "a.pipe").stderr)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson"))
        self.assertEqual(self.read("out/1.ndjson"), b'{"n":1}\n')

    def test_F13_truncate_that_is_stopped_is_gone_on_with_by_the_next_run(self):
        self.write_records("in.ndjson", 120_000)
        self.write("a.pipe", self.SLOW % "out/${if .n < 119000 { \"early\" } else { \"late\" }}.ndjson")
        for stop in ("TERM", "KILL"):
            self.assert_status(self.run_pipec("run", "a.pipe", "-q", "--from-start", "--truncate"), 0)
            whole = [self.read("out/early.ndjson"), self.read("out/late.ndjson")]
            self.assertEqual(whole[1].count(b"\n"), 1000)
            process = self.start_pipec("run", "a.pipe", "-q", "--from-start", "--truncate", "--commit-interval", "5ms")
            self.wait_for(lambda: process.poll() is not None or 0 < self.size("out/early.ndjson") < len(whole[0]), "output")
            process.terminate() if stop == "TERM" else process.kill()
            process.wait(HANG_SECONDS)
            self.assert_status(self.run_pipec("run", "a.pipe", "-q"), 0)
            self.assertTrue([self.read("out/early.ndjson"), self.read("out/late.ndjson")] == whole, stop)
        # After its end, the run appends to existing output.
        with open(self.path("in.ndjson"), "ab") as more:
            more.write(b'{"n":1}\n{"n":120000}\n')
        self.assert_status(self.run_pipec("run", "a.pipe", "-q"), 0)
        self.assertEqual([self.read("out/" + name).count(b"\n") for name in ("early.ndjson", "late.ndjson")], [119001, 1001])

    def test_F13_files_whose_records_no_longer_come_are_emptied_too(self):
        self.write("in.ndjson", '{"d":"a"}\n{"d":"b"}\n')
        self.write("a.pipe", 'dlq discard\nrecv file("in.ndjson") | sink file("out/${.d}.ndjson")\n')
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        self.write("in.ndjson", '{"d":"a"}\n{"d":"c"}\n')
        self.write("out/z.ndjson", "of another program\n")
        self.assert_status(self.run_pipec("run", "a.pipe", "--from-start", "--truncate"), 0)
        self.assertEqual(self.read("out/a.ndjson"), b'{"d":"a"}\n')
        self.assertEqual(self.read("out/b.ndjson"), b"")
        self.assertEqual(self.read("out/c.ndjson"), b'{"d":"c"}\n')
        self.assertEqual(self.read("out/z.ndjson"), b"of another program\n")

    def test_from_start_cuts_off_what_a_crash_left_before_it_appends(self):
        self.write_records("in.ndjson", 120_000)
        self.write("a.pipe", self.SLOW % "out.ndjson")
        self.kill_when(lambda: self.size("out.ndjson") > 1_000_000)
        with open(self.path("out.ndjson"), "ab") as torn:
            torn.write(b'{"torn')
        self.assert_status(self.run_pipec("run", "a.pipe", "-q", "--from-start"), 0)
        out = self.read("out.ndjson")
        self.assertNotIn(b"torn", out)
        begin = out.rindex(b'{"n":0,')
        self.assertEqual(out[begin:].count(b"\n"), 120_000)
        self.assertTrue(out[begin:].startswith(out[:begin]))  # the committed part of the first run

    def test_an_output_that_does_not_end_with_a_newline_gets_one(self):
        self.write_records("in.ndjson", 2)
        self.write("out.ndjson", "no newline")
        self.write("a.pipe", COPY)
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        self.assertEqual(self.read("out.ndjson"), b"no newline\n" + self.read("in.ndjson"))


class TestFinished(Case):
    """F7: anyone may move or remove finished outputs."""

    def test_F7_a_finished_output_may_be_moved_and_dead_letters_dealt_with(self):
        self.write("in.ndjson", '{"d":"2024-01-01"}\n{cut\n')
        self.write("a.pipe", 'dlq file("dead.ndjson")\nrecv file("in.ndjson") | parse json | sink file("out/${.d}.ndjson")\n')
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        os.rename(self.path("out/2024-01-01.ndjson"), self.path("archived"))
        os.remove(self.path("dead.ndjson"))
        with open(self.path("in.ndjson"), "ab") as more:
            more.write(b'{"d":"2024-01-02"}\n{cut\n')
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        self.assertEqual(self.read("out/2024-01-02.ndjson"), b'{"d":"2024-01-02"}\n')
        self.assertEqual(len(self.lines("dead.ndjson")), 1)

    def test_F8_three_hundred_files_in_use_with_64_descriptors(self):
        self.write("a.pipe", """
            dlq discard
            recv generate(count: 60000, template: {k: @offset % 300, n: @offset}) | sink file("out/${.k}.ndjson")
            """)

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        done = self.run_pipec("run", "a.pipe", "--commit-interval", "50ms", preexec_fn=few)
        self.assert_status(done, 0)
        self.assertEqual(len(os.listdir(self.path("out"))), 300)
        for k in range(300):
            self.assertEqual(self.read(f"out/{k}.ndjson"), b"".join(b'{"k":%d,"n":%d}\n' % (k, n) for n in range(k, 60000, 300)))

    def test_F7_state_and_memory_do_not_grow_with_the_number_of_files_written(self):
        job = """
            dlq discard
            recv generate(count: %d, template: {k: div(@offset, %d), n: @offset}) | sink file("%s/${.k}.ndjson", fsync: never)
            """
        count = 20_000 if sanitized() else 100_000
        peaks = []
        for name, each in (("few", count // 10), ("many", 1)):
            self.write(name + ".pipe", job % (count, each, name))
            done = self.run_pipec("run", name + ".pipe")
            self.assert_status(done, 0)
            peaks.append(float(done.stderr.split(b"peak memory ")[1].split()[0]))
        self.assertEqual(len(os.listdir(self.path("many"))), count)
        self.assertLess(os.path.getsize(self.path(".pipec/many/checkpoint")), 64 << 10)
        if sanitized():
            self.skipTest("the address sanitizer's own memory drowns the bound")
        self.assertLess(peaks[1] - peaks[0], 8.4)  # MB


class TestMovedAway(Case):
    """A directory that is renamed takes along what is written into it: that is an error, not a success."""

    def rename_while_running(self, name):
        self.write("a.pipe", 'recv stdin() | sink file("out/a.ndjson")\n')
        process = self.start_pipec("run", "a.pipe", "-q", "--commit-interval", "5ms", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path("out/a.ndjson")) and self.read("out/a.ndjson"), "the record")
        os.rename(self.path(name), self.path("elsewhere"))
        process.stdin.write(b'{"n":2}\n')
        process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 1)
        self.assertIn(name.encode(), process.stderr.read())

    def test_the_output_directory(self):
        self.rename_while_running("out")

    def test_the_state_directory(self):
        self.rename_while_running(".pipec")


class TestOthersBytes(Case):
    def test_fault_S4_text_appended_by_others_since_the_last_run_stays_and_is_reported(self):
        self.write_records("in.ndjson", 2)
        self.write("a.pipe", 'dlq discard\nrecv file("in.ndjson") | sink file("out.ndjson")\n')
        self.assert_status(self.run_pipec("run", "a.pipe"), 0)
        with open(self.path("out.ndjson"), "ab") as file:
            file.write(b"of another program\n")
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 0)
        self.assertIn(b"out.ndjson: another program has appended 19 bytes since the last run", done.stderr)
        self.assertEqual(self.read("out.ndjson"), self.read("in.ndjson") + b"of another program\n")

    def test_the_file_of_a_removed_sink_is_kept_when_the_sink_comes_back(self):
        self.write_records("in.ndjson", 5)
        job = 'recv file("in.ndjson") | sink file("%s")\n'
        self.write("p.pipe", job % "a")
        self.assert_status(self.run_pipec("run", "p.pipe"), 0)
        self.write("p.pipe", job % "b")
        self.assert_status(self.run_pipec("run", "p.pipe"), 0)
        self.write("q.pipe", job % "a")
        self.assert_status(self.run_pipec("run", "q.pipe"), 0)
        self.write("p.pipe", job % "a")
        self.assert_status(self.run_pipec("run", "p.pipe"), 0)
        self.assertEqual(self.read("a"), self.read("in.ndjson") * 2)


if __name__ == "__main__":
    main()
