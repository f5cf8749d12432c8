"""Gabor explorer: a wave under a window, what it passes, what it answers to, and when it is called an edge or a line.

Taught in lesson 08.
"""

import functools
import html
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import datasets, kernels, plots, spectra
from cnnlessons.panels._drawings import legend, levels, scale_from_zero, signed_scale
from cnnlessons.panels._parts import Panel, Pictures, Slider
from cnnlessons.panels.kernel_editor import filtered, gain
from cnnlessons.panels.kernel_reader import words

SIZES = (3, 5, 7, 11)
CYCLES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)

# --------------------------------------------------------------------------- numbers


class Wave(NamedTuple):
    """What the sliders say; angles in degrees, lengths in pixels.

    Attributes
    ----------
    wavelength : float
    orientation : float
        Of the stripes: 0 is horizontal, 45 is "/".
    phase : float
        0 is a bright line on the centre, -90 an edge.
    sigma : float
        Standard deviation of the window along the wave.
    aspect : float
        How much narrower the window is across the wave than along it.
    size : int
        Rows and columns.
    """

    wavelength: float = 4.0
    orientation: float = 90.0
    phase: float = 0.0
    sigma: float = 1.75
    aspect: float = 1.0
    size: int = 7

    @property
    def kernel(self):
        """The weights, (size, size), of `kernels.gabor`."""
        angle = np.radians(90 - self.orientation)
        return kernels.gabor(self.size, self.wavelength, angle, np.radians(self.phase), self.sigma, self.aspect)

    @property
    def cycles(self):
        """How many wavelengths the window shows: four standard deviations, as far as they lie in the kernel."""
        angle = np.radians(self.orientation)
        inside = self.size * (abs(np.sin(angle)) + abs(np.cos(angle)))
        return float(min(4 * self.sigma, inside) / self.wavelength)


def kinds_by_cycles(phase=0.0, orientation=90.0, sizes=SIZES, cycles=CYCLES):
    """Ask `spectra.describe` for the kinds of Gabor functions of several sizes that show more and more of a wave.

    Parameters
    ----------
    phase, orientation : float
        In degrees, as in `Wave`.
    sizes : sequence of int
    cycles : sequence of float
        Wavelengths in the window, which is as wide as the kernel: sigma is a quarter of the size.

    Returns
    -------
    list of list of (str or None)
        A row a size, and in it a kind for each number of cycles; None where the wavelength would be below 2 pixels.

    Notes
    -----
    Taught in lesson 08.
    """
    return [[_kind(Wave(size / count, orientation, phase, size / 4, 1.0, size)) for count in cycles] for size in sizes]


@functools.lru_cache(maxsize=1024)  # a table asks for thirty
def _kind(wave):
    return spectra.describe(wave.kernel).kind if wave.wavelength >= 2 else None


# --------------------------------------------------------------------------- words


def said(wave):
    """Say what the kernel of a wave is called, how much of the wave it shows, and how well both fits do, as HTML.

    Parameters
    ----------
    wave : Wave

    Returns
    -------
    str

    Notes
    -----
    Taught in lesson 08.
    """
    description = spectra.describe(wave.kernel)
    return (
        f'<p class="name">Called: <b>{html.escape(words(description, channels=1))}</b></p>'
        f"<p>The window shows <b>{wave.cycles:.2f}</b> wavelengths. The best derivative of a Gaussian leaves "
        f"<b>{description.derivative_residual:.1%}</b> of the energy, the best Gabor function "
        f"<b>{description.gabor_residual:.1%}</b>. {_reason(description)}</p>"
    )


def _reason(description):
    if description.kind == "noise":
        return "Both leave so much, or need so many numbers for it, that noise would look no different."
    if description.kind == "gabor":
        return "No derivative explains it as well."
    if description.gabor.cycles <= 1:
        return "So little of a wave is a blob, an edge or a line."
    return "The derivative, with fewer numbers to choose, explains it well enough."


def table(phase=0.0, orientation=90.0):
    """Return `kinds_by_cycles` as an HTML table, every kind in a colour of its own and in words.

    Notes
    -----
    Taught in lesson 08.
    """
    head = "".join(f"<th>{count:g}</th>" for count in CYCLES)
    rows = [
        f"<tr><th>{size}×{size}</th>{''.join(map(_cell, kinds))}</tr>"
        for size, kinds in zip(SIZES, kinds_by_cycles(phase, orientation), strict=True)
    ]
    return (
        f"<table><caption>What Gabor functions are called, by size and by the wavelengths that the kernel shows "
        f"(phase {phase:.0f}°, stripes at {orientation:.0f}°, sigma a quarter of the size)</caption>"
        f"<tr><th>wavelengths</th>{head}</tr>{''.join(rows)}</table>"
    )


def _cell(kind):
    if kind is None:
        return '<td class="none" title="the wavelength would be below 2 pixels">–</td>'
    return f'<td style="border-bottom-color: {_COLOURS.get(kind, plots.GREY)}">{_NAMES.get(kind, kind)}</td>'


_NAMES = {"gabor": "Gabor"}
_COLOURS = {
    "low-pass": plots.SKY,
    "edge": plots.VERMILLION,
    "line": plots.ORANGE,
    "gabor": plots.BLUE,
    "saddle": plots.PURPLE,
    "centre-surround": plots.GREEN,
}

# --------------------------------------------------------------------------- pictures


def pictures(wave, photo):
    """Return what the canvases show and what stands below them.

    Parameters
    ----------
    wave : Wave
    photo : ndarray, shape (H, W)
        Brightness from 0 to 1.

    Returns
    -------
    levels : dict of str to (ndarray of uint8, str)
        "kernel", "gain" and "photograph": places in a table of colours, and its name.
    legends : dict of str to str
        HTML, by the same names.

    Notes
    -----
    Taught in lesson 08. Weights and the filtered photograph are signed: red positive, white 0, blue negative.
    """
    kernel = wave.kernel.astype(np.float32)
    shown = {"kernel": kernel, "gain": gain(wave.kernel), "photograph": filtered(photo.astype(np.float32), kernel)}
    scales = {name: (scale_from_zero if name == "gain" else signed_scale)(values) for name, values in shown.items()}
    notes = {
        "kernel": f"sum of the weights {plots.number_text(np.round(kernel.sum(dtype=float), 2))}",
        "gain": "zero frequency in the middle, edges ±½ cycle per pixel",
        "photograph": "red positive, white 0, blue negative",
    }
    painted = {name: (levels(values, scales[name]), scales[name].colours) for name, values in shown.items()}
    return painted, {f"{name}_legend": legend(scales[name], note) for name, note in notes.items()}


def _canvas(title, name):
    return (
        f'<figure><figcaption>{title}</figcaption><canvas data-name="{name}"></canvas>'
        f'<div data-name="{name}_legend"></div></figure>'
    )


_PAGE = f"""
<div class="said" data-name="said"></div>
<div class="gabor">{_canvas("Kernel", "kernel")}{_canvas("Gain at each frequency", "gain")}
{_canvas("Filtered photograph", "photograph")}</div>
<div class="names" data-name="names"></div>
"""
_STYLE = """
<style>
.cnnlessons-gabor { line-height: 1.4; font-size: 14px; margin: 2px; max-width: 1000px; }
.cnnlessons-gabor .said p { font-size: 16px; margin: 2px 0; }
.cnnlessons-gabor .said .name { font-size: 18px; }
.cnnlessons-gabor .gabor { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0 24px; }
.cnnlessons-gabor figure { margin: 10px 0 0; }
.cnnlessons-gabor figcaption { font-size: 15px; margin-bottom: 4px; }
.cnnlessons-gabor canvas { width: 100%; aspect-ratio: 1; display: block; image-rendering: pixelated; }
.cnnlessons-gabor canvas { box-sizing: border-box; border: 1px solid #6b6b6b; }
.cnnlessons-gabor .legend { display: flex; align-items: center; gap: 6px; margin-top: 6px; }
.cnnlessons-gabor .bar { flex: 1; height: 12px; border-radius: 2px; }
.cnnlessons-gabor .note { text-align: center; }
.cnnlessons-gabor table { border-collapse: separate; border-spacing: 4px 3px; margin: 14px 0 0; font-size: 14px; }
.cnnlessons-gabor caption { text-align: left; font-size: 15px; margin-bottom: 4px; }
.cnnlessons-gabor th { font-weight: normal; text-align: center; padding: 2px 8px; }
.cnnlessons-gabor td { text-align: center; padding: 2px 8px; border-bottom: 5px solid transparent; min-width: 54px; }
</style>
"""

# --------------------------------------------------------------------------- widgets


class GaborExplorer(Panel):
    """The panel that `gabor_explorer` makes; its controls are attributes and can be set from code."""

    def __init__(self, photo="brick"):
        start = Wave()
        self.wavelength = _slider(start.wavelength, 2, 16, 0.1, "Wavelength", ".1f")
        self.orientation = _slider(start.orientation, 0, 175, 5, "Orientation", ".0f")
        self.phase = _slider(start.phase, -180, 180, 5, "Phase", ".0f")
        self.sigma = _slider(start.sigma, 0.5, 6, 0.05, "Sigma", ".2f")
        self.aspect = _slider(start.aspect, 0.3, 3, 0.05, "Aspect", ".2f")
        self.size = widgets.ToggleButtons(options=SIZES, value=start.size, description="Size")
        self.photograph = widgets.Dropdown(options=datasets.photographs(), value=photo, description="Photo")
        self.quarter = widgets.Button(description="Line ↔ edge", tooltip="A quarter of a wavelength further")
        self.name = widgets.Button(description="Fill the table", tooltip="Name Gabors of this phase and orientation")
        self.again = widgets.Button(description="Reset", tooltip="Back to the first settings")
        tables = {colours: plots.colour_table(colours) for colours in (plots.SIGNED, plots.MAGNITUDE)}
        self.pictures = Pictures(_PAGE, tables)
        self.pictures.add_class("cnnlessons-gabor")
        style = widgets.HTML(_STYLE, layout={"display": "none"})
        super().__init__([style, self._controls(), self.pictures], "cnnlessons-gabor-explorer")
        for control in (*self._sliders(), self.size):
            self.on(control)
        self.on(self.photograph, self._look)
        self.on(self.quarter, self._shift)
        self.on(self.name, self._name)
        self.on(self.again, self._reset)
        self.act(self._reset)

    def __repr__(self):
        wave = self.wave
        return (
            f"Gabor explorer: {wave.size}×{wave.size}, wavelength {wave.wavelength:.1f}, orientation "
            f"{wave.orientation:.0f}°, phase {wave.phase:.0f}°, sigma {wave.sigma:.2f}, aspect {wave.aspect:.2f}: "
            f"{words(spectra.describe(wave.kernel), channels=1)}"
        )

    @property
    def wave(self):
        """What the controls say, as a `Wave`."""
        return Wave(*(slider.value for slider in self._sliders()), self.size.value)

    def draw(self):
        painted, legends = pictures(self.wave, self._photo)
        self.pictures.paint(painted, {**legends, "said": said(self.wave), "names": self._table})

    def _sliders(self):
        return self.wavelength, self.orientation, self.phase, self.sigma, self.aspect

    def _shift(self):
        self.phase.value = (self.phase.value + 270) % 360 - 180

    def _name(self):
        self._table = table(self.phase.value, self.orientation.value)

    def _look(self):
        self._photo = datasets.photograph(self.photograph.value, size=256, gray=True)
        self.pictures.words = {
            "kernel": "Weights of the Gabor kernel",
            "gain": "Gain of the kernel at each frequency, zero frequency in the middle",
            "photograph": f"Photograph {self.photograph.value}, filtered with the kernel",
        }

    def _reset(self):
        *values, size = Wave()
        for slider, value in zip(self._sliders(), values, strict=True):
            slider.value = value
        self.size.value = size
        self._look()
        self._name()

    def _controls(self):
        self.size.style.description_width = self.photograph.style.description_width = "82px"
        self.photograph.layout.width = "300px"
        buttons = widgets.HBox([self.quarter, self.name, self.again])
        for button in buttons.children:
            button.layout.width = "auto"
        rows = [*self._sliders(), self.size, self.photograph, buttons]
        return widgets.GridBox(rows, layout={"grid_template_columns": "repeat(3, max-content)",
                                             "grid_gap": "2px 14px", "margin": "4px 0 8px"})  # fmt: skip


def gabor_explorer(photo="brick"):
    """Make a panel to move a Gabor function's wavelength, orientation, phase and window, and see what it is called.

    Parameters
    ----------
    photo : str
        One of ``datasets.photographs()``.

    Returns
    -------
    GaborExplorer
        An ipywidgets box.

    Raises
    ------
    ValueError
        If there is no such photograph.

    Notes
    -----
    Taught in lesson 08. What the panel shows is made by `pictures`, `said` and `table` of
    ``cnnlessons.panels.gabor_explorer``.
    """
    datasets.photograph_source(photo)  # an unknown name is refused with those there are
    return GaborExplorer(photo)


def _slider(value, low, high, step, description, form):
    slider = Slider(value=value, min=low, max=high, step=step, description=description, readout_format=form)
    slider.layout.width, slider.style.description_width = "300px", "82px"
    return slider
