#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the interop tests: one line a case, "N passed, N failed, N skipped" at the end, status 1 after a failure.

    run.py [--adit PATH] [--openvpn PATH] [--pairs ao,oa,aa] [--only REGEX] [--list] [--quick] [-j N] [--logs DIR]

A pair names the server's program first, then the client's: a is adit, o is openvpn. `--pairs oo` needs no adit: it
proves the harness itself with openvpn at both ends. Two builds of adit can meet with --adit and --adit-client.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import cases  # noqa: E402
import lab  # noqa: E402
import matrix  # noqa: E402
import pki  # noqa: E402
import tunnel  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--adit", default=os.environ.get("ADIT", os.path.join(lab.ROOT, "build", "adit")))
    p.add_argument("--adit-client", help="another adit for the client's end")
    p.add_argument("--openvpn", default=os.environ.get("OPENVPN", "/usr/sbin/openvpn"))
    p.add_argument("--pairs", default="ao,oa,aa", help="server and client: oo, ao, oa, aa (default: ao,oa,aa)")
    p.add_argument("--only", default="", help="only cases whose name matches")
    p.add_argument("--list", action="store_true", help="only print the names")
    p.add_argument("--quick", action="store_true", help="a small part, for a first look")
    p.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="cases at the same time")
    p.add_argument("--logs", help="keep the logs of failed cases here")
    return p.parse_args()


def programs(args):
    adit, other = os.path.abspath(args.adit), os.path.abspath(args.adit_client or args.adit)
    openvpn = tunnel.Program("openvpn", args.openvpn, ["disable-dco"])
    servers = {"a": tunnel.Program("adit", adit), "o": openvpn}
    clients = {"a": tunnel.Program("adit", other), "o": openvpn}
    for letters in (p.strip() for p in args.pairs.split(",")):
        if len(letters) != 2 or set(letters) - set("ao"):
            sys.exit(f"--pairs: {letters} is not two of the letters a and o")
        yield servers[letters[0]], clients[letters[1]]


def report(tally, result):
    tally[result.state] += 1
    mark = {cases.PASSED: "ok  ", cases.FAILED: "FAIL", cases.SKIPPED: "skip"}[result.state]
    print(f"{mark} {result.name}  {result.seconds:.1f} s" + (f"  {result.remark}" if result.remark else ""), flush=True)
    if result.state == cases.FAILED and result.detail:
        print("\n".join("     " + x for x in result.detail.splitlines()), flush=True)


def all_cases(pairs):
    out = matrix.cases(pairs)
    for module in ("scenarios", "flood"):
        if os.path.exists(os.path.join(lab.HERE, module + ".py")):
            out += __import__(module).cases(pairs)
    return out


def main():
    args = arguments()
    pairs = list(programs(args))
    chosen = [c for c in all_cases(pairs) if re.search(args.only, c.name) and (c.is_quick or not args.quick)]
    if args.list:
        print("\n".join(c.name for c in chosen))
        return 0
    reason = lab.enter()
    for program in {p.path: p for pair in pairs for p in pair}.values():
        if not os.access(program.path, os.X_OK):
            print(f"{program.name} is not at {program.path}: build it, or name it with --{program.name}")
            return 2
    tally = {cases.PASSED: 0, cases.FAILED: 0, cases.SKIPPED: 0}
    start = time.monotonic()
    if reason:
        for c in chosen:
            report(tally, cases.Result(c.name, cases.SKIPPED, 0, reason))
    else:
        lab.install_signals()
        folder = tempfile.mkdtemp(prefix=f"{lab.PREFIX}{os.getpid()}-")
        try:
            keys = pki.Pki(folder, args.openvpn).prepare()
            count = sum(c.name.startswith("matrix/") for c in chosen)
            print(f"{len(chosen)} cases, {count} of them of the matrix, {args.jobs} at a time", flush=True)
            cases.run_all(chosen, keys, args.jobs, lambda r: report(tally, r), args.logs, args.quick)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - start:.0f} s")
    print(", ".join(f"{n} {state}" for state, n in tally.items()))
    return 1 if tally[cases.FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
