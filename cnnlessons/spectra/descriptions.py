"""Learned kernels in words: what they are, which direction they prefer, and their colour. Taught in lesson 08."""

from dataclasses import dataclass, field

import numpy as np

from cnnlessons import ops
from cnnlessons.spectra import names, response, templates

_DIGITS = 9  # of a share of the largest weight: what is beyond them, rounding decides


@dataclass(frozen=True, kw_only=True)
class KernelDescription:
    """What a learned kernel is, as `describe` says; printed, it is a few plain words.

    `kind` is what explains the pattern best:

    ===============  ===========================================================================================
    low-pass         a Gaussian blob, round or oblong
    constant         all weights alike
    identity         one weight among zeros: every wave passes
    centre-surround  a round centre against its surround: Laplacian, difference of Gaussians, sharpening
    edge             a first derivative: odd across a line
    line             a second derivative in one direction: even across a line
    saddle           a mixed second derivative: four quadrants, alternately bright and dark
    gabor            a wave in a window that shows more than one cycle (with less it has the form of a blob or an
                     edge), where no derivative explains the kernel as well
    noise            none of these explains more than it would of 1 in 20 kernels whose weights are drawn at random
    unnamed          as little explained, but regular: a mirror or a turn changes no more than the sign
    zero             all weights are 0
    ===============  ===========================================================================================
    """

    kind: str
    #: as in `SignalTerms`, but learned weights never sum to exactly 0: "-boost" where the gain of a flat image exceeds
    #: 1/20 of the largest (a Laplacian that sharpens, 5 among −1, has 1/9). "none" of zeros.
    band: str
    #: of the derivative of a Gaussian that the kernel is: 0, 1 or 2; None of a Gabor and of what has no name
    order: int | None = None
    #: degrees from 0 up to 180 of the edge, line or stripes that the kernel answers to: 0 is horizontal, and it grows
    #: counter-clockwise as seen on the screen (rows count downwards), so "/" is 45 and "\" 135. Of a saddle, where the
    #: sign changes: two perpendicular lines, the one below 90. Of a kind that has none, the orientation of the
    #: spectrum, if the best direction gets three times the power of the worst (`anisotropy` 1/2); else None.
    orientation: float | None = None
    #: 0 if all directions get the same power, 1 if one direction gets none: (max - min) / (max + min) of the mean
    #: squared gain in each direction, smoothed to the form a + b·cos 2(angle - c). `SignalTerms` compares the
    #: directions of coarse waves only, of which derivatives pass so little that noise would decide.
    anisotropy: float = 0.0
    #: how far the kernel is constant along its orientation: the share of the energy that *some* profile across
    #: explains, fading along the line as a Gaussian may; less what the freedom of that profile explains of noise. 1 is
    #: a perfectly straight edge or line, 0 no straighter than noise; None without an orientation.
    straightness: float | None = None
    #: 1 if the centre is bright; of an edge, if the right side is (of a horizontal one, the lower); of a saddle, if the
    #: quadrants 45° counter-clockwise from `orientation` are; -1 if dark; None of gabor (see its phase) and of what has
    #: no name
    sign: int | None = None
    flat_gain: float = 0.0  #: gain of a flat image as a share of the largest gain: 0 of a derivative, 1 of a low-pass
    norm: float = 0.0  #: Euclidean norm of all weights: the only thing that scaling the kernel changes
    #: share of the energy of all weights that the named kind explains, in one colour direction; 0 without a name. A
    #: name says that independent weights would hardly look so, this share how much of the kernel it covers: random
    #: weights that are smooth get names too, of a large kernel for a small share.
    explained: float = 0.0
    #: "luminance" if more than half of the energy is along grey (`angle_to_grey` below 45); else "colour-opponent" if
    #: channels oppose each other, the weaker side with at least a quarter of the stronger's weight; else "single
    #: colour". None of other than 1 or 3 channels, and of zeros.
    colour: str | None = None
    #: the direction in colour space, a unit vector with an entry a channel: what multiplies the pattern. A gray kernel
    #: has three equal entries. The entries of "luminance" have a positive sum; otherwise the first is positive.
    colour_direction: tuple[float, ...]
    #: share of the energy in that direction, from the singular values of the (KH·KW, C) matrix: 1 if the kernel is one
    #: pattern times one colour
    colour_share: float = 0.0
    angle_to_grey: float = 0.0  #: degrees between that direction and grey: 0 to 90
    #: the best one, of the kind where there is one for it. None of zeros.
    derivative: names.DerivativeFit | None = None
    gabor: names.GaborFit | None = None  #: the best one. None of zeros.
    #: what all this is said of: the weights in the colour direction, of norm 1
    pattern: np.ndarray = field(repr=False, compare=False)

    @property
    def oriented(self):
        """Whether the kernel prefers a direction: it has an `orientation`."""
        return self.orientation is not None

    @property
    def gabor_residual(self):
        """Share of the pattern's energy that the best Gabor function leaves; nan of zeros."""
        return self.gabor.residual if self.gabor else np.nan

    @property
    def derivative_residual(self):
        """Share of the pattern's energy that the best derivative of a Gaussian leaves; nan of zeros."""
        return self.derivative.residual if self.derivative else np.nan

    def __str__(self):
        return ", ".join(filter(None, [self._pattern_words(), self._colour_words()]))

    def _pattern_words(self):
        bright = "bright" if self.sign == 1 else "dark"
        angle = "" if self.orientation is None else f" at {round(self.orientation) % 180}°"
        return {
            "low-pass": f"low-pass{angle and ', oblong'}{angle} (Gaussian)",
            "constant": "constant",
            "identity": "identity",
            "centre-surround": f"{bright} centre against surround (Laplacian)",
            "edge": f"edge{angle} (first derivative)",
            "line": f"{bright} line{angle} (second derivative)",
            "saddle": f"saddle{angle} (mixed second derivative)",
            "gabor": f"Gabor{angle}, wavelength {self.gabor.wavelength if self.gabor else 0:.1f}",
            "noise": "noise (no simple description)",
            "unnamed": "unnamed (regular, but no simple description)",
            "zero": "zero (all weights are 0)",
        }[self.kind]

    def _colour_words(self):
        if self.colour in (None, "luminance"):
            return self.colour
        return f"{self.colour} ({', '.join(f'{entry:+z.2f}' for entry in self.colour_direction)})"


def describe(kernel):
    """Say what a kernel is, learned or not: derivative of a Gaussian, Gabor function or noise; direction and colour.

    Parameters
    ----------
    kernel : array (KH, KW) or (KH, KW, C)
        One filter: of a layer's kernel, ``kernel[..., 0]``. Applied by cross-correlation. C = 3 are red, green, blue;
        one channel counts as grey. Of 9 weights or more; fewer are described too, but never called noise.

    Returns
    -------
    KernelDescription
        Of the pattern in the colour direction that holds the most energy (the first singular vectors of the weights
        as a (KH·KW, C) matrix). Print it for a few plain words.

    References
    ----------
    J. J. Koenderink & A. J. van Doorn, Biological Cybernetics 55, 1987, and R. A. Young, Spatial Vision 2, 1987:
    derivatives of a Gaussian. J. G. Daugman, JOSA A 2, 1985, and J. P. Jones & L. A. Palmer, J. Neurophysiology 58,
    1987: Gabor functions, fitted by least squares as here. P. Craven & G. Wahba, Numerische Mathematik 31, 1979:
    cross-validation.

    Notes
    -----
    Taught in lesson 08. Every template (`templates.TEMPLATES`) is fitted by least squares, beginning at several of the
    best of a coarse grid, until no step promises more; its amplitudes are solved for at every step. Templates compete
    by adjusted residual, and what leaves less than a hundredth counts as perfect, so that no parameter is spent on the
    last percent. Whether a round template is called low-pass, identity or centre-surround, the band of the kernel
    decides. Noise is what leaves as much as 19 of 20 kernels of the same size whose weights are normally distributed
    (`names.NOISE_LIMITS`). The simple templates (centred, round window) are there for 3×3, where the others have
    nearly as many parameters as there are weights. Weights count to nine digits of the largest, and what ties but for
    rounding goes to the first, so that the same kernel, stronger, gets the same words and numbers.

    Examples
    --------
    >>> print(describe([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    edge at 90° (first derivative), luminance
    """
    weights = _check_filter(kernel)
    scale = abs(weights).max()
    if scale == 0:
        return _description_of_zeros(weights)
    pattern, colour = leading_colour(weights / scale)
    zone_gains, _, flat_gain = response.gains(pattern)
    band = response.band(zone_gains, flat_gain, tolerance=1 / 20)
    fits = templates.fit_templates(pattern)
    kind, residual = names.kind_and_residual(pattern, fits, band)
    anisotropy, preferred = _preferred_direction(pattern)
    derivative, gabor = names.best_derivative(fits, kind), names.gabor_fit(fits)
    orientation = names.orientation(kind, derivative, gabor, preferred)
    return KernelDescription(
        kind=kind,
        band=band,
        order=None if kind in ("gabor", "noise", "unnamed") else derivative.order,
        orientation=orientation,
        anisotropy=anisotropy,
        straightness=None if orientation is None else _straightness(pattern, orientation),
        sign=names.sign(kind, pattern, fits),
        flat_gain=flat_gain,
        norm=float(np.linalg.norm(weights / scale) * scale),
        explained=colour["colour_share"] * (1 - residual),
        derivative=derivative,
        gabor=gabor,
        pattern=pattern,
        **colour,
    )


def _check_filter(kernel):
    kernel = ops.finite(kernel, "kernel").astype(float)
    if kernel.ndim not in (2, 3):
        raise ValueError(
            f"kernel must be one filter, (KH, KW) or (KH, KW, C), got shape {kernel.shape}; "
            "of a layer's kernel (KH, KW, C_in, C_out) choose one, as in kernel[..., 0]"
        )
    return kernel if kernel.ndim == 3 else kernel[:, :, np.newaxis]  # (KH, KW, C)


def leading_colour(weights):
    """Return the unit pattern (KH, KW) that holds the most energy, and what there is to say about its colour."""
    weights = np.round(weights, _DIGITS)
    if weights.shape[2] == 1:
        weights = np.repeat(weights, 3, axis=2)
    *shape, channels = weights.shape
    weights = weights.reshape(-1, channels)
    _, singular_values, directions = np.linalg.svd(weights, full_matrices=False)
    direction = _canonical(directions[singular_values > singular_values[0] * (1 - 1e-6)])
    along_grey = direction.sum() / np.sqrt(channels)
    across_grey = np.linalg.norm(direction - direction.mean())
    luminance = abs(along_grey) > across_grey * (1 + response.MARGIN)
    direction = direction * np.sign(along_grey if luminance else direction[abs(direction) > 1e-6][0])
    pattern = weights @ direction
    pattern = np.round(pattern / np.linalg.norm(pattern), _DIGITS)
    weaker, stronger = sorted([direction.clip(min=0).sum(), -direction.clip(max=0).sum()])
    opponent = weaker >= stronger / 4 * (1 - response.MARGIN)
    name = "luminance" if luminance else "colour-opponent" if opponent else "single colour"
    return pattern.reshape(shape), {
        "colour": name if channels == 3 else None,
        "colour_direction": tuple(direction.tolist()),
        "colour_share": float(singular_values[0] ** 2 / (singular_values**2).sum()),
        "angle_to_grey": float(np.degrees(np.arctan2(across_grey, abs(along_grey)))),
    }


def _canonical(directions):
    """Return the unit vector in the span of some directions that is nearest to grey or to one channel."""
    # Where two share the lead, the singular vectors are any two of their plane, as rounding has it.
    channels = directions.shape[1]
    nearest = np.vstack([np.full(channels, channels**-0.5), np.eye(channels)]) @ directions.T @ directions
    lengths = np.linalg.norm(nearest, axis=1)
    best = response.first_largest(lengths)
    return nearest[best] / lengths[best]


def _description_of_zeros(weights):
    height, width, channels = weights.shape
    direction = (0.0,) * (3 if channels == 1 else channels)
    return KernelDescription(kind="zero", band="none", colour_direction=direction, pattern=np.zeros((height, width)))


def _preferred_direction(pattern):
    """Return the anisotropy and, if it is at least 1/2, the orientation of the lines whose waves have most power."""
    radius = (np.arange(12)[:, np.newaxis] + 0.5) / 24  # up to half a cycle per pixel
    angle = np.pi * np.arange(48) / 48
    power = abs(response.response_at(pattern, radius * np.sin(angle), radius * np.cos(angle))) ** 2
    by_direction = (radius * power).sum(axis=0)
    second_harmonic = 2 * np.mean(by_direction * np.exp(2j * angle)) / by_direction.mean()
    anisotropy = min(1.0, float(abs(second_harmonic)))
    preferred = names.orientation_of(np.angle(second_harmonic) / 2)
    return anisotropy, preferred if anisotropy >= 1 / 2 - response.MARGIN else None


def _straightness(pattern, orientation):
    shape, pattern = pattern.shape, pattern.ravel()
    across, along = templates.turned(shape, 0, 0, np.radians(90 - orientation))
    reach = int(abs(across).max()) + 2
    profile = _cubic_spline(across[:, np.newaxis] - np.arange(-reach, reach + 1))  # (n, knots), one knot a pixel
    widths = np.geomspace(0.7, 2 * max(shape), 8)[:, np.newaxis]
    fading = np.exp(-(((along - pattern**2 @ along) / widths) ** 2) / 2)  # (widths, n)
    columns = fading[:, :, np.newaxis] * profile  # (widths, n, knots)
    values, vectors = np.linalg.eigh(columns.swapaxes(1, 2) @ columns)
    used = values > 1e-6 * values[:, -1:]  # a knot beyond the kernel adds nothing
    shares = ((pattern @ columns)[:, np.newaxis] @ vectors)[:, 0] ** 2 / np.where(used, values, np.inf)
    freedom = (used.sum(axis=1) + 1) / pattern.size
    left = (1 - shares.sum(axis=1)) / np.maximum(1 - freedom, 1 / pattern.size)
    return float(np.clip(1 - left.min(), 0, 1))


def _cubic_spline(distance):
    """Return the cubic B-spline with knots at whole numbers, centred on 0."""
    distance = abs(distance)
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance).clip(min=0) ** 3 / 6
    return np.where(distance < 1, near, far)
