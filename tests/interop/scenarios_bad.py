#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of what goes wrong: one message that names the cause, openvpn's exit status, and nothing left behind."""
import glob
import os
import re
import signal
import time

from lab import NETNS_DIR, compare_snapshots, expect, until
from tunnel import UP, Tunnel, end, words

FATAL = r"data packets are sealed by|Exiting due to fatal error|Closing TUN/TAP interface|Use --help for more information"
GREETING = r"(^| )warning: |\[SSL \(OpenSSL\)\]|Note: |library versions|DCO version|WARNING: |" \
           r"TUN/TAP device|net_|tap0|Socket Buffers"


def adit_of(cx):
    return cx.server if cx.server.is_adit else cx.client


def state_files(ns):
    """The notes of this namespace that a run of adit has left; some may be of an older one with the same number."""
    mark = f"net={os.stat(os.path.join(NETNS_DIR, ns.full)).st_ino}\n"

    def holds(path):
        try:
            with open(path) as f:
                return mark in f.read()
        except OSError:
            return False
    return {f"state file {p}" for p in glob.glob("/run/adit/*.state") if holds(p)}


def picture(ns):
    """All that a run might leave behind."""
    return ns.snapshot() + sorted(state_files(ns))


def expect_untouched(ns, before, what):
    compare_snapshots(before, picture(ns), what)


# ---------------------------------------------------------------------------------------------------- refused starts


def client_cases(cx):
    """(what, option lines, the message of adit); "-NAME" takes an option away, ca, key and server are replaced."""
    k, static = cx.pki.authority("ecdsa"), cx.pki.static()
    empty, folder = cx.lab.path("empty", ""), cx.lab.path("folder")
    os.mkdir(folder)
    return [
        ("ca missing", ["ca /no/ca"], r"ca: cannot read '/no/ca': No such file"),
        ("ca empty", [f"ca {empty}"], r"ca: the file '.*empty' is empty"),
        ("ca a folder", [f"ca {folder}"], r"ca: cannot read '.*folder': Is a directory"),
        ("ca a key", [f"ca {k}/client.key"], r"ca: '.*client\.key': no certificate .*it holds: PRIVATE KEY"),
        ("key of another", [f"key {k}/client2.key"], r"key: '.*client2\.key': does not belong to the certificate"),
        ("key a static key", [f"key {static}"], r"key: .*it holds: OpenVPN Static key V1"),
        ("no key", ["-key"], r"`cert` needs `key`"),
        ("no remote", ["-remote", "-nobind"], r"there is no remote"),
        ("tls-auth missing", ["tls-auth /no/key 1"], r"tls-auth: cannot read '/no/key'"),
        ("tls-auth a certificate", [f"tls-auth {k}/ca.crt 1"], r"not an OpenVPN static key.*it holds: CERTIFICATE"),
        ("tls-auth direction 2", [f"tls-auth {static} 2"], r"key direction can only be 0 or 1"),
        ("tls-auth and tls-crypt", [f"tls-auth {static} 1", f"tls-crypt {static}"], r"exclude each other"),
        ("server key at a client", [f"tls-crypt-v2 {cx.pki.v2_server()}"],
         r"it holds: OpenVPN tls-crypt-v2 server key"),
        ("static key as v2 key", [f"tls-crypt-v2 {static}"], r"it holds: OpenVPN Static key V1"),
        ("unknown option", ["redirect-gatway def1"], r"did you mean `redirect-gateway`"),
        ("unknown cipher", ["data-ciphers NONE-256"], r"'NONE-256' is not a data cipher"),
        ("unknown digest", ["auth NONE"], r"'NONE' is not a digest"),
        ("status in no folder", ["status /no/status 1"], r"status: cannot write '/no/status': No such file"),
        ("pid file in no folder", ["writepid /no/pid"], r"--writepid fails with '/no/pid'"),
        ("unknown user", ["user nobody-at-all"], r"nobody-at-all"),
        ("cd to no folder", ["cd /no/folder"], r"cannot change to the folder `/no/folder`: No such file"),
        ("crl-verify no folder", ["crl-verify /no/crls dir"], r"crl-verify: cannot use the folder '/no/crls'"),
    ]


def server_cases(cx):
    return [
        ("remote at a server", ["remote 10.66.1.2 1194"], r"`remote` cannot be used by a server"),
        ("client at a server", ["client"], r"TLS client and TLS server at once"),
        ("client key at a server", [f"tls-crypt-v2 {cx.pki.v2_client()}"],
         r"it holds: OpenVPN tls-crypt-v2 client key"),
        ("address of another", ["local 192.0.2.77"], r"bind 192\.0\.2\.77:1194 failed: .*no interface"),
        ("network too small", ["server 10.99.0.0 255.255.255.252"], r"netmask must be between"),
    ]


def run_refused(cx, ns, program, lines):
    """(exit status, what it said beyond its greeting and its last words)."""
    p = cx.start(ns, program, "refused", lines)
    status = p.wait(20)
    said = [x for x in p.log().splitlines() if x and not re.search(f"{FATAL}|{GREETING}", x)]
    return status, said


def refused(cx, is_server):
    """Each bad input ends openvpn and adit with status 1; adit says why in one line, and nothing is left."""
    t = Tunnel(cx)
    ns = t.s if is_server else t.client_space(1)
    t.client_space(1)
    before = picture(ns)
    wrong = []
    for what, lines, message in server_cases(cx) if is_server else client_cases(cx):
        away = {x.split()[0].lstrip("-") for x in lines if x[0] == "-" or x.split()[0] in ("ca", "key", "server")}
        base = t.server_lines() if is_server else t.client_lines()
        config = [x for x in base if x.split()[0] not in away] + [x for x in lines if x[0] != "-"]
        theirs = cx.start(ns, openvpn_of(cx), "theirs", config).wait(20)
        status, said = run_refused(cx, ns, adit_of(cx), config)
        if status != theirs or status != 1:
            wrong.append(f"{what}: status {status}, openvpn's {theirs}")
        if len(said) != 1 or not re.search(message, said[0]):
            wrong.append(f"{what}: said {said}")
    expect(not wrong, "\n".join(wrong))
    expect_untouched(ns, before, "refused starts")


def openvpn_of(cx):
    return type(adit_of(cx))("openvpn", cx.pki.openvpn, ["disable-dco"])


def no_configuration(cx):
    """A configuration that is no readable text is one message, not one for each thing that is not in it."""
    ns, adit = cx.lab.space("s"), adit_of(cx).path
    folder = cx.lab.path("dir")
    os.mkdir(folder)
    with open(cx.lab.path("junk"), "wb") as f:
        f.write(b"client\0\xff\\x\n" * 5000)
    nothing, junk = cx.lab.path("nothing"), cx.lab.path("junk")
    lines = (([nothing], "neither a command"), (["--config", nothing], "No such file"),
             (["--config", folder], "Is a directory"), (["--config", junk], "is no text"),
             (["check", junk], "is no text"))
    for argv, message in lines:
        status, out = ns.run([adit, *argv], check=False)
        said = [x for x in out.splitlines() if "Use --help" not in x and "will not start" not in x]
        expect(status == 1 and len(said) == 1 and message in said[0], f"{argv}: status {status}: {out}")


# ---------------------------------------------------------------------------------------------------- ends


def pid_files(cx):
    """The pid file goes with the program: after its end, after a start that failed, and never another's."""
    pid = cx.lab.path("pid")
    t = Tunnel(cx, client=[f"writepid {pid}"])
    t.start_server()
    p = t.start_client()
    with open(pid) as f:
        expect(int(f.read()) == p.pid, "not its id in the pid file")
    end(p)
    expect(not os.path.exists(pid), "the pid file is left after the end")
    p = t.start_client(wait=False, extra=["tls-crypt /no/key"])
    expect(p.wait(20) == 1 and not os.path.exists(pid), "the pid file is left after a failed start")
    p = t.start_client()
    with open(pid, "w") as f:
        f.write("1\n")
    end(p)
    expect(os.path.exists(pid), "the pid file of another was removed")
    t.close()


def two_signals(cx):
    """Who asks twice to end it does not cut the cleaning up short."""
    t = Tunnel(cx, server=['push "redirect-gateway def1"'])
    t.start_server()
    before = picture(t.client_space(1))
    for _ in range(10):
        p = t.start_client()
        for _ in range(20):
            p.send_signal(signal.SIGTERM)
        expect(p.wait(10) == 0, f"exit status {p.poll()}")
        expect_untouched(t.client_space(1), before, "client")
    t.close()


def signals_at_every_stage(cx):
    """SIGINT and SIGTERM end a client soon and with status 0, whatever it waits for."""
    t = Tunnel(cx, client=["connect-retry 60 60"], without=["proto", "remote", "connect-retry"])
    c = t.client_space(1)
    c.ip("neigh", "add", "10.66.1.9", "lladdr", "02:00:00:00:00:09", "dev", "s")  # hears nothing, says nothing
    before = picture(c)
    stages = {
        "connects": (["proto tcp-client", "remote 10.66.1.9 1194"], "Attempting to establish TCP"),
        "waits before it tries again": (["proto tcp-client", "remote 10.66.1.1 1199"], "Restart pause"),
        "begins TLS": (["proto udp", "remote 10.66.1.9 1194"], "UDPv4 link remote"),
    }
    for what, (lines, sign) in stages.items():
        for number in (signal.SIGINT, signal.SIGTERM):
            p = cx.start(c, cx.client, "client", t.client_lines() + lines)
            p.wait_for(sign)
            start = time.monotonic()
            p.send_signal(number)
            status = p.wait(20)
            took = time.monotonic() - start
            expect(status == 0 and took < 3, f"{number.name} while it {what}: status {status} after {took:.1f} s")
            expect_untouched(c, before, what)


def broken_at_hang_up(cx):
    """A file that was broken before SIGHUP ends the server as it ends openvpn: status 1, told once, nothing left."""
    t = Tunnel(cx)
    t.client_space(1)
    before = picture(t.s)
    p = t.start_server()
    with open(cx.lab.path("server.conf"), "a") as f:
        f.write("no-such-option 1\n")
    mark = p.mark()
    p.send_signal(signal.SIGHUP)
    expect(p.wait(20) == 1, f"exit status {p.poll()}")
    expect(p.count(r"no-such-option", since=mark) == 1, f"told {p.count('no-such-option', since=mark)} times")
    expect_untouched(t.s, before, "server")


def server_comes_back(cx):
    """A server that dies without a word is missed after ping-restart; the client is back when it is."""
    t = Tunnel(cx, server=["keepalive 1 3"], without=["keepalive"]).up()
    mark = t.client.mark()
    t.server.kill()
    t.client.wait_for(r"Inactivity timeout|ECONNREFUSED", since=mark, timeout=20)
    t.client.wait_for(r"process restarting", since=mark, timeout=20)
    mark = t.client.mark()
    t.start_server()
    t.client.wait_for(UP, since=mark, timeout=40)
    t.check_pings()
    t.close()


# ---------------------------------------------------------------------------------------------------- set-up


def set_up(cx):
    """What `adit setup` and `adit profile add` make runs at both ends in either program, and says no to the revoked."""
    adit, site = adit_of(cx).path, cx.lab.path("site")
    t = Tunnel(cx)
    c = t.client_space(1)
    before = picture(t.s), picture(c)
    t.s.run([adit, "setup", site, "--endpoint", "10.66.1.1"])
    t.s.run([adit, "profile", "add", site, "alice"])
    with open(os.path.join(site, "profiles", "alice.ovpn")) as f:
        profile = cx.lab.path("alice.ovpn", f.read())  # revoking takes away the one in the site
    for file, cwd in ((profile, cx.lab.dir), ("server.conf", site)):
        status, out = t.s.run(["sh", "-c", f"cd {cwd} && exec {adit} check {file}"], check=False)
        expect(status == 0 and out.rstrip().endswith("no errors"), f"check {file}: {out}")
    extra = words(cx.server.extra), words(cx.client.extra)
    s = t.s.start("server", [cx.server.path, "--config", "server.conf", *extra[0]], cwd=site)
    s.wait_for(UP)
    p = c.start("client", [cx.client.path, "--config", profile, *extra[1]])
    p.wait_for(UP)
    c.wait_ping("10.8.0.1")
    c.expect_ping("10.8.0.1")
    end(p)
    t.s.run([adit, "profile", "revoke", site, "alice"])
    mark = s.mark()
    p = c.start("client", [cx.client.path, "--config", profile, *extra[1]])
    expect(until(lambda: s.count(r"revoked", since=mark), 20), "the revoked client is not refused by name")
    expect(not p.count(UP), "the revoked client is in")
    end(p)
    end(s)
    expect_untouched(t.s, before[0], "server")
    expect_untouched(c, before[1], "client")


SCENARIOS = [
    ("refused starts of a client", refused, {"is_server": False}, "adit"),
    ("refused starts of a server", refused, {"is_server": True}, "adit"),
    ("no configuration", no_configuration, {}, "adit"),
    ("pid files", pid_files, {}, "adit-client"),
    ("two signals", two_signals, {}, "adit-client"),
    ("signals at every stage", signals_at_every_stage, {}, "adit-client"),
    ("broken file at SIGHUP", broken_at_hang_up, {}, "adit-server"),
    ("server comes back", server_comes_back, {}, ""),
    ("set-up and profile", set_up, {}, "adit"),
]
