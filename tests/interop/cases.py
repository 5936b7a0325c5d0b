#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a case is, and how one is run: in a process of its own, with a laboratory of its own and a bound in time."""
import os
import pickle
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Callable

import lab
import tunnel

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Case:
    """One test: func(cx) raises to fail, lab.Skip to be skipped, and may return a remark for its line."""
    name: str
    func: Callable
    server: tunnel.Program = None
    client: tunnel.Program = None
    bound_s: int = 60
    is_alone: bool = False  # not beside other cases, since it counts losses or time
    is_quick: bool = False  # part of --quick


@dataclass
class Result:
    name: str
    state: str
    seconds: float = 0.0
    remark: str = ""
    detail: str = field(default="", repr=False)


class TooLong(Exception):
    pass


def in_child(case, pki, keep_logs, is_quick):
    """Runs the case and returns its result; the laboratory is gone afterwards."""
    def ring(_number, _frame):
        raise TooLong(f"not done after {case.bound_s} s")

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(case.bound_s)
    start = time.monotonic()
    logs = ""
    folder = os.path.join(keep_logs, case.name.replace("/", "_").replace(" ", "_")) if keep_logs else None
    try:
        with lab.Lab(folder) as place:
            try:
                remark = case.func(tunnel.Context(place, pki, case.server, case.client, is_quick))
                signal.alarm(0)
            except lab.Skip:
                raise
            except BaseException:
                signal.alarm(0)
                logs = place.logs()
                raise
        return Result(case.name, PASSED, time.monotonic() - start, remark or "")
    except lab.Skip as e:
        return Result(case.name, SKIPPED, time.monotonic() - start, str(e))
    except (lab.LabError, TooLong) as e:
        where = traceback.extract_tb(e.__traceback__)
        line = next((f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(where)
                     if os.path.basename(f.filename) not in ("lab.py", "tunnel.py")), "")
        return Result(case.name, FAILED, time.monotonic() - start, str(e), f"at {line}\n{logs}")
    except Exception as e:
        return Result(case.name, FAILED, time.monotonic() - start, f"{type(e).__name__}: {e}",
                      traceback.format_exc() + logs)


class Child:
    """A forked process that runs one case; its result comes through a pipe."""

    def __init__(self, case, pki, keep_logs, is_quick):
        self.case, self.started, self.data = case, time.monotonic(), b""
        self.fd, their_fd = os.pipe()
        sys.stdout.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                lab._libc.prctl(lab.PR_SET_PDEATHSIG, signal.SIGTERM)
                if os.getppid() != parent:
                    os._exit(1)
                lab.install_signals()
                result = in_child(case, pki, keep_logs, is_quick)
                with os.fdopen(their_fd, "wb") as f:
                    pickle.dump(result, f)
                status = 0
            finally:
                os._exit(status)
        os.close(their_fd)

    def is_overdue(self):
        return time.monotonic() - self.started > self.case.bound_s + 30

    def read(self):
        """True when the child has closed its end."""
        data = os.read(self.fd, 1 << 20)
        self.data += data
        return not data

    def finish(self):
        os.close(self.fd)
        _, status = os.waitpid(self.pid, 0)
        lab.sweep(self.pid)
        try:
            return pickle.loads(self.data)
        except Exception:
            seconds = time.monotonic() - self.started
            return Result(self.case.name, FAILED, seconds, f"the case's process died ({status})")

    def abandon(self):
        """Ends the child from outside: politely, then not."""
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            os.kill(self.pid, number)
            if select.select([self.fd], [], [], patience)[0] and not os.read(self.fd, 1 << 20):
                break
        return self.finish()


def run_all(cases, pki, jobs, report, keep_logs=None, is_quick=False):
    """Runs the cases, those that must be alone at the end, and reports each result as it comes."""
    waiting = [c for c in cases if not c.is_alone] + [c for c in cases if c.is_alone]
    running = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs and not any(c.case.is_alone for c in running.values()):
                if waiting[0].is_alone and running:
                    break
                child = Child(waiting.pop(0), pki, keep_logs, is_quick)
                running[child.fd] = child
            for fd in select.select(list(running), [], [], 1)[0]:
                if running[fd].read():
                    report(running.pop(fd).finish())
            for fd in [fd for fd, c in running.items() if c.is_overdue()]:
                child = running.pop(fd)
                result = child.abandon()
                report(Result(child.case.name, FAILED, result.seconds, "ended from outside, far over its bound"))
    finally:
        for child in running.values():
            child.abandon()
