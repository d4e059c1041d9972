---@meta
-- Written by `cmake --build build --target types` from the tables of the C source.
-- The environment of a bot, for editors with lua-language-server.

---@alias tandem.Event
---| "transfer" # a transfer has ended: call.dialer.getTransferStatus()
---| "hangup" # the customer has left; the last event of the call
---| "botHangup" # the bot has hung up; the last event of the call
---| "ringing" # a call has come in and is not answered yet
---| "noMatch" # nothing matches what the customer said or typed
---| "speechNotRecognized" # the customer said nothing in time
---| "noDtmfAnswerEvent" # no key was pressed in time
---| "bargeInIntent" # the customer interrupts what is said
---| "onCallNotConnected" # a call out was busy or not answered
---| "onCallNotConnectedTechnical" # a call out failed
---| "scriptError" # a handler has failed; message, traceback and state in call.request.data
---| string # any other, sent over the control protocol

---@class tandem.Reaction

---@class tandem.Destination
---@field phoneNumber? string|integer
---@field sipUri? string
---@field timeout? string|number

---@class tandem.Switch
---@field phoneNumber? string|integer # number to call over the trunk
---@field sipUri? string # the target; wins over phoneNumber
---@field timeout? string|number # seconds the agent may ring; default timer `agent`
---@field headers? table<string, string|integer> # custom SIP headers for the agent
---@field transferChannel? string # id of the channel whose trunk carries the call
---@field continueCall? boolean # the customer comes back to the bot
---@field continueRecording? boolean # the recording goes on through the talk
---@field method? string # auto, refer, bridge or invite (= bridge)
---@field destinations? (string|integer|tandem.Destination)[] # more agents to try, at most 10: numbers, URIs, or tables with phoneNumber or sipUri, and timeout
---@field strategy? string # hunt (one after the other) or all (ring together)
---@field music? string # what the customer hears meanwhile

---@class tandem.State
---@field q? string|string[] # pattern of what the customer says; reached by levels
---@field ["q!"]? string|string[] # the same, reached from everywhere
---@field intent? string|string[] # what the customer means; reached by levels
---@field ["intent!"]? string|string[] # the same, reached from everywhere
---@field event? tandem.Event|tandem.Event[] # what has happened; reached by levels
---@field ["event!"]? tandem.Event|tandem.Event[] # the same, reached from everywhere
---@field states? table<string, tandem.State> # nested states by name
---@field noContext? boolean # answers without becoming the current state
---@field modal? boolean # while it is current, queries reach only it and its children
---@field [integer] string|tandem.Reaction|function # reactions, run top to bottom

---@class tandem.Bot
---@field q? string|string[] # pattern of what the customer says; reached by levels
---@field ["q!"]? string|string[] # the same, reached from everywhere
---@field intent? string|string[] # what the customer means; reached by levels
---@field ["intent!"]? string|string[] # the same, reached from everywhere
---@field event? tandem.Event|tandem.Event[] # what has happened; reached by levels
---@field ["event!"]? tandem.Event|tandem.Event[] # the same, reached from everywhere
---@field states? table<string, tandem.State> # nested states by name
---@field noContext? boolean # answers without becoming the current state
---@field modal? boolean # while it is current, queries reach only it and its children
---@field name? string # of the bot
---@field fallback? string # said when nothing matches or a handler fails
---@field intents? table<string, string[]> # phrases of each intent
---@field patterns? table<string, string> # named patterns: $Name
---@field [integer] string|tandem.Reaction|function # reactions, run top to bottom

---@class tandem.When: tandem.Reaction
---@overload fun(body: (string|tandem.Reaction|function)[]): tandem.When
local When = {}

---a further condition, its body follows
---@param condition fun(call: tandem.Call): any
---@return tandem.When
function When:elsewhen(condition) end

---what runs when no condition holds
---@param body (string|tandem.Reaction|function)[]
---@return tandem.Reaction
function When:otherwise(body) end

---@class tandem.Operator
---@field phoneNumber? string|integer # number to call
---@field timeout? string|number # seconds the agent may ring
---@field thenState? string # after the talk
---@field timeoutState? string # nobody answered; else errorState
---@field errorState? string # it failed; else /

---@class tandem.Call
---@field request tandem.Request # what is handled now
---@field response tandem.Response # what is answered
---@field session table # kept for this call; plain data
---@field client table # kept for the caller's number, over calls; plain data
---@field temp table # for this request; plain data
---@field parseTree table # what the pattern found
---@field context string # path of the current state
---@field dialer tandem.Dialer # what telephony knows of the call
local Call = {}

---says it and waits until it is over
---@param text string
---@return true?
---@return "interrupted"?
function Call:say(text) end

---plays it and waits until it is over
---@param file string
---@return true?
---@return "interrupted"?
function Call:play(file) end

---waits for what the customer says or keys
---@param options? tandem.Listen
---@return tandem.Heard?
---@return "silence"|"noMatch"|"unavailable"|nil
---@return string?
function Call:listen(options) end

---hands the customer over and waits for how it ends
---@param fields tandem.Switch
---@return tandem.Status
---@return tandem.Details
function Call:transfer(fields) end

---waits; seconds, or "500ms", "5s", "2m"
---@param time string|number
---@return true
function Call:sleep(time) end

---asks a server and waits for its answer
---@param request tandem.Http
---@return tandem.HttpAnswer?
---@return string?
function Call:http(request) end

---asks a service of the control protocol and waits for its result
---@param service string
---@param method string
---@param params? table
---@return any
---@return string?
function Call:request(service, method, params) end

---answers a call that rings
---@return true?
---@return "gone"?
function Call:answer() end

---refuses a call that rings, by a SIP status
---@param status integer
---@return true?
---@return "gone"?
function Call:reject(status) end

---runs it now, midway
---@param reaction string|tandem.Reaction|(string|tandem.Reaction|function)[]
function Call:react(reaction) end

---@class tandem.Request
---@field query string? # what was said, typed or keyed
---@field event tandem.Event? # or what happened
---@field data table # of the event
---@field channel string? # id of the call's channel
---@field headers table<string, string> # custom headers of the customer's INVITE
---@field from string # the caller's number; "": anonymous
---@field to string # the number that was called

---@class tandem.Response
---@field replies tandem.Reply[] # in order; a switch must be the last

---@class tandem.Reply: tandem.Switch
---@field type? "text"|"audio"|"switch"|"dtmf"|"timeout"|"hangup" # what it is
---@field text? string # text: what to say
---@field file? string # audio: beside the bot
---@field audioUrl? string # audio: where to fetch it
---@field max? integer # dtmf: most keys
---@field interval? string|number # timeout: how long
---@field state? string # timeout: where to go

---@class tandem.Dialer
---@field getCaller fun(): string # the caller's number; "": anonymous
---@field getTrunk fun(): string? # name of the call's trunk
---@field getPayload fun(): table # what the call was made with
---@field getSipHeaders fun(): table<string, string> # custom headers of the customer's INVITE
---@field getTransferStatus fun(): tandem.Status? # how the last transfer ended; nil: there was none
---@field getTransferDetails fun(): tandem.Details? # the same with all that is known
---@field getCallRecordingPath fun(): string? # file of the recording
---@field setNoInputTimeout fun(ms: integer) # how long the customer may say nothing
---@field setCallResult fun(result: string, payload?: table) # what came of the call, for its record
---@field bargeIn fun(options: table) # whether the customer may interrupt
---@field hangUp fun(text?: string) # says the text and ends the call

---@class tandem.Status
---@field status "SUCCESS"|"FAIL" # whether an agent was reached
---@field hangup boolean # the customer ended the conversation
---@field number string # that answered, or was tried last

---@class tandem.Details
---@field status "SUCCESS"|"FAIL" # whether an agent was reached
---@field hangup boolean # the customer ended the conversation
---@field number string # that answered, or was tried last
---@field method "refer"|"bridge" # how it was carried out
---@field reason string # answered, busy, declined, no_answer, unreachable, ...
---@field sip { code: integer, phrase: string }? # the last SIP answer
---@field attempts { number: string, reason: string, sip?: table, ring_ms?: integer }[] # one for each agent
---@field ring_ms integer? # how long it rang
---@field talk_ms integer? # how long they talked
---@field ended_by "customer"|"agent"|"bot"|"control"|"node"|nil # who ended it
---@field recording string? # file of the recording

---@class tandem.Listen
---@field q? string|table<string, string> # patterns to listen for; else what the state reaches
---@field dtmf? integer # most keys
---@field timeout? string|number # how long

---@class tandem.Heard
---@field text string # what was said
---@field digits string? # what was keyed
---@field name string? # of the pattern
---@field parseTree table # what the pattern found

---@class tandem.Http
---@field method? string # GET, or POST with a body, unless set
---@field url? string # of an allowed host
---@field headers? table<string, string> # of the request
---@field body? string|table # of the request; a table as JSON
---@field timeout? string|number # for all of it

---@class tandem.HttpAnswer
---@field status integer # of HTTP
---@field headers table<string, string> # of the answer
---@field body string # of the answer
---@field json any # the body, where it is JSON

---the bot: what its file returns
---@param bot tandem.Bot
---@return tandem.Bot
function bot(bot) end

---says it
---@param text string
---@return tandem.Reaction
function a(text) end

---plays a file beside the bot
---@param file string
---@return tandem.Reaction
function audio(file) end

---one of them, not the last one again
---@param list (string|tandem.Reaction|function)[]
---@return tandem.Reaction
function random(list) end

---hands the customer over
---@param fields tandem.Switch
---@return tandem.Reaction
function switch(fields) end

---when(f) { ... }:elsewhen(f) { ... }:otherwise { ... }
---@param condition fun(call: tandem.Call): any
---@return tandem.When
function when(condition) end

---goes to a state and runs it now
---@param path string
---@return tandem.Reaction
function enter(path) end

---the next request is matched from there
---@param path string
---@return tandem.Reaction
function go(path) end

---takes keys; timeout in milliseconds
---@param options { max?: integer, timeout?: number }
---@return tandem.Reaction
function dtmf(options) end

---goes to a state when the customer says nothing for so long
---@param options { interval: string|number, state: string }
---@return tandem.Reaction
function timeout(options) end

---ends the call once what was said is over
---@return tandem.Reaction
function hangup() end

---hands the customer over and goes to a state by how it ended
---@param options tandem.Operator
---@return tandem.Reaction
function TransferCallToOperator(options) end

---working hours as a condition: when(open("mon-fri 10:00-18:00", "Europe/Berlin")); in a handler, whether it is open now
---@param hours string
---@param zone? string
---@return (fun(call?: tandem.Call): boolean)|boolean
function open(hours, zone) end

---writes a log line; a table as JSON
---@param value any
function log(value) end

