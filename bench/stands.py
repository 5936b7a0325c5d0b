#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Columns, and what stands for one while it is measured: two namespaces, a cable, and a tunnel or none.

Several stands share one laboratory, so that all columns of a row can be up at once and be measured right after each
other. Idle ones cost a ping every ten seconds.
"""
import dataclasses
import os
import re
import subprocess

import lab
from tunnel import SERVER4, SERVER6, UP, Context, Program, Tunnel

UNIT_CAPABILITIES = "-all," + ",".join("+" + c for c in (  # of Debian's openvpn-server@.service
    "ipc_lock", "net_admin", "net_bind_service", "net_raw", "setgid", "setuid", "setpcap", "sys_chroot", "dac_override",
    "audit_write"))
# What openvpn is known and was seen to gain by (doc/performance.md). adit has to find its own settings.
TUNED = {"udp": ["fast-io", "sndbuf 2097152", "rcvbuf 2097152", "txqueuelen 1000"],
         "tcp": ["socket-flags TCP_NODELAY", "txqueuelen 1000"]}
CLIENT4 = "10.99.0.2"
UP_S = 15  # in which a tunnel is up, or never


@dataclasses.dataclass(frozen=True)
class Scene:
    """How the tunnel is made: what is the same at both ends and for every program that can do it."""
    proto: str = "udp"
    family: int = 4
    wrap: str = "crypt"
    cipher: str = "AES-256-GCM"
    mtu: int = 1420
    inside: int = 4           # the family of what goes through the tunnel
    is_crowded: bool = False  # room for thousands of clients


@dataclasses.dataclass(frozen=True)
class Column:
    """Who is at which end. Programs are names: adit, openvpn, wireguard-go, or None for a bare cable."""
    key: str
    text: str
    server: str
    client: str
    scene: Scene = Scene()
    options: tuple = ()       # more option lines, of both ends
    capabilities: str = ""    # setpriv's --bounding-set
    is_tuned: bool = True     # openvpn with its best usual settings


class Place:
    """A corner of the laboratory: the names of spaces and files are its own."""

    def __init__(self, whole, mark):
        self.whole, self.mark, self.spaces = whole, mark, {}

    def space(self, name):
        if name not in self.spaces:
            self.spaces[name] = self.whole.space(f"{self.mark}{name}")
        return self.spaces[name]

    def link(self, a, b, number=1, mtu=1500):
        self.whole.link(a, b, number, mtu)

    def path(self, name, text=None, mode=0o600):
        return self.whole.path(f"{self.mark}-{name}", text, mode)


class Programs:
    """The programs by name, and what they can."""

    def __init__(self, adit, openvpn, is_same=False, capabilities=""):
        self.paths = {"adit": openvpn if is_same else adit, "openvpn": openvpn}
        self.is_same, self.capabilities = is_same, capabilities
        self.help = {name: self._ask(name, "--help") for name in self.paths}
        self.folder = None  # for wrappers

    def _ask(self, name, option):
        done = subprocess.run([self.paths[name], option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout

    def version(self, name):
        return re.sub(r" x86_64.*", "", (self._ask(name, "--version").splitlines() or [name])[0])

    def missing(self, column):
        """What a column needs and is not there; None if all is."""
        for name in {column.server, column.client} - {None}:
            if name == "wireguard-go":
                absent = [x for x in ("wireguard-go", "wg") if not lab.shutil.which(x)]
                if absent:
                    return f"{absent[0]} is not installed"
            elif not os.access(self.paths[name], os.X_OK):
                return f"there is no program at {self.paths[name]}"
        if self.is_same and column.options:
            return "openvpn is measured against itself"
        for line in column.options:
            if f"--{line.split()[0]} " not in self.help["adit"]:
                return f"this adit does not know `{line.split()[0]}`"
        if (column.capabilities or self.capabilities) and not lab.shutil.which("setpriv"):
            return "setpriv is not installed"
        return None

    def get(self, name, column):
        """The program for one end of a column: under its capabilities, with openvpn's best settings."""
        path, extra = self.paths[name], list(column.options) if name == "adit" else []
        if name == "openvpn" or self.is_same:
            extra += ["disable-dco"] + (TUNED[column.scene.proto] if column.is_tuned else [])
        capabilities = column.capabilities or self.capabilities
        if capabilities:
            wrapper = os.path.join(self.folder, f"{name}-{column.key}")
            with open(os.open(wrapper, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), "w") as f:
                f.write(f"#!/bin/sh\nexec setpriv --bounding-set={capabilities} {path} \"$@\"\n")
            path = wrapper
        return Program("again" if self.is_same and name == "adit" else name, path, extra)


class Stand:
    """A bare cable: what the machine gives without any VPN. Others put a tunnel into it."""

    server = client = None

    def __init__(self, place, column, programs, pki):
        self.place, self.column, self.programs, self.pki = place, column, programs, pki
        self.s = place.space("s")
        self.server4, self.server6, self.client4 = "10.66.1.1", "fd66:1::1", "10.66.1.2"
        self.host_behind = None

    def behind(self):
        """A host that the client forwards for, under its own address; made when it is first needed."""
        if not self.host_behind:
            self.host_behind = self.place.space("c2")
            self.place.link(self.c, self.host_behind, 7, self.column.scene.mtu)
            self.c.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
            self.c.run(["nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; "
                        "add rule ip nat out ip saddr 10.66.7.2 masquerade"])
            self.host_behind.ip("route", "add", self.server4, "via", "10.66.7.1")
        return self.host_behind

    @property
    def c(self):
        return self.place.space("c1")

    def up(self):
        self.place.link(self.s, self.c, 1, self.column.scene.mtu)
        return self

    def ends(self):
        return [p for p in (self.client, self.server) if p]

    def cpu_s(self):
        """Processor seconds of the client and of the server so far."""
        return [p.cpu_s() for p in self.ends()]

    def pin(self):
        """The ends on different cores, as far as there are two."""
        cores = sorted(os.sched_getaffinity(0))
        for p, core in zip(self.ends(), cores):
            for task in os.listdir(f"/proc/{p.pid}/task"):
                os.sched_setaffinity(int(task), {core})

    def end(self):
        for p in self.ends():
            p.kill()
        for ns in filter(None, (self.s, self.c, self.host_behind)):
            self.place.whole.spaces.pop(ns.name, None)
            subprocess.run(["ip", "netns", "del", ns.full], stderr=subprocess.DEVNULL)


class OpenvpnStand(Stand):
    def __init__(self, place, column, programs, pki):
        super().__init__(place, column, programs, pki)
        scene = column.scene
        cx = Context(place, pki, programs.get(column.server, column), programs.get(column.client, column))
        both = [f"tun-mtu {scene.mtu}", "verb 3", f"data-ciphers {scene.cipher}"]
        crowd = ["server 10.99.0.0 255.255.0.0", "duplicate-cn", "max-clients 20000",
                 "connect-freq-initial 1000000 1"] if scene.is_crowded else []
        self.t = Tunnel(cx, proto=scene.proto, family=scene.family, wrap=scene.wrap, cipher=scene.cipher,
                        server=both + crowd, client=both,
                        without={"server", "server-ipv6"} if scene.is_crowded else ())
        self.server4, self.server6, self.client4 = SERVER4, SERVER6, CLIENT4

    def start_server(self):
        self.server = self.t.start_server()
        return self.server

    def up(self):
        self.start_server()
        self.client = self.t.start_client(wait=False)
        self.client.wait_for(UP, timeout=UP_S)
        self.c.wait_ping(self.server4, timeout=UP_S)
        return self


class WireguardStand(Stand):
    def __init__(self, place, column, programs, pki):
        super().__init__(place, column, programs, pki)
        self.server4, self.server6, self.client4 = SERVER4, SERVER6, CLIENT4

    def _key(self, name):
        secret = subprocess.run(["wg", "genkey"], stdout=subprocess.PIPE, check=True, text=True).stdout
        public = subprocess.run(["wg", "pubkey"], input=secret, stdout=subprocess.PIPE, check=True, text=True).stdout
        return self.place.path(name, secret), public.strip()

    def up(self):
        self.place.link(self.s, self.c, 1, 1500)
        keys = [self._key(f"wg{i}") for i in range(2)]
        procs = []
        for i, (ns, host, far) in enumerate(((self.s, 1, "10.66.1.2"), (self.c, 2, "10.66.1.1"))):
            device = f"wg{os.getpid()}{'sc'[i]}"  # the socket named so is not in the namespace
            p = ns.start(f"wireguard-{'sc'[i]}", ["wireguard-go", "-f", device])
            if not lab.until(lambda name=device: os.path.exists(f"/var/run/wireguard/{name}.sock"), 10):
                raise lab.LabError(f"wireguard-go does not come up: {p.log()[-500:]}")
            ns.run(["wg", "set", device, "private-key", keys[i][0], "listen-port", "51820", "peer", keys[1 - i][1],
                    "allowed-ips", "0.0.0.0/0,::/0", "endpoint", f"{far}:51820"])
            ns.ip("link", "set", device, "mtu", self.column.scene.mtu, "up")
            ns.ip("addr", "add", f"10.99.0.{host}/24", "dev", device)
            ns.ip("addr", "add", f"fd99::{host}/64", "dev", device, "nodad")
            procs.append(p)
        self.server, self.client = procs
        self.c.wait_ping(self.server4, timeout=UP_S)
        return self

    def end(self):
        for p in self.ends():
            p.send_signal(lab.signal.SIGTERM)  # it takes its socket with it
            lab.until(lambda proc=p: proc.poll() is not None, 5)
        super().end()


def make(place, column, programs, pki):
    kind = {None: Stand, "wireguard-go": WireguardStand}.get(column.server, OpenvpnStand)
    return kind(place, column, programs, pki)
