"""Where a call's instructions go, from callgrind's files.

    profile_calls.py CALLS FILE...

Read here and not by callgrind_annotate, which takes a dump made on request
for a single function.
"""
import re
import sys
from collections import defaultdict

NAME = re.compile(r"\((\d+)\)(?: (.*))?")
OURS = re.compile(r"/(core/control|core/media|core|sip|lua)/[^/]*\.[ch]$")


class Profile:
    """Own and inclusive cost of each (object, file, function)."""

    def __init__(self):
        self.own = defaultdict(int)
        self.inclusive = defaultdict(int)
        self.calls = defaultdict(int)

    def read(self, path):
        names = {"ob": {}, "fl": {}, "fn": {}}

        def name(kind, text):
            m = NAME.match(text)
            if not m:
                return text
            if m.group(2) is not None:
                names[kind][m.group(1)] = m.group(2)
            return names[kind].get(m.group(1), "?")

        obj = source = function = ""
        callee = ["", "", ""]
        call = False
        with open(path, errors="replace") as f:
            for line in f:
                key, eq, rest = line.partition("=")
                rest = rest.strip()
                if not eq:
                    fields = line.split()
                    if len(fields) < 2 or not (line[0].isdigit() or
                                               line[0] in "+-*"):
                        continue
                    cost = int(fields[1])
                    here = (obj, source, function)
                    self.inclusive[here] += cost if not call or \
                        tuple(callee) != here else 0
                    if not call:
                        self.own[here] += cost
                    call = False
                elif key == "ob":
                    obj = name("ob", rest)
                elif key == "fl":
                    source = name("fl", rest)
                elif key in ("fi", "fe"):
                    name("fl", rest)
                elif key == "fn":
                    function = name("fn", rest)
                    callee = [obj, source, ""]
                elif key == "cob":
                    callee[0] = name("ob", rest)
                elif key in ("cfi", "cfl"):
                    callee[1] = name("fl", rest)
                elif key == "cfn":
                    callee[2] = name("fn", rest)
                elif key == "calls":
                    self.calls[tuple(callee)] += int(rest.split()[0])
                    call = True
                    called = tuple(callee)
                    callee = [obj, source, ""]
                    if called == (obj, source, function):
                        callee = list(called)


def area(obj, source):
    """A folder of ours, or the library."""
    m = OURS.search(source)
    if m and ".so" not in obj:
        return m.group(1) + "/"
    name = obj.rsplit("/", 1)[-1]
    return re.sub(r"\.so.*", "", name) or "unknown"


def report(paths, calls, out):
    p = Profile()
    for path in paths:
        p.read(path)
    total = sum(p.own.values()) or 1
    areas = defaultdict(int)
    for (obj, source, _), n in p.own.items():
        areas[area(obj, source)] += n

    with open(out, "w") if out else sys.stdout as f:
        f.write("instructions per call: %d\n\nby area\n" % (total / calls))
        for a, n in sorted(areas.items(), key=lambda x: -x[1]):
            f.write("%9d  %5.1f%%  %s\n" % (n / calls, 100 * n / total, a))
        for title, costs in (("own", p.own), ("with what they call",
                                              p.inclusive)):
            f.write("\nfunctions, %s\n" % title)
            for key, n in sorted(costs.items(), key=lambda x: -x[1])[:150]:
                f.write("%9d  %5.1f%%  %7.1f times  %-16s %s (%s)\n" % (
                    n / calls, 100 * n / total, p.calls[key] / calls,
                    area(key[0], key[1]), key[2],
                    key[1].rsplit("/", 1)[-1]))


if __name__ == "__main__":
    report(sys.argv[2:], int(sys.argv[1]), None)
