"""Shape explorer: where a kernel is placed on an image, and what that makes of sizes and counts.

Taught in lesson 02.
"""

from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import shapes
from cnnlessons.panels._parts import Unusable
from cnnlessons.panels._tables import STYLE, table
from cnnlessons.panels._walk import Walk

# The smallest and largest of each that fit the screen.
RANGES = {"size": (1, 12), "kernel_size": (1, 5), "stride": (1, 4), "dilation": (1, 3), "channels": (1, 64),
          "filters": (1, 64)}  # fmt: skip
PADDINGS = ("valid", "same", 1, 2, 3)

# --------------------------------------------------------------------------- numbers


class Setting(NamedTuple):
    """One convolution, the same along rows and columns; the arguments of `shapes.output_size`, in their order."""

    size: int
    kernel_size: int
    stride: int = 1
    padding: str | int = "valid"
    dilation: int = 1


def windows(setting):
    """Return which pixels the kernel touches in each of its places along one axis.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    ndarray of int, shape (outputs, kernel_size)
        Positions on the padded axis, counted from 0.

    Raises
    ------
    ValueError
        If the kernel fits nowhere.

    Notes
    -----
    Taught in lesson 02.

    Examples
    --------
    >>> windows(Setting(size=7, kernel_size=3, stride=2))
    array([[0, 1, 2],
           [2, 3, 4],
           [4, 5, 6]])
    """
    starts = np.arange(shapes.output_size(*setting)) * setting.stride
    return starts[:, np.newaxis] + np.arange(setting.kernel_size) * setting.dilation


def touches(setting):
    """Return how many places of the kernel touch each padded pixel, shape (padded size, padded size).

    Rows and columns are independent of one another, so the count of a pixel is the product of two counts.
    Taught in lesson 02.
    """
    padded = setting.size + sum(shapes.padding_amounts(*setting))
    along = np.bincount(windows(setting).ravel(), minlength=padded)
    return np.outer(along, along)


def inside(setting):
    """Return which padded pixels are the image's own, bool of shape (padded size, padded size)."""
    return np.pad(np.ones((setting.size, setting.size), bool), shapes.padding_amounts(*setting))


def counts(setting, channels=1, filters=1):
    """Return `shapes.conv2d_counts` of the layer with biases: output shape, parameters, multiply-adds, activations."""
    size, kernel_size, stride, padding, dilation = setting
    return shapes.conv2d_counts(
        (size, size, channels), (kernel_size, kernel_size, channels, filters), stride, padding, dilation
    )


# --------------------------------------------------------------------------- pictures


def page(setting, position=0, channels=1, filters=1):
    """Draw one placement: the padded image, the pixels that the kernel touches, the output, and the sizes written out.

    Parameters
    ----------
    setting : Setting
    position : int
        Which placement, counted from 0 along the rows.
    channels, filters : int
        Channels of the image (C_in) and number of filters (C_out).

    Returns
    -------
    str
        HTML that fits the width it is given, in light and dark themes.

    Raises
    ------
    ValueError
        If the kernel fits nowhere, or the output has no such position.

    Notes
    -----
    Taught in lesson 02.
    """
    outputs = shapes.output_size(*setting)
    if not 0 <= position < outputs**2:
        raise ValueError(f"position must be from 0 to {outputs**2 - 1} in a {outputs}×{outputs} output, got {position}")
    row, column = divmod(position, outputs)
    sizes = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts(setting, channels, filters).items())
    sizes = sizes.replace(" − ", "\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}")
    return (
        f'{STYLE}{_STYLE}<div class="cnnlessons-page"><div class="shapes" style="--across: {len(inside(setting))}">'
        f'{_image(setting, row, column)}<div class="sign">→</div><div class="made">{_output(outputs, position)}'
        f"<p>Position {position + 1} of {outputs**2}: output row {row}, column {column}</p>"
        f"<dl>{sizes}</dl></div></div></div>"
    )


def _image(setting, row, column):
    """Draw the padded image, each pixel with the number of windows that touch it."""
    touched, own, at = touches(setting), inside(setting), windows(setting)
    looks = np.where(own, np.where(touched, "", "untouched"), "border").astype(object)
    now = np.ix_(at[row], at[column])
    looks[now] = np.where(own[now], "partner", "partner border")
    extent = shapes.effective_kernel_size(setting.kernel_size, setting.dilation)
    title = "Windows that touch each pixel" + ("" if own.all() else " (dashed: padding)")
    return table(title, touched, looks, frame=(at[row, 0], at[column, 0], extent, extent))


def _output(outputs, position):
    order = np.arange(outputs**2).reshape(outputs, outputs)
    looks = np.where(order < position, "", "unknown").astype(object)
    looks[order == position] = "partner"
    return table("Output", order + 1, looks, frame=(*divmod(position, outputs), 1, 1))


def facts(setting, channels=1, filters=1):
    """Return the sizes and counts with their formulas and the numbers put in: name → text.

    Parameters are those of `page`. Taught in lesson 02.
    """
    size, kernel_size, stride, _, dilation = setting
    before, after = shapes.padding_amounts(*setting)
    reach = shapes.effective_kernel_size(kernel_size, dilation)
    outputs, layer = shapes.output_size(*setting), counts(setting, channels, filters)
    untouched = np.count_nonzero((touches(setting) == 0) & inside(setting))
    return {
        "Kernel covers": f"({kernel_size} − 1) · {dilation} + 1 = <b>{reach}</b> pixels",
        "Padding": f"{_padding(setting)}<b>{before}</b> before, <b>{after}</b> after",
        "Output size": f"⌊({size} + {before} + {after} − {reach}) / {stride}⌋ + 1 = <b>{outputs}</b>",
        "Never touched": f"<b>{untouched}</b> of {size**2} pixels{' (hatched)' if untouched else ''}",
        "Parameters": f"({kernel_size}·{kernel_size}·{channels} + 1) · {filters} = <b>{layer.parameters:,}</b>",
        "Multiply-adds": f"{kernel_size}·{kernel_size}·{channels}·{filters} · {outputs}·{outputs} = "
        f"<b>{layer.multiply_adds:,}</b>",
        "Activations": f"{outputs}·{outputs}·{filters} = <b>{layer.activations:,}</b>",
    }


def _padding(setting):
    """Write out how much padding "same" needs; the other paddings are simply given."""
    if setting.padding != "same":
        return ""
    outputs, reach = shapes.output_size(*setting), shapes.effective_kernel_size(setting.kernel_size, setting.dilation)
    return (
        f"⌈{setting.size} / {setting.stride}⌉ = {outputs} outputs need ({outputs} − 1) · {setting.stride} + {reach} = "
        f"{(outputs - 1) * setting.stride + reach} pixels: "
    )


_STYLE = """
<style>
.cnnlessons-page .shapes {
  --cell: min(44px, calc(430px / var(--across) - 2px), calc((100cqw - 420px) / var(--across) - 2px));
  display: flex; align-items: flex-start; gap: 14px;
}
.cnnlessons-page .made { flex: 1; }
.cnnlessons-page .made figure { width: max-content; }
.cnnlessons-page .shapes td { font-size: calc(var(--cell) * 1.7 / var(--digits)); }
.cnnlessons-page .numbers td.untouched {
  font-weight: bold;
  background: repeating-linear-gradient(135deg, transparent 0 5px, #d55e0066 5px 7px), var(--jp-layout-color2, #eee);
}
.cnnlessons-page .made dl {
  display: grid; grid-template-columns: max-content 1fr; gap: 3px 12px; margin: 10px 0 0;
  font-size: 15px; line-height: 1.3; font-variant-numeric: tabular-nums;
}
.cnnlessons-page .made dt, .cnnlessons-page .made dd { float: none; width: auto; margin: 0; font-weight: normal; }
</style>
"""

# --------------------------------------------------------------------------- widgets


class ShapeExplorer(Walk):
    """The panel that `shape_explorer` makes; its controls are attributes and can be set from code."""

    def __init__(self, setting, channels, filters):
        self.size = _slider("Image size", setting.size, RANGES["size"], "Pixels of the image along each axis")
        self.kernel_size = _slider("Kernel size", setting.kernel_size, RANGES["kernel_size"], "Weights along each axis")
        self.stride = _slider("Stride", setting.stride, RANGES["stride"], "Step from one window to the next, in pixels")
        self.dilation = _slider(
            "Dilation", setting.dilation, RANGES["dilation"], "Step from one weight to the next, in pixels"
        )
        self.channels = _slider("Channels", channels, RANGES["channels"], "Channels of the image, C_in")
        self.filters = _slider("Filters", filters, RANGES["filters"], "Filters, each makes one feature map: C_out")
        self.padding = widgets.ToggleButtons(
            options=[(str(padding), padding) for padding in PADDINGS],
            value=setting.padding,
            description="Padding",
            style={"description_width": "initial"},
        )
        sliders = [self.size, self.kernel_size, self.stride, self.dilation, self.channels, self.filters]
        super().__init__([*sliders, self.padding], "cnnlessons-shape-explorer", interval=600)

    def __repr__(self):
        size, kernel_size, stride, padding, dilation = self.setting
        return (
            f"Shape explorer: {size}×{size} image, {kernel_size}×{kernel_size} kernel, stride {stride}, "
            f"padding {padding}, dilation {dilation}"
        )

    @property
    def setting(self):
        controls = self.size, self.kernel_size, self.stride, self.padding, self.dilation
        return Setting(*(control.value for control in controls))

    def count(self):
        try:
            return shapes.output_size(*self.setting) ** 2
        except ValueError as problem:
            raise Unusable(problem) from None

    def show(self, position):
        return page(self.setting, position, self.channels.value, self.filters.value)


def shape_explorer(size=8, kernel_size=3, stride=2, padding="same", dilation=1, channels=3, filters=20):
    """Make a panel that places a kernel on an image and shows what follows for sizes and counts.

    Rows and columns are treated alike: the image and the kernel are square. The default shows where "same" puts an odd
    row and column of zeros.

    Parameters
    ----------
    size : int
        Pixels of the image along each axis, at most 12.
    kernel_size : int
        Weights of the kernel along each axis, at most 5.
    stride, dilation : int
        Step between windows, at most 4, and between the pixels of one window, at most 3.
    padding : {"valid", "same", 1, 2, 3}
    channels, filters : int
        Channels of the image and number of filters, at most 64; they change the counts only.

    Returns
    -------
    ShapeExplorer
        An ipywidgets box.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or the kernel fits nowhere.

    Notes
    -----
    Taught in lesson 02. What the panel shows is made by `page` and `facts` of ``cnnlessons.panels.shape_explorer``.
    """
    numbers = {"size": size, "kernel_size": kernel_size, "stride": stride, "dilation": dilation, "channels": channels,
               "filters": filters}  # fmt: skip
    for name, value in numbers.items():
        least, most = RANGES[name]
        if shapes.whole_number(value, name, least) > most:
            raise ValueError(f"{name} must be from {least} to {most} to fit the screen, got {value}")
    if padding not in PADDINGS:
        raise ValueError(f'padding must be "valid", "same", 1, 2 or 3, got {padding!r}; 0 is "valid"')
    setting = Setting(size, kernel_size, stride, padding, dilation)
    shapes.output_size(*setting)  # a kernel that fits nowhere is refused
    return ShapeExplorer(setting, channels, filters)


def _slider(description, value, limits, tooltip):
    least, most = limits
    slider = widgets.IntSlider(value, least, most, description=description, tooltip=tooltip)
    slider.layout.width, slider.style.description_width = "240px", "76px"
    return slider
