"""luacheck, with the configuration that stands beside the example bots."""

import re
import subprocess

import pytest

from harness.node import ROOT

RC = ROOT / "bots" / ".luacheckrc"


def luacheck(*files, cwd=None):
    return subprocess.run(
        ["luacheck", "--no-color", "--config", str(RC), "--std", "none",
         *map(str, files)], cwd=cwd, capture_output=True, text=True)


def test_example_bots():
    p = luacheck("bots", cwd=ROOT)
    assert p.returncode == 0, p.stdout


def test_examples_of_the_reference(tmp_path):
    text = (ROOT / "lua" / "API.md").read_text()
    for i, source in enumerate(re.findall(r"```lua\n(.*?)```", text, re.S)):
        (tmp_path / ("example%d.lua" % i)).write_text(source)
    p = luacheck(".", cwd=tmp_path)
    assert p.returncode == 0, p.stdout


@pytest.mark.parametrize("body,told", [
    ("print 'x'", "print"),
    ("leaked = 1", "leaked"),
    ("io.open 'x'", "io"),
    ("local unused = 1", "unused"),
    ("hangup = 1", "hangup"),
])
def test_what_luacheck_tells(body, told, tmp_path):
    (tmp_path / "bot.lua").write_text(
        "return bot { function(call)\n%s\nend }\n" % body)
    p = luacheck("bot.lua", cwd=tmp_path)
    assert p.returncode and told in p.stdout, p.stdout


def test_words_of_tests_are_for_tests(tmp_path):
    source = "test('x', function() customer.calls {} expect.says 'Hi.' end)\n"
    (tmp_path / "a.lua").write_text(source)
    (tmp_path / "a_test.lua").write_text(source)
    assert luacheck("a_test.lua", cwd=tmp_path).returncode == 0
    assert luacheck("a.lua", cwd=tmp_path).returncode
