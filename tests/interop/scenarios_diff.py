#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The differential test of whole tunnels: the same bursts at the device (diff_rows.py) by every path (diff_paths.py).

What arrives at the other device must be, byte for byte, what arrives without a tunnel when the kernel takes
super-packets apart itself, and in the same order within each flow. Nothing is normalised: the packets are ours to the
last byte, and a tunnel changes none. Only `complete` ones are compared, so a checksum that a device has left open is
filled in by the reference. The table is at the end.
"""
import random

from diff_packets import difference
from diff_paths import BEHIND, BESIDE, bare, between_clients, ends_of, figures, tunnelled
from diff_rows import PACKETS_MAX, ROWS
from lab import LabError, expect


def each(rows):
    for is_up in (True, False):
        for row in rows:
            for family in row.families:
                yield is_up, row, family


def make_all(rows, mtu, far):
    """The same for every path, and at any time: chance depends on nothing but the name."""
    out = {}
    for is_up, row, family in each(rows):
        between = ends_of(is_up, family, far)
        out[is_up, row.name, family] = between, row.make(between, mtu, random.Random(f"{row.name} {family}"))
    return out


def fire_all(bursts, path):
    return {key: path.fire(key[0], between, shots) for key, (between, shots) in bursts.items()}


def check_form(path, is_up, row, got):
    """Did the traffic really take the form that the row is about?"""
    src, dst = path.ends(is_up)
    expect(got.is_whole, "the last packet of the burst did not arrive")
    if path.name == "fast":
        expect(got.n_sent > 0 or not row.sent or not src.is_adit, "adit was given no super-packet")
        expect(got.n_met > 0 or not row.met or not dst.is_adit, "adit wrote no super-packet")
    elif path.name == "whole":
        expect(got.n_met > 0 or not row.sent, "no super-packet passed whole")
    if path.name in ("plain", "cut"):
        expect(got.n_sent == got.n_met == 0, f"super-packets: {got.n_sent} at the sender, {got.n_met} at the receiver")


def compare(rows, path, want, got):
    faults = []
    for is_up, row, family in each(rows):
        key = is_up, row.name, family
        a, b = want[key].packets, got[key].packets
        try:
            if row.is_refused and path.name in ("fast", "plain"):
                expect(not b, f"{len(b)} packets came through")
                expect(a, "nothing was sent")
                continue
            expect(a, "nothing arrived without a tunnel")
            found = difference(a, b)
            expect(not found, found)
            check_form(path, is_up, row, got[key])
        except LabError as e:
            faults.append(f"{row.name}, IPv{family}, {'up' if is_up else 'down'}, path {path.name}: {e}")
    return faults


def check_figures(path, is_stream):
    """What adit counted itself: several packets a call by the fast path, and one by the plain one.

    What there is in a call to a stream does not depend on either.
    """
    for end, far in ((path.client, path.server), (path.server, path.client)):
        if not end.is_adit:
            continue
        said = figures(end.proc)
        expect(set(said) == {"read", "send", "receive", "write"}, f"{end.name} says {said}")
        for door, value in said.items():
            if is_stream and door in ("send", "receive"):
                continue
            if path.name == "plain":
                expect(value == 1, f"path plain, {end.name}: {value} packets per {door}")
            elif door != "receive" or far.is_adit:  # openvpn sends no trains
                expect(value > 1, f"path fast, {end.name}: {value} packets per {door}")


def bursts(cx, mtu=1500, way=tunnelled, far=None, **more):
    is_proof = way is tunnelled and not more and cx.server.is_adit and cx.client.is_adit  # once is enough
    rows = [r for r in ROWS if mtu == 1500 or r.is_jumbo]
    shots = make_all(rows, mtu, far or BEHIND)
    with bare(cx, True, mtu) as path:
        want = fire_all(shots, path)
    longest = max(len(got.packets) for got in want.values())
    expect(longest <= PACKETS_MAX, f"a burst of {longest} packets, which might be lost on the way")
    faults = compare(rows, path, want, want)
    if is_proof:
        with bare(cx, False, mtu) as path:
            faults += compare(rows, path, want, fire_all(shots, path))
    for is_fast in (True, False):
        with way(cx, is_fast, mtu, **more) as path:
            faults += compare(rows, path, want, fire_all(shots, path))
            check_figures(path, more.get("proto") == "tcp")
    expect(not faults, f"{len(faults)} differ\n" + "\n".join(faults))
    return f"{len(want)} bursts, {sum(len(a.packets) for a in want.values())} packets, each by {3 + is_proof} paths"


# name, function, arguments, marks: as in scenarios.py
SCENARIOS = [
    ("differential/bursts", bursts, {}, "adit quick"),
    ("differential/bursts between clients", bursts, {"way": between_clients, "far": BESIDE}, "adit-server adit-client"),
    ("differential/bursts between clients of two workers", bursts,
     {"way": between_clients, "far": BESIDE, "workers": 2}, "adit-server adit-client"),
    ("differential/bursts over TCP", bursts, {"proto": "tcp"}, "adit-server adit-client"),
    ("differential/jumbo bursts", bursts, {"mtu": 9000}, "adit-server adit-client"),
]
