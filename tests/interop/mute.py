#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Passes the door of a UDP server without wrapping, so that a session is made for it, and says nothing more.

    mute.py ADDRESS PORT
"""
import os
import socket
import struct
import sys

HARD_RESET_CLIENT_V2, HARD_RESET_SERVER_V2, ACK_V1 = 7, 8, 5

own = os.urandom(8)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(5)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(bytes([HARD_RESET_CLIENT_V2 << 3]) + own + b"\0" + struct.pack("!I", 0))
    reply = s.recv(2048)
    if reply[0] >> 3 != HARD_RESET_SERVER_V2:
        sys.exit(f"mute: answered with opcode {reply[0] >> 3}")
    s.send(bytes([ACK_V1 << 3]) + own + b"\1" + struct.pack("!I", 0) + reply[1:9])
print("inside")
