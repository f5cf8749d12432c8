"""Arrays in, Figure out; no arithmetic on what is shown.

One style for the whole course: photographs in grey, magnitudes in viridis (perceptually even), signed values in a
diverging map whose white is zero, kernels always with their numbers, labels readable from the back of a room, colours
that colour-blind readers can tell apart. Every function returns a `Picture`, a matplotlib figure outside pyplot's
state, so that a notebook shows it exactly once, as the value of its cell.

Used from lesson 01 on.
"""

import io
import re
from functools import cache, wraps

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image

from cnnlessons import shapes

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
    """Return the 256 colours of a colour map, for code that paints pixels itself.

    Parameters
    ----------
    name : {"gray", "viridis", "RdBu_r"}

    Returns
    -------
    ndarray, shape (256, 3), uint8; read-only
    """
    table = (matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    table.setflags(write=False)
    return table


class Picture(Figure):
    """A matplotlib figure that a notebook shows as a PNG, with or without pyplot."""

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


def _styled(function):
    """Draw under the course's style, whatever style the notebook has set."""

    @wraps(function)
    def styled(*arguments, **options):
        with style.context(STYLE, after_reset=True):
            return function(*arguments, **options)

    return styled


def _picture(count, columns, width, height):
    """Return a picture with `count` axes in rows of `columns`, each `width` by `height` inches."""
    rows = -(-count // columns)
    picture = Picture(figsize=(columns * width, rows * height), layout="constrained")
    axes = picture.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.remove()
    return picture, axes[:count]


def _arrays(arrays, name, axes=(2,)):
    """Return a sequence of arrays as a list, or say what is wrong with it."""
    arrays = [np.asanyarray(array) for array in arrays]
    if not arrays or any(array.ndim not in axes for array in arrays):
        got = ", ".join(str(array.shape) for array in arrays[:3]) or "nothing"
        raise ValueError(f"{name} must be a list of arrays of shape (H, W), got {got}; a single one goes in a list too")
    return arrays


def _for_each(value, count, name):
    """Return one value as many times as there are arrays, and a list as it is."""
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} must be one value or {count}, got {len(value)}")
    return list(value)


def _limits(array, kind):
    if kind == "photograph" and array.ndim == 2 and array.dtype.kind in "iu" and array.max() > 1:
        raise ValueError(f"a gray photograph is drawn from 0 to 1, got {array.dtype} up to {array.max()}; give limits")
    sizes = np.abs(np.asarray(array, float))  # float first: an int8 has no 128
    largest = sizes.max(where=np.isfinite(sizes), initial=0.0) or 1.0
    return {"photograph": (0, 1), "magnitude": (0, largest), "signed": (-largest, largest)}[kind]


_MAPS = {"photograph": PHOTOGRAPH, "magnitude": MAGNITUDE, "signed": SIGNED}


@_styled
def images(arrays, titles=None, kind="photograph", columns=None, width=3.2, limits=None, windows=None):
    """Show images and feature maps side by side.

    Parameters
    ----------
    arrays : sequence of ndarray, shape (H, W) or (H, W, 3)
    titles : sequence of str, optional
    kind : {"photograph", "magnitude", "signed"} or a list of them
        Grey from 0 to 1; viridis from 0 to the largest; red and blue with white at zero. The last two get a scale.
    columns : int, optional
        Images in a row; by default all.
    width : float
        Of one image, in inches.
    limits : (low, high), optional
        One scale for all images instead of each one's own.
    windows : sequence of (row, column, height, width) or None, optional
        A frame to draw on each image, in pixels.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If a kind is unknown, an array is no image, a list is too short, or whole numbers beyond 1 come as a gray
        photograph, which would be all white.
    """
    arrays = _arrays(arrays, "arrays", (2, 3))
    kinds, titles, windows = (
        _for_each(value, len(arrays), name)
        for name, value in (("kind", kind), ("titles", titles), ("windows", windows))
    )
    for each in kinds:
        shapes.chosen(each, "kind", list(_MAPS))
    picture, axes = _picture(len(arrays), columns or len(arrays), width, width * 1.1)
    for axis, array, title, kind, window in zip(axes, arrays, titles, kinds, windows, strict=True):
        low, high = limits or _limits(array, kind)
        drawn = axis.imshow(array, cmap=_MAPS[kind], vmin=low, vmax=high)
        axis.set(title=title, xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        if kind != "photograph":
            picture.colorbar(drawn, ax=axis, location="bottom", fraction=0.06, pad=0.03)
        if window is not None:
            _draw_window(axis, window)
    return picture


@_styled
def grids(arrays, titles=None, windows=None, symbols=None, signed=True, size=0.62):
    """Show small arrays cell by cell, every number readable: images, kernels, products.

    Parameters
    ----------
    arrays : sequence of ndarray, shape (H, W)
        NaN leaves a cell empty.
    titles : sequence of str, optional
    windows : sequence of (row, column, height, width) or None, optional
        A frame to draw on each array.
    symbols : sequence of str, optional
        What stands between neighbouring arrays, such as "×" and "=".
    signed : bool or sequence of bool
        Colour by sign (white at zero), or leave cells white.
    size : float
        Of one cell, in inches.

    Returns
    -------
    Picture
    """
    arrays = _arrays(arrays, "arrays")
    count, gap = len(arrays), 0.9
    titles, windows, signed = (
        _for_each(value, count, name) for name, value in (("titles", titles), ("windows", windows), ("signed", signed))
    )
    symbols = [*_for_each(symbols, count - 1, "symbols"), None]
    height, width = max(array.shape[0] for array in arrays), sum(array.shape[1] for array in arrays)
    picture = Picture(figsize=(size * (width + gap * (count + 1)), size * (height + 1.6)))
    left = gap
    for array, title, window, coloured, symbol in zip(arrays, titles, windows, signed, symbols, strict=True):
        top = (height - array.shape[0]) / 2
        axis = picture.add_axes(_box(picture, size, left, top + 1.2, array.shape))
        _draw_cells(axis, array, coloured)
        axis.set_title(title, pad=10)
        if window is not None:
            _draw_window(axis, window)
        if symbol is not None:
            x = (left + array.shape[1] + gap / 2) * size / picture.get_figwidth()
            picture.text(
                x,
                1 - (1.2 + height / 2) * size / picture.get_figheight(),
                symbol,
                ha="center",
                va="center",
                fontsize=20,
            )
        left += array.shape[1] + gap
    return picture


def _box(picture, size, left, top, shape):
    """Return where `shape` cells of `size` inches go, (left, bottom, width, height) in figure fractions."""
    width, height = picture.get_size_inches() / size
    return left / width, 1 - (top + shape[0]) / height, shape[1] / width, shape[0] / height


def _draw_cells(axis, array, signed):
    _draw_pale(axis, np.ma.masked_invalid(array) if signed else np.zeros(array.shape), aspect="auto")
    axis.set(xticks=np.arange(array.shape[1] + 1) - 0.5, yticks=np.arange(array.shape[0] + 1) - 0.5)
    axis.tick_params(length=0, labelbottom=False, labelleft=False)
    axis.grid(color=GREY, linewidth=0.8)
    axis.spines[:].set(visible=True, color=GREY, linewidth=0.8)  # closes the grid at its rim
    for (row, column), number in np.ndenumerate(array):
        if np.isfinite(number):
            axis.text(column, row, number_text(number), ha="center", va="center", fontsize=14)


def _draw_pale(axis, array, **options):
    """Colour by sign, pale enough for black digits."""
    low, high = _limits(np.ma.filled(array, 0), "signed")
    axis.imshow(array, cmap=SIGNED, vmin=1.6 * low, vmax=1.6 * high, **options)


def _draw_window(axis, window):
    row, column, height, width = window
    axis.add_patch(
        Rectangle((column - 0.5, row - 0.5), width, height, fill=False, edgecolor=ORANGE, linewidth=3, clip_on=False)
    )


def number_text(number):
    """Write a number for a small cell: whole numbers in full, others with two decimals, a real minus sign.

    Examples
    --------
    >>> number_text(-3.0), number_text(0.125), number_text(7)
    ('−3', '0.12', '7')
    """
    number = float(number)
    text = f"{number:z.0f}" if number.is_integer() else f"{number:z.2f}"  # z: no −0
    return text.replace("-", "−")


@_styled
def responses(kernels, gains, titles=None, columns=6, width=2.1):
    """Show kernels above the gain that each gives to every frequency.

    Parameters
    ----------
    kernels : sequence of ndarray, shape (KH, KW)
    gains : sequence of ndarray, shape (F, F)
        Absolute frequency response, zero frequency in the middle, -0.5 to 0.5 cycles per pixel.
    titles : sequence of str, optional
    columns : int
        Kernels in a row.
    width : float
        Of one kernel, in inches.

    Returns
    -------
    Picture
    """
    kernels, gains = _arrays(kernels, "kernels"), _arrays(gains, "gains")
    gains, titles = _for_each(gains, len(kernels), "gains"), _for_each(titles, len(kernels), "titles")
    columns = min(columns, len(kernels))
    rows = -(-len(kernels) // columns)
    picture = Picture(figsize=(columns * width, rows * 1.95 * width), layout="constrained")
    picture.get_layout_engine().set(hspace=0, h_pad=0.02)
    axes = picture.subplots(2 * rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for i, (kernel, gain, title) in enumerate(zip(kernels, gains, titles, strict=True)):
        above, below = axes[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]
        _draw_pale(above, kernel)
        above.set_title(title, fontsize=12)
        for (row, column), weight in np.ndenumerate(kernel):
            above.text(
                column,
                row,
                _short(weight, kernel.shape),
                ha="center",
                va="center",
                fontsize=12 if kernel.size < 16 else 8,
            )
        below.axis("on")
        below.imshow(gain, cmap=MAGNITUDE, vmin=0, vmax=_limits(gain, "magnitude")[1], extent=(-0.5, 0.5, 0.5, -0.5))
        below.set(
            xticks=[-0.5, 0, 0.5], yticks=[-0.5, 0, 0.5], xticklabels=["−½", "0", "½"], yticklabels=["−½", "0", "½"]
        )
        below.tick_params(labelsize=10, length=2)
        below.set_xlabel(f"gain 0 to {_short(gain.max())}", fontsize=11)
    return picture


def _short(number, shape=(1, 1)):
    """Write a number with two digits, or one where 25 of them share a small square, and no zero before the point."""
    digits = f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}" if max(shape) < 5 else f"{number:z.2f}"
    return re.sub(r"^(-?)0\.", r"\1.", digits).replace("-", "−") if number else "0"


@_styled
def curves(x, series, x_label, y_label, title=None, x_ticks=None, width=8.5, height=4.2, log=False):
    """Draw several curves over one axis, each named at the line's own style and marker, not by colour alone.

    Parameters
    ----------
    x : ndarray, shape (P,)
    series : dict of str to ndarray, shape (P,)
    x_label, y_label : str
        With the unit.
    title : str, optional
    x_ticks : (positions, labels), optional
    width, height : float
        In inches.
    log : bool
        Whether the values have a logarithmic axis, where equal steps are equal ratios.

    Returns
    -------
    Picture
    """
    picture, (axis,) = _picture(1, 1, width, height)
    styles = zip(["-", "--", "-.", ":"] * len(series), ["o", "s", "^", "D", "v", "P"] * len(series), strict=False)
    for (name, values), (line, marker) in zip(series.items(), styles, strict=False):
        axis.plot(x, values, line, marker=marker, markevery=max(1, len(x) // 12), markersize=7, label=name)
    axis.set(xlabel=x_label, ylabel=y_label, title=title)
    if x_ticks is not None:
        axis.set_xticks(*x_ticks)
    if log:
        axis.set_yscale("log")
        drawn = np.concatenate([np.asarray(values) for values in series.values()])
        if drawn.max() < 100 * drawn.min():  # hardly two powers of ten would be named
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_minor_formatter(lambda value, _: "")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # the usual one writes mathematics, which is off
    else:
        axis.axhline(0, color=GREY, linewidth=1)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture


@_styled
def points(groups, x_label, y_label, title=None, width=6.5, height=4.6):
    """Draw points in a plane, each group with a marker and a colour of its own.

    Parameters
    ----------
    groups : dict of str to (x, y)
        Two arrays of shape (P,) for each name.
    x_label, y_label : str
        With the unit.
    title : str, optional
    width, height : float
        In inches; the legend takes a part of it.

    Returns
    -------
    Picture
    """
    picture, (axis,) = _picture(1, 1, width, height)
    for (name, (x, y)), marker in zip(groups.items(), "o*s^Dv" * len(groups), strict=False):
        axis.plot(x, y, marker, markersize=16 if marker == "*" else 9, alpha=0.8, markeredgecolor="white", label=name)
    axis.set(xlabel=x_label, ylabel=y_label, title=title)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture


@_styled
def intervals(groups, label, title=None, width=8.5, reference=None):
    """Show several runs of each setting: every run a dot, below them their mean, a diamond on the bar of its interval.

    Parameters
    ----------
    groups : dict of str to (values, (low, high))
        The runs, shape (P,), and the ends of the interval. One that lies far beyond all runs, or is infinite, is drawn
        as an arrow out of the picture.
    label : str
        What the values are, with the unit.
    title : str, optional
    width : float
        In inches.
    reference : float, optional
        Where to draw a line that says "no difference".

    Returns
    -------
    Picture
    """
    picture, (axis,) = _picture(1, 1, width, 1.1 + 0.65 * len(groups))
    if reference is not None:
        axis.axvline(reference, color="0.6", linewidth=1.5, zorder=0)
    shown = np.concatenate([np.ravel(values) for values, _ in groups.values()])
    margin = np.ptp(shown) or 1.0
    limits = shown.min() - margin, shown.max() + margin
    for row, (values, ends) in enumerate(groups.values()):
        axis.plot(values, [row - 0.12] * len(values), "o", color=BLUE, alpha=0.6, markersize=8)
        bar = np.clip(ends, *limits)
        axis.plot(bar, [row + 0.2] * 2, "|-", color=VERMILLION, markersize=12, markeredgewidth=2.5)
        for place, end, arrow in zip(bar, ends, "<>", strict=True):
            if place != end:
                axis.plot([place], [row + 0.2], arrow, color=VERMILLION, markersize=12)
        axis.plot([np.mean(values)], [row + 0.2], "D", color=VERMILLION, markersize=8, markeredgecolor="white")
    axis.set(xlabel=label, title=title, ylim=(len(groups) - 0.5, -0.5))
    axis.set_yticks(range(len(groups)), groups)
    axis.tick_params(axis="y", length=0, labelsize=14)
    return picture


@_styled
def mosaic(rows, kind="signed", size=0.95):
    """Show rows of small arrays of one kind, such as a layer's kernels before and after; a row has one scale.

    Parameters
    ----------
    rows : dict of str to sequence of ndarray, shape (H, W)
    kind : {"photograph", "magnitude", "signed"}
    size : float
        Of one array, in inches.

    Returns
    -------
    Picture
    """
    rows = {name: _arrays(arrays, name) for name, arrays in rows.items()}
    columns = max(map(len, rows.values()))
    picture = Picture(figsize=(columns * size, len(rows) * (size + 0.35)), layout="constrained")
    for part, (name, arrays) in zip(np.ravel(picture.subfigures(len(rows), 1)), rows.items(), strict=True):
        part.suptitle(name, x=0.01, ha="left", fontsize=14)
        low, high = _limits(np.concatenate([array.ravel() for array in arrays]), kind)
        axes = part.subplots(1, columns, squeeze=False)[0]
        for axis in axes[len(arrays) :]:
            axis.remove()
        for axis, array in zip(axes, arrays, strict=False):
            axis.imshow(array, cmap=_MAPS[kind], vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color=GREY, linewidth=0.8)
    return picture


@_styled
def descents(paths, heights, extent, titles=("", ""), width=8.5, height=4.2):
    """Show ways down a valley, step by step, over its lines of equal height.

    Parameters
    ----------
    paths : dict of str to ndarray, shape (P, 2)
        Places on each way, (across, up) on the page.
    heights : ndarray, shape (H, W)
        Of the valley, evenly spaced over `extent`, the first row at its lower end.
    extent : (left, right, bottom, top)
    titles : (str, str)
        Of the axes across and up.
    width, height : float
        In inches; the legend takes a part of it.

    Returns
    -------
    Picture
    """
    picture, (axis,) = _picture(1, 1, width, height)
    levels = heights.max() / 2.0 ** np.arange(9, -1, -1)
    axis.contour(heights, levels, extent=extent, colors=GREY, linewidths=0.8, alpha=0.7)
    for (name, path), marker in zip(paths.items(), "os^Dv" * len(paths), strict=False):
        axis.plot(*path.T, marker=marker, markersize=6, linewidth=1.8, label=name)
    axis.set(xlabel=titles[0], ylabel=titles[1], xlim=extent[:2], ylim=extent[2:])
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture


@_styled
def log_curves(panels, x_label, titles=None, width=4, height=4.2):
    """Draw curves on logarithmic axes, where equal steps are equal ratios and a power law is a straight line.

    Parameters
    ----------
    panels : dict of str to (x, series)
        Axes side by side: the y label, with its unit, to the positions x, shape (P,), and a dict of str to ndarray,
        shape (P,), all above 0; NaN leaves a gap. A name has the same line in all axes, and stands in one legend.
    x_label : str or sequence of str
        One for all axes, or one for each.
    titles : sequence of str, optional
    width, height : float
        Of one axes, in inches; the legend comes on top of that.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If a value is 0 or less, which has no logarithm.
    """
    x_labels, titles = _for_each(x_label, len(panels), "x_label"), _for_each(titles, len(panels), "titles")
    names = list(dict.fromkeys(name for _, series in panels.values() for name in series))
    picture = Picture(figsize=(len(panels) * width + 2.6, height), layout="constrained")
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    lines = {}
    for axis, (y_label, (x, series)), below, title in zip(axes, panels.items(), x_labels, titles, strict=True):
        axis.set(xlabel=below, ylabel=y_label, title=title, xscale="log", yscale="log")
        for name, values in series.items():
            if np.any(np.asarray(values) <= 0):
                raise ValueError(f"{name!r} must be above 0 to have a logarithm, got {values}; use NaN for a gap")
            number = names.index(name)
            line, marker = ["-", "--", "-.", ":"][number % 4], "os^DvP"[number % 6]
            (lines[name],) = axis.plot(x, values, line, color=f"C{number}", marker=marker, markersize=7)
        _write_ticks(axis, x)
    picture.legend(lines.values(), lines, loc="outside right upper")
    return picture


def _write_ticks(axis, x):
    """Write plain numbers at logarithmic axes, so many that more than one is left where the range is small."""
    low, high = axis.get_ylim()
    axis.set_xticks(x, [number_text(position) for position in x])
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    for direction in (axis.xaxis, axis.yaxis):
        direction.set_minor_locator(NullLocator())
    axis.grid(axis="y", color="#DDDDDD", linewidth=1)
