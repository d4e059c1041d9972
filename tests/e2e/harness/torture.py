"""RFC 4475's torture messages, from the files of tests/e2e/torture.

Each file is named by its section. The notations are the RFC's own (2.1 to
2.3): <hex>..</hex> and <repeat count=n>..</repeat>; lines end in CRLF on the
wire. [node] and [peer] are host:port of either side, [ip] is the peer's
address, [length] what the body has. The top Via is ours, else no answer
would be seen.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "torture"


def names():
    return sorted((p.stem for p in FOLDER.glob("*.sip")), key=lambda name: [
        int(n) for n in name.split("-")[0].split(".")] + [name])


def torture(name, peer, node):
    """The message's bytes, addressed from a peer to a node."""
    text = (FOLDER / (name + ".sip")).read_bytes()
    for key, value in (("node", "%s:%d" % node.sip), ("ip", peer.ip),
                       ("peer", "%s:%d" % (peer.ip, peer.port))):
        text = text.replace(b"[%s]" % key.encode(), value.encode())
    text = text.replace(b"\n", b"\r\n")
    text = re.sub(rb"<repeat count=(\d+)>(.*?)</repeat>",
                  lambda m: m[2] * int(m[1]), text)
    text = re.sub(rb"<hex>([0-9A-F ]*)</hex>",
                  lambda m: bytes.fromhex(m[1].decode()), text, flags=re.S)
    body = text.partition(b"\r\n\r\n")[2]
    return text.replace(b"[length]", b"%d" % len(body))
