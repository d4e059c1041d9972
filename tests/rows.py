#!/usr/bin/python3
"""Which test covers which case of the wire: prints the table, fails on a gap.

A test covers the cases that its name begins with: `test_R9_R10_nonce_moves`
in tests/e2e, `O10_refresher_uas` in tests/unit. A case without a test fails
here.
"""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent

# REFER, INVITE and CANCEL, offer and answer, transport and abuse.
ROWS = [(letter, n) for letter, last in (("R", 18), ("I", 14), ("O", 18),
                                         ("T", 10))
        for n in range(1, last + 1)]

PYTHON = re.compile(r"^\s*def test_((?:[RIOT]\d+_)+\w*)", re.M)
C = re.compile(r"^static void ((?:[RIOT]\d+_)+\w*)\(void \*\*", re.M)


def tests():
    """(case, file, test) of every test that names a case."""
    for path, name in [(p, n) for p in sorted(TESTS.glob("e2e/test_*.py"))
                       for n in PYTHON.findall(p.read_text())] + \
                      [(p, n) for p in sorted(TESTS.glob("unit/**/*.c"))
                       for n in C.findall(p.read_text())]:
        head = re.match(r"(?:[RIOT]\d+_)+", name).group(0)
        for letter, n in re.findall(r"([RIOT])(\d+)_", head):
            yield (letter, int(n)), path.relative_to(TESTS), name


def main():
    covered = {row: [] for row in ROWS}
    wrong = []
    for row, path, name in tests():
        if row in covered:
            covered[row].append((path, name))
        else:
            wrong.append("%s: %s names no case" % (path, name))
    for row in ROWS:
        label = "%s%d" % row
        found = covered[row]
        if not found:
            print("%-4s -" % label)
            wrong.append(label + " has no test")
        last = None
        for path, name in found:
            print("%-4s %-34s %s" % (label, path if path != last else "",
                                     name))
            label, last = "", path
    print("%d cases, %d tests" % (len(ROWS), sum(map(len,
                                                     covered.values()))))
    for line in wrong:
        print("rows.py: " + line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
