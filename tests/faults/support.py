"""Helpers of the fault tests: an input, a pipeline over it, runs under strace, on a small tmpfs, with a limit on file sizes."""

import gzip
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

PIPEC = os.environ.get("PIPEC", "pipec")
# LeakSanitizer fails under strace.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
TIME = re.compile(rb'("time":")[^"]*(")')

PIPELINE = """
dlq file("out/dead.ndjson")
recv file("in.ndjson")
| parse json
| filter .n % 2 == 0
| sink file("out/even.ndjson")
"""
# The same with everything packed.
PACKED = """
dlq file("out/dead.ndjson.gz", compress: gzip)
recv file("in.ndjson.gz")
| parse json
| filter .n % 2 == 0
| sink file("out/even.ndjson.gz", compress: gzip)
"""


def sanitized():
    """Whether pipec was built with the address sanitizer, whose own memory drowns every bound."""
    with open(PIPEC, "rb") as binary:
        return b"__asan_init" in binary.read()


def write_input(directory, records=6000, packed=False):
    path = os.path.join(directory, "in.ndjson")
    # Level 0: the file is as long as its text, so that it is read in several pieces.
    with gzip.open(path + ".gz", "wt", 0) if packed else open(path, "w", encoding="utf-8") as out:
        for n in range(records):
            out.write('{"n":%d, cut off\n' % n if n % 500 == 499 else '{"n":%d,"text":"%s"}\n' % (n, "x" * 100))
    with open(os.path.join(directory, "job.pipe"), "w", encoding="utf-8") as out:
        out.write(PACKED if packed else PIPELINE)


def outputs(directory):
    """The files below out/, unpacked, dead letters without their time and source."""
    found = {}
    for folder, _, names in os.walk(os.path.join(directory, "out")):
        for name in names:
            opened = gzip.open if name.endswith(".gz") else open
            with opened(os.path.join(folder, name), "rb") as content:
                found[name.removesuffix(".gz")] = TIME.sub(rb"\1\2", content.read()).replace(b"in.ndjson.gz", b"in.ndjson")
    return found


def pipec(directory, *options, under=(), limit=None, input_file="job.pipe", interval="1ms"):
    """Runs the job; `under` is put in front (strace ...), `limit` caps the size of its files in bytes."""

    def prepare():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [*under, PIPEC, "run", "-q", "--commit-interval", interval, "--state-dir", "state", *options, input_file]
    return subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False, env=ENVIRONMENT, preexec_fn=prepare)


def inject(call, fault, path=None):
    """strace that makes system calls fail: inject("fsync", "error=EIO:when=2")."""
    only = ["-P", path] if path else []
    return ["strace", "-f", "-qq", "-o", "/dev/null", *only, "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]


def kill_at_state_call(directory, when):
    """strace that kills the process at the n-th system call on anything in the state directory."""
    state = os.path.join(directory, "state", "job")
    paths = [state] + [os.path.join(state, name) for name in ("checkpoint", "checkpoint.new", "checkpoint.prev", "finished", "lock")]
    only = [word for path in paths for word in ("-P", path)]
    return ["strace", "-f", "-qq", "-o", "/dev/null", *only, "-e", "trace=all", "-e", f"inject=all:signal=KILL:when={when}"]


def no_strace():
    """Why strace cannot be used here; None where it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run([*inject("getppid", "error=EPERM"), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else "strace may not trace here: " + tried.stderr.strip()


def no_mount():
    """Why no tmpfs can be mounted here; None where it can."""
    if os.geteuid() != 0:
        return "mounting a tmpfs needs root"
    with tempfile.TemporaryDirectory() as directory:
        tried = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory], capture_output=True, text=True,
                               check=False)
        if tried.returncode != 0:
            return "a tmpfs cannot be mounted here: " + tried.stderr.strip()
        subprocess.run(["umount", directory], check=True)
    return None


NO_STRACE = no_strace()
NO_MOUNT = no_mount()
needs_strace = unittest.skipIf(NO_STRACE, NO_STRACE)
needs_mount = unittest.skipIf(NO_MOUNT, NO_MOUNT)


class FaultTest(unittest.TestCase):
    """Each test has a directory with an input and a job, and the outputs of an undisturbed run."""

    undisturbed = None
    packed = False

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            write_input(directory)
            ran = pipec(directory)
            assert ran.returncode == 0, ran.stderr
            FaultTest.undisturbed = outputs(directory)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pipec-fault-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        write_input(self.directory, packed=self.packed)

    def mount(self, name, size):
        path = os.path.join(self.directory, name)
        os.mkdir(path, mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)

    def remount(self, name, options):
        subprocess.run(["mount", "-o", "remount," + options, os.path.join(self.directory, name)], check=True)

    def assert_stopped(self, ran, *words):
        """It ended with an error message: no crash, no success."""
        self.assertEqual(ran.returncode, 1, ran.stderr)
        for word in words:
            self.assertIn(word, ran.stderr)

    def killed(self, ran):
        """Whether the injected signal came; a run that it missed must have ended well, and nothing else counts."""
        if ran.returncode != -signal.SIGKILL:
            self.assertEqual(ran.returncode, 0, ran.stderr)
            return False
        return True

    def assert_completes(self):
        """A run without the fault ends well and leaves what an undisturbed run leaves."""
        ran = pipec(self.directory)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        now = outputs(self.directory)
        self.assertEqual(sorted(now), sorted(self.undisturbed))
        for name, content in self.undisturbed.items():
            self.assertEqual(len(now[name]), len(content), name)
            self.assertTrue(now[name] == content, f"{name} differs")


def main():
    """Runs the module's tests; prints skipped ones with the reason, in the form that tests/support/report.py reads."""
    result = unittest.main(exit=False).result
    for test, reason in result.skipped:
        print(f"SKIP {test.id().split('.')[-1]}: {reason}")
    bad = len(result.failures) + len(result.errors)
    print(f"cases: {max(0, result.testsRun - bad - len(result.skipped))} passed, {bad} failed")
    raise SystemExit(1 if bad else 0)
