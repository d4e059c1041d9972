-- Tests of vip.lua: tandem test bots
local crm = "http://127.0.0.1:8080/customers/%2B4930123456"

local function calls(header)
  customer.calls { from = "+4930123456", headers = { ["X-Customer-Level"] = header } }
  expect.says "Good day."
end

test("the PBX in front knows who is important", function()
  calls "Gold"
  expect.dials { number = "1001", headers = { customerLevel = "gold" } }
  agent.answers { talks = "1m" }
  expect.transfer { status = "SUCCESS", number = "1001" }
  expect.says "Thank you for calling."
  expect.ended { by = "bot" }
end)

test("the data base knows", function()
  http.answers { url = crm, json = { name = "Ada", level = "silver" } }
  calls()
  expect.asks { url = crm, method = "GET" }
  expect.dials { number = "1002", headers = { customerLevel = "silver" } }
  expect.session { level = "silver" }
end)

test("nobody knows him", function()
  http.answers { url = crm, status = 404, json = { error = "no such customer" } }
  calls()
  expect.dials { number = "1003", headers = { customerLevel = "none" } }
end)

test("a level that there is not", function()
  calls "Emperor"
  expect.dials "1003"
  expect.session { level = "none" }
end)

test("the data base is slow, and the customer does not wait", function()
  http.answers { url = crm, json = { level = "gold" }, after = "10s" }
  calls()
  expect.silence "1900ms"
  expect.dials "1003"
  expect.logs "timeout"
end)

test("the data base is down", function()
  http.fails { url = crm }
  calls()
  expect.dials "1003"
end)

test("who withholds his number is not looked up", function()
  customer.calls { from = "anonymous" }
  expect.says "Good day."
  expect.dials "1003"
end)

test("everybody is talking", function()
  calls "gold"
  agent "1001".busy()
  agent "1002".busy()
  expect.transfer { status = "FAIL", reason = "busy" }
  expect.says "Everybody is talking. We call you back within the hour."
  expect.ended { by = "bot" }
end)
