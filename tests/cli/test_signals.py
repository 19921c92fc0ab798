"""Signals: the first one drains and commits, a second one exits at once, the deadline is kept."""

import json
import os
import signal
import socket
import subprocess
import unittest

from support import HANG_SECONDS, Case, main

ENDLESS = 'recv generate(template: {n: @offset}) | sink file("out.ndjson")\n'
# The pipe at stdout has no reader: the sink is blocked, and so is the drain.
BLOCKED = "recv generate(template: {n: @offset}) | sink stdout()\n"


class TestDrain(Case):
    def stop_with(self, number, status):
        """Runs twice until data has come, each time ended by the signal. Nothing may be lost, doubled or torn."""
        self.write("a.pipe", ENDLESS)
        size = 0
        for _ in range(2):
            process = self.start_pipec("run", "a.pipe", stderr=subprocess.PIPE)
            before = size
            self.wait_for(lambda: os.path.exists(self.path("out.ndjson")) and
                          os.path.getsize(self.path("out.ndjson")) > before + 1000, "records")
            process.send_signal(number)
            said = process.stderr.read()
            self.assertEqual(process.wait(HANG_SECONDS), status, said)
            self.assertIn(b"stopping", said)
            size = os.path.getsize(self.path("out.ndjson"))
        lines = self.lines("out.ndjson")
        self.assertEqual([json.loads(line)["n"] for line in lines], list(range(len(lines))))

    def test_fault_L1_SIGTERM_drains_commits_and_is_not_a_failure(self):
        self.stop_with(signal.SIGTERM, 0)

    def test_fault_L1_SIGINT_drains_and_commits_with_130(self):
        self.stop_with(signal.SIGINT, 130)

    def test_fault_L3_SIGHUP_is_as_SIGTERM(self):
        self.stop_with(signal.SIGHUP, 0)

    def test_an_idle_source_stops_too(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path("out.ndjson")) and self.read("out.ndjson"), "the record")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(HANG_SECONDS), 0, process.stderr.read())
        self.assertEqual(self.read("out.ndjson"), b'{"n":1}\n')

    def test_eval_is_stopped_by_ctrl_c(self):
        process = self.start_pipec("eval", "", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b'{"n":1}\n')
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(HANG_SECONDS), 130)


class TestStarting(Case):
    def test_D10_a_signal_is_heard_while_a_server_does_not_answer(self):
        """The wait for the broker is interrupted; nothing was received, so it is not a failure."""
        for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                self.write("a.pipe", f'recv kafka("127.0.0.1:{port}", "t", group: "g") | sink file("out.ndjson")\n')
                process = self.start_pipec("run", "a.pipe", stderr=subprocess.PIPE)
                server.settimeout(HANG_SECONDS)
                connection, _ = server.accept()
                with connection:
                    process.send_signal(number)
                    said = process.stderr.read()
                    self.assertEqual(process.wait(HANG_SECONDS), status, said)
                    self.assertNotIn(b"error: ", said)


class TestBlocked(Case):
    def start(self, *options):
        self.write("a.pipe", BLOCKED)
        process = self.start_pipec("run", "a.pipe", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # A first byte says that the sink is at work.
        os.read(process.stdout.fileno(), 1)
        return process

    def test_fault_L2_a_second_signal_exits_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start()
            process.send_signal(number)
            self.read_until(process.stderr.fileno(), b"stopping")
            process.send_signal(number)
            self.assertEqual(process.wait(HANG_SECONDS), 128 + number)

    def test_fault_L1_the_deadline_is_kept_and_is_a_failure(self):
        process = self.start("--deadline", "50ms")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(HANG_SECONDS), 1)
        self.assertIn(b"error: ", process.stderr.read())


class TestOthers(Case):
    def test_fault_L3_SIGUSR1_prints_the_progress(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path("out.ndjson")) and self.read("out.ndjson"), "the record")
        process.send_signal(signal.SIGUSR1)
        self.read_until(process.stderr.fileno(), b"1 record in, 1 out")
        process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 0)

    def test_fault_L3_an_ignored_signal_stays_ignored(self):
        self.write("a.pipe", 'recv stdin() | sink file("out.ndjson")\n')
        process = self.start_pipec("run", "a.pipe", stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        self.wait_for(lambda: os.path.exists(self.path("out.ndjson")) and self.read("out.ndjson"), "the record")
        process.send_signal(signal.SIGHUP)
        process.stdin.write(b'{"n":2}\n')
        process.stdin.close()
        self.assertEqual(process.wait(HANG_SECONDS), 0)
        self.assertEqual(self.read("out.ndjson"), b'{"n":1}\n{"n":2}\n')


if __name__ == "__main__":
    main()
