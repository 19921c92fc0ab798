#!/usr/bin/env python3
"""Tier 1: pipec against librdkafka's mock cluster, which lives in this process and can be told to misbehave. (The mock is
no judge of transactions, of commits in a rebalance, or of de-duplication: tests/kafka/test_broker.py has a real one.)
"""

import json
import os
import subprocess
import time

import rdkafka
from harness import Oracle, Pipec, expect, fill, number_of, run, wait_for

# Error codes of the protocol.
NOT_LEADER, REQUEST_TIMED_OUT, TOO_LARGE = 6, 7, 10
COORDINATOR_LOADING, NOT_COORDINATOR, ILLEGAL_GENERATION, UNKNOWN_MEMBER = 14, 16, 22, 25
REBALANCE_IN_PROGRESS, TOPIC_DENIED, GROUP_DENIED, TRANSPORT = 27, 29, 30, -195


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
            job = Pipec(cluster.copy(recv=LET_GO))
            # The client may lose its membership over it, behind the end of the input: that is told, and the next run commits.
            if job.end(60) != 0:
                expect("took partitions away" in job.stderr(), job.stderr())
                job = Pipec(cluster.copy(recv=LET_GO), directory=job.directory)
                job.finish(60)
            cluster.all_out()
            cluster.all_committed(job)
    test.__name__ = "k6_commit_refused_" + name
    test.__doc__ = f"faults K6 a commit that is refused for the moment ({name}) is tried again"
    return test


def k6_commit_errors_that_do_not():
    """faults K6, D4 a commit that is denied ends the run with status 1, and the next run delivers again"""
    with Cluster() as cluster:
        cluster.mock.errors(rdkafka.OFFSET_COMMIT, *[GROUP_DENIED] * 20)
        job = Pipec(cluster.copy(recv=LET_GO))
        expect(job.end() == 1, job.stderr())
        expect("commit" in job.stderr(), job.stderr())
        expect(cluster.committed() == {}, cluster.committed())
        cluster.mock.clear(rdkafka.OFFSET_COMMIT)
        Pipec(cluster.copy(recv=LET_GO), directory=job.directory).finish()
        cluster.all_out()
        cluster.all_committed()


def p1_produce_errors_that_pass():
    """faults P1 what passes is retried by the producer: nothing lost"""
    with Cluster() as cluster:
        cluster.mock.errors(rdkafka.PRODUCE, NOT_LEADER, REQUEST_TIMED_OUT, TRANSPORT)
        Pipec(cluster.copy()).finish()
        cluster.all_out()
        cluster.all_committed()


def p1_data_errors_are_dead_letters():
    """faults P1, Q1 records that Kafka refuses are dead letters, the others go on, all positions are committed"""
    with Cluster(records=50, partitions=1) as cluster:
        fill(cluster.mock.bootstrap, "in", 1, first=50, size=2000)
        fill(cluster.mock.bootstrap, "in", 49, first=51)
        job = Pipec(cluster.copy(sink=', properties: {"message.max.bytes": 1500}', dlq=f'dlq kafka("dead", brokers: "{cluster.mock.bootstrap}")'))
        expect(job.end() == 0, job.stderr())
        Oracle(range(100)).judge([(0, number_of(r)) for r in cluster.out()], dead=[50])
        letters = [json.loads(r.value) for r in cluster.out("dead")]
        expect([x["position"] for x in letters] == [50] and "too large" in letters[0]["reason"], letters)
        expect(cluster.committed() == {0: 100}, cluster.committed())


def p1_refused_by_the_broker():
    """faults P1 a refusal that comes with the delivery report is a dead letter too"""
    with Cluster(records=20, partitions=1) as cluster:
        cluster.mock.errors(rdkafka.PRODUCE, TOO_LARGE)
        job = Pipec(cluster.copy(dlq='dlq file("dead.ndjson")'))
        expect(job.end() == 0, job.stderr())
        with open(os.path.join(job.directory, "dead.ndjson"), encoding="utf-8") as lines:
            dead = [json.loads(line)["position"] for line in lines]
        expect(len(dead) == 20, dead)
        Oracle(range(20)).judge([(0, number_of(r)) for r in cluster.out()], dead=dead)
        expect(cluster.committed() == {0: 20}, cluster.committed())


def p1_denied_is_terminal():
    """faults P1, D3 a topic that may not be written ends the run, and nothing is committed"""
    with Cluster() as cluster:
        cluster.mock.errors(rdkafka.PRODUCE, *[TOPIC_DENIED] * 20)
        job = Pipec(cluster.copy())
        expect(job.end() == 1, job.stderr())
        expect("out" in job.stderr() and "not delivered" in job.stderr(), job.stderr())
        expect(cluster.committed() == {}, cluster.committed())


def q2_a_dead_letter_topic_that_fails():
    """faults Q2, P9 a dead letter topic that does not take them ends the run"""
    with Cluster(records=0, partitions=1) as cluster:
        fill(cluster.mock.bootstrap, "in", 10, size=2000)
        dlq = f'dlq kafka("dead", brokers: "{cluster.mock.bootstrap}", properties: {{"message.max.bytes": 1000}})'
        job = Pipec(cluster.copy(dlq=dlq, stages='| transform { dlq "no" }\n'))
        expect(job.end() == 1, job.stderr())
        expect(cluster.committed() == {}, cluster.committed())


def p2_message_timeout():
    """faults P2 records that time out in the producer's queue are a terminal error"""
    with Cluster() as cluster, Cluster(records=0) as other:
        job = Pipec(cluster.copy(sink=f', brokers: "{other.mock.bootstrap}", properties: {{"message.timeout.ms": 2000}}', stop=False))
        before = {0: 100, 1: 100}
        wait_for(lambda: cluster.committed() == before, what="the commit of all there is")
        other.mock.down()
        fill(cluster.mock.bootstrap, "in", 10, 2, first=200)
        expect(job.end() == 1 and "not delivered" in job.stderr(), job.stderr())
        expect(cluster.committed() == before, cluster.committed())


def p3_lost_acknowledgements():
    """faults P3 an acknowledgement that is lost after the append loses nothing"""
    with Cluster() as cluster:
        rdkafka.lib.rd_kafka_mock_broker_push_request_error_rtts(rdkafka.P(cluster.mock.cluster), 1, rdkafka.c.c_int16(0), rdkafka.SIZE(1), 0, 1500)
        job = Pipec(cluster.copy(sink=', properties: {"socket.timeout.ms": 1000}'))
        expect(job.end() == 0, job.stderr())
        cluster.all_out()
        cluster.all_committed()


def p4_full_queue():
    """faults P4, K5 a full producer queue is back-pressure: nothing lost, order kept"""
    with Cluster(records=2000) as cluster:
        Pipec(cluster.copy(sink=', properties: {"queue.buffering.max.messages": 10, "linger.ms": 0}')).finish()
        cluster.all_out()
        cluster.all_committed()


def k8_broker_away():
    """faults K8 a broker that goes away and comes back: the run goes on, nothing lost"""
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


def k8_stop_while_the_broker_is_away():
    """faults K8, D10 SIGTERM meets its deadline with no broker there"""
    with Cluster() as cluster:
        job = Pipec(cluster.copy(stop=False), "--deadline", "3s")
        wait_for(lambda: len(cluster.committed()) == 2, what="the first commit")
        cluster.mock.down()
        status = job.stop(30)
        expect(status in (0, 1), f"status {status}: {job.stderr()}")


def k9_leader_and_coordinator_move():
    """faults K9 leaders and the coordinator move: nothing lost, no position reset"""
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


def k5_slow_broker():
    """faults K5 a broker with 300 ms of delay slows the run and does not break it"""
    with Cluster() as cluster:
        cluster.mock.latency(300)
        Pipec(cluster.copy()).finish(90)
        cluster.mock.latency(0)
        cluster.all_out()
        cluster.all_committed()


def k4_polled_however_slow_the_sink():
    """K4 a sink that stands still for longer than max.poll.interval.ms does not cost the membership"""
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
    """K8 a member without a partition is told once that the partitions are the limit"""
    with Cluster(partitions=1, records=0) as cluster:
        jobs = [Pipec(cluster.copy(recv=LET_GO, stop=False)) for _ in range(2)]
        said = lambda: sum(job.stderr().count("this process has no partition") for job in jobs)
        wait_for(said, 60, "the warning")
        for job in jobs:
            expect(job.stop() == 0, job.stderr())
        expect(said() == 1, f"said {said()} times")


def l5_start_errors():
    """faults L5 what is wrong at the start is told at once, with status 1"""
    with Cluster(records=0) as cluster:
        job = Pipec(cluster.copy().replace('["in"]', '["absent", "in"]'))
        expect(job.end() == 1 and "no topic absent" in job.stderr(), job.stderr())
    job = Pipec('recv kafka("127.0.0.1:1", "in", "g") | sink stdout()')
    expect(job.end(40) == 1 and "cannot reach 127.0.0.1:1" in job.stderr() and "refused" in job.stderr(), job.stderr())


def x2_secrets_stay_secret():
    """faults X2 a password is in no message, at any level of librdkafka's log"""
    canary = "Canary-5e1f"
    text = ('recv kafka("127.0.0.1:1", "in", "g", properties: {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", '
            '"sasl.username": "u", "sasl.password": env("SECRET"), "debug": "all"})\n| sink stdout()')
    job = Pipec(text, environment={"SECRET": canary})
    expect(job.end(40) == 1, job.stderr())
    expect(canary not in job.stderr(), "the password was printed")


TESTS = [value for name, value in sorted(globals().items()) if name[0] in "kpqlx" and name[1:2].isdigit()]
TESTS += [commit_errors_that_pass(name, code) for name, code in
          (("rebalance_in_progress", REBALANCE_IN_PROGRESS), ("coordinator_loading", COORDINATOR_LOADING),
           ("not_coordinator", NOT_COORDINATOR), ("request_timed_out", REQUEST_TIMED_OUT), ("disconnected", TRANSPORT),
           ("illegal_generation", ILLEGAL_GENERATION), ("unknown_member", UNKNOWN_MEMBER))]
if __name__ == "__main__":
    run(TESTS, "kafka.mock", at_once=8)  # most of the time the mock waits for a group to form
