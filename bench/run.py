#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: adit beside OpenVPN, as ratios from interleaved rounds.

Both ends run the same program, with the same options and MTU, in network namespaces. A round measures each program
once, in alternating order; ratios are taken within a round, and their median is what counts. Absolute numbers belong to
this machine and this moment.

    run.py [--adit PATH] [--openvpn PATH] [--rounds 9] [--seconds 3] [--handshakes 20] [--clients 30] [--json FILE]
    run.py --same       # OpenVPN against itself: what a ratio of 1 looks like here
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "interop"))
import lab  # noqa: E402
import pki  # noqa: E402
from tunnel import SERVER4, UP, Context, Program, Tunnel  # noqa: E402

# key, text, unit, whether more is better
MEASURES = [
    ("up", "throughput, client to server", "Mbit/s", True),
    ("down", "throughput, server to client", "Mbit/s", True),
    ("cpu_up_client", "processor time per GB sent, client", "s", False),
    ("cpu_up_server", "processor time per GB received, server", "s", False),
    ("cpu_down_server", "processor time per GB sent, server", "s", False),
    ("cpu_down_client", "processor time per GB received, client", "s", False),
    ("connect", "connect, start of the client to tunnel up", "ms", False),
    ("handshake_server", "processor time per client, server", "ms", False),
    ("handshake_client", "processor time of a client's whole run", "ms", False),
    ("memory", "anonymous memory per client, server", "KiB", False),
]
BUSY_SHARE = 0.10   # of the machine, by others, before a round
NOISE_SHARE = 0.15  # spread between the quartiles of OpenVPN's own throughput


def busy_share(seconds=0.5):
    """The share of the machine that others use while we only wait, stolen time included."""
    def read():
        with open("/proc/stat") as f:
            fields = [int(x) for x in f.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    total, idle = read()
    time.sleep(seconds)
    total2, idle2 = read()
    return 1 - (idle2 - idle) / max(total2 - total, 1)


def wait_up(proc):
    """Waits for the tunnel with a finer grain than a test needs; the seconds since the process began."""
    end = time.monotonic() + lab.WAIT_S
    with open(proc.log_path, "rb") as f:
        text = b""
        while UP.encode() not in text:
            text += f.read()
            if time.monotonic() > end or proc.poll() is not None:
                raise lab.LabError(f"{proc.name}: no tunnel:\n{text.decode(errors='replace')[-2000:]}")
            time.sleep(0.0005)
    return time.monotonic() - proc.started


def iperf(t, is_down, seconds):
    """One run of iperf3 through the tunnel: Mbit/s, and processor time per GB of client and server."""
    c = t.client_space(1)
    listener = t.s.start("iperf3-server", ["iperf3", "-s", "-1", "--forceflush", "-B", SERVER4])
    listener.wait_for("listening")
    before = t.client.cpu_s(), t.server.cpu_s()
    argv = ["iperf3", "-J", "-c", SERVER4, "-t", str(seconds), "-O", "0"] + (["-R"] if is_down else [])
    _, out = c.run(argv, timeout=seconds + 30)
    after = t.client.cpu_s(), t.server.cpu_s()
    listener.wait()
    got = json.loads(out)["end"]["sum_received"]
    gigabytes = got["bytes"] / 1e9
    return (got["bits_per_second"] / 1e6, *((a - b) / gigabytes for a, b in zip(after, before)))


def throughput(cx, options, seconds):
    t = Tunnel(cx, wrap="crypt", server=options, client=options)
    t.start_server()
    t.start_client(wait=False)
    wait_up(t.client)
    t.client_space(1).wait_ping(SERVER4)
    out = {}
    out["up"], out["cpu_up_client"], out["cpu_up_server"] = iperf(t, False, seconds)
    out["down"], out["cpu_down_client"], out["cpu_down_server"] = iperf(t, True, seconds)
    t.close()
    return out


def handshakes(cx, options, count):
    """Clients one after the other, each a new process; the first is not counted."""
    t = Tunnel(cx, wrap="crypt", server=options, client=options)
    t.start_server()
    connects, used, server_before = [], [], 0
    for i in range(count + 1):
        if i == 1:
            server_before = t.server.cpu_s()
        p = t.start_client(wait=False)
        connects.append(wait_up(p))
        p.stop()
        used.append(p.cpu_s())
    out = {"connect": statistics.median(connects[1:]) * 1e3, "handshake_client": statistics.mean(used[1:]) * 1e3,
           "handshake_server": (t.server.cpu_s() - server_before) / count * 1e3}
    t.close()
    return out


def memory(cx, options, count):
    """What each of `count` connected clients costs the server, after a first few."""
    t = Tunnel(cx, wrap="crypt", server=options + ["duplicate-cn", "max-clients 1000"], client=options)
    t.start_server()
    started = []

    def more(n):
        for _ in range(n):
            started.append(t.start_client(wait=False, extra=["ifconfig-noexec", "route-noexec"]))
        for p in started:
            p.wait_for(UP)
        time.sleep(0.5)
        return t.server.rss_anon_kib()

    first = more(5)
    out = {"memory": (more(count) - first) / count}
    for p in started:
        p.send_signal(signal.SIGTERM)
    for p in started:
        p.wait()
    t.close()
    return out


def measure(program, keys, args, with_memory):
    options = ["tun-mtu 1500", "verb 3", f"data-ciphers {args.cipher}"]
    out = {}
    for part, extent, is_wanted in ((throughput, args.seconds, True), (handshakes, args.handshakes, True),
                                    (memory, args.clients, with_memory)):
        if not is_wanted:
            continue
        with lab.Lab() as place:
            try:
                out.update(part(Context(place, keys, program, program), options, extent))
            except lab.LabError:
                print(place.logs(20), file=sys.stderr)
                raise
    return out


def spread(values):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return (high - low) / middle


def version(path):
    out = subprocess.run([path, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return re.sub(r" x86_64.*", "", out.splitlines()[0]) if out else path


def table(programs, rounds, args):
    """Prints the comparison; returns it as data."""
    ours, theirs = (p.name for p in programs)
    print(f"\n{'':45}{ours:>12} {theirs:>12}  {'better by':>10}  (from .. to)")
    out = {}
    for key, text, unit, is_more_better in MEASURES:
        pairs = [(r[ours][key], r[theirs][key]) for r in rounds if key in r[ours]]
        if not pairs:
            continue
        ratios = sorted((a / b if is_more_better else b / a) if a and b else float("nan") for a, b in pairs)
        a, b = (statistics.median(x) for x in zip(*pairs))
        middle = statistics.median(ratios)
        digits = 0 if a > 100 else 2
        print(f"{text + ', ' + unit:45}{a:12.{digits}f} {b:12.{digits}f}  {middle:9.2f}x  "
              f"({ratios[0]:.2f} .. {ratios[-1]:.2f})")
        out[key] = {"unit": unit, ours: a, theirs: b, "better_by": middle, "from": ratios[0], "to": ratios[-1]}
    print(f"\nMedians of {len(rounds)} rounds; ratios within a round, above 1 is better for {ours}; "
          f"{args.cipher}, tun-mtu 1500, tls-crypt, ECDSA P-256, {os.cpu_count()} cores.")
    return out


def verdict(programs, rounds, busy):
    """Says when the figures deserve no trust."""
    reasons = []
    loud = [b for b in busy if b > BUSY_SHARE]
    if loud:
        reasons.append(f"before {len(loud)} of {len(busy)} measurements others used up to {max(loud):.0%} of the "
                       "machine")
    noise = max(spread([r[p.name]["up"] for r in rounds]) for p in programs) if len(rounds) > 3 else 0
    if noise > NOISE_SHARE:
        reasons.append(f"throughput of the same program differs by {noise:.0%} between the quartiles of its rounds")
    if reasons:
        print("DO NOT TRUST THESE FIGURES: " + "; ".join(reasons) + ".")
    return reasons


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adit", default=os.environ.get("ADIT", os.path.join(lab.ROOT, "build", "adit")))
    p.add_argument("--openvpn", default=os.environ.get("OPENVPN", "/usr/sbin/openvpn"))
    p.add_argument("--same", action="store_true", help="OpenVPN against itself")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--seconds", type=int, default=3, help="of each throughput run")
    p.add_argument("--handshakes", type=int, default=20)
    p.add_argument("--clients", type=int, default=30, help="for memory per client")
    p.add_argument("--memory-rounds", type=int, default=3)
    p.add_argument("--cipher", default="AES-256-GCM")
    p.add_argument("--json", default=os.path.join(lab.ROOT, "build", "bench.json"))
    return p.parse_args()


def main():
    args = arguments()
    reason = lab.enter() or (None if shutil.which("iperf3") else "the program iperf3 is missing")
    if reason:
        print(f"The benchmark cannot run here: {reason}.")
        return 1
    lab.install_signals()
    openvpn = Program("openvpn", args.openvpn, ["disable-dco"])
    programs = [Program("again", args.openvpn, ["disable-dco"]) if args.same else Program("adit", args.adit), openvpn]
    for p in programs:
        if not os.access(p.path, os.X_OK):
            print(f"There is no program at {p.path}.")
            return 1
        print(f"{p.name}: {version(p.path)}")
    folder = tempfile.mkdtemp(prefix=f"{lab.PREFIX}{os.getpid()}-")
    rounds, busy = [], []
    try:
        keys = pki.Pki(folder, args.openvpn)
        for number in range(args.rounds):
            figures = {}
            for p in programs if number % 2 == 0 else programs[::-1]:
                busy.append(busy_share())
                figures[p.name] = measure(p, keys, args, number < args.memory_rounds)
            rounds.append(figures)
            print(f"round {number + 1} of {args.rounds}, Mbit/s up and down: " + ", ".join(
                f"{p.name} {figures[p.name]['up']:.0f} {figures[p.name]['down']:.0f}" for p in programs), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    summary = table(programs, rounds, args)
    reasons = verdict(programs, rounds, busy)
    os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
    with open(args.json, "w") as f:
        json.dump({"programs": {p.name: version(p.path) for p in programs}, "cores": os.cpu_count(), "summary": summary,
                   "rounds": rounds, "busy_before": busy, "not_trusted_because": reasons}, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
