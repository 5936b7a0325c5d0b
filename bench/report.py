#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From rounds to a table: medians, ratios within a round, what was asked for, and reasons not to believe it.

`results` is {row: {column: [figures of round 1, ...]}}; where a measurement failed, the figures are {"failed": text}.
Beside its figures each has "others" (share of the machine), "core_ns" (before and after) and "lost_elsewhere".
"""
import math
import statistics

import machine
from rows import COLUMNS, FIGURES

SHOWN = ("adit", "openvpn", "wireguard", "none")  # columns of the first table
NOISE_SHARE = 0.25   # spread between the quartiles of one column's own figures
LOST_SHARE = 0.02    # of the delivered packets, by the receiver itself: then it is the generator that was measured


def is_clean(figures):
    """Whether the cores stayed as far from each other as they were while this was measured."""
    before, after = figures.get("core_ns", (None, None))
    return machine.is_far(before) == machine.is_far(after)


def value(results, row, column, figure, number, minus=""):
    """One figure of one round, or None."""
    rounds = results.get(row, {}).get(column, [])
    got = rounds[number].get(figure) if number < len(rounds) else None
    if got is None or not minus:
        return got
    base = value(results, row, minus, figure, number)
    return None if base is None else got - base


def middle(results, row, column, figure):
    values = [f[figure] for f in results.get(row, {}).get(column, []) if figure in f]
    return statistics.median(values) if values else None


def ratios(results, row, compare):
    """Better-by of each round that has both figures; without those in which cores moved, as long as half remain."""
    mine, other = compare.ours, compare.beside
    found, clean = [], []
    for number in range(max((len(r) for r in results[row.key].values()), default=0)):
        a = value(results, row.key, mine, compare.figure, number, compare.minus)
        b = value(results, row.key, other, compare.figure, number, compare.minus)
        if a is None or b is None or a <= 0 or b <= 0:
            continue
        found.append(a / b if FIGURES[compare.figure][2] else b / a)
        if all(is_clean(results[row.key][c][number]) for c in (mine, other)):
            clean.append(found[-1])
    return clean if 2 * len(clean) >= len(found) else found


def summarise(rows, results):
    """One entry a comparison, in the order of the table of rows."""
    out = []
    for row in rows:
        for c in row.compare:
            if not {c.ours, c.beside} <= set(results.get(row.key, ())):
                continue
            got = sorted(ratios(results, row, c))
            text, unit, _ = FIGURES[c.figure]
            entry = {"row": row.key, "what": row.text, "figure": c.figure, "text": text, "unit": unit, "ours": c.ours,
                     "beside": c.beside, "minus": c.minus, "must": c.must, "aim": c.aim,
                     "medians": {k: middle(results, row.key, k, c.figure) for k in results[row.key]},
                     "rounds": len(got)}
            if got:
                entry.update(better_by=statistics.median(got), least=got[0], most=got[-1])
            out.append(entry)
    return out


def verdict(entry):
    if "better_by" not in entry:
        return "none"
    if entry["aim"] and entry["better_by"] >= entry["aim"]:
        return "aim"
    if entry["must"] and entry["better_by"] >= entry["must"]:
        return "must"
    return "SHORT" if entry["must"] else ""


# ---------------------------------------------------------------------------------------------------- text


def number(x):
    if x is None:
        return ""
    if not math.isfinite(x):
        return str(x)
    digits = 0 if abs(x) >= 100 else 1 if abs(x) >= 10 else 2
    return f"{x:,.{digits}f}".replace(",", " ")


def times(x):
    return "" if x is None else f"{x:.{0 if x >= 100 else 1 if x >= 10 else 2}f}x"


def lay_out(lines):
    """A table of Markdown that can also be read in a terminal: the first line is its head, the first column text."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def one(cells):
        first, *rest = zip(cells, widths)
        return "| " + " | ".join([first[0].ljust(first[1])] + [c.rjust(w) for c, w in rest]) + " |"
    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([one(lines[0]), rule] + [one(x) for x in lines[1:]])


def range_of(entry):
    return f"{times(entry['least'])[:-1]} .. {times(entry['most'])[:-1]}" if "least" in entry else "not measured"


def is_main(entry):
    """adit beside openvpn, each with itself, in the same scene: a line of the first table."""
    mine, other = COLUMNS[entry["ours"]], COLUMNS[entry["beside"]]
    ends = mine.server, mine.client, other.server, other.client
    return other.is_tuned and ends == ("adit", "adit", "openvpn", "openvpn")


def main_table(entries, names):
    lines = [["", *(names.get(c, COLUMNS[c].text) for c in SHOWN), "better by", "from .. to", "must", "aim", ""]]
    for e in filter(is_main, entries):
        unit = f", {e['unit']}" if e["unit"] else ""
        own = {"adit": e["medians"].get(e["ours"]), "openvpn": e["medians"].get(e["beside"])}
        what = f"{e['what']}: {e['text']}{unit}" + (" (ratio: what the tunnel adds)" if e["minus"] else "")
        lines.append([what, *(number(own.get(c, e["medians"].get(c))) for c in SHOWN), times(e.get("better_by")),
                      range_of(e), times(e["must"]), times(e["aim"]), verdict(e)])
    return lay_out(lines) if len(lines) > 1 else ""


def other_table(entries):
    lines = [["", "figure", "median", "beside it", "ratio", "from .. to", "must", "aim", ""]]
    for e in entries:
        if is_main(e):
            continue
        lines.append([f"{e['what']}: {COLUMNS[e['ours']].text} beside {COLUMNS[e['beside']].text}", e["text"],
                      number(e["medians"].get(e["ours"])), number(e["medians"].get(e["beside"])),
                      times(e.get("better_by")), range_of(e), times(e["must"]), times(e["aim"]), verdict(e)])
    return lay_out(lines) if len(lines) > 1 else ""


# ---------------------------------------------------------------------------------------------------- trust


def spread(values):
    low, centre, high = statistics.quantiles(values, n=4)
    return (high - low) / centre if centre else 0


def doubts(results, busy_before):
    """Reasons not to trust the figures, one sentence each."""
    every = [(r, c, f) for r, by in results.items() for c, rounds in by.items() for f in rounds]
    good = [(r, c, f) for r, c, f in every if "failed" not in f]
    out = []
    loud = [b for b in busy_before if b > machine.BUSY_SHARE]
    if loud:
        out.append(f"before {len(loud)} of {len(busy_before)} rows others used the machine, up to {max(loud):.0%}")
    loud = [f["others"] for _, _, f in good if f["others"] > machine.BUSY_SHARE]
    if loud:
        out.append(f"during {len(loud)} of {len(good)} measurements others used more than {machine.BUSY_SHARE:.0%} of "
                   f"the machine, up to {max(loud):.0%}")
    moved = [f for _, _, f in good if not is_clean(f)]
    if 4 * len(moved) > len(good):
        out.append(f"the distance between the cores changed during {len(moved)} of {len(good)} measurements")
    lost = [f for _, _, f in good if f.get("lost_elsewhere")]
    if lost:
        out.append(f"in {len(lost)} measurements the kernel threw packets away because a core could not follow")
    for row, column in sorted({(r, c) for r, c, f in good if f.get("receiver_lost", 0) > LOST_SHARE}):
        out.append(f"{row}, {column}: the receiving program lost packets, so that more arrived than is said")
    failed = [(r, c, f["failed"]) for r, c, f in every if "failed" in f]
    if failed:
        out.append(f"{len(failed)} of {len(every)} measurements failed, the first {failed[0][0]} of {failed[0][1]}: "
                   f"{failed[0][2].splitlines()[0] if failed[0][2] else ''}")
    noisy = [(spread(v), r, c) for r, by in results.items() for c, rounds in by.items() for figure in ("mbits", "pps")
             for v in [[f[figure] for f in rounds if figure in f]] if len(v) > 3]
    if noisy and max(noisy)[0] > NOISE_SHARE:
        worst = max(noisy)
        out.append(f"{worst[1]} of {worst[2]} differs by {worst[0]:.0%} between the quartiles of its rounds")
    if max((len(rounds) for by in results.values() for rounds in by.values()), default=0) < 5:
        out.append("fewer than five rounds make no median")
    return out
