"""Helpers of the command-line tests: a separate directory for each test, and pipec in it."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
import unittest

PIPEC = os.environ.get("PIPEC", "")
# Long enough for a sanitizer's build on a busy machine: who waits this long waits for nothing.
HANG_SECONDS = 120


def sanitized():
    """Whether pipec was built with the address sanitizer, whose own memory drowns every bound."""
    with open(PIPEC, "rb") as binary:
        return b"__asan_init" in binary.read()


class Case(unittest.TestCase):
    """A test with an empty directory, which is pipec's working directory."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="pipec-cli-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, content):
        if isinstance(content, str):
            content = content.encode()
        with open(self.path(name), "wb") as file:
            file.write(content)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def lines(self, name):
        return self.read(name).splitlines()

    def write_records(self, name, count, start=0):
        self.write(name, b"".join(b'{"n":%d}\n' % n for n in range(start, start + count)))

    def run_pipec(self, *arguments, stdin=b"", **options):
        """The finished process, stdout and stderr as bytes."""
        options.setdefault("capture_output", True)
        if stdin is not None:
            options["input"] = stdin
        return subprocess.run(
            [PIPEC, *arguments], cwd=self.directory, timeout=HANG_SECONDS, check=False, env=environment(), **options
        )

    def start_pipec(self, *arguments, **options):
        """A running process. It is killed when the test ends, whatever happens."""
        process = subprocess.Popen([PIPEC, *arguments], cwd=self.directory, env=environment(), **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

        self.addCleanup(end)
        return process

    def assert_status(self, process, status):
        text = (process.stderr or b"") if isinstance(process.stderr, (bytes, type(None))) else b""
        self.assertEqual(process.returncode, status, text.decode(errors="replace")[:4000])

    def wait_for(self, condition, what):
        """Polls until the condition holds; there is no event to wait for."""
        end = time.monotonic() + HANG_SECONDS
        while not condition():
            if time.monotonic() > end:
                self.fail("waited in vain for " + what)
            time.sleep(0.005)

    def read_until(self, descriptor, wanted):
        """Reads from a pipe or terminal until the bytes have come; gives all that was read."""
        data = b""
        end = time.monotonic() + HANG_SECONDS
        while wanted not in data:
            ready, _, _ = select.select([descriptor], [], [], max(0, end - time.monotonic()))
            chunk = os.read(descriptor, 65536) if ready else b""
            if not chunk:
                self.fail(f"waited in vain for {wanted!r}; there was {data[-2000:]!r}")
            data += chunk
        return data


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    return dict(kept, TERM="xterm", LC_ALL="C.UTF-8", **more)


def originals(lines):
    """The original records of these dead letters."""
    import base64

    result = []
    for line in lines:
        letter = json.loads(line)
        original = letter["original"]
        result.append(base64.b64decode(original) if letter["encoding"] == "base64" else original.encode())
    return result


class Result(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIP {test.id().split('.', 1)[-1]}: {reason}")


def main():
    program = unittest.main(
        module="__main__", exit=False, argv=sys.argv[:1] + [a for a in sys.argv[1:] if a.startswith(("-", "Test"))],
        testRunner=unittest.TextTestRunner(resultclass=Result, stream=sys.stdout, verbosity=1),
    )
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"cases: {result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    sys.exit(1 if failed or result.testsRun == 0 else 0)
