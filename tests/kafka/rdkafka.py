"""librdkafka through ctypes: a producer, a consumer, topics and the mock cluster for the tests, so that what judges pipec
is another program than pipec and needs no Python package."""

import ctypes as c
import time

lib = c.CDLL("librdkafka.so.1")
NO_ERROR, MSG_V_END, UNKNOWN_PARTITION = 0, 0, -190
OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID = -2, -1, -1001
BETWEEN = (14, 15, 16)  # the coordinator is changing
PRODUCE, FETCH, OFFSET_COMMIT, JOIN_GROUP, HEARTBEAT, END_TXN = 0, 1, 8, 11, 12, 26


class Message(c.Structure):
    _fields_ = [("err", c.c_int), ("rkt", c.c_void_p), ("partition", c.c_int32), ("payload", c.c_void_p),
                ("len", c.c_size_t), ("key", c.c_void_p), ("key_len", c.c_size_t), ("offset", c.c_int64),
                ("private", c.c_void_p)]


class TopicPartition(c.Structure):
    _fields_ = [("topic", c.c_char_p), ("partition", c.c_int32), ("offset", c.c_int64), ("metadata", c.c_void_p),
                ("metadata_size", c.c_size_t), ("opaque", c.c_void_p), ("err", c.c_int), ("private", c.c_void_p)]


class PartitionList(c.Structure):
    _fields_ = [("cnt", c.c_int), ("size", c.c_int), ("elems", c.POINTER(TopicPartition))]


DR_CB = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Message), c.c_void_p)
LOG_CB = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_char_p)


def _declare(name, result, *arguments):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


P, S, I32, I64, INT, SIZE = c.c_void_p, c.c_char_p, c.c_int32, c.c_int64, c.c_int, c.c_size_t
LIST = c.POINTER(PartitionList)
for _name, _result, *_arguments in [
    ("rd_kafka_conf_new", P), ("rd_kafka_conf_set", INT, P, S, S, S, SIZE), ("rd_kafka_new", P, INT, P, S, SIZE),
    ("rd_kafka_destroy", None, P), ("rd_kafka_err2str", S, INT), ("rd_kafka_poll", INT, P, INT),
    ("rd_kafka_flush", INT, P, INT), ("rd_kafka_conf_set_dr_msg_cb", None, P, DR_CB),
    ("rd_kafka_conf_set_log_cb", None, P, LOG_CB),
    ("rd_kafka_topic_new", P, P, S, P), ("rd_kafka_topic_destroy", None, P), ("rd_kafka_topic_name", S, P),
    ("rd_kafka_topic_partition_list_new", LIST, INT), ("rd_kafka_topic_partition_list_destroy", None, LIST),
    ("rd_kafka_topic_partition_list_add", c.POINTER(TopicPartition), LIST, S, I32),
    ("rd_kafka_assign", INT, P, LIST), ("rd_kafka_consumer_poll", c.POINTER(Message), P, INT),
    ("rd_kafka_poll_set_consumer", INT, P), ("rd_kafka_message_destroy", None, c.POINTER(Message)),
    ("rd_kafka_consumer_close", INT, P), ("rd_kafka_committed", INT, P, LIST, INT),
    ("rd_kafka_commit", INT, P, LIST, INT),
    ("rd_kafka_offsets_for_times", INT, P, LIST, INT),
    ("rd_kafka_metadata", INT, P, INT, P, c.POINTER(P), INT), ("rd_kafka_metadata_destroy", None, P),
    ("rd_kafka_message_headers", INT, c.POINTER(Message), c.POINTER(P)),
    ("rd_kafka_header_get_all", INT, P, SIZE, c.POINTER(S), c.POINTER(P), c.POINTER(SIZE)),
    ("rd_kafka_message_timestamp", I64, c.POINTER(Message), c.POINTER(INT)),
    ("rd_kafka_init_transactions", P, P, INT), ("rd_kafka_begin_transaction", P, P),
    ("rd_kafka_commit_transaction", P, P, INT), ("rd_kafka_abort_transaction", P, P, INT),
    ("rd_kafka_error_string", S, P), ("rd_kafka_error_destroy", None, P),
    ("rd_kafka_headers_new", P, SIZE), ("rd_kafka_header_add", INT, P, S, c.c_ssize_t, P, c.c_ssize_t),
    ("rd_kafka_NewTopic_new", P, S, INT, INT, S, SIZE), ("rd_kafka_NewTopic_set_config", INT, P, S, S),
    ("rd_kafka_NewTopic_set_replica_assignment", INT, P, I32, c.POINTER(I32), SIZE, S, SIZE), ("rd_kafka_NewTopic_destroy", None, P), ("rd_kafka_queue_new", P, P), ("rd_kafka_queue_destroy", None, P),
    ("rd_kafka_CreateTopics", None, P, c.POINTER(P), SIZE, P, P), ("rd_kafka_queue_poll", P, P, INT),
    ("rd_kafka_event_destroy", None, P), ("rd_kafka_event_error", INT, P), ("rd_kafka_event_error_string", S, P),
    ("rd_kafka_event_CreateTopics_result", P, P), ("rd_kafka_CreateTopics_result_topics", c.POINTER(P), P, c.POINTER(SIZE)),
    ("rd_kafka_topic_result_error", INT, P), ("rd_kafka_topic_result_error_string", S, P),
    ("rd_kafka_NewPartitions_new", P, S, SIZE, S, SIZE), ("rd_kafka_NewPartitions_destroy", None, P),
    ("rd_kafka_CreatePartitions", None, P, c.POINTER(P), SIZE, P, P),
    ("rd_kafka_DeleteTopic_new", P, S), ("rd_kafka_DeleteTopic_destroy", None, P),
    ("rd_kafka_DeleteTopics", None, P, c.POINTER(P), SIZE, P, P),
    ("rd_kafka_DeleteRecords_new", P, LIST), ("rd_kafka_DeleteRecords_destroy", None, P),
    ("rd_kafka_DeleteRecords", None, P, c.POINTER(P), SIZE, P, P),
    ("rd_kafka_mock_cluster_new", P, P, INT), ("rd_kafka_mock_cluster_destroy", None, P),
    ("rd_kafka_mock_cluster_bootstraps", S, P), ("rd_kafka_mock_topic_create", INT, P, S, INT, INT),
    ("rd_kafka_mock_push_request_errors_array", None, P, c.c_int16, SIZE, c.POINTER(INT)),
    ("rd_kafka_mock_clear_request_errors", None, P, c.c_int16),
    ("rd_kafka_mock_broker_set_down", INT, P, I32), ("rd_kafka_mock_broker_set_up", INT, P, I32),
    ("rd_kafka_mock_broker_set_rtt", INT, P, I32, INT),
    ("rd_kafka_mock_partition_set_leader", INT, P, S, INT, I32),
    ("rd_kafka_mock_coordinator_set", INT, P, S, S, I32),
]:
    _declare(_name, _result, *_arguments)


class Vu(c.Structure):
    class _U(c.Union):
        class _Mem(c.Structure):
            _fields_ = [("ptr", P), ("size", SIZE)]
        _fields_ = [("cstr", S), ("i", INT), ("i32", I32), ("i64", I64), ("mem", _Mem), ("ptr", P), ("pad", c.c_char * 64)]
    _fields_ = [("vtype", INT), ("u", _U)]


lib.rd_kafka_produceva.restype, lib.rd_kafka_produceva.argtypes = P, [P, c.POINTER(Vu), SIZE]
TOPIC, PARTITION, VALUE, KEY, OPAQUE, MSGFLAGS, TIMESTAMP, HEADERS = 1, 3, 4, 5, 6, 7, 8, 10
_silent = LOG_CB(lambda *_: None)


class KafkaError(Exception):
    pass


def check(code):
    if code != NO_ERROR:
        raise KafkaError(lib.rd_kafka_err2str(code).decode())


def check_error(pointer):
    if pointer:
        text = lib.rd_kafka_error_string(pointer).decode()
        lib.rd_kafka_error_destroy(pointer)
        raise KafkaError(text)


def make(kind, properties, on_report=None):
    conf, text = lib.rd_kafka_conf_new(), c.create_string_buffer(512)
    for name, value in properties.items():
        if lib.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), text, 512) != 0:
            raise KafkaError(text.value.decode())
    lib.rd_kafka_conf_set_log_cb(conf, _silent)
    if on_report:
        lib.rd_kafka_conf_set_dr_msg_cb(conf, on_report)
    client = lib.rd_kafka_new(kind, conf, text, 512)
    if not client:
        raise KafkaError(text.value.decode())
    return client


class Mock:
    """A cluster inside this process."""

    def __init__(self, brokers=1):
        self.client = make(0, {"client.id": "mock"})
        self.cluster = lib.rd_kafka_mock_cluster_new(self.client, brokers)
        self.bootstrap = lib.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def topic(self, name, partitions=1, replicas=1):
        check(lib.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, replicas))

    def errors(self, api, *codes):
        lib.rd_kafka_mock_push_request_errors_array(self.cluster, api, len(codes), (INT * len(codes))(*codes))

    def clear(self, api):
        lib.rd_kafka_mock_clear_request_errors(self.cluster, api)

    def down(self, broker=1):
        check(lib.rd_kafka_mock_broker_set_down(self.cluster, broker))

    def up(self, broker=1):
        check(lib.rd_kafka_mock_broker_set_up(self.cluster, broker))

    def latency(self, milliseconds, broker=1):
        check(lib.rd_kafka_mock_broker_set_rtt(self.cluster, broker, milliseconds))

    def leader(self, topic, partition, broker):
        check(lib.rd_kafka_mock_partition_set_leader(self.cluster, topic.encode(), partition, broker))

    def coordinator(self, group, broker):
        check(lib.rd_kafka_mock_coordinator_set(self.cluster, b"group", group.encode(), broker))

    def close(self):
        lib.rd_kafka_mock_cluster_destroy(self.cluster)
        lib.rd_kafka_destroy(self.client)


class Producer:
    def __init__(self, bootstrap, **properties):
        self.failed = []

        def report(_client, message, _opaque):
            if message.contents.err:
                self.failed.append(lib.rd_kafka_err2str(message.contents.err).decode())
        self._report = DR_CB(report)
        # One request at a time: otherwise later records overtake the first ones for a new topic, which its leader rejects at
        # first.
        settings = {"bootstrap.servers": bootstrap, "max.in.flight": 1, "linger.ms": 5, "partitioner": "murmur2_random",
                    "queue.buffering.max.messages": 1000000}
        settings.update({name.replace("_", "."): value for name, value in properties.items()})
        self.client = make(0, settings, self._report)
        self.transactional = "transactional.id" in settings
        if self.transactional:
            check_error(lib.rd_kafka_init_transactions(self.client, 30000))

    def send(self, topic, value, key=None, partition=-1, headers=None, timestamp=None):
        fields, keep = [], []

        def add(kind, name, content):
            field = Vu(kind)
            setattr(field.u, name, content)
            fields.append(field)

        def memory(content):
            if content is None:
                return Vu._U._Mem(None, 0)
            buffer = c.create_string_buffer(content, max(len(content), 1))
            keep.append(buffer)
            return Vu._U._Mem(c.cast(buffer, P), len(content))
        add(TOPIC, "cstr", topic.encode())
        add(PARTITION, "i32", partition)
        add(MSGFLAGS, "i", 2)
        add(VALUE, "mem", memory(value))
        add(KEY, "mem", memory(key))
        if timestamp is not None:
            add(TIMESTAMP, "i64", timestamp)
        if headers:
            all_headers = lib.rd_kafka_headers_new(len(headers))
            for name, content in headers:
                lib.rd_kafka_header_add(all_headers, name.encode(), -1, content, -1 if content is None else len(content))
            add(HEADERS, "ptr", all_headers)
        for _ in range(10000):
            error = lib.rd_kafka_produceva(self.client, (Vu * len(fields))(*fields), len(fields))
            if not error:
                return
            text = lib.rd_kafka_error_string(error).decode()
            lib.rd_kafka_error_destroy(error)
            if "ull" not in text:
                raise KafkaError(text)
            lib.rd_kafka_poll(self.client, 10)
        raise KafkaError("the queue stays full")

    def flush(self):
        check(lib.rd_kafka_flush(self.client, 60000))
        if self.failed:
            raise KafkaError(self.failed[0])

    def begin(self):
        check_error(lib.rd_kafka_begin_transaction(self.client))

    def commit(self):
        check_error(lib.rd_kafka_commit_transaction(self.client, 30000))

    def abort(self):
        check_error(lib.rd_kafka_abort_transaction(self.client, 30000))

    def close(self):
        lib.rd_kafka_flush(self.client, 10000)
        lib.rd_kafka_destroy(self.client)


def _copy(pointer, size):
    return None if not pointer else c.string_at(pointer, size)


class Record:
    def __init__(self, message):
        m = message.contents
        self.topic = lib.rd_kafka_topic_name(m.rkt).decode()
        self.partition, self.offset = m.partition, m.offset
        self.value, self.key = _copy(m.payload, m.len), _copy(m.key, m.key_len)
        kind = INT()
        self.timestamp = lib.rd_kafka_message_timestamp(message, c.byref(kind))
        self.headers = []
        headers = P()
        if lib.rd_kafka_message_headers(message, c.byref(headers)) == NO_ERROR:
            name, value, size, at = S(), P(), SIZE(), 0
            while lib.rd_kafka_header_get_all(headers, at, c.byref(name), c.byref(value), c.byref(size)) == 0:
                self.headers.append((name.value.decode(), _copy(value.value, size.value)))
                at += 1


def partition_list(items):
    made = lib.rd_kafka_topic_partition_list_new(len(items))
    for topic, partition, offset in items:
        lib.rd_kafka_topic_partition_list_add(made, topic.encode(), partition).contents.offset = offset
    return made


class Ends:
    """Asks for the ends of partitions, again and again: as read_committed where the first open transaction begins."""

    def __init__(self, bootstrap, **properties):
        self.client = make(1, {"bootstrap.servers": bootstrap, "group.id": "ends", **properties})

    def ask(self, topic, partition):
        """Not rd_kafka_query_watermark_offsets(): that waits without an end for a leader that refuses connections."""
        until = time.monotonic() + 10
        while True:
            asked = partition_list([(topic, partition, OFFSET_END)])
            try:
                code = lib.rd_kafka_offsets_for_times(self.client, asked, 30000) or asked.contents.elems[0].err
                offset = asked.contents.elems[0].offset
            finally:
                lib.rd_kafka_topic_partition_list_destroy(asked)
            if code not in (UNKNOWN_PARTITION, 3, 5, 6) or time.monotonic() > until:  # a client hears late of a new topic and its leaders
                check(code)
                return offset
            metadata = P()
            if lib.rd_kafka_metadata(self.client, 1, None, c.byref(metadata), 10000) == NO_ERROR:
                lib.rd_kafka_metadata_destroy(metadata)

    def close(self):
        lib.rd_kafka_destroy(self.client)


def end_of(bootstrap, topic, partition, **properties):
    asked = Ends(bootstrap, **properties)
    try:
        return asked.ask(topic, partition)
    finally:
        asked.close()


def read_all(bootstrap, topic, partitions=1, isolation="read_committed", deadline=60, **properties):
    """Every record from the beginning to the end as it is now, per partition in order."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "judge", "enable.auto.commit": "false",
                "enable.partition.eof": "true", "isolation.level": isolation, "auto.offset.reset": "error",
                "queued.min.messages": 1000000, **properties}
    client = make(1, settings)
    lib.rd_kafka_poll_set_consumer(client)
    wanted = partition_list([(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
    check(lib.rd_kafka_assign(client, wanted))
    lib.rd_kafka_topic_partition_list_destroy(wanted)
    found, ended, until = [], set(), time.monotonic() + deadline
    while len(ended) < partitions:
        if time.monotonic() > until:
            raise KafkaError(f"reading {topic} takes too long")
        message = lib.rd_kafka_consumer_poll(client, 200)
        if not message:
            continue
        if message.contents.err == -191:  # the end
            ended.add(message.contents.partition)
        elif message.contents.err == NO_ERROR:
            found.append(Record(message))
        lib.rd_kafka_message_destroy(message)
    lib.rd_kafka_consumer_close(client)
    lib.rd_kafka_destroy(client)
    return found


def committed(bootstrap, group, topic, partitions=1, **properties):
    """{partition: offset} of those that have one."""
    client = make(1, {"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": "read_committed", **properties})
    wanted = partition_list([(topic, number, OFFSET_INVALID) for number in range(partitions)])
    until = time.monotonic() + 150
    try:
        while (code := lib.rd_kafka_committed(client, wanted, 150000)) in BETWEEN and time.monotonic() < until:
            time.sleep(0.05)
        check(code)  # an open transaction may have held it back
        return {wanted.contents.elems[i].partition: wanted.contents.elems[i].offset for i in range(partitions)
                if wanted.contents.elems[i].offset >= 0}
    finally:
        lib.rd_kafka_topic_partition_list_destroy(wanted)
        lib.rd_kafka_destroy(client)


class Follower:
    """Keeps reading a topic, so that its contents can be checked repeatedly without starting from its beginning."""

    def __init__(self, bootstrap, topic, partitions, isolation="read_committed"):
        self.topic = topic
        self.asked = Ends(bootstrap, **{"isolation.level": isolation})
        self.client = make(1, {"bootstrap.servers": bootstrap, "group.id": "follower", "enable.auto.commit": "false",
                               "enable.partition.eof": "true", "isolation.level": isolation, "auto.offset.reset": "error",
                               "queued.min.messages": 1000000, "fetch.wait.max.ms": 20})
        lib.rd_kafka_poll_set_consumer(self.client)
        wanted = partition_list([(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        check(lib.rd_kafka_assign(self.client, wanted))
        lib.rd_kafka_topic_partition_list_destroy(wanted)
        self.reached = [0] * partitions
        self.records = []  # (partition, value)

    def ends(self):
        """The end offsets for readers of this isolation level."""
        return [self.asked.ask(self.topic, number) for number in range(len(self.reached))]

    def read(self, deadline=60):
        """Reads everything up to the current end offsets; returns the records so far."""
        ends, until = self.ends(), time.monotonic() + deadline
        while any(at < end for at, end in zip(self.reached, ends)):
            message = lib.rd_kafka_consumer_poll(self.client, 100)
            if message:
                m = message.contents
                if m.err == NO_ERROR:
                    self.records.append((m.partition, _copy(m.payload, m.len)))
                    self.reached[m.partition] = m.offset + 1
                elif m.err == -191:  # the end, also after transaction markers
                    self.reached[m.partition] = max(self.reached[m.partition], m.offset)
                lib.rd_kafka_message_destroy(message)
            if time.monotonic() > until:
                raise KafkaError(f"reading {self.topic} takes too long: at {self.reached} of {ends}")
        return self.records

    def close(self):
        self.asked.close()
        lib.rd_kafka_consumer_close(self.client)
        lib.rd_kafka_destroy(self.client)


def admin(bootstrap, start, read=lambda _event: None, seconds=30, **properties):
    """start(client, queue) sends a request whose result comes into the queue; read(event) looks at what came."""
    client = make(0, {"bootstrap.servers": bootstrap, **properties})
    queue = lib.rd_kafka_queue_new(client)
    try:
        start(client, queue)
        event = lib.rd_kafka_queue_poll(queue, seconds * 1000)
        if not event:  # the request may have gone to a broker that has just died
            raise KafkaError(f"no answer in {seconds} s")
        try:
            check(lib.rd_kafka_event_error(event))
            read(event)
        finally:
            lib.rd_kafka_event_destroy(event)
    finally:
        lib.rd_kafka_queue_destroy(queue)
        lib.rd_kafka_destroy(client)


def create_topic(bootstrap, name, partitions=1, config=None, replicas=(), **properties):
    """`replicas`: the brokers that are to have it, the leader first."""
    topic = lib.rd_kafka_NewTopic_new(name.encode(), partitions, -1 if replicas else 1, None, 0)
    for partition in range(partitions if replicas else 0):
        check(lib.rd_kafka_NewTopic_set_replica_assignment(topic, partition, (I32 * len(replicas))(*replicas), len(replicas), None, 0))
    for key, value in (config or {}).items():
        lib.rd_kafka_NewTopic_set_config(topic, key.encode(), str(value).encode())

    def read(event):
        count = SIZE()
        results = lib.rd_kafka_CreateTopics_result_topics(lib.rd_kafka_event_CreateTopics_result(event), c.byref(count))
        check(lib.rd_kafka_topic_result_error(results[0]))
    try:
        admin(bootstrap, lambda client, queue: lib.rd_kafka_CreateTopics(client, (P * 1)(topic), 1, None, queue), read, **properties)
    finally:
        lib.rd_kafka_NewTopic_destroy(topic)


def delete_records(bootstrap, topic, partition, before):
    wanted = partition_list([(topic, partition, before)])
    request = lib.rd_kafka_DeleteRecords_new(wanted)
    admin(bootstrap, lambda client, queue: lib.rd_kafka_DeleteRecords(client, (P * 1)(request), 1, None, queue))
    lib.rd_kafka_DeleteRecords_destroy(request)
    lib.rd_kafka_topic_partition_list_destroy(wanted)


def delete_topic(bootstrap, topic):
    request = lib.rd_kafka_DeleteTopic_new(topic.encode())
    admin(bootstrap, lambda client, queue: lib.rd_kafka_DeleteTopics(client, (P * 1)(request), 1, None, queue))
    lib.rd_kafka_DeleteTopic_destroy(request)


def grow_topic(bootstrap, topic, partitions):
    request = lib.rd_kafka_NewPartitions_new(topic.encode(), partitions, None, 0)
    admin(bootstrap, lambda client, queue: lib.rd_kafka_CreatePartitions(client, (P * 1)(request), 1, None, queue))
    lib.rd_kafka_NewPartitions_destroy(request)
