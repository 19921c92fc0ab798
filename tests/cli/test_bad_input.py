"""Data as the world has it: missing, unreadable, no text at all, huge, cut off; disks that are full."""

import os
import random
import resource
import subprocess
import tempfile
import unittest

from support import HANG_SECONDS, PIPEC, Case, environment, main, originals

COPY = 'dlq file("dead.ndjson")\nrecv file("in.ndjson") | parse json | sink file("out.ndjson")\n'


class TestMissing(Case):
    def setUp(self):
        super().setUp()
        self.write("a.pipe", COPY)

    def fails(self, *texts):
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 1)
        for text in (b"error: ", b"in.ndjson", b"--> a.pipe:2:", b"nothing was committed", *texts):
            self.assertIn(text, done.stderr)

    def test_a_file_that_is_not_there(self):
        self.fails(b"No such file or directory")

    def test_a_directory(self):
        os.mkdir(self.path("in.ndjson"))
        self.fails(b"directory")

    def test_a_glob_without_a_file(self):
        self.write("a.pipe", COPY.replace("in.ndjson", "in.ndjson-*"))
        self.fails(b"no file matches")

    def test_a_file_that_may_not_be_read(self):
        self.write_records("in.ndjson", 1)
        os.chmod(self.path("in.ndjson"), 0)
        if os.geteuid() != 0:
            self.fails(b"Permission denied")
            return
        # Root may read everything: another user has to try, who must be able to reach the binary and the directory.
        os.chmod(self.directory, 0o777)
        try:
            done = subprocess.run([PIPEC, "run", "a.pipe"], cwd=self.directory, user=65534, env=environment(),
                                  capture_output=True, timeout=HANG_SECONDS, check=False)
        except PermissionError:
            self.skipTest("as root, and no other user can run the binary in its directory")
        self.assert_status(done, 1)
        self.assertIn(b"Permission denied", done.stderr)


class TestOdd(Case):
    """Every record is delivered or a dead letter; payloads are byte for byte what came (I1, I3)."""

    def setUp(self):
        super().setUp()
        self.write("a.pipe", COPY)

    def copy(self, data):
        self.write("in.ndjson", data)
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 0)
        out = self.lines("out.ndjson") if os.path.exists(self.path("out.ndjson")) else []
        dead = self.lines("dead.ndjson") if os.path.exists(self.path("dead.ndjson")) else []
        return out, dead, done

    def test_empty_input(self):
        out, dead, done = self.copy(b"")
        self.assertEqual((out, dead), ([], []))
        self.assertIn(b"0 records in", done.stderr)

    def test_empty_and_white_lines_are_not_records(self):
        out, dead, done = self.copy(b'\n\r\n  \t\n{"n":1}\r\n\n{"n":2}')
        self.assertEqual((out, dead), ([b'{"n":1}', b'{"n":2}'], []))
        self.assertIn(b"2 records in", done.stderr)

    def test_binary_rubbish(self):
        data = random.Random(1).randbytes(1 << 20)
        # No byte of a white line makes a record, so such lines are taken out of what is expected.
        expected = [line[:-1] if line.endswith(b"\r") else line for line in data.split(b"\n") if line.strip(b" \t\r")]
        out, dead, _ = self.copy(data)
        single = [line for line in expected if line.strip(b" \t\r").isdigit()]
        self.assertEqual(out, single)
        self.assertEqual(originals(dead), [line for line in expected if line not in single])

    def test_invalid_utf8_is_a_dead_letter_with_its_position(self):
        out, dead, _ = self.copy(b'{"a":"\xff"}\n{"a":"\xc3\xa4"}\n{"a":"\xed\xa0\x80"}\n')
        self.assertEqual(out, [b'{"a":"\xc3\xa4"}'])
        self.assertEqual(originals(dead), [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}'])
        self.assertIn(b'"position":0,', dead[0])
        self.assertIn(b'"position":21,', dead[1])
        self.assertIn(b'"place":"a.pipe:2:26"', dead[0])

    def test_NUL_bytes(self):
        out, dead, _ = self.copy(b'{"a":1}\n{"a":\x00}\n\x00\n{"a":2}\n')
        self.assertEqual(out, [b'{"a":1}', b'{"a":2}'])
        self.assertEqual(originals(dead), [b'{"a":\x00}', b"\x00"])

    def test_fault_D1_deep_nesting(self):
        deep = b"[" * 1024 + b"]" * 1024
        deeper = b"[" * 1025 + b"]" * 1025
        abyss = b"[" * 1_000_000
        out, dead, _ = self.copy(b"\n".join([deep, deeper, abyss, b"{}"]))
        self.assertEqual(out, [deep, b"{}"])
        self.assertEqual(originals(dead), [deeper, abyss])

    def test_a_line_of_100_MB(self):
        line = b'{"n":"' + b"x" * 100_000_000 + b'"}'
        out, dead, _ = self.copy(b'{"n":1}\n' + line + b'\n{"n":2}\n')
        self.assertEqual(dead, [])
        self.assertEqual([len(record) for record in out], [7, len(line), 7])
        self.assertTrue(out[1] == line)

    def test_a_bad_line_of_100_MB(self):
        line = b'{"n":"' + b"x" * 100_000_000 + b"}"
        out, dead, _ = self.copy(b'{"n":1}\n' + line + b'\n{"n":2}\n')
        self.assertEqual(out, [b'{"n":1}', b'{"n":2}'])
        self.assertTrue(originals(dead) == [line])

    def test_the_first_dead_letter_stops_without_a_dlq(self):
        self.write("a.pipe", COPY.split("\n", 1)[1])
        self.write("in.ndjson", b'{"n":1}\n{"n":\n')
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"dlq", done.stderr)
        self.assertIn(b"nothing was committed", done.stderr)


class TestFullDisk(Case):
    """A write that fails is terminal; when there is room again a second run completes the same output (fault S2, F4, F6)."""

    COUNT = 200_000

    def setUp(self):
        super().setUp()
        self.write_records("in.ndjson", self.COUNT)

    def check_second_run(self, done, out):
        self.assert_status(done, 1)
        self.assertIn(b"error: ", done.stderr)
        again = self.run_pipec("run", "a.pipe")
        self.assert_status(again, 0)
        with open(out, "rb") as file:
            self.assertTrue(file.read() == self.read("in.ndjson"))

    def test_fault_S2_a_file_that_may_not_grow(self):
        self.write("a.pipe", COPY)
        limit = 1 << 20
        done = self.run_pipec("run", "a.pipe", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertIn(b"File too large", done.stderr)
        self.check_second_run(done, self.path("out.ndjson"))

    def test_fault_S2_a_full_file_system(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        disk = tempfile.mkdtemp(prefix="pipec-disk-")
        self.addCleanup(os.rmdir, disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=False, capture_output=True).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(lambda: subprocess.run(["umount", disk], check=True))
        self.write("a.pipe", COPY.replace("out.ndjson", disk + "/out.ndjson"))
        done = self.run_pipec("run", "a.pipe")
        self.assertIn(b"No space left on device", done.stderr)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.check_second_run(done, disk + "/out.ndjson")


if __name__ == "__main__":
    main()
