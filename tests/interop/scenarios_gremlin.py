#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios with `gremlin`: adit spoils its own packets, and a tunnel to whatever is at the other end bears it."""
import re

from lab import expect
from tunnel import SERVER4, Tunnel

LOUD = r"WARNING: gremlin: .*ON PURPOSE.*"
SUMS = r"gremlin: of (\d+) packets (in|out): (\d+) lost, (\d+) met a cut link, (\d+) doubled, (\d+) damaged, (\d+) late"
PATIENT = ["hand-window 60"]


def tunnel(cx, who, spec, **more):
    """`who` spoils: server, client, or both; only adit can."""
    spoilt = [f"gremlin {spec}"]
    return Tunnel(cx, server=PATIENT + (spoilt if who != "client" else []),
                  client=PATIENT + (spoilt if who != "server" else []), **more)


def ends(t, who):
    return [p for p, w in ((t.server, "server"), (t.client, "client")) if who in (w, "both")]


def begin(t, who):
    t.start_server()
    t.start_client(wait=False)
    t.client.wait_for("Initialization Sequence Completed", timeout=60)
    for p in ends(t, who):
        p.wait_for(LOUD)
    c = t.client_space(1)
    c.wait_ping(SERVER4)
    return c


def sums(proc):
    """(lost, doubled, damaged, late) of all packets, by direction."""
    return {m[1]: tuple(int(m[k]) / int(m[0]) for k in (2, 4, 5, 6)) for m in re.findall(SUMS, proc.log())}


def spoilt(cx, who, wrap="none"):
    """Losses in the expected numbers, no byte of a transfer wrong, a clean end, and the sums in the log."""
    t = tunnel(cx, who, "loss=10%,dup=5%,late=10%:50ms,corrupt=1%,seed=7", wrap=wrap)
    c = begin(t, who)
    sent, received = c.ping(SERVER4, count=400, interval=0.01, wait=1)
    # Of either direction 10.9 % are lost or damaged: 79 % of the pings are answered, 63 % with both ends at it.
    low, high = (0.50, 0.76) if who == "both" else (0.68, 0.89)
    expect(low * sent < received < high * sent, f"{received} of {sent} pings were answered")
    t.check_transfer(megabytes=1)
    t.check_transfer(up=False, megabytes=1)
    t.close()
    for p in ends(t, who):
        found = sums(p)
        expect(set(found) == {"in", "out"}, f"sums in the log: {found}")
        for lost, doubled, damaged, late in found.values():
            expect(0.07 < lost < 0.13 and 0.03 < doubled < 0.07 and damaged < 0.03 and 0.06 < late < 0.15,
                   f"sums in the log: {found}")
    return f"{received} of {sent} pings"


def slow_stream(cx, who):
    """A stream has delays and cuts, and nothing is lost."""
    t = tunnel(cx, who, "loss=50%,corrupt=50%,delay=10ms,jitter=5ms,cut=300ms/2s", proto="tcp", wrap="crypt")
    c = begin(t, who)
    out = c.run(["ping", "-n", "-c", "200", "-i", "0.02", SERVER4], check=False)[1]
    answers = [int(n) for n in re.findall(r"icmp_seq=(\d+) ", out)]
    # ping does not wait long for the last ones; in a stream a loss would be a gap.
    expect(len(answers) > 150 and answers == list(range(1, len(answers) + 1)), f"answered: {answers}")
    t.check_transfer(megabytes=1)
    t.check_transfer(up=False, megabytes=1)
    t.close()


def cut_and_renegotiation(cx, who):
    """The link is cut again and again while keys are renewed: the tunnel is the same one afterwards."""
    t = Tunnel(cx, server=["gremlin cut=500ms/2s,seed=3"] * (who == "server") + ["reneg-sec 3"],
               client=["gremlin cut=500ms/2s,seed=3"] * (who == "client") + ["reneg-sec 0"])
    c = begin(t, who)
    sent, received = c.ping(SERVER4, count=600, interval=0.02, wait=1)
    expect(0.60 * sent < received < 0.90 * sent, f"{received} of {sent} pings were answered")
    expect(t.client.count("Initialization Sequence Completed") == 1, "the client began anew")
    t.check_transfer(megabytes=1)
    t.close()
    return f"{received} of {sent} pings"


SCENARIOS = [
    ("gremlin at the server", spoilt, {"who": "server"}, "adit-server quick"),
    ("gremlin at the client", spoilt, {"who": "client", "wrap": "crypt"}, "adit-client quick"),
    ("gremlin at both ends", spoilt, {"who": "both"}, "adit-server adit-client"),
    ("gremlin on a stream, server", slow_stream, {"who": "server"}, "adit-server"),
    ("gremlin on a stream, client", slow_stream, {"who": "client"}, "adit-client"),
    ("gremlin cuts, server", cut_and_renegotiation, {"who": "server"}, "adit-server"),
    ("gremlin cuts, client", cut_and_renegotiation, {"who": "client"}, "adit-client"),
]
