#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The differential test with sockets at both ends: kernels make and take apart what passes through the tunnel.

Compared is what programs see: bytes, boundaries of datagrams, TOS and TTL, the urgent mark, what TCP agreed upon. The
packets themselves cannot be compared here: sequence numbers, time stamps, identification and the cutting of a stream
are the kernel's choice of the moment. Each talk says in which form it wants to have travelled. The table is at the end.
"""
import contextlib
import fcntl
import hashlib
import random
import select
import socket
import struct
import time

from diff_packets import ACK, CWR, ECE, SYN, TCP, UDP, get16
from diff_paths import bare, inside, make_room, tunnelled
from lab import LabError, expect, until

UDP_SEGMENT, UDP_GRO, IP_RECVTTL = 103, 104, 12
SO_NO_CHECK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX = 11, 101, 102
SIOCATMARK, TCP_OPTIONS_AT, TCP_MSS_AT, TCP_CE_AT = 0x8905, 5, 16, 196
WAIT_S = 10


class Talk:
    """One program at each end of a path."""

    def __init__(self, path, is_up, family, chance):
        self.path, self.family, self.chance = path, family, chance
        self.src, self.dst = path.ends(is_up)
        self.af = socket.AF_INET6 if family == 6 else socket.AF_INET
        self.head = 40 if family == 6 else 20
        self.src.seen(True), self.dst.seen(False)

    def sent(self, protocol):
        return self.src.seen(True, lambda p: self.is_of(p, protocol))

    def met(self, protocol):
        return self.dst.seen(False, lambda p: self.is_of(p, protocol))

    def is_of(self, p, protocol):
        return len(p) > self.head and p[0] >> 4 == self.family and p[6 if self.family == 6 else 9] == protocol

    def expect_form(self, protocol, is_trains=True):
        """By the fast path super-packets were read and written by whichever end is adit, else there were none."""
        sent, met = sum(bool(v.gso) for v, _ in self.sent(protocol)), sum(bool(v.gso) for v, _ in self.met(protocol))
        if self.path.name in ("plain", "cut"):
            expect(sent == met == 0, f"{sent} super-packets were sent, {met} arrived")
        elif self.path.name == "fast" and is_trains:
            expect(sent or not self.src.is_adit, "adit was given no super-packet")
            expect(met or not self.dst.is_adit, "adit wrote no super-packet")


# ---------------------------------------------------------------------------------------------------- datagrams


def datagram_sockets(talk, want_gro):
    with inside(talk.dst.ns):
        to = socket.socket(talk.af, socket.SOCK_DGRAM)
    with inside(talk.src.ns):
        frm = socket.socket(talk.af, socket.SOCK_DGRAM)
    make_room(to, 32 << 20)
    v4, v6 = (socket.IP_RECVTOS, IP_RECVTTL), (socket.IPV6_RECVTCLASS, socket.IPV6_RECVHOPLIMIT)
    for option in v6 if talk.family == 6 else v4:
        to.setsockopt(socket.IPPROTO_IPV6 if talk.family == 6 else socket.IPPROTO_IP, option, 1)
    if want_gro:
        to.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    to.bind((talk.dst.address[talk.family], 6001))
    frm.bind((talk.src.address[talk.family], 6002))
    frm.connect((talk.dst.address[talk.family], 6001))
    return frm, to


class Inbox:
    """What has arrived: each datagram with TOS, TTL and where it is from; and how many came at once at the most."""

    def __init__(self, s):
        self.s, self.got, self.most = s, [], 0
        s.settimeout(WAIT_S)

    def until(self, count):
        while len(self.got) < count:
            try:
                data, told, _, address = self.s.recvmsg(65536, 512)
            except TimeoutError:
                raise LabError(f"{len(self.got)} datagrams arrived, and not the {count} that were sent") from None
            numbers = {kind: int.from_bytes(value[:4], "little") for _, kind, value in told}
            size = numbers.pop(UDP_GRO, 0) or len(data) or 1
            pieces = [data[k:k + size] for k in range(0, len(data), size)] or [b""]
            self.most = max(self.most, len(pieces))
            self.got += [(piece, sorted(numbers.items()), address[:2]) for piece in pieces]


def segmented(talk, want_gro):
    """A sender that hands over trains (UDP_SEGMENT), with the tail shorter, as long as the others, of one byte."""
    most = talk.path.mtu - talk.head - 8
    plan = [(1200, 12077), (1200, 12000), (1, 40), (7, 63 * 7), (most, 40 * most), (most, 3 * most + 1), (500, 500),
            (500, 501), (500, 1000)]
    tos = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if talk.family == 6 else (socket.IPPROTO_IP, socket.IP_TOS)
    frm, to = datagram_sockets(talk, want_gro)
    want, inbox = [], Inbox(to)
    with frm, to:
        for k, (segment, total) in enumerate(plan):
            data = talk.chance.randbytes(total)
            want += [data[n:n + segment] for n in range(0, total, segment)]
            frm.setsockopt(*tos, k % 4)
            frm.sendmsg([data], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", segment))])
            inbox.until(len(want))
        frm.send(b"the end")
        inbox.until(len(want) + 1)
    expect([g[0] for g in inbox.got] == [*want, b"the end"], "what arrived is not what was sent")
    is_joined = want_gro and talk.path.name == "fast" and talk.dst.is_adit
    expect(inbox.most > 1 or not is_joined, "no train arrived as one")
    talk.expect_form(UDP)
    return inbox.got


GROUPS = ([0, 1, 2, *[1000] * 12, 999, *[1000] * 3], [*[1000] * 5, 1001, 0, 0, 8000, 1000],
          [500, 20000, 3, *[1200] * 8], [60000])


def singles(talk, want_gro):
    """One call each, so as to be put together by adit only; empty ones, and such as the kernel cuts into fragments."""
    frm, to = datagram_sockets(talk, want_gro)
    want, inbox = [], Inbox(to)
    with frm, to:
        for sizes in GROUPS:
            with talk.dst.halted() if talk.dst.is_adit else contextlib.nullcontext():
                with talk.src.halted():
                    for n in sizes:
                        want.append(talk.chance.randbytes(n))
                        frm.send(want[-1])
                time.sleep(0.005)
            inbox.until(len(want))
        frm.send(b"the end")
        inbox.until(len(want) + 1)
    expect([g[0] for g in inbox.got] == [*want, b"the end"], "what arrived is not what was sent")
    sent = sum(bool(v.gso) for v, _ in talk.sent(UDP))
    expect(sent == 0, f"{sent} super-packets of single datagrams")
    is_joined = talk.path.name == "fast" and talk.dst.is_adit
    expect(any(v.gso for v, _ in talk.met(UDP)) or not is_joined, "adit wrote no super-packet")
    return inbox.got


def unchecked(talk):
    """A sender that leaves the checksum away, and a receiver that is content with none."""
    frm, to = datagram_sockets(talk, False)
    with frm, to:
        if talk.family == 4:
            frm.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        else:
            frm.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_TX, 1)
            to.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
        want, inbox = [talk.chance.randbytes(n) for n in (1000, 1000, 1000, 1000, 30, 5000, 1)], Inbox(to)
        with talk.src.halted():
            for data in want:
                frm.send(data)
        inbox.until(len(want))
    expect([g[0] for g in inbox.got] == want, "what arrived is not what was sent")
    whole = [p for _, p in talk.met(UDP) if talk.family == 6 or not get16(p, 6) & 0x3FFF]
    expect(len(whole) >= 5, f"{len(whole)} packets of UDP were seen")
    expect(all(get16(p, talk.head + 6) == 0 for p in whole), "a datagram without a checksum got one")
    return inbox.got


# ---------------------------------------------------------------------------------------------------- streams


@contextlib.contextmanager
def stream(talk, address=None):
    address = address or talk.dst.address[talk.family]
    af = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(talk.dst.ns):
        listener = socket.create_server((address, 6003), family=af)
    with inside(talk.src.ns):
        a = socket.socket(af, socket.SOCK_STREAM)
    with listener, a:
        a.settimeout(WAIT_S)
        a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)  # room for what is written while nobody reads
        a.connect((address, 6003))
        listener.settimeout(WAIT_S)
        b, _ = listener.accept()
        with b:
            b.settimeout(WAIT_S)
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield a, b


class Reader:
    """Reads a stream, and notes where the urgent mark stood, in front of which reading stops, and what was urgent."""

    def __init__(self, s, is_inline=True):
        self.s, self.is_inline, self.count, self.sum, self.is_over = s, is_inline, 0, hashlib.sha256(), False
        self.marks, self.urgent = [], b""

    def step(self):
        expect(select.select([self.s], [], [], WAIT_S)[0], f"nothing more after {self.count} bytes")
        at_mark = struct.unpack("i", fcntl.ioctl(self.s, SIOCATMARK, struct.pack("i", 0)))[0]
        if at_mark and self.count not in self.marks:
            self.marks.append(self.count)
            self.urgent += b"" if self.is_inline else until(self.urgent_byte, WAIT_S)
        data = self.s.recv(1 << 18)
        self.is_over = not data
        self.count += len(data)
        self.sum.update(data)

    def urgent_byte(self):
        """None as long as it is only announced."""
        with contextlib.suppress(BlockingIOError):
            return self.s.recv(1, socket.MSG_OOB)

    def until(self, count):
        while self.count < count and not self.is_over:
            self.step()


def pump(frm, reader, data):
    """Sends while the other end reads, up to the last byte."""
    left, target = memoryview(data), reader.count + len(data)
    frm.setblocking(False)
    end_at = time.monotonic() + WAIT_S
    while left or reader.count < target:
        expect(time.monotonic() < end_at, f"the stream stalls: {target - reader.count} bytes are missing")
        readable, writable, _ = select.select([reader.s], [frm] if left else [], [], 0.1)
        if writable:
            with contextlib.suppress(BlockingIOError):
                left = left[frm.send(left):]
        if readable:
            reader.step()
    frm.settimeout(WAIT_S)


def agreed(s):
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    mss, = struct.unpack_from("=I", info, TCP_MSS_AT)
    return {"options": info[TCP_OPTIONS_AT], "scale": info[TCP_OPTIONS_AT + 1], "mss": mss}


def conversation(talk, is_inline):
    """Writes of odd sizes, urgent bytes in the middle of trains, an answer, and an end behind the last byte."""
    with stream(talk) as (a, b):
        b.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, is_inline)
        there, back = Reader(b, is_inline), Reader(a)
        for size in (1, 2, 1447, 1448, 1449, 5000, 65000, 300001):
            pump(a, there, talk.chance.randbytes(size))
        for k in range(3):
            before, after = talk.chance.randbytes(40000 + k), talk.chance.randbytes(40000)
            with talk.src.halted():  # what is written meanwhile leaves in as few super-packets as the window allows
                a.sendall(before)
                a.send(b"!", socket.MSG_OOB)
                a.sendall(after)
            there.until(there.count + len(before) + len(after) + is_inline)
        pump(b, back, talk.chance.randbytes(200000))
        a.sendall(b"goodbye")
        a.shutdown(socket.SHUT_WR)
        there.until(1 << 30)
        expect(there.is_over, "the end was not heard")
        b.sendall(b"goodbye")
        b.shutdown(socket.SHUT_WR)
        back.until(1 << 30)
        facts = agreed(a), agreed(b)
    expect(len(there.marks) == 3 and (is_inline or there.urgent == b"!!!"), f"urgent: {there.marks}, {there.urgent}")
    talk.expect_form(TCP)
    return there.count, there.sum.hexdigest(), there.marks, back.count, back.sum.hexdigest(), facts


MARKS = """table inet marks {
    chain out { type filter hook postrouting priority 0;
        tcp dport 6003 ip ecn 2 numgen inc mod 20 9 ip ecn set ce
        tcp dport 6003 ip6 ecn 2 numgen inc mod 20 9 ip6 ecn set ce
    }
}
"""


def congestion(talk):
    """Both ends know ECN, and every now and then a packet, or all of a super-packet, is marked on its way in."""
    for end in (talk.src, talk.dst):
        end.ns.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_ecn"])
    talk.src.ns.run(["nft", "-f", "-"], text_in=MARKS)
    try:
        with stream(talk) as (a, b):
            there = Reader(b)
            for _ in range(4):
                pump(a, there, talk.chance.randbytes(400000))
            facts = agreed(a), agreed(b)
            marked = struct.unpack_from("=I", a.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232), TCP_CE_AT)[0]
    finally:
        talk.src.ns.run(["nft", "delete", "table", "inet", "marks"])
        for end in (talk.src, talk.dst):
            end.ns.run(["sh", "-c", "echo 2 >/proc/sys/net/ipv4/tcp_ecn"])
    seen = [(p[talk.head + 13], (p[1] if talk.family == 4 else p[1] >> 4) & 3, len(p) > 500) for _, p in talk.met(TCP)]
    facts += tuple(any(what) for what in (
        [flags & (SYN | ECE | CWR) == SYN | ECE | CWR for flags, _, _ in seen],
        [tos == 2 for _, tos, is_data in seen if is_data], [tos == 3 for _, tos, is_data in seen if is_data],
        [flags & CWR and not flags & SYN for flags, _, _ in seen]))
    expect(all(facts[2:]) and marked > 0, f"ECN did not take place: {facts[2:]}, marked {marked}")
    ect = [tos in (2, 3) for _, tos, is_data in seen if is_data]
    # What is sent again does not say so; and openvpn's socket is soon full.
    expect(sum(ect) > 0.5 * len(ect), f"of {len(ect)} packets of data only {sum(ect)} say ECN")
    return there.count, there.sum.hexdigest(), facts


# ---------------------------------------------------------------------------------------------------- VXLAN


def through_vxlan(talk):
    """A VXLAN device over the path, and TCP in it, whose super-packets the kernel takes apart before the tunnel."""
    ends = [(talk.src, talk.dst, 1), (talk.dst, talk.src, 2)]
    no_sum = "udp6zerocsumtx udp6zerocsumrx" if talk.family == 6 else "noudpcsum"
    try:
        for near, far, host in ends:
            between = f"local {near.address[talk.family]} remote {far.address[talk.family]}"
            near.ns.run(["ip", "-batch", "-"], text_in=f"""
                link add vx0 type vxlan id 7 dstport 4789 {between} {no_sum}
                link set vx0 mtu {talk.path.mtu - 70} addrgenmode none up
                addr add 10.77.0.{host}/24 dev vx0
                """)
        with stream(talk, "10.77.0.2") as (a, b):
            there = Reader(b)
            pump(a, there, talk.chance.randbytes(1500000))
    finally:
        for near, _, _ in ends:
            near.ns.run(["ip", "link", "del", "vx0"], check=False)
    seen = [p for _, p in talk.met(UDP) if get16(p, talk.head + 2) == 4789]
    # A tap is not told of super-packets inside of tunnels, which only pass where nothing takes them apart.
    expect((len(seen) > 1000 or talk.path.name == "whole") and all(get16(p, talk.head + 6) == 0 for p in seen),
           f"{len(seen)} packets of VXLAN, or some with a checksum")
    return there.count, there.sum.hexdigest()


TALKS = [
    ("UDP in trains", segmented, {"want_gro": False}),
    ("UDP in trains, received in trains", segmented, {"want_gro": True}),
    ("UDP singly", singles, {"want_gro": False}),
    ("UDP singly, received in trains", singles, {"want_gro": True}),
    ("UDP without checksum", unchecked, {}),
    ("TCP, urgent bytes inside", conversation, {"is_inline": True}),
    ("TCP, urgent bytes beside", conversation, {"is_inline": False}),
    ("TCP with ECN", congestion, {}),
    ("VXLAN", through_vxlan, {}),
]


def talk_all(path, faults):
    out = {}
    for is_up in (True, False):
        for family in (4, 6):
            for name, func, args in TALKS:
                key = f"{name}, IPv{family}, {'up' if is_up else 'down'}"
                try:
                    out[key] = func(Talk(path, is_up, family, random.Random(key)), **args)
                except (LabError, OSError) as e:
                    faults.append(f"{key}, path {path.name}: {type(e).__name__}: {e}")
    return out


def talks(cx):
    faults, told = [], {}
    is_proof = cx.server.is_adit and cx.client.is_adit  # of the reference, which is the same for all
    for is_cut in (True, False) if is_proof else (True,):
        with bare(cx, is_cut) as path:
            told[path.name] = talk_all(path, faults)
    for is_fast in (True, False):
        with tunnelled(cx, is_fast) as path:
            told[path.name] = talk_all(path, faults)
    for name, got in told.items():
        faults += [f"{key}, path {name}: {str(got[key])[:300]} instead of {str(want)[:300]}"
                   for key, want in told["cut"].items() if key in got and got[key] != want]
    expect(not faults, f"{len(faults)} differ\n" + "\n".join(faults))
    return f"{len(told['cut'])} talks, each by {3 + is_proof} paths"


# name, function, arguments, marks: as in scenarios.py
SCENARIOS = [
    ("differential/talks", talks, {}, "adit quick"),
]
