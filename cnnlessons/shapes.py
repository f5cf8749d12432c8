"""Sizes, padding, receptive fields and counts of convolutions and pools: arithmetic on whole numbers, nothing else.

Along one axis, with an effective kernel size ``e = (kernel_size - 1) * dilation + 1``:

===========  =========================================  ===========================================
padding      output size                                pixels added
===========  =========================================  ===========================================
``"valid"``  ``(size - e) // stride + 1``               none
``"same"``   ``ceil(size / stride)``                    what that needs; an odd one goes to the end
``p``        ``(size + 2 * p - e) // stride + 1``       ``p`` at each end
``(b, a)``   ``(size + b + a - e) // stride + 1``       ``b`` before and ``a`` after
===========  =========================================  ===========================================

Taught in lesson 02. Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning",
arXiv:1603.07285 (2016); "same" as TensorFlow and Keras place it.
"""

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import NamedTuple


def whole_number(value, name, least):
    """Return `value` as an int of at least `least`, or say what is wrong with it."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r}; give an int of at least {least}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def number(value, name, rule, holds=lambda value: True, remedy="", infinite=False):
    """Return `value` as a float if it is a real number for which ``holds(value)``, or say the rule that it breaks.

    NaN, and infinity unless it is allowed, break every rule.
    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    beyond = real and not infinite and not _is_finite(value)
    if not real or beyond or value != value or not holds(value):
        got = f"{value!r}, which is not finite" if beyond else f"{value!r}"
        raise ValueError(f"{name} must be {rule}, got {got}{remedy and f'; {remedy}'}")
    return float(value)  # NumPy's own scalars would widen arrays, and no file of settings could hold them


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def listed(names):
    """Return names as a list: a single one is a list of one, not of its letters."""
    return list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]


def chosen(value, name, known):
    """Return `value` if it is one of those known, or list them."""
    if not isinstance(value, type(known[0])) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
    return value


def _plain(value):
    """Return an array as lists, whose numbers can be asked one by one, and everything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def pair(value, name, least=1):
    """Return one number as ``(number, number)`` and a pair of numbers, (row, column), as it is."""
    value = _plain(value)
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(
                f"{name} must be one whole number or a pair (row, column), got {len(value)} values: {value!r}"
            )
        return whole_number(value[0], f"{name}[0]", least), whole_number(value[1], f"{name}[1]", least)
    return (whole_number(value, name, least),) * 2


def padding_pair(padding):
    """Return "valid", "same", a number or ((top, bottom), (left, right)) as the paddings of rows and of columns."""
    padding = _plain(padding)
    if isinstance(padding, (tuple, list)):
        if len(padding) != 2 or not all(isinstance(side, (tuple, list)) and len(side) == 2 for side in padding):
            raise ValueError(
                f'padding must be "valid", "same", a whole number, or ((top, bottom), (left, right)), '
                f"got {padding!r}; write for example ((0, 1), (0, 1))"
            )
        return tuple(tuple(side) for side in padding)
    return padding, padding


def padding_amounts(size, kernel_size, stride=1, padding="valid", dilation=1):
    """Return how many pixels are added (before, after) along one axis.

    Taught in lesson 02. "same" gives ``ceil(size / stride)`` outputs and puts an odd pixel after, so that a 3-wide
    kernel with stride 2 on 28 pixels gets 0 before and 1 after.

    Parameters
    ----------
    size, kernel_size : int
        Number of pixels and of kernel weights along the axis.
    stride, dilation : int
        Step between windows, and between the pixels of one window.
    padding : {"valid", "same"}, int, or (before, after)

    Examples
    --------
    >>> padding_amounts(28, 3, stride=2, padding="same", dilation=1)
    (0, 1)
    """
    size = whole_number(size, "size", 1)
    effective = effective_kernel_size(kernel_size, dilation)
    stride = whole_number(stride, "stride", 1)
    match _plain(padding):
        case "valid":
            return 0, 0
        case "same":
            outputs = -(-size // stride)
            total = max((outputs - 1) * stride + effective - size, 0)
            return total // 2, total - total // 2
        case str():
            raise ValueError(f'padding must be "valid" or "same" when it is a word, got {padding!r}')
        case (before, after):
            return whole_number(before, "padding before", 0), whole_number(after, "padding after", 0)
        case tuple() | list():
            raise ValueError(f"padding of one axis must be a whole number or (before, after), got {padding!r}")
        case _:
            return (whole_number(padding, "padding", 0),) * 2


def effective_kernel_size(kernel_size, dilation=1):
    """Return the pixels from a kernel's first weight to its last: ``(kernel_size - 1) * dilation + 1``."""
    kernel_size = whole_number(kernel_size, "kernel_size", 1)
    return (kernel_size - 1) * whole_number(dilation, "dilation", 1) + 1


def output_size(size, kernel_size, stride=1, padding="valid", dilation=1):
    """Return in how many places along one axis a kernel fits.

    Parameters are those of `padding_amounts`. Taught in lesson 02.

    Examples
    --------
    >>> output_size(4, 3), output_size(4, 3, padding="same"), output_size(28, 3, stride=2, padding="same")
    (2, 4, 14)
    """
    before, after = padding_amounts(size, kernel_size, stride, padding, dilation)
    effective = effective_kernel_size(kernel_size, dilation)
    room = size + before + after - effective
    if room < 0:
        spread = "" if dilation == 1 else f" ({effective} with dilation {dilation})"
        raise ValueError(
            f"kernel of size {kernel_size}{spread} does not fit in {size} pixels plus {before} + {after} of padding; "
            f'use a smaller kernel, a larger image, or padding="same"'
        )
    return room // stride + 1


class ReceptiveField(NamedTuple):
    """What one output of a chain of layers sees, in pixels of the input along one axis."""

    size: int  #: pixels from the first to the last that can change one output (with gaps, not all between them can)
    jump: int  #: step from the field of one output to that of the next
    start: float  #: centre of the first output's field; the first pixel's centre is 0


def receptive_field(layers):
    """Return the `ReceptiveField` of the last output of a chain of unpadded layers.

    Taught in lesson 02. Each layer widens the field by ``(e - 1)`` jumps and multiplies the jump by its stride.
    Source: A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural networks",
    Distill (2019).

    Parameters
    ----------
    layers : iterable of (kernel_size, stride, dilation)
        From the input to the output; stride and dilation may be left out and are then 1.

    Examples
    --------
    >>> receptive_field([(3, 1, 1), (3, 1, 1)])
    ReceptiveField(size=5, jump=1, start=2.0)
    """
    if not isinstance(layers, Iterable):
        raise TypeError(f"layers must be a list of (kernel_size, stride, dilation), got {layers!r}")
    size, jump, start = 1, 1, 0.0
    for layer in layers:
        kernel_size, stride, dilation = _kernel_stride_dilation(layer)
        reach = effective_kernel_size(kernel_size, dilation) - 1
        size += reach * jump
        start += reach / 2 * jump
        jump *= whole_number(stride, "stride", 1)
    return ReceptiveField(size, jump, start)


def _kernel_stride_dilation(layer):
    layer = tuple(layer) if isinstance(layer, (tuple, list)) else (layer,)
    if not 1 <= len(layer) <= 3:
        raise ValueError(f"a layer must be (kernel_size, stride, dilation), got {layer!r}")
    return layer + (1,) * (3 - len(layer))


class Counts(NamedTuple):
    """What one convolutional layer holds and does for one image."""

    output_shape: tuple  #: (height, width, filters)
    parameters: int  #: weights and biases
    multiply_adds: int  #: multiplications, each with its addition
    activations: int  #: numbers that come out


def conv2d_counts(image_shape, kernel_shape, stride=1, padding="valid", dilation=1, bias=True):
    """Return the `Counts` of a convolutional layer for one image: parameters, multiply-adds and outputs.

    Taught in lesson 02. Products with padded zeros are counted, since they are computed.

    Parameters
    ----------
    image_shape : (H, W, C_in)
    kernel_shape : (KH, KW, C_in, C_out)
    stride, dilation : int or (row, column)
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
    bias : bool
        Whether each filter has a bias.

    Examples
    --------
    >>> conv2d_counts((32, 32, 3), (3, 3, 3, 20))
    Counts(output_shape=(30, 30, 20), parameters=560, multiply_adds=486000, activations=18000)
    """
    height, width, channels = _whole_numbers(image_shape, "image_shape", "(H, W, C_in)", 3)
    *kernel_size, in_channels, filters = _whole_numbers(kernel_shape, "kernel_shape", "(KH, KW, C_in, C_out)", 4)
    if in_channels != channels:
        raise ValueError(
            f"kernel_shape {tuple(kernel_shape)} is for {in_channels} channels, but image_shape "
            f"{tuple(image_shape)} has {channels}; C_in must be the same in both"
        )
    rows, columns = (
        output_size(*axis)
        for axis in zip(
            (height, width), kernel_size, pair(stride, "stride"), padding_pair(padding), pair(dilation, "dilation"),
            strict=True,
        )
    )  # fmt: skip
    weights = kernel_size[0] * kernel_size[1] * channels * filters
    positions = rows * columns
    return Counts((rows, columns, filters), weights + filters * bool(bias), weights * positions, positions * filters)


def _whole_numbers(shape, name, form, length):
    if not isinstance(shape, Iterable) or len(shape := tuple(shape)) != length:
        raise ValueError(f"{name} must be {form}, got {shape!r}")
    return [whole_number(size, f"{name}[{axis}]", 1) for axis, size in enumerate(shape)]
