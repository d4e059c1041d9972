"""A customer and an agent with an exact clock, for latencies.

SIPp reads a clock of 4 ms steps. Here the kernel stamps what arrives
(SO_TIMESTAMPNS), so the delays of this program itself do not count.

  setup   the customer's INVITE sent until its 200
  action  the ACK sent until the REFER, or until the agent's INVITE; with a
          server that relays, the customer's INVITE until the agent's
"""
import re
import selectors
import socket
import struct
import time

from rig import AGENT, CUSTOMER, NUMBERS, SERVER, Broken

SO_TIMESTAMPNS = 35

SDP = ("v=0\r\no=- 7 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
       "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n")

HEADER = {name: re.compile(rb"^%s[ \t]*:[ \t]*(.*?)\r$" % name.encode(),
                           re.M | re.I)
          for name in ("Via", "From", "To", "Call-ID", "CSeq", "Contact",
                       "Record-Route")}


def headers(data, name):
    return [v.decode("latin-1") for v in HEADER[name].findall(data)]


def header(data, name):
    found = HEADER[name].search(data)
    return found.group(1).decode("latin-1") if found else ""


class Socket:
    def __init__(self, host, port=0):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.s.bind((host, port))
        self.s.setblocking(False)
        self.own = "%s:%d" % self.s.getsockname()

    def send(self, text, to):
        before = time.time_ns()
        self.s.sendto(text.encode("latin-1"), to)
        return before

    def receive(self):
        try:
            data, extra, _, source = self.s.recvmsg(65536, 256)
        except BlockingIOError:
            return None
        for level, kind, body in extra:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                sec, nsec = struct.unpack("ll", body[:16])
                return data, source, sec * 10**9 + nsec
        raise Broken("no time stamps from this kernel")


class Peer:
    def __init__(self, server, case, agent_port, relays):
        self.server = (SERVER, server.port)
        self.case = case
        self.relays = relays
        self.customer = Socket(CUSTOMER)
        self.agent = Socket(AGENT, agent_port)
        self.calls = {}
        self.done = 0
        self.setup, self.action = [], []

    def close(self):
        self.customer.s.close()
        self.agent.s.close()

    # The customer

    def request(self, call, method, cseq, extra="", body=""):
        own = self.customer.own
        return ("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d%s"
                ";rport\r\n%sFrom: <sip:%s@%s>;tag=c%s\r\nTo: %s\r\n"
                "Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:c@%s>\r\n"
                "Max-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s" % (
                    method, call["target"], own, call["id"], cseq, method,
                    call["routes"], call["id"], own, call["id"], call["to"],
                    call["id"], cseq, method, own, extra, len(body), body))

    def start(self, n):
        uri = "sip:%s@%s:%d" % ((NUMBERS[self.case],) + self.server)
        call = {"id": "4930%d" % (100000 + n), "target": uri, "routes": "",
                "to": "<%s>" % uri, "cseq": 1, "phase": "invite"}
        self.calls[call["id"]] = call
        host = self.customer.own.split(":")[0]
        call["sent"] = self.customer.send(
            self.request(call, "INVITE", 1,
                         "Allow: INVITE, ACK, CANCEL, BYE, REFER, NOTIFY\r\n"
                         "Content-Type: application/sdp\r\n",
                         SDP % (1, host, host)), self.server)

    def reply(self, s, data, source, status, extra="", body="", tag=""):
        text = "SIP/2.0 %s\r\n" % status
        for name in ("Via", "Record-Route"):
            for value in headers(data, name):
                text += "%s: %s\r\n" % (name, value)
        to = header(data, "To")
        if tag and ";tag=" not in to:
            to += ";tag=" + tag
        text += ("From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
                 "Contact: <sip:p@%s>\r\n%sContent-Length: %d\r\n\r\n%s" % (
                     header(data, "From"), to, header(data, "Call-ID"),
                     header(data, "CSeq"), s.own, extra, len(body), body))
        return s.send(text, source)

    def bye(self, call):
        call["cseq"] += 1
        call["phase"] = "bye"
        self.customer.send(self.request(call, "BYE", call["cseq"]),
                           self.server)

    def at_customer(self, data, source, at):
        call = self.calls.get(header(data, "Call-ID"))
        if not call:
            return
        first = data.split(b"\r\n", 1)[0].decode("latin-1")
        method = header(data, "CSeq").split()[-1]
        host = self.customer.own.split(":")[0]

        if first.startswith("SIP/2.0"):
            status = int(first.split()[1])
            if status < 200:
                return
            if status != 200:
                raise Broken("%s got %s" % (method, first))
            if method == "INVITE" and call["phase"] == "invite":
                self.setup.append(at - call["sent"])
                call["to"] = header(data, "To")
                call["target"] = re.search(
                    r"<(.*?)>", header(data, "Contact")).group(1)
                call["routes"] = "".join(
                    "Route: %s\r\n" % r
                    for r in reversed(headers(data, "Record-Route")))
                call["phase"] = "up"
                call["acked"] = self.customer.send(
                    self.request(call, "ACK", 1), self.server)
                if self.case == "answer" or self.relays and \
                        self.case == "bridge":
                    self.bye(call)
            elif method == "NOTIFY" and call["phase"] == "notify":
                self.bye(call)
            elif method == "BYE" and call["phase"] == "bye":
                call["phase"] = "over"
                self.done += 1
        elif method == "REFER" and call["phase"] == "up":
            self.action.append(at - call["acked"])
            self.reply(self.customer, data, source, "202 Accepted")
            call["phase"] = "notify"
            call["cseq"] += 1
            self.customer.send(self.request(
                call, "NOTIFY", call["cseq"],
                "Event: refer\r\nSubscription-State: terminated;"
                "reason=noresource\r\n"
                "Content-Type: message/sipfrag;version=2.0\r\n",
                "SIP/2.0 200 OK\r\n"), self.server)
        elif method == "INVITE":
            self.reply(self.customer, data, source, "200 OK",
                       "Content-Type: application/sdp\r\n",
                       SDP % (2, host, host))
            call["phase"] = "joined"
        elif method == "ACK" and call["phase"] == "joined":
            self.bye(call)

    # The agent

    def at_agent(self, data, source, at):
        first = data.split(b"\r\n", 1)[0].decode("latin-1")
        if first.startswith("SIP/2.0"):
            return
        method = first.split()[0]
        host = self.agent.own.split(":")[0]
        if method == "INVITE":
            user = re.search(r"sip:([^@>]*)@", header(data, "From"))
            call = self.calls.get(user.group(1)) if user else None
            if not call:
                raise Broken("the agent does not see the customer's number")
            tag = "a" + call["id"]
            if "agent" not in call:
                call["agent"] = True
                self.action.append(
                    at - call["sent" if self.relays else "acked"])
            self.reply(self.agent, data, source, "180 Ringing", tag=tag)
            self.reply(self.agent, data, source, "200 OK",
                       "Content-Type: application/sdp\r\n",
                       SDP % (1, host, host), tag)
        elif method == "BYE":
            self.reply(self.agent, data, source, "200 OK")

    def run(self, calls, rate):
        sel = selectors.DefaultSelector()
        sel.register(self.customer.s, selectors.EVENT_READ,
                     (self.customer, self.at_customer))
        sel.register(self.agent.s, selectors.EVENT_READ,
                     (self.agent, self.at_agent))
        begin = time.monotonic()
        end = begin + calls / rate + 10
        n = 0
        while self.done < calls and time.monotonic() < end:
            due = begin + n / rate - time.monotonic() if n < calls else 0.1
            if due <= 0:
                self.start(n)
                n += 1
                continue
            for key, _ in sel.select(due):
                s, h = key.data
                got = s.receive()
                while got:
                    h(*got)
                    got = s.receive()
        # The agents' BYEs may still be under way.
        time.sleep(0.2)
        got = self.agent.receive()
        while got:
            self.at_agent(*got)
            got = self.agent.receive()
        if self.done < calls:
            raise Broken("%d of %d calls did not end" % (calls - self.done,
                                                         calls))


def percentiles(values):
    """Milliseconds at 50, 95 and 99 per cent."""
    if not values:
        return None
    values = sorted(values)
    return [values[min(len(values) - 1, int(len(values) * p))] / 1e6
            for p in (0.5, 0.95, 0.99)]
