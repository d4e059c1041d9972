"""A client of the control protocol: MessagePack-RPC over a Unix socket."""

import socket
import threading
import time

import msgpack


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__("%s: %s" % (code, message))
        self.code = code
        self.message = message


class Rpc:
    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.sock.settimeout(None)
        self.timeout = timeout
        self.cond = threading.Condition()
        self.answers = {}
        self.events = []
        self.of = {}            # (field, value) -> events, for quick finds
        self.closed = False
        self.next = 1
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            with self.cond:
                if not data:
                    self.closed = True
                    self.cond.notify_all()
                    return
                unpacker.feed(data)
                for m in unpacker:
                    if m[0] == 1:
                        self.answers[m[1]] = (m[2], m[3])
                    elif m[0] == 2 and m[1] == "event":
                        self._note(m[2][0])
                self.cond.notify_all()

    def _note(self, event):
        self.events.append(event)
        for field in ("call", "sip_call_id"):
            if field in event:
                self.of.setdefault((field, event[field]), []).append(event)

    def clear(self):
        with self.cond:
            self.events.clear()
            self.of.clear()

    def send(self, method, *params):
        """Sends a request and returns its id."""
        with self.cond:
            number = self.next
            self.next += 1
        self.sock.sendall(msgpack.packb([0, number, method, list(params)]))
        return number

    def answer(self, number, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        with self.cond:
            while number not in self.answers:
                left = end - time.monotonic()
                if left <= 0 or self.closed:
                    raise AssertionError("no answer to request %d%s" % (
                        number, ", connection closed" if self.closed
                        else ""))
                self.cond.wait(left)
            error, result = self.answers.pop(number)
        if error is not None:
            assert set(error) == {"code", "message"}, error
            raise RpcError(error["code"], error["message"])
        return result

    def call(self, method, /, **params):
        return self.answer(self.send(method, *([params] if params else [])))

    def refused(self, method, code, /, **params):
        """The message of a call that must fail with this code."""
        try:
            result = self.call(method, **params)
        except RpcError as e:
            assert e.code == code, "%s: %s instead of %s" % (method, e, code)
            assert "\n" not in e.message and e.message, repr(e.message)
            return e.message
        raise AssertionError("%s was accepted: %s" % (method, result))

    def find(self, type, after=-1, **fields):
        with self.cond:
            events = self.events
            for field in ("call", "sip_call_id"):
                if field in fields:
                    events = self.of.get((field, fields[field]), [])
            return [e for e in events
                    if e["type"] == type and e["seq"] > after and
                    all(e.get(k) == v for k, v in fields.items())]

    def wait_for(self, type, timeout=8, after=-1, count=1, **fields):
        """The count-th event of a type with these fields, past or future."""
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                found = self.find(type, after, **fields)
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0 or self.closed:
                    raise AssertionError(
                        "no event %s %s; last: %s" %
                        (type, fields, [e["type"] for e in
                                        self.events[-12:]]))
                self.cond.wait(left)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(2)
        self.sock.close()
