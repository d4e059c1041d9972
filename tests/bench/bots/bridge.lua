-- Case iii: joined with an agent by re-INVITE, the outcome is looked at.
return bot {
  name = "bridge",
  states = {
    Start = {
      q = "$regex</start>",
      function(call)
        table.insert(call.response.replies, {
          type = "switch", phoneNumber = "2000", method = "bridge",
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
