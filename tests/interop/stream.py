#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One end of a TCP transfer: sends pseudo-random bytes or receives them; prints count, SHA-256 and seconds."""
import hashlib
import random
import socket
import sys
import time

CHUNK = 1 << 18
SILENCE_S = 30  # no progress for so long means a broken tunnel


def send(address, port, megabytes):
    data = random.Random(megabytes).randbytes(megabytes << 20)
    start = time.monotonic()
    with socket.create_connection((address, port), timeout=SILENCE_S) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        if s.recv(2) != b"ok":
            sys.exit("the receiver did not confirm")
    seconds = time.monotonic() - start
    print(len(data), hashlib.sha256(data).hexdigest(), f"{seconds:.6f}")


def recv(address, port):
    digest, total = hashlib.sha256(), 0
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        listener.settimeout(SILENCE_S)
        print("listening", flush=True)
        s, _ = listener.accept()
        with s:
            s.settimeout(SILENCE_S)
            start = time.monotonic()
            while True:
                data = s.recv(CHUNK)
                if not data:
                    break
                digest.update(data)
                total += len(data)
            seconds = time.monotonic() - start
            s.sendall(b"ok")
    print(total, digest.hexdigest(), f"{seconds:.6f}")


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    recv(sys.argv[2], int(sys.argv[3]))
