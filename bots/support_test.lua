-- Tests of support.lua: tandem test bots
local transferring = {
  "Transferring you to the agent. Please stay on the line.",
  "Putting you through to an agent. Please stay on the line.",
}

-- A customer who has asked for an agent, and the agent is being called.
local function asks_for_an_agent()
  customer.calls { from = "+4930123456", to = "100" }
  expect.says "Hi! How can I help?"
  customer.says "Transfer me to an agent!"
  expect.says(transferring)
  expect.dials { number = "16123456789", method = "bridge", headers = { callReason = "support", crmClientId = "none" } }
end

test("the agent talks to the customer, who comes back", function()
  asks_for_an_agent()
  agent.answers { after = "5s", talks = "1m" }
  expect.transfer { status = "SUCCESS", hangup = false, number = "16123456789", reason = "answered", talk_ms = 60000 }
  expect.says "Thank you for contacting us..."
  expect.state "/TransferEvent"
  customer.hangs_up()
  expect.ended { by = "customer" }
end)

test("all agents are busy", function()
  asks_for_an_agent()
  agent.busy()
  expect.transfer { status = "FAIL", hangup = false, reason = "busy", sip = 486 }
  expect.says "All our agents are currently busy..."
  expect.state "/TransferEvent"
  customer.says "And now?"
  expect.says "Sorry, I did not understand you."
  customer.hangs_up()
  expect.ended()
end)

test("nobody picks up in time", function()
  asks_for_an_agent()
  agent.rings()
  expect.silence "29s"
  expect.transfer { status = "FAIL", reason = "no_answer" }
  expect.says "All our agents..."
end)

test("the customer gives up while it rings", function()
  asks_for_an_agent()
  agent.rings()
  customer.hangs_up { after = "10s" }
  expect.transfer { status = "FAIL", hangup = true, reason = "caller_gone" }
  expect.ended { by = "customer" }
end)
