#!/usr/bin/env python3
"""Tier 1: the wall clock of a running pipec jumps (clock/shifted_clock.cpp is preloaded), the broker's does not. usage: test_clock.py SHIFTED_CLOCK"""

import mmap
import os
import struct
import sys

import rdkafka
from harness import Pipec, expect, fill, fresh_directory, number_of, run, wait_for

SHIFTED_CLOCK = sys.argv.pop(1)
HOUR = 3600
STEP = 100  # records


class Clock:
    def __init__(self):
        self.name = os.path.join(fresh_directory(), "seconds")
        with open(self.name, "wb") as out:
            out.write(bytes(8))
        with open(self.name, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 8)
        # A sanitizer's check of the order of libraries does not matter here.
        self.environment = {"LD_PRELOAD": SHIFTED_CLOCK, "SHIFTED_CLOCK": self.name, "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def jump(self, seconds):
        self.shared[:] = struct.pack("=q", struct.unpack("=q", self.shared[:])[0] + seconds)


def jumps(*by, last=0):
    """`last`: another jump, with nothing in flight and only the end still to come."""
    mock, clock = rdkafka.Mock(), Clock()
    try:
        for topic in ("in", "out"):
            mock.topic(topic)
        fill(mock.bootstrap, "in", STEP)
        job = Pipec(f'recv kafka("{mock.bootstrap}", "in", "g")\n| transform {{ .at = now() }}\n| sink kafka("out")\n',
                    environment=clock.environment)

        def through(count):
            wait_for(lambda: rdkafka.committed(mock.bootstrap, "g", "in") == {0: count}, 60, f"{count} records; {job.stderr()}")
        through(STEP)
        for number, seconds in enumerate(by, 1):
            clock.jump(seconds)
            fill(mock.bootstrap, "in", STEP, first=number * STEP)
            through((number + 1) * STEP)
        clock.jump(last)
        expect(job.stop() == 0, f"it did not end in good order: {job.stderr()}")
        records = rdkafka.read_all(mock.bootstrap, "out")
        # Who thinks that an hour is over leaves the group, or sends again.
        expect([number_of(record) for record in records] == list(range(STEP * (len(by) + 1))), "not each record once and in order")
        expect("time" not in job.stderr(), f"something timed out: {job.stderr()}")
        # The clock did jump.
        at = [record.value.partition(b'"at":"')[2][:19] for record in records[::STEP]]
        expect(len({hour[:13] for hour in at}) > 1, f"the clock did not jump: {at}")
    finally:
        mock.close()


def fault_k20_an_hour_ahead():
    """fault K20 the wall clock jumps an hour ahead: nothing times out, all arrives once, positions are committed"""
    jumps(HOUR)


def fault_k20_an_hour_back():
    """fault K20 the wall clock jumps an hour back: nothing waits for the old time"""
    jumps(-HOUR)


def fault_k20_there_and_back():
    """fault K20 it jumps to and fro"""
    jumps(HOUR, -2 * HOUR, HOUR)


def fault_k20_back_and_stopped():
    """fault K20 the clock jumps back under an idle run, which is then stopped and ends: no thread sleeps until the old time"""
    jumps(HOUR, last=-HOUR)


TESTS = [fault_k20_an_hour_ahead, fault_k20_an_hour_back, fault_k20_there_and_back, fault_k20_back_and_stopped]
if __name__ == "__main__":
    run(TESTS, at_once=4)
