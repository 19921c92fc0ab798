"""The progress bar: on a terminal, for finite input, and gone at the end."""

import fcntl
import os
import re
import struct
import subprocess
import termios
import unittest

from support import HANG_SECONDS, Case, main

COPY = 'recv file("in.ndjson") | sink stdout()\n'


class TestBar(Case):
    def run_on_terminal(self, columns, *options):
        """The output on a terminal of this width, of a run that is delayed until its bar has been drawn."""
        self.write("a.pipe", COPY)
        self.write_records("in.ndjson", 500_000)
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # Nobody reads stdout yet, so the run waits in the middle of its input.
        process = self.start_pipec("run", "a.pipe", *options, stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = b""
        if "-q" not in options:
            shown = self.read_until(ours, b"%")
        self.assertEqual(len(process.stdout.read().splitlines()), 500_000)
        self.assertEqual(process.wait(HANG_SECONDS), 0)
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # the other end is closed, and all was read
        return shown.decode()

    def test_it_shows_bytes_share_rate_and_time_left_and_goes_away(self):
        shown = self.run_on_terminal(120)
        self.assertRegex(shown, r"\r\[#*\.*\] +\d+ %  [\d.]+ [kM]?B of [\d.]+ MB  [\d.]+ [kMG]?B/s  .* left")
        last_bar = shown.rindex("%")
        self.assertIn("\r\x1b[K", shown[last_bar:])
        self.assertIn("500,000 records in", shown[last_bar:])

    def test_a_narrow_terminal_gets_less_of_it(self):
        for columns in (20, 40, 10):
            for line in re.findall(r"\r([^\r\n\x1b]*%[^\r\n\x1b]*)", self.run_on_terminal(columns, "--from-start")):
                self.assertLess(len(line), columns)

    def test_quiet(self):
        self.assertEqual(self.run_on_terminal(80, "-q"), "")

    def test_no_bar_without_a_terminal(self):
        self.write("a.pipe", COPY)
        self.write_records("in.ndjson", 100)
        done = self.run_pipec("run", "a.pipe")
        self.assert_status(done, 0)
        self.assertNotIn(b"\r", done.stderr)
        self.assertNotIn(b"\x1b", done.stderr)


if __name__ == "__main__":
    main()
