#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios: what happens to a tunnel over its life. Each is a function of a Context, listed in the table at the end.

What a scenario looks at is the wire, the kernel's tables and the answers inside the tunnel; log lines only where they
are part of what openvpn promises to other programs and people.
"""
import os
import signal
import sys
import time

import scenarios_bad
import scenarios_diff
import scenarios_diff_events
import scenarios_diff_flow
import scenarios_gremlin
import scenarios_modes
import scenarios_names
import scenarios_path
import scenarios_program
import scenarios_undisturbed
import scenarios_workers
from capture import Capture
from cases import Case
from lab import HERE, LabError, expect, expect_lossless, until
from tunnel import SERVER4, SERVER6, UP, Tunnel, end, status_file_clients

SILENCE = "keepalive 1 3"  # a server's: the client restarts after 3 s of silence, the server after 6


# ---------------------------------------------------------------------------------------------------- handshake


def tls_version(cx, version, cert, limit):
    options = [f"tls-version-{limit} {version}"]
    t = Tunnel(cx, cert=cert, client=options, server=options if limit == "min" else [], wrap="crypt").up()
    found = t.client.wait_for(r"Control Channel: (TLSv1\.\d)").group(1)
    expect(found == f"TLSv{version}", f"the handshake used {found}")
    t.check_pings()
    t.close()


def key_derivation(cx, server, client):
    """What adit was told to use; openvpn takes what is offered. Two that insist on different ways refuse each other."""
    if cx.server.is_adit and cx.client.is_adit and server != client:
        t = Tunnel(cx, server=[f"adit-key-derivation {server}"], client=[f"adit-key-derivation {client}"])
        t.start_server()
        t.start_client(wait=False).wait_for(r"Keying Material Exporters|adit-key-derivation ekm: the server did not agree")
        t.close()
        return
    t = Tunnel(cx, server=[f"adit-key-derivation {server}"] if cx.server.is_adit else [],
               client=[f"adit-key-derivation {client}"] if cx.client.is_adit else []).up()
    t.check_pings()
    kinds = {server if cx.server.is_adit else "ekm", client if cx.client.is_adit else "ekm"}
    pushed = t.client.wait_for(r"PUSH_REPLY,.*").group(0)
    if not cx.client.is_adit:
        expect(("tls-ekm" in pushed) == (kinds == {"ekm"}), f"pushed: {pushed}")
    t.check_transfer(up=False)
    t.close()


def replay_windows(cx):
    """Two ends of adit tell each other their windows, in every session; openvpn is told nothing that it does not know."""
    t = Tunnel(cx, without=["verb"], server=["replay-window 1024", "verb 4"], client=["replay-window 512", "verb 4"])
    t.up().check_pings()
    is_told = cx.server.is_adit and cx.client.is_adit

    def check(since):
        pushed = t.client.wait_for(r"PUSH: Received control message: 'PUSH_REPLY,.*", since=since).group(0)
        expect(("adit-replay-window 1024" in pushed) == is_told, f"pushed: {pushed}")
        t.client.wait_for(UP, since=since)
    check(0)
    mark = t.client.mark()
    t.client.send_signal(signal.SIGUSR1)
    check(mark)
    t.check_pings()
    expect(t.server.count(r"peer info: IV_REPLAY_WINDOW=512") == (2 if cx.client.is_adit else 0), "what the client says of itself")
    expect(t.client.count(r"adit-replay-window") == (2 if is_told else 0), "more is said of that option than that it came")
    t.close()


def renegotiation(cx, who, proto="udp", wrap="none", cipher="AES-256-GCM"):
    """Renegotiates every 3 s under a stream of pings in both directions, of which none may be lost."""
    seconds = 8 if cx.is_quick else 18
    t = Tunnel(cx, proto=proto, wrap=wrap, cipher=cipher,
               server=[f"reneg-sec {3 if who in ('server', 'both') else 0}"],
               client=[f"reneg-sec {3 if who in ('client', 'both') else 0}"])
    t.client_space(1)
    capture = Capture(t.s, "c1")
    t.up()
    c = t.client_space(1)
    t.check_pings()
    pings = [c.start_pings(SERVER4), t.s.start_pings(t.address(), size=1200), c.start_pings(SERVER6, interval=0.02)]
    time.sleep(seconds)
    lost = []
    for p in pings:
        try:
            expect_lossless(p, p.argv[-1], at_least=seconds * 20)
        except LabError as e:
            lost.append(str(e))
    expect(not lost, "; ".join(lost))
    capture.stop()
    keys = capture.key_ids()
    expect(len(keys) >= seconds // 4, f"key ids on the wire: {sorted(keys)}")
    t.check_pings()
    t.close()
    return f"keys {len(keys)}"


def renegotiation_by_use(cx, option):
    """A key that has carried its bytes or packets is renewed in the middle of a transfer."""
    t = Tunnel(cx, server=[option, "reneg-sec 0"], client=["reneg-sec 0"])
    t.client_space(1)
    capture = Capture(t.s, "c1")
    t.up()
    for up in (True, False, True):
        t.check_transfer(megabytes=8, up=up)
        time.sleep(1.2)  # a key is not renewed before its successor is in use
    # openvpn looks at what a key has carried when it has something else to do, which may take a few seconds.
    end = time.monotonic() + 30
    while t.client.count("VERIFY OK: depth=0") < 2 and time.monotonic() < end:
        t.check_transfer(megabytes=1)
        time.sleep(1)
    t.check_pings(count=20)
    capture.stop()
    keys = capture.key_ids()
    expect(len(keys) >= 2, f"key ids on the wire: {sorted(keys)}")
    t.close()
    return f"keys {len(keys)}"


# ---------------------------------------------------------------------------------------------------- paths


def floating(cx, family=4):
    """The client's address and port change under traffic: no ping is lost, nothing is negotiated anew."""
    t = Tunnel(cx, family=family)
    relay = t.relay()
    capture = Capture(t.s, "mid")
    t.up()
    c = t.client_space(1)
    t.check_pings()
    pings = [c.start_pings(SERVER4, interval=0.01), t.s.start_pings(t.address(), interval=0.01)]
    for i in range(5):
        time.sleep(1)
        relay.tell("float", f"10.66.1.{4 + i}" if family == 4 else f"fd66:1::{4 + i}", 40000 + i)
    time.sleep(1)
    for p in pings:
        expect_lossless(p, p.argv[-1], at_least=300)
    capture.stop()
    resets = {k: n for k, n in capture.opcodes().items() if "reset" in k}
    expect(resets == {"hard-reset-client-v2": 1, "hard-reset-server-v2": 1}, f"resets on the wire: {resets}")
    t.check_transfer(megabytes=4)
    t.close()


def floating_port_only(cx):
    t = Tunnel(cx, wrap="v2")
    relay = t.relay()
    t.up()
    c = t.client_space(1)
    ping = c.start_pings(SERVER4, interval=0.01)
    for i in range(4):
        time.sleep(0.7)
        relay.tell("float", "10.66.1.2", 40000 + i)
    expect_lossless(ping, "pings", at_least=150)
    t.close()


def bad_link(cx, faults, wrap):
    """The handshake ends well on a link that loses, doubles, reorders and damages; then the link heals."""
    t = Tunnel(cx, wrap=wrap, client=["hand-window 60"])
    relay = t.relay()
    t.start_server(extra=["hand-window 60"])
    relay.tell("faults", *faults)
    t.start_client(wait=False).wait_for(UP, timeout=60)
    c = t.client_space(1)
    sent, received = c.ping(SERVER4, count=100, interval=0.01, wait=1)
    expect(received > 10, f"{received} of {sent} pings were answered on the bad link")
    relay.tell("faults")
    t.check_pings(count=20)
    t.check_transfer(megabytes=4)
    t.close()
    return f"{received} of {sent} pings"


def stream_in_pieces(cx):
    """Over TCP every packet arrives in pieces of a few bytes, and packets share segments."""
    t = Tunnel(cx, proto="tcp", wrap="auth-SHA256-01")
    t.relay()
    t.up()
    t.check_pings(count=50, interval=0.01)
    t.check_pings(count=5, size=1400)
    t.check_transfer(megabytes=1)
    t.check_transfer(up=False, megabytes=1)
    t.close()


def tcp_strangers(cx):
    """Whoever connects and talks nonsense is thrown out; the client beside them loses nothing."""
    t = Tunnel(cx, proto="tcp", wrap="crypt").up()
    ping = t.client_space(1).start_pings(SERVER4, interval=0.01)
    stranger = t.client_space(2)
    _, out = stranger.run([sys.executable, "-I", os.path.join(HERE, "strangers.py"), "10.66.2.1", "1194"])
    expect_lossless(ping, "pings beside strangers", at_least=20)
    expect("answered 0 " in out, out)
    t.check_pings()
    t.close()
    return out.strip()


def doubled_packets(cx):
    """Every packet arrives twice: the replay windows let each through once."""
    t = Tunnel(cx)
    relay = t.relay()
    t.up()
    relay.tell("faults", "dup=1")
    _, out = t.client_space(1).run(["ping", "-n", "-q", "-c", "200", "-i", "0.005", SERVER4])
    expect("duplicates" not in out and " 200 received" in out, out)
    relay.tell("faults")
    t.close()


def cut_link(cx):
    """The link is cut longer than ping-restart allows; when it is whole again, the tunnel comes back by itself."""
    t = Tunnel(cx, server=[SILENCE], without=["keepalive"])
    relay = t.relay()
    t.up()
    mark = t.client.mark()
    relay.tell("cut")
    t.client.wait_for(r"ping-restart", since=mark, timeout=15)
    relay.tell("join")
    seconds = t.client_space(1).wait_ping(SERVER4)
    t.check_pings()
    t.close()
    return f"back after {seconds:.1f} s"


def server_restart(cx, proto):
    """The server goes without a word and comes again: the client finds it."""
    t = Tunnel(cx, proto=proto, server=[SILENCE], without=["keepalive"]).up()
    t.check_pings()
    t.server.kill()
    left = t.s.ip_json("link")
    for d in left:
        expect(not d["ifname"].startswith("tun"), "the device outlives its process")
    t.start_server()
    t.client_space(1).wait_ping(SERVER4)
    t.check_pings()
    t.close()


# ---------------------------------------------------------------------------------------------------- ends


def client_says_goodbye(cx):
    """explicit-exit-notify on the client: the server forgets it long before any silence runs out."""
    status = cx.lab.path("status")
    t = Tunnel(cx, server=[f"status {status} 1"], client=["explicit-exit-notify 1"]).up()
    expect(until(lambda: status_file_clients(status) == ["client"]), "not in the status file")
    end(t.client)
    expect(until(lambda: status_file_clients(status) == [], 30), f"status after 30 s: {status_file_clients(status)}")
    t.close()


def server_says_goodbye(cx, number):
    """explicit-exit-notify on the server: 1 makes the client restart at once, 2 is for the next server."""
    t = Tunnel(cx, server=[f"explicit-exit-notify {number}"]).up()
    t.check_pings()
    mark = t.client.mark()
    end(t.server)
    t.client.wait_for(r"SIGUSR1\[soft,server-pushed-connection-reset\]|server-pushed", since=mark, timeout=8)
    t.start_server()
    t.client_space(1).wait_ping(SERVER4)
    t.close()


def restart_by_signal(cx):
    """SIGUSR1 makes the client connect again in the same process; nothing of the first time is left."""
    t = Tunnel(cx).up()
    mark = t.client.mark()
    t.client.send_signal(signal.SIGUSR1)
    t.client.wait_for(r"SIGUSR1\[hard,\] received, process restarting", since=mark)
    t.client.wait_for(UP, since=mark)
    t.check_pings()
    t.device(t.client_space(1))
    t.close()


def restart_keeps_device(cx):
    t = Tunnel(cx, client=["persist-tun", "persist-key"]).up()
    c = t.client_space(1)
    index = next(d["ifindex"] for d in c.ip_json("link") if d["ifname"].startswith("tun"))
    mark = t.client.mark()
    t.client.send_signal(signal.SIGUSR1)
    t.client.wait_for(UP, since=mark)
    t.check_pings()
    now = next(d["ifindex"] for d in c.ip_json("link") if d["ifname"].startswith("tun"))
    expect(index == now, f"device {index} became {now}")
    t.close()


def statistics_by_signal(cx):
    t = Tunnel(cx).up()
    t.check_pings()
    for p, lines in ((t.client, (r"OpenVPN STATISTICS", r"TUN/TAP read bytes,[1-9]\d*", r"TCP/UDP write bytes,[1-9]\d*",
                                 r"Auth read bytes,\d+", r"^.*END$")),
                     (t.server, (r"OpenVPN CLIENT LIST", r"Common Name,Real Address,Bytes Received,Bytes Sent",
                                 r" client,(udp4:)?10\.66\.1\.2:\d+,\d+,\d+,", r"ROUTING TABLE", r"10\.99\.0\.2,client,",
                                 r"GLOBAL STATS"))):
        mark = p.mark()
        p.send_signal(signal.SIGUSR2)
        for line in lines:
            p.wait_for(line, since=mark, timeout=10)
        if (cx.client if p is t.client else cx.server).is_adit:
            p.wait_for(r"data channel: sent .* per send; received .* per write", since=mark, timeout=10)
    t.close()


# ---------------------------------------------------------------------------------------------------- several clients


def server_full(cx):
    """The second client of one gets in when the first has gone, and does not disturb it before."""
    t = Tunnel(cx, server=["max-clients 1"], client=["explicit-exit-notify 1", "hand-window 3"]).up()
    second = t.start_client(2, "client2", wait=False)
    t.server.wait_for(r"maximum number of clients")
    second.wait_for(r"TLS handshake failed|TLS key negotiation failed|AUTH_FAILED,TEMP", timeout=20)
    expect(second.count(UP) == 0, "the second client came in")
    t.check_pings(count=20)
    end(t.client)
    second.wait_for(UP, timeout=60)
    t.check_pings(2)
    t.close()


def same_name_twice(cx, is_allowed):
    status = cx.lab.path("status")
    t = Tunnel(cx, server=[f"status {status} 1"] + (["duplicate-cn"] if is_allowed else []),
               client=["connect-retry 60"], without=["connect-retry"]).up()
    t.check_pings()
    t.start_client(2)
    t.check_pings(2)
    count = 2 if is_allowed else 1
    names = ["client"] * count
    expect(until(lambda: status_file_clients(status) == names, 10), f"status: {status_file_clients(status)}")
    if is_allowed:
        t.check_pings(1)
    else:
        expect(t.client_space(1).ping(SERVER4, count=1, wait=1)[1] == 0, "the first client is still served")
    t.close()


def client_to_client(cx, is_allowed):
    t = Tunnel(cx, server=["client-to-client"] if is_allowed else []).up()
    t.start_client(2, "client2")
    t.check_pings(1)
    t.check_pings(2)
    for family in (4, 6):
        sent, received = t.client_space(2).ping(t.address(1, family), count=3, wait=1)
        expect(received == (sent if is_allowed else 0), f"IPv{family}: {received} of {sent} between clients")
    t.close()


def several_wrappings(cx, other):
    """tls-crypt-v2 beside tls-crypt or tls-auth on one port: both kinds come in, a bare client gets no answer."""
    old_server, old_client = cx.pki.wrap(other)
    t = Tunnel(cx, wrap="v2", server=old_server)
    t.start_server()
    t.start_client(1)
    t.check_pings()
    t.wrap_client = old_client
    t.start_client(2, "client2")
    t.check_pings(2)
    t.wrap_client = []
    t.client_space(3)
    capture = Capture(t.client_space(3), "s")
    bare = t.start_client(3, "client3", extra=["hand-window 3"], wait=False)
    bare.wait_for(r"TLS key negotiation failed", timeout=20)
    capture.stop()
    seen = capture.opcodes()
    expect(set(seen) == {"hard-reset-client-v2"}, f"on the wire of the bare client: {dict(seen)}")
    t.close()


# ---------------------------------------------------------------------------------------------------- pushes


def many_routes(cx):
    routes = [f"10.{100 + i // 250}.{i % 250}.0" for i in range(200)]
    t = Tunnel(cx, server=[f'push "route {r} 255.255.255.0"' for r in routes]
               + [f'push "route-ipv6 fd77:{i:x}::/32"' for i in range(20)]).up()
    c = t.client_space(1)
    device = t.device(c)

    def there(family):
        return {r["dst"] for r in c.ip_json(family, "route", "show", "dev", device) if "gateway" in r or family == "-6"}

    want = {f"{r}/24" for r in routes}
    expect(until(lambda: want <= there("-4"), 20), f"{len(want - there('-4'))} of {len(want)} routes are missing")
    expect(sum(d.startswith("fd77") for d in there("-6")) == 20, f"IPv6 routes: {there('-6')}")
    c.expect_ping(SERVER4)
    t.check_pings()
    t.close()


def long_push(cx):
    """A reply of several messages: every option of it arrives."""
    names = [f"search-domain-number-{i:03d}.{'x' * 40}.example" for i in range(60)]
    seen = cx.lab.path("seen")
    script = cx.lab.path("up.sh", f"#!/bin/sh\nenv | grep ^foreign_option_ >{seen}.new\nmv {seen}.new {seen}\n", 0o700)
    t = Tunnel(cx, server=[f'push "dhcp-option DOMAIN-SEARCH {n}"' for n in names],
               client=["script-security 2", f"up {script}"]).up()
    expect(until(lambda: os.path.exists(seen), 10), "the up script did not run")
    with open(seen) as f:
        got = {line.split()[-1] for line in f}
    expect(set(names) == got, f"{len(set(names) - got)} of {len(names)} options are missing")
    t.check_pings()
    t.close()


def no_shared_cipher(cx):
    t = Tunnel(cx, client=["data-ciphers CHACHA20-POLY1305"])
    t.start_server()
    client = t.start_client(wait=False)
    client.wait_for(r"AUTH_FAILED,Data channel cipher negotiation failed \(no shared cipher\)")
    expect(client.wait(20) == 0, f"exit status {client.poll()}")
    client.wait_for(r"SIGTERM\[soft,auth-failure\] received, process exiting")
    t.server.wait_for(r"No common cipher between server and client")
    t.close()


# ---------------------------------------------------------------------------------------------------- refusals


def refused(cx, client="client", server="server", options=(), cause="", where="server", ca="ecdsa"):
    """The tunnel does not come up, and the end that refuses names the cause."""
    t = Tunnel(cx, client=["hand-window 5", *options], without=["cert", "key"])
    t.more_server += cx.pki.options("ecdsa", server)[1:]
    t.start_server()
    p = t.start_client(extra=cx.pki.options(ca, client)[1:], wait=False)
    (t.server if where == "server" else p).wait_for(cause, timeout=15)
    time.sleep(0.3)
    expect(p.count(UP) == 0, "the client came up")
    t.close()


def same_direction(cx):
    """Both ends with the same tls-auth direction: no answer ever, and the client says so in time."""
    key = cx.pki.static()
    t = Tunnel(cx, server=[f"tls-auth {key} 0"], client=[f"tls-auth {key} 0", "hand-window 3"])
    t.start_server()
    p = t.start_client(wait=False)
    p.wait_for(r"TLS key negotiation failed to occur within 3 seconds", timeout=20)
    t.server.wait_for(r"(?i)hmac|authenticat")
    t.close()


def gives_up(cx):
    """connect-retry-max: the client ends by itself, with status 1."""
    t = Tunnel(cx, client=["connect-retry-max 1", "hand-window 2"])
    t.client_space(1)
    p = t.start_client(wait=False)
    expect(p.wait(30) == 1, f"exit status {p.poll()}")


# ---------------------------------------------------------------------------------------------------- the table


EXPIRED = r"(?i)expired"
PURPOSE = r"(?i)purpose|key usage|EKU"

# name, function, arguments, marks: alone (counts losses), quick (part of --quick), adit (makes no sense without it),
# adit-server, adit-client (only with adit at that end)
SCENARIOS = [
    ("TLS 1.2 with RSA", tls_version, {"version": "1.2", "cert": "rsa", "limit": "max"}, "quick"),
    ("TLS 1.2 with ECDSA", tls_version, {"version": "1.2", "cert": "ecdsa", "limit": "max"}, ""),
    ("TLS 1.2 with Ed25519", tls_version, {"version": "1.2", "cert": "ed25519", "limit": "max"}, ""),
    ("TLS 1.3 only, Ed25519", tls_version, {"version": "1.3", "cert": "ed25519", "limit": "min"}, ""),
    ("key derivation prf", key_derivation, {"server": "prf", "client": "prf"}, "adit quick"),
    ("key derivation ekm", key_derivation, {"server": "ekm", "client": "ekm"}, "adit"),
    ("key derivation ekm to prf", key_derivation, {"server": "ekm", "client": "prf"}, "adit"),
    ("key derivation prf to ekm", key_derivation, {"server": "prf", "client": "ekm"}, "adit"),
    ("replay windows", replay_windows, {}, "quick"),
    ("renegotiation by the server", renegotiation, {"who": "server"}, "alone quick"),
    ("renegotiation by the client", renegotiation, {"who": "client", "wrap": "crypt"}, "alone"),
    ("renegotiation by both", renegotiation, {"who": "both", "wrap": "auth-SHA256-01"}, "alone"),
    ("renegotiation over TCP", renegotiation, {"who": "server", "proto": "tcp", "wrap": "v2"}, "alone"),
    ("renegotiation by bytes", renegotiation_by_use, {"option": "reneg-bytes 5000000"}, "alone"),
    ("renegotiation by packets", renegotiation_by_use, {"option": "reneg-pkts 5000"}, "alone"),
    ("float of address and port", floating, {}, "alone quick"),
    ("float of address and port, IPv6", floating, {"family": 6}, "alone"),
    ("float of the port", floating_port_only, {}, "alone"),
    ("lossy link", bad_link, {"faults": ("drop=0.2", "dup=0.2", "swap=0.2", "seed=3"), "wrap": "crypt"}, ""),
    ("lossy link, cookie", bad_link,
     {"faults": ("drop=0.2", "dup=0.2", "swap=0.2", "seed=4"), "wrap": "v2-cookie"}, ""),
    ("damaging link", bad_link, {"faults": ("flip=0.1", "seed=5"), "wrap": "auth-SHA512-01"}, ""),
    ("TCP stream in pieces", stream_in_pieces, {}, ""),
    ("strangers over TCP", tcp_strangers, {}, "alone"),
    ("doubled packets", doubled_packets, {}, "alone"),
    ("cut link", cut_link, {}, ""),
    ("server restart over UDP", server_restart, {"proto": "udp"}, ""),
    ("server restart over TCP", server_restart, {"proto": "tcp"}, ""),
    ("client says goodbye", client_says_goodbye, {}, "quick"),
    ("server says goodbye", server_says_goodbye, {"number": 1}, ""),
    ("restart by SIGUSR1", restart_by_signal, {}, ""),
    ("restart keeps the device", restart_keeps_device, {}, ""),
    ("statistics by SIGUSR2", statistics_by_signal, {}, ""),
    ("server full", server_full, {}, ""),
    ("same name twice, allowed", same_name_twice, {"is_allowed": True}, ""),
    ("same name twice, not allowed", same_name_twice, {"is_allowed": False}, ""),
    ("client to client", client_to_client, {"is_allowed": True}, ""),
    ("client to client, not allowed", client_to_client, {"is_allowed": False}, ""),
    ("tls-crypt-v2 beside tls-crypt", several_wrappings, {"other": "crypt"}, ""),
    ("tls-crypt-v2 beside tls-auth", several_wrappings, {"other": "auth-SHA256-01"}, ""),
    ("200 routes", many_routes, {}, ""),
    ("long push", long_push, {}, "later-client"),
    ("no shared cipher", no_shared_cipher, {}, "quick"),
    ("expired client", refused, {"client": "client-expired", "cause": EXPIRED}, "quick"),
    ("expired server", refused, {"server": "server-expired", "cause": EXPIRED, "where": "client"}, ""),
    ("client with a server's certificate", refused, {"client": "client-wrong-purpose", "cause": PURPOSE}, ""),
    ("server with a client's certificate", refused,
     {"server": "server-wrong-purpose", "cause": PURPOSE, "where": "client"}, ""),
    ("client of another CA", refused, {"client": "client", "ca": "ecdsa-other",
                                       "cause": r"(?i)self.signed|issuer|verify failed|unknown ca"}, ""),
    ("server of another name", refused, {"options": ["verify-x509-name somebody-else name"], "where": "client",
                                         "cause": r"(?i)verify.x509.?name|X509NAME"}, ""),
    ("same tls-auth direction", same_direction, {}, ""),
    ("client gives up", gives_up, {}, ""),
]


def makes_sense(marks, server, client):
    """"later": what the scenario needs is known to adit, not built yet; on either side, or on one of them."""
    if ("later" in marks and (server.is_adit or client.is_adit)) or ("later-server" in marks and server.is_adit) \
            or ("later-client" in marks and client.is_adit):
        return False
    return (("adit" not in marks or server.is_adit or client.is_adit) and ("adit-server" not in marks or server.is_adit)
            and ("adit-client" not in marks or client.is_adit))


def cases(pairs):
    out = []
    for name, func, args, marks in SCENARIOS + scenarios_modes.SCENARIOS + scenarios_program.SCENARIOS \
            + scenarios_names.SCENARIOS + scenarios_bad.SCENARIOS + scenarios_undisturbed.SCENARIOS \
            + scenarios_gremlin.SCENARIOS + scenarios_path.SCENARIOS + scenarios_workers.SCENARIOS \
            + scenarios_diff.SCENARIOS + scenarios_diff_flow.SCENARIOS + scenarios_diff_events.SCENARIOS:
        for server, client in pairs:
            if not makes_sense(marks.split(), server, client):
                continue
            out.append(Case(f"scenario/{name}/{server.name}+{client.name}", lambda cx, f=func, a=args: f(cx, **a),
                            server, client, bound_s=90, is_alone="alone" in marks, is_quick="quick" in marks))
    return out
