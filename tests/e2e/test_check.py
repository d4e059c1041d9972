"""`tandem check` on bots: each planted mistake is told, a good bot is not."""

import re
from pathlib import Path

import pytest

from harness.node import CHANNEL, ROOT, tandem

CONFIG = """
return {
  media = { mode = "none" },
  %%s
  channels = {
    ["%s"] = { trunk = "office", number = "100", bot = "bot" },
    desk = { trunk = "office", number = "101", bot = "bot" },
  },
  bots = { bot = %%s },
  %%s
}
""" % CHANNEL


def check(folder, source, extra="", files=()):
    """Lines about the bot, without its folder, and the exit status."""
    if isinstance(source, Path):
        path = source
    else:
        path = folder / "bot.lua"
        path.write_text(source)
    for name, text in dict(files).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    config = folder / "config.lua"
    trunks = "" if "trunks" in extra else """trunks = { office = {
      uri = "sip:127.0.0.1:5070", match = { "127.0.0.1" } } },"""
    config.write_text(CONFIG % (trunks, '"%s"' % path, extra))
    p = tandem("check", "-c", config)
    assert "Traceback" not in p.stderr
    lines = [line.replace(str(path.parent) + "/", "")
             for line in p.stderr.splitlines()]
    return lines, p.returncode


def states(*rows, head=""):
    return "%s\nreturn bot { name = 'b', states = {\n%s\n} }\n" % (
        head, "\n".join(rows))


START = "Start = { q = '$regex</start>', 'Hi.' },"
OVER = "Over = { ['event!'] = 'transfer', 'Over.' },"


def reply(*fields, head=START, over=True):
    """A handler's switch; its first field stands in line 6."""
    return states(head, "Go = { ['q!'] = 'agent', function(call)",
                  "table.insert(call.response.replies, { type = 'switch',",
                  "\n".join(fields), "}) end },", *([OVER] if over else []))


LONG = "x" * 400

# Each is told of both its states.
BOTH = {"unreachable_cycle"}

# name: (source, line, state, what is said, status)
MISTAKES = {
    # what only check tells
    "enter_in_function": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return enter '/Strat' end },"),
        5, "/Go", "there is no state '/Strat'; did you mean '/Start'?", 1),
    "go_relative_in_function": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  call:react(go './Start') end },"),
        5, "/Go", "there is no state './Start'", 1),
    "state_of_reply": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  table.insert(call.response.replies, { type = 'timeout',",
        "    interval = '5s', state = '/Strat' })", "end },"),
        6, "/Go", "there is no state '/Strat'", 1),
    "operator_in_function": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return TransferCallToOperator { phoneNumber = '1',",
        "    errorState = '/Strat' } end },"),
        6, "/Go", "there is no state '/Strat'", 1),
    "listen_name": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  call:listen { q = { a = 'x', b = '$City' } } end },"),
        5, "/Go", "listen: q: there is no pattern `$City`", 1),
    "listen_field": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  call:listen { timeot = '5s' } end },"),
        5, "/Go", "listen: unknown field 'timeot'; did you mean 'timeout'?",
        1),
    "dtmf_field": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return dtmf { mx = 3 } end },"),
        5, "/Go", "dtmf: unknown field 'mx'; did you mean 'max'?", 1),
    "operator_field": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return TransferCallToOperator { phonenumber = '1' } end },"),
        5, "/Go", "unknown field 'phonenumber'; did you mean 'phoneNum", 1),
    "undefined": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  if call.temp.x then lgo 'x' end end },"),
        5, "/Go", "'lgo' is not defined", 0),
    "undefined_read": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return strng.upper(call.request.query) end },"),
        5, "/Go", "'strng' is not defined; did you mean 'string'?", 0),
    "verb": (states(
        START, "Go = { ['q!'] = 'go', function(call) call:sya 'x' end },"),
        4, "/Go", "'call' has no 'sya'; did you mean 'say'?", 0),
    "dialer": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  log(call.dialer.getTransferStatsu()) end },"),
        5, "/Go", "'call.dialer' has no 'getTransferStatsu'; did you", 0),
    "listen_pattern": (states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  call:listen { q = '(a' } end },"),
        5, "/Go", "listen: q: `(` at byte 1", 1),
    "unreachable": (states(
        START, "Lost = { 'Nobody comes here.' },"),
        4, "/Lost", "nothing leads to this state", 0),
    "unreachable_child": (states(
        "Start = { q = '$regex</start>', 'Hi.' },",
        "Lost = { 'x', states = {",
        "  Deeper = { q = 'hello', 'y' } } },"),
        4, "/Lost", "nothing leads to this state", 0),
    "unreachable_cycle": (states(
        START, "A = { enter '/B' },", "B = { 'x', go '/A' },"),
        4, "/A", "nothing leads to this state", 0),
    "unreachable_names_itself": (states(
        START, "A = { 'x', go '/A' },"),
        4, "/A", "nothing leads to this state", 0),
    "unreachable_modal": (states(
        "Start = { q = '$regex</start>', modal = true, 'Hi.', states = {",
        "  In = { q = 'in', modal = true, 'x', states = {",
        "    Deep = { q = 'deep', 'y' } } },",
        "  Off = { 'z', states = { Under = { q = 'under', 'u' } } } } },"),
        6, "/Start/Off", "nothing leads to this state", 0),
    "shadowed_twin": (states(
        START, "A = { q = 'help', 'a' },", "B = {",
        "  q = 'help', 'b' },"),
        6, "/B", "q 'help' never gets here", 0),
    "shadowed_alternative": (states(
        START, "A = { q = '(help|support)', 'a' },",
        "B = { ['q!'] = { 'sales',", "'help' }, 'b' },"),
        6, "/B", "the same is taken by '/A' first", 0),
    "shadowed_option": (states(
        START, "A = { q = '[please] help [me]', 'a' },",
        "B = { q = 'help me', 'b' },"),
        5, "/B", "the same is taken by '/A' first", 0),
    "shadowed_star": (states(
        START, "A = { q = '* (order|buy) *', 'a' },",
        "B = { q = '* order *', 'b' },"),
        5, "/B", "the same is taken by '/A' first", 0),
    "shadowed_stem": (states(
        START, "A = { q = 'ticket* [now]', 'a' },",
        "B = { q = 'ticket*', 'b' },"),
        5, "/B", "the same is taken by '/A' first", 0),
    "shadowed_event": (states(
        START, "A = { event = 'transfer', 'a' },",
        "B = { event = 'transfer', 'b' },"),
        5, "/B", "event 'transfer' never gets here", 0),
    "shadowed_intent": (states(
        START, "A = { intent = '/A', 'a' },", "B = { intent = '/A', 'b' },"),
        5, "/B", "intent '/A' never gets here", 0),
    "shadowed_twice_here": (states(
        START, "A = { q = { 'help',", "'help' }, 'a' },"),
        5, "/A", "stands twice", 0),
    "shadowed_root": ("return bot { q = 'help', 'root', states = {\n"
                      "A = { q = 'help', 'a' } } }",
                      1, "/", "the same is taken by '/A' first", 0),
    "no_receiver": (reply("phoneNumber = '1',", "continueCall = true",
                          over=False),
                    7, "/Go", "no state handles the event 'transfer'", 0),
    "no_receiver_reaction": (states(
        START, "Go = { ['q!'] = 'agent', switch { phoneNumber = '1',",
        "continueCall = true } },"),
        5, "/Go", "no state handles the event 'transfer'", 0),
    "deaf_receiver": (states(
        START, "Go = { ['q!'] = 'agent', switch { phoneNumber = '1',",
        "continueCall = true } },", "Menu = { ['q!'] = 'menu', states = {",
        "  Over = { event = 'transfer', 'x' } } },"),
        5, "/Go", "'/Menu/Over', which handles the event 'transfer', does "
        "not hear it from here", 0),
    "dangling_channel": (reply("phoneNumber = '1',",
                               "transferChannel = 'dask'"),
                         7, "/Go", "no channel 'dask', did you mean 'desk'?",
                         0),
    "dangling_channel_reaction": (states(
        START, "Go = { ['q!'] = 'agent', switch { phoneNumber = '1',",
        "transferChannel = 'elsewhere' } },"),
        5, "/Go", "no channel 'elsewhere'; the call's own trunk", 0),
    "dangling_channel_transfer": (states(
        START, "Go = { ['q!'] = 'agent', function(call)",
        "local s = call:transfer { phoneNumber = '1',",
        "  transferChannel = 'dask' }", "end },"),
        6, "/Go", "no channel 'dask'", 0),
    "timeout": (reply("phoneNumber = '1',", "timeout = '301'"),
                7, "/Go", "timeout of 301 s", 0),
    "timeout_number": (reply("phoneNumber = '1',", "timeout = 1000"),
                       7, "/Go", "timer 'transfer', 300 s", 0),
    "timeout_of_destination": (reply(
        "destinations = { { phoneNumber = '1',", "timeout = '10m' } }"),
        7, "/Go", "timeout of 600 s", 0),
    "refer_to": (reply("phoneNumber = '1',", "headers = { A = '%s'," % LONG,
                       "B2 = '%s', C2 = '%s' }" % (LONG, LONG)),
                 7, "/Go", "bytes of a Refer-To, which has room for 1024", 0),
    "refer_to_escaped": (reply("phoneNumber = '1', method = 'refer',",
                               "headers = { A = '%s' }" % ("<> " * 120)),
                         7, "/Go", "bytes of a Refer-To", 0),
    "packet": (reply("phoneNumber = '1', continueCall = true,",
                     "headers = { A = '%s', B2 = '%s' }" % (LONG, LONG)),
               7, "/Go", "outgrows a UDP packet", 0),
    "protected": (reply("phoneNumber = '1',", "headers = {",
                        "['Call-ID'] = 'x' }"),
                  8, "/Go", "header 'Call-ID' cannot be set by a bot", 0),
    "protected_compact": (states(
        START, "Go = { ['q!'] = 'agent', switch { phoneNumber = '1',",
        "headers = { v = '1' } } },"),
        5, "/Go", "header 'v' cannot be set by a bot", 0),
    "header_name": (reply("phoneNumber = '1',", "headers = {",
                          "['X Reason'] = 'x' }"),
                    8, "/Go", "not a name and value that SIP can carry", 1),
    "switch_field": (reply("phonNumber = '1'"),
                     6, "/Go", "unknown field 'phonNumber'; did you mean "
                     "'phoneNumber'?", 1),
    "transfer_field": (states(
        START, "Go = { ['q!'] = 'agent', function(call)",
        "local s = call:transfer { phoneNumber = '1',",
        "  timout = 20 }", "end },"),
        6, "/Go", "unknown field 'timout'; did you mean 'timeout'?", 1),
    "event_name": (states(START, "Gone = {", "event = 'hangupp', 'x' },"),
                   5, "/Gone", "no event 'hangupp'; did you mean 'hangup'?",
                   0),
    "event_name_case": (states(START, "Gone = { ['event!'] = 'Transfer' },"),
                        4, "/Gone", "did you mean 'transfer'?", 0),
    "missing_file": (states(
        START, "Music = { ['q!'] = 'music', function(call)",
        "call:play 'none.wav' end },"),
        5, "/Music", "the file 'none.wav' cannot be read", 1),
    "missing_file_reaction": (states(
        START, "Music = { ['q!'] = 'music',", "audio 'none.wav' },"),
        5, "/Music", "none.wav", 1),
    "missing_file_reply": (states(
        START, "Music = { ['q!'] = 'music', function(call)",
        "table.insert(call.response.replies, { type = 'audio',",
        "file = 'none.wav' }) end },"),
        6, "/Music", "the file 'none.wav' cannot be read", 1),
    "missing_module": (states(START, head="local h = require 'hours'"),
                       1, None, "hours.lua: No such file", 1),

    # what loading refuses
    "unknown_key": (states(START, "A = { ['q!'] = 'x',", "noContent = true },"),
                    5, "/A", "unknown key 'noContent'; did you mean "
                    "'noContext'?", 1),
    "key_twice": (states(START, "A = { ['q!'] = 'x',", "['q!'] = 'y' },"),
                  5, "/A", "written twice", 1),
    "state_twice": (states(START, "A = { ['q!'] = 'x' },",
                           "A = { ['q!'] = 'y' },"),
                    5, "/A", "written twice", 1),
    "hole": (states(START, "A = { ['q!'] = 'x', 'a', nil, 'b' },"),
             4, "/A", "hole in the list", 1),
    "item_in_states": (states(START, "{ q = 'x', 'y' },"),
                       4, "/", "'states' has an item without a name", 1),
    "unknown_path": (states(START, "A = { ['q!'] = 'x', enter '/Strat' },"),
                     4, "/A", "no state '/Strat'; did you mean '/Start'?", 1),
    "missing_comma": (states(START, "A = { ['q!'] = 'x', a 'one' a 'two' },"),
                      4, "/A", "missing comma", 1),
    "missing_comma_key": (states(START, "A = { q = 'x'", "'two' },"),
                          5, "/A", "missing comma", 1),
    "when_without_function": (states(START, "A = { ['q!'] = 'x',",
                                     "when(true) { 'y' } },"),
                              5, "/A", "'when' needs a function", 1),
    "when_without_body": (states(START, "A = { ['q!'] = 'x',",
                                 "when(function() end) },"),
                          5, "/A", "without a body", 1),
    "not_a_bot": ("return {\nstates = {} }\n", 2, "/",
                  "does not return bot", 1),
    "syntax": ("return bot {\nstates = ] }\n", 2, None, "unexpected symbol",
               1),
    "unknown_name": (states(START, "A = { ['q!'] = 'x', '$Nmae' },",
                            "B = { ['q!'] = '$Nmae' },"),
                     5, "/B", "there is no pattern `$Nmae`", 1),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_planted(name, tmp_path):
    source, line, state, text, status = MISTAKES[name]
    lines, code = check(tmp_path, source)
    place = "bot.lua:%d: %s%s" % (line, "" if status else "warning: ",
                                  state + ": " if state else "")
    found = [x for x in lines if x.startswith(place) and text in x]
    assert found, "\n".join(lines) or "nothing is said"
    # One mistake is one line.
    assert len(lines) == (2 if name in BOTH else 1), lines
    assert code == status, lines


GOOD = {
    "receiver": states(
        START, "Go = { ['q!'] = 'agent', switch { phoneNumber = '1',",
        "continueCall = true }, states = {",
        "  Over = { event = 'transfer', 'x' } } },"),
    "receiver_elsewhere": states(
        START, "Go = { ['q!'] = 'agent', go '/Menu', switch { phoneNumber =",
        "'1', continueCall = true } },", "Menu = { states = {",
        "  Over = { event = 'transfer', 'x' } } },"),
    "names": states(
        START, "Go = { ['q!'] = 'go', function(call, ...)",
        "  local a1 <const>, b1 = 1, ... for i, v in ipairs { x = 1, y = b1 }"
        " do", "    if i > a1 then goto next end log(v)",
        "    ::next:: end", "  for n = 1, 2 do near.by(n) far(n) end",
        "  local c1 <close> = nil return far(function(z) return z end)",
        "end },", head="local near = {} function near.by(x) log(x) end\n"
        "local function far(y) return y or utf8.char(65) end"),
    "paths_of_its_own": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  go '/Nowhere' move '../Start'",
        "  call:listen { q = { [1 .. ''] = '$regex<a>', b = 'x*' } }",
        "  call.session.plan = { state = '/Nowhere', q = '(a' }",
        "  call:transfer { phoneNumber = '1' } return TransferCallToOperator",
        "    { phoneNumber = '1', thenState = '../Start', errorState = '' }",
        "end },", head="local function go(x) return x end\n"
        "local function move(x) return enter(x) end"),
    "levels": states(
        START,
        "Menu = { ['q!'] = 'menu', 'x', states = {",
        "  Sales = { q = 'sales', 'a' }, Help = { q = 'help', 'b' } } },",
        "Help = { q = 'help', 'far away' },",
        "Group = { states = { In = { ['q!'] = 'in', 'x' } } },"),
    "catch_all": states(
        START, "Ask = { ['q!'] = 'ask', 'x', states = {",
        "  Any = { q = '*', 'y' }, Yes = { q = 'yes [please]', 'z' } } },",
        "All = { ['q!'] = '*', 'w' },", "Help = { ['q!'] = '* help *', 'h' },"),
    "own_words": states(
        START, "A = { q = { 'help', '[please] help', 'help me' }, 'a' },",
        "B = { q = 'help [her]', 'b' },"),
    "global_far_away": states(
        START, "X = { ['q!'] = 'x', 'x', states = {",
        "  A = { q = 'help', 'a' }, B = { ['q!'] = 'help', 'b' } } },"),
    "paths_in_code": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  if call.temp.x then return enter '../There' end",
        "  call:react(where)", "end },", "There = { 'x' },", "Else = { 'y' },",
        head="local where = go '/Else'"),
    "computed": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  return enter('/' .. call.request.query) end },",
        "There = { 'x' },"),
    "fields": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  table.insert(call.response.replies, { type = 'timeout',",
        "    interval = '5s', state = '/Late' })", "end },",
        "Late = { 'x' },"),
    "events": states(
        START, "A = { event = 'payment', 'x' },",
        "B = { ['event!'] = { 'order_shipped', 'hangup', 'noMatch' }, 'x' },"),
    "switch": reply(
        "phoneNumber = '1', timeout = call.session.timeout,",
        "headers = { ['X-Reason'] = 'sales', callReason = call.request.query,"
        "['User-to-User'] = '00' }, transferChannel = 'desk',",
        "continueCall = call.session.stays", over=False),
    "transfer": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  local s = call:transfer { destinations = { '1', { phoneNumber =",
        "    '2', timeout = 10 } }, timeout = 300 }", "end },"),
    "data": states(
        START, "Go = { ['q!'] = 'go', function(call)",
        "  call.session.order = { type = 'pizza', timeout = 9999, file = 'x' }",
        "  call.session.file = 'none.wav'", "end },"),
    "generated": "local states = { Start = { q = '$regex</start>', 'x' } }\n"
                 "for i = 1, 3 do states['S' .. i] = { ['q!'] = 's' .. i, "
                 "'x', states = { In = { q = 'in', 'y' } } } end\n"
                 "return bot { states = states }",
    "root": "return bot { name = 'x', function(call) call:say 'x' end }",
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name, tmp_path):
    lines, code = check(tmp_path, GOOD[name])
    assert (lines, code) == ([], 0)


@pytest.mark.parametrize("bot", sorted(
    p.name for p in (ROOT / "bots").glob("*.lua")
    if not p.name.endswith("_test.lua")))
def test_example_bots_are_good(bot, tmp_path):
    lines, code = check(tmp_path, ROOT / "bots" / bot)
    assert (lines, code) == ([], 0)


def test_examples_of_the_reference_are_good(tmp_path):
    text = (ROOT / "lua" / "API.md").read_text()
    found = re.findall(r"```lua\n(.*?)```", text, re.S)
    assert len(found) > 5
    for source in found:
        lines, code = check(tmp_path, source, files={
            "hours.lua": "return { open = function() return true end }"})
        assert (lines, code) == ([], 0), source


def test_mistakes_in_a_module(tmp_path):
    """A module's lines are its own; its states have their paths."""
    lines, code = check(tmp_path, "return bot { states = require 'more' }",
                        files={"more.lua": "return {\n" + START + "\n"
                               "Lost = { 'x' },\n"
                               "Go = { ['q!'] = 'go', function(call)\n"
                               "  call:transfer { phoneNumber = '1',\n"
                               "  transferChannel = 'dask' }\n"
                               "end } }"})
    assert lines == [
        "more.lua:3: warning: /Lost: nothing leads to this state: no "
        "trigger that is ever asked, and no reaction names it",
        "more.lua:6: warning: /Go: transferChannel: the config has no "
        "channel 'dask', did you mean 'desk'?; the call's own trunk is "
        "taken"], lines
    assert code == 0


def test_timers_of_the_config_count(tmp_path):
    source = reply("phoneNumber = '1',", "timeout = '301'")
    assert check(tmp_path, source, "timers = { transfer = '10m' },")[0] == []
    lines, _ = check(tmp_path, reply("phoneNumber = '1',", "timeout = 20"),
                     "timers = { transfer = '10s' },")
    assert len(lines) == 1 and "timer 'transfer', 10 s" in lines[0], lines


def test_a_trunk_over_tcp_has_no_packets(tmp_path):
    source = MISTAKES["packet"][0]
    config = 'trunks = { office = { uri = "sip:127.0.0.1:5070;transport=tcp"' \
        ', match = { "127.0.0.1" } } },'
    assert check(tmp_path, source, config)[0] == []


def test_many_mistakes_are_all_told(tmp_path):
    lines, code = check(tmp_path, states(
        START, "A = { 'x' },", "B = { 'x' },",
        "C = { event = 'hangupp', 'y' },"))
    assert len(lines) == 3 and code == 0, lines


def test_a_large_bot_in_time(tmp_path):
    rows = [START]
    for i in range(500):
        rows.append("S%d = { ['q!'] = { 'word%d *', '* (thing%d|part%d) "
                    "[please]', 'buy [a|the] item%d', 'x%d' }, 'Ok.' }," % (
                        i, i, i, i, i, i))
    lines, code = check(tmp_path, states(*rows))
    assert (lines, code) == ([], 0)
