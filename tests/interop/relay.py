#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A UDP relay between clients and a server: a middlebox whose address changes and whose link has faults.

    relay.py LISTEN_ADDRESS PORT SERVER_ADDRESS PORT [tcp]

With tcp it relays one stream after the other instead, cut into pieces of 1 to 40 bytes. For UDP commands come on
standard input, one a line; each is confirmed with "done":
    float ADDRESS PORT    talk to the server from this address and port from now on (the old one still receives)
    cut, join             lose everything, or nothing more
    data-only, all        lose what is not data, or nothing more
    faults drop=0.2 dup=0.1 swap=0.1 flip=0.05 seed=7    chances by packet; without words, none
"""
import os
import random
import select
import socket
import sys

DATA = (6, 9)  # opcodes P_DATA_V1 and P_DATA_V2


class Relay:
    def __init__(self, listen, server):
        self.family, self.server = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET, server
        self.front = self.bound(listen)
        self.last = None          # the client that spoke last
        self.back_of = {}         # client -> the socket that speaks for it
        self.client_of = {}       # that socket, and those it had before -> client
        self.is_cut, self.is_secretive, self.faults, self.chance = False, False, {}, random.Random(1)
        self.held = {}

    def bound(self, address):
        s = socket.socket(self.family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        s.bind(address)
        return s

    def speak_from(self, client, address):
        """From now on this client is seen at that address; its old one still receives."""
        s = self.bound(address)
        self.back_of[client], self.client_of[s] = s, client

    def happens(self, kind):
        return kind in self.faults and self.chance.random() < self.faults[kind]

    def pass_on(self, data, send, direction):
        """One packet with the chances of the moment; `swap` holds it back until the next one has gone."""
        if self.is_cut or self.happens("drop") or (self.is_secretive and data[0] >> 3 not in DATA):
            return
        if self.happens("flip"):
            at = self.chance.randrange(len(data) * 8)
            data = bytearray(data)
            data[at // 8] ^= 1 << at % 8
        if direction not in self.held and self.happens("swap"):
            self.held[direction] = data
            return
        try:
            for _ in range(2 if self.happens("dup") else 1):
                send(data)
            if direction in self.held:
                send(self.held.pop(direction))
        except OSError:
            pass  # the far end is not there: the packet is lost, as on a real link

    def from_client(self):
        data, self.last = self.front.recvfrom(65536)
        if self.last not in self.back_of:
            self.speak_from(self.last, ("::" if self.family == socket.AF_INET6 else "0.0.0.0", 0))
        back = self.back_of[self.last]
        self.pass_on(data, lambda d: back.sendto(d, self.server), "up")

    def from_server(self, back):
        try:
            data = back.recv(65536)
        except OSError:
            return
        self.pass_on(data, lambda d: self.front.sendto(d, self.client_of[back]), "down")

    def command(self, words):
        if words[0] == "float":
            self.speak_from(self.last, (words[1], int(words[2])))
        elif words[0] in ("cut", "join"):
            self.is_cut = words[0] == "cut"
        elif words[0] in ("data-only", "all"):
            self.is_secretive = words[0] == "data-only"
        elif words[0] == "faults":
            self.faults = {k: float(v) for k, v in (w.split("=") for w in words[1:])}
            self.chance = random.Random(int(self.faults.pop("seed", 1)))
        else:
            sys.exit(f"relay: what is {words}?")
        print("done", flush=True)

    def run(self):
        pending = b""
        print("relaying", flush=True)
        while True:
            for ready in select.select([0, self.front, *self.client_of], [], [])[0]:
                if ready == 0:
                    data = os.read(0, 4096)
                    if not data:
                        return
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        self.command(line.decode().split())
                elif ready is self.front:
                    self.from_client()
                else:
                    self.from_server(ready)


def in_pieces(listen, server):
    """Streams whose packets never arrive whole: every piece is a segment of its own."""
    chance = random.Random(1)
    with socket.create_server(listen) as listener:
        print("relaying", flush=True)
        while True:
            a, _ = listener.accept()
            with a, socket.create_connection(server) as b:
                for s in (a, b):
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    cut_stream(a, b, chance)
                except OSError:
                    pass  # one end has gone; the next stream may come


def cut_stream(a, b, chance):
    other = {a: b, b: a}
    while True:
        for s in select.select([a, b], [], [])[0]:
            data = s.recv(chance.randrange(1, 41))
            if not data:
                return
            other[s].sendall(data)


if __name__ == "__main__":
    near, far = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
    if sys.argv[5:] == ["tcp"]:
        in_pieces(near, far)
    else:
        Relay(near, far).run()
