"""Tables of small numbers for the panels that show every one of them, as HTML for light and dark themes."""

from string import ascii_letters

import numpy as np

from cnnlessons import shapes
from cnnlessons.plots import number_text as number

IMAGE = ((1, 2, 0, 1), (0, 1, 3, 1), (2, 1, 0, 2), (1, 0, 2, 1))
KERNEL = ((1, 0, -1), (2, 1, 0), (0, 1, -2))  # without symmetry, so that turning it changes the result


def output_shape(image_shape, kernel_shape, stride=1, padding=0, dilation=1):
    """Return in how many places the kernel fits, (rows, columns)."""
    sides = zip(image_shape[:2], kernel_shape[:2], strict=True)
    return tuple(shapes.output_size(*pair, stride, padding, dilation) for pair in sides)


def by(shape):
    """Write a shape: 4×4."""
    return "×".join(map(str, shape))


def factor(value):
    """Write a number so that it can stand in a product: 2·(−1)."""
    return f"({number(value)})" if value < 0 else number(value)


def lettered(pairs, between=" + "):
    """Write out the products of pairs, each under its letter."""
    return between.join(
        f"<ruby>{factor(one)}·{factor(other)}<rt>{letter}</rt></ruby>"
        for letter, (one, other) in zip(ascii_letters, pairs, strict=False)
    )


def table(title, values, looks=None, tags=None, frame=None):
    """Draw numbers, (R, C), as a table.

    `looks` holds the CSS classes of each cell: "border" is a padded zero, "unknown" is left empty, "partner" stands
    out; `tags` stand small in the corner of each; `frame`, (row, column, height, width), is drawn around some.
    """
    plain = np.full(values.shape, "")
    looks, tags = (plain if texts is None else texts for texts in (looks, tags))
    rows = [
        "".join(_cell(number(v), look, tag) for v, look, tag in zip(*row, strict=True))
        for row in zip(values, looks, tags, strict=True)
    ]
    digits = max(3, *(len(number(value)) for value in values.flat))
    label = f"{title}, {values.shape[0]} rows by {values.shape[1]} columns"
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    around = '<div class="frame" style="--row: {}; --column: {}; --high: {}; --wide: {}"></div>'
    return (
        f'<figure><figcaption>{title}</figcaption><div class="numbers" style="--digits: {digits}">'
        f'<table aria-label="{label}">{body}</table>{around.format(*frame) if frame else ""}</div></figure>'
    )


def _cell(text, look, tag):
    look = look.strip()
    if "unknown" in look:
        return f'<td class="{look}" aria-label="not yet computed"></td>'
    corner = f"<small>{tag}</small>" if tag else ""
    return f'<td class="{look}">{corner}{text}</td>' if look else f"<td>{corner}{text}</td>"
