-- Tests of menu.lua: tandem test bots. They begin on a Monday at 13:00 in Berlin.
local menu = "Press 1 for orders, 2 for repairs, 0 for the desk."

local function calls()
  customer.calls()
  expect.says "Welcome to the shop."
  expect.says(menu)
end

test("one is orders", function()
  calls()
  customer.dials "1"
  expect.says "Orders."
  agent.answers { talks = "2m" }
  expect.transfer { status = "SUCCESS", number = "1001" }
  expect.says "Thank you for calling."
  expect.ended { by = "bot" }
end)

test("a repair has a number", function()
  calls()
  customer.dials "2"
  expect.says "Please enter the five digits of your repair."
  customer.dials "47110"
  expect.says "Thank you. I put you through."
  expect.dials { number = "1002", headers = { repair = "47110" } }
end)

test("a number of three digits is none", function()
  calls()
  customer.dials "2"
  expect.says "Please enter..."
  customer.dials "471#"
  expect.says("That were not five digits.", { within = "11s" })
  expect.says "Please enter..."
  expect.state "/Menu/Repairs"
end)

test("nobody is free, and there is the menu again", function()
  calls()
  customer.says "The desk, please!"
  expect.says(menu)
  customer.dials "0"
  expect.says "The desk."
  agent.declines()
  expect.transfer { status = "FAIL", reason = "declined" }
  expect.says "Nobody is free."
  expect.says(menu)
end)

test("who presses nothing hears it three times", function()
  calls()
  expect.says(menu, { within = "6s" })
  expect.says(menu, { within = "6s" })
  expect.says("Please call again later.", { within = "6s" })
  expect.ended { by = "bot" }
end)

test("at night nobody is there", function()
  wait "5h"
  customer.calls()
  expect.says "Welcome to the shop. We are here..."
  expect.ended { by = "bot" }
end)

test("on Saturdays until two", function()
  wait "119h"  -- Saturday, 12:00
  calls()
  customer.hangs_up()
  wait "2h"
  customer.calls()
  expect.says "Welcome to the shop. We are here..."
end)
