#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios of a site's policy and of the program as such: addresses, routes, scripts, signals."""
import os
import re
import signal
import socket

from lab import LabError, Skip, compare_snapshots, expect, until
from tunnel import NET4, SERVER4, UP, Tunnel, end, status_file_clients

# ---------------------------------------------------------------------------------------------------- policy


def client_config_dir(cx):
    """ifconfig-push and iroute: the client gets its address, and the net behind it is reached."""
    os.mkdir(cx.lab.path("ccd"))
    cx.lab.path("ccd/client", f"ifconfig-push {NET4}.77 255.255.255.0\nifconfig-ipv6-push fd99::77/64\n"
                              "iroute 10.55.1.0 255.255.255.0\niroute-ipv6 fd55:1::/64\n")
    t = Tunnel(cx, server=[f"client-config-dir {cx.lab.path('ccd')}", "route 10.55.1.0 255.255.255.0",
                           "route-ipv6 fd55:1::/64"])
    c = t.client_space(1)
    c.ip("addr", "add", "10.55.1.1/24", "dev", "lo")
    c.ip("addr", "add", "fd55:1::1/64", "dev", "lo")
    t.up()
    expect((t.address(), t.address(1, 6)) == (f"{NET4}.77", "fd99::77"), f"addresses {t.address()} {t.address(1, 6)}")
    t.s.expect_ping("10.55.1.1", count=5, source=SERVER4)
    t.s.expect_ping("fd55:1::1", count=5)
    t.check_pings()
    t.close()


def addresses_remembered(cx):
    """ifconfig-pool-persist: clients that come back in another order, after a restart, get what they had."""
    pool = cx.lab.path("pool")
    t = Tunnel(cx, server=[f"ifconfig-pool-persist {pool} 1"], client=["explicit-exit-notify 1"])
    t.start_server()
    for n, name in ((1, "client"), (2, "client2")):
        t.start_client(n, name)
    had = t.address(1), t.address(2)
    t.close()
    with open(pool) as f:
        text = f.read()
    expect(re.search(rf"^client2,{re.escape(had[1])},", text, re.M), f"the file says {text!r}")
    t.start_server()
    for n, name in ((2, "client2"), (1, "client")):
        t.start_client(n, name)
    expect((t.address(1), t.address(2)) == had, f"{had} became {t.address(1)}, {t.address(2)}")
    t.close()


def scripts_of_server(cx):
    """client-connect may push more, client-disconnect learns what went through, learn-address sees the address."""
    log = cx.lab.path("hooks")
    connect = cx.lab.path("connect.sh", f'#!/bin/sh\necho "connect $common_name $ifconfig_pool_remote_ip" >>{log}\n'
                          'echo "push \\"route 10.123.0.0 255.255.0.0\\"" >"$1"\n', 0o700)
    gone = cx.lab.path("gone.sh", f'#!/bin/sh\necho "disconnect $common_name $bytes_received" >>{log}\n', 0o700)
    learn = cx.lab.path("learn.sh", f'#!/bin/sh\necho "learn $1 $2 $3" >>{log}\n', 0o700)
    t = Tunnel(cx, server=["script-security 2", f"client-connect {connect}", f"client-disconnect {gone}",
                           f"learn-address {learn}"], client=["explicit-exit-notify 1"]).up()
    t.check_pings()
    expect("10.123.0.0/16" in t.client_space(1).ip("route"), "the route of the script is missing")
    end(t.client)

    def hooks():
        with open(log) as f:
            return f.read()
    until(lambda: "disconnect" in hooks(), 20)
    for line in (rf"^connect client {NET4}\.2$", r"^disconnect client [1-9]\d+$", rf"^learn add {NET4}\.2 client$"):
        expect(re.search(line, hooks(), re.M), f"no /{line}/ in {hooks()!r}")
    t.close()


def scripts_of_client(cx):
    """up, route-up and down with openvpn's arguments and environment."""
    log = cx.lab.path("hooks")
    lines = []
    for kind in ("up", "route-up", "down"):
        text = f'#!/bin/sh\necho "{kind} $script_type $dev $ifconfig_local $trusted_ip $*" >>{log}\n'
        script = cx.lab.path(f"{kind}.sh", text, 0o700)
        lines.append(f"{kind} {script}")
    t = Tunnel(cx, client=["script-security 2", *lines]).up()
    t.check_pings()
    t.close()
    with open(log) as f:
        text = f.read()
    for line in (rf"^up up tun0 {NET4}\.2 10\.66\.1\.1 tun0 1500 0 {NET4}\.2 255\.255\.255\.0 init$",
                 rf"^route-up route-up tun0 {NET4}\.2 10\.66\.1\.1 ?$",
                 rf"^down down tun0 {NET4}\.2 10\.66\.1\.1 tun0 .* init$"):
        expect(re.search(line, text, re.M), f"no /{line}/ in {text!r}")


def pull_filter(cx):
    t = Tunnel(cx, server=['push "route 10.121.0.0 255.255.0.0"', 'push "route 10.122.0.0 255.255.0.0"'],
               client=['pull-filter ignore "route 10.121"']).up()
    routes = t.client_space(1).ip("route")
    expect("10.122.0.0/16" in routes and "10.121.0.0/16" not in routes, routes)
    t.check_pings()
    t.close()


FAR = "10.55.8.8"  # the server's address where it is reached by the client's default route only


def far_server(cx, server, **more):
    """A tunnel to a server that is not on the client's own link, so that redirect-gateway needs a route to it."""
    t = Tunnel(cx, server=[f"local {FAR}", *server], **more)
    t.client_space(1).ip("route", "add", "default", "via", "10.66.1.1")
    t.s.ip("addr", "add", f"{FAR}/32", "dev", "lo")
    t.remotes[1] = FAR
    return t


def redirect_gateway(cx):
    """redirect-gateway def1: everything goes through the tunnel, the server itself does not; all gone afterwards."""
    t = far_server(cx, ['push "redirect-gateway def1 ipv6"'])
    c = t.client_space(1)
    t.s.ip("addr", "add", "10.55.9.9/32", "dev", "lo")
    t.up()
    device = t.device(c)
    for target in ("10.55.9.9", "8.8.8.8", "200.1.1.1"):
        expect(f"dev {device}" in c.ip("route", "get", target), c.ip("route", "get", target))
    expect(f"dev {device}" not in c.ip("route", "get", FAR), "the server is routed into its own tunnel")
    expect(f"dev {device}" in c.ip("-6", "route", "get", "2001:db8::1"), "IPv6 does not go through the tunnel")
    c.expect_ping("10.55.9.9", count=5)
    t.check_pings()
    t.close()


def next_remote(cx, proto):
    """The first remote is silent or refuses, the second one serves."""
    t = Tunnel(cx, proto=proto, without=["remote"],
               client=["connect-timeout 2", "hand-window 3", "remote 10.66.1.1 1194"])
    t.more_client.insert(0, "remote 10.66.1.1 1199")
    t.start_server()
    t.start_client(wait=False).wait_for(UP)
    t.check_pings()
    t.close()


def goes_idle(cx, option, limit):
    """The client ends by itself, with status 0, and leaves nothing."""
    t = Tunnel(cx, server=["ping 0"] if option.startswith("ping") else [], client=[option],
               without=["keepalive"]).up()
    p = t.client
    if option.startswith("ping"):
        t.server.send_signal(signal.SIGSTOP)
    expect(p.wait(limit) == 0, f"exit status {p.poll()}")
    t.server.send_signal(signal.SIGCONT)
    compare_snapshots(t.before["c1"], t.client_space(1).snapshot(), "client")
    t.close()


def many_clients(cx):
    """Forty clients at once from one host; all are served, and all are gone after their goodbye."""
    count = 40
    status = cx.lab.path("status")
    t = Tunnel(cx, wrap="crypt", server=["duplicate-cn", f"status {status} 1"],
               client=["ifconfig-noexec", "route-noexec", "explicit-exit-notify 1"])
    t.start_server()
    started = [t.start_client(wait=False) for _ in range(count)]
    for p in started:
        p.wait_for(UP, timeout=60)
    expect(until(lambda: len(status_file_clients(status) or ()) == count, 20), f"status: {status_file_clients(status)}")
    addresses = {re.search(r"ifconfig (10\.\S+)", p.log()).group(1) for p in started}
    expect(len(addresses) == count, f"{len(addresses)} different addresses")
    for p in started:
        p.send_signal(signal.SIGTERM)
    for p in started:
        expect(p.wait(20) == 0, f"exit status {p.poll()}")
    expect(until(lambda: status_file_clients(status) == [], 30), f"{len(status_file_clients(status))} clients left")
    t.close()


def same_port_again(cx):
    """A client killed without a word and started again from the same address and port is served at once."""
    t = Tunnel(cx, client=["lport 5000"], without=["nobind"]).up()
    t.check_pings()
    t.client.kill()
    t.start_client()
    t.check_pings()
    t.close()


# ---------------------------------------------------------------------------------------------------- as a program


def management(cx):
    """The control socket of the server: status, and a client is thrown out by name."""
    path = cx.lab.path("m.sock")
    t = Tunnel(cx, server=[f"management {path} unix", "keepalive 1 3"], without=["keepalive"]).up()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        text = ""

        def ask(command, until_line):
            nonlocal text
            text = ""
            s.sendall(command.encode() + b"\r\n")
            while not re.search(until_line, text, re.M):
                text += s.recv(65536).decode()
            return text

        expect("10.99.0.2,client," in ask("status", r"^END"), f"status: {text!r}")
        expect("Management" in ask("version", r"^END") or "OpenVPN Version" in text, f"version: {text!r}")
        mark = t.client.mark()
        ask("kill client", r"^SUCCESS: common name 'client' found, 1 client\(s\) killed")
        t.client.wait_for(r"SIGUSR1\[soft|process restarting", since=mark, timeout=20)
        t.client.wait_for(UP, since=mark)
        expect(re.search(r"^ERROR:", ask("kill nobody", r"^(SUCCESS|ERROR):"), re.M), f"kill nobody: {text!r}")
    t.check_pings()
    t.close()


def status_versions(cx, version):
    path = cx.lab.path("status")
    t = Tunnel(cx, server=[f"status {path} 1", f"status-version {version}"]).up()
    mark = {2: ",", 3: "\t"}[version]

    def line():
        try:
            with open(path) as f:
                words = ("CLIENT_LIST", "client", r"(?:udp4:)?10\.66\.1\.2:\d+", r"10\.99\.0\.2", "fd99::1000", ".*")
                return re.search("^" + mark.join(words), f.read(), re.M)
        except FileNotFoundError:
            return None
    expect(until(line, 20), "no line CLIENT_LIST in the status file")
    count = len(line().group(0).split(mark))
    expect(count == 13, f"the line has {count} fields")
    t.close()


def daemon(cx):
    """daemon, log and writepid: the first process ends with 0 soon, the daemon is ended by its id."""
    pid_file, log = cx.lab.path("pid"), cx.lab.path("daemon.log")
    t = Tunnel(cx)
    t.start_server()
    t.before["c1"] = t.client_space(1).snapshot()
    p = t.start_client(wait=False, extra=["daemon adit-test", f"log {log}", f"writepid {pid_file}"])
    expect(p.wait(20) == 0, f"exit status {p.poll()}")
    expect(until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) > 1, 10), "no pid file")
    with open(pid_file) as f:
        pid = int(f.read())
    cx.lab.adopt(pid)

    def says(word):
        with open(log) as f:
            return word in f.read()
    expect(until(lambda: says(UP), 20), "the daemon does not come up")
    t.check_pings()
    os.kill(pid, signal.SIGTERM)
    expect(until(lambda: not os.path.exists(f"/proc/{pid}"), 20), "the daemon does not end")
    compare_snapshots(t.before["c1"], t.client_space(1).snapshot(), "daemon")
    t.close()


def without_rights(cx):
    """user and group: what is written goes on being written, and neither routes nor a pid file stay behind."""
    with open("/proc/self/uid_map") as f:
        if f.read().split()[2] == "1":
            raise Skip("there is only one user in this namespace")
    folder = cx.lab.path("var")
    os.mkdir(folder)
    for place in (cx.lab.dir, folder):
        os.chmod(place, 0o755)  # to be entered by everybody, to be written by root
    pid_file, status, pool = (os.path.join(folder, x) for x in ("pid", "status", "pool"))
    t = Tunnel(cx, server=["user nobody", "group nogroup", f"writepid {pid_file}", f"status {status} 1", "keepalive 1 3",
                           f"ifconfig-pool-persist {pool} 1", "route 10.44.0.0 255.255.0.0"], without=["keepalive"]).up()
    t.check_pings()
    with open(f"/proc/{t.server.pid}/status") as f:
        expect(re.search(r"^Uid:\s+65534\s+65534\s+65534\s+65534$", f.read(), re.M), "it is not nobody")
    expect(os.path.exists(pid_file), "no pid file")
    expect(until(lambda: status_file_clients(status) == ["client"], 20), "the status file is not written any more")

    def kept():
        with open(pool) as f:
            return f.read()
    expect(until(lambda: kept().startswith("client,10.99.0.2"), 20), f"the pool file says {kept()!r}")
    t.close()
    if cx.server.is_adit:
        expect(sorted(os.listdir(folder)) == ["pool", "status"], f"left: {os.listdir(folder)}")


def hang_up(cx):
    """SIGHUP reads the configuration again: a server takes up what has changed in its file."""
    t = Tunnel(cx, server=['push "route 10.121.0.0 255.255.0.0"'], client=["explicit-exit-notify 1"]).up()
    end(t.client)
    path = cx.lab.path("server.conf")
    with open(path) as f:
        text = f.read().replace("10.121.0.0", "10.122.0.0")
    cx.lab.path("server.conf", text)
    mark = t.server.mark()
    t.server.send_signal(signal.SIGHUP)
    t.server.wait_for(r"SIGHUP\[hard,\] received, process restarting", since=mark)
    t.server.wait_for(UP, since=mark)
    t.start_client()
    expect("10.122.0.0/16" in t.client_space(1).ip("route"), "the new route is not pushed")
    t.check_pings()
    t.close()


def made_device(cx):
    """A persistent device made beforehand is used and left as it was."""
    t = Tunnel(cx, client=["dev tun5"], without=["dev"])
    t.more_server.append("dev tun")
    c = t.client_space(1)
    c.ip("tuntap", "add", "dev", "tun5", "mode", "tun")
    t.up()
    expect(t.device(c) == "tun5", t.device(c))
    t.check_pings()
    end(t.client)
    expect(any(d["ifname"] == "tun5" for d in c.ip_json("link")), "the device is gone")
    left = [a["local"] for d in c.ip_json("addr", "show", "tun5") for a in d.get("addr_info", ())
            if a.get("scope") != "link"]
    expect(left == [], f"addresses left on it: {left}")
    t.close()


def exit_codes(cx):
    """The same command lines end with the same status as openvpn's."""
    program = cx.server if cx.server.is_adit else cx.client
    ns = cx.lab.space("s")
    missing = cx.lab.path("missing")
    lines = (["--version"], ["--help"], ["--no-such-option"], ["--config", missing], ["--show-ciphers"],
             ["--show-digests"],
             ["--client", "--dev", "tun", "--remote", "x", "--ca", missing], ["--genkey", "no-such-kind", missing],
             ["--dev", "tun", "--proto", "nonsense"], ["--client", "--dev", "tun"],
             ["--client", "--server", "10.0.0.0", "255.255.255.0"], [])
    wrong = []
    for line in lines:
        want, got = (ns.run([path, *line], check=False)[0] for path in (cx.pki.openvpn, program.path))
        if want != got:
            wrong.append(f"{' '.join(line) or '(nothing)'}: openvpn {want}, adit {got}")
    if wrong:
        raise LabError("; ".join(wrong))


def failed_start(cx):
    """An up script that fails ends the client with status 1; nothing of the half-made tunnel stays."""
    script = cx.lab.path("up.sh", "#!/bin/sh\nexit 1\n", 0o700)
    t = far_server(cx, ['push "redirect-gateway def1"'], client=["script-security 2", f"up {script}"])
    t.start_server()
    p = t.start_client(wait=False)
    expect(p.wait(30) == 1, f"exit status {p.poll()}")
    compare_snapshots(t.before["c1"], t.client_space(1).snapshot(), "client")
    t.close()


def crash(cx):
    """What a killed client has left behind is cleaned up by its next run."""
    t = far_server(cx, ['push "redirect-gateway def1"', "keepalive 1 3"], without=["keepalive"]).up()
    t.check_pings()
    t.client.kill()
    t.start_client()
    t.check_pings()
    t.close()


def warns(cx):
    """A client that cannot tell a server from another client says so."""
    t = Tunnel(cx, without=["remote-cert-tls"]).up()
    t.client.wait_for(r"No server certificate verification method has been enabled")
    t.close()


def talks_at_verb_4(cx):
    """The settings and the data keys are told at verb 4, and no secret is; every line of a server is about somebody."""
    t = Tunnel(cx, wrap="crypt", via="inline", server=["verb 4"], client=["verb 4"], without=["verb"]).up()
    t.check_pings()
    for p in (x for x in (t.server, t.client) if x.argv[0] == (cx.server if cx.server.is_adit else cx.client).path):
        log = p.log()
        expect("Current Parameter Settings:" in log and re.search(r"  data-ciphers AES-256-GCM", log), "no settings")
        expect(re.search(r"Data Channel: key id 0 has its keys", log), "nothing of keys")
        expect(not re.search(r"PRIVATE KEY|OpenVPN Static key|^[0-9a-f]{32}$|  +[0-9a-f]{32}$", log, re.M), "a secret")
        expect(not re.search(r"^[-0-9]+ [:0-9]+  [^ ]", log, re.M), "a line that is about nobody")
    if cx.server.is_adit:
        expect(re.search(r" 10\.66\.1\.2:\d+ VERIFY OK: depth=0", t.server.log()), "whose certificate?")
    t.close()


ADDRESS = r"10\.66\.1\.2:\d+"
NAMED = f"client/{ADDRESS}"
CHANNEL = r"Control Channel: TLSv1\.3, cipher TLSv1\.3 TLS_AES_256_GCM_SHA384, peer certificate: 256 bits ECprime256v1"
# What scripts look for, in the order in which it is said.
SERVER_SAYS = {
    "udp": (r"UDPv4 link local \(bound\): \[AF_INET\]\[undef\]:1194", r"UDPv4 link remote: \[AF_UNSPEC\]"),
    "tcp": (r"Listening for incoming TCP connection on \[AF_INET\]\[undef\]:1194",
            r"TCPv4_SERVER link local \(bound\): \[AF_INET\]\[undef\]:1194", UP,
            rf"TCP connection established with \[AF_INET\]{ADDRESS}",
            rf"{ADDRESS} TLS: Initial packet from \[AF_INET\]{ADDRESS}, sid=[0-9a-f]{{8}} [0-9a-f]{{8}}"),
}
CLIENT_OF_SERVER = (
    rf"{ADDRESS} VERIFY OK: depth=1, CN=Test CA ecdsa", rf"{ADDRESS} VERIFY OK: depth=0, CN=client",
    rf"{ADDRESS} \[client\] Peer Connection Initiated with \[AF_INET\]{ADDRESS}",
    rf"{NAMED} MULTI_sva: pool returned IPv4=10\.99\.0\.2, IPv6=fd99::1000",
    rf"{NAMED} SENT CONTROL \[client\]: 'PUSH_REPLY,.*' \(status=1\)",
    rf"{NAMED} Connection reset, restarting \[0\]|{NAMED} \[client\] Inactivity timeout \(--ping-restart\), restarting",
    rf"{NAMED} SIGUSR1\[soft,(connection-reset|ping-restart)\] received, client-instance restarting",
    r"Closing TUN/TAP interface",
)
SOMEWHERE = (rf"{ADDRESS} {CHANNEL}", rf"{ADDRESS} peer info: IV_PLAT=linux", rf"{ADDRESS} peer info: IV_CIPHERS=AES-256-GCM",
             rf"{NAMED} MULTI: Learn: 10\.99\.0\.2 -> {NAMED}", rf"{NAMED} MULTI: primary virtual IP for {NAMED}: 10\.99\.0\.2",
             rf"{NAMED} Data Channel: cipher 'AES-256-GCM', peer-id: 0", r"SIGTERM\[hard,\] received, process exiting")
CLIENT_SAYS = {
    "udp": (r"UDPv4 link local: \(not bound\)", r"UDPv4 link remote: \[AF_INET\]10\.66\.1\.1:1194"),
    "tcp": (r"Attempting to establish TCP connection with \[AF_INET\]10\.66\.1\.1:1194",
            r"TCP connection established with \[AF_INET\]10\.66\.1\.1:1194", r"TCPv4_CLIENT link local: \(not bound\)",
            r"TCPv4_CLIENT link remote: \[AF_INET\]10\.66\.1\.1:1194"),
}
SERVER_OF_CLIENT = (
    r"TLS: Initial packet from \[AF_INET\]10\.66\.1\.1:1194, sid=[0-9a-f]{8} [0-9a-f]{8}",
    r"VERIFY OK: depth=1, CN=Test CA ecdsa", r"VERIFY KU OK", r"VERIFY EKU OK", r"VERIFY OK: depth=0, CN=server", CHANNEL,
    r"\[server\] Peer Connection Initiated with \[AF_INET\]10\.66\.1\.1:1194",
    r"PUSH: Received control message: 'PUSH_REPLY,.*'", r"net_addr_v4_add: 10\.99\.0\.2/24 dev tun0",
    rf"net_route_v4_add: 10\.123\.0\.0/16 via {NET4}\.1 dev \S+ table 0 metric -1", UP,
)


def says(proc, wanted, where, in_order=True):
    """Lines, each of them whole but for the time before and details behind it."""
    log, at = proc.log(), 0
    for line in wanted:
        found = re.compile(rf"^[-0-9]+ [:0-9]+ ({line})", re.M).search(log, at if in_order else 0)
        expect(found, f"{where} does not say /{line}/" + (" in its place" if at else ""))
        at = found.end()


def lines_that_are_looked_for(cx, proto):
    """Both programs say the same of one connection, as far as scripts look at it."""
    t = Tunnel(cx, proto=proto, server=["keepalive 1 3", 'push "route 10.123.0.0 255.255.0.0"'], without=["keepalive"]).up()
    t.check_pings()
    t.client.kill()
    t.server.wait_for(r"client-instance restarting", timeout=30)
    end(t.server)
    says(t.server, SERVER_SAYS[proto] + CLIENT_OF_SERVER, "the server")
    says(t.server, SOMEWHERE, "the server", in_order=False)
    says(t.client, CLIENT_SAYS[proto] + SERVER_OF_CLIENT, "the client")


def lines_of_a_refusal(cx):
    """What is said of a certificate that is not good enough begins as with openvpn, where a filter wants the beginning."""
    t = Tunnel(cx)
    t.start_server()
    t.start_client(name="client-expired", wait=False)
    t.server.wait_for(r"SIGUSR1\[soft,tls-error\] received, client-instance restarting")
    says(t.server, (rf"{ADDRESS} VERIFY ERROR: depth=0, error=certificate has expired: CN=client-expired, serial=\d+",
                    rf"{ADDRESS} TLS Error: TLS handshake failed$",
                    rf"{ADDRESS} SIGUSR1\[soft,tls-error\] received, client-instance restarting"), "the server")
    t.close()


SCENARIOS = [
    ("lines that are looked for, UDP", lines_that_are_looked_for, {"proto": "udp"}, ""),
    ("lines that are looked for, TCP", lines_that_are_looked_for, {"proto": "tcp"}, ""),
    ("lines of a refusal", lines_of_a_refusal, {}, ""),
    ("verb 4", talks_at_verb_4, {}, "adit"),
    ("client-config-dir", client_config_dir, {}, "later-server"),
    ("addresses remembered", addresses_remembered, {}, ""),
    ("scripts of the server", scripts_of_server, {}, "later-server"),
    ("scripts of the client", scripts_of_client, {}, "later-client"),
    ("pull-filter", pull_filter, {}, ""),
    ("redirect-gateway", redirect_gateway, {}, ""),
    ("next remote over UDP", next_remote, {"proto": "udp"}, ""),
    ("next remote over TCP", next_remote, {"proto": "tcp"}, ""),
    ("inactive", goes_idle, {"option": "inactive 2", "limit": 20}, ""),
    ("ping-exit", goes_idle, {"option": "ping-exit 2", "limit": 20}, ""),
    ("forty clients", many_clients, {}, ""),
    ("same port again", same_port_again, {}, "adit-server"),
    ("management", management, {}, "later-server"),
    ("status file version 2", status_versions, {"version": 2}, ""),
    ("status file version 3", status_versions, {"version": 3}, ""),
    ("daemon", daemon, {}, ""),
    ("user nobody", without_rights, {}, ""),
    ("SIGHUP", hang_up, {}, ""),
    ("device made beforehand", made_device, {}, ""),
    ("exit codes", exit_codes, {}, "adit"),
    ("failed start", failed_start, {}, "later-client"),
    ("crash of the client", crash, {}, ""),
    ("no way to tell the server", warns, {}, ""),
]
