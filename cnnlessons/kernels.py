"""Named kernels and banks of kernels, each with its source and its sign.

All weights are meant for **cross-correlation**: they are laid on the image as they are printed here, not
flipped, and the first axis counts rows (downwards), the second columns (to the right). So ``[[-1, 0, 1]]``
is positive where the right side is brighter. Three rules say what a name promises:

- an *edge* kernel is named after the edge that it answers to, not after the direction of its derivative:
  ``sobel_horizontal_edge`` answers to a horizontal edge. "backslash" is an edge or line that runs like ``\\``,
  "slash" like ``/``;
- an edge kernel is positive where the right side is brighter; a horizontal edge has none, there it is the lower
  side;
- a *difference* kernel is named after the neighbour that counts positive: ``difference_right``.

Elsewhere signs and scales differ. ``scipy.signal.correlate2d`` and ``scipy.ndimage.correlate`` apply weights as
we do; ``scipy.signal.convolve2d``, ``scipy.ndimage.convolve`` and textbooks that convolve flip them first, so that
every edge kernel changes sign. ``scipy.ndimage.sobel`` and ``prewitt`` give our values. scikit-image stores its edge
weights flipped and convolves: ``skimage.filters.sobel_h`` has our sign and a quarter of our value (Prewitt a
third, Scharr a sixteenth), but ``roberts_neg_diag`` and ``laplace`` have the opposite sign.

Taught in lesson 01.
"""

import difflib
from dataclasses import dataclass

import numpy as np

from cnnlessons import shapes

ORIENTATIONS = ("horizontal", "vertical", "backslash", "slash")


@dataclass(frozen=True, eq=False)
class KernelSource:
    """What there is to know about a named kernel."""

    name: str
    #: "shifts", "smoothing", "sharpening", "differences", "edges", "second derivatives", "lines", "corners",
    #: "curves" or "gabor"
    family: str
    weights: np.ndarray  #: (KH, KW), read-only: `named` hands out copies
    answers_to: str  #: what makes the response large, and with which sign
    source: str  #: where the weights come from


def named(name):
    """Return a kernel, one of `names()`, for cross-correlation: (KH, KW), a copy. Taught in lesson 01."""
    return about(name).weights.copy()


def names():
    """Return the names of all kernels, family by family, as a tuple."""
    return tuple(_KERNELS)


def about(name):
    """Return the `KernelSource` of a named kernel: what it answers to, its sign, and where it comes from."""
    return _look_up(_KERNELS, name, "kernel")


def bank(name, size, channels=1):
    """Return a bank: a family of filters of one size, as one kernel.

    =============  =======  ===================================================================================
    name           filters  in this order
    =============  =======  ===================================================================================
    "derivatives"  5        binomial derivatives of order (rows, columns): (1, 0), (0, 1), (2, 0), (1, 1), (0, 2);
                            size 3 begins with Sobel's two
    "lines"        4        a bright line that is horizontal, vertical, backslash, slash
    "curves"       4        a bright arc that is open below, above, to the right, to the left
    "gabor"        8        for a horizontal, vertical, backslash, slash line: even (a bright line), odd (an edge);
                            wavelength 2 + size/3, the mean taken off
    "dct"          size²    every pair of row and column frequency, row by row; the first one is constant
    =============  =======  ===================================================================================

    The filters of a bank are linearly independent; those of "lines" and "dct" are orthogonal, and "dct" is a basis of
    all kernels of its size. Only the first "dct" filter answers to a flat image: the weights of all others sum to 0.
    Taught in lesson 09.

    Parameters
    ----------
    name : str
        One of `banks()`.
    size : int
        Height and width: odd, at least 3.
    channels : int
        Input channels. Each gets the same weights divided by `channels`, so that a gray image gives the same
        response whether it is stored in one channel or in three equal ones.

    Returns
    -------
    ndarray (size, size, channels, filters) of float64
        Each filter, summed over the channels, has Euclidean norm 1. The sign is that of the named kernels.

    References
    ----------
    derivatives: J. J. Koenderink & A. J. van Doorn, "Representation of local geometry in the visual system",
    Biological Cybernetics 55, 1987, with binomial coefficients in place of the Gaussian. dct: N. Ahmed,
    T. Natarajan & K. R. Rao, "Discrete cosine transform", IEEE Trans. Computers C-23, 1974. gabor: see `gabor`.
    lines, curves: the named 3×3 kernels, drawn at any size.
    """
    filters = _look_up(_BANKS, name, "bank")
    _check_size(size)
    channels = shapes.whole_number(channels, "channels", 1)
    kernel = np.stack([weights / np.linalg.norm(weights) for weights in filters(size)], axis=-1)
    return np.repeat(kernel[:, :, np.newaxis, :], channels, axis=2) / channels  # (size, size, channels, filters)


def banks():
    """Return the names of all banks as a tuple."""
    return tuple(_BANKS)


def gabor(size, wavelength, angle, phase=0.0, sigma=None, aspect=1.0):
    """Return a Gabor function, a plane wave under a Gaussian window: (size, size), as it is, of no special norm or sum.

    With ``u`` the distance from the centre along the wave and ``v`` across it, the value is
    ``exp(-(u² + aspect²·v²) / (2·sigma²)) · cos(2π·u / wavelength + phase)``. Taught in lesson 08.

    Parameters
    ----------
    size : int
        Height and width: odd, at least 3.
    wavelength : float
        In pixels, at least 2.
    angle : float
        Where the wave runs, in radians: 0 is to the right (vertical stripes), π/2 downwards.
    phase : float
        In radians: 0 gives an even kernel (a bright line), -π/2 an odd one (an edge, positive towards `angle`).
    sigma : float, optional
        Standard deviation of the window along the wave, in pixels; a quarter of `size` unless given.
    aspect : float
        How much narrower the window is across the wave than along it.

    References
    ----------
    S. Marčelja, "Mathematical description of the responses of simple cortical cells", JOSA 70, 1980;
    J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
    two-dimensional visual cortical filters", JOSA A 2, 1985. ``skimage.filters.gabor_kernel`` is the same
    function divided by 2π·sigma_x·sigma_y, but chooses the size itself.
    """
    _check_size(size)
    sigma = size / 4 if sigma is None else sigma
    wave = {"wavelength": wavelength, "angle": angle, "phase": phase, "sigma": sigma, "aspect": aspect}
    wavelength, angle, phase, sigma, aspect = (shapes.number(value, name, "a number") for name, value in wave.items())
    if wavelength < 2:
        raise ValueError(f"wavelength must be at least 2 pixels, or pixels cannot show it, got {wavelength!r}")
    if not 1e-50 <= sigma <= 1e50:  # it is squared
        raise ValueError(f"sigma must be a positive number of pixels, 1e-50 to 1e50, got {sigma!r}; try {size / 4}")
    if abs(aspect) > 1e50:
        raise ValueError(f"aspect must be of size 1e50 at most, got {aspect!r}; 1 is a round window")
    row, column = _offsets(size)
    along = column * np.cos(angle) + row * np.sin(angle)
    across = row * np.cos(angle) - column * np.sin(angle)
    window = np.exp(-(along**2 + (aspect * across) ** 2) / (2 * sigma**2))
    return window * np.cos(2 * np.pi * along / wavelength + phase)


def _look_up(table, name, what):
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, got {name!r}, a {type(name).__name__}")
    if name not in table:
        near = difflib.get_close_matches(name, table, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"there is no {what} named {name!r}.{hint} The names are: {', '.join(table)}")
    return table[name]


def _check_size(size):
    if shapes.whole_number(size, "size", 3) % 2 == 0:
        raise ValueError(f"size must be odd, so that there is a middle, got {size}")


def _offsets(size):
    """Return how far each weight lies below and to the right of the centre: two arrays (size, size)."""
    return np.indices((size, size)) - size // 2


# Banks: each function takes a size and gives a list of (size, size) arrays, norm not yet adjusted.


def _derivatives(size):
    def binomial(order):  # the coefficients of (1 + z)^(size - 1 - order) · (z - 1)^order, halved so often: none grows
        weights = np.ones(1)
        for step in range(size - 1):
            weights = np.convolve(weights, [-0.5, 0.5] if step < order else [0.5, 0.5])
        return weights

    orders = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    return [np.outer(binomial(row_order), binomial(column_order)) for row_order, column_order in orders]


def _lines(size):
    row, column = _offsets(size)
    return [_template(on_line) for on_line in (row == 0, column == 0, row == column, row == -column)]


def _curves(size):
    row, column = _offsets(size)
    radius = size // 2
    ring = abs(row**2 + column**2 - radius**2) < radius  # within about half a pixel of the circle
    return [_template(ring & half) for half in (row <= 0, row >= 0, column <= 0, column >= 0)]


def _template(mask):
    """Weights that are positive where `mask` holds, negative elsewhere, and sum to exactly zero."""
    inside = mask.sum()
    return np.where(mask, mask.size - inside, -inside) / np.gcd(inside, mask.size)


def _gabors(size):
    wave_angles = {"horizontal": np.pi / 2, "vertical": 0, "backslash": -np.pi / 4, "slash": np.pi / 4}
    kernels = [
        gabor(size, 2 + size / 3, wave_angles[orientation], phase)
        for orientation in ORIENTATIONS
        for phase in (0, -np.pi / 2)
    ]
    return [kernel - kernel.mean() for kernel in kernels]


def _cosines(size):
    waves = np.cos(np.pi / size * np.outer(np.arange(size), np.arange(size) + 0.5))  # DCT-II, (frequency, position)
    return [np.outer(row_wave, column_wave) for row_wave in waves for column_wave in waves]


_BANKS = {"derivatives": _derivatives, "lines": _lines, "curves": _curves, "gabor": _gabors, "dct": _cosines}


# The named kernels: family by family, name: (weights, what it answers to, source).

_TEXTBOOK = "R. C. Gonzalez & R. E. Woods, Digital Image Processing, 4th ed. 2018"
_BURT_ADELSON = "binomial coefficients; P. J. Burt & E. H. Adelson, The Laplacian pyramid, IEEE Trans. Comm. 31, 1983"
_PREWITT = "J. M. S. Prewitt, Object enhancement and extraction, in: Picture Processing and Psychopictorics, 1970"
_SOBEL = "I. Sobel & G. Feldman, A 3×3 isotropic gradient operator for image processing, Stanford, 1968"
_SCHARR = "H. Scharr, Optimale Operatoren in der Digitalen Bildverarbeitung, dissertation, Heidelberg, 2000"
_ROBERTS = "L. G. Roberts, Machine perception of three-dimensional solids, dissertation, MIT, 1963"
_MARR_HILDRETH = "D. Marr & E. Hildreth, Theory of edge detection, Proc. R. Soc. B 207, 1980, in integers"
_GIMP = "the emboss example of the GIMP manual, filter Convolution Matrix"
_GABOR = "bank('gabor', 5); S. Marčelja, JOSA 70, 1980; J. G. Daugman, JOSA A 2, 1985"
_SHAPE = "the shape as a template: one weight on it, one off it, sum zero"
_DEFINITION = "by definition"

_WEIGHTED_MEAN = "brightness: a mean, near pixels count more"
_HORIZONTAL_EDGE = "a horizontal edge: positive where the lower side is brighter"
_VERTICAL_EDGE = "a vertical edge: positive where the right side is brighter"
_BACKSLASH_EDGE = "an edge like \\: positive where the upper right side is brighter"
_SLASH_EDGE = "an edge like /: positive where the lower right side is brighter"
_DARK_SPOT = "bends of the brightness in every direction: positive on dark spots and on the dark side of an edge"

_BINOMIAL_5 = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
_IDENTITY_5 = np.pad([[1]], 2)
_LAPLACIAN_OF_GAUSSIAN_5 = [[0, 0, 1, 0, 0], [0, 1, 2, 1, 0], [1, 2, -16, 2, 1], [0, 1, 2, 1, 0], [0, 0, 1, 0, 0]]

_FAMILIES = {
    "shifts": {
        "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], "every pixel as it is", _DEFINITION),
        "shift_right": ([[0, 0, 0], [1, 0, 0], [0, 0, 0]], "every pixel, one column further right", _DEFINITION),
        "shift_down": ([[0, 1, 0], [0, 0, 0], [0, 0, 0]], "every pixel, one row further down", _DEFINITION),
    },
    "smoothing": {
        "box_3": (np.full((3, 3), 1 / 9), "brightness: the mean of 9 pixels", _TEXTBOOK),
        "box_5": (np.full((5, 5), 1 / 25), "brightness: the mean of 25 pixels", _TEXTBOOK),
        "gaussian_3": (np.outer([1, 2, 1], [1, 2, 1]) / 16, _WEIGHTED_MEAN, _BURT_ADELSON),
        "gaussian_5": (_BINOMIAL_5, _WEIGHTED_MEAN, _BURT_ADELSON),
    },
    "sharpening": {
        "sharpen": (
            [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
            "identity − laplacian_4: brightness, more so detail",
            _TEXTBOOK,
        ),
        "unsharp_5": (2 * _IDENTITY_5 - _BINOMIAL_5, "2·identity − gaussian_5: brightness, more so detail", _TEXTBOOK),
        "emboss": ([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], "brightness, and edges with a brighter lower right", _GIMP),
    },
    "differences": {
        "difference_right": ([[-0.5, 0, 0.5]], _VERTICAL_EDGE, "central difference, per pixel"),
        "difference_down": ([[-0.5], [0], [0.5]], _HORIZONTAL_EDGE, "central difference, per pixel"),
    },
    "edges": {
        "prewitt_horizontal_edge": ([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], _HORIZONTAL_EDGE, _PREWITT),
        "prewitt_vertical_edge": ([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], _VERTICAL_EDGE, _PREWITT),
        "prewitt_backslash_edge": ([[0, 1, 1], [-1, 0, 1], [-1, -1, 0]], _BACKSLASH_EDGE, _PREWITT),
        "prewitt_slash_edge": ([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], _SLASH_EDGE, _PREWITT),
        "sobel_horizontal_edge": ([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], _HORIZONTAL_EDGE, _SOBEL),
        "sobel_vertical_edge": ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], _VERTICAL_EDGE, _SOBEL),
        "sobel_backslash_edge": ([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]], _BACKSLASH_EDGE, _SOBEL),
        "sobel_slash_edge": ([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], _SLASH_EDGE, _SOBEL),
        "scharr_horizontal_edge": ([[-3, -10, -3], [0, 0, 0], [3, 10, 3]], _HORIZONTAL_EDGE, _SCHARR),
        "scharr_vertical_edge": ([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]], _VERTICAL_EDGE, _SCHARR),
        "roberts_backslash_edge": ([[0, 1], [-1, 0]], _BACKSLASH_EDGE, _ROBERTS),
        "roberts_slash_edge": ([[-1, 0], [0, 1]], _SLASH_EDGE, _ROBERTS),
    },
    "second derivatives": {
        "laplacian_4": ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], _DARK_SPOT, _TEXTBOOK),
        "laplacian_8": ([[1, 1, 1], [1, -8, 1], [1, 1, 1]], _DARK_SPOT, _TEXTBOOK),
        "laplacian_of_gaussian_5": (_LAPLACIAN_OF_GAUSSIAN_5, _DARK_SPOT, _MARR_HILDRETH),
    },
    "lines": {
        "line_horizontal": ([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]], "a bright horizontal line", _TEXTBOOK),
        "line_vertical": ([[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]], "a bright vertical line", _TEXTBOOK),
        "line_backslash": ([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], "a bright line like \\", _TEXTBOOK),
        "line_slash": ([[-1, -1, 2], [-1, 2, -1], [2, -1, -1]], "a bright line like /", _TEXTBOOK),
    },
    "corners": {
        "corner_upper_left": ([[-4, -4, -4], [-4, 5, 5], [-4, 5, 5]], "a bright area's upper left corner", _SHAPE),
        "corner_upper_right": ([[-4, -4, -4], [5, 5, -4], [5, 5, -4]], "a bright area's upper right corner", _SHAPE),
        "corner_lower_left": ([[-4, 5, 5], [-4, 5, 5], [-4, -4, -4]], "a bright area's lower left corner", _SHAPE),
        "corner_lower_right": ([[5, 5, -4], [5, 5, -4], [-4, -4, -4]], "a bright area's lower right corner", _SHAPE),
    },
    "curves": {
        "curve_open_below": ([[-1, 2, -1], [2, -1, 2], [-1, -1, -1]], "a bright arc, open below", _SHAPE),
        "curve_open_above": ([[-1, -1, -1], [2, -1, 2], [-1, 2, -1]], "a bright arc, open above", _SHAPE),
        "curve_open_right": ([[-1, 2, -1], [2, -1, -1], [-1, 2, -1]], "a bright arc, open on the right", _SHAPE),
        "curve_open_left": ([[-1, 2, -1], [-1, -1, 2], [-1, 2, -1]], "a bright arc, open on the left", _SHAPE),
    },
    "gabor": {
        "gabor_vertical_line_5": (bank("gabor", 5)[:, :, 0, 2], "a bright vertical line between dark ones", _GABOR),
        "gabor_vertical_edge_5": (bank("gabor", 5)[:, :, 0, 3], _VERTICAL_EDGE, _GABOR),
    },
}


def _catalogue():
    kernels = {}
    for family, members in _FAMILIES.items():
        for name, (weights, answers_to, source) in members.items():
            weights = np.array(weights, dtype=float)
            weights.flags.writeable = False
            kernels[name] = KernelSource(name, family, weights, answers_to, source)
    return kernels


_KERNELS = _catalogue()
