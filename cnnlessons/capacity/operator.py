"""A first layer as one linear map on whole images, and all its singular values, exactly.

The image is taken to go on at the opposite side (it is periodic), so that every position is like every other. Then
the layer is a convolution, and the Fourier transform takes it apart. With stride s, one frequency of the output
depends on s·s frequencies of the image, or, which is the same, on one frequency of each of the s·s images that remain
when every s-th row and column is kept (its polyphase components). So the whole map, thousands of rows by thousands of
columns, is a set of small matrices, C_out × s·s·C_in, one for each frequency, and its singular values are theirs.

For stride 1 see H. Sedghi, V. Gupta and P. M. Long, "The singular values of convolutional layers", ICLR 2019,
arXiv:1805.10408; the polyphase form is that of filter banks: P. P. Vaidyanathan, "Multirate Systems and Filter
Banks", 1993.

Taught in lesson 10.
"""

from dataclasses import dataclass, field

import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.capacity.checks import divided, images_of, kernel_of
from cnnlessons.capacity.counting import StemCounts, stem_counts

# --------------------------------------------------------------------------- the map and its adjoint


def periodic_conv2d(images, kernel, bias=None, stride=1):
    """Apply a convolutional layer to images that go on at the opposite side.

    Taught in lesson 10. Away from the border this is `ops.conv2d`; "same" puts the kernel elsewhere, which moves the
    image and changes no singular value.

    Parameters
    ----------
    images : ndarray, shape (N, H, W, C_in)
        H and W must be multiples of the stride.
    kernel : ndarray, shape (KH, KW, C_in, C_out)
        It may be larger than the image.
    bias : ndarray, shape (C_out,), optional
    stride : int or (row, column)

    Returns
    -------
    ndarray of float64, shape (N, H / stride, W / stride, C_out)
        The kernel's first weight lies on the pixel at ``stride`` times the position, as with padding "valid".
    """
    kernel = kernel_of(kernel)
    images = images_of(images, kernel, stride)
    bottom, right = _overhang(kernel, stride)
    images = np.pad(images, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="wrap")
    return ops.conv2d(images, kernel, bias, stride=stride)


def periodic_conv2d_backward(grad_output, kernel, stride=1):
    """Carry a gradient (N, H', W', C_out) back through `periodic_conv2d` to the images: the adjoint of the map.

    Taught in lesson 10; the gradient itself in lesson 03. For all images x and arrays y,
    ``(periodic_conv2d(x) * y).sum() == (x * periodic_conv2d_backward(y)).sum()``: that is what adjoint means, and
    all that a least-squares solver needs to know of a layer.
    """
    kernel = kernel_of(kernel)
    grad_output, size = outputs_of(grad_output, kernel, stride, "grad_output")
    padded = np.zeros((len(grad_output), *np.add(size, _overhang(kernel, stride)), kernel.shape[2]))
    grad = ops.conv2d_backward(grad_output, padded, kernel, stride=stride)[0]
    return _folded(_folded(grad, size[0], axis=1), size[1], axis=2)


def outputs_of(outputs, kernel, stride, name):
    """Return a layer's outputs as floats, (N, H', W', C_out), and the size (H, W) of the images behind them."""
    outputs = ops.finite(outputs, name, "(N, H', W', C_out)", 4)
    if outputs.shape[3] != kernel.shape[3]:
        raise ValueError(f"{name} must have one map for each of {kernel.shape[3]} filters, got {outputs.shape}")
    down, right = shapes.pair(stride, "stride")
    return outputs.astype(float), (outputs.shape[1] * down, outputs.shape[2] * right)


def _overhang(kernel, stride):
    """Return how far the last window reaches beyond the image, (rows, columns)."""
    return [max(size - step, 0) for size, step in zip(kernel.shape[:2], shapes.pair(stride, "stride"), strict=True)]


def _folded(array, length, axis):
    """Add what lies beyond `length` to where the image goes on: the way back of padding with "wrap"."""
    folds = -(-array.shape[axis] // length)
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, folds * length - array.shape[axis])
    array = np.pad(array, missing)
    return array.reshape(*array.shape[:axis], folds, length, *array.shape[axis + 1 :]).sum(axis)


# --------------------------------------------------------------------------- all at once, for small images


def operator_matrix(kernel, stride, image_size):
    """Return the whole map as one matrix, (H' * W' * C_out, H * W * C_in). Taught in lesson 10.

    For small images, to look at and to check the rest with: ``operator_matrix(...) @ image.ravel()`` is
    ``periodic_conv2d(image[None], ...).ravel()``. The arguments are those of `operator_spectrum`.
    """
    kernel = kernel_of(kernel)
    size = shapes.pair(image_size, "image_size")
    _, positions = divided(size, stride)
    inputs = size[0] * size[1] * kernel.shape[2]
    outputs = positions[0] * positions[1] * kernel.shape[3]
    if max(inputs, outputs) * inputs > 2**25:
        raise ValueError(
            f"image_size must be small enough for a matrix of at most 2**25 entries, got {outputs:,} × {inputs:,}; "
            "operator_spectrum needs no such matrix"
        )
    unit_images = np.eye(inputs).reshape(inputs, *size, kernel.shape[2])  # a single pixel bright in each
    return periodic_conv2d(unit_images, kernel, stride=stride).reshape(inputs, -1).T


# --------------------------------------------------------------------------- frequency by frequency


@dataclass(frozen=True, eq=False)
class OperatorSpectrum:
    """All singular values of a first layer on images of one size."""

    #: (H', W', k): those that belong to each frequency of the output, the largest first; zero frequency at [0, 0].
    #: ``k`` is the smaller of C_out and stride · stride · C_in.
    by_frequency: np.ndarray = field(repr=False)
    counts: StemCounts
    inputs: int  #: numbers in the image
    outputs: int  #: numbers that come out
    tolerance: float  #: up to here a singular value is rounding, and counts as zero

    @property
    def singular_values(self):
        """All of them, the largest first: ndarray, shape (min(inputs, outputs),)."""
        return np.sort(self.by_frequency, axis=None)[::-1]

    @property
    def rank(self):
        """How many independent numbers about the image come out."""
        return int(np.count_nonzero(self.by_frequency > self.tolerance))

    @property
    def lost(self):
        """Dimension of the null space: how many independent numbers of the image leave no trace."""
        return self.inputs - self.rank

    @property
    def injective(self):
        """Whether two different images always have different outputs."""
        return self.lost == 0

    @property
    def condition_number(self):
        """Largest ÷ smallest singular value that is not zero: by how much an error of the outputs may grow on the way
        back, relative to the whole. Infinite if all are zero."""
        kept = self.by_frequency[self.by_frequency > self.tolerance]
        return float(kept.max() / kept.min()) if kept.size else float("inf")

    @property
    def patch_ratio(self):
        """Outputs ÷ inputs of one patch."""
        return self.counts.patch_ratio

    @property
    def image_ratio(self):
        """Outputs ÷ inputs of the whole image."""
        return self.counts.image_ratio


def operator_spectrum(kernel, stride, image_size):
    """Return the `OperatorSpectrum` of a first layer on images that go on at the opposite side: all singular values.

    Taught in lesson 10. The bias moves all outputs alike and plays no part. A singular value counts as zero up to
    the largest one times the relative rounding of the kernel's own type times the longest sum that made it, as
    ``numpy.linalg.matrix_rank`` has it for one matrix; so weights stored in float32 are not believed beyond float32.

    Parameters
    ----------
    kernel : ndarray, shape (KH, KW, C_in, C_out)
    stride, image_size : int or (row, column)
        The size is a multiple of the stride.
    """
    kernel = kernel_of(kernel)
    size = shapes.pair(image_size, "image_size")
    stride, positions = divided(size, stride)
    height, width, channels, filters = kernel.shape
    counts = stem_counts((height, width), channels, filters, stride)
    values = np.empty((*positions, min(filters, counts.new_inputs)))
    for rows, blocks in _strips_of_blocks(kernel, stride, positions):
        values[rows, : blocks.shape[1]] = np.linalg.svd(blocks, compute_uv=False)
    _mirror(values)
    inputs, outputs = size[0] * size[1] * channels, positions[0] * positions[1] * filters
    return OperatorSpectrum(values, counts, inputs, outputs, rounding(kernel) * float(values.max()))


def rounding(kernel):
    """Return the relative size up to which a singular value of the layer is rounding."""
    kind = kernel.dtype if kernel.dtype.kind == "f" else np.dtype(float)
    return float(max(np.finfo(kind).eps, np.finfo(float).eps) * max(kernel[..., 0].size, kernel.shape[3]))


def blocks_of(kernel, stride, positions, rows=slice(None)):
    """Return the small matrices that the map consists of: (rows, W' // 2 + 1, C_out, stride * stride * C_in)."""
    # Each, times the transform of `phases` of an image, is the transform of the outputs at one frequency. Along the
    # columns frequencies go up to the middle of the W' `positions`: the others are the conjugates.
    height, width, channels, filters = kernel.shape
    down, across = -(-height // stride[0]), -(-width // stride[1])  # the kernel's size in strides, rounded up
    whole = np.zeros((down * stride[0], across * stride[1], channels, filters))
    whole[:height, :width] = kernel
    whole = whole.reshape(down, stride[0], across, stride[1], channels, filters)
    waves = [
        np.exp(2j * np.pi * (np.outer(frequencies, np.arange(steps)) % count) / count)
        for frequencies, steps, count in (
            (np.arange(positions[0])[rows], down, positions[0]),
            (np.arange(positions[1] // 2 + 1), across, positions[1]),
        )
    ]
    blocks = np.einsum("ua,vb,apbqcf->uvfpqc", *waves, whole, optimize=True)
    return blocks.reshape(*blocks.shape[:3], -1)


def phases(images, stride):
    """Put the pixels of each stride × stride square side by side: (N, H, W, C) -> (N, H', W', stride * stride * C)."""
    count, height, width, channels = images.shape
    (down, right), (rows, columns) = stride, (height // stride[0], width // stride[1])
    squares = images.reshape(count, rows, down, columns, right, channels).transpose(0, 1, 3, 2, 4, 5)
    return squares.reshape(count, rows, columns, -1)


def from_phases(squares, stride):
    """Undo `phases`: (N, H', W', stride * stride * C) -> (N, H, W, C)."""
    count, rows, columns, depth = squares.shape
    (down, right), channels = stride, depth // (stride[0] * stride[1])
    images = squares.reshape(count, rows, columns, down, right, channels).transpose(0, 1, 3, 2, 4, 5)
    return images.reshape(count, rows * down, columns * right, channels)


_MOST_NUMBERS = 2**22  # complex numbers of blocks at a time: 64 MB


def _strips_of_blocks(kernel, stride, positions):
    """Yield the blocks of a few rows of frequencies at a time, with the rows that they belong to."""
    block = kernel.shape[2] * stride[0] * stride[1] * kernel.shape[3]
    step = max(1, _MOST_NUMBERS // (block * (positions[1] // 2 + 1)))
    for first in range(0, positions[0], step):
        rows = slice(first, min(first + step, positions[0]))
        yield rows, blocks_of(kernel, stride, positions, rows)


def _mirror(values):
    """Fill in, in place, the frequencies beyond the middle: the opposite ones have the same singular values."""
    columns = values.shape[1]
    beyond = np.arange(columns // 2 + 1, columns)
    values[:, beyond] = values[-np.arange(len(values))][:, columns - beyond]
