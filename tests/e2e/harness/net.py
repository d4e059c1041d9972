"""Addresses of our own in 127.0.0.0/8, so that files may run side by side."""

import itertools
import os
import socket

_pid = os.getpid()
_base = "127.%d.%d." % (16 + _pid // 200 % 200, 1 + _pid % 200)
_hosts = itertools.count(1)


def address():
    """An address that no other test of this process has."""
    return _base + str(next(_hosts) % 254 + 1)


def free_port(ip, kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind((ip, 0))
        return s.getsockname()[1]
