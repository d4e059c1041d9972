"""An HTTP server that misbehaves as it is told, by path."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _reply(self, status=200, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _serve(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size) if size else b""
        self.server.seen.append((self.command, self.path,
                                 dict(self.headers.items()), body))
        path, _, query = self.path.partition("?")
        action = getattr(self, "do" + path.replace("/", "_"), None)
        if action:
            action(query, body)
        else:
            self._reply(404, b"no such page")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve
    do_OPTIONS = _serve

    def do_hello(self, query, body):
        self._reply(200, b"hello", [("X-One", "a"), ("X-One", "b")])

    def do_echo(self, query, body):
        self._reply(201, self.command.encode() + b":" + body)

    def do_json(self, query, body):
        self._reply(200, b'{"vip":true,"n":[1,2.5,null,"x"]}',
                    [("Content-Type", "application/json; charset=utf-8")])

    def do_bytes(self, query, body):
        self._reply(200, bytes(range(256)))

    def do_slow(self, query, body):
        self.server.stop.wait(float(query or 5))
        self._reply(200, b"late")

    def do_drip(self, query, body):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(1000):
            if self.server.stop.wait(0.05):
                return
            self.wfile.write(b"x")

    def do_huge(self, query, body):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        for _ in range(200):
            self.wfile.write(b"x" * 65536)

    def do_headers(self, query, body):
        self.send_response(200)
        for i in range(2000):
            self.send_header("X-%d" % i, "y" * 50)
        self.end_headers()
        self.close_connection = True

    def do_cut(self, query, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
        self.close_connection = True

    def do_garbage(self, query, body):
        self.wfile.write(b"\x00\xff\x01 what is this\r\n\r\n" * 50)
        self.close_connection = True

    def do_nothing(self, query, body):
        self.close_connection = True

    def do_to(self, query, body):
        status, _, where = query.partition(",")
        self._reply(int(status), b"", [("Location", where)])

    def do_loop(self, query, body):
        self._reply(302, b"", [("Location", "/loop")])

    def do_no(self, query, body):
        self._reply(500, b"oops")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Web:
    def __init__(self, ip="127.0.0.1"):
        self.server = Server((ip, 0), Handler)
        self.server.seen = []
        self.server.stop = threading.Event()
        self.port = self.server.server_address[1]
        self.url = "http://%s:%d" % (ip, self.port)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    @property
    def seen(self):
        return self.server.seen

    def close(self):
        self.server.stop.set()
        self.server.shutdown()
        self.server.server_close()


class Deaf:
    """Takes connections and never says a word."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.sock.getsockname()[1]

    def close(self):
        self.sock.close()


