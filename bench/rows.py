#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is measured, with whom, and what is asked of it: data only.

A row is a workload with its options, and the columns that it is run with. What is shown of it are comparisons: a figure
of one column beside that of another, of the same round. `must` and `aim` are in terms of "better by", so that above 1
is always better for the first.
"""
import dataclasses

import workloads
from stands import Column, Scene

# figure of a workload: text, unit, whether more is better
FIGURES = {
    "mbits": ("throughput", "Mbit/s", True),
    "cpu": ("processor time per GB, both ends", "s", False),
    "cpu_client": ("processor time per GB, client", "s", False),
    "cpu_server": ("processor time per GB, server", "s", False),
    "per_read": ("segments per read of the device, sender", "", True),
    "per_send": ("segments per send, sender", "", True),
    "per_receive": ("segments per receive, receiver", "", True),
    "per_write": ("segments per write to the device, receiver", "", True),
    "pps": ("packets delivered", "/s", True),
    "cpu_packet_us": ("processor time per packet, both ends", "us", False),
    "p50": ("median round trip", "us", False),
    "p99": ("round trip, 99 of 100", "us", False),
    "answers": ("packets answered", "/s", True),
    "answer_cpu_us": ("processor time per answer, server", "us", False),
    "push_cpu_us": ("processor time per packet to a client, server", "us", False),
    "own_share": ("packets of the device read by their client's worker", "%", True),
    "handshakes": ("handshakes", "/s", True),
    "handshake_cpu": ("processor time per client, server", "ms", False),
    "connect_p99": ("connect among others, 99 of 100", "ms", False),
    "memory": ("anonymous memory per client, server", "KiB", False),
    "connect": ("start of the client to tunnel up", "ms", False),
    "client_cpu": ("processor time of a client's whole run", "ms", False),
}

CHACHA, OVER_TCP = Scene(cipher="CHACHA20-POLY1305"), Scene(proto="tcp")
WIDE, CROWD = Scene(mtu=1500), Scene(is_crowded=True)
NO_BPF = "-bpf,-sys_admin,-perfmon"
TWO = ("adit-workers 2",)  # with one there is nothing to steer, and one is what two cores give


def _both(key, text, scene):
    """adit and openvpn, each with itself, in a scene of their own."""
    return [Column(f"adit{key}", f"adit{text}", "adit", "adit", scene),
            Column(f"openvpn{key}", f"openvpn{text}", "openvpn", "openvpn", scene)]


def _adit(key, text, scene=Scene(), options=(), capabilities=""):
    return Column(key, text, "adit", "adit", scene, options, capabilities)


COLUMNS = {c.key: c for c in [
    *_both("", "", Scene()),
    Column("wireguard", "wireguard-go", "wireguard-go", "wireguard-go"),
    Column("none", "no VPN", None, None),
    *_both("-chacha", ", ChaCha20", CHACHA), *_both("-tcp", ", over TCP", OVER_TCP),
    *_both("-wide", ", MTU 1500", WIDE), *_both("-crowd", ", many clients", CROWD),
    Column("openvpn-default", "openvpn with its defaults", "openvpn", "openvpn", is_tuned=False),
    Column("openvpn-tcp-default", "openvpn with its defaults, over TCP", "openvpn", "openvpn", OVER_TCP,
           is_tuned=False),
    Column("adit-server", "adit as server, openvpn as client", "adit", "openvpn"),
    Column("adit-client", "openvpn as server, adit as client", "openvpn", "adit"),
    _adit("plain", "without offload", options=("adit-offload none",)),
    _adit("evp", "EVP only", options=("adit-engine evp",)),
    _adit("one-worker", "one worker", options=("adit-workers 1",)),
    _adit("busy-poll", "adit-busy-poll 100", options=("adit-busy-poll 100",)),
    _adit("crowd-steered", "many clients, two workers", CROWD, TWO),
    _adit("crowd-no-ebpf", "many clients, two workers, no eBPF", CROWD, TWO, NO_BPF),
    _adit("inner6", "IPv6 inside", Scene(inside=6)),
    _adit("outer6", "IPv6 outside", Scene(family=6)),
    _adit("wrap-none", "no wrapping", Scene(wrap="none")),
    _adit("wrap-auth", "tls-auth", Scene(wrap="auth-SHA256-01")),
    _adit("wrap-v2", "tls-crypt-v2", Scene(wrap="v2")),
]}


@dataclasses.dataclass(frozen=True)
class Compare:
    """`minus`: of both figures that of this column is taken off first."""
    figure: str
    must: float = None
    aim: float = None
    ours: str = ""
    beside: str = ""
    minus: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    text: str
    work: object
    columns: tuple
    compare: tuple
    options: dict = dataclasses.field(default_factory=dict)
    is_fresh: bool = False  # the workload starts the programs itself


ALL = ("adit", "openvpn", "wireguard", "none")
PAIR = ("adit", "openvpn")
CROWDS = ("adit-crowd", "openvpn-crowd")
VARIANTS = ("plain", "evp", "one-worker")
STEERED = ("crowd-steered", "crowd-no-ebpf")
KINDS = ("inner6", "outer6", "wrap-none", "wrap-auth", "wrap-v2")
MIXED = ("adit-server", "adit-client")
DEFAULT = ("openvpn-default",)
SEGMENTS = ("per_read", "per_send", "per_receive", "per_write")


def _main(figure, **more):
    return Compare(figure, ours="adit", beside="openvpn", **more)


def _mixed():
    return tuple(Compare("mbits", 0.95, ours=c, beside="openvpn") for c in MIXED)


def _default(figure, **more):
    return Compare(figure, ours="adit", beside="openvpn-default", **more)


def _variants():
    return tuple(Compare(f, ours="adit", beside=c) for c in VARIANTS for f in ("mbits", "cpu"))


ROWS = [
    Row("tcp-up", "TCP, one stream, up", workloads.tcp, ALL + MIXED + KINDS + VARIANTS + DEFAULT, (
        _main("mbits", must=8, aim=12), _main("cpu", must=9, aim=14), _main("cpu_client"), _main("cpu_server"),
        *(_main(f) for f in SEGMENTS),
        Compare("mbits", 9, 13, "adit", "wireguard"), Compare("mbits", None, 0.5, "adit", "none"), *_mixed(),
        *(Compare("mbits", 0.85, None, c, "adit") for c in KINDS), *_variants(), _default("mbits"), _default("cpu")),
        {"way": "up"}),
    Row("tcp-down", "TCP, one stream, down", workloads.tcp, ALL + MIXED, (
        _main("mbits", must=8, aim=12), _main("cpu", must=9, aim=14), _main("cpu_server"), _main("cpu_client"),
        *(_main(f) for f in SEGMENTS),
        Compare("mbits", 9, 13, "adit", "wireguard"), Compare("mbits", None, 0.5, "adit", "none"), *_mixed()),
        {"way": "down"}),
    Row("tcp-four", "TCP, four streams, both directions", workloads.tcp, ALL + ("one-worker",), (
        _main("mbits", must=8, aim=12), _main("cpu"), Compare("mbits", 9, 13, "adit", "wireguard"),
        Compare("mbits", ours="adit", beside="one-worker")), {"way": "both", "streams": 4}),
    *(Row(f"through-{way}", f"TCP, one stream, {way}, a host behind the client", workloads.tcp, PAIR + ("none",), (
        _main("mbits"), _main("cpu"), Compare("mbits", ours="adit", beside="none")), {"way": way, "is_behind": True})
      for way in ("up", "down")),
    Row("chacha-up", "TCP, one stream, up, CHACHA20-POLY1305", workloads.tcp, (
        "adit-chacha", "openvpn-chacha", "wireguard", "none"), (
        Compare("mbits", 6, 9, "adit-chacha", "openvpn-chacha"),
        Compare("cpu", ours="adit-chacha", beside="openvpn-chacha"),
        Compare("mbits", ours="adit-chacha", beside="wireguard"))),
    Row("wide-up", "TCP, one stream, up, MTU 1500", workloads.tcp, ("adit-wide", "openvpn-wide"), (
        Compare("mbits", ours="adit-wide", beside="openvpn-wide"),)),
    Row("udp-64", "UDP, 64 B, sent singly", workloads.udp, ALL + ("plain",) + DEFAULT, (
        _main("pps", must=5, aim=7), _main("cpu_packet_us"), Compare("pps", ours="adit", beside="wireguard"),
        Compare("pps", ours="adit", beside="plain"), _default("pps", must=5, aim=7)), {"size": 64}),
    Row("udp-64-gso", "UDP, 64 B, sent with GSO", workloads.udp, ALL + DEFAULT, (
        _main("pps", must=40, aim=80), _main("cpu_packet_us"), _default("pps", must=40, aim=80)),
        {"size": 64, "segments": workloads.SEGMENTS}),
    Row("udp-1300", "UDP, 1300 B, sent singly", workloads.udp, ALL + DEFAULT, (
        _main("pps", must=7, aim=10), _main("cpu_packet_us"), _default("pps", must=7, aim=10)), {"size": 1300}),
    Row("udp-1300-gso", "UDP, 1300 B, sent with GSO", workloads.udp, ALL, (_main("pps"), _main("cpu_packet_us")),
        {"size": 1300, "segments": 44}),
    Row("transport", "TCP, one stream, up, over TCP", workloads.tcp, (
        "adit-tcp", "openvpn-tcp", "openvpn-tcp-default"), (
            Compare("mbits", 4, 7, "adit-tcp", "openvpn-tcp"), Compare("cpu", ours="adit-tcp", beside="openvpn-tcp"),
            Compare("mbits", ours="adit-tcp", beside="openvpn-tcp-default"))),
    Row("rtt-idle", "round trip, idle", workloads.rtt, ALL + ("busy-poll",), (
        Compare("p50", 1 / 0.8, 1 / 0.6, "adit", "openvpn", minus="none"), _main("p99"),
        Compare("p50", ours="busy-poll", beside="openvpn", minus="none"))),
    Row("rtt-load", "round trip, beside a stream", workloads.rtt, ALL + DEFAULT, (
        _main("p50"), _main("p99"), _default("p50"), _default("p99")), {"is_loaded": True}),
    Row("clients", "many clients, a small packet each in turn", workloads.clients, CROWDS, (
        Compare("answers", 2, 4, *CROWDS), *(Compare(f, None, None, *CROWDS) for f in (
            "answer_cpu_us", "handshakes", "connect_p99", "handshake_cpu", "memory"))), is_fresh=True),
    Row("pushes", "many clients, small packets to each in turn", workloads.pushes, STEERED, tuple(
        Compare(f, ours="crowd-steered", beside="crowd-no-ebpf") for f in ("push_cpu_us", "own_share")), is_fresh=True),
    Row("starts", "one client after the other", workloads.starts, PAIR, (_main("connect"), _main("client_cpu")),
        is_fresh=True),
]
