-- Tests of sales.lua: tandem test bots
local function begins()
  customer.calls()
  expect.says "Hello."
  expect.says "Sales or support?"
end

test("a colleague answers where the first does not", function()
  begins()
  customer.says "I would like to buy something"
  expect.says "I put you through to sales."
  expect.dials "1001"
  agent "1001".busy()
  expect.dials "1002"
  agent "1002".answers { after = "2s", talks = "3m" }
  expect.transfer { status = "SUCCESS", number = "1002", attempts = { "busy", "answered" } }
  expect.says "Thank you."
  expect.ended { by = "bot" }
end)

test("nobody is there", function()
  begins()
  for _ = 1, 3 do
    customer.says "Sales"
    expect.says "I put you through to sales."
    agent "1001".busy()
    agent "1002".busy()
    agent "1003".busy()
    expect.transfer { status = "FAIL", reason = "busy" }
    expect.says "All are busy."
    expect.anything()
  end
  expect.ended { by = "bot" }
end)

test("who only listens is asked three times", function()
  begins()
  expect.says("Sales or support?", { within = "6s" })
  customer.says "Help!"
  expect.says "For help please write to us."
  expect.says "Sales or support?"
  expect.says("Please call again later.", { within = "6s" })
  expect.ended { by = "bot" }
end)

test("the customer leaves while it rings", function()
  begins()
  customer.says "sales"
  expect.says "I put you through to sales."
  agent.rings()
  customer.hangs_up { after = "3s" }
  expect.transfer { status = "FAIL", hangup = true }
  expect.ended { by = "customer" }
end)
