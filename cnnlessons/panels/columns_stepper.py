"""Columns stepper: how the windows of an image become the rows of a matrix, and the convolution a matrix product."""

from string import ascii_letters
from typing import NamedTuple

import numpy as np

from cnnlessons.panels._explorer import Choice, Walk, check
from cnnlessons.panels._panel import checked
from cnnlessons.panels._tables import by, lettered, number, output_shape, table

LARGEST_IMAGE, LARGEST_KERNEL, LARGEST_CHANNELS = 4, 3, 2
KERNEL_SIZES, STRIDES, PADDINGS, DILATIONS, CHANNELS = (2, 3), (1, 2, 3), (0, 1), (1, 2), (1, 2)

# --------------------------------------------------------------------------- numbers


class Columns(NamedTuple):
    """A convolution written as a matrix product, ``rows @ column = output``."""

    padded: np.ndarray  # (H, W, C), with its padding
    within: np.ndarray  # (H, W), False in the padding
    windows: np.ndarray  # (places, KH·KW, 2): the (row, column) in the padded image that a place's weights meet
    rows: np.ndarray  # (places, KH·KW·C), a window in each row: row by row, and all channels of a pixel together
    column: np.ndarray  # (KH·KW·C, 1), the kernel in the same order
    output: np.ndarray  # (H', W')

    @property
    def copies(self):
        """How often each padded pixel stands in the matrix, shape (H, W)."""
        return copies(self, len(self.windows))


def columns(image, kernel, stride=1, padding=0, dilation=1):
    """Write the windows of an image (H, W, C) as the rows of a matrix, and the kernel (KH, KW, C) as a column: im2col.

    K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for document processing"
    (2006).
    """
    image, kernel = _exact(image, "image", LARGEST_IMAGE), _exact(kernel, "kernel", LARGEST_KERNEL)
    if image.shape[2] != kernel.shape[2]:
        raise ValueError(
            f"kernel must have as many channels as the image, got kernel {kernel.shape} for image {image.shape}; "
            "cut the larger one, for example image[:, :, :1]"
        )
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    output = output_shape(image.shape, kernel.shape, stride, padding, dilation)
    places, offsets = np.indices(output).reshape(2, -1).T, np.indices(kernel.shape[:2]).reshape(2, -1).T
    windows = places[:, np.newaxis] * stride + offsets * dilation  # (places, KH·KW, 2)
    rows = padded[windows[..., 0], windows[..., 1]].reshape(len(windows), -1)
    column = kernel.reshape(-1, 1)
    within = np.pad(np.ones(image.shape[:2], bool), padding)
    return Columns(padded, within, windows, rows, column, (rows @ column).reshape(output))


def copies(now, places):
    """Count how often each padded pixel stands in the rows of the first `places` windows, shape (H, W)."""
    count = np.zeros(now.within.shape, int)
    np.add.at(count, tuple(now.windows[:places].reshape(-1, 2).T), 1)
    return count


def _exact(array, name, largest):
    array = np.asarray(array)
    if array.ndim != 3 or not 1 <= array.shape[2] <= LARGEST_CHANNELS:
        raise ValueError(
            f"{name} must have three axes, the last with 1 or {LARGEST_CHANNELS} channels, got shape {array.shape}; "
            f"a channel is added with {name}[:, :, None]"
        )
    return np.stack([checked(channel, name, largest) for channel in np.moveaxis(array, 2, 0)], axis=2)


# --------------------------------------------------------------------------- pictures


def page(image, kernel, position=0, stride=1, padding=0, dilation=1):
    """Draw a place: its window in the image, the matrix up to its row, the kernel as a column, the output so far."""
    now = columns(image, kernel, stride, padding, dilation)
    if not 0 <= position < len(now.rows):
        raise ValueError(f"position must be from 0 to {len(now.rows) - 1}, the last place, got {position}")
    letters = np.array(list(ascii_letters[: len(now.column)]), object)
    channels = now.padded.shape[2]
    across = now.padded.shape[1] + now.rows.shape[1] + 2
    down = max(len(now.rows), len(now.column), channels * (len(now.padded) + 1))
    inputs = "".join(_channel(now, position, letters, channel) for channel in range(channels))
    outputs = np.where(np.arange(len(now.rows)) <= position, "", "unknown")[:, np.newaxis]
    return (
        f'<div class="columns" style="--across: {across}; --down: {down}">'
        f"<div>{inputs}</div>"
        f'<div class="sign">→</div>{_matrix(now, position, letters)}<div class="sign">·</div>'
        f'{table("Kernel", now.column, tags=letters[:, np.newaxis])}<div class="sign">=</div>'
        f"{table('Output', now.output.reshape(-1, 1), outputs, frame=(position, 0, 1, 1))}</div>"
        f'<p class="sum">{lettered(zip(now.rows[position], now.column[:, 0], strict=True))} = '
        f"<b>{number(now.output.flat[position])}</b></p>{_counts(now, position)}"
    )


def facts(now, position):
    """Return what the copying costs, name → text: numbers in image and matrix, and bytes."""
    own = now.within.sum() * now.padded.shape[2]
    image = now.within.any(axis=1).sum(), now.within.any(axis=0).sum(), now.padded.shape[2]
    so_far, in_the_end = copies(now, position + 1)[now.within], now.copies[now.within]
    places, weights = now.rows.shape
    row, column = divmod(position, now.output.shape[1])
    return {
        f"Place {position + 1} of {places}": f"output row {row}, column {column}",
        "Image": f"{by(image)} = <b>{own}</b> numbers",
        "Matrix": f"{places} places · {weights} weights = <b>{now.rows.size}</b> numbers",
        "Memory": f"<b>{now.rows.size / own:.3g}</b> times: {8 * now.rows.size} bytes for {8 * own}",
        "Copies of a pixel": f"<b>{so_far.min()}</b> to <b>{so_far.max()}</b>, in the end {in_the_end.min()} to "
        f"{in_the_end.max()}",
    }


def _channel(now, position, letters, channel):
    """Draw one channel of the image, the pixels of the window under their letters."""
    channels = now.padded.shape[2]
    looks = np.where(now.within, "", "border ").astype(object)
    tags = np.full(now.within.shape, "", object)
    at = tuple(now.windows[position].T)  # row by row, so the corners are the first and the last
    looks[at] += "partner"
    tags[at] = letters[channel::channels]
    (top, left), (bottom, right) = now.windows[position][[0, -1]]
    title = ("Image" if now.within.all() else "Padded image") + (f", channel {channel}" if channels > 1 else "")
    return table(title, now.padded[:, :, channel], looks, tags, (top, left, bottom - top + 1, right - left + 1))


def _matrix(now, position, letters):
    looks, tags = np.full(now.rows.shape, "", object), np.full(now.rows.shape, "", object)
    looks[position], tags[position], looks[position + 1 :] = "partner", letters, "unknown"
    return table("Matrix", now.rows, looks, tags, (position, 0, 1, now.rows.shape[1]))


def _counts(now, position):
    entries = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts(now, position).items())
    return f"<dl>{entries}</dl>".replace("<div", '<div class="position"', 1)


# --------------------------------------------------------------------------- the panel


class ColumnsStepper(Walk):
    """The panel that `columns_stepper` makes; its controls are attributes and can be set from code."""

    title = "Columns stepper"
    text = "{image} image, {kernel} kernel, stride {stride}, padding {padding}, dilation {dilation}"
    controls = (
        Choice("kernel_size", "Kernel", {f"{size}×{size}": size for size in KERNEL_SIZES}),
        Choice("stride", "Stride", STRIDES),
        Choice("padding", "Padding", PADDINGS),
        Choice("dilation", "Dilation", DILATIONS),
        Choice("channels", "Channels", CHANNELS),
    )
    interval = 1500

    def __init__(self, image, kernel, *start):
        self._arrays = image, kernel
        super().__init__(*start)

    def said(self):
        image, kernel = self._chosen(self.kernel_size.value, self.channels.value)
        return super().said() | {"image": by(image.shape), "kernel": by(kernel.shape)}

    def count(self, kernel_size, stride, padding, dilation, channels):
        image, kernel = self._chosen(kernel_size, channels)
        return int(np.prod(output_shape(image.shape, kernel.shape, stride, padding, dilation)))

    def show(self, position, kernel_size, stride, padding, dilation, channels):
        return page(*self._chosen(kernel_size, channels), position, stride, padding, dilation)

    def _chosen(self, size, channels):
        image, kernel = self._arrays
        return image[:, :, :channels], kernel[:size, :size, :channels]


def columns_stepper(image=None, kernel=None, kernel_size=3, stride=1, padding=0, dilation=1, channels=1):
    """Make a panel that writes a convolution as a matrix product, a place of the kernel at a time.

    Parameters
    ----------
    image : array_like, shape (H, W, 2), at most 4 × 4 × 2
        By default small whole numbers.
    kernel : array_like, shape (3, 3, 2)
        By default whole numbers without symmetry; of a smaller kernel, the upper left weights are used.
    kernel_size : {2, 3}
    stride : {1, 2, 3}
    padding : {0, 1}
    dilation : {1, 2}
    channels : {1, 2}
        With 1, the first channel of image and kernel is used.

    Notes
    -----
    Taught in lesson 06.
    """
    image = _IMAGE if image is None else np.asarray(image)
    kernel = _KERNEL if kernel is None else np.asarray(kernel)
    start = kernel_size, stride, padding, dilation, channels
    check(ColumnsStepper.controls, start)
    for name, array, size in (("image", image, image.shape[:2]), ("kernel", kernel, (LARGEST_KERNEL,) * 2)):
        if array.shape != (*size, LARGEST_CHANNELS):
            raise ValueError(
                f"{name} must have shape {'(H, W, 2)' if name == 'image' else '(3, 3, 2)'}, so that the reader can "
                f"choose, got {array.shape}"
            )
    page(image[:, :, :channels], kernel[:kernel_size, :kernel_size, :channels], 0, stride, padding, dilation)
    return ColumnsStepper(image, kernel, *start)


_IMAGE = np.stack(
    [
        [[3, 1, 0, 2], [1, 2, 3, 0], [0, 1, 2, 4], [2, 0, 1, 1]],
        [[1, 0, 2, 1], [0, 3, 1, 0], [2, 1, 0, 1], [1, 0, 4, 2]],
    ],
    axis=-1,
)
_KERNEL = np.stack([[[1, 0, -1], [2, 1, 0], [0, 1, -2]], [[0, 1, 0], [1, -4, 1], [0, 1, 0]]], axis=-1)
