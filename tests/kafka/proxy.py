"""A TCP proxy on loopback between pipec and a broker that knows enough of Kafka's protocol to lose one kind of reply, and to damage
replies. A real broker needs a listener that is advertised at the proxy's port (Broker(proxied=...)); in the mock's replies the proxy puts
its own port in the place of the mock's (readvertise).
"""

import select
import socket
import struct
import threading
import time


class Connection:
    """One client's connection and the broker's end of it; a thread forwards the data."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.broker = socket.create_connection(("127.0.0.1", proxy.to_port))
        self.requests = {}  # correlation id -> API key, of what was not answered yet
        self.buffers = {self.client: b"", self.broker: b""}

    def run(self):
        try:
            while not self.proxy.closing:
                if self.proxy.hole.is_set():  # the kernel still acknowledges data, but the proxy does not read it
                    time.sleep(0.02)
                    continue
                for source in select.select([self.client, self.broker], [], [], 0.05)[0]:
                    data = source.recv(1 << 18)
                    if not data:
                        return
                    self.proxy.reads += 1
                    self.proxy.bytes += len(data)
                    self.move(source, data)
        except OSError:
            pass
        finally:
            self.close()

    def move(self, source, data):
        """Forwards only whole frames, so that one can be left out."""
        buffer, at, out = self.buffers[source] + data, 0, []
        while len(buffer) - at >= 4:
            size = struct.unpack_from(">i", buffer, at)[0]
            if len(buffer) - at < 4 + size:
                break
            frame = buffer[at:at + 4 + size]
            at += 4 + size
            if self.passes(source, frame):
                out.append(frame if source is self.client else self.proxy.altered(frame))
        self.buffers[source] = buffer[at:]
        if out:
            (self.broker if source is self.client else self.client).sendall(b"".join(out))

    def passes(self, source, frame):
        if source is self.client:
            key, _, correlation = struct.unpack_from(">hhi", frame, 4)
            self.requests[correlation] = key
            self.proxy.seen[key] = self.proxy.seen.get(key, 0) + 1
            return True
        key = self.requests.pop(struct.unpack_from(">i", frame, 4)[0], None)
        with self.proxy.lock:
            if self.proxy.losses.get(key, 0) > 0:
                self.proxy.losses[key] -= 1
                self.proxy.lost[key] = self.proxy.lost.get(key, 0) + 1
                return False
        return True

    def close(self):
        for end in (self.client, self.broker):
            end.close()


class Proxy:
    def __init__(self, port, to_port, readvertise=False):
        self.port, self.to_port = port, to_port
        self.bootstrap = f"127.0.0.1:{port}"
        self.lock = threading.Lock()
        self.losses, self.lost, self.seen = {}, {}, {}  # by API key: to lose, lost, requests seen
        self.reads = self.bytes = 0
        self.hole = threading.Event()
        self.address = b"127.0.0.1" + struct.pack(">i", to_port) if readvertise else None
        self.damage, self.damaged, self.handed_on = None, 0, 0  # a function of a frame; the replies that it changed, of how many
        self.closing = False
        self.connections = []
        self.server = socket.create_server(("127.0.0.1", port))
        self.server.settimeout(0.1)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while not self.closing:
            try:
                client, _ = self.server.accept()
            except OSError:  # no connection in time
                continue
            if self.closing:
                client.close()
                return
            client.settimeout(None)
            try:
                connection = Connection(self, client)
            except OSError:  # the broker is away
                client.close()
                continue
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def lose(self, api_key, count=1):
        """The next `count` replies of this kind never arrive; the connection stays."""
        with self.lock:
            self.losses[api_key] = count

    def altered(self, frame):
        """A reply as it is forwarded."""
        if self.address:
            frame = frame.replace(self.address, b"127.0.0.1" + struct.pack(">i", self.port))
        with self.lock:
            if not self.damage:
                return frame
            other = self.damage(frame)
            self.handed_on += 1
            self.damaged += other != frame
            return other

    def blackhole(self, on=True):
        """Nothing passes in either direction, silently: no reset, no end of stream."""
        (self.hole.set if on else self.hole.clear)()

    def waiting(self):
        """In a blackhole: whether a client has sent something that will not be read or answered."""
        return any(connection.requests or select.select([connection.client], [], [], 0)[0]
                   for connection in self.connections if connection.client.fileno() >= 0)

    def cut(self):
        """All connections end with a reset."""
        for connection in self.connections:
            for end in (connection.client, connection.broker):
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.closing = True
        self.hole.clear()
        self.thread.join()
        self.server.close()
        self.cut()
