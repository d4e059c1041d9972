"""Damage to a message: the same for the same random numbers."""

import re

NUMBERS = [b"0", b"-1", b"4294967295", b"4294967296", b"2147483648",
           b"99999999999999999999999", b"-99999999999999999999", b"0x10",
           b"00000000000000000001", b"1 1", b""]
PIECES = [b"\0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b",", b";",
          b":", b"\"", b"<", b">", b"%", b"%00", b"=", b"?", b"@", b"[", b"]",
          b"\xff", b"\xc0\x80", b"(", b")", b"\\", b"*", b";lr", b";maddr=",
          b";rport", b";branch=", b";tag=", b";received=", b"sip:", b"tel:",
          b"SIP/2.0", b"\r\n ", b"A" * 300]


def flip(r, data):
    data = bytearray(data)
    for _ in range(r.randint(1, 8)):
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    return bytes(data)


def cut(r, data):
    return data[:r.randrange(len(data))]


def take_out(r, data):
    at = r.randrange(len(data))
    return data[:at] + data[at + r.randint(1, 40):]


def put_in(r, data):
    at = r.randrange(len(data))
    return data[:at] + r.choice(PIECES) * r.randint(1, 3) + data[at:]


def double_line(r, data):
    lines = data.split(b"\r\n")
    at = r.randrange(len(lines))
    return b"\r\n".join(lines[:at] + lines[at:at + 1] * r.randint(2, 30) +
                        lines[at + 1:])


def drop_line(r, data):
    lines = data.split(b"\r\n")
    del lines[r.randrange(len(lines))]
    return b"\r\n".join(lines)


def swap_lines(r, data):
    lines = data.split(b"\r\n")
    a, b = r.randrange(len(lines)), r.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\r\n".join(lines)


def swap_values(r, data):
    lines = data.split(b"\r\n")
    both = [i for i, line in enumerate(lines) if b":" in line]
    if len(both) < 2:
        return data
    a, b = r.sample(both, 2)
    x, y = lines[a].partition(b":"), lines[b].partition(b":")
    lines[a], lines[b] = x[0] + b":" + y[2], y[0] + b":" + x[2]
    return b"\r\n".join(lines)


def number(r, data):
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    m = r.choice(found)
    return data[:m.start()] + r.choice(NUMBERS) + data[m.end():]


def splice(r, data, other):
    return data[:r.randrange(len(data))] + other[r.randrange(len(other)):]


MUTATORS = [flip, cut, take_out, put_in, double_line, drop_line, swap_lines,
            swap_values, number]


def mutate(r, data, all_of_them):
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        if r.random() < 0.1:
            data = splice(r, data, r.choice(all_of_them))
        elif data:
            data = r.choice(MUTATORS)(r, data)
        if not data:
            break
    return data[:65507] or b"\0"
