"""One dialog of a scripted peer: its tags, routes, numbers and ladders."""

import re
import time

from .message import Message
from .waits import WAIT


class Dialog:
    """One dialog, or what is going to be one, from this peer's side."""

    def __init__(self, peer, call_id, local, remote, target, node):
        self.peer = peer
        self.call_id = call_id
        self.local = local      # with our tag
        self.remote = remote    # with theirs, once known
        self.target = target    # their Contact
        self.node = node        # where datagrams go
        self.routes = []
        self.number = 0
        self.invite = None      # the INVITE last sent or received
        self.last = None        # the request last received
        self.last_sent = None
        self.answer = None      # the response last received

    @property
    def tag(self):
        return re.search(r"tag=([^;]+)", self.local).group(1)

    def next_cseq(self):
        self.number += 1
        return self.number

    def mine(self, m):
        if m.call_id != self.call_id:
            return False
        if m.status:
            return m.tag("from") == self.tag
        return m.tag("to") in (None, self.tag)

    def fork(self, tag):
        """The same call answered under another To tag."""
        d = Dialog(self.peer, self.call_id,
                   re.sub(r"tag=[^;]+", "tag=" + tag, self.local),
                   self.remote, self.target, self.node)
        d.invite, d.last, d.routes = self.invite, self.last, self.routes
        return d

    # -- sending ----------------------------------------------------------

    def send(self, m):
        if m.method and m.method != "ACK":
            self.last_sent = m
            if m.method == "INVITE":
                self.invite = m
        if self.peer.retransmit and m.method and m.method != "ACK":
            self.peer.resend("request", m, self.node)
        self.peer.send(m, self.node)

    def build(self, method, body="", ctype=None, headers=(), cseq=None,
              branch=None, via=None, contact=True, max_forwards=70):
        headers = [("Route", r) for r in self.routes] + list(headers)
        return self.peer.build(
            method, self.target, None, call_id=self.call_id,
            frm=self.local, to=self.remote,
            cseq=cseq or (self.next_cseq()), headers=headers,
            via=via or self.peer.via(branch), body=body, ctype=ctype,
            contact=contact, max_forwards=max_forwards)

    def request(self, method, body="", **kw):
        m = self.build(method, body, **kw)
        self.send(m)
        return m

    def reinvite(self, sdp=True, **kw):
        body = self.peer.sdp(version=2) if sdp is True else (sdp or "")
        return self.request("INVITE", body, **kw)

    def message(self, text, status=200, **kw):
        """What the customer types; waits for its answer."""
        m = self.request("MESSAGE", text, ctype="text/plain", **kw)
        if status:
            self.expect(status)
        return m

    def ack(self, sdp="", **kw):
        """ACK to the 2xx of our INVITE."""
        m = self.build("ACK", sdp, cseq=self.invite.cseq[0], contact=False,
                       **kw)
        tag = re.search(r"tag=([^;]+)", self.remote)
        self.peer.acks[(self.call_id, self.invite.cseq[0],
                        tag and tag.group(1))] = (m.bytes(), self.node)
        self.send(m)
        return m

    def cancel(self, **kw):
        i = self.invite
        m = Message("CANCEL %s SIP/2.0" % i.uri,
                    [("Via", i.get("via")), ("Max-Forwards", "70"),
                     ("From", i.get("from")), ("To", i.get("to")),
                     ("Call-ID", i.call_id),
                     ("CSeq", "%d CANCEL" % i.cseq[0])])
        self.peer.send(m, self.node)
        self.last_sent = m
        return m

    def bye(self, status=200, **kw):
        m = self.request("BYE", **kw)
        if status:
            self.expect(status)
        return m

    def notify(self, text="SIP/2.0 200 OK\r\n", state=None, headers=(),
               status=200, ctype="message/sipfrag;version=2.0",
               event="refer"):
        """NOTIFY of the REFER we have accepted."""
        if state is None:
            state = ("active;expires=60" if " 1" in text[:9]
                     else "terminated;reason=noresource")
        h = [("Event", event)]
        if state:
            h.append(("Subscription-State", state))
        m = self.request("NOTIFY", text, ctype=ctype, headers=h +
                         list(headers))
        if status:
            self.expect(status, to=m)
        return m

    def reply(self, status, phrase=None, sdp="", to=None, tag=None, **kw):
        """Answers the request last received on this dialog."""
        request = to or self.last
        body = self.peer.sdp() if sdp is True else sdp
        local = self.local
        if tag:
            local = re.sub(r"tag=[^;]+", "tag=" + tag, local)
        if status == 100:
            local = request.get("to")
        return self.peer.reply(request, status, phrase, to=local, body=body,
                               **kw)

    # -- receiving --------------------------------------------------------

    def expect(self, what, timeout=WAIT, to=None):
        """The next request of this name, or the answer with this status."""
        if isinstance(what, str):
            m = self.peer.wait(lambda m: m.method == what and self.mine(m),
                               what, timeout)
            self.last = m
            if what == "INVITE":
                self.invite = m
            if m.contact and what in ("INVITE", "UPDATE"):
                self.target = m.contact
            return m
        return self._response(what, timeout, to or self.last_sent)

    def _response(self, status, timeout, request):
        wanted = status if isinstance(status, tuple) else (status,)
        end = time.monotonic() + timeout
        while True:
            m = self.peer.wait(
                lambda m: m.status and m.call_id == self.call_id and
                m.cseq == request.cseq and m.branch == request.branch,
                "%s to %s" % (status, request),
                max(0, end - time.monotonic()))
            if m.status < 200 and m.status not in wanted:
                continue
            break
        self.answer = m
        if m.tag("to") and request.method == "INVITE":
            self.remote = m.get("to")
            if m.contact:
                self.target = m.contact
            if not self.routes and m.status < 300:
                self.routes = list(reversed(m.all("record-route")))
        if m.status >= 300 and request.method == "INVITE":
            self._ack_refusal(request, m)
        assert m.status in wanted, "%s: expected %s to %s, got %s" % (
            self.peer.name, status, request, m)
        return m

    def _ack_refusal(self, request, m):
        ack = Message("ACK %s SIP/2.0" % request.uri,
                      [("Via", request.get("via")), ("Max-Forwards", "70"),
                       ("From", request.get("from")), ("To", m.get("to")),
                       ("Call-ID", request.call_id),
                       ("CSeq", "%d ACK" % request.cseq[0])])
        self.peer.acks[(m.call_id, m.cseq[0], m.tag("to"))] = (
            ack.bytes(), self.node)
        self.peer.send(ack, self.node)

    def silence(self, seconds, match=lambda m: True):
        self.peer.silence(seconds, lambda m: self.mine(m) and match(m))
