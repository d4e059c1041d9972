#!/usr/bin/env python3
"""Draws a call as it happens: its SIP messages between three lifelines, and
what the node reports about it in between.

The messages come from SIPp's message logs, the events from `tandem ctl
events` on standard input. The three are merged by time, a moment late.
"""
import argparse
import json
import os
import queue
import re
import sys
import textwrap
import threading
import time

GAP = 30                        # columns between two lifelines
MARGIN = 4
LATE = 0.3                      # what may still come in from another source

# SIPp notes a message when it has been sent, and the node may have acted on
# it by then; events carry whole milliseconds. So that causes stand before
# what they cause, these shifts (in seconds) apply within one source's order.
SENT = -0.010
TO_AGENT = 0.003
EVENT = 0.0009

# Phases that the messages beside them do not tell.
PHASES = {
    "joined": "they talk: media flows directly between them",
    "refer_accepted": "the customer's side dials the agent itself",
    "fallback": "REFER did not work, the node calls the agent",
}

STAMP = re.compile(r"^-{20,} (\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d)\.(\d+)")
KIND = re.compile(r"^\w+ message (sent|received)")

NOTES = {                       # (who, method) -> why, told once
    ("customer", "in", "INVITE", 1): "the customer calls",
    ("agent", "out", "INVITE", 1): "the node calls the agent",
    ("customer", "out", "INVITE", 1): "and joins them",
    ("agent", "in", "BYE", 1): "the agent hangs up",
    ("customer", "out", "INVITE", 2): "the customer is back",
    ("customer", "in", "BYE", 1): "the customer hangs up",
}


class Trace(threading.Thread):
    """Follows one SIPp message log and queues (time, party, way, text)."""

    def __init__(self, party, path, out):
        super().__init__(daemon=True)
        self.party, self.path, self.out = party, path, out
        self.last = 0.0

    def lines(self):
        while not os.path.exists(self.path):
            time.sleep(0.05)
        with open(self.path, encoding="utf-8", errors="replace") as f:
            part = ""
            while True:
                part += f.readline()
                if part.endswith("\n"):
                    yield part.rstrip("\r\n")
                    part = ""
                else:
                    yield None          # nothing more for now
                    time.sleep(0.05)

    def put(self, when, way, text):
        if way == "in":
            when += SENT
        elif self.party == "agent" and text[0].startswith("INVITE"):
            when += TO_AGENT
        self.last = max(self.last, when)
        self.out.put((self.last, self.party, way, text))

    def run(self):
        when, way, text = 0.0, None, []
        for line in self.lines():
            stamp = STAMP.match(line) if line else None
            # A message is over when the next begins, or when the log rests.
            if stamp or line is None:
                if way and text:
                    self.put(when, way, text)
                    way, text = None, []
                if stamp:
                    day, clock, rest = stamp.groups()
                    when = time.mktime(time.strptime(
                        f"{day} {clock}", "%Y-%m-%d %H:%M:%S"))
                    when += float("0." + rest)
                continue
            kind = KIND.match(line)
            if kind and way is None:
                way = "in" if kind.group(1) == "sent" else "out"
            elif way and (line or text):
                text.append(line)


def read_events(out):
    for line in sys.stdin:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "type" in event:
            out.put((event.get("time", 0) / 1000 + EVENT, "node", "event",
                     event))
    out.put((time.time(), "node", "end", None))


class Ladder:
    def __init__(self, args):
        self.args = args
        self.seen = {}
        self.status = None

    def columns(self):
        return [MARGIN, MARGIN + GAP, MARGIN + 2 * GAP]

    def bare(self):
        row = [" "] * (self.columns()[2] + 1)
        for c in self.columns():
            row[c] = "|"
        return row

    def put(self, row, note=""):
        text = "".join(row)
        print(f"{text}   {note}".rstrip() if note else text.rstrip(),
              flush=True)

    def head(self):
        names = [("customer", self.args.customer_uri),
                 ("tandem", self.args.node_uri),
                 ("agent", self.args.agent_uri)]
        for line in (0, 1):
            row = [" "] * (self.columns()[2] + 40)
            for at, name in zip(self.columns(), names):
                word = name[line]
                start = max(0, at - len(word) // 2)
                row[start:start + len(word)] = word
            print("".join(row).rstrip())
        self.put(self.bare())

    def label(self, text):
        first = next((line for line in text if line.strip()), "")
        if first.startswith("SIP/2.0 "):
            return first[8:].strip(), None
        method = first.split(" ")[0]
        if method == "INVITE":
            tag = any(re.match(r"(?i)(to|t)\s*:.*;tag=", x) for x in text)
            user = first.split(" ")[1].split("@")[0]
            return ("re-INVITE" if tag else f"INVITE {user}"), method
        return method, method

    def message(self, party, way, text):
        label, method = self.label(text)
        left = 0 if party == "customer" else 1
        begin, end = self.columns()[left] + 1, self.columns()[left + 1]
        width = end - begin
        label = label if len(label) <= width - 4 else label[:width - 7] + "..."
        # way is seen from the node; the customer stands left, the agent right
        right = (way == "in") == (party == "customer")
        dashes = "-" * (width - len(label) - 3)
        arrow = f" {label} {dashes}>" if right else f"<{dashes} {label} "
        row = self.bare()
        row[begin:end] = arrow
        note = ""
        if method:
            # a re-INVITE is another thing than the INVITE before it
            key = (party, way, method)
            self.seen[key] = self.seen.get(key, 0) + 1
            note = NOTES.get(key + (self.seen[key],), "")
            if method == "MESSAGE":
                body = [x.strip() for x in text if x.strip()][-1]
                note = f'types "{body}"'
        self.put(row, note)

    def say(self, text):
        """A line about the node, from its own lifeline on."""
        row = "".join(self.bare()[:self.columns()[1]])
        for i, part in enumerate(textwrap.wrap(text, 60) or [""]):
            print(row + ("* " if i == 0 else "|   ") + part, flush=True)

    def event(self, ev):
        kind = ev["type"]
        if kind == "call.started":
            self.say(f"call from {ev.get('from') or 'anonymous'} to "
                     f"{ev.get('to')}")
            if not self.args.once:
                self.say(f"call id {ev.get('call')}")
        elif kind == "bot.state":
            self.say(f"the bot is in state {ev.get('state')}")
        elif kind == "bot.say":
            self.say(f"the bot says \"{ev.get('text')}\"")
        elif kind == "bot.error":
            self.say(f"the bot failed: {ev.get('message')}")
        elif kind == "dtmf":
            self.say(f"the customer presses {ev.get('digits')}")
        elif kind == "transfer.started":
            who = ev.get("destinations")
            self.say(f"transfer by {ev.get('method')} to "
                     f"{', '.join(map(name_of, who)) if who else 'an agent'}")
        elif kind == "transfer.progress":
            if ev.get("phase") in PHASES:
                self.say(PHASES[ev["phase"]])
        elif kind == "transfer.ended":
            self.status = {k: ev.get(k) for k in
                           ("status", "hangup", "number")}
            self.say(f"transfer ended: {ev.get('status')}, "
                     f"{ev.get('reason')}")
        elif kind == "call.ended":
            self.say(f"call ended by the {ev.get('ended_by')}")


def name_of(destination):
    if isinstance(destination, dict):
        return str(destination.get("number") or destination.get("uri")
                   or next(iter(destination.values()), "?"))
    return str(destination)


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--customer", required=True, help="SIPp message log")
    p.add_argument("--agent", required=True, help="SIPp message log")
    p.add_argument("--customer-uri", default="SIPp")
    p.add_argument("--node-uri", default="the node")
    p.add_argument("--agent-uri", default="SIPp")
    p.add_argument("--once", action="store_true",
                   help="end with the first call: 0 if its transfer came out "
                   "as SUCCESS with the customer back at the bot")
    p.add_argument("--timeout", type=float, default=60.0)
    return p.parse_args()


def main():
    args = options()
    out = queue.Queue()
    ladder = Ladder(args)
    ladder.head()
    Trace("customer", args.customer, out).start()
    Trace("agent", args.agent, out).start()
    threading.Thread(target=read_events, args=(out,), daemon=True).start()

    held, order = [], 0
    until = time.time() + args.timeout if args.once else float("inf")
    while True:
        try:
            item = out.get(timeout=0.05)
            order += 1
            held.append((item[0], order) + item[1:])
        except queue.Empty:
            pass
        now = time.time()
        held.sort(key=lambda x: x[:2])
        while held and (held[0][0] <= now - LATE or now >= until):
            _, _, party, way, what = held.pop(0)
            if way == "end":
                until = min(until, now)
            elif way != "event":
                ladder.message(party, way, what)
            else:
                ladder.event(what)
                if args.once and what["type"] == "call.ended":
                    # the last 200 OK may be under way
                    until = min(until, now + 1.0)
        if now >= until:
            break
    wanted = {"status": "SUCCESS", "hangup": False}
    got = ladder.status or {}
    return 0 if all(got.get(k) == v for k, v in wanted.items()) else 1


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
