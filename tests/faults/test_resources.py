#!/usr/bin/env python3
"""D12, fault M6: memory and threads that cannot be had. The run ends with an error in words, not with a signal; what is committed is out, and
a run with enough of both completes the output."""

import unittest

from support import FaultTest, inject, main, needs_strace, outputs, pipec

KILO = 1 << 10


class Scarce(FaultTest):
    def assert_said(self, ran, words):
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertNotIn("terminate called", ran.stderr)
        self.assertNotIn("internal error", ran.stderr)
        self.assertTrue(any(word in ran.stderr for word in words), ran.stderr)

    def assert_completes(self):
        ran = pipec(self.directory)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertTrue(outputs(self.directory) == self.undisturbed)

    def test_D12_fault_M6_any_limit_of_the_address_space(self):
        """From a limit with which nothing can start to one that is large enough."""
        failed = completed = 0
        size = 60 * KILO * KILO
        while completed < 2 and size < 8 << 30:
            ran = pipec(self.directory, under=["prlimit", f"--as={size}"])
            # Below some size the program itself is not loaded.
            if ran.returncode == 0:
                completed += 1
            elif "error while loading shared libraries" not in ran.stderr:
                failed += 1
                self.assert_said(ran, ["out of memory", "cannot start a thread", "cannot allocate"])
            size += max(8 << 20, size // 16)
        self.assertGreater(failed, 2)
        self.assert_completes()

    @needs_strace
    def test_D12_fault_L6_any_thread_that_cannot_be_started(self):
        failed = 0
        for number in range(1, 30):
            ran = pipec(self.directory, under=inject("clone,clone3", f"error=EAGAIN:when={number}"))
            if ran.returncode == 0:
                break
            failed += 1
            self.assert_said(ran, ["thread", "Resource temporarily unavailable"])
        self.assertGreater(failed, 3)
        self.assert_completes()


if __name__ == "__main__":
    unittest.TestCase.maxDiff = 2000
    main()
