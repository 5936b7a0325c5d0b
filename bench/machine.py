#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the machine does while we measure: who else uses it, how far its cores are from each other, what it is."""
import json
import os
import platform
import re
import resource
import subprocess
import time

BUSY_SHARE = 0.10  # of the machine, used by others: more than this and a figure is not to be trusted
FAR_NS = 150       # a round trip between cores that takes longer is of the slow class
TICKS = os.sysconf("SC_CLK_TCK")


def _stat():
    """(seconds of all cores, seconds that none of them worked), stolen time counted as work."""
    with open("/proc/stat") as f:
        fields = [int(x) / TICKS for x in f.readline().split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def busy_share(seconds=0.2):
    """The share of the machine that is used while we only wait."""
    total, idle = _stat()
    time.sleep(seconds)
    total2, idle2 = _stat()
    return 1 - (idle2 - idle) / max(total2 - total, 1 / TICKS)


def _softirq_threads():
    """The kernel's own threads that carry packets when it falls behind: they work for us."""
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().startswith("ksoftirqd/"):
                    yield pid
        except (OSError, NotADirectoryError):
            continue


class Watch:
    """Around a measurement: the processor seconds of the whole machine, and the share of it that was not ours."""

    _threads = None

    def __init__(self, place):
        self.lab = place
        if Watch._threads is None:
            Watch._threads = list(_softirq_threads())
        self.machine_s = self.others = self.seconds = 0

    def _ours(self):
        own = sum(getattr(resource.getrusage(who), field) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
                  for field in ("ru_utime", "ru_stime"))
        running = sum(p.cpu_s() for p in self.lab.procs if p.poll() is None)
        kernel = 0
        for pid in Watch._threads:
            with open(f"/proc/{pid}/schedstat") as f:
                kernel += int(f.read().split()[0]) / 1e9
        return own + running + kernel

    def __enter__(self):
        self.before, self.ours, self.seconds = _stat(), self._ours(), time.monotonic()
        return self

    def __exit__(self, *_):
        total, idle = (b - a for a, b in zip(self.before, _stat()))
        self.machine_s = total - idle
        self.others = max(0.0, (self.machine_s - (self._ours() - self.ours)) / max(total, 1 / TICKS))
        self.seconds = time.monotonic() - self.seconds


def core_ns(tools):
    """The round trip of a line of cache between two cores, or None with one core or while somebody holds one."""
    done = subprocess.run([os.path.join(tools, "bench-cores")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)["round_trip_ns"] if done.returncode == 0 else None


def is_far(ns):
    return ns is not None and ns > FAR_NS


def lost_elsewhere():
    """Packets that the kernel threw away because a core could not follow: they are no program's fault."""
    with open("/proc/net/softnet_stat") as f:
        return sum(int(line.split()[1], 16) for line in f)


def describe():
    """What belongs beside figures."""
    with open("/proc/cpuinfo") as f:
        text = f.read()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.M)
    wanted = ("aes", "vaes", "pclmulqdq", "vpclmulqdq", "avx2", "avx512f", "hypervisor")
    return {"kernel": platform.release(), "cores": len(os.sched_getaffinity(0)),
            "processor": model.group(1) if model else platform.machine(),
            "flags": [x for x in wanted if flags and x in flags.group(1).split()], "load_before": os.getloadavg()[0]}
