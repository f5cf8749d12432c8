"""Gradient stepper: where an output's gradient goes, and which products the gradient of a pixel or a weight sums."""

from string import ascii_letters
from typing import NamedTuple

import numpy as np

from cnnlessons import ops
from cnnlessons.panels._explorer import Choice, Walk, check
from cnnlessons.panels._panel import checked
from cnnlessons.panels._tables import IMAGE, KERNEL, by, lettered, number, output_shape, table

LARGEST_IMAGE, LARGEST_KERNEL, LARGEST_OUTPUT = 5, 3, 7
STRIDES, PADDINGS = (1, 2), (0, 1)
PICKS = ("output", "pixel", "weight")

# --------------------------------------------------------------------------- numbers


class Product(NamedTuple):
    """One product of the forward pass, ``output += weight * pixel``, by the (row, column) of each of the three."""

    output: tuple
    weight: tuple
    pixel: tuple  # in the padded image


class Forward(NamedTuple):
    """A forward pass with all its products, and the gradient that comes back to its output."""

    image: np.ndarray  # (H, W), with its padding
    within: np.ndarray  # (H, W), False in the padding
    kernel: np.ndarray  # (KH, KW)
    output: np.ndarray  # (H', W')
    grad_output: np.ndarray  # (H', W')
    products: list  # output after output, weight after weight


def forward(image, kernel, grad_output, stride=1, padding=0):
    """Cross-correlate and keep every product; `grad_output` is cut off or repeated to the size of the output."""
    image, kernel = checked(image, "image", LARGEST_IMAGE), checked(kernel, "kernel", LARGEST_KERNEL)
    grad_output = checked(grad_output, "grad_output", LARGEST_OUTPUT)
    output = ops.conv2d(image[None, :, :, None], kernel[:, :, None, None], stride=stride, padding=padding)[0, :, :, 0]
    rows, columns = (np.arange(size) % length for size, length in zip(output.shape, grad_output.shape, strict=True))
    products = [
        Product((r, c), (i, j), (r * stride + i, c * stride + j))
        for r, c in np.ndindex(output.shape)
        for i, j in np.ndindex(kernel.shape)
    ]
    within = np.pad(np.ones(image.shape, bool), padding)
    return Forward(np.pad(image, padding), within, kernel, output, grad_output[np.ix_(rows, columns)], products)


def places(now, what):
    """Return every (row, column) that can be picked; a pixel counts from the corner of the padding."""
    if what not in PICKS:
        raise ValueError(f'what must be "output", "pixel" or "weight", got {what!r}')
    choosable = {"output": np.ones(now.output.shape), "pixel": now.within, "weight": np.ones(now.kernel.shape)}[what]
    return [tuple(place) for place in np.argwhere(choosable).tolist()]


def picked(now, what, place):
    """Return the products in which the output, pixel or weight at `place` takes part."""
    return [product for product in now.products if getattr(product, what) == place]


def gradients(now, products):
    """Add up what some products send back to the padded image, (H, W), and to the kernel, (KH, KW).

    Where ``output += weight * pixel``, the derivative by the pixel is the weight, and by the weight the pixel.
    """
    dtype = np.result_type(now.grad_output, now.image, now.kernel)
    grad_image, grad_kernel = np.zeros(now.image.shape, dtype), np.zeros(now.kernel.shape, dtype)
    for output, weight, pixel in products:
        grad_image[pixel] += now.grad_output[output] * now.kernel[weight]
        grad_kernel[weight] += now.grad_output[output] * now.image[pixel]
    return grad_image, grad_kernel


# --------------------------------------------------------------------------- pictures


def page(image, kernel, grad_output, what="output", position=0, stride=1, padding=0):
    """Draw image, kernel and output, below each its gradient so far, and the products of what is picked."""
    now = forward(image, kernel, grad_output, stride, padding)
    choices = places(now, what)
    if not 0 <= position < len(choices):
        raise ValueError(f"position must be from 0 to {len(choices) - 1}, the last {what}, got {position}")
    place = choices[position]
    parts = _values(now, what, place)
    parts |= _grads_so_far(now, place) if what == "output" else _grads_up_to(now, what, place)
    across = now.image.shape[1] + now.kernel.shape[1] + now.output.shape[1]
    row, column = np.subtract(place, padding) if what == "pixel" else place
    return (
        f'<div class="gradients" style="--across: {across}; --down: {2 * len(now.image)}">'
        f'{parts["image"]}<div class="sign">×</div>{parts["kernel"]}<div class="sign">→</div>{parts["output"]}'
        f'{parts["grad_image"]}<div></div>{parts["grad_kernel"]}<div class="sign">←</div>{parts["grad_output"]}'
        f'<div><p class="position">{what.capitalize()} {position + 1} of {len(choices)}: row {row}, column {column}</p>'
        f"<p>{rule(what, stride, padding)}</p></div></div>"
        f"{_sums(now, what, place)}"
    )


def rule(what, stride=1, padding=0):
    """Say in a sentence how the gradients of all outputs, pixels or weights come about at once."""
    spread = " (a zero put between its pixels)" if stride == 2 else ""
    cut = "; that of the border is thrown away" if padding else ""
    return {
        "output": "Each output sends grad_output·weight to its pixels and grad_output·pixel to its weights. "
        f"The gradients add up what has arrived so far{cut}.",
        "pixel": f"All at once: grad_output{spread} cross-correlated with the kernel turned by 180°, wherever the two "
        f"overlap{cut}.",
        "weight": f"All at once: the image cross-correlated with grad_output{spread}.",
    }[what]


def _values(now, what, place):
    """Draw what the products are made of: what is picked in a frame, partners in a product with the same letter."""
    letters = {part: _letters(now, part, what, place) for part in PICKS}
    frames = {part: (*place, 1, 1) if part == what else None for part in PICKS}
    title = "Image" if now.within.all() else "Padded image"
    return {
        "image": _partners(title, now.image, letters["pixel"], frames["pixel"], _border(now)),
        "kernel": _partners("Kernel", now.kernel, letters["weight"], frames["weight"]),
        "output": table("Output", now.output, tags=letters["output"], frame=frames["output"]),
        "grad_output": _partners("grad_output", now.grad_output, letters["output"], frames["output"]),
    }


def _letters(now, part, what, place):
    """Return a letter for every output, pixel or weight (`part`) in a product of what is picked, "" for the others."""
    letters = np.full({"output": now.output, "pixel": now.image, "weight": now.kernel}[part].shape, "", object)
    if part != what:
        for letter, product in zip(ascii_letters, picked(now, what, place), strict=False):  # at most 49 of 52
            letters[getattr(product, part)] = letter
    return letters


def _border(now):
    return np.where(now.within, "", "border ").astype(object)


def _partners(title, values, letters, frame, border=""):
    return table(title, values, border + np.where(letters == "", "", "partner").astype(object), letters, frame)


def _grads_so_far(now, place):
    """Draw both gradients as the outputs up to `place` have filled them, with what the last one added in the corner."""
    totals = gradients(now, [product for product in now.products if product.output <= place])
    sent = gradients(now, picked(now, "output", place))
    drawn = {}
    for part, total, added, border in zip(_GRADIENTS, totals, sent, (_border(now), ""), strict=True):
        received = _letters(now, part, "output", place) != ""
        signed = [[f"+{number(value)}" if value >= 0 else number(value) for value in row] for row in added]
        looks = border + np.where(received, "received", "").astype(object)
        drawn[_GRADIENTS[part]] = table(_GRADIENTS[part], total, looks, np.where(received, signed, ""))
    return drawn


def _grads_up_to(now, what, place):
    """Draw the gradient of what is picked, up to `place`, and leave the other one empty."""
    drawn = {}
    for part, grad, border in zip(_GRADIENTS, gradients(now, now.products), (_border(now), ""), strict=True):
        looks = np.full(grad.shape, "unknown", object)
        for known in [other for other in places(now, what) if other <= place] if part == what else []:
            looks[known] = ""
        frame = (*place, 1, 1) if part == what else None
        drawn[_GRADIENTS[part]] = table(_GRADIENTS[part], grad, border + looks, frame=frame)
    return drawn


def _sums(now, what, place):
    """Write out the products of what is picked, each under its letter."""
    products = picked(now, what, place)
    to_pixels = [(now.grad_output[product.output], now.kernel[product.weight]) for product in products]
    to_weights = [(now.grad_output[product.output], now.image[product.pixel]) for product in products]
    if what == "output":
        return (
            f'<p class="sum">To the pixels: {lettered(to_pixels, ",&ensp;")}</p>'
            f'<p class="sum">To the weights: {lettered(to_weights, ",&ensp;")}</p>'
        )
    if not products:
        return '<p class="sum">No output saw this pixel: its gradient is <b>0</b></p>'
    pairs = to_pixels if what == "pixel" else to_weights
    total = sum(gradient * partner for gradient, partner in pairs)
    return f'<p class="sum">{lettered(pairs)} = <b>{number(total)}</b></p>'


_GRADIENTS = {"pixel": "grad_image", "weight": "grad_kernel"}

# --------------------------------------------------------------------------- the panel


class GradientStepper(Walk):
    """The panel that `gradient_stepper` makes; its controls are attributes and can be set from code."""

    title, text = "Gradient stepper", "{image} image, {kernel} kernel, stride {stride}, padding {padding}"
    controls = (
        Choice("pick", "Pick", dict(zip(("output pixel", "input pixel", "weight"), PICKS, strict=True))),
        Choice("stride", "Stride", STRIDES),
        Choice("padding", "Padding", PADDINGS),
    )
    interval = 1500

    def __init__(self, arrays, *start):
        self._arrays = [np.asarray(array) for array in arrays]
        super().__init__(*start)

    def said(self):
        image, kernel, _ = (by(array.shape) for array in self._arrays)
        return super().said() | {"image": image, "kernel": kernel}

    def count(self, pick, stride, padding):
        image, kernel, _ = (array.shape for array in self._arrays)
        output = output_shape(image, kernel, stride, padding)
        return int(np.prod({"output": output, "pixel": image, "weight": kernel}[pick]))

    def show(self, position, pick, stride, padding):
        return page(*self._arrays, pick, position, stride, padding)


def gradient_stepper(image=None, kernel=None, grad_output=None, stride=1, padding=0):
    """Make a panel that shows how a gradient goes back through a convolution, product by product.

    Parameters
    ----------
    image : array_like, shape (H, W), at most 5 × 5
        By default 4 × 4 small whole numbers.
    kernel : array_like, shape (KH, KW), at most 3 × 3
        By default 3 × 3 whole numbers without symmetry.
    grad_output : array_like, two-dimensional, at most 7 × 7
        Gradient of the loss with respect to the output. The reader can change the size of the output, so it is cut
        off where it is larger and repeated where it is smaller.
    stride : {1, 2}
    padding : {0, 1}

    Notes
    -----
    Taught in lesson 03.
    """
    grad_output = [[1, 2, 0, 1], [-1, 3, 1, -2], [2, 0, 1, 1], [0, 1, -1, 2]] if grad_output is None else grad_output
    arrays = IMAGE if image is None else image, KERNEL if kernel is None else kernel, grad_output
    check(GradientStepper.controls[1:], (stride, padding))
    page(*arrays, stride=stride, padding=padding)  # what cannot be drawn is refused
    return GradientStepper(arrays, "output", stride, padding)
