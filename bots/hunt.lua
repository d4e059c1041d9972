-- A group of agents one after the other; where nobody is free the bot takes a message.
return bot {
  name = "hunt",
  fallback = "Please say it in other words.",
  states = {
    Start = {
      q = "$regex</start>",
      "Good day. I am looking for somebody who is free.",
      switch {
        destinations = { "1001", "1002", "1003" },
        timeout = 15,
        continueCall = true,
        headers = { queue = "service" },
      },
    },
    Transfer = {
      event = "transfer",
      when(function(call) return call.dialer.getTransferStatus().status == "SUCCESS" end) {
        "Thank you for calling.",
        hangup(),
      }:otherwise {
        enter "/Message",
      },
    },
    Message = {
      modal = true,
      "Nobody is free. Tell me what it is about, and we call you back. Or say no.",
      function(call) call.dialer.setNoInputTimeout(15000) end,
      states = {
        No = { q = { "no", "no thank you" }, enter "/Goodbye" },
        Taken = {
          q = "*",
          function(call)
            local text = call.request.query
            call.session.message = text
            call.client.messages = (call.client.messages or 0) + 1
            call.dialer.setCallResult("message", { text = text })
          end,
          "Thank you, we will call {{ call.dialer.getCaller() == '' and 'you' or call.dialer.getCaller() }} back.",
          enter "/Goodbye",
        },
        Silent = { event = "speechNotRecognized", enter "/Goodbye" },
      },
    },
    Goodbye = { "Goodbye.", hangup() },
  },
}
