"""What the tests against a real broker (tier 2) share: the broker, topics, a pipeline that copies, and where it is. Numbered
records: number n is in partition n % PARTITIONS (harness.fill). PIPEC_SEED replays a run's random choices.
"""

import os
import random
import threading
import time

import rdkafka
from broker import Broker
from harness import Failure, Oracle, expect, fill, number_of, run

SEED = int(os.environ.get("PIPEC_SEED", random.randrange(1 << 30)))
FAST = '"heartbeat.interval.ms": 200, "session.timeout.ms": 3000'
PARTITIONS = 4
KAFKA = None  # the broker that the tests of one file share
NAMES = iter(range(1 << 20))
ASKED = {}  # by isolation level


def kafka():
    return KAFKA


def bootstrap():
    return KAFKA.bootstrap


def create(name, partitions=PARTITIONS, config=None):
    """Waits until every partition has its leader. A broker that is short of CPU time drops out of its own cluster for a moment."""
    for _ in range(100):
        try:
            rdkafka.create_topic(KAFKA.bootstrap, name, partitions, config)
            ends(name, "read_uncommitted", partitions)
            return
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


def produce(topic, count, first=0, partitions=PARTITIONS, **more):
    fill(KAFKA.bootstrap, topic, count, partitions, first=first, **more)


def copy(source, target, group="g", recv="", sink="", stages="", dlq="", properties="", at=None):
    return (f'{dlq}\nrecv kafka(brokers: "{at or KAFKA.bootstrap}", topics: "{source}", group: "{group}-{source}"{recv}, '
            f'properties: {{{FAST}{properties}}})\n{stages}| sink kafka(topic: "{target}"{sink})\n')


def once(exactly_once):
    return ", exactly_once: true" if exactly_once else ""


def positions(source, group="g", partitions=PARTITIONS, stable=True):
    """`stable`: waits for the end of a transaction that holds positions; else what was committed before it."""
    isolation = "read_committed" if stable else "read_uncommitted"
    return rdkafka.committed(KAFKA.bootstrap, f"{group}-{source}", source, partitions, **{"isolation.level": isolation})


def ends(topic, isolation, partitions=PARTITIONS):
    if isolation not in ASKED:
        ASKED[isolation] = rdkafka.Ends(KAFKA.bootstrap, **{"isolation.level": isolation})
    return sum(ASKED[isolation].ask(topic, p) for p in range(partitions))


def delivered(target, partitions=PARTITIONS):
    """The numbers, with where they came from and went to: order holds for each such pair."""
    records = rdkafka.read_all(KAFKA.bootstrap, target, partitions)
    return [((number_of(r) % PARTITIONS, r.partition), number_of(r)) for r in records]


def below(partition, position):
    """The numbers that produce() put below a position."""
    return range(partition, position * PARTITIONS, PARTITIONS)


def done(source, count, partitions=PARTITIONS):
    return lambda: sum(positions(source, partitions=partitions).values()) >= count


def all_positions(count):
    return {p: count // PARTITIONS for p in range(PARTITIONS)}


class Watch:
    """I2, I5 and I6 while the faults happen: positions first, then what is out. A thread of its own, or step by step.
    `late`: a process that was stopped may still send what others have sent and committed. `committed` false: what was written
    counts as out, since readers of committed records wait for the transactions of all processes.
    """

    def __init__(self, source, target, dead=None, late=False, committed=True):
        self.source = source
        self.follower = rdkafka.Follower(KAFKA.bootstrap, target, PARTITIONS, "read_committed" if committed else "read_uncommitted")
        self.late = late
        self.dead = dead  # () -> numbers that were dead-lettered
        self.last, self.looks = {}, 0
        self.out, self.taken = set(), 0
        self.found = []
        self.ending = threading.Event()
        self.thread = None

    def look(self):
        now = positions(self.source, stable=False)
        records = self.follower.read()
        dead = set(self.dead()) if self.dead else set()
        fresh = [number_of_value(value) for _, value in records[self.taken:]]
        again = [n for n in fresh if not self.late and n // PARTITIONS < self.last.get(n % PARTITIONS, 0)]
        if again:  # written after the position was seen
            self.found.append(f"I5: {len(again)} records below the position came again, e.g. {again[:5]}")
        self.out.update(fresh)
        self.taken = len(records)
        self.looks += 1
        for partition, position in now.items():
            if position < self.last.get(partition, 0):
                self.found.append(f"I6: the position of partition {partition} went from {self.last[partition]} back to {position}")
            passed = range(partition + self.last.get(partition, 0) * PARTITIONS, position * PARTITIONS, PARTITIONS)
            lost = [n for n in passed if n not in self.out and n not in dead]
            if lost:
                self.found.append(f"I2: {len(lost)} records below the position {position} of partition {partition} are not out, "
                                  f"e.g. {lost[:5]}")
        self.last = now
        expect(not self.found, "; ".join(self.found[:3]))

    def start(self, every=0.2):
        def loop():
            while not self.ending.wait(every):
                try:
                    self.look()
                except rdkafka.KafkaError:
                    pass  # the broker is away
                except Failure:
                    return
        self.thread = threading.Thread(target=loop, daemon=True)
        self.thread.start()
        return self

    def end(self):
        """Reports violations found during the run; returns the delivered numbers, as delivered() does."""
        self.ending.set()
        if self.thread:
            self.thread.join()
        expect(not self.found, "; ".join(self.found[:3]))
        self.look()
        numbers = [(partition, number_of_value(value)) for partition, value in self.follower.records]
        self.follower.close()
        return [((number % PARTITIONS, partition), number) for partition, number in numbers]


def number_of_value(value):
    begin = value.index(b'"n":') + 4
    end = begin
    while value[end:end + 1].isdigit():
        end += 1
    return int(value[begin:end])


def judge(count, got, exactly_once=False, **more):
    Oracle(range(count), exactly_once).judge(got, **more)


def main(tests, at_once=1, alone=(), **broker):
    global KAFKA  # pylint: disable=global-statement
    print(f"seed {SEED}", flush=True)
    KAFKA = Broker(**broker)
    try:
        run(tests, at_once, alone)
    finally:
        for asked in ASKED.values():
            asked.close()
        KAFKA.close()
