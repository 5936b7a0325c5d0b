#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A laboratory of network namespaces in which VPN programs meet.

A Lab makes namespaces and veth pairs, runs programs inside them, waits for lines in their logs and takes everything
away again on every way out: normal end, exception, SIGINT, SIGTERM, SIGALRM. Names carry the process id, so that
several laboratories can run at once. Children die with the laboratory (parent-death signal) and are only ever ended by
their own process id. Nothing outside the namespaces is touched.

Where the caller is not root, enter() starts the program again under `unshare -Urnm`.
"""
import atexit
import collections
import ctypes
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NETNS_DIR = "/run/netns"
PREFIX = "adit-lab-"
MARK_UNSHARED = "ADIT_LAB_UNSHARED"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
WAIT_S = 30  # a bound against hanging, never a measure of speed

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something in the laboratory went otherwise than the test demands."""


class Skip(Exception):
    """The case cannot run here; the text says why."""


def expect(truth, text):
    if not truth:
        raise LabError(text)


def until(what, timeout=30):
    """Waits until what() is true; its last value if it never is."""
    end_at = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > end_at:
            return value
        time.sleep(0.05)


# ---------------------------------------------------------------------------------------------------- way in


def why_impossible():
    """The reason why namespaces cannot be used here, or None."""
    for tool in ("ip", "ping"):
        if not shutil.which(tool):
            return f"the program {tool} is missing"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        return f"/dev/net/tun: {e.strerror}"
    if os.geteuid() == 0:
        return None
    if not shutil.which("unshare"):
        return "not root, and the program unshare is missing"
    probe = subprocess.run(["unshare", "-Urnm", "true"], stderr=subprocess.PIPE, text=True)
    return f"not root, and user namespaces are refused: {probe.stderr.strip()}" if probe.returncode else None


def enter():
    """Makes sure that namespaces can be made; may start this program anew. Returns a reason if they cannot be."""
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    reason = why_impossible()
    if reason:
        return reason
    if os.geteuid() != 0:
        os.environ[MARK_UNSHARED] = "1"
        os.execvp("unshare", ["unshare", "-Urnm", "--propagation", "private", sys.executable] + sys.argv)
    if os.environ.pop(MARK_UNSHARED, None):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    sweep_dead()
    return None


def install_signals():
    """Turns the polite ways of ending us into an exception, so that every `finally` runs."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def sweep(pid):
    """Removes the namespaces of one laboratory; its processes are already gone or die with it."""
    if not os.path.isdir(NETNS_DIR):
        return
    for name in os.listdir(NETNS_DIR):
        if name.startswith(f"{PREFIX}{pid}-"):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def sweep_dead():
    """Removes what a laboratory left that was ended with SIGKILL."""
    for folder in (NETNS_DIR, tempfile.gettempdir()):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            found = re.match(re.escape(PREFIX) + r"(\d+)-", name)
            if not found or os.path.exists(f"/proc/{found.group(1)}"):
                continue
            if folder == NETNS_DIR:
                sweep(int(found.group(1)))
            else:
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


# ---------------------------------------------------------------------------------------------------- processes


class Proc:
    """One program in one namespace, its output in a file."""

    def __init__(self, lab, name, argv, ns=None, env=None, stdin=None, cwd=None):
        self.lab, self.name, self.argv = lab, name, list(argv)
        self.log_path = os.path.join(lab.dir, f"{next(lab.numbers):03d}-{name}.log")
        self.rusage = None
        self.started = time.monotonic()
        ns_fd = os.open(os.path.join(NETNS_DIR, ns.full), os.O_RDONLY) if ns else -1
        parent = os.getpid()

        def in_child():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent or (ns_fd >= 0 and _libc.setns(ns_fd, CLONE_NEWNET) != 0):
                os._exit(126)

        with open(self.log_path, "wb") as out:
            try:
                self.popen = subprocess.Popen(
                    self.argv, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env,
                    cwd=cwd or lab.dir, preexec_fn=in_child, start_new_session=True, bufsize=0)
            finally:
                if ns_fd >= 0:
                    os.close(ns_fd)
        self.pid = self.popen.pid

    def poll(self):
        """The exit status, or None while it runs; keeps what the process used."""
        if self.popen.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.popen.returncode = os.waitstatus_to_exitcode(status)
                self.rusage = usage
        return self.popen.returncode

    def wait(self, timeout=WAIT_S):
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise LabError(f"{self.name}: still running after {timeout} s")
            time.sleep(0.005)
        return self.popen.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM, timeout=WAIT_S):
        self.send_signal(number)
        return self.wait(timeout)

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def log(self):
        with open(self.log_path, "r", errors="replace") as f:
            return f.read()

    def mark(self):
        """A place in the log; give it to wait_for() to look only at what comes after."""
        return len(self.log())

    def wait_for(self, pattern, timeout=WAIT_S, since=0):
        """Waits until the pattern stands in the log; returns the match."""
        rx = re.compile(pattern, re.M)
        end = time.monotonic() + timeout
        while True:
            status = self.poll()
            found = rx.search(self.log(), since)
            if found:
                return found
            if status is not None:
                raise LabError(f"{self.name}: ended with status {status} before the log said /{pattern}/")
            if time.monotonic() > end:
                raise LabError(f"{self.name}: no /{pattern}/ in the log within {timeout} s")
            time.sleep(0.01)

    def count(self, pattern, since=0):
        return len(re.findall(pattern, self.log()[since:], re.M))

    def cpu_s(self):
        """Seconds of processor time so far, all threads, in nanosecond precision where the kernel tells."""
        if self.rusage:
            return self.rusage.ru_utime + self.rusage.ru_stime
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def rss_anon_kib(self):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M).group(1))


# ---------------------------------------------------------------------------------------------------- namespaces


class Namespace:
    def __init__(self, lab, name):
        self.lab, self.name, self.full = lab, name, f"{PREFIX}{os.getpid()}-{name}"
        subprocess.run(["ip", "netns", "add", self.full], check=True)
        # Duplicate address detection would make addresses unusable for a second, and snapshots depend on the moment.
        self.run(["sh", "-c", "for i in all default; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad;"
                  " echo 0 >/proc/sys/net/ipv6/conf/$i/router_solicitations; done;"
                  " echo 0 0 >/proc/sys/net/ipv4/ping_group_range; echo 0 >/proc/sys/net/ipv4/icmp_ratelimit;"
                  " echo 0 >/proc/sys/net/ipv6/icmp/ratelimit; ip link set lo up"])

    def run(self, argv, check=True, timeout=60, text_in=None):
        """Runs a short command inside to its end and returns (status, output)."""
        p = Proc(self.lab, os.path.basename(argv[0]), argv, self,
                 stdin=subprocess.PIPE if text_in is not None else None)
        if text_in is not None:
            p.popen.stdin.write(text_in.encode())
            p.popen.stdin.close()
        status = p.wait(timeout)
        out = p.log()
        self.lab.forget(p)
        if check and status != 0:
            raise LabError(f"{self.name}: {' '.join(argv)}: status {status}: {out.strip()}")
        return status, out

    def start(self, name, argv, **more):
        p = Proc(self.lab, name, argv, self, **more)
        self.lab.procs.append(p)
        return p

    def ip(self, *words):
        return self.run(["ip"] + [str(w) for w in words])[1]

    def ip_json(self, *words):
        """What `ip -j` says. A dump that changes meanwhile is cut short with a message, and asked for again."""
        for left in range(5, 0, -1):
            text = self.ip("-j", *words).strip()
            if not text or (text[0] == "[" and text[-1] == "]") or left == 1:
                return json.loads(text or "[]")
            time.sleep(0.05)
        return []

    def snapshot(self):
        """Every device, address, route and rule, in a form that can be compared."""
        links = self.ip_json("addr")
        devices = sorted(f"device {d['ifname']} mtu {d['mtu']}" for d in links)
        addresses = sorted(f"address {a['local']}/{a['prefixlen']} on {d['ifname']}"
                           for d in links for a in d["addr_info"] if "local" in a)
        routes = []
        for family in ("-4", "-6"):
            for r in self.ip_json(family, "route", "show", "table", "all"):
                fields = {k: r[k] for k in ("type", "dst", "gateway", "dev", "table", "metric", "prefsrc") if k in r}
                routes.append("route " + " ".join(f"{k} {v}" for k, v in sorted(fields.items())))
        rules = [f"rule {r}" for r in self.ip("rule").splitlines() + self.ip("-6", "rule").splitlines()]
        return devices + addresses + sorted(routes) + rules

    # -------------------------------------------------------------------------------- traffic

    def ping(self, address, count=3, interval=0.02, wait=2, size=56, source=None):
        """Sends echo requests and returns (sent, received).

        With a deadline ping goes on until so many were answered, and does not take an answer that is late on a
        busy machine for lost, as it would otherwise; which of the first `count` were answered is read off.
        """
        deadline = math.ceil(2 * count * interval + wait)
        argv = ["ping", "-n", "-c", str(count), "-i", str(interval), "-w", str(deadline), "-s", str(size)]
        argv += ["-I", source] if source else []
        out = self.run(argv + [address], check=False, timeout=deadline + 30)[1]
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) .*time=", out)}
        return count, len([n for n in answered if n <= count])

    def expect_ping(self, address, **more):
        sent, received = self.ping(address, **more)
        if sent == 0 or received != sent:
            raise LabError(f"{self.name}: {received} of {sent} pings to {address} were answered")

    def wait_ping(self, address, timeout=WAIT_S):
        """Waits until the address answers; the time it took."""
        start = time.monotonic()
        while time.monotonic() < start + timeout:
            if self.ping(address, count=1, wait=1)[1]:
                return time.monotonic() - start
        raise LabError(f"{self.name}: {address} did not answer within {timeout} s")

    def start_pings(self, address, interval=0.005, wait=2, size=56):
        """A stream of echo requests until end_pings()."""
        return self.start("ping", ["ping", "-n", "-q", "-i", str(interval), "-W", str(wait), "-s", str(size), address])


def ping_counts(text):
    found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    if not found:
        return 0, 0
    return int(found.group(1)), int(found.group(2))


def end_pings(proc, grace=0):
    """Ends a stream of pings; returns (sent, received).

    ping counts the one request that is under way when SIGINT arrives as lost, so up to `grace` (0 or 1) may miss.
    """
    proc.stop(signal.SIGINT)
    sent, received = ping_counts(proc.log())
    return sent, min(sent, received + grace)


def expect_lossless(proc, what, at_least=1):
    """Ends a stream of pings that must not have lost one, and must have sent enough to mean something."""
    sent, received = end_pings(proc, grace=1)
    if sent < at_least or sent != received:
        raise LabError(f"{what}: {received} of {sent} pings were answered (at least {at_least} had to be sent)")
    return sent


# ---------------------------------------------------------------------------------------------------- the lab


class Lab:
    """Namespaces, links and processes of one test; a context manager."""

    def __init__(self, keep_logs=None):
        self.dir = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        self.procs, self.spaces, self.is_open, self.keep_logs = [], {}, True, keep_logs
        self.numbers, self.adopted = itertools.count(), []
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        self.close(failed=kind is not None and not issubclass(kind, Skip))

    def adopt(self, pid):
        """A process that one of ours has left running, such as a daemon: it is ended with the laboratory."""
        self.adopted.append(pid)

    def forget(self, proc):
        """A command that came to its end without complaint leaves no log."""
        if proc.poll() == 0:
            os.unlink(proc.log_path)

    def space(self, name):
        if name not in self.spaces:
            self.spaces[name] = Namespace(self, name)
        return self.spaces[name]

    def link(self, a, b, number=1, mtu=1500):
        """A veth pair with 10.66.number.1/fd66:number::1 at a and .2/::2 at b; the device is called as the far end."""
        lines = [f"link add name {b.name} netns {a.full} mtu {mtu} type veth "
                 f"peer name {a.name} netns {b.full} mtu {mtu}"]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
        for ns, far, host in ((a, b, 1), (b, a, 2)):
            ns.run(["ip", "-batch", "-"], text_in="\n".join([
                f"link set dev {far.name} addrgenmode none", f"link set dev {far.name} up",
                f"addr add 10.66.{number}.{host}/24 dev {far.name}",
                f"addr add fd66:{number}::{host}/64 dev {far.name} nodad", ""]))
        end = time.monotonic() + WAIT_S
        while any("LOWER_UP" not in ns.ip("link", "show", far.name) for ns, far in ((a, b), (b, a))):
            if time.monotonic() > end:
                raise LabError(f"the link {a.name} to {b.name} does not come up")
            time.sleep(0.01)

    def path(self, name, text=None, mode=0o600):
        """A file in the laboratory's folder, written if there is text."""
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
                f.write(text)
        return path

    def logs(self, lines=60):
        """The ends of all logs, for a report of failure."""
        parts = []
        for p in self.procs:
            try:
                tail = p.log().splitlines()[-lines:]
            except OSError:
                continue
            status = p.poll()
            state = "running" if status is None else f"status {status}"
            parts.append(f"--- {p.name} ({state}): {' '.join(p.argv)}\n" + "\n".join("    " + t for t in tail))
        return "\n".join(parts)

    def close(self, failed=False):
        if not self.is_open:
            return
        self.is_open = False
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        try:
            for p in reversed(self.procs):
                p.kill()
            for pid in self.adopted:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            sweep(os.getpid())
            if failed and self.keep_logs:
                shutil.copytree(self.dir, self.keep_logs, dirs_exist_ok=True)
            shutil.rmtree(self.dir, ignore_errors=True)
        finally:
            atexit.unregister(self.close)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT])


# ---------------------------------------------------------------------------------------------------- transfer


Transfer = collections.namedtuple("Transfer", "mbits mss")  # speed, and the sender's segment size


def transfer(src, dst, address, megabytes=32, port=5001, timeout=60):
    """Sends pseudo-random bytes over TCP from namespace src to dst and compares SHA-256 of both ends."""
    tool = os.path.join(HERE, "stream.py")
    recv = dst.start("recv", [sys.executable, "-I", tool, "recv", address, str(port), str(megabytes)])
    recv.wait_for(r"^listening")
    send = src.start("send", [sys.executable, "-I", tool, "send", address, str(port), str(megabytes)])
    for p in (send, recv):
        if p.wait(timeout) != 0:
            raise LabError(f"transfer to {address}: {p.name} failed: {p.log().strip()}")
    mss, *sent = send.log().split()[-4:]
    got = recv.log().split()[-3:]
    if sent[:2] != got[:2] or int(got[0]) != megabytes << 20:
        raise LabError(f"transfer to {address}: sent {sent[0]} bytes {sent[1]}, received {got[0]} bytes {got[1]}")
    return Transfer(int(got[0]) * 8e-6 / float(got[2]), int(mss))


def compare_snapshots(before, after, who):
    """Nothing may be left, and nothing may be missing."""
    left = [f"left behind: {x}" for x in after if x not in before]
    gone = [f"taken away: {x}" for x in before if x not in after]
    if left or gone:
        raise LabError(f"{who}: after the end: " + "; ".join(left + gone))


def find_tool(name, folder):
    """A C tool of tests/tools: as built by the project, or compiled on the spot into the given folder."""
    for built in (os.environ.get("ADIT_TOOLS"), os.path.join(ROOT, "build", "tests", "tools")):
        if built and os.access(os.path.join(built, name), os.X_OK):
            return os.path.join(built, name)
    if not shutil.which("cc"):
        raise Skip("no C compiler for the test tools")
    path = os.path.join(folder, name)
    source = os.path.join(ROOT, "tests", "tools", name + ".c")
    argv = ["cc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-o", path, source, "-lcrypto"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise LabError(f"{source} does not compile:\n{done.stdout}")
    return path
