#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of paths that are narrower than the link: a router in the middle. The table is at the end."""
import os
import re
import sys

from lab import HERE, expect, until
from tunnel import SERVER4, SERVER6, Tunnel

PATH_MTU = 1300
OVERHEAD = 20 + 8 + 24  # IPv4, UDP, and DATA_V2 with an AEAD cipher
V6_MTU_MIN = 1280
MEGABYTES = "96"


def routed(cx, **more):
    """Client 1 behind a router; both its ways carry 1500 bytes to begin with."""
    t = Tunnel(cx, server=["mtu-disc yes"], client=["mtu-disc yes"], **more)
    m, c = cx.lab.space("mid"), cx.lab.space("c1")
    cx.lab.link(t.s, m, 1)
    cx.lab.link(m, c, 2)
    m.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])
    t.s.ip("route", "add", "10.66.2.0/24", "via", "10.66.1.2")
    c.ip("route", "add", "10.66.1.0/24", "via", "10.66.2.1")
    t.remotes[1] = "10.66.1.1"
    return t, m, c


def narrow(m, mtu=PATH_MTU):
    """What the router forwards may be no longer from now on; what is, and must not be fragmented, it answers."""
    m.ip("route", "replace", "10.66.1.0/24", "dev", "s", "mtu", mtu)
    m.ip("route", "replace", "10.66.2.0/24", "dev", "c1", "mtu", mtu)


def told_mtu(ns, address, size):
    """What pings that must not be fragmented are told to keep to; 0: nothing. A few find out, the next are told."""
    out = ns.run(["ping", "-n", "-c", "6", "-i", "0.2", "-W", "1", "-M", "do", "-s", str(size), address],
                 check=False)[1]
    found = re.findall(r"[Ff]rag needed and DF set \(mtu = (\d+)\)|Packet too big: mtu=(\d+)|mtu[=:] ?(\d+)", out)
    return max((int(x) for f in found for x in f if x), default=0)


def path_narrows(cx, who):
    """TCP does not stall when the path becomes narrow under it; pings are told what fits, and what fits arrives."""
    t, m, c = routed(cx)
    t.up()
    t.check_pings()
    ns, far = (c, {4: SERVER4, 6: SERVER6}) if who == "client" else (t.s, {4: t.address(1, 4), 6: t.address(1, 6)})
    ns.expect_ping(far[4], size=1372)
    narrow(m)
    for family in (4, 6):
        t.check_transfer(up=who == "client", family=family, megabytes=4)
    told = told_mtu(ns, far[4], 1400)
    expect(told == PATH_MTU - OVERHEAD, f"pings over IPv4 were told {told}")
    ns.expect_ping(far[4], size=PATH_MTU - OVERHEAD - 28)
    told = told_mtu(ns, far[6], 1400)
    expect(told == V6_MTU_MIN, f"pings over IPv6 were told {told}")
    if cx.server.is_adit and cx.client.is_adit:  # openvpn does not carry what IPv6 counts on
        ns.ping(far[6], count=2, size=V6_MTU_MIN - 48)  # the other end finds out by its answers
        ns.expect_ping(far[6], size=V6_MTU_MIN - 48)
    t.close()


def transfer_goes_on(cx, who, family=4):
    """The same in the middle of a transfer, whose segments were agreed upon when the path was wide."""
    t, m, c = routed(cx)
    t.up()
    src, dst, address = (c, t.s, SERVER4 if family == 4 else SERVER6) if who == "client" else (t.s, c, t.address(1, family))
    device = t.device(dst)

    def received():
        return dst.ip_json("-s", "link", "show", "dev", device)[0]["stats64"]["rx"]["bytes"]

    tool = os.path.join(HERE, "stream.py")
    recv = dst.start("recv", [sys.executable, "-I", tool, "recv", address, "5001", MEGABYTES])
    recv.wait_for(r"^listening")
    send = src.start("send", [sys.executable, "-I", tool, "send", address, "5001", MEGABYTES])
    expect(until(lambda: received() > 1 << 20), "the transfer does not begin")
    narrow(m)
    at = received()
    expect(at < int(MEGABYTES) << 20, "the transfer was over before the path was narrow")
    for p in (send, recv):
        expect(p.wait(60) == 0, f"{p.name}: {p.log().strip()}")
    expect(send.log().split()[-4:-1][1:] == recv.log().split()[-3:-1], "what was received is not what was sent")
    t.close()


# name, function, arguments, marks: as in scenarios.py. The end that sends what is too big must be adit.
SCENARIOS = [
    ("narrow path behind the client", path_narrows, {"who": "client"}, "adit-client"),
    ("narrow path behind the server", path_narrows, {"who": "server"}, "adit-server"),
    ("path narrows under a client's transfer", transfer_goes_on, {"who": "client"}, "adit-client"),
    ("path narrows under a server's transfer", transfer_goes_on, {"who": "server"}, "adit-server"),
    ("path narrows under a client's transfer, IPv6", transfer_goes_on, {"who": "client", "family": 6}, "adit-client"),
    ("path narrows under a server's transfer, IPv6", transfer_goes_on, {"who": "server", "family": 6}, "adit-server"),
]
