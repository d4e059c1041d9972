"""call:http: what servers do, and what a bot hears of it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.cases import connect, gone
from harness.node import tandem
from harness.web import Deaf, Web

# Does what it is told over the control protocol, and says how it went.
BOT = """
local function show(v)
  if type(v) ~= "table" then return type(v) .. ":" .. tostring(v) end
  local names = {}
  for k in pairs(v) do names[#names + 1] = tostring(k) end
  table.sort(names)
  for i, k in ipairs(names) do
    names[i] = k .. "=" .. show(v[k] == nil and v[math.tointeger(k)] or v[k])
  end
  return "{" .. table.concat(names, " ") .. "}"
end

return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
    Ask = { ["event!"] = "ask", noContext = true, function(call)
      local data = call.request.data
      local answer, reason = call:http(data.request)
      if not answer then return call:react("failed " .. tostring(reason)) end
      if data.long then return call:react(answer.status .. " " .. #answer.body) end
      if data.header then return call:react(tostring(answer.headers[data.header])) end
      if data.json then return call:react(show(answer.json)) end
      call:react(answer.status .. " " .. answer.body)
    end },
    Left = { ["event!"] = "left", noContext = true, function(call)
      log "left: begins"
      local answer, reason = call:http(call.request.data.request)
      log("left: " .. (answer and answer.body or reason))
    end },
    Gone = { event = "hangup", function(call) log "hung up" end },
    Bad = { ["event!"] = "scriptError", noContext = true, function(call)
      return "error " .. call.request.data.message:match "%d+: (.+)"
    end },
  },
}
"""


@pytest.fixture(scope="module")
def web():
    w = Web()
    yield w
    w.close()


@pytest.fixture
def talk(world):
    """A call whose bot asks, and says what it got."""
    def begin(hosts=("127.0.0.1",), **kw):
        cust, agent, node = world.trio(
            bots={"support": BOT},
            config={"limits": {"http_hosts": list(hosts)}},
            timers={"http": "1s"}, **kw)
        c = connect(cust, node)

        def ask(request, want, **more):
            n = len(node.said(c.id))
            if isinstance(request, str):
                request = {"url": request}
            node.call("call.event", call=c.id, name="ask",
                      data=dict(request=request, **more))
            node.rpc.wait_for("bot.say", call=c.id, count=n + 1, timeout=8)
            said = node.said(c.id)[n]
            assert said == want, said

        def end():
            c.bye()
            gone(node, c)
        ask.node, ask.call, ask.end = node, c, end
        return ask
    return begin


def test_methods_headers_and_bodies(talk, web):
    ask = talk()
    ask(web.url + "/hello", "200 hello")
    ask(web.url + "/hello", "a, b", header="x-one")
    ask(web.url + "/none", "404 no such page")
    ask(web.url + "/no", "500 oops")
    del web.seen[:]
    ask({"url": web.url + "/echo", "body": "a=1", "headers":
         {"X-Key": "secret", "X-Number": 7, "X-Empty": ""}}, "201 POST:a=1")
    method, path, headers, body = web.seen[-1]
    assert headers["X-Key"] == "secret" and headers["X-Number"] == "7"
    assert headers["X-Empty"] == ""
    assert "Content-Type" not in headers and "Expect" not in headers
    assert headers["User-Agent"].startswith("tandem/")
    ask({"url": web.url + "/echo", "body": {"b": [1, "x"], "a": True}},
        '201 POST:{"a":true,"b":[1,"x"]}')
    assert web.seen[-1][2]["Content-Type"] == "application/json"
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        ask({"url": web.url + "/echo", "method": method, "body": "x"},
            "201 %s:x" % method)
    ask({"url": web.url + "/echo", "method": "POST"}, "201 POST:")
    ask({"url": web.url + "/echo", "method": "DELETE"}, "201 DELETE:")
    ask({"url": web.url + "/hello", "method": "HEAD"}, "200 ")
    ask(web.url + "/json", "{n={1=number:1 2=number:2.5 4=string:x} "
        "vip=boolean:true}", json=True)
    ask(web.url + "/bytes", "200 256", long=True)
    ask.end()


def test_servers_that_misbehave(talk, web):
    ask = talk()
    deaf = Deaf()
    begun = time.monotonic()
    ask(web.url + "/slow", "failed timeout")
    ask(deaf.url, "failed timeout")
    ask({"url": web.url + "/drip", "timeout": "300ms"}, "failed timeout")
    assert 2 < time.monotonic() - begun < 5
    ask({"url": web.url + "/slow?1.3", "timeout": 5}, "200 late")
    ask(web.url + "/huge", "failed too_large")
    ask(web.url + "/headers", "failed too_large")
    ask(web.url + "/cut", "failed invalid")
    ask(web.url + "/garbage", "failed invalid")
    ask(web.url + "/nothing", "failed invalid")
    deaf.close()
    ask(deaf.url, "failed unreachable")
    ask(web.url.replace("http", "https"), "failed tls")
    ask(web.url + "/hello", "200 hello")
    stats = ask.node.call("node.stats")["http"]
    assert stats["under_way"] == 0 and stats["failed"] == 10, stats
    ask.end()


def test_redirects_are_bounded_and_stay_in_the_list(talk, web):
    ask = talk()
    other = Web("127.0.0.2")
    try:
        ask(web.url + "/to?302,/hello", "200 hello")
        ask(web.url + "/loop", "failed redirects")
        ask(web.url + "/to?302,%s/hello" % other.url, "failed not_allowed")
        ask(web.url + "/to?301,file:///etc/passwd", "failed invalid")
        ask(web.url + "/to?302,http://[::1]:1/", "failed not_allowed")
        assert not other.seen
        # What was posted is posted again, or looked at.
        post = {"method": "POST", "body": "b"}
        ask(dict(post, url=web.url + "/to?307,/echo"), "201 POST:b")
        ask(dict(post, url=web.url + "/to?308,/echo"), "201 POST:b")
        ask(dict(post, url=web.url + "/to?303,/echo"), "201 GET:")
        ask(dict(post, url=web.url + "/to?302,/echo"), "201 GET:")
        ask(web.url + "/to?300,/hello", "300 ")
        ask(web.url + "/to?304,/hello", "304 ")
    finally:
        other.close()
    ask.end()


def test_secrets_do_not_follow_a_redirect_elsewhere(talk, web):
    ask = talk(hosts=("127.0.0.0/8",))
    other = Web("127.0.0.2")
    try:
        headers = {"Authorization": "Bearer x", "cookie": "c", "X-Key": "k"}
        ask({"url": web.url + "/to?302,/hello", "headers": headers},
            "200 hello")
        assert web.seen[-1][2]["Authorization"] == "Bearer x"
        ask({"url": web.url + "/to?302,%s/hello" % other.url,
             "headers": headers}, "200 hello")
        got = {k.lower() for k in other.seen[-1][2]}
        assert "x-key" in got
        assert not got & {"authorization", "cookie"}, got
    finally:
        other.close()
    ask.end()


def test_only_hosts_of_the_list_are_asked(talk, web):
    ask = talk(hosts=("localhost", "*.example.com"))
    port = web.port
    del web.seen[:]
    # A name that is listed, but leads to no public address.
    ask("http://localhost:%d/hello" % port, "failed not_allowed")
    # The same machine, written in all the ways there are.
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0",
                 "[::1]", "[::ffff:127.0.0.1]", "user@127.0.0.1",
                 "example.com.127.0.0.1", "example.com", "evilexample.com"):
        ask("http://%s:%d/hello" % (host, port), "failed not_allowed")
    assert not web.seen
    ask.node.wait_line("127.0.0.1 is not in limits.http_hosts")
    ask.end()


def test_a_name_may_lead_to_a_listed_network(talk, web):
    ask = talk(hosts=("127.0.0.0/8",))
    ask("http://localhost:%d/hello" % web.port, "200 hello")
    ask("http://127.1:%d/hello" % web.port, "200 hello")
    ask("http://no-such-host.invalid/", "failed unreachable")
    ask.end()


def test_nothing_is_allowed_by_default(world, web):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    node.call("call.event", call=c.id, name="ask",
              data={"request": {"url": web.url + "/hello"}})
    node.wait_for("bot.say", call=c.id, text="error call:http: no host may "
                  "be asked: limits.http_hosts is empty")
    c.bye()
    gone(node, c)


def test_wrong_requests_are_refused(talk, web):
    ask = talk()
    url = web.url + "/hello"
    for request, text in (
            ({}, "url: a text is needed"),
            ({"url": 5}, "url: a text is needed"),
            ("ftp://127.0.0.1/", "url: not an http or https URL"),
            ("file:///etc/passwd", "url: not an http or https URL"),
            ("nothing", "url: not an http or https URL"),
            ("http://127.0.0.1/a b", "url: not an http or https URL"),
            ("http://127.0.0.1/\r\nX: y", "url: not an http or https URL"),
            ("http://127.0.0.1/" + "x" * 9000, "url: longer than 8192 bytes"),
            ({"url": url, "metod": "GET"}, "'metod' is no field of it, did "
             "you mean 'method'?"),
            ({"url": url, "method": "TRACE"}, "method: GET, HEAD, POST, PUT, "
             "PATCH, DELETE or OPTIONS"),
            ({"url": url, "timeout": 31}, "timeout: must be a duration above "
             "0, up to 30 seconds"),
            ({"url": url, "timeout": 0}, "timeout: must be a duration above "
             "0, up to 30 seconds"),
            ({"url": url, "headers": {"Host": "x"}},
             "headers: Host is set by the node"),
            ({"url": url, "headers": {"X Y": "x"}},
             "headers: 'X Y' is no header's name"),
            ({"url": url, "headers": {"X": "a\r\nb"}},
             "headers: X has a control character"),
            ({"url": url, "headers": {"X": True}}, "headers: X is no text"),
            ({"url": url, "body": True}, "body: a text or a table is needed"),
            ):
        ask(request, "error call:http: " + text)
    ask.end()


def test_who_leaves_does_not_end_it(talk, web):
    ask = talk()
    node, c = ask.node, ask.call
    node.call("call.event", call=c.id, name="left",
              data={"request": {"url": web.url + "/slow?0.6"}})
    node.wait_line("left: begins")
    c.bye()
    gone(node, c)
    # It finishes and returns; only then comes the hang-up.
    node.wait_line("hung up")
    log = node.log()
    assert 0 < log.index("left: late") < log.index("hung up")


def test_a_call_that_ends_takes_it_back(world, web):
    cust, agent, node = world.trio(
        bots={"support": BOT}, timers={"after_hangup": "200ms"},
        config={"limits": {"http_hosts": ["127.0.0.1"]}})
    c = connect(cust, node)
    node.call("call.event", call=c.id, name="left",
              data={"request": {"url": web.url + "/slow?5", "timeout": 20}})
    node.wait_line("left: begins")
    c.bye()
    gone(node, c, timeout=3)
    assert node.call("node.stats")["http"]["under_way"] == 0


def test_others_are_served_meanwhile(talk, web):
    ask = talk()
    node, c = ask.node, ask.call
    node.call("call.event", call=c.id, name="ask",
              data={"request": {"url": web.url + "/slow?0.8"}})
    worst = 0
    for _ in range(100):
        begun = time.monotonic()
        node.call("node.info")
        worst = max(worst, time.monotonic() - begun)
    assert worst < 0.2, worst
    node.wait_for("bot.say", call=c.id, text="200 late")
    ask.end()


def test_the_list_is_checked(tmp_path):
    def check(hosts):
        path = tmp_path / "c.lua"
        path.write_text('return { bots = {}, limits = { http_hosts = %s } }'
                        % hosts)
        return tandem("check", "-c", path)

    good = check('{ "api.example.com", "*.example.com", "10.0.0.0/8", '
                 '"::1", "127.0.0.1" }')
    assert good.returncode == 0, good.stderr
    for bad in ("http://x", "x:80", "a b", "", "*", "*.", "10.0.0.256", "."):
        p = check("{ %s }" % json.dumps(bad))
        assert p.returncode == 1, bad
        assert "limits.http_hosts[1]: " in p.stderr, p.stderr
    assert "must be a list of strings" in check('"x"').stderr


def test_a_name_server_that_is_silent_holds_nobody(world, web, tmp_path):
    library = tmp_path / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library,
                    Path(__file__).parent / "harness" / "slow_dns.c"],
                   check=True)
    cust = world.peer("cust")
    options = os.environ.get("ASAN_OPTIONS", "")
    node = world.node(cust, bots={"support": BOT},
                      config={"limits": {"http_hosts": ["*.slow.test"]}},
                      env={"LD_PRELOAD": str(library), "ASAN_OPTIONS":
                           options + ":verify_asan_link_order=0"})
    calls = [connect(cust, node) for _ in range(5)]
    worst, begun = 0, time.monotonic()
    for i, c in enumerate(calls):
        node.call("call.event", call=c.id, name="ask", data={"request": {
            "url": "http://a%d.slow.test/" % i, "timeout": "400ms"}})
    while time.monotonic() - begun < 1.5:
        now = time.monotonic()
        node.call("node.info")
        worst = max(worst, time.monotonic() - now)
        time.sleep(0.005)
    assert worst < 0.25, worst
    for c in calls:
        node.wait_for("bot.say", call=c.id, text="failed timeout", timeout=1)
        c.bye()
        gone(node, c)
    # One more is under way when the node ends.
    c = connect(cust, node)
    node.call("call.event", call=c.id, name="ask", data={"request": {
        "url": "http://b.slow.test/", "timeout": 20}})
    node.process.send_signal(signal.SIGTERM)
    node.wait_line("draining")
    node.process.send_signal(signal.SIGTERM)
    c.expect("BYE")
    c.reply(200)
    assert node.wait_exit(10) == 0
