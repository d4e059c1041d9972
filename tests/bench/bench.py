"""Measures Tandem beside the bare stack and Kamailio; see README.md."""
import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time

import profile_calls
import rig
from peer import Peer, percentiles
from rig import AGENT, Bare, Broken, Callgrind, Kamailio, KamailioFast, Perf, \
    Sipp, Tandem

CASES = {
    "answer": "(i) answer, Lua, BYE",
    "refer": "(ii) answer, Lua, REFER, NOTIFY, BYE",
    "bridge": "(iii) answer, Lua, bridge, BYE",
}
AIMS = {"answer": 0.45, "refer": 0.8, "bridge": 1.2}


class Bench:
    def __init__(self, args):
        self.args = args
        self.perf = rig.has_perf() and not args.callgrind
        self.profiles = args.profile
        self.counted = max(50, args.calls // 5)

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def agent(self, case):
        """A SIPp agent where the case needs one; its port in any case."""
        port = rig.free_port(AGENT, 7000)
        return port, Sipp("agent.xml", AGENT, port) if case == "bridge" \
            else None

    def each(self, kind, case, run, wrap=(), t1x64=rig.T1X64):
        """Runs one measurement on a fresh server."""
        port, agent = self.agent(case)
        try:
            server = kind(port, t1x64).start(wrap)
        except Broken:
            if agent:
                agent.stop()
            raise
        try:
            result = run(server)
        except BaseException:
            server.kill()
            raise
        finally:
            if agent:
                agent.stop()
        server.stop()
        return result

    def settle(self, case):
        time.sleep(rig.settled(case))

    def instructions(self, kind, case):
        """Million instructions per call, ended transactions included."""
        if self.perf:
            return self.by_perf(kind, case)
        if issubclass(kind, Kamailio):
            return self.by_difference(kind, case)
        calls = self.counted
        with tempfile.TemporaryDirectory() as folder:
            tool = Callgrind(folder)

            def run(server):
                rig.load(server, case, 10, 20)
                self.settle(case)
                pids = server.pids()
                tool.zero(pids)
                rig.load(server, case, 10, calls)
                self.settle(case)
                count = tool.read(pids)
                if self.profiles:
                    name = os.path.join(self.profiles, "%s-%s" % (
                        kind.name.split()[0], case))
                    profile_calls.report([tool.file(p) for p in pids], calls,
                                         name + ".txt")
                    shutil.copy(tool.file(pids[0]), name + ".callgrind")
                return count / calls / 1e6

            return self.each(kind, case, run, tool.wrap())

    def by_perf(self, kind, case):
        def run(server):
            rig.load(server, case, 40, 20)
            self.settle(case)
            counter = Perf(server.pids())
            rig.load(server, case, 40, self.counted)
            self.settle(case)
            return counter.read() / self.counted / 1e6

        return self.each(kind, case, run)

    def by_difference(self, kind, case):
        """For a server that forks, whose children cannot be told to dump.

        Two runs of the same length with more and with fewer calls: the start
        and the ticking of its timers cancel out.
        """
        few, many = 20, 20 + self.counted
        totals = []
        for calls in (few, many):
            with tempfile.TemporaryDirectory() as folder:
                tool = Callgrind(folder)

                def run(server):
                    begin = time.monotonic()
                    rig.load(server, case, 10, calls)
                    time.sleep(max(0, begin + many / 10 + 1 -
                                   time.monotonic()))
                    self.settle(case)

                self.each(kind, case, run, tool.wrap())
                totals.append(tool.read_all())
        return (totals[1] - totals[0]) / self.counted / 1e6

    def cpu(self, kind, case):
        """CPU seconds per 1,000 calls of each run."""
        def run(server):
            rig.load(server, case, self.args.rate, 100)
            self.settle(case)
            used = []
            for _ in range(self.args.runs):
                before = server.cpu()
                rig.load(server, case, self.args.rate, self.args.calls)
                self.settle(case)
                used.append((server.cpu() - before) * 1000 / self.args.calls)
            return used

        return self.each(kind, case, run)

    def held(self, kind, case):
        """kB (RSS, PSS) per held call.

        A second crowd as large as the first is added: what the allocator
        keeps from ended transactions is in both sizes.
        """
        first, more, rate, t1x64 = self.args.held, self.args.held, 100, 1
        settle = rig.settled(case, t1x64)

        def run(server):
            hold = (first + more) / rate + 2 * settle + 5
            crowds, sizes = [], []
            for calls in (first, more):
                crowds.append(Sipp(
                    rig.scenario_of(server, case), rig.CUSTOMER,
                    server=server, case=case, rate=rate, calls=calls,
                    hold_ms=int(hold * 1000)))
                time.sleep(calls / rate + settle)
                sizes.append(server.memory())
            for calls, crowd in zip((first, more), crowds):
                rig.check(server, case, calls, crowd.wait())
            return [(b - a) / more for a, b in zip(*sizes)]

        return self.each(kind, case, run, t1x64=t1x64)

    def latency(self, kind, case):
        port = rig.free_port(AGENT, 7000)
        server = kind(port).start()
        try:
            os.sched_setaffinity(0, {rig.LOAD_CORE})
            peer = Peer(server, case, port, issubclass(kind, Kamailio))
            peer.run(max(50, self.args.calls // 2), 50)
        except BaseException:
            server.kill()
            raise
        finally:
            os.sched_setaffinity(0, set(rig.CORES))
        peer.close()
        server.stop()
        return percentiles(peer.setup), percentiles(peer.action)

    def measure(self, kind, case):
        row = {"server": kind.name, "case": case}
        what = [("instructions", self.instructions), ("cpu", self.cpu),
                ("latency", self.latency)]
        if not issubclass(kind, Kamailio) and case != "refer":
            what.append(("held", self.held))
        for name, h in what:
            if self.args.only and name not in self.args.only:
                continue
            self.say("%s, %s: %s" % (kind.name, case, name))
            try:
                row[name] = h(kind, case)
            except Broken as e:
                self.say("  failed: %s" % e)
                row.setdefault("failed", []).append(name)
        return row


def ms(values):
    return "/".join("%.2f" % v for v in values) if values else "-"


def table(rows, perf):
    base = next((r.get("instructions") for r in rows
                 if r["server"] == Bare.name), None)
    lines = [("server", "case", "M instr", "aim", "x bare",
              "CPU s/1000 min", "median", "kB held RSS", "PSS",
              "INVITE-200 ms 50/95/99%", "script's act ms 50/95/99%")]
    for r in rows:
        n = r.get("instructions")
        cpu = r.get("cpu")
        held = r.get("held")
        setup, action = r.get("latency", (None, None))
        lines.append((
            r["server"], CASES[r["case"]],
            "%.3f" % n if n else "-",
            "%.2f" % AIMS[r["case"]] if r["server"] == "tandem" else "",
            "%.1f" % (n / base) if n and base else "-",
            "%.3f" % min(cpu) if cpu else "-",
            "%.3f" % statistics.median(cpu) if cpu else "-",
            "%.1f" % held[0] if held else "-",
            "%.1f" % held[1] if held else "-",
            ms(setup), ms(action)))
    width = [max(len(line[i]) for line in lines)
             for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(c.ljust(w) for c, w in zip(line, width)).rstrip())
    print("\nM instr: per call, %s; settled transactions included."
          % ("user and kernel (perf stat)" if perf else
             "user space alone (valgrind --tool=callgrind): the kernel's "
             "share is not in it"))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tandem", required=True, help="path of the executable")
    p.add_argument("--bare", required=True, help="path of bench_bare")
    p.add_argument("--calls", type=int, default=1000,
                   help="calls per run of CPU time (default 1000); the other "
                   "measurements scale with it")
    p.add_argument("--held", type=int, default=2000,
                   help="held calls (default 2000)")
    p.add_argument("--runs", type=int, default=3,
                   help="runs of CPU time (default 3)")
    p.add_argument("--rate", type=int, default=200,
                   help="calls per second while CPU time is taken "
                   "(default 200)")
    p.add_argument("--servers", default="bare,tandem,kamailio,kamailio-fm")
    p.add_argument("--cases", default="answer,refer,bridge")
    p.add_argument("--only", default=None, help="some of instructions,cpu,"
                   "latency,held")
    p.add_argument("--callgrind", action="store_true",
                   help="callgrind even where perf is supported")
    p.add_argument("--profile", default=None, metavar="DIR",
                   help="where callgrind's profiles go")
    p.add_argument("--json", default=None, metavar="FILE")
    args = p.parse_args()

    Tandem.binary, Bare.binary = args.tandem, args.bare
    if args.profile:
        os.makedirs(args.profile, exist_ok=True)
    kinds = [k for k in (Bare, Tandem, Kamailio, KamailioFast)
             if k.name.split()[0] in args.servers.split(",")]
    bench = Bench(args)
    rows = []
    for kind in kinds:
        for case in kind.cases:
            if case in args.cases.split(","):
                rows.append(bench.measure(kind, case))

    print("%s, %d cores; server on core %d, load on core %d" % (
        platform.platform(), len(rig.CORES), rig.SERVER_CORE, rig.LOAD_CORE))
    table(rows, bench.perf)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
    return 1 if any("failed" in r for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
