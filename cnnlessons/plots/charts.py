"""Images, grids of numbers, curves, points and intervals."""

import re

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from cnnlessons import shapes
from cnnlessons.plots.paper import (
    BLUE,
    GREEN,
    GREY,
    MAGNITUDE,
    MAPS,
    ORANGE,
    VERMILLION,
    Picture,
    arrays_of,
    blank,
    box,
    counted,
    course_of,
    draw_cells,
    draw_pale,
    draw_window,
    ends_of,
    for_each,
    in_style,
    limits_of,
    listed,
    number_text,
    numbers_of,
    require_shades,
    said,
    scales,
)


@in_style
def images(arrays, titles=None, kind="photograph", columns=None, width=3.2, limits=None, windows=None, height=None):
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
    limits : (low, high) or list of them, optional
        One scale for all images instead of each one's own, or one for each. Colours have none.
    windows : sequence of (row, column, height, width) or None, optional
        A frame to draw on each image, in pixels.
    height : float, optional
        Of one image with its title, in inches; by default as much as a square one needs.

    Raises
    ------
    ValueError
        If a kind is unknown, an array is no image, a list is too short, or numbers that are not from 0 to 1 come as a
        photograph, which would be all white. (A gray one of floats may go beyond, up to 2, and is cut off.)
    """
    arrays = arrays_of(arrays, "arrays", (2, 3))
    if channels := [array.shape for array in arrays if array.ndim == 3 and array.shape[2] not in (3, 4)]:
        raise ValueError(f"arrays must be images of shape (H, W), (H, W, 3) or (H, W, 4), got {channels[0]}")
    kinds, titles, windows = for_each(len(arrays), kind=kind, titles=titles, windows=windows)
    for each in kinds:
        shapes.chosen(each, "kind", list(MAPS))
    limits = scales(limits, len(arrays))
    tallest = max(((title or "").count("\n") for title in titles), default=0)
    height = height or width + 0.35 + 0.25 * tallest + 0.3 * any(kind != "photograph" for kind in kinds)
    picture, axes = blank(len(arrays), columns or len(arrays), width, height, "compressed")
    told = []
    for axis, array, title, kind, window, ends in zip(axes, arrays, titles, kinds, windows, limits, strict=True):
        if kind == "photograph" and (ends is None or array.ndim == 3):  # colours have no scale
            require_shades(array)
        low, high = limits_of(array, kind) if ends is None else ends
        drawn = axis.imshow(array, cmap=MAPS[kind], vmin=low, vmax=high)
        axis.set(title=title, xticks=[], yticks=[])
        axis.spines[:].set(visible=kind == "signed", color=GREY, linewidth=0.8)  # white is a number there
        if kind != "photograph":
            picture.colorbar(drawn, ax=axis, location="bottom", fraction=0.06, pad=0.03)
        framed = ""
        if window is not None:
            draw_window(axis, window)
            framed = ", frame of {2} × {3} at row {0}, column {1}".format(*window)
        told.append((" ".join((title or kind).split()), numbers_of(array) + framed))
    picture.alt = listed(told)
    return picture


@in_style
def grids(arrays, titles=None, windows=None, symbols=None, signed=True, size=0.62, limit=None):
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
    limit : float, optional
        The number with the strongest colour, where arrays are to be compared; by default the largest of each array.
    """
    arrays = arrays_of(arrays, "arrays")
    count, gap = len(arrays), 0.9
    titles, windows, signed = for_each(count, titles=titles, windows=windows, signed=signed)
    (symbols,) = for_each(count - 1, symbols=symbols)
    height, width = max(array.shape[0] for array in arrays), sum(array.shape[1] for array in arrays)
    picture = Picture(figsize=(size * (width + gap * (count + 1)), size * (height + 1.6)))
    left = gap
    for array, title, window, coloured, symbol in zip(arrays, titles, windows, signed, [*symbols, None], strict=True):
        top = (height - array.shape[0]) / 2
        axis = picture.add_axes(box(picture, size, left, top + 1.2, array.shape))
        draw_cells(axis, array, coloured, limit=limit)
        axis.set_title(title, pad=10)
        if window is not None:
            draw_window(axis, window)
        if symbol is not None:
            x = (left + array.shape[1] + gap / 2) * size / picture.get_figwidth()
            y = 1 - (1.2 + height / 2) * size / picture.get_figheight()
            picture.text(x, y, symbol, ha="center", va="center", fontsize=20)
        left += array.shape[1] + gap
    picture.alt = listed((title, numbers_of(array)) for title, array in zip(titles, arrays, strict=True))
    return picture


@in_style
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
    """
    kernels, gains = arrays_of(kernels, "kernels"), arrays_of(gains, "gains")
    gains, titles = for_each(len(kernels), gains=gains, titles=titles)
    picture, axes = _pairs(len(kernels), columns, width, 1.95 * width)
    picture.get_layout_engine().set(hspace=0, h_pad=0.02)
    for (above, below), kernel, gain, title in zip(axes, kernels, gains, titles, strict=True):
        draw_pale(above, kernel)
        above.set_title(title, fontsize=12)
        size = 12 if kernel.size < 16 else 8
        for (row, column), weight in np.ndenumerate(kernel):
            above.text(column, row, _short(weight, kernel.shape), ha="center", va="center", fontsize=size)
        below.imshow(gain, cmap=MAGNITUDE, vmin=0, vmax=limits_of(gain, "magnitude")[1], extent=(-0.5, 0.5, 0.5, -0.5))
        for axis in (below.xaxis, below.yaxis):
            axis.set_ticks([-0.5, 0, 0.5], ["−½", "0", "½"])
        below.tick_params(labelsize=10, length=2)
        below.set_xlabel(f"gain 0 to {_short(gain.max())}", fontsize=11)
    shown = zip(titles, map(numbers_of, kernels), gains, strict=True)
    picture.alt = listed((title, f"{weights}, gain 0 to {said(gain.max())}") for title, weights, gain in shown)
    return picture


def _pairs(count, columns, width, height, below=1):
    """Return a picture and pairs of axes, `width` by `height`: one without a frame, one below it, so much as high."""
    columns = min(columns, count)
    rows = -(-count // columns)
    picture = Picture(figsize=(columns * width, rows * height), layout="constrained")
    axes = picture.subplots(2 * rows, columns, squeeze=False, height_ratios=[1, below] * rows)
    pairs = np.stack([axes[0::2].ravel(), axes[1::2].ravel()], axis=1)
    for axis in [*pairs[:, 0], *pairs[count:, 1]]:
        axis.axis("off")
    return picture, pairs[:count]


def _short(number, shape=(1, 1)):
    """Write a number with two digits, or one where 25 of them share a small square, and no zero before the point."""
    digits = f"{number:.0f}" if abs(number) >= 10 else f"{number:.2g}" if max(shape) < 5 else f"{number:z.2f}"
    return re.sub(r"^(-?)0\.", r"\1.", digits).replace("-", "−") if number else "0"


@in_style
def curves(x, series, x_label, y_label, title=None, x_ticks=None, width=8.5, height=4.2, log=False, reference=0):
    """Draw several curves over one axis, each named at the line's own style and marker, not by colour alone.

    Parameters
    ----------
    x : ndarray, shape (P,)
    series : dict of str to ndarray, shape (P,) or (runs, P)
        Of several runs the mean is drawn, and each as a thin line; one that lacks a value counts where it has some.
    x_label, y_label : str
        With the unit.
    title : str, optional
    x_ticks : (positions, labels), optional
    width, height : float
        In inches.
    log : bool
        Whether the values have a logarithmic axis, where equal steps are equal ratios.
    reference : float or None
        Where to draw a level line; a logarithmic axis has none.
    """
    below = max(map(len, series)) > LONG_NAME
    picture, (axis,) = blank(1, 1, width, height + 0.3 * below * -(-len(series) // 2))
    styles = zip(["-", "--", "-.", ":"] * len(series), ["o", "s", "^", "D", "v", "P"] * len(series), strict=False)
    runs = {name: np.atleast_2d(np.asarray(values, float)) for name, values in series.items()}
    means = {name: np.nanmean(each, axis=0) if len(each) > 1 else each[0] for name, each in runs.items()}
    for (name, mean), (line, marker) in zip(means.items(), styles, strict=False):
        (drawn,) = axis.plot(x, mean, line, marker=marker, markevery=max(1, len(x) // 12), markersize=7, label=name)
        if len(runs[name]) > 1:
            axis.plot(x, runs[name].T, color=drawn.get_color(), linewidth=0.8, alpha=0.5, zorder=1)
    axis.set(xlabel=x_label, ylabel=y_label, title=title)
    if x_ticks is not None:
        axis.set_xticks(*x_ticks)
    if log:
        axis.set_yscale("log")
        every = np.concatenate([each.ravel() for each in runs.values()])
        if np.nanmax(every) < 100 * np.nanmin(every):  # hardly two powers of ten would be named
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_minor_formatter(lambda value, _: "")
        axis.yaxis.set_major_formatter(lambda value, _: _power(value))  # the usual one writes mathematics, which is off
    elif reference is not None:
        axis.axhline(reference, color=GREY, linewidth=1)
    if below:
        picture.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    elif len(series) > 1:  # a single one is what the axis says
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    places = x if x_ticks is None or len(x_ticks[1]) != len(x) else [str(label) for label in x_ticks[1]]
    several = {name: f", the mean of {len(each)} thin lines" * (len(each) > 1) for name, each in runs.items()}
    told = ((name, course_of(places, mean) + several[name]) for name, mean in means.items())
    picture.alt = f"{title or 'Curves'}, {y_label} over {x_label}. {listed(told)}"
    return picture


LONG_NAME = 26  # letters; beside the curves a longer one would take a third of the width


def _power(value):
    """Write a number at a logarithmic axis: in full, or with a power of ten where that is long."""
    exponent = round(np.log10(value))
    if -4 < exponent < 5:
        return f"{value:g}"
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**exponent:g}·10{digits}".removeprefix("1·")


@in_style
def points(groups, x_label, y_label, title=None, width=6.5, height=4.6, diagonal=False):
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
    diagonal : bool
        Whether to draw the line on which both are equal.
    """
    picture, (axis,) = blank(1, 1, width, height)
    for (name, (x, y)), marker in zip(groups.items(), "o*s^Dv" * len(groups), strict=False):
        size = (4 if np.size(x) > 100 else 9) * (1.6 if marker == "*" else 1)  # a star fills less of its square
        axis.plot(x, y, marker, markersize=size, alpha=0.7, markeredgecolor="white", markeredgewidth=0.6, label=name)
    if diagonal:
        axis.axline((0, 0), slope=1, color=GREY, linewidth=1)
    axis.set(xlabel=x_label, ylabel=y_label, title=title)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = ((name, f"{np.size(x)}, across {ends_of(x)}, up {ends_of(y)}") for name, (x, y) in groups.items())
    picture.alt = f"{title or 'Points'}, {y_label} over {x_label}. {listed(told)}"
    return picture


@in_style
def intervals(groups, label, title=None, width=8.5, reference=None, key=None):
    """Show several runs of each setting: every run a dot, below them their mean, a diamond on the bar of its interval.

    Parameters
    ----------
    groups : dict of str to (values, (low, high)) or (values, (low, high), resolved)
        The runs, shape (P,), and the ends of the interval. One that lies far beyond all runs, or is infinite, is drawn
        as an arrow out of the picture. The diamond is hollow where the reference lies in the interval, or where
        `resolved` is False, since a verdict may ask for more than the interval does.
    label : str
        What the values are, with the unit.
    title : str, optional
    width : float
        In inches.
    reference : float, optional
        Where to draw a line that says "no difference".
    key : (str, str), optional
        What a dot and a bar are, such as ("one pair of runs", "mean, 95 % interval"): a legend that says so, and at
        the right the mean and the interval in numbers.
    """
    rows = []
    for values, ends, *resolved in groups.values():
        outside = reference is None or not ends[0] <= reference <= ends[1]
        rows.append((np.ravel(values), ends, resolved[0] if resolved else outside))
    judged = any(len(group) > 2 for group in groups.values())
    hollow = "unresolved" if judged else "the interval holds the grey line"
    pitch = 0.65 if len(rows) <= 8 else 0.48
    picture, (axis,) = blank(1, 1, width, 1.1 + pitch * len(rows))
    if reference is not None:
        axis.axvline(reference, color="0.6", linewidth=1.5, zorder=0)
    shown = np.concatenate([values for values, _, _ in rows])
    margin = np.ptp(shown) or 1.0
    limits = shown.min() - margin, shown.max() + margin
    for row, (values, ends, resolved) in enumerate(rows):
        dots = axis.plot(values, row - 0.1 - _stacked(values, margin), "o", color=BLUE, alpha=0.6, markersize=7)
        line = _draw_interval(axis, row + 0.22, ends, limits)
        look = {"color": VERMILLION, "markerfacecolor": VERMILLION if resolved else "white"}
        mean = axis.plot([np.mean(values)], [row + 0.22], "D", markersize=6, zorder=3, **look)
    axis.set(xlabel=label, title=title, ylim=(len(rows) - 0.5, -0.6))
    axis.set_yticks(range(len(rows)), groups)
    axis.tick_params(axis="y", length=0, labelsize=14 if len(rows) <= 8 else 12)
    told = dict(zip(groups, _interval_texts(rows, margin), strict=True))
    if key is not None:
        for row, text in enumerate(told.values()):
            axis.text(1.02, row, text, transform=axis.get_yaxis_transform(), va="center", fontsize=12)
        key = key[0], key[1] + ("" if all(resolved for *_, resolved in rows) else f"; hollow: {hollow}")
        picture.legend([*dots, (*line, *mean)], key, loc="outside lower center", ncols=2, fontsize=12)
    runs = [counted(len(values), "dot") + ("" if resolved else f", {hollow}") for values, _, resolved in rows]
    picture.alt = f"{title or 'Runs and intervals'}, {label}. " + listed(
        [(name, f"{text}, {dots}") for (name, text), dots in zip(told.items(), runs, strict=True)], 20
    )
    return picture


def _stacked(values, margin):
    """Return how far above the others each value is drawn, so that equal ones do not hide one another."""
    places = np.round(values / (margin / 100))
    return 0.12 * np.array([np.sum(places[:i] == place) for i, place in enumerate(places)]).clip(max=3)


def _draw_interval(axis, height, ends, limits):
    """Draw an interval, an arrow at the end that lies beyond the limits; return its line."""
    bar = np.clip(ends, *limits)
    line = axis.plot(bar, [height] * 2, "|-", color=VERMILLION, markersize=13, markeredgewidth=2.5)
    for place, end, arrow in zip(bar, ends, "<>", strict=True):
        if place != end:
            axis.plot([place], [height], arrow, color=VERMILLION, markersize=12)
    return line


def _interval_texts(rows, margin):
    """Write means and intervals so that a quarter of the narrowest can be read, and near 0 the sign of its ends."""
    narrowest = min((high - low for _, (low, high), _ in rows if 0 < high - low < np.inf), default=margin)
    digits = int(np.clip(np.ceil(-np.log10(narrowest / 4)), narrowest < 40, 6))
    texts = ["{:z.{d}f} ({:z.{d}f} to {:z.{d}f})".format(np.mean(values), *ends, d=digits) for values, ends, _ in rows]
    return [text.replace("-", "−").replace("inf", "∞") for text in texts]


@in_style
def bars(values, label, title=None, width=8.5, log=False):
    """Show a number for each name as a bar, and write it at the bar's end.

    Parameters
    ----------
    values : dict of str to float
        None below 0; the first stands on top.
    label : str
        What the numbers are, with the unit.
    title : str, optional
    width : float
        In inches.
    log : bool
        Whether equal steps are equal ratios; all numbers are above 0 then, and the length alone says nothing.

    Raises
    ------
    ValueError
        If a number has no bar.
    """
    lowest = min(values.values(), default=-1)
    if lowest < 0 or (log and not lowest):
        raise ValueError(f"values must be {'above 0' if log else '0 or more'} to have a bar, got {values}")
    picture, (axis,) = blank(1, 1, width, 1.2 + 0.5 * len(values))
    drawn = axis.barh(range(len(values)), list(values.values()), color=BLUE, height=0.6, log=log)
    axis.bar_label(drawn, [said(value) for value in values.values()], padding=4, fontsize=12)
    axis.set(xlabel=label, title=title, ylim=(len(values) - 0.4, -0.6))
    axis.margins(x=0.15)
    if log:
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")  # the usual one writes mathematics, which is off
    axis.set_yticks(range(len(values)), values)
    axis.tick_params(axis="y", length=0)
    picture.alt = f"{title or 'Bars'}, {label}. {listed((name, said(value)) for name, value in values.items())}"
    return picture


@in_style
def confusion(counts, classes):
    """Show how often which class was taken for which: right answers blue, mistakes red, each row by its own sum.

    Parameters
    ----------
    counts : ndarray of int, shape (K, K)
        A row for each class that was shown, a column for each answer.
    classes : sequence of str
    """
    counts, names = np.asarray(counts), [name[:12] for name in classes]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.55 * len(names) + 1.5
    picture, (axis,) = blank(1, 1, side, side)
    draw_pale(axis, np.where(np.eye(len(names)), -shares, shares))
    for (row, column), count in np.ndenumerate(counts):
        axis.text(column, row, count or "", ha="center", va="center", fontsize=14)
    axis.set(xlabel="answer", ylabel="what was shown")
    axis.set_xticks(range(len(names)), names, rotation=90)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    mistakes = [(counts[i, j], f"{classes[i]} taken for {classes[j]} {counts[i, j]}×")
                for i, j in np.argwhere(counts) if i != j]  # fmt: skip
    told = [f"{np.trace(counts)} of {counts.sum()} right", *(text for _, text in sorted(mistakes, reverse=True))]
    picture.alt = f"Which class was taken for which. {listed(told)}"
    return picture


@in_style
def mosaic(rows, kind="signed", size=0.95):
    """Show rows of small arrays of one kind, such as a layer's kernels before and after; a row has one scale.

    Parameters
    ----------
    rows : dict of str to sequence of ndarray, shape (H, W)
    kind : {"photograph", "magnitude", "signed"}
    size : float
        Of one array, in inches.
    """
    rows = {name: arrays_of(arrays, name) for name, arrays in rows.items()}
    columns = max(map(len, rows.values()))
    picture = Picture(figsize=(columns * size, len(rows) * (size + 0.35)), layout="constrained")
    for part, (name, arrays) in zip(np.ravel(picture.subfigures(len(rows), 1)), rows.items(), strict=True):
        part.suptitle(name, x=0.01, ha="left", fontsize=14)
        low, high = limits_of(np.concatenate([array.ravel() for array in arrays]), kind)
        axes = part.subplots(1, columns, squeeze=False)[0]
        for axis in axes[len(arrays) :]:
            axis.remove()
        for axis, array in zip(axes, arrays, strict=False):
            axis.imshow(array, cmap=MAPS[kind], vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color=GREY, linewidth=0.8)
    told = ((name, f"{counted(len(arrays), 'array')}, {ends_of(*arrays)}") for name, arrays in rows.items())
    picture.alt = listed(told)
    return picture


@in_style
def answers(images, probabilities, titles=None, classes=None, columns=5, width=2.1):
    """Show images, and below each what a network answers: a bar for the probability of each class.

    Parameters
    ----------
    images : sequence of ndarray, shape (H, W)
        Grey from 0 to 1.
    probabilities : ndarray, shape (N, K)
    titles : sequence of str, optional
    classes : sequence of str, optional
        By default 0 to K − 1.
    columns : int
        Images in a row.
    width : float
        Of one image, in inches.

    Raises
    ------
    ValueError
        If there is not a row of probabilities for each image.
    """
    images, probabilities = arrays_of(images, "images"), np.asarray(probabilities)
    if probabilities.ndim != 2 or len(probabilities) != len(images):
        raise ValueError(f"probabilities must be a row for each of {len(images)} images, got {probabilities.shape}")
    (titles,) = for_each(len(images), titles=titles)
    (classes,) = for_each(probabilities.shape[1], classes=classes or list(map(str, range(probabilities.shape[1]))))
    picture, axes = _pairs(len(images), columns, width, 1.6 * width, 0.5)
    told = []
    for (above, below), image, row, title in zip(axes, images, probabilities, titles, strict=True):
        above.imshow(image, cmap=MAPS["photograph"], vmin=0, vmax=1)
        above.set_title(title, fontsize=12)
        best = int(row.argmax())
        below.bar(range(len(row)), row, color=[VERMILLION if place == best else BLUE for place in range(len(row))])
        below.text(best, row[best], f"{row[best]:.0%}", ha="center", va="bottom", fontsize=10)
        below.set(ylim=(0, 1.3), yticks=[], xlim=(-0.9, len(row) - 0.1))
        below.set_xticks(range(len(row)), classes, fontsize=10)
        below.tick_params(axis="x", length=0, pad=2)
        below.spines["left"].set_visible(False)
        told.append((title or "image", f"{classes[best]} with {row[best]:.0%}"))
    picture.alt = listed(told)
    return picture


@in_style
def descents(paths, heights, extent, titles=("", ""), width=8.5, together=False):
    """Show ways down a valley, step by step, over its lines of equal height, in true proportion; the start is hollow.

    Parameters
    ----------
    paths : dict of str to ndarray, shape (P, 2)
        Places on each way, (across, up) on the page.
    heights : ndarray, shape (H, W)
        Of the valley, evenly spaced over `extent`, the first row at its lower end.
    extent : (left, right, bottom, top)
    titles : (str, str)
        Of the axes across and up.
    width : float
        In inches.
    together : bool
        Whether all ways go through one valley, with a legend in a part of the width, or each has a drawing of its own.
    """
    shape = (extent[3] - extent[2]) / (extent[1] - extent[0])
    count, valley = (1, width - 3) if together else (len(paths), width)
    picture, axes = blank(count, 1, width, valley * shape + 0.45)
    levels = (10.0 ** np.floor(np.log10(heights.max()) - [[2], [1], [0]]) * [1, 2, 5]).ravel()
    for axis in axes:
        lines = axis.contour(heights, levels, extent=extent, colors=GREY, linewidths=0.8, alpha=0.7)
        axis.clabel(lines, lines.levels[::3], fmt="%g", fontsize=9)
        axis.set(ylabel=titles[1], xlim=extent[:2], ylim=extent[2:], aspect="equal")
    looks = zip([BLUE, VERMILLION, GREEN, ORANGE] * 9, "os^D" * 9 if together else "o" * 36, strict=True)
    for axis, (name, path), (colour, marker) in zip([*axes] * len(paths), paths.items(), looks, strict=False):
        axis.plot(*path.T, marker=marker, markersize=5, linewidth=1.8, color=colour, label=name)
        axis.plot(*path[0], marker=marker, markersize=9, markerfacecolor="white", markeredgecolor=colour)
        axis.set(title=None if together else name)
    if together:
        axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for axis in axes[:-1]:
        axis.set_xticklabels([])
    axes[-1].set_xlabel(titles[0])
    steps = ((name, len(path) - 1, *map(said, (*path[0], *path[-1]))) for name, path in paths.items())
    told = ((name, f"from ({a}, {b}) to ({c}, {d}) in {counted(count, 'step')}") for name, count, a, b, c, d in steps)
    picture.alt = f"Ways down a valley, ({titles[0]}, {titles[1]}). {listed(told)}"
    return picture


@in_style
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

    Raises
    ------
    ValueError
        If a value is 0 or less, which has no logarithm.
    """
    x_labels, titles = for_each(len(panels), x_label=x_label, titles=titles)
    names = list(dict.fromkeys(name for _, series in panels.values() for name in series))
    picture = Picture(figsize=(len(panels) * width + 2.6 * (len(names) > 1), height), layout="constrained")
    axes = picture.subplots(1, len(panels), squeeze=False)[0]
    lines, told = {}, []
    for axis, (y_label, (x, series)), below, title in zip(axes, panels.items(), x_labels, titles, strict=True):
        axis.set(xlabel=below, ylabel=y_label, title=title, xscale="log", yscale="log")
        for name, values in series.items():
            if np.any(np.asarray(values) <= 0):
                raise ValueError(f"{name!r} must be above 0 to have a logarithm, got {values}; use NaN for a gap")
            number = names.index(name)
            line, marker = ["-", "--", "-.", ":"][number % 4], "os^DvP"[number % 6]
            (lines[name],) = axis.plot(x, values, line, color=f"C{number}", marker=marker, markersize=7)
            told.append((f"{y_label}, {name}", course_of(x, values)))
        _write_ticks(axis, x)
    if len(names) > 1:
        picture.legend(lines.values(), lines, loc="outside right upper")
    picture.alt = f"Over {', '.join(dict.fromkeys(x_labels))}, logarithmic axes. {listed(told)}"
    return picture


def _write_ticks(axis, x):
    """Write plain numbers at logarithmic axes, so many that more than one is left where the range is small."""
    low, high = axis.get_ylim()
    axis.set_xticks(x, [number_text(position) for position in x])
    near = MaxNLocator(4, steps=[1, 2, 5, 10]) if high < 4 * low else LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 7))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 10 * low else near)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    for direction in (axis.xaxis, axis.yaxis):
        direction.set_minor_locator(NullLocator())
    axis.grid(axis="y", color="#DDDDDD", linewidth=1)
