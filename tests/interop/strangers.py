#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connects to a TCP server as those do who are not its clients, and counts who gets an answer.

    strangers.py ADDRESS PORT
"""
import random
import socket
import struct
import sys

chance = random.Random(1)


def framed(data):
    return struct.pack("!H", len(data)) + data


TALK = [
    b"",                                                  # says nothing and goes
    b"\0\0",                                              # a packet of no length
    b"\xff\xff" + bytes(2000),                            # longer than anything allowed
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS without OpenVPN around it
    framed(b"\x38" + bytes(13)),                          # a reset of a session without a number
    framed(b"\x38" + chance.randbytes(13)),               # a reset without wrapping
    framed(b"\x48" + chance.randbytes(200)),              # data
    framed(b"\x38" + chance.randbytes(53)),               # shaped like tls-crypt
    framed(b"\x38" + chance.randbytes(53))[:20],          # half of it
    *(framed(chance.randbytes(chance.randrange(1, 1200))) for _ in range(40)),
    *(chance.randbytes(chance.randrange(1, 3000)) for _ in range(40)),
]

answered = 0
for words in TALK:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as s:
        s.settimeout(0.05)
        try:
            s.sendall(words)
            answered += s.recv(1) != b""
        except (TimeoutError, ConnectionError):
            pass
print(f"answered {answered} of {len(TALK)} strangers")
