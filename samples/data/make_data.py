#!/usr/bin/env python3
"""Makes the samples' data: a small web shop's requests, orders and an access log. Seeded: always the same bytes."""

import gzip
import json
import os
import random
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICES = ["shop", "search", "login", "cart", "images"]
PATHS = {
    "shop": ["/", "/item/17", "/item/204", "/sale"],
    "search": ["/search?q=kettle", "/search?q=red%20lamp", "/search?q="],
    "login": ["/login", "/logout"],
    "cart": ["/cart", "/cart/add", "/checkout"],
    "images": ["/img/kettle.jpg", "/img/lamp.png"],
}
STATUS = [200] * 14 + [204, 301, 304, 404, 404, 429, 500, 502, 503, 503]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/7.88.1", "Mozilla/5.0 (iPhone)", "shop-monitor/2"]


def address(rng):
    if rng.random() < 0.15:
        return f"2001:db8:{rng.randrange(65536):x}::{rng.randrange(1, 65536):x}"
    return f"{rng.choice(['192.0.2', '198.51.100', '203.0.113'])}.{rng.randrange(1, 255)}"


def requests(rng, count):
    second = 0
    for number in range(count):
        second += rng.randrange(0, 4)
        service = rng.choice(SERVICES)
        status = rng.choice(STATUS)
        yield {
            "time": f"2026-03-01T09:{second // 60:02d}:{second % 60:02d}Z",
            "id": 9007199254740993 + number * 1_000_003,  # beyond what a double holds
            "service": service,
            "method": "POST" if service in ("cart", "login") and rng.random() < 0.6 else "GET",
            "path": rng.choice(PATHS[service]),
            "status": status,
            "ms": round(rng.expovariate(1 / 40) + (400 if status >= 500 else 1), 2),
            "remote_ip": address(rng),
            "agent": rng.choice(AGENTS),
        }


def write_requests():
    rng = random.Random(20260301)
    lines = [json.dumps(r, separators=(",", ":"), ensure_ascii=False) for r in requests(rng, 240)]
    # Three lines as they come in real life: cut off in mid-record, spaced by hand with a price of 1.10, and no JSON.
    lines[60] = lines[60][:90]
    lines[120] = ('{ "time": "2026-03-01T09:03:10Z", "service": "cart", "method": "POST", "path": "/checkout", '
                  '"status": 500, "ms": 903.40, "price": 1.10, "remote_ip": "192.0.2.7", "note": "Zo\\u00eb" }')
    lines[180] = "-- log rotated --"
    with open(os.path.join(HERE, "requests.ndjson"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def write_orders():
    rng = random.Random(7)
    goods = [("kettle", 24.90), ("lamp", 59.00), ("mug", 1.10), ("towel", 12.50), ("vase", 33.00)]
    with open(os.path.join(HERE, "orders.ndjson"), "w", encoding="utf-8") as out:
        for number in range(20):
            items = [{"name": name, "price": price, "count": rng.randrange(1, 4)}
                     for name, price in rng.sample(goods, rng.randrange(1, 4))]
            order = {"order": 1000 + number, "customer": {"name": rng.choice(["Ana", "Bo", "Çelik"]),
                     "mail": f"user{number}@example.com"}, "items": items}
            out.write(json.dumps(order, separators=(",", ":"), ensure_ascii=False) + "\n")


def write_access_log():
    rng = random.Random(11)
    with open(os.path.join(HERE, "access.log"), "w", encoding="utf-8") as out:
        for r in requests(rng, 40):
            if ":" in r["remote_ip"]:
                r["remote_ip"] = "192.0.2.200"
            stamp = "01/Mar/2026:" + r["time"][11:19] + " +0000"
            out.write(f'{r["remote_ip"]} - - [{stamp}] "{r["method"]} {r["path"]} HTTP/1.1" {r["status"]} '
                      f'{rng.randrange(100, 9000)} "-" "{r["agent"]}"\n')
        out.write("this line is no access log\n")


def pack(value):
    """As MsgPack; just the types that the readings have."""
    if isinstance(value, dict):
        return bytes([0x80 | len(value)]) + b"".join(pack(k) + pack(v) for k, v in value.items())
    if isinstance(value, list):
        return bytes([0x90 | len(value)]) + b"".join(map(pack, value))
    if isinstance(value, str):
        return bytes([0xa0 | len(value.encode())]) + value.encode()
    if isinstance(value, bytes):
        return bytes([0xc4, len(value)]) + value
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, Time):
        return b"\xd6\xff" + struct.pack(">I", value)
    return bytes([value]) if value < 128 else b"\xce" + struct.pack(">I", value)


class Time(int):
    """Seconds since 1970."""


def write_readings():
    rng = random.Random(14)
    with open(os.path.join(HERE, "readings.msgpack"), "wb") as out:
        for number in range(30):
            out.write(pack({"at": Time(1772355600 + number * 60), "device": f"d{rng.randrange(1, 5)}",
                            "probe": {"kind": rng.choice(["temp", "hum"]), "value": rng.randrange(10, 400) / 10},
                            "raw": rng.randbytes(4), "seq": 1000 + number}))


def pack_readings():
    """The same records as a device would send them at the end of a day."""
    with open(os.path.join(HERE, "readings.msgpack"), "rb") as records, \
            open(os.path.join(HERE, "readings.msgpack.gz"), "wb") as out:
        out.write(gzip.compress(records.read(), mtime=0))


if __name__ == "__main__":
    write_requests()
    write_orders()
    write_access_log()
    write_readings()
    pack_readings()
