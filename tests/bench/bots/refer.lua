-- Case ii: handed over by REFER, the outcome is looked at.
return bot {
  name = "refer",
  states = {
    Start = {
      q = "$regex</start>",
      function(call)
        table.insert(call.response.replies, {
          type = "switch", phoneNumber = "2000", method = "refer",
        })
      end,
    },
    Done = {
      event = "transfer",
      function(call)
        call.session.status = call.dialer.getTransferStatus().status
      end,
    },
  },
}
