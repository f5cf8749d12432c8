"""Which frequencies a kernel passes, which it stops, and the terms that follow from that. Taught in lesson 01."""

import itertools
from dataclasses import dataclass

import numpy as np

from cnnlessons import ops, shapes

MARGIN = 1e-9  # how far, as a share, two numbers may differ and count as equal: rounding decides nothing


def frequencies(size=64):
    """Return the `size` frequencies of one axis of a response: cycles per pixel from -1/2 up, zero at ``size // 2``."""
    return np.fft.fftshift(np.fft.fftfreq(shapes.whole_number(size, "size", 1)))


def frequency_response(kernel, size=64):
    """Return by what a kernel, applied by cross-correlation, multiplies each wave. Taught in lesson 01.

    Parameters
    ----------
    kernel : array (KH, KW)
        Position zero is its middle; of an even number of weights it is the one before the middle (upper, left), where
        padding "same" puts the output pixel. So an odd kernel that is symmetric has a real response.
    size : int
        Frequencies per axis.

    Returns
    -------
    ndarray (size, size) of complex128
        At the frequencies ``frequencies(size)`` of rows and of columns; frequency zero is in the middle, at
        ``[size // 2, size // 2]``, and its value is the sum of the weights.

    References
    ----------
    A. V. Oppenheim & R. W. Schafer, Discrete-Time Signal Processing, chapter 2: of convolution, the complex conjugate.
    """
    axis = frequencies(size)
    return response_at(kernel, axis[:, np.newaxis], axis)


def response_at(kernel, row_frequency, column_frequency):
    """Return the response of `frequency_response` at any frequencies, two arrays that broadcast together."""
    kernel = ops.finite(kernel, "kernel", "(KH, KW)", 2).astype(float)
    row_offsets, column_offsets = (np.arange(length) - (length - 1) // 2 for length in kernel.shape)
    row_waves = np.exp(2j * np.pi * np.multiply.outer(row_frequency, row_offsets))  # (..., KH)
    column_waves = np.exp(2j * np.pi * np.multiply.outer(column_frequency, column_offsets))  # (..., KW)
    return ((row_waves @ kernel) * column_waves).sum(axis=-1)


@dataclass(frozen=True)
class SignalTerms:
    """What kind of operation a kernel is, in the terms of signal processing."""

    #: where the gain is largest, by `zone_gains`: "low-pass", "band-pass" or "high-pass"; "all-pass" if the three
    #: differ by less than half the power; "-boost" in place of "-pass" where a flat image passes as well. Where low
    #: frequencies gain most but a flat image passes with less than half the largest power, it is "band".
    band: str
    #: 0 answers to flat areas; 1 ignores them and answers to ramps, as a first derivative does; 2 ignores ramps
    #: too, as a second derivative does. Exactly: the lowest order of a moment of the weights that is not zero,
    #: which is how fast the response vanishes towards frequency zero.
    order: int
    #: 0 if all directions get the same gain, 1 if one direction gets none: (max - min) / (max + min) of the gain on
    #: the circle of 1/8 cycle per pixel, a wave of 8 pixels
    anisotropy: float
    #: "even" if turning the kernel by 180° changes nothing (no phase shift), "odd" if it changes the sign, or
    #: "none"
    symmetry: str
    gain_at_zero: float  #: what becomes of a flat image: the sum of the weights, with its sign
    #: root mean square gain of low, middle and high frequencies; the limits are 1/8 and 3/8 cycle per pixel
    zone_gains: tuple[float, float, float]
    #: the frequency with the largest gain (the lowest one if there are several), in cycles per pixel
    peak_frequency: float

    @property
    def differential(self):
        """Whether a flat image gives nothing."""
        return self.order > 0

    @property
    def isotropic(self):
        """Whether the gain of coarse waves hardly depends on their direction: `anisotropy` below 0.1."""
        return self.anisotropy < 0.1


def signal_terms(kernel):
    """Say which kind of operation a kernel (KH, KW) is, as `SignalTerms`: band, order, isotropy, symmetry.

    Cross-correlation and convolution give the same terms. Taught in lesson 01.
    """
    kernel = ops.finite(kernel, "kernel", "(KH, KW)", 2).astype(float)
    if not kernel.any():
        raise ValueError("all weights of the kernel are zero: it answers to nothing, so there is nothing to name")
    scale = abs(kernel).max()
    kernel = kernel / scale  # so that neither squares nor moments leave the range of floats
    order = _order(kernel)
    zone_gains, peak_frequency, flat_gain = gains(kernel)
    return SignalTerms(
        band=band(zone_gains, 0 if order else flat_gain),
        order=order,
        anisotropy=_anisotropy(kernel),
        symmetry=_symmetry(kernel),
        gain_at_zero=0.0 if order else float(kernel.sum() * scale),  # no rounding errors where it is zero by definition
        zone_gains=tuple(float(gain * scale) for gain in zone_gains),
        peak_frequency=peak_frequency,
    )


def gains(kernel):
    """Return the zones' root mean square gains, the frequency of the largest gain, and zero's share of it."""
    axis = frequencies()
    distance = np.hypot(axis[:, np.newaxis], axis)
    gain = abs(frequency_response(kernel))
    zones = distance <= 1 / 8, (distance > 1 / 8) & (distance <= 3 / 8), distance > 3 / 8
    peaks = gain > gain.max() * (1 - 1e-9)
    root_mean_squares = tuple(float(np.sqrt(np.mean(gain[zone] ** 2))) for zone in zones)
    return root_mean_squares, float(distance[peaks].min()), float(abs(kernel.sum()) / gain.max())


def first_largest(values):
    """Return the index of the largest value; of several that differ by rounding only, the first."""
    return int(np.argmax(np.asarray(values) >= max(values) - MARGIN * abs(max(values))))


def band(zone_gains, flat_gain, tolerance=0.0):
    """Return `SignalTerms.band`; a `flat_gain` up to `tolerance` counts as none."""
    if min(zone_gains) > max(zone_gains) * np.sqrt(1 / 2) * (1 + MARGIN):
        return "all-pass"
    zone = ("low", "band", "high")[first_largest(zone_gains)]
    if zone == "low" and flat_gain >= np.sqrt(1 / 2) * (1 - MARGIN):
        return "low-pass"
    return ("high" if zone == "high" else "band") + ("-boost" if flat_gain > tolerance * (1 + MARGIN) else "-pass")


def _order(kernel):
    """Return the smallest a + b for which the moment Σ weight · row^a · column^b is not zero."""
    row, column = (np.arange(length) - (length - 1) / 2 for length in kernel.shape)
    for order in itertools.count():
        for power in range(order + 1):
            terms = kernel * np.outer(row**power, column ** (order - power))
            if abs(terms.sum()) > 1e-9 * abs(terms).sum():
                return order


def _anisotropy(kernel, frequency=1 / 8, directions=72):
    angle = 2 * np.pi * np.arange(directions) / directions
    gain = abs(response_at(kernel, frequency * np.sin(angle), frequency * np.cos(angle)))
    return float((gain.max() - gain.min()) / (gain.max() + gain.min()))


def _symmetry(kernel):
    turned, tolerance = kernel[::-1, ::-1], 1e-9 * abs(kernel).max()
    if np.allclose(turned, kernel, rtol=0, atol=tolerance):
        return "even"
    return "odd" if np.allclose(turned, -kernel, rtol=0, atol=tolerance) else "none"
