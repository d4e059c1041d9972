"""A party's own RTP: a pair of sockets, and packets one can look at."""

import os
import socket
import struct

from . import net


class Rtp:
    """Even port for RTP, the next one for RTCP; one SSRC."""

    def __init__(self, ip=None):
        self.ip = ip or net.address()
        while True:
            self.rtp = self._bound(0)
            self.port = self.rtp.getsockname()[1]
            try:
                if self.port % 2 == 0:
                    self.rtcp = self._bound(self.port + 1)
                    break
            except OSError:
                pass
            self.rtp.close()
        self.seq, self.ssrc = 1, os.urandom(4)

    def _bound(self, port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((self.ip, port))
        s.settimeout(2)
        return s

    def send(self, to, pt=0, marker=False):
        """One packet of 20 ms to (host, port); its payload."""
        self.seq += 1
        payload = os.urandom(160)
        self.rtp.sendto(struct.pack(
            "!BBHI4s", 0x80, pt | (0x80 if marker else 0), self.seq,
            self.seq * 160, self.ssrc) + payload, to)
        return payload

    def report(self, to):
        """A receiver report to the RTCP port beside `to`."""
        data = struct.pack("!BBH4s", 0x80, 201, 1, self.ssrc)
        self.rtcp.sendto(data, (to[0], to[1] + 1))
        return data

    def expect(self, payload, pt=None):
        """The packet with this payload; where it came from."""
        data, source = self.rtp.recvfrom(2048)
        assert data[12:] == payload, "another packet"
        if pt is not None:
            assert data[1] & 0x7f == pt, data[1]
        return source

    def silence(self, seconds=0.2):
        self.rtp.settimeout(seconds)
        try:
            data = self.rtp.recv(2048)
            raise AssertionError("heard %d bytes" % len(data))
        except socket.timeout:
            pass
        finally:
            self.rtp.settimeout(2)

    def close(self):
        self.rtp.close()
        self.rtcp.close()
