"""A scripted DNS server on UDP; the node is sent to it by TANDEM_DNS.

    dns = Dns({"pbx.test": [("A", "127.0.0.5")]})
    node = world.node(..., env=dns.env)

A name's value is a list of records, or "nx", "servfail", "silent", "garbage".
Records: ("A", address), ("CNAME", name), ("SRV", priority, weight, port, name),
each with a TTL as its last item if it is not 60. `asked` lists (name, type).
"""

import os
import socket
import struct
import threading

from . import net

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33}
SIZES = {"A": 2, "CNAME": 2, "AAAA": 2, "SRV": 5}


def name_bytes(name):
    return b"".join(bytes([len(p)]) + p.encode()
                    for p in name.split(".") if p) + b"\0"


def record(name, r):
    kind, ttl = r[0], 60
    if len(r) > SIZES[kind]:
        r, ttl = r[:-1], r[-1]
    if kind == "A":
        data = socket.inet_aton(r[1])
    elif kind == "AAAA":
        data = socket.inet_pton(socket.AF_INET6, r[1])
    elif kind == "CNAME":
        data = name_bytes(r[1])
    else:
        data = struct.pack("!HHH", *r[1:4]) + name_bytes(r[4])
    return name_bytes(name) + struct.pack("!HHIH", TYPES[kind], 1, ttl,
                                          len(data)) + data


class Dns:
    def __init__(self, zone):
        self.zone = zone
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((net.address(), 0))
        self.env = {"TANDEM_DNS": "%s:%d" % self.sock.getsockname()}
        threading.Thread(target=self._run, daemon=True).start()

    def count(self, name, kind="A"):
        return self.asked.count((name, kind))

    def close(self):
        self.sock.close()

    def _run(self):
        while True:
            try:
                data, src = self.sock.recvfrom(4096)
            except OSError:
                return
            answer = self._answer(data)
            if answer:
                try:
                    self.sock.sendto(answer, src)
                except OSError:
                    return

    def _answer(self, data):
        end, labels = 12, []
        while data[end]:
            labels.append(data[end + 1:end + 1 + data[end]].decode())
            end += 1 + data[end]
        name = ".".join(labels).lower()
        number = struct.unpack("!H", data[end + 1:end + 3])[0]
        kind = {v: k for k, v in TYPES.items()}.get(number, "?")
        question = data[12:end + 5]
        self.asked.append((name, kind))
        value = self.zone.get(name, "nx")
        if value == "silent":
            return None
        if value == "garbage":
            return data[:2] + os.urandom(60)
        code = {"nx": 3, "servfail": 2}.get(value, 0) if isinstance(
            value, str) else 0
        rows = self._rows(name, kind) if not code else []
        return (data[:2] + struct.pack("!HHHHH", 0x8580 | code, 1,
                                       len(rows), 0, 0) + question +
                b"".join(rows))

    def _rows(self, name, kind):
        rows = []
        for _ in range(8):
            value = self.zone.get(name, [])
            if isinstance(value, str):
                return rows
            rows += [record(name, r) for r in value if r[0] == kind]
            alias = [r for r in value if r[0] == "CNAME"]
            if not alias:
                return rows
            rows.append(record(name, alias[0]))
            name = alias[0][1]
        return rows
