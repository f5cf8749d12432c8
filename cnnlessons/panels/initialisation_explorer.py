"""Initialisation explorer: how large the numbers are, layer by layer, on the way forward and on the way back."""

from typing import NamedTuple

import numpy as np

from cnnlessons import initializers, ops, shapes
from cnnlessons.panels._charts import DOT, SQUARE, Frame, decade, decades, legend, svg, svg_text, write_size
from cnnlessons.panels._drawings import figure
from cnnlessons.panels._explorer import Choice, Explorer, Number, Whole, check

INITIALIZERS = tuple(name for name in initializers.names() if name != "edge_biased")  # that one is lesson 09's
DEPTHS, SCALES = (2, 30), (0.1, 10.0)
IMAGES, SIDE, KERNEL_SIZE = 4, 8, 3

# Each activation: forward, backward, and the share of the mean square that it lets through, if there is one.
_ACTIVATIONS = {
    "relu": (ops.relu, ops.relu_backward, 0.5),
    "none": (lambda sums: sums, lambda grad_output, sums: grad_output, 1.0),
    "tanh": (np.tanh, lambda grad_output, sums: grad_output * (1 - np.tanh(sums) ** 2), None),
}
ACTIVATIONS = tuple(_ACTIVATIONS)
CONTROLS = (
    Choice("initializer", "Weights", INITIALIZERS, listed=True),
    Number("scale", "times", *SCALES, 0.02, ".2f", log=True),
    Whole("depth", "Depth", *DEPTHS),
    Choice("width", "Width", (4, 8, 16, 32)),
    Choice("activation", "Activation", ACTIVATIONS),
)

# --------------------------------------------------------------------------- numbers


class Sizes(NamedTuple):
    """How large the numbers of a chain of layers are: root mean squares, the first layer's first."""

    forward: np.ndarray  # (depth,), of each layer's outputs; the input's is 1
    backward: np.ndarray  # (depth,), of the gradient that arrives at each layer's outputs; the last one's is 1
    last: np.ndarray  # the outputs of the last layer, in a row
    rule: float | None  # by what a layer should multiply the size; None where no rule holds


def sizes_by_depth(initializer="he_normal", scale=1.0, depth=16, width=16, activation="relu", seed=0):
    """Send noise forward through convolutions that were just started, and noise back, and measure it on its way.

    Every layer has `width` kernels of 3×3 over `width` channels, `scale` times as large as `initializer` draws them.
    Images and gradient maps go on at the opposite side where they end, so that no layer loses anything at the border.
    """
    check(CONTROLS, (initializer, scale, depth, width, activation))
    rng = np.random.default_rng(shapes.whole_number(seed, "seed", 0))
    shape = (KERNEL_SIZE, KERNEL_SIZE, width, width)
    kernels = [scale * initializers.draw(initializer, shape, rng) for _ in range(depth)]
    apply, apply_backward, share = _ACTIVATIONS[activation]
    maps, sums, forward, backward = _noise(rng, width), [], [], []
    for kernel in kernels:
        sums.append(_convolve(maps, kernel))
        maps = apply(sums[-1])
        forward.append(_size(maps))
    grad = _noise(rng, width)
    for kernel, layer_sums in zip(reversed(kernels), reversed(sums), strict=True):
        backward.append(_size(grad))
        grad = _convolve(apply_backward(grad, layer_sums), kernel[::-1, ::-1].swapaxes(2, 3))  # lesson 03: turned
    rule = None
    if share is not None and initializer not in ("zeros", "constant"):  # the rule is for weights drawn around zero
        rule = float(np.sqrt(share * shape[0] * shape[1] * shape[2] * np.mean(np.square(kernels))))
    return Sizes(np.array(forward), np.array(backward[::-1]), maps.ravel(), rule)


def factors(sizes):
    """Return by what a layer multiplies the size on average, forward and backward; 0 where nothing arrives."""
    depth = len(sizes.forward)
    return float(sizes.forward[-1]) ** (1 / depth), float(sizes.backward[0]) ** (1 / (depth - 1))


def _convolve(maps, kernel):
    return ops.conv2d(np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap"), kernel)


def _noise(rng, width):
    noise = rng.standard_normal((IMAGES, SIDE, SIDE, width))
    return noise / _size(noise)


def _size(array):
    largest = np.abs(array).max()
    return largest * np.sqrt(np.mean(np.square(array / largest))) if largest else 0.0  # no square underflows


# --------------------------------------------------------------------------- words


def verdict(sizes):
    """Say what becomes of the size on either way, as HTML; "level" is a factor from 0.8 to 1.25 a layer."""
    forward, backward = factors(sizes)
    last, first = sizes.forward[-1], sizes.backward[0]
    said = [_sentence("Forward", forward, last, "the last layer"), _sentence("Backward", backward, first, "layer 1")]
    if sizes.rule is not None:
        rule = "√(numbers added up × mean square × share let through)"
        said.append(f"By the rule {rule}: {_factor(sizes.rule)} a layer.")
    return "".join(f"<p>{each}</p>" for each in said)


def _sentence(way, factor, arrives, where):
    if not arrives:
        return f"{way}: <b>nothing arrives</b> at {where}, every number there is 0."
    what = "fades" if factor < 0.8 else "explodes" if factor > 1.25 else "level"
    return f"{way}: <b>{what}</b>, {_factor(factor)} a layer; of a size of 1, {write_size(arrives)} arrives at {where}."


def _factor(value):
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


# --------------------------------------------------------------------------- pictures


def page(initializer="he_normal", scale=1.0, depth=16, width=16, activation="relu", seed=0):
    """Draw the sizes by layer over a logarithmic axis, the last layer's outputs as a histogram, and the verdict."""
    sizes = sizes_by_depth(initializer, scale, depth, width, activation, seed)
    return (
        f'<div class="sizes">{figure("Size by layer (root mean square)", _chart(sizes))}'
        f"{figure('Outputs of the last layer', _histogram(sizes.last))}"
        f'<div class="verdict">{verdict(sizes)}</div></div>'
    )


_FRAME = Frame(520, 270, 56, 40)


def _chart(sizes):
    """Draw both curves; what is 0 has no logarithm and is left out."""
    arrived = np.concatenate([sizes.forward, sizes.backward])
    low, high = decades([0.1, 10, *arrived[arrived > 0]])
    depth, step = len(sizes.forward), -(-(high - low) // 6)  # at most seven numbers beside the axis
    ticks = [((power - low) / (high - low), decade(power)) for power in range(-(-low // step) * step, high + 1, step)]
    layers = [((layer - 0.5) / depth, "middle", layer) for layer in range(1, depth + 1, -(-depth // 10))]
    parts = [_FRAME.ruled(ticks), f'<g class="one">{_FRAME.ruled([(-low / (high - low), "1")])}</g>']
    parts += [_FRAME.beneath(layers, up=22), _FRAME.beneath([(0.5, "middle", "layer")], up=2)]
    for number, (values, dash, mark) in enumerate([(sizes.forward, "solid", DOT), (sizes.backward, "dashed", SQUARE)]):
        arrives = np.flatnonzero(values)
        up = (np.log10(values[arrives]) - low) / (high - low)
        parts.append(_FRAME.curve((arrives + 0.5) / depth, up, number, dash, mark))
    drawing = _FRAME.svg("Sizes of outputs and gradients by layer, on a logarithmic axis", *parts)
    return f'{drawing}<p class="note">{legend(["● outputs, forward", "■ gradients, backward"])}</p>'


def histogram(values, bins=31):
    """Return the share of values in each of `bins` (odd) around zero, and where they end: at ± the largest."""
    reach = float(np.abs(values).max()) or 1.0
    shares = np.histogram(values / reach, bins, (-1, 1))[0] / values.size
    return shares, reach


def _histogram(values):
    shares, reach = histogram(values)
    width, top = 250 / len(shares), 200
    bars = "".join(
        f'<rect x="{5 + index * width:.1f}" y="{top * (1 - share / shares.max()):.1f}" width="{width - 1:.1f}" '
        f'height="{top * share / shares.max():.1f}"/>'
        for index, share in enumerate(shares)
    )
    labels = (5, "start", "−"), (130, "middle", "0"), (255, "end", "+")
    ends = "".join(svg_text(across, top + 20, anchor, text) for across, anchor, text in labels)
    zero = np.mean(values == 0)
    note = f"from −{write_size(reach)} to {write_size(reach)}; {zero:.0%} are exactly 0"
    inside = f'<g class="bars">{bars}</g>{ends}'
    return f'{svg(260, 226, "Histogram of the last outputs", inside, "chart")}<p class="note">{note}</p>'


# --------------------------------------------------------------------------- the panel


class InitialisationExplorer(Explorer):
    """The panel that `initialisation_explorer` makes; its controls are attributes and can be set from code."""

    title = "Initialisation explorer"
    text = "{initializer} times {scale:.3g}, {depth} layers of width {width}, activation {activation}"
    controls, draws_again = CONTROLS, "Other starting weights, the same rule"
    columns, place, widths = 3, 2, ("76px", "330px")

    def show(self, *values):
        return page(*values)


def initialisation_explorer(initializer="he_normal", scale=1.0, depth=16, width=16, activation="relu"):
    """Make a panel that shows what starting weights do to the size of outputs and gradients, layer by layer.

    Parameters
    ----------
    initializer : str
        One of `initializers.names()` but "edge_biased".
    scale : float, 0.1 to 10
        What the starting weights are multiplied by.
    depth : int, 2 to 30
        Convolutional layers.
    width : {4, 8, 16, 32}
        Channels of every layer.
    activation : {"relu", "none", "tanh"}

    Notes
    -----
    Taught in lesson 05.
    """
    return InitialisationExplorer(initializer, scale, depth, width, activation)
