#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The matrix: every pair of values of any two dimensions meets in at least one tunnel.

Who plays which end, transport, address family, protection of the control channel, data cipher, kind of certificate and
the way options come in. The covering set is made by a deterministic greedy search, so the same cases run every time.
"""
import itertools
import random

from capture import Capture
from cases import Case
from lab import LabError
from tunnel import Tunnel

DIMENSIONS = {
    "proto": ("udp", "tcp"),
    "family": (4, 6),
    "wrap": ("none", "auth-SHA1-01", "auth-SHA256-10", "auth-SHA512-both", "crypt", "v2", "v2-cookie"),
    "cipher": ("AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"),
    "cert": ("ecdsa", "rsa", "ed25519"),
    "via": ("file", "inline", "args"),
}
RESET_OF_CLIENT = {"v2": "hard-reset-client-v3", "v2-cookie": "hard-reset-client-v3"}


def covering_set(dimensions, tries=60):
    """Rows (tuples in the order of the dimensions) in which every pair of values of two dimensions occurs."""
    names, chance = list(dimensions), random.Random(1)
    values = [dimensions[n] for n in names]
    open_pairs = {(i, a, j, b) for i, j in itertools.combinations(range(len(names)), 2)
                  for a in values[i] for b in values[j]}
    rows = []

    def gain(row):
        return sum((i, row[i], j, row[j]) in open_pairs for i, j in itertools.combinations(range(len(names)), 2))

    while open_pairs:
        i, a, j, b = min(open_pairs, key=repr)
        candidates = []
        for _ in range(tries):
            row = [chance.choice(v) for v in values]
            row[i], row[j] = a, b
            for k in chance.sample(range(len(names)), len(names)):  # improve one place after the other
                if k not in (i, j):
                    row[k] = max(values[k], key=lambda v, k=k: gain(row[:k] + [v] + row[k + 1:]))
            candidates.append(tuple(row))
        best = max(candidates, key=gain)
        rows.append(best)
        open_pairs -= {(i, best[i], j, best[j]) for i, j in itertools.combinations(range(len(names)), 2)}
    return [dict(zip(names, row)) for row in rows]


def check_capture(capture, row):
    """tshark finds nothing malformed, and the handshake looks as it must."""
    found = capture.dissect(row["wrap"])
    if found is None:
        return "no tshark"
    seen, malformed = found
    if malformed:
        raise LabError("tshark: " + "; ".join(malformed))
    need = {RESET_OF_CLIENT.get(row["wrap"], "hard-reset-client-v2"), "hard-reset-server-v2", "control"}
    if row["proto"] == "udp":
        need |= {"control-wkc"} if row["wrap"].startswith("v2") else set()
    if need - set(seen):
        raise LabError(f"the capture lacks {sorted(need - set(seen))}; it has {dict(seen)}")
    strange = [x for x in seen if x.startswith("opcode") or x.endswith("v1") and x != "data-v1"]
    if strange:
        raise LabError(f"the capture has {strange}")
    return ""


def run_row(cx, row, number):
    # One worker, two, three: a machine with few cores would never try more than one. openvpn skips the option.
    workers = [f"setenv opt adit-workers {number % 3 + 1}"]
    t = Tunnel(cx, **row, server=workers, client=workers)
    t.client_space(1)
    capture = Capture(t.s, "c1")
    t.up()
    t.check_pings()
    capture.stop()
    speed = t.check_transfer(up=number % 2 == 0, family=6 if number % 4 > 1 else 4).mbits
    t.close()
    remark = check_capture(capture, row)
    return f"{speed:.0f} Mbit/s" + (f", {remark}" if remark else "")


def cases(pairs):
    """The cases for the given (server, client) pairs of programs."""
    by_name = {f"{s.name} server, {c.name} client": (s, c) for s, c in pairs}
    out = []
    for number, row in enumerate(covering_set({"ends": tuple(by_name), **DIMENSIONS})):
        ends = row.pop("ends")
        name = "matrix/" + "/".join([f"{number:02d}", ends.replace(" server, ", "+").replace(" client", "")]
                                    + [f"{v}" if k != "family" else f"IPv{v}" for k, v in row.items()])
        out.append(Case(name, lambda cx, row=row, number=number: run_row(cx, dict(row), number), *by_name[ends],
                        bound_s=90, is_quick=number < 4))
    return out


