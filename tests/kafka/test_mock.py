#!/usr/bin/env python3
"""Tier 1: pipec against librdkafka's mock cluster, which lives in this process and can be told to misbehave. (The mock is
no judge of transactions, of commits in a rebalance, or of de-duplication: tests/kafka/test_broker.py has a real one.)
"""

import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import tempfile
import time

import rdkafka
from broker import free_port
from harness import Oracle, Pipec, bearer_token, expect, fill, fresh_directory, number_of, run, wait_for
from proxy import Proxy
from sasl_broker import SaslBroker

# Error codes of the protocol.
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE, NOT_LEADER, REQUEST_TIMED_OUT, TOO_LARGE, METADATA_TOO_LARGE = 3, 5, 6, 7, 10, 12
COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, ILLEGAL_GENERATION, UNKNOWN_MEMBER = 14, 15, 16, 22, 25
NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND = 19, 20
REBALANCE_IN_PROGRESS, TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, INVALID_TIMESTAMP = 27, 29, 30, 31, 32
INVALID_PRODUCER_EPOCH, CONCURRENT_TRANSACTIONS, FENCED_INSTANCE, INVALID_RECORD, UNSTABLE_OFFSET_COMMIT = 47, 51, 82, 87, 88
PRODUCER_FENCED, TRANSPORT = 90, -195
INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, OFFSET_FETCH, TXN_OFFSET_COMMIT = 22, 24, 25, 9, 28


SEED = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
# The mock keeps a member that left until its session is over.
LET_GO = ', properties: {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}'


class Cluster:
    """A mock cluster with the topics `in` and `out`."""

    def __init__(self, partitions=2, brokers=1, records=200):
        self.mock = rdkafka.Mock(brokers)
        self.partitions, self.records = partitions, records
        for topic in ("in", "out", "dead"):
            self.mock.topic(topic, partitions)
        if records:
            fill(self.mock.bootstrap, "in", records, partitions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mock.close()

    def copy(self, recv="", sink="", stages="", dlq="", stop=True):
        end = "stop_at_end: true" if stop else "stop_at_end: false"
        return (f'{dlq}\nrecv kafka(brokers: "{self.mock.bootstrap}", topics: ["in"], group: "g", {end}{recv})\n'
                f'{stages}| sink kafka(topic: "out"{sink})\n')

    def out(self, topic="out"):
        return rdkafka.read_all(self.mock.bootstrap, topic, self.partitions)

    def committed(self):
        return rdkafka.committed(self.mock.bootstrap, "g", "in", self.partitions)

    def all_out(self):
        Oracle(range(self.records)).judge([((number_of(r) % self.partitions, r.partition), number_of(r)) for r in self.out()])

    def all_committed(self, job=None):
        found = self.committed()
        each = self.records // self.partitions
        expect(found == {p: each for p in range(self.partitions)},
               f"committed: {found}" + (f"\n{job.stderr()}" if job else ""))


def k2_copies_and_commits():
    """K2 everything arrives, in order, and the positions are those of the last records plus one"""
    with Cluster() as cluster:
        Pipec(cluster.copy()).finish()
        cluster.all_out()
        cluster.all_committed()


def k2_metadata_is_carried():
    """K2 key, headers, timestamp, and no payload or key against empty ones, arrive as they came"""
    with Cluster(records=0, partitions=1) as cluster:
        producer = rdkafka.Producer(cluster.mock.bootstrap)
        producer.send("in", b'{"a":1}', key=b"k", headers=[("h", b"1"), ("h", b"2"), ("none", None), ("", b"")], timestamp=1234567890123)
        producer.send("in", None, key=b"tombstone")
        producer.send("in", b"", key=b"")
        producer.send("in", b"null", key=None)
        producer.send("in", b"\x00\xff not json", key=b"\xfe")
        producer.flush()
        Pipec(cluster.copy()).finish()
        sent, got = cluster.out("in"), cluster.out("out")
        show = [(r.value, r.key, r.headers, r.timestamp) for r in sent], [(r.value, r.key, r.headers, r.timestamp) for r in got]
        expect(show[0] == show[1], f"sent {show[0]}\n got {show[1]}")
        producer.close()


def k2_metadata_in_the_language():
    """K2 @topic, @partition, @offset, @key, @timestamp and @headers; topic and key from expressions"""
    with Cluster(records=0, partitions=1) as cluster:
        producer = rdkafka.Producer(cluster.mock.bootstrap)
        producer.send("in", b'{"to":"dead"}', key=b"a", headers=[("h", b"x")], timestamp=1700000000000)
        producer.send("in", b'{"to":"no/topic"}', key=b"b")
        producer.flush()
        producer.close()
        text = cluster.copy().replace('topic: "out"', 'topic: "${.to}", key: "${@partition}-${@key}"')
        text = text.replace("| sink", "| transform { .t = @topic ; .o = @offset ; .h = @headers.h ; .w = @timestamp ; @headers.new = \"n\" }\n| sink")
        job = Pipec("dlq file(\"dead.ndjson\")\n" + text)
        job.finish()
        record, = cluster.out("dead")
        expect(json.loads(record.value) == {"to": "dead", "t": "in", "o": 0, "h": "x", "w": "2023-11-14T22:13:20Z"}, record.value)
        expect((record.key, record.headers) == (b"0-a", [("h", b"x"), ("new", b"n")]), (record.key, record.headers))
        with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as dead:
            letter = json.loads(dead.readline())
        expect(letter["position"] == 1 and letter["source"] == "in" and letter["key"] == "b", letter)


def commit_errors_that_pass(name, code):
    def test():
        with Cluster() as cluster:
            cluster.mock.errors(rdkafka.OFFSET_COMMIT, code)
            # If the client loses its membership because of it, after the end of the input, it waits for the group.
            job = Pipec(cluster.copy(recv=LET_GO))
            job.finish(60)
            cluster.all_out()
            cluster.all_committed(job)
    test.__name__ = "fault_k6_commit_refused_" + name
    test.__doc__ = f"fault K6 a commit that is refused for the moment ({name}) is tried again"
    return test


def commit_errors_that_stay(name, code):
    def test():
        with Cluster() as cluster:
            cluster.mock.errors(rdkafka.OFFSET_COMMIT, *[code] * 20)
            job = Pipec(cluster.copy(recv=LET_GO))
            expect(job.end() == 1, job.stderr())
            expect(cluster.committed() == {}, cluster.committed())
            cluster.mock.clear(rdkafka.OFFSET_COMMIT)
            Pipec(cluster.copy(recv=LET_GO), directory=job.directory).finish()
            cluster.all_out()
            cluster.all_committed()
    test.__name__ = "fault_k6_commit_denied_" + name
    test.__doc__ = f"fault K6, D4 a commit that is refused for good ({name}) ends the run with status 1, and the next one delivers again"
    return test


def late_answers(mock, api, *milliseconds):
    """The next requests are carried out, and answered after that long."""
    pairs = [number for each in milliseconds for number in (0, each)]
    rdkafka.lib.rd_kafka_mock_broker_push_request_error_rtts(rdkafka.P(mock.cluster), 1, rdkafka.c.c_int16(api),
                                                             rdkafka.SIZE(len(milliseconds)), *pairs)


def fault_k6_commit_times_out():
    """fault K6, fault K7 a commit whose answer comes too late is made again, and the position is never less"""
    with Cluster() as cluster:
        late_answers(cluster.mock, rdkafka.OFFSET_COMMIT, 3000, 3000)
        Pipec(cluster.copy(recv=', properties: {"socket.timeout.ms": 1000, "session.timeout.ms": 6000, "heartbeat.interval.ms": 200}')).finish()
        cluster.all_out()
        cluster.all_committed()


def fault_k7_commit_answer_lost():
    """fault K7 the broker goes away between a commit and its answer: it is made again"""
    with Cluster() as cluster:
        late_answers(cluster.mock, rdkafka.OFFSET_COMMIT, 60000)
        job = Pipec(cluster.copy(recv=LET_GO))
        wait_for(lambda: len(cluster.out()) == 200 and cluster.committed(), what="the commit that is not answered")
        cluster.mock.down()
        cluster.mock.up()
        job.finish()
        cluster.all_out()
        cluster.all_committed()


def produce_errors(name, code, outcome):
    """`outcome`: pass, letter or terminal."""
    def test():
        with Cluster(records=20, partitions=1) as cluster:
            cluster.mock.errors(rdkafka.PRODUCE, *[code] * (20 if outcome == "terminal" else 1))
            job = Pipec(cluster.copy(dlq='dlq file("dead.ndjson")', recv=LET_GO))
            status, dead = job.end(), []
            try:
                with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
                    dead = [json.loads(line)["position"] for line in lines]
            except FileNotFoundError:
                pass
            if outcome == "terminal":
                expect(status == 1 and "not delivered" in job.stderr() and not dead, job.stderr())
                expect(cluster.committed() == {}, cluster.committed())
                cluster.mock.clear(rdkafka.PRODUCE)
                Pipec(cluster.copy(recv=LET_GO), directory=job.directory).finish()
            else:
                expect(status == 0, job.stderr())
                expect(bool(dead) == (outcome == "letter"), f"dead letters: {dead}")
            Oracle(range(20)).judge([(0, number_of(r)) for r in cluster.out()], dead=dead)
            expect(cluster.committed() == {0: 20}, cluster.committed())
    test.__name__ = "fault_p1_produce_" + name
    test.__doc__ = f"fault P1 records refused with {name}: " + {
        "pass": "sent again, nothing lost", "letter": "dead letters, the positions go on",
        "terminal": "the run ends, nothing is committed, the next run delivers them"}[outcome]
    return test


def fault_p1_the_first_request_goes_alone():
    """fault P1 no request overtakes the first one to a new partition, which no broker would detect: nothing lost, in order"""
    for refusals in (1, 3):
        with Cluster(records=2000, partitions=1) as cluster:
            cluster.mock.errors(rdkafka.PRODUCE, *[LEADER_NOT_AVAILABLE] * refusals)
            # Without a linger the first record is a separate request, and more would be in flight after it.
            job = Pipec(cluster.copy(sink=', properties: {"linger.ms": "0"}', recv=LET_GO))
            expect(job.end() == 0, job.stderr())
            expect([number_of(r) for r in cluster.out()] == list(range(2000)), "not in order")
            expect(cluster.committed() == {0: 2000}, cluster.committed())


def fault_p1_data_errors_are_dead_letters():
    """fault P1, fault Q1 records that Kafka refuses are dead letters, the others go on, all positions are committed"""
    with Cluster(records=50, partitions=1) as cluster:
        fill(cluster.mock.bootstrap, "in", 1, first=50, size=2000)
        fill(cluster.mock.bootstrap, "in", 49, first=51)
        job = Pipec(cluster.copy(sink=', properties: {"message.max.bytes": 1500}', dlq=f'dlq kafka("dead", brokers: "{cluster.mock.bootstrap}")'))
        expect(job.end() == 0, job.stderr())
        Oracle(range(100)).judge([(0, number_of(r)) for r in cluster.out()], dead=[50])
        letters = [json.loads(r.value) for r in cluster.out("dead")]
        expect([x["position"] for x in letters] == [50] and "too large" in letters[0]["reason"], letters)
        expect(cluster.committed() == {0: 100}, cluster.committed())


def fault_q2_a_dead_letter_topic_that_fails():
    """fault Q2, P9 a dead letter topic that does not take them ends the run"""
    with Cluster(records=0, partitions=1) as cluster:
        fill(cluster.mock.bootstrap, "in", 10, size=2000)
        dlq = f'dlq kafka("dead", brokers: "{cluster.mock.bootstrap}", properties: {{"message.max.bytes": 1000}})'
        job = Pipec(cluster.copy(dlq=dlq, stages='| transform { dlq "no" }\n'))
        expect(job.end() == 1, job.stderr())
        expect(cluster.committed() == {}, cluster.committed())


def fault_q4_too_large_even_for_the_dead_letters():
    """fault Q4 a record of 20 MB that the dead letter topic does not take either ends every run, until there is a place for it"""
    with Cluster(records=0, partitions=1) as cluster:
        large = '{"n":1,"pad":"' + "x" * 20_000_000
        dlq = f'dlq kafka("dead", brokers: "{cluster.mock.bootstrap}")'
        text = 'recv file("in.ndjson") | parse json | sink file("out.ndjson")\n'
        directory = fresh_directory()
        with open(os.path.join(directory, "in.ndjson"), "w", encoding="utf-8") as out:
            out.write(f'{{"n":0}}\n{large}\n{{"n":2}}\n')
        for _ in range(2):
            job = Pipec(f"{dlq}\n{text}", directory=directory)
            expect(job.end() == 1 and "dlq kafka" in job.stderr() and "too large" in job.stderr(), job.stderr()[-3000:])
        Pipec(f'dlq file("dead.ndjson")\n{text}', directory=directory).finish()
        with open(os.path.join(directory, "dead.ndjson"), encoding="utf-8") as lines:
            letter, = [json.loads(line) for line in lines]
        expect(letter["original"] == large and not cluster.out("dead"), letter["reason"])
        with open(os.path.join(directory, "out.ndjson"), encoding="utf-8") as lines:
            expect([json.loads(line)["n"] for line in lines] == [0, 2], "not the others")


def fault_p2_message_timeout():
    """fault P2 records that time out in the producer's queue are a terminal error"""
    with Cluster() as cluster, Cluster(records=0) as other:
        job = Pipec(cluster.copy(sink=f', brokers: "{other.mock.bootstrap}", properties: {{"message.timeout.ms": 2000}}', stop=False))
        before = {0: 100, 1: 100}
        wait_for(lambda: cluster.committed() == before, what="the commit of all there is")
        other.mock.down()
        fill(cluster.mock.bootstrap, "in", 10, 2, first=200)
        expect(job.end() == 1 and "not delivered" in job.stderr(), job.stderr())
        expect(cluster.committed() == before, cluster.committed())


def fault_p3_lost_acknowledgements():
    """fault P3 an acknowledgement that is lost after the append loses nothing"""
    with Cluster() as cluster:
        rdkafka.lib.rd_kafka_mock_broker_push_request_error_rtts(rdkafka.P(cluster.mock.cluster), 1, rdkafka.c.c_int16(0), rdkafka.SIZE(1), 0, 1500)
        job = Pipec(cluster.copy(sink=', properties: {"socket.timeout.ms": 1000}'))
        expect(job.end() == 0, job.stderr())
        cluster.all_out()
        cluster.all_committed()


def fault_p4_full_queue():
    """fault P4, K5 a full producer queue is back-pressure: nothing lost, order kept"""
    with Cluster(records=2000) as cluster:
        Pipec(cluster.copy(sink=', properties: {"queue.buffering.max.messages": 10, "linger.ms": 0}')).finish()
        cluster.all_out()
        cluster.all_committed()


def fault_k8_broker_away():
    """fault K8 a broker that goes away and comes back: the run continues, nothing is lost"""
    with Cluster() as cluster:
        job = Pipec(cluster.copy(stop=False))
        wait_for(lambda: len(cluster.committed()) == 2, what="the first commit")
        cluster.mock.down()
        cluster.mock.up()
        fill(cluster.mock.bootstrap, "in", 100, 2, first=200)
        wait_for(lambda: cluster.committed() == {0: 150, 1: 150}, what="the commit after it")
        expect(job.stop() == 0, job.stderr())
        cluster.records = 300
        cluster.all_out()


def d14_a_new_topic_while_the_broker_is_away():
    """D14, fault K8 a broker that is away when a template first names a topic: the batch is retried whole, nothing lost or doubled"""
    with Cluster(records=0, partitions=1) as cluster, Cluster(records=0, partitions=1) as other:
        job = Pipec(f'dlq discard\nrecv kafka(brokers: "{cluster.mock.bootstrap}", topics: ["in"], group: "g"{LET_GO})\n'
                    f'| sink kafka(topic: "${{.to}}", brokers: "{other.mock.bootstrap}")')
        producer = rdkafka.Producer(cluster.mock.bootstrap)
        send = lambda *topics: [producer.send("in", b'{"to":"%s"}' % topic) for topic in topics] and producer.flush()  # noqa: E731
        send(b"out")
        wait_for(lambda: cluster.committed() == {0: 1}, what="the first commit")
        other.mock.down()
        send(b"out", b"dead", b"no/topic", b"out")
        time.sleep(23)  # the fault: longer than one look for a topic takes
        expect(job.process.poll() is None, job.stderr())
        other.mock.up()
        send(b"dead")
        wait_for(lambda: cluster.committed() == {0: 6}, 60, "the commit of all of it")
        expect(job.stop() == 0, job.stderr())
        producer.close()
        expect((len(other.out()), len(other.out("dead"))) == (3, 2), (other.out(), other.out("dead")))


def fault_k8_stop_while_the_broker_is_away():
    """fault K8, D10 SIGTERM meets its deadline with no broker there"""
    with Cluster() as cluster:
        job = Pipec(cluster.copy(stop=False), "--deadline", "3s")
        wait_for(lambda: len(cluster.committed()) == 2, what="the first commit")
        cluster.mock.down()
        status = job.stop(30)
        expect(status in (0, 1), f"status {status}: {job.stderr()}")


def fault_k9_leader_and_coordinator_move():
    """fault K9 leaders and the coordinator move: nothing lost, no position reset"""
    with Cluster(brokers=2) as cluster:
        cluster.mock.coordinator("g", 1)
        job = Pipec(cluster.copy(stop=False))
        wait_for(lambda: len(cluster.committed()) == 2, what="the first commit")
        for leader in (2, 1, 2):
            for partition in (0, 1):
                cluster.mock.leader("in", partition, leader)
                cluster.mock.leader("out", partition, 3 - leader)
            cluster.mock.coordinator("g", leader)
            fill(cluster.mock.bootstrap, "in", 100, 2, first=cluster.records)
            cluster.records += 100
            each = cluster.records // 2
            wait_for(lambda: cluster.committed() == {0: each, 1: each}, 40, f"the commit of {each}")
        expect(job.stop() == 0, job.stderr())
        cluster.all_out()


def fault_k9_no_leader_for_a_while():
    """fault K9 a partition without a leader is waited for, in the source and in the sink"""
    with Cluster() as cluster:
        job = Pipec(cluster.copy(stop=False))
        done = lambda each: cluster.committed() == {0: each, 1: each}  # noqa: E731
        wait_for(lambda: done(100), what="the first commit")
        for topic in ("in", "out"):
            cluster.mock.leader(topic, 1, -1)
            fill(cluster.mock.bootstrap, "in", 1, first=cluster.records)  # partition 0 has its leader
            cluster.mock.leader(topic, 1, 1)
            fill(cluster.mock.bootstrap, "in", 1, 2, first=cluster.records + 1)
            cluster.records += 2
            wait_for(lambda: done(cluster.records // 2), 60, "the partition that was without")
        expect(job.stop() == 0, job.stderr())
        cluster.all_out()


def fault_k11_refused_without_a_gap():
    """fault K11 a broker that refuses a position which it has: the run ends, and tells of no gap"""
    with Cluster() as cluster:
        cluster.mock.errors(rdkafka.FETCH, *[OFFSET_OUT_OF_RANGE] * 2)
        job = Pipec(cluster.copy(recv=LET_GO))
        expect(job.end() == 1 and "refused position 0, which is between" in job.stderr() and "deleted" not in job.stderr(), job.stderr())
        cluster.mock.clear(rdkafka.FETCH)
        Pipec(cluster.copy(recv=LET_GO), directory=job.directory).finish()
        cluster.all_out()


def cpu_seconds(job):
    with open(f"/proc/{job.process.pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def fault_l6_no_descriptor_for_a_connection():
    """fault L6 without a free descriptor no new connection can be opened: the run waits for one without spinning, and nothing is lost"""
    with Cluster() as cluster:
        job = Pipec(cluster.copy(stop=False, recv=LET_GO))
        wait_for(lambda: cluster.committed() == {0: 100, 1: 100}, 60, "the commit; " + job.stderr())
        limit = resource.prlimit(job.process.pid, resource.RLIMIT_NOFILE)
        cluster.mock.down()
        # Below what is open already, and no less than a poll() takes.
        resource.prlimit(job.process.pid, resource.RLIMIT_NOFILE, (10, limit[1]))
        cluster.mock.up()
        fill(cluster.mock.bootstrap, "in", 200, 2, first=200)
        cluster.records = 400
        before = cpu_seconds(job)
        time.sleep(4)  # the fault
        expect(cpu_seconds(job) - before < 1, f"{cpu_seconds(job) - before} s of CPU in 4 s")
        expect(job.alive() and cluster.committed() == {0: 100, 1: 100}, job.stderr())
        resource.prlimit(job.process.pid, resource.RLIMIT_NOFILE, limit)
        wait_for(lambda: cluster.committed() == {0: 200, 1: 200}, 60, "the rest; " + job.stderr())
        expect(job.stop() == 0, job.stderr())
        cluster.all_out()


def resident(job):
    with open(f"/proc/{job.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def sanitized():
    """Whether pipec was built with the address sanitizer, whose own memory drowns every bound."""
    with open(os.environ["PIPEC"], "rb") as binary:
        return b"__asan_init" in binary.read()


def fault_k17_a_record_that_never_completes():
    """fault K17, G10 a sink that takes nothing: nothing is skipped or committed, memory is bounded, SIGTERM meets its deadline"""
    with Cluster(partitions=4, records=0) as cluster:
        fill(cluster.mock.bootstrap, "in", 16_000, 4, size=1000)
        text = (f'govern {{ memory: {"1GiB" if sanitized() else "128MiB"} }}\n'
                f'recv kafka(brokers: "{cluster.mock.bootstrap}", topics: "in", group: "g", prefetch: 2MiB'
                f'{LET_GO})\n| sink stdout()')
        job = Pipec(text, "--deadline", "2s", "--budget", "1MiB", stdout=subprocess.PIPE)
        out = job.process.stdout.readline()  # one gets through; then the test stops reading
        size = 0
        for _ in range(20):  # until it does not grow any more
            time.sleep(0.1)  # the fault
            size, before = resident(job), size
            if abs(size - before) < 1 << 16:
                break
        if sanitized():
            print(f"SKIP K17's bound of 80 MiB: the address sanitizer alone takes more ({size >> 20} MiB resident)")
        else:
            expect(size < 80 << 20, f"{size >> 20} MiB resident")
        stuck = cluster.committed()
        expect(job.stop(10) == 1 and "deadline" in job.stderr(), job.stderr())
        expect(cluster.committed() == stuck, f"{stuck} became {cluster.committed()}")
        out += job.process.stdout.read()  # the contents of the pipe
        got = [json.loads(line)["n"] for line in out.splitlines(keepends=True) if line.endswith(b"\n")]
        expect(sum(stuck.values()) <= len(got) < 100, f"{len(got)} were out, {stuck} committed")
        job = Pipec(text.replace("| sink stdout()", '| sink kafka(topic: "out")'), directory=job.directory)
        wait_for(lambda: cluster.committed() == {p: 4000 for p in range(4)}, 60, "all of it")
        expect(job.stop() == 0, job.stderr())
        rest = [number_of(record) for record in cluster.out()]
        expect(set(got) | set(rest) == set(range(16_000)), "not every record was delivered")


def fault_k10_slow_broker():
    """fault K10 a broker with 300 ms of delay slows the run and does not break it"""
    with Cluster() as cluster:
        cluster.mock.latency(300)
        Pipec(cluster.copy()).finish(90)
        cluster.mock.latency(0)
        cluster.all_out()
        cluster.all_committed()


def k4_polled_however_slow_the_sink():
    """K4, fault K5 a sink that stalls for longer than max.poll.interval.ms does not cost the membership"""
    with Cluster(records=0) as cluster:
        fill(cluster.mock.bootstrap, "in", 400, 2, size=1000)
        job = Pipec(f'recv kafka(brokers: "{cluster.mock.bootstrap}", topics: ["in"], group: "g", stop_at_end: true, properties: '
                    '{"max.poll.interval.ms": 6000, "session.timeout.ms": 6000})\n| sink stdout()', stdout=subprocess.PIPE)
        out = job.process.stdout.readline()
        time.sleep(9)  # the fault: far more is waiting than the pipe holds
        out += job.process.stdout.read()
        job.finish()
        numbers = [json.loads(line)["n"] for line in out.splitlines()]
        expect(sorted(numbers) == list(range(400)), f"{len(numbers)} records")
        expect(cluster.committed() == {0: 200, 1: 200}, f"committed: {cluster.committed()}")


def k8_told_that_partitions_are_the_limit():
    """K8 a member without a partition logs once that the number of partitions is the limit"""
    with Cluster(partitions=1, records=0) as cluster:
        jobs = [Pipec(cluster.copy(recv=LET_GO, stop=False)) for _ in range(2)]
        said = lambda: sum(job.stderr().count("this process has no partition") for job in jobs)
        wait_for(said, 60, "the warning")
        for job in jobs:
            expect(job.stop() == 0, job.stderr())
        expect(said() == 1, f"said {said()} times")


def g10_a_prefetch_beyond_the_limit():
    """G10 a prefetch that exceeds its part of the memory limit is reported"""
    with Cluster() as cluster:
        for size, said in (("300MiB", True), ("4MiB", False)):
            job = Pipec("govern { memory: 1GiB }\n" + cluster.copy(recv=f", prefetch: {size}").replace('"g"', f'"{size}"'))
            job.finish()
            expect(("more than the 217 MiB" in job.stderr()) == said, job.stderr())


def k7_patterns():
    """K7 topics by a pattern, including those that are created during the run"""
    with Cluster(records=20) as cluster:
        text = cluster.copy(stop=False, recv=LET_GO[:-1] + ', "topic.metadata.refresh.interval.ms": 500}')
        job = Pipec(text.replace('["in"]', '["^in$", "^in-[0-9]{1,3}$"]'))
        wait_for(lambda: len(cluster.out()) == 20, what="the first topic")
        cluster.mock.topic("in-17", 2)
        fill(cluster.mock.bootstrap, "in-17", 20, 2, first=20)
        wait_for(lambda: len(cluster.out()) >= 40, 60, "the second")
        expect(job.stop() == 0, job.stderr())
        cluster.records = 40
        cluster.all_out()


def k5_encodings():
    """K5 what is sent is the record as it is, line breaks and all, or with encode: text its .message"""
    with Cluster(records=0, partitions=1) as cluster:
        producer = rdkafka.Producer(cluster.mock.bootstrap)
        producer.send("in", b'{"message":"two\\nlines",\n "n":1}', key=b"k")
        producer.send("in", b'{"n":2}')
        producer.send("in", None, key=b"tombstone")
        producer.flush()
        producer.close()
        Pipec(cluster.copy().replace('"g"', '"one"')).finish()
        expect([r.value for r in cluster.out()] == [b'{"message":"two\\nlines",\n "n":1}', b'{"n":2}', None], cluster.out())
        job = Pipec(cluster.copy(sink=", encode: text", dlq='dlq file("dead.ndjson")').replace('"out"', '"dead"'))
        job.finish()
        expect([(r.key, r.value) for r in cluster.out("dead")] == [(b"k", b"two\nlines"), (b"tombstone", None)],
               [(r.key, r.value) for r in cluster.out("dead")])
        with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
            letter, = [json.loads(line) for line in lines]
        expect("no .message" in letter["reason"] and letter["original"] == '{"n":2}', letter)


def fault_p4_a_record_that_never_fits():
    """fault P4 a record that is longer than the producer's whole queue is a dead letter, and nothing waits for it"""
    with Cluster(records=10, partitions=1) as cluster:
        fill(cluster.mock.bootstrap, "in", 1, first=10, size=5000)
        fill(cluster.mock.bootstrap, "in", 9, first=11)
        job = Pipec(cluster.copy(sink=', properties: {"queue.buffering.max.kbytes": 4}', dlq='dlq file("dead.ndjson")'))
        job.finish()
        with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
            letter, = [json.loads(line) for line in lines]
        expect(letter["position"] == 10 and "queue of 4 KiB" in letter["reason"], letter)
        Oracle(range(20)).judge([(0, number_of(r)) for r in cluster.out()], dead=[10])
        expect(cluster.committed() == {0: 20}, cluster.committed())


def transaction_errors(name, api, code, times=1):
    def test():
        with Cluster() as cluster:
            cluster.mock.errors(api, *[code] * times)
            job = Pipec(cluster.copy(sink=", exactly_once: true"))
            job.finish(90)
            cluster.all_out()  # the mock shows aborted records too: nothing is lost is all it can tell
    test.__name__ = "fault_p9_" + name
    test.__doc__ = f"fault P9 exactly once: {name.replace('_', ' ')}: tried again, nothing lost"
    return test


def fault_p13_fenced():
    """fault P13 exactly once: a producer that was fenced ends the run with status 1, at once and with the reason"""
    with Cluster() as cluster:
        for api in (ADD_PARTITIONS, ADD_OFFSETS, rdkafka.END_TXN):
            cluster.mock.errors(api, *[PRODUCER_FENCED] * 10)
        job = Pipec(cluster.copy(sink=", exactly_once: true"))
        expect(job.end(40) == 1 and "fenced" in job.stderr(), job.stderr())


def fault_p13_closed_in_a_transaction():
    """fault P13, fault L4 exactly once: SIGTERM in an open transaction with no broker there meets its deadline"""
    with Cluster() as cluster:
        late_answers(cluster.mock, rdkafka.END_TXN, 60_000)
        job = Pipec(cluster.copy(sink=", exactly_once: true", stop=False), "--deadline", "2s")
        wait_for(cluster.out, what="the first records")
        cluster.mock.down()
        expect(job.stop(30) == 1 and "deadline" in job.stderr(), job.stderr())


def k6_cooperative_transactions_are_refused():
    """K6 exactly once with cooperative assignment does not compile where this librdkafka cannot keep it"""
    with Cluster(records=0) as cluster:
        job = Pipec(cluster.copy(sink=", exactly_once: true", recv=", assignment: cooperative"))
        if rdkafka.lib.rd_kafka_version() >= 0x020A00FF:
            job.finish()
        else:
            expect(job.end() == 3 and "cooperative" in job.stderr() and "2.10" in job.stderr(), job.stderr())


def k9_bearer_tokens():
    """K9, fault X2 OAUTHBEARER: the token comes from a file, which is read again when it expires, and is in no message"""
    broker, folder = SaslBroker("OAUTHBEARER"), tempfile.mkdtemp(prefix="token-")
    file, tokens = os.path.join(folder, "token"), [bearer_token(4, sub="pipec", n=1), bearer_token(600, sub="pipec", n=2)]

    def put(text):
        with open(file + ".new", "w", encoding="utf-8") as out:
            out.write(text + "\n")
        os.rename(file + ".new", file)
    put(tokens[0])
    job = Pipec(f'recv kafka("{broker.address}", "in", "g", token_file: "{file}", properties: {{"security.protocol": "sasl_plaintext", '
                '"debug": "security"})\n| sink stdout()')
    sent = lambda number: any(b"auth=Bearer " + tokens[number].encode() in login for login in broker.logins)  # noqa: E731
    try:
        wait_for(lambda: sent(0), 20, "the first token")
        put(tokens[1])
        wait_for(lambda: sent(1), 20, "the second token")
        expect(job.end(40) == 1, job.stderr())
        expect(not any(each in job.stderr() for each in tokens), "a token was printed")
    finally:
        job.kill()
        broker.close()


def k9_plain_login():
    """K9 SASL PLAIN: user and password reach the broker as they are given"""
    broker, folder = SaslBroker("PLAIN"), tempfile.mkdtemp(prefix="secret-")
    with open(os.path.join(folder, "password"), "w", encoding="utf-8") as out:
        out.write("Canary-7\n")
    job = Pipec(f'recv kafka("{broker.address}", "in", "g", properties: {{"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", '
                '"sasl.username": "u", "sasl.password": secret("password")})\n| sink stdout()', directory=folder)
    try:
        wait_for(lambda: b"\0u\0Canary-7" in broker.logins, 20, "the login")
        expect(job.end(40) == 1 and "Canary" not in job.stderr(), job.stderr())
    finally:
        job.kill()
        broker.close()


def damaging(rng):
    """One reply in ten with a bit flipped, with a length or count of far more than there is, or without its end."""
    def damage(frame):
        if rng.random() > 0.1:
            return frame
        at = rng.randrange(len(frame))
        kind = rng.randrange(3)
        if kind == 0:
            return frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1:]
        if kind == 1:
            huge = rng.choice((b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x0f\xff\xff"))
            return (frame[:at] + huge + frame[at + 4:])[:len(frame)]
        rest = frame[4:max(4, at)]
        return struct.pack(">i", len(rest)) + rest
    return damage


def damaged_replies(seed):
    with Cluster() as cluster:
        proxy = Proxy(free_port(), int(cluster.mock.bootstrap.rsplit(":", 1)[1]), readvertise=True)
        try:
            text = cluster.copy(stop=False, recv=LET_GO, sink=', properties: {"socket.timeout.ms": 2000}')
            # Leaks of librdkafka when it drops a reply do not count here.
            job = Pipec(text.replace(cluster.mock.bootstrap, proxy.bootstrap), "--deadline", "3s", environment={"ASAN_OPTIONS": "detect_leaks=0"})
            wait_for(cluster.out, 60, "the first records; " + job.stderr())
            proxy.damage = damaging(random.Random(seed))

            def damaged():
                fill(cluster.mock.bootstrap, "in", 20, cluster.partitions, first=cluster.records)  # replies with records in them
                cluster.records += 20
                return proxy.damaged >= 30 or not job.alive()
            wait_for(damaged, 90, "damage; " + job.stderr())
            status = job.stop(40) if job.alive() else job.end()
            print(f"        seed {seed}: {proxy.damaged} of {proxy.handed_on} replies damaged, status {status}", flush=True)
            said = job.stderr()
            if status == -signal.SIGABRT and re.search(r"pipec: rd\w*\.[ch]:\d+: .*Assertion", said):
                print("        an assertion of librdkafka's own", flush=True)
            else:
                expect(status == 0 or status == 1 and "error:" in said, f"status {status}: {said[-3000:]}")
            expect(not re.search(r"records \d+ to -", said), said)
            sent = {record.value for record in cluster.out("in")}
            strange = [record.value for record in cluster.out() if record.value not in sent]
            expect(not strange, f"records that were never sent: {strange[:3]}")
        finally:
            proxy.close()


def fault_x7_damaged_replies():
    """fault X7 replies that are damaged anywhere: no crash, no hang past the deadline, no record that was never sent"""
    for seed in range(SEED, SEED + 4):
        damaged_replies(seed)


def fault_l5_start_errors():
    """fault L5 errors at the start are reported at once, with status 1"""
    with Cluster(records=0) as cluster:
        job = Pipec(cluster.copy().replace('["in"]', '["absent", "in"]'))
        expect(job.end() == 1 and "no topic absent" in job.stderr(), job.stderr())
    job = Pipec('recv kafka("127.0.0.1:1", "in", "g") | sink stdout()')
    expect(job.end(40) == 1 and "cannot reach 127.0.0.1:1" in job.stderr() and "refused" in job.stderr(), job.stderr())


def fault_x2_secrets_stay_secret():
    """fault X2 a password is in no message, at any level of librdkafka's log"""
    canary = "Canary-5e1f"
    text = ('recv kafka("127.0.0.1:1", "in", "g", properties: {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", '
            '"sasl.username": "u", "sasl.password": env("SECRET"), "debug": "all"})\n| sink stdout()')
    job = Pipec(text, environment={"SECRET": canary})
    expect(job.end(40) == 1, job.stderr())
    expect(canary not in job.stderr(), "the password was printed")


TESTS = [value for name, value in sorted(globals().items()) if re.match(r"(fault_)?[a-z]\d", name)]
TESTS += [commit_errors_that_pass(name, code) for name, code in
          (("rebalance_in_progress", REBALANCE_IN_PROGRESS), ("coordinator_loading", COORDINATOR_LOADING),
           ("coordinator_not_available", COORDINATOR_NOT_AVAILABLE), ("not_coordinator", NOT_COORDINATOR),
           ("request_timed_out", REQUEST_TIMED_OUT), ("disconnected", TRANSPORT),
           ("illegal_generation", ILLEGAL_GENERATION), ("unknown_member", UNKNOWN_MEMBER))]
TESTS += [commit_errors_that_stay(name, code) for name, code in
          (("group", GROUP_DENIED), ("topic", TOPIC_DENIED), ("metadata_too_large", METADATA_TOO_LARGE),
           ("fenced_instance", FENCED_INSTANCE))]
TESTS += [produce_errors(name, code, outcome) for name, code, outcome in
          (("leader_not_available", LEADER_NOT_AVAILABLE, "pass"), ("not_leader", NOT_LEADER, "pass"),
           ("request_timed_out", REQUEST_TIMED_OUT, "pass"), ("disconnected", TRANSPORT, "pass"),
           ("not_enough_replicas", NOT_ENOUGH_REPLICAS, "pass"),
           ("not_enough_replicas_after_append", NOT_ENOUGH_REPLICAS_AFTER_APPEND, "pass"),
           ("too_large", TOO_LARGE, "letter"), ("invalid_record", INVALID_RECORD, "letter"),
           ("invalid_timestamp", INVALID_TIMESTAMP, "letter"), ("topic_denied", TOPIC_DENIED, "terminal"),
           ("cluster_denied", CLUSTER_DENIED, "terminal"))]
TESTS += [transaction_errors(name, api, code, times) for name, api, code, times in
          (("concurrent_transactions", ADD_PARTITIONS, CONCURRENT_TRANSACTIONS, 3),
           ("init_while_concurrent", INIT_PRODUCER_ID, CONCURRENT_TRANSACTIONS, 3),
           ("init_while_loading", INIT_PRODUCER_ID, COORDINATOR_LOADING, 3),
           ("partitions_while_loading", ADD_PARTITIONS, COORDINATOR_LOADING, 3),
           ("offsets_not_coordinator", ADD_OFFSETS, NOT_COORDINATOR, 2),
           ("offset_commit_while_loading", TXN_OFFSET_COMMIT, COORDINATOR_LOADING, 3),
           ("end_while_loading", rdkafka.END_TXN, COORDINATOR_LOADING, 3),
           ("end_not_coordinator", rdkafka.END_TXN, NOT_COORDINATOR, 2),
           ("positions_unstable", OFFSET_FETCH, UNSTABLE_OFFSET_COMMIT, 3),
           ("generation_in_mid_transaction", TXN_OFFSET_COMMIT, ILLEGAL_GENERATION, 1))]
if __name__ == "__main__":
    run(TESTS, at_once=8)  # most of the time the mock waits for a group to form
