"""The paper that all pictures are drawn on: colours, style, the figure itself and the words that go with it."""

import inspect
import io
from functools import cache, wraps
from numbers import Real

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

#: Okabe and Ito, "Color universal design" (2008): colours that colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#6B6B6B"

STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 15,
    "axes.labelsize": 14,
    "figure.dpi": 100,
    "figure.facecolor": "white",  # opaque: legible on JupyterLab's dark theme too
    "font.size": 13,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "lines.linewidth": 2.5,
    "savefig.facecolor": "white",
    "text.parse_math": False,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
}

PHOTOGRAPH, MAGNITUDE, SIGNED = "gray", "viridis", "RdBu_r"


@cache
def colour_table(name):
    """Return the colours of a colour map, (256, 3) of uint8, read-only, for code that paints pixels itself."""
    table = (matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    table.setflags(write=False)
    return table


class Picture(Figure):
    """A matplotlib figure that a notebook shows as a PNG, with or without pyplot, and its words.

    The output's metadata keep them, too: ``metadata["image/png"]["alt"]``.
    """

    alt = ""  # what the picture shows, with its numbers, for those who do not see it

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": self._repr_png_()}, {"image/png": {"alt": self.alt}}

    def _repr_png_(self):
        drawn, stored = io.BytesIO(), io.BytesIO()
        with style.context(STYLE, after_reset=True):
            self.savefig(drawn, format="png", dpi=self.dpi)
        # Opaque and packed well, for lessons are stored with their pictures.
        Image.open(drawn).convert("RGB").save(stored, format="png", optimize=True)
        return stored.getvalue()

    def __repr__(self):
        width, height = self.get_size_inches()
        return f"<Picture {width:g} × {height:g} inches, {len(self.axes)} axes>"


SHARED = """
    alt : str, optional
        Words for those who do not see the picture, instead of those made from its numbers.

    Returns
    -------
    Picture
"""


def in_style(function):
    """Draw under the course's style, whatever the notebook has set, take other words as `alt`, and say so."""

    @wraps(function)
    def styled(*arguments, alt=None, **options):
        with style.context(STYLE, after_reset=True):
            picture = function(*arguments, **options)
        picture.alt = alt or picture.alt
        return picture

    signature = inspect.signature(function)
    keyword = inspect.Parameter("alt", inspect.Parameter.KEYWORD_ONLY, default=None)
    styled.__signature__ = signature.replace(parameters=[*signature.parameters.values(), keyword])
    parameters, *raises = (function.__doc__ or "").partition("\n    Raises\n")  # none under python -OO
    styled.__doc__ = parameters.rstrip() + SHARED + "".join(raises)
    return styled


def blank(count, columns, width, height, layout="constrained"):
    """Return a picture with `count` axes in rows of `columns`, each `width` by `height` inches."""
    rows = -(-count // columns)
    picture = Picture(figsize=(columns * width, rows * height), layout=layout)
    axes = picture.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.remove()
    return picture, axes[:count]


def arrays_of(arrays, name, axes=(2,)):
    """Return a sequence of arrays as a list, or say what is wrong with it."""
    arrays = [np.asanyarray(array) for array in arrays]
    if not arrays or any(array.ndim not in axes for array in arrays):
        got = ", ".join(str(array.shape) for array in arrays[:3]) or "nothing"
        raise ValueError(f"{name} must be a list of arrays of shape (H, W), got {got}; a single one goes in a list too")
    return arrays


def for_each(count, **options):
    """Yield each option as a list: one value as many times as there are arrays, and a list as it is."""
    for name, value in options.items():
        values = value if isinstance(value, (list, tuple, np.ndarray)) else [value] * count
        if len(values) != count:
            raise ValueError(f"{name} must be one value or {count}, got {len(values)}")
        yield list(values)


def scales(limits, count):
    """Return (low, high), or None for its own, of each image: of one pair for all of them, or of a list of pairs."""
    if limits is None or _is_pair(limits):
        return [limits] * count
    if not isinstance(limits, (list, tuple, np.ndarray)) or not all(each is None or _is_pair(each) for each in limits):
        raise ValueError(f"limits must be (low, high), two numbers, or a list of such pairs, got {limits!r}")
    (limits,) = for_each(count, limits=limits)
    return limits


def _is_pair(value):
    """Say whether a value is (low, high), as a tuple, a list or an array."""
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != 2:
        return False
    return all(isinstance(end, Real) for end in value)


def limits_of(array, kind):
    """Return the numbers at the ends of the colours."""
    sizes = np.abs(np.asarray(array, float))  # float first: an int8 has no 128
    largest = sizes.max(where=np.isfinite(sizes), initial=0.0) or 1.0
    return {"photograph": (0, 1), "magnitude": (0, largest), "signed": (-largest, largest)}[kind]


def require_shades(array):
    """Refuse a photograph that would be white, nearly all of it: whole numbers beyond 1, and others far beyond it.

    A little beyond is a pattern that was laid over it. Colours are drawn from 0 to 255 if they are whole numbers.
    """
    array = np.ma.filled(array, 0)
    gray, whole = array.ndim == 2, array.dtype.kind in "iu"
    largest = array.max(where=np.isfinite(array), initial=0)
    if largest > (1 if whole else 2) and (gray or not whole):
        remedy = ", or give limits=(0, 255)" if gray else ", or whole numbers from 0 to 255"
        raise ValueError(
            f"arrays must go from 0 to 1 to be drawn as {'gray ' if gray else ''}photographs, got {array.dtype} up to "
            f"{largest:g}; write array / 255{remedy}"
        )


MAPS = {"photograph": PHOTOGRAPH, "magnitude": MAGNITUDE, "signed": SIGNED}


def box(picture, size, left, top, shape):
    """Return where `shape` cells of `size` inches go, (left, bottom, width, height) in figure fractions."""
    width, height = picture.get_size_inches() / size
    return left / width, 1 - (top + shape[0]) / height, shape[1] / width, shape[0] / height


def draw_cells(axis, array, signed, fontsize=14, limit=None):
    """Draw an array as a table with its numbers; `limit` has the strongest colour, by default the largest of them."""
    draw_pale(axis, np.ma.masked_invalid(array) if signed else np.zeros(array.shape), limit, aspect="auto")
    axis.set(xticks=np.arange(array.shape[1] + 1) - 0.5, yticks=np.arange(array.shape[0] + 1) - 0.5)
    axis.tick_params(length=0, labelbottom=False, labelleft=False)
    axis.grid(color=GREY, linewidth=0.8)
    axis.spines[:].set(visible=True, color=GREY, linewidth=0.8)  # closes the grid at its rim
    for (row, column), number in np.ndenumerate(array):
        if np.isfinite(number):
            axis.text(column, row, number_text(number), ha="center", va="center", fontsize=fontsize)


def draw_pale(axis, array, limit=None, **options):
    """Colour by sign, pale enough for black digits."""
    high = 1.6 * (limit or limits_of(np.ma.filled(array, 0), "signed")[1])
    axis.imshow(array, cmap=SIGNED, vmin=-high, vmax=high, **options)


def draw_window(axis, window, linewidth=3):
    """Frame (row, column, height, width) pixels."""
    row, column, height, width = window
    look = {"fill": False, "edgecolor": ORANGE, "linewidth": linewidth, "clip_on": False}
    axis.add_patch(Rectangle((column - 0.5, row - 0.5), width, height, **look))


def number_text(number):
    """Write a number for a small cell: whole numbers in full, others with two decimals, a real minus sign."""
    number = float(number)
    text = f"{number:z.0f}" if number.is_integer() else f"{number:z.2f}"  # z: no −0
    return text.replace("-", "−")


# --------------------------------------------------------------------------- words for those who do not see


def said(number):
    """Write a number with about three digits, as it is read aloud."""
    number = float(number)
    whole = number.is_integer() or abs(number) >= 100
    return (f"{number:z,.0f}" if whole else f"{number:.3g}").replace("-", "−")


def numbers_of(array):
    """Say what an array holds: row by row if it is small, else its size and its ends."""
    array = np.asarray(array, float)
    whole = np.all((array == np.round(array)) | np.isnan(array))
    if array.ndim == 2 and array.size <= (64 if whole else 25):
        return "; ".join(" ".join("empty" if np.isnan(each) else said(each) for each in row) for row in array)
    return f"{' × '.join(map(str, array.shape))}, {ends_of(array)}"


def ends_of(*arrays):
    """Say from where to where the numbers of some arrays go."""
    numbers = np.concatenate([np.ravel(array).astype(float) for array in arrays])
    numbers = numbers[np.isfinite(numbers)]
    ends = dict.fromkeys(said(end) for end in (numbers.min(initial=np.inf), numbers.max(initial=-np.inf)))
    return " to ".join(ends) if numbers.size else "no numbers"


def counted(number, noun):
    """Write a number of things, one or several."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(parts, most=12):
    """Join names and what is said of them; the rest beyond `most` is counted."""
    parts = [": ".join(filter(None, part)) if isinstance(part, tuple) else part for part in parts]
    more = [f"and {len(parts) - most} more"] if len(parts) > most else []
    return ". ".join(part.replace("\n", ", ") for part in [*parts[:most], *more]) + "."


def course_of(x, values):
    """Say where a curve begins and ends, and where it is highest and lowest between."""
    x, values = np.asarray(x), np.asarray(values, float)
    x, values = x[np.isfinite(values)], values[np.isfinite(values)]
    if not values.size:
        return "no values"
    values = np.where(abs(values) > 1e-9 * abs(values).max(), values, 0)  # what is left of rounding is 0
    places = dict.fromkeys((0, int(values.argmin()), int(values.argmax()), len(values) - 1))
    return ", ".join(f"{said(values[place])} at {x[place] if x.dtype.kind in 'OU' else said(x[place])}"
                     for place in sorted(places))  # fmt: skip
