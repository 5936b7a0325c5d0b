#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inner packets for the differential test, written from the RFCs, and the reference that takes super-packets apart.

Nothing here is shared with adit, and nothing here is clever: sums are taken over every byte of every packet.
"""
import ipaddress
import struct
from dataclasses import dataclass

TCP, UDP, ICMP, ICMP6, GRE, SCTP = 6, 17, 1, 58, 47, 132
HOP, ROUTING, FRAGMENT, DEST = 0, 43, 44, 60
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
DF, MF = 0x4000, 0x2000
VNET = struct.Struct("=BBHHHH")  # struct virtio_net_hdr, of this machine's byte order
NEEDS_CSUM, GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_ECN = 1, 1, 4, 5, 0x80
CSUM_AT = {TCP: 16, UDP: 6}
DF_ID = 0x1234


def ones(data):
    """The sum of RFC 1071, not complemented."""
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def put16(packet, at, value):
    packet[at:at + 2] = struct.pack("!H", value)


def get16(packet, at):
    return struct.unpack_from("!H", packet, at)[0]


@dataclass
class Vnet:
    """What is said about a packet beside its bytes; places count from the IP header."""
    flags: int = 0
    gso: int = 0
    head: int = 0
    segment: int = 0
    start: int = 0
    at: int = 0

    def pack(self, link):
        """For a device whose packets begin with `link` bytes of another header."""
        return VNET.pack(self.flags, self.gso, self.head + link if self.head else 0, self.segment,
                         self.start + link if self.flags & NEEDS_CSUM else 0, self.at)

    @staticmethod
    def unpack(data, link):
        v = Vnet(*VNET.unpack_from(data))
        v.head, v.start = max(0, v.head - link), max(0, v.start - link)
        return v


@dataclass
class Shot:
    """One thing that is given to a device at once."""
    packet: bytes
    vnet: Vnet = None

    @property
    def is_super(self):
        return bool(self.vnet and self.vnet.gso)


class Ends:
    """A pair of addresses, and the packets from the one to the other."""

    def __init__(self, src, dst):
        self.src, self.dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        self.is_v6 = self.src.version == 6

    def pseudo(self, protocol, n):
        return self.src.packed + self.dst.packed + struct.pack("!IHBB", n, 0, 0, protocol)

    def ip(self, protocol, body, *, id=DF_ID, frag=DF, tos=0, ttl=64, options=b"", ext=(), flow=0):
        """An IP header before the body. `options` is IPv4's; `ext`, IPv6's: pairs of a number and bytes behind it."""
        if not self.is_v6:
            assert len(options) % 4 == 0
            total = 20 + len(options) + len(body)
            first = 0x45 + len(options) // 4
            head = bytearray(struct.pack("!BBHHHBBH", first, tos, total, id, frag, ttl, protocol, 0)
                             + self.src.packed + self.dst.packed + options)
            put16(head, 10, ~ones(head) & 0xFFFF)
            return bytes(head) + body
        chain, numbers = b"", [number for number, _ in ext] + [protocol]
        for (_, data), after in zip(ext, numbers[1:]):
            chain += bytes([after]) + data
        return struct.pack("!IHBB16s16s", 6 << 28 | tos << 20 | flow, len(chain) + len(body), numbers[0], ttl,
                           self.src.packed, self.dst.packed) + chain + body

    def head_len(self, more):
        if self.is_v6:
            return 40 + sum(1 + len(data) for _, data in more.get("ext", ()))
        return 20 + len(more.get("options", b""))

    def _whole(self, protocol, body, csum, more):
        """csum: True for the right one, None for zero, a number to spoil it by."""
        body = bytearray(body)
        if csum is not None:
            value = ~ones(self.pseudo(protocol, len(body)) + body) & 0xFFFF
            value = 0xFFFF if value == 0 and protocol == UDP else value
            put16(body, CSUM_AT[protocol], value if csum is True else value ^ csum)
        return Shot(self.ip(protocol, bytes(body), **more))

    def _partial(self, protocol, body, head, segment, gso, more):
        """The sum is left to the device, and, with a segment, the cutting, too."""
        body, start = bytearray(body), self.head_len(more)
        put16(body, CSUM_AT[protocol], ones(self.pseudo(protocol, len(body))))
        return Shot(self.ip(protocol, bytes(body), **more),
                    Vnet(NEEDS_CSUM, gso, start + head, segment, start, CSUM_AT[protocol]))

    @staticmethod
    def tcp_head(sport, dport, seq, flags, options, urgent, ack, window):
        assert len(options) % 4 == 0
        flags |= (20 + len(options)) // 4 << 12
        return struct.pack("!HHIIHHHH", sport, dport, seq & 0xFFFFFFFF, ack, flags, window, 0, urgent) + options

    def tcp(self, payload, *, seq=1, flags=ACK, options=b"", urgent=0, ack=77, window=4096, ports=(4001, 4002),
            csum=True, **more):
        return self._whole(TCP, self.tcp_head(*ports, seq, flags, options, urgent, ack, window) + payload, csum, more)

    def tcp_super(self, payload, segment, *, seq=1, flags=ACK, options=b"", urgent=0, ack=77, window=4096,
                  ports=(4001, 4002), ecn=False, **more):
        gso = (GSO_TCP6 if self.is_v6 else GSO_TCP4) | (GSO_ECN if ecn else 0)
        head = self.tcp_head(*ports, seq, flags, options, urgent, ack, window)
        return self._partial(TCP, head + payload, len(head), segment, gso, more)

    def udp(self, payload, *, ports=(5001, 5002), csum=True, **more):
        return self._whole(UDP, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload, csum, more)

    def udp_partial(self, payload, *, ports=(5001, 5002), **more):
        return self._partial(UDP, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload, 8, 0, 0, more)

    def udp_super(self, payload, segment, *, ports=(5001, 5002), **more):
        head = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
        return self._partial(UDP, head + payload, 8, segment, GSO_UDP, more)

    def fragments(self, shot, size, id):
        """A whole packet without extensions in pieces of `size` bytes (a multiple of eight)."""
        assert size % 8 == 0
        packet, start = shot.packet, 40 if self.is_v6 else 20
        body, out = packet[start:], []
        for at in range(0, len(body), size):
            piece, is_last = body[at:at + size], at + size >= len(body)
            if self.is_v6:
                data = b"\0" + struct.pack("!HI", at | (not is_last), id)
                out.append(Shot(self.ip(packet[6], piece, ext=[(FRAGMENT, data)])))
            else:
                out.append(Shot(self.ip(packet[9], piece, id=id & 0xFFFF, frag=at // 8 | (0 if is_last else MF))))
        return out


# ---------------------------------------------------------------------------------------------------- the reference


def complete(vnet, packet):
    """The checksum of a packet whose place for it holds the sum of the pseudo-header."""
    packet = bytearray(packet)
    value = ~ones(packet[vnet.start:]) & 0xFFFF
    put16(packet, vnet.start + vnet.at, value or 0xFFFF)
    return bytes(packet)


def split(vnet, packet):
    """The packets that a super-packet stands for, each made anew, with every checksum taken over every byte."""
    if not vnet or not vnet.gso:
        return [complete(vnet, packet) if vnet and vnet.flags & NEEDS_CSUM else bytes(packet)]
    assert vnet.flags & NEEDS_CSUM, "a super-packet whose checksum nobody is asked to make"
    is_tcp, is_v6, start = vnet.gso & 0x7F != GSO_UDP, packet[0] >> 4 == 6, vnet.start
    body_at = start + ((packet[start + 12] >> 4) * 4 if is_tcp else 8)
    end = 40 + get16(packet, 4) if is_v6 else get16(packet, 2)
    assert end == len(packet), "a super-packet of another length than it says"
    head, body, out = packet[:body_at], packet[body_at:], []
    whole = len(packet) - start
    pieces = [body[i:i + vnet.segment] for i in range(0, len(body), vnet.segment)]
    for k, piece in enumerate(pieces):
        p = bytearray(head + piece)
        if is_v6:
            put16(p, 4, len(p) - 40)
        else:
            put16(p, 2, len(p))
            put16(p, 4, (get16(head, 4) + k) & 0xFFFF)
            put16(p, 10, 0)
            put16(p, 10, ~ones(p[:(p[0] & 15) * 4]) & 0xFFFF)
        if is_tcp:
            seq = struct.unpack_from("!I", head, start + 4)[0] + k * vnet.segment
            p[start + 4:start + 8] = struct.pack("!I", seq & 0xFFFFFFFF)
            p[start + 13] &= 0xFF if k == 0 else 0xFF & ~CWR
            p[start + 13] &= 0xFF if k == len(pieces) - 1 else 0xFF & ~(FIN | PSH)
        else:
            put16(p, start + 4, len(p) - start)
        # What stands in its place is the sum of the pseudo-header with the length of all: less that, and its own.
        seed = struct.pack("!HHH", get16(head, start + vnet.at), ~whole & 0xFFFF, len(p) - start)
        put16(p, start + vnet.at, 0)
        value = ~ones(seed + bytes(len(seed) % 2) + bytes(p[start:])) & 0xFFFF
        put16(p, start + vnet.at, 0xFFFF if value == 0 and not is_tcp else value)
        out.append(bytes(p))
    return out


# ---------------------------------------------------------------------------------------------------- comparison


def pair_of(packet):
    return bytes(packet[8:40]) if packet[0] >> 4 == 6 else bytes(packet[12:20])


def ports_of(packet):
    """The ports, or None of a packet that shows none in their place: another protocol, a fragment, extensions."""
    is_v6 = packet[0] >> 4 == 6
    start, protocol = (40, packet[6]) if is_v6 else ((packet[0] & 15) * 4, packet[9])
    if protocol not in (TCP, UDP) or len(packet) < start + 4 or (not is_v6 and get16(packet, 6) & 0x3FFF):
        return None
    return protocol, bytes(packet[start:start + 4])


def flows(packets):
    """By addresses and ports, each with what shows no ports: the order within these is what a tunnel must keep."""
    names = {(pair_of(p), ports_of(p)) for p in packets if len(p) >= 20}
    out = {}
    for pair, ports in names:
        out[pair, ports] = [p for p in packets if len(p) >= 20 and pair_of(p) == pair and ports_of(p) in (None, ports)]
    out["runts"] = [p for p in packets if len(p) < 20]
    return out


def difference(want, got):
    """Where what arrived first differs from what should have, or None."""
    if len(want) != len(got):
        missing = [i for i, p in enumerate(want) if want.count(p) > got.count(p)]
        return f"{len(got)} packets instead of {len(want)}; missing are numbers {missing[:8]}" + (
            f", the first of which is {want[missing[0]][:72].hex(' ', 4)}" if missing else "")
    a, b = flows(want), flows(got)
    for name in a:
        for i, (x, y) in enumerate(zip(a[name], b.get(name, []))):
            if x != y:
                at = next((k for k in range(min(len(x), len(y))) if x[k] != y[k]), min(len(x), len(y)))
                return (f"packet {i} of its flow, byte {at} of {len(x)} and {len(y)}: {x[:72].hex(' ', 4)} was sent,"
                        f" {y[:72].hex(' ', 4)} arrived")
        if len(a[name]) != len(b.get(name, [])):
            return f"{len(b.get(name, []))} packets of a flow instead of {len(a[name])}"
    return None
