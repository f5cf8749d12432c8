"""Stem explorer: what a first layer keeps of a photograph, by its kernel size, stride and number of filters.

Taught in lesson 10.
"""

from functools import lru_cache
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import capacity, datasets, ops, plots, shapes
from cnnlessons.panels._drawings import as_bytes, data_uri, svg, svg_text, write_size
from cnnlessons.panels._parts import Panel

KERNEL_SIZES, STRIDES, CHANNELS, FILTERS = (1, 3, 5, 7), (1, 2, 4), (1, 3), (1, 64)
SIDE = 48  # pixels of the photograph; a multiple of every stride
ITERATIONS = 60  # with ReLU: what a reader at a slider waits for

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

    spectrum: capacity.OperatorSpectrum
    image: np.ndarray  # (SIDE, SIDE, C)
    back: np.ndarray  # (SIDE, SIDE, C), from the activations
    error: float  # root mean square of the difference
    residual: float  # how far the activations of `back` are from the given ones, relatively
    positive: float  # share of the activations above zero


def kernel_of(setting):
    """Return the weights, normal with variance 1 / (numbers under the kernel), (K, K, C, filters).

    More filters are the same ones and some more. Taught in lesson 10.
    """
    shape = (setting.kernel_size, setting.kernel_size, setting.channels, FILTERS[1])
    weights = np.random.default_rng(setting.seed).standard_normal(shape) / np.sqrt(np.prod(shape[:3]))
    return weights[..., : setting.filters]


def measure(setting):
    """Apply the layer to the photograph, count what is left, and look for the photograph in the activations.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    Measured
        Without ReLU, `back` is exact: the image nearest to mid-gray among those with these activations. With ReLU it
        is what `capacity.reconstruct` finds in `ITERATIONS` iterations.

    Raises
    ------
    TypeError, ValueError
        If the setting is out of its range.

    Notes
    -----
    Taught in lesson 10.
    """
    _check(setting)
    kernel, stride, image = kernel_of(setting), setting.stride, _photograph(setting.photograph, setting.channels)
    sums = capacity.periodic_conv2d(image[None], kernel, stride=stride)
    if setting.relu:
        found = capacity.reconstruct(ops.relu(sums), kernel, stride=stride, relu=True, iterations=ITERATIONS)
        back, residual = found.images[0], found.residual
    else:
        back, residual = capacity.invert(sums, kernel, stride=stride)[0], 0.0
    error = float(np.sqrt(np.mean((back - image) ** 2)))
    spectrum = capacity.operator_spectrum(kernel, stride, SIDE)
    return Measured(spectrum, image, back, error, float(residual), float((sums > 0).mean()))


@lru_cache
def _photograph(name, channels):
    image = datasets.photograph(name, size=SIDE, gray=channels == 1)
    return image.reshape(SIDE, SIDE, -1) if channels == 1 or image.ndim == 3 else np.stack([image] * 3, axis=2)


def _check(setting):
    for name, known in (("kernel_size", KERNEL_SIZES), ("stride", STRIDES), ("channels", CHANNELS)):
        value = getattr(setting, name)
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
    if shapes.whole_number(setting.filters, "filters", FILTERS[0]) > FILTERS[1]:
        raise ValueError(f"filters must be from {FILTERS[0]} to {FILTERS[1]}, got {setting.filters}")
    shapes.whole_number(setting.seed, "seed", 0)
    datasets.photograph_source(setting.photograph)


# --------------------------------------------------------------------------- words


def facts(measured):
    """Return the counts with the numbers they are made of: name → HTML.

    Parameters
    ----------
    measured : Measured

    Notes
    -----
    Taught in lesson 10.
    """
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
    """Say in plain sentences what becomes of the photograph.

    Parameters
    ----------
    setting : Setting
    measured : Measured

    Returns
    -------
    str
        HTML.

    Notes
    -----
    Taught in lesson 10. "Comes back" is an error below a thousandth, a quarter of a step of 8-bit brightness.
    """
    error, spectrum = measured.error, measured.spectrum
    if error < 1e-3:
        said = f"The photograph <b>comes back</b>: the error is {write_size(error)}."
    else:
        said = f"The photograph <b>does not come back</b>: the error is {write_size(error)} (black to white is 1)."
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


def page(setting):
    """Draw the photograph, what comes back of it, the singular values, and the counts.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    str
        HTML that fits the width it is given, in light and dark themes.

    Notes
    -----
    Taught in lesson 10.
    """
    measured = measure(setting)
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts(measured).items())
    pair = _picture("Photograph", measured.image) + _picture("From the activations", measured.back)
    title = "<figcaption>Singular values of the whole layer</figcaption>"
    return (
        f'{_STYLE}<div class="around"><div class="stem">'
        f'<div><div class="pair">{pair}</div><dl>{listed}</dl></div>'
        f"<div><figure>{title}{_chart(measured.spectrum)}</figure>"
        f'<div class="verdict">{verdict(setting, measured)}</div></div></div></div>'
    )


def pixels(image):
    """Return an image as bytes, (SIDE, SIDE, 3) of uint8; what leaves [0, 1] is clipped."""
    return np.broadcast_to(as_bytes(image), (*image.shape[:2], 3))


def _picture(title, image):
    return f'<figure><figcaption>{title}</figcaption><img alt="{title}" src="{data_uri(pixels(image))}"></figure>'


_WIDE, _HIGH, _LEFT, _BELOW, _DECADES = 420, 250, 46, 40, 4  # of the chart, in units of the drawing


def curve(spectrum, points=120):
    """Return places on the curve of the singular values that are not zero.

    Parameters
    ----------
    spectrum : OperatorSpectrum
    points : int

    Returns
    -------
    share : ndarray, shape (n,)
        How many are larger, as a share of the numbers in the image; n is at most `points`.
    size : ndarray, shape (n,)
        Relative to the largest.

    Notes
    -----
    Taught in lesson 10.
    """
    values = spectrum.singular_values[: spectrum.rank]
    chosen = np.unique(np.linspace(0, max(spectrum.rank - 1, 0), points).astype(int))[: spectrum.rank]
    return (chosen + 1) / spectrum.inputs, values[chosen] / spectrum.singular_values[0]


def _chart(spectrum):
    """Draw the curve over a logarithmic axis, and hatch the share of the image that is lost."""
    bottom = _HIGH - _BELOW

    def across(share):
        return _LEFT + share * (_WIDE - _LEFT)

    def down(size):
        return min(-np.log10(size) / _DECADES, 1) * bottom

    labels = ["1", *(f'10<tspan dy="-6" font-size="11">−{power}</tspan>' for power in range(1, _DECADES + 1))]
    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDE}" y1="{down(10.0**-power):.1f}" y2="{down(10.0**-power):.1f}"/>'
        + svg_text(_LEFT - 6, down(10.0**-power) + 5, "end", label)
        for power, label in enumerate(labels)
    ]
    ends = ((0, "start"), (0.5, "middle"), (1, "end"))
    parts += [svg_text(across(share), _HIGH - 22, anchor, f"{share:.0%}") for share, anchor in ends]
    parts.append(svg_text(across(0.5), _HIGH - 2, "middle", "of the numbers in the image"))
    if spectrum.lost:
        left = across(spectrum.rank / spectrum.inputs)
        parts.append(f'<rect x="{left:.1f}" y="0" width="{_WIDE - left:.1f}" height="{bottom}"/>')
        parts.append(svg_text((left + _WIDE) / 2, bottom / 2, "middle", "lost") if _WIDE - left > 40 else "")
    places = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in zip(*curve(spectrum), strict=True))
    parts.append(f'<polyline points="{places}"/>')
    return svg(_WIDE, _HIGH, "Singular values, the largest first, on a logarithmic axis", "".join(parts))


_STYLE = f"""
<style>
.cnnlessons-panel .around {{ container-type: inline-size; width: 100%; }}
.cnnlessons-panel .stem {{
  display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px 32px; padding-right: 4px;
}}
@container (max-width: 700px) {{ .cnnlessons-panel .stem {{ grid-template-columns: minmax(0, 1fr); }} }}
.cnnlessons-panel .stem figure {{ margin: 0; }}
.cnnlessons-panel .stem figcaption {{ font-size: 16px; margin-bottom: 4px; }}
.cnnlessons-panel .stem .pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 12px; align-items: start; }}
.cnnlessons-panel .stem img {{ width: 100%; max-width: none; image-rendering: pixelated; display: block; }}
.cnnlessons-panel .stem svg {{ width: 100%; overflow: visible; }}
.cnnlessons-panel .stem text {{ font-size: 14px; fill: var(--jp-ui-font-color1, #222); }}
.cnnlessons-panel .stem line {{ stroke: var(--jp-border-color2, #ccc); }}
.cnnlessons-panel .stem polyline {{ fill: none; stroke: {plots.BLUE}; stroke-width: 3; }}
.cnnlessons-panel .stem rect {{ fill: {plots.VERMILLION}; fill-opacity: 0.25; }}
.cnnlessons-panel .stem dl {{
  display: grid; grid-template-columns: max-content auto; gap: 4px 16px; margin: 14px 0 0; font-size: 16px;
}}
.cnnlessons-panel .stem dt {{ width: auto; float: none; font-weight: normal; }}
.cnnlessons-panel .stem dd {{ width: auto; margin: 0; font-variant-numeric: tabular-nums; }}
.cnnlessons-panel .stem .verdict p {{ font-size: 16px; margin: 14px 0 0; }}
</style>
"""

# --------------------------------------------------------------------------- widgets


class StemExplorer(Panel):
    """The panel that `stem_explorer` makes; its controls are attributes and can be set from code."""

    def __init__(self, setting):
        self._start, self._seed = setting, setting.seed
        self.kernel_size = widgets.ToggleButtons(options=[(f"{size}×{size}", size) for size in KERNEL_SIZES])
        self.stride = widgets.ToggleButtons(options=STRIDES)
        self.channels = widgets.ToggleButtons(options=[("gray: 1", 1), ("colour: 3", 3)])
        self.filters = widgets.IntSlider(min=FILTERS[0], max=FILTERS[1])
        self.relu = widgets.Checkbox(description="ReLU", indent=False)
        self.photograph = widgets.Dropdown(options=datasets.photographs())
        self.draw_again = widgets.Button(description="Draw again", tooltip="Other weights, the same layer")
        self.again = widgets.Button(description="Reset", tooltip="Back to the first settings")
        self.page = widgets.HTML(layout={"width": "100%"})
        self._chosen = [self.kernel_size, self.stride, self.channels, self.filters, self.relu, self.photograph]
        super().__init__([self._controls(), self.page], "cnnlessons-stem-explorer")
        self._reset()
        for control in self._chosen:
            self.on(control)
        self.on(self.draw_again, self._next_seed)
        self.on(self.again, self._reset)
        self.act()

    def __repr__(self):
        size, stride, channels, filters, relu, photograph, _ = self.setting
        return (
            f"Stem explorer: {filters} filters of {size}×{size}×{channels}, stride {stride}, "
            f"{'ReLU' if relu else 'linear'}, on photograph {photograph}"
        )

    @property
    def setting(self):
        """What the controls say, as a `Setting`."""
        return Setting(*(control.value for control in self._chosen), self._seed)

    def draw(self):
        self.page.value = page(self.setting)

    def _next_seed(self):
        self._seed += 1

    def _reset(self):
        *values, self._seed = self._start
        for control, value in zip(self._chosen, values, strict=True):
            control.value = value

    def _controls(self):
        names = ("Kernel", "Stride", "Channels", "Filters", None, "Photograph")
        for control, name in zip(self._chosen, names, strict=True):
            if name:
                control.description, control.style.description_width = name, "80px"
        self.filters.layout.width = self.photograph.layout.width = "330px"
        self.draw_again.layout.width, self.again.layout.width, self.relu.layout.width = "120px", "90px", "90px"
        rows = [self.kernel_size, self.filters, self.stride, self.photograph, self.channels,
                widgets.HBox([self.relu, self.draw_again, self.again])]  # fmt: skip
        return widgets.GridBox(rows, layout={"grid_template_columns": "repeat(2, max-content)",
                                             "grid_gap": "4px 28px", "margin": "4px 0 12px"})  # fmt: skip


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

    Returns
    -------
    StemExplorer
        An ipywidgets box.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Notes
    -----
    Taught in lesson 10. What the panel shows is made by `measure`, `facts`, `verdict` and `page` of
    ``cnnlessons.panels.stem_explorer``.
    """
    setting = Setting(kernel_size, stride, channels, filters, bool(relu), photograph)
    _check(setting)
    return StemExplorer(setting)
