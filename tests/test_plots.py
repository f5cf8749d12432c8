"""What each picture says: which numbers are drawn where, in which colours, under which limits."""

import io
import itertools
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image
from skimage.color import rgb2lab

from cnnlessons import plots

rng = np.random.default_rng(0)
PALETTE = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.VERMILLION, plots.PURPLE, plots.SKY)


def drawn(axis):
    (image,) = axis.get_images()
    return image


def texts(axis):
    """The numbers in the cells, by (row, column)."""
    return {tuple(map(round, text.get_position()[::-1])): text.get_text() for text in axis.texts}


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture._repr_png_())).convert("RGB"))


# --------------------------------------------------------------------------- images


def test_a_photograph_is_grey_from_zero_to_one_whatever_it_holds():
    photograph = rng.uniform(0.4, 0.6, (4, 5))
    (axis,) = plots.images([photograph], ["dim"]).axes
    np.testing.assert_array_equal(drawn(axis).get_array(), photograph)
    assert drawn(axis).get_clim() == (0, 1)
    assert drawn(axis).get_cmap().name == "gray"
    assert axis.get_title() == "dim"


def test_white_is_zero_in_a_signed_picture():
    picture = plots.images([np.array([[-1.0, 0.0, 3.0]])], kind="signed")
    image = drawn(picture.axes[0])
    assert image.get_clim() == (-3, 3)
    negative, zero, positive = image.to_rgba(image.get_array())[0, :, :3]
    assert zero.min() > 0.95
    assert negative[2] > negative[0]  # blue
    assert positive[0] > positive[2]  # red


def test_a_magnitude_starts_at_zero_so_that_dark_means_none():
    image = drawn(plots.images([np.array([[5.0, 10.0]])], kind="magnitude").axes[0])
    assert image.get_clim() == (0, 10)
    assert image.get_cmap().name == "viridis"


def test_each_image_has_its_own_kind_and_all_but_photographs_have_a_scale():
    kinds = ["photograph", "signed", "magnitude"]
    picture = plots.images([rng.random((3, 3)) for _ in kinds], kinds, kind=kinds)
    assert [drawn(axis).get_cmap().name for axis in picture.axes[:3]] == ["gray", "RdBu_r", "viridis"]
    assert [drawn(axis).colorbar is not None for axis in picture.axes[:3]] == [False, True, True]


def test_common_limits_make_images_comparable():
    picture = plots.images([np.eye(2), 9 * np.eye(2)], kind="signed", limits=(-4, 4))
    assert {drawn(axis).get_clim() for axis in picture.axes[:2]} == {(-4, 4)}


def test_each_image_may_have_limits_of_its_own():
    picture = plots.images([np.eye(2), np.eye(2)], kind="signed", limits=[(-1, 1), (-3, 3)])
    assert [drawn(axis).get_clim() for axis in picture.axes[:2]] == [(-1, 1), (-3, 3)]


def test_white_is_a_number_of_a_signed_map_so_it_has_a_frame():
    signed, photograph = plots.images([np.eye(2), np.eye(2)], kind=["signed", "photograph"]).axes[:2]
    assert signed.spines["left"].get_visible()
    assert not photograph.spines["left"].get_visible()


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("title", ["gain of y", "unit 5\nmap of y"])
@pytest.mark.parametrize("kind", ["photograph", "signed"])
def test_no_title_is_cut_off(count, title, kind):
    width = 1.2 if count == 10 else 2.8
    png = plots.images([np.eye(8)] * count, [title] * count, kind, columns=count, width=width)._repr_png_()
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    assert pixels[0].min() == pixels[-1].min() == 255


def test_frames_and_titles_are_told():
    said = plots.images([np.eye(2)] * 2, ["a\nmap", ""], windows=[(1, 0, 1, 2), None]).alt
    assert said == "a map: 1 0; 0 1, frame of 1 × 2 at row 1, column 0. photograph: 1 0; 0 1."


def test_an_image_of_zeros_can_be_drawn():
    for kind in ("signed", "magnitude"):
        low, high = drawn(plots.images([np.zeros((2, 2))], kind=kind).axes[0]).get_clim()
        assert low < high


def test_images_wrap_into_rows_and_leave_no_empty_axes():
    picture = plots.images([np.eye(2)] * 5, columns=3)
    assert len(picture.axes) == 5
    rows = [axis.get_subplotspec().rowspan.start for axis in picture.axes]
    assert rows == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(("kind", "limits"), [("magnitude", (0, 128)), ("signed", (-128, 128))])
@pytest.mark.parametrize("array", [np.array([[-128, 5]], np.int8), np.array([[np.nan, -128.0, np.inf]])])
def test_limits_know_the_smallest_int8_and_leave_out_what_is_not_finite(array, kind, limits):
    assert drawn(plots.images([array], kind=kind).axes[0]).get_clim() == limits


def test_whole_numbers_are_a_photograph_only_if_they_are_not_all_white():
    bright = np.full((2, 2), 200, np.uint8)
    said = r"arrays must go from 0 to 1 to be drawn as gray photographs, got uint8 up to 200; .* limits=\(0, 255\)"
    with pytest.raises(ValueError, match=said):
        plots.images([bright])
    assert drawn(plots.images([bright], limits=(0, 255)).axes[0]).get_clim() == (0, 255)
    assert plots.images([np.eye(2, dtype=int), np.stack([bright] * 3, axis=-1)])  # black and white; colours to 255


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_floats_far_beyond_1_are_no_photograph_but_a_little_beyond_is_cut_off(dtype):
    bright = np.array([[0, 3], [200, np.nan]], dtype)
    with pytest.raises(ValueError, match=r"gray photographs, got float\d\d up to 200; .* or give limits"):
        plots.images([np.eye(2), bright])
    assert drawn(plots.images([bright], limits=(0, 255)).axes[0]).get_clim() == (0, 255)
    assert drawn(plots.images([np.array([[-0.8, 1.8]], dtype)]).axes[0]).get_clim() == (0, 1)  # with a pattern over it
    colours = np.stack([bright] * 3, axis=-1)
    for limits in (None, (0, 255)):  # which change nothing there
        with pytest.raises(ValueError, match=r"drawn as photographs, got .* up to 200; .* whole numbers from 0 to 255"):
            plots.images([colours], limits=limits)
    assert plots.images([colours / 255, np.eye(2, dtype=bool), np.ma.masked_greater(bright, 1)])


@pytest.mark.parametrize("limits", [[0, 3], (0, 3), np.array([0, 3]), [(0, 3), [0, 3]], ((0, 3), (0, 3)), [(0, 3)] * 2])
def test_limits_may_be_a_pair_for_all_or_pairs_however_they_are_written(limits):
    picture = plots.images([np.eye(2), 3 * np.eye(2)], limits=limits)
    assert [drawn(axis).get_clim() for axis in picture.axes] == [(0, 3), (0, 3)]


def test_some_images_may_keep_their_own_limits():
    picture = plots.images([np.eye(2), 3 * np.eye(2)], kind=["photograph", "magnitude"], limits=[(0, 2), None])
    assert [drawn(axis).get_clim() for axis in picture.axes[:2]] == [(0, 2), (0, 3)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.images([np.eye(2)] * 2, limits=[(0, 1)]), "limits must be one value or 2, got 1"),
        (lambda: plots.images([np.eye(2)] * 2, limits=[0, 1, 2]),
         r"limits must be \(low, high\), two numbers, or a list of such pairs, got \[0, 1, 2\]"),
        (lambda: plots.images([np.eye(2)] * 2, limits=1), r"limits must be \(low, high\), .* got 1"),
        (lambda: plots.images([np.eye(2)], kind="heat"),
         "kind must be one of photograph, magnitude, signed, got 'heat'"),
        (lambda: plots.images([]), "arrays must be a list of arrays .* got nothing"),
        (lambda: plots.images(np.eye(2)), r"got \(2,\), \(2,\); a single one goes in a list too"),
        (lambda: plots.images([np.eye(2)] * 2, ["one"]), "titles must be one value or 2, got 1"),
        (lambda: plots.images([np.eye(2)], windows=(0, 0, 1, 1)), "windows must be one value or 1, got 4"),
        (lambda: plots.grids([np.ones(3)]), r"arrays must be a list of arrays of shape \(H, W\), got \(3,\)"),
        (lambda: plots.grids([np.eye(2)] * 3, symbols=["×"]), "symbols must be one value or 2, got 1"),
        (lambda: plots.grids([np.eye(2)] * 3, signed=[True]), "signed must be one value or 3, got 1"),
        (lambda: plots.images([np.ones((4, 4, 2))]), r"arrays must be images of shape .* got \(4, 4, 2\)"),
        (lambda: plots.responses([np.eye(3)] * 2, [np.eye(4)]), "gains must be one value or 2, got 1"),
        (lambda: plots.responses(np.eye(3), [np.eye(4)]), r"kernels must be a list of arrays"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --------------------------------------------------------------------------- grids


def test_every_number_stands_in_its_own_cell_and_nan_leaves_one_empty():
    array = np.array([[1.0, -2.0, 0.125], [np.nan, 0.0, 10.0]])
    (axis,) = plots.grids([array]).axes
    assert texts(axis) == {(0, 0): "1", (0, 1): "−2", (0, 2): "0.12", (1, 1): "0", (1, 2): "10"}


def test_cells_are_square_and_grids_stand_side_by_side_with_their_symbols_between():
    picture = plots.grids([np.eye(5), np.eye(3), np.eye(1)], ["image", "kernel", "sum"], symbols=["×", "="])
    width, height = picture.get_size_inches()
    boxes = [axis.get_position() for axis in picture.axes]
    for box, side in zip(boxes, (5, 3, 1), strict=True):
        assert box.width * width / side == pytest.approx(0.62)
        assert box.height * height / side == pytest.approx(0.62)
    for symbol, left, right in zip(picture.texts, boxes, boxes[1:], strict=False):
        assert left.x1 < symbol.get_position()[0] < right.x0
    assert [symbol.get_text() for symbol in picture.texts] == ["×", "="]
    assert boxes[-1].x1 < 1


def test_the_window_frames_the_rows_and_columns_that_it_names():
    first, second = plots.grids([np.eye(5), np.eye(3)], windows=[(1, 2, 3, 2), None]).axes
    (frame,) = first.patches
    assert frame.get_xy() == (1.5, 0.5)  # half a cell before the centre of column 2 and of row 1
    assert (frame.get_height(), frame.get_width()) == (3, 2)
    assert not second.patches


def test_a_grid_is_white_at_zero_and_stays_pale_enough_for_black_digits():
    image = drawn(plots.grids([np.array([[-2.0, 0.0, 1.0, 2.0]])]).axes[0])
    colours = image.to_rgba(image.get_array())[0, :, :3]
    assert image.get_clim()[0] == -image.get_clim()[1]
    assert colours[1].min() > 0.95
    luminance = linear(colours) @ [0.2126, 0.7152, 0.0722]
    assert ((luminance + 0.05) / 0.05 > 4.5).all()  # contrast with black, WCAG 2.2, level AA


def test_grids_that_are_compared_have_one_scale():
    own = [drawn(axis).get_clim() for axis in plots.grids([np.eye(2), 4 * np.eye(2)]).axes]
    common = [drawn(axis).get_clim() for axis in plots.grids([np.eye(2), 4 * np.eye(2)], limit=4).axes]
    assert own[0] != own[1]
    assert common == [own[1]] * 2


def test_titles_and_signs_may_come_as_arrays():
    picture = plots.grids([np.eye(2)] * 2, np.array(["one", "two"]), signed=np.array([True, False]))
    assert [axis.get_title() for axis in picture.axes] == ["one", "two"]


def test_an_unsigned_grid_is_white():
    image = drawn(plots.grids([np.array([[-2.0, 2.0]])], signed=False).axes[0])
    assert image.to_rgba(image.get_array())[..., :3].min() > 0.95


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(3, "3"), (-3.0, "−3"), (0.0, "0"), (0.5, "0.50"), (-1 / 3, "−0.33"), (255, "255"), (np.True_, "1")],
        *[(-0.0, "0"), (-0.001, "0.00")],  # no minus before nothing
    ],
)
def test_a_number_in_a_cell_is_short_and_has_a_real_minus_sign(number, text):
    assert plots.number_text(number) == text


# --------------------------------------------------------------------------- responses and curves


def test_a_response_stands_below_its_kernel_over_frequencies_from_minus_to_plus_a_half():
    kernels, gains = [np.array([[-1.0, 0.5], [0.0, 2.0]]), np.eye(3)], [rng.random((4, 4)), 3 * rng.random((4, 4))]
    picture = plots.responses(kernels, gains, ["first", "second"])
    above, below = picture.axes[:2], picture.axes[2:]
    for kernel, gain, upper, lower in zip(kernels, gains, above, below, strict=True):
        np.testing.assert_array_equal(drawn(upper).get_array(), kernel)
        assert drawn(upper).get_clim()[0] == -drawn(upper).get_clim()[1]
        np.testing.assert_array_equal(drawn(lower).get_array(), gain)
        assert drawn(lower).get_clim() == (0, gain.max())
        assert drawn(lower).get_extent() == [-0.5, 0.5, 0.5, -0.5]
    assert texts(above[0]) == {(0, 0): "−1", (0, 1): ".5", (1, 0): "0", (1, 1): "2"}
    assert [axis.get_title() for axis in above] == ["first", "second"]


@pytest.mark.parametrize(
    ("number", "side", "text"),
    [
        *[(0.125, 3, ".12"), (-0.5, 3, "−.5"), (1 / 9, 3, ".11"), (2, 3, "2"), (10.25, 3, "10"), (0, 3, "0")],
        *[
            (0.04, 5, ".04"),
            (-0.125, 5, "−.12"),
            (10.25, 5, "10"),
            (9.999, 5, "10.00"),
            (-256, 5, "−256"),
            (-0.001, 5, ".00"),
        ],
    ],
)
def test_a_weight_takes_as_little_room_as_its_square_has(number, side, text):
    kernel = np.zeros((side, side))
    kernel[1, 2] = number
    assert texts(plots.responses([kernel], [np.eye(4)]).axes[0])[1, 2] == text


def test_kernels_and_gains_may_come_as_lists():
    assert plots.responses([[[1, 2]]], [[[1, 2], [3, 4]]]).axes[1].get_xlabel() == "gain 0 to 4"


def test_kernels_beyond_a_row_go_on_in_the_next():
    kernels = [np.full((1, 1), number) for number in range(1, 6)]
    picture = plots.responses(kernels, [np.ones((2, 2))] * 5, columns=2)
    shown = [drawn(axis).get_array()[0, 0] for axis in picture.axes if axis.get_images() and axis.texts]
    assert shown == [1, 2, 3, 4, 5]


def test_of_several_runs_the_mean_is_drawn_and_each_of_them():
    runs = np.array([[1.0, 2.0, 4.0], [3.0, 2.0, 0.0]])
    picture = plots.curves(np.arange(3), {"a": runs, "b": runs[0]}, "step", "loss")
    (axis,) = picture.axes
    mean, one, other, alone = axis.lines[:4]
    np.testing.assert_array_equal(mean.get_ydata(), runs.mean(axis=0))
    np.testing.assert_array_equal([one.get_ydata(), other.get_ydata()], runs)
    assert one.get_color() == mean.get_color() != alone.get_color()
    assert axis.get_legend_handles_labels()[1] == ["a", "b"]
    assert "a: 2 at 0, 2 at 2, the mean of 2 thin lines. b: 1 at 0, 4 at 2" in picture.alt


def test_curves_hold_their_numbers_and_differ_in_more_than_colour():
    x = np.arange(5)
    series = {f"power {power}": x**power for power in range(1, 7)}
    (axis,) = plots.curves(x, series, "position in pixels", "value", x_ticks=([0, 4], ["start", "end"])).axes
    lines = axis.get_lines()[: len(series)]
    for line, (name, values) in zip(lines, series.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xydata(), np.stack([x, values], axis=1))
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == len(series)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("position in pixels", "value")
    assert [label.get_text() for label in axis.get_xticklabels()] == ["start", "end"]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(series)


def test_a_logarithmic_axis_has_no_line_at_zero():
    (axis,) = plots.curves(np.arange(3), {"size": np.array([1, 0.1, 0.01])}, "layer", "size", log=True).axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("linear", "log")
    assert [axis.yaxis.get_major_formatter()(size) for size in (100, 1e-6, 2e8)] == ["100", "10⁻⁶", "2·10⁸"]
    assert len(axis.lines) == 1


def test_one_curve_needs_no_legend_and_long_names_stand_below():
    x = np.arange(3)
    (axis,) = plots.curves(x, {"loss": x}, "step", "loss").axes
    assert axis.get_legend() is None
    (axis,) = plots.curves(x, {"a": x, "b": x}, "step", "loss").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]
    names = ["a name of more than twenty-six letters", "b"]
    picture = plots.curves(x, dict.fromkeys(names, x), "step", "loss")
    assert [text.get_text() for text in picture.legends[0].get_texts()] == names


@pytest.mark.parametrize(("reference", "lines"), [(0, 1), (0.5, 1), (None, 0)])
def test_a_level_line_stands_where_it_is_asked_for(reference, lines):
    (axis,) = plots.curves(np.arange(3), {"a": np.ones(3)}, "step", "AUC", reference=reference).axes
    levels = [line.get_ydata()[0] for line in axis.lines[1:]]
    assert levels == [reference] * lines


def test_a_curve_is_told_by_the_labels_of_its_ticks():
    said = plots.curves(
        np.log([20, 1433]), {"found": [38, 2]}, "images", "%", x_ticks=(np.log([20, 1433]), ["20", "1,433"])
    )
    assert "38 at 20, 2 at 1,433" in said.alt


def test_what_is_left_of_rounding_is_told_as_zero():
    assert "0 at 1" in plots.curves(np.arange(3), {"gain": [1, -1e-16, 1]}, "frequency", "gain").alt


def test_many_points_are_small_and_a_diagonal_says_where_both_are_equal():
    few, many = (plots.points({"a": (np.arange(n), np.arange(n))}, "x", "y", diagonal=n > 2).axes[0] for n in (2, 400))
    assert few.lines[0].get_markersize() > 2 * many.lines[0].get_markersize()
    assert (len(few.lines), len(many.lines)) == (1, 2)
    assert many.lines[1].get_slope() == 1


def test_points_stand_where_their_numbers_say_and_each_group_has_its_marker():
    groups = {"networks": (np.array([0.8, 0.9]), np.array([0.7, 0.6])), "pick": ([0.9], [0.6])}
    (axis,) = plots.points(groups, "validation", "test").axes
    for line, (x, y) in zip(axis.lines, groups.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([x, y]))
    assert len({line.get_marker() for line in axis.lines}) == 2
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(groups)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("validation", "test")


def test_logarithmic_axes_share_their_lines_and_write_plain_numbers():
    x = np.array([1, 3, 9, 27])
    panels = {
        "time in ms": (x, {"square": x**2.0, "constant": np.full(4, 0.1)}),
        "memory in MB": (x[:3], {"constant": np.full(3, 2.0), "gap": np.array([1.0, np.nan, 4.0])}),
    }
    picture = plots.log_curves(panels, "kernel size", ["left", "right"])
    left, right = picture.axes
    for axis, (y_label, (positions, series)), title in zip(
        (left, right), panels.items(), ("left", "right"), strict=True
    ):
        assert (axis.get_xscale(), axis.get_yscale(), axis.get_title()) == ("log", "log", title)
        assert (axis.get_xlabel(), axis.get_ylabel()) == ("kernel size", y_label)
        assert [label.get_text() for label in axis.get_xticklabels()] == [str(position) for position in positions]
        for line, values in zip(axis.get_lines(), series.values(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), np.stack([positions, values], axis=1))
    assert left.get_lines()[1].get_color() == right.get_lines()[0].get_color()
    assert left.get_lines()[1].get_marker() == right.get_lines()[0].get_marker()
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["square", "constant", "gap"]
    pixels(picture)
    assert "0.1" in [label.get_text() for label in left.get_yticklabels()]


def test_zero_has_no_place_on_a_logarithmic_axis():
    with pytest.raises(ValueError, match="'lost' must be above 0 to have a logarithm"):
        plots.log_curves({"time": ([1, 2], {"lost": np.array([1.0, 0.0])})}, "size")


def test_each_run_is_a_dot_and_the_interval_a_bar_of_its_row():
    groups = {"with": (np.array([0.8, 0.9, 0.7]), (0.75, 0.85)), "without": ([0.5, 0.4], (0.3, 0.6))}
    (axis,) = plots.intervals(groups, "accuracy", "two networks").axes
    for row, (values, ends) in enumerate(groups.values()):
        dots, bar, mean = axis.lines[3 * row : 3 * row + 3]
        np.testing.assert_array_equal(dots.get_xdata(), values)
        np.testing.assert_array_equal(bar.get_xdata(), ends)
        np.testing.assert_allclose(mean.get_xdata(), [np.mean(values)])
        assert max(np.abs(np.subtract(line.get_ydata(), row)).max() for line in (dots, bar, mean)) < 0.5
    assert [label.get_text() for label in axis.get_yticklabels()] == list(groups)
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first group stands on top
    assert (axis.get_xlabel(), axis.get_title()) == ("accuracy", "two networks")
    (compared,) = plots.intervals(groups, "points", reference=0.5).axes
    assert [list(line.get_xdata()) for line in compared.lines].count([0.5, 0.5]) == 1


def test_equal_runs_are_stacked_so_that_all_can_be_counted():
    (axis,) = plots.intervals({"a": (np.array([1.0, 1.0, 2.0, 1.0]), (0.5, 2.0))}, "points").axes
    heights = axis.lines[0].get_ydata()
    assert len(set(heights[[0, 1, 3]])) == 3
    assert heights[2] == heights[0]


def test_a_mean_that_is_unresolved_is_hollow_and_the_legend_and_the_words_say_so():
    groups = {"clear": (np.array([1.0, 2.0]), (1.0, 2.0), True), "open": (np.array([1.0, 2.0]), (1.0, 2.0), False)}
    picture = plots.intervals(groups, "points", key=("one seed", "mean, 95 % interval"))
    means = picture.axes[0].lines[2::3]
    assert [mean.get_markerfacecolor() == "white" for mean in means] == [False, True]
    assert picture.legends[0].get_texts()[1].get_text() == "mean, 95 % interval; hollow: unresolved"
    assert "open: 1.5 (1.0 to 2.0), 2 dots, unresolved." in picture.alt


@pytest.mark.parametrize("end", [-40.0, -np.inf])
def test_an_end_far_out_is_an_arrow_at_the_edge(end):
    (axis,) = plots.intervals({"few": (np.array([0.0, 1.0, 2.0]), (end, 3.0))}, "points").axes
    _, bar, arrow, _ = axis.lines
    np.testing.assert_array_equal(bar.get_xdata(), [-2.0, 3.0])  # as far below the runs as they reach
    assert (arrow.get_marker(), list(arrow.get_xdata())) == ("<", [-2.0])
    assert axis.get_xlim()[0] > -4


@pytest.mark.parametrize(("top", "named"), [(4.0, {"0.5", "1", "2"}), (4000.0, {"1", "10", "100", "1000"})])
def test_a_logarithmic_axis_names_enough_of_its_values(top, named):
    (axis,) = plots.curves(np.arange(3), {"one": np.array([0.4, 1.0, top])}, "x", "y", log=True).axes
    low, high = axis.get_ylim()
    shown = {axis.yaxis.get_major_formatter()(value) for value in axis.get_yticks() if low <= value <= high}
    assert shown == named


def test_a_bar_is_as_long_as_its_number_which_stands_at_its_end():
    picture = plots.bars({"loops": 1234.0, "one product": 0.5}, "time in ms", "two ways", log=True)
    (axis,) = picture.axes
    assert [bar.get_width() for bar in axis.patches] == [1234, 0.5]
    assert [text.get_text() for text in axis.texts] == ["1,234", "0.5"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["loops", "one product"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first stands on top
    assert (axis.get_xscale(), axis.get_xlabel()) == ("log", "time in ms")
    assert "one product: 0.5" in picture.alt
    pixels(picture)
    (plain,) = plots.bars({"none": 0, "some": 2}, "images").axes
    assert plain.get_xscale() == "linear"


@pytest.mark.parametrize(("values", "log"), [({"lost": -1}, False), ({"none": 0}, True), ({}, False)])
def test_a_number_below_zero_or_without_a_logarithm_has_no_bar(values, log):
    with pytest.raises(ValueError, match="to have a bar"):
        plots.bars(values, "time in ms", log=log)


def test_a_table_of_confusions_tells_its_mistakes_the_most_frequent_first():
    picture = plots.confusion([[8, 2], [3, 0]], ["cat", "dog"])
    assert picture.alt.endswith("8 of 13 right. dog taken for cat 3×. cat taken for dog 2×.")
    shown = picture.axes[0].images[0].get_array()
    assert shown.tolist() == [[-0.8, 0.2], [1, 0]]  # right is blue, wrong is red


def test_a_row_of_a_mosaic_has_one_scale_and_a_name():
    rows = {"before": [np.eye(3), -4 * np.eye(3)], "after": [np.ones((2, 2))]}
    picture = plots.mosaic(rows)
    before, after = (part.axes for part in picture.subfigs)
    assert [drawn(axis).get_clim() for axis in (*before, *after)] == [(-4, 4), (-4, 4), (-1, 1)]
    np.testing.assert_array_equal(drawn(before[1]).get_array(), -4 * np.eye(3))
    assert [part.get_suptitle() for part in picture.subfigs] == list(rows)


def test_a_mosaic_takes_lists_of_images_only():
    with pytest.raises(ValueError, match="before must be a list of arrays"):
        plots.mosaic({"before": np.eye(3)})


def test_a_way_down_goes_through_its_places_over_the_valley():
    paths = {"plain": np.array([[1.0, 0.5], [0.0, 0.25]]), "other": np.array([[1.0, 0.5], [0.5, 0.0]])}
    up, across = np.mgrid[-1:1:5j, 0:2:9j]
    axes = plots.descents(paths, across**2 + up**2, (0, 2, -1, 1), titles=("a", "b")).axes
    for axis, (name, path) in zip(axes, paths.items(), strict=True):
        line, start = axis.lines
        np.testing.assert_array_equal(line.get_xydata(), path)
        np.testing.assert_array_equal(start.get_xydata(), path[:1])
        assert start.get_markerfacecolor() == "white"
        assert axis.get_title() == name
        assert axis.get_aspect() == 1  # a valley that is 5 times as steep one way must not look round
    (contours,) = axis.collections
    for level, outline in zip(contours.levels, contours.get_paths(), strict=True):
        if len(outline.vertices):
            assert np.abs(np.square(outline.vertices).sum(1) - level).max() < 0.1  # the first row is the lower end
    assert (axis.get_xlim(), axis.get_ylim()) == ((0, 2), (-1, 1))

    (shared,) = plots.descents(paths, across**2 + up**2, (0, 2, -1, 1), together=True).axes
    assert [text.get_text() for text in shared.get_legend().get_texts()] == list(paths)
    assert len({(line.get_color(), line.get_marker()) for line in shared.lines[::2]}) == len(paths)


# --------------------------------------------------------------------------- the style


# What remains of linear red, green and blue without one kind of cone: G. M. Machado, M. M. Oliveira and L. A. F.
# Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009), severity 1.0.
MACHADO = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colours):
    """From sRGB to amounts of light."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def simulated(colours, deficiency):
    seen = np.clip(linear(colours) @ np.transpose(MACHADO[deficiency]), 0, 1)
    return np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("deficiency", ["protanopia", "deuteranopia", "tritanopia"])
def test_colour_blind_eyes_tell_the_colours_apart(deficiency):
    seen = rgb2lab(simulated(np.array([to_rgb(colour) for colour in PALETTE]), deficiency))
    distances = {
        (first, second): np.linalg.norm(seen[first] - seen[second])
        for first, second in itertools.combinations(range(len(PALETTE)), 2)
    }
    assert min(distances.values()) > 10, distances  # a just noticeable difference is about 2.3


def test_the_style_cycles_through_the_palette():
    colours = plots.STYLE["axes.prop_cycle"].by_key()["color"]
    assert sorted(colours) == sorted(PALETTE)


@pytest.mark.parametrize("name", ["gray", "viridis"])
def test_a_larger_magnitude_is_lighter_all_the_way(name):
    lightness = rgb2lab(plots.colour_table(name) / 255)[:, 0]
    assert (np.diff(lightness) > -0.5).all()  # the table is rounded to 8 bits
    assert lightness[-1] - lightness[0] > 70


def test_a_colour_table_holds_matplotlibs_colours_and_cannot_be_changed():
    table = plots.colour_table("viridis")
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    assert to_hex(table[255] / 255) == to_hex(matplotlib.colormaps["viridis"](255))
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_whatever_style_the_notebook_has_the_picture_is_the_same_and_its_paper_is_white():
    def picture():
        return plots.images([np.eye(3)], ["cost of $5 and $6"], kind="signed")

    plain = pixels(picture())
    with plt.style.context("dark_background"):
        dark = pixels(picture())
    np.testing.assert_array_equal(plain, dark)
    assert (plain[0] == 255).all()


def test_titles_may_hold_dollar_signs():
    title = plots.images([np.eye(3)], ["from $1 to $2"]).axes[0].title
    assert not title.get_parse_math()


# --------------------------------------------------------------------------- in a notebook


def test_a_picture_needs_no_pyplot_and_is_shown_once():
    code = """
import sys
import numpy as np
from cnnlessons import plots
png = plots.images([np.eye(3)])._repr_png_()
print(png[1:4].decode(), "matplotlib.pyplot" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["PNG", "False"]
    before = plt.get_fignums()
    plots.images([np.eye(3)])
    assert plt.get_fignums() == before  # so that no backend shows it a second time


def test_the_text_form_and_the_png_are_the_same_each_time():
    first, second = (plots.grids([np.eye(3), np.eye(2)]) for _ in range(2))
    assert repr(first) == repr(second)
    assert repr(first).endswith("inches, 2 axes>")
    assert " at 0x" not in repr(first)
    assert first._repr_png_() == second._repr_png_()
