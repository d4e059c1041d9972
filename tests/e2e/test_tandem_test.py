"""`tandem test`: tests of bots, and what it says of those that fail."""

import re

import pytest

from harness.node import tandem

BOT = """return bot { name = "b", states = {
  Start = { q = "$regex</start>", "Hello." },
  Go = { ["q!"] = "go", function(call)
    call.session.asked = (call.session.asked or 0) + 1
    call.client.known = true
    local s, d = call:transfer { destinations = { "1001", "1002" }, timeout = 10,
      headers = { reason = "x" } }
    if not s.hangup then call:say(s.status .. " " .. d.reason) end
  end },
  Refer = { ["q!"] = "refer", switch { phoneNumber = "1003", timeout = 10 } },
  Boom = { ["q!"] = "boom", function() local x; return x.y end },
  One = { ["q!"] = "1", "One." },
  Two = { event = "two", function(call) call:say("Two " .. call.request.data.n) end },
  Tune = { ["q!"] = "tune", audio "https://example.com/a.wav", "Nice?" },
  Never = { ["q!"] = "never",
    "Never.",
    function(call)
      log("never")
    end },
} }
"""


def run(folder, body, *args, bot=BOT, name="b"):
    (folder / (name + ".lua")).write_text(bot)
    (folder / (name + "_test.lua")).write_text(body)
    return tandem("test", *args, ".", cwd=folder)


def tap(out):
    """[(ok, name, {key: text})]; asserts that it is TAP 13."""
    lines = out.splitlines()
    assert lines[0] == "TAP version 13", out
    plan = int(re.match(r"1\.\.(\d+)", lines[1]).group(1))
    points, yaml = [], None
    for line in lines[2:]:
        m = re.match(r"(not )?ok (\d+) - (.*)$", line)
        if yaml is not None:
            if line == "  ...":
                yaml = None
            else:
                assert line.startswith("  "), line
                key = re.match(r"  (\w+): (.*)$", line)
                if key:
                    yaml[key.group(1)] = key.group(2).strip('"')
        elif line == "  ---":
            yaml = points[-1][2]
        elif m:
            points.append((not m.group(1), m.group(3), {}))
            assert int(m.group(2)) == len(points)
        else:
            assert line.startswith("#"), line
    assert plan == len(points), out
    assert yaml is None
    return points


def one(folder, body, *args, **kw):
    """The diagnostics of a file's only test, {} if it holds."""
    p = run(folder, 'test("t", function()\n%s\nend)' % body, *args, **kw)
    points = tap(p.stdout)
    assert len(points) == 1, p.stdout
    assert p.returncode == (0 if points[0][0] else 1)
    assert bool(points[0][2]) != points[0][0]
    return points[0][2]


CALL = 'customer.calls() expect.says "Hello." '

HOLDS = {
    "busy": CALL + 'customer.says "go" agent "1001".busy() agent "1002".busy()'
        ' expect.says "FAIL busy" customer.hangs_up() expect.ended()',
    "hunt": CALL + 'customer.says "go" agent.declines() agent.answers {'
        ' after = "2s", talks = "90s" } expect.dials "1001" expect.dials {'
        ' number = "1002", headers = { reason = "x" }, method = "bridge" }'
        ' expect.transfer { status = "SUCCESS", number = "1002", attempts = {'
        ' "declined", "answered" }, talk_ms = 90000, destinations = {'
        ' "1001", "1002" } } expect.says "SUCCESS..."',
    "rings": CALL + 'customer.says "go" agent.rings() agent.rings()'
        ' expect.silence "9s" expect.says("FAIL no_answer", { within = "20s" })',
    "silent": CALL + 'customer.says "go" agent.silent() agent.unreachable()'
        ' expect.says "...unreachable"',
    "default": CALL + 'customer.says "go" expect.says "SUCCESS answered"',
    "forever": CALL + 'customer.says "go" agent.answers { talks = "forever" }'
        ' wait "20m" agent.hangs_up() expect.says "...answered"',
    "refer": CALL + 'customer.says "refer" agent.answers { after = 5 }'
        ' expect.dials { method = "refer", number = "1003" }'
        ' expect.transfer { status = "SUCCESS", method = "refer" }'
        ' expect.ended { by = "customer" }',
    "refer_busy": CALL + 'customer.says "refer" agent.busy()'
        ' expect.transfer { status = "FAIL", reason = "busy", sip = 486 }'
        ' expect.ended { by = "bot" }',
    "refused": CALL + 'customer.says "refer" agent.refuses(404)'
        ' expect.transfer { reason = "rejected", sip = 404 } expect.ended()',
    "leaves": CALL + 'customer.says "go" customer.hangs_up { after = "1s" }'
        ' expect.transfer { status = "FAIL", hangup = true, reason ='
        ' "caller_gone" } expect.ended { by = "customer" }',
    "keeps": CALL + 'customer.says "go" expect.anything "3m"'
        ' expect.session { asked = 1 } expect.client { known = true }'
        ' expect.state "/Go"',
    "known_again": CALL + 'customer.says "go" expect.anything "3m"'
        ' customer.hangs_up() expect.ended() ' + CALL +
        'expect.client { known = true } expect.session {}',
    "anonymous": 'customer.calls { from = "anonymous" } expect.says "Hello."'
        ' customer.says "go" expect.dials { from = "anonymous" } expect.anything "3m"',
    "keys": CALL + 'customer.dials "111" expect.says "One."'
        ' expect.says { "Uno.", "One." } expect.says "One."',
    "event": CALL + 'event("two", { n = 2 }) expect.says "Two 2"',
    "error": CALL + 'customer.says "boom" expect.error "nil value"'
        ' expect.says "Sorry..." expect.ended()',
    "tune": CALL + 'customer.says "tune" expect.plays "...a.wav"'
        ' expect.says "Nice?"',
    "log": CALL + 'customer.says "never" expect.says "Never."'
        ' expect.logs "never"',
}


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_it_holds(tmp_path, name):
    assert one(tmp_path, HOLDS[name]) == {}


FAILS = {
    "other_text": (CALL.replace("Hello.", "Hi."), "expected .*Hi.* but the "
                   "bot says .*Hello"),
    "nothing_said": (CALL + 'expect.says "More."', "but the bot says nothing"),
    "within": (CALL + 'customer.says "go" expect.says("SUCCESS...", { within ='
               ' "2s" })', r"says nothing \(waited"),
    "unexpected": ("customer.calls()", "also said .*Hello"),
    "not_silent": (CALL + 'customer.dials "1" expect.silence "1s"',
                   "expected silence, but .*One"),
    "state": (CALL + 'expect.state "/Go"', "expected state /Go, but it is "
              "/Start"),
    "outcome": (CALL + 'customer.says "go" expect.transfer { status ='
                ' "FAIL" }', "transfer.status: expected .*FAIL.*SUCCESS"),
    "headers": (CALL + 'customer.says "go" expect.dials { headers = { reason ='
                ' "y" } }', "headers.reason: expected .*y.* but it is .*x"),
    "no_transfer": (CALL + "expect.transfer {}", "none began"),
    "session": (CALL + "expect.session { asked = 1 }", "session.asked: "
                "expected 1, but it is nil"),
    "sound": (CALL + 'customer.says "tune" expect.says "Nice?"',
              "but the bot plays .*a.wav"),
    "goes_on": (CALL + "expect.ended()", "expected the call to be over"),
    "ended_by": (CALL + 'customer.hangs_up() expect.ended { by = "bot" }',
                 "ended by bot, but it was by customer"),
    "script_error": (CALL + 'customer.says "boom" expect.says "Sorry..."',
                     "scriptError: b.lua:11: attempt to index"),
    "plan": (CALL + "agent.busy()", "never called"),
    "gone": (CALL + 'customer.hangs_up() customer.says "x"',
             "on the line no longer"),
    "not_called": ('customer.says "x"', "no customer has called"),
    "word": ("customer.call()", "'customer' has no 'call'; did you mean "
             "'calls'"),
    "expectation": ("expect.say()", "did you mean 'says'"),
    "global": ("expct.says()", "'expct' is not defined; did you mean "
               "'expect'"),
    "key": ('customer.calls { form = "1" }', "unknown key 'form'; did you "
            "mean 'from'"),
    "duration": ('wait "soon"', "a duration is needed"),
    "digit": (CALL + 'customer.dials "x"', "'x' is no key"),
    "loop": ("while true do end", "runs too long"),
    "memory": ('local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i '
               "end", "too (long|much memory)"),
    "lua": ("local x = nil + 1", "attempt to perform arithmetic"),
    "io": ('io.open("/etc/passwd")', "'io' is not defined"),
    "os": ("os.exit(0)", "'os' is not defined"),
    "require": ('require "b"', "'require' is not defined"),
    "setting": ("foo = 1", "'foo' cannot be set"),
    "nested": ('test("u", function() end)', "inside of a test"),
}


@pytest.mark.parametrize("name", sorted(FAILS))
def test_it_fails_with_its_place(tmp_path, name):
    body, message = FAILS[name]
    found = one(tmp_path, body)
    assert re.search(message, found["message"]), found
    line = 1 if name in ("unexpected", "plan") else 2
    assert found["at"] == "b_test.lua:%d" % line, found


def test_the_ladder_and_the_lines_that_led_there(tmp_path):
    p = run(tmp_path, 'local function hi()\n  expect.says "Hi."\nend\n'
            'test("t", function()\n  customer.calls()\n  hi()\nend)\n')
    assert "at: \"b_test.lua:2\"" in p.stdout
    assert re.search(r"called_from: \|\n    b_test.lua:6\n", p.stdout)
    assert re.search(r"0\.020  bot says \"Hello\.\"", p.stdout)


def test_tests_know_nothing_of_each_other(tmp_path):
    body = "local n = 0\n" + "\n".join(
        'test("%s", function() n = n + 1 assert(n == 1) customer.calls() '
        'expect.says "Hello." customer.says "go" expect.anything "2m" '
        'expect.session { asked = 1 } end)' % name for name in "abc")
    p = run(tmp_path, body)
    assert [ok for ok, _, _ in tap(p.stdout)] == [True] * 3, p.stdout


def test_each_name_has_its_own_body(tmp_path):
    p = run(tmp_path, """
for name in pairs { a = 1, b = 1, c = 1, d = 1, e = 1, f = 1, g = 1 } do
  test(name, function() customer.calls() expect.says(name) end)
end
""")
    points = tap(p.stdout)
    assert len(points) == 7
    for _, name, yaml in points:
        assert yaml["message"].startswith(
            r'expected \"%s\"' % name.split()[-1]), p.stdout


def test_a_sleep_of_nothing_takes_time(tmp_path):
    bot = BOT.replace("local x; return x.y",
                      "while true do call:sleep(0) end").replace(
        "boom\", function()", "boom\", function(call)")
    p = run(tmp_path, 'test("a", function() ' + CALL +
            'customer.says "boom" wait "1s" customer.hangs_up() '
            'expect.ended { by = "customer" } end)', bot=bot)
    assert p.returncode == 0, p.stdout


def test_a_bot_that_talks_without_end(tmp_path):
    bot = BOT.replace("local x; return x.y",
                      "while true do call:say 'x' end").replace(
        "boom\", function()", "boom\", function(call)")
    p = run(tmp_path, 'test("a", function() ' + CALL +
            'customer.says "boom" wait "5m" expect.anything() end)', bot=bot)
    ok, _, yaml = tap(p.stdout)[0]
    assert not ok and "no end of it" in yaml["message"], p.stdout


def test_filter_folders_and_names(tmp_path):
    sub = tmp_path / "sub" / "deeper"
    sub.mkdir(parents=True)
    run(sub, 'test("# one", function() customer.calls() expect.says "Hello."'
        ' end)')
    p = run(tmp_path, 'test("two", function() customer.calls() end)')
    points = tap(p.stdout)
    assert [n for _, n, _ in points] == [
        "b_test.lua: two", r"sub/deeper/b_test.lua: \# one"]
    p = tandem("test", "--filter", "one", ".", cwd=tmp_path)
    assert p.returncode == 0 and len(tap(p.stdout)) == 1
    p = tandem("test", "--filter", "none", ".", cwd=tmp_path)
    assert p.returncode == 1 and "no test has that" in p.stderr
    p = tandem("test", "nowhere", cwd=tmp_path)
    assert p.returncode == 1 and "nowhere: no such file" in p.stderr
    (tmp_path / "empty").mkdir()
    p = tandem("test", "empty", cwd=tmp_path)
    assert p.returncode == 1 and "there are no tests" in p.stderr


def test_which_bot_a_file_tests(tmp_path):
    (tmp_path / "b.lua").write_text(BOT)
    (tmp_path / "x_test.lua").write_text(
        'bot "b.lua"\ntest("t", function() customer.calls() '
        'expect.says "Hello." end)')
    assert tandem("test", ".", cwd=tmp_path).returncode == 0
    (tmp_path / "some.lua").write_text('test("t", function() end)')
    p = tandem("test", "some.lua", cwd=tmp_path)
    assert p.returncode == 1 and "which bot is tested?" in p.stdout


@pytest.mark.parametrize("bot,test,message", [
    ("return bot { name = ", 'test("t", function() end)',
     r"b\.lua:1: .*unexpected symbol"),
    ("return 1", 'test("t", function() end)', "does not return bot"),
    (BOT, 'test("t", function()', r"b_test\.lua:1: .*'end' expected"),
    (BOT, 'tset("t")', r"b_test\.lua:1: 'tset' is not defined; did you mean "
     "'test'"),
    (BOT, 'test("t", function() end) test("t", function() end)',
     'there is a test .*t.* already'),
    (BOT, "customer.calls()", "belongs inside of test"),
])
def test_files_with_mistakes(tmp_path, bot, test, message):
    p = run(tmp_path, test, bot=bot)
    assert p.returncode == 1
    points = tap(p.stdout)
    assert not points[0][0] and re.search(message, points[0][2]["message"]), \
        p.stdout


def test_coverage(tmp_path):
    p = run(tmp_path, 'test("t", function() customer.calls() expect.says '
            '"Hello." customer.says "go" expect.anything "3m" end)',
            "--coverage")
    assert p.returncode == 0
    assert re.search(r"# coverage of \./?b\.lua: 2 of 8 states|"
                     r"# coverage of b\.lua: 2 of 8 states", p.stdout), p.stdout
    assert "b.lua:15: state /Never is never reached" in p.stdout
    assert "b.lua:16: /Never: this reaction never runs" in p.stdout
    assert "b.lua:18: /Never: this line never runs" in p.stdout
    assert "b.lua:7:" not in p.stdout


# -- peers that misbehave --------------------------------------------------


def test_hostile_finds_what_peers_do(tmp_path):
    """A bot that only knows agents who answer, or are busy."""
    bot = BOT.replace('call:say(s.status .. " " .. d.reason)',
                      "call:say(s.status .. d.sip.code)")
    body = CALL + 'customer.says "go" expect.says "SUCCESS200"'
    assert one(tmp_path, body, bot=bot) == {}
    found = one(tmp_path, body, "--hostile", bot=bot)
    assert "scriptError: b.lua:8" in found["message"], found
    assert found["seed"] and found["peer"]
    p = tandem("test", "--hostile", "--seed", found["seed"], ".",
               cwd=tmp_path)
    assert p.returncode == 1
    assert found["message"] == tap(p.stdout)[0][2]["message"]


def test_hostile_shortens_the_schedule(tmp_path):
    """Only a hang-up during the talk breaks this bot: one step is left."""
    bot = BOT.replace("if not s.hangup then",
                      'if s.status == "SUCCESS" and s.hangup then'
                      ' error "gone" end if not s.hangup then')
    body = CALL + 'customer.says "go" expect.says "SUCCESS answered"'
    p = run(tmp_path, 'test("t", function() %s end)' % body, "--hostile",
            "--seeds", "2000", bot=bot)
    assert p.returncode == 1
    steps = re.findall(r"^    - ", p.stdout, re.M)
    named = re.search(r'peer: "([^"]+)"', p.stdout).group(1)
    assert len(steps) <= 1 and (steps or named != "nobody misbehaves"), \
        p.stdout


def test_hostile_holds_for_a_good_bot(tmp_path):
    for name in ("hunt", "refer", "leaves", "keys", "error"):
        assert one(tmp_path, HOLDS[name], "--hostile", "--seeds",
                   "300") == {}, name


# -- what a bot asks outside of its call -----------------------------------

OUTSIDE = """return bot { name = "b", states = {
  Start = { q = "$regex</start>", function(call)
    local answer, why = call:http { url = "https://crm.example/who/" .. call.request.from,
      method = "GET", timeout = "2s" }
    if not answer then return "Hello, " .. why .. "." end
    local name = answer.json and answer.json.name or answer.status
    return "Hello, " .. name .. "."
  end },
  Free = { ["q!"] = "free", function(call)
    local agent, why = call:request("desk", "free", { skill = "sales" })
    return agent and agent.number or why
  end },
} }
"""


@pytest.mark.parametrize("body", [
    'http.answers { url = "https://crm.example/*", json = { name = "Ann" } }'
    ' customer.calls { from = "1" } expect.asks { url ='
    ' "https://crm.example/who/1", method = "GET" } expect.says'
    ' "Hello, Ann."',
    'http.answers { status = 500, body = "oops" } customer.calls()'
    ' expect.says "Hello, 500."',
    'http.fails { reason = "tls" } customer.calls() expect.says "Hello, tls."',
    'http.answers { after = "5s" } customer.calls()'
    ' expect.says "Hello, timeout."',
    'customer.calls() expect.says "Hello, unreachable."',
    'http.answers {} http.answers { url = "https://other/" } customer.calls()'
    ' expect.says "Hello, 200."',
    'customer.calls() expect.anything "1s" service "desk".answers("free", {'
    ' number = "1001" }) customer.says "free" expect.asks { url = nil }'
    ' expect.asks { service = "desk", method = "free", data = { skill ='
    ' "sales" } } expect.says "1001"',
    'customer.calls() expect.anything "1s" customer.says "free"'
    ' expect.says "not_found"',
    'customer.calls() expect.anything "1s" service "desk".fails("free",'
    ' "nobody") customer.says "free" expect.says "nobody"',
    'customer.calls() expect.anything "1s" service "desk".answers("free", {},'
    ' { after = "1h" }) customer.says "free" expect.says "timeout"',
    'http.answers { after = "1s" } customer.calls() customer.hangs_up()'
    ' expect.ended()',
])
def test_outside(tmp_path, body):
    assert one(tmp_path, body, bot=OUTSIDE) == {}


@pytest.mark.parametrize("body,message", [
    ('http.answer {}', "'http' has no 'answer'; did you mean 'answers'"),
    ('http.answers { jsn = {} }', "unknown key 'jsn'; did you mean 'json'"),
    ('http.answers { json = { name = "A" } } customer.calls()'
     ' expect.says "Hello, A." expect.asks {} expect.asks {}',
     "ask something outside"),
    ('http.answers { json = { name = "A" } } customer.calls()'
     ' expect.asks { method = "POST" }', "asks.method: expected .*POST"),
])
def test_outside_fails(tmp_path, body, message):
    found = one(tmp_path, body, bot=OUTSIDE)
    assert re.search(message, found["message"]), found


def test_hostile_outside(tmp_path):
    """A bot that takes answers for granted is found out, the other is not."""
    body = ('http.answers { json = { name = "Ann" } } customer.calls()'
            ' expect.says "Hello, Ann."')
    assert one(tmp_path, body, "--hostile", bot=OUTSIDE) == {}
    found = one(tmp_path, body, "--hostile", bot=OUTSIDE.replace(
        'if not answer then return "Hello, " .. why .. "." end', ""))
    assert "HTTP servers" in found["peer"], found
