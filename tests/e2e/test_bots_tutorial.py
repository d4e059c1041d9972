"""bots/README.md, followed literally from an empty folder on.

A fence `lua FILE` is saved as that file, an `sh` one is run, and the `text`
after it is what is printed: its lines in order, others may stand between."""

import os
import re
import subprocess

from harness.node import ROOT, TANDEM


def steps():
    text = (ROOT / "bots/README.md").read_text()
    for m in re.finditer(r"^```(\w+) ?([^\n]*)\n(.*?)^```", text, re.M | re.S):
        yield m.group(1), m.group(2).strip(), m.group(3)


def run(script, folder, bin_folder):
    env = dict(os.environ, PATH="%s:%s" % (bin_folder, os.environ["PATH"]))
    p = subprocess.run(["sh", "-c", script], cwd=folder, env=env, timeout=60,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True)
    return p.stdout + p.stderr


def check(want, got):
    lines = got.splitlines()
    at = 0
    for line in want.splitlines():
        line = line.strip()
        while at < len(lines) and line not in lines[at]:
            at += 1
        assert at < len(lines), "missing: %s\nin:\n%s" % (line, got)
        at += 1


def test_the_tutorial_followed_literally(tmp_path):
    folder, bins = tmp_path / "bot", tmp_path / "bin"
    folder.mkdir()
    bins.mkdir()
    (bins / "tandem").symlink_to(TANDEM)
    printed, shown = None, 0
    for kind, name, body in steps():
        if kind == "lua" and name:
            (folder / name).write_text(body)
        elif kind == "sh":
            printed = run(body, folder, bins)
        elif kind == "text":
            check(body, printed)
            shown += 1
    assert shown >= 6
