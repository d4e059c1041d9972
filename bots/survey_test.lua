-- Tests of survey.lua: tandem test bots
local function comes_back()
  customer.calls()
  expect.says "Hello. I put you through."
  agent.answers { after = "3s", talks = "90s" }
  expect.transfer { status = "SUCCESS", talk_ms = 90000 }
  expect.says "How do you rate..."
end

test("five", function()
  comes_back()
  customer.says "I would say FIVE."
  expect.says "Thank you. Goodbye."
  expect.session { rating = 5, agent = "1001", talk_seconds = 90 }
  expect.ended { by = "bot" }
end)

test("a key is a number, too", function()
  comes_back()
  customer.dials "4"
  expect.says "Thank you. Goodbye."
  expect.session { rating = 4 }
  expect.ended { by = "bot" }
end)

test("a bad talk has a reason", function()
  comes_back()
  customer.says "one"
  expect.says "I am sorry. What went wrong?"
  customer.says "He hung up on me, at five."
  expect.says "Thank you, we will look into it. Goodbye."
  expect.session { rating = 1, why = "He hung up on me, at five." }
  expect.ended()
end)

test("no number", function()
  comes_back()
  customer.says "It was nice."
  expect.says "Please say a number from one to five."
  expect.state "/Survey"
  customer.says "three"
  expect.says "Thank you. Goodbye."
end)

test("the agent is busy", function()
  customer.calls()
  expect.says "Hello. I put you through."
  agent.busy()
  expect.says "Nobody can take your call. Goodbye."
  expect.ended { by = "bot" }
end)

test("the customer leaves the agent", function()
  customer.calls()
  expect.says "Hello. I put you through."
  agent.answers { talks = "forever" }
  customer.hangs_up { after = "20s" }
  expect.transfer { status = "SUCCESS", hangup = true }
  expect.ended { by = "customer" }
end)
