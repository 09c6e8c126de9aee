# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""chart - the ratios of bench.py as a picture: a bar for each item and each other system, on a logarithmic scale."""
import html
import math
import statistics

COLOURS = {"linux none": "#c46a28", "linux loose": "#d9a441", "host": "#4a6fa5"}
LABEL, WIDTH, ROW, DECADES = 330, 620, 11, (-2, 3)  # pixels; from a hundredth to a thousand times


def x_of(ratio):
    low, high = DECADES
    return LABEL + WIDTH * (min(max(math.log10(ratio), low), high) - low) / (high - low)


def draw(results, about):
    parts, y = [], 58
    top = y
    for item, result in results.items():
        ratios = {s: statistics.median(r) for s, r in result["ratios"].items() if s in COLOURS}
        if not ratios:
            continue
        parts.append(f'<text x="{LABEL - 8}" y="{y + ROW * len(ratios) / 2 + 4}" text-anchor="end">{html.escape(item)}</text>')
        for system, ratio in ratios.items():
            left, right = sorted((x_of(1), x_of(ratio)))
            parts.append(f'<rect x="{left:.1f}" y="{y}" width="{right - left:.1f}" height="{ROW - 2}" fill="{COLOURS[system]}"/>'
                         f'<text x="{(right if ratio >= 1 else left) + (4 if ratio >= 1 else -4):.1f}" y="{y + 8}" font-size="9" '
                         f'text-anchor="{"start" if ratio >= 1 else "end"}">{ratio:.2g}</text>')
            y += ROW
        y += 7
    for power in range(DECADES[0], DECADES[1] + 1):
        x = x_of(10 ** power)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{top - 6}" y2="{y}" stroke="{"#000" if power == 0 else "#ccc"}"/>'
                     f'<text x="{x}" y="{top - 10}" text-anchor="middle">{10.0 ** power:g}</text>')
    legend = "".join(f'<rect x="{LABEL + 170 * i}" y="16" width="10" height="10" fill="{c}"/><text x="{LABEL + 14 + 170 * i}" y="25">beside {s}</text>'
                     for i, (s, c) in enumerate(COLOURS.items()))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + WIDTH + 50}" height="{y + 30}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="#fff"/><text x="8" y="25">sheepskin is so many times better</text>{legend}{"".join(parts)}'
            f'<text x="8" y="{y + 20}" font-size="10">{html.escape(about["qemu"])}, TCG; {html.escape(about["cpu"])}; median of {about["runs"]}</text></svg>\n')
