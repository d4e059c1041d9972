"""Runs SIPp scenarios of tests/e2e/sipp."""

import csv
import subprocess
from pathlib import Path

from . import net

SCENARIOS = Path(__file__).resolve().parents[1] / "sipp"


class Sipp:
    """
    A running SIPp. `target` is (host, port) for a customer, None for a
    server; `keys` become [name] in the scenario.
    """

    def __init__(self, folder, scenario, target=None, calls=1, rate=10,
                 limit=None, ip=None, port=None, keys=None, timeout=40,
                 user="100"):
        self.ip = ip or net.address()
        self.port = port or net.free_port(self.ip)
        name = Path(scenario).stem
        self.base = Path(folder) / ("sipp-%s-%d" % (name, self.port))
        self.calls = calls
        args = ["sipp", "-sf", str(SCENARIOS / scenario), "-i", self.ip,
                "-p", str(self.port), "-m", str(calls), "-nostdin",
                "-timeout", str(timeout), "-timeout_error", "-recv_timeout",
                str(timeout * 1000), "-max_socket", "1000",
                "-trace_err", "-error_file", "%s.err" % self.base,
                "-trace_stat", "-stf", "%s.csv" % self.base, "-fd", "1",
                "-r", str(rate)]
        if limit:
            args += ["-l", str(limit)]
        for key, value in (keys or {}).items():
            args += ["-key", key, str(value)]
        if target:
            args += ["-s", user, "%s:%d" % target]
        self.log = open("%s.out" % self.base, "wb")
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL,
                                        stdout=self.log,
                                        stderr=subprocess.STDOUT,
                                        cwd=folder)
        self.timeout = timeout

    @property
    def uri(self):
        return "sip:%s:%d" % (self.ip, self.port)

    def wait(self):
        """Waits for the end; returns the figures of the last row."""
        try:
            status = self.process.wait(self.timeout + 10)
        finally:
            self.kill()
        assert status == 0, "SIPp %s, status %d:\n%s\n%s" % (
            self.base.name, status, self.errors(), self.last_screen())
        return self.stats()

    def stats(self):
        rows = list(csv.DictReader(open("%s.csv" % self.base),
                                   delimiter=";"))
        return rows[-1] if rows else {}

    def errors(self):
        path = Path("%s.err" % self.base)
        return path.read_text(errors="replace")[-3000:] \
            if path.exists() else ""

    def last_screen(self):
        return Path("%s.out" % self.base).read_text(errors="replace")[-1500:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.log.close()
