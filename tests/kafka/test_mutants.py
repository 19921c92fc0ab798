#!/usr/bin/env python3
"""Tier 2, the oracle itself: wrong variants of pipec (mutants/mutants.cpp) run against a real broker, and the oracle, which sees
nothing but topics, files and the group's positions, has to notice each of them, and to be content with the right one.

usage: test_mutants.py PIPEC_MUTANTS [test...]
"""

import json
import os
import sys

import cluster
import rdkafka
from cluster import PARTITIONS, below, copy, done, kafka, number_of_value, positions, produce, topics
from harness import Oracle, Pipec, expect, wait_for
from proxy import Proxy

PROGRAM = os.path.abspath(sys.argv.pop(1))


def mutant(name, text, *options, **more):
    return Pipec(text, *options, program=PROGRAM, environment={"PIPEC_MUTANT": name}, **more)


def numbers(topic, partitions=PARTITIONS):
    return [number_of_value(record.value) for record in rdkafka.read_all(kafka().bootstrap, topic, partitions)]


def unsafe(source, out):
    """I2 of the state that remains."""
    return Oracle.safe(positions(source), below, out)


def caught(scenario, name, *by, tries=1):
    """`tries`: of a scenario in which the mutant does something wrong only if the moment is right."""
    expect(not (found := scenario("none")), f"the right one is refused: {found}")
    for _ in range(tries):
        if found := scenario(name):
            break
    expect(found, f"not noticed: {name}")
    expect(any(text.startswith(by) for text in found), f"{name} is noticed by {found}, not by {by}")
    print(f"        {name}: {found[0]}", flush=True)


def crash_with_dead_letters(name):
    """Dead letters go to a file; kill -9 when the positions have passed them."""
    source, target = topics("in", "out")
    produce(source, 400)
    job = mutant(name, copy(source, target, dlq='dlq file("dead.ndjson")', stages='| transform { if .n % 10 == 3 { dlq "poison" } }\n'))
    wait_for(done(source, 400), 60, "the commit; " + job.stderr())
    job.kill()
    dead = []
    with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                dead.append(json.loads(json.loads(line)["original"])["n"])
    return unsafe(source, numbers(target) + dead)


def rejected(name):
    """No dead letter route: the first dead letter ends the run, and its batch is not committed."""
    source, target = topics("in", "out")
    produce(source, 400)
    job = mutant(name, copy(source, target, stages='| transform { if .n == 200 { dlq "poison" } }\n'))
    expect(job.end() == 1, job.stderr())
    return unsafe(source, numbers(target))


def a_route_that_fails(name):
    """The topic for dead letters takes none of them."""
    source, target, dead = topics("in", "out", "dead")
    produce(source, 400, size=2000)
    dlq = f'dlq kafka("{dead}", properties: {{"message.max.bytes": 1000}})'
    job = mutant(name, copy(source, target, dlq=dlq, stages='| transform { if .n == 200 { dlq "poison" } }\n'))
    wait_for(lambda: not job.alive() or done(source, 400)(), 60, "the end, or the commit; " + job.stderr())
    job.kill()
    return unsafe(source, numbers(target) + [json.loads(json.loads(r.value)["original"])["n"]
                                             for r in rdkafka.read_all(kafka().bootstrap, dead, PARTITIONS)])


def nothing_happens(name):
    """No fault at all: then nothing comes twice."""
    source, target = topics("in", "out")
    produce(source, 20_000)
    job = mutant(name, copy(source, target))
    wait_for(lambda: not job.alive() or done(source, 20_000)(), 60, "the commit; " + job.stderr())
    if job.alive():
        produce(source, 4_000, first=20_000)
        wait_for(lambda: not job.alive() or done(source, 24_000)(), 60, "the next commit; " + job.stderr())
    status = job.stop() if job.alive() else job.end()
    if status != 0:
        return [f"I9: it noticed itself: {job.stderr()}"]
    return Oracle(range(24_000), exactly_once=True).complaints(cluster.delivered(target))


def a_sink_that_stops(name):
    """Under load the sink's network suddenly swallows everything: everything committed by then must be delivered."""
    source, target = topics("in", "out")
    proxy = Proxy(*kafka().proxies[0])
    job = mutant(name, copy(source, target, sink=f', brokers: "{proxy.bootstrap}"'), interval="10ms")
    try:
        for part in range(10):
            produce(source, 4_000, first=part * 4_000)
            if part == 5:
                wait_for(lambda: sum(positions(source).values()) > 8_000, 60, "commits; " + job.stderr())
                proxy.blackhole()
        wait_for(proxy.waiting, 60, "records on their way to the hole")
        job.kill()
        return unsafe(source, numbers(target))
    finally:
        if job.alive():
            job.kill()
        proxy.close()


def oracle_commit_before_dead_letters():
    """I2 a pipec that commits before its dead letters are durable is noticed"""
    caught(crash_with_dead_letters, "commit_before_dead_letters", "I2")


def oracle_commit_maximum():
    """I2 a pipec that commits the maximum that it has read instead of the delivered prefix is detected"""
    caught(a_sink_that_stops, "commit_maximum", "I2", tries=5)


def oracle_acknowledge_on_reject():
    """I2 a pipec that acknowledges on reject is noticed"""
    caught(rejected, "acknowledge_on_reject", "I2")


def oracle_ignore_dead_letter_route():
    """I2 a pipec that takes a failed dead letter route for written is noticed"""
    caught(a_route_that_fails, "ignore_dead_letter_route", "I2")


def oracle_rewind():
    """I5 a pipec that resumes what was not paused, and so reads again what it had, is noticed"""
    caught(nothing_happens, "rewind", "I5", "I9")


def oracle_notices():
    """I1-I5 the results of a faulty copier are detected, without any pipec"""
    good = [(0, n) for n in range(10)]
    expect(not Oracle(range(10), True).complaints(good), "a perfect copy is refused")
    wrong = {
        "drops a record": good[:4] + good[5:],
        "doubles a record in exactly-once mode": good + [(0, 3)],
        "reorders": good[:3] + [good[4], good[3]] + good[5:],
        "invents a record": good + [(0, 99)],
    }
    for name, output in wrong.items():
        expect(Oracle(range(10), True).complaints(output), f"not noticed: a copier that {name}")
    expect(not Oracle(range(10)).complaints(good + good[5:]), "a replay is refused")
    expect(Oracle.safe({0: 5}, lambda _p, w: range(w), range(4)), "not noticed: a position ahead of the output")
    expect(not Oracle.safe({0: 5}, lambda _p, w: range(w), range(5)), "a right position is refused")


TESTS = [oracle_notices, oracle_commit_maximum, oracle_commit_before_dead_letters, oracle_acknowledge_on_reject,
         oracle_ignore_dead_letter_route, oracle_rewind]
if __name__ == "__main__":
    cluster.main(TESTS, proxied=1)
