"""How a network is built, drawn: its maps, one filter, its branches, its windows, whole layers in colour.

Where a drawing is not a chart, one unit of its axes is an inch, and y grows downwards, as rows do.
"""

from itertools import product
from textwrap import fill

import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from cnnlessons import shapes
from cnnlessons.plots.paper import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PHOTOGRAPH,
    PURPLE,
    SIGNED,
    SKY,
    VERMILLION,
    Picture,
    blank,
    counted,
    draw_cells,
    draw_window,
    ends_of,
    for_each,
    in_style,
    limits_of,
    listed,
    numbers_of,
    said,
)

PALE_BLUE, PALE_ORANGE, PALE_GREY, INK = "#DCEBF6", "#FBEBCB", "#EEEEEE", "#222222"


def _sheet(width, height, title=None):
    """Return a picture and axes without a frame, one unit an inch, with room for a title above 0."""
    top = 0.5 if title else 0
    picture = Picture(figsize=(width, height + top))
    axis = picture.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, -top))
    axis.axis("off")
    _write(axis, width / 2, -0.2, title or "", 14)
    return picture, axis


def _write(axis, x, y, text, size=10, **options):
    axis.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": size, "color": INK} | options)


def _arrow(axis, points, colour=GREY, corner=0.12):
    """Draw an arrow along points that lie straight below or beside one another, with round corners."""
    points = np.array(points, float)
    path, codes = [points[0]], [Path.MOVETO]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        ends = [here + corner * np.sign(other - here) for other in (before, after)]
        path, codes = [*path, ends[0], here, ends[1]], [*codes, Path.LINETO, Path.CURVE3, Path.CURVE3]
    path = Path([*path, points[-1]], [*codes, Path.LINETO])
    axis.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, linewidth=1.6, color=colour))


def _rectangle(axis, x, y, width, height, colour, edge=GREY):
    axis.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor=edge, linewidth=0.8))


def _size(shape, times="×"):
    return times.join(map(str, shape))


# --------------------------------------------------------------------------- a network at one glance


@in_style
def stack_of_maps(network, title=None):
    """Show a network at one glance: after every step its stack of maps, with height, width and channels.

    The sides are drawn as square roots, so that 4 pixels can be seen beside 224. Up to eight channels are as many
    sheets; more are eight sheets, too.

    Parameters
    ----------
    network : Sequential or sequence of (name, shape)
        A chain that is built, of the course or of Keras; layers that keep the shape and have no window, such as ReLU,
        share a step with the one before. Or the steps, the image first, each (H, W, C) or (K,).
    title : str, optional

    Raises
    ------
    ValueError
        If a network is not built, or a shape is neither.
    """
    steps = _steps(network)
    names = ["\n".join(fill(line, 13) for line in name.split("\n")) for name, _ in steps]
    crowded, font = len(steps) > 8, 8.5 if len(steps) > 8 else 9.5
    sizes = ["\n×".join(_size(shape).rsplit("×", 1)) if crowded else _size(shape) for _, shape in steps]
    lines = [f"{name}\n{size}".split("\n") for name, size in zip(names, sizes, strict=True)]
    room = [0.16 + 0.0083 * font * max(map(len, each)) for each in lines]
    tallest = max(max(shape[:-1], default=1) for _, shape in steps)
    for scale in np.arange(1.5, 0.3, -0.1) / np.sqrt(tallest):  # the largest drawing that fits
        boxes = [_stack_size(shape, scale) for _, shape in steps]
        widths = [max(box[0] + 0.3, least) for box, least in zip(boxes, room, strict=True)]
        if sum(widths) <= max(9, sum(room) + 0.5):
            break
    height = max(box[1] for box in boxes)
    picture, axis = _sheet(sum(widths), height + 0.45 + 0.17 * max(map(len, lines)), title)
    left = end = 0
    for (_, shape), name, size, box, width in zip(steps, names, sizes, boxes, widths, strict=True):
        x, y = left + width / 2, 0.15 + height / 2
        if left:
            _arrow(axis, [(end + 0.04, y), (x - box[0] / 2 - 0.04, y)])
        _draw_stack(axis, x, y, shape, box, PALE_BLUE if left else PALE_GREY)
        _write(axis, x, height + 0.27, size, font, va="top", weight="bold")
        _write(axis, x, height + 0.47 + 0.17 * crowded, name, font, va="top")
        left, end = left + width, x + box[0] / 2
    told = listed([(name, _size(shape, " × ")) for name, shape in steps], most=20)
    picture.alt = f"{title or 'A network'} in {len(steps)} steps. {told}"
    return picture


def _steps(network):
    """Return [(name, shape)] of a list as it is, and of a network with layers that only change numbers folded in."""
    if not hasattr(network, "layers"):
        steps = [(name, tuple(map(int, shape))) for name, shape in network]
        if not steps or any(len(shape) not in (1, 3) for _, shape in steps):
            raise ValueError(f"network must be a list of (name, shape), shape (H, W, C) or (K,), got {steps}")
        return steps
    first, *layers = _chain(network)
    if first[1] is None:
        raise ValueError("network must be built before it can be drawn; give it an input_shape or show it images")
    steps = [first]
    for name, shape in layers:
        if shape == steps[-1][1] and name.isalpha() and name != "Dense" and len(steps) > 1:
            steps[-1] = (f"{steps[-1][0]}\n{name}", shape)
        else:
            steps.append((name, shape))
    return steps


def _chain(network):
    """Return [(name, shape or None)] of the image and of all layers of a chain, ours or Keras's."""
    layers = [layer for layer in network.layers if type(layer).__name__ != "InputLayer"]
    image = getattr(network, "input_shape", None)
    image = image[1:] if image and image[0] is None else image  # Keras begins with the batch
    if image is None or None in image:
        return [("image", None), *((_window_name(layer), None) for layer in layers)]
    made = getattr(network, "output_shapes", None) or [layer.output.shape[1:] for layer in layers]
    named = zip(map(_window_name, layers), map(tuple, made), strict=True)
    return [("image", tuple(image)), *named]


def _window_name(layer):
    """Return what a layer is, and its window, such as "Conv2D 3×3"."""
    found = [getattr(layer, name) for name in ("kernel_size", "pool_size", "size") if hasattr(layer, name)]
    return " ".join([type(layer).__name__, *(_size(shapes.pair(size, "size")) for size in found[:1])])


def _stack_size(shape, scale):
    """Return the width and height of a stack, and how far its last sheet stands from the first."""
    if len(shape) == 1:
        return 0.16, 0.16 * min(shape[0], 10), 0
    height, width = np.maximum(scale * np.sqrt(shape[:2]), 0.12)
    depth = 0.05 * (min(shape[2], 8) - 1)
    return width + depth, height + depth, depth


def _draw_stack(axis, x, y, shape, box, colour):
    """Draw sheets one behind another, or the units of a vector, centred on (x, y)."""
    width, height, depth = box
    left, top = x - width / 2, y - height / 2
    if len(shape) == 3:
        for back in np.linspace(depth, 0, min(shape[2], 8)):  # the last stands in front, lower left
            _rectangle(axis, left + back, top + depth - back, width - depth, height - depth, colour, BLUE)
        return
    for place in [0, 1, 2, 3, 6, 7, 8, 9] if shape[0] > 10 else range(shape[0]):
        centre = (x, top + 0.08 + 0.16 * place)
        axis.add_patch(Circle(centre, 0.06, facecolor=PALE_ORANGE, edgecolor=INK, linewidth=1))
    _write(axis, x, y, "⋮" if shape[0] > 10 else "", 11)


# --------------------------------------------------------------------------- one filter


@in_style
def filter_over_channels(image, kernel, parts, out, place=None, channels=None, bias=None, title=None):
    """Show how one filter makes one map of all channels: a slice for each channel, and one sum.

    Arrays of up to 7 × 7 are tables of numbers, larger ones pictures. Of more than four channels the first three and
    the last are shown.

    Parameters
    ----------
    image : ndarray, shape (H, W, C)
    kernel : ndarray, shape (KH, KW, C)
        One filter.
    parts : ndarray, shape (KH, KW, C) or (OH, OW, C)
        What each slice makes of its channel: the products in the window at `place`, or a map.
    out : ndarray, shape (OH, OW)
        The filter's map.
    place : (row, column), optional
        Of the upper left corner of a window to frame and, with stride 1 and no padding, of its number in `out`.
    channels : sequence of str, optional
        Their names.
    bias : float, optional
        What was added to the sum.
    title : str, optional

    Raises
    ------
    ValueError
        If the three do not have the same channels, there are not as many names, or the window leaves the image.
    """
    columns = image, kernel, parts = [np.asarray(array) for array in (image, kernel, parts)]
    if any(array.ndim != 3 or array.shape[2] != image.shape[-1] for array in columns):
        got = ", ".join(str(array.shape) for array in columns)
        raise ValueError(f"image, kernel and parts must have shapes (H, W, C) with one C, got {got}; take one filter")
    count, place = image.shape[2], place is not None and shapes.pair(tuple(place), "place", 0)
    window = place and (*place, *kernel.shape[:2])
    under = window and image[place[0] :, place[1] :][: kernel.shape[0], : kernel.shape[1]]
    if window and under.shape != kernel.shape:
        raise ValueError(
            f"place must leave room for {_size(kernel.shape[:2])} in {_size(image.shape[:2])}, got {place}"
        )
    products = window and parts.shape == kernel.shape and np.allclose(parts, kernel * under)
    signs = [("×", 18), ("=", 18)] if products else [("with", 12), ("→", 18)]
    (names,) = for_each(count, channels=channels or [f"channel {number}" for number in range(count)])
    shown = list(range(count)) if count <= 4 else [0, 1, 2, count - 1]
    sizes = [_cells_size(array) for array in (*columns, np.asarray(out))]
    pitch, lefts = max(1.2, *(height for _, height in sizes)) + 0.35, [1.1]
    for width, _ in sizes:
        lefts.append(lefts[-1] + max(width, 0.8) + 0.75)
    picture, axis = _sheet(lefts[-1], 0.5 + pitch * len(shown), title)
    heads = ("the image", "the filter", "products" if products else "maps")
    frames = (window, None, place and not products and (*place, 1, 1))
    for column, (array, head, size, left, frame) in enumerate(zip(columns, heads, sizes, lefts, frames, strict=False)):
        limits = limits_of(array, "signed")
        _write(axis, left + size[0] / 2, 0.25, head, 11)
        for row, channel in enumerate(shown):
            y = 0.5 + pitch * (row + 0.5) - 0.175
            _place_array(axis, (left, y, *size), array[..., channel], frame, limits, column == 0)
            if column == 0:
                _write(axis, 0.55, y, names[channel], 11)
            if column < 2:
                _write(axis, left + size[0] + 0.375, y, *signs[column])
            elif row:
                between = "+" if channel == shown[row - 1] + 1 else "+ … +"
                _write(axis, left + size[0] / 2, y - pitch / 2, between, 16)
    bias_too = [] if bias is None else [f"and the bias {said(bias)}"]
    added = ["all products added" if products else f"{counted(count, 'map')} added", *bias_too]
    _draw_sum(axis, lefts[3], sizes[3], np.asarray(out), place and (*place, 1, 1), ",\n".join(added))
    told = [(names[c], f"slice {numbers_of(kernel[..., c])}, {heads[2]} {numbers_of(parts[..., c])}") for c in shown]
    told.append((", ".join(["all added", *bias_too]), numbers_of(out)))
    picture.alt = f"{title or 'One filter over ' + counted(count, 'channel')}. {listed(told)}"
    return picture


def _draw_sum(axis, left, size, out, pixel, added):
    """Draw the bracket around the parts and the one map that is their sum, and write below it what was added."""
    x, top, bottom = left - 0.55, 0.5, axis.get_ylim()[0] - 0.35
    middle, centre = (top + bottom) / 2, left + size[0] / 2
    axis.plot([x - 0.08, x, x, x - 0.08], [top, top, bottom, bottom], color=GREY, linewidth=1.6)
    _arrow(axis, [(x, middle), (left - 0.1, middle)])
    _place_array(axis, (left, middle, *size), out, pixel, limits_of(out, "signed"), False)
    _write(axis, centre, middle - size[1] / 2 - 0.2, "one map", 11)
    _write(axis, centre, middle + size[1] / 2 + 0.1, added, 10, va="top")


def _cells_size(array):
    """Return the width and height of an array in inches: a table if it is small, or else a picture."""
    height, width = array.shape[:2]
    return (0.45 * width, 0.45 * height) if max(height, width) <= 7 else (1.5 * width / height, 1.5)


def _place_array(axis, box, array, frame, limits, image):
    """Draw an array as a table or a picture in a box (left, middle, width, height) of a sheet."""
    left, middle, width, height = box
    corners = [(left, middle + height / 2), (left + width, middle - height / 2)]
    (x0, y0), (x1, y1) = axis.figure.transFigure.inverted().transform(axis.transData.transform(corners))
    inner = axis.figure.add_axes((x0, y0, x1 - x0, y1 - y0))
    if max(array.shape) <= 7:
        draw_cells(inner, array, not image, 9, limits and limits[1])
    else:
        grey = image and limits[1] <= 1 and array.min() >= 0
        colours, (low, high) = (PHOTOGRAPH, (0, 1)) if grey else (SIGNED, limits)
        inner.imshow(array, aspect="auto", cmap=colours, vmin=low, vmax=high)
        inner.set(xticks=[], yticks=[])
        inner.spines[:].set(visible=True, color=GREY, linewidth=0.8)
    if frame:
        draw_window(inner, frame, 3 if max(array.shape) <= 7 else 1.5)


# --------------------------------------------------------------------------- numbers on their way through a chain


@in_style
def there_and_back(names, forward, backward, title=None):
    """Show the numbers that run forward through a chain of layers, and below them the gradients that come back.

    Parameters
    ----------
    names : sequence of str
        Of the layers.
    forward : sequence of array_like, shape (D,)
        What goes into the first layer, and what comes out of each.
    backward : sequence of array_like, shape (D,)
        The gradient of each of these, in the same order.
    title : str, optional

    Raises
    ------
    ValueError
        If there is not one array more than there are layers, or a gradient has another shape than its numbers.
    """
    rows = [[np.ravel(array) for array in arrays] for arrays in (forward, backward)]
    sizes = [[array.size for array in row] for row in rows]
    if sizes[0] != sizes[1] or len(names) != len(sizes[0]) - 1:
        raise ValueError(
            f"forward and backward must have {len(names) + 1} arrays of the same sizes for "
            f"{counted(len(names), 'layer')}, got sizes {sizes[0]} and {sizes[1]}"
        )
    cell, gap = 0.55, 1.35
    height = cell * max(sizes[0])
    left, step, middles = 1.15, cell + gap, (0.55 + height / 2, 1.35 + height * 1.5)
    picture, axis = _sheet(left + step * len(names) + cell + 0.25, height * 2 + 1.9, title)
    for name, middle, colour in zip(("forward", "backward"), middles, (BLUE, VERMILLION), strict=True):
        _write(axis, 0.15, middle, name, 12, ha="left", color=colour, weight="bold")
    for place, name in enumerate(names):
        x0, x1 = left + step * place + cell, left + step * (place + 1)
        _rectangle(axis, x0 + 0.3, 0.3, gap - 0.6, sum(middles) - 0.6, PALE_GREY)
        _write(axis, (x0 + x1) / 2, sum(middles) / 2, name, 12)
        _arrow(axis, [(x0, middles[0]), (x1, middles[0])], BLUE)
        _arrow(axis, [(x1, middles[1]), (x0, middles[1])], VERMILLION)
    for arrays, middle in zip(rows, middles, strict=True):
        limits = limits_of(np.concatenate(arrays), "signed")
        for place, array in enumerate(arrays):
            box = (left + step * place, middle, cell, cell * array.size)
            _place_array(axis, box, array[:, None], None, limits, False)
    told = zip(["in", *names], *(map(lambda row: [", ".join(map(said, array)) for array in row], rows)), strict=True)
    picture.alt = f"{title or 'Through a chain of layers'}. " + listed(
        (name, f"forward {there}, backward {back}") for name, there, back in told
    )
    return picture


# --------------------------------------------------------------------------- branches and skips


@in_style
def graph(network, title=None):
    """Show a network with branches and skips, from top to bottom; a skip past other layers is a red line.

    Parameters
    ----------
    network : model, or sequence of (name, inputs)
        A Keras model or a chain of the course's layers. Or nodes, each after its `inputs`, a name or several; what
        stands in a second line of a name, such as a shape, is shown only.
    title : str, optional

    Raises
    ------
    ValueError
        If a node comes before one of its inputs, or has the name of another.
    """
    nodes = _nodes(network)
    ranks, lanes, edges = _layout(nodes)
    width = 0.3 + 0.085 * max(len(line) for label, _ in nodes.values() for line in [*label.split("\n"), " " * 10])
    x, right = {}, 0.15
    for lane in sorted({*lanes.values(), *(lane for *_, lane in edges)}):
        room = width + 0.3 if lane in lanes.values() else 0.35  # in which only lines run
        x[lane], right = right + room / 2, right + room
    y = {name: 0.4 + 0.9 * rank for name, rank in ranks.items()}
    picture, axis = _sheet(right + 0.15, max(y.values()) + 0.4, title)
    alone = _alone(ranks, lanes, edges)
    middle = {name: right / 2 + 0.075 if name in alone else x[lane] for name, lane in lanes.items()}
    for start, end, lane in edges:
        ends = [(middle[name], y[name], _beside(name, lane, ranks, lanes)) for name in (start, end)]
        way = middle[end] if lane == lanes[end] else x[lane]
        _draw_edge(axis, ends, way, width / 2, lane not in (lanes[start], lanes[end]))
    for name, (label, inputs) in nodes.items():
        corner, style = (middle[name] - width / 2, y[name] - 0.24), "round,pad=0,rounding_size=0.08"
        colour = PALE_ORANGE if len(inputs) > 1 else PALE_BLUE if inputs else PALE_GREY
        axis.add_patch(FancyBboxPatch(corner, width, 0.48, style, facecolor=colour, edgecolor=INK, linewidth=1))
        _write(axis, middle[name], y[name], label)
    told = ((label, f"from {', '.join(inputs)}" if inputs else "input") for label, inputs in nodes.values())
    picture.alt = f"{title or 'A network'}: {counted(len(nodes), 'node')}. {listed(told, most=40)}"
    return picture


def _alone(ranks, lanes, edges):
    """Return the boxes with a row to themselves, if all other rows are full and no line passes a row."""
    rows = [[name for name in ranks if ranks[name] == rank] for rank in sorted({*ranks.values()})]
    narrow = any(1 < len(row) < len({*lanes.values()}) for row in rows)
    passing = any(ranks[end] > ranks[start] + 1 for start, end, _ in edges)
    return () if narrow or passing else [row[0] for row in rows if len(row) == 1]


def _beside(name, lane, ranks, lanes):
    """Return whether no other box stands between a box and a lane, or in it."""
    low, high = sorted((lane, lanes[name]))
    return not any(ranks[each] == ranks[name] and low <= lanes[each] <= high for each in ranks if each != name)


def _draw_edge(axis, ends, way, side, skip):
    """Draw an arrow from below one box to above another; a skip leaves and enters at the sides where it can."""
    (x0, y0, clear0), (x1, y1, clear1) = ends
    if skip:
        first, last = x0 + side * np.sign(way - x0), x1 + side * np.sign(way - x1)
        out = [(first, y0 + 0.1), (way, y0 + 0.1)]
        into = [(way, y1 - 0.1), (last, y1 - 0.1)]
        out = out if clear0 else [(x0, y0 + 0.24), (x0, y0 + 0.36), (way, y0 + 0.36)]
        into = into if clear1 else [(way, y1 - 0.42), (x1, y1 - 0.42), (x1, y1 - 0.24)]
        return _arrow(axis, [*out, *into], VERMILLION, 0.1)
    y0, y1 = y0 + 0.24, y1 - 0.24
    bend = y0 + 0.21 if way == x1 else y1 - 0.21
    return _arrow(axis, [(x0, y0), *([] if np.isclose(x0, x1) else [(x0, bend), (x1, bend)]), (x1, y1)])


def _nodes(network):
    """Return {name: (label, names of the inputs)} of a model, a chain of layers or a list."""
    pairs = _nodes_of_model(network) if hasattr(network, "layers") else network
    nodes = {}
    for label, inputs in pairs:
        inputs = [inputs] if isinstance(inputs, str) else inputs
        name, inputs = label.split("\n")[0], list(dict.fromkeys(each.split("\n")[0] for each in inputs))
        missing = [each for each in inputs if each not in nodes]
        if missing or name in nodes:
            rule = f"come after its input {missing[0]!r}" if missing else "have a name of its own"
            raise ValueError(f"network must list nodes so that {name!r} can {rule}, got {', '.join(nodes)} before it")
        nodes[name] = (label, inputs)
    return nodes


def _nodes_of_model(model):
    """Return the nodes of a Keras model, read where Keras keeps which layer was called on which, or of a chain."""
    layers = list(model.layers)
    calls = [getattr(layer, "_inbound_nodes", ()) for layer in layers]
    called = [[parent.operation for call in made for parent in call.parent_nodes] for made in calls]
    inputs = [[parent.name for parent in parents if parent in layers] for parents in called]
    if any(inputs) and any(names != [before.name] for before, names in zip(layers, inputs[1:], strict=False)):
        sizes = [_size(made[-1].output_tensors[0].shape[1:], " × ") for made in calls]
        return [(f"{layer.name}\n{size}", names) for layer, size, names in zip(layers, sizes, inputs, strict=True)]
    steps = [(f"{number} {name}" if number else name, shape) for number, (name, shape) in enumerate(_chain(model))]
    labels = [f"{name}\n{_size(shape, ' × ')}" if shape else name for name, shape in steps]
    return list(zip(labels, [[], *([name] for name, _ in steps)], strict=False))


def _layout(nodes):
    """Return the rank (row) and lane (column) of each node, and the edges, each with the lane in which it runs.

    Rows are counted twice, so that between the rows of two ranks there is one for the lines.
    """
    ranks = {}
    for name, (_, inputs) in nodes.items():
        ranks[name] = max((ranks[each] + 1 for each in inputs), default=0)
    lanes, taken = {}, set()
    for last in sorted(nodes, key=ranks.get, reverse=True):  # the longest way first, in the middle
        chain, name = [], last
        while name is not None and name not in lanes and name not in chain:
            chain.append(name)
            name = max(nodes[name][1], key=ranks.get, default=None)
        if chain:
            top = 2 * ranks[chain[-1]] if name is None else 2 * ranks[name] + 1
            ends = [2 * ranks[end] - 1 for end, (_, inputs) in nodes.items() if last in inputs]
            lane = _free(taken, range(top, max([2 * ranks[last], *ends]) + 1))
            lanes |= dict.fromkeys(chain, lane)
    edges = []
    for start, end in ((start, end) for end, (_, inputs) in nodes.items() for start in inputs):
        blocked = {lanes[name] for name in nodes if ranks[start] < ranks[name] < ranks[end]}
        open_lanes = [lane for lane in (lanes[end], lanes[start]) if lane not in blocked]
        rows = range(2 * ranks[start] + 1, 2 * ranks[end])
        edges.append((start, end, open_lanes[0] if open_lanes else _free(taken, rows)))
    return ranks, lanes, edges


def _free(taken, rows):
    """Take the lane nearest to the middle that is free in all these rows, right before left."""
    lane = 0
    while any((lane, row) in taken for row in rows):
        lane = -lane if lane > 0 else 1 - lane
    taken.update((lane, row) for row in rows)
    return lane


# --------------------------------------------------------------------------- windows


@in_style
def windows_on_pixel(kernel_size, stride=1, size=None, pixel=None):
    """Show for every pixel in how many windows it takes part, and for one pixel which.

    Parameters
    ----------
    kernel_size, stride : int or (row, column)
    size : int or (row, column), optional
        Of the image, without padding; by default twice the kernel and one.
    pixel : (row, column), optional
        By default that which takes part in most windows and is nearest to the middle.

    Raises
    ------
    ValueError
        If the pixel lies outside.
    """
    kernel, stride = shapes.pair(kernel_size, "kernel_size"), shapes.pair(stride, "stride")
    size = shapes.pair([2 * side + 1 for side in kernel] if size is None else size, "size")
    held = [_starts(*axis) for axis in zip(size, kernel, stride, strict=True)]  # for each row, for each column
    counts = np.outer(*(list(map(len, starts)) for starts in held))
    if pixel is None:
        away = np.add.outer(*(np.abs(np.arange(side) - side // 2) for side in size))
        pixel = np.unravel_index((counts - away / away.size / 2).argmax(), size)
    pixel = shapes.pair(tuple(map(int, pixel)), "pixel", 0)
    if pixel[0] >= size[0] or pixel[1] >= size[1]:
        raise ValueError(f"pixel must lie in an image of {_size(size)}, got {pixel}; rows and columns begin at 0")
    starts = [held[axis][pixel[axis]] for axis in (0, 1)]
    cell, small = np.clip(4 / max(size), 0.26, 0.42), min(1.2, 4.2 / max(1, *map(len, starts))) / (max(size) + 1)
    left = max(cell * size[1], 2.4) + 0.7
    height = max(cell * size[0], small * (size[0] + 1) * len(starts[0]))
    picture, axis = _sheet(left + max(small * (size[1] + 1) * len(starts[1]), 2.7) + 0.2, height + 0.65)
    many = counted(counts[pixel], "window")
    _write(axis, 0.2, 0.25, "windows that hold each pixel", 11, ha="left")
    _write(axis, left, 0.25, f"the orange pixel is in {many}", 11, ha="left")
    for (row, column), count in np.ndenumerate(counts):
        x, y, colour = 0.2 + cell * column, 0.5 + cell * row, PALE_BLUE if count else "white"
        _rectangle(axis, x, y, cell, cell, ORANGE if (row, column) == pixel else colour)
        _write(axis, x + cell / 2, y + cell / 2, str(count), 10 if cell > 0.3 else 8.5)
    _draw_windows(axis, left, small, starts, size, kernel, pixel)
    rows, columns = (f"{'s' * (len(each) > 1)} {', '.join(map(str, each))}" for each in starts)
    places = f", from row{rows} and column{columns}" if counts[pixel] else ""
    picture.alt = (
        f"Kernel {_size(kernel)}, stride {_size(stride)}, image {_size(size)}: the pixel in row {pixel[0]}, "
        f"column {pixel[1]} is in {many}{places}; the pixels are in {ends_of(counts)} windows."
    )
    return picture


def _draw_windows(axis, left, small, starts, size, kernel, pixel):
    """Draw the image once for each window, `small` inches a pixel, with the window and the pixel in it."""
    for (i, row), (j, column) in product(*map(enumerate, starts)):
        x, y = left + small * (size[1] + 1) * j, 0.5 + small * (size[0] + 1) * i
        _rectangle(axis, x, y, small * size[1], small * size[0], "white")
        _rectangle(axis, x + small * column, y + small * row, small * kernel[1], small * kernel[0], SKY)
        _rectangle(axis, x + small * pixel[1], y + small * pixel[0], small, small, ORANGE)


def _starts(size, kernel, stride):
    """Return for each place along one axis where the windows begin that hold it."""
    starts = range(0, size - kernel + 1, stride)
    return [[start for start in starts if start <= place < start + kernel] for place in range(size)]


# --------------------------------------------------------------------------- layers and shares


@in_style
def layer_in_colour(layers, order=None, columns=16, numbers=False):
    """Show every filter of a first layer in colour, and other layers below it.

    Each filter is scaled by its own largest weight: middle grey is 0, and that weight is full colour. Filters over one
    channel are blue below 0, white at 0 and red above.

    Parameters
    ----------
    layers : ndarray, shape (KH, KW, 3 or 1, filters), or dict of str to ndarray
    order : ndarray, shape (filters,), or dict of str to ndarray, optional
        A number for each filter; the filter with the largest stands first.
    columns : int
        Filters in a row.
    numbers : bool
        Whether to write above each filter which it is, counted from 0.

    Raises
    ------
    ValueError
        If a layer has another number of channels.
    """
    layers = layers if isinstance(layers, dict) else {"": layers}
    layers = {name: np.asarray(kernel, float) for name, kernel in layers.items()}
    order = order if isinstance(order, dict) else dict.fromkeys(layers, order)
    for kernel in layers.values():
        if kernel.ndim != 4 or kernel.shape[2] not in (1, 3):
            raise ValueError(f"layers must have shape (KH, KW, 3 or 1, filters), as first layers, got {kernel.shape}")
    size = 0.5  # of a filter, in inches
    rows = {name: -(-kernel.shape[3] // columns) for name, kernel in layers.items()}
    head, line = 0.35 if any(layers) else 0.1, size + 0.14 * numbers
    width = max(4.8, 0.3 + size * min(columns, max(kernel.shape[3] for kernel in layers.values())))
    picture, axis = _sheet(width, line * sum(rows.values()) + head * len(rows) + 0.35)
    top = 0
    for name, kernel in layers.items():
        _write(axis, 0.15, top + 0.2, name, 12, ha="left")
        keys = order.get(name)
        sorted_filters = range(kernel.shape[3]) if keys is None else np.argsort(-np.asarray(keys), kind="stable")
        for place, number in enumerate(sorted_filters):
            x, y = 0.15 + size * (place % columns), top + head + line * (place // columns) + line - size
            _draw_filter(axis, x, y, 0.9 * size, kernel[..., number])
            if numbers:
                _write(axis, x + 0.45 * size, y - 0.07, number, 8)
        top += head + line * rows[name]
    grey = {"grey" if kernel.shape[2] == 3 else "white" for kernel in layers.values()}
    rule = f"each filter is scaled by its own largest weight; {' or '.join(sorted(grey))} is 0"
    _write(axis, 0.15, top + 0.15, rule, 10, ha="left")
    told = (
        (name, f"{counted(kernel.shape[3], 'filter')} of {_size(kernel.shape[:3])}, weights {ends_of(kernel)}")
        for name, kernel in layers.items()
    )
    picture.alt = f"{listed(told)} {rule.capitalize()}."
    return picture


def _draw_filter(axis, x, y, side, kernel):
    """Draw (KH, KW, 3 or 1) weights in a square, the largest in full colour."""
    scaled = kernel / (np.abs(kernel).max() or 1)
    scaled = 0.5 + scaled / 2 if kernel.shape[2] == 3 else scaled[..., 0]
    axis.imshow(scaled, cmap=SIGNED, vmin=-1, vmax=1, extent=(x, x + side, y + side, y), aspect="auto")
    axis.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=GREY, linewidth=0.6))


@in_style
def kinds(shares, title=None, width=8.5):
    """Show shares by kind, for each layer or network as one bar of 100 %.

    Parameters
    ----------
    shares : dict of str to dict of str to float
        For each bar, kind to share; the shares of a bar are together 1. Up to six kinds; "no name" is grey.
    title : str, optional
    width : float
        In inches.

    Raises
    ------
    ValueError
        If shares are not together 1, or there are more kinds than colours.
    """
    names = list(dict.fromkeys(kind for parts in shares.values() for kind in parts))
    colours = (BLUE, ORANGE, SKY, VERMILLION, GREEN, PURPLE)
    if len(names) > len(colours):
        raise ValueError(f"shares must be of {len(colours)} kinds or fewer, got {len(names)}; put small ones together")
    for bar, parts in shares.items():
        total = sum(parts.values())
        if not np.isclose(total, 1):
            raise ValueError(f"shares of {bar!r} must be together 1, got {total:.3f}; divide by their sum")
    picture, (axis,) = blank(1, 1, width, 0.8 + 0.5 * len(shares) + 0.35 * (title is not None))
    left = np.zeros(len(shares))
    for kind, colour in zip(names, colours, strict=False):
        colour = "#DDDDDD" if kind == "no name" else colour  # nothing was found
        wide = np.array([parts.get(kind, 0) for parts in shares.values()])
        bars = axis.barh(range(len(shares)), wide, left=left, color=colour, edgecolor="white", height=0.75, label=kind)
        texts = [f"{share:.0%}" if share >= 0.05 else "" for share in wide]
        axis.bar_label(bars, texts, label_type="center", fontsize=11, color="white" if colour == BLUE else "black")
        left += wide
    axis.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5), title=title, xticks=[])
    axis.set_yticks(range(len(shares)), shares)
    axis.tick_params(axis="y", length=0)
    axis.spines[:].set_visible(False)
    picture.legend(loc="outside lower center", ncols=len(names), fontsize=12, handlelength=1, columnspacing=1.2)
    told = ((bar, ", ".join(f"{kind} {share:.0%}" for kind, share in parts.items())) for bar, parts in shares.items())
    picture.alt = f"{title or 'Shares'}. {listed(told)}"
    return picture
