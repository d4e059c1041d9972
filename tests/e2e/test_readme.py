"""The documents are right: every bot, config and command in them works."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.lua import lua
from harness.node import ROOT, TANDEM, tandem

DOCS = [p for p in ("README.md", "lua/API.md", "bots/README.md",
                    "core/README.md", "core/control/PROTOCOL.md",
                    "sip/README.md", "tests/README.md")
        if (ROOT / p).exists()]


def fences(path, language):
    """(line, text) of every fence of a language."""
    text = (ROOT / path).read_text()
    for m in re.finditer(r"^```(\w+)([^\n]*)\n(.*?)^```", text,
                         re.M | re.S):
        if m.group(1) == language:
            yield text[:m.start()].count("\n") + 2, m.group(3)


def cases(language, start):
    return [pytest.param(path, body, id="%s:%d" % (path, line))
            for path in DOCS for line, body in fences(path, language)
            if re.match(start, re.sub(r"^\s*(--[^\n]*\n\s*)*", "", body))]


BOTS = cases("lua", r"return bot\b")
CONFIGS = cases("lua", r"return \{")


def test_there_is_a_bot_in_the_readme():
    if not (ROOT / "README.md").exists():
        pytest.skip("no README yet")
    assert any(p.values[0] == "README.md" for p in BOTS)


@pytest.mark.parametrize("path,body", BOTS)
def test_every_bot_loads(tmp_path, path, body):
    (tmp_path / "bot.lua").write_text(body)
    (tmp_path / "tandem.lua").write_text("return " + lua({
        "sip": {"listen": ["udp:127.0.0.1:0"]}, "media": {"mode": "none"},
        "bots": {"doc": "bot.lua"}, "default_bot": "doc",
        "channels": {}, "trunks": {},
        "control": {"listen": ["unix:s"]}}))
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    assert p.returncode == 0, p.stderr


@pytest.mark.parametrize("path,body", CONFIGS)
def test_every_config_passes(tmp_path, path, body):
    """With the bots it names; the shipped ones where they are named so."""
    (tmp_path / "tandem.lua").write_text(body)
    for name in re.findall(r'"([\w./-]+\.lua)"', body):
        bot = tmp_path / name
        if Path(name).is_absolute() or ".." in name:
            continue
        bot.parent.mkdir(parents=True, exist_ok=True)
        shipped = ROOT / name
        bot.write_text(shipped.read_text() if shipped.exists()
                       else 'return bot { name = "x", a "Hi!" }')
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path,
               env={"TRUNK_PASSWORD": "secret"})
    assert p.returncode == 0, p.stderr


# Commands that need no running node and end by themselves.
RUNNABLE = re.compile(r"^(?:\$ )?((?:\./)?(?:build/)?tandem "
                      r"(?:check|test|timers|--version|--help)[^#\n]*)", re.M)
COMMANDS = [pytest.param(path, m.group(1).strip(),
                         id="%s:%s" % (path, m.group(1).strip()))
            for path in DOCS for line, body in fences(path, "sh")
            for m in RUNNABLE.finditer(body)]


@pytest.mark.parametrize("path,command", COMMANDS)
def test_every_command_that_can_be_run(path, command):
    words = shlex.split(command)
    files = [w for w in words if w.endswith(".lua")]
    if any(not (ROOT / f).exists() for f in files) or words[-1] == ".":
        pytest.skip("names a file of the reader's own")
    p = subprocess.run([TANDEM] + words[1:], cwd=ROOT, timeout=60,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True)
    assert p.returncode == 0, p.stderr


def test_shipped_bots_load(tmp_path):
    names = sorted(n for n in ROOT.glob("bots/*.lua")
                   if not n.stem.endswith("_test"))
    assert names
    (tmp_path / "tandem.lua").write_text("return " + lua({
        "media": {"mode": "none"}, "trunks": {}, "channels": {},
        "bots": {n.stem: str(n) for n in names},
        "default_bot": names[0].stem}))
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    assert p.returncode == 0, p.stderr


def test_files_that_the_documents_name_exist():
    for path in DOCS:
        text = (ROOT / path).read_text()
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            there = ((ROOT / path).parent / target)
            assert there.exists(), "%s names %s" % (path, target)
