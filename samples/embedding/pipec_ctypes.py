#!/usr/bin/env python3
"""Runs a pipeline from Python with ctypes: pushes JSON lines, takes the filtered ones, and shows a compile error.

usage: pipec_ctypes.py [LIBPIPEC.SO]
"""

import ctypes
import json
import sys
import threading

OK, TIMEOUT, END = 0, 1, 2
FOREVER = -1


class Diagnostic(ctypes.Structure):
    _fields_ = [("code", ctypes.c_char_p), ("message", ctypes.c_char_p), ("file", ctypes.c_char_p),
                ("line", ctypes.c_uint32), ("column", ctypes.c_uint32)]


class ErrorStruct(ctypes.Structure):
    _fields_ = [("result", ctypes.c_int), ("code", ctypes.c_char_p), ("message", ctypes.c_char_p), ("node", ctypes.c_char_p),
                ("where", ctypes.c_char_p), ("line", ctypes.c_uint32), ("column", ctypes.c_uint32),
                ("diagnostics", ctypes.POINTER(Diagnostic)), ("diagnostic_count", ctypes.c_size_t)]


class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_void_p), ("value_size", ctypes.c_size_t)]


class Record(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("payload", ctypes.c_void_p), ("payload_size", ctypes.c_size_t),
                ("key", ctypes.c_void_p), ("key_size", ctypes.c_size_t), ("headers", ctypes.POINTER(Header)),
                ("header_count", ctypes.c_size_t), ("has_timestamp", ctypes.c_int), ("timestamp", ctypes.c_int64),
                ("number", ctypes.c_uint64)]


class PipecError(Exception):
    def __init__(self, error):
        super().__init__(error.message.decode())
        self.code, self.where = error.code.decode(), error.where.decode()
        self.diagnostics = [(each.code.decode(), each.line, each.column, each.message.decode())
                            for each in error.diagnostics[:error.diagnostic_count]]


class Pipeline:
    """One run of a text. with Pipeline(name, text) as pipeline: ..."""

    def __init__(self, library, name, text):
        self._library = library
        self._handle = ctypes.c_void_p()
        text = text.encode()
        self._call("open", name.encode(), text, ctypes.c_size_t(len(text)), None, ctypes.byref(self._handle))
        self._call("start", self._handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._call("close", self._handle)

    def push(self, channel, payload, timeout_ms=FOREVER):
        """Returns the record's position, or None if the channel is full or the run is over."""
        record = Record(struct_size=ctypes.sizeof(Record), payload_size=len(payload),
                        payload=ctypes.cast(ctypes.c_char_p(payload), ctypes.c_void_p))
        position = ctypes.c_uint64()
        result = self._call("push", self._handle, channel.encode(), ctypes.byref(record), ctypes.c_int64(timeout_ms),
                            ctypes.byref(position))
        return position.value if result == OK else None

    def end(self, channel):
        self._call("end", self._handle, channel.encode())

    def take(self, channel):
        """Yields the payloads. Each is released when the caller asks for the next one."""
        record = ctypes.POINTER(Record)()
        while self._call("take", self._handle, channel.encode(), ctypes.c_int64(FOREVER), ctypes.byref(record)) == OK:
            yield ctypes.string_at(record.contents.payload, record.contents.payload_size)
            self._call("release", self._handle, channel.encode(), ctypes.c_uint64(record.contents.number))

    def wait(self):
        self._call("wait", self._handle, ctypes.c_int64(FOREVER))

    def status(self):
        text = ctypes.c_void_p()
        self._call("status", self._handle, ctypes.byref(text))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            self._library.pipec_free(text)

    def _call(self, name, *arguments):
        error = ctypes.POINTER(ErrorStruct)()
        result = getattr(self._library, "pipec_" + name)(*arguments, ctypes.byref(error))
        if result >= 0:
            return result
        if not error:
            raise MemoryError
        try:
            raise PipecError(error.contents)
        finally:
            self._library.pipec_error_free(error)


ERRORS = """
recv memory("lines")
  | parse json
  | filter .status >= 500
  | transform { .path = lower(.path) }
  | sink memory("errors")
"""


def main():
    library = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else "libpipec.so.1")
    if library.pipec_c_version() // 1000 != 1:
        sys.exit("this program needs version 1 of the C interface")

    lines = [json.dumps({"status": 200 + 100 * (i % 4), "path": f"/Orders/{i}"}).encode() for i in range(12)]
    with Pipeline(library, "errors.pipe", ERRORS) as pipeline:

        def push():
            for line in lines:
                pipeline.push("lines", line)
            pipeline.end("lines")

        pusher = threading.Thread(target=push)
        pusher.start()
        for payload in pipeline.take("errors"):
            print(payload.decode())
        pusher.join()
        pipeline.wait()
        status = pipeline.status()
        print(f"{status['state']}: {status['records_in']} in, {status['records_out']} out, "
              f"{status['channels'][1]['committed']} committed")

    try:
        Pipeline(library, "wrong.pipe", 'recv memory("in") | filter lowr(.a) == "x" | sink memory("out")\n')
    except PipecError as error:
        print(f"{error.code} at {error.where}:\n{error}", end="")


if __name__ == "__main__":
    main()
