-- A menu by keys, with working hours.
local hours = "mon-fri 09:00-18:00, sat 10:00-14:00"

return bot {
  name = "menu",
  states = {
    Start = {
      q = "$regex</start>",
      when(open(hours, "Europe/Berlin")) {
        "Welcome to the shop.",
        enter "/Menu",
      }:otherwise {
        "Welcome to the shop. We are here from Monday to Friday, nine to six, and on Saturdays until two.",
        hangup(),
      },
    },
    Menu = {
      "Press 1 for orders, 2 for repairs, 0 for the desk.",
      dtmf { max = 1, timeout = 5000 },
      states = {
        Orders = {
          q = { "1", "orders" },
          "Orders.",
          switch { phoneNumber = "1001", timeout = 20, continueCall = true },
        },
        Repairs = {
          q = { "2", "repairs" },
          "Please enter the five digits of your repair.",
          dtmf { max = 5, timeout = 10000 },
          states = {
            Number = {
              q = "$regex<\\d{5}>",
              function(call) call.session.repair = call.request.query end,
              "Thank you. I put you through.",
              function(call)
                return switch {
                  phoneNumber = "1002", timeout = 20, continueCall = true,
                  headers = { repair = call.session.repair },
                }
              end,
            },
            Wrong = { event = { "noMatch", "noDtmfAnswerEvent" }, "That were not five digits.", enter "/Menu/Repairs" },
          },
        },
        Desk = {
          q = { "0", "desk" },
          "The desk.",
          switch { phoneNumber = "1000", timeout = 20, continueCall = true },
        },
        Again = {
          event = { "noMatch", "noDtmfAnswerEvent" },
          function(call)
            local tries = (call.session.tries or 0) + 1
            call.session.tries = tries
            if tries == 3 then return { "Please call again later.", hangup() } end
            return enter "/Menu"
          end,
        },
      },
    },
    Back = {
      event = "transfer",
      when(function(call) return call.dialer.getTransferStatus().status == "SUCCESS" end) {
        "Thank you for calling.",
        hangup(),
      }:otherwise {
        "Nobody is free.",
        enter "/Menu",
      },
    },
  },
}
