#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is given to the tunnel's device in the differential test: a table of bursts, each read by adit in one turn.

A burst is a function of a pair of addresses, of the greatest size of a packet, and of a random.Random of its own. It
is of at most PACKETS_MAX packets and some 80 kB: as much as the queues on the way hold while nobody reads them (an
openvpn's socket, the ring between two workers).
"""
import struct
from dataclasses import dataclass
from typing import Callable

from diff_packets import (ACK, CWR, DEST, DF, ECE, FIN, FRAGMENT, GRE, HOP, ICMP, ICMP6, PSH, ROUTING, RST, SCTP, SYN,
                          TCP, UDP, URG, Ends, Shot, get16, ones, put16)

PACKETS_MAX = 120
TIMESTAMP = bytes.fromhex("0101080a1122334455667788")
OPTIONS = [bytes.fromhex(x) for x in (
    "0101080a1122334455667788",                     # timestamps
    "0101050a0102030405060708",                     # SACK
    "0101051a010203040506070811121314151617182122232425262728",  # three of them
    "fd041234",                                     # an experiment
    "00ffffff",                                     # the end, then rubbish
    "13120000" + "5a" * 12 + "00000101",            # MD5
    "02ff030301010402",                             # a length beyond the end
    "01" * 40)]                                     # as many as there can be
IP_OPTIONS = [bytes.fromhex(x) for x in ("01010101", "9404000001010100", "00000000")]
EXTENSIONS = [
    [(HOP, bytes.fromhex("00010400000000"))],
    [(DEST, bytes.fromhex("00010400000000"))],
    [(HOP, bytes.fromhex("00010400000000")), (DEST, bytes.fromhex("00010400000000"))],
    [(DEST, bytes.fromhex("011e0a0102030405060708090a0000"))],
    # All segments are behind it: the destination in the header is the last one.
    [(ROUTING, bytes.fromhex("02fd0000000000") + bytes.fromhex("fd00000000000000000000000000000a"))],
]


@dataclass
class Row:
    """`sent`: adit is given super-packets; `met`: it writes some. So it must be by its fast path; without, never."""
    name: str
    make: Callable
    sent: bool = False
    met: bool = False
    families: tuple = (4, 6)
    is_refused: bool = False  # a tunnel carries none of it
    is_jumbo: bool = False    # said of large packets, too


def train(e, rng, n, size, *, seq=1000, id=7, **more):
    """TCP packets one after the other, as one sender makes them."""
    return [e.tcp(rng.randbytes(size), seq=seq + k * size, id=id + k, **more) for k in range(n)]


def datagrams(e, rng, sizes, *, id=7, **more):
    return [e.udp(rng.randbytes(size), id=(id + k) & 0xFFFF, **more) for k, size in enumerate(sizes)]


def tcp_plain(e, mtu, rng):
    return [e.tcp_super(rng.randbytes(5 * 1300 + 13), 1300, flags=ACK | PSH, options=TIMESTAMP),
            *train(e, rng, 6, 1200, seq=90000)]


def udp_plain(e, mtu, rng):
    return [e.udp_super(rng.randbytes(9 * 1300 + 13), 1300)] + datagrams(e, rng, [900] * 7 + [20])


def full_size_tcp(e, mtu, rng):
    """As long as the device allows, in a super-packet as long as adit asks for, and a few that are alone."""
    size = mtu - (40 if e.is_v6 else 20) - 20
    return [e.tcp_super(rng.randbytes(60000 // size * size), size), *train(e, rng, 3, size, ports=(5, 6))]


def full_size_udp(e, mtu, rng):
    size = mtu - (40 if e.is_v6 else 20) - 8
    return [e.udp_super(rng.randbytes(60000 // size * size), size), *datagrams(e, rng, [size] * 3, ports=(3, 4))]


def tail_as_long(e, mtu, rng):
    """No packet is shorter than the first: nothing but the end of the burst closes the train."""
    return [e.tcp_super(rng.randbytes(6000), 1000), e.udp_super(rng.randbytes(6000), 1000),
            *train(e, rng, 6, 1000, ports=(3, 4)), *datagrams(e, rng, [1000] * 6, ports=(3, 4)),
            e.udp_super(rng.randbytes(2000), 1000, ports=(8, 9)), e.tcp_super(rng.randbytes(2), 1, ports=(8, 9))]


def odd_options(e, mtu, rng):
    out = []
    for k, options in enumerate(OPTIONS):
        out.append(e.tcp_super(rng.randbytes(1503), 500, options=options, ports=(100 + k, 1)))
        out += train(e, rng, 3, 300, options=options, ports=(200 + k, 1))
    # One train whose options change in the middle.
    return out + train(e, rng, 2, 300, options=OPTIONS[0]) + train(e, rng, 2, 300, seq=1600, id=9, options=OPTIONS[1])


def ecn(e, mtu, rng):
    out = []
    for tos in (0, 1, 2, 3, 0xB9):
        out.append(e.tcp_super(rng.randbytes(1503), 500, tos=tos, ports=(tos + 1, 1)))
        out.append(e.udp_super(rng.randbytes(1503), 500, tos=tos, ports=(tos + 1, 1)))
    out.append(e.tcp_super(rng.randbytes(2000), 500, tos=2, flags=ACK | CWR, ecn=True, ports=(50, 1)))
    out.append(e.tcp_super(rng.randbytes(2000), 500, tos=2, flags=ACK | ECE | PSH, ports=(51, 1)))
    out.append(e.tcp_super(rng.randbytes(2000), 500, tos=2, flags=ACK | CWR | ECE, ecn=True, ports=(52, 1)))
    for k, tos in enumerate((2, 2, 3, 3, 2)):  # congestion is met in the middle of a train
        out.append(e.tcp(rng.randbytes(700), seq=1000 + 700 * k, id=5 + k, tos=tos))
        out.append(e.udp(rng.randbytes(700), id=500 + k, tos=tos))
    for k, flags in enumerate((ACK, ACK | CWR, ACK, ACK | ECE, ACK | ECE, ACK | ECE | CWR)):
        out.append(e.tcp(rng.randbytes(700), seq=1000 + 700 * k, id=5 + k, tos=2, flags=flags, ports=(53, 1)))
    return out


def urgent(e, mtu, rng):
    out = [e.tcp_super(rng.randbytes(1503), 500, flags=ACK | URG | PSH, urgent=700),
           e.tcp_super(rng.randbytes(1503), 500, urgent=3, ports=(1, 2))]
    kinds = (ACK, 0), (ACK | URG, 300), (ACK | URG, 1), (ACK, 0), (ACK, 9), (ACK, 9), (ACK, 0)
    for k, (flags, pointer) in enumerate(kinds):
        out.append(e.tcp(rng.randbytes(300), seq=1000 + 300 * k, id=5 + k, flags=flags, urgent=pointer, ports=(3, 4)))
    return out


def flag_inside(*flags):
    """A train with a packet in it that has other flags; once with payload, once without, once as a super-packet."""
    def make(e, mtu, rng):
        out = []
        for n, flag in enumerate(flags):
            options = bytes.fromhex("020405b4") if flag & SYN else b""  # the largest segment, as asked for
            for m, size in enumerate((400, 0)):
                ports = (100 + n, 1 + m)
                out += train(e, rng, 3, 400, ports=ports)
                out.append(e.tcp(rng.randbytes(size), seq=1000 + 1200, id=10, flags=flag, options=options, ports=ports))
                out += train(e, rng, 2, 400, seq=1000 + 1200 + size, id=11, ports=ports)
            out.append(e.tcp_super(rng.randbytes(1503), 500, flags=flag, ports=(100 + n, 5)))
        return out
    return make


def headers_change(e, mtu, rng):
    """Every field that may differ, one at a time, in the middle of a train."""
    out = []
    changes = {"ttl": 63}, {"window": 4000}, {"ack": 78}, {"tos": 8}, {"flags": ACK | PSH}, {"frag": 0}, {"flow": 5}
    for k, change in enumerate(changes):
        ports = (300 + k, 1)
        out += train(e, rng, 2, 300, ports=ports) + train(e, rng, 2, 300, seq=1600, id=9, ports=ports, **change)
        ports = (400 + k, 1)
        if change.keys() & {"ttl", "tos", "frag", "flow"}:
            out += datagrams(e, rng, [300] * 2, ports=ports) + datagrams(e, rng, [300] * 2, id=9, ports=ports, **change)
    return out


def out_of_order(e, mtu, rng):
    """Gaps, repetitions, steps back, and a sequence number that wraps."""
    whole = train(e, rng, 12, 200, seq=2 ** 32 - 1000)
    return [whole[k] for k in (0, 1, 3, 2, 4, 4, 5, 6, 8, 7, 7, 9, 10, 11)] + [
        e.tcp_super(rng.randbytes(2100), 500, seq=2 ** 32 - 700, ports=(1, 2))]


def sizes_change(e, mtu, rng):
    sizes = (500, 500, 501, 501, 500, 1, 500, 2, 1, 1, 0, 500, 500, 499, 500)
    out, seq = [], 1
    for k, size in enumerate(sizes):
        out.append(e.tcp(rng.randbytes(size), seq=seq, id=k))
        seq += size
    return out + datagrams(e, rng, sizes)


IDS = (7, 7, 7), (0, 0, 0, 0), (9, 8, 7), (2, 4, 6), (65534, 65535, 0, 1), (1, 2, 3, 3, 4)


def tcp_numbers(e, mtu, rng):
    """IPv4's identification: the same again, zero in all, falling, by two, wrapping; with DF and without."""
    out = []
    for n, ids in enumerate(IDS):
        for m, frag in enumerate((DF, 0, 0x8000)):
            out += [e.tcp(rng.randbytes(120), seq=1000 + 120 * k, id=number, frag=frag, ports=(100 + n, 1 + m))
                    for k, number in enumerate(ids)]
    return out + [e.tcp_super(rng.randbytes(2100), 500, id=65534, frag=frag, ports=(1, 2 + k))
                  for k, frag in enumerate((0, DF))]


def udp_numbers(e, mtu, rng):
    out = []
    for n, ids in enumerate(IDS):
        for m, frag in enumerate((DF, 0, 0x8000)):
            out += [e.udp(rng.randbytes(120), id=number, frag=frag, ports=(100 + n, 1 + m)) for number in ids]
    return out + [e.udp_super(rng.randbytes(2100), 500, id=65534, frag=frag, ports=(1, 2 + k))
                  for k, frag in enumerate((0, DF))]


def fragmented(e, mtu, rng):
    """Between two packets of a train, and before and after all of a flow, with and without what they belong to."""
    flow, more = train(e, rng, 6, 500), datagrams(e, rng, [500] * 6)
    big = e.fragments(e.udp(rng.randbytes(2000)), 800, 0x77777)
    small = e.fragments(e.tcp(rng.randbytes(300)), 64, 0x88888)
    return flow[:3] + big + flow[3:] + more[:3] + small[:-1] + more[3:] + small[-1:] + big[::-1]


def extended(e, mtu, rng):
    """IPv4 options and IPv6 extension headers: of single packets, between others, and of super-packets."""
    forms = [{"ext": x} for x in EXTENSIONS] if e.is_v6 else [{"options": x} for x in IP_OPTIONS]
    out = []
    for k, form in enumerate(forms):
        flow = train(e, rng, 4, 400, ports=(100 + k, 1))
        out += flow[:2] + [e.tcp(rng.randbytes(400), seq=1800, id=9, ports=(100 + k, 1), **form)] + flow[2:]
        out += [e.udp(rng.randbytes(400), ports=(100 + k, 1), id=n, **form) for n in (3, 4)]
        out.append(e.tcp_super(rng.randbytes(1203), 400, ports=(100 + k, 3), **form))
        out.append(e.udp_super(rng.randbytes(1203), 400, ports=(100 + k, 3), **form))
        out.append(e.udp_partial(rng.randbytes(1203), ports=(100 + k, 3), **form))
    return out + ([e.udp_partial(b"", ext=[(FRAGMENT, bytes.fromhex("00000012345678"))])] if e.is_v6 else [])


def zero_checksum(e, mtu, rng):
    """UDP without a checksum, alone and among others. There is no super-packet of these: a kernel's sender refuses to
    leave the sum away and the cutting to the device (EINVAL)."""
    out = datagrams(e, rng, [700] * 5, csum=None) + datagrams(e, rng, [700] * 2 + [30], csum=None, ports=(7, 8))
    for k in range(8):
        out.append(e.udp(rng.randbytes(600), id=50 + k, ports=(9, 9), csum=None if k % 3 == 2 else True))
    return out


def computed_zero(e, mtu, rng):
    """Sums that come out as zero: UDP writes all ones, TCP writes zero; both ways around each other in a train."""
    ip = 40 if e.is_v6 else 20

    def zero_sum(head, payload, protocol):
        body = bytearray(head + b"\0\0" + payload)
        put16(body, len(head), ~ones(e.pseudo(protocol, len(body)) + body) & 0xFFFF)
        return bytes(body[len(head):])

    out = []
    for k in range(4):
        text = rng.randbytes(298)
        out.append(e.udp(zero_sum(struct.pack("!HHHH", 1, 2, 308, 0), text, UDP), ports=(1, 2), id=3 + k))
        head = e.tcp_head(1, 2, 1000 + 300 * k, ACK, b"", 0, 77, 4096)
        out.append(e.tcp(zero_sum(head, text, TCP), seq=1000 + 300 * k, ports=(1, 2), id=3 + k))
        assert get16(out[-2].packet, ip + 6) == 0xFFFF and get16(out[-1].packet, ip + 16) == 0
    # The same left to whoever cuts, and to whoever only completes.
    out.append(e.udp_super(b"".join(s.packet[ip + 8:] for s in out[0::2]), 300, ports=(1, 2)))
    out.append(e.tcp_super(b"".join(s.packet[ip + 20:] for s in out[1:8:2]), 300, seq=1000, ports=(1, 2)))
    out.append(e.udp_partial(out[0].packet[ip + 8:], ports=(1, 2)))
    return out


def wrong_checksums(e, mtu, rng):
    """Packets whose checksum is wrong, in the middle of a train: nobody repairs them, nobody loses them."""
    out = []
    for k in range(9):
        spoil = 0x0100 if k in (0, 4, 8) else True
        out.append(e.tcp(rng.randbytes(500), seq=1000 + 500 * k, id=7 + k, csum=spoil))
        out.append(e.udp(rng.randbytes(500), id=7 + k, csum=spoil))
    for k in range(0 if e.is_v6 else 4):
        p = bytearray(e.udp(rng.randbytes(500), id=90 + k, ports=(1, 2)).packet)
        p[10] ^= k == 2  # the header's own
        out.append(Shot(bytes(p)))
    return out


def vxlan(e, mtu, rng):
    """VXLAN inside, as Linux writes it, with a checksum and without; the inner packets are a train of their own."""
    inner = Ends("10.1.1.1", "10.1.1.2")
    flow, frames = train(inner, rng, 8, 1000), []
    for k, shot in enumerate(flow):
        body = bytes.fromhex("0800000000000700") + b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + shot.packet
        for n, csum in enumerate((None, True)):
            frames.append(e.udp(body, ports=(50000 + n, 4789), csum=csum, id=7 + k, frag=DF if n else 0))
    return frames


def runts(e, mtu, rng):
    """As small as packets can be: no payload, one byte, no transport header, half of one."""
    out = datagrams(e, rng, [0, 0, 1, 1, 1, 2, 0]) + train(e, rng, 3, 0) + train(e, rng, 5, 1, ports=(1, 2))
    out += [Shot(e.ip(protocol, rng.randbytes(n))) for protocol in (TCP, UDP, 59, 255) for n in (0, 1, 7, 19)]
    return out + [e.tcp_super(rng.randbytes(40), 1, ports=(3, 4)), e.udp_super(rng.randbytes(40), 1, ports=(3, 4))]


def other_protocols(e, mtu, rng):
    """In the middle of a train, whose order with them must be kept."""
    flow, more, out = train(e, rng, 5, 500), datagrams(e, rng, [500] * 5), []
    for k, protocol in enumerate((ICMP6 if e.is_v6 else ICMP, GRE, SCTP, 50, 4)):
        out += [flow[k], Shot(e.ip(protocol, rng.randbytes(200))), more[k]]
    return out


def beyond_the_end(e, mtu, rng):
    """Bytes behind the end that the IP header names, and an end that it names behind the last byte."""
    flow = train(e, rng, 4, 300) + datagrams(e, rng, [300] * 4)
    return [Shot(s.packet + b"\xEE" * (k % 4)) for k, s in enumerate(flow)] + [Shot(s.packet[:-3]) for s in flow]


def partial(e, mtu, rng):
    """Only the checksum is left to be done."""
    return [e.udp_partial(rng.randbytes(n), ports=(1, n + 1), id=n) for n in (0, 1, 2, 333, 1400)] * 2


def many_flows(e, mtu, rng):
    """In turn: a few, and more than can be put together at once."""
    out = []
    for base, n_tcp, n_udp in ((1000, 3, 2), (2000, 20, 5)):
        flows = [train(e, rng, 2, 300, ports=(base + k, 1)) for k in range(n_tcp)]
        flows += [datagrams(e, rng, [300] * 2, ports=(base + k, 1)) for k in range(n_udp)]
        out += [f[k] for k in range(2) for f in flows]
    return out


def not_ip(e, mtu, rng):
    short = b"\x45", b"\x60", b"\x45" + bytes(18), b"\x60" + bytes(38)
    return [Shot(x) for x in (*short, b"\x50" + bytes(40), b"\xF5" * 60)]


def anything(e, mtu, rng):
    """A burst by chance: a few flows that go on, with accidents."""
    flows = [{"ports": (100 + k, 1), "seq": rng.getrandbits(32), "id": rng.getrandbits(16), "udp": rng.random() < 0.4,
              "size": rng.choice((1, 64, 536, 1200)), "options": rng.choice([b""] * 3 + OPTIONS)}
             for k in range(rng.randrange(1, 5))]
    out, bytes_left, packets_left = [], 50000, 80  # no more than openvpn's socket holds
    while bytes_left > 0 and packets_left > 0:
        f = rng.choice(flows)
        n = rng.choice((1, 1, 1, rng.randrange(2, 12))) * f["size"]
        n += rng.randrange(f["size"]) if rng.random() < 0.2 else 0
        payload, more = rng.randbytes(n), {"id": f["id"] & 0xFFFF, "ports": f["ports"]}
        more["tos"] = rng.choice([2] * 20 + [0, 3])
        bytes_left -= n
        packets_left -= -(-n // f["size"])
        if f["udp"]:
            out.append(e.udp_super(payload, f["size"], **more) if n > f["size"]
                       else e.udp(payload, csum=rng.choice([True] * 9 + [None, 1]), **more))
        else:
            more |= {"seq": f["seq"], "options": f["options"], "urgent": rng.choice((0,) * 9 + (5,)),
                     "flags": ACK | rng.choice([0] * 20 + [PSH] * 5 + [FIN, SYN, URG, CWR, ECE, RST])}
            out.append(e.tcp_super(payload, f["size"], **more) if n > f["size"]
                       else e.tcp(payload, csum=rng.choice([True] * 20 + [1]), **more))
            f["seq"] += n
        f["id"] += -(-n // f["size"])
        accident = rng.random()
        if accident < 0.05:
            f["seq"] += rng.choice((-n, 1, f["size"]))
        elif accident < 0.1:
            out.append(out[-1])
        elif accident < 0.13:
            out += e.fragments(e.udp(rng.randbytes(300)), 160, rng.getrandbits(16))
        elif accident < 0.15:
            out.append(Shot(e.ip(SCTP, rng.randbytes(50))))
    return out


ROWS = [
    Row("TCP", tcp_plain, sent=True, met=True),
    Row("UDP", udp_plain, sent=True, met=True),
    Row("full size, TCP", full_size_tcp, sent=True, met=True, is_jumbo=True),
    Row("full size, UDP", full_size_udp, sent=True, met=True, is_jumbo=True),
    Row("a tail as long as its segment", tail_as_long, sent=True, met=True),
    Row("TCP with odd options", odd_options, sent=True, met=True),
    Row("ECN", ecn, sent=True, met=True),
    Row("URG", urgent, sent=True, met=True),
    Row("SYN inside a train", flag_inside(SYN, SYN | ACK, SYN | ECE | CWR), sent=True, met=True),
    Row("FIN inside a train", flag_inside(FIN | ACK, FIN | ACK | PSH, RST | ACK, 0), sent=True, met=True),
    Row("headers that change", headers_change, met=True),
    Row("gaps and repetitions", out_of_order, sent=True, met=True),
    Row("sizes that change", sizes_change, met=True),
    Row("identification, TCP", tcp_numbers, sent=True, met=True, families=(4,)),
    Row("identification, UDP", udp_numbers, sent=True, met=True, families=(4,)),
    Row("fragments", fragmented, met=True),
    # A kernel that cuts what has these in front of TCP or UDP itself (since 6.17, of IPv6) hands over single packets.
    Row("extension headers", extended, met=True),
    Row("UDP with zero checksum", zero_checksum, met=True),
    Row("checksums that come out as zero", computed_zero, sent=True, met=True),
    Row("wrong checksums", wrong_checksums, met=True),
    Row("VXLAN inside", vxlan, met=True),
    Row("runt packets", runts, sent=True, met=True),
    Row("other protocols", other_protocols),
    Row("bytes beyond the end", beyond_the_end),
    Row("checksums left to the device", partial),
    Row("many flows", many_flows, met=True),
    Row("not IP", not_ip, families=(4,), is_refused=True),
] + [Row(f"anything {n}", anything, is_jumbo=True) for n in range(12)]
