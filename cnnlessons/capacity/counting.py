"""Numbers in, numbers out: of one patch and of a whole image. Taught in lesson 10."""

from dataclasses import dataclass

from cnnlessons import shapes
from cnnlessons.capacity.checks import kernel_of


def patch_matrix(kernel):
    """Return the matrix that a convolutional layer multiplies each patch by: (KH * KW * C_in, C_out).

    A patch written as one row, pixel by pixel and each pixel channel by channel, times this matrix is what `ops.conv2d`
    puts at that position. Taught in lesson 10.

    Examples
    --------
    >>> import numpy as np
    >>> patch_matrix(np.ones((5, 5, 3, 32))).shape
    (75, 32)
    """
    kernel = kernel_of(kernel)
    return kernel.reshape(-1, kernel.shape[3]).copy()


@dataclass(frozen=True)
class StemCounts:
    """How many numbers go into a first layer and come out, seen from one patch and from the whole image.

    ``image_ratio == patch_ratio * windows_per_pixel``: what a patch seems to lose, its neighbours may still hold.
    """

    patch_inputs: int  #: numbers under the kernel: KH · KW · C
    patch_outputs: int  #: numbers made of them: the filters
    new_inputs: int  #: numbers of the image for each position of the kernel: stride · stride · C
    patch_ratio: float  #: outputs ÷ inputs of one patch. Below 1 "condenses", above 1 "dilutes".
    image_ratio: float  #: outputs ÷ inputs of a whole image whose size is a multiple of the stride, with padding "same"
    windows_per_pixel: float  #: in how many windows a pixel lies, on average
    weights: int  #: KH · KW · C · filters


def stem_counts(kernel_size, channels, filters, stride=1):
    """Count what goes into a first layer and what comes out, as `StemCounts`. Taught in lesson 10.

    `kernel_size` and `stride` are one number or a pair (row, column).

    Examples
    --------
    >>> counts = stem_counts(5, channels=3, filters=32, stride=2)
    >>> counts.patch_inputs, counts.patch_outputs, counts.new_inputs, counts.windows_per_pixel
    (75, 32, 12, 6.25)
    """
    height, width = shapes.pair(kernel_size, "kernel_size")
    down, right = shapes.pair(stride, "stride")
    channels, filters = shapes.whole_number(channels, "channels", 1), shapes.whole_number(filters, "filters", 1)
    patch, new = height * width * channels, down * right * channels
    return StemCounts(patch, filters, new, filters / patch, filters / new, patch / new, patch * filters)
