"""`tandem chat`: by a pipe as a script, and at a terminal."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from harness.node import ROOT, TANDEM

BOT = str(ROOT / "bots/support.lua")


def chat(*lines, bot=BOT, cwd=ROOT, status=0):
    p = subprocess.run([TANDEM, "chat", bot], input="\n".join(lines),
                       capture_output=True, text=True, timeout=30, cwd=cwd)
    assert p.returncode == status, p.stderr
    return p.stdout


def in_order(text, *parts):
    at = 0
    for part in parts:
        m = re.compile(part).search(text, at)
        assert m, "%s\nafter %d in:\n%s" % (part, at, text)
        at = m.end()


def test_a_script_of_a_whole_call():
    out = chat("transfer me to an agent", "answers 5s 1m", "/wait 70s",
               "/hangup", "/call 4930999 200", "hello")
    in_order(out, "bot: Hi!", "state /TransferToAgent", "stay on the line",
             "callReason: support", "What does 16123456789 do",
             "5.1 s  agent 16123456789 answers", "hangs up",
             "SUCCESS, answered", "bot: Thank you", "customer hangs up",
             "the call is over", "customer 4930999 calls 200", "bot: Hi!",
             "bot: Sorry")
    assert "\033" not in out


@pytest.mark.parametrize("answer,reason", [
    ("busy", "busy"), ("declines", "declined"), ("480", "no_answer"),
    ("unreachable", "unreachable"), ("rings", "no_answer"),
    ("silent", "unreachable"), ("", "answered"), ("503", "unreachable"),
])
def test_what_the_agent_does(answer, reason):
    out = chat("transfer to agent", answer, "/wait 2m")
    assert re.search("transfer is over: (FAIL|SUCCESS), %s" % reason, out)


def test_an_answer_that_is_none_is_asked_for_again():
    out = chat("transfer to agent", "perhaps", "busy", "/wait 1")
    assert out.count("What does 16123456789 do") == 2
    assert "FAIL, busy" in out


def test_commands(tmp_path):
    bot = tmp_path / "b.lua"
    bot.write_text('return bot { name = "b", states = {'
                   'Start = { q = "$regex</start>", "Hello." },'
                   'Key = { ["q!"] = "1", function(call)'
                   ' call.session.key = 1 call:sleep(20) return "Slept." '
                   'end },'
                   'Slash = { ["q!"] = "$regex</one>", "Slash." },'
                   'Paid = { event = "paid", function(call)'
                   ' call:say("Paid " .. call.request.data.sum) end } } }')
    out = chat("/dtmf 1", "/timers", "/data", "/wait 25s", "/state",
               '/event paid {"sum": 5}', "/event x {", "/dtmf x", "/wat",
               "/help", "/agent hangs_up", "//one", bot=str(bot))
    in_order(out, "presses 1", r"the next for \d+\.\d+ s",
             '"session":{"key":1}', "bot: Slept", "/Key", "bot: Paid 5",
             "no JSON", "/dtmf 12#: keys", "did you mean /wait",
             "/reload", "no agent talks", "bot: Slash")


def test_reload(tmp_path):
    bot = tmp_path / "b.lua"
    bot.write_text('return bot { name = "b", "One." }')
    p = subprocess.Popen([TANDEM, "chat", str(bot)], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, bufsize=1)
    out = ""
    while "One." not in out:
        out += p.stdout.readline()
    bot.write_text('return bot { name = ')
    p.stdin.write("/reload\n")
    p.stdin.flush()
    while "stays" not in out:
        out += p.stdout.readline()
    bot.write_text('return bot { name = "b", "Two." }')
    rest, err = p.communicate("/reload\n/quit\n", timeout=20)
    assert "bot: Two." in rest and p.returncode == 0
    assert "b.lua:1:" in err


def test_what_is_no_bot(tmp_path):
    p = subprocess.run([TANDEM, "chat", "nowhere.lua"], cwd=tmp_path,
                       capture_output=True, text=True, timeout=20,
                       stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and "nowhere.lua: " in p.stderr


def test_a_bot_cannot_steer_the_terminal(tmp_path):
    bot = tmp_path / "b.lua"
    bot.write_text('return bot { name = "b", "\\27[2J\\7x\\ny" }')
    out = chat(bot=str(bot))
    assert "\033" not in out and "\a" not in out and "x y" in out


class Terminal:
    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["TERM"] = "xterm"
            os.execv(TANDEM, [str(TANDEM)] + list(args))
        self.seen = ""

    def wait(self, pattern, timeout=10):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, (pattern, self.seen)
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode()
                except OSError:
                    break
        end = re.search(pattern, self.seen).end()
        seen, self.seen = self.seen[:end], self.seen[end:]
        return seen

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def ends(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("does not end")


def test_a_terminal_has_colours_editing_and_history():
    version = subprocess.run([TANDEM, "--version"], capture_output=True,
                             text=True).stdout
    edits = "line editing (libedit 3" in version
    t = Terminal("chat", BOT)
    assert "\033[1;36mbot: Hi!" in t.wait("can I help")
    t.type("tranfer me to agent" + (
        "\033[D" * 15 + "s" if edits else "\x15transfer me to agent") + "\r")
    t.wait("What does 16123456789 do")
    t.type("busy\r")
    t.wait("FAIL, busy")
    t.wait("currently busy")
    if edits:
        t.type("\033[A\033[A\r")
        t.wait("What does 16123456789 do")
        t.type("busy\r")
        t.wait("FAIL, busy")
    t.type("/quit\r")
    assert t.ends() == 0


def test_time_goes_by_at_a_terminal(tmp_path):
    bot = tmp_path / "b.lua"
    bot.write_text('return bot { name = "b", function(call) call:say "One."'
                   ' call:sleep(1) call:say "Two." call:sleep(60)'
                   ' call:say "Three." end }')
    t = Terminal("chat", str(bot))
    t.wait("One")
    t.wait("Two", timeout=5)
    t.type("/wait 1m\r")
    t.wait("Three", timeout=5)
    t.type("\x04" if "libedit 3" in subprocess.run(
        [TANDEM, "--version"], capture_output=True, text=True).stdout
        else "/quit\r")
    assert t.ends() == 0
