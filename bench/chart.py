#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The picture of a comparison: for each line how many times openvpn's figure, on a logarithmic scale, as SVG.

A point a program: adit, wireguard-go, and no VPN at all as the wall. The colours follow the reader's light or dark.
"""
import html
import math

from rows import FIGURES

# row, figure, what is written beside it
LINES = [
    ("tcp-up", "mbits", "TCP, one stream, up"),
    ("tcp-down", "mbits", "TCP, one stream, down"),
    ("tcp-up", "cpu", "TCP, up: processor time per GB"),
    ("tcp-four", "mbits", "TCP, four streams, both directions"),
    ("chacha-up", "mbits", "TCP, ChaCha20-Poly1305"),
    ("transport", "mbits", "TCP over TCP"),
    ("udp-64", "pps", "UDP, 64 bytes, sent singly"),
    ("udp-64-gso", "pps", "UDP, 64 bytes, sent in trains"),
    ("udp-1300", "pps", "UDP, 1300 bytes, sent singly"),
    ("clients", "answers", "1,000 clients in turn, small packets"),
    ("clients", "handshake_cpu", "processor time per handshake"),
    ("clients", "memory", "memory per client"),
    ("rtt-idle", "p50", "round trip added, idle"),
]
WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 760, 270, 64, 62, 26, 46
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
  .paper { fill: #ffffff; }
  .small { font-size: 11px; fill: #59636e; }
  .head { font-size: 15px; font-weight: 600; }
  .value { font-weight: 600; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .one { stroke: #59636e; stroke-width: 1.5; }
  .bar { fill: #0969da; opacity: .18; }
  .adit { fill: #0969da; }
  .wireguard { fill: #8c5a14; }
  .none { fill: none; stroke: #59636e; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #f0f6fc; } .small { fill: #9198a1; }
    .grid { stroke: #3d444d; } .one { stroke: #9198a1; } .bar { fill: #4493f8; opacity: .25; }
    .adit { fill: #4493f8; } .wireguard { fill: #e3a24a; } .none { stroke: #9198a1; }
  }
"""


def ratio(entry, column):
    """A column's median beside openvpn's, above 1 better."""
    a, b = entry["medians"].get(column), entry["medians"].get(entry["beside"])
    if not a or not b or entry["minus"]:
        return None
    return a / b if FIGURES[entry["figure"]][2] else b / a


def find(data):
    """The lines that were measured: text, and the ratios of adit, wireguard-go and the bare cable."""
    out = []
    for row, figure, text in LINES:
        entry = next((e for e in data["summary"] if (e["row"], e["figure"]) == (row, figure)
                      and e["beside"].startswith("openvpn") and "better_by" in e), None)
        if entry:
            text = text.replace("1,000", f"{data['clients']:,}")
            out.append((text, entry["better_by"], ratio(entry, "wireguard"), ratio(entry, "none")))
    return out


def scale(lines):
    """A function from ratios to places, and the ticks."""
    every = [x for line in lines for x in line[1:] if x] + [0.9, 10]
    low, high = math.log10(min(every)) - 0.03, math.log10(max(every)) + 0.03
    room = WIDTH - LEFT - RIGHT
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
             if low <= math.log10(t) <= high]
    return (lambda x: LEFT + room * (math.log10(x) - low) / (high - low)), ticks


def key(at, y):
    """What the points mean, in one line."""
    return (f'<circle class="adit" cx="{at}" cy="{y - 4}" r="5"/><text class="small" x="{at + 10}" y="{y}">adit</text>'
            f'<rect class="wireguard" x="{at + 48}" y="{y - 8}" width="8" height="8"/>'
            f'<text class="small" x="{at + 62}" y="{y}">wireguard-go</text>'
            f'<circle class="none" cx="{at + 150}" cy="{y - 4}" r="4"/>'
            f'<text class="small" x="{at + 160}" y="{y}">no VPN at all</text>')


def line(text, y, place, values):
    ours, wireguard, bare = values
    left, right = sorted((place(1), place(ours)))
    out = [f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{html.escape(text)}</text>',
           f'<rect class="bar" x="{left:.1f}" y="{y - 6}" width="{right - left:.1f}" height="12"/>']
    if bare:
        out.append(f'<circle class="none" cx="{place(bare):.1f}" cy="{y}" r="4"/>')
    if wireguard:
        out.append(f'<rect class="wireguard" x="{place(wireguard) - 4:.1f}" y="{y - 4}" width="8" height="8"/>')
    out.append(f'<circle class="adit" cx="{place(ours):.1f}" cy="{y}" r="5"/>')
    shown = f"{ours:.0f}" if ours >= 9.95 else f"{ours:.1f}"
    out.append(f'<text class="value" x="{WIDTH - 8}" y="{y + 4}" text-anchor="end">{shown}×</text>')
    return "\n".join(out)


def draw(data):
    lines = find(data)
    place, ticks = scale(lines)
    bottom = TOP + STEP * len(lines)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" role="img" '
             f'aria-label="adit beside openvpn, as ratios">', f"<style>{STYLE}</style>",
             f'<rect class="paper" width="{WIDTH}" height="{bottom + BOTTOM}" rx="6"/>',
             '<text class="head" x="12" y="24">How many times better than openvpn</text>', key(WIDTH - 252, 24)]
    for t in ticks:
        x = place(t)
        kind = "one" if t == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{TOP - 16}" text-anchor="middle">'
                     f'{"openvpn" if t == 1 else f"{t:g}×"}</text>')
    parts += [line(text, TOP + STEP * i + 10, place, values) for i, (text, *values) in enumerate(lines)]
    m = data["machine"]
    notes = [f"Medians of ratios within {data['rounds']} interleaved rounds; both ends on one machine with "
             f"{m['cores']} cores ({m['processor']}), {data['when'][:10]}."]
    if data["doubts"]:
        notes.append("NOT TO BE TRUSTED: " + data["doubts"][0] + ".")
    for i, note in enumerate(notes):
        parts.append(f'<text class="small" x="12" y="{bottom + 20 + 16 * i}">{html.escape(note)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def write(data, path):
    if not find(data):
        return
    with open(path, "w") as f:
        f.write(draw(data))
    print(f"The chart is {path}.")
