"""The operations of a convolutional network, each with its derivative directly beneath it.

Images are ``(N, H, W, C)``, kernels ``(KH, KW, C_in, C_out)``, as in Keras. Every ``..._backward`` takes the gradient
of the loss with respect to the output and returns the gradients with respect to what the forward took, in that order.

Floating-point input keeps its type (float16 is summed in float32). Sums of integers and booleans are exact and come
back as int64; those that could pass 2**53 are refused, never wrapped. Means and gradients of integers are float64.
Integers beside floats take the floats' type, which NumPy would widen: float32 holds whole numbers to 2**24, float16 to
2,048 (and none beyond 65,504), and larger ones lose their last digits. ``array.astype(float)`` keeps those up to 2**53.

Taught in lessons 01 (`cross_correlate`, `convolve`), 02 (`conv2d`), 03 (the gradients) and 04 (pooling, ReLU).
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from cnnlessons import shapes, threads

# --------------------------------------------------------------------------- one image, one kernel


def cross_correlate(image, kernel, padding="valid"):
    """Slide a kernel over an image: at each place, multiply weight by pixel and sum.

    Taught in lesson 01. This is what deep-learning libraries call convolution; the mathematician's flips the kernel
    first, see `convolve`.

    Parameters
    ----------
    image : array_like, shape (H, W)
    kernel : array_like, shape (KH, KW)
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
        Zeros around the image. "valid" adds none.

    Returns
    -------
    ndarray, shape (H', W')
        ``out[r, c] = sum over i, j of kernel[i, j] * image[r + i, c + j]`` (indices into the padded image).

    Examples
    --------
    >>> cross_correlate([[1, 2, 3], [4, 5, 6]], [[1, 0, -1]])
    array([[-2],
           [-2]])
    """
    image = numbers(image, "image", "(H, W)", 2)
    kernel = numbers(kernel, "kernel", "(KH, KW)", 2)
    windows = _windows(image.shape, kernel.shape, 1, padding, 1)
    dtype = _result_type(image, kernel)
    _refuse_overflow(dtype, image, kernel, products=kernel.size)
    padded = np.pad(image, windows.padding).astype(_sum_type(dtype))
    total = np.zeros(windows.output_size, padded.dtype)
    for weight, (rows, columns) in zip(kernel.flat, windows.slices(), strict=True):
        total += padded.dtype.type(weight) * padded[rows, columns]  # the whole image at once, shifted
    return total.astype(dtype, copy=False)


def convolve(image, kernel, padding="valid"):
    """Convolve as mathematics defines it: turn the kernel by 180°, then cross-correlate.

    Parameters and result are those of `cross_correlate`. With "same", an even kernel's result lies one pixel beside
    that of ``scipy.signal.convolve2d``, since the odd pixel of padding comes after the image. Taught in lesson 01.

    Examples
    --------
    >>> convolve([[1, 2, 3], [4, 5, 6]], [[1, 0, -1]])
    array([[2],
           [2]])
    """
    kernel = numbers(kernel, "kernel", "(KH, KW)", 2)
    return cross_correlate(image, kernel[::-1, ::-1], padding)


# --------------------------------------------------------------------------- convolutional layer


@threads.one_a_product
def conv2d(images, kernel, bias=None, *, stride=1, padding="valid", dilation=1):
    """Cross-correlate every image with every filter, over all input channels, and add one bias a filter.

    Taught in lessons 02 and 06. The pixels under the kernel at each place become a row of a matrix (im2col), and one
    matrix product with the weights does the rest. K. Chellapilla, S. Puri and P. Simard, "High performance
    convolutional neural networks for document processing" (2006).

    Parameters
    ----------
    images : array_like, shape (N, H, W, C_in)
    kernel : array_like, shape (KH, KW, C_in, C_out)
    bias : array_like, shape (C_out,), optional
    stride, dilation : int or (row, column)
        Step between windows, and between the pixels of one window.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
        Zeros around each image; "same" puts an odd one at the bottom and right.

    Returns
    -------
    ndarray, shape (N, H', W', C_out)
    """
    images, kernel = _images_and_kernel(images, kernel)
    *kernel_size, _, filters = kernel.shape
    bias = np.zeros(filters, bool) if bias is None else numbers(bias, "bias", "(C_out,)", 1)
    _require_shape(bias, "bias", "(C_out,), one number a filter", (filters,))
    windows = _windows(images.shape[1:3], kernel_size, stride, padding, dilation)
    dtype = _result_type(images, kernel, bias)
    _refuse_overflow(dtype, images, kernel, products=kernel[..., 0].size, bias=bias)
    padded = _pad(images, windows, _sum_type(dtype))
    weights, bias = (array.astype(padded.dtype, copy=False) for array in (kernel.reshape(-1, filters), bias))
    out = np.empty((len(images), *windows.output_size, filters), padded.dtype)

    def of_strip(strip, pixels, places):
        np.matmul(_columns(padded[pixels], strip), weights, out=out[places].reshape(-1, filters))
        out[places] += bias

    threads.share_out(of_strip, _strips(padded, windows))
    return out.astype(dtype, copy=False)


@threads.one_a_product
def conv2d_backward(grad_output, images, kernel, *, stride=1, padding="valid", dilation=1, to_images=True):
    """Carry a gradient back through `conv2d`.

    Taught in lesson 03. Each step ``out += weight * pixel`` of the forward pass sends ``grad_output * pixel`` to its
    weight and ``grad_output * weight`` to its pixel. Integers come back as float64.

    Parameters
    ----------
    grad_output : array_like, shape (N, H', W', C_out)
        Gradient of the loss with respect to the output of ``conv2d(images, kernel, ...)``.
    images, kernel, stride, padding, dilation
        As they were given to `conv2d`.
    to_images : bool
        Whether `grad_images` is needed; that of a network's first layer is not, in training.

    Returns
    -------
    grad_images : ndarray, shape (N, H, W, C_in), or None
    grad_kernel : ndarray, shape (KH, KW, C_in, C_out)
    grad_bias : ndarray, shape (C_out,)
    """
    images, kernel = _images_and_kernel(images, kernel)
    *kernel_size, _, filters = kernel.shape
    windows = _windows(images.shape[1:3], kernel_size, stride, padding, dilation)
    grad_output = numbers(grad_output, "grad_output", "(N, H', W', C_out)", 4)
    _require_shape(grad_output, "grad_output", "conv2d's output", (len(images), *windows.output_size, filters))
    dtype = _float_type(grad_output, images, kernel)
    padded = _pad(images, windows, _sum_type(dtype))
    weights = kernel.reshape(-1, filters).astype(padded.dtype, copy=False)
    grad_output = grad_output.astype(padded.dtype, copy=False)

    def of_strip(strip, pixels, places):
        grad_places = grad_output[places].reshape(-1, filters)
        grad_pixels = _columns_backward(grad_places, weights, strip, padded[pixels].shape) if to_images else 0
        return pixels, grad_pixels, _columns(padded[pixels], strip).T @ grad_places

    grad_padded, grad_weights = np.zeros_like(padded) if to_images else None, np.zeros_like(weights)
    for pixels, grad_pixels, grad_of_strip in threads.share_out(of_strip, _strips(padded, windows)):
        grad_weights += grad_of_strip
        if to_images:
            grad_padded[pixels] += grad_pixels
    grad_images = _unpad(grad_padded, windows).astype(dtype, copy=False) if to_images else None
    return grad_images, grad_weights.reshape(kernel.shape).astype(dtype), _sum_of_rows(grad_output).astype(dtype)


# --------------------------------------------------------------------------- pooling


def max_pool2d(images, size, stride=None, padding="valid"):
    """Keep the largest value of every window, channel by channel. Taught in lesson 04.

    Parameters
    ----------
    images : array_like, shape (N, H, W, C)
    size : int or (row, column)
        Size of the window.
    stride : int or (row, column), optional
        Step between windows; by default `size`, so that windows touch and do not overlap.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
        Padded pixels are never the largest.

    Returns
    -------
    ndarray, shape (N, H', W', C), of the type of `images`
    """
    images, windows = _pool(images, size, stride, padding)
    padded = _pad(images, windows, images.dtype, value=_lowest(images.dtype))
    first, *others = windows.pixels(padded)
    largest = first.copy()
    for pixels in others:  # np.max of the list would first copy all of it
        np.maximum(largest, pixels, out=largest)
    return largest


def max_pool2d_backward(grad_output, images, size, stride=None, padding="valid", *, largest=None):
    """Carry a gradient back through `max_pool2d`: each window's goes to its largest pixel, the first one in a tie.

    Taught in lesson 04.

    Parameters
    ----------
    grad_output : array_like, shape (N, H', W', C)
    images, size, stride, padding
        As they were given to `max_pool2d`.
    largest : ndarray, shape (N, H', W', C), optional
        What it returned, where that is at hand.

    Returns
    -------
    grad_images : ndarray, shape (N, H, W, C)
    """
    images, windows = _pool(images, size, stride, padding)
    grad_output, dtype = _pool_gradient(grad_output, images, windows)
    padded = _pad(images, windows, images.dtype, value=_lowest(images.dtype))
    if largest is None:
        largest = max_pool2d(images, size, stride, padding)
    grad_padded = np.zeros(padded.shape, dtype)
    any_nan = (largest != largest).any()  # NaN equals nothing, not even itself
    waiting = np.ones(largest.shape, bool)  # windows whose gradient has not found its pixel yet
    for pixels, inside, grad_pixels in zip(
        windows.pixels(padded), _inside(images, windows), windows.pixels(grad_padded), strict=True
    ):
        wins = pixels == largest
        if any_nan:
            wins |= pixels != pixels
        wins &= inside  # padding ties with a type's lowest number
        wins &= waiting
        waiting ^= wins
        if windows.overlap:
            grad_pixels += grad_output * wins
        else:  # nothing is there yet to add to
            np.multiply(grad_output, wins, out=grad_pixels)
    return _unpad(grad_padded, windows)


def average_pool2d(images, size, stride=None, padding="valid"):
    """Average every window, channel by channel.

    Parameters are those of `max_pool2d`, except that padded pixels are left out of the average. Integers come back as
    float64. Taught in lesson 04.
    """
    images, windows = _pool(images, size, stride, padding)
    dtype = _float_type(images)
    padded = _pad(images, windows, _sum_type(dtype))
    return (sum(windows.pixels(padded)) / _pixels_per_window(images, windows)).astype(dtype, copy=False)


def average_pool2d_backward(grad_output, images, size, stride=None, padding="valid"):
    """Carry a gradient back through `average_pool2d`: each window's is shared equally among its pixels.

    Parameters and result are those of `max_pool2d_backward`; of `images` only the shape matters. Taught in lesson 04.
    """
    images, windows = _pool(images, size, stride, padding)
    grad_output, dtype = _pool_gradient(grad_output, images, windows)
    share = grad_output.astype(_sum_type(dtype)) / _pixels_per_window(images, windows)
    grad_padded = _pad(np.zeros(images.shape, share.dtype), windows, share.dtype)
    for rows, columns in windows.slices():
        grad_padded[:, rows, columns] += share
    return _unpad(grad_padded, windows).astype(dtype, copy=False)


def _pool(images, size, stride, padding):
    images = numbers(images, "images", "(N, H, W, C)", 4)
    size = shapes.pair(size, "size")
    windows = _windows(images.shape[1:3], size, size if stride is None else stride, padding, 1)
    if any(amount >= width for amounts, width in zip(windows.padding, size, strict=True) for amount in amounts):
        raise ValueError(f"padding of a pool must be smaller than its window {size}, got {windows.padding}")
    return images, windows


def _pool_gradient(grad_output, images, windows):
    grad_output = numbers(grad_output, "grad_output", "(N, H', W', C)", 4)
    _require_shape(
        grad_output, "grad_output", "the pool's output", (len(images), *windows.output_size, images.shape[3])
    )
    return grad_output, _float_type(grad_output, images)


def _pixels_per_window(images, windows):
    """Count the pixels of the image, not of the padding, in every window: shape (1, H', W', 1)."""
    return np.sum(_inside(images, windows), axis=0, dtype=_sum_type(_float_type(images)))


def _inside(images, windows):
    """Say for each position in the window whether it lies on the image, not on the padding: KH·KW × (1, H', W', 1)."""
    return windows.pixels(_pad(np.ones((1, *images.shape[1:3], 1), bool), windows, bool))


def _lowest(dtype):
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


# --------------------------------------------------------------------------- activation, dense layer, normalisation


def relu(array):
    """Set negative values to zero and leave the others alone: ``max(array, 0)``, any shape. Taught in lesson 04."""
    return np.maximum(numbers(array, "array", "any shape"), 0)


def relu_backward(grad_output, array):
    """Carry a gradient back through `relu`: it passes where the input was positive only. Taught in lesson 04."""
    array = numbers(array, "array", "any shape")
    grad_output = numbers(grad_output, "grad_output", "the shape of array")
    _require_shape(grad_output, "grad_output", "relu's output", array.shape)
    grad_output = grad_output if grad_output.dtype.kind == "f" else grad_output.astype(_float_type(array))
    passes = array > 0
    with np.errstate(invalid="ignore"):
        gradient = grad_output * passes  # faster than np.where, which takes a branch at every number
    return np.where(passes, grad_output, 0) if np.isnan(gradient.max()) else gradient  # infinity times 0 is not 0


def dense(inputs, weights, bias=None):
    """Multiply every input row by a weight matrix and add a bias. Taught in lesson 03.

    Parameters
    ----------
    inputs : array_like, shape (N, D_in)
    weights : array_like, shape (D_in, D_out)
    bias : array_like, shape (D_out,), optional

    Returns
    -------
    ndarray, shape (N, D_out)
    """
    inputs, weights = _inputs_and_weights(inputs, weights)
    bias = np.zeros(weights.shape[1], bool) if bias is None else numbers(bias, "bias", "(D_out,)", 1)
    _require_shape(bias, "bias", "(D_out,), one number an output", weights.shape[1:])
    dtype = _result_type(inputs, weights, bias)
    _refuse_overflow(dtype, inputs, weights, products=len(weights), bias=bias)
    inputs, weights, bias = (array.astype(_sum_type(dtype), copy=False) for array in (inputs, weights, bias))
    return (inputs @ weights + bias).astype(dtype, copy=False)


def dense_backward(grad_output, inputs, weights):
    """Carry a gradient back through `dense`, (N, D_out) -> (N, D_in), (D_in, D_out), (D_out,). Taught in lesson 03."""
    inputs, weights = _inputs_and_weights(inputs, weights)
    grad_output = numbers(grad_output, "grad_output", "(N, D_out)", 2)
    _require_shape(grad_output, "grad_output", "dense's output", (len(inputs), weights.shape[1]))
    dtype = _float_type(grad_output, inputs, weights)
    grad_output, inputs, weights = (
        array.astype(_sum_type(dtype), copy=False) for array in (grad_output, inputs, weights)
    )
    grads = grad_output @ weights.T, inputs.T @ grad_output, _sum_of_rows(grad_output)
    return tuple(grad.astype(dtype, copy=False) for grad in grads)


def _inputs_and_weights(inputs, weights):
    inputs = numbers(inputs, "inputs", "(N, D_in)", 2)
    weights = numbers(weights, "weights", "(D_in, D_out)", 2)
    if inputs.shape[1] != weights.shape[0]:
        raise ValueError(
            f"weights must have a row for each input: inputs {inputs.shape} have {inputs.shape[1]}, weights "
            f"{weights.shape} have {weights.shape[0]} rows; axes are (N, D_in) and (D_in, D_out)"
        )
    return inputs, weights


def batch_norm(inputs, scale, shift, *, mean=None, variance=None, epsilon=1e-3):
    """Give every channel of a batch mean 0 and variance 1, then scale and shift it.

    Taught in lesson 04. S. Ioffe and C. Szegedy, "Batch normalization" (2015); epsilon as in Keras.

    Parameters
    ----------
    inputs : array_like, shape (..., C)
        At least two axes; the last one is the channel.
    scale, shift : array_like, shape (C,)
    mean, variance : array_like, shape (C,), optional
        Moments to use in place of the batch's own, as a trained network does at prediction time.
    epsilon : float
        Added to the variance, so that a constant channel does not divide by zero. Not negative.

    Returns
    -------
    ndarray, shape (..., C), of the floating type of `inputs`
    """
    inputs, (scale, shift) = _channels(inputs, scale=scale, shift=shift)
    mean, variance = _given_or_own(mean, variance, inputs)
    out = _centred(inputs, mean)
    out *= scale / _deviation(variance, epsilon)
    out += shift
    return out.astype(inputs.dtype, copy=False)


def batch_norm_backward(grad_output, inputs, scale, *, mean=None, variance=None, epsilon=1e-3):
    """Carry a gradient back through `batch_norm` with the batch's own moments.

    Taught in lesson 04. Each value also moves its channel's mean and variance, hence the two terms subtracted.

    Parameters
    ----------
    grad_output : array_like, shape (..., C)
    inputs, scale, epsilon
        As they were given to `batch_norm`.
    mean, variance : array_like, shape (C,), optional
        The batch's own moments, where they are at hand: `channel_moments` of `inputs`.

    Returns
    -------
    grad_inputs : ndarray, shape (..., C)
    grad_scale, grad_shift : ndarray, shape (C,)
    """
    inputs, (scale,) = _channels(inputs, scale=scale)
    grad_output = numbers(grad_output, "grad_output", "the shape of inputs", inputs.ndim)
    _require_shape(grad_output, "grad_output", "batch_norm's output", inputs.shape)
    mean, variance = _given_or_own(mean, variance, inputs)
    centred, deviation = _centred(inputs, mean), _deviation(variance, epsilon)
    grad_output = grad_output.astype(_sum_type(_float_type(grad_output, inputs)), copy=False)
    grad_scale, grad_shift = _sum_of_products(grad_output, centred) / deviation, _sum_of_rows(grad_output)
    count = inputs.size // inputs.shape[-1]
    centred *= grad_scale / count / deviation  # from here on in place: a new large array costs as much as a product
    centred += grad_shift / count
    grad_inputs = np.subtract(grad_output, centred, out=centred)
    grad_inputs *= scale / deviation
    return tuple(grad.astype(inputs.dtype, copy=False) for grad in (grad_inputs, grad_scale, grad_shift))


def channel_moments(inputs):
    """Return mean and variance of every channel over a batch: (..., C) -> (C,), (C,). Taught in lesson 04."""
    inputs, _ = _channels(inputs)
    count = inputs.size // inputs.shape[-1]
    mean = _sum_of_rows(inputs.astype(_sum_type(inputs.dtype), copy=False)) / count
    centred = _centred(inputs, mean)  # the mean of the squares less the mean's square would lose small variances
    return mean, _sum_of_products(centred, centred) / count


def _given_or_own(mean, variance, inputs):
    if (mean is None) != (variance is None):
        raise ValueError("mean and variance must be given both or neither; leave both out to use the batch's own")
    return channel_moments(inputs) if mean is None else _channels(inputs, mean=mean, variance=variance)[1]


def _centred(inputs, mean):
    return np.subtract(inputs, mean, dtype=_sum_type(inputs.dtype))


def _channels(inputs, **per_channel):
    """Check batch normalisation's inputs, (..., C), and the arrays that hold one number a channel, (C,)."""
    inputs = numbers(inputs, "inputs", "(..., C)", max(np.ndim(inputs), 2))
    arrays = [numbers(array, name, "(C,)", 1) for name, array in per_channel.items()]
    for name, array in zip(per_channel, arrays, strict=True):
        _require_shape(array, name, "(C,), one number a channel", inputs.shape[-1:])
    return inputs.astype(_float_type(inputs), copy=False), arrays


def _deviation(variance, epsilon):
    shapes.number(epsilon, "epsilon", "a number")
    least = variance.min()
    if epsilon < 0 or least < 0 or least + epsilon == 0:
        raise ValueError(
            f"epsilon and variance must not be negative, nor both zero, got epsilon {epsilon} and variances "
            f"from {least}; 1e-3 is Keras's epsilon"
        )
    return np.sqrt(variance + epsilon)


# --------------------------------------------------------------------------- loss


def softmax_cross_entropy(logits, labels):
    """Average, over the batch, of minus the logarithm of the softmax probability of the right class.

    In nats: ``log(K)`` when all scores are equal. Taught in lesson 04.

    Parameters
    ----------
    logits : array_like, shape (N, K)
        Scores; softmax turns a row into probabilities.
    labels : array_like of int, shape (N,)
        The right class of each row, 0 to K - 1.
    """
    logits, labels = _logits_and_labels(logits, labels)
    return float(-_log_softmax(logits)[np.arange(len(labels)), labels].mean())


def softmax_cross_entropy_backward(logits, labels):
    """Return the gradient of `softmax_cross_entropy` with respect to the logits: (softmax - one-hot) / N.

    Parameters are those of `softmax_cross_entropy`. The loss is where gradients start, so there is no `grad_output`.
    Taught in lesson 04.
    """
    logits, labels = _logits_and_labels(logits, labels)
    grad_logits = np.exp(_log_softmax(logits))
    grad_logits[np.arange(len(labels)), labels] -= 1
    return (grad_logits / grad_logits.dtype.type(len(labels))).astype(logits.dtype, copy=False)


def _log_softmax(logits):
    logits = logits.astype(_sum_type(logits.dtype), copy=False)
    shifted = logits - logits.max(1, keepdims=True)  # the same probabilities, and exp cannot overflow
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _logits_and_labels(logits, labels):
    logits = numbers(logits, "logits", "(N, K)", 2)
    logits = logits.astype(_float_type(logits), copy=False)
    labels = numbers(labels, "labels", "(N,)", 1)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be whole numbers, one a row, got dtype {labels.dtype}; use labels.astype(int)")
    _require_shape(labels, "labels", "(N,), one class a row of logits", logits.shape[:1])
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels must lie from 0 to {classes - 1}, since logits have shape {logits.shape}; "
            f"got values from {labels.min()} to {labels.max()}"
        )
    largest = logits.max(1)
    if not np.isfinite(largest).all():
        row = int(np.argmin(np.isfinite(largest)))
        raise ValueError(f"the largest logit of every row must be finite, got {largest[row]} in row {row}")
    return logits, labels


# --------------------------------------------------------------------------- how convolution is made fast


def _columns(padded, windows):
    """Copy the pixels under the kernel at every place, a row a place: (n, h, w, C) -> (n·H'·W', KH·KW·C)."""
    length = windows.weights * padded.shape[3]
    # Copying is what costs, so it goes along the longer run: a pixel's channels, or (for few channels) a row of places.
    if padded.shape[3] >= _MANY_CHANNELS:
        return windows.view(padded).reshape(-1, length)
    by_channel = np.ascontiguousarray(padded.transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
    return windows.view(by_channel).transpose(3, 4, 5, 0, 1, 2).reshape(length, -1).T


def _columns_backward(grad_places, weights, windows, shape):
    """Add up for every pixel what comes back from the places that saw it: (n·H'·W', C_out) -> `shape`, (n, h, w, C)."""
    images, *_, channels = shape
    if channels >= _MANY_CHANNELS:
        grad_pixels = np.zeros(shape, grad_places.dtype)
        for weight, (rows, columns) in zip(
            weights.reshape(-1, channels, weights.shape[1]), windows.slices(), strict=True
        ):
            grad_pixels[:, rows, columns] += (grad_places @ weight.T).reshape(images, *windows.output_size, channels)
        return grad_pixels
    grad_columns = (weights @ grad_places.T).reshape(windows.weights, channels, images, *windows.output_size)
    grad_planar = np.zeros((channels, *shape[:3]), grad_places.dtype)
    for grad_position, (rows, columns) in zip(grad_columns, windows.slices(), strict=True):
        grad_planar[:, :, rows, columns] += grad_position
    return grad_planar.transpose(1, 2, 3, 0)


_MANY_CHANNELS = 8
_STRIP_BYTES = 2**20  # columns of this size stay in a core's cache between being written and being multiplied


def _strips(padded, windows):
    """Yield strips of images, or of rows of one, that fit in the cache: own windows, where pixels and places lie."""
    # Shapes alone say where to cut, not the number of threads, so that sums of strips are the same everywhere.
    images, _, _, channels = padded.shape
    height, width = windows.output_size
    row_bytes = width * windows.weights * channels * padded.itemsize
    strips = max(1, 2 * (images * height * row_bytes // _STRIP_BYTES))  # one, or an even number for an even share
    step, rows = -(-images // strips), -(-height // -(-strips // images))
    for first in range(0, images, step):
        for top in range(0, height, rows):
            strip = windows._replace(output_size=(min(rows, height - top), width))
            pixels = slice(top * windows.stride[0], top * windows.stride[0] + strip.reach[0])
            yield (
                strip,
                (slice(first, first + step), pixels),
                (slice(first, first + step), slice(top, top + strip.output_size[0])),
            )


# --------------------------------------------------------------------------- where windows lie


class _Windows(NamedTuple):
    """Where the kernel stands, place by place, on one padded image."""

    kernel_size: tuple  # (KH, KW)
    stride: tuple  # (row, column)
    dilation: tuple  # (row, column)
    padding: tuple  # ((top, bottom), (left, right))
    output_size: tuple  # (H', W')

    @property
    def weights(self):
        return self.kernel_size[0] * self.kernel_size[1]

    @property
    def overlap(self):
        """Whether a pixel may lie in several windows."""
        return any(step < size for step, size in zip(self.stride, self.kernel_size, strict=True))

    @property
    def reach(self):
        """Padded pixels from the first place's first to the last place's last, (rows, columns)."""
        return tuple(
            (outputs - 1) * step + (size - 1) * gap + 1
            for outputs, step, size, gap in zip(
                self.output_size, self.stride, self.kernel_size, self.dilation, strict=True
            )
        )

    def slices(self):
        """Yield for each weight, row by row, the (rows, columns) of the pixels that it meets in all places."""
        (height, width), (down, right), (gap_down, gap_right) = self.output_size, self.stride, self.dilation
        for i, j in product(*map(range, self.kernel_size)):
            top, left = i * gap_down, j * gap_right
            yield slice(top, top + (height - 1) * down + 1, down), slice(left, left + (width - 1) * right + 1, right)

    def pixels(self, padded):
        """Return, for each weight, the pixels that it meets in all places: KH·KW views of shape (n, H', W', C)."""
        return [padded[:, rows, columns] for rows, columns in self.slices()]

    def view(self, padded):
        """Show the pixels under the kernel in every place, without a copy: (n, h, w, C) -> (n, H', W', KH, KW, C)."""
        by_image, by_row, by_column, by_channel = padded.strides
        # A step beyond the image is never taken, but NumPy wants to hold it in 64 bits.
        (down, right), (gap_down, gap_right) = (
            [min(step, size) for step, size in zip(steps, padded.shape[1:3], strict=True)]
            for steps in (self.stride, self.dilation)
        )
        return np.lib.stride_tricks.as_strided(
            padded,
            (len(padded), *self.output_size, *self.kernel_size, padded.shape[3]),
            (by_image, by_row * down, by_column * right, by_row * gap_down, by_column * gap_right, by_channel),
            writeable=False,
        )


def _windows(image_size, kernel_size, stride, padding, dilation):
    stride, dilation = shapes.pair(stride, "stride"), shapes.pair(dilation, "dilation")
    in_pixels = tuple(
        side if isinstance(side, str) else shapes.padding_amounts(1, 1, padding=side)
        for side in shapes.padding_pair(padding)
    )
    return _placed(tuple(image_size), tuple(kernel_size), stride, in_pixels, dilation)


@lru_cache  # a training asks for the same few windows at every step
def _placed(image_size, kernel_size, stride, padding, dilation):
    axes = list(zip(image_size, kernel_size, stride, padding, dilation, strict=True))
    return _Windows(
        kernel_size,
        stride,
        dilation,
        tuple(shapes.padding_amounts(*axis) for axis in axes),
        tuple(shapes.output_size(*axis) for axis in axes),
    )


def _pad(images, windows, dtype, value=0):
    """Return the images with their padding around them; without padding, the images themselves."""
    images = np.ascontiguousarray(images, dtype)
    (top, bottom), (left, right) = windows.padding
    if not top + bottom + left + right:
        return images
    count, height, width, channels = images.shape
    padded = np.full((count, top + height + bottom, left + width + right, channels), value, dtype)
    _unpad(padded, windows)[...] = images
    return padded


def _unpad(padded, windows):
    (top, bottom), (left, right) = windows.padding
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


# --------------------------------------------------------------------------- types and checks


def whole_array(array, name, form):
    """Return an ndarray of anything, or say why there is none."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked, got shape {array.shape}; fill it first, {name}.filled(0)")
    try:
        return np.asarray(array)
    except ValueError:
        raise ValueError(f"{name} must have rows of equal length, {form}, got a ragged list") from None


def numbers(array, name, form="any shape", axes=None):
    """Return `array` as an ndarray of real numbers with that many axes, none of them empty, or say what is wrong."""
    array = whole_array(array, name, form)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must hold real numbers, got dtype {array.dtype} with shape {array.shape}; "
            f"convert it first, for example with np.asarray({name}, float)"
        )
    if axes is not None and array.ndim != axes:
        raise ValueError(
            f"{name} must have {axes} {'axis' if axes == 1 else 'axes'}, {form}, got {array.ndim} with shape "
            f"{array.shape}{_axes_remedy(array, name, form, axes)}"
        )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}; each axis of {form} needs at least 1")
    return array


def finite(array, name, form="any shape", axes=None):
    """Return `array` as `numbers` does, if all of them are finite, or say what is wrong."""
    array = numbers(array, name, form, axes)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity; find them with np.isfinite({name})")
    return array


def floats(images, low=-np.inf, high=np.inf, rule="from {} to {}", remedy="write images / 255"):
    """Return images (N, H, W, C) as an array of floats from `low` to `high`, but for rounding, or say what is wrong."""
    images = finite(images, "images", "(N, H, W, C)", 4)
    if images.dtype.kind != "f":
        raise ValueError(f"images must be numbers with a point, got {images.dtype}; write images / 255")
    slack = 8 * np.finfo(images.dtype).eps * max(abs(end) for end in (low, high, 0) if np.isfinite(end))
    least, most = float(images.min()), float(images.max())
    if least < low - slack or most > high + slack:
        rule = rule.format(f"{low:g}", f"{high:g}")
        raise ValueError(f"images must lie {rule}, got {least:g} to {most:g}; {remedy}")
    return images


def scaled(array, axis=None):
    """Return `array` times a power of two, of size 1/2 to 1 at its largest, whose squares are floats, and the power."""
    _, power = np.frexp(np.abs(array).max(axis, keepdims=True))
    return np.ldexp(array, -power), -power


def _axes_remedy(array, name, form, axes):
    if axes == 4 and array.ndim == 3:
        of_one = form.startswith("(N")
        return f"; for one image write {name}[None]" if of_one else f"; add an axis, {name}[..., None]"
    if axes == 4 and array.ndim == 2:
        return f"; write {name}[None, :, :, None]" if name == "images" else f"; write {name}[:, :, None, None]"
    if axes == 2 and array.ndim == 3:
        return f"; choose one channel, {name}[:, :, 0], or use conv2d"
    if axes == 2 and array.ndim == 4:
        return f"; of a layer's (KH, KW, C_in, C_out) choose one, {name}[:, :, 0, 0]"
    return ""


def _images_and_kernel(images, kernel):
    images = numbers(images, "images", "(N, H, W, C_in)", 4)
    kernel = numbers(kernel, "kernel", "(KH, KW, C_in, C_out)", 4)
    if images.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"kernel must have as many input channels as the images: images {images.shape} have {images.shape[3]}, "
            f"kernel {kernel.shape} takes {kernel.shape[2]}; axes are (N, H, W, C_in) and (KH, KW, C_in, C_out)"
        )
    return images, kernel


def _require_shape(array, name, meaning, shape):
    if array.shape != tuple(shape):
        raise ValueError(f"{name} must have the shape of {meaning}: {tuple(shape)}, got {array.shape}")


def _result_type(*arrays):
    """Return the widest floating type among the arrays, or int64 where all hold integers."""
    floats = [array.dtype for array in arrays if array.dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(np.int64)


def _float_type(*arrays):
    dtype = _result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _sum_type(dtype):
    """Return the type to add in: float16 is too coarse, and BLAS has no integers (float64 holds them exactly)."""
    return {"f2": np.dtype(np.float32), "i8": np.dtype(np.float64)}.get(dtype.str[1:], dtype)


def _refuse_overflow(dtype, image, kernel, products, bias=None):
    """Refuse integers whose sum of products could pass 2**53, beyond which float64 skips numbers."""
    if dtype.kind == "f":
        return
    image_max, kernel_max, bias_max = (
        0 if array is None else max(abs(int(array.max())), abs(int(array.min()))) for array in (image, kernel, bias)
    )
    if image_max * kernel_max * products + bias_max > 2**53:
        raise ValueError(
            f"integer sums must stay below 2**53 to be exact: values up to {image_max} times weights up to "
            f"{kernel_max}, {products} products a sum, may pass it; convert to float64 if rounding is fine"
        )


def _sum_of_rows(array):
    """Add up all but the last axis: (..., C) -> (C,)."""
    # A matrix product does it faster than array.sum; one axis after the other rounds less than all at once.
    array = array.reshape(*(size for size in array.shape[:-1] if size > 1), array.shape[-1])
    while array.ndim > 1:
        array = (np.ones(len(array), array.dtype) @ array.reshape(len(array), -1)).reshape(array.shape[1:])
    return array


def _sum_of_products(one, other):
    """Multiply, and add up all but the last axis: (..., C), (..., C) -> (C,)."""
    shape = (len(one), -1, one.shape[-1])
    return _sum_of_rows(np.einsum("nrc,nrc->nc", one.reshape(shape), other.reshape(shape)))
