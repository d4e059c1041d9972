"""Thousands of customers on one socket, and how quickly the node answers.

Flood speaks just enough SIP to bring calls up and to let them end: it answers
a 200 with ACK and every request with 200. Probe asks OPTIONS after OPTIONS
from a process of its own, so that nothing else in Python disturbs its clock.
"""

import multiprocessing
import re
import select
import socket
import threading
import time

FIELD = re.compile(rb"^(Via|From|To|Call-ID|CSeq|Record-Route):[^\r]*\r\n",
                   re.M | re.I)
SDP = ("v=0\r\no=f 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
       "m=audio 40000 RTP/AVP 0\r\n")


class Flood:
    def __init__(self, node, ip):
        self.node = node
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.sock.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
        self.sock.bind((ip, 0))
        self.ip, self.port = self.sock.getsockname()
        self.body = SDP % (ip, ip)
        self.sent = {}          # number -> the INVITE, until answered
        self.codes = {}         # final code -> how many INVITEs
        self.byes = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def uri(self):
        return "sip:%s:%d" % (self.ip, self.port)

    def invite(self, number):
        data = (
            "INVITE sip:100@%s:%d SIP/2.0\r\n"
            "Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%d\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:%d@%s>;tag=%d\r\n"
            "To: <sip:100@%s>\r\nCall-ID: flood-%d-%d@%s\r\n"
            "CSeq: 1 INVITE\r\nContact: <sip:f@%s:%d>\r\n"
            "Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s" %
            (*self.node.sip, self.ip, self.port, number, number, self.ip,
             number, self.node.ip, number, self.port, self.ip, self.ip,
             self.port, len(self.body), self.body)).encode()
        self.sent[number] = data
        self.sock.sendto(data, self.node.sip)

    def call(self, count, rate):
        """Brings calls up, at so many a second; again what got lost."""
        start = time.monotonic()
        for n in range(count):
            self.invite(n)
            ahead = n / rate - (time.monotonic() - start)
            if ahead > 0:
                time.sleep(ahead)
        for _ in range(40):
            if not self.sent:
                return
            time.sleep(0.5)
            for data in list(self.sent.values()):
                self.sock.sendto(data, self.node.sip)

    def _run(self):
        while self.running:
            if not select.select([self.sock], [], [], 0.2)[0]:
                continue
            try:
                self._take(*self.sock.recvfrom(65535))
            except OSError:
                pass

    def _take(self, data, src):
        copied = b"".join(m.group(0) for m in FIELD.finditer(data))
        if not data.startswith(b"SIP/2.0"):
            if not data.startswith(b"ACK"):
                self.byes += data.startswith(b"BYE")
                self.sock.sendto(b"SIP/2.0 200 OK\r\n" + copied +
                                 b"Content-Length: 0\r\n\r\n", src)
            return
        code = int(data[8:11])
        if code < 200 or b" INVITE" not in copied:
            return
        number = int(re.search(rb"Call-ID: flood-(\d+)", data, re.I)[1])
        if self.sent.pop(number, None):
            self.codes[code] = self.codes.get(code, 0) + 1
        via = re.search(rb"^Via:[^\r]*", data, re.M | re.I)[0]
        uri = b"sip:100@%s:%d" % (self.node.ip.encode(), self.node.port)
        if code < 300:
            via = via.replace(b"z9hG4bK", b"z9hG4bK-ack")
            uri = re.search(rb"^Contact: *<([^>]*)>", data,
                            re.M | re.I)[1]
        head = b"".join(re.search(rb"^%s:[^\r]*\r\n" % h, data,
                                  re.M | re.I)[0]
                        for h in (b"From", b"To", b"Call-ID"))
        self.sock.sendto(b"ACK " + uri + b" SIP/2.0\r\n" + via + b"\r\n" +
                         head + b"CSeq: 1 ACK\r\nMax-Forwards: 70\r\n"
                         b"Content-Length: 0\r\n\r\n", src)

    def close(self):
        self.running = False
        self.thread.join(2)
        self.sock.close()


def _probe(ip, node, pause, stop, out):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, 0))
        s.settimeout(2)
        rows, n = [], 0
        while not stop.is_set():
            n += 1
            data = ("OPTIONS sip:%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;"
                    "branch=z9hG4bK-p%d\r\nFrom: <sip:p@%s>;tag=p\r\nTo: "
                    "<sip:n@%s>\r\nCall-ID: probe-%d@%s\r\nCSeq: %d OPTIONS"
                    "\r\nContent-Length: 0\r\n\r\n" % (
                        *node, *s.getsockname(), n, ip, node[0], n, ip,
                        n)).encode()
            begun = time.monotonic()
            s.sendto(data, node)
            try:
                while b"probe-%d@" % n not in s.recv(65535):
                    pass
                rows.append((begun, time.monotonic() - begun))
            except socket.timeout:
                rows.append((begun, 2.0))
            time.sleep(pause)
        out.put(rows)


class Probe:
    """Round trips of OPTIONS, as seconds; the loop's lag is within them."""

    def __init__(self, node, ip, pause=0.004):
        fork = multiprocessing.get_context("fork")
        self.stop_ = fork.Event()
        self.out = fork.Queue()
        self.process = fork.Process(target=_probe, daemon=True, args=(
            ip, node.sip, pause, self.stop_, self.out))
        self.process.start()

    def stop(self):
        """[(when, seconds)]"""
        self.stop_.set()
        rows = self.out.get(timeout=10)
        self.process.join(5)
        return rows


def percentile(rows, p):
    rows = sorted(rows)
    return rows[min(len(rows) - 1, int(len(rows) * p / 100))]
