-- Case i: the customer is answered, one Lua function runs.
return bot {
  name = "answer",
  states = {
    Start = {
      q = "$regex</start>",
      function(call)
        call.session.greeted = true
        call.temp.caller = call.dialer.getCaller()
      end,
    },
  },
}
