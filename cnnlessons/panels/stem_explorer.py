"""Stem explorer: what a first layer keeps of a photograph, by its kernel size, stride and number of filters."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cnnlessons import capacity, datasets, ops
from cnnlessons.panels._charts import Frame, decade, svg_text, write_size
from cnnlessons.panels._drawings import as_bytes, figure, image, waiting
from cnnlessons.panels._explorer import Choice, Explorer, Flag, Whole, check

FILTERS = (1, 64)
CONTROLS = (
    Choice("kernel_size", "Kernel", {f"{size}×{size}": size for size in (1, 3, 5, 7)}),
    Whole("filters", "Filters", *FILTERS),
    Choice("stride", "Stride", (1, 2, 4)),
    Choice("photograph", "Photograph", datasets.photographs(), listed=True),
    Choice("channels", "Channels", {"gray: 1": 1, "colour: 3": 3}),
    Flag("relu", "ReLU", ("ReLU", "linear")),
)
SIDE = 48  # pixels of the photograph; a multiple of every stride
ITERATIONS = 60  # with ReLU: what a reader at a slider waits for
ROUGH = 15  # iterations while a slider is dragged ...
RIDGE = 1e-11  # ... and without ReLU: no pixel changes by a hundredth of a step of 8-bit brightness

# --------------------------------------------------------------------------- numbers


class Setting(NamedTuple):
    """A first layer with weights drawn at random, and a photograph."""

    kernel_size: int = 5
    stride: int = 2
    channels: int = 3
    filters: int = 32
    relu: bool = False
    photograph: str = "chelsea"
    seed: int = 0


class Measured(NamedTuple):
    """What `measure` found."""

    spectrum: capacity.OperatorSpectrum | None
    image: np.ndarray  # (SIDE, SIDE, C)
    back: np.ndarray  # (SIDE, SIDE, C), from the activations
    error: float  # root mean square of the difference
    residual: float  # how far the activations of `back` are from the given ones, relatively
    positive: float  # share of the activations above zero


def kernel_of(setting):
    """Return normal weights with variance 1 / (numbers under the kernel); more filters are the same and some more."""
    shape = (setting.kernel_size, setting.kernel_size, setting.channels, FILTERS[1])
    weights = np.random.default_rng(setting.seed).standard_normal(shape) / np.sqrt(np.prod(shape[:3]))
    return weights[..., : setting.filters]


def measure(setting, quick=False):
    """Apply the layer to the photograph, count what is left, and look for the photograph in the activations.

    Without ReLU, `back` is exact: the nearest to mid-gray with these activations. `quick`: nearly so, and no spectrum.
    """
    check(CONTROLS, [getattr(setting, control.name) for control in CONTROLS])
    kernel, stride, image = kernel_of(setting), setting.stride, _photograph(setting.photograph, setting.channels)
    sums = capacity.periodic_conv2d(image[None], kernel, stride=stride)
    if setting.relu:
        iterations = ROUGH if quick else ITERATIONS
        found = capacity.reconstruct(ops.relu(sums), kernel, stride=stride, relu=True, iterations=iterations)
        back, residual = found.images[0], found.residual
    else:
        back, residual = capacity.invert(sums, kernel, stride=stride, ridge=RIDGE * quick)[0], 0.0
    error = float(np.sqrt(np.mean((back - image) ** 2)))
    spectrum = None if quick else capacity.operator_spectrum(kernel, stride, SIDE)
    return Measured(spectrum, image, back, error, float(residual), float((sums > 0).mean()))


@lru_cache
def _photograph(name, channels):
    image = datasets.photograph(name, size=SIDE, gray=channels == 1)
    return image.reshape(SIDE, SIDE, -1) if channels == 1 or image.ndim == 3 else np.stack([image] * 3, axis=2)


# --------------------------------------------------------------------------- words


def facts(measured):
    """Return the counts with the numbers they are made of: name → HTML."""
    spectrum, counts = measured.spectrum, measured.spectrum.counts
    lost = f", <b>{spectrum.lost:,}</b> lost" if spectrum.lost else ", none lost"
    left = " of what is left" if spectrum.lost else ""
    return {
        "Per patch": f"{counts.patch_inputs} → {counts.patch_outputs} = <b>× {counts.patch_ratio:.2f}</b>",
        "A pixel lies in": f"<b>{counts.windows_per_pixel:.3g}</b> windows on average",
        "Per image": f"{spectrum.inputs:,} → {spectrum.outputs:,} = <b>× {counts.image_ratio:.2f}</b>",
        "Rank": f"<b>{spectrum.rank:,}</b> of {spectrum.inputs:,}{lost}",
        "Condition number": f"<b>{write_size(spectrum.condition_number)}</b>{left}",
    }


def verdict(setting, measured):
    """Say what becomes of the photograph; it "comes back" below a quarter of a step of 8-bit brightness."""
    error, spectrum = measured.error, measured.spectrum
    fate, scale = ("comes back", "") if error < 1e-3 else ("does not come back", " (black to white is 1)")
    said = f"The photograph <b>{fate}</b>: the error is {write_size(error)}{scale}."
    if not setting.relu:
        return f"<p>{said}</p>"
    share = measured.positive * spectrum.outputs / spectrum.inputs
    passed = f"ReLU lets {measured.positive:.0%} of the activations through: {share:.2f} for each number of the image."
    if measured.residual > 1e-3:
        passed += f" After {ITERATIONS} iterations the activations still differ by {write_size(measured.residual)}."
    elif error >= 1e-3:
        passed += " Yet the image on the right has nearly the same activations as the photograph."
    return f"<p>{said}</p><p>{passed}</p>"


# --------------------------------------------------------------------------- pictures


def page(setting, measured=None, waits=False):
    """Draw the photograph, what comes back of it, the singular values, and the counts.

    If it `waits` for what is `measured`, that of an earlier setting takes its place, pale, but for the pictures.
    """
    measured = measured or measure(setting)
    pale, seen = (waiting, measure(setting, quick=True)) if waits else (str, measured)
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts(measured).items())
    before = image(pixels(seen.image), f"The photograph {setting.photograph}, {SIDE} by {SIDE} pixels.")
    words = f"What the activations tell of the photograph, with an error of {write_size(seen.error)}."
    back = image(pixels(seen.back), words)
    return (
        f'<div class="pages stem"><div><div class="pair">{figure("Photograph", before)}'
        f"{figure('From the activations', back)}</div>{pale(f'<dl>{listed}</dl>')}</div>"
        f"<div>{figure('Singular values of the whole layer', pale(_chart(measured.spectrum)))}"
        f'<div class="verdict">{pale(verdict(setting, measured))}</div></div></div>'
    )


def pixels(picture):
    """Return a picture as bytes, (SIDE, SIDE, 3) of uint8; what leaves [0, 1] is clipped."""
    return np.broadcast_to(as_bytes(picture), (SIDE, SIDE, 3))


_FRAME, _DECADES = Frame(420, 250, 46, 40), 4


def curve(spectrum, points=120):
    """Return at most `points` places of the singular values above zero: what share is larger, and the relative size."""
    values = spectrum.singular_values[: spectrum.rank]
    chosen = np.unique(np.linspace(0, max(spectrum.rank - 1, 0), points).astype(int))[: spectrum.rank]
    return (chosen + 1) / spectrum.inputs, values[chosen] / spectrum.singular_values[0]


def _chart(spectrum):
    """Draw the curve over a logarithmic axis, and hatch the share of the image that is lost."""
    share, size = curve(spectrum)
    parts = [
        _FRAME.ruled((1 - power / _DECADES, decade(-power)) for power in range(_DECADES + 1)),
        _FRAME.beneath([(0, "start", "0%"), (0.5, "middle", "50%"), (1, "end", "100%")], up=22),
        _FRAME.beneath([(0.5, "middle", "of the numbers in the image")], up=2),
    ]
    if spectrum.lost:
        left, bottom = _FRAME.across(spectrum.rank / spectrum.inputs), _FRAME.down(0)
        width = _FRAME.wide - left
        parts.append(f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="{bottom}" class="lost"/>')
        parts.append(svg_text(left + width / 2, bottom / 2, "middle", "lost") if width > 40 else "")
    parts.append(_FRAME.curve(share, 1 - np.minimum(-np.log10(size) / _DECADES, 1)))
    return _FRAME.svg("Singular values, the largest first, on a logarithmic axis", *parts)


# --------------------------------------------------------------------------- the panel


class StemExplorer(Explorer):
    """The panel that `stem_explorer` makes; its controls are attributes and can be set from code."""

    title = "Stem explorer"
    text = (
        "{filters} filters of {kernel_size}×{kernel_size}×{channels}, stride {stride}, {relu}, "
        "on photograph {photograph}"
    )
    controls, draws_again, hurries = CONTROLS, "Other weights, the same layer", True

    @property
    def setting(self):
        """What the controls say, as a `Setting`."""
        return Setting(**{control.name: getattr(self, control.name).value for control in CONTROLS}, seed=self._seed)

    def show(self, *_):
        if not self.hurried:
            self._measured = measure(self.setting)
        return page(self.setting, self._measured, self.hurried)


def stem_explorer(kernel_size=5, stride=2, channels=3, filters=32, relu=False, photograph="chelsea"):
    """Make a panel that shows what a first layer keeps of a photograph: counts, singular values, and what comes back.

    Parameters
    ----------
    kernel_size : {1, 3, 5, 7}
    stride : {1, 2, 4}
    channels : {1, 3}
    filters : int, 1 to 64
        Drawn at random.
    relu : bool
        Whether the activations go through ReLU before the photograph is sought in them.
    photograph : str
        One of ``datasets.photographs()``.

    Notes
    -----
    Taught in lesson 10.
    """
    return StemExplorer(kernel_size, filters, stride, photograph, channels, relu)
