#!/usr/bin/env python3
"""Tier 2, crashes: kill -9 of pipec and of the broker while work is in flight. What is judged is what lies in the topics and in
the group afterwards; the oracle never asks pipec. PIPEC_KILLS says how often k1 kills (50).
"""

import json
import os
import random
import time

import cluster
import rdkafka
from cluster import PARTITIONS, SEED, Watch, all_positions, copy, done, ends, judge, kafka, once, positions, produce, topics
from harness import Pipec, expect, fresh_directory, wait_for

KILLS = int(os.environ.get("PIPEC_KILLS", 50))


def working(job, target, before):
    """Waits until it has written something that is not in a commit that was seen."""
    wait_for(lambda: not job.alive() or ends(target, "read_uncommitted") > before, 90, "work; " + job.stderr())
    expect(job.alive(), f"it ended unprompted:\n{job.stderr()}")


def kills(exactly_once, count, times, bounces=()):
    """Copies `count` records, a part of them per life of pipec. Each life ends by kill -9: a third at any time, a third when its
    first records are out, a third behind a commit.
    """
    rng = random.Random(SEED)
    source, target = topics("in", "out")
    text = copy(source, target, recv=', instance: "a"', sink=once(exactly_once), stages="| transform { .seen = true }\n")
    directory, watch = fresh_directory(), Watch(source, target)
    sent, in_flight, moved, last = 0, 0, 0, 0
    for number in range(times):
        part = (count * (number + 1) // (times + 1)) // PARTITIONS * PARTITIONS - sent
        produce(source, part, first=sent)
        sent += part
        before = ends(target, "read_uncommitted")
        job = Pipec(text, "--threads", "2", directory=directory, interval="500ms" if number % 3 == 1 else "20ms")
        if number % 3 == 0:
            time.sleep(rng.uniform(0, 0.8))
        elif number % 3 == 1:
            working(job, target, before)
            time.sleep(rng.uniform(0, 0.04))
        else:
            wait_for(lambda last=last: sum(positions(source, stable=False).values()) > last, 90, "a commit; " + job.stderr())
        expect(job.alive(), f"it ended unprompted:\n{job.stderr()}")
        job.kill()
        committed = sum(positions(source, stable=False).values())
        in_flight, moved, last = in_flight + (committed < sent), moved + (committed > last), committed
        if number in bounces:
            kafka().bounce()
        watch.look()
    produce(source, count - sent, first=sent)
    job = Pipec(text, directory=directory)
    wait_for(done(source, count), 120, f"all {count} to be committed; {job.stderr()}")
    expect(job.stop() == 0, job.stderr())
    expect(positions(source) == all_positions(count), positions(source))
    got = watch.end()
    judge(count, got, exactly_once)
    written = ends(target, "read_uncommitted")
    print(f"        {in_flight} of {times} kills with work in flight, {moved} after a commit; {len(got) - count} duplicates, {written - len(got)} records in aborted "
          f"transactions or markers", flush=True)
    expect(in_flight >= times // 5, f"only {in_flight} of {times} kills hit work in flight")
    expect(moved >= times // 4, f"only {moved} of {times} lives have committed anything")
    return written - len(got)


def fault_k1_kill_at_random_points():
    """fault K1 kill -9, 50 times: nothing lost, order kept, positions never ahead of the output and never back"""
    kills(False, 100_000, KILLS)


def fault_p5_exactly_once_with_kills_and_broker_restarts():
    """fault P5, K6 exactly once: 100,000 ids, 12 times kill -9, 3 broker restarts: each is delivered once"""
    aborted = kills(True, 100_000, 12, bounces=(1, 5, 9))
    expect(aborted > 100, "no kill fell into a transaction")


def k6_what_the_first_transaction_leaves_is_ended():
    """K6 killed in its very first transaction: the next run ends it at once, and readers do not wait for its timeout"""
    source, target = topics("in", "out")
    produce(source, 20_000)
    text = copy(source, target, sink=once(True), recv=', instance: "a"')
    # No commit in the first life: the interval is longer than it lasts.
    job = Pipec(text, interval="50s")
    working(job, target, 0)
    job.kill()
    expect(ends(target, "read_committed") == 0 and positions(source, stable=False) == {}, "it has committed already")
    begin = time.monotonic()
    job = Pipec(text, directory=job.directory)
    # The end as readers see it passes what was aborted, long before its timeout would have ended it.
    wait_for(lambda: ends(target, "read_committed") > 0, 45, "the readers; " + job.stderr())
    print(f"        readable after {time.monotonic() - begin:.1f} s", flush=True)
    wait_for(done(source, 20_000), 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    judge(20_000, cluster.delivered(target), True)


def letters(dead):
    return [json.loads(record.value) for record in rdkafka.read_all(kafka().bootstrap, dead, PARTITIONS)]


def fault_p11_poison_in_a_transaction():
    """fault P11 dead letters of a transaction are part of it: despite kills, each is written once"""
    rng = random.Random(SEED)
    source, target, dead = topics("in", "out", "dead")
    count, lives = 20_000, 4
    poison = {n for n in range(count) if n % 50 == 7}
    text = copy(source, target, recv=', instance: "a"', sink=once(True), dlq=f'dlq kafka("{dead}")',
                stages='| transform { if .n % 50 == 7 { dlq "poison" } }\n')
    directory = fresh_directory()
    for life in range(lives):
        produce(source, count // lives, first=count // lives * life)
        before = ends(dead, "read_uncommitted")
        job = Pipec(text, directory=directory)
        working(job, dead, before)
        time.sleep(rng.uniform(0, 0.1))
        job.kill()
    job = Pipec(text, directory=directory)
    wait_for(done(source, count), 90, "all to be committed; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    numbers = [json.loads(letter["original"])["n"] for letter in letters(dead)]
    expect(len(numbers) == len(set(numbers)), "dead letters came twice")
    expect(set(numbers) == poison, "not the poisoned records")
    aborted = ends(dead, "read_uncommitted") - len(numbers)
    print(f"        {aborted} dead letters in aborted transactions, or markers", flush=True)
    judge(count, cluster.delivered(target), True, dead=numbers)


def fault_q1_dead_letters_before_the_position():
    """fault Q1 at least once, kills at work: a dead letter is in its topic before the position passes its record"""
    rng = random.Random(SEED)
    source, target, dead = topics("in", "out", "dead")
    count, lives = 20_000, 8
    text = copy(source, target, recv=', instance: "a"', dlq=f'dlq kafka("{dead}")', stages='| transform { if .n % 10 == 3 { dlq "poison" } }\n')
    directory = fresh_directory()
    numbers = lambda: [json.loads(letter["original"])["n"] for letter in letters(dead)]  # noqa: E731
    watch = Watch(source, target, dead=numbers)
    for life in range(lives):
        produce(source, count // lives, first=count // lives * life)
        before = ends(dead, "read_uncommitted")
        job = Pipec(text, directory=directory)
        working(job, dead, before)
        time.sleep(rng.uniform(0, 0.1))
        job.kill()
        watch.look()
    job = Pipec(text, directory=directory)
    wait_for(done(source, count), 90, "all to be committed; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    found = letters(dead)
    for letter in found[:100]:
        n = json.loads(letter["original"])["n"]
        expect((letter["source"], letter["partition"], letter["position"]) == (source, n % PARTITIONS, n // PARTITIONS), letter)
    judge(count, watch.end(), dead=set(numbers()))


TESTS = [fault_k1_kill_at_random_points, k6_what_the_first_transaction_leaves_is_ended, fault_p11_poison_in_a_transaction,
         fault_q1_dead_letters_before_the_position]
if __name__ == "__main__":
    cluster.main(TESTS, at_once=2, alone=[fault_p5_exactly_once_with_kills_and_broker_restarts])
