"""What is kept of callers: over calls, restarts, and files in trouble."""

import sqlite3

from harness.cases import connect, gone, until

BOT = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", function(call)
      local c = call.client
      c.calls = (c.calls or 0) + 1
      return "call " .. c.calls .. " " .. (c.name or "?")
    end },
    Name = { ["q!"] = "name *", noContext = true, function(call)
      call.client.name = call.request.query:match "name (.+)"
      return "noted"
    end },
  },
}
"""


def hear(world_cust, node, text, frm="1000", name=None):
    c = connect(world_cust, node, frm=frm)
    node.wait_for("bot.say", call=c.id, text=text)
    if name:
        c.message("name " + name)
        node.wait_for("bot.say", call=c.id, text="noted")
    c.bye()
    gone(node, c)


def start_again(node, signal=None):
    if signal:
        node.process.send_signal(signal)
        node.process.wait(10)
    else:
        assert node.stop() == 0
    node.rpc.close()
    node.rpc, node.checked = None, False
    node.start()


def saved(node):
    until(lambda: node.call("node.stats")["store"]["unsaved"] == 0, "unsaved")


def test_kept_over_a_restart_and_a_kill(world):
    cust = world.peer("cust")
    node = world.node(cust, bots={"support": BOT})
    hear(cust, node, "call 1 ?", name="Ann")
    hear(cust, node, "call 2 Ann")
    start_again(node)
    hear(cust, node, "call 3 Ann")
    hear(cust, node, "call 1 ?", frm="2000")
    # A node that dies loses nothing that was written.
    saved(node)
    start_again(node, 9)
    hear(cust, node, "call 4 Ann")
    hear(cust, node, "call 1 ?", frm="anonymous")
    hear(cust, node, "call 1 ?", frm="anonymous")
    saved(node)
    db = sqlite3.connect(node.folder / "tandem.db")
    rows = db.execute("SELECT bot, number, key, value FROM client "
                      "ORDER BY number, key").fetchall()
    assert rows == [("support", "1000", "calls", "4"),
                    ("support", "1000", "name", '"Ann"'),
                    ("support", "2000", "calls", "1")], rows
    db.close()


def test_in_memory_there_is_no_file(world):
    cust = world.peer("cust")
    node = world.node(cust, bots={"support": BOT},
                      config={"store": {"file": ""}})
    hear(cust, node, "call 1 ?")
    hear(cust, node, "call 2 ?")
    assert not list(node.folder.glob("tandem.db*"))


def test_a_locked_file_holds_no_call(world):
    cust = world.peer("cust")
    node = world.node(cust, bots={"support": BOT},
                      timers={"client": "100ms"})
    hear(cust, node, "call 1 ?", name="Ann")
    saved(node)
    db = sqlite3.connect(node.folder / "tandem.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    hear(cust, node, "call 2 Ann")
    node.wait_line("call.client cannot be written: database is locked")
    # Who calls again meanwhile finds what he has left.
    hear(cust, node, "call 3 Ann")
    db.execute("ROLLBACK")
    db.close()
    node.wait_line("call.client is written again")
    start_again(node)
    hear(cust, node, "call 4 Ann")


def test_a_broken_file_is_put_aside(world):
    cust = world.peer("cust")
    node = world.node(cust, bots={"support": BOT}, start_later=True)
    (node.folder / "tandem.db").write_bytes(b"this is no database" * 1000)
    node.start()
    node.wait_line("file is not a database: it is now ")
    hear(cust, node, "call 1 ?")
    hear(cust, node, "call 2 ?")
    assert len(list(node.folder.glob("tandem.db.broken-*"))) == 1


def test_a_file_that_is_not_ours_is_refused(world):
    cust = world.peer("cust")
    node = world.node(cust, bots={"support": BOT}, start_later=True)
    db = sqlite3.connect(node.folder / "tandem.db")
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    try:
        node.start()
    except AssertionError as e:
        assert "store.file: " in str(e) and "not Tandem's" in str(e), e
    else:
        raise AssertionError("it was taken")
    node.checked = True
