"""Derivatives of a Gaussian and Gabor functions, fitted to a kernel's pattern by least squares. Used in lesson 08."""

import functools
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter

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

_TRIAL, _KEPT = 10, 7
_STEPS, _NOTHING = 60, 1e-9  # at most so many steps; the last promises no more than that of the energy
_EDGES = ("nearest", "nearest", "wrap", "nearest", "nearest", "nearest")  # of a grid: angles go round


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
    parameters, state = _refine(which, parameters, pattern, shape, _TRIAL)
    kept = _best(which, (state.left**2).sum(axis=1), _KEPT)
    which = which[kept]
    parameters, state = _refine(which, parameters[kept], pattern, shape, _STEPS)
    residuals = (state.left**2).sum(axis=1)
    best = _best(which, residuals, 1)
    counts = (FREE & _can_vary(shape)).sum(axis=1) + np.where(SECONDS == "", 1, 2)
    patterns = (pattern - state.left[best]).reshape(-1, *shape)
    return Fits(parameters[best], state.amplitudes[best], residuals[best], counts, patterns)


def _best(which, residuals, count):
    """Return the indices of each template's best starts; of those that leave the same, the first come first."""
    order = np.lexsort([np.round(residuals, 7), which])
    rank = np.arange(len(which)) - np.searchsorted(which, which)  # of an ordered template's starts: 0, 1, 2, ...
    return np.sort(order[rank < count])


def _can_vary(shape):
    """Say of each parameter whether it changes a template of this shape: one row has no angle and no height."""
    tall, wide = shape[0] > 1, shape[1] > 1
    return np.array([tall, wide, tall and wide, tall or wide, tall and wide, tall or wide])


def turned(shape, row, column, angle):
    """Return how far each weight lies from (row, column), both counted from the middle: across and along, (..., n)."""
    rows, columns = np.indices(shape).reshape(2, -1) - (np.array(shape)[:, np.newaxis] - 1) / 2
    rows, columns, cosine, sine = rows - row, columns - column, np.cos(angle), np.sin(angle)
    return columns * cosine + rows * sine, rows * cosine - columns * sine


class _Place(NamedTuple):
    """Where the pixels lie in the windows of T templates: arrays (T, n), or (T, 1) of the templates' own."""

    angle: np.ndarray
    distance: np.ndarray  # across, in pixels
    beside: np.ndarray  # along, in pixels
    narrow: np.ndarray  # a pixel across, in standard deviations
    thin: np.ndarray  # a pixel along, in standard deviations
    frequency: np.ndarray  # radians a pixel, 0 without a wave
    window: np.ndarray


def _place(which, parameters, shape):
    row, column, angle, across, along, wavelength = parameters.T[:, :, np.newaxis]
    distance, beside = turned(shape, row, column, angle)
    narrow, thin = np.exp(-across), np.exp(-np.where(FREE[which, 4:5], along, across))
    frequency = np.where((SECONDS[which] == "wave")[:, np.newaxis], 2 * np.pi * np.exp(-wavelength), 0)
    window = np.exp(-((distance * narrow) ** 2 + (beside * thin) ** 2) / 2)
    return _Place(angle, distance, beside, narrow, thin, frequency, window)


def _columns(which, place):
    """Return the two functions that each template adds up (T, 2, n)."""
    u, v = place.distance * place.narrow, place.beside * place.thin
    one, first, second, third, mixed = _PROFILES[which].T[:, :, np.newaxis]
    columns = np.zeros((len(which), 2, u.shape[1]))
    columns[:, 0] = one + u * (first + second * u + mixed * v) + third * v * v
    columns[SECONDS[which] == "window", 1] = 1
    wave = SECONDS[which] == "wave"
    phase = (place.distance * place.frequency)[wave]
    columns[wave, 0], columns[wave, 1] = np.cos(phase), np.sin(phase)
    return columns * place.window[:, np.newaxis]


class _State(NamedTuple):
    amplitudes: np.ndarray  # (T, 2)
    left: np.ndarray  # (T, n): what the templates leave of the pattern
    gradient: np.ndarray  # (T, 6): of minus half the energy left, by the parameters; 0 if fixed
    curvature: np.ndarray  # (T, 6, 6): of half the energy left, as far as slopes tell


def _evaluate(which, parameters, pattern, shape):
    """Return the `_State` of templates, with the amplitudes that leave the least of a pattern."""
    place = _place(which, parameters, shape)
    columns = _columns(which, place)
    energies = columns @ columns.swapaxes(1, 2)
    energies += np.eye(2) * (1e-9 * energies + 1e-14)  # one may be nothing, or both the same
    inverse = np.linalg.inv(energies)
    amplitudes = (inverse @ (columns @ pattern)[:, :, np.newaxis])[:, :, 0]
    model = (amplitudes[:, np.newaxis] @ columns)[:, 0]
    left, slopes = pattern - model, _slopes(which, place, columns, amplitudes, model)
    shared = slopes @ columns.swapaxes(1, 2)  # what amplitudes follow: variable projection (L. Kaufman, BIT 15, 1975)
    curvature = slopes @ slopes.swapaxes(1, 2) - shared @ inverse @ shared.swapaxes(1, 2)
    gradient = (slopes @ left[:, :, np.newaxis])[:, :, 0]
    free = FREE[which] & _can_vary(shape)
    return _State(amplitudes, left, gradient * free, curvature * (free[:, :, np.newaxis] & free[:, np.newaxis]))


def _slopes(which, place, columns, amplitudes, model):
    """Return the derivatives (T, 6, n) of templates by their parameters, with amplitudes that do not move."""
    u, v = place.distance * place.narrow, place.beside * place.thin
    cosine, sine = np.cos(place.angle), np.sin(place.angle)
    _, first, second, third, mixed = _PROFILES[which].T[:, :, np.newaxis]
    one, other = amplitudes.T[:, :, np.newaxis]
    by_u = one * (first + 2 * second * u + mixed * v) * place.window - u * model
    by_v = one * (2 * third * v + mixed * u) * place.window - v * model
    by_phase = (other * columns[:, 0] - one * columns[:, 1]) * place.frequency
    across, along = by_u * place.narrow + by_phase, by_v * place.thin  # by pixels
    row, column = -sine * across - cosine * along, sine * along - cosine * across
    by_width, by_length = -u * by_u, -v * by_v
    by_width += np.where(FREE[which, 4:5], 0, by_length)  # a round window grows both ways
    angle = place.beside * across - place.distance * along
    return np.stack([row, column, angle, by_width, by_length, -place.distance * by_phase], axis=1)


def _best_starts(template, shape, pattern):
    """Return parameters (S, 6): of a coarse grid the 12 best peaks, and the best at each of the 6 best angles."""
    parameters, columns, lengths = _starts(template, shape)
    explained = np.round(((columns @ pattern.astype(np.float32)) ** 2).sum(axis=0), 5)
    order = np.argsort(-explained, kind="stable")
    if FREE[template].sum() <= 2:
        return parameters[order[:1]]
    around = maximum_filter(explained.reshape(lengths), np.minimum(3, lengths), mode=_EDGES)
    peaks = order[(explained == around.ravel())[order]]
    peaks = peaks[np.unique(-explained[peaks], return_index=True)[1][:12]]  # of those that symmetry makes alike, one
    angles_or_widths = parameters[order, 2 if FREE[template, 2] else 3]  # a round template has no angle
    best_of_each = np.sort(np.unique(angles_or_widths, return_index=True)[1])[:6]
    return parameters[np.union1d(peaks, order[best_of_each])]


@functools.lru_cache(maxsize=8 * len(TEMPLATES))
def _starts(template, shape):
    """Return a coarse grid's parameters (S, 6), orthonormal functions for each (1 or 2, S, n), and its lengths (6)."""
    free, largest = dict(zip(PARAMETERS, FREE[template] & _can_vary(shape), strict=True)), max(shape)
    wave = "wavelength" in TEMPLATES[template].free
    places = np.linspace(-0.2, 0.2, 3 if wave else 5)
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
    which = np.full(len(parameters), template)
    columns = _columns(which, _place(which, parameters, shape)).swapaxes(0, 1)
    first, second = columns / (np.linalg.norm(columns, axis=2, keepdims=True) + 1e-12)
    second -= (first * second).sum(axis=1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=1, keepdims=True) + 1e-12
    functions = np.stack([first, second]) if SECONDS[template] else first[np.newaxis]
    return parameters, functions.astype(np.float32), [len(axis) for axis in axes]


def _limits(which, shape):
    """Return least and largest parameters (T, 6): centre in the kernel, width and wavelength that pixels can show."""
    (tall, wide), largest = (np.array(shape) - 1) / 2, max(shape)
    lowest = np.tile([-tall, -wide, -np.inf, 0, np.log(0.4), np.log(2)], (len(which), 1))
    lowest[:, 3] = np.log([TEMPLATES[template].narrowest for template in which])
    highest = [tall, wide, np.inf, np.log(2 * largest), np.log(4 * largest), np.log(4 * largest)]
    return lowest, np.tile(highest, (len(which), 1))


def _refine(which, parameters, pattern, shape, steps):
    """Move parameters (T, 6) to the least squares, all at once (Levenberg and Marquardt): return them, and `_State`."""
    # Where a template leaves much, slopes tell little of the curvature; the rest is learned on the way: J. E. Dennis,
    # D. M. Gay & R. E. Welsch, ACM Transactions on Mathematical Software 7, 1981.
    lowest, highest = _limits(which, shape)
    parameters = np.clip(parameters, lowest, highest)
    state = _evaluate(which, parameters, pattern, shape)
    rest = np.zeros_like(state.curvature)
    damping, moving = np.full(len(which), 0.1), np.arange(len(which))
    for _ in range(steps):
        low, high, now, old = lowest[moving], highest[moving], parameters[moving], [kept[moving] for kept in state]
        step, promised = _step(*old[2:], rest[moving], damping[moving], now <= low, now >= high)
        tried = np.clip(now + step, low, high)
        then = _evaluate(which[moving], tried, pattern, shape)
        better = (then.left**2).sum(axis=1) < (old[1] ** 2).sum(axis=1)
        won = moving[better]
        rest[won] = _learned(rest[moving], tried - now, old[2] - then.gradient, then.curvature)[better]
        for kept, new in zip((parameters, *state), (tried, *then), strict=True):
            kept[won] = new[better]
        damping[moving] = np.where(better, (damping[moving] / 5).clip(min=1e-9), damping[moving] * 4)
        moving = moving[abs(promised) > _NOTHING]
        if not moving.size:
            break
    return parameters, state


def _step(gradient, curvature, rest, damping, lowest, highest):
    """Return steps (T, 6), none across a limit that a parameter stands at, and the energy that they promise (T,)."""
    own = np.einsum("tpp->tp", curvature)
    fixed = (own == 0) | (lowest & (gradient < 0)) | (highest & (gradient > 0))
    curvature = np.where(fixed[:, :, np.newaxis] | fixed[:, np.newaxis], 0, curvature + rest)
    curvature += np.eye(len(PARAMETERS)) * np.where(fixed, 1, damping[:, np.newaxis] * own + 1e-12)[:, np.newaxis]
    gradient = np.where(fixed, 0, gradient)
    step = np.linalg.solve(curvature, gradient[:, :, np.newaxis])[:, :, 0]
    return step, (step * gradient).sum(axis=1)


def _learned(rest, step, change, curvature):
    """Return the rest of the curvature (T, 6, 6) with which a step explains how the gradient changed (T, 6)."""
    found, wanted = np.einsum("tpq,tq->tp", rest, step), change - np.einsum("tpq,tq->tp", curvature, step)
    told, asked, along = ((step * vector).sum(axis=1) for vector in (found, wanted, change))
    size = np.minimum(1, abs(asked) / np.maximum(abs(told), 1e-30))
    missing = wanted - size[:, np.newaxis] * found
    scaled = change * np.where(along > 1e-30, 1 / np.maximum(along, 1e-30), 0)[:, np.newaxis]
    mixed = missing[:, :, np.newaxis] * scaled[:, np.newaxis]
    both = (step * missing).sum(axis=1)[:, np.newaxis, np.newaxis] * scaled[:, :, np.newaxis] * scaled[:, np.newaxis]
    return size[:, np.newaxis, np.newaxis] * rest + mixed + mixed.swapaxes(1, 2) - both
