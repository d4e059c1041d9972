"""A relay between a peer and a node that loses, delays and swaps datagrams.

It has two sockets: `front` is the node to the peer, `back` the peer to the
node. It runs in a process of its own, so that a busy test slows nothing, and
by a seed, so that the same test loses the same share again.
"""

import heapq
import multiprocessing
import random
import select
import socket
import time


class _Front:
    """What Peer.invite() takes for the node."""

    def __init__(self, sip):
        self.sip = sip


class Relay:
    def __init__(self, legs, loss=0.05, swap=0.05, seed=1):
        """`legs` maps a name to (peer's address, node's address)."""
        self.pairs = {}
        for name, (peer, node) in legs.items():
            socks = []
            for ip in (peer[0], node[0]):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
                s.bind((ip, 0))
                socks.append(s)
            self.pairs[name] = (*socks, peer, node)
        fork = multiprocessing.get_context("fork")
        self.figures = fork.Array("Q", 3)       # passed, lost, delayed
        self.stop = fork.Event()
        self.process = fork.Process(target=self._run, daemon=True,
                                    args=(loss, swap, seed))
        self.process.start()

    def front(self, name):
        return _Front(self.pairs[name][0].getsockname())

    def back(self, name):
        return self.pairs[name][1].getsockname()

    def counts(self):
        return dict(zip(("passed", "lost", "delayed"), self.figures))

    def _run(self, loss, swap, seed):
        r = random.Random(seed)
        ways, held, turn = {}, [], 0
        for front, back, peer, node in self.pairs.values():
            ways[front] = (back, node)
            ways[back] = (front, peer)
        while not self.stop.is_set():
            wait = 0.1
            if held:
                wait = max(0, min(wait, held[0][0] - time.monotonic()))
            for s in select.select(list(ways), [], [], wait)[0]:
                try:
                    data = s.recv(65535)
                except OSError:
                    continue
                out, to = ways[s]
                x = r.random()
                if x < loss:
                    self.figures[1] += 1
                elif x < loss + swap:
                    turn += 1
                    heapq.heappush(held, (
                        time.monotonic() + r.uniform(0.005, 0.06), turn,
                        out, to, data))
                    self.figures[2] += 1
                else:
                    self._send(out, to, data)
            while held and held[0][0] <= time.monotonic():
                self._send(*heapq.heappop(held)[2:])

    def _send(self, out, to, data):
        self.figures[0] += 1
        try:
            out.sendto(data, to)
        except OSError:
            pass

    def close(self):
        self.stop.set()
        self.process.join(5)
        for pair in self.pairs.values():
            pair[0].close()
            pair[1].close()
