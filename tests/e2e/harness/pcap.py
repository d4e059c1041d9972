"""What the node sent, as a pcap file that tshark reads.

No rights to capture are needed: the peers note the datagrams they got, and
they are written as IPv4 over nothing. The node's side always has port 5060,
so that tshark takes it for SIP. tshark missing is a failure, no excuse.
"""

import re
import socket
import struct
import subprocess
import time

SIP = 5060
RAW_IPV4 = 228          # LINKTYPE_IPV4


def frame(data, src, dst):
    ports = struct.pack("!HHHH", SIP, dst[1], 8 + len(data), 0)
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0x4000,
                       64, 17, 0, socket.inet_aton(src[0]),
                       socket.inet_aton(dst[0])) + ports + data


class Pcap:
    def __init__(self):
        self.rows = []      # (time, data, src, dst)

    def add(self, data, src, dst):
        self.rows.append((time.time(), data, src, dst))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144,
                                RAW_IPV4))
            for at, data, src, dst in self.rows:
                raw = frame(data, src, dst)
                f.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6),
                                    len(raw), len(raw)) + raw)


def tshark(path, *args):
    try:
        p = subprocess.run(["tshark", "-n", "-r", str(path), *args],
                           capture_output=True, text=True, timeout=120,
                           errors="replace")
    except FileNotFoundError:
        raise AssertionError("tshark is not installed (Debian: tshark)")
    assert p.returncode == 0, p.stderr
    return p.stdout


# Not ours to answer for: a caller's number goes on as it came.
ALLOWED = ("Country Code contains non-decimal digits",)


def complaints(path):
    """Lines about messages that tshark finds malformed or has doubts of."""
    # 0x00600000 is "warning"; notes and chat are below.
    lines = tshark(path, "-Y", "_ws.malformed || "
                   "_ws.expert.severity >= 0x00600000", "-T", "fields",
                   "-E", "separator= ", "-e", "frame.number",
                   "-e", "_ws.expert.message", "-e", "_ws.malformed",
                   "-e", "sip.Request-Line",
                   "-e", "sip.Status-Line").splitlines()
    # A body with a NUL in it, which one party sends to the other, is theirs.
    return [line for line in lines if not any(a in line for a in ALLOWED) and
            not re.search("Trailing stray characters +(INFO|MESSAGE) ", line)]


def count(path, what="sip"):
    return len(tshark(path, "-Y", what).splitlines())
