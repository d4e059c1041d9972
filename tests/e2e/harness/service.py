"""A client of the control protocol that serves what bots ask."""

import socket
import threading

import msgpack


class Service:
    """
    Registers `name` and answers requests by `answer(method, params)`: what it
    returns is the result; what it raises as Refused is the error. HOLD: no
    answer. Raw bytes are written as they are.
    """

    HOLD = object()

    class Refused(Exception):
        pass

    def __init__(self, path, name, methods, answer, register=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(path))
        self.unpacker = msgpack.Unpacker(raw=False)
        self.answer = answer
        self.asked = []
        self.thread = None
        if register:
            self.error = self.register(name, methods)
            self.start()

    def register(self, name, methods):
        """Before start(): None, or the error's code."""
        self.send([0, 1, "service.register",
                   [{"name": name, "methods": methods}]])
        reply = self.receive()
        assert reply[:2] == [1, 1], reply
        return reply[2] and reply[2]["code"]

    def start(self):
        self.sock.settimeout(None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def send(self, message):
        self.sock.sendall(msgpack.packb(message))

    def receive(self):
        while True:
            for message in self.unpacker:
                return message
            data = self.sock.recv(65536)
            if not data:
                return None
            self.unpacker.feed(data)

    def _run(self):
        while True:
            try:
                message = self.receive()
            except OSError:
                return
            if message is None:
                return
            if message[0] != 0:
                continue
            _, number, method, params = message
            self.asked.append((number, method, params))
            try:
                result = self.answer(method, *params)
            except self.Refused as e:
                self.send([1, number, e.args[0], None])
                continue
            if isinstance(result, bytes):
                self.sock.sendall(result)
            elif result is not self.HOLD:
                self.send([1, number, None, result])

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.thread:
            self.thread.join(2)
        self.sock.close()
