#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One end of a TCP transfer of pseudo-random bytes; prints segment size, count, SHA-256 and seconds.

    stream.py send ADDRESS PORT MEGABYTES          stream.py recv ADDRESS PORT MEGABYTES
"""
import hashlib
import random
import socket
import sys
import time

SILENCE_S = 30  # no progress for so long means a broken tunnel


def segment_size(s):
    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


def report(mss, data, seconds):
    print(mss, len(data), hashlib.sha256(data).hexdigest(), f"{seconds:.6f}")


def send(address, port, size):
    data = random.Random(size).randbytes(size)
    with socket.create_connection((address, port), timeout=SILENCE_S) as s:
        start = time.monotonic()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        if s.recv(2) != b"ok":
            sys.exit("the receiver did not confirm")
        mss = segment_size(s)
    report(mss, data, time.monotonic() - start)


def recv(address, port, size):
    data, total = bytearray(size + 1), 0  # one byte more than asked, so that too much is noticed
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        listener.settimeout(SILENCE_S)
        print("listening", flush=True)
        s, _ = listener.accept()
        with s:
            s.settimeout(SILENCE_S)
            start = time.monotonic()
            while total < len(data):
                n = s.recv_into(memoryview(data)[total:])
                if n == 0:
                    break
                total += n
            seconds = time.monotonic() - start
            s.sendall(b"ok")
            mss = segment_size(s)
    report(mss, memoryview(data)[:total], seconds)


{"send": send, "recv": recv}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) << 20)
