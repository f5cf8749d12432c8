"""Images from the activations of a first layer, and images that it cannot tell apart. Taught in lessons 10 and 13."""

from dataclasses import dataclass, field

import numpy as np
from scipy import fft
from scipy.sparse.linalg import LinearOperator, lsqr

from cnnlessons import ops, shapes
from cnnlessons.capacity.checks import divided, images_of, kernel_of, number
from cnnlessons.capacity.operator import (
    blocks_of,
    from_phases,
    operator_spectrum,
    outputs_of,
    periodic_conv2d,
    periodic_conv2d_backward,
    phases,
    rounding,
)

# --------------------------------------------------------------------------- step by step, with or without ReLU


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Images that were sought for given activations."""

    images: np.ndarray = field(repr=False)  #: (N, H, W, C_in)
    #: how far their activations are from the given ones: root of the sum of squares, relative to the given ones
    residual: float
    iterations: int  #: times that the layer was applied forwards and backwards
    converged: bool  #: whether the search ended by itself, before it ran out of iterations


def reconstruct(activations, kernel, bias=None, stride=1, *, relu=False, start=0.5, iterations=3000, tolerance=1e-10):
    """Look for the images that have given activations, as a `Reconstruction`, with only the layer and its gradient.

    Without ReLU this is least squares. With ReLU, a positive activation gives its sum exactly; a zero only says that
    the sum was not positive. What is made small is then the sum of the squares of what contradicts the activations:
    the differences where they are positive, and positive sums where they are zero. That is convex, and a root of
    zero means that the image has these activations. Where several images have them, the search ends at one near
    `start`: what the activations leave open stays as it was.

    Taught in lesson 10. Least squares by LSQR (C. C. Paige and M. A. Saunders, ACM Transactions on Mathematical
    Software 8, 1982), which needs the more iterations the larger the condition number. With ReLU, a generalised
    Newton method for piecewise quadratic functions: least squares over the positive activations and over those zeros
    that the present image contradicts, a step that is halved until it helps, and again.

    Parameters
    ----------
    activations : ndarray, shape (N, H', W', C_out)
        Such as `periodic_conv2d` returns, or ReLU of that.
    kernel, bias, stride
        As in `periodic_conv2d`.
    relu : bool
        Whether the activations went through ReLU.
    start : float or ndarray, shape (N, H, W, C_in)
        Where to begin; 0.5 is mid-gray.
    iterations, tolerance : int, float
        At most so many, and the relative residual that is good enough.
    """
    kernel = kernel_of(kernel)
    activations, size = outputs_of(activations, kernel, stride, "activations")
    _check_search(activations, relu, iterations, tolerance)
    shape = (len(activations), *size, kernel.shape[2])
    images = _start(start, shape)
    search = _Search(kernel, stride, shape, activations, activations > 0 if relu else None)
    sums = periodic_conv2d(images, kernel, bias, stride)
    left = np.linalg.norm(search.missing(sums))
    done, scale, accuracy = 0, np.linalg.norm(activations) or 1.0, _FIRST_ACCURACY if relu else tolerance
    converged = left <= tolerance * scale
    while not converged and done < iterations:
        step, used = search.step(sums, max(accuracy, tolerance), iterations - done)
        before, done = left, done + used
        share, sums, left = search.along(step, sums, before)
        images += share * step
        stalled = left >= (1 - _WORTH) * before and done < iterations
        settled = stalled and accuracy <= _LAST_ACCURACY if relu else done < iterations  # linear: one step is all
        converged = left <= tolerance * scale or settled
        accuracy *= _SHARPER if stalled else 1
    return Reconstruction(images, left / scale, done, bool(converged))


# With ReLU, which zeros count changes from step to step, so the first steps need not be exact.
_FIRST_ACCURACY, _LAST_ACCURACY, _SHARPER = 1e-2, 1e-8, 1e-2
_WORTH = 1e-4  # a step that gains a smaller share than this has stalled


class _Search:
    """The layer, the given activations, and what contradicts them."""

    def __init__(self, kernel, stride, shape, activations, known):
        self.kernel, self.stride, self.shape = kernel, stride, shape
        self.activations, self.known = activations, known  # known: where ReLU let the sum through, or None

    def missing(self, sums):
        """Return what the sums lack to agree with the activations."""
        difference = self.activations - sums
        return difference if self.known is None else np.where(self.known, difference, np.minimum(difference, 0))

    def step(self, sums, accuracy, most):
        """Return the change of the images that least squares asks for, and the iterations that it took."""
        counts = True if self.known is None else self.known | (sums > 0)

        def forward(change):
            return (counts * periodic_conv2d(change.reshape(self.shape), self.kernel, stride=self.stride)).ravel()

        def backward(outputs):
            outputs = counts * outputs.reshape(self.activations.shape)
            return periodic_conv2d_backward(outputs, self.kernel, self.stride).ravel()

        layer = LinearOperator((sums.size, int(np.prod(self.shape))), forward, backward, dtype=float)
        change, _, used, *_ = lsqr(
            layer, self.missing(sums).ravel(), atol=accuracy, btol=accuracy, conlim=0, iter_lim=most
        )
        return change.reshape(self.shape), max(used, 1)

    def along(self, step, sums, before):
        """Return the largest of 1, 1/2, 1/4 … of the step that helps, the sums there, and what is then missing."""
        change = periodic_conv2d(step, self.kernel, stride=self.stride)
        for share in 0.5 ** np.arange(20):
            left = np.linalg.norm(self.missing(sums + share * change))
            if left < before:
                return share, sums + share * change, left
        return 0.0, sums, before


def _start(start, shape):
    start = ops.finite(start, "start")
    if start.ndim and start.shape != shape:
        raise ValueError(f"start must be one number or have the shape of the images, {shape}, got {start.shape}")
    return np.broadcast_to(start, shape).astype(float)


def _check_search(activations, relu, iterations, tolerance):
    shapes.whole_number(iterations, "iterations", 1)
    number(tolerance, "tolerance", 0, 1, "try 1e-10")
    if relu and activations.min() < 0:
        raise ValueError(
            f"activations must not be negative after ReLU, got {activations.min():.3g}; leave relu=False, or apply "
            "ops.relu to them"
        )


# --------------------------------------------------------------------------- exactly, frequency by frequency


def invert(activations, kernel, bias=None, stride=1, *, start=0.5, ridge=0.0):
    """Return the images nearest to `start` among those whose linear activations fit best: the pseudo-inverse.

    Taught in lesson 10. The result of `reconstruct` without ReLU, whose arguments these are, in one step whatever the
    condition number: each frequency has a small system of its own (see `operator_spectrum`).

    With a `ridge` above 0, in a fraction of the time, since no singular values are sought, and only nearly the
    pseudo-inverse: what belongs to a singular value whose square is below `ridge` times all squares together is lost.
    """
    kernel = kernel_of(kernel)
    rule = "0, or a number from 1e-15, above rounding, to 1e15"
    ridge = shapes.number(ridge, "ridge", rule, lambda ridge: ridge == 0 or 1e-15 <= ridge <= 1e15, "try 1e-9")
    activations, size = outputs_of(activations, kernel, stride, "activations")
    images = _start(start, (len(activations), *size, kernel.shape[2]))
    missing = activations - periodic_conv2d(images, kernel, bias, stride)
    missing = fft.rfft2(missing, axes=(1, 2))[..., None]  # (N, H', W' // 2 + 1, C_out, 1)
    stride, positions = divided(size, stride)
    blocks = blocks_of(kernel, stride, positions)
    if ridge:
        return images + _back(_ridge_solved(blocks, missing, ridge), stride, positions)
    left, values, right = _factors(blocks, kernel)
    parts = np.divide(
        _turned(left) @ missing, values, out=np.zeros_like(values * missing[..., :1, :]), where=values > 0
    )
    return images + _back(_turned(right) @ parts, stride, positions)


def null_space_part(images, kernel, stride=1, padding="periodic"):
    """Return the part of images that a layer cannot see: added to any image, it changes no activation.

    Taught in lessons 10 and 13. The orthogonal projection on the null space: frequency by frequency, or, with the
    padding that networks have, by least squares (LSQR).

    Parameters
    ----------
    images : ndarray, shape (N, H, W, C_in)
    kernel, stride
        As in `periodic_conv2d`.
    padding : {"periodic", "same", "valid"}
        What lies beyond the border: the opposite side, zeros as in Keras and `ops.conv2d`, or nothing.
    """
    kernel = kernel_of(kernel)
    if shapes.chosen(padding, "padding", ["periodic", "same", "valid"]) != "periodic":
        images = images_of(images, kernel, 1)
        return images - np.concatenate([_seen(image[None], kernel, stride, padding) for image in images])
    images = images_of(images, kernel, stride)
    stride, positions = divided(images.shape[1:3], stride)
    _, values, right = _factors(blocks_of(kernel, stride, positions), kernel)
    seen = fft.rfft2(phases(images, stride), axes=(1, 2))[..., None]
    seen = _turned(right) @ ((values > 0) * (right @ seen))
    return images - _back(seen, stride, positions)


def _seen(image, kernel, stride, padding):
    """Return the smallest image with the same activations, by least squares, once more for what the first left."""
    layer, kernel = {"stride": stride, "padding": padding}, kernel.astype(float)
    nothing = np.zeros(image.shape)
    outputs = ops.conv2d(nothing, kernel, **layer).shape
    operator = LinearOperator(
        (int(np.prod(outputs)), image.size),
        lambda change: ops.conv2d(change.reshape(image.shape), kernel, **layer).ravel(),
        lambda grad: ops.conv2d_backward(grad.reshape(outputs), nothing, kernel, **layer)[0].ravel(),
        dtype=float,
    )
    seen = np.zeros(image.size)
    for _ in range(2):
        left = operator.matvec(image.ravel() - seen)
        seen += lsqr(operator, left, atol=1e-13, btol=1e-13, conlim=0, iter_lim=20 * image.size)[0]
    return seen.reshape(image.shape)


@dataclass(frozen=True, eq=False)
class NullSpaceImages:
    """Two images with the same activations."""

    image: np.ndarray = field(repr=False)  #: (H, W, C_in), in [0, 1]
    twin: np.ndarray = field(repr=False)  #: (H, W, C_in), in [0, 1]
    contrast: float  #: what the contrast of the given image was multiplied by, to make room in [0, 1]
    difference: float  #: root mean square of ``twin - image``


def null_space_image(image, other, kernel, stride=1, *, strength=1.0, padding="periodic"):
    """Return an image and a twin that looks different and has the same activations, as `NullSpaceImages`.

    The twin is the image, and, where the layer is blind, the other image. Both are drawn towards mid-gray as far as
    needed to stay in [0, 1], which changes the activations of both alike, and what zeros around them stand for. Taught
    in lessons 10 and 13.

    Parameters
    ----------
    image, other : ndarray, shape (H, W, C_in)
        Values in [0, 1]. `other` may be any picture.
    kernel, stride, padding
        As in `null_space_part`.
    strength : float
        How many times the difference is laid on.
    """
    kernel = kernel_of(kernel)
    periodic = padding == "periodic"
    pair = images_of(np.stack(_two_images(image, other)), kernel, stride if periodic else 1)
    number(strength, "strength", 0, 1e6, "1 lays the difference on once")
    if periodic:
        _require_blind(operator_spectrum(kernel, stride, pair.shape[1:3]))
    hidden = strength * null_space_part(pair[1:] - pair[:1], kernel, stride, padding)[0]
    if np.abs(hidden).max() < (1e-9 if periodic else 1e-7):
        raise ValueError(
            "other must differ from image where the layer is blind, but there the two are the same; try another "
            "picture, such as noise, or a kernel with fewer filters"
        )
    reach = max(np.abs(pair[0] - 0.5).max(), np.abs(pair[0] + hidden - 0.5).max())
    contrast = min(1.0, 0.5 / reach)
    image, twin = (np.clip(0.5 + contrast * (one - 0.5), 0, 1) for one in (pair[0], pair[0] + hidden))
    return NullSpaceImages(image, twin, contrast, float(np.sqrt(np.mean((twin - image) ** 2))))


def _require_blind(spectrum):
    if spectrum.injective:
        raise ValueError(
            f"kernel must leave something unseen, but its rank is {spectrum.rank:,} of {spectrum.inputs:,} numbers in "
            f"the image, so no two images have the same activations; take fewer than {spectrum.counts.new_inputs} "
            "filters (stride · stride · C_in), a larger stride, or filters that depend on one another"
        )


def _two_images(image, other):
    image, other = ops.finite(image, "image"), ops.finite(other, "other")
    if image.ndim != 3 or image.shape != other.shape:
        raise ValueError(
            f"image and other must have the same shape (H, W, C_in), got {image.shape} and {other.shape}; a gray "
            "image gets its axis with image[..., None]"
        )
    for name, array in (("image", image), ("other", other)):
        if array.min() < 0 or array.max() > 1:
            raise ValueError(f"{name} must be in [0, 1], got {array.min():.3g} to {array.max():.3g}; divide by 255?")
    return image, other


def _factors(blocks, kernel):
    """Return the singular value decomposition of every block: left, values (k, 1) with zeros for rounding, right."""
    left, values, right = np.linalg.svd(blocks, full_matrices=False)
    values = np.where(values > rounding(kernel) * values.max(), values, 0)
    return left, values[..., None], right


def _ridge_solved(blocks, missing, ridge):
    """Solve the normal equations of every block, with a little added to their diagonal."""
    squares = _turned(blocks) @ blocks
    weight = ridge * np.abs(np.trace(squares, axis1=-2, axis2=-1)).max() or 1.0  # of a kernel of zeros
    return np.linalg.solve(squares + weight * np.eye(squares.shape[-1]), _turned(blocks) @ missing)


def _turned(matrices):
    return matrices.conj().swapaxes(-1, -2)


def _back(transform, stride, positions):
    """Return images from the transforms of their phases, (N, H', W' // 2 + 1, stride * stride * C_in, 1)."""
    return from_phases(fft.irfft2(transform[..., 0], positions, axes=(1, 2)), stride)
