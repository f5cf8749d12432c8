"""Stepper: a kernel walks over a small image, one position at a time, with every number in sight.

Taught in lesson 01.
"""

from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.panels._parts import checked
from cnnlessons.panels._tables import STYLE, factor, number, table
from cnnlessons.panels._walk import Walk

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
        If the output has no such position, or the sum of whole numbers could pass 2**53.

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
    total = ops.cross_correlate(patch, weights)[0, 0]  # refuses whole numbers that are too large to be exact
    return Step(patch, weights, patch * weights, total)


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
    known = np.where(np.arange(output.size).reshape(output.shape) <= position, "", "unknown")
    pixels, window = np.pad(image, around), (row, column, *kernel.shape)
    border = np.where(np.pad(np.ones(image.shape, bool), around), "", "border")
    title = "Image with a border of zeros" if pixels.shape != image.shape else "Image"
    parts = {
        "image": table(title, pixels, border, frame=window),
        "kernel": table("Kernel, turned by 180°" if flip else "Kernel", now.weights),
        "products": table("Products", now.products),
        "output": table("Output so far", output, known, frame=(row, column, 1, 1)),
    }
    return (
        f'{STYLE}{_STYLE}<div class="cnnlessons-page">{_equation(parts, pixels.shape[1], kernel.shape[1], columns)}'
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


def _sum(now):
    """Write the sum out: 1·2 + 0·(−1) + … = 7."""
    factors = zip(now.patch.flat, now.weights.flat, strict=True)
    terms = [f"{factor(pixel)}·{factor(weight)}" for pixel, weight in factors]
    return f"{' + '.join(terms)} = <b>{number(now.total)}</b>"


_STYLE = """
<style>
.cnnlessons-page .equation {
  --cell: min(68px, calc((100cqw - 170px) / var(--across) - 2px));
}
.cnnlessons-page .equation, .cnnlessons-page .middle { display: flex; align-items: center; gap: 10px; }
.cnnlessons-page .stacked { flex-direction: column; gap: 0; }
.cnnlessons-page .stacked .sign { padding: 0; line-height: 1; }
</style>
"""

# --------------------------------------------------------------------------- widgets


class Stepper(Walk):
    """The panel that `stepper` makes; its controls are attributes and can be set from code."""

    def __init__(self, image, kernel, flip, padding):
        self._image, self._kernel = checked(image, "image", LARGEST_IMAGE), checked(kernel, "kernel", LARGEST_KERNEL)
        self.flip = widgets.Checkbox(flip, description="flip (convolution)", indent=False)
        self.padding = widgets.ToggleButtons(
            options=["valid", "same"],
            value=padding,
            description="Padding",
            style={"description_width": "initial"},
            tooltips=["only where the kernel fits", "with zeros around, as many outputs as pixels"],
        )
        super().__init__([self.padding, self.flip], "cnnlessons-stepper", interval=900)

    def __repr__(self):
        image, kernel = ("×".join(map(str, array.shape)) for array in (self._image, self._kernel))
        return f"Stepper: {image} image, {kernel} kernel"

    def count(self):
        return int(np.prod(output_shape(self._image, self._kernel, self.padding.value)))

    def show(self, position):
        return page(self._image, self._kernel, position, self.flip.value, self.padding.value)


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
