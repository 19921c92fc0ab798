#!/usr/bin/env python3
"""Tier 2, three brokers: one that keeps the group and the output, two with the source's replicas. The leader dies with records that the other
does not have, and the other becomes leader all the same (unclean.leader.election.enable): the log is shorter than what was read of it.
"""

import cluster
import rdkafka
from broker import Broker
from cluster import bootstrap, copy, positions, produce
from harness import Pipec, expect, number_of, wait_for

HELD, LOST = 100, 50  # records that both have, and that only the leader has


def end_of(topic):
    try:
        return rdkafka.end_of(bootstrap(), topic, 0)
    except rdkafka.KafkaError:  # it has no leader
        return None


def unclean_election(source, leader, other):
    rdkafka.create_topic(bootstrap(), source, 1, {"unclean.leader.election.enable": "true"}, replicas=(2, 3))
    wait_for(lambda: end_of(source) == 0, 60, "the source's leader")
    produce(source, HELD, partitions=1)
    other.stop(hard=True)
    produce(source, LOST, first=HELD, partitions=1)
    rdkafka.create_topic(bootstrap(), "out", 1, replicas=(1,))
    job = Pipec(copy(source, "out", properties=', "topic.metadata.refresh.interval.ms": 500'))
    wait_for(lambda: positions(source, partitions=1) == {0: HELD + LOST}, 60, "the commit; " + job.stderr())
    leader.stop(hard=True)
    other.start()
    wait_for(lambda: end_of(source) == HELD, 120, "the election; " + job.stderr())
    expect(job.end(120) == 1, job.stderr())
    expect(f"{source}[0]: position {HELD + LOST} is past the end ({HELD})" in job.stderr(), job.stderr())
    expect(positions(source, partitions=1) == {0: HELD + LOST}, "the position moved")
    expect([number_of(record) for record in rdkafka.read_all(bootstrap(), "out")] == list(range(HELD + LOST)), "not every record once")


def fault_k13_shorter_than_what_was_read():
    """fault K13 an unclean election leaves less than was read: the run ends and names position and end; the position stays"""
    others = []
    try:
        rdkafka.committed(bootstrap(), "g", "none")  # the first broker, still alone, keeps the groups
        for number in (2, 3):
            others.append(Broker(node=number, joins=cluster.kafka()))
        unclean_election("in", *others)
    finally:
        for broker in others:
            broker.close()


TESTS = [fault_k13_shorter_than_what_was_read]
if __name__ == "__main__":
    cluster.main(TESTS)
