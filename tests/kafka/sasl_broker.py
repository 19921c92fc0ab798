"""A minimal Kafka broker that shows how a client logs in: it accepts the login and disconnects."""

import socket
import struct
import threading

HANDSHAKE, API_VERSIONS, AUTHENTICATE = 17, 18, 36


class SaslBroker:
    def __init__(self, mechanism):
        self.mechanism = mechanism.encode()
        self.logins = []  # the clients' authentication data, in order
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while True:
                size = stream.read(4)
                if len(size) < 4:
                    return
                request = stream.read(struct.unpack(">i", size)[0])
                api, version, number = struct.unpack(">hhi", request[:8])
                name = struct.unpack(">h", request[8:10])[0]
                body = request[10 + max(name, 0):]
                answer = self._answer(api, version, body)
                if answer is None:
                    return
                connection.sendall(struct.pack(">ii", 4 + len(answer), number) + answer)

    def _answer(self, api, version, body):
        if api == API_VERSIONS:
            known = [(0, 0, 7), (1, 0, 11), (3, 0, 4), (HANDSHAKE, 0, 1), (API_VERSIONS, 0, 3), (AUTHENTICATE, 0, 0)]
            entries = b"".join(struct.pack(">hhh", *each) + (b"\0" if version >= 3 else b"") for each in known)
            if version >= 3:
                return struct.pack(">hB", 0, len(known) + 1) + entries + b"\0\0\0\0\0"
            return struct.pack(">hi", 0, len(known)) + entries + (b"\0\0\0\0" if version >= 1 else b"")
        if api == HANDSHAKE:
            return struct.pack(">hih", 0, 1, len(self.mechanism)) + self.mechanism
        if api == AUTHENTICATE:
            self.logins.append(body[4:])
            return struct.pack(">hhi", 0, -1, 0)
        return None
