"""What the bench and the soak share: servers, SIPp, /proc and callgrind.

Each server is one object: started, pinned to a core of its own, asked what it
has used, stopped. The load sits on another core. All addresses are in
127.77.0.0/24, and every port is checked to be free first.
"""
import csv
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER, CUSTOMER, AGENT = "127.77.0.1", "127.77.0.2", "127.77.0.3"
T1X64 = 4.0                     # seconds: ended transactions are gone soon,
TIMER_D = 32.0                  # but not what an INVITE of ours leaves, and
T4 = 5.0                        # what other requests of ours leave

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]

NUMBERS = {"answer": "100", "refer": "101", "bridge": "102"}
TICKS = os.sysconf("SC_CLK_TCK")


def settled(case, t1x64=T1X64):
    """Seconds after which nothing is left of a transaction of this case.

    That is nta's; Kamailio's are gone sooner, and wait as long.
    """
    return max(t1x64, {"answer": 0, "refer": T4, "bridge": TIMER_D}[case]) + 2


class Broken(Exception):
    """A run that cannot be counted, and why."""


given = {}


def free_port(host, first):
    """A UDP port from `first` on that nobody has and nobody was given."""
    base, first = first, given.get((host, first), first)
    for port in range(first, first + 2000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind((host, port))
            except OSError:
                continue
        given[host, base] = port + 1
        return port
    raise Broken("no free port at %s" % host)


def pinned(core, command):
    return ["taskset", "-c", str(core)] + command


class Server:
    """A server under measurement; the kinds below say how it is started."""
    name = None
    cases = ()

    def __init__(self, agent_port, t1x64=T1X64):
        self.port = free_port(SERVER, 5060)
        self.agent = "%s:%d" % (AGENT, agent_port)
        self.t1x64 = t1x64
        self.dir = tempfile.mkdtemp(prefix="tandem-bench-")
        self.process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self, wrap=()):
        env = dict(os.environ, **self.environment())
        self.log = open(os.path.join(self.dir, "output"), "wb")
        self.process = subprocess.Popen(
            pinned(SERVER_CORE, list(wrap) + self.command()), env=env,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.await_answer()
        except Broken:
            self.kill()
            raise
        return self

    def output(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            return f.read()[-2000:]

    def await_answer(self):
        """Until an OPTIONS is answered, by whatever status."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((CUSTOMER, 0))
            s.settimeout(0.5)
            own = "%s:%d" % s.getsockname()
            end = time.monotonic() + 60
            n = 0
            while time.monotonic() < end:
                if self.process.poll() is not None:
                    raise Broken("%s ended at its start: %s" %
                                 (self.name, self.output()))
                n += 1
                s.sendto(("OPTIONS sip:%s:%d SIP/2.0\r\n"
                          "Via: SIP/2.0/UDP %s;branch=z9hG4bKbench%d\r\n"
                          "From: <sip:bench@%s>;tag=1\r\n"
                          "To: <sip:%s:%d>\r\nCall-ID: bench%d@%s\r\n"
                          "CSeq: %d OPTIONS\r\nMax-Forwards: 70\r\n"
                          "Content-Length: 0\r\n\r\n"
                          % (SERVER, self.port, own, n, own, SERVER,
                             self.port, n, own, n)).encode(),
                         (SERVER, self.port))
                try:
                    s.recv(65536)
                    return
                except OSError:
                    time.sleep(0.2)
        raise Broken("%s does not answer" % self.name)

    def pids(self):
        """The server's processes: the one started and those it forked."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for path in glob.glob("/proc/%d/task/*/children" % pid):
                try:
                    with open(path) as f:
                        todo += [int(p) for p in f.read().split()]
                except OSError:
                    pass
        return found

    def cpu(self):
        """Seconds of CPU used so far, user and system."""
        total = 0
        for pid in self.pids():
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self):
        """RSS and PSS in kB."""
        rss = pss = 0
        for pid in self.pids():
            with open("/proc/%d/smaps_rollup" % pid) as f:
                for line in f:
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1])
                    elif line.startswith("Pss:"):
                        pss += int(line.split()[1])
        return rss, pss

    def stop(self):
        """Ends it; its exit status, or None if it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
                return None
        self.tidy()
        return self.process.returncode

    def kill(self):
        for pid in reversed(self.pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait()
        self.tidy()

    def tidy(self):
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Bare(Server):
    name = "bare nta"
    cases = ("answer",)
    binary = None

    def command(self):
        return [self.binary, SERVER, str(self.port),
                str(int(self.t1x64 * 1000))]


class Tandem(Server):
    name = "tandem"
    cases = ("answer", "refer", "bridge")
    binary = None

    def command(self):
        return [self.binary, "-c", os.path.join(HERE, "tandem.lua")]

    def environment(self):
        return {
            "BENCH_SIP": "%s:%d" % (SERVER, self.port),
            "BENCH_HOST": SERVER,
            "BENCH_AGENT": self.agent,
            "BENCH_AGENT_HOST": AGENT,
            "BENCH_CUSTOMER": CUSTOMER,
            "BENCH_T1X64": "%dms" % (self.t1x64 * 1000),
            "BENCH_SOCKET": os.path.join(self.dir, "control.sock"),
            "BENCH_CDR": os.path.join(self.dir, "cdr.jsonl"),
            "BENCH_LOG": os.path.join(self.dir, "log"),
        }

    def output(self):
        text = super().output()
        try:
            with open(os.path.join(self.dir, "log"), errors="replace") as f:
                text += f.read()[-2000:]
        except OSError:
            pass
        return text

    def stats(self):
        done = subprocess.run(
            [self.binary, "ctl", "-s", os.path.join(self.dir, "control.sock"),
             "node.stats"], capture_output=True, timeout=30)
        if done.returncode:
            raise Broken("node.stats: " + done.stderr.decode())
        return json.loads(done.stdout)


class Kamailio(Server):
    """As packaged; it keeps no dialog, so it is a yardstick and no peer."""
    name = "kamailio"
    cases = ("answer", "refer", "bridge")
    allocator = "qm"            # its default, with checks

    def command(self):
        folder = os.path.join(HERE, "kamailio")
        return ["kamailio", "-f", os.path.join(folder, "kamailio.cfg"),
                "-DD", "-E", "-x", self.allocator, "-X", self.allocator,
                "-m", "256", "-M", "16",
                "-w", self.dir, "-Y", self.dir,
                "-A", "KAM_SIP=udp:%s:%d" % (SERVER, self.port),
                "-A", 'KAM_LUA="%s"' % os.path.join(folder, "kamailio.lua")]

    def environment(self):
        return {"KAM_AGENT": self.agent,
                "KAM_OWN": "%s:%d" % (SERVER, self.port)}


class KamailioFast(Kamailio):
    """The same with its fast allocator (-x fm -X fm)."""
    name = "kamailio-fm"
    allocator = "fm"


class Sipp:
    """One SIPp on the load's core."""

    def __init__(self, scenario, host, port=None, server=None, case=None,
                 rate=None, calls=None, hold_ms=0):
        self.dir = tempfile.mkdtemp(prefix="tandem-sipp-")
        self.calls = calls
        self.port = port or free_port(host, 5100)
        self.stats = os.path.join(self.dir, "stats.csv")
        args = ["sipp", "-sf", os.path.join(HERE, "sipp", scenario),
                "-i", host, "-p", str(self.port), "-nostdin",
                "-trace_stat", "-stf", self.stats, "-fd", "1",
                "-trace_err", "-error_file", os.path.join(self.dir, "err"),
                "-deadcall_wait", "1000", "-max_socket", "8"]
        if server:
            args += ["-s", NUMBERS[case], "-d", str(hold_ms),
                     "-r", str(rate), "-m", str(calls), "-l", str(min(calls, 15000)),
                     "-timeout", "%ds" % (120 + hold_ms // 1000 +
                                          2 * calls // rate),
                     "-timeout_error",
                     "%s:%d" % (SERVER, server.port)]
        self.process = subprocess.Popen(
            pinned(LOAD_CORE, args), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=self.dir)

    def column(self, row, name):
        for key, value in row.items():
            if key and key.startswith(name):
                return int(value)
        return 0

    def wait(self):
        """(successful, failed, retransmissions); the first error, if any."""
        self.process.wait()
        last = None
        try:
            with open(self.stats, newline="") as f:
                for row in csv.DictReader(f, delimiter=";"):
                    last = row
        except OSError:
            pass
        error = ""
        try:
            with open(os.path.join(self.dir, "err"), errors="replace") as f:
                error = f.read(1500)
        except OSError:
            pass
        shutil.rmtree(self.dir, ignore_errors=True)
        if not last:
            raise Broken("SIPp did not run: " + error)
        return (self.column(last, "SuccessfulCall(C)"),
                self.column(last, "FailedCall(C)"),
                self.column(last, "Retransmissions(C)"), error)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def scenario_of(server, case):
    """Kamailio relays: nobody re-INVITEs its customer."""
    if case == "bridge" and isinstance(server, Kamailio):
        return "customer_answer.xml"
    return "customer_%s.xml" % case


def load(server, case, rate, calls):
    """Puts `calls` calls through; what SIPp does not count as good raises.

    They stay for a moment: a BYE on the heels of the ACK would overtake the
    bot, which has no use for a customer who has gone.
    """
    done = Sipp(scenario_of(server, case), CUSTOMER, server=server, case=case,
                rate=rate, calls=calls, hold_ms=200).wait()
    check(server, case, calls, done)
    return done


def check(server, case, calls, done):
    good, bad, again, error = done
    if good != calls or bad:
        raise Broken("%s, %s: %d of %d calls failed\n%s\n%s" % (
            server.name, case, calls - good, calls, error, server.output()))


def has_perf():
    """Whether this machine lets perf count instructions."""
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions",
                           "true"], capture_output=True, text=True)
    return done.returncode == 0 and bool(
        re.search(r"^\d+,.*instructions", done.stderr, re.M))


class Perf:
    """Counts the instructions of running processes, user and kernel."""

    def __init__(self, pids):
        self.process = subprocess.Popen(
            ["perf", "stat", "-x,", "-e", "instructions", "-p",
             ",".join(str(p) for p in pids)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def read(self):
        self.process.send_signal(signal.SIGINT)
        text = self.process.communicate()[1]
        found = re.search(r"^(\d+),.*instructions", text, re.M)
        if not found:
            raise Broken("perf: " + text)
        return int(found.group(1))


class Callgrind:
    """Counts instructions by valgrind: those of user space alone.

    The server runs under it from the start; zero() forgets what was counted
    so far, read() gives what came since and leaves files for a profile.
    """

    def __init__(self, folder):
        self.folder = folder

    def wrap(self):
        return ["valgrind", "-q", "--tool=callgrind",
                "--callgrind-out-file=%s/callgrind.%%p" % self.folder]

    def tell(self, pids, what):
        for pid in pids:
            done = subprocess.run(["vgdb", "--pid=%d" % pid, what],
                                  capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise Broken("vgdb: " + done.stderr)

    def zero(self, pids):
        self.tell(pids, "zero")

    def read(self, pids):
        self.tell(pids, "dump")
        return sum(self.total(self.file(pid)) for pid in pids)

    def read_all(self):
        """What processes that have ended counted from their start on."""
        return sum(self.total(f) for f in
                   glob.glob(self.folder + "/callgrind.*"))

    def total(self, path):
        with open(path) as f:
            found = re.search(r"^(?:summary|totals): (\d+)", f.read(), re.M)
        if not found:
            raise Broken("callgrind has not finished " + path)
        return int(found.group(1))

    def file(self, pid):
        return "%s/callgrind.%d.1" % (self.folder, pid)
