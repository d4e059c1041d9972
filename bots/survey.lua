-- After the agent the customer comes back and rates the talk.
local words = { one = 1, two = 2, three = 3, four = 4, five = 5 }

return bot {
  name = "survey",
  patterns = { Rating = "(one|two|three|four|five|1|2|3|4|5)" },
  states = {
    Start = {
      q = "$regex</start>",
      "Hello. I put you through.",
      switch { phoneNumber = "1001", timeout = 30, continueCall = true, continueRecording = true },
    },
    Transfer = {
      event = "transfer",
      function(call)
        local status, details = call.dialer.getTransferStatus(), call.dialer.getTransferDetails()
        if status.hangup then return end
        if status.status == "FAIL" then return { "Nobody can take your call. Goodbye.", hangup() } end
        call.session.agent = status.number
        call.session.talk_seconds = math.floor((details.talk_ms or 0) / 1000)
        return enter "/Survey"
      end,
    },
    Survey = {
      modal = true,
      "How do you rate the talk, from one to five?",
      states = {
        Rated = {
          q = "* $Rating *",
          function(call)
            local said = call.parseTree.Rating.text
            local rating = tonumber(said) or words[said:lower()]
            call.session.rating = rating
            call.dialer.setCallResult("rated", {
              rating = rating,
              agent = call.session.agent,
              talk_seconds = call.session.talk_seconds,
            })
            if rating <= 2 then return enter "/Survey/Why" end
          end,
          "Thank you. Goodbye.",
          hangup(),
        },
        Why = {
          modal = true,
          "I am sorry. What went wrong?",
          states = {
            Said = {
              q = "*",
              function(call) call.session.why = call.request.query end,
              "Thank you, we will look into it. Goodbye.",
              hangup(),
            },
          },
        },
        Again = { event = "noMatch", noContext = true, "Please say a number from one to five." },
      },
    },
  },
}
