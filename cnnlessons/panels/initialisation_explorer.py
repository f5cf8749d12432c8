"""Initialisation explorer: how large the numbers are, layer by layer, on the way forward and on the way back.

Taught in lesson 05.
"""

from numbers import Real
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import initializers, ops, plots, shapes
from cnnlessons.panels._drawings import svg, svg_text, write_size
from cnnlessons.panels._parts import Panel

INITIALIZERS = tuple(name for name in initializers.names() if name != "edge_biased")  # that one is lesson 09's
WIDTHS, DEPTHS, SCALES = (4, 8, 16, 32), (2, 30), (0.1, 10.0)
IMAGES, SIDE, KERNEL_SIZE = 4, 8, 3

# Each activation: forward, backward, and the share of the mean square that it lets through, if there is one.
_ACTIVATIONS = {
    "relu": (ops.relu, ops.relu_backward, 0.5),
    "none": (lambda sums: sums, lambda grad_output, sums: grad_output, 1.0),
    "tanh": (np.tanh, lambda grad_output, sums: grad_output * (1 - np.tanh(sums) ** 2), None),
}
ACTIVATIONS = tuple(_ACTIVATIONS)

# --------------------------------------------------------------------------- numbers


class Sizes(NamedTuple):
    """How large the numbers of a chain of layers are: root mean squares, the first layer's first."""

    forward: np.ndarray  # (depth,), of each layer's outputs; the input's is 1
    backward: np.ndarray  # (depth,), of the gradient that arrives at each layer's outputs; the last one's is 1
    last: np.ndarray  # the outputs of the last layer, in a row
    rule: float | None  # by what a layer should multiply the size; None where no rule holds


def sizes_by_depth(initializer="he_normal", scale=1.0, depth=16, width=16, activation="relu", seed=0):
    """Send noise forward through convolutions that were just started, and noise back, and measure it on its way.

    Every layer has `width` kernels of 3×3 over `width` channels. Images and gradient maps go on at the opposite side
    where they end, so that no layer loses anything to zeros at the border.

    Parameters
    ----------
    initializer : str
        One of `INITIALIZERS`.
    scale : float, 0.1 to 10
        What the starting weights are multiplied by.
    depth : int, 2 to 30
        Layers.
    width : {4, 8, 16, 32}
        Channels of every layer.
    activation : {"relu", "none", "tanh"}
    seed : int
        Of the weights and of the noise.

    Returns
    -------
    Sizes

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Notes
    -----
    Taught in lesson 05.
    """
    _check(initializer, scale, depth, width, activation)
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
    """Return by what a layer multiplies the size on average, forward and backward; 0 where nothing arrives.

    Taught in lesson 05.
    """
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


def _check(initializer, scale, depth, width, activation):
    for name, value, known in (
        ("initializer", initializer, INITIALIZERS),
        ("width", width, WIDTHS),
        ("activation", activation, ACTIVATIONS),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
    if not isinstance(scale, Real) or not SCALES[0] <= scale <= SCALES[1]:
        raise ValueError(f"scale must be a number from {SCALES[0]:g} to {SCALES[1]:g}, got {scale!r}")
    if shapes.whole_number(depth, "depth", DEPTHS[0]) > DEPTHS[1]:
        raise ValueError(f"depth must be from {DEPTHS[0]} to {DEPTHS[1]} to fit the screen, got {depth}")


# --------------------------------------------------------------------------- words


def verdict(sizes):
    """Say in plain sentences what becomes of the size on the way forward and on the way back.

    Parameters
    ----------
    sizes : Sizes

    Returns
    -------
    str
        HTML. "Level" is a factor from 0.8 to 1.25 a layer.

    Notes
    -----
    Taught in lesson 05.
    """
    forward, backward = factors(sizes)
    last, first = sizes.forward[-1], sizes.backward[0]
    said = [_sentence("Forward", forward, last, "the last layer"), _sentence("Backward", backward, first, "layer 1")]
    if sizes.rule is not None:
        said.append(
            f"By the rule √(numbers added up × mean square × share let through): {_factor(sizes.rule)} a layer."
        )
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
    """Draw the sizes by layer over a logarithmic axis, the last layer's outputs as a histogram, and the verdict.

    Parameters are those of `sizes_by_depth`.

    Returns
    -------
    str
        HTML with two drawings that fit the width they are given, in light and dark themes.

    Notes
    -----
    Taught in lesson 05.
    """
    sizes = sizes_by_depth(initializer, scale, depth, width, activation, seed)
    return (
        f'{_STYLE}<div class="sizes"><figure><figcaption>Size by layer (root mean square)</figcaption>{_chart(sizes)}'
        f"</figure><figure><figcaption>Outputs of the last layer</figcaption>{_histogram(sizes.last)}</figure>"
        f'<div class="verdict">{verdict(sizes)}</div></div>'
    )


_WIDE, _HIGH, _LEFT, _BELOW = 520, 270, 56, 40  # of the chart, in units of the drawing


def _chart(sizes):
    """Draw both curves; what is 0 has no logarithm and is left out."""
    low, high = _decades(sizes)
    depth = len(sizes.forward)

    def place(layer, size):
        across = _LEFT + (layer - 0.5) * (_WIDE - _LEFT) / depth
        return across, (high - np.log10(size)) / (high - low) * (_HIGH - _BELOW)

    step = -(-(high - low) // 6)  # at most seven numbers beside the axis
    decades = [_decade(power, place(1, 10.0**power)[1]) for power in range(-(-low // step) * step, high + 1, step)]
    layers = [
        svg_text(place(layer, 1)[0], _HIGH - 22, "middle", layer) for layer in range(1, depth + 1, -(-depth // 10))
    ]
    curves = [
        _curve([place(layer, size) for layer, size in enumerate(values, start=1) if size], name)
        for name, values in (("forward", sizes.forward), ("backward", sizes.backward))
    ]
    inside = "".join([*decades, *layers, svg_text((_WIDE + _LEFT) / 2, _HIGH - 2, "middle", "layer"), *curves])
    return svg(_WIDE, _HIGH, "Sizes of outputs and gradients by layer, on a logarithmic axis", inside) + _LEGEND


def _decade(power, down):
    exponent = str(power).replace("-", "−")
    number = "1" if power == 0 else f'10<tspan dy="-6" font-size="11">{exponent}</tspan>'
    line = f'<line class="{"decade" if power else "one"}" x1="{_LEFT}" x2="{_WIDE}" y1="{down:.1f}" y2="{down:.1f}"/>'
    return line + svg_text(_LEFT - 8, down + 5, "end", number)


def _decades(sizes):
    """Return the powers of ten between which everything lies, at least from a tenth to ten."""
    values = np.concatenate([sizes.forward, sizes.backward])
    powers = np.log10(values[values > 0])
    return min(-1, int(np.floor(powers.min(initial=0)))), max(1, int(np.ceil(powers.max(initial=0))))


def _curve(places, name):
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    mark = '<circle cx="{:.1f}" cy="{:.1f}" r="4"/>' if name == "forward" else _SQUARE
    marks = "".join(mark.format(x, y) for x, y in places)
    return f'<g class="{name}"><polyline points="{line}"/>{marks}</g>'


_SQUARE = '<rect x="{:.1f}" y="{:.1f}" width="8" height="8" transform="translate(-4 -4)"/>'


def histogram(values, bins=31):
    """Return the share of values in each of `bins` bins around zero, and where the bins end.

    Parameters
    ----------
    values : ndarray
    bins : int
        An odd number, so that zero lies in the middle of a bin.

    Returns
    -------
    shares : ndarray, shape (bins,)
    reach : float
        The largest absolute value, 1 if all are 0; the bins go from -reach to reach.

    Notes
    -----
    Taught in lesson 05.
    """
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
    ends = (
        svg_text(5, top + 20, "start", "−")
        + svg_text(130, top + 20, "middle", "0")
        + svg_text(255, top + 20, "end", "+")
    )
    zero = np.mean(values == 0)
    note = f"from −{write_size(reach)} to {write_size(reach)}; {zero:.0%} are exactly 0"
    return f'{svg(260, 226, "Histogram of the last outputs", f"<g>{bars}</g>{ends}")}<p class="note">{note}</p>'


_LEGEND = (
    '<p class="note"><span class="forward">● outputs, forward</span>&emsp;'
    '<span class="backward">■ gradients, backward</span></p>'
)
_STYLE = f"""
<style>
.cnnlessons-panel .sizes {{ display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 4px 28px; }}
.cnnlessons-panel .sizes figure {{ margin: 0; }}
.cnnlessons-panel .sizes figcaption {{ font-size: 16px; margin-bottom: 4px; }}
.cnnlessons-panel .sizes svg {{ width: 100%; overflow: visible; }}
.cnnlessons-panel .sizes text {{ font-size: 14px; fill: var(--jp-ui-font-color1, #222); }}
.cnnlessons-panel .sizes line.decade {{ stroke: var(--jp-border-color2, #ccc); }}
.cnnlessons-panel .sizes line.one {{ stroke: var(--jp-ui-font-color1, #222); stroke-width: 1.5; }}
.cnnlessons-panel .sizes polyline {{ fill: none; stroke-width: 2.5; }}
.cnnlessons-panel .sizes g.forward {{ stroke: {plots.BLUE}; fill: {plots.BLUE}; }}
.cnnlessons-panel .sizes g.backward {{ stroke: {plots.VERMILLION}; fill: {plots.VERMILLION}; }}
.cnnlessons-panel .sizes g.backward polyline {{ stroke-dasharray: 8 5; }}
.cnnlessons-panel .sizes g > rect {{ fill: {plots.BLUE}; }}
.cnnlessons-panel .sizes g.backward > rect {{ fill: {plots.VERMILLION}; }}
.cnnlessons-panel .sizes p {{ margin: 4px 0; font-size: 15px; }}
.cnnlessons-panel .sizes span.forward {{ border-bottom: 3px solid {plots.BLUE}; }}
.cnnlessons-panel .sizes span.backward {{ border-bottom: 3px dashed {plots.VERMILLION}; }}
.cnnlessons-panel .sizes .verdict {{ grid-column: 1 / 3; }}
.cnnlessons-panel .sizes .verdict p {{ font-size: 16px; }}
</style>
"""

# --------------------------------------------------------------------------- widgets


class InitialisationExplorer(Panel):
    """The panel that `initialisation_explorer` makes; its controls are attributes and can be set from code."""

    def __init__(self, initializer, scale, depth, width, activation):
        self._start = initializer, scale, depth, width, activation
        self._seed = 0
        self.initializer = widgets.Dropdown(options=INITIALIZERS, value=initializer, description="Weights")
        low, high = np.log10(SCALES)
        self.scale = widgets.FloatLogSlider(
            scale, min=low, max=high, step=0.02, description="times", readout_format=".2f"
        )
        self.depth = widgets.IntSlider(depth, *DEPTHS, description="Depth")
        self.width = widgets.ToggleButtons(options=WIDTHS, value=width, description="Width")
        self.activation = widgets.ToggleButtons(options=ACTIVATIONS, value=activation, description="Activation")
        self.draw_again = widgets.Button(description="Draw again", tooltip="Other starting weights, the same rule")
        self.again = widgets.Button(description="Reset", tooltip="Back to the first settings")
        self.page = widgets.HTML(layout={"width": "100%"})
        super().__init__([self._controls(), self.page], "cnnlessons-initialisation-explorer")
        for control in (self.initializer, self.scale, self.depth, self.width, self.activation):
            self.on(control)
        self.on(self.draw_again, self._next_seed)
        self.on(self.again, self._reset)
        self.act()

    def __repr__(self):
        initializer, scale, depth, width, activation = self._chosen()
        return (
            f"Initialisation explorer: {initializer} times {scale:.3g}, {depth} layers of width {width}, "
            f"activation {activation}"
        )

    def draw(self):
        self.page.value = page(*self._chosen(), self._seed)

    def _chosen(self):
        # The slider's ends are powers of ten, which come out a little beyond 0.1 and 10.
        scale = float(np.clip(self.scale.value, *SCALES))
        return self.initializer.value, scale, self.depth.value, self.width.value, self.activation.value

    def _next_seed(self):
        self._seed += 1

    def _reset(self):
        self._seed = 0
        controls = self.initializer, self.scale, self.depth, self.width, self.activation
        for control, value in zip(controls, self._start, strict=True):
            control.value = value

    def _controls(self):
        for control in (self.initializer, self.scale, self.depth):
            control.layout.width, control.style.description_width = "330px", "76px"
        for control in (self.width, self.activation):
            control.style.description_width = "76px"
        self.draw_again.layout.width, self.again.layout.width = "120px", "90px"
        buttons = widgets.HBox([self.draw_again, self.again])
        rows = [self.initializer, self.scale, buttons, self.depth, self.width, self.activation]
        return widgets.GridBox(rows, layout={"grid_template_columns": "repeat(3, max-content)",
                                             "grid_gap": "4px 20px", "margin": "4px 0 12px"})  # fmt: skip


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

    Returns
    -------
    InitialisationExplorer
        An ipywidgets box.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Notes
    -----
    Taught in lesson 05. What the panel shows is made by `sizes_by_depth`, `verdict` and `page` of
    ``cnnlessons.panels.initialisation_explorer``.
    """
    _check(initializer, scale, depth, width, activation)
    return InitialisationExplorer(initializer, float(scale), depth, width, activation)
