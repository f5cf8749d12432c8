"""Kernel editor: weights on the left, the filtered photograph and the kernel's frequency response on the right.

Taught in lesson 01.
"""

import html

import ipywidgets as widgets
import numpy as np

from cnnlessons import datasets, kernels, ops, plots, spectra
from cnnlessons.panels._drawings import Scale, coloured, legend, levels, scale_from_zero, signed_scale, write_weight
from cnnlessons.panels._parts import Panel, Pictures, Slider, Unusable, checked

SIZES = (3, 5)
LARGEST_WEIGHT = 1e9
OWN = "your own"

# --------------------------------------------------------------------------- numbers


def read_weight(text):
    """Return the weight that a reader typed: 2, −0.5, 1e-3 or 1/9.

    Raises
    ------
    Unusable
        If `text` is empty, no number, or too large.
    """
    numerator, *denominators = text.replace("−", "-").split("/")
    try:
        weight = float(numerator)
        for denominator in denominators:
            weight /= float(denominator)
    except (ValueError, ZeroDivisionError):
        weight = np.nan
    if not abs(weight) <= LARGEST_WEIGHT:
        raise Unusable(f"“{text}” is not a number between −1e9 and 1e9; type for example 2, −0.5 or 1/9")
    return weight


def resized(kernel, size):
    """Return a kernel as (size, size), its middle in the middle: cut off around it, or filled up with zeros.

    A 5 × 5 kernel made of a 3 × 3 one gives the same output. The middle of an even side is the pixel before it,
    where padding "same" has it.
    """
    surrounded = np.pad(kernel, size)
    top, left = (size + (side - 1) // 2 - (size - 1) // 2 for side in kernel.shape)
    return surrounded[top : top + size, left : left + size]


def mixed(kernel, mix):
    """Return the kernel that gives ``(1 - mix) * photograph + mix * filtered photograph``."""
    identity = resized(np.ones((1, 1)), kernel.shape[0])
    return (1 - mix) * identity + mix * kernel


def divided_by_sum(kernel):
    """Return a kernel whose weights sum to 1, which keeps the brightness of a flat image.

    Raises
    ------
    Unusable
        If the weights sum to zero.
    """
    if _sums_to_zero(kernel):
        raise Unusable("The weights sum to 0, so they cannot be divided by their sum.")
    return kernel / kernel.sum()


def filtered(photo, kernel):
    """Cross-correlate with zeros around the photograph, so that the output has its size."""
    return ops.cross_correlate(photo, kernel, padding="same")


def _sums_to_zero(kernel):
    return abs(kernel.sum()) <= 1e-9 * abs(kernel).sum()


# --------------------------------------------------------------------------- pictures


def scale_of(output, kernel, display="auto"):
    """Choose the colours for a filtered photograph.

    Parameters
    ----------
    output : ndarray, shape (H, W)
    kernel : ndarray, shape (KH, KW)
        What made it.
    display : {"auto", "brightness", "signed"}
        "brightness" is gray from 0 to 1, all else clipped. "signed" has zero in the middle and reaches as far on
        either side. "auto" is signed where the weights sum to zero, because such a kernel measures a difference.

    Returns
    -------
    Scale
    """
    if display == "auto":
        display = "signed" if _sums_to_zero(kernel) else "brightness"
    if display == "brightness":
        return Scale(0.0, 1.0, "gray")
    return signed_scale(output)


def picture(photo, kernel, display="auto"):
    """Return the filtered photograph in colours.

    Parameters
    ----------
    photo : ndarray of float, shape (H, W)
        Brightness from 0 to 1.
    kernel : ndarray, shape (KH, KW)
    display : {"auto", "brightness", "signed"}
        As in `scale_of`.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Notes
    -----
    Taught in lesson 01.
    """
    output = filtered(photo, kernel)
    scale = scale_of(output, kernel, display)
    return coloured(output, scale)


def gain(kernel):
    """Return by how much the kernel multiplies each frequency, (64, 64), with zero frequency in the middle."""
    return abs(spectra.frequency_response(kernel, size=64))


def gain_picture(kernel):
    """Return `gain` in colours from 0 to its largest value, uint8 of shape (64, 64, 3). Taught in lesson 01."""
    response = gain(kernel)
    return coloured(response, scale_from_zero(response))


def caption(kernel, output, scale, scale_of_gain):
    """Return what stands below the two pictures: their scales, the sum of the weights, the range of the output."""
    total = 0.0 if _sums_to_zero(kernel) else kernel.sum()
    return (
        f'<div class="caption">{legend(scale, _NOTES[scale.colours])}'
        f"{legend(scale_of_gain, 'zero frequency in the middle')}"
        f"<div>Sum of the weights <b>{write_weight(total)}</b> · output from "
        f"<b>{write_weight(output.min())}</b> to <b>{write_weight(output.max())}</b></div></div>"
    )


def meaning(name):
    """Return what a named kernel answers to, as HTML; of the reader's own kernel only the reader knows."""
    if name == OWN:
        return "Weights of your own: what do they answer to?"
    return f"Answers to {html.escape(kernels.about(name).answers_to)}."


_NOTES = {"gray": "brightness, clipped to 0 … 1", "RdBu_r": "signed: blue is negative, red positive"}


# --------------------------------------------------------------------------- widgets


class KernelEditor(Panel):
    """The panel that `kernel_editor` makes; its controls are attributes and can be set from code."""

    def __init__(self, photograph, name, kernel):
        self._start = photograph, name, kernel
        self._make_controls()
        self._make_displays()
        super().__init__([self._layout()], "cnnlessons-kernel-editor")
        self._connect()
        self.act(self._reset)

    def __repr__(self):
        size = self._kernel.shape[0]
        return f"Kernel editor: {self.named.value}, {size}×{size}, on photograph {self.photograph.value}"

    # ----- what it is made of

    def _make_controls(self):
        fitting = [name for name in kernels.names() if max(kernels.named(name).shape) <= max(SIZES)]
        self.photograph = widgets.Dropdown(options=datasets.photographs(), description="Photograph")
        self.named = widgets.Dropdown(options=[OWN, *fitting], description="Kernel")
        self.size = widgets.ToggleButtons(options=[(f"{size}×{size}", size) for size in SIZES], tooltip="Size")
        places = range(max(SIZES))
        self.fields = np.array([[_field(row, column) for column in places] for row in places])  # (5, 5) of Text
        self.row, self.column = widgets.ToggleButtons(), widgets.ToggleButtons()
        self.drag = _slider(-1, 1, "Weight")  # in units of self._reach: the front end mixes a new range with old values
        self.turn = widgets.Button(description="Turn by 180°", tooltip="Turn the kernel by 180° (a convolution does)")
        self.divide = widgets.Button(description="Divide by the sum", tooltip="Make the weights sum to 1")
        self.again = widgets.Button(description="Reset", tooltip="Back to the first photograph and kernel")
        self.mix = _slider(0, 1, "Mix")
        self.mix.tooltip = "From the untouched photograph (0) to the filtered one (1)"
        self.display = widgets.ToggleButtons(
            options=["auto", "brightness", "signed"],
            tooltips=[
                "signed if the weights sum to zero, else brightness",
                "gray from 0 to 1, all else clipped",
                "zero in the middle, the same reach on both sides",
            ],
        )

    def _make_displays(self):
        self.pictures = Pictures(_PAGE, {name: plots.colour_table(name) for name in (*_NOTES, "viridis")})
        self.pictures.add_class("cnnlessons-pictures")
        self.meaning = widgets.HTML()

    def _connect(self):
        self.on(self.photograph, self._load)
        self.on(self.named, self._take_named)
        self.on(self.size, lambda: self._write(resized(self._kernel, self.size.value)))
        for field in self.fields.flat:
            self.on(field, self._aim)
        self.on(self.row, self._aim)
        self.on(self.column, self._aim)
        self.on(self.drag, self._drag)
        self.on(self.turn, lambda: self._write(self._kernel[::-1, ::-1]))
        self.on(self.divide, lambda: self._write(divided_by_sum(self._kernel)))
        self.on(self.again, self._reset)
        self.on(self.mix)
        self.on(self.display)

    def _layout(self):
        self._weights = _box(widgets.GridBox, [], "weights")
        self.row.add_class("cnnlessons-rows")
        self.column.add_class("cnnlessons-columns")
        table = _box(widgets.GridBox, [self.column, self.row, self._weights], "kernel")
        edit = widgets.VBox([self.size, table, self.drag, self.mix, widgets.HBox([self.turn, self.divide])])
        titles = _box(widgets.GridBox, [self.display, widgets.HTML("Gain at each frequency")], "titles")
        see = widgets.VBox([titles, self.pictures])
        choices = _box(widgets.HBox, [self.photograph, self.named, self.again], "side-by-side")
        style = widgets.HTML(_STYLE, layout={"display": "none"})
        return widgets.VBox([style, choices, self.meaning, _box(widgets.HBox, [edit, see], "side-by-side")])

    # ----- what it does

    def draw(self):
        self._kernel = self._read()
        self._forget_name()
        self.meaning.value = meaning(self.named.value)
        kernel = mixed(self._kernel, self.mix.value)
        output, response = filtered(self._photo, kernel), gain(kernel)
        scale, scale_of_gain = scale_of(output, kernel, self.display.value), scale_from_zero(response)
        pictures = {
            "photograph": (levels(output, scale), scale.colours),
            "gain": (levels(response, scale_of_gain), scale_of_gain.colours),
        }
        self.pictures.paint(pictures, {"caption": caption(kernel, output, scale, scale_of_gain)})

    def _read(self):
        """Return the weights in the fields. A text that the panel wrote stands for the exact weight behind it."""
        kernel = self._kernel.copy()
        for place, weight in np.ndenumerate(self._kernel):
            text = self.fields[place].value
            if text != write_weight(weight):
                try:
                    kernel[place] = read_weight(text)
                except Unusable as problem:
                    raise Unusable(f"Weight in row {place[0]}, column {place[1]}: {problem}.") from None
        return kernel

    def _write(self, kernel):
        self._kernel = np.array(kernel, float)
        size = self.size.value = len(kernel)
        if size != len(self.row.options):
            self._weights.children = self.fields[:size, :size].ravel().tolist()
            self._weights.layout.grid_template_columns = f"repeat({size}, minmax(0, 1fr))"
            for toggles in (self.row, self.column):
                toggles.options = ["…"]  # the front end does not notice a list that only becomes shorter
                toggles.options = range(size)
                toggles.value = size // 2
        for place, weight in np.ndenumerate(self._kernel):
            self.fields[place].value = write_weight(weight)
        self._aim()

    def _aim(self):
        """Point the slider at the chosen weight and give it room for the weights there are."""
        self._kernel = self._read()
        chosen = self.row.value, self.column.value
        for place, field in np.ndenumerate(self.fields):
            (field.add_class if place == chosen else field.remove_class)("cnnlessons-chosen")
        self._reach = 10.0 ** np.ceil(np.log10(1.25 * max(0.8, abs(self._kernel).max())))
        self.drag.tooltip = f"Drag the chosen weight between −{self._reach:g} and {self._reach:g}"
        self.drag.value = self._kernel[chosen] / self._reach

    def _drag(self):
        chosen = self.row.value, self.column.value
        weight = self.drag.value * self._reach
        if abs(weight - self._kernel[chosen]) <= self._reach * self.drag.step / 2:
            return  # the front end rounds the weight that it was given to a step; nobody moved anything
        self._kernel[chosen] = round(weight, 6)  # 3 · 0.1 = 0.30000000000000004
        self.fields[chosen].value = write_weight(self._kernel[chosen])

    def _take_named(self):
        if self.named.value != OWN:
            self._write(_fitting(kernels.named(self.named.value)))

    def _forget_name(self):
        if self.named.value != OWN:
            named, present = (resized(k, max(SIZES)) for k in (kernels.named(self.named.value), self._kernel))
            if not np.array_equal(named, present):
                self.named.value = OWN

    def _load(self):
        self._photo = datasets.photograph(self.photograph.value, size=256, gray=True)
        self.pictures.words = {
            "photograph": f"Photograph {self.photograph.value}, filtered with the kernel",
            "gain": "Gain of the kernel at each frequency, zero frequency in the middle",
        }

    def _reset(self):
        self.photograph.value, self.named.value, kernel = self._start
        self.mix.value, self.display.value = 1.0, "auto"
        self._load()
        self._write(_fitting(kernel))


def kernel_editor(photograph="camera", kernel="sobel_vertical_edge"):
    """Make a panel to edit a kernel, with the filtered photograph and the frequency response redrawn at once.

    Parameters
    ----------
    photograph : str
        One of ``datasets.photographs()``.
    kernel : str or array_like, shape (KH, KW), at most 5 × 5
        One of ``kernels.names()``, or weights of your own.

    Returns
    -------
    KernelEditor
        An ipywidgets box.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, or the weights are not two-dimensional, not finite, or too many.

    Notes
    -----
    Taught in lesson 01. What the panel shows is made by `picture` and `gain_picture` of
    ``cnnlessons.panels.kernel_editor``.
    """
    datasets.photograph_source(photograph)  # an unknown name is refused with those there are
    name, weights = (kernel, kernels.named(kernel)) if isinstance(kernel, str) else (OWN, kernel)
    weights = checked(weights, "kernel", max(SIZES))
    if abs(weights).max() > LARGEST_WEIGHT:
        raise ValueError(f"kernel must hold weights from −1e9 to 1e9, got {abs(weights).max():.3g}; scale it down")
    return KernelEditor(photograph, name, weights)


def _fitting(kernel):
    """Return a kernel in the smallest size that the editor has for it."""
    return resized(kernel, next(size for size in SIZES if size >= max(kernel.shape)))


def _field(row, column):
    return widgets.Text(continuous_update=False, tooltip=f"Weight in row {row}, column {column}")


def _box(kind, children, name):
    box = kind(children)
    box.add_class(f"cnnlessons-{name}")
    return box


def _slider(low, high, description):
    slider = Slider(min=low, max=high, step=(high - low) / 400, description=description, readout=False)
    slider.add_class("cnnlessons-slider")
    slider.layout.width, slider.style.description_width = "284px", "50px"
    return slider


_TICKS = "<span>−½</span><span>0</span><span>½</span>"
_PAGE = f"""
<div class="row">
  <canvas data-name="photograph"></canvas>
  <div class="axes">
    <div class="down">{_TICKS}</div><canvas data-name="gain"></canvas>
    <div><div class="across">{_TICKS}</div><div class="note">cycles per pixel</div></div>
  </div>
</div>
<div data-name="caption"></div>
"""
_STYLE = """
<style>
.cnnlessons-side-by-side { gap: 16px; }
.cnnlessons-side-by-side > .widget-vbox { gap: 6px; flex: none; }
.cnnlessons-side-by-side > .widget-dropdown { width: 288px; }
.cnnlessons-side-by-side > .widget-vbox .widget-button { width: 140px; }
.cnnlessons-kernel { grid-template: ". columns" 26px "rows weights" 180px / 26px 250px; gap: 4px; }
.cnnlessons-weights { grid-area: weights; gap: 4px; grid-auto-rows: 1fr; }
.cnnlessons-weights .widget-text { width: auto; height: auto; margin: 0; }
.cnnlessons-weights .widget-text input[type="text"] { height: 100%; text-align: center; font-size: 18px; padding: 0; }
.cnnlessons-weights .cnnlessons-chosen input[type="text"] { border: 3px solid #d55e00; }
.cnnlessons-rows { grid-area: rows; }
.cnnlessons-columns { grid-area: columns; }
.cnnlessons-panel .cnnlessons-rows > div { flex-direction: column; height: 100%; gap: 4px; }
.cnnlessons-panel .cnnlessons-columns > div { height: 100%; gap: 4px; }
.cnnlessons-kernel .widget-toggle-buttons .widget-toggle-button { flex: 1; padding: 0; height: auto; }
.cnnlessons-titles { grid-template-columns: 290px auto; column-gap: 20px; }
.cnnlessons-pictures { margin: 2px; line-height: 1.4; font-size: 14px; }
.cnnlessons-pictures .row { display: flex; gap: 20px; margin-bottom: 8px; }
.cnnlessons-pictures [data-name="photograph"] { width: 290px; height: 290px; }
.cnnlessons-pictures [data-name="gain"] { width: 190px; height: 190px; }
.cnnlessons-pictures .axes { display: grid; grid-template: auto 1fr / 24px 190px; gap: 2px 6px; }
.cnnlessons-pictures .axes > :last-child { grid-column: 2; }
.cnnlessons-pictures .down, .cnnlessons-pictures .across { display: flex; justify-content: space-between; }
.cnnlessons-pictures .down { flex-direction: column; height: 190px; text-align: right; }
.cnnlessons-pictures .caption { display: grid; grid-template-columns: 290px 214px; gap: 8px 20px; }
.cnnlessons-pictures .caption > :last-child { grid-column: 1 / 3; }
.cnnlessons-pictures .note { text-align: center; }
.cnnlessons-pictures .legend { display: flex; align-items: center; gap: 6px; }
.cnnlessons-pictures .bar { flex: 1; height: 12px; border-radius: 2px; }
</style>
"""
