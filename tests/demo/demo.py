#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a VPN from nothing on this machine, both ends in network namespaces of their own, with real packets.

Only adit is used, and only with what a person types: setup, profile add, server, connect. Everything is taken away
again at the end, also after a failure.

    demo.py [--adit PATH] [--megabytes N]
"""
import argparse
import glob
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import lab  # noqa: E402

OUTER = "10.66.1.1"


class Demo:
    def __init__(self, adit, place, megabytes):
        self.adit, self.lab, self.megabytes = adit, place, megabytes
        self.s, self.c = place.space("server"), place.space("laptop")

    def say(self, what, figure):
        print(f"  {what:<50} {figure}", flush=True)

    def type(self, ns, *words):
        """One command that ends by itself; the seconds it took."""
        start = time.monotonic()
        ns.run([self.adit, *words], timeout=60)
        return time.monotonic() - start

    def profile(self):
        found = glob.glob(os.path.join(self.lab.dir, "**", "laptop.ovpn"), recursive=True)
        if len(found) != 1:
            raise lab.LabError(f"`adit profile add` made {len(found)} files laptop.ovpn, not one")
        return found[0]

    def tunnel_address(self, ns, proc):
        """Waits until the namespace has a tunnel device with an address."""
        end = time.monotonic() + lab.WAIT_S
        while time.monotonic() < end:
            for d in ns.ip_json("addr"):
                v4 = [a["local"] for a in d["addr_info"] if a["family"] == "inet"]
                if d["ifname"] not in ("lo", "laptop", "server") and v4:
                    return v4[0]
            if proc.poll() is not None:
                break
            time.sleep(0.01)
        raise lab.LabError(f"{proc.name}: no tunnel comes up")

    def run(self):
        print("\nA VPN from nothing, on this machine: two network namespaces, real packets\n")
        self.lab.link(self.s, self.c, 1)
        before = {ns: ns.snapshot() for ns in (self.s, self.c)}
        seconds = self.type(self.s, "setup", "vpn", "--endpoint", f"{OUTER}:1194")
        self.say("adit setup vpn --endpoint HOST:1194", f"{seconds:.2f} s")
        seconds = self.type(self.s, "profile", "add", "vpn", "laptop")
        self.say("adit profile add vpn laptop", f"{seconds:.2f} s")
        start = time.monotonic()
        server = self.s.start("server", [self.adit, "server", "vpn"])
        far = self.tunnel_address(self.s, server)
        self.say("adit server vpn", f"up after {time.monotonic() - start:.2f} s")
        start = time.monotonic()
        client = self.c.start("laptop", [self.adit, "connect", self.profile()])
        near = self.tunnel_address(self.c, client)
        self.c.wait_ping(far)
        self.say("adit connect laptop.ovpn", f"through after {time.monotonic() - start:.2f} s")
        print()
        self.traffic(far, near)
        self.leave(client, server, before)

    def traffic(self, far, near):
        _, out = self.c.run(["ping", "-n", "-q", "-c", "50", "-i", "0.02", far])
        sent, received = lab.ping_counts(out)
        if sent != received:
            raise lab.LabError(f"{received} of {sent} pings were answered")
        middle = re.search(r"= [\d.]+/([\d.]+)/", out).group(1)
        self.say(f"ping {near} to {far}", f"{float(middle):.2f} ms, {received} of {sent} answered")
        for what, src, dst, address in (("download", self.s, self.c, near), ("upload", self.c, self.s, far)):
            speed = lab.transfer(src, dst, address, self.megabytes).mbits
            self.say(f"{what}, {self.megabytes} MB, SHA-256 equal at both ends", f"{speed:.0f} Mbit/s")

    def leave(self, client, server, before):
        for p in (client, server):
            if p.stop() != 0:
                raise lab.LabError(f"{p.name}: exit status {p.poll()} after SIGTERM")
        for ns, picture in before.items():
            lab.compare_snapshots(picture, ns.snapshot(), ns.name)
        print("\n  Both ends have ended; every device, address, route and file of the demo is gone.\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adit", default=os.environ.get("ADIT", os.path.join(lab.ROOT, "build", "adit")))
    p.add_argument("--megabytes", type=int, default=128)
    args = p.parse_args()
    reason = lab.enter()
    if reason:
        print(f"The demo cannot run here: {reason}.")
        return 77  # a skip, as Meson and Automake count
    if not os.access(args.adit, os.X_OK):
        print(f"There is no program at {args.adit}: run `make` first.")
        return 1
    lab.install_signals()
    with lab.Lab() as place:
        try:
            Demo(os.path.abspath(args.adit), place, args.megabytes).run()
        except lab.LabError as e:
            print(f"\nThe demo failed: {e}\n\n{place.logs(20)}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
