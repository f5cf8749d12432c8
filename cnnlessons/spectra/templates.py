"""Derivatives of a Gaussian and Gabor functions, fitted to a kernel's pattern by least squares. Used in lesson 08."""

import functools
from typing import NamedTuple

import numpy as np

# Templates: (profile of u and v) · exp(-(u² + v²) / 2); u runs across the orientation, v along, in standard deviations.

PARAMETERS = ("row", "column", "angle", "across", "along", "wavelength")  # the last three as logarithms


class _Template(NamedTuple):
    kind: str
    free: str  # the parameters that are fitted; if "along" is not among them, the window is round
    profile: tuple[int, int, int, int, int]  # coefficients of 1, u, u², v², uv
    second: str = ""  # what else has an amplitude: "window", or "wave" for cos and sin instead of the profile
    narrowest: float = 0.4  # standard deviation of the window


_THINNEST = 0.55  # of a thinner line, the side lobes fall between the pixels, so that wrong angles fit as well

TEMPLATES = (
    _Template("low-pass", "across", (1, 0, 0, 0, 0)),
    _Template("low-pass", "angle across along", (1, 0, 0, 0, 0)),
    _Template("low-pass", "row column angle across along", (1, 0, 0, 0, 0)),
    _Template("edge", "angle across", (0, 1, 0, 0, 0)),
    _Template("edge", "angle across along", (0, 1, 0, 0, 0)),
    _Template("edge", "row column angle across along", (0, 1, 0, 0, 0)),
    _Template("line", "angle across", (1, 0, -1, 0, 0), narrowest=_THINNEST),
    _Template("line", "angle across along", (1, 0, -1, 0, 0), narrowest=_THINNEST),
    _Template("line", "row column angle across along", (1, 0, -1, 0, 0), narrowest=_THINNEST),
    _Template("centre-surround", "across", (2, 0, -1, -1, 0)),
    _Template("centre-surround", "row column across", (2, 0, -1, -1, 0), "window"),
    _Template("saddle", "angle across", (0, 0, 0, 0, 1)),
    _Template("saddle", "row column angle across", (0, 0, 0, 0, 1)),
    _Template("gabor", "row column angle across along wavelength", (0, 0, 0, 0, 0), "wave"),
)
KINDS = np.array([template.kind for template in TEMPLATES])
FREE = np.array([[name in template.free.split() for name in PARAMETERS] for template in TEMPLATES])
_PROFILES = np.array([template.profile for template in TEMPLATES], dtype=float)
SECONDS = np.array([template.second for template in TEMPLATES])
GABOR = len(TEMPLATES) - 1
ORDERS = {"low-pass": 0, "edge": 1, "line": 2, "centre-surround": 2, "saddle": 2}


class Fits(NamedTuple):
    parameters: np.ndarray  # (templates, 6)
    amplitudes: np.ndarray  # (templates, 2)
    residuals: np.ndarray  # (templates,)
    counts: np.ndarray  # (templates,): fitted parameters and amplitudes
    patterns: np.ndarray  # (templates, KH, KW)


def fit_templates(pattern):
    """Fit every template to a pattern of norm 1."""
    shape, pattern = pattern.shape, pattern.ravel()
    starts = [_best_starts(template, shape, pattern) for template in range(len(TEMPLATES))]
    which, parameters = np.repeat(np.arange(len(starts)), [len(some) for some in starts]), np.concatenate(starts)
    free = FREE & _can_vary(shape)
    parameters, energy_left = _refine(which, parameters, free[which], shape, pattern, steps=5)
    order = np.lexsort([np.round(energy_left, 9), which])
    first = order[np.unique(which[order], return_index=True)[1]]  # of each template, the best start so far
    which, parameters = which[first], parameters[first]
    parameters, residuals = _refine(which, parameters, free, shape, pattern, steps=10)
    amplitudes, left = _solve(_columns(which, parameters, shape), pattern)
    counts = free.sum(axis=1) + np.where(SECONDS == "", 1, 2)
    return Fits(parameters, amplitudes, residuals, counts, (pattern - left).reshape(-1, *shape))


def _can_vary(shape):
    """Say of each parameter whether it changes a template of this shape: one row has no angle and no height."""
    tall, wide = shape[0] > 1, shape[1] > 1
    return np.array([tall, wide, tall and wide, tall or wide, tall and wide, tall or wide])


def turned(shape, row, column, angle):
    """Return how far each weight lies from (row, column), both counted from the middle: across and along, (..., n)."""
    rows, columns = np.indices(shape).reshape(2, -1) - (np.array(shape)[:, np.newaxis] - 1) / 2
    rows, columns, cosine, sine = rows - row, columns - column, np.cos(angle), np.sin(angle)
    return columns * cosine + rows * sine, rows * cosine - columns * sine


def _columns(which, parameters, shape):
    """Return the two functions that each template adds up: parameters (T, ..., 6) to (2, T, ..., n)."""
    row, column, angle, across, along, wavelength = np.moveaxis(parameters[..., np.newaxis], -2, 0)
    distance, v = turned(shape, row, column, angle)
    broadcast = (-1, *[1] * (v.ndim - 1))
    u = distance * np.exp(-across)
    v *= np.exp(-np.where(FREE[which, 4].reshape(broadcast), along, across))
    window = np.exp(-(u * u + v * v) / 2)
    one, first, second, third, mixed = _PROFILES[which].T.reshape(5, *broadcast)
    columns = np.zeros((2, *window.shape))
    columns[0] = (one + u * (first + second * u + mixed * v) + third * v * v) * window
    double, wave = SECONDS[which] == "window", SECONDS[which] == "wave"
    columns[1, double] = window[double]
    phase = 2 * np.pi * distance[wave] * np.exp(-wavelength[wave])
    columns[0, wave], columns[1, wave] = np.cos(phase) * window[wave], np.sin(phase) * window[wave]
    return columns


def _solve(columns, pattern):
    """Return the amplitudes (..., 2) that leave the least of a pattern, and what they leave (..., n)."""
    first, second = columns
    energies = (first * first).sum(axis=-1), (second * second).sum(axis=-1)
    of_first, of_second = (energy * (1 + 1e-9) + 1e-14 for energy in energies)  # one may be nothing, or both the same
    both, by_first, by_second = (first * second).sum(axis=-1), first @ pattern, second @ pattern
    determinant = of_first * of_second - both * both
    amplitudes = np.stack([by_first * of_second - by_second * both, by_second * of_first - by_first * both], axis=-1)
    amplitudes /= determinant[..., np.newaxis]
    return amplitudes, pattern - amplitudes[..., :1] * first - amplitudes[..., 1:] * second


def _best_starts(template, shape, pattern):
    """Return the best parameters of a coarse grid; with more than two to fit, the best at each of three angles.

    A round template has no angle: the best of three widths.
    """
    parameters, columns = _starts(template, shape)
    order = np.argsort(-np.round(((columns @ pattern) ** 2).sum(axis=0), 9), kind="stable")  # symmetric ones tie
    angles_or_widths = parameters[order, 2 if FREE[template, 2] else 3]
    best_of_each = np.sort(np.unique(angles_or_widths, return_index=True)[1])
    return parameters[order[best_of_each[: 3 if FREE[template].sum() > 2 else 1]]]


@functools.lru_cache(maxsize=8 * len(TEMPLATES))
def _starts(template, shape):
    """Return a coarse grid of a template's parameters (S, 6), and orthonormal functions for each (1 or 2, S, n)."""
    free, largest = dict(zip(PARAMETERS, FREE[template] & _can_vary(shape), strict=True)), max(shape)
    wave = "wavelength" in TEMPLATES[template].free
    places = np.zeros(1) if wave else np.linspace(-0.2, 0.2, 5)
    axes = [
        places * (shape[0] - 1) if free["row"] else [0],
        places * (shape[1] - 1) if free["column"] else [0],
        np.pi * np.arange(12) / 12 if free["angle"] else [0 if shape[1] > 1 else np.pi / 2],
        np.log(largest * np.array([0.15, 0.3, 0.6])) if wave else np.log(np.geomspace(0.6, max(largest / 2, 1), 5)),
        np.log([1, 3]) if free["along"] else [0],
        np.log(np.geomspace(2.3, 2 * largest, 8)) if wave else [0],
    ]
    parameters = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(PARAMETERS))
    parameters[:, 4] += parameters[:, 3]  # so far it was how many times longer than wide
    first, second = _columns(np.array([template]), parameters[np.newaxis], shape)[:, 0]
    first = first / (np.linalg.norm(first, axis=1, keepdims=True) + 1e-12)
    second = second - (first * second).sum(axis=1, keepdims=True) * first
    columns = np.stack([first, second / (np.linalg.norm(second, axis=1, keepdims=True) + 1e-12)])
    return parameters, columns if SECONDS[template] else columns[:1]


def _limits(which, shape):
    """Return least and largest parameters (T, 6): centre in the kernel, width and wavelength that pixels can show."""
    (tall, wide), largest = (np.array(shape) - 1) / 2, max(shape)
    lowest = np.tile([-tall, -wide, -np.inf, 0, np.log(0.4), np.log(2)], (len(which), 1))
    lowest[:, 3] = np.log([TEMPLATES[template].narrowest for template in which])
    return lowest, np.array([tall, wide, np.inf, np.log(2 * largest), np.log(4 * largest), np.log(4 * largest)])


def _refine(which, parameters, free, shape, pattern, steps):
    """Move the free parameters to the least squares, all templates at once (Levenberg and Marquardt's method).

    Returns the parameters (T, 6) and the energy that they leave (T,).
    """

    def left_by(which, parameters):
        return _solve(_columns(which, parameters, shape), pattern)[1]

    lowest, highest = _limits(which, shape)
    parameters = np.clip(parameters, lowest, highest)
    left, damping = left_by(which, parameters), np.full((len(which), 1), 1e-2)
    template, moved = np.nonzero(free)
    nudges = 1e-5 * np.eye(len(PARAMETERS))[moved]
    slopes = np.zeros((*free.shape, pattern.size))  # (T, 6, n), 0 where a parameter is not free
    for _ in range(steps):
        slopes[free] = (left_by(which[template], parameters[template] + nudges) - left[template]) / 1e-5
        tried = np.clip(parameters - _step(slopes, left, damping), lowest, highest)
        left_then = left_by(which, tried)
        better = ((left_then**2).sum(axis=1) < (left**2).sum(axis=1))[:, np.newaxis]
        parameters, left = np.where(better, tried, parameters), np.where(better, left_then, left)
        damping = np.where(better, (damping / 5).clip(min=1e-7), damping * 5)
    return parameters, (left**2).sum(axis=1)


def _step(slopes, left, damping):
    curvature = slopes @ slopes.swapaxes(1, 2)
    own = np.einsum("tpp->tp", curvature)
    curvature += np.eye(len(PARAMETERS)) * (damping * own + np.where(own > 0, 1e-9, 1))[:, np.newaxis]
    return np.linalg.solve(curvature, slopes @ left[:, :, np.newaxis])[:, :, 0]
