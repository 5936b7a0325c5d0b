#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods of first packets against a running server with one established client.

Whatever strangers send, the server must not answer beyond connect-freq-initial, must not grow, must not gain a session,
and must lose none of its client's pings. The full case sends a million packets at 20 000 a second (row W28).
"""
import os
import re
import time

from cases import Case
from lab import LabError, end_pings, find_tool
from tunnel import SERVER4, Tunnel, status_file_clients

RATE = 20000
NOISE = "reset,control,ack,data,random,auth,crypt,v2"
FREQ_COUNT, FREQ_SECONDS = 100, 10  # the default of connect-freq-initial
GROWTH_KIB = 256  # pages that an allocator touches for the first time, not a session for every so many packets


def queue_drops(ns):
    """Packets that the kernel dropped because the queue of the server's socket was full.

    A machine busy with other things may take the processor away for so long; then a ping may be among what is lost,
    and that says nothing about the program. A ping lost without such a drop does.
    """
    drops = 0
    for name in ("udp", "udp6"):
        for line in ns.run(["cat", f"/proc/net/{name}"])[1].splitlines()[1:]:
            words = line.split()
            drops += int(words[-1]) if words[1].endswith(f":{1194:04X}") else 0
    return drops


def flood(cx, wrap, shapes, count, words=(), server=(), is_answered=True):
    count = min(count, 100000) if cx.is_quick else count
    tool = find_tool("flood", cx.lab.dir)
    status = cx.lab.path("status")
    t = Tunnel(cx, wrap=wrap, server=[f"status {status} 1", *server], without=["verb"])
    t.more_server.append("verb 1")
    t.more_client.append("verb 3")
    t.up()
    t.check_pings(count=20)
    stranger = t.client_space(2)
    stranger.ip("route", "add", "local", "10.67.0.0/16", "dev", "lo")
    t.s.ip("route", "add", "10.67.0.0/16", "via", "10.66.2.2")
    t.before["s"] = t.before["s"] + [x for x in t.s.snapshot() if "10.67.0.0" in x]
    aim = [tool, "10.66.2.1", "1194", "10.67.0.0"]
    # A first small flood lets allocators and caches settle, so that growth afterwards is growth.
    stranger.run(aim + [str(RATE // 4), str(RATE), shapes, *words])
    time.sleep(1)
    memory = t.server.rss_anon_kib()
    ping = t.client_space(1).start_pings(SERVER4, interval=0.02)
    cpu, dropped = t.server.cpu_s(), queue_drops(t.s)
    _, out = stranger.run(aim + [str(count), str(RATE), shapes, *words], timeout=count / RATE * 3 + 60)
    cpu = t.server.cpu_s() - cpu
    sent, seconds, replies = (float(x) for x in re.search(r"sent (\d+) seconds ([\d.]+) replies (\d+)", out).groups())
    pings, answered = end_pings(ping, grace=1)
    dropped = queue_drops(t.s) - dropped
    grown = t.server.rss_anon_kib() - memory
    limit = FREQ_COUNT * (seconds // FREQ_SECONDS + 1) if is_answered else 0
    figures = (f"{sent:.0f} packets in {seconds:.1f} s, {replies:.0f} replies (at most {limit:.0f}), "
               f"memory {memory} KiB {grown:+d}, {pings - answered} of {pings} pings lost, "
               f"{dropped} dropped before the program, server {cpu / sent * 1e6:.2f} us a packet, "
               f"log {os.path.getsize(t.server.log_path)} bytes")
    if pings < seconds * 10 or pings - answered > min(dropped, pings // 100):
        raise LabError(f"pings of the client: {figures}")
    if replies > limit:
        raise LabError(f"too many replies: {figures}")
    if is_answered and replies == 0:
        raise LabError(f"the valid packets were not valid, no reply at all: {figures}")
    if grown > GROWTH_KIB:
        raise LabError(f"the server has grown: {figures}")
    time.sleep(1.5)
    if status_file_clients(status) != ["client"]:
        raise LabError(f"sessions: {status_file_clients(status)}: {figures}")
    t.check_pings(count=20)
    t.close()
    return figures


def cases(pairs):
    """Floods aim at servers: adit's once, and openvpn's where adit's is not tried."""
    by_server = {}
    for server, client in pairs:
        by_server.setdefault(server.name, (server, client))
    if "adit" in by_server:
        by_server.pop("openvpn", None)
    out = []
    for server, client in by_server.values():
        def add(name, wrap, shapes, count, words=lambda pki: (), is_quick=False, **more):
            out.append(Case(f"flood/{name}/{server.name}",
                            lambda cx: flood(cx, wrap, shapes, count, words(cx.pki), **more), server, client,
                            bound_s=60 + count * 3 // RATE, is_alone=True, is_quick=is_quick))

        add("a million first packets, tls-crypt-v2", "v2-cookie", "v2-valid,v2-third,v2-valid," + NOISE, 1000000,
            lambda pki: (f"v2={pki.v2_client()}",), is_quick=True)
        add("no wrapping", "none", "reset," + NOISE, 200000)
        add("tls-auth, strangers", "auth-SHA256-01", NOISE, 200000, lambda pki: ("digest=SHA256",), is_answered=False)
        add("tls-auth, with the key", "auth-SHA256-01", "auth-valid," + NOISE, 200000,
            lambda pki: (f"static={pki.static()}", "digest=SHA256", "direction=1"))
        add("tls-crypt, strangers", "crypt", NOISE, 200000, is_answered=False)
        add("tls-crypt, with the key", "crypt", "crypt-valid," + NOISE, 200000, lambda pki: (f"static={pki.static()}",))
    return out
