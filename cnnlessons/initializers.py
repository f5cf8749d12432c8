"""Starting values for the weights of a layer.

Every initializer takes a shape and a random generator and returns float64 weights. The last axis of the shape is the
layer's outputs, the one before it the inputs: ``(KH, KW, C_in, C_out)`` for a convolution, ``(D_in, D_out)`` for a
dense layer. "He" and "Glorot" choose how wide to draw from how many numbers are added up, the *fan*; names and
numbers are Keras's, except where a function says otherwise.

Taught in lesson 05; edge-biased starts in lesson 09.
"""

import math

import numpy as np

from cnnlessons import kernels, shapes


def fans(shape):
    """Return how many numbers one output is summed from, and how many outputs one input goes to. Taught in lesson 05.

    Of a shape (..., C_in, C_out) that is ``positions * C_in`` and ``positions * C_out``, with ``positions = KH * KW``
    (1 for a dense layer).

    Examples
    --------
    >>> fans((3, 3, 16, 32)), fans((64, 10))
    ((144, 288), (64, 10))
    """
    *kernel_size, inputs, outputs = _checked(shape)
    positions = math.prod(kernel_size)
    return positions * inputs, positions * outputs


# --------------------------------------------------------------------------- without regard to the fan


def zeros(shape, rng=None):
    """Return zeros: every filter starts, and stays, like every other. Taught in lesson 05."""
    return np.zeros(_checked(shape))


def constant(shape, rng=None, value=0.01):
    """Return the same number everywhere. Taught in lesson 05."""
    return np.full(_checked(shape), _number(value, "value", -np.inf))


def normal(shape, rng, standard_deviation=0.05):
    """Draw from a normal distribution around zero, the same for every shape. Taught in lesson 05."""
    return _generator(rng).normal(0.0, _number(standard_deviation, "standard_deviation"), _checked(shape))


def uniform(shape, rng, limit=0.05):
    """Draw evenly from -limit to limit, the same for every shape. Taught in lesson 05."""
    limit = _number(limit, "limit")
    return _generator(rng).uniform(-limit, limit, _checked(shape))


def truncated_normal(shape, rng, standard_deviation=0.05):
    """Draw from a normal distribution around zero cut off at two standard deviations; what lies beyond is drawn again.

    `standard_deviation` is that of the weights returned, after cutting; Keras's TruncatedNormal takes the one before,
    which is larger. Taught in lesson 05.
    """
    rng, before_cutting = _generator(rng), _number(standard_deviation, "standard_deviation") / _CUT_NORMAL_DEVIATION
    weights = rng.normal(size=_checked(shape))
    while (outside := np.abs(weights) > 2).any():
        weights[outside] = rng.normal(size=np.count_nonzero(outside))
    return weights * before_cutting


_CUT_NORMAL_DEVIATION = 0.87962566103423978  # of a standard normal cut off at ±2

# --------------------------------------------------------------------------- scaled by the fan


def glorot_uniform(shape, rng):
    """Draw evenly, with variance ``2 / (fan_in + fan_out)``: limit ``sqrt(6 / (fan_in + fan_out))``.

    Taught in lesson 05. X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010). Keras's default; nothing is cut off.
    """
    return uniform(shape, rng, math.sqrt(6 / sum(fans(shape))))


def glorot_normal(shape, rng):
    """Draw from a cut-off normal distribution with the variance of `glorot_uniform`. Taught in lesson 05."""
    return truncated_normal(shape, rng, math.sqrt(2 / sum(fans(shape))))


def he_uniform(shape, rng):
    """Draw evenly, with variance ``2 / fan_in``. Taught in lesson 05."""
    return uniform(shape, rng, math.sqrt(6 / fans(shape)[0]))


def he_normal(shape, rng):
    """Draw from a cut-off normal distribution with variance ``2 / fan_in``, made for layers that a ReLU follows.

    Taught in lesson 05. K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers" (2015); they do not cut
    off, Keras does.
    """
    return truncated_normal(shape, rng, math.sqrt(2 / fans(shape)[0]))


def edge_biased(shape, rng, share=0.5, bank="derivatives"):
    """Draw as `he_normal` does, then lean every filter towards an edge detector. Taught in lesson 09.

    The mean square stays that of `he_normal`.

    Parameters
    ----------
    shape : (size, size, C_in, C_out)
        `size` is odd and at least 3.
    rng : numpy.random.Generator
    share : float, 0 to 1
        Of each filter's energy (the sum of its squared weights) that the detector contributes, on average.
    bank : str
        Where the detectors come from, in turn: one of `kernels.banks()`. Each gets a random sign.
    """
    shape = _checked(shape)
    if len(shape) != 4 or shape[0] != shape[1]:
        raise ValueError(f"shape must be (size, size, C_in, C_out) for edge-biased weights, got {shape}")
    if not 0 <= _number(share, "share", -np.inf) <= 1:
        raise ValueError(f"share must lie from 0 to 1, got {share}")
    noise = he_normal(shape, rng)
    detectors = kernels.bank(bank, shape[0], shape[2])
    detectors = detectors[..., np.arange(shape[3]) % detectors.shape[3]]
    detectors *= rng.choice([-1, 1], shape[3])
    detectors *= np.sqrt(2 * shape[3] / np.square(detectors).sum())  # he_normal's filters have energy 2 on average
    return math.sqrt(1 - share) * noise + math.sqrt(share) * detectors


# --------------------------------------------------------------------------- by name

_BY_NAME = {
    function.__name__: function
    for function in (
        zeros, constant, normal, uniform, truncated_normal,
        glorot_uniform, glorot_normal, he_uniform, he_normal, edge_biased,
    )
}  # fmt: skip


def names():
    """Return the names of all initializers as a tuple."""
    return tuple(_BY_NAME)


def draw(initializer, shape, rng):
    """Return starting weights of shape (..., C_in, C_out) from an initializer or its name. Taught in lesson 05.

    `initializer` is one of `names()`, or a function of (shape, rng), such as ``functools.partial(constant,
    value=0.1)``; `rng` is a `numpy.random.Generator`.
    """
    function = _BY_NAME.get(initializer) if isinstance(initializer, str) else initializer
    if not callable(function):
        raise ValueError(
            f"initializer must be a function of (shape, rng) or one of {', '.join(_BY_NAME)}, got {initializer!r}"
        )
    weights = np.asarray(function(shape, rng))
    numbers = weights.dtype.kind in "fiu"
    if not numbers or weights.shape != tuple(shape) or not np.isfinite(weights).all():
        bad = " with NaN or infinity" if numbers and not np.isfinite(weights).all() else ""
        raise ValueError(
            f"initializer must return finite weights of shape {tuple(shape)}, got {weights.dtype} of shape "
            f"{weights.shape}{bad}"
        )
    return weights


# --------------------------------------------------------------------------- checks


def _checked(shape):
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if len(shape) < 2:
        raise ValueError(f"shape must be (KH, KW, C_in, C_out) or (D_in, D_out), got {shape}")
    return tuple(shapes.whole_number(size, f"shape[{axis}]", 1) for axis, size in enumerate(shape))


def _number(value, name, least=0.0):
    rule = "a finite number" if least < 0 else "a number from 0 up"
    return shapes.number(value, name, rule, lambda value: value >= least)


def _generator(rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a random generator, got {rng!r}; write np.random.default_rng(seed)")
    return rng
