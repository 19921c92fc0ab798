#!/usr/bin/env python3
"""G10 against a real broker: a lag far larger than the memory limit and a sink that is slow. What is looked at is the process's peak
resident size, and what arrived. PIPEC_LAG is the lag in MiB (512; the issue's figure is 2048), PIPEC_SLOW how long the sink is slow (15 s).
"""

import json
import os
import subprocess
import time

import rdkafka
from broker import Broker
from harness import Pipec, expect, run

LAG = int(os.environ.get("PIPEC_LAG", 512)) << 20
SLOW = float(os.environ.get("PIPEC_SLOW", 15))
PARTITIONS = 4
LIMIT_MIB = 256
KAFKA = None


def fill_large(topic, count, size):
    """By pipec itself: the record's number, spread over the partitions."""
    text = (f'recv generate(count: {count}, template: {{n: @offset, pad: "{"x" * (size - 30)}"}})\n'
            f'| sink kafka("{topic}", brokers: "{KAFKA.bootstrap}", key: "${{.n}}")\n')
    Pipec(text).finish(600)


def peak(job):
    with open(f"/proc/{job.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def lag_with_slow_sink(size, more="", stages=""):
    topic, count = f"lag-{size}-{len(more)}", LAG // size
    rdkafka.create_topic(KAFKA.bootstrap, topic, PARTITIONS)
    fill_large(topic, count, size)
    text = (f'govern {{ memory: {LIMIT_MIB}MiB }}\nrecv kafka("{KAFKA.bootstrap}", "{topic}", "g", stop_at_end: true{more})\n'
            f'{stages}| sink stdout()\n')
    job = Pipec(text, stdout=subprocess.PIPE)
    last, seen = {}, 0

    def read(line):
        record = json.loads(line)
        expect(record["n"] > last.get(record["p"], -1), f"{record['n']} came after {last.get(record['p'])}")
        last[record["p"]] = record["n"]
    until = time.monotonic() + SLOW
    while time.monotonic() < until:
        for _ in range(200):
            read(job.process.stdout.readline())
            seen += 1
        time.sleep(0.05)  # the fault: 4,000 records a second
    slow_peak = peak(job)
    for line in job.process.stdout:
        read(line)
        seen += 1
        if seen % 100_000 == 0:
            slow_peak = max(slow_peak, peak(job))
    job.finish(120)
    expect(seen == count, f"{seen} of {count} records arrived")
    ends = {p: rdkafka.end_of(KAFKA.bootstrap, topic, p) for p in range(PARTITIONS)}
    found = rdkafka.committed(KAFKA.bootstrap, "g", topic, PARTITIONS)
    expect(found == ends, f"committed {found} of {ends}")
    print(f"        lag {LAG >> 20} MiB of {size} bytes, limit {LIMIT_MIB} MiB: peak {slow_peak >> 20} MiB resident", flush=True)
    expect(slow_peak < LIMIT_MIB << 20, f"{slow_peak >> 20} MiB resident with a limit of {LIMIT_MIB} MiB")


def g10_large_records():
    """G10 records of 1 KB: resident memory stays under the limit, everything arrives, every position is committed"""
    lag_with_slow_sink(1000, stages="| transform { . = {n: .n, p: @partition} }\n")


def g10_small_records():
    """G10 records of 100 bytes, which cost librdkafka far more than their payload, stay within the limit too"""
    lag_with_slow_sink(100, stages="| transform { . = {n: .n, p: @partition} }\n")


TESTS = [g10_large_records, g10_small_records]
if __name__ == "__main__":
    KAFKA = Broker()
    try:
        run(TESTS)
    finally:
        KAFKA.close()
