"""Bad configs: one line each with the key's path, never half a node."""

import os
import re
import socket
import stat

import pytest

from harness import net
from harness.lua import Raw, lua, merge
from harness.node import tandem

BOT = 'return bot { name = "b", a "Hi!" }\n'


def base(ip, port):
    return {
        "sip": {"listen": ["udp:%s:%d" % (ip, port)]},
        "media": {"mode": "none"},
        "trunks": {"office": {"uri": "sip:%s:9" % ip, "match": [ip]}},
        "channels": {"desk": {"trunk": "office", "number": "100",
                              "bot": "support"}},
        "bots": {"support": "support.lua"},
        "control": {"listen": ["unix:tandem.sock"]},
        "cdr": {"file": "cdr.jsonl"},
    }


# What is laid over a good config, and the key the line must name.
BAD = [
    ("unknown_key", {"sipp": {}}, "sipp"),
    ("unknown_key_deep", {"trunks": {"office": {"url": "x"}}},
     "trunks.office.url"),
    ("wrong_type", {"sip": {"listen": 5060}}, "sip.listen"),
    ("wrong_type_deep", {"channels": {"desk": {"number": {"a": 1}}}},
     "channels.desk.number"),
    ("dangling_bot", {"channels": {"desk": {"bot": "suport"}}},
     "channels.desk.bot"),
    ("dangling_default_bot", {"default_bot": "nobody"}, "default_bot"),
    ("dangling_trunk", {"channels": {"desk": {"trunk": "offise"}}},
     "channels.desk.trunk"),
    ("listen_nonsense", {"sip": {"listen": ["udp:here"]}}, "sip.listen"),
    ("trunk_without_uri", {"trunks": {"office": {"uri": None}}},
     "trunks.office"),
    ("match_nonsense", {"trunks": {"office": {"match": ["300.1.1.1"]}}},
     "trunks.office.match"),
    ("refer_word", {"trunks": {"office": {"refer": "sometimes"}}},
     "trunks.office.refer"),
    ("media_mode_word", {"media": {"mode": "video"}}, "media.mode"),
    ("node_media_without_media", {"trunks": {"office": {"media": "node"}}},
     "trunks.office.media"),
    ("ports_backwards", {"media": {"mode": "rtp", "ports": [20000, 10000]}},
     "media.ports"),
    ("ports_out_of_range", {"media": {"mode": "rtp",
                                      "ports": [20000, 99999]}},
     "media.ports"),
    ("codec_unknown", {"media": {"mode": "rtp", "codecs": ["MP3"]}},
     "media.codecs"),
    ("more_calls_than_ports", {"media": {"mode": "rtp",
                                         "ports": [20000, 20099]},
                               "limits": {"calls": 26}}, "limits.calls"),
    ("timer_unknown", {"timers": {"agnet": "60s"}}, "timers.agnet"),
    ("timer_nonsense", {"timers": {"agent": "soon"}}, "timers.agent"),
    ("timer_negative", {"timers": {"agent": -5}}, "timers.agent"),
    ("limit_nonsense", {"limits": {"handler_memory": "4X"}},
     "limits.handler_memory"),
    ("log_level_word", {"log": {"level": "loud"}}, "log.level"),
    ("bot_unreadable", {"bots": {"support": "missing.lua"}},
     "bots.support"),
    ("bot_is_a_folder", {"bots": {"support": "."}}, "bots.support"),
    ("not_yet_tls_listen", {"sip": {"listen": ["tls:127.0.0.1:5061"]}},
     "sip.listen"),
    ("tcp_without_listener", {"trunks": {"office": {
        "uri": "sip:127.0.0.1:5070;transport=tcp"}}}, "trunks.office.uri"),
    ("name_without_match", {"trunks": {"office": {
        "uri": "sip:pbx.example.com", "match": None}}},
     "trunks.office.match"),
    ("proxy_without_lr", {"trunks": {"office": {"proxy": "sip:10.0.0.5"}}},
     "trunks.office.proxy"),
    ("advertise_name", {"sip": {"advertise": "me.example.com"}},
     "sip.advertise"),
    ("proxies_name", {"sip": {"proxies": ["lb"]}}, "sip.proxies"),
    ("not_yet_tls", {"sip": {"tls": {"cert": "a", "key": "b"}}}, "sip.tls"),
    ("not_yet_routes", {"routes": [{"to": "1", "reject": 603}]}, "routes"),
    ("not_yet_outbound", {"outbound": [{"to": "1",
                                        "trunks": ["office"]}]},
     "outbound"),
    ("not_yet_register", {"trunks": {"office": {"register": True}}},
     "trunks.office.register"),
    ("not_yet_record", {"channels": {"desk": {"record": True}}},
     "channels.desk.record"),
    ("not_yet_http", {"http": {"listen": "127.0.0.1:0"}}, "http"),
]

# These can only be known by opening things: `tandem check` passes them.
AT_START = [
    ("control_path", {"control": {"listen": ["unix:no/such/folder/s"]}},
     "control.listen"),
    ("control_path_long", {"control": {"listen": ["unix:" + "x" * 200]}},
     "control.listen"),
    ("cdr_path", {"cdr": {"file": "no/such/folder/cdr"}}, "cdr.file"),
    ("log_path", {"log": {"file": "no/such/folder/log"}}, "log.file"),
]


def write(folder, over, ip=None, port=None):
    ip = ip or net.address()
    port = port or net.free_port(ip)
    (folder / "support.lua").write_text(BOT)
    (folder / "tandem.lua").write_text(
        "return " + lua(merge(base(ip, port), over)) + "\n")
    return ip, port


def nothing_left(folder, ip, port):
    """No socket, no CDR: the node was never there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, port))
    assert not (folder / "tandem.sock").exists()


def one_line(p, key):
    rows = [l for l in p.stderr.splitlines() if l.strip()]
    assert p.returncode == 1, p
    assert "ready" not in p.stdout
    named = [l for l in rows if re.search(
        r"tandem\.lua(:\d+)?: .*" + re.escape(key), l)]
    assert len(named) == 1, p.stderr
    assert len(rows) == 1, p.stderr
    print(rows[0])
    return named[0]


@pytest.mark.parametrize("name,over,key", BAD, ids=[b[0] for b in BAD])
def test_refused_by_node_and_check_alike(tmp_path, name, over, key):
    ip, port = write(tmp_path, over)
    lines = []
    for args in (["-c", "tandem.lua"], ["check", "-c", "tandem.lua"]):
        p = tandem(*args, cwd=tmp_path)
        lines.append(one_line(p, key))
    assert lines[0] == lines[1]
    nothing_left(tmp_path, ip, port)


@pytest.mark.parametrize("name,over,key", AT_START,
                         ids=[b[0] for b in AT_START])
def test_refused_at_start(tmp_path, name, over, key):
    ip, port = write(tmp_path, over)
    one_line(tandem("-c", "tandem.lua", cwd=tmp_path), key)
    nothing_left(tmp_path, ip, port)


def test_port_taken(tmp_path):
    ip, port = write(tmp_path, {})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, port))
        row = one_line(tandem("-c", "tandem.lua", cwd=tmp_path),
                       "sip.listen")
        assert str(port) in row or "in use" in row, row
    nothing_left(tmp_path, ip, port)


def test_the_line_is_the_keys(tmp_path):
    write(tmp_path, {})
    text = (tmp_path / "tandem.lua").read_text()
    rows = text.splitlines()
    n = next(i for i, l in enumerate(rows) if '"uri"' in l)
    rows.insert(n + 1, '      colour = "red",')
    (tmp_path / "tandem.lua").write_text("\n".join(rows) + "\n")
    row = one_line(tandem("check", "-c", "tandem.lua", cwd=tmp_path),
                   "trunks.office.colour")
    assert "tandem.lua:%d: " % (n + 2) in row


def test_every_problem_is_told(tmp_path):
    write(tmp_path, {"sipp": {}, "timers": {"agnet": 1},
                     "default_bot": "nobody"})
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    assert p.returncode == 1
    for key in ("sipp", "timers.agnet", "default_bot"):
        assert len([l for l in p.stderr.splitlines() if key in l]) == 1


def test_not_lua_and_not_there(tmp_path):
    (tmp_path / "tandem.lua").write_text("return { sip = \n")
    for args in (["-c", "tandem.lua"], ["check", "-c", "tandem.lua"],
                 ["-c", "missing.lua"], ["check", "-c", "missing.lua"]):
        p = tandem(*args, cwd=tmp_path)
        assert p.returncode == 1, p
        assert len(p.stderr.strip().splitlines()) == 1, p.stderr
        assert args[-1] in p.stderr


@pytest.mark.parametrize("source", [
    "return { x = io.open('/etc/passwd') }",
    "return { x = os.execute('true') }",
    "return { x = require 'x' }",
    "while true do end",
    "return ('x'):rep(1e10)",
    "return 5", "return nil", "", "error({})",
    "local t = {} t.t = t return t",
    "return setmetatable({}, { __index = function() error('x') end })",
    "return { [1.5] = 2 }", "return { function() end }",
])
def test_a_config_is_sandboxed(tmp_path, source):
    (tmp_path / "tandem.lua").write_text(source)
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    if source.startswith("return setmetatable"):
        return      # an empty table, in effect
    assert p.returncode == 1, (source, p)
    assert p.stderr.strip(), source


def test_a_secret_from_the_environment(tmp_path):
    write(tmp_path, {"bots": {"support": Raw('env "TANDEM_TEST_BOT"')}})
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path,
               env={"TANDEM_TEST_BOT": "support.lua"})
    assert p.returncode == 0, p.stderr


def test_good_config_passes_and_says_what_it_serves(tmp_path):
    write(tmp_path, {"media": {"mode": "rtp", "ports": [20000, 20099]},
                     "limits": {"calls": 25}})
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    assert p.returncode == 0 and not p.stderr, p
    assert "25" in p.stdout and "100" in p.stdout, p.stdout


@pytest.mark.parametrize("key,value,ms", [
    ("agent", "500ms", "500ms"), ("agent", "30", "30s"),
    ("agent", 2.0, "2s"), ("agent", "5 seconds", "5s"),
    ("transfer", "4h", "4h"), ("drain", "5m", "5m"),
])
def test_durations(tmp_path, key, value, ms):
    write(tmp_path, {"timers": {key: value}})
    p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
    assert p.returncode == 0, p.stderr


def test_timers_version_help():
    p = tandem("timers")
    assert p.returncode == 0 and not p.stderr
    rows = dict(l.split(None, 2)[:2] for l in p.stdout.splitlines())
    want = {"t1": "500ms", "t1x64": "32s", "agent": "60s", "transfer": "5m",
            "refer_response": "6s", "refer_outcome": "30s",
            "refer_final": "10s", "refer_bye": "1s", "refer_grace": "1s",
            "refer_quick": "2s", "first_response": "5s", "join": "8s",
            "unhold": "5s", "client": "1s", "http": "5s",
            "request": "5s", "ringing": "60s", "after_hangup": "10s",
            "session_expires": "30m", "drain": "10m"}
    assert rows == want
    p = tandem("--version")
    assert p.returncode == 0 and re.match(r"tandem \d+\.\d+\.\d+", p.stdout)
    p = tandem("--help")
    assert p.returncode == 0
    for word in ("check", "ctl", "timers", "-c"):
        assert word in p.stdout
    for args in (["check", "--help"], ["-c", "x", "--help"],
                 ["check", "-h"]):
        assert tandem(*args).stdout == p.stdout, args


def test_what_is_printed_can_be_used_from_where_one_stands(tmp_path):
    """Paths of the config are from its folder, those printed are not."""
    from harness.node import Node
    (tmp_path / "sub").mkdir()
    n = Node(tmp_path / "sub", bots={"support": BOT}, start=False)
    n.file = "sub/tandem.lua"
    n.folder = tmp_path
    try:
        n.start()
        assert "control unix:sub/tandem.sock" in n.out().splitlines()
        n.finish()
    finally:
        n.kill()


@pytest.mark.parametrize("args", [
    ["chek"], ["--verbose"], ["-c"], ["check", "extra"], ["timers", "x"],
    ["chat"], ["chat", "bots/support.lua", "x"], ["test"],
    ["test", "--hostil", "."], ["test", "--seeds", "0", "."],
    ["route", "--from", "1", "--to", "2"],
])
def test_a_command_line_that_makes_no_sense(args):
    p = tandem(*args)
    assert p.returncode != 0 and not p.stdout
    assert p.stderr.startswith("tandem: "), p.stderr
    if args == ["chek"]:
        assert "check" in p.stderr


def test_control_socket_mode_and_stale_file(tmp_path):
    """0660; a file nobody answers on is replaced, a live one is not."""
    from harness.node import Node
    n = Node(tmp_path, bots={"support": BOT})
    try:
        mode = stat.S_IMODE(os.stat(n.socket).st_mode)
        assert mode == 0o660, oct(mode)
        other = tmp_path / "other.lua"
        ip = net.address()
        other.write_text("return " + lua(merge(n.config, {
            "sip": {"listen": ["udp:%s:%d" % (ip, net.free_port(ip))]}})))
        p = tandem("-c", str(other), cwd=tmp_path)
        assert p.returncode == 1 and "control.listen" in p.stderr, p
        assert n.call("node.info")
        n.process.kill()
        n.process.wait(10)
        n.kill()
        assert n.socket.exists()
        n.start()
        n.finish()
        assert not n.socket.exists()
    finally:
        n.kill()
