#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of modes of the tunnel and of logins. The table is at the end."""
import os
import time

from capture import Capture
from lab import compare_snapshots, expect, expect_lossless
from pki import Pki, run
from tunnel import NET4, SERVER4, SERVER6, UP, Tunnel, end

# ---------------------------------------------------------------------------------------------------- modes


def point_to_point(cx, proto="udp", wrap="none", more=()):
    """tls-server and tls-client without a server's policy: addresses on both ends, nothing is pushed."""
    a4, b4, a6, b6 = SERVER4, f"{NET4}.2", SERVER6, "fd99::2"
    base = {"server", "server-ipv6", "topology", "keepalive", "client", "data-ciphers"}
    t = Tunnel(cx, proto=proto, wrap=wrap, without=base,
               server=["tls-server", f"ifconfig {a4} {b4}", f"ifconfig-ipv6 {a6}/64 {b6}", "keepalive 1 10", *more],
               client=["tls-client", f"ifconfig {b4} {a4}", f"ifconfig-ipv6 {b6}/64 {a6}", "keepalive 1 10", *more])
    t.client_space(1)
    t.before["s"] = t.s.snapshot()
    t.server = cx.start(t.s, cx.server, "server", t.server_lines(), t.via)
    t.start_client()
    t.server.wait_for(UP)
    time.sleep(0.3)  # openvpn says that it is up a moment before it makes its keys
    t.check_pings()
    t.check_transfer(megabytes=8)
    t.close()


def static_key(cx, directions):
    key = cx.pki.static()
    both = ["dev tun", "verb 3", "cipher AES-256-CBC", "auth SHA256", 
            "setenv opt allow-deprecated-insecure-static-crypto", "keepalive 1 10", "ping-timer-rem"]
    ends = [f" {d}" for d in directions] if directions else ["", ""]
    t = Tunnel(cx)
    c = t.client_space(1)
    before = t.s.snapshot(), c.snapshot()
    s = cx.start(t.s, cx.server, "server", both + [f"secret {key}{ends[0]}", "port 1194",
                                                   f"ifconfig {SERVER4} {NET4}.2"])
    p = cx.start(c, cx.client, "client", both + [f"secret {key}{ends[1]}", "remote 10.66.1.1 1194", "nobind",
                                                 f"ifconfig {NET4}.2 {SERVER4}"])
    for x in (s, p):
        x.wait_for(UP)
    c.expect_ping(SERVER4, count=10)
    t.s.expect_ping(f"{NET4}.2", count=10)
    t.clients[1] = p
    t.check_transfer(megabytes=8)
    for x in (p, s):
        end(x)
    compare_snapshots(before[0] + before[1], t.s.snapshot() + c.snapshot(), "both ends")


def block_cipher(cx, cipher, auth):
    t = Tunnel(cx, cipher=cipher, server=[f"auth {auth}"], client=[f"auth {auth}"]).up()
    t.check_pings()
    t.check_transfer(megabytes=8)
    t.close()


def topology(cx, kind):
    """net30 and p2p give single addresses; both ends can be reached."""
    t = Tunnel(cx, server=[f"topology {kind}", f'push "route {SERVER4}"'], without=["topology"]).up()
    t.check_pings()
    t.start_client(2, "client2")
    t.check_pings(2)
    t.check_pings(1)
    t.close()


def layer_two(cx):
    """tap carries frames: ARP works, and a broadcast ping is answered."""
    t = Tunnel(cx, server=["dev tap"], client=["dev tap"], without=["dev"]).up()
    t.check_pings()
    neighbours = t.client_space(1).ip_json("neigh")
    expect(any(n["dst"] == SERVER4 and "lladdr" in n for n in neighbours), f"no ARP entry of the server: {neighbours}")
    t.start_client(2, "client2")
    t.check_pings(2)
    t.check_transfer(megabytes=8)
    t.close()


def fragments(cx):
    """fragment cuts tunnel packets, so that no outer packet is as large as the inner one."""
    t = Tunnel(cx, server=["fragment 1000"], client=["fragment 1000"])
    t.up()
    for size in (100, 960, 1000, 1400, 1472):
        t.client_space(1).expect_ping(SERVER4, size=size)
        t.s.expect_ping(t.address(), size=size)
    t.check_transfer(megabytes=8)
    t.close()


def clamped_mss(cx, option, proto="udp", cipher="AES-256-GCM", expected=0):
    """mssfix gives TCP through the tunnel the segment size that openvpn gives it (IPv4, IPv6), in both directions."""
    t = Tunnel(cx, proto=proto, cipher=cipher, server=[option], client=[option]).up()
    timestamps = 12  # bytes of every segment that the kernel takes for a TCP option of its own
    got = tuple(t.check_transfer(up=up, family=family, megabytes=2).mss + timestamps
                for family in (4, 6) for up in (True, False))
    t.close()
    expected = (expected, expected, expected - 20, expected - 20)
    expect(got == expected, f"segment sizes {got}, and not {expected}")


def mtu(cx, size):
    t = Tunnel(cx, server=[f"tun-mtu {size}"], client=[f"tun-mtu {size}"]).up()
    c = t.client_space(1)
    got = next(d["mtu"] for d in c.ip_json("link") if d["ifname"] == t.device(c))
    expect(got == size, f"device MTU {got}")
    c.expect_ping(SERVER4, size=size - 28)
    c.expect_ping(SERVER6, size=size - 48)
    t.close()


def compression_framing(cx, server, push):
    """The stubs that peers of old configurations insist on: framing without compression."""
    t = Tunnel(cx, server=server + [f'push "{p}"' for p in push]).up()
    t.check_pings(count=10)
    t.check_transfer(megabytes=8)
    t.close()


# ---------------------------------------------------------------------------------------------------- logins


def login_script(cx):
    seen = cx.lab.path("logins")
    text = '#!/bin/sh\nu=$(sed -n 1p "$1"); p=$(sed -n 2p "$1")\necho "$u" >>' + seen
    return cx.lab.path("login.sh", text + '\n[ "$u" = anna ] && [ "$p" = "s3cret word" ]\n', 0o700), seen


def login(cx, is_right, with_certificate=True):
    script, seen = login_script(cx)
    secret = cx.lab.path("login.txt", "anna\n" + ("s3cret word" if is_right else "wrong") + "\n")
    t = Tunnel(cx, server=["script-security 2", f"auth-user-pass-verify {script} via-file"]
               + ([] if with_certificate else ["verify-client-cert none", "username-as-common-name"]),
               client=[f"auth-user-pass {secret}"])
    t.start_server()
    p = t.start_client(wait=False)
    if is_right:
        p.wait_for(UP)
        t.check_pings()
        if not with_certificate:
            t.server.wait_for(r"\banna/10\.66\.1\.2:\d+")
    else:
        p.wait_for(r"AUTH_FAILED")
        expect(p.wait(20) == 0, f"exit status {p.poll()}")
        expect(p.count(UP) == 0, "the client came up")
    with open(seen) as f:
        expect("anna" in f.read(), "the script did not see the name")
    t.close()


def token(cx):
    """auth-gen-token: renegotiation goes on although the login script would refuse the second time."""
    flag = cx.lab.path("once")
    script = cx.lab.path("login.sh", f"#!/bin/sh\n[ ! -e {flag} ] || exit 1\n: >{flag}\n", 0o700)
    secret = cx.lab.path("login.txt", "anna\nword\n")
    t = Tunnel(cx, server=["script-security 2", f"auth-user-pass-verify {script} via-file", "auth-gen-token 3600 120",
                           "reneg-sec 3"], client=[f"auth-user-pass {secret}", "reneg-sec 0"])
    t.client_space(1)
    capture = Capture(t.s, "c1")
    t.up()
    ping = t.client_space(1).start_pings(SERVER4, interval=0.02)
    time.sleep(8)
    expect_lossless(ping, "pings over renegotiations with a token", at_least=100)
    capture.stop()
    expect(len(capture.key_ids()) >= 3, f"key ids: {capture.key_ids()}")
    t.close()


def revoked(cx):
    t = Tunnel(cx, server=[f"crl-verify {cx.pki.crl('ecdsa', 'client-revoked')}"], client=["hand-window 5"])
    t.start_server()
    p = t.start_client(1, "client-revoked", wait=False)
    t.server.wait_for(r"(?i)revoked")
    expect(p.count(UP) == 0, "the client came up")
    t.start_client(2, "client2")
    t.check_pings(2)
    t.close()


def fingerprint(cx):
    """peer-fingerprint in place of a CA, on both ends."""
    def of(name):
        return run("openssl", "x509", "-in", cx.pki.cert("ecdsa", name)[0], "-noout", "-fingerprint",
                   "-sha256").strip().split("=")[1]
    t = Tunnel(cx, server=[f"peer-fingerprint {of('client')}"], client=[f"peer-fingerprint {of('server')}"],
               without=["ca", "remote-cert-tls"]).up()
    t.check_pings()
    bad = t.start_client(2, "client2", wait=False, extra=["hand-window 4"])
    t.server.wait_for(r"(?i)fingerprint|verify")
    time.sleep(1)
    expect(bad.count(UP) == 0, "a client with another fingerprint came up")
    t.close()


def metadata_script(cx):
    """tls-crypt-v2-verify sees the metadata and decides; a refused client gets no handshake."""
    seen = cx.lab.path("metadata")
    text = f'#!/bin/sh\necho "$script_type $metadata_type $(cat "$metadata_file")" >>{seen}\n'
    script = cx.lab.path("meta.sh", text + 'grep -q "^good$" "$metadata_file"\n', 0o700)
    keys = {}
    for word, base64 in (("good", "Z29vZA=="), ("evil", "ZXZpbA==")):
        keys[word] = cx.lab.path(f"{word}.key")
        run(cx.pki.openvpn, "--tls-crypt-v2", cx.pki.v2_server(), "--genkey", "tls-crypt-v2-client", keys[word], base64)
    t = Tunnel(cx, server=[f"tls-crypt-v2 {cx.pki.v2_server()}", "script-security 2", f"tls-crypt-v2-verify {script}"])
    t.start_server()
    t.wrap_client = [f"tls-crypt-v2 {keys['good']}"]
    t.start_client(1)
    t.check_pings()
    t.wrap_client = [f"tls-crypt-v2 {keys['evil']}"]
    bad = t.start_client(2, "client2", wait=False, extra=["hand-window 3"])
    bad.wait_for(r"TLS key negotiation failed|TLS handshake failed", timeout=20)
    with open(seen) as f:
        lines = set(f.read().splitlines())
    expect({"tls-crypt-v2-verify 0 good", "tls-crypt-v2-verify 0 evil"} <= lines, f"the script saw {lines}")
    t.close()


def keys_of_adit(cx):
    """Keys made by adit's --genkey are loaded by the other program, and the tunnel comes up with them."""
    maker = cx.server if cx.server.is_adit else cx.client
    own = Pki(cx.lab.path("own"), maker.path)
    os.mkdir(own.folder)
    own.authority = cx.pki.authority
    t = Tunnel(cx)
    t.wrap_server, t.wrap_client = own.wrap("v2")
    t.up()
    t.check_pings()
    t.close()
    t = Tunnel(cx)
    t.wrap_server, t.wrap_client = own.wrap("crypt")
    t.up()
    t.check_pings()
    t.close()


FRAMES = {"server": ["comp-lzo no"], "push": ["comp-lzo no"]}
STUB2 = {"server": ["compress stub-v2"], "push": ["compress stub-v2"]}

SCENARIOS = [
    ("point to point", point_to_point, {"more": ["data-ciphers AES-256-GCM:AES-128-GCM"]}, "quick"),
    ("point to point over TCP", point_to_point, {"proto": "tcp", "wrap": "auth-SHA256-01"}, ""),
    ("point to point, CHACHA20", point_to_point, {"wrap": "crypt", "more": ["data-ciphers CHACHA20-POLY1305"]}, ""),
    ("static key", static_key, {"directions": ""}, "later"),
    ("static key with directions", static_key, {"directions": "01"}, "later"),
    ("AES-256-CBC with SHA256", block_cipher, {"cipher": "AES-256-CBC", "auth": "SHA256"}, "later"),
    ("AES-128-CBC with SHA1", block_cipher, {"cipher": "AES-128-CBC", "auth": "SHA1"}, "later"),
    ("AES-192-CBC with SHA512", block_cipher, {"cipher": "AES-192-CBC", "auth": "SHA512"}, "later"),
    ("AES-192-GCM", block_cipher, {"cipher": "AES-192-GCM", "auth": "SHA1"}, ""),
    ("topology net30", topology, {"kind": "net30"}, ""),
    ("topology p2p", topology, {"kind": "p2p"}, ""),
    ("tap", layer_two, {}, "later"),
    ("fragment", fragments, {}, "later"),
    ("mssfix by default", clamped_mss, {"option": "verb 3", "expected": 1400}, ""),
    ("mssfix 1000", clamped_mss, {"option": "mssfix 1000", "expected": 936}, ""),
    ("mssfix 1000 mtu", clamped_mss, {"option": "mssfix 1000 mtu", "expected": 908}, ""),
    ("mssfix 1200 fixed", clamped_mss, {"option": "mssfix 1200 fixed", "expected": 1160}, ""),
    ("mssfix over TCP", clamped_mss, {"option": "mssfix 1000", "proto": "tcp", "expected": 934}, ""),
    ("mssfix with CBC", clamped_mss, {"option": "mssfix 1000", "cipher": "AES-128-CBC", "expected": 915}, "later"),
    ("tun-mtu 1300", mtu, {"size": 1300}, ""),
    ("tun-mtu 9000", mtu, {"size": 9000}, ""),
    ("comp-lzo framing", compression_framing, FRAMES, "later"),
    ("compress stub-v2", compression_framing, STUB2, "later"),
    ("login, right", login, {"is_right": True}, "quick later-server"),
    ("login, wrong", login, {"is_right": False}, "later-server"),
    ("login without certificate", login, {"is_right": True, "with_certificate": False}, "later-server"),
    ("token in place of the password", token, {}, "alone later"),
    ("revoked client", revoked, {}, ""),
    ("fingerprints", fingerprint, {}, ""),
    ("metadata script", metadata_script, {}, "later-server"),
    ("keys made by adit", keys_of_adit, {}, "adit"),
]
