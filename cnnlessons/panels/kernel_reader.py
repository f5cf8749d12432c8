"""Kernel reader: every filter of a first layer, and of one of them all that can be read off its weights."""

import html
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np

from cnnlessons import datasets, ops, plots, recorded, spectra
from cnnlessons.panels import _drawings
from cnnlessons.panels._drawings import (
    Scale,
    coloured,
    data_uri,
    figure,
    filtered,
    gain,
    image,
    legend,
    levels,
    scale_from_zero,
    signed_scale,
    waiting,
    words,
)
from cnnlessons.panels._explorer import Button, Choice, Explorer, Whole
from cnnlessons.spectra.descriptions import leading_colour

SIDE = 192  # of a photograph, in pixels: 11×11 weights in three colours take a tenth of a second
LARGEST_PHOTO = 512
LARGEST_KERNEL = 15
OWN = "your own"
TRAINED, UNTRAINED = "trained", "before training"
COLOURS = ("red", "green", "blue")

# --------------------------------------------------------------------------- numbers


def sketch(weights):
    """Return what of a filter's description needs no fit, and the pictures show."""
    weights = weights.astype(float)
    scale = abs(weights).max()
    if scale == 0:
        return spectra.describe(weights)
    pattern, colour = leading_colour(weights / scale)
    norm = float(np.linalg.norm(weights / scale) * scale)
    return SimpleNamespace(pattern=pattern, norm=norm, colour_share=colour["colour_share"])


def first_named(kernel):
    """Return the number of the first filter that has a name, or 0."""
    named = (spectra.describe(weights).kind not in ("noise", "unnamed") for weights in np.moveaxis(kernel, 3, 0))
    return next((number for number, has_one in enumerate(named) if has_one), 0)


def along_colour(description):
    """Return what a filter weighs in its colour direction, (KH, KW): the pattern times how much of it there is."""
    return description.pattern * description.norm * np.sqrt(description.colour_share)


def mosaic(kernel, gap=1):
    """Draw all filters of a layer as tiles with one scale, a pixel a weight, and say how many a row.

    Three channels are mixed as a screen does, 0 in the middle of each, so that a filter of zeros is gray.
    """
    height, width, channels, filters = kernel.shape
    scale = signed_scale(kernel)
    columns = int(np.ceil(np.sqrt(filters)))
    rows = -(-filters // columns)
    tiles = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for number in range(filters):
        row, column = divmod(number, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        weights = kernel[..., number]
        tile = coloured(weights[..., 0], scale) if channels == 1 else levels(weights, scale)
        tiles[top : top + height, left : left + width] = tile
    return tiles, columns


# --------------------------------------------------------------------------- words


def facts(description, channels=3):
    """Return what there is to say about a filter as (term, value) pairs; one with one channel has no colours."""
    if description.kind == "zero":
        return [("norm", "0")]
    pairs = [
        ("band", description.band),
        ("derivative order", "none" if description.order is None else str(description.order)),
        ("orientation", _degrees(description.orientation)),
        ("anisotropy", f"{description.anisotropy:.2f}"),
        ("straightness", "—" if description.straightness is None else f"{description.straightness:.2f}"),
        ("flat image's gain", f"{description.flat_gain:.0%}"),
        ("norm", f"{description.norm:.3g}"),
        ("explained", f"{description.explained:.0%}"),
    ]
    if channels == 3:
        direction = zip(COLOURS, np.round(description.colour_direction, 2), strict=True)
        pairs += [(f"colour: {name}", plots.number_text(entry)) for name, entry in direction]
        pairs.append(("energy in colour", f"{description.colour_share:.0%}"))
    return pairs


def _degrees(orientation):
    return "none" if orientation is None else f"{round(orientation) % 180}°"


def derivative_words(fit):
    """Say in a line which derivative of a Gaussian comes nearest, and what it leaves."""
    where = "" if fit.orientation is None else f" at {_degrees(fit.orientation)}"
    return f"{fit.kind}{where}, order {fit.order}: {_left(fit)}"


def gabor_words(fit):
    """Say in a line which Gabor function comes nearest, and what it leaves."""
    degrees = _degrees(fit.orientation)
    return f"wavelength {fit.wavelength:.1f}, {fit.cycles:.1f} cycles at {degrees}: {_left(fit)}"


def _left(fit):
    adjusted = f"{fit.adjusted_residual:.2f}" if np.isfinite(fit.adjusted_residual) else "—"
    return f"leaves {fit.residual:.1%} (adjusted {adjusted})"


# --------------------------------------------------------------------------- pictures


def page(kernel, index, photo, description=None, waits=False):
    """Draw a layer's filters, one of them with all that is said of it, and a photograph filtered by it.

    If it `waits` for the filter's description, an earlier one takes its place, pale, and the photograph is compressed.
    """
    filters = kernel.shape[3]
    if not 0 <= index < filters:
        raise ValueError(f"index must be from 0 to {filters - 1}, got {index}")
    weights = kernel[..., index]
    description = description or spectra.describe(weights)
    pale = waiting if waits else str
    output, in_colour = filtered(photo, weights), along_colour(sketch(weights))
    scale, form = signed_scale(output), "jpeg" if waits else "png"
    figures = [
        _figure(f"All {filters} filters", _mosaic(kernel, index), _mosaic_note(kernel)),
        _weights(weights, in_colour),
        *map(pale, _fits(description)),
        _figure("Photograph", image(photo, "Photograph", "jpeg")),
        _figure("Filtered photograph", image(coloured(output, scale), "Filtered photograph", form), legend(scale, "")),
        _gain_picture(in_colour),
        pale(_figure("In numbers", _table(facts(description, weights.shape[2])))),
    ]
    said = pale(html.escape(words(description, weights.shape[2])))
    return f'<div class="said">Filter <b>{index}</b>: {said}</div><div class="reader">{"".join(figures)}</div>'


def _weights(weights, in_colour):
    scale = signed_scale(in_colour)
    below = _channels(weights) if weights.shape[2] == 3 else ""
    title = "Its weights in its colour" if weights.shape[2] == 3 else "Its weights"
    return _figure(title, cells(in_colour, scale.high) + below, "" if _numbered(in_colour) else legend(scale, ""))


def _fits(description):
    if description.kind == "zero":
        return [_figure("Nearest derivative", "none"), _figure("Nearest Gabor function", "none")]
    derivative, gabor = description.derivative, description.gabor
    strength, reach = description.norm * np.sqrt(description.colour_share), abs(along_colour(description)).max()
    return [
        _figure("Nearest derivative", cells(derivative.pattern * strength, reach), derivative_words(derivative)),
        _figure("Nearest Gabor function", cells(gabor.pattern * strength, reach), gabor_words(gabor)),
    ]


def cells(values, reach):
    """Draw weights as squares, red positive, white 0, blue negative, with their numbers where there is room."""
    height, width = values.shape
    numbered = _numbered(values)
    pale = 1.6 if numbered else 1  # pale enough for black digits
    table = coloured(values, Scale(-pale * reach, pale * reach, plots.SIGNED))
    texts = [plots.number_text(weight) for weight in values.round(2).flat] if numbered else [""] * values.size
    size, drawn = 1.45 / max(5, *map(len, texts)), []  # of the letters, in cells: the longest number fits its cell
    for ((row, column), weight), text in zip(np.ndenumerate(values), texts, strict=True):
        red, green, blue = table[row, column]
        drawn.append(
            f'<rect x="{column}" y="{row}" width="1" height="1" fill="rgb({red},{green},{blue})">'
            f"<title>{weight:.3g}</title></rect>"
        )
        if text:
            place = f'x="{column + 0.5}" y="{row + 0.5 + 0.36 * size:.2f}" font-size="{size:.2f}" text-anchor="middle"'
            drawn.append(f"<text {place}>{text}</text>")
    return (
        f'<svg class="cells" viewBox="0 0 {width} {height}" shape-rendering="crispEdges" role="img" '
        f'aria-label="Weights">{"".join(drawn)}</svg>'
    )


def _numbered(values):
    return max(values.shape) <= 5


def _mosaic(kernel, index):
    tiles, columns = mosaic(kernel)
    row, column = divmod(index, columns)
    height, width = (side + 1 for side in kernel.shape[:2])
    frame = (
        f'<rect class="chosen" x="{column * width + 0.5}" y="{row * height + 0.5}" width="{width}" height="{height}"/>'
    )
    shown = f"All filters; filter {index} is framed, in row {row + 1}, column {column + 1}"
    return (
        f'<svg viewBox="0 0 {tiles.shape[1]} {tiles.shape[0]}" role="img" aria-label="{shown}">'
        f'<image href="{data_uri(tiles)}" width="{tiles.shape[1]}" height="{tiles.shape[0]}"/>{frame}</svg>'
    )


def _mosaic_note(kernel):
    scale = signed_scale(kernel)
    if kernel.shape[2] == 1:
        return legend(scale, "one scale for all")
    return f"red, green and blue weights as on a screen, gray is 0; one scale for all, to ±{scale.high:.2g}"


def _channels(weights):
    scale = signed_scale(weights)
    drawn = "".join(
        f"<figure>{image(coloured(weights[..., c], scale), name)}<figcaption>{name}</figcaption></figure>"
        for c, name in enumerate(COLOURS)
    )
    return f'<div class="channels">{drawn}</div>'


def _gain_picture(in_colour):
    response = gain(in_colour) if in_colour.any() else np.zeros((64, 64))
    scale = scale_from_zero(response)
    picture = image(coloured(response, scale), "Gain at each frequency")
    return _figure("Gain at each frequency", picture, legend(scale, "zero in the middle, edges ±½ cycle per pixel"))


def _table(pairs):
    rows = "".join(f"<tr><th>{html.escape(term)}</th><td>{html.escape(value)}</td></tr>" for term, value in pairs)
    return f"<table>{rows}</table>"


def _figure(title, drawing, note=""):
    return figure(title, f'{drawing}<div class="below">{note}</div>')


# --------------------------------------------------------------------------- the panel


class KernelReader(Explorer):
    """The panel that `kernel_reader` makes; its controls are attributes and can be set from code."""

    title, text = "Kernel reader", "{network}, {state}, seed {seed}, filter {filter}: {words}"
    buttons, goes_on = (Button("next", "Next filter", "One filter forward"),), "filter"
    columns, widths, hurries = 3, ("66px", "300px"), True

    def __init__(self, names, find, own, photograph, start=0):
        self._find, self._own, self.about = cache(find), own, widgets.HTML()
        photographs = (*(() if own is None else (OWN,)), *datasets.photographs())
        self.controls = (
            Choice("network", "Network", names, listed=True),
            Choice("state", "Weights", (TRAINED,)),
            Choice("photograph", "Photo", photographs, listed=True),
            Whole("seed", "Seed", 0, 0),
            Whole("filter", "Filter", 0, start),
        )
        super().__init__(names[0], TRAINED, photograph, 0, start)

    def said(self):
        weights = self.kernel[..., self.filter.value]
        return super().said() | {"words": words(spectra.describe(weights), weights.shape[2])}

    @property
    def kernel(self):
        """The layer that is shown, (KH, KW, C, filters)."""
        layer = self._find(self.network.value)
        return (layer.untrained if self.state.value == UNTRAINED else layer.trained)[self.seed.value]

    def above(self):
        return [*super().above(), self.about]

    def show(self, network, state, photograph, seed, number):
        height, width, channels, filters = self.kernel.shape
        said = (
            f"First layer: {filters} filters of {height}×{width} weights and {channels} channel{'s' * (channels > 1)}."
        )
        accuracies = self._find(network).accuracies
        if state == TRAINED and len(accuracies):
            said += f" The network is right on {accuracies[seed]:.1%} of the test images."
        self.about.value = said
        photo = self._own if photograph == OWN else _drawings.photograph(photograph, size=SIDE)
        if not self.hurried:
            self._description = spectra.describe(self.kernel[..., number])
        return page(self.kernel, number, photo, self._description, waits=self.hurried)

    def fit(self):
        """Offer the states, seeds and filters of the network."""
        layer = self._find(self.network.value)
        states = (TRAINED, UNTRAINED) if len(layer.untrained) else (TRAINED,)
        if self.state.options != states:
            self.state.options = states
        self.seed.end_at(len(layer.trained) - 1)
        self.filter.end_at(layer.trained[0].shape[3] - 1)
        self.seed.disabled = not self.seed.max


def kernel_reader(networks=None, photo=None):
    """Make a panel that reads the first layer's filters of a network, one after the other.

    Parameters
    ----------
    networks : dict of str to array, shape (KH, KW, C, filters), optional
        First layers' kernels by name, with 1 or 3 channels and at most 15×15 weights. By default the recorded
        networks, `recorded.names()`, with all their seeds, before and after training; the first filter that has a
        name is shown first.
    photo : str, Path, or array of shape (H, W) or (H, W, 3), optional
        One of ``datasets.photographs()``, a picture file of your own, or an image, at most 512 × 512: floats from 0 to
        1, or uint8.

    Raises
    ------
    TypeError, ValueError
        If a kernel or the photograph is none of these.
    FileNotFoundError
        If no networks are given and none are recorded.

    Notes
    -----
    Taught in lesson 08.
    """
    if networks is None:
        names, find = recorded.names(), recorded.kernels
        if not names:
            remedy = "make them with: python3 course.py run cnnlessons record-weights"
            raise FileNotFoundError(f"there is no network in data/weights; {remedy}")
    else:
        if not isinstance(networks, dict) or not networks:
            raise TypeError(f"networks must be a dict from name to kernel, with at least one, got {networks!r:.80}")
        kernels = {str(name): _checked_kernel(name, kernel) for name, kernel in networks.items()}
        names, find = tuple(kernels), lambda name: recorded.Kernels(None, [kernels[name]], [], [])
    if isinstance(photo, (str, Path, bytes)) and photo not in datasets.photographs():
        photo = datasets.photograph(photo, size=SIDE)
    own = None if photo is None or isinstance(photo, str) else _checked_photo(photo)
    photograph = (photo or "astronaut") if own is None else OWN
    start = first_named(find(names[0]).trained[0]) if networks is None else 0
    return KernelReader(names, find, own, photograph, start)


def _checked_kernel(name, kernel):
    kernel = ops.numbers(kernel, f"kernel {name!r}")
    if kernel.ndim != 4 or kernel.shape[2] not in (1, 3) or max(kernel.shape[:2]) > LARGEST_KERNEL:
        raise ValueError(
            f"kernel {name!r} must have shape (KH, KW, C, filters) with C 1 or 3 and at most {LARGEST_KERNEL} rows and "
            f"columns, got shape {kernel.shape}; a first layer's is network.layers[0].kernel"
        )
    if not np.isfinite(kernel).all():
        raise ValueError(f"kernel {name!r} must hold finite numbers only, got NaN or infinity; the training diverged")
    return kernel


def _checked_photo(photo):
    photo = ops.numbers(photo, "photo")
    if photo.ndim not in (2, 3) or max(photo.shape[:2]) > LARGEST_PHOTO or photo.shape[2:] not in ((), (3,)):
        raise ValueError(
            f"photo must have shape (H, W) or (H, W, 3) with at most {LARGEST_PHOTO} rows and columns, "
            f"got shape {photo.shape}; cut a part out with photo[:{LARGEST_PHOTO}, :{LARGEST_PHOTO}, :3]"
        )
    photo = photo / 255 if photo.dtype == np.uint8 else photo.astype(float)
    if not (photo.min() >= 0 and photo.max() <= 1):  # NaN is refused too
        raise ValueError(
            f"photo must hold numbers from 0 to 1, or uint8, got {photo.min():.3g} to {photo.max():.3g}; "
            "divide it by its largest"
        )
    return photo
