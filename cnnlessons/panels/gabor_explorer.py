"""Gabor explorer: a wave under a window, what it passes, what it answers to, and when it is called an edge or line."""

import functools
import html
from typing import NamedTuple

import numpy as np

from cnnlessons import datasets, kernels, plots, spectra
from cnnlessons.panels._drawings import (
    figure,
    filtered,
    gain,
    legend,
    levels,
    photograph,
    scale_from_zero,
    signed_scale,
    waiting,
    words,
)
from cnnlessons.panels._explorer import Button, Choice, Explorer, Number
from cnnlessons.panels._panel import Page

SIZES = (3, 5, 7, 11)
CYCLES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)

# --------------------------------------------------------------------------- numbers


class Wave(NamedTuple):
    """What the sliders say; angles in degrees, lengths in pixels."""

    wavelength: float = 4.0
    orientation: float = 90.0  # of the stripes: 0 is horizontal, 45 is "/"
    phase: float = 0.0  # 0 is a bright line on the centre, -90 an edge
    sigma: float = 1.75  # standard deviation of the window along the wave
    aspect: float = 1.0  # how much narrower the window is across the wave than along it
    size: int = 7  # rows and columns

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
    """Ask `spectra.describe` for the kinds of Gabor functions that show more and more of a wave, size by size.

    Sigma is a quarter of the size. A kind is None where the wavelength would be below 2 pixels.
    """
    return [[_kind(Wave(size / count, orientation, phase, size / 4, 1.0, size)) for count in cycles] for size in sizes]


@functools.lru_cache(maxsize=1024)  # a table asks for thirty
def _kind(wave):
    return spectra.describe(wave.kernel).kind if wave.wavelength >= 2 else None


# --------------------------------------------------------------------------- words


def said(wave):
    """Say what the kernel of a wave is called, how much of the wave it shows, and how well both fits do, as HTML."""
    description = spectra.describe(wave.kernel)
    return (
        f'<p class="name">Called: <b>{html.escape(words(description, channels=1))}</b></p>'
        f"<p>The window shows <b>{wave.cycles:.2f}</b> wavelengths. The best derivative of a Gaussian leaves "
        f"<b>{description.derivative_residual:.1%}</b> of the energy, the best Gabor function "
        f"<b>{description.gabor_residual:.1%}</b>. {_reason(description)}</p>"
    )


def _reason(description):
    if description.kind in ("noise", "unnamed"):
        return "Both leave so much, or need so many numbers for it, that of noise they would leave no more."
    if description.kind == "gabor":
        return "No derivative explains it as well."
    if description.gabor.cycles <= 1:
        return "So little of a wave is a blob, an edge or a line."
    return "The derivative, with fewer numbers to choose, explains it well enough."


def table(phase=0.0, orientation=90.0):
    """Return `kinds_by_cycles` as an HTML table, every kind in a colour of its own and in words."""
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
    """Return what the canvases show, name → (levels, table of colours), and what stands below them, name → HTML."""
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
    return figure(title, f'<canvas data-name="{name}"></canvas><div data-name="{name}_legend"></div>')


_PAGE = f"""
<div class="said" data-name="said"></div>
<div class="gabor">{_canvas("Kernel", "kernel")}{_canvas("Gain at each frequency", "gain")}
{_canvas("Filtered photograph", "photograph")}</div>
<div class="names" data-name="names" tabindex="0" role="region" aria-label="Names of Gabor functions"></div>
"""
# --------------------------------------------------------------------------- the panel


class GaborExplorer(Explorer):
    """The panel that `gabor_explorer` makes; its controls are attributes and can be set from code."""

    title = "Gabor explorer"
    text = (
        "{size}×{size}, wavelength {wavelength:.1f}, orientation {orientation:.0f}°, phase {phase:.0f}°, "
        "sigma {sigma:.2f}, aspect {aspect:.2f}: {words}"
    )
    controls = (
        Number("wavelength", "Wavelength", 2, 16, 0.1, ".1f"),
        Number("orientation", "Orientation", 0, 175, 5, ".0f"),
        Number("phase", "Phase", -180, 180, 5, ".0f"),
        Number("sigma", "Sigma", 0.5, 6, 0.05, ".2f"),
        Number("aspect", "Aspect", 0.3, 3, 0.05, ".2f"),
        Choice("size", "Size", SIZES),
        Choice("photograph", "Photo", datasets.photographs(), listed=True),
    )
    buttons = (
        Button("quarter", "Line ↔ edge", "A quarter of a wavelength further", "shift"),
        Button("name", "Fill the table", "Name Gabors of this phase and orientation", "begin"),
    )
    columns, widths, hurries = 3, ("82px", "300px"), True

    @property
    def wave(self):
        """What the controls say, as a `Wave`."""
        return Wave(*self.values[:-1])

    def make_page(self):
        return Page(_PAGE, {colours: plots.colour_table(colours) for colours in (plots.SIGNED, plots.MAGNITUDE)})

    def said(self):
        return super().said() | {"words": words(spectra.describe(self.wave.kernel), channels=1)}

    def draw(self):
        name = self.photograph.value
        painted, legends = pictures(self.wave, photograph(name, size=256, gray=True))
        self.page.words = {
            "kernel": "Weights of the Gabor kernel",
            "gain": "Gain of the kernel at each frequency, zero frequency in the middle",
            "photograph": f"Photograph {name}, filtered with the kernel",
        }
        if not self.hurried:
            self._said = said(self.wave)
        name_of_it = waiting(self._said) if self.hurried else self._said
        self.page.paint(painted, {**legends, "said": name_of_it, "names": self._table})

    def begin(self):
        """Fill the table for the present phase and orientation."""
        self._table = table(self.phase.value, self.orientation.value)

    def shift(self):
        """Move the wave on by a quarter of its length."""
        self.phase.value = (self.phase.value + 270) % 360 - 180

    def reset(self):
        super().reset()
        self.begin()


def gabor_explorer(photo="brick"):
    """Make a panel to move a Gabor function's wavelength, orientation, phase and window, and see what it is called.

    Parameters
    ----------
    photo : str
        One of ``datasets.photographs()``.

    Notes
    -----
    Taught in lesson 08.
    """
    datasets.photograph_source(photo)  # an unknown name is refused with those there are
    return GaborExplorer(*Wave(), photo)
