return bot {
  name = "support",
  states = {
    Start = {
      q = "$regex</start>",
      a "Hi! How can I help?",
    },
    TransferToAgent = {
      ["q!"] = "transfer [me] to [an] agent",
      ["intent!"] = "/TransferToAgent",
      random {
        a "Transferring you to the agent. Please stay on the line.",
        a "Putting you through to an agent. Please stay on the line.",
      },
      function(call)
        table.insert(call.response.replies, {
          type = "switch",
          phoneNumber = "16123456789",
          timeout = "30",
          headers = { callReason = "support", crmClientId = call.client.id or "none" },
          transferChannel = "237-test-237-VDQ-28334674",
        })
      end,
    },
    TransferEvent = {
      event = "transfer",
      function(call) log(call.dialer.getTransferStatus()) end,
      when(function(call) return call.dialer.getTransferStatus().status == "FAIL" end) {
        a "All our agents are currently busy. We will reach out to you later.",
      }:otherwise {
        a "Thank you for contacting us. Please rate our service.",
      },
    },
  },
}
