"""What each diagram says: where its boxes stand, what is written on them, and which words go with it."""

import inspect
import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from cnnlessons import layers, ops, plots
from cnnlessons.network import Sequential

rng = np.random.default_rng(0)


def of_kind(axis, kind):
    return [patch for patch in axis.patches if type(patch) is kind]


def words(axis):
    """Every text that is shown, with where it stands."""
    return {text.get_text(): text.get_position() for text in axis.texts if text.get_text()}


def smallest_text(picture):
    return min(text.get_fontsize() for axis in picture.axes for text in axis.texts)


# --------------------------------------------------------------------------- words for those who do not see


NINE = np.arange(9.0).reshape(3, 3)
SAID = {
    "images": (([NINE], ["ramp"], "magnitude"), "ramp: 0 1 2; 3 4 5; 6 7 8."),
    "grids": (([np.array([[0.5, np.nan]])],), "0.5 empty."),
    "responses": (([NINE], [np.full((4, 4), 2.5)], ["k"]), "k: 0 1 2; 3 4 5; 6 7 8, gain 0 to 2.5."),
    "curves": (
        (range(4), {"loss": [2, 5, 0.25, 1]}, "epoch", "loss in nats"),
        "Curves, loss in nats over epoch. loss: 2 at 0, 5 at 1, 0.25 at 2, 1 at 3.",
    ),
    "points": (
        ({"nets": ([1, 2], [3, 3])}, "validation", "test"),
        "Points, test over validation. nets: 2, across 1 to 2, up 3.",
    ),
    "bars": (
        ({"loops": 2.0, "arrays": 0.5}, "seconds", "Two ways"),
        "Two ways, seconds. loops: 2. arrays: 0.5.",
    ),
    "confusion": (
        ([[3, 1], [0, 2]], ["cat", "dog"]),
        "Which class was taken for which. 5 of 6 right. cat taken for dog 1×.",
    ),
    "intervals": (
        ({"a": (np.array([-1.0, 1.5]), (-0.5, np.inf))}, "points more", "cost"),
        "cost, points more. a: 0.2 (−0.5 to ∞), 2 dots.",
    ),
    "answers": (([NINE / 9], [[0.25, 0.75]], ["a 1"]), "a 1: 1 with 75%."),
    "there_and_back": (
        (["Dense"], [[2, 1], [3]], [[4, -5], [1]]),
        "Through a chain of layers. in: forward 2, 1, backward 4, −5. Dense: forward 3, backward 1.",
    ),
    "mosaic": (({"before": [np.eye(2), -3 * np.eye(3)]},), "before: 2 arrays, −3 to 1."),
    "descents": (
        ({"plain": np.array([[1, 2], [0, 0.5]])}, np.ones((2, 2)), (0, 1, 0, 1), ("a", "b")),
        "Ways down a valley, (a, b). plain: from (1, 2) to (0, 0.5) in 1 step.",
    ),
    "log_curves": (
        ({"ms": ([1, 2], {"ours": np.array([3.0, np.nan])})}, "size"),
        "Over size, logarithmic axes. ms, ours: 3 at 1.",
    ),
    "stack_of_maps": (([("image", (8, 8, 3)), ("dense", (4,))],), "A network in 2 steps. image: 8 × 8 × 3. dense: 4."),
    "filter_over_channels": (
        (NINE[..., None], np.full((1, 1, 1), 2), 2 * NINE[..., None], 2 * NINE),
        "One filter over 1 channel. channel 0: slice 2, maps 0 2 4; 6 8 10; 12 14 16. "
        "all added: 0 2 4; 6 8 10; 12 14 16.",
    ),
    "graph": (([("image", []), ("add\n8 × 8", "image")],), "A network: 2 nodes. image: input. add, 8 × 8: from image."),
    "windows_on_pixel": (
        (2, 1, 3),
        "Kernel 2×2, stride 1×1, image 3×3: the pixel in row 1, column 1 is in 4 windows, from rows 0, 1 and columns "
        "0, 1; the pixels are in 1 to 4 windows.",
    ),
    "layer_in_colour": (
        (np.full((1, 1, 3, 2), 0.5),),
        "2 filters of 1×1×3, weights 0.5. Each filter is scaled by its own largest weight; grey is 0.",
    ),
    "kinds": (({"x": {"edge": 0.4, "line": 0.6}},), "Shares. x: edge 40%, line 60%."),
}


@pytest.mark.parametrize("name", [name for name in vars(plots) if inspect.isfunction(getattr(plots, name))])
def test_every_picture_has_words_with_its_numbers_or_those_that_it_is_given(name):
    function = getattr(plots, name)
    if "Picture" not in function.__doc__:
        return
    arguments, said = SAID[name]
    assert function(*arguments).alt == said
    assert function(*arguments, alt="other words").alt == "other words"
    assert "alt" in inspect.signature(function).parameters
    assert "    alt : str, optional" in function.__doc__


def test_long_lists_are_cut_and_large_arrays_told_by_their_ends():
    assert plots.grids([np.full((6, 6), 0.125)]).alt == "6 × 6, 0.125."
    assert plots.grids([np.eye(1)] * 15).alt.endswith("1. and 3 more.")


# --------------------------------------------------------------------------- a network at one glance


def test_a_stack_has_a_sheet_for_each_channel_up_to_eight_and_stands_after_the_one_before():
    steps = [("image", (28, 28, 3)), ("conv 3×3", (26, 26, 40)), ("pool 2", (13, 13, 40)), ("dense", (10,))]
    (axis,) = plots.stack_of_maps(steps).axes
    sheets = of_kind(axis, Rectangle)
    assert len(sheets) == 3 + 8 + 8
    stacks = sheets[:3], sheets[3:11], sheets[11:]
    sides = [stack[-1].get_width() for stack in stacks]
    np.testing.assert_allclose(np.square(sides) / sides[0] ** 2, [1, 26 / 28, 13 / 28])  # as square roots
    for before, after in itertools.pairwise(stacks):
        assert max(sheet.get_x() + sheet.get_width() for sheet in before) < min(sheet.get_x() for sheet in after)
    assert len(of_kind(axis, Circle)) == 10
    assert len(of_kind(axis, FancyArrowPatch)) == 3
    assert {"28×28×3", "26×26×40", "13×13×40", "10", "conv 3×3"} <= set(words(axis))


@pytest.mark.parametrize("count", [3, 8, 12])
def test_three_to_twelve_steps_are_readable_on_a_page(count):
    sides = [max(1, 224 // 2**number) for number in range(count)]
    picture = plots.stack_of_maps([("convolution 3×3", (side, side, 2**n)) for n, side in enumerate(sides)])
    assert picture.get_figwidth() <= 12
    assert smallest_text(picture) >= 8
    pixels = picture.dpi * np.array(picture.get_size_inches())
    renderer = FigureCanvasAgg(picture).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in picture.axes[0].texts if text.get_text()]
    assert not [1 for one, other in itertools.combinations(boxes, 2) if one.overlaps(other)]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= pixels[0] and box.y1 <= pixels[1] for box in boxes)


def test_a_network_tells_its_steps_and_layers_that_only_change_numbers_share_one():
    chain = [layers.Conv2D(4, 3), layers.BatchNorm(), layers.ReLU(), layers.MaxPool2D(2), layers.Dense(5)]
    network = Sequential([*chain[:4], layers.Flatten(), chain[4]], (8, 8, 1))
    said = "Conv2D 3×3, BatchNorm, ReLU: 6 × 6 × 4. MaxPool2D 2×2: 3 × 3 × 4. Flatten: 36. Dense: 5."
    assert plots.stack_of_maps(network).alt == f"A network in 5 steps. image: 8 × 8 × 1. {said}"
    with pytest.raises(ValueError, match="network must be built"):
        plots.stack_of_maps(Sequential([layers.Flatten()]))
    with pytest.raises(ValueError, match=r"shape \(H, W, C\) or \(K,\)"):
        plots.stack_of_maps([("image", (8, 8))])


# --------------------------------------------------------------------------- one filter


def filtered(image, kernel):
    maps = [ops.conv2d(image[None, ..., [c]], kernel[..., [c], None])[0, ..., 0] for c in range(image.shape[2])]
    return np.stack(maps, axis=-1)


def test_a_filter_has_a_slice_for_each_channel_and_the_pixel_is_the_sum_of_the_products_in_the_window():
    image, kernel = rng.integers(0, 5, (5, 5, 3)), rng.integers(-1, 2, (3, 3, 3))
    out = filtered(image, kernel).sum(axis=2)
    picture = plots.filter_over_channels(image, kernel, image[1:4, 2:5] * kernel, out, (1, 2), ["red", "green", "blue"])
    sheet, *tables = picture.axes
    numbers = [[float(text.get_text().replace("−", "-")) for text in axis.texts] for axis in tables]
    for channel in range(3):
        np.testing.assert_array_equal(numbers[channel], image[..., channel].ravel())
        np.testing.assert_array_equal(numbers[3 + channel], kernel[..., channel].ravel())
    assert sum(map(sum, numbers[6:9])) == out[1, 2]
    assert [tuple(axis.patches[0].get_xy()) for axis in (tables[0], tables[9])] == [(1.5, 0.5), (1.5, 0.5)]
    assert tables[9].patches[0].get_width() == 1
    assert {"red", "products", "all products added", "×", "="} <= set(words(sheet))


def test_of_many_channels_four_are_shown_and_large_arrays_are_pictures_on_one_scale():
    image, kernel = rng.normal(size=(12, 12, 64)), rng.normal(size=(3, 3, 64))
    maps = filtered(image, kernel)
    picture = plots.filter_over_channels(image, kernel, maps, maps.sum(axis=2), bias=0.5)
    sheet, *parts = picture.axes
    drawn = [axis.get_images()[0] for axis in parts[8:12]]
    for shown, channel in zip(drawn, (0, 1, 2, 63), strict=True):
        np.testing.assert_array_equal(shown.get_array(), maps[..., channel])
        assert shown.get_clim() == (-np.abs(maps).max(), np.abs(maps).max())
    assert {"channel 63", "+ … +", "64 maps added,\nand the bias 0.5"} <= set(words(sheet))
    with pytest.raises(ValueError, match=r"place must leave room for 3×3 in 12×12, got \(10, 0\)"):
        plots.filter_over_channels(rng.normal(size=(12, 12, 64)), kernel, maps, maps[..., 0], (10, 0))
    with pytest.raises(ValueError, match="channels must be one value or 64, got 1"):
        plots.filter_over_channels(maps, kernel, maps, maps[..., 0], channels=["grey"])
    with pytest.raises(ValueError, match=r"with one C, got \(10, 10\), .*; take one filter"):
        plots.filter_over_channels(maps[..., 0], kernel, maps, maps)


# --------------------------------------------------------------------------- branches and skips


def placed(picture):
    """The name in each box to its corner, and the arrows."""
    (axis,) = picture.axes
    names = [text.get_text().split("\n")[0] for text in axis.texts if text.get_text()]
    boxes = [(patch.get_x(), patch.get_y()) for patch in of_kind(axis, FancyBboxPatch)]
    return dict(zip(names, boxes, strict=True)), of_kind(axis, FancyArrowPatch)


def test_a_skip_runs_beside_the_layers_that_it_passes_and_branches_stand_side_by_side():
    nodes = [("image", []), ("conv", "image"), ("ReLU", "conv"), ("add", ["ReLU", "image"])]
    boxes, arrows = placed(plots.graph(nodes))
    assert len({x for x, _ in boxes.values()}) == 1
    assert sorted(boxes, key=lambda name: boxes[name][1]) == ["image", "conv", "ReLU", "add"]
    skips = [arrow for arrow in arrows if arrow.get_edgecolor()[0] > 0.8]
    assert (len(arrows), len(skips)) == (4, 1)
    assert np.ptp(skips[0].get_path().vertices[:, 0]) > 0.1

    nodes = [("in", []), *((f"{k}×{k}", "in") for k in (1, 3, 5)), ("join", ["1×1", "3×3", "5×5"])]
    boxes, arrows = placed(plots.graph(nodes))
    row = [boxes[f"{k}×{k}"] for k in (1, 3, 5)]
    assert len({y for _, y in row}) == 1
    assert len({x for x, _ in row}) == 3
    assert len(arrows) == 6
    for wide in range(10, 30):  # into the middle and out of it the lines are straight
        _, arrows = placed(plots.graph([*nodes[:-1], (f"join\n{'x' * wide}", nodes[-1][1])]))
        assert sum(len(line_of(arrow)) == 2 for arrow in arrows) == 2


def test_a_box_alone_stands_in_the_middle_of_its_branches():
    nodes = [("in", []), ("left", "in"), ("right", "in"), ("join", ["left", "right"]), ("out", "join")]
    boxes, _ = placed(plots.graph(nodes))
    middle = (boxes["left"][0] + boxes["right"][0]) / 2
    assert [boxes[name][0] for name in ("in", "join", "out")] == pytest.approx([middle] * 3)

    passed = [*nodes, ("add", ["out", "join"])]  # now a line passes "out", and all keep their lanes
    boxes, _ = placed(plots.graph(passed))
    assert {boxes[name][0] for name in ("in", "join", "out", "add")} <= {boxes["left"][0], boxes["right"][0]}


def any_graph():
    """Two blocks with a skip each, the second beginning where the first ends, and graphs drawn at random."""
    yield [("in", []), ("a", "in"), ("add", ["a", "in"]), ("b", "add"), ("end", ["b", "add"])]
    names = [f"n{number}" for number in range(9)]
    for _ in range(20):
        yield [(name, list(rng.permutation(names[:i])[: rng.integers(1, 4)])) for i, name in enumerate(names)]


def line_of(arrow):
    """The points of an arrow's line, without its head."""
    path = arrow.get_path()
    return path.vertices[: np.flatnonzero(path.codes == Path.MOVETO)[1]]


def test_whatever_the_graph_no_line_runs_through_a_box_or_along_another_skip():
    for nodes in any_graph():
        picture = plots.graph(nodes)
        boxes, arrows = placed(picture)
        assert len(set(boxes.values())) == len(nodes)
        assert len(arrows) == sum(1 if isinstance(inputs, str) else len(inputs) for _, inputs in nodes)
        width, height = (
            getattr(of_kind(picture.axes[0], FancyBboxPatch)[0], f"get_{side}")() for side in ("width", "height")
        )
        for line in map(line_of, arrows):
            places = np.concatenate([np.linspace(*ends, 50) for ends in itertools.pairwise(line)])
            for left, top in boxes.values():
                inside = np.abs(places - (left + width / 2, top + height / 2)) < (width / 2 - 0.01, height / 2 - 0.01)
                assert not inside.all(axis=1).any()
        skips = [line_of(arrow) for arrow in arrows if arrow.get_edgecolor()[0] > 0.8]
        upright = [line[np.flatnonzero(np.diff(line[:, 1]) > 0.3)[0] :][:2] for line in skips]
        for ((lane, top), (_, bottom)), ((beside, begin), (_, end)) in itertools.combinations(upright, 2):
            assert abs(lane - beside) > 0.1 or bottom < begin or end < top


def test_a_keras_model_tells_its_graph_and_a_chain_its_windows():
    keras = pytest.importorskip("keras")
    image = keras.Input((8, 8, 3), name="image")
    first = keras.layers.Conv2D(3, 3, padding="same", name="first")(image)
    both = keras.layers.Add(name="add")([image, first])
    said = "image, 8 × 8 × 3: input. first, 8 × 8 × 3: from image. add, 8 × 8 × 3: from image, first."
    assert plots.graph(keras.Model(image, both)).alt == f"A network: 3 nodes. {said}"
    heads = keras.Model(image, [first, keras.layers.ReLU(name="other")(image)])
    assert plots.graph(heads).alt.endswith("other, 8 × 8 × 3: from image.")
    chain = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.ReLU()])
    said = "image, 8 × 8 × 1: input. 1 Conv2D 3×3, 6 × 6 × 2: from image. 2 ReLU, 6 × 6 × 2: from 1 Conv2D 3×3."
    assert plots.graph(chain).alt == f"A network: 3 nodes. {said}"
    assert plots.stack_of_maps(chain).alt == "A network in 2 steps. image: 8 × 8 × 1. Conv2D 3×3, ReLU: 6 × 6 × 2."
    any_size = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)])
    assert plots.graph(any_size).alt.startswith("A network: 2 nodes. image: input.")
    ours = Sequential([layers.Conv2D(2, 3), layers.ReLU()], (8, 8, 1))
    assert plots.graph(ours).alt == f"A network: 3 nodes. {said}"


def test_a_node_needs_its_inputs_before_it_and_a_name_of_its_own():
    with pytest.raises(ValueError, match="'add' can come after its input 'conv', got image before it"):
        plots.graph([("image", []), ("add", ["image", "conv"])])
    with pytest.raises(ValueError, match="'image' can have a name of its own"):
        plots.graph([("image", []), ("image", "image")])


# --------------------------------------------------------------------------- windows


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(3, 1, 7), (3, 2, (6, 9)), ((1, 5), 1, 8), (2, 3, 7), (7, 1, 15)]
)
def test_the_numbers_are_how_many_windows_hold_each_pixel_and_all_of_one_pixel_are_drawn(kernel, stride, size):
    picture = plots.windows_on_pixel(kernel, stride, size)
    (axis,) = picture.axes
    (rows, columns), kernel = np.broadcast_to(size, 2), np.broadcast_to(kernel, 2)
    ones = np.ones((1, rows, columns, 1))
    out = ops.conv2d(ones, np.ones((*kernel, 1, 1)), stride=stride)
    grads = ops.conv2d_backward(np.ones_like(out), ones, np.ones((*kernel, 1, 1)), stride=stride)
    held = grads[0][0, ..., 0]
    numbers = [int(text) for text in (text.get_text() for text in axis.texts) if text.isdigit()]
    np.testing.assert_array_equal(np.reshape(numbers, (rows, columns)), held)
    drawn = set()
    patches = iter(axis.patches[rows * columns :])
    for frame, window, pixel in zip(patches, patches, patches, strict=True):
        scale = (frame.get_height() / rows, frame.get_width() / columns)
        corners = [np.subtract(patch.get_xy(), frame.get_xy())[::-1] / scale for patch in (window, pixel)]
        start, place = (tuple(map(int, np.round(corner))) for corner in corners)
        assert (np.array(start) % stride == 0).all()
        assert all(first <= at < first + side for first, at, side in zip(start, place, kernel, strict=True))
        drawn.add(start)
    assert len(drawn) == held[place] == held.max()
    assert smallest_text(picture) >= 8


def test_a_pixel_in_the_corner_is_in_one_window_and_one_outside_is_refused():
    assert "row 0, column 0 is in 1 window, from row 0 and column 0" in plots.windows_on_pixel(3, pixel=(0, 0)).alt
    with pytest.raises(ValueError, match=r"pixel must lie in an image of 7×7, got \(7, 0\)"):
        plots.windows_on_pixel(3, pixel=(7, 0))


# --------------------------------------------------------------------------- layers and shares


def test_each_filter_is_scaled_by_its_own_largest_weight_and_grey_is_zero():
    kernel = np.zeros((2, 2, 3, 3))
    kernel[0, 0, 0] = [4, -0.5, 0]
    shown = [image.get_array() for image in plots.layer_in_colour(kernel).axes[0].get_images()]
    np.testing.assert_array_equal([filter_[0, 0] for filter_ in shown], [[1, 0.5, 0.5], [0, 0.5, 0.5], [0.5] * 3])
    grey = plots.layer_in_colour(kernel[:, :, :1]).axes[0].get_images()
    assert [image.get_array()[0, 0] for image in grey] == [1, -1, 0]
    assert {image.get_clim() for image in grey} == {(-1, 1)}


def test_filters_can_be_sorted_and_fill_rows_and_layers_stand_below_each_other():
    kernel = np.arange(1.0, 6).reshape(1, 1, 1, 5) * [1, -1, 1, -1, 1]
    picture = plots.layer_in_colour({"one": kernel, "two": kernel[..., :1]}, {"one": [1, 5, 2, 4, 3]}, columns=2)
    images = picture.axes[0].get_images()
    assert [float(image.get_array()[0, 0]) for image in images] == [-1, -1, 1, 1, 1, 1]
    tops = [min(image.get_extent()[2:]) for image in images]
    assert tops == sorted(tops)
    assert len(set(tops)) == 4
    assert {"one", "two"} <= set(words(picture.axes[0]))
    with pytest.raises(ValueError, match=r"got \(3, 3, 16, 2\)"):
        plots.layer_in_colour(np.ones((3, 3, 16, 2)))


def test_filters_can_have_their_numbers_above_them():
    kernel = np.arange(1.0, 4).reshape(1, 1, 1, 3)
    assert {"0", "1", "2"} <= set(words(plots.layer_in_colour(kernel, numbers=True).axes[0]))
    assert not {"0", "1", "2"} & set(words(plots.layer_in_colour(kernel).axes[0]))


def test_what_has_no_name_is_grey():
    (axis,) = plots.kinds({"a": {"edge": 0.5, "no name": 0.5}}).axes
    assert [to_hex(bar.get_facecolor()) for bar in axis.patches] == [plots.BLUE.lower(), "#dddddd"]


def test_bars_add_up_to_the_whole_and_write_their_shares():
    shares = {"digits": {"edge": 0.3, "line": 0.68, "spot": 0.02}, "photographs": {"line": 1.0}}
    picture = plots.kinds(shares)
    (axis,) = picture.axes
    for kind, bars in zip(("edge", "line", "spot"), axis.containers, strict=True):
        np.testing.assert_allclose([bar.get_width() for bar in bars], [parts.get(kind, 0) for parts in shares.values()])
    ends = [bar.get_x() + bar.get_width() for bar in axis.containers[-1]]
    np.testing.assert_allclose(ends, 1)
    assert [text.get_text() for text in axis.texts] == ["30%", "", "68%", "100%", "", ""]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["edge", "line", "spot"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [({"edge": 3.0}, "must be together 1, got 3.000"), (dict.fromkeys("abcdefg", 1 / 7), "6 kinds or fewer, got 7")],
)
def test_shares_that_are_no_shares_are_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        plots.kinds({"x": parts})


def test_a_chart_of_intervals_says_what_dot_and_bar_are_and_prints_them():
    groups = {"5×5": (np.array([0.5, 1.5]), (0.25, 1.75)), "7×7": ([-1, 1], (-np.inf, 2))}
    picture = plots.intervals(groups, "points", reference=0, key=("one pair of runs", "mean, 95 % interval"))
    told = [text.get_text() for text in picture.legends[0].get_texts()]
    assert told == ["one pair of runs", "mean, 95 % interval; hollow: the interval holds the grey line"]
    printed = {text.get_text(): text.get_position()[1] for text in picture.axes[0].texts}
    assert printed == {"1.0 (0.2 to 1.8)": 0, "0.0 (−∞ to 2.0)": 1}
    assert not plots.intervals(groups, "points").legends


# --------------------------------------------------------------------------- through a chain


def test_numbers_run_to_the_right_and_their_gradients_come_back_below_them():
    picture = plots.there_and_back(["Dense", "ReLU"], [[2, 1], [3, -4], [3, 0]], [[7, 8], [5, 0], [5, 6]])
    sheet, *tables = picture.axes
    told = [[text.get_text() for text in table.texts] for table in tables]
    assert told == [["2", "1"], ["3", "−4"], ["3", "0"], ["7", "8"], ["5", "0"], ["5", "6"]]
    places = [table.get_position() for table in tables]
    for there, back in zip(places[:3], places[3:], strict=True):
        assert there.x0 == pytest.approx(back.x0)
        assert there.y0 > back.y1
    ends = [arrow._path_original.vertices[[0, -1], 0] for arrow in of_kind(sheet, FancyArrowPatch)]
    assert [bool(end > start) for start, end in ends] == [True, False, True, False]
    assert {"Dense", "ReLU", "forward", "backward"} == set(words(sheet))
    with pytest.raises(
        ValueError, match=r"must have 2 arrays of the same sizes for 1 layer, got sizes \[1, 1\] and \[2, 1\]"
    ):
        plots.there_and_back(["Dense"], [[1], [1]], [[1, 2], [1]])


def test_an_answer_has_a_bar_for_each_class_and_the_highest_is_named():
    shares = np.array([[0.25, 0.75, 0.0], [0.5, 0.1, 0.4]])
    picture = plots.answers([np.eye(2), np.eye(3)], shares, classes=["a", "b", "c"])
    _, _, *below = picture.axes
    for axis, row, best in zip(below, shares, ("75%", "50%"), strict=True):
        np.testing.assert_allclose([bar.get_height() for bar in axis.containers[0]], row)
        assert [text.get_text() for text in axis.texts] == [best]
        colours = [bar.get_facecolor() for bar in axis.containers[0]]
        assert colours.count(colours[row.argmax()]) == 1
        assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c"]
    assert picture.alt == "image: b with 75%. image: a with 50%."
    with pytest.raises(ValueError, match=r"a row for each of 2 images, got \(1, 3\)"):
        plots.answers([np.eye(2)] * 2, shares[:1])
