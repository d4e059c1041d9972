"""Python values as Lua source: how configs and switches are written."""

import re


class Raw(str):
    """Lua source to be taken as it is."""


def lua(value, indent=0):
    pad = "  " * (indent + 1)
    if isinstance(value, Raw):
        return str(value)
    if value is None:
        return "nil"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + re.sub(
            r'[\x00-\x1f"\\\x7f]',
            lambda m: "\\%03d" % ord(m.group()), value) + '"'
    if isinstance(value, dict):
        rows = ["%s[%s] = %s,\n" % (pad, lua(k), lua(v, indent + 1))
                for k, v in value.items() if v is not None]
        return "{\n" + "".join(rows) + "  " * indent + "}"
    rows = [lua(v, indent + 1) for v in value]
    return "{ " + ", ".join(rows) + " }"


def merge(base, over):
    """`over` laid over `base`, table by table; None takes a key away."""
    out = dict(base)
    for k, v in over.items():
        if isinstance(v, dict) and isinstance(out.get(k), dict):
            out[k] = merge(out[k], v)
        else:
            out[k] = v
    return out
