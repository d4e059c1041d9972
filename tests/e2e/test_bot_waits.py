"""What a bot waits for, over real SIP: keys, words, silence, an agent."""

from harness.cases import (NUMBER, bring_back, connect, ended, gone, hung_up,
                           join, refuse)

MENU = """
return bot {
  name = "menu",
  fallback = "Sorry, {{ request.from }}.",
  states = {
    Start = { q = "$regex</start>", "Hello {{ request.from }}." },
    Echo = { ["q!"] = "echo *", noContext = true, "Heard {{ request.query }}.",
             function(call) return call.request.query end },
    Pin = { ["q!"] = "pin", "Your PIN.", dtmf { max = 4, timeout = 400 },
      states = {
        Got = { q = "$regex<[0-9]+>", "PIN {{ request.query }}." },
      },
    },
    None = { ["event!"] = "noDtmfAnswerEvent", noContext = true, "No key." },
    Wait = { ["q!"] = "wait", "Well?", timeout { interval = 0.3, state = "/Late" } },
    Late = { "Too late." },
    Sound = { ["q!"] = "sound", audio "https://127.0.0.1/hello.wav", "After it." },
    Watch = { ["q!"] = "watch", noContext = true, function(call)
      call.dialer:setNoInputTimeout(1000)
    end },
  },
}
"""

SALES = """
return bot { name = "sales", "Hello.", function(call)
  for try = 1, 2 do
    call:say "Sales or support?"
    local heard, why, text = call:listen {
      q = { sales = "sales", help = "support" }, timeout = "600ms" }
    if not heard then call:say(why .. " " .. tostring(text)) end
    if heard and heard.name == "sales" then
      local status, details = call:transfer {
        destinations = { "1001", "1002" }, timeout = 20 }
      if status.status == "SUCCESS" then return { "Thank you.", hangup() } end
      call:say(details.reason == "busy" and "All are busy." or "Nobody answered.")
    end
  end
  return enter "/Message"
end, states = {
  Message = { "Please call again later.", hangup() },
  Pin = { event = "pin", function(call)
    local heard = call:listen { dtmf = 3, timeout = "600ms" }
    call:say("digits " .. heard.digits)
  end },
  Left = { event = "hangup", function(call) log "the customer left" end },
} }
"""

OPERATOR = """
return bot {
  name = "operator",
  "Hello.",
  states = {
    Keep = { ["q!"] = "keep", TransferCallToOperator {
      phoneNumber = "%(n)s", timeout = "1", thenState = "/Then",
      timeoutState = "/Late", errorState = "/Error" } },
    Plain = { ["q!"] = "plain", TransferCallToOperator {
      phoneNumber = "%(n)s", timeoutState = "", errorState = "/Error" } },
    Ping = { ["q!"] = "ping", noContext = true, "pong" },
    Then = { "Then." }, Late = { "Late." }, Error = { "Error." },
    Never = { ["event!"] = "transfer", "Never." },
  },
}
""" % {"n": NUMBER}


def press(c, keys):
    for key in keys:
        r = c.request("INFO", "Signal=%s\r\nDuration=160\r\n" % key,
                      ctype="application/dtmf-relay")
        c.expect(200, to=r)


def says(node, c, text, **kw):
    return node.wait_for("bot.say", call=c.id, text=text, **kw)


def leave(node, c):
    c.bye()
    gone(node, c, "customer")


# -- between handlers ----------------------------------------------------------

def test_keys_are_collected(world):
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    says(node, c, "Hello 4915112345678.")
    c.message("pin")
    says(node, c, "Your PIN.")
    press(c, "12")
    c.message("echo me")            # is not listened to
    press(c, "34")
    says(node, c, "PIN 1234.")
    press(c, "5")                   # a query of its own again
    says(node, c, "PIN 5.")
    c.message("pin")
    says(node, c, "Your PIN.", count=2)
    press(c, "67")
    says(node, c, "PIN 67.")        # after a pause
    c.message("pin")
    says(node, c, "No key.")
    assert "Heard echo me." not in node.said(c.id)
    leave(node, c)


def test_silence_leads_to_a_state(world):
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    c.message("wait")
    node.wait_for("bot.state", call=c.id, state="/Late")
    says(node, c, "Too late.")
    c.message("wait")
    says(node, c, "Well?", count=2)
    c.message("echo in time")
    says(node, c, "Heard echo in time.")
    cust.silence(0.6)
    assert node.said(c.id).count("Too late.") == 1
    leave(node, c)


def test_silence_three_times_ends_the_call(world):
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    cust.silence(1.3)               # nobody has asked for an answer yet
    assert node.said(c.id) == ["Hello 4915112345678."]
    c.message("watch")
    hung_up(c, timeout=8)
    gone(node, c, "bot")
    assert node.said(c.id).count("Sorry, 4915112345678.") == 3


def test_silence_while_an_agent_talks(world):
    """Of a hand-over by control the bot knows nothing: still nobody is
    silent who talks to an agent."""
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    c.message("watch")
    node.call("call.switch", call=c.id, phoneNumber=NUMBER, method="bridge",
              continueCall=True)
    a = join(c, agent)
    cust.silence(3.5)
    assert "Sorry, 4915112345678." not in node.said(c.id)
    a.bye()
    bring_back(c)
    says(node, c, "Sorry, 4915112345678.")
    leave(node, c)


def test_templates_and_what_a_customer_types(world):
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    c.message("echo {{ error 'x' }}")
    says(node, c, "Heard echo {{ error 'x' }}.")
    says(node, c, "echo {{ error 'x' }}")
    c.message("{{ 1 + 1 }}")
    says(node, c, "Sorry, 4915112345678.")
    assert not node.rpc.find("bot.error", call=c.id)
    leave(node, c)


def test_a_sound_is_an_event(world):
    cust, agent, node = world.trio(bots={"support": MENU})
    c = connect(cust, node)
    c.message("sound")
    e = node.wait_for("bot.say", call=c.id,
                      audio="https://127.0.0.1/hello.wav")
    assert "text" not in e
    says(node, c, "After it.")
    leave(node, c)


# -- a handler that listens ----------------------------------------------------

def test_listen_silence_and_no_match(world):
    cust, agent, node = world.trio(bots={"support": SALES})
    c = connect(cust, node)
    says(node, c, "Sales or support?")
    c.message("what {{ 1 }}")
    says(node, c, "noMatch what {{ 1 }}")
    says(node, c, "silence nil")
    says(node, c, "Please call again later.")
    hung_up(c)
    gone(node, c, "bot")


def test_listen_then_hunt(world):
    cust, agent, node = world.trio(bots={"support": SALES})
    c = connect(cust, node)
    says(node, c, "Sales or support?")
    c.message("Sales!")
    for _ in range(2):
        a = agent.incoming()
        a.reply(180)
        refuse(a, 486)
    says(node, c, "All are busy.")
    says(node, c, "Sales or support?", count=2)
    c.message("sales")
    a = join(c, agent)
    a.bye()
    bring_back(c)
    says(node, c, "Thank you.")
    hung_up(c)
    gone(node, c, "bot")


def test_listen_for_digits(world):
    """They come while the handler before it still listens: to it."""
    cust, agent, node = world.trio(bots={"support": SALES})
    c = connect(cust, node)
    says(node, c, "Sales or support?")
    node.call("call.event", call=c.id, name="pin")
    press(c, "1")                   # the one that listens gets it
    says(node, c, "noMatch 1")
    c.message("sales")
    for _ in range(2):
        a = agent.incoming()
        refuse(a, 486)
    says(node, c, "Please call again later.")
    hung_up(c)                      # the event comes too late for its state
    gone(node, c, "bot")
    assert "digits" not in " ".join(node.said(c.id))


def test_customer_leaves_a_handler_that_listens(world):
    cust, agent, node = world.trio(bots={"support": SALES})
    c = connect(cust, node)
    says(node, c, "Sales or support?")
    leave(node, c)
    node.wait_line("the customer left")
    assert not node.rpc.find("bot.error", call=c.id)


# -- TransferCallToOperator ----------------------------------------------------

def operator(world, word):
    cust, agent, node = world.trio(bots={"support": OPERATOR})
    c = connect(cust, node)
    says(node, c, "Hello.")
    c.message(word)
    return cust, agent, node, c


def stays(node, c, text):
    """The customer is in the state that says this, and the bot serves him."""
    says(node, c, text)
    c.message("ping")
    says(node, c, "pong")
    assert "Never." not in node.said(c.id)
    leave(node, c)


def test_operator_busy(world):
    cust, agent, node, c = operator(world, "keep")
    a = agent.incoming()
    a.reply(180)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", logged=False)
    stays(node, c, "Error.")


def test_operator_does_not_answer(world):
    cust, agent, node, c = operator(world, "keep")
    a = agent.incoming()
    a.reply(180)
    a.expect("CANCEL")
    a.reply(200)
    refuse(a, 487)
    ended(node, c, "FAIL", False, "no_answer", logged=False)
    stays(node, c, "Late.")


def test_operator_then(world):
    cust, agent, node, c = operator(world, "keep")
    a = join(c, agent)
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", logged=False)
    stays(node, c, "Then.")


def test_operator_without_then_lets_go(world):
    """No customer to be kept: REFER will do."""
    cust, agent, node, c = operator(world, "plain")
    c.expect("REFER")
    c.reply(202)
    c.notify()
    ended(node, c, "SUCCESS", False, "answered", logged=False)
    c.bye()
    gone(node, c)
    assert node.said(c.id) == ["Hello."]


def test_operator_refused_keeps_the_customer(world):
    """REFER was tried, and its failure leads to errorState all the same."""
    cust, agent, node, c = operator(world, "plain")
    c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    ended(node, c, "FAIL", False, "busy", logged=False)
    stays(node, c, "Error.")
