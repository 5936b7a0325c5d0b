#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A VPN between two programs: which program plays which end is a parameter, everything else is option lines.

Option lines are written as in a configuration file, without leading dashes. They reach the program as a file with paths
(--config), as a file with everything inline, or on the command line, so that every way in is used.
"""
import os
import shlex
import subprocess
import sys

from lab import HERE, LabError, Namespace, compare_snapshots, transfer, until

UP = r"Initialization Sequence Completed"
NET4, NET6 = "10.99.0", "fd99::"
INLINE = ("ca", "cert", "key", "tls-auth", "tls-crypt", "secret", "crl-verify")
SERVER_HAS_KEYS = "Data Channel: cipher"
SERVER4, SERVER6 = "10.99.0.1", "fd99::1"


class Program:
    """One implementation: its name, its path, and options that only it needs."""

    def __init__(self, name, path, extra=()):
        self.name, self.path, self.extra = name, path, list(extra)

    @property
    def is_adit(self):
        return self.name == "adit"


def words(lines):
    """Option lines as an argument vector."""
    out = []
    for line in lines:
        first, *rest = shlex.split(line)
        out += ["--" + first] + rest
    return out


def inline(lines):
    """The same options with every key and certificate inside the file itself."""
    out = []
    for line in lines:
        name, *rest = shlex.split(line)
        if name not in INLINE or not os.path.isfile(rest[0]):
            out.append(line)
            continue
        with open(rest[0]) as f:
            out.append(f"<{name}>\n{f.read().strip()}\n</{name}>")
        if name in ("tls-auth", "secret") and len(rest) > 1:
            out.append(f"key-direction {rest[1]}")
    return out


class Context:
    """What a case gets: a laboratory, keys, and the program of each end."""

    def __init__(self, lab, pki, server, client, is_quick=False):
        self.lab, self.pki, self.server, self.client, self.is_quick = lab, pki, server, client, is_quick

    def start(self, ns: Namespace, program: Program, name, lines, via="file", **more):
        """Starts one end; name becomes the name of its log."""
        lines = list(lines) + program.extra
        if via == "inline":
            lines, via = inline(lines), "file"
        if via == "file":
            path = self.lab.path(f"{name}.conf", "\n".join(lines) + "\n")
            return ns.start(name, [program.path, "--config", path], **more)
        return ns.start(name, [program.path] + words(lines), **more)


def udp_or_tcp(proto, family, is_server):
    role = "" if proto == "udp" else "-server" if is_server else "-client"
    return f"{proto}{family}{role}"


class Relay:
    """A forwarder between a client and the server that changes its address and loses packets on command (relay.py)."""

    def __init__(self, ns, listen, server, *mode):
        self.proc = ns.start("relay", [sys.executable, "-I", os.path.join(HERE, "relay.py"), *listen, *server, *mode],
                             stdin=subprocess.PIPE)
        self.proc.wait_for("^relaying")

    def tell(self, *command):
        """Gives a command and waits until it has taken effect: float ADDRESS PORT, cut, join, faults KEY=VALUE ..."""
        mark = self.proc.mark()
        self.proc.popen.stdin.write((" ".join(str(c) for c in command) + "\n").encode())
        self.proc.wait_for("^done", since=mark)


class Tunnel:
    """A server and its clients, each in a namespace of its own, joined by veth pairs (client n by link n)."""

    def __init__(self, cx, proto="udp", family=4, wrap="none", cert="ecdsa", cipher="AES-256-GCM", via="file",
                 server=(), client=(), without=()):
        """`server` and `client` are further option lines; `without` names options of the base set to leave out."""
        self.cx, self.proto, self.family, self.cert, self.via = cx, proto, family, cert, via
        self.wrap_server, self.wrap_client = cx.pki.wrap(wrap)
        self.more_server, self.more_client, self.without = list(server), list(client), set(without)
        self.cipher = cipher
        self.s = cx.lab.space("s")
        self.server, self.clients, self.before, self.remotes = None, {}, {}, {}

    def _keep(self, lines):
        return [x for x in lines if x.split()[0] not in self.without]

    def server_lines(self):
        return self._keep([
            f"proto {udp_or_tcp(self.proto, self.family, True)}", "port 1194", "dev tun", "topology subnet",
            f"server {NET4}.0 255.255.255.0", f"server-ipv6 {NET6}/64", "dh none", "keepalive 10 60", "verb 3",
            "ping-timer-rem", f"data-ciphers {self.cipher}", *self.cx.pki.options(self.cert, "server"),
        ]) + self.wrap_server + self.more_server

    def client_lines(self, n=1, name="client", remote=None):
        remote = remote or self.remotes.get(n) or (f"10.66.{n}.1" if self.family == 4 else f"fd66:{n}::1")
        return self._keep([
            "client", f"proto {udp_or_tcp(self.proto, self.family, False)}", "dev tun", "nobind",
            f"remote {remote} 1194", "remote-cert-tls server", "verb 3", "resolv-retry 5", "connect-retry 1 2",
            f"data-ciphers {self.cipher}",
            *self.cx.pki.options(self.cert, name),
        ]) + self.wrap_client + self.more_client

    def client_space(self, n=1):
        """The namespace of client n, linked to the server's on first use."""
        name = f"c{n}"
        if name not in self.cx.lab.spaces:
            already = self.s.snapshot() if "s" in self.before else None
            self.cx.lab.link(self.s, self.cx.lab.space(name), n)
            if already is not None:  # the link is ours, so it belongs to what must still be there at the end
                self.before["s"] += [x for x in self.s.snapshot() if x not in already]
        return self.cx.lab.space(name)

    def relay(self):
        """Puts client 1 behind a relay, for TCP one that cuts the stream into pieces.

        Its side to the server has the addresses .2 to .9.
        """
        m, c = self.cx.lab.space("mid"), self.cx.lab.space("c1")
        self.cx.lab.link(self.s, m, 1)
        self.cx.lab.link(m, c, 2)
        for host in range(3, 10):
            m.ip("addr", "add", f"10.66.1.{host}/24", "dev", "s")
            m.ip("addr", "add", f"fd66:1::{host}/64", "dev", "s", "nodad")
        near, far = ("10.66.2.1", "10.66.1.1") if self.family == 4 else ("fd66:2::1", "fd66:1::1")
        self.remotes[1] = near
        return Relay(m, (near, "1194"), (far, "1194"), *(["tcp"] if self.proto == "tcp" else []))

    def start_server(self, extra=(), **more):
        self.client_space(1)
        self.before.setdefault("s", self.s.snapshot())
        lines = self.server_lines() + list(extra)
        self.server = self.cx.start(self.s, self.cx.server, "server", lines, self.via, **more)
        self.server.wait_for(UP)
        return self.server

    def start_client(self, n=1, name="client", extra=(), remote=None, program=None, wait=True, **more):
        ns = self.client_space(n)
        self.before.setdefault(f"c{n}", ns.snapshot())
        mark = self.server.mark() if self.server else 0
        p = self.cx.start(ns, program or self.cx.client, f"client{n}",
                          self.client_lines(n, name, remote) + list(extra), self.via, **more)
        self.clients[n] = p
        if wait:
            p.wait_for(UP)
            self.wait_server_keys(mark)
        return p

    def wait_server_keys(self, mark):
        """openvpn's server answers the push request a turn before it can open data: a quick client's first packet is lost."""
        if self.server and not self.cx.server.is_adit and self.server.poll() is None:
            until(lambda: SERVER_HAS_KEYS in self.server.log()[mark:], 3)

    def up(self):
        self.start_server()
        self.start_client()
        return self

    @property
    def client(self):
        return self.clients[1]

    def address(self, n=1, family=4):
        """The address that client n got inside the tunnel."""
        net = NET4 if family == 4 else NET6
        for d in self.cx.lab.space(f"c{n}").ip_json("addr"):
            for a in d["addr_info"]:
                if a.get("local", "").startswith(net):
                    return a["local"]
        raise LabError(f"client {n} has no address in {net}")

    def device(self, ns):
        """The name of the one tunnel device in a namespace."""
        found = [d["ifname"] for d in ns.ip_json("link") if d["ifname"].startswith(("tun", "tap", "ovpn", "adit"))]
        if len(found) != 1:
            raise LabError(f"{ns.name}: devices {found}")
        return found[0]

    def check_pings(self, n=1, **more):
        c = self.cx.lab.space(f"c{n}")
        if not self.cx.server.is_adit:
            c.wait_ping(SERVER4)  # after a restart, wait_server_keys() has not been asked
        c.expect_ping(SERVER4, **more)
        c.expect_ping(SERVER6, **more)
        self.s.expect_ping(self.address(n, 4), **more)

    def check_transfer(self, up=True, family=4, megabytes=32):
        """A transfer with a comparison of hashes from client to server (up) or back."""
        c = self.client_space(1)
        if up:
            return transfer(c, self.s, SERVER4 if family == 4 else SERVER6, megabytes)
        return transfer(self.s, c, self.address(1, family), megabytes)

    def close(self):
        """Ends all clients, then the server, by SIGTERM: status 0 and nothing left behind."""
        for n, p in self.clients.items():
            if p.poll() is None:
                end(p)
                compare_snapshots(self.before[f"c{n}"], self.cx.lab.space(f"c{n}").snapshot(), f"client {n}")
        if self.server and self.server.poll() is None:
            end(self.server)
            compare_snapshots(self.before["s"], self.s.snapshot(), "server")


def end(proc):
    status = proc.stop()
    if status != 0:
        raise LabError(f"{proc.name}: exit status {status} after SIGTERM")


def status_file_clients(path):
    """The names of the clients in a status file of version 1, or None before there is one."""
    try:
        with open(path) as f:
            text = f.read()
    except FileNotFoundError:
        return None
    body = text.split("Connected Since\n", 1)[-1].split("ROUTING TABLE", 1)[0]
    return [line.split(",")[0] for line in body.splitlines() if "," in line]
