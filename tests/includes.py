#!/usr/bin/env python3
"""Fails on an include that goes the wrong way, and on files over 700 lines.

    includes.py ROOT      checks the tree
    includes.py --prove   breaks each rule once and sees it reported
"""
import os
import re
import sys
import tempfile

LINES_MAX = 700
FOLDERS = ("core", "lua", "sip", "bots", "tests")
SOURCES = (".c", ".h", ".lua", ".py", ".sh", ".md")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Headers of a library, and the one folder of the product they belong to.
LIBRARIES = {
    "sofia-sip": (re.compile(r"^(sofia-sip/|sofia-resolv/|su(_|\.)|nta|tport|"
                             r"sip(_\w+)?\.h$|sdp|auth_|iptsec|msg_)"), "sip"),
    "c-ares": (re.compile(r"^ares(_\w+)?\.h$"), "sip"),
    "Lua": (re.compile(r"^(lua5\.\d/)?(lua|lauxlib|lualib|luaconf)\.h(pp)?$"),
            "lua"),
    "SQLite": (re.compile(r"^sqlite3(ext)?\.h$"), "core/store"),
    "libcurl": (re.compile(r"^curl/"), "core/fetch"),
    "msgpack": (re.compile(r"^msgpack(\.h|\.hpp|/)"), "core/control"),
}

# The composition root and the commands may see everybody.
ROOT = re.compile(r"^core/(node(_\w+)?|main|cmd(_\w+)?)\.[ch]$")

# Whom core/media may see of core: nothing of calls or SIP.
MEDIA = {"core/offer.h", "core/loop.h", "core/log.h"}


def resolve(root, path, name):
    """The product's file behind an include in quotes, or None."""
    for base in (os.path.dirname(path), ""):
        found = os.path.normpath(os.path.join(base, name))
        if os.path.isfile(os.path.join(root, found)):
            return found
    return None


def may_include(path, target):
    """Why `path` must not include the product's file `target`, or None."""
    here, there = path.split("/")[0], target.split("/")[0]
    if here == "tests" or ROOT.match(path):
        return None
    if here == "core" and there in ("sip", "lua"):
        return "core knows neither SIP nor Lua"
    if here == "sip" and there == "lua" or here == "lua" and there == "sip":
        return "sip and lua do not know each other"
    if here in ("sip", "lua") and ROOT.match(target):
        return "the composition root is nobody's header"
    if here in ("sip", "lua") and target.startswith("core/control/"):
        return "the control protocol is on top of the engine"
    if path.startswith("core/media/") and there == "core" and \
            not target.startswith("core/media/") and target not in MEDIA:
        return "media knows neither calls nor SIP"
    if here == "core" and ROOT.match(target):
        return "the composition root is nobody's header"
    return None


def check_file(root, path):
    found = []
    with open(os.path.join(root, path), encoding="utf-8") as f:
        lines = f.read().splitlines()
    if len(lines) > LINES_MAX:
        found.append(f"{path}:{len(lines)}: longer than {LINES_MAX} lines")
    if not path.endswith((".c", ".h")):
        return found
    for number, line in enumerate(lines, 1):
        m = INCLUDE.match(line)
        if not m:
            continue
        quote, name = m.groups()
        target = resolve(root, path, name) if quote == '"' else None
        why = None
        if target:
            why = may_include(path, target)
        else:
            for library, (pattern, folder) in LIBRARIES.items():
                inside = path.startswith((folder + "/", "tests/"))
                if pattern.match(name) and not inside:
                    why = f"{library} belongs in {folder}/ alone"
        if why:
            found.append(f"{path}:{number}: {name}: {why}")
    return found


def check(root):
    found, count = [], 0
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(SOURCES):
                    path = os.path.relpath(os.path.join(where, name), root)
                    found += check_file(root, path)
                    count += 1
    return found, count


VIOLATIONS = [
    ("core/call.c", "#include <sofia-sip/nta.h>", "sofia-sip belongs"),
    ("core/call.c", "#include <lua.h>", "Lua belongs"),
    ("core/call.c", "#include <ares.h>", "c-ares belongs"),
    ("core/call.c", "#include <msgpack.h>", "msgpack belongs"),
    ("lua/client.c", "#include <sqlite3.h>", "SQLite belongs"),
    ("lua/http.c", "#include <curl/curl.h>", "libcurl belongs"),
    ("core/main.c", "#include <lua5.4/lua.h>", "Lua belongs"),
    ("core/call.c", '#include "sip/sip.h"', "core knows neither"),
    ("core/call.c", '#include "lua/scripting.h"', "core knows neither"),
    ("core/sim/leg.c", '#include "../../sip/sip.h"', "core knows neither"),
    ("sip/leg.c", '#include "lua/scripting.h"', "do not know each other"),
    ("lua/bot.c", '#include "sip/sip.h"', "do not know each other"),
    ("lua/bot.c", "#include <sofia-sip/su.h>", "sofia-sip belongs"),
    ("sip/leg.c", '#include "core/node.h"', "composition root"),
    ("core/call.c", '#include "node.h"', "composition root"),
    ("sip/leg.c", '#include "core/control/control.h"', "on top of"),
    ("core/media/rtp.c", '#include "core/leg.h"', "media knows neither"),
    ("core/media/rtp.c", '#include "../engine.h"', "media knows neither"),
    ("core/call.c", "int x;\n" * (LINES_MAX + 1), "longer than"),
]
ALLOWED = [
    ("core/node.c", '#include "sip/sip.h"\n#include "lua/scripting.h"'),
    ("core/cmd_check.c", '#include "node_setup.h"'),
    ("core/media/rtp.c", '#include "core/offer.h"'),
    ("sip/leg.c", '#include <sofia-sip/nta.h>\n#include "core/leg.h"'),
    ("lua/bot.c", '#include <lua.h>\n#include "core/bot.h"'),
    ("core/control/rpc.c", '#include <msgpack.h>\n#include "core/engine.h"'),
    ("core/call.c", "int x;\n" * LINES_MAX),
]
HEADERS = ["sip/sip.h", "lua/scripting.h", "core/node.h", "core/leg.h",
           "core/node_setup.h", "core/engine.h", "core/offer.h", "core/bot.h",
           "core/control/control.h"]


def prove():
    bad = 0
    cases = VIOLATIONS + [(path, text, None) for path, text in ALLOWED]
    for path, text, reason in cases:
        with tempfile.TemporaryDirectory() as root:
            for name in HEADERS + [path]:
                full = os.path.join(root, name)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as f:
                    f.write(text.rstrip("\n") + "\n" if name == path else "\n")
            found, _ = check(root)
        good = (not found) if reason is None else \
            len(found) == 1 and reason in found[0]
        if not good:
            bad += 1
            print(f"{path}: {text[:60]!r}: wanted {reason!r}, got {found}")
    print(f"{len(cases)} cases, {bad} wrong")
    return bad


def main():
    if sys.argv[1:] == ["--prove"]:
        return 1 if prove() else 0
    found, count = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(found + [f"{count} files, {len(found)} problems"]))
    return 1 if found or not count else 0


sys.exit(main())
