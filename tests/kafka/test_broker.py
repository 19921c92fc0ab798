#!/usr/bin/env python3
"""Tier 2, what lies in topics: holes, markers, what retention took, topics that grow or are made anew. What is judged is what lies in
the topics and in the group afterwards; the oracle never asks pipec.
"""

import json
import os
import re
import time

import cluster
import rdkafka
from cluster import PARTITIONS, bootstrap, copy, create, delivered, done, ends, judge, once, positions, produce, topics
from harness import Pipec, expect, number_of, wait_for


def one(source):
    return positions(source, partitions=1)


def numbers(target):
    return [number_of(record) for record in rdkafka.read_all(bootstrap(), target)]


def fault_k11_retention_overtakes_a_stopped_group():
    """fault K11 records that were deleted before they were read end the run, and the message names them"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 100, partitions=1)
    text = copy(source, target)
    job = Pipec(text)
    wait_for(lambda: one(source) == {0: 100}, 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    produce(source, 100, first=100, partitions=1)
    rdkafka.delete_records(bootstrap(), source, 0, 150)
    job = Pipec(text, directory=job.directory)
    expect(job.end() == 1, job.stderr())
    expect("100 to 149 are gone" in job.stderr() and f"{source}[0]" in job.stderr(), job.stderr())
    expect(one(source) == {0: 100}, one(source))
    expect(numbers(target) == list(range(100)), "a record after the gap was delivered")


def fault_k11_retention_overtakes_while_running():
    """fault K11 the same under a running pipeline that lags"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 2_000, partitions=1, size=1000)
    # pipec fetches one message at a time, so that most of them are deleted before they are fetched.
    small = ', "max.partition.fetch.bytes": 1200, "fetch.max.bytes": 1200, "message.max.bytes": 1200, "queued.max.messages.kbytes": 1'
    job = Pipec(copy(source, target, properties=small))
    wait_for(lambda: one(source), 60, "the first commit; " + job.stderr())
    rdkafka.delete_records(bootstrap(), source, 0, 2_000)
    produce(source, 10, first=2_000, partitions=1)
    expect(job.end(60) == 1 and "are gone" in job.stderr() and "to 1999" in job.stderr(), job.stderr())
    got, position = numbers(target), one(source)[0]
    expect(got == list(range(len(got))) and position <= len(got) < 2_000, f"position {position}, {len(got)} records up to {got[-1:]}")


def fault_k12_made_anew_while_running():
    """fault K12 deleting and recreating a topic under a running pipeline ends the run; the next one reads the new records"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 100, partitions=1)
    text = copy(source, target, properties=', "topic.metadata.refresh.interval.ms": 300, "topic.metadata.propagation.max.ms": 1000')
    job = Pipec(text)
    wait_for(lambda: one(source) == {0: 100}, 60, "the commit; " + job.stderr())
    rdkafka.delete_topic(bootstrap(), source)
    create_again(source)
    produce(source, 20, first=100, partitions=1)
    expect(job.end(60) == 1 and source in job.stderr(), job.stderr())
    job = Pipec(text, "--from-start", directory=job.directory)
    wait_for(lambda: one(source) == {0: 20}, 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    expect(numbers(target) == list(range(120)), "not every record once")


def fault_k12_made_anew_while_stopped():
    """fault K12 a topic that was deleted and recreated between two runs is read from its beginning"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 100, partitions=1)
    text = copy(source, target)
    job = Pipec(text)
    wait_for(lambda: one(source) == {0: 100}, 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    rdkafka.delete_topic(bootstrap(), source)
    create_again(source)
    produce(source, 20, first=100, partitions=1)
    job = Pipec(text, directory=job.directory)
    wait_for(lambda: not job.alive() or one(source) == {0: 20}, 60, "the commit; " + job.stderr())
    if not job.alive():  # the group still has its position
        expect(job.end() == 1 and "recreated" in job.stderr(), job.stderr())
        job = Pipec(text, "--from-start", directory=job.directory)
        wait_for(lambda: one(source) == {0: 20}, 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    expect(numbers(target) == list(range(120)), "not every record once")


def create_again(name):
    """The old one goes in its own time."""
    for _ in range(200):
        try:
            return create(name, 1)
        except rdkafka.KafkaError as error:
            if "exists" not in str(error):
                raise
            time.sleep(0.05)
    raise rdkafka.KafkaError(f"{name} does not go")


def fault_k14_partitions_added():
    """fault K14 partitions that are added while running are read from their beginning"""
    source, target = topics("in", "out")
    produce(source, 400)
    job = Pipec(copy(source, target, properties=', "topic.metadata.refresh.interval.ms": 500'))
    wait_for(done(source, 400), 60, "the commit; " + job.stderr())
    rdkafka.grow_topic(bootstrap(), source, PARTITIONS + 2)
    ends(source, "read_uncommitted", PARTITIONS + 2)  # they have their leaders
    producer = rdkafka.Producer(bootstrap())
    for number in range(400, 420):
        producer.send(source, b'{"n":%d}' % number, partition=PARTITIONS + number % 2)
    producer.flush()
    producer.close()
    wait_for(done(source, 420, PARTITIONS + 2), 60, "the new partitions; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    expect(sorted(n for _, n in delivered(target)) == list(range(420)), "not every record once")


def grown_target(exactly_once):
    source, target = topics("in", "out")
    produce(source, 400)
    # Produced by key, so that new partitions get records.
    job = Pipec(copy(source, target, sink=f', key: "${{.n}}", properties: {{"topic.metadata.refresh.interval.ms": 500}}{once(exactly_once)}'))
    wait_for(done(source, 400), 60, "the first half; " + job.stderr())
    rdkafka.grow_topic(bootstrap(), target, PARTITIONS + 3)
    grown = lambda: ends(target, "read_uncommitted", PARTITIONS + 3) > ends(target, "read_uncommitted")  # noqa: E731
    count = 400
    while not grown() and count < 40_000:  # until the sink has heard of it
        produce(source, 400, first=count)
        count += 400
        wait_for(done(source, count), 60, f"{count} records; " + job.stderr())
    produce(source, 400, first=count)
    count += 400
    wait_for(done(source, count), 60, f"{count} records; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    got = delivered(target, PARTITIONS + 3)
    expect(sorted(number for _, number in got) == list(range(count)), "not every record once")
    judge(count, got, exactly_once)
    expect(grown(), "nothing came to the new partitions")


def fault_p14_output_partitions_added():
    """fault P14 an output topic gets more partitions while running: they are written to, nothing is lost or doubled, order holds in each"""
    grown_target(False)


def fault_p14_output_partitions_added_exactly_once():
    """fault P14 the same in transactions"""
    grown_target(True)


def markers(exactly_once):
    """Nine transactions of one record, every third aborted."""
    source, target = topics("in", "out", partitions=1)
    producer = rdkafka.Producer(bootstrap(), **{"transactional.id": source})
    for number in range(9):
        producer.begin()
        producer.send(source, b'{"n":%d}' % number, partition=0)
        producer.flush()
        (producer.abort if number % 3 == 1 else producer.commit)()
    producer.close()
    Pipec(copy(source, target, recv=", stop_at_end: true", sink=once(exactly_once))).finish()
    expect(numbers(target) == [0, 2, 3, 5, 6, 8], numbers(target))
    expect(one(source) == {0: rdkafka.end_of(bootstrap(), source, 0)}, one(source))


def fault_k15_markers_and_aborted_records():
    """fault K15 aborted records and transaction markers: not delivered, and the position reaches the end"""
    markers(False)


def fault_k15_markers_and_aborted_records_exactly_once():
    """fault K15 the same, exactly once"""
    markers(True)


def fault_k15_an_open_transaction():
    """fault K15 what an open transaction holds is not delivered before it is committed, and no position passes it"""
    source, target = topics("in", "out", partitions=1)
    producer = rdkafka.Producer(bootstrap(), **{"transactional.id": source})
    job = Pipec(copy(source, target))
    produce(source, 10, partitions=1)
    producer.begin()
    for number in range(10, 20):
        producer.send(source, b'{"n":%d}' % number, partition=0)
    producer.flush()
    produce(source, 10, first=20, partitions=1)  # after it
    wait_for(lambda: one(source) == {0: 10}, 60, "the commit; " + job.stderr())
    expect(numbers(target) == list(range(10)), numbers(target))
    producer.commit()
    producer.close()
    wait_for(lambda: one(source).get(0, 0) >= 30, 60, "the records after it; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    expect(numbers(target) == list(range(30)), numbers(target))


def fault_k15_compacted_topic():
    """fault K15 a compacted topic: holes in the offsets do not stop the positions"""
    config = {"cleanup.policy": "compact", "segment.ms": 100, "min.cleanable.dirty.ratio": 0.01, "max.compaction.lag.ms": 100}
    source, = topics("in", partitions=1, config=config)
    target, = topics("out", partitions=1)
    producer = rdkafka.Producer(bootstrap())
    for round_ in range(5):
        for key in range(20):
            producer.send(source, b'{"n":%d}' % (round_ * 20 + key), key=b"%d" % key, partition=0)
        producer.flush()
        time.sleep(0.2)  # a segment's age
    producer.close()
    wait_for(lambda: len(rdkafka.read_all(bootstrap(), source)) < 100, 60, "the compaction")
    Pipec(copy(source, target, recv=", stop_at_end: true")).finish()
    expect(set(range(80, 100)) <= set(numbers(target)), numbers(target))
    expect(one(source) == {0: 100}, one(source))


def fault_d12_what_a_broker_keeps_apart():
    """fault D12 no payload, an empty one, no key, an empty one, repeated headers: through a real broker as they came"""
    source, target = topics("in", "out", partitions=1)
    producer = rdkafka.Producer(bootstrap())
    producer.send(source, b'{"a":1}', key=b"k", headers=[("h", b"1"), ("h", b"2"), ("none", None), ("", b"")], timestamp=1234567890123)
    producer.send(source, None, key=b"tombstone")
    producer.send(source, b"", key=b"")
    producer.send(source, b"null")
    producer.send(source, b"\x00\xff not json", key=b"\xfe")
    producer.flush()
    producer.close()
    Pipec(copy(source, target, recv=", stop_at_end: true")).finish()
    show = [[(r.value, r.key, r.headers, r.timestamp) for r in rdkafka.read_all(bootstrap(), topic)] for topic in (source, target)]
    expect(show[0] == show[1] and len(show[0]) == 5, f"sent {show[0]}\n got {show[1]}")


def fault_p1_a_record_too_large_for_the_topic():
    """fault P1, fault Q1 a record that the broker refuses as too large is a dead letter, with its bytes; the others go on"""
    source, = topics("in", partitions=1)
    target, = topics("out", partitions=1, config={"max.message.bytes": 2000})
    for number in range(20):
        produce(source, 1, first=number, partitions=1, size=4000 if number == 7 else 20)
    job = Pipec(copy(source, target, recv=", stop_at_end: true", sink=', properties: {"batch.num.messages": 1}', dlq='dlq file("dead.ndjson")'))
    job.finish()
    with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
        dead = [json.loads(line) for line in lines]
    expect([json.loads(letter["original"])["n"] for letter in dead] == [7] and "too large" in dead[0]["reason"], dead)
    expect(numbers(target) == [n for n in range(20) if n != 7], numbers(target))
    expect(one(source) == {0: 20}, one(source))


def fault_p1_topics_made_in_that_moment():
    """fault P1 topics that are made while records for them are on their way: waited for, and nothing is lost or overtaken there"""
    source, = topics("in", partitions=1)
    job = Pipec(copy(source, "${.t}"))
    made, each = [f"made-{number}-{source}" for number in range(10)], 2_000
    producer = rdkafka.Producer(bootstrap())
    for number, name in enumerate(made):
        for n in range(each):  # more than one request
            producer.send(source, json.dumps({"t": name, "n": number * each + n, "pad": "x" * 1000}).encode())
        producer.flush()
        rdkafka.create_topic(bootstrap(), name)
    producer.close()
    wait_for(lambda: not job.alive() or one(source) == {0: len(made) * each}, 120, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    for number, name in enumerate(made):
        expect(numbers(name) == list(range(number * each, (number + 1) * each)), f"{name} is not as it was sent")


def fault_l5_no_such_topic():
    """fault L5 a missing topic, to read or to write, ends the run and is named; no topic is created automatically"""
    source, target = topics("in", "out", partitions=1)
    produce(source, 10, partitions=1)
    for text, absent in ((copy("absent-in", target), "absent-in"), (copy(source, "absent-out"), "absent-out")):
        job = Pipec(text)
        expect(job.end() == 1 and absent in job.stderr(), job.stderr())
    expect(one(source) == {}, "committed what was not written")


TESTS = [value for name, value in sorted(globals().items()) if re.match(r"(fault_)?[a-z]\d", name)]
if __name__ == "__main__":
    cluster.main(TESTS, at_once=3)
