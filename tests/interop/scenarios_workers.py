#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of a server with several workers: who of them reads a packet from the device. The table is at the end."""
import re
import shutil
import sys

from lab import Skip, expect, until
from tunnel import Program, Tunnel, end

WORKERS = 3
NAMES = ("client", "client2", "client3")  # of consecutive peer-ids, so that each has another worker
FLOWS = 100  # to each address
BY_CLIENT = r"eBPF gives each packet of \S+ to the worker of its client"
BY_FLOW = r"over its queues by flow: eBPF was refused"
RIGHTS = "-bpf,-sys_admin,-perfmon"

# Flows that the server's side begins and nobody answers: of these the kernel has learned nothing. Not faster than the
# bounded rings between workers are emptied on a busy machine.
SENDER = """
import socket, sys, time
for i in range(int(sys.argv[1])):
    time.sleep(0.002)
    for address in sys.argv[2:]:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(bytes(100), (address, 9))
"""


def without_rights(cx):
    """The same server, in a process that may not load eBPF; everything else it may."""
    if not shutil.which("setpriv"):
        raise Skip("no setpriv")
    text = f'#!/bin/sh\nexec setpriv --bounding-set={RIGHTS} {cx.server.path} "$@"\n'
    wrapper = cx.lab.path("server.sh", text, 0o700)
    cx.server = Program(cx.server.name, wrapper, cx.server.extra)


def handed_over(proc):
    """How many packets came to a worker that was not their client's, as the server has said at its end."""
    found = re.search(r"data channel: sent .*? in (\d+) packets(?:.*; (\d+) passed between workers)?", proc.log())
    expect(found, f"{proc.name} has no line about its data channel")
    return int(found.group(1)), int(found.group(2) or 0)


def queues(cx, options=(), said=None, has_rights=True):
    """Where eBPF steers, each packet of the device is read by its client's worker; else some are handed over."""
    is_steered = said == BY_CLIENT
    if not has_rights:
        without_rights(cx)
    t = Tunnel(cx, server=[f"adit-workers {WORKERS}", *options])
    t.start_server()
    if is_steered and t.server.count(BY_FLOW):
        raise Skip("eBPF is refused here")
    expect((t.server.count(BY_CLIENT), t.server.count(BY_FLOW)) == (int(is_steered), int(said == BY_FLOW)),
           "the log says otherwise")
    for n, name in enumerate(NAMES, 1):
        t.start_client(n, name)
        t.check_pings(n)
    addresses = [t.address(n, family) for n in range(1, len(NAMES) + 1) for family in (4, 6)]
    before = [received(t, n) for n in range(1, len(NAMES) + 1)]
    t.s.run([sys.executable, "-I", "-c", SENDER, str(FLOWS), *addresses])
    for n in range(1, len(NAMES) + 1):
        came = until(lambda n=n: received(t, n) - before[n - 1] >= 2 * FLOWS, 10)
        expect(came, f"client {n} has not got all packets")
    server = t.server
    for p in t.clients.values():
        end(p)
    t.close()
    sent, handed = handed_over(server)
    expect(sent >= 2 * FLOWS * len(NAMES), f"only {sent} packets")
    # By chance, two of three packets come to another worker; so few as these are not chance any more.
    expect(handed == 0 if is_steered else handed >= FLOWS * len(NAMES) // 2, f"{handed} of {sent} were handed over")


def received(t, n):
    """Packets that have come out of client n's tunnel."""
    ns = t.client_space(n)
    device = t.device(ns)
    return next(d["stats64"]["rx"]["packets"] for d in ns.ip_json("-s", "link") if d["ifname"] == device)


SCENARIOS = [
    ("workers, queues by client", queues, {"said": BY_CLIENT}, "adit-server"),
    ("workers, queues by client, rights given up", queues, {
        "said": BY_CLIENT, "options": ("user nobody", "persist-tun", "persist-key")}, "adit-server"),
    ("workers, queues by flow", queues, {"options": ("adit-steer flow",)}, "adit-server"),
    ("workers, eBPF refused", queues, {"said": BY_FLOW, "has_rights": False}, "adit-server"),
]
