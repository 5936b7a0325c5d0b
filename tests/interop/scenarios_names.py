#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios in which names stand for addresses, as an /etc/hosts of the scenario's own has them."""
import shlex

from lab import compare_snapshots, expect
from tunnel import NET4, UP, Program, Tunnel

HOSTS = f"""127.0.0.1 localhost
10.66.1.1 server.test
10.66.1.2 client.test
10.71.0.1 two.test
10.71.0.2 two.test
{NET4}.1 gateway.test
fd71::1 six.test
"""


def with_hosts(cx):
    """Both programs see those names; everything else is as on this machine."""
    hosts = cx.lab.path("hosts", HOSTS)
    bound = f"mount --bind {shlex.quote(hosts)} /etc/hosts && exec \"$0\" \"$@\""

    def wrapped(end, program):
        line = " ".join(shlex.quote(x) for x in ("unshare", "-m", "sh", "-c", bound, program.path))
        return Program(program.name, cx.lab.path(f"{end}.sh", f'#!/bin/sh\nexec {line} "$@"\n', 0o700), program.extra)
    cx.server, cx.client = wrapped("server", cx.server), wrapped("client", cx.client)


def names(cx, proto):
    """local, remote and routes by name: a name of two addresses is two routes, one that does not exist is none."""
    with_hosts(cx)
    t = Tunnel(cx, proto=proto, server=["local server.test", "route two.test"], without=["nobind"],
               client=["local client.test", "lport openvpn", "route two.test", "route 10.72.0.0 255.255.0.0 gateway.test",
                       "route-ipv6 six.test/128", "route gone.invalid", "route 10.73.0.0 255.255.0.0 gone.invalid"])
    t.more_server.append("route-gateway " + f"{NET4}.2")
    t.client_space(1)
    t.remotes[1] = "server.test"
    t.up()
    t.check_pings()
    routes, six = (t.client_space(1).ip(f, "route") for f in ("-4", "-6"))
    for net in ("10.71.0.1", "10.71.0.2", "10.72.0.0/16"):
        expect(f"{net} via {NET4}.1" in routes, f"no route to {net}: {routes}")
    expect("fd71::1 dev" in six, six)
    expect("10.73." not in routes, routes)
    expect("10.71.0.2 via" in t.s.ip("route"), t.s.ip("route"))
    t.client.wait_for(r"RESOLVE: Cannot resolve host address: gone\.invalid:")
    t.client.wait_for(r"OpenVPN ROUTE: failed to parse/resolve route for host/network: gone\.invalid")
    t.client.wait_for(r"OpenVPN ROUTE: failed to parse/resolve route for host/network: 10\.73\.0\.0")
    expect(t.server.count(r"link local \(bound\): \[AF_INET\]10\.66\.1\.1:1194"), "the server listens elsewhere")
    t.close()


def nowhere(cx):
    """A `local` that does not exist ends either program with status 1, and with nothing left behind."""
    for side, space in (("server", "s"), ("client", "c1")):
        t = Tunnel(cx, without=["nobind"], **{side: ["local gone.invalid"]})
        c = t.client_space(1)
        before = t.s.snapshot(), c.snapshot()
        ns = cx.lab.space(space)
        lines = t.server_lines() if side == "server" else t.client_lines()
        program = cx.server if side == "server" else cx.client
        p = cx.start(ns, program, side, lines)
        expect(p.wait(30) == 1, f"{side}: exit status {p.poll()}")
        log = p.log()
        expect("RESOLVE: Cannot resolve host address: gone.invalid:1194 (" in log, log)
        expect("Exiting due to fatal error" in log and UP not in log, log)
        if program.is_adit:
            expect(f"{side}.conf:{len(lines)}: `local`" in log, log)
        for was, space_now in zip(before, (t.s, c)):
            compare_snapshots(was, space_now.snapshot(), side)


def pushed(cx):
    """A pushed name is looked up only with allow-pull-fqdn."""
    with_hosts(cx)
    t = Tunnel(cx, server=['push "route two.test"'], client=["allow-pull-fqdn"]).up()
    expect("10.71.0.2 via" in t.client_space(1).ip("route"), t.client_space(1).ip("route"))
    t.close()
    t = Tunnel(cx, server=['push "route two.test"']).up()
    expect("10.71." not in t.client_space(1).ip("route"), t.client_space(1).ip("route"))
    t.close()


SCENARIOS = [
    ("names over UDP", names, {"proto": "udp"}, ""),
    ("names over TCP", names, {"proto": "tcp"}, ""),
    ("local that does not exist", nowhere, {}, ""),
    ("pushed names", pushed, {}, ""),
]
