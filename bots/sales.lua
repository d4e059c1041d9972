-- One talk from top to bottom: a bot needs no states where it has no choices.
return bot {
  name = "sales",
  "Hello.",
  function(call)
    for _ = 1, 3 do
      call:say "Sales or support?"
      local heard = call:listen {
        q = { sales = "* (sales|buy|order) *", support = "* (support|help|problem*) *" },
        timeout = "5s",
      }
      if heard and heard.name == "support" then
        call:say "For help please write to us."
      elseif heard then
        call:say "I put you through to sales."
        local status, details = call:transfer { destinations = { "1001", "1002", "1003" }, timeout = 20 }
        if status.status == "SUCCESS" then return { "Thank you.", hangup() } end
        call:say(details.reason == "busy" and "All are busy." or "Nobody answered.")
      end
    end
    return enter "/Message"
  end,
  states = {
    Message = { "Please call again later.", hangup() },
  },
}
