"""What went over the wire, for the reader of a failed test."""

import threading
import time


class Ladder:
    def __init__(self):
        self.start = time.monotonic()
        self.lock = threading.Lock()
        self.rows = []

    def add(self, name, arrow, text):
        with self.lock:
            self.rows.append((time.monotonic() - self.start, name, arrow,
                              text))

    def __str__(self):
        with self.lock:
            return "\n".join("%8.3f  %-10s %s %s" % r for r in self.rows)
