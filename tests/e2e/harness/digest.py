"""The challenging side of digest (RFC 2617, RFC 3261 22), computed here."""

import hashlib
import re

from .waits import token


def md5(text):
    return hashlib.md5(text.encode() if isinstance(text, str) else text) \
        .hexdigest()


def fields(value):
    """Parameters of a challenge or an answer, quotes gone."""
    scheme, rest = value.split(None, 1)
    assert scheme.lower() == "digest", value
    found = re.findall(r'(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s]+)', rest)
    names = [n.lower() for n, _ in found]
    assert len(set(names)) == len(names), value
    # The whole of it is parameters with commas between.
    left = re.sub(r'(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s]+)', "", rest)
    assert not left.replace(",", "").strip(), value
    return {n.lower(): v.strip('"') for n, v in found}


class Digest:
    """
    One who challenges and checks. `proxy` uses 407. Each nonce counts its
    uses; the same count twice is an error.
    """

    def __init__(self, realm="carrier.example", user="4930123",
                 password="s3cret", proxy=False, qop="auth",
                 algorithm="MD5", opaque=None):
        self.realm = realm
        self.user = user
        self.password = password
        self.proxy = proxy
        self.qop = qop
        self.algorithm = algorithm
        self.opaque = opaque
        self.nonce = None
        self.used = set()

    @property
    def status(self):
        return 407 if self.proxy else 401

    def header(self, nonce=None, stale=None):
        """The challenge as (name, value), with a new nonce."""
        self.nonce = nonce or token("nonce")
        parts = ['realm="%s"' % self.realm, 'nonce="%s"' % self.nonce]
        if self.qop:
            parts.append('qop="%s"' % self.qop)
        if self.algorithm:
            parts.append("algorithm=" + self.algorithm)
        if self.opaque:
            parts.append('opaque="%s"' % self.opaque)
        if stale is not None:
            parts.append("stale=%s" % ("true" if stale else "false"))
        return ("Proxy-Authenticate" if self.proxy else "WWW-Authenticate",
                "Digest " + ", ".join(parts))

    def challenge(self, d, request=None, **kw):
        """Refuses the request on dialog d with a new challenge."""
        request = request or d.last
        kw.setdefault("to", request)
        d.reply(self.status, headers=[self.header(
            kw.pop("nonce", None), kw.pop("stale", None))], **kw)
        if request.method == "INVITE":
            d.expect("ACK")

    def answers(self, request):
        """This realm's answers in a request."""
        name = "Proxy-Authorization" if self.proxy else "Authorization"
        return [v for v in request.all(name)
                if fields(v)["realm"] == self.realm]

    def check(self, request, reuse=False):
        """The request's answer is right; returns its fields."""
        values = self.answers(request)
        assert len(values) == 1, (str(request), request.headers)
        f = fields(values[0])
        assert f["username"] == self.user, f
        assert f["nonce"] == self.nonce, f
        assert f["uri"] == request.uri, f
        if self.opaque:
            assert f["opaque"] == self.opaque, f
        a1 = md5("%s:%s:%s" % (self.user, self.realm, self.password))
        if self.algorithm == "MD5-sess":
            a1 = md5("%s:%s:%s" % (a1, f["nonce"], f["cnonce"]))
        a2 = "%s:%s" % (request.method, f["uri"])
        if f.get("qop") == "auth-int":
            a2 += ":" + md5(request.body)
        parts = [a1, f["nonce"]]
        if self.qop:
            assert f["qop"] in re.split(r"[, ]+", self.qop), f
            assert re.fullmatch("[0-9a-f]{8}", f["nc"]), f
            use = (f["nonce"], f["nc"])
            assert reuse or use not in self.used, f
            self.used.add(use)
            parts += [f["nc"], f["cnonce"], f["qop"]]
        else:
            assert "nc" not in f and "qop" not in f, f
        want = md5(":".join(parts + [md5(a2)]))
        assert f["response"] == want, f
        return f
