#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The paths that the differential test compares, with something at each end that gives packets to the device and
something that writes down what the device gave to the kernel, in the form in which it did.

fast    a tunnel; adit takes and gives super-packets and trains
plain   a tunnel with `adit-offload none` at both ends, or at the one that is adit
cut     no tunnel: a veth pair whose sender makes the kernel take everything apart, which is what the others must equal
whole   no tunnel: a veth pair through which super-packets pass, which proves the reference that takes them apart
"""
import contextlib
import ctypes
import fcntl
import ipaddress
import os
import select
import signal
import socket
import struct
import time

import lab
from diff_packets import Ends, Vnet, split
from lab import Skip, expect
from tunnel import NET4, NET6, SERVER4, SERVER6, Tunnel

SOL_PACKET, PACKET_VNET_HDR, SO_RCVBUFFORCE = 263, 15, 33
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, PACKET_OUTGOING = 3, 0x0800, 0x86DD, 4
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
VNET_LEN, ETH_LEN, ROOM = 10, 14, 70000
WAIT_S = 2   # a bound against hanging, for what takes milliseconds
OUTER_MTU = 9300  # no outer packet is ever fragmented
CLIENT4, CLIENT6 = f"{NET4}.2", f"{NET6}1000"
NEAR = {4: CLIENT4, 6: CLIENT6}
# In a network behind the server to which neither end has a way: what comes from there or goes there provokes no answer.
BEHIND = {4: "198.51.100.7", 6: "fd51::7"}
BESIDE = {4: f"{NET4}.3", 6: f"{NET6}1001"}  # the second client
OURS = [ipaddress.ip_address(a).packed for a in (*BEHIND.values(), *BESIDE.values())]


@contextlib.contextmanager
def inside(ns):
    """This thread in another network namespace: a socket stays in the one in which it was made."""
    with contextlib.ExitStack() as stack:
        paths = ("/proc/thread-self/ns/net", os.path.join(lab.NETNS_DIR, ns.full))
        fds = [os.open(path, os.O_RDONLY) for path in paths]
        for fd in fds:
            stack.callback(os.close, fd)
        expect(lab._libc.setns(fds[1], lab.CLONE_NEWNET) == 0, f"cannot enter {ns.name}")
        try:
            yield
        finally:
            if lab._libc.setns(fds[0], lab.CLONE_NEWNET) != 0:
                os._exit(1)  # nothing must go on in a namespace that it does not know of


def tx_checksums_off(ns, device):
    """Without these a device takes no super-packets either."""
    value = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_STXCSUM, 0))
    with inside(ns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), ctypes.addressof(value)))


def make_room(s, n):
    """A receive buffer of n bytes, however small the system wants it."""
    try:
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, n)
    except PermissionError:
        raise Skip("a user namespace gives a tap no room for a burst (SO_RCVBUFFORCE)") from None


def is_ours(packet):
    """Not what kernels say to each other on a new link; what is not IP at all is ours."""
    return not packet or packet[0] >> 4 not in (4, 6) or len(packet) < 20 or any(a in packet[8:40] for a in OURS)


class End:
    """One end of a path: its namespace, its device, the program that serves it (None: no tunnel)."""

    def __init__(self, ns, device, name, proc=None, is_adit=False):
        self.ns, self.device, self.name, self.proc, self.is_adit = ns, device, name, proc, is_adit
        self.link = 0 if proc else ETH_LEN
        self.address = {4: SERVER4, 6: SERVER6} if name == "server" else {4: CLIENT4, 6: CLIENT6}
        info = ns.ip_json("link", "show", "dev", device)[0]
        self.mac = bytes.fromhex(info["address"].replace(":", "")) if self.link else b""
        self.shooter, self.tap = self.raw(0), self.raw(ETH_P_ALL)

    def raw(self, protocol):
        with inside(self.ns):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
            s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            make_room(s, 32 << 20)
            s.bind((self.device, protocol))
        s.setblocking(False)
        return s

    def shoot(self, shot, far):
        protocol = ETH_P_IPV6 if shot.packet[0] >> 4 == 6 else ETH_P_IP
        frame = far.mac + self.mac + struct.pack("!H", protocol) if self.link else b""
        head = (shot.vnet or Vnet()).pack(self.link)
        self.shooter.sendto(head + frame + shot.packet, (self.device, protocol))

    def seen(self, is_out, is_wanted=is_ours):
        """What the tap has by now: (what is said of it, its bytes), leaving out the other direction."""
        out = []
        while True:
            try:
                data, (_, protocol, kind, _, _) = self.tap.recvfrom(ROOM)
            except BlockingIOError:
                return out
            if (kind == PACKET_OUTGOING) != is_out or (self.link and protocol not in (ETH_P_IP, ETH_P_IPV6)):
                continue
            packet = data[VNET_LEN + self.link:]
            if is_wanted(packet):
                out.append((Vnet.unpack(data, self.link), packet))

    def is_halted(self):
        tasks = f"/proc/{self.proc.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat") as f:
                if f.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True

    @contextlib.contextmanager
    def halted(self):
        """What is given to it meanwhile, it finds all at once."""
        if not self.proc:
            yield
            return
        self.proc.send_signal(signal.SIGSTOP)
        try:
            end_at = time.monotonic() + WAIT_S
            while not self.is_halted():
                expect(time.monotonic() < end_at, f"{self.name} does not stop")
                time.sleep(0.0002)
            yield
        finally:
            self.proc.send_signal(signal.SIGCONT)

    def close(self):
        self.shooter.close()
        self.tap.close()


def ends_of(is_up, family, far):
    """Between whom the packets of a burst are: the client, and somebody behind or beside the server."""
    return Ends(NEAR[family], far[family]) if is_up else Ends(far[family], NEAR[family])


class Arrived:
    """What came of a burst: the packets one by one, and how many super-packets there were at each device."""

    def __init__(self, packets, n_sent, n_met, is_whole):
        self.packets, self.n_sent, self.n_met, self.is_whole = packets, n_sent, n_met, is_whole


class Path:
    def __init__(self, name, client, server, mtu):
        """Where the path is one between clients, the second takes the server's place."""
        self.name, self.client, self.server, self.mtu = name, client, server, mtu
        self.number = 0

    def ends(self, is_up):
        return (self.client, self.server) if is_up else (self.server, self.client)

    def fire(self, is_up, between, shots):
        """Gives a burst to the one device, and collects what arrives at the other up to a last packet that says so."""
        src, dst = self.ends(is_up)
        src.seen(True), dst.seen(False)
        self.number += 1
        last = between.udp(b"the last of burst %d" % self.number, ports=(65000, 65000))
        with dst.halted() if dst.is_adit else contextlib.nullcontext():
            with src.halted():
                for shot in [*shots, last]:
                    src.shoot(shot, dst)
            time.sleep(0.004 if dst.proc else 0)  # so that most of it is there when the other end goes on
        got, end_at, is_whole = [], time.monotonic() + WAIT_S, True
        while not any(last.packet in packet for _, packet in got[-3:]):
            if time.monotonic() > end_at:
                is_whole = False
                break
            select.select([dst.tap], [], [], 0.1)
            got += dst.seen(False)
        packets = [p for vnet, packet in got for p in split(vnet, packet) if p != last.packet]
        sent = src.seen(True)
        return Arrived(packets, sum(bool(v.gso) for v, _ in sent), sum(bool(v.gso) for v, _ in got), is_whole)

    def close(self):
        for end in (self.client, self.server):
            end.close()


def tunnel_options(program, mtu, is_fast):
    offload = ["adit-offload none"] if program.is_adit and not is_fast else []
    return ["mssfix 0", f"tun-mtu {mtu}", "txqueuelen 1000", *offload]


def workers_options(program, number):
    """Not as many as there are processors, so that a burst has the same way on every machine."""
    return [f"adit-workers {number}"] if program.is_adit else []


def lay_cable(cx, t, n=1):
    """The link of a client, so wide that nothing is fragmented outside."""
    if f"c{n}" not in cx.lab.spaces:
        cx.lab.link(t.s, cx.lab.space(f"c{n}"), n, mtu=OUTER_MTU)


def make_tunnel(cx, is_fast, mtu=1500, server=(), client=(), workers=1, **more):
    server_too = workers_options(cx.server, workers)
    return Tunnel(cx, server=[*tunnel_options(cx.server, mtu, is_fast), *server_too, *server],
                  client=[*tunnel_options(cx.client, mtu, is_fast), *client], **more)


@contextlib.contextmanager
def closing(path):
    try:
        yield path
    finally:
        path.close()


@contextlib.contextmanager
def tunnelled(cx, is_fast, mtu=1500, **more):
    t = make_tunnel(cx, is_fast, mtu, **more)
    lay_cable(cx, t)
    t.up()
    c = t.client_space(1)
    t.check_pings()
    own = {4: t.address(1, 4), 6: t.address(1, 6)}
    expect(own == NEAR, f"the client is {own}")
    with closing(Path("fast" if is_fast else "plain", End(c, t.device(c), "client", t.client, cx.client.is_adit),
                      End(t.s, t.device(t.s), "server", t.server, cx.server.is_adit), mtu)) as path:
        yield path
    t.close()


SILENCE = """table inet silence {
    chain out {
        type filter hook output priority 0;
        oifname "tun*" drop
    }
}
"""


@contextlib.contextmanager
def between_clients(cx, is_fast, mtu=1500, **more):
    """From one client to another by way of the server, but not of its kernel; who gets it must not answer."""
    t = make_tunnel(cx, is_fast, mtu, server=["client-to-client"], **more)
    for n in (1, 2):
        lay_cable(cx, t, n)
    t.up()
    t.start_client(2, "client2")
    t.check_pings(2)
    own = {4: t.address(2, 4), 6: t.address(2, 6)}
    expect(own == BESIDE, f"the second client is {own}")
    spaces = [t.client_space(n) for n in (1, 2)]
    for ns in spaces:
        ns.run(["nft", "-f", "-"], text_in=SILENCE)
    with closing(Path("fast" if is_fast else "plain", *(End(
            ns, t.device(ns), name, t.clients[n], cx.client.is_adit)
            for n, ns, name in zip((1, 2), spaces, ("client", "server"))), mtu)) as path:
        yield path
    for ns in spaces:
        ns.run(["nft", "delete", "table", "inet", "silence"])
    t.close()


@contextlib.contextmanager
def bare(cx, is_cut, mtu=1500):
    name = "cut" if is_cut else "whole"
    y, x = cx.lab.space(f"y-{name}"), cx.lab.space(f"x-{name}")
    cx.lab.link(y, x, 1, mtu=mtu)
    for ns, far, v4, v6 in ((y, x, SERVER4, SERVER6), (x, y, CLIENT4, CLIENT6)):
        ns.ip("addr", "add", f"{v4}/24", "dev", far.name)
        ns.ip("addr", "add", f"{v6}/64", "dev", far.name, "nodad")
        if is_cut:
            tx_checksums_off(ns, far.name)
    x.expect_ping(SERVER4, count=1)
    x.expect_ping(SERVER6, count=1)
    with closing(Path(name, End(x, y.name, "client"), End(y, x.name, "server"), mtu)) as path:
        yield path


def figures(proc):
    """Packets per call at adit's doors, as it says itself: read, send, receive, write."""
    mark = proc.mark()
    proc.send_signal(signal.SIGUSR2)
    line = proc.wait_for(r"data channel: sent .*", since=mark).group(0)
    words = line.replace(",", "").replace(";", "").split()
    return {words[k + 2]: float(words[k]) for k in range(len(words) - 2) if words[k + 1] == "per"}
