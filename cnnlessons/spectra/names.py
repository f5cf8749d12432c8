"""What the fits say of a kernel: its kind, if it is not noise, and the numbers of the best fits. Used in lesson 08."""

from dataclasses import dataclass, field

import numpy as np

from cnnlessons.spectra import response, templates


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """What both fits share."""

    centre: tuple[float, float]  #: pixels below and to the right of the middle of the kernel
    residual: float  #: share of the pattern's energy (sum of squared weights) that the fit leaves, from 0 to 1
    #: ``residual / (1 - parameters / weights)²``, generalised cross-validation: what the fit is expected to leave
    #: of a weight that it has not seen. 1 is as bad as no fit; inf says as many parameters as weights.
    adjusted_residual: float
    #: (KH, KW): the fit itself, to be held against `KernelDescription.pattern`
    pattern: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class DerivativeFit(_Fit):
    """The derivative of a Gaussian that comes nearest to a kernel's pattern."""

    #: "low-pass" (the Gaussian itself), "edge" (first derivative), "line" (second derivative in one direction),
    #: "centre-surround" (Laplacian, or Laplacian plus Gaussian) or "saddle" (mixed second derivative)
    kind: str
    order: int  #: of the derivative: 0, 1 or 2
    orientation: float | None  #: as `KernelDescription.orientation`; None of a round template
    sigma: float  #: standard deviation of the Gaussian in pixels, across the orientation
    sigma_along: float  #: and along it


@dataclass(frozen=True, kw_only=True)
class GaborFit(_Fit):
    """The Gabor function that comes nearest to a kernel's pattern, in the terms of `kernels.gabor`.

    Its eight parameters describe nine weights almost however they fall: of a small kernel read `adjusted_residual`.
    """

    wavelength: float  #: in pixels
    #: of the stripes, as `KernelDescription.orientation`; `kernels.gabor` calls ``radians(90 - orientation)`` angle
    orientation: float
    #: in radians, -π to π: 0 is a bright line on the centre, ±π a dark one, -π/2 an edge that is bright on the
    #: right (of horizontal stripes: below)
    phase: float
    sigma: float  #: standard deviation of the window along the wave, in pixels
    aspect: float  #: how much narrower the window is across the wave than along it
    cycles: float  #: how many wavelengths the window shows: four standard deviations, as far as they lie in the kernel


def orientation_of(angle, turn=180):
    """Return the orientation of a line, from the angle of its normal as `kernels.gabor` counts it, to 1/1000 degree."""
    return float(np.round(90 - np.degrees(angle), 3) % turn)  # a horizontal edge is at 0, never just below 180


# Names: the template with the lowest adjusted residual, if that is below what noise reaches.

_OBLONG = np.flatnonzero((templates.KINDS == "low-pass") & templates.FREE[:, 2])
_PERFECT = 0.01  # no parameter is spent on less than that share of the energy

# What 19 of 20 noise kernels of 3×3, 4×4, … 11×11 stay above:
# [np.quantile(noise_scores((size, size), draws=1000, seed=0), 0.05) for size in range(3, 12)]
NOISE_LIMITS = (0.244, 0.498, 0.641, 0.731, 0.776, 0.825, 0.862, 0.884, 0.898)


def kind_and_residual(pattern, fits, band):
    """Return the kind and the residual of what explains a pattern best; what has no name explains nothing."""
    kinds, residuals, scores = _scores(pattern, fits)
    if band != "low-pass":  # then what an oblong blob fits is a line or a wave, no round centre
        scores[_OBLONG] = np.inf
    best = response.first_largest(-scores)
    kind, residual = kinds[best], float(residuals[best])
    if kind != "identity" and band == "low-pass":  # if it fits a line or an edge, then only one side of that
        kind = "constant" if kind == "constant" else "low-pass"
    elif kind in ("low-pass", "constant", "centre-surround"):  # round, and not low-pass
        kind = "identity" if band == "all-pass" else "centre-surround"
    cut_off = kind == "centre-surround" and best < len(fits.residuals) and not _surrounded(fits, best)
    if scores[best] > noise_limit(pattern.size) or cut_off:
        return ("unnamed" if _regular(pattern) else "noise"), 1.0
    return kind, residual


def _surrounded(fits, template):
    """Say whether a window's centre lies its standard deviation or more inside the kernel: nearer, it is a corner."""
    inside = np.array(fits.patterns[0].shape) / 2 - abs(fits.parameters[template, :2])
    return bool(inside.min() >= np.exp(fits.parameters[template, 3]))


def _regular(pattern):
    """Say whether a mirror, a half turn or a transposition changes no more than the sign, as it would of no noise."""
    changed = [pattern[::-1], pattern[:, ::-1], pattern[::-1, ::-1]]
    if pattern.shape[0] == pattern.shape[1]:
        changed += [pattern.T, pattern[::-1, ::-1].T]
    return any(abs((pattern * other).sum()) > 0.998 for other in changed)


def _scores(pattern, fits):
    """Return kinds, residuals and adjusted residuals of all templates, of all weights alike and of a single weight."""
    kinds = [*templates.KINDS.tolist(), "constant", "identity"]
    residuals = np.array([*fits.residuals, 1 - pattern.sum() ** 2 / pattern.size, 1 - (pattern**2).max()])
    counts = np.array([*fits.counts, 1, 3])
    scores = _adjusted(residuals + _PERFECT, counts, max(pattern.size, 9))
    if gabor_fit(fits).cycles <= 1:  # it shows a blob or an edge
        scores[templates.GABOR] = np.inf
    return kinds, residuals, scores


def _adjusted(residuals, counts, weights):
    """Generalised cross-validation: what is left, for each weight that the fit was not free to follow."""
    room = 1 - counts / weights
    return np.where(room > 0, residuals / np.maximum(room, 1e-12) ** 2, np.inf)


def noise_limit(weights):
    """Return the table's limit, in between by the number of weights; fewer than 9 weights cannot be told from noise."""
    return np.interp(weights, np.arange(3, 12) ** 2, NOISE_LIMITS) if weights >= 9 else np.inf


def noise_scores(shape, draws, seed):
    """Return the lowest adjusted residual of each of some kernels of independent, normally distributed weights."""
    patterns = np.random.default_rng(seed).normal(size=(draws, *shape))
    patterns /= np.linalg.norm(patterns, axis=(1, 2), keepdims=True)
    return np.array([_scores(pattern, templates.fit_templates(pattern))[2].min() for pattern in patterns])


def _best_template(fits, kind):
    """Return which derivative template, of the kind where there is one for it, fits best."""
    wanted = {"constant": "low-pass", "identity": "low-pass"}.get(kind, kind)
    allowed = [name == wanted if wanted in templates.ORDERS else name in templates.ORDERS for name in templates.KINDS]
    scores = _adjusted(fits.residuals + _PERFECT, fits.counts, max(fits.patterns[0].size, 9))
    return response.first_largest(-np.where(allowed, scores, np.inf))


def best_derivative(fits, kind):
    """Return the `DerivativeFit` that fits best, of the kind where there is one for it."""
    best = _best_template(fits, kind)
    row, column, angle, across, along, _ = fits.parameters[best]
    name = str(templates.KINDS[best])
    along = along if templates.FREE[best, 4] else across
    if name == "low-pass" and across > along:  # a blob lies along its longer axis
        angle, across, along = angle + np.pi / 2, along, across
    return DerivativeFit(
        kind=name,
        order=templates.ORDERS[name],
        orientation=orientation_of(angle, 90 if name == "saddle" else 180) if templates.FREE[best, 2] else None,
        sigma=float(np.exp(across)),
        sigma_along=float(np.exp(along)),
        centre=(float(row), float(column)),
        residual=float(fits.residuals[best]),
        adjusted_residual=_adjusted_residual(fits, best),
        pattern=fits.patterns[best],
    )


def gabor_fit(fits):
    """Return the `GaborFit`."""
    row, column, angle, along_wave, across_wave, wavelength = fits.parameters[templates.GABOR]
    orientation = orientation_of(angle)
    cosine, sine = fits.amplitudes[templates.GABOR]
    upside_down = np.cos(angle - np.radians(90 - orientation)) < 0  # the wave runs the other way
    sigma, height, width = np.exp(along_wave), *fits.patterns[0].shape
    shown = min(4 * sigma, height * abs(np.sin(angle)) + width * abs(np.cos(angle)))
    return GaborFit(
        wavelength=float(np.exp(wavelength)),
        orientation=orientation,
        phase=float(np.arctan2(sine if upside_down else -sine, cosine)),
        sigma=float(sigma),
        aspect=float(np.exp(along_wave - across_wave)),
        cycles=float(np.round(shown / np.exp(wavelength), 3)),  # one is one however its fit was rounded
        centre=(float(row), float(column)),
        residual=float(fits.residuals[templates.GABOR]),
        adjusted_residual=_adjusted_residual(fits, templates.GABOR),
        pattern=fits.patterns[templates.GABOR],
    )


def _adjusted_residual(fits, template):
    return float(_adjusted(fits.residuals[template], fits.counts[template], fits.patterns[0].size))


def orientation(kind, derivative, gabor, preferred):
    """Return the orientation of what explains the kernel, or else the one that its spectrum prefers."""
    if kind in ("edge", "line", "saddle"):
        return derivative.orientation
    return gabor.orientation if kind == "gabor" else preferred


def sign(kind, pattern, fits):
    """Return 1 or -1 as `KernelDescription.sign` counts, or None."""
    if kind in ("gabor", "noise", "unnamed"):
        return None
    best = _best_template(fits, kind)
    (first, second), angle = fits.amplitudes[best], fits.parameters[best, 2]
    if kind in ("low-pass", "constant"):
        value = pattern.sum()
    elif kind == "identity":
        value = pattern.flat[abs(pattern).argmax()]
    elif kind == "centre-surround":
        value = 2 * first + second  # the template at its centre
    else:
        value = first * _turns(kind, angle)
    return 1 if value > 0 else -1


def _turns(kind, angle):
    """Return 1, or -1 if a template changes sign when its angle is counted as its orientation is."""
    period = {"edge": 180, "saddle": 90}.get(kind)
    if period is None:
        return 1
    turns = (angle - np.radians(90 - orientation_of(angle, period))) / np.radians(period)
    return 1 if round(turns) % 2 == 0 else -1
