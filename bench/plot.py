# SPDX-License-Identifier: GPL-3.0-or-later
"""The table as a picture: CPU for each camera over the number of cameras, both axes logarithmic. SVG, by hand: no library is worth it."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 880, 460, 70, 270, 40, 60
COLOURS = ("#0b6e4f", "#1f78b4", "#b2182b", "#e08214", "#6a3d9a")
TARGETS = (("target, large records", 1.2, "#0b6e4f"), ("target, a record per packet", 1.4, "#1f78b4"))


def ticks(low, high):
    """1, 2, 5, 10, ... around the range."""
    found = []
    exponent = math.floor(math.log10(low))
    while 10 ** exponent <= high * 10:
        found += [m * 10 ** exponent for m in (1, 2, 5)]
        exponent += 1
    first = max([i for i, t in enumerate(found) if t <= low], default=0)
    last = min([i for i, t in enumerate(found) if t >= high], default=len(found) - 1)
    return found[first:last + 1]


class Scale:
    def __init__(self, values, begin, end):
        self.ticks = ticks(min(values), max(values))
        self.low, self.high = math.log(self.ticks[0]), math.log(self.ticks[-1])
        self.begin, self.end = begin, end

    def at(self, value):
        return self.begin + (math.log(value) - self.low) / ((self.high - self.low) or 1) * (self.end - self.begin)


def text(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def draw(results, title):
    """SVG of results with "what", "cameras" and "cpu_ms"."""
    series = {}
    for r in results:
        series.setdefault(r["what"].replace("`", ""), []).append((r["cameras"], r["cpu_ms"]))
    x = Scale([c for points in series.values() for c, _ in points], LEFT, WIDTH - RIGHT)
    y = Scale([v for points in series.values() for _, v in points] + [1.0], HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
           f"<title>{escape(title)}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(LEFT, 22, title, more='font-weight="bold"')]
    for t in y.ticks:
        out += [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(t):.1f}" y2="{y.at(t):.1f}" stroke="#ddd"/>', text(LEFT - 8, y.at(t) + 4, f"{t:g}", "end")]
    for t in x.ticks:
        out += [f'<line x1="{x.at(t):.1f}" x2="{x.at(t):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>',
                text(x.at(t), HEIGHT - BOTTOM + 18, f"{t:g}", "middle")]
    out += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "cameras", "middle"),
            text(18, HEIGHT / 2, "ms of CPU for each second of a camera", "middle", f'transform="rotate(-90 18 {HEIGHT / 2:.0f})"')]
    for words, value, colour in TARGETS:
        if y.ticks[0] <= value <= y.ticks[-1]:
            out += [f'<line x1="{x.at(400) if x.ticks[-1] > 400 else LEFT:.1f}" x2="{WIDTH - RIGHT}" y1="{y.at(value):.1f}" y2="{y.at(value):.1f}" '
                    f'stroke="{colour}" stroke-dasharray="5 4"><title>{escape(words)}</title></line>']
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        points.sort()
        path = " ".join(f"{x.at(c):.1f},{y.at(v):.1f}" for c, v in points)
        out += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
        out += [f'<circle cx="{x.at(c):.1f}" cy="{y.at(v):.1f}" r="4" fill="{colour}"><title>{escape(name)}, {c}: {v:.2f} ms</title></circle>'
                for c, v in points]
        out += [f'<rect x="{WIDTH - RIGHT + 16}" y="{TOP + 24 * i}" width="14" height="14" fill="{colour}"/>',
                text(WIDTH - RIGHT + 36, TOP + 24 * i + 12, name)]
    out.append(text(WIDTH - RIGHT + 16, TOP + 24 * len(series) + 18, "dashed: targets from 400 cameras on"))
    return "\n".join(out + ["</svg>"]) + "\n"
