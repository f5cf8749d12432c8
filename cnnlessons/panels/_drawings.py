"""How panels draw: numbers as colours, pictures inside a page, and lines with words as SVG."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from cnnlessons import plots

# --------------------------------------------------------------------------- numbers as colours


class Scale(NamedTuple):
    """Which number gets the first and which the last colour of a colour map."""

    low: float
    high: float
    colours: str


def signed_scale(values):
    """Return the scale with 0 in the middle that reaches as far as the values do on either side."""
    reach = float(np.abs(values).max()) or 1.0
    return Scale(-reach, reach, plots.SIGNED)


def scale_from_zero(values):
    """Return the scale from 0 to the largest value."""
    return Scale(0.0, float(values.max()) or 1.0, plots.MAGNITUDE)


def levels(values, scale):
    """Return values as places in a table of 256 colours, uint8 of the same shape."""
    places = (values - scale.low) * (255 / (scale.high - scale.low))
    return np.clip(np.rint(places), 0, 255).astype(np.uint8)


def coloured(values, scale):
    """Return values (…) in the colours of the scale, uint8 of shape (…, 3)."""
    return plots.colour_table(scale.colours)[levels(values, scale)]


def legend(scale, note):
    """Return a colour bar with the numbers at its ends, and a note beneath it, as HTML."""
    stops = ", ".join(f"rgb({r},{g},{b})" for r, g, b in plots.colour_table(scale.colours)[::51])
    bar = f'<span class="bar" style="background: linear-gradient(to right, {stops})"></span>'
    ends = write_weight(scale.low), write_weight(scale.high)
    return f'<div><div class="legend">{ends[0]}{bar}{ends[1]}</div><div class="note">{note}</div></div>'


def write_weight(weight):
    """Write a weight in four digits, which a field has room for, with a true minus sign."""
    return f"{weight + 0.0:.4g}".replace("-", "−")  # + 0.0 makes 0 of −0


# --------------------------------------------------------------------------- pictures


def as_bytes(picture):
    """Return a picture as uint8: brightness from 0 to 1, clipped, or bytes already."""
    if picture.dtype == np.uint8:
        return picture
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def data_uri(picture):
    """Return a picture, (H, W) or (H, W, 3), as what the attribute `src` of an image takes."""
    stored = io.BytesIO()
    Image.fromarray(as_bytes(picture)).save(stored, format="png", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(stored.getvalue()).decode()}"


# --------------------------------------------------------------------------- lines and words


def svg(width, height, words, inside):
    """Return an SVG with room above for the highest label; `words` say what it shows."""
    return f'<svg viewBox="0 -8 {width} {height + 8}" role="img" aria-label="{words}">{inside}</svg>'


def svg_text(across, down, anchor, text):
    """Return a text of an SVG; `anchor` is "start", "middle" or "end"."""
    return f'<text x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}">{text}</text>'


def write_size(value):
    """Write a positive number of any size with two digits, as HTML: 0.71, 3.2·10⁻⁸."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·10<sup>{int(exponent)}</sup>".replace("-", "−")
