"""Stepper: a kernel walks over a small image, one position at a time, with every number in sight.

Taught in lesson 01.
"""

from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.panels._parts import Panel, checked

LARGEST_IMAGE, LARGEST_KERNEL = 8, 5

# --------------------------------------------------------------------------- numbers


class Step(NamedTuple):
    """One position of the kernel: ``total = sum of products``, ``products = patch * weights``."""

    patch: np.ndarray  # (KH, KW), the pixels under the kernel
    weights: np.ndarray  # (KH, KW), turned by 180° for a convolution
    products: np.ndarray  # (KH, KW)
    total: np.number


def step(image, kernel, row, column, flip=False, padding="valid"):
    """Return what happens where the kernel makes the output at (`row`, `column`).

    Parameters
    ----------
    image : array_like, shape (H, W)
    kernel : array_like, shape (KH, KW)
    row, column : int
        Position in the output, counted from 0.
    flip : bool
        Turn the kernel by 180° first: convolution instead of cross-correlation.
    padding : {"valid", "same"}

    Returns
    -------
    Step

    Raises
    ------
    ValueError
        If the output has no such position.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> int(step([[1, 2], [3, 4]], [[1, 0], [0, -1]], row=0, column=0).total)
    -3
    """
    image, kernel = _exact(image), _exact(kernel)
    padded = np.pad(image, _padding(image, kernel, padding))
    rows, columns = output_shape(image, kernel, padding)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"(row, column) must be a position of the {rows}×{columns} output, got ({row}, {column}); "
            f"rows count from 0 to {rows - 1}, columns from 0 to {columns - 1}"
        )
    patch = padded[row : row + kernel.shape[0], column : column + kernel.shape[1]]
    weights = kernel[::-1, ::-1] if flip else kernel
    products = patch * weights
    return Step(patch, weights, products, products.sum())


def output_shape(image, kernel, padding):
    """Return the shape of the output, (rows, columns)."""
    sizes = zip(np.shape(image), np.shape(kernel), strict=True)
    return tuple(shapes.output_size(size, kernel_size, padding=padding) for size, kernel_size in sizes)


def _padding(image, kernel, padding):
    sizes = zip(image.shape, kernel.shape, strict=True)
    return [shapes.padding_amounts(size, kernel_size, padding=padding) for size, kernel_size in sizes]


def _exact(array):
    array = np.asarray(array)
    return array if array.dtype.kind == "f" else array.astype(np.int64)  # bytes would overflow


# --------------------------------------------------------------------------- pictures


def page(image, kernel, position=0, flip=False, padding="valid"):
    """Draw one step: image, kernel, products, the output so far, and the sum written out.

    Parameters
    ----------
    image, kernel, flip, padding
        As in `step`.
    position : int
        Which output, counted from 0 along the rows.

    Returns
    -------
    str
        HTML that fits the width it is given, in light and dark themes.

    Notes
    -----
    Taught in lesson 01.
    """
    image, kernel = _exact(image), _exact(kernel)
    _, columns = output_shape(image, kernel, padding)
    row, column = divmod(position, columns)
    now = step(image, kernel, row, column, flip, padding)
    around = _padding(image, kernel, padding)
    output = (ops.convolve if flip else ops.cross_correlate)(image, kernel, padding)
    done = np.arange(output.size).reshape(output.shape) <= position
    pixels, window = np.pad(image, around), (row, column, *kernel.shape)
    within = np.pad(np.ones(image.shape, bool), around)
    title = "Image with a border of zeros" if pixels.shape != image.shape else "Image"
    parts = {
        "image": _table(title, pixels, within, window),
        "kernel": _table("Kernel, turned by 180°" if flip else "Kernel", now.weights),
        "products": _table("Products", now.products),
        "output": _table("Output so far", output, frame=(row, column, 1, 1), known=done),
    }
    return (
        f'{_STYLE}<div class="cnnlessons-page">{_equation(parts, pixels.shape[1], kernel.shape[1], columns)}'
        f'<p class="sum">{_sum(now)}</p>'
        f"<p>Position {position + 1} of {output.size}: output row {row}, column {column}</p></div>"
    )


def _equation(parts, image, kernel, output):
    """Lay the four tables out in a row; where that would make them small, the products go below the kernel.

    `image`, `kernel` and `output` count the columns that share the width.
    """
    stacked = image + 2 * kernel + output > 16
    across = image + (kernel if stacked else 2 * kernel) + output
    middle = f'{parts["kernel"]}<div class="sign">=</div>{parts["products"]}'
    return (
        f'<div class="equation" style="--across: {across}">{parts["image"]}'
        f'<div class="sign">×</div><div class="middle{" stacked" if stacked else ""}">{middle}</div>'
        f'<div class="sign">Σ →</div>{parts["output"]}</div>'
    )


def number(value):
    """Write a number for the screen: whole numbers in full, others with two decimals, a true minus sign."""
    text = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")  # no −0


def _table(title, values, within=None, frame=None, known=None):
    """Draw numbers as a table; pixels not `within` the image are shaded, those not `known` left empty."""
    rows = []
    for r, numbers in enumerate(values):
        cells = [_cell(number(v), within is None or within[r, c], known is None or known[r, c])
                 for c, v in enumerate(numbers)]  # fmt: skip
        rows.append(f"<tr>{''.join(cells)}</tr>")
    digits = max(3, *(len(number(value)) for value in values.flat))
    label = f"{title}, {values.shape[0]} rows by {values.shape[1]} columns"
    outline = _frame(*frame) if frame else ""
    return (
        f'<figure><figcaption>{title}</figcaption><div class="numbers" style="--digits: {digits}">'
        f'<table aria-label="{label}">{"".join(rows)}</table>{outline}</div></figure>'
    )


def _cell(text, within, known):
    if not known:
        return '<td class="unknown" aria-label="not yet computed"></td>'
    return f"<td>{text}</td>" if within else f'<td class="border">{text}</td>'


def _frame(row, column, height, width):
    return f'<div class="frame" style="--row: {row}; --column: {column}; --high: {height}; --wide: {width}"></div>'


def _sum(now):
    """Write the sum out: 1·2 + 0·(−1) + … = 7."""
    factors = zip(now.patch.flat, now.weights.flat, strict=True)
    terms = [f"{_factor(pixel)}·{_factor(weight)}" for pixel, weight in factors]
    return f"{' + '.join(terms)} = <b>{number(now.total)}</b>"


def _factor(value):
    return f"({number(value)})" if value < 0 else number(value)


_SPACED = {"margin": "4px 0 12px", "grid_gap": "32px", "align_items": "center"}
_STYLE = """
<style>
.cnnlessons-page { container-type: inline-size; width: 100%; color: var(--jp-ui-font-color1, #222); }
.cnnlessons-page .equation {
  --cell: min(68px, calc((100cqw - 170px) / var(--across) - 2px));
}
.cnnlessons-page .equation, .cnnlessons-page .middle { display: flex; align-items: center; gap: 10px; }
.cnnlessons-page .stacked { flex-direction: column; gap: 0; }
.cnnlessons-page figure { margin: 0; }
.cnnlessons-page figcaption { font-size: 16px; text-align: center; width: 0; min-width: 100%; margin-bottom: 4px; }
.cnnlessons-page .sign { font-size: 26px; padding-top: 26px; white-space: nowrap; }
.cnnlessons-page .stacked .sign { padding: 0; line-height: 1; }
.cnnlessons-page .numbers { position: relative; width: max-content; margin: 0 auto; }
.cnnlessons-page table { border-collapse: separate; border-spacing: 2px; margin: 0; }
.cnnlessons-page td {
  box-sizing: border-box; width: var(--cell); min-width: var(--cell); height: var(--cell); padding: 0;
  text-align: center; vertical-align: middle; border-radius: 3px; line-height: 1;
  font-size: calc(var(--cell) * 1.5 / var(--digits)); font-variant-numeric: tabular-nums;
  background: var(--jp-layout-color2, #eee); color: inherit;
}
.cnnlessons-page td.border { background: none; border: 1px dashed var(--jp-border-color1, #999); opacity: .75; }
.cnnlessons-page td.unknown { background: none; border: 1px solid var(--jp-border-color2, #ccc); }
.cnnlessons-page .frame {
  position: absolute; box-sizing: border-box; border: 4px solid #d55e00; border-radius: 5px;
  top: calc(var(--row) * (var(--cell) + 2px) - 1px); left: calc(var(--column) * (var(--cell) + 2px) - 1px);
  height: calc(var(--high) * (var(--cell) + 2px) + 4px); width: calc(var(--wide) * (var(--cell) + 2px) + 4px);
}
.cnnlessons-page p { margin: 10px 0 0; font-size: 16px; }
.cnnlessons-page p.sum { font-size: 20px; font-variant-numeric: tabular-nums; }
</style>
"""

# --------------------------------------------------------------------------- widgets


class Stepper(Panel):
    """The panel that `stepper` makes; its controls are attributes and can be set from code."""

    def __init__(self, image, kernel, flip, padding):
        self._image, self._kernel = checked(image, "image", LARGEST_IMAGE), checked(kernel, "kernel", LARGEST_KERNEL)
        self._start = {"flip": flip, "padding": padding}
        self.back = widgets.Button(icon="chevron-left", tooltip="One step back")
        self.forward = widgets.Button(icon="chevron-right", tooltip="One step forward")
        self.play = widgets.Play(interval=900, show_repeat=False, tooltip="Walk over the whole image")
        self.position = widgets.IntSlider(description="Position", readout=False, tooltip="Position of the kernel")
        self.position.style.description_width = "initial"
        self.flip = widgets.Checkbox(flip, description="flip (convolution)", indent=False)
        self.padding = widgets.ToggleButtons(
            options=["valid", "same"],
            value=padding,
            description="Padding",
            style={"description_width": "initial"},
            tooltips=["only where the kernel fits", "with zeros around, as many outputs as pixels"],
        )
        self.again = widgets.Button(description="Reset", tooltip="Back to the first position and the first settings")
        self.page = widgets.HTML(layout={"width": "100%"})
        walk = widgets.HBox([self.back, self.forward, self.play, self.position, self.again])
        choices = widgets.HBox(
            [self.padding, self.flip], layout={"margin": "4px 0 12px", "grid_gap": "32px", "align_items": "center"}
        )
        super().__init__([walk, choices, self.page], "cnnlessons-stepper")
        for button in (self.back, self.forward):
            button.layout.width = "48px"
        self.again.layout.width = "80px"
        widgets.link((self.play, "value"), (self.position, "value"))
        widgets.link((self.play, "max"), (self.position, "max"))
        for control in (self.position, self.flip):
            self.on(control)
        self.on(self.padding, self._restart)
        self.on(self.back, lambda: self._move(-1))
        self.on(self.forward, lambda: self._move(+1))
        self.on(self.again, self._reset)
        self.act(self._restart)

    def __repr__(self):
        image, kernel = ("×".join(map(str, array.shape)) for array in (self._image, self._kernel))
        return f"Stepper: {image} image, {kernel} kernel"

    def draw(self):
        position, last = self.position.value, self.position.max
        self.page.value = page(self._image, self._kernel, position, self.flip.value, self.padding.value)
        self.back.disabled, self.forward.disabled = position == 0, position == last

    def _move(self, by):
        self.position.value += by  # the slider stops at either end

    def _restart(self):
        self.position.max = int(np.prod(output_shape(self._image, self._kernel, self.padding.value))) - 1
        self.position.value = 0

    def _reset(self):
        self.flip.value, self.padding.value = self._start["flip"], self._start["padding"]
        self._restart()


def stepper(image=None, kernel=None, flip=False, padding="valid"):
    """Make a panel in which a kernel walks over a small image, with every product and the sum in sight.

    Parameters
    ----------
    image : array_like, shape (H, W), at most 8 × 8
        By default 4 × 4 small whole numbers.
    kernel : array_like, shape (KH, KW), at most 5 × 5
        By default 3 × 3 whole numbers without symmetry, so that flipping it changes the result.
    flip : bool
        Begin with the convolution (kernel turned by 180°) instead of the cross-correlation.
    padding : {"valid", "same"}

    Returns
    -------
    Stepper
        An ipywidgets box.

    Raises
    ------
    TypeError, ValueError
        If an array is not two-dimensional, not finite, too large for the screen, or the kernel fits nowhere.

    Notes
    -----
    Taught in lesson 01. What the panel shows is made by `page` and `step` of ``cnnlessons.panels.stepper``.
    """
    image = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 2], [1, 0, 2, 1]] if image is None else image
    kernel = [[1, 0, -1], [2, 1, 0], [0, 1, -2]] if kernel is None else kernel
    return Stepper(image, kernel, flip, padding)
