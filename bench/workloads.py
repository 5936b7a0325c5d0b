#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is done on a stand, and which figures it gives: functions (stand, means, **options) -> figures."""
import dataclasses
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

import lab
from tunnel import NET4, SERVER4, UP, Tunnel, inline

PORT = "7000"
CLIENT4 = f"{NET4}.2"  # the first client's address, the others' follow
SEGMENTS = 64  # that a sender with UDP_SEGMENT gives away at once
# Small packets to so many addresses in turn, for some seconds; not faster than a busy machine carries them.
PUSHER = """
import ipaddress, socket, sys, time
first, n, end = ipaddress.ip_address(sys.argv[1]), int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
to = [(str(first + i), 9) for i in range(n)]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
i = 0
while time.monotonic() < end:
    for i in range(i, i + 32):
        s.sendto(bytes(64), to[i % n])
    i += 1
    time.sleep(0.002)
"""


@dataclasses.dataclass
class Means:
    """The extent of a run, and where the generators are."""
    tools: str
    seconds: float = 3
    clients: int = 1000
    starts: int = 20

    def tool(self, name, *words):
        return [os.path.join(self.tools, f"bench-{name}"), *map(str, words)]


def said(proc, timeout):
    """The last line of a generator, which is JSON; LabError with what it said instead."""
    if proc.wait(timeout) != 0:
        raise lab.LabError(f"{proc.name}: {proc.log().strip()[-300:]}")
    return json.loads(proc.log().splitlines()[-1])


# ---------------------------------------------------------------------------------------------------- aggregation


def counters(proc):
    """What the kernel counted: UDP messages and TCP segments of the namespace, reads and writes of the process."""
    out = {}
    with open(f"/proc/{proc.pid}/net/snmp") as f:
        lines = [line.split() for line in f]
    for names, values in zip(lines[::2], lines[1::2]):
        out.update({names[0] + n: int(v) for n, v in zip(names[1:], values[1:])})
    with open(f"/proc/{proc.pid}/net/snmp6") as f:
        six = {name: int(value) for name, value in (line.split()[:2] for line in f)}
    with open(f"/proc/{proc.pid}/io") as f:
        io = {name: int(value) for name, value in (line.split(": ") for line in f)}
    return {"segments": out["Tcp:OutSegs"], "sends": out["Udp:OutDatagrams"] + six["Udp6OutDatagrams"],
            "receives": out["Udp:InDatagrams"] + six["Udp6InDatagrams"], "reads": io["syscr"], "writes": io["syscw"]}


def aggregation(source, sink, before):
    """Segments of the stream in each call that moves them: device, socket, socket, device."""
    (a, b), (a2, b2) = before, (counters(source), counters(sink))
    segments = a2["segments"] - a["segments"]
    calls = {"per_read": a2["reads"] - a["reads"], "per_send": a2["sends"] - a["sends"],
             "per_receive": b2["receives"] - b["receives"], "per_write": b2["writes"] - b["writes"]}
    return {name: segments / n for name, n in calls.items() if n > segments / 1000}


# ---------------------------------------------------------------------------------------------------- workloads


def iperf(stand, seconds, words, address, name="iperf3", source=None):
    """Starts a server and a client of iperf3; returns the client, which ends by itself."""
    listener = stand.s.start("iperf3-server", ["iperf3", "-s", "-1", "--forceflush", "-B", address])
    listener.wait_for("listening")
    return (source or stand.c).start(name, ["iperf3", "-J", "-c", address, "-t", str(max(1, math.ceil(seconds))), *words])


def tcp(stand, means, way="up", streams=1, is_behind=False):
    """TCP through the tunnel: up is from the client to the server, or from a host behind the client."""
    words = {"up": [], "down": ["-R"], "both": ["--bidir"]}[way] + ["-P", str(streams)]
    ends = stand.ends()
    is_counted = ends and way != "both" and not is_behind and stand.column.scene.proto == "udp"
    source_and_sink = ends if way == "up" else ends[::-1]
    before, counted = stand.cpu_s(), [counters(p) for p in source_and_sink] if is_counted else None
    done = iperf(stand, means.seconds, words, stand.server6 if stand.column.scene.inside == 6 else stand.server4,
                 source=stand.behind() if is_behind else None)
    if done.wait(means.seconds + 30) != 0:
        raise lab.LabError(f"iperf3: {done.log()[-300:]}")
    used = [b - a for a, b in zip(before, stand.cpu_s())]
    sums = [x for name, x in json.loads(done.log())["end"].items() if name.startswith("sum_received")]
    gigabytes = sum(x["bytes"] for x in sums) / 1e9
    if not gigabytes:
        raise lab.LabError("iperf3: nothing arrived")
    out = {"mbits": sum(x["bits_per_second"] for x in sums) / 1e6, "gigabytes": gigabytes}
    if used:
        out.update(cpu_client=used[0] / gigabytes, cpu_server=used[1] / gigabytes, cpu=sum(used) / gigabytes)
    return {**out, **(aggregation(*source_and_sink, counted) if is_counted else {})}


def udp(stand, means, size=64, segments=1, rate=0):
    """UDP from the client to the server, as fast as it goes: what arrives."""
    receiver = stand.s.start("udp-receiver", means.tool("udp", "recv", stand.server4, PORT, means.seconds))
    receiver.wait_for("^listening")
    before = stand.cpu_s()
    sender = stand.c.start("udp-sender", means.tool("udp", "send", stand.server4, PORT, means.seconds, size, segments,
                                                    rate))
    got = said(receiver, means.seconds + 30)
    used = sum(b - a for a, b in zip(before, stand.cpu_s()))
    sent = said(sender, 30)
    if not got["packets"]:
        raise lab.LabError("no packet arrived")
    # Processor time is of the whole run, with its beginning and end, in which packets arrive as quickly.
    arrived = got["packets"] / got["seconds"] * sent["seconds"]
    return {"pps": got["packets"] / got["seconds"], "mbits": got["bytes"] * 8e-6 / got["seconds"],
            "sent_pps": sent["packets"] / sent["seconds"], "receiver_lost": got["dropped"] / got["packets"],
            "per_message": got["packets"] / max(got["reads"], 1),
            **({"cpu_packet_us": used / arrived * 1e6} if stand.ends() else {})}


def rtt(stand, means, is_loaded=False):
    """Round trips of a small packet, alone or beside a stream of TCP in the same direction."""
    load = iperf(stand, means.seconds + 1, [], stand.server4) if is_loaded else None
    if load:
        time.sleep(0.4)
    got = said(stand.c.start("rtt", means.tool("rtt", stand.server4, min(means.seconds, 2), 500)), 60)
    if load and load.wait(means.seconds + 30) != 0:
        raise lab.LabError(f"iperf3: {load.log()[-300:]}")
    return {"p50": got["p50_us"], "p90": got["p90_us"], "p99": got["p99_us"], "lost": got["lost"]}


def join(stand, means, window=256, parallel=32):
    """Many clients in one process connect, and wait; the process.

    Its memory lies in huge pages: many clients' sessions are more pages than a processor finds quickly, and what that
    costs would slow the clients' side down, which real clients have on machines of their own.
    """
    config = stand.place.path("clients.conf", "\n".join(inline(stand.t.client_lines())) + "\n")
    crowd = stand.c.start("clients", means.tool("clients", config, "10.66.1.1", 1194, SERVER4, means.clients, parallel,
                                                window, means.seconds), stdin=subprocess.PIPE,
                          env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
    crowd.wait_for(r"^\{.*\}$", timeout=150)
    return crowd


def clients(stand, means):
    """Many clients in one process connect, stay, and send a small packet each in turn; a fresh server each time."""
    server = stand.start_server()
    rss, cpu = server.rss_anon_kib(), server.cpu_s()
    crowd = join(stand, means)
    joined = json.loads(crowd.log().splitlines()[-1])
    handshake_cpu = (server.cpu_s() - cpu) / means.clients * 1e3
    time.sleep(0.3)
    memory = (server.rss_anon_kib() - rss) / means.clients
    cpu, own = server.cpu_s(), crowd.cpu_s()
    crowd.popen.stdin.write(b"go\n")
    got = said(crowd, means.seconds + 30)
    if not got["answers"]:
        raise lab.LabError("no client had an answer")
    return {"handshakes": means.clients / joined["seconds"], "connect_p99": joined["p99_ms"],
            "handshake_cpu": handshake_cpu, "memory": memory, "answers": got["answers"] / got["seconds"],
            "answers_lost": got["lost"], "answer_cpu_us": (server.cpu_s() - cpu) / got["answers"] * 1e6,
            "answer_cpu_us_clients": (crowd.cpu_s() - own) / got["answers"] * 1e6}


def pushes(stand, means):
    """The server's side sends small packets to many clients, who do not answer: adit's price of finding each its own."""
    server = stand.start_server()
    join(stand, means)
    cpu = server.cpu_s()
    stand.s.run([sys.executable, "-I", "-c", PUSHER, CLIENT4, str(means.clients), str(means.seconds)])
    used = server.cpu_s() - cpu
    server.stop()
    found = re.search(r"data channel: sent .*? in (\d+) packets(?:.*; (\d+) passed between workers)?", server.log())
    if not found or not int(found.group(1)):
        raise lab.LabError("no packet was sent")
    sent, passed = int(found.group(1)), int(found.group(2) or 0)
    return {"push_cpu_us": used / sent * 1e6, "own_share": 100 * (1 - passed / sent), "sent_pps": sent / means.seconds}


def wait_up(proc):
    """Waits for the tunnel with a finer grain than a test needs; the seconds since the process began."""
    end = time.monotonic() + lab.WAIT_S
    text = b""
    with open(proc.log_path, "rb") as f:
        while UP.encode() not in text:
            text += f.read()
            if time.monotonic() > end or proc.poll() is not None:
                raise lab.LabError(f"{proc.name}: no tunnel:\n{text.decode(errors='replace')[-2000:]}")
            time.sleep(0.0005)
    return time.monotonic() - proc.started


def starts(stand, means):
    """The program as a client, again and again, each time a new process; the first is not counted."""
    stand.start_server()
    t: Tunnel = stand.t
    connects, used = [], []
    for _ in range(means.starts + 1):
        p = t.start_client(wait=False)
        connects.append(wait_up(p))
        p.stop()
        used.append(p.cpu_s())
    return {"connect": statistics.median(connects[1:]) * 1e3, "client_cpu": statistics.mean(used[1:]) * 1e3}
