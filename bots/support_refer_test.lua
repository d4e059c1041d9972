-- Tests of support_refer.lua: the customer's own switch transfers him.
local transferring = {
  "Transferring you to the agent. Please stay on the line.",
  "Putting you through to an agent. Please stay on the line.",
}

local function asks_for_an_agent()
  customer.calls()
  expect.says "Hi! How can I help?"
  customer.says "Transfer to agent"
  expect.says(transferring)
  expect.dials { number = "16123456789", method = "refer", headers = { callReason = "support" } }
end

test("the agent takes the customer over", function()
  asks_for_an_agent()
  agent.answers { after = "8s" }
  expect.transfer { status = "SUCCESS", hangup = false, method = "refer" }
  expect.ended { by = "customer" }
end)

test("the agent is busy, and the call ends", function()
  asks_for_an_agent()
  agent.busy()
  expect.transfer { status = "FAIL", reason = "busy", sip = 486 }
  expect.says "All our agents are currently busy..."
  expect.ended { by = "bot" }
end)

test("a switch without REFER gets a bridge", function()
  customer.calls { refer = false }
  expect.says "Hi! How can I help?"
  customer.says "transfer me to an agent"
  expect.says(transferring)
  agent.answers { after = 2, talks = "forever" }
  wait "30s"
  agent.hangs_up()
  expect.transfer { status = "SUCCESS", method = "bridge", ended_by = "agent" }
  expect.ended { by = "agent" }
end)
