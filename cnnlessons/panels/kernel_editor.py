"""Kernel editor: weights on the left, the filtered photograph and the kernel's frequency response on the right."""

import html

import ipywidgets as widgets
import numpy as np

from cnnlessons import datasets, kernels, plots
from cnnlessons.panels._drawings import (
    Scale,
    filtered,
    gain,
    legend,
    levels,
    scale_from_zero,
    signed_scale,
    write_weight,
)
from cnnlessons.panels._panel import Page, Panel, Slider, Unusable, checked, classed
from cnnlessons.panels._tables import table

SIZES = (3, 5)
LARGEST_WEIGHT = 1e9
OWN = "your own"
OWN_PHOTOGRAPH = "your own photograph"

# --------------------------------------------------------------------------- numbers


def read_weight(text):
    """Return the weight that a reader typed: 2, −0.5, 1e-3 or 1/9; raise Unusable if it is none, or too large."""
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
    """Return a kernel as (size, size), cut or padded with zeros around its middle; where padding "same" has that."""
    surrounded = np.pad(kernel, size)
    top, left = (size + (side - 1) // 2 - (size - 1) // 2 for side in kernel.shape)
    return surrounded[top : top + size, left : left + size]


def mixed(kernel, mix):
    """Return the kernel that gives ``(1 - mix) * photograph + mix * filtered photograph``."""
    identity = resized(np.ones((1, 1)), kernel.shape[0])
    return (1 - mix) * identity + mix * kernel


def divided_by_sum(kernel):
    """Return a kernel whose weights sum to 1, which keeps the brightness of a flat image, or raise Unusable."""
    if _sums_to_zero(kernel):
        raise Unusable("The weights sum to 0, so they cannot be divided by their sum.")
    return kernel / kernel.sum()


def _sums_to_zero(kernel):
    return abs(kernel.sum()) <= 1e-9 * abs(kernel).sum()


def _total(numbers):
    return 0.0 if _sums_to_zero(numbers) else numbers.sum()


# --------------------------------------------------------------------------- pictures


def scale_of(output, kernel, display="auto"):
    """Choose the colours for a filtered photograph: "brightness", "signed", or "auto", which tells by the kernel.

    One whose weights sum to zero measures a difference, and is shown signed.
    """
    if display == "auto":
        display = "signed" if _sums_to_zero(kernel) else "brightness"
    return Scale(0.0, 1.0, "gray") if display == "brightness" else signed_scale(output)


def caption(kernel, output, scale, scale_of_gain):
    """Return what stands below the two pictures: their scales, the sum of the weights, the range of the output."""
    return (
        f'<div class="caption">{legend(scale, _NOTES[scale.colours])}'
        f"{legend(scale_of_gain, 'gain, zero frequency in the middle')}"
        f"<div>Sum of the weights <b>{write_weight(_total(kernel))}</b> · output from "
        f"<b>{write_weight(output.min())}</b> to <b>{write_weight(output.max())}</b></div></div>"
    )


def window(photo, kernel, row, column):
    """Return what one number is made of: the window around a pixel, its products with the kernel, and their sum."""
    reach = len(kernel) // 2
    inside = np.pad(np.ones(photo.shape), reach)[row : row + len(kernel), column : column + len(kernel)]
    seen = np.pad(photo, reach)[row : row + len(kernel), column : column + len(kernel)]
    looks, products = np.where(inside, "", "border"), seen * kernel
    return (
        f'<div class="window">{table(f"Row {row}, column {column}", seen.round(2), looks)}'
        f"{table('times the weights', products.round(2), looks)}"
        f"<div>Sum of the products <b>{write_weight(_total(products))}</b></div></div>"
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

    title, text = "Kernel editor", "{name}, {size}×{size}, on photograph {photograph}"

    def __init__(self, photograph, name, kernel, own=None):
        self._start, self._own = (photograph, name, kernel), own
        self._make_controls()
        self.page = Page(_PAGE, {name: plots.colour_table(name) for name in (*_NOTES, "viridis")})
        self.meaning = widgets.HTML()
        super().__init__([self._layout()])
        self._connect()
        self.act(self._reset)

    def said(self):
        return {"name": self.named.value, "size": len(self._kernel), "photograph": self.photograph.value}

    # ----- what it is made of

    def _make_controls(self):
        fitting = [name for name in kernels.names() if max(kernels.named(name).shape) <= max(SIZES)]
        self.photograph = widgets.Dropdown(options=self._photographs(), description="Photograph")
        self.upload = widgets.FileUpload(accept="image/*", description="Your own")
        self.upload.tooltip = "Choose a picture file of your own; it stays on this machine"
        self.named = widgets.Dropdown(options=[OWN, *fitting], description="Kernel")
        self.size = widgets.ToggleButtons(options=[(f"{size}×{size}", size) for size in SIZES], tooltip="Size")
        places = range(max(SIZES))
        self.fields = np.array([[_field(row, column) for column in places] for row in places])  # (5, 5) of Text
        self.row, self.column = widgets.ToggleButtons(tooltip="Row"), widgets.ToggleButtons(tooltip="Column")
        self.drag = _slider(-1, 1, "Weight", readout=False)  # in units of self._reach, for a range cannot change alone
        self.turn = widgets.Button(description="Turn by 180°", tooltip="Turn the kernel by 180° (a convolution does)")
        self.divide = widgets.Button(description="Divide by the sum", tooltip="Make the weights sum to 1")
        self.again = widgets.Button(description="Reset", tooltip="Back to the first photograph and kernel")
        self.mix = _slider(0, 1, "Mix", readout_format=".3f")
        self.mix.tooltip = "From the untouched photograph (0) to the filtered one (1)"
        self.display = widgets.ToggleButtons(
            options=["auto", "brightness", "signed"],
            tooltip="Colours",
            tooltips=[
                "signed if the weights sum to zero, else brightness",
                "gray from 0 to 1, all else clipped",
                "zero in the middle, the same reach on both sides",
            ],
        )

    def _photographs(self):
        return [*datasets.photographs(), *([] if self._own is None else [OWN_PHOTOGRAPH])]

    def _connect(self):
        self.on(self.photograph, self._load)
        self.on(self.upload, self._take_photograph)
        self.on(self.named, self._take_named)
        self.on(self.size, lambda: self._write(resized(self._kernel, self.size.value)))
        for control in (*self.fields.flat, self.row, self.column):
            self.on(control, self._aim)
        self.on(self.drag, self._drag)
        self.on(self.turn, lambda: self._write(self._kernel[::-1, ::-1]))
        self.on(self.divide, lambda: self._write(divided_by_sum(self._kernel)))
        self.on(self.again, self._reset)
        self.on(self.mix)
        self.on(self.display)
        self.page.observe(lambda _: self.act(self._choose), "focused")
        self.page.observe(lambda _: self.act(), "pointed")

    def _layout(self):
        self._weights = classed("weights", widgets.GridBox())
        classed("rows", self.row), classed("columns", self.column)
        table = classed("kernel", widgets.GridBox([self.column, self.row, self._weights]))
        buttons = widgets.HBox([self.turn, self.divide])
        edit = widgets.VBox([self.size, table, self.drag, self.mix, buttons, self.problem])
        titles = classed("titles", widgets.GridBox([self.display, widgets.HTML("Gain at each frequency")]))
        see = widgets.VBox([titles, self.page])
        choices, both = widgets.HBox([self.photograph, self.upload, self.named, self.again]), widgets.HBox([edit, see])
        return widgets.VBox([classed("side-by-side", choices), self.meaning, classed("side-by-side", both)])

    # ----- what it does

    def draw(self):
        problem = self._read()
        self._forget_name()
        self.meaning.value = meaning(self.named.value)
        kernel = mixed(self._kernel, self.mix.value)
        output, response = filtered(self._photo, kernel), gain(kernel)
        scale, scale_of_gain = scale_of(output, kernel, self.display.value), scale_from_zero(response)
        pictures = {
            "photograph": (levels(output, scale), scale.colours),
            "gain": (levels(response, scale_of_gain), scale_of_gain.colours),
        }
        below = window(self._photo, kernel, *self._place()) if self.page.pointed else _POINT
        self.page.paint(pictures, {"caption": caption(kernel, output, scale, scale_of_gain), "window": below})
        self._tint()
        return problem

    def _place(self):
        return np.minimum(self.page.pointed, np.array(self._photo.shape) - 1).tolist()

    def _tint(self):
        """Give each field the colour of its weight's sign."""
        for place, weight in np.ndenumerate(self._kernel):
            for look, is_so in (("cnnlessons-negative", weight < 0), ("cnnlessons-positive", weight > 0)):
                (self.fields[place].add_class if is_so else self.fields[place].remove_class)(look)

    def _read(self):
        """Take over the weights that were typed; where one cannot be read the old one stays, and a word is said."""
        problem = None
        for place, weight in np.ndenumerate(self._kernel):
            field, wrong = self.fields[place], False
            if field.value != self._short(weight):  # a text that the panel wrote stands for the exact weight behind it
                try:
                    self._kernel[place] = read_weight(field.value)
                except Unusable as unusable:
                    wrong, problem = True, f"Weight in row {place[0]}, column {place[1]}: {unusable}."
            (field.add_class if wrong else field.remove_class)("cnnlessons-wrong")
        return problem

    def _short(self, weight):
        """Write a weight with as many digits as a field has room for, beside a minus sign that may be there or not."""
        room = _ROOM[len(self._kernel)]
        digits = next((digits for digits in (4, 3, 2) if len(write_weight(abs(weight), digits)) <= room), 1)
        return write_weight(weight, digits)

    def _write(self, kernel):
        self._kernel = np.array(kernel, float)
        size = self.size.value = len(kernel)
        if size != len(self.row.options):
            self._weights.children = self.fields[:size, :size].ravel().tolist()
            for toggles in (self.row, self.column):
                toggles.options = ["…"]  # the front end does not notice a list that only becomes shorter
                toggles.options = range(size)
                toggles.value = size // 2
        for place, weight in np.ndenumerate(self._kernel):
            self.fields[place].value = self._short(weight)
        self._aim()

    def _choose(self):
        """Choose the weight whose field the reader has clicked."""
        for place, field in np.ndenumerate(self.fields[: len(self._kernel), : len(self._kernel)]):
            if field.tooltip == self.page.focused:
                self.row.value, self.column.value = place
        self._aim()

    def _aim(self):
        """Point the slider at the chosen weight and give it room for the weights there are."""
        self._read()
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
        self.fields[chosen].value = self._short(self._kernel[chosen])

    def _take_named(self):
        if self.named.value != OWN:
            self._write(_fitting(kernels.named(self.named.value)))

    def _forget_name(self):
        if self.named.value != OWN:
            taken = _fitting(kernels.named(self.named.value))
            named, present = (resized(kernel, max(SIZES)) for kernel in (taken, self._kernel))
            if not np.array_equal(named, present):
                self.named.value = OWN

    def _take_photograph(self):
        """Show the picture that the reader chose; what cannot be read leaves the old one."""
        files = self.upload.value
        if files:
            try:
                self._own = _read(bytes(files[-1]["content"]))
            except ValueError as problem:
                raise Unusable(f"{files[-1]['name']}: {problem}.") from None
            self.photograph.options = self._photographs()
            self.photograph.value = OWN_PHOTOGRAPH
            self._load()

    def _load(self):
        own = self.photograph.value == OWN_PHOTOGRAPH
        self._photo = self._own if own else _read(self.photograph.value)
        self.page.words = {
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
    photograph : str, Path or bytes
        One of ``datasets.photographs()``, or a picture file of your own; a button of the panel takes one, too.
    kernel : str or array_like, shape (KH, KW), at most 5 × 5
        One of ``kernels.names()``, or weights of your own.

    Notes
    -----
    Taught in lesson 01.
    """
    own = None if photograph in datasets.photographs() else _read(photograph)
    name, weights = (kernel, kernels.named(kernel)) if isinstance(kernel, str) else (OWN, kernel)
    weights = checked(weights, "kernel", max(SIZES))
    if abs(weights).max() > LARGEST_WEIGHT:
        raise ValueError(f"kernel must hold weights from −1e9 to 1e9, got {abs(weights).max():.3g}; scale it down")
    return KernelEditor(photograph if own is None else OWN_PHOTOGRAPH, name, weights, own)


def _read(photograph):
    return datasets.photograph(photograph, size=256, gray=True)


def _fitting(kernel):
    """Return a kernel in the smallest size that the editor has for it, with 0 for what is but rounding."""
    kernel = np.where(abs(kernel) < 1e-12 * abs(kernel).max(), 0, kernel)
    return resized(kernel, next(size for size in SIZES if size >= max(kernel.shape)))


def _field(row, column):
    return widgets.Text(continuous_update=False, tooltip=f"Weight in row {row}, column {column}")


def _slider(low, high, description, **options):
    slider = Slider(min=low, max=high, step=(high - low) / 400, description=description, **options)
    slider.layout.width, slider.style.description_width = "284px", "50px"
    return classed("slider", slider)


_POINT = '<div class="note">What is a number of the photograph made of? Point at it, or press an arrow key there.</div>'
_ROOM = {3: 7, 5: 6}  # letters in a field, without a minus sign
_TICKS = "<span>−½</span><span>0</span><span>½</span>"
_PAGE = f"""
<div class="row">
  <div class="pointed"><canvas data-name="photograph" data-points tabindex="0"></canvas><i></i></div>
  <div class="axes">
    <div class="down">{_TICKS}</div><canvas data-name="gain"></canvas>
    <div><div class="across">{_TICKS}</div><div class="note">cycles per pixel</div></div>
  </div>
</div>
<div data-name="caption"></div>
<div data-name="window" aria-live="polite"></div>
"""
