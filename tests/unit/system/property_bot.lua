-- A bot that does whatever it is told to, for test_bot_property.c.
local function number()
  return ({ "16123456789", "200", "300" })[math.random(3)]
end

local function switch_reply(call, keep, method)
  table.insert(call.response.replies, {
    type = "switch", phoneNumber = number(), timeout = "20",
    continueCall = keep, method = method,
  })
end

return bot {
  name = "property",
  states = {
    Start = { q = "$regex</start>", a "Hello." },
    Keep = { ["q!"] = "keep", a "One moment.", function(call)
      switch_reply(call, true)
    end },
    Refer = { ["q!"] = "refer", function(call)
      switch_reply(call, false, "refer")
    end },
    Wait = { ["q!"] = "wait", function(call)
      call:say "Wait, please."
      local status <const> = call:transfer { phoneNumber = number(), timeout = 15 }
      call:say(status.status)
      if status.status == "FAIL" and not status.hangup then
        call:transfer { phoneNumber = number(), method = "bridge" }
      end
    end },
    Sleep = { ["q!"] = "sleep", function(call)
      call:sleep(2)
      call:say "Awake."
      call:sleep(0.5)
    end },
    Boom = { ["q!"] = "boom", function(call)
      call:sleep(0.1)
      local nothing
      return nothing.field
    end },
    Listen = { ["q!"] = "listen", function(call)
      local heard, why = call:listen { q = { keep = "keep", boom = "boom" }, dtmf = 2, timeout = "3s" }
      assert(heard or why == "silence" or why == "noMatch" or why == "unavailable")
      call:say((heard and (heard.name or heard.digits) or why))
      call:listen()
    end },
    Keys = { ["q!"] = "keys", "Keys, {{ request.query }}.", dtmf { max = 3, timeout = 2000 },
             timeout { interval = "4s", state = "./Late" }, states = {
      Got = { q = "$regex<1+>", "Got {{ request.query }}." },
      Late = { "Late.", enter "/Keys" },
    } },
    Operator = { ["q!"] = "operator", TransferCallToOperator {
      phoneNumber = "16123456789", timeout = "10", thenState = "/Keys", timeoutState = "/Listen", errorState = "/Bye",
    } },
    Quiet = { ["q!"] = "quiet", function(call) call.dialer:setNoInputTimeout(1000) end },
    Loop = { ["q!"] = "loop", function() while true do end end },
    Twice = { ["q!"] = "twice", function(call)
      switch_reply(call, true)
      switch_reply(call, true)
    end },
    Bye = { ["q!"] = "bye", a "Goodbye.", hangup() },
    Transfer = { event = "transfer", function(call)
      local s <const> = call.dialer.getTransferStatus()
      assert(s.status == "SUCCESS" or s.status == "FAIL")
      if math.random(4) == 1 and s.status == "FAIL" then switch_reply(call, true) end
    end },
    Gone = { event = "hangup", function(call) call:sleep(1) end },
    Error = { event = "scriptError", a "Something went wrong." },
    NoMatch = { event = "noMatch", a "What?" },
  },
}
