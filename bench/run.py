#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: adit beside openvpn, wireguard-go and no VPN, as ratios from interleaved rounds.

Both ends of a tunnel are on this machine, in network namespaces; each column of a row is measured right after the
other, in an order that changes with the round. Ratios are taken within a round, and their median is what counts.
Absolute numbers belong to one machine and one moment. rows.py says what is measured, doc/performance.md how and why.

    run.py [--rows RE] [--rounds 9] [--seconds 3] [--quick] [--adit PATH] [--json FILE] [--chart FILE]
    run.py --list                # the rows and their columns
    run.py --same                # openvpn against itself: what a ratio of 1 looks like here
    run.py --unit                # everything under the capabilities of Debian's openvpn-server@.service
    run.py --draw FILE.json      # the tables and the chart of figures that are there
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests", "interop")]
import lab  # noqa: E402
import pki  # noqa: E402
import chart  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
import stands  # noqa: E402
from rows import COLUMNS, ROWS  # noqa: E402
from workloads import Means  # noqa: E402

TROUBLE = (lab.LabError, OSError, subprocess.SubprocessError, ValueError, KeyError)
NOT_ASKED = "not asked for"
QUICK = {"rounds": 1, "seconds": 0.5, "clients": 50, "starts": 3}


class Round:
    """One pass over all rows. A stand is put up when a row first needs it, and anew after it has failed."""

    def __init__(self, bench, place, number):
        self.bench, self.lab, self.number, self.made = bench, place, number, 0
        self.stands, self.dead = {}, {}  # by column; why one does not come up in this round

    def _new(self, column):
        self.made += 1
        return stands.make(stands.Place(self.lab, f"b{self.made}"), column, self.bench.programs, self.bench.pki)

    def _stand(self, column):
        if column.key not in self.stands:
            self.stands[column.key] = self._new(column)
            self.stands[column.key].up()
            if self.bench.args.pin:
                self.stands[column.key].pin()
        return self.stands[column.key]

    def _prepare(self, column):
        """What is still to come up shall not disturb those that are measured."""
        try:
            self._stand(column)
        except TROUBLE as e:
            self.dead[column.key] = f"does not come up: {e}"
            self._report(column.key, self.dead[column.key])
            self._drop(column)

    def _report(self, what, why):
        print(f"  {what}: {why}", file=sys.stderr)
        if self.bench.args.verbose:
            print(self.lab.logs(20), file=sys.stderr)

    def _drop(self, column):
        stand = self.stands.pop(column.key, None)
        if stand:
            stand.end()

    def measure(self, row, column):
        """The figures of one column, or why there are none."""
        stand = self._new(column) if row.is_fresh else self._stand(column)
        before, lost = machine.core_ns(self.bench.args.tools), machine.lost_elsewhere()
        try:
            with machine.Watch(self.lab) as watch:
                figures = row.work(stand, self.bench.means, **row.options)
        finally:
            if row.is_fresh:
                stand.end()
        return {**figures, "others": watch.others, "machine_s": watch.machine_s, "took_s": watch.seconds,
                "core_ns": (before, machine.core_ns(self.bench.args.tools)),
                "lost_elsewhere": machine.lost_elsewhere() - lost}

    def attempt(self, row, column):
        if column.key in self.dead:
            return {"failed": self.dead[column.key]}
        try:
            return self.measure(row, column)
        except TROUBLE as e:
            self._report(f"{row.key}, {column.key}", e)
            self._drop(column)
            return {"failed": str(e)}

    def row(self, row):
        """One row with all its columns, each round beginning with another one."""
        columns = self.bench.columns(row)
        turn = self.number % len(columns)
        order = columns[turn:] + columns[:turn]
        if not row.is_fresh:
            for column in columns:
                self._prepare(column)
        self.bench.busy.append(machine.busy_share())
        for column in order:
            self.bench.results[row.key][column.key].append(self.attempt(row, column))

    def forget(self, later):
        """Ends the stands that no row of this round needs any more."""
        wanted = {c.key for row in later if not row.is_fresh for c in self.bench.columns(row)}
        for key in set(self.stands) - wanted:
            self._drop(COLUMNS[key])


class Bench:
    def __init__(self, args, programs, folder):
        self.args, self.programs = args, programs
        self.pki = pki.Pki(folder, args.openvpn)
        self.means = Means(args.tools, args.seconds, args.clients, args.starts)
        programs.folder = folder
        self.rows = [r for r in ROWS if re.search(args.rows, r.key)]
        self.absent = self._absent()
        self.rows = [r for r in self.rows if self.columns(r)]
        self.results = {r.key: {c.key: [] for c in self.columns(r)} for r in self.rows}
        self.busy, self.start, self.about = [], time.time(), machine.describe()

    def columns(self, row):
        return [COLUMNS[c] for c in row.columns if c not in self.absent]

    def _absent(self):
        """The columns that cannot be measured here, each said once."""
        out = {}
        for key in dict.fromkeys(c for row in self.rows for c in row.columns):
            is_wanted = re.search(self.args.columns, key)
            reason = self.programs.missing(COLUMNS[key]) if is_wanted else NOT_ASKED
            if reason:
                out[key] = reason
            if reason and is_wanted:
                print(f"left out: {COLUMNS[key].text}: {reason}")
        return out

    def round(self, number):
        with lab.Lab() as place:
            this = Round(self, place, number)
            try:
                for i, row in enumerate(self.rows):
                    this.row(row)
                    this.forget(self.rows[i + 1:])
                    print(f"round {number + 1} of {self.args.rounds}, {row.key}: " + ", ".join(
                        f"{c.key} {self._one(row, c)}" for c in self.columns(row)), flush=True)
            finally:
                this.forget([])

    def _one(self, row, column):
        last = self.results[row.key][column.key][-1]
        return report.number(last.get(row.compare[0].figure)) or "failed"


def micro(folder):
    """The micro-benchmarks, each in its own words."""
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "bench-*"))):
        if os.access(path, os.X_OK) and os.path.isfile(path):
            done = subprocess.run([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
            out[os.path.basename(path)] = done.stdout
            print(f"\n{os.path.basename(path)}\n{done.stdout}", flush=True)
    return out


def conclude(data, args):
    """Prints the tables and the doubts; draws the chart."""
    names = {"adit": "openvpn again"} if data.get("same") else {}
    m = data["machine"]
    for table in (report.main_table(data["summary"], names), report.other_table(data["summary"])):
        if table:
            print("\n" + table)
    print(f"\nMedians of {data['rounds']} rounds of {data['seconds']} s, ratios within a round, above 1 is better for "
          "the first named.\nAES-256-GCM, UDP, IPv4, tls-crypt, ECDSA P-256, MTU 1420 unless the row says otherwise; "
          f"both ends on {m['processor']}, {m['cores']} cores, Linux {m['kernel']}.")
    absent = [f"{COLUMNS[key].text}: {why}" for key, why in data["left_out"].items() if why != NOT_ASKED]
    if absent:
        print("Left out: " + "; ".join(absent) + ".")
    if data["doubts"]:
        print("DO NOT TRUST THESE FIGURES:\n" + "\n".join(f"- {d}" for d in data["doubts"]))
    if args.chart:
        chart.write(data, args.chart)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.path.join(lab.ROOT, "build")
    p.add_argument("--adit", default=os.environ.get("ADIT", os.path.join(build, "adit")))
    p.add_argument("--openvpn", default=os.environ.get("OPENVPN", "/usr/sbin/openvpn"))
    p.add_argument("--tools", default=os.path.join(build, "bench", "gen"), help="the folder of the generators")
    p.add_argument("--micro", default=os.path.join(build, "bench", "micro"), help="the folder of the micro-benchmarks")
    p.add_argument("--rows", default="", metavar="RE", help="only these rows, and no micro-benchmarks")
    p.add_argument("--columns", default="", metavar="RE", help="only these columns")
    p.add_argument("--rounds", type=int, default=9, choices=range(1, 1000), metavar="N")
    p.add_argument("--seconds", type=float, default=3, help="of each run; iperf3 makes whole ones of them")
    p.add_argument("--clients", type=int, default=1000, help="of the row with many")
    p.add_argument("--starts", type=int, default=20, help="of the row with one after the other")
    p.add_argument("--quick", action="store_true", help="one short round, to see that it runs")
    p.add_argument("--pin", action="store_true", help="the two ends on different cores, for every program")
    p.add_argument("--same", action="store_true", help="openvpn against itself")
    p.add_argument("--unit", action="store_true", help="the capabilities of openvpn-server@.service")
    p.add_argument("--list", action="store_true")
    p.add_argument("--verbose", action="store_true", help="the ends of all logs after a failure")
    p.add_argument("--draw", metavar="FILE")
    p.add_argument("--json", default=os.path.join(build, "bench.json"))
    p.add_argument("--chart", default=os.path.join(build, "bench.svg"))
    args = p.parse_args()
    if args.quick:
        for name, extent in QUICK.items():
            setattr(args, name, extent)
    return args


def why_impossible(args):
    if not any(re.search(args.rows, row.key) for row in ROWS):
        return f"no row matches {args.rows}; --list says which there are"
    for name in ("iperf3", "openssl"):
        if not shutil.which(name):
            return f"the program {name} is missing"
    for path in (args.adit, args.openvpn, os.path.join(args.tools, "bench-udp")):
        if not os.access(path, os.X_OK):
            return f"there is no program at {path}"
    return None


def keep(data, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w") as f:
        json.dump(data, f, indent=1)
    os.replace(path + ".new", path)


def collect(bench, rounds):
    """Everything that is known after so many rounds."""
    args, programs = bench.args, bench.programs
    return {"command": " ".join(sys.argv), "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(bench.start)),
            "took_s": round(time.time() - bench.start), "machine": bench.about, "same": args.same, "unit": args.unit,
            "pinned": args.pin, "programs": {name: programs.version(name) for name in programs.paths},
            "rounds": rounds, "seconds": args.seconds, "clients": args.clients, "left_out": bench.absent,
            "summary": report.summarise(bench.rows, bench.results), "doubts": report.doubts(bench.results, bench.busy),
            "busy_before": bench.busy, "results": bench.results}


def measure(args):
    """All rounds; the data, which is also kept after each of them, since a whole run is long."""
    programs = stands.Programs(args.adit, args.openvpn, args.same, stands.UNIT_CAPABILITIES if args.unit else "")
    folder = tempfile.mkdtemp(prefix=f"{lab.PREFIX}{os.getpid()}-")
    try:
        bench = Bench(args, programs, folder)
        for number in range(args.rounds):
            bench.round(number)
            data = collect(bench, number + 1)
            keep(data, args.json)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return data


def main():
    args = arguments()
    if args.list:
        for row in ROWS:
            print(f"{row.key:14} {row.text:45} {' '.join(row.columns)}")
        return 0
    if args.draw:
        with open(args.draw) as f:
            conclude(json.load(f), args)
        return 0
    reason = lab.enter() or why_impossible(args)
    if reason:
        print(f"The benchmark cannot run here: {reason}.")
        return 1
    lab.install_signals()
    data = measure(args)
    data["micro"] = micro(args.micro) if not args.rows else {}
    keep(data, args.json)
    conclude(data, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
