"""A scripted SIP endpoint on UDP, every detail of the wire under control.

    cust = world.peer("cust")
    c = cust.invite(node, "100")
    c.expect(200)
    c.ack()
    c.message("transfer me to an agent")

Nothing is sent that the test did not ask for, except: an exact copy of a
request already answered gets the same answer again, a copy of a 2xx to our
INVITE gets our ACK again, and a non-2xx to our INVITE is ACKed. Messages that
no `expect` took are an error when the test ends.
"""

import re
import select
import socket
import threading
import time

from .dialog import Dialog
from .message import PHRASES, Message, sdp
from .waits import WAIT, token

class Peer:
    def __init__(self, name, ip, ladder, port=0, retransmit=False,
                 past=()):
        self.name = name
        self.ip = ip
        self.ladder = ladder
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((ip, port))
        self.port = self.sock.getsockname()[1]
        self.at = (ip, self.port)       # where our Contact says we are
        self.pcap = None                # notes what comes, if given
        self.past = set(past)   # Call-IDs of others who had this address
        self.inbox = []
        self.seen = []          # (direction, message), in order
        self.cond = threading.Condition()
        self.answers = {}       # data of a request -> data of our last answer
        self.rings = {}         # the same for our last 18x, of lossy wires
        self.acks = {}          # (call id, cseq, to tag) -> our ACK
        self.copies = {}        # data -> how often it came again
        self.arrived = set()
        self.autos = []         # functions(message) -> True if dealt with
        self.lose_out = []
        self.lose_in = []
        self.twice = False
        self.swap = False
        self.turn = 0
        self.retransmit = retransmit
        self.again = []         # [when, interval, key, data, addr]
        self.held = []          # [when, data, addr]
        self.running = True
        self.wake_r, self.wake_w = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def uri(self):
        return "sip:%s:%d" % (self.ip, self.port)

    def sdp(self, **kw):
        kw.setdefault("owner", self.name)
        return sdp(self.ip, **kw)

    # -- the wire ---------------------------------------------------------

    def send(self, message, addr):
        """Sends a Message or bytes to (host, port)."""
        data = message.bytes() if isinstance(message, Message) else message
        m = message if isinstance(message, Message) else None
        with self.cond:
            if m is not None:
                self.seen.append((">", m))
            for rule in list(self.lose_out):
                if m is not None and rule(m):
                    self.lose_out.remove(rule)
                    self.ladder.add(self.name, "-x", str(m))
                    return
            self.ladder.add(self.name, "->", str(m or data[:60]))
            self._out(data, addr)

    def _out(self, data, addr):
        if not (self.twice or self.swap):
            self._raw(data, addr)
            return
        # Two datagrams sent within 25 ms leave in the other order.
        now = time.monotonic()
        self.turn += 1
        delay = 0.03 if self.swap and self.turn % 2 else 0.005
        self.held.append([now + delay, data, addr])
        if self.twice:
            self.held.append([now + delay + 0.02, data, addr])
        self.wake_w.send(b"x")

    def _raw(self, data, addr):
        try:
            self.sock.sendto(data, addr)
        except OSError as e:
            self.ladder.add(self.name, "--", "send failed: %s" % e)

    def lose(self, rule, incoming=False):
        """Loses the next message for which rule(message) holds."""
        (self.lose_in if incoming else self.lose_out).append(rule)

    def auto(self, handler):
        """handler(message) sees everything first; True takes it."""
        self.autos.append(handler)

    def auto_reply(self, method, status=200):
        """Answers every request of this method by itself."""
        def handler(m):
            if m.method != method:
                return False
            self.reply(m, status)
            return True
        self.auto(handler)

    def _run(self):
        while self.running:
            try:
                ready, _, _ = select.select([self.sock, self.wake_r], [], [],
                                            self._next())
            except (OSError, ValueError):
                return
            if self.wake_r in ready:
                self.wake_r.recv(4096)
            self._timers()
            if self.sock not in ready:
                continue
            try:
                data, src = self.sock.recvfrom(65535)
            except OSError:
                continue    # ICMP of an earlier datagram
            if data.strip():
                self._take(data, src)

    def _next(self):
        with self.cond:
            times = [h[0] for h in self.held] + [a[0] for a in self.again]
        if not times:
            return 0.2
        return max(0.0, min(times) - time.monotonic())

    def _timers(self):
        now = time.monotonic()
        with self.cond:
            due = sorted((h for h in self.held if h[0] <= now),
                         key=lambda h: h[0])
            self.held = [h for h in self.held if h[0] > now]
            for _, data, addr in due:
                self._raw(data, addr)
            for a in self.again:
                if a[0] <= now:
                    self.ladder.add(self.name, "~>", str(a[2]))
                    self._out(a[3], a[4])
                    a[1] = min(a[1] * 2, 2)
                    a[0] = now + a[1]

    def _take(self, data, src):
        m = Message.parse(data)
        m.src = src
        m.by = "tcp" if src in getattr(self, "conns", ()) else "udp"
        m.time = time.monotonic()
        if m.call_id in self.past:
            return
        with self.cond:
            for rule in list(self.lose_in):
                if rule(m):
                    self.lose_in.remove(rule)
                    self.ladder.add(self.name, "x-", str(m))
                    return
            if data in self.arrived:
                self.copies[data] = self.copies.get(data, 0) + 1
                self.ladder.add(self.name, "<~", str(m))
                self._copy(data, m, src)
                self.cond.notify_all()
                return
            self.arrived.add(data)
            if self.pcap is not None:
                self.pcap.add(data, src, (self.ip, self.port))
            m.data = data
            self.seen.append(("<", m))
            self.ladder.add(self.name, "<-", str(m))
            self._settle(m)
        for handler in self.autos:
            if handler(m):
                return
        with self.cond:
            self.inbox.append(m)
            self.cond.notify_all()

    def _copy(self, data, m, src):
        answer = self.answers.get(data) or self.rings.get(data)
        if answer:
            self._out(answer, src)
        elif m.status and m.status >= 200 and m.cseq[1] == "INVITE":
            ack = self.acks.get((m.call_id, m.cseq[0], m.tag("to")))
            if ack:
                self._out(*ack)

    def _settle(self, m):
        """Ends retransmission of what this message answers."""
        def over(key):
            kind, call_id, number, method = key
            if m.call_id != call_id or m.cseq[0] != number:
                return False
            if kind == "request":
                return m.status is not None and m.cseq[1] == method and (
                    m.status >= 200 or method == "INVITE")
            return m.method == "ACK"
        self.again = [a for a in self.again if not over(a[2])]

    def resend(self, kind, m, addr):
        """Repeats a request until its answer, an answer until its ACK."""
        key = (kind, m.call_id, m.cseq[0], m.cseq[1])
        with self.cond:
            self.again.append([time.monotonic() + 0.5, 0.5, key, m.bytes(),
                               addr])
        self.wake_w.send(b"x")

    # -- waiting ----------------------------------------------------------

    def wait(self, match, what, timeout=WAIT):
        """The first message of the inbox for which match() holds."""
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                for m in self.inbox:
                    if match(m):
                        self.inbox.remove(m)
                        return m
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        "%s: expected %s, has %s" %
                        (self.name, what, [str(m) for m in self.inbox]))
                self.cond.wait(left)

    def expect(self, method, timeout=WAIT):
        """A request, in whatever dialog."""
        return self.wait(lambda m: m.method == method, method, timeout)

    def silence(self, seconds, match=lambda m: True):
        """Nothing (new) may come for so long."""
        end = time.monotonic() + seconds
        with self.cond:
            while True:
                found = [str(m) for m in self.inbox if match(m)]
                assert not found, "%s: unexpected %s" % (self.name, found)
                left = end - time.monotonic()
                if left <= 0:
                    return
                self.cond.wait(left)

    def leftovers(self):
        with self.cond:
            return [str(m) for m in self.inbox
                    if not m.status or m.status >= 200]

    def arrivals(self, method, call_id=None):
        """How often a request of this method came, copies included."""
        with self.cond:
            return sum(1 + self.copies.get(m.data, 0)
                       for d, m in self.seen
                       if d == "<" and m.method == method and
                       call_id in (None, m.call_id))

    def drop_all(self):
        with self.cond:
            self.inbox.clear()

    def call_ids(self):
        return self.past | {m.call_id for _, m in self.seen if m.call_id}

    def sent(self, method):
        return [m for d, m in self.seen if d == ">" and m.method == method]

    def received(self, method):
        return [m for d, m in self.seen if d == "<" and m.method == method]

    # -- messages ---------------------------------------------------------

    def via(self, branch=None, host=None, port=None, extra=";rport"):
        return "SIP/2.0/UDP %s%s%s;branch=%s" % (
            host or self.ip,
            "" if port is False else ":%d" % (self.port if port is None
                                              else port),
            extra, branch or token("z9hG4bK-"))

    def build(self, method, uri, node, call_id=None, cseq=1, frm=None,
              to=None, via=None, contact=True, headers=(), body="",
              ctype=None, max_forwards=70):
        h = [("Via", via or self.via())]
        if max_forwards is not None:
            h.append(("Max-Forwards", str(max_forwards)))
        h += [("From", frm or "<sip:%s@%s>;tag=%s" % (self.name, self.ip,
                                                      token("f"))),
              ("To", to or "<%s>" % uri),
              ("Call-ID", call_id or token("call") + "@" + self.ip),
              ("CSeq", "%d %s" % (cseq, method))]
        if contact is True:
            contact = "<sip:%s@%s:%d>" % (self.name, *self.at)
        if contact:
            h.append(("Contact", contact))
        h += list(headers)
        if body and ctype is not False:
            h.append(("Content-Type", ctype or "application/sdp"))
        return Message("%s %s SIP/2.0" % (method, uri), h, body)

    def request(self, method, node, uri=None, **kw):
        """A request outside a dialog; returns it, sent."""
        m = self.build(method, uri or "sip:%s:%d" % node.sip, node, **kw)
        self.send(m, node.sip)
        return m

    def answer_to(self, request, status=None, timeout=WAIT):
        """The final answer to a request sent outside a dialog."""
        def match(m):
            return (m.status is not None and m.status >= 200 and
                    m.call_id == request.call_id and m.cseq == request.cseq)
        m = self.wait(match, "an answer to " + str(request), timeout)
        if status is not None:
            assert m.status == status, "%s got %s" % (request, m)
        return m

    def options(self, node, status=200):
        r = self.request("OPTIONS", node)
        return self.answer_to(r, status)

    def invite(self, node, user="100", sdp=True, frm=None, display=None,
               call_id=None, tag=None, headers=(), uri=None, branch=None,
               via=None, max_forwards=70, contact=True, send=True,
               allow=None):
        """Starts a call; the dialog's answers are then expected on it."""
        tag = tag or token("c")
        frm = frm if frm is not None else "4915112345678"
        uri = uri or "sip:%s@%s:%d" % (user, *node.sip)
        name = '"%s" ' % display if display else ""
        local = "%s<sip:%s@%s>;tag=%s" % (name, frm, self.ip, tag)
        d = Dialog(self, call_id or token("call") + "@" + self.ip, local,
                   "<%s>" % uri, uri, node.sip)
        headers = list(headers)
        if allow:
            headers.append(("Allow", allow))
        body = self.sdp() if sdp is True else (sdp or "")
        m = self.build("INVITE", uri, node, call_id=d.call_id, frm=local,
                       to=d.remote, cseq=d.next_cseq(), headers=headers,
                       via=via or self.via(branch), body=body,
                       max_forwards=max_forwards, contact=contact)
        d.invite = m
        if send:
            d.send(m)
        return d

    def incoming(self, timeout=WAIT, tag=None):
        """The next INVITE outside a dialog, as a dialog to be answered."""
        m = self.wait(lambda m: m.method == "INVITE" and not m.tag("to"),
                      "an INVITE", timeout)
        return self.dialog(m, tag)

    def dialog(self, m, tag=None):
        d = Dialog(self, m.call_id, m.get("to") + ";tag=" +
                   (tag or token("a")), m.get("from"), m.contact, m.src)
        d.routes = list(m.all("record-route"))
        d.invite = d.last = m
        return d

    def reply(self, request, status, phrase=None, to=None, headers=(),
              body="", ctype="application/sdp", contact=None, addr=None,
              tag=None):
        """Answers a request."""
        h = [("Via", v) for v in request.all("via")]
        to = to or request.get("to")
        if not re.search(r";\s*tag=", to) and status != 100:
            to += ";tag=" + (tag or token("r"))
        h += [("From", request.get("from")), ("To", to),
              ("Call-ID", request.call_id), ("CSeq", request.get("cseq"))]
        if contact is None:
            contact = "<sip:%s@%s:%d>" % (self.name, *self.at)
        if contact:
            h.append(("Contact", contact))
        h += list(headers)
        if body:
            h.append(("Content-Type", ctype))
        m = Message("SIP/2.0 %d %s" % (status, phrase or
                                       PHRASES.get(status, "Whatever")),
                    h, body)
        if self.retransmit and 100 < status < 200:
            self.rings[getattr(request, "data", None)] = m.bytes()
        if status >= 200:
            self.answers[getattr(request, "data", None)] = m.bytes()
        if (self.retransmit and status >= 200 and
                request.method == "INVITE"):
            self.resend("answer", m, addr or request.src)
        self.send(m, addr or request.src)
        return m

    def copies_of(self, m):
        with self.cond:
            return self.copies.get(m.data, 0)

    def close(self):
        if not self.running:
            return
        self.running = False
        self.wake_w.send(b"x")
        self.thread.join(2)
        self.sock.close()
        self.wake_r.close()
        self.wake_w.close()
