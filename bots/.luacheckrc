-- Written by `cmake --build build --target types` from the tables of the C source.
-- luacheck for a folder of bots: luacheck --config bots/.luacheckrc bots
std = "none"
max_line_length = 120
-- a handler gets the call, whether it looks at it or not
unused_args = false
read_globals = {
  "bot",
  "a",
  "audio",
  "random",
  "switch",
  "when",
  "enter",
  "go",
  "dtmf",
  "timeout",
  "hangup",
  "TransferCallToOperator",
  "open",
  "log",
  -- what is there of Lua's own library
  "_VERSION", "assert", "coroutine", "error", "getmetatable", "ipairs", "load", "math",
  "next", "os", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "require",
  "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "utf8",
  "xpcall",
}
files["**/*_test.lua"] = { read_globals = {
  "test",
  "customer",
  "agent",
  "expect",
  "event",
  "wait",
  "http",
  "service",
} }
