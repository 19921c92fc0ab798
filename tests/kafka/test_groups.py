#!/usr/bin/env python3
"""Tier 2, groups: processes join, leave, stand still and come back, at least once and exactly once. PIPEC_JOINS says how often
somebody joins or leaves (6).
"""

import os
import random
import re
import signal
import threading
import time

import cluster
import rdkafka
from cluster import SEED, Watch, all_positions, copy, delivered, done, ends, judge, once, positions, produce, topics
from harness import Pipec, Skipped, expect, wait_for

JOINS = int(os.environ.get("PIPEC_JOINS", 6))


class Load:
    """Numbered records, on and on."""

    def __init__(self, source):
        self.source, self.total = source, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            produce(self.source, 2000, first=self.total)
            self.total += 2000
            self.ending.wait(0.1)

    def end(self):
        self.ending.set()
        self.thread.join()
        return self.total


def members(assignment, exactly_once):
    """Two and three processes, one of them leaving or another joining about every two seconds."""
    rng = random.Random(SEED)
    source, target = topics("in", "out")
    text = copy(source, target, recv=f", assignment: {assignment}", sink=once(exactly_once))
    load = Load(source)
    watch = Watch(source, target, late=exactly_once, committed=not exactly_once).start()
    jobs, most, left = [Pipec(text), Pipec(text)], 2, 0
    try:
        for _ in range(JOINS):
            before = load.total
            time.sleep(rng.uniform(1, 2.5))
            wait_for(lambda before=before: load.total > before, what="the load")
            if len(jobs) < 3 and (len(jobs) == 1 or rng.random() < 0.6 or most == 2):
                jobs.append(Pipec(text))
                most = max(most, len(jobs))
            else:
                leaving = jobs.pop(rng.randrange(len(jobs)))
                expect(leaving.stop() == 0, leaving.stderr())
                left += 1
    finally:
        total = load.end()
    wait_for(done(source, total), 90, "all to be committed; " + " | ".join(job.stderr() for job in jobs))
    for job in jobs:
        expect(job.stop() == 0, job.stderr())
    watch.end()
    got = delivered(target)
    judge(total, got, exactly_once)
    expect(positions(source) == all_positions(total), positions(source))
    print(f"        {total} records, {len(got) - total} duplicates, {left} left, up to {most} at once, looked {watch.looks} times; "
          f"{ends(target, 'read_uncommitted') - len(got)} records aborted, or markers", flush=True)
    expect(most == 3 and left > 0, "no member joined or left")


def fault_k2_members_come_and_go_eager():
    """fault K2, K7 two and three processes join and leave under load, eager"""
    members("eager", False)


def fault_k3_members_come_and_go_cooperative():
    """fault K3 the same, cooperative-sticky"""
    members("cooperative", False)


def fault_p7_members_come_and_go_exactly_once():
    """fault P7, K6 exactly once while members come and go"""
    members("eager", True)


def fault_p7_members_come_and_go_exactly_once_cooperative():
    """fault P7, K6 the same, cooperative-sticky"""
    if rdkafka.lib.rd_kafka_version() < 0x020A00FF:
        raise Skipped("librdkafka before 2.10 loses assignments there; that it is refused, another test shows")
    members("cooperative", True)


def fault_p7_rebalance_in_mid_transaction():
    """fault P7 partitions are revoked during a long transaction: it ends with them, and each record is delivered once"""
    source, target = topics("in", "out")
    produce(source, 20_000)
    text = copy(source, target, sink=once(True))
    first = Pipec(text, interval="50s")
    wait_for(lambda: ends(target, "read_uncommitted") > 0, 60, "the first to write; " + first.stderr())
    expect(ends(target, "read_committed") == 0, "no transaction is open")
    second = Pipec(text, interval="50s")
    wait_for(done(source, 20_000), 40, "the transaction to end with the partitions; " + first.stderr() + second.stderr())
    produce(source, 4_000, first=20_000)
    wait_for(lambda: ends(target, "read_uncommitted") >= 24_000, 60, "both to go on; " + first.stderr() + second.stderr())
    for job in (first, second):
        expect(job.stop() == 0, job.stderr())
    expect(positions(source) == all_positions(24_000), positions(source))
    judge(24_000, delivered(target), True)


def zombie(exactly_once, interval):
    """The first stalls for longer than its session, with work in flight; the second takes over."""
    source, target = topics("in", "out")
    text = copy(source, target, sink=once(exactly_once))
    first = Pipec(text, interval=interval)
    load = Load(source)
    try:
        wait_for(lambda: ends(target, "read_uncommitted") > 8_000, 60, "work; " + first.stderr())
        first.process.send_signal(signal.SIGSTOP)
        held = sum(positions(source, stable=False).values())
        here = held + 4_000
        second = Pipec(text)
        wait_for(done(source, here), 180, "the second process to take over; " + second.stderr())
    finally:
        first.process.send_signal(signal.SIGCONT)
        total = load.end()
    produce(source, 4_000, first=total)
    total += 4_000
    wait_for(done(source, total), 90, "both to go on; " + first.stderr() + second.stderr())
    expect(positions(source) == all_positions(total), positions(source))
    status = [job.stop() if job.alive() else job.process.returncode for job in (first, second)]
    expect(status[1] == 0, second.stderr())
    expect(status[0] == 0, f"status {status[0]}: {first.stderr()}")
    got = delivered(target)
    print(f"        stopped at {held}, {total} at the end; {len(got) - total} duplicates", flush=True)
    judge(total, got, exactly_once)


def fault_k4_zombie():
    """fault K4 a process stopped past its session comes back: it commits nothing of what it lost"""
    zombie(False, "100ms")


def fault_p6_zombie_in_a_transaction():
    """fault P6 the same with exactly once and a long transaction: it is aborted at once, and no record is delivered twice"""
    zombie(True, "5s")


def fault_p10_a_transaction_that_timed_out():
    """fault P10 the broker has aborted the transaction of a process that stood still: it ends with status 1, the next does it again"""
    source, target = topics("in", "out")
    text = copy(source, target, sink=once(True) + ', properties: {"transaction.timeout.ms": 8000}')
    job = Pipec(text, interval="50s")
    produce(source, 20_000)
    wait_for(lambda: ends(target, "read_uncommitted") > 0, 60, "work; " + job.stderr())
    job.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: ends(target, "read_committed") >= ends(target, "read_uncommitted"), 30, "the broker to abort")
    expect(positions(source) == {}, "the transaction had ended before")
    job.process.send_signal(signal.SIGCONT)
    expect(job.end() == 1 and "transaction.timeout.ms" in job.stderr(), job.stderr())
    expect(rdkafka.read_all(cluster.bootstrap(), target, cluster.PARTITIONS) == [], "half of it was delivered")
    job = Pipec(text, directory=job.directory)
    wait_for(done(source, 20_000), 60, "the next run; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    judge(20_000, delivered(target), True)


def fault_p10_an_interval_longer_than_the_timeout():
    """fault P10 a commit interval longer than transaction.timeout.ms: transactions end in time all the same, under load and idle"""
    source, target = topics("in", "out")
    text = copy(source, target, sink=once(True) + ', properties: {"transaction.timeout.ms": 3000}')
    job = Pipec(text, interval="50s")
    load = Load(source)
    try:
        wait_for(done(source, 20_000), 60, "commits; " + job.stderr())
    finally:
        total = load.end()
    wait_for(done(source, total), 40, "the last commit; " + job.stderr())
    expect(job.stop() == 0 and "aborted" not in job.stderr(), job.stderr())
    judge(total, delivered(target), True)


def fault_p6_the_same_id_fences():
    """fault P6, K6 a second process with the same transactional_id: the first ends with status 1, and no record comes twice"""
    source, target = topics("in", "out")
    text = copy(source, target, sink=once(True) + f', transactional_id: "id-{source}"')
    produce(source, 20_000)
    first = Pipec(text)
    wait_for(done(source, 20_000), 60, "the first commit; " + first.stderr())
    first.process.send_signal(signal.SIGSTOP)
    produce(source, 20_000, first=20_000)
    second = Pipec(text)
    wait_for(done(source, 40_000), 90, "the second to take over; " + second.stderr())
    first.process.send_signal(signal.SIGCONT)
    produce(source, 20_000, first=40_000)
    expect(first.end(60) == 1 and "fenced" in first.stderr(), first.stderr())
    wait_for(done(source, 60_000), 90, "the second to do the rest; " + second.stderr())
    expect(second.stop() == 0, second.stderr())
    judge(60_000, delivered(target), True)


def fault_k19_two_of_one_instance():
    """fault K19 a second process with the same `instance` fences the first, which ends with status 1 and without another commit"""
    source, target = topics("in", "out")
    produce(source, 400)
    text = copy(source, target, recv=', instance: "same"')
    first = Pipec(text)
    wait_for(done(source, 400), 60, "the commit; " + first.stderr())
    second = Pipec(text)
    expect(first.end() == 1 and "instance" in first.stderr(), first.stderr())
    produce(source, 400, first=400)
    wait_for(done(source, 800), 60, "the second to go on; " + second.stderr())
    expect(second.stop() == 0, second.stderr())
    judge(800, delivered(target))


TESTS = [value for name, value in list(globals().items()) if re.match(r"fault_[a-z]\d", name)]
if __name__ == "__main__":
    cluster.main(TESTS, at_once=2)
