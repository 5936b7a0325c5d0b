#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of what must not disturb a running tunnel: second sessions beside it, renegotiations that fail. The table is at the end."""
import os
import sys
import time

from capture import Capture
from lab import HERE, expect, expect_lossless
from tunnel import NET4, SERVER4, UP, Tunnel

PATIENT = "keepalive 1 60"  # far longer than a scenario: nobody gets in because the server has given up somebody else


def point_to_point(cx, proto="udp", wrap="none", server=()):
    """A tunnel of two ends without pushing; the client has a port of its own, so that it can come back from it."""
    a4, b4 = SERVER4, f"{NET4}.2"
    t = Tunnel(cx, proto=proto, wrap=wrap,
               without={"server", "server-ipv6", "topology", "keepalive", "client", "data-ciphers", "nobind"},
               server=["tls-server", f"ifconfig {a4} {b4}", PATIENT, "hand-window 8", *server],
               client=["tls-client", f"ifconfig {b4} {a4}", PATIENT, "lport 5000"])
    c = t.client_space(1)
    t.client_space(2)
    t.before["s"], t.before["c1"] = t.s.snapshot(), c.snapshot()
    t.server = cx.start(t.s, cx.server, "server", t.server_lines())
    return t


def foreign(t, n=1, port=5000):
    """A client whose certificate is of another CA, which it also takes the server's for: the server refuses it."""
    lines = [x for x in t.client_lines(n) if x.split()[0] not in ("ca", "cert", "key", "lport", "ifconfig", "remote-cert-tls")]
    crt, key = t.cx.pki.cert("ecdsa-other", "client")
    lines += [f"ca {t.cx.pki.authority('ecdsa')}/ca.crt", f"cert {crt}", f"key {key}", f"lport {port}",
              "ifconfig-noexec"]
    return t.cx.start(t.client_space(n), t.cx.client, f"foreign{n}-{port}", lines)


REFUSED = "TLS handshake failed"


def stranger_beside(cx, wrap, server=()):
    """Somebody of another CA calls a running point-to-point server, from elsewhere and from the peer's address."""
    t = point_to_point(cx, wrap=wrap, server=server)
    t.start_client()
    c = t.client_space(1)
    c.wait_ping(SERVER4)
    mark = t.server.mark()
    pings = [c.start_pings(SERVER4, interval=0.02), t.s.start_pings(f"{NET4}.2", interval=0.02)]
    calls = [foreign(t, 2), foreign(t, 1, 5001)]
    t.server.wait_for(REFUSED, since=mark)
    time.sleep(2)
    for p in pings:
        expect_lossless(p, p.argv[-1], at_least=40)
    expect(not t.server.count("SIGUSR1|process restarting"), "the server has restarted")
    for p in calls:
        p.kill()
    t.close()


def mute(t, n):
    """Somebody who gets as far as a session of his own and stays there."""
    t.client_space(n).run([sys.executable, "-I", os.path.join(HERE, "mute.py"), f"10.66.{n}.1", "1194"])


def mute_beside(cx):
    """Whoever passes the door and then says nothing disturbs nobody, and is forgotten; he does not keep the peer out."""
    t = point_to_point(cx)
    t.start_client()
    c = t.client_space(1)
    c.wait_ping(SERVER4)
    pings = [c.start_pings(SERVER4, interval=0.02), t.s.start_pings(f"{NET4}.2", interval=0.02)]
    mark = t.server.mark()
    for n in (2, 1):
        mute(t, n)
    t.server.wait_for("TLS key negotiation failed to occur within 8 seconds", since=mark)
    for p in pings:
        expect_lossless(p, p.argv[-1], at_least=200)
    t.client.kill()
    mute(t, 2)
    t.start_client(wait=False).wait_for(UP)
    c.wait_ping(SERVER4)
    expect(not t.server.count("SIGUSR1|process restarting"), "the server has restarted")
    t.close()


def comes_back(cx, wrap, has_foreigner=False, port="lport 5000"):
    """The client dies without a word and starts again from the same port: it is in at once, whoever called meanwhile."""
    t = point_to_point(cx, wrap=wrap)
    t.start_client()
    c = t.client_space(1)
    c.wait_ping(SERVER4)
    for _ in range(2):
        t.client.kill()
        mark = t.server.mark()
        if has_foreigner:
            p = foreign(t)
            t.server.wait_for(REFUSED, since=mark)
            p.kill()
        began = time.monotonic()
        t.start_client(extra=[port])
        c.wait_ping(SERVER4, timeout=8)
        seconds = time.monotonic() - began
        expect(seconds < 8, f"back after {seconds:.1f} s")
    expect(not t.server.count("SIGUSR1|process restarting"), "the server has restarted")
    t.close()
    return f"{seconds:.1f} s"


def foreigner_first(cx):
    """The very first caller is a wrong one; the right one comes in all the same, and the server has not restarted."""
    t = point_to_point(cx)
    wrong = foreign(t, 2)
    t.server.wait_for(REFUSED)
    t.start_client()
    t.client_space(1).wait_ping(SERVER4)
    expect(not t.server.count("SIGUSR1|process restarting"), "the server has restarted")
    wrong.kill()
    t.close()


def failed_renegotiation(cx, who, wrap):
    """Control packets are lost for longer than a renegotiation may take: the old key goes on, and a later one succeeds."""
    times = ["hand-window 4", "reneg-sec 5"], ["hand-window 4", "reneg-sec 0"]
    t = Tunnel(cx, wrap=wrap, server=times[who != "server"], client=times[who != "client"])
    relay = t.relay()
    t.up()
    c = t.client_space(1)
    c.wait_ping(SERVER4)
    capture = Capture(t.s, "mid")
    relay.tell("data-only")
    pings = [c.start_pings(SERVER4, interval=0.02), t.s.start_pings(t.address(), interval=0.02)]
    starter = t.server if who == "server" else t.client
    starter.wait_for("renegotiation failed")
    relay.tell("all")
    mark = t.client.mark()
    t.client.wait_for(r"Control Channel: TLS|VERIFY OK", since=mark)
    time.sleep(3)
    for p in pings:
        expect_lossless(p, p.argv[-1], at_least=500)
    capture.stop()
    expect(capture.key_ids() >= {1}, f"key ids on the wire: {capture.key_ids()}")
    expect(not capture.opcodes()["hard-reset-client-v2"], f"resets on the wire: {capture.opcodes()}")
    t.close()


SCENARIOS = [
    ("failed renegotiation by the client", failed_renegotiation, {"who": "client", "wrap": "crypt"}, "alone adit-client"),
    ("failed renegotiation by the server", failed_renegotiation, {"who": "server", "wrap": "none"}, "alone adit-server"),
    ("stranger beside a point-to-point tunnel", stranger_beside, {"wrap": "crypt", "server": ["float"]}, "alone"),
    ("foreigner calls a point-to-point server first", foreigner_first, {}, "adit-server"),
    ("mute caller beside a point-to-point tunnel", mute_beside, {}, "alone adit-server"),
    ("point-to-point client comes back", comes_back, {"wrap": "none"}, ""),
    ("point-to-point client comes back, foreigner", comes_back, {"wrap": "crypt", "has_foreigner": True}, ""),
    ("point-to-point client comes back, port", comes_back, {"wrap": "crypt", "port": "lport 0"}, "adit-server"),
]
