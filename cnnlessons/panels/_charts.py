"""The chart of all panels: a frame with an axis on the left and below, as SVG for light and dark themes."""

from typing import NamedTuple

import numpy as np

from cnnlessons import plots

_COLOURS, _DASHES = (plots.BLUE, plots.VERMILLION, plots.GREEN), {"solid": "", "dashed": "8 4", "dotted": "2 4"}
DOT = '<circle cx="{:.1f}" cy="{:.1f}" r="4"/>'
SQUARE = '<rect x="{:.1f}" y="{:.1f}" width="8" height="8" transform="translate(-4 -4)"/>'


def svg(width, height, words, inside, look=""):
    """Return an SVG with room above for the highest label; `words` say what it shows."""
    return f'<svg class="{look}" viewBox="0 -8 {width} {height + 8}" role="img" aria-label="{words}">{inside}</svg>'


def svg_text(across, down, anchor, text):
    """Return a text of an SVG; `anchor` is "start", "middle" or "end"."""
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{text}</text>'


def decade(power):
    """Write a power of ten as the label of an axis."""
    exponent = str(power).replace("-", "−")
    return f'10<tspan dy="-6" font-size="11">{exponent}</tspan>' if power else "1"


def decades(sizes):
    """Return the powers of ten between which sizes above 0 lie."""
    powers = np.log10(sizes)
    return int(np.floor(powers.min())), int(np.ceil(powers.max()))


class Frame(NamedTuple):
    """Where a chart lies in its drawing; places go from 0 to 1, to the right and upwards."""

    wide: int = 440
    high: int = 190
    left: int = 52
    below: int = 26

    def across(self, place):
        """Return how far to the right a place lies."""
        return self.left + place * (self.wide - self.left)

    def down(self, place):
        """Return how far down a place lies."""
        return (1 - place) * (self.high - self.below)

    def ruled(self, ticks):
        """Draw a line and its label at every (place, label)."""
        ends = f'<line x1="{self.left}" x2="{self.wide}"'
        downs = [(self.down(place), label) for place, label in ticks]
        lines = (f'{ends} y1="{down:.1f}" y2="{down:.1f}"/>' for down, _ in downs)
        labels = (svg_text(self.left - 6, down + 5, "end", label) for down, label in downs)
        return "".join(line + label for line, label in zip(lines, labels, strict=True))

    def beneath(self, labels, up=6):
        """Write every (place, anchor, label) below the chart, `up` from the bottom of the drawing."""
        return "".join(svg_text(self.across(x), self.high - up, anchor, label) for x, anchor, label in labels)

    def curve(self, across, up, number=0, dash="solid", marks=""):
        """Draw the curve with this number, with a mark at each of its places, a few of them."""
        places = list(zip(self.across(np.asarray(across)), self.down(np.asarray(up)), strict=True))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn = "".join(marks.format(x, y) for x, y in places)
        return (
            f'<g stroke="{_COLOURS[number]}" fill="{_COLOURS[number]}">'
            f'<polyline points="{points}" stroke-dasharray="{_DASHES[dash]}"/>{drawn}</g>'
        )

    def svg(self, words, *parts):
        """Return the drawing; `words` say what it shows."""
        return svg(self.wide, self.high, words, "".join(parts), "chart")


FRAME = Frame()


def legend(names):
    """Return which curve is which, by its colour and its dashes."""
    lines = zip(names, _COLOURS, _DASHES, strict=False)
    return "".join(
        f'<span style="border-bottom: 3px {dash} {colour}">{name}</span>' for name, colour, dash in lines if name
    )


def chart(series, last, axis, ends=None, words=""):
    """Draw curves over steps 0 to `last`; `axis` says where a value lies from 0 to 1, and has ticks with labels."""
    (place_of, ticks), (left, right) = axis, ends or ("0", f"step {last:,}")
    inside = [FRAME.ruled((place_of(value), label) for value, label in ticks)]
    inside.append(FRAME.beneath([(0, "start", left), (1, "end", right)]))
    for number, ((steps, values), dash) in enumerate(zip(series.values(), _DASHES, strict=False)):
        marks = DOT if len(steps) <= 20 else ""
        inside.append(FRAME.curve(np.asarray(steps) / last, place_of(np.asarray(values)), number, dash, marks))
    numbers = ", ".join(f"{name} {values[-1]:.3g}".strip() for name, (_, values) in series.items() if len(values))
    return f'{FRAME.svg(words or numbers or "empty", *inside)}<p class="note">{legend(series)}</p>'


def up_to(values):
    """Return a linear axis from 0 to a round number above all values, with three to five ticks."""
    largest = max(float(np.max(values, initial=0.0)), 1e-3) if len(values) else 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    step = next(round_step * power for round_step in (0.25, 0.5, 1, 2, 2.5) if largest <= 4 * round_step * power)
    count = int(np.ceil(largest / step))
    return (lambda value: value / (step * count)), [(step * k, f"{step * k:g}") for k in range(count + 1)]


PERCENT = (lambda value: value), [(share / 4, f"{25 * share} %") for share in range(5)]


def write_size(value):
    """Write a positive number of any size with two digits, as HTML: 0.71, 3.2·10⁻⁸."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·10<sup>{int(exponent)}</sup>".replace("-", "−")
