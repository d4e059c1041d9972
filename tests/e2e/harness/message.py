"""SIP messages as plain data: parse what came, build what is to be sent."""

import re

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
    "l": "content-length", "c": "content-type", "r": "refer-to",
    "b": "referred-by", "o": "event", "k": "supported", "s": "subject",
}

PHRASES = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK",
    202: "Accepted", 302: "Moved Temporarily", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 415: "Unsupported",
    420: "Bad Extension", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}


def canonical(name):
    name = name.strip().lower()
    return COMPACT.get(name, name)


class Message:
    def __init__(self, start, headers=(), body=b""):
        self.start = start
        self.headers = list(headers)
        self.body = body.encode() if isinstance(body, str) else body
        self.src = None
        self.time = None

    @classmethod
    def parse(cls, data):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        headers = []
        for line in lines[1:]:
            if line[:1] in " \t" and headers:
                headers[-1] = (headers[-1][0],
                               headers[-1][1] + " " + line.strip())
                continue
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(lines[0], headers, body)

    def bytes(self):
        lines = [self.start]
        lines += ["%s: %s" % h for h in self.headers]
        if self.get("content-length") is None:
            lines.append("Content-Length: %d" % len(self.body))
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body

    @property
    def status(self):
        m = re.match(r"SIP/2\.0 (\d{3})", self.start)
        return int(m.group(1)) if m else None

    @property
    def phrase(self):
        return self.start.split(" ", 2)[2] if self.status else None

    @property
    def method(self):
        """Of a request; None for a response."""
        return None if self.status else self.start.split(" ")[0]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    def all(self, name):
        name = canonical(name)
        return [v for n, v in self.headers if canonical(n) == name]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def written(self, name):
        """The header's name as it stood on the wire, or None."""
        for n, _ in self.headers:
            if canonical(n) == canonical(name):
                return n
        return None

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def cseq(self):
        m = re.match(r"(\d+)\s+(.*)", self.get("cseq") or "")
        return (int(m.group(1)), m.group(2)) if m else (0, "-")

    @property
    def branch(self):
        m = re.search(r";\s*branch=([^;,\s]+)", self.get("via") or "")
        return m.group(1) if m else None

    def tag(self, name):
        m = re.search(r";\s*tag=([^;,\s]+)", self.get(name) or "")
        return m.group(1) if m else None

    @property
    def contact(self):
        """URI of the Contact, or None."""
        return uri_of(self.get("contact"))

    def text(self):
        return self.body.decode("utf-8", "replace")

    def __str__(self):
        if self.status:
            return "%d %s (%s)" % (self.status, self.phrase,
                                   " ".join(map(str, self.cseq)))
        return "%s (%d)%s" % (self.method, self.cseq[0],
                              " sdp" if b"m=audio" in self.body else "")


def uri_of(value):
    """The URI of a name-addr or addr-spec header value."""
    if value is None:
        return None
    m = re.search(r'<([^<>]*)>[^<>"]*$', value)
    return m.group(1) if m else value.split(";")[0].strip()


def host_port(uri):
    """(host, port) of a SIP URI whose host is a number."""
    m = re.match(r"sips?:(?:[^@]*@)?([0-9.]+)(?::(\d+))?", uri)
    return m.group(1), int(m.group(2) or 5060)


class Sdp:
    """The parts of a session description that tests look at."""

    def __init__(self, body):
        text = body.decode() if isinstance(body, bytes) else body
        self.raw = text
        self.lines = [l for l in text.replace("\r\n", "\n").split("\n") if l]
        self.o = self._first("o=").split()
        self.version = int(self.o[2])
        self.session = self.o[1]
        self.address = self._first("c=").split()[2]
        m = self._first("m=").split()
        self.port = int(m[1])
        self.payloads = [int(p) for p in m[3:]]
        self.direction = "sendrecv"
        for line in self.lines:
            if line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive"):
                self.direction = line[2:]

    def _first(self, prefix):
        for line in self.lines:
            if line.startswith(prefix):
                return line[2:]
        raise AssertionError("no %s in SDP:\n%s" % (prefix, self.raw))


def sdp(ip, port=40000, version=1, session="777", direction="sendrecv",
        payloads=(0, 8, 101), owner="peer", c=None, extra=()):
    """An audio description; every field can be set."""
    names = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000",
             101: "telephone-event/8000", 96: "telephone-event/8000",
             97: "opus/48000/2"}
    lines = ["v=0",
             "o=%s %s %s IN IP4 %s" % (owner, session, version, ip),
             "s=-", "c=IN IP4 %s" % (c or ip), "t=0 0",
             "m=audio %d RTP/AVP %s" % (port, " ".join(map(str, payloads)))]
    lines += ["a=rtpmap:%d %s" % (p, names[p]) for p in payloads]
    for p in payloads:
        if names[p].startswith("telephone-event"):
            lines.append("a=fmtp:%d 0-15" % p)
    lines += list(extra)
    if direction:
        lines.append("a=" + direction)
    return "\r\n".join(lines) + "\r\n"
