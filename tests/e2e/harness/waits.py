"""How long things may take, and names that are never twice the same."""

import itertools
import time

WAIT = 6.0
_ids = itertools.count(1)


def token(prefix):
    return "%s%d%x" % (prefix, next(_ids), int(time.time() * 1000) & 0xffffff)
