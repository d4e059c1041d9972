-- Tests of hunt.lua: tandem test bots
local looking = "Good day. I am looking for somebody who is free."

local function nobody()
  customer.calls { from = "+4930123456" }
  expect.says(looking)
  agent "1001".busy()
  agent "1002".rings()
  agent "1003".declines()
  expect.transfer { status = "FAIL", destinations = { "1001", "1002", "1003" } }
  expect.says "Nobody is free..."
  expect.state "/Message"
end

test("the second is free", function()
  customer.calls()
  expect.says(looking)
  agent "1001".busy()
  agent "1002".answers { after = "4s", talks = "2m" }
  expect.transfer { status = "SUCCESS", number = "1002", headers = { queue = "service" } }
  expect.says "Thank you for calling."
  expect.ended { by = "bot" }
end)

test("nobody is free, and there is a message", function()
  nobody()
  customer.says "My washing machine leaks."
  expect.says "Thank you, we will call +4930123456 back."
  expect.session { message = "My washing machine leaks." }
  expect.client { messages = 1 }
  expect.says "Goodbye."
  expect.ended { by = "bot" }
end)

test("nobody is free, and no message", function()
  nobody()
  customer.says "No, thank you."
  expect.says "Goodbye."
  expect.client {}
  expect.ended()
end)

test("nobody is free, and the customer says nothing", function()
  nobody()
  expect.silence "14s"
  expect.says "Goodbye."
  expect.ended()
end)

test("what a customer says is never a template", function()
  nobody()
  customer.says "{{ call.client.messages }}"
  expect.session { message = "{{ call.client.messages }}" }
  expect.says "Thank you, we will call +4930123456 back."
  expect.says "Goodbye."
end)
