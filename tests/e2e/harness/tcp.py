"""The scripted endpoint on TCP, and on UDP at the same port.

    agent = world.peer("agent", tcp=True)

It sends by TCP: on the connection on which the other side came, else on one
of its own. What it gets has `by`, "tcp" or "udp", and `conn`.
"""

import re
import socket
import threading

from .peer import Peer


class TcpPeer(Peer):
    def __init__(self, name, ip, ladder, port=0, listen=True, read=True,
                 **kw):
        self.conns = {}         # address of the other end -> socket
        self.accepted = 0       # connections taken so far
        self.read = read
        self.server = None
        self.by = "tcp"         # how it sends
        super().__init__(name, ip, ladder, port=port, **kw)
        if listen:
            self.listen()

    def listen(self):
        self.server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not self.read:
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.server.bind((self.ip, self.port))
        self.server.listen(64)
        threading.Thread(target=self._accept, args=(self.server,),
                         daemon=True).start()

    @property
    def uri(self):
        return "sip:%s:%d;transport=tcp" % (self.ip, self.port)

    def via(self, branch=None, host=None, port=None, extra=";rport"):
        via = super().via(branch, host, port, extra)
        return via.replace("/UDP", "/" + self.by.upper(), 1)

    def build(self, *args, contact=True, **kw):
        if contact is True and self.by == "tcp":
            contact = "<sip:%s@%s:%d;transport=tcp>" % (
                self.name, self.ip, self.port)
        return super().build(*args, contact=contact, **kw)

    def reply(self, request, *args, contact=None, **kw):
        if contact is None and getattr(request, "by", "") == "tcp":
            contact = "<sip:%s@%s:%d;transport=tcp>" % (
                self.name, self.ip, self.port)
        return super().reply(request, *args, contact=contact, **kw)

    # -- connections ------------------------------------------------------

    def _accept(self, server):
        while True:
            try:
                s, addr = server.accept()
            except OSError:
                return
            with self.cond:
                self.accepted += 1
            self._serve(s, addr)

    def _serve(self, s, addr):
        with self.cond:
            self.conns[addr] = s
        if self.read:
            threading.Thread(target=self._read, args=(s, addr),
                             daemon=True).start()

    def connect(self, addr):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.bind((self.ip, 0))
        s.connect(addr)
        self._serve(s, addr)
        return s

    def _raw(self, data, addr):
        with self.cond:
            s = self.conns.get(addr)
        if s is None and self.by == "udp":
            super()._raw(data, addr)
            return
        try:
            (s or self.connect(addr)).sendall(data)
        except OSError as e:
            self.ladder.add(self.name, "--", "send failed: %s" % e)

    def _read(self, s, addr):
        buf = b""
        while True:
            try:
                data = s.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            buf += data
            while True:
                buf = buf.lstrip(b"\r\n")
                head, sep, rest = buf.partition(b"\r\n\r\n")
                if not sep:
                    break
                m = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)",
                              head)
                size = int(m.group(1)) if m else 0
                if len(rest) < size:
                    break
                self._take(head + sep + rest[:size], addr)
                buf = rest[size:]
        with self.cond:
            if self.conns.get(addr) is s:
                del self.conns[addr]
            self.cond.notify_all()
        self.ladder.add(self.name, "--", "connection closed")

    def hang_up(self, listen=True):
        """Closes every connection; `listen` False: takes no more."""
        if not listen:
            self.deaf()
        with self.cond:
            conns, self.conns = list(self.conns.values()), {}
        for s in conns:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def deaf(self):
        if self.server:
            # Wakes the thread that accepts.
            try:
                self.server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.server.close()
            self.server = None

    def close(self):
        self.hang_up(listen=False)
        super().close()


def way(m):
    """By what transport the top Via says that a request was sent."""
    return re.match(r"SIP/2\.0/(\w+)", m.get("via")).group(1).lower()


