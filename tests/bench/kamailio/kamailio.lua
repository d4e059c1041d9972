-- The three cases, as far as a proxy without dialogs can play them.
local agent = os.getenv("KAM_AGENT")
local own = os.getenv("KAM_OWN")

local sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n" ..
	"t=0 0\r\nm=audio 9 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n" ..
	"a=rtpmap:8 PCMA/8000\r\na=inactive\r\n"

local function answer(number)
	KSR.hdr.append_to_reply("Contact: <sip:" .. number .. "@" .. own ..
		">\r\n")
	KSR.textops.set_reply_body(sdp, "application/sdp")
	KSR.tm.t_newtran()
	KSR.tm.t_reply(200, "OK")
end

-- There is no dialog to send it in: it has the call's Call-ID and the
-- customer's address, and tags of its own.
local function refer()
	KSR.pv.sets("$uac_req(method)", "REFER")
	KSR.pv.sets("$uac_req(ruri)", "sip:customer@" .. KSR.pv.get("$si") ..
		":" .. KSR.pv.get("$sp"))
	KSR.pv.sets("$uac_req(furi)", "sip:101@" .. own)
	KSR.pv.sets("$uac_req(turi)", KSR.pv.get("$fu"))
	KSR.pv.sets("$uac_req(callid)", KSR.pv.get("$ci"))
	KSR.pv.sets("$uac_req(hdrs)", "Contact: <sip:101@" .. own .. ">\r\n" ..
		"Refer-To: <sip:2000@" .. agent .. ">\r\n" ..
		"Referred-By: <sip:101@" .. own .. ">\r\n")
	KSR.uac.uac_req_send()
end

local function relay(to)
	if to then
		KSR.rr.record_route()
		KSR.setdsturi("sip:" .. to)
	end
	if KSR.tm.t_relay() < 0 then
		KSR.sl.send_reply(500, "Relay failed")
	end
end

function ksr_request_route()
	local method = KSR.pv.get("$rm")
	local number = KSR.pv.get("$rU")

	if method == "INVITE" then
		if number == "102" then
			relay(agent)
		else
			answer(number)
		end
	elseif KSR.siputils.has_totag() > 0 and KSR.rr.loose_route() > 0 then
		relay()
	elseif method == "ACK" then
		if number == "101" then
			refer()
		end
	elseif method == "BYE" or method == "NOTIFY" then
		KSR.sl.send_reply(200, "OK")
	else
		KSR.sl.send_reply(405, "Method Not Allowed")
	end
	return 1
end
