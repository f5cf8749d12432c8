"""Central differences: the slow, honest way to a gradient, with which every ``..._backward`` is checked.

Taught in lesson 03.
"""

import numpy as np

from cnnlessons import shapes


def numerical_gradient(function, array, grad_output=None, step=1e-5):
    """Estimate a gradient by moving one number at a time a little up and a little down.

    Taught in lesson 03. Unlike ``f(x + step) - f(x)``, the central difference ``f(x + step) - f(x - step)`` has
    no error of first order.

    Parameters
    ----------
    function : callable
        Takes an array like `array` and returns a number or an array.
    array : array_like of floats
        Where the gradient is wanted. It is not changed.
    grad_output : array_like of the shape of ``function(array)``, optional
        Weights of the outputs in the sum that is differentiated; all ones by default.
    step : float
        How far each number is moved, in its own units.

    Returns
    -------
    ndarray, shape of `array`, float64
        ``d sum(grad_output * function(array)) / d array``, with an error of the order of ``step**2``.

    Examples
    --------
    >>> numerical_gradient(np.square, np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    point = np.array(array)
    if point.dtype.kind != "f":
        raise TypeError(
            f"array must hold floats, which can move by {step}, got dtype {point.dtype}; use array.astype(float)"
        )
    shapes.number(step, "step", "a positive number", lambda step: step > 0, "1e-5 suits float64")
    point = point.astype(np.float64)
    weights = _weights(function(point.copy()), grad_output)
    gradient = np.empty_like(point)
    for index in np.ndindex(*point.shape):
        here = point[index]
        up, down = here + step, here - step
        if not down < here < up:
            raise ValueError(f"step must move every number of array, but {here} ± {step} is {here}; give a larger step")
        point[index] = up
        above = np.asarray(function(point.copy()), np.float64)
        point[index] = down
        below = np.asarray(function(point.copy()), np.float64)
        point[index] = here
        gradient[index] = np.sum(weights * (above - below)) / (up - down)  # not 2 * step: both ends were rounded
    bad = np.argwhere(~np.isfinite(gradient)).tolist()
    if bad:
        raise ValueError(f"function must return finite numbers near array, but entry {tuple(bad[0])} led to NaN or inf")
    return gradient


def _weights(output, grad_output):
    output = np.asarray(output)
    if not np.isfinite(output).all():
        raise ValueError(f"function must return finite numbers, got NaN or inf in an output of shape {output.shape}")
    if grad_output is None:
        return np.ones(output.shape)
    if np.shape(grad_output) != output.shape:
        raise ValueError(
            f"grad_output must have the shape of the output, {output.shape}, got {np.shape(grad_output)}; "
            f"leave it out to weigh every output by 1"
        )
    return np.asarray(grad_output)


def relative_error(a, b):
    """Return how far two arrays of one shape differ, relative to the largest number in either: from 0, equal, to 2.

    ``max|a - b| / max(max|a|, max|b|)``, and 0 when both are all zeros. Taught in lesson 03. A gradient that is right
    differs from central differences by about 1e-9 in float64.

    Examples
    --------
    >>> relative_error([1.0, 2.0], [1.0, 4.0])
    0.5
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape, got {a.shape} and {b.shape}")
    for name, array in (("a", a), ("b", b)):
        if not np.isfinite(array).all():
            raise ValueError(f"a and b must hold finite numbers, got NaN or inf in {name}")
    if a.size == 0:
        return 0.0
    largest = max(np.abs(a).max(), np.abs(b).max())
    half = 0.5 if largest > 1e300 else 1.0  # or the difference may be too large for a float
    return float(np.abs(half * a - half * b).max() / (half * largest)) if largest > 0 else 0.0
