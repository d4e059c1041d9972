-- The node under measurement; the addresses come from the bench.
return {
  sip = { listen = { "udp:" .. env "BENCH_SIP" } },
  media = { mode = "none", address = env "BENCH_HOST" },
  trunks = {
    office = {
      uri = "sip:" .. env "BENCH_AGENT",
      match = { env "BENCH_CUSTOMER", env "BENCH_AGENT_HOST" },
    },
  },
  channels = {
    answer = { trunk = "office", number = "100", bot = "answer" },
    refer = { trunk = "office", number = "101", bot = "refer" },
    bridge = { trunk = "office", number = "102", bot = "bridge" },
  },
  bots = {
    answer = "bots/answer.lua",
    refer = "bots/refer.lua",
    bridge = "bots/bridge.lua",
  },
  default_bot = nil,
  timers = { t1x64 = env "BENCH_T1X64" },
  limits = { cps = 10000 },
  control = { listen = { "unix:" .. env "BENCH_SOCKET" } },
  cdr = { file = env "BENCH_CDR" },
  log = { level = "warn", file = env "BENCH_LOG" },
}
