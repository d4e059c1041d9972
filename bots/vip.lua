-- Important customers have agents of their own. Who is important the PBX in front says in a header, else the
-- customer data base behind `crm`; the config's limits.http_hosts must have its host.
local crm = "http://127.0.0.1:8080/customers/"

-- "gold", "silver" or "none"; what cannot be found out never holds a customer up.
local function level(call)
  local header = call.dialer.getSipHeaders()["X-Customer-Level"]
  if header then return header:lower() end
  local number = call.dialer.getCaller()
  if number == "" then return "none" end
  local answer, why = call:http { url = crm .. number:gsub("%+", "%%2B"), timeout = "2s" }
  if not answer then
    log { crm = why }
    return "none"
  end
  return answer.status == 200 and answer.json and answer.json.level or "none"
end

local ways = {
  gold = { "1001", "1002" },
  silver = { "1002", "1003" },
  none = { "1003" },
}

return bot {
  name = "vip",
  states = {
    Start = {
      q = "$regex</start>",
      "Good day.",
      function(call)
        local found = level(call)
        local way = ways[found] or ways.none
        call.session.level = ways[found] and found or "none"
        return switch {
          destinations = way,
          timeout = 20,
          continueCall = true,
          headers = { customerLevel = call.session.level },
        }
      end,
    },
    Transfer = {
      event = "transfer",
      when(function(call) return call.dialer.getTransferStatus().status == "SUCCESS" end) {
        "Thank you for calling.",
        hangup(),
      }:otherwise {
        "Everybody is talking. We call you back within {{ session.level == 'gold' and 'the hour' or 'the day' }}.",
        hangup(),
      },
    },
  },
}
