#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens in the middle of trains: losses, ends that stop reading, floats, deletions, renegotiations.

Four flows are under way, TCP and UDP in both directions over IPv4 and IPv6. Afterwards each stream has arrived to the
last byte; of the datagrams none is altered, longer, shorter or there twice, however many were lost. The same goes by
the fast path and by the plain one, which proves that they agree, and that the events are none of the fast path's own.
The table is at the end.
"""
import contextlib
import random
import signal
import socket
import struct
import threading
import time

from diff_paths import figures, inside, lay_cable, make_tunnel
from lab import expect, until
from scenarios_diff_flow import UDP_GRO, UDP_SEGMENT
from tunnel import SERVER4, SERVER6, end

PATTERN = random.Random(1).randbytes(1 << 18) * 3
PERIOD = len(PATTERN) // 3
TRAIN, SIZE = 37, 1000
PATIENCE_S = 30


def size_of(k):
    """All of a train as long as the first, and a tail that is shorter or, of every other train, as long."""
    return SIZE if k % TRAIN < TRAIN - 1 or k // TRAIN % 2 else 8 + k * 7 % (SIZE - 8)


def datagram(k):
    at = k * 997 % PERIOD
    return struct.pack("!Q", k) + PATTERN[at:at + size_of(k) - 8]


class Flow:
    """One sender and one receiver in threads of their own; the first thing that is wrong is kept."""

    def __init__(self, name):
        self.name, self.sent, self.received, self.fault = name, 0, 0, None
        self.is_over, self.is_paused, self.threads = threading.Event(), threading.Event(), []

    def start(self):
        self.threads = [threading.Thread(target=self.guard, args=(f,), daemon=True) for f in (self.send, self.receive)]
        for t in self.threads:
            t.start()
        return self

    def guard(self, func):
        try:
            func()
        except Exception as e:  # of a thread, which nobody would hear
            self.fault = self.fault or f"{type(e).__name__}: {e}"

    def rest(self):
        while self.is_paused.is_set():
            time.sleep(0.01)

    def join(self):
        for t in self.threads:
            t.join(PATIENCE_S)
            self.fault = self.fault or ("it does not come to an end" if t.is_alive() else None)
        expect(not self.fault, f"{self.name}: {self.fault}")


class Datagrams(Flow):
    """seen: may be shared between receivers that follow each other."""

    def __init__(self, name, src, dst, family, port=7001, seen=None):
        super().__init__(name)
        af = socket.AF_INET6 if family == 6 else socket.AF_INET
        self.seen = set() if seen is None else seen
        self.to, self.frm = None, None
        if dst[0]:
            with inside(dst[0]):
                self.to = socket.socket(af, socket.SOCK_DGRAM)
            self.to.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self.to.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            self.to.settimeout(0.2)
            self.to.bind((dst[1], port))
        if src:
            with inside(src[0]):
                self.frm = socket.socket(af, socket.SOCK_DGRAM)
            self.frm.connect((dst[1], port))

    def send(self):
        if not self.frm:
            return
        with self.frm:
            while not self.is_over.is_set():
                data = b"".join(datagram(k) for k in range(self.sent, self.sent + TRAIN))
                with contextlib.suppress(OSError):  # lost, as by any link; the device may even be gone
                    self.frm.sendmsg([data], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", SIZE))])
                self.sent += TRAIN
                time.sleep(0.004)

    def receive(self):
        if not self.to:
            return
        with self.to:
            while True:
                self.rest()
                try:
                    data, told, _, _ = self.to.recvmsg(65536, 64)
                except TimeoutError:
                    if self.is_over.is_set():
                        return
                    continue
                size = int.from_bytes(told[0][2][:4], "little") if told else len(data)
                for at in range(0, len(data), size):
                    self.check(data[at:at + size])

    def check(self, piece):
        k = int.from_bytes(piece[:8], "big")
        what = "altered" if piece != datagram(k) else "there twice" if k in self.seen else None
        self.fault = self.fault or (what and f"datagram {k} of {len(piece)} bytes is {what}")
        self.seen.add(k)
        self.received += 1


class Stream(Flow):
    def __init__(self, name, src, dst, family, port=7002):
        super().__init__(name)
        af = socket.AF_INET6 if family == 6 else socket.AF_INET
        with inside(dst[0]):
            self.listener = socket.create_server((dst[1], port), family=af)
        with inside(src[0]):
            self.frm = socket.socket(af, socket.SOCK_STREAM)
        for s in (self.frm, self.listener):
            s.settimeout(PATIENCE_S)
        self.frm.connect((dst[1], port))

    def send(self):
        with self.frm:
            while not self.is_over.is_set():
                at = self.sent % PERIOD
                self.sent += self.frm.send(PATTERN[at:at + 65536])
                time.sleep(0.004)
            self.frm.shutdown(socket.SHUT_WR)
            expect(self.frm.recv(1) == b"", "an answer that nobody gave")  # the other end has read all of it

    def receive(self):
        s, _ = self.listener.accept()
        with self.listener, s:
            s.settimeout(PATIENCE_S)
            while True:
                self.rest()
                data = s.recv(65536)
                if not data:
                    break
                at = self.received % PERIOD
                if data != PATTERN[at:at + len(data)]:
                    self.fault = self.fault or f"altered between bytes {self.received} and {self.received + len(data)}"
                self.received += len(data)
        if self.received != self.sent:
            self.fault = self.fault or f"{self.received} of {self.sent} bytes arrived"


def four_flows(t):
    c, s = t.client_space(1), t.s
    up4, up6 = (c, t.address(1, 4)), (c, t.address(1, 6))
    down4, down6 = (s, SERVER4), (s, SERVER6)
    return [Stream("TCP over IPv4, up", up4, down4, 4), Stream("TCP over IPv6, down", down6, up6, 6),
            Datagrams("UDP over IPv6, up", up6, down6, 6), Datagrams("UDP over IPv4, down", down4, up4, 4)]


def under_way(flows, before):
    """Much more of each has arrived than before: 300 datagrams, or some of the stream."""
    return all(f.received > b + 300 for f, b in zip(flows, before))


def check_trains(cx, t, is_fast, doors=("read", "send", "write")):
    for proc, program in ((t.client, cx.client), (t.server, cx.server)):
        if not program.is_adit or proc.poll() is not None:  # the client that has gone
            continue
        said = figures(proc)
        for door in doors:
            expect(said[door] > 1 if is_fast else said[door] == 1, f"{proc.name}: {said[door]} packets per {door}")


def run(cx, t, is_fast, event, least=0.1):
    """The flows, the event in the middle of them, and proof that they were under way before it and after."""
    t.check_pings()
    flows = [f.start() for f in four_flows(t)]
    try:
        expect(until(lambda: under_way(flows, [0] * len(flows)), 20), "the flows do not begin")
        event(flows)
        counts = [f.received for f in flows]
        expect(until(lambda: under_way(flows, counts), 20),
               f"stalled after the event: {[f'{f.name}: {f.received - c}' for f, c in zip(flows, counts)]}")
    finally:
        for f in flows:
            f.is_over.set()
    for f in flows:
        f.join()
        expect(f.received > least * f.sent, f"{f.name}: only {f.received} of {f.sent} arrived")
    check_trains(cx, t, is_fast)
    t.close()
    return ", ".join(f"{f.received} of {f.sent}" for f in flows if isinstance(f, Datagrams)) + " datagrams"


# ---------------------------------------------------------------------------------------------------- events


LOSSES = """table inet losses {
    chain in {
        type filter hook input priority 0;
        udp dport 1194 numgen inc mod 97 41 drop
        udp sport 1194 numgen inc mod 89 37 drop
    }
}
"""


def whole_trains_lost(cx, is_fast):
    """One of a hundred of what arrives is dropped by the kernel: where trains arrive as one, all of a train."""
    t = make_tunnel(cx, is_fast)
    lay_cable(cx, t)
    t.up()
    spaces = (t.s, t.client_space(1))

    def event(_flows):
        for ns in spaces:
            ns.run(["nft", "-f", "-"], text_in=LOSSES)
        time.sleep(1.3)
        for ns in spaces:
            ns.run(["nft", "delete", "table", "inet", "losses"])
    return run(cx, t, is_fast, event)


def lost_and_reordered(cx, is_fast):
    """1 % is lost, 2 % are overtaken, 1 % arrive twice, by a router which takes trains apart."""
    t = make_tunnel(cx, is_fast, mtu=1400)
    relay = t.relay()
    t.up()

    def event(_flows):
        relay.tell("faults", "drop=0.01", "swap=0.02", "dup=0.01", "seed=9")
        time.sleep(1.3)
        relay.tell("faults")
    return run(cx, t, is_fast, event)


def stops_reading(cx, is_fast, who):
    """An end, or the programs behind it, do nothing for a second: more waits for them than there is room for."""
    t = make_tunnel(cx, is_fast)
    lay_cable(cx, t)
    t.up()

    def event(flows):
        if who == "programs":
            for f in flows:
                f.is_paused.set()
            time.sleep(1)
            for f in flows:
                f.is_paused.clear()
            return
        for proc in (t.client, t.server):
            proc.send_signal(signal.SIGSTOP)
            time.sleep(1)
            proc.send_signal(signal.SIGCONT)
            time.sleep(0.3)
    return run(cx, t, is_fast, event)


MOVED = """table ip moved
delete table ip moved
table ip moved {{
    chain out {{
        type filter hook postrouting priority 0;
        udp dport 1194 udp sport set {port} ip saddr set {address}
    }}
    chain in {{
        type filter hook prerouting priority -300;
        udp sport 1194 udp dport set 5000 ip daddr set 10.66.1.2
    }}
}}
"""


def floats(cx, is_fast):
    """The client's address changes as behind a router, which passes trains on whole."""
    t = make_tunnel(cx, is_fast, client=["lport 5000"], without=["nobind"])
    lay_cable(cx, t)
    t.up()
    c = t.client_space(1)

    def event(flows):
        for host in (7, 8, 9):
            c.ip("addr", "add", f"10.66.1.{host}/24", "dev", "s")
            counts = [f.received for f in flows]
            c.run(["nft", "-f", "-"], text_in=MOVED.format(port=40000 + host, address=f"10.66.1.{host}"))
            expect(until(lambda: under_way(flows, counts), 15), f"stalled after float {host - 6}")
        c.run(["nft", "delete", "table", "ip", "moved"])
        for host in (7, 8, 9):
            c.ip("addr", "del", f"10.66.1.{host}/24", "dev", "s")
    return run(cx, t, is_fast, event)


def renegotiates(cx, is_fast):
    """A key is renewed after two seconds: packets of two keys, in one train too, are all taken."""
    t = make_tunnel(cx, is_fast, server=["reneg-sec 2"], client=["reneg-sec 0"])
    lay_cable(cx, t)
    t.up()

    def event(_flows):
        mark = t.client.mark()
        expect(until(lambda: t.client.count("VERIFY OK: depth=0", since=mark) >= 1, 20), "no renegotiation")
        time.sleep(0.3)
    return run(cx, t, is_fast, event)


def deleted(cx, is_fast):
    """The client leaves in the middle of the server's train, and another gets its address.

    It gets nothing that the first has had, and nothing that is not whole.
    """
    t = make_tunnel(cx, is_fast, client=["explicit-exit-notify 1"])
    lay_cable(cx, t)
    t.up()
    t.check_pings()
    c, address, seen = t.client_space(1), t.address(1, 4), set()
    first = Datagrams("UDP to the first client", (t.s, SERVER4), (c, address), 4, seen=seen).start()
    second = None
    try:
        expect(until(lambda: first.received > 1000, 20), "the flow does not begin")
        end(t.client)
        count = first.sent
        expect(until(lambda: first.sent > count + 1000, 20), "the server's program does not go on sending")
        t.start_client(2)
        expect(t.address(2, 4) == address, f"the second client got {t.address(2, 4)}")
        second = Datagrams("UDP to the second client", None, (t.client_space(2), address), 4, seen=seen).start()
        expect(until(lambda: second.received > 1000, 20), f"{second.received} datagrams to the second client")
    finally:
        for flow in (first, second):
            if flow:
                flow.is_over.set()
    first.join()
    second.join()
    check_trains(cx, t, is_fast, ("read", "send"))
    t.close()
    return f"{first.received} and {second.received} datagrams"


# name, function, arguments, marks: as in scenarios.py. By the plain path only where the fast one is compared with it.
EVENTS = [
    ("whole trains are lost", whole_trains_lost, {}, ""),
    ("losses and reordering", lost_and_reordered, {}, "pairs"),
    ("an end stops reading", stops_reading, {"who": "end"}, ""),
    ("the programs stop reading", stops_reading, {"who": "programs"}, ""),
    ("floats", floats, {}, "pairs"),
    ("renegotiations", renegotiates, {}, "pairs"),
    ("deletion", deleted, {}, ""),
]
SCENARIOS = [(f"differential/{name}, {'fast' if is_fast else 'plain'}", func, {**args, "is_fast": is_fast},
              "adit" if is_fast and marks else "adit-server adit-client")
             for name, func, args, marks in EVENTS for is_fast in (True, False)]
