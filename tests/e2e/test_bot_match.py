"""Patterns and intents, asked over SIP."""

import time

import pytest

from harness.cases import connect, gone

BOT = r"""
return bot {
  name = "support",
  patterns = {
    City = "(berlin|paris|new york)",
    From = "from $City",
    To = "to $City",
    Any = "*",
  },
  intents = {
    ["/Agent"] = { "i want to speak to a human", "connect me with an agent",
                   "operator please", "let me talk to somebody" },
    ["/Order"] = { "where is my order", "has my parcel been shipped",
                   "track my delivery", "when will my package arrive" },
  },
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Trip = { ["q!"] = "* {$To [$From]} [please]", function(call)
      local t = call.parseTree
      return "To " .. t.To.City.text .. " from " ..
        (t.From and t.From.City.text or "here") .. "."
    end },
    Name = { ["q!"] = "my name is $Any", function(call)
      return "Hello, " .. call.parseTree.Any.text .. "."
    end },
    Code = { ["q!"] = "$regex<[A-Z]{2}-\\d+>", a "Thank you." },
    Agent = { ["intent!"] = "/Agent", a "Putting you through." },
    Order = { ["intent!"] = "/Order", a "Let me look.", states = {
      Number = { q = "{number *}", a "Which one?" },
    } },
    Costly = { ["q!"] = "{* * * * * * * word}", a "That was hard." },
    Heard = { ["q!"] = "listen", function(call)
      local heard = call:listen { timeout = "20s", q = {
        start = "$regex</start>", to = "[please] $To" } }
      return heard and heard.name .. " " .. heard.parseTree.To.text or "What?"
    end },
  },
}
"""


@pytest.fixture
def desk(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    node.wait_for("bot.say", call=c.id, text="Hi!")
    yield node, c
    c.bye()
    gone(node, c, "customer")


def answers(node, c, asked, said):
    before = len(node.said(c.id))
    c.message(asked)
    node.wait_for("bot.say", call=c.id, count=before + 1)
    assert node.said(c.id)[before] == said, asked


def test_patterns_and_parts_with_a_name(desk):
    node, c = desk
    for asked, said in [
            ("I fly to New  York, please!", "To New  York from here."),
            ("from Paris to BERLIN", "To BERLIN from Paris."),
            ("To Berlin from Paris", "To Berlin from Paris."),
            ("My name is Dr. O'Neill.", "Hello, Dr. O'Neill."),
            ("my name is J\u00f6rg {{ 1 }}", "Hello, J\u00f6rg {{ 1."),
            ("AB-17", "Thank you."),
            ("/start", "Sorry, I did not understand you.")]:
        answers(node, c, asked, said)


def test_intents_after_patterns(desk):
    node, c = desk
    for asked, said in [
            ("Could I speak to a human being?", "Putting you through."),
            ("has my package been shipped yet", "Let me look."),
            ("the order number", "Which one?"),
            ("will it rain in the mountains", "Sorry, I did not understand "
             "you.")]:
        answers(node, c, asked, said)


def test_listen_with_the_bots_own_patterns(desk):
    node, c = desk
    c.message("listen")
    time.sleep(0.2)
    answers(node, c, "please to Paris", "to to Paris")
    c.message("listen")
    time.sleep(0.2)
    # What a customer types is never the engine's /start.
    answers(node, c, "/start", "What?")


def test_a_text_that_takes_long_to_look_at(world):
    """It matches nothing; nobody else waits."""
    cust = world.peer("cust", tcp=True)
    agent = world.peer("agent", tcp=True)
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True)
    other = connect(cust, node)
    c = connect(cust, node)
    text = "a " * 20000 + "word"
    waits = []
    c.message(text)
    for n in range(20):
        began = time.monotonic()
        answers(node, other, "AB-1", "Thank you.")
        waits.append(time.monotonic() - began)
    node.wait_for("bot.say", call=c.id,
                  text="Sorry, I did not understand you.")
    node.wait_line("a query of %d bytes matches nothing" % len(text))
    assert sorted(waits)[10] < 0.05, waits
    answers(node, c, "AB-1", "Thank you.")
    for call in (c, other):
        call.bye()
        gone(node, call, "customer")
