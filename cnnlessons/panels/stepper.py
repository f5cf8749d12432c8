"""Stepper: a kernel walks over a small image, one position at a time, with every number in sight."""

from typing import NamedTuple

import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.panels._explorer import Choice, Flag, Walk
from cnnlessons.panels._panel import checked
from cnnlessons.panels._tables import IMAGE, KERNEL, by, factor, number, output_shape, table

LARGEST_IMAGE, LARGEST_KERNEL = 8, 5

# --------------------------------------------------------------------------- numbers


class Step(NamedTuple):
    """One position of the kernel: ``total = sum of products``, ``products = patch * weights``."""

    patch: np.ndarray  # (KH, KW), the pixels under the kernel
    weights: np.ndarray  # (KH, KW), turned by 180° for a convolution
    products: np.ndarray  # (KH, KW)
    total: np.number


def step(image, kernel, row, column, flip=False, padding="valid"):
    """Return what happens where the kernel, turned first if `flip`, makes the output at (`row`, `column`)."""
    image, kernel = _exact(image), _exact(kernel)
    padded = np.pad(image, _padding(image, kernel, padding))
    rows, columns = output_shape(image.shape, kernel.shape, padding=padding)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"(row, column) must be a position of the {rows}×{columns} output, got ({row}, {column}); "
            f"rows count from 0 to {rows - 1}, columns from 0 to {columns - 1}"
        )
    patch = padded[row : row + kernel.shape[0], column : column + kernel.shape[1]]
    weights = kernel[::-1, ::-1] if flip else kernel
    total = ops.cross_correlate(patch, weights)[0, 0]  # refuses whole numbers that are too large to be exact
    return Step(patch, weights, patch * weights, total)


def _padding(image, kernel, padding):
    sizes = zip(image.shape, kernel.shape, strict=True)
    return [shapes.padding_amounts(size, kernel_size, padding=padding) for size, kernel_size in sizes]


def _exact(array):
    array = np.asarray(array)
    return array if array.dtype.kind == "f" else array.astype(np.int64)  # bytes would overflow


# --------------------------------------------------------------------------- pictures


def page(image, kernel, position=0, flip=False, padding="valid"):
    """Draw one step: image, kernel, products, the output so far, and the sum written out."""
    image, kernel = _exact(image), _exact(kernel)
    _, columns = output_shape(image.shape, kernel.shape, padding=padding)
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
        f"{_equation(parts, pixels.shape[1], kernel.shape[1], columns)}"
        f'<p class="sum">{_sum(now)}</p>'
        f'<p class="position">Position {position + 1} of {output.size}: output row {row}, column {column}</p>'
    )


def _equation(parts, image, kernel, output):
    """Lay four tables out by how many columns three have; if that makes them small, products go below the kernel."""
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


# --------------------------------------------------------------------------- the panel


class Stepper(Walk):
    """The panel that `stepper` makes; its controls are attributes and can be set from code."""

    title, text = "Stepper", "{image} image, {kernel} kernel"
    controls = (
        Choice(
            "padding",
            "Padding",
            ("valid", "same"),
            tooltips=("only where the kernel fits", "with zeros around, as many outputs as pixels"),
        ),
        Flag("flip", "flip (convolution)"),
    )

    def __init__(self, image, kernel, *start):
        self._image, self._kernel = checked(image, "image", LARGEST_IMAGE), checked(kernel, "kernel", LARGEST_KERNEL)
        self.count(*start)  # a kernel that fits nowhere is refused
        super().__init__(*start)

    def said(self):
        return {"image": by(self._image.shape), "kernel": by(self._kernel.shape)}

    def count(self, padding, flip):
        return int(np.prod(output_shape(self._image.shape, self._kernel.shape, padding=padding)))

    def show(self, position, padding, flip):
        return page(self._image, self._kernel, position, flip, padding)


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

    Notes
    -----
    Taught in lesson 01.
    """
    return Stepper(IMAGE if image is None else image, KERNEL if kernel is None else kernel, padding, flip)
