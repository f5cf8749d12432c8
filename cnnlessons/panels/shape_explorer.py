"""Shape explorer: where a kernel is placed on an image, and what that makes of sizes and counts."""

from typing import NamedTuple

import numpy as np

from cnnlessons import shapes
from cnnlessons.panels._explorer import Choice, Walk, Whole
from cnnlessons.panels._tables import table

PADDINGS = ("valid", "same", 1, 2, 3)
CONTROLS = (  # with the smallest and the largest of each that fit the screen
    Whole("size", "Image size", 1, 12, "Pixels of the image along each axis"),
    Whole("kernel_size", "Kernel size", 1, 5, "Weights along each axis"),
    Whole("stride", "Stride", 1, 4, "Step from one window to the next, in pixels"),
    Whole("dilation", "Dilation", 1, 3, "Step from one weight to the next, in pixels"),
    Whole("channels", "Channels", 1, 64, "Channels of the image, C_in"),
    Whole("filters", "Filters", 1, 64, "Filters, each makes one feature map: C_out"),
    Choice("padding", "Padding", PADDINGS),
)

# --------------------------------------------------------------------------- numbers


class Setting(NamedTuple):
    """One convolution, the same along rows and columns; the arguments of `shapes.output_size`, in their order."""

    size: int
    kernel_size: int
    stride: int = 1
    padding: str | int = "valid"
    dilation: int = 1


def windows(setting):
    """Return which padded pixels the kernel touches in each place along one axis, (outputs, kernel_size)."""
    starts = np.arange(shapes.output_size(*setting)) * setting.stride
    return starts[:, np.newaxis] + np.arange(setting.kernel_size) * setting.dilation


def touches(setting):
    """Return how many places of the kernel touch each padded pixel: a count along rows times one along columns."""
    padded = setting.size + sum(shapes.padding_amounts(*setting))
    along = np.bincount(windows(setting).ravel(), minlength=padded)
    return np.outer(along, along)


def inside(setting):
    """Return which padded pixels are the image's own, bool of shape (padded size, padded size)."""
    return np.pad(np.ones((setting.size, setting.size), bool), shapes.padding_amounts(*setting))


# --------------------------------------------------------------------------- pictures


def page(setting, position=0, channels=1, filters=1):
    """Draw one placement: the padded image, the pixels that the kernel touches, the output, the sizes written out."""
    outputs = shapes.output_size(*setting)
    if not 0 <= position < outputs**2:
        raise ValueError(f"position must be from 0 to {outputs**2 - 1} in a {outputs}×{outputs} output, got {position}")
    row, column = divmod(position, outputs)
    sizes = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts(setting, channels, filters).items())
    sizes = sizes.replace(" − ", "\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}")
    return (
        f'<div class="shapes" style="--across: {len(inside(setting))}">'
        f'{_image(setting, row, column)}<div class="sign">→</div><div class="made">{_output(outputs, position)}'
        f'<p class="position">Position {position + 1} of {outputs**2}: output row {row}, column {column}</p>'
        f"<dl>{sizes}</dl></div></div>"
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
    """Return the sizes and counts with their formulas and the numbers put in: name → text."""
    size, kernel_size, stride, padding, dilation = setting
    before, after = shapes.padding_amounts(*setting)
    reach, outputs = shapes.effective_kernel_size(kernel_size, dilation), shapes.output_size(*setting)
    image, kernel = (size, size, channels), (kernel_size, kernel_size, channels, filters)
    layer = shapes.conv2d_counts(image, kernel, stride, padding, dilation)
    untouched = np.count_nonzero((touches(setting) == 0) & inside(setting))
    return {
        "Kernel covers": f"({kernel_size} − 1) · {dilation} + 1 = <b>{reach}</b> pixels",
        "Padding": f"{_padding(setting, reach, outputs)}<b>{before}</b> before, <b>{after}</b> after",
        "Output size": f"⌊({size} + {before} + {after} − {reach}) / {stride}⌋ + 1 = <b>{outputs}</b>",
        "Never touched": f"<b>{untouched}</b> of {size**2} pixels{' (hatched)' if untouched else ''}",
        "Parameters": f"({kernel_size}·{kernel_size}·{channels} + 1) · {filters} = <b>{layer.parameters:,}</b>",
        "Multiply-adds": f"{kernel_size}·{kernel_size}·{channels}·{filters} · {outputs}·{outputs} = "
        f"<b>{layer.multiply_adds:,}</b>",
        "Activations": f"{outputs}·{outputs}·{filters} = <b>{layer.activations:,}</b>",
    }


def _padding(setting, reach, outputs):
    """Write out how much padding "same" needs; the other paddings are simply given."""
    if setting.padding != "same":
        return ""
    size, stride = setting.size, setting.stride
    need = f"({outputs} − 1) · {stride} + {reach} = {(outputs - 1) * stride + reach} pixels"
    return f"⌈{size} / {stride}⌉ = {outputs} outputs need {need}: "


# --------------------------------------------------------------------------- the panel


class ShapeExplorer(Walk):
    """The panel that `shape_explorer` makes; its controls are attributes and can be set from code."""

    title = "Shape explorer"
    text = (
        "{size}×{size} image, {kernel_size}×{kernel_size} kernel, stride {stride}, padding {padding}, "
        "dilation {dilation}"
    )
    controls, widths, interval = CONTROLS, ("76px", "240px"), 600

    @property
    def setting(self):
        """What the controls say, as a `Setting`."""
        return Setting(*(getattr(self, name).value for name in Setting._fields))

    def count(self, *_):
        return shapes.output_size(*self.setting) ** 2

    def show(self, position, *_):
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

    Notes
    -----
    Taught in lesson 02.
    """
    panel = ShapeExplorer(size, kernel_size, stride, dilation, channels, filters, padding)
    shapes.output_size(*panel.setting)  # a kernel that fits nowhere is refused
    return panel
