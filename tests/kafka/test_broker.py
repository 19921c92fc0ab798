#!/usr/bin/env python3
"""Tier 2: pipec against a real Apache Kafka. What is judged is what lies in the topics and in the group afterwards; the
oracle never asks pipec. PIPEC_SEED replays a run, PIPEC_KILLS says how often to kill (6; with --long 50).
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import rdkafka
from broker import Broker
from harness import Oracle, Pipec, expect, fill, number_of, run, wait_for

SEED = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
LONG = "--long" in sys.argv
KILLS = int(os.environ.get("PIPEC_KILLS", 50 if LONG else 6))
JOINS = int(os.environ.get("PIPEC_JOINS", 20 if LONG else 4))
FAST = '"heartbeat.interval.ms": 200, "session.timeout.ms": 3000'
PARTITIONS = 4
KAFKA = None  # the broker that the tests share
NAMES = iter(range(1 << 20))


def create(name, partitions, config):
    """A broker that is short of time is out of its own cluster for a moment."""
    for _ in range(100):
        try:
            return rdkafka.create_topic(KAFKA.bootstrap, name, partitions, config)
        except rdkafka.KafkaError as error:
            if "replication factor" not in str(error):
                raise
            time.sleep(0.2)
    raise rdkafka.KafkaError("the broker does not come back")


def topics(*names, partitions=PARTITIONS, config=None):
    """Fresh topics, so that no test sees another's."""
    tag = next(NAMES)
    made = [f"{name}-{tag}" for name in names]
    for name in made:
        create(name, partitions, config)
    return made


def copy(source, target, group="g", recv="", sink="", stages="", dlq="", properties=""):
    return (f'{dlq}\nrecv kafka(brokers: "{KAFKA.bootstrap}", topics: "{source}", group: "{group}-{source}"{recv}, '
            f'properties: {{{FAST}{properties}}})\n{stages}| sink kafka(topic: "{target}"{sink})\n')


def positions(source, group="g", partitions=PARTITIONS):
    return rdkafka.committed(KAFKA.bootstrap, f"{group}-{source}", source, partitions)


def delivered(target, partitions=PARTITIONS):
    """The numbers, with where they came from and went to: order holds for each such pair."""
    records = rdkafka.read_all(KAFKA.bootstrap, target, partitions)
    return [((number_of(r) % PARTITIONS, r.partition), number_of(r)) for r in records]


def below(partition, position):
    """The numbers that fill() put below a position."""
    return range(partition, position * PARTITIONS, PARTITIONS)


def done(source, count):
    return lambda: sum(positions(source).values()) >= count


def kills(exactly_once, count, bounces):
    """Copies `count` records with kill -9 at random points; the committed positions never run ahead of the output."""
    rng = random.Random(SEED)
    source, target = topics("in", "out")
    fill(KAFKA.bootstrap, source, count, PARTITIONS)
    once = ", exactly_once: true" if exactly_once else ""
    text = copy(source, target, recv=', instance: "a"', sink=once, stages="| transform { .seen = true }\n")
    directory, hits = tempfile.mkdtemp(prefix="pipec-kafka-"), 0
    for number in range(KILLS):
        job = Pipec(text, "--threads", "2", directory=directory)
        time.sleep(rng.uniform(0.05, 1.2))
        hits += job.alive()
        job.kill()
        if bounces and number in bounces:
            KAFKA.bounce()
        if number % 3 == 0:
            lost = Oracle.safe(positions(source), below, [n for _, n in delivered(target)])
            expect(not lost, "; ".join(lost))
    job = Pipec(text, directory=directory)
    wait_for(done(source, count), 120, f"all {count} to be committed; {job.stderr()}")
    expect(job.stop() == 0, job.stderr())
    expect(positions(source) == {p: count // PARTITIONS for p in range(PARTITIONS)}, positions(source))
    got = delivered(target)
    Oracle(range(count), exactly_once).judge(got)
    print(f"        {hits} of {KILLS} kills hit a running process; {len(got) - count} duplicates", flush=True)


def k1_kill_at_random_points():
    """faults K1 kill -9 at random points: nothing lost, order kept, positions never ahead of the output"""
    kills(False, 60_000, ())


def p5_exactly_once_with_kills_and_broker_restarts():
    """faults P5, K6 exactly once: 100,000 ids, kill -9 and broker restarts: each is there once"""
    kills(True, 100_000, (1, 4))


def members(assignment, exactly_once):
    rng = random.Random(SEED)
    source, target = topics("in", "out")
    text = copy(source, target, recv=f", assignment: {assignment}", sink=", exactly_once: true" if exactly_once else "")
    total, stopping = [0], threading.Event()

    def produce():
        while not stopping.is_set():
            fill(KAFKA.bootstrap, source, 2000, PARTITIONS, first=total[0])
            total[0] += 2000
            stopping.wait(0.1)
    producer = threading.Thread(target=produce)
    producer.start()
    try:
        jobs = [Pipec(text), Pipec(text)]
        for _ in range(JOINS):
            time.sleep(rng.uniform(1, 2.5))
            if len(jobs) < 3 and rng.random() < 0.6:
                jobs.append(Pipec(text))
            elif len(jobs) > 1:
                leaving = jobs.pop(rng.randrange(len(jobs)))
                expect(leaving.stop() == 0, leaving.stderr())
    finally:
        stopping.set()
        producer.join()
    wait_for(done(source, total[0]), 90, "all to be committed; " + " | ".join(job.stderr() for job in jobs))
    for job in jobs:
        expect(job.stop() == 0, job.stderr())
    got = delivered(target)
    Oracle(range(total[0]), exactly_once).judge(got)
    print(f"        {total[0]} records, {len(got) - total[0]} duplicates", flush=True)


def k2_members_come_and_go_eager():
    """faults K2, K7 two and three processes join and leave under load, eager"""
    members("eager", False)


def k3_members_come_and_go_cooperative():
    """faults K3 the same, cooperative-sticky"""
    members("cooperative", False)


def p7_rebalances_in_mid_transaction():
    """faults P7, K6 exactly once while members come and go: rebalances fall into open transactions"""
    members("eager", True)


def p7_rebalances_in_mid_transaction_cooperative():
    """faults P7, K6 the same, cooperative-sticky; a librdkafka before 2.10, which loses assignments there, is refused"""
    if rdkafka.lib.rd_kafka_version() >= 0x020A00FF:
        return members("cooperative", True)
    job = Pipec(copy("in", "out", recv=", assignment: cooperative", sink=", exactly_once: true"))
    expect(job.end() == 3 and "cooperative" in job.stderr() and "2.10" in job.stderr(), job.stderr())
    print("        NOT RUN with this librdkafka: refused by the compiler, which is what was tested", flush=True)


def zombie(exactly_once):
    source, target = topics("in", "out")
    fill(KAFKA.bootstrap, source, 40_000, PARTITIONS)
    once = ", exactly_once: true" if exactly_once else ""
    text = copy(source, target, sink=once)
    first = Pipec(text)
    wait_for(lambda: sum(positions(source).values()) > 0, 60, "the first commit")
    first.process.send_signal(signal.SIGSTOP)
    fill(KAFKA.bootstrap, source, 40_000, PARTITIONS, first=40_000)
    second = Pipec(text)
    wait_for(done(source, 80_000), 180, "the second process to take over; " + second.stderr())
    first.process.send_signal(signal.SIGCONT)
    fill(KAFKA.bootstrap, source, 4_000, PARTITIONS, first=80_000)
    wait_for(done(source, 84_000), 90, "both to go on; " + first.stderr() + second.stderr())
    expect(positions(source) == {p: 21_000 for p in range(PARTITIONS)}, positions(source))
    for job in (first, second):
        job.stop()
    Oracle(range(84_000), exactly_once).judge(delivered(target))


def k4_zombie():
    """faults K4 a process stopped past its session comes back: it commits nothing of what it lost"""
    zombie(False)


def p6_zombie_in_a_transaction():
    """faults P6 the same with exactly once: no record comes twice"""
    zombie(True)


def p11_poison_in_a_transaction():
    """faults P11 dead letters of a transaction are in it: with kills, each is there once"""
    rng = random.Random(SEED)
    source, target, dead = topics("in", "out", "dead")
    count = 20_000
    fill(KAFKA.bootstrap, source, count, PARTITIONS)
    text = copy(source, target, recv=', instance: "a"', sink=", exactly_once: true", dlq=f'dlq kafka("{dead}")',
                stages='| transform { if .n % 100 == 7 { dlq "poison" } }\n')
    directory = tempfile.mkdtemp(prefix="pipec-kafka-")
    for _ in range(3):
        job = Pipec(text, directory=directory)
        time.sleep(rng.uniform(0.2, 1.0))
        job.kill()
    job = Pipec(text, directory=directory)
    wait_for(done(source, count), 90, "all to be committed; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    letters = [json.loads(r.value) for r in rdkafka.read_all(KAFKA.bootstrap, dead, PARTITIONS)]
    numbers = [json.loads(letter["original"])["n"] for letter in letters]
    expect(len(numbers) == len(set(numbers)), "dead letters came twice")
    Oracle(range(count), True).judge(delivered(target), dead=numbers)


def k11_retention_overtakes():
    """faults K11 records that are gone before they were read end the run, and the message names them"""
    source, target = topics("in", "out", partitions=1)
    fill(KAFKA.bootstrap, source, 100)
    text = copy(source, target)
    job = Pipec(text)
    wait_for(lambda: positions(source, partitions=1) == {0: 100}, 60, "the commit; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    fill(KAFKA.bootstrap, source, 100, first=100)
    rdkafka.delete_records(KAFKA.bootstrap, source, 0, 150)
    job = Pipec(text, directory=job.directory)
    expect(job.end() == 1, job.stderr())
    expect("100 to 149 are gone" in job.stderr() and f"{source}[0]" in job.stderr(), job.stderr())
    expect(positions(source, partitions=1) == {0: 100}, positions(source, partitions=1))


def k15_markers_and_aborted_records():
    """faults K15 aborted records and transaction markers: not delivered, and the position reaches the end"""
    source, target = topics("in", "out", partitions=1)
    producer = rdkafka.Producer(KAFKA.bootstrap, **{"transactional.id": source})
    for number in range(9):
        producer.begin()
        producer.send(source, b'{"n":%d}' % number, partition=0)
        producer.flush()
        (producer.abort if number % 3 == 1 else producer.commit)()
    producer.close()
    Pipec(copy(source, target, recv=", stop_at_end: true")).finish()
    got = [number_of(r) for r in rdkafka.read_all(KAFKA.bootstrap, target)]
    expect(got == [0, 2, 3, 5, 6, 8], got)
    expect(positions(source, partitions=1) == {0: rdkafka.watermarks(KAFKA.bootstrap, source, 0)[1]}, positions(source, partitions=1))


def k15_compacted_topic():
    """faults K15 a compacted topic: holes in the offsets do not stop the positions"""
    config = {"cleanup.policy": "compact", "segment.ms": 100, "min.cleanable.dirty.ratio": 0.01, "max.compaction.lag.ms": 100}
    source, = topics("in", partitions=1, config=config)
    target, = topics("out", partitions=1)
    producer = rdkafka.Producer(KAFKA.bootstrap)
    for round_ in range(5):
        for key in range(20):
            producer.send(source, b'{"n":%d}' % (round_ * 20 + key), key=b"%d" % key, partition=0)
        producer.flush()
        time.sleep(0.2)
    producer.close()
    wait_for(lambda: len(rdkafka.read_all(KAFKA.bootstrap, source)) < 100, 60, "the compaction")
    Pipec(copy(source, target, recv=", stop_at_end: true")).finish()
    got = {number_of(r) for r in rdkafka.read_all(KAFKA.bootstrap, target)}
    expect(set(range(80, 100)) <= got, got)
    expect(positions(source, partitions=1) == {0: 100}, positions(source, partitions=1))


def k14_partitions_added():
    """faults K14 partitions that are added while running are read from their beginning"""
    source, target = topics("in", "out")
    fill(KAFKA.bootstrap, source, 400, PARTITIONS)
    job = Pipec(copy(source, target, properties=', "topic.metadata.refresh.interval.ms": 500'))
    wait_for(done(source, 400), 60, "the commit; " + job.stderr())
    rdkafka.grow_topic(KAFKA.bootstrap, source, PARTITIONS + 2)
    producer = rdkafka.Producer(KAFKA.bootstrap)
    for number in range(400, 420):
        producer.send(source, b'{"n":%d}' % number, partition=PARTITIONS + number % 2)
    producer.flush()
    producer.close()
    wait_for(lambda: sum(positions(source, partitions=PARTITIONS + 2).values()) == 420, 60, "the new partitions; " + job.stderr())
    expect(job.stop() == 0, job.stderr())
    expect(sorted(n for _, n in delivered(target)) == list(range(420)), "not every record once")


def k19_two_of_one_instance():
    """faults K19 a second process with the same `instance` fences the first, which ends with status 1"""
    source, target = topics("in", "out")
    fill(KAFKA.bootstrap, source, 400, PARTITIONS)
    text = copy(source, target, recv=', instance: "same"')
    first = Pipec(text)
    wait_for(done(source, 400), 60, "the commit; " + first.stderr())
    second = Pipec(text)
    expect(first.end() == 1 and "instance" in first.stderr(), first.stderr())
    fill(KAFKA.bootstrap, source, 400, PARTITIONS, first=400)
    wait_for(done(source, 800), 60, "the second to go on; " + second.stderr())
    expect(second.stop() == 0, second.stderr())


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def x3_tls():
    """faults X3 TLS: works with the right authority, a wrong one is refused, and the message says why"""
    folder = tempfile.mkdtemp(prefix="tls-")
    at = lambda name: os.path.join(folder, name)  # noqa: E731
    for name in ("good", "bad"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", at(name + ".key"), "-out", at(name + ".pem"),
                "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1")
    with open(at("store.pem"), "w", encoding="utf-8") as store:
        key = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", at("good.key")], check=True, capture_output=True, text=True)
        with open(at("good.pem"), encoding="utf-8") as certificate:
            store.write(key.stdout + certificate.read())
    secure = Broker(tls_keystore=at("store.pem"))
    try:
        rdkafka.create_topic(secure.bootstrap, "in")
        fill(secure.bootstrap, "in", 10)
        text = (f'recv kafka("127.0.0.1:{secure.tls_port}", "in", "g", stop_at_end: true, properties: {{"security.protocol": "ssl", '
                f'"ssl.ca.location": "{folder}/CA.pem"}})\n| sink stdout()\n')
        job = Pipec(text.replace("CA", "good"))
        job.finish()
        expect(job.stderr().count('"n":') == 10, job.stderr())
        job = Pipec(text.replace("CA", "bad"))
        expect(job.end() == 1, job.stderr())
        expect("certificate verify failed" in job.stderr() and '"n":' not in job.stderr(), job.stderr())
    finally:
        secure.close()


def oracle_notices():
    """I1-I5 the oracle itself: what a faulty copier would leave behind is noticed"""
    good = [(0, n) for n in range(10)]
    expect(not Oracle(range(10), True).complaints(good), "a perfect copy is refused")
    mutants = {
        "drops a record": good[:4] + good[5:],
        "doubles a record in exactly-once mode": good + [(0, 3)],
        "reorders": good[:3] + [good[4], good[3]] + good[5:],
        "invents a record": good + [(0, 99)],
    }
    for name, output in mutants.items():
        expect(Oracle(range(10), True).complaints(output), f"not noticed: a copier that {name}")
    expect(not Oracle(range(10)).complaints(good + good[5:]), "a replay is refused")
    expect(Oracle.safe({0: 5}, lambda _p, w: range(w), range(4)), "not noticed: a position ahead of the output")
    expect(not Oracle.safe({0: 5}, lambda _p, w: range(w), range(5)), "a right position is refused")


TESTS = [value for name, value in sorted(globals().items()) if name == "oracle_notices" or (name[0] in "kpx" and name[1:2].isdigit())]
if __name__ == "__main__":
    print(f"seed {SEED}", flush=True)
    KAFKA = Broker()
    try:
        run(TESTS, "kafka.broker")
    finally:
        KAFKA.close()
