"""How panels draw numbers: as colours, as pictures inside a page, and what a kernel makes of a photograph."""

import base64
import html
import io
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from cnnlessons import datasets, ops, plots, spectra

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


def write_weight(weight, digits=4):
    """Write a weight in a few digits, with a true minus sign."""
    return f"{weight + 0.0:.{digits}g}".replace("-", "−")  # + 0.0 makes 0 of −0


# --------------------------------------------------------------------------- pictures


photograph = lru_cache(maxsize=8)(datasets.photograph)  # to load one and make it smaller takes 20 to 80 ms


def as_bytes(picture):
    """Return a picture as uint8: brightness from 0 to 1, clipped, or bytes already."""
    if picture.dtype == np.uint8:
        return picture
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def data_uri(picture, form="png"):
    """Return a picture (H, W), (H, W, 1) or (H, W, 3) as what the attribute `src` of an image takes."""
    picture = as_bytes(picture)
    shape = picture.shape[:2] if picture.shape[2:] == (1,) else picture.shape
    return _stored(picture.tobytes(), shape, form)


@lru_cache(maxsize=64)  # most pictures stay while one of them changes
def _stored(pixels, shape, form):
    stored, image = io.BytesIO(), Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
    image.save(stored, format=form, compress_level=1, quality=90, subsampling=0)  # each form takes what it knows
    return f"data:image/{form};base64,{base64.b64encode(stored.getvalue()).decode()}"


def image(picture, shown, form="png"):
    """Return an image element, in words `shown`; JPEG suits photographs."""
    return f'<img src="{data_uri(picture, form)}" alt="{html.escape(shown)}">'


def figure(title, drawn):
    """Return what is drawn under its title."""
    return f"<figure><figcaption>{title}</figcaption>{drawn}</figure>"


# --------------------------------------------------------------------------- what a kernel does


def filtered(photo, weights):
    """Cross-correlate with zeros around: (H, W) with (KH, KW); (H, W) or (H, W, 3) with (KH, KW, C), channels added up.

    A filter of one channel sees the mean of the colours, one of three sees gray three times.
    """
    if weights.ndim == 2:
        return ops.cross_correlate(photo, weights, padding="same")
    image, weights = np.atleast_3d(photo).astype(np.float32), weights.astype(np.float32)
    if weights.shape[2] == 1:
        image = image.mean(axis=2, keepdims=True)
    channels = np.broadcast_to(image, (*image.shape[:2], weights.shape[2]))  # (H, W, C)
    maps = [ops.cross_correlate(channels[:, :, c], weights[:, :, c], padding="same") for c in range(weights.shape[2])]
    return np.sum(maps, axis=0)


def gain(kernel):
    """Return by how much the kernel multiplies each frequency, (64, 64), with zero frequency in the middle."""
    return abs(spectra.frequency_response(kernel, size=64))


def waiting(page):
    """Return HTML, pale: it belongs to an earlier state, and the one for this state comes when the hand rests."""
    return f'<div class="waiting">{page}</div>'


def words(description, channels=3):
    """Return the words of a description; a filter of one channel has no colour."""
    return str(description).removesuffix(", luminance") if channels == 1 else str(description)
