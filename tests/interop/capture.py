#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Captures the packets of one port into a pcap file, and lets tshark judge them.

Run as a program inside a namespace (`capture.py DEVICE PORT FILE`) it writes every frame from or to the port until
SIGTERM. Data packets over UDP are left out, so that a flood does not fill the disk. It is our own, because tcpdump
wants to change its user, which a user namespace refuses.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter

DATA_OPCODES = (6, 9)
OPCODES = {1: "hard-reset-client-v1", 2: "hard-reset-server-v1", 3: "soft-reset", 4: "control", 5: "ack", 6: "data-v1",
           7: "hard-reset-client-v2", 8: "hard-reset-server-v2", 9: "data-v2", 10: "hard-reset-client-v3",
           11: "control-wkc"}


def wanted(frame, port):
    """True for a frame of our port, except data packets over UDP."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0800:
        proto, at = frame[23], 14 + (frame[14] & 15) * 4
    elif kind == 0x86dd:
        proto, at = frame[20], 54
    else:
        return False
    if proto not in (6, 17) or len(frame) < at + 9 or port not in struct.unpack_from("!HH", frame, at):
        return False
    return proto == 6 or frame[at + 8] >> 3 not in DATA_OPCODES


def record(device, port, path):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((device, 0))
    s.settimeout(0.05)
    is_over = []
    signal.signal(signal.SIGTERM, lambda *_: is_over.append(1))
    print("capturing", flush=True)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 1))
        count = 0
        while not is_over:
            try:
                frame = s.recv(1 << 18)
            except TimeoutError:
                continue
            if wanted(frame, port):
                count += 1
                f.write(struct.pack("<IIII", count // 1000, count % 1000 * 1000, len(frame), len(frame)) + frame)


class Capture:
    """A running capture in a namespace; stop() and then ask."""

    def __init__(self, ns, device, port=1194):
        self.path, self.port = os.path.join(ns.lab.dir, f"{ns.name}.pcap"), port
        self.proc = ns.start("capture", [sys.executable, "-I", os.path.abspath(__file__), device, str(port), self.path])
        self.proc.wait_for("capturing")

    def stop(self):
        self.proc.stop()

    def first_bytes(self):
        """The first byte of every packet over UDP, in order; for TCP of those that begin a segment."""
        with open(self.path, "rb") as f:
            data = f.read()
        at = 24
        while at < len(data):
            size = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16:at + 16 + size]
            at += 16 + size
            is_v4 = frame[12:14] == b"\x08\x00"
            proto, head = (frame[23], 14 + (frame[14] & 15) * 4) if is_v4 else (frame[20], 54)
            begin = head + 8 if proto == 17 else head + (frame[head + 12] >> 4) * 4 + 2
            if begin < len(frame):
                yield frame[begin]

    def opcodes(self):
        """How many packets of each opcode, by first_bytes()."""
        return Counter(OPCODES.get(b >> 3, f"opcode {b >> 3}") for b in self.first_bytes())

    def key_ids(self):
        """The key ids that control packets carried."""
        return {b & 7 for b in self.first_bytes() if b >> 3 in (3, 4)}

    def dissect(self, wrap="none"):
        """(counter of opcode names, list of malformed frames) as tshark sees it, or None without tshark."""
        if not shutil.which("tshark"):
            return None
        prefs = []
        if wrap.startswith("auth-"):
            size = {"SHA1": 20, "SHA224": 28, "SHA256": 32, "SHA384": 48, "SHA512": 64}[wrap.split("-")[1]]
            prefs = ["-o", "openvpn.tls_auth_detection_override:TRUE", "-o", "openvpn.tls_auth:TRUE",
                     "-o", f"openvpn.tls_auth_hmac_size:{size}"]
        elif wrap != "none":
            prefs = ["-o", "openvpn.tls_auth_detection_override:TRUE", "-o", "openvpn.tls_crypt:TRUE"]
        decode = [x for t in ("udp", "tcp") for x in ("-d", f"{t}.port=={self.port},openvpn")]
        done = subprocess.run(
            ["tshark", "-n", "-r", self.path, *decode, *prefs, "-T", "fields", "-E", "occurrence=a",
             "-E", "aggregator=,", "-e", "frame.number", "-e", "openvpn.opcode", "-e", "_ws.malformed"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"tshark: {done.stderr}")
        seen, malformed = Counter(), []
        for line in done.stdout.splitlines():
            number, opcodes, bad = (line + "\t\t").split("\t")[:3]
            seen.update(OPCODES.get(int(x, 0), f"opcode {x}") for x in opcodes.split(",") if x)
            if bad:
                malformed.append(f"frame {number}: {bad}")
        return seen, malformed


if __name__ == "__main__":
    record(sys.argv[1], int(sys.argv[2]), sys.argv[3])
