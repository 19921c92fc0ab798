#!/usr/bin/env python3
"""Tier 2, the network and the broker: a broker that stands still or goes away, a network that swallows everything, replies that
never come. The consumer and the producer reach the broker through proxies (proxy.py) of their own.
"""

import signal
import time

import cluster
import rdkafka
from cluster import Watch, all_positions, copy, delivered, done, ends, judge, kafka, once, positions, produce, topics
from harness import Pipec, expect, wait_for
from proxy import Proxy

# Short, so that a hang is detected within the time of a test.
IMPATIENT = ', "socket.timeout.ms": 2000, "metadata.max.age.ms": 2000'
SINK = ', properties: {"socket.timeout.ms": 2000}'


class Proxied:
    """A pipeline that reads through one proxy and writes through another, and a Watch that goes straight to the broker."""

    def __init__(self, exactly_once=False, records=4_000, interval="100ms", recv="", options=()):
        self.source, self.target = topics("in", "out")
        self.ports = kafka().proxies.pop(), kafka().proxies.pop()
        self.reading, self.writing = (Proxy(*ports) for ports in self.ports)
        # One transaction has one cluster, by name: there the sink takes the same way as the source.
        sink = (once(True) if exactly_once else f', brokers: "{self.writing.bootstrap}"') + SINK
        self.text = copy(self.source, self.target, recv=recv, sink=sink, at=self.reading.bootstrap, properties=IMPATIENT)
        self.exactly_once = exactly_once
        self.total = records
        produce(self.source, records)
        self.job = Pipec(self.text, "--deadline", "4s", *options, interval=interval)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.job.alive():
            self.job.kill()
        for proxy in (self.reading, self.writing):
            proxy.close()
        kafka().proxies.extend(self.ports)

    def more(self, count=4_000, size=20):
        produce(self.source, count, first=self.total, size=size)
        self.total += count

    def committed(self, seconds=60):
        wait_for(done(self.source, self.total), seconds, f"the commit of {self.total}; at {positions(self.source)}; " + self.job.stderr())
        expect(positions(self.source) == all_positions(self.total), positions(self.source))

    def good(self):
        expect(self.job.stop() == 0, self.job.stderr())
        got = delivered(self.target)
        judge(self.total, got, self.exactly_once)
        return len(got) - self.total


def fault_k7_a_lost_commit_reply():
    """fault K7 the reply to a commit never comes: it is repeated, and the positions are right"""
    with Proxied() as run:
        run.committed()
        run.reading.lose(rdkafka.OFFSET_COMMIT, 2)
        run.more()
        wait_for(lambda: run.reading.lost.get(rdkafka.OFFSET_COMMIT, 0) == 2, 60, "the losses; " + run.job.stderr())
        run.more()
        run.committed()
        run.good()


def fault_p3_a_lost_produce_reply():
    """fault P3 acknowledgements that never come: the idempotent producer sends again and nothing is doubled"""
    with Proxied() as run:
        run.committed()
        run.writing.lose(rdkafka.PRODUCE, 3)
        run.more()
        wait_for(lambda: run.writing.lost.get(rdkafka.PRODUCE, 0) == 3, 60, "the losses; " + run.job.stderr())
        run.more()
        run.committed()
        expect(run.good() == 0, "records came twice")


def fault_p8_a_lost_commit_of_a_transaction():
    """fault P8, K6 the reply to commit_transaction never comes: pipec does not guess, and each record is delivered once"""
    with Proxied(exactly_once=True) as run:
        run.committed()
        run.reading.lose(rdkafka.END_TXN, 2)
        run.more()
        wait_for(lambda: run.reading.lost.get(rdkafka.END_TXN, 0) == 2, 90, "the losses; " + run.job.stderr())
        run.more()
        run.committed(120)
        expect(run.good() == 0, "records came twice")


def fault_p8_killed_without_knowing():
    """fault P8 killed while the outcome of a commit is not known: the next run knows it"""
    with Proxied(exactly_once=True) as run:
        run.committed()
        run.reading.lose(rdkafka.END_TXN, 1000)
        run.more()
        wait_for(lambda: run.reading.lost.get(rdkafka.END_TXN, 0) > 0, 90, "a loss; " + run.job.stderr())
        run.job.kill()
        run.reading.lose(rdkafka.END_TXN, 0)
        run.job = Pipec(run.text, directory=run.job.directory)
        run.more()
        run.committed(120)
        expect(run.good() == 0, "records came twice")


def fault_k10_blackhole():
    """fault K10 a network that swallows everything, without an end or a reset: the run waits, resumes afterwards, and loses nothing"""
    with Proxied() as run:
        run.committed()
        made = len(run.reading.connections)
        for proxy in (run.reading, run.writing):
            proxy.blackhole()
        run.more()
        before = run.reading.seen.copy()
        kept = positions(run.source)
        # The client has abandoned requests and opened new connections, which are swallowed too.
        wait_for(lambda: len(run.reading.connections) >= made + 2, 90, "it to notice; " + run.job.stderr())
        expect(run.job.alive() and positions(run.source) == kept and run.reading.seen == before, run.job.stderr())
        for proxy in (run.reading, run.writing):
            proxy.blackhole(False)
        run.committed(90)
        run.good()


def fault_k10_stopped_in_a_blackhole():
    """fault K10, D10 SIGTERM in a blackhole: the run ends within its deadline, and the next one repeats what was not committed"""
    with Proxied() as run:
        run.committed()
        made = len(run.writing.connections)
        run.writing.blackhole()
        run.more()
        before = positions(run.source)
        wait_for(lambda: len(run.writing.connections) > made, 90, "it to notice; " + run.job.stderr())
        run.reading.blackhole()
        # 4 s to drain, and what leaving the group may take.
        expect(run.job.stop(35) == 1 and "error:" in run.job.stderr(), run.job.stderr())
        expect(positions(run.source) == before, "it has committed what was not written")
        for proxy in (run.reading, run.writing):
            proxy.blackhole(False)
        run.job = Pipec(run.text, directory=run.job.directory)
        run.committed(90)
        run.good()


def fault_k17_records_that_never_complete():
    """fault K17 nothing that is sent is acknowledged and much is waiting: no position moves, memory and what is fetched are bounded"""
    with Proxied(recv=', prefetch: 4MiB', options=("--budget", "4MiB")) as run:
        run.committed()
        kept = positions(run.source)
        run.writing.blackhole()
        run.more(80_000, size=1000)  # 80 MB
        wait_for(lambda: standing(lambda: run.reading.bytes), 90, "it to stall; " + run.job.stderr())
        expect(positions(run.source) == kept, "a position has moved")
        fetched = run.reading.bytes >> 20
        print(f"        {fetched} MiB fetched, {peak(run.job) >> 10} MiB resident at most", flush=True)
        expect(fetched < 40, f"{fetched} MiB were fetched of 80")
        expect(peak(run.job) >> 10 < 120, f"{peak(run.job) >> 10} MiB resident")
        run.writing.blackhole(False)
        run.committed(120)
        run.good()


def peak(job):
    """KiB resident at most so far."""
    with open(f"/proc/{job.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def standing(value):
    """Grows by next to nothing in a second of looking (heartbeats, empty answers)."""
    first = value()
    for _ in range(50):
        time.sleep(0.02)
        if value() - first > 50_000:
            return False
    return True


def fault_k10_connections_reset():
    """fault K10 all connections are reset repeatedly: nothing lost, order kept"""
    with Proxied() as run:
        watch = Watch(run.source, run.target, late=True)
        for _ in range(8):
            run.more(2_000)
            before = ends(run.target, "read_uncommitted")
            wait_for(lambda before=before: ends(run.target, "read_uncommitted") > before or done(run.source, run.total)(), 60, "work")
            run.reading.cut()
            run.writing.cut()
            watch.look()
        run.committed()
        watch.end()
        run.good()


def fault_k8_the_broker_stands_still():
    """fault K8 the broker is stopped for longer than the client's timeouts, and continued: the run continues, nothing is lost"""
    with Proxied() as run:
        run.committed()
        made = len(run.reading.connections)
        kafka().process.send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: len(run.reading.connections) >= made + 2, 90, "it to notice; " + run.job.stderr())
            expect(run.job.alive(), run.job.stderr())
        finally:
            kafka().process.send_signal(signal.SIGCONT)
        run.more()
        run.committed(90)
        run.good()


def fault_k8_the_broker_is_away():
    """fault K8 kill -9 of the broker under load, and back after 5 s: the run continues, nothing is lost"""
    with Proxied() as run:
        run.more(20_000)
        kafka().bounce()
        run.more()
        run.committed(120)
        run.good()


def fault_k8_stopped_while_the_broker_is_away():
    """fault K8, D10 SIGTERM with a dead broker: it ends within its deadline, the next run does the rest"""
    with Proxied() as run:
        run.more(20_000)
        kafka().stop(hard=True)
        status = run.job.stop(35)
        expect(status in (0, 1), f"status {status}: {run.job.stderr()}")
        kafka().start()
        run.more()
        run.job = Pipec(run.text, directory=run.job.directory)
        run.committed(120)
        run.good()


TESTS = [fault_k17_records_that_never_complete, fault_k7_a_lost_commit_reply, fault_p3_a_lost_produce_reply,
         fault_p8_a_lost_commit_of_a_transaction, fault_p8_killed_without_knowing, fault_k10_blackhole,
         fault_k10_stopped_in_a_blackhole, fault_k10_connections_reset]
ALONE = [fault_k8_the_broker_stands_still, fault_k8_the_broker_is_away, fault_k8_stopped_while_the_broker_is_away]
if __name__ == "__main__":
    cluster.main(TESTS, at_once=3, alone=ALONE, proxied=6)
