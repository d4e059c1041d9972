#!/bin/sh
# One call through Tandem: SIPp is the customer and the agent, the bot is
# bots/support.lua. Draws the call as it happens, then keeps the node running
# for a softphone of yours. With --once it ends after the call, with status 0
# only if the transfer came out as it should.
set -eu

once=
case ${1-} in
"") ;;
--once) once=--once ;;
*) echo "usage: sh bots/demo.sh [--once]" >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
sh tests/deps.sh build demo

if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; else python=python3; fi
sipp=$(command -v sipp)

work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-demo.XXXXXX")
node= agent= customer= ladder= events= tail=

# Nothing stays behind, however the demo ends.
end() {
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 0
	kill -TERM "$1" 2>/dev/null || return 0
	tries=0
	while kill -0 "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -eq 10 ] && kill -TERM "$1" 2>/dev/null
		[ "$tries" -eq 60 ] && kill -KILL "$1" 2>/dev/null
		sleep 0.05
	done
	wait "$1" 2>/dev/null || :
}
cleanup() {
	trap '' INT TERM HUP
	set +e
	end "$ladder"
	end "$events"
	end "$customer"
	end "$agent"
	end "$node"
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM HUP

fail() {
	echo "demo: $1" >&2
	for log in node.err ctl.log agent.log customer.log; do
		[ -s "$work/$log" ] || continue
		echo "--- $log" >&2
		tail -n 20 "$work/$log" >&2
	done
	exit 1
}

echo "== building into build/"
{ cmake --preset default || cmake --preset default --fresh; } \
	>"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
cmake --build --preset default --target tandem \
	-j "$(nproc 2>/dev/null || echo 2)" >"$work/build.log" 2>&1 ||
	{ cat "$work/build.log" >&2; exit 1; }

port_is_free() {
	"$python" -c 'import socket, sys
for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR,
                 kind == socket.SOCK_STREAM)
    s.bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}
free_port() {
	"$python" -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# The embedded defaults, unless somebody has their ports.
node_port=5060 agent_port=5070 config=
port_is_free $node_port || {
	node_port=$(free_port)
	echo "== port 5060 is taken: the node listens on $node_port instead"
	config=$work/tandem.lua
}
port_is_free $agent_port || {
	agent_port=$(free_port)
	echo "== port 5070 is taken: the agent listens on $agent_port instead"
	config=$work/tandem.lua
}
customer_port=$(free_port)
ln -s "$root/bots" "$work/bots"
if [ -n "$config" ]; then
	cat >"$config" <<END
return {
  sip = { listen = { "udp:127.0.0.1:$node_port", "tcp:127.0.0.1:$node_port" } },
  trunks = {
    office = { uri = "sip:127.0.0.1:$agent_port", match = { "127.0.0.1" } },
  },
  channels = {
    ["237-test-237-VDQ-28334674"] = { trunk = "office", number = "100",
                                      bot = "support" },
  },
  bots = { support = "bots/support.lua" },
  default_bot = "support",
}
END
fi

echo "== starting the node: build/tandem${config:+ -c $config}"
# Socket and CDR go into its working directory.
(
	cd "$work"
	exec "$root/build/tandem" ${config:+-c "$config"} >node.out 2>node.err
) &
node=$!
tries=0
until grep -q '^ready' "$work/node.out" 2>/dev/null; do
	kill -0 "$node" 2>/dev/null || { node=; fail "the node did not start"; }
	tries=$((tries + 1))
	[ "$tries" -lt 200 ] || fail "the node is not ready after 10 s"
	sleep 0.05
done
sed 's/^/   /' "$work/node.out"
socket=$work/tandem.sock

# SIPp's own screens go to a log; its message logs are what is drawn.
(
	cd "$work"
	exec "$sipp" -sf "$root/bots/demo/agent.xml" -i 127.0.0.1 \
		-p "$agent_port" -nostdin -trace_msg \
		-message_file "$work/agent.msg" >agent.log 2>&1
) &
agent=$!
tries=0
while port_is_free "$agent_port"; do
	kill -0 "$agent" 2>/dev/null || { agent=; fail "SIPp did not start"; }
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || fail "SIPp does not listen after 5 s"
	sleep 0.05
done

mkfifo "$work/events"
"$root/build/tandem" ctl -s "$socket" events >"$work/events" 2>"$work/ctl.log" &
events=$!
echo
"$python" "$root/bots/demo/ladder.py" $once \
	--customer "$work/customer.msg" --agent "$work/agent.msg" \
	--customer-uri "SIPp" --node-uri "127.0.0.1:$node_port" \
	--agent-uri "SIPp :$agent_port" <"$work/events" &
ladder=$!
tries=0
until "$root/build/tandem" ctl -s "$socket" node.stats |
	grep -q '"subscribers": *1'; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || fail "the event stream does not start"
	sleep 0.05
done

(
	cd "$work"
	exec "$sipp" "127.0.0.1:$node_port" -sf "$root/bots/demo/customer.xml" \
		-s 100 -i 127.0.0.1 -p "$customer_port" -m 1 -nostdin \
		-timeout 60s -timeout_error -trace_msg \
		-message_file "$work/customer.msg" >customer.log 2>&1
) &
customer=$!
called=0
wait "$customer" || called=$?
customer=

if [ -n "$once" ]; then
	drawn=0
	wait "$ladder" || drawn=$?
	ladder=
else
	sleep 1		# the ladder is drawn a moment late
fi
echo

# What the bot logged: log(call.dialer.getTransferStatus())
want='{"status":"SUCCESS","hangup":false,"number":"16123456789"}'
status=$(grep -o '{"status":.*}' "$work/node.err" | head -n 1 || :)
[ -n "$status" ] || fail "the bot has not heard how the transfer ended"
echo "the bot was told: $status"
if [ -n "$once" ]; then
	[ "$called" -eq 0 ] || fail "the customer's side failed (SIPp: $called)"
	[ "$status" = "$want" ] || fail "it should be: $want"
	[ "$drawn" -eq 0 ] || fail "the event stream says otherwise"
	exit 0
fi

cat <<END

The node keeps running, and so does the agent, who answers every call and
hangs up after a few seconds. Call the bot with a softphone on this machine:

    sip:100@127.0.0.1:$node_port        (UDP, no registration)

There is no voice in this version: what the bot says is shown here. Keys you
press (by SIP INFO) and messages typed within the call reach the bot; or hand
your call over from another terminal, with the call id shown here:

    $root/build/tandem ctl -s $socket call.list
    $root/build/tandem ctl -s $socket call.switch \\
        '{"call": "ID", "phoneNumber": "16123456789", "continueCall": true}'

Ctrl-C ends everything.

END
wait "$node" || :
node=
fail "the node has ended"
