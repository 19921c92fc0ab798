"""A real Apache Kafka: one KRaft node, started and stopped by the tests. The jars come from Maven (pom.xml) into
$PIPEC_KAFKA_LIB, by default build/kafka/lib of the checkout; `./test --kafka` puts them there.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import rdkafka

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.environ.get("PIPEC_KAFKA_LIB") or os.path.join(HERE, "..", "..", "build", "kafka", "lib")
PROPERTIES = """
process.roles={roles}
node.id={node}
listeners={listeners}
advertised.listeners={advertised}
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
group.max.session.timeout.ms=300000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=200
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.01
log.retention.check.interval.ms=500
{more}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Broker:
    """`proxied`: how many listeners besides that are advertised at another port, for a proxy: proxies = [(port, where to)].
    `joins`: the broker in whose cluster it is, as number `node`.
    `sasl`: {name: password} of a listener that wants one, by PLAIN or SCRAM-SHA-256; by OAUTHBEARER it takes any unsigned token.
    `more`: broker properties.
    """

    def __init__(self, tls_keystore=None, proxied=0, sasl=None, more="", node=1, joins=None):
        self.directory = tempfile.mkdtemp(prefix="kafka-")
        self.port = free_port()
        self.controller = joins.controller if joins else free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        protocols = {"CONTROLLER": "PLAINTEXT", "PLAINTEXT": "PLAINTEXT"}
        listeners = {"PLAINTEXT": self.port}
        advertised = {}
        users = []
        if tls_keystore:
            protocols["TLS"], listeners["TLS"] = "SSL", free_port()
            more += f"\nlistener.name.tls.ssl.keystore.type=PEM\nlistener.name.tls.ssl.keystore.location={tls_keystore}\n"
            self.tls = f"127.0.0.1:{listeners['TLS']}"
        if sasl:
            protocols["SASL"], listeners["SASL"] = "SASL_PLAINTEXT", free_port()
            self.sasl = f"127.0.0.1:{listeners['SASL']}"
            plain = " ".join(f'user_{name}="{password}"' for name, password in sasl.items())
            jaas = "sasl.jaas.config=org.apache.kafka.common.security"
            more += ("\nlistener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,OAUTHBEARER\n"
                     f"listener.name.sasl.plain.{jaas}.plain.PlainLoginModule required {plain};\n"
                     f"listener.name.sasl.scram-sha-256.{jaas}.scram.ScramLoginModule required;\n"
                     f"listener.name.sasl.oauthbearer.{jaas}.oauthbearer.OAuthBearerLoginModule required "
                     'unsecuredLoginStringClaim_sub="broker";\n')
            for name, password in sasl.items():
                users += ["--add-scram", f"SCRAM-SHA-256=[name={name},password={password}]"]
        self.proxies = []
        for number in range(proxied):
            name = f"PROXIED{number}"
            protocols[name], listeners[name], advertised[name] = "PLAINTEXT", free_port(), free_port()
            self.proxies.append((advertised[name], listeners[name]))
        self.config = os.path.join(self.directory, "server.properties")
        with open(self.config, "w", encoding="utf-8") as out:
            urls = lambda ports: ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())  # noqa: E731
            own = {} if joins else {"CONTROLLER": self.controller}
            out.write(PROPERTIES.format(roles="broker" if joins else "broker,controller", node=node, controller=self.controller,
                                        listeners=urls({**listeners, **own}), advertised=urls({**listeners, **advertised}),
                                        protocols=",".join(f"{name}:{kind}" for name, kind in protocols.items()),
                                        data=os.path.join(self.directory, "data"), more=more))
        with open(os.path.join(self.directory, "log4j.properties"), "w", encoding="utf-8") as out:
            out.write("log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
                      "log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%d %p %m%n\n")
        subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c", self.config, *users),
                       check=True, capture_output=True)
        self.process = None
        self.start()

    def _java(self, *arguments):
        classes = os.path.join(os.path.abspath(LIB), "*")
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j.configuration=file:{self.directory}/log4j.properties", "-cp", classes, *arguments]

    def start(self, seconds=180):
        until = time.monotonic() + seconds
        while True:
            # After kill -9 its old registration has to run out first; it may end over that.
            if self.process is None or self.process.poll() is not None:
                with open(os.path.join(self.directory, "broker.log"), "ab") as log:
                    self.process = subprocess.Popen(self._java("kafka.Kafka", self.config), stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=log, preexec_fn=die_with_parent)
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            if time.monotonic() > until:
                with open(os.path.join(self.directory, "broker.log"), encoding="utf-8") as log:
                    raise RuntimeError("the broker did not start:\n" + log.read()[-3000:])
            time.sleep(0.2)
        while True:  # it answers before it is ready
            try:
                rdkafka.create_topic(self.bootstrap, f"ready-{time.monotonic_ns()}", seconds=5)
                return
            except rdkafka.KafkaError:
                if time.monotonic() > until:
                    raise

    def stop(self, hard=False):
        if self.process:
            self.process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def bounce(self):
        self.stop(hard=True)
        self.start()

    def close(self):
        self.stop(hard=True)
        shutil.rmtree(self.directory, ignore_errors=True)
