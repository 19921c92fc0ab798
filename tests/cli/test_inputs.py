"""Which files a run reads, where it resumes in them, and the messages for those that it cannot read."""

import gzip
import os
import signal
import subprocess

from support import HANG_SECONDS, Case, main


class TestPaths(Case):
    def records(self, text, **options):
        self.write("p.pipe", text)
        done = self.run_pipec("run", "-q", "p.pipe", **options)
        self.assert_status(done, 0)
        return done.stdout.splitlines()

    def test_two_stars_go_through_directories(self):
        os.makedirs(self.path("x/y/z"))
        for name in ("x/1.log", "x/y/2.log", "x/y/z/3.log"):
            self.write(name, f'"{name}"\n')
        self.assertEqual(
            self.records('recv file("x/**/*.log") | sink stdout()\n'), [b'"x/1.log"', b'"x/y/2.log"', b'"x/y/z/3.log"']
        )

    def test_a_list_of_globs_without_the_excluded_files(self):
        for name in ("a.log", "b.log", "c.txt", "c.log"):
            self.write(name, f'"{name}"\n')
        self.assertEqual(
            self.records('recv file(["c.txt", "{a,b,c}.log"], exclude: "b*") | sink stdout()\n'),
            [b'"c.txt"', b'"a.log"', b'"c.log"'],
        )

    def test_a_glob_in_a_list_that_matches_nothing_is_an_error(self):
        self.write("a.log", "1\n")
        self.write("p.pipe", 'recv file(["a.log", "none/**"]) | sink stdout()\n')
        done = self.run_pipec("run", "-q", "p.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"no file matches none/**", done.stderr)
        self.assertEqual(done.stdout, b"")


class TestGoingOn(Case):
    """One pipeline, run repeatedly over files that change between the runs; its output is everything that was delivered."""

    def setUp(self):
        super().setUp()
        self.write("p.pipe", 'recv file("app.log*") | sink file("out/o")\n')

    def run_ok(self, name="p.pipe"):
        done = self.run_pipec("run", name)
        self.assert_status(done, 0)
        return done.stderr

    def append(self, name, content):
        with open(self.path(name), "ab") as file:
            file.write(content)

    def test_copytruncate(self):
        self.write("app.log", "1\n2\n3\n")
        self.run_ok()
        self.append("app.log", b"4\n")
        self.write("app.log.1", self.read("app.log"))
        self.write("app.log", "5\n")
        self.run_ok()
        self.assertEqual(self.read("out/o"), b"1\n2\n3\n4\n5\n")

    def test_renamed_then_packed(self):
        self.write("app.log", "1\n2\n3\n")
        self.run_ok()
        self.append("app.log", b"4\n")
        self.write("app.log.1.gz", gzip.compress(self.read("app.log")))
        self.write("app.log.new", "5\n")
        os.rename(self.path("app.log.new"), self.path("app.log"))
        self.run_ok()
        self.assertEqual(self.read("out/o"), b"1\n2\n3\n4\n5\n")

    def test_a_renamed_input_under_its_new_name(self):
        self.write("in", "1\n")
        self.write("p.pipe", 'recv file("in") | sink file("out/o")\n')
        self.run_ok()
        os.rename(self.path("in"), self.path("in2"))
        self.write("p.pipe", 'recv file("./in2") | sink file("out/o")\n')
        self.assertIn(b"nothing new", self.run_ok())
        self.assertEqual(self.read("out/o"), b"1\n")

    def test_a_second_flow_over_one_file_is_an_error_without_names(self):
        self.write_records("in", 5)
        flow = 'recv file("in"%s) | sink file("out/%s")\n'
        self.write("p.pipe", flow % ("", "a"))
        self.run_ok()
        self.write("p.pipe", flow % ("", "b") + flow % ("", "a"))
        done = self.run_pipec("run", "p.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"in is read by another source of this pipeline too", done.stderr)
        self.assertEqual(self.read("out/a"), self.read("in"))
        # A source with a new name reads from the start, wherever it is in the text.
        self.write("q.pipe", flow % (', state: "b"', "c") + flow % (', state: "a"', "d"))
        self.run_ok("q.pipe")
        self.write("q.pipe", flow % (', state: "a"', "d") + flow % (', state: "b"', "c"))
        self.assertIn(b"nothing new", self.run_ok("q.pipe"))
        self.assertEqual(self.read("out/c"), self.read("in"))
        self.assertEqual(self.read("out/d"), self.read("in"))

    def test_a_larger_count_generates_only_the_new_records(self):
        self.write("p.pipe", 'recv generate(5, {n: @offset}) | sink file("out/o")\n')
        self.run_ok()
        self.write("p.pipe", 'recv generate(count: 8, template: {n: @offset}) | sink file("out/o")\n')
        self.run_ok()
        self.assertEqual(self.read("out/o"), b"".join(b'{"n":%d}\n' % n for n in range(8)))
        self.write("p.pipe", 'recv generate(count: 3, template: {n: @offset}) | sink file("out/o")\n')
        self.assertIn(b"nothing to do", self.run_ok())

    def test_one_let_used_twice_is_one_source(self):
        self.write_records("in", 5)
        self.write("p.pipe", 'let x = recv file("in")\nx | sink file("out/a")\nx | sink file("out/b")\n')
        self.run_ok()
        self.assertEqual(self.read("out/a"), self.read("in"))
        self.assertEqual(self.read("out/b"), self.read("in"))

    def test_a_damaged_archive_does_not_stop_the_others(self):
        self.write("a.gz", gzip.compress(b"1\n"))
        self.write("b.gz", gzip.compress(b"2\n")[:-4])
        self.write("c.gz", gzip.compress(b"3\n"))
        self.write("p.pipe", 'recv file("*.gz") | sink file("out/o")\n')
        done = self.run_pipec("run", "p.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"b.gz", done.stderr)
        self.assertIn(b"on_bad_file: skip", done.stderr)
        self.write("p.pipe", 'recv file("*.gz", on_bad_file: skip) | sink file("out/o")\n')
        self.assertIn(b"b.gz", self.run_ok())
        self.assertEqual(self.read("out/o"), b"1\n2\n3\n")
        self.write("b.gz", gzip.compress(b"2\n2.5\n"))
        self.run_ok()
        self.assertEqual(self.read("out/o"), b"1\n2\n3\n2.5\n")


class TestEval(Case):
    def eval(self, *arguments, status=0, **options):
        done = self.run_pipec("eval", *arguments, **options)
        self.assert_status(done, status)
        return done

    def test_byte_order_marks(self):
        self.write("bom", b"\xef\xbb\xbf[{\"a\":1}]\n")
        for options in ({}, {"stdin": self.read("bom")}):
            file = [] if options else ["bom"]
            self.assertEqual(self.eval("--framing", "json_array", "parse json", *file, **options).stdout, b'{"a":1}\n')
            self.assertEqual(self.eval("--framing", "bytes", "transform { . = .[0].a }", *file, **options).stdout, b"1\n")

    def test_UTF_16_is_an_error_that_says_what_to_do(self):
        text = '{"a":1}\n'.encode("utf-16")
        self.write("u16", text)
        for options in ({}, {"stdin": text}):
            said = self.eval("filter .a > 0", *([] if options else ["u16"]), status=1, **options).stderr
            self.assertIn(b"UTF-16", said)
            self.assertIn(b"iconv", said)
            self.assertNotIn(b"on_bad_file", said)

    def test_an_array_that_is_cut_off(self):
        cut = b'[{"a":1},{"a":2}'
        self.write("cut", cut)
        for options in ({}, {"stdin": cut}):
            done = self.eval("--framing", "json_array", "filter true", *([] if options else ["cut"]), status=1, **options)
            self.assertEqual(done.stdout, b'{"a":1}\n{"a":2}\n')
            self.assertIn(b"the array is cut off", done.stderr)

    def test_files_of_unknown_size(self):
        self.assertIn(b"Name:", self.eval("filter true", "/proc/self/status").stdout)
        self.assertIn(b"processor", self.eval("filter true", "/proc/cpuinfo").stdout)

    def test_a_pipe_without_a_writer_is_left_at_once(self):
        os.mkfifo(self.path("fifo"))
        process = self.start_pipec("eval", "filter true", "fifo", stderr=subprocess.PIPE)
        fifo = os.path.realpath(self.path("fifo"))
        self.wait_for(lambda: os.path.realpath(f"/proc/{process.pid}/fd/0") == fifo, "the pipe to be open")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130, process.stderr.read())


if __name__ == "__main__":
    main()
