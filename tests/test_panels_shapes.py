"""Shape explorer and gradient stepper: what they show is what shapes, ops and SciPy compute."""

import re
from importlib import import_module
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import signal

from cnnlessons import ops, panels, shapes

explorer = import_module("cnnlessons.panels.shape_explorer")  # the package's attribute of this name is the function
gradients = import_module("cnnlessons.panels.gradient_stepper")

IMAGE = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 2], [1, 0, 2, 1]])
KERNEL = np.array([[1, 0, -1], [2, 1, 0], [0, 1, -2]])
GRAD_OUTPUT = np.array([[1, 2], [-1, 3]])

settings = st.builds(
    explorer.Setting,
    size=st.integers(1, 12),
    kernel_size=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.sampled_from(explorer.PADDINGS),
    dilation=st.integers(1, 3),
)


def fits(setting):
    try:
        return shapes.output_size(*setting) > 0
    except ValueError:
        return False


def marked(page, look):
    """How many cells of a page have a look."""
    return sum(look in looks.split() for looks in re.findall(r'<td class="([^"]*)"', page))


# --------------------------------------------------------------------------- shape explorer: functions


@given(settings)
def test_a_pixel_is_touched_as_often_as_a_gradient_of_ones_says(setting):
    assume(fits(setting))
    size, kernel_size, *rest = setting
    where = dict(zip(("stride", "padding", "dilation"), rest, strict=True))
    image, kernel = np.ones((1, size, size, 1)), np.ones((kernel_size, kernel_size, 1, 1))
    ones = np.ones_like(ops.conv2d(image, kernel, **where))
    expected = ops.conv2d_backward(ones, image, kernel, **where)[0][0, :, :, 0]
    own = explorer.touches(setting)[explorer.inside(setting)].reshape(size, size)
    np.testing.assert_array_equal(own, expected)


@given(settings)
def test_windows_step_by_the_stride_and_stay_inside(setting):
    assume(fits(setting))
    windows = explorer.windows(setting)
    assert windows.shape == (shapes.output_size(*setting), setting.kernel_size)
    assert windows[0, 0] == 0
    assert 0 <= len(explorer.inside(setting)) - 1 - windows[-1, -1] < setting.stride  # no room for another
    assert all((below - above == setting.stride).all() for above, below in pairwise(windows))
    assert (np.diff(windows) == setting.dilation).all()


def test_dilation_leaves_pixels_within_a_window_untouched():
    setting = explorer.Setting(size=5, kernel_size=2, stride=4, dilation=4)
    assert np.argwhere(explorer.touches(setting)).tolist() == [[0, 0], [0, 4], [4, 0], [4, 4]]


def test_the_sizes_are_written_with_the_numbers_put_in():
    facts = explorer.facts(explorer.Setting(8, 3, 2, "same"), channels=3, filters=20)
    assert facts["Padding"] == ("⌈8 / 2⌉ = 4 outputs need (4 − 1) · 2 + 3 = 9 pixels: <b>0</b> before, <b>1</b> after")
    assert facts["Output size"] == "⌊(8 + 0 + 1 − 3) / 2⌋ + 1 = <b>4</b>"
    assert facts["Parameters"] == "(3·3·3 + 1) · 20 = <b>560</b>"
    assert facts["Multiply-adds"] == "3·3·3·20 · 4·4 = <b>8,640</b>"
    assert facts["Activations"] == "4·4·20 = <b>320</b>"


@given(settings, st.integers(1, 64), st.integers(1, 64))
def test_every_written_formula_gives_the_number_behind_it(setting, channels, filters):
    assume(fits(setting))
    facts = explorer.facts(setting, channels, filters)
    for name in ("Kernel covers", "Output size", "Parameters", "Multiply-adds", "Activations"):
        formula, result = re.fullmatch(r"(.*) = <b>([\d,]+)</b>(?: pixels)?", facts[name]).groups()
        python = formula.translate(str.maketrans({"−": "-", "·": "*", "⌊": "(", "⌋": ")", "/": "//"}))
        assert eval(python) == int(result.replace(",", ""))


@given(settings)
def test_every_placement_marks_its_pixels_and_its_output(setting):
    assume(fits(setting))
    outputs = shapes.output_size(*setting)
    page = explorer.page(setting, position=outputs**2 - 1)
    assert marked(page, "partner") == setting.kernel_size**2 + 1
    assert marked(page, "untouched") == (explorer.touches(setting)[explorer.inside(setting)] == 0).sum()
    assert marked(page, "border") == (~explorer.inside(setting)).sum()
    assert f"Position {outputs**2} of {outputs**2}: output row {outputs - 1}, column {outputs - 1}" in page


def test_a_position_that_is_none_is_refused():
    with pytest.raises(ValueError, match="position must be from 0 to 3 in a 2×2 output, got 4"):
        explorer.page(explorer.Setting(4, 3), position=4)


# --------------------------------------------------------------------------- shape explorer: panel


def test_the_explorer_shows_the_page_of_its_controls():
    panel = panels.shape_explorer()
    panel.size.value, panel.dilation.value, panel.padding.value, panel.filters.value = 9, 2, 1, 5
    panel.position.value = 3
    assert panel.page.value == explorer.page(explorer.Setting(9, 3, 2, 1, 2), 3, channels=3, filters=5)
    panel.again.click()
    assert panel.page.value == explorer.page(explorer.Setting(8, 3, 2, "same"), 0, channels=3, filters=20)


def test_a_kernel_that_does_not_fit_is_explained_and_the_last_picture_stays():
    panel = panels.shape_explorer(padding="valid")
    panel.position.value = 4
    before = panel.page.value
    panel.size.value = 2
    assert "kernel of size 3 does not fit in 2 pixels" in panel.problem.value
    panel.forward.click()  # there is still nothing to draw
    assert "does not fit" in panel.problem.value
    assert panel.page.value == before
    panel.padding.value = "same"
    assert panel.problem.value == ""
    assert "Position 1 of 1" in panel.page.value


def test_play_walks_over_all_placements_and_a_new_size_starts_again():
    panel = panels.shape_explorer(size=5, stride=1, padding="valid")
    panel.play.value = 8
    assert "Position 9 of 9" in panel.page.value
    assert panel.forward.disabled
    panel.stride.value = 2
    assert (panel.play.value, panel.play.max) == (0, 3)


def test_a_reset_ends_the_walk():
    panel = panels.shape_explorer()
    panel.play.playing, panel.play.value = True, 5
    panel.again.click()
    assert (panel.play.playing, panel.play.value) == (False, 0)


def test_the_explorer_goes_to_its_extremes():
    for size, kernel_size, dilation, padding in product((1, 12), (1, 5), (1, 3), ("same", 3)):
        if fits(explorer.Setting(size, kernel_size, 1, padding, dilation)):
            panel = panels.shape_explorer(size, kernel_size, 1, padding, dilation, 64, 64)
            panel.position.value = panel.position.max
            assert panel.problem.value == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 13}, "size must be from 1 to 12, got 13"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"padding": "full"}, "padding must be .* got 'full'"),
        ({"size": 2, "padding": "valid"}, "kernel of size 3 does not fit in 2 pixels"),
    ],
)
def test_what_does_not_fit_the_explorer_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.shape_explorer(**arguments)


def test_half_a_pixel_is_no_size():
    with pytest.raises(TypeError, match=r"size must be a whole number, got 2\.5"):
        panels.shape_explorer(size=2.5)


# --------------------------------------------------------------------------- gradient stepper: functions


def cases():
    random = np.random.default_rng(3)
    sizes = [((4, 4), (3, 3)), ((5, 5), (3, 3)), ((3, 5), (1, 2)), ((1, 1), (1, 1)), ((5, 2), (3, 2))]
    for (size, kernel_size), stride, padding in product(sizes, gradients.STRIDES, gradients.PADDINGS):
        arrays = [random.integers(-3, 4, shape) for shape in (size, kernel_size, (7, 7))]
        yield pytest.param((*arrays, stride, padding), id=f"{size}-{kernel_size}-stride{stride}-padding{padding}")


CASES = list(cases())


@pytest.mark.parametrize("case", CASES)
def test_the_products_sum_to_the_gradients_that_ops_computes(case):
    *_, stride, padding = case
    now = gradients.forward(*case)
    image, kernel = case[0][None, :, :, None], case[1][:, :, None, None]
    grad_output = now.grad_output[None, :, :, None]
    expected = ops.conv2d_backward(grad_output, image, kernel, stride=stride, padding=padding)
    grad_image, grad_kernel = gradients.gradients(now, now.products)
    np.testing.assert_array_equal(grad_image[now.within], expected[0].ravel())
    np.testing.assert_array_equal(grad_kernel, expected[1][:, :, 0, 0])


@pytest.mark.parametrize("case", CASES)
def test_what_is_picked_sums_to_its_own_gradient(case):
    now = gradients.forward(*case)
    grad_image, grad_kernel = gradients.gradients(now, now.products)
    for pixel in gradients.places(now, "pixel"):
        saw = gradients.picked(now, "pixel", pixel)
        assert sum(now.grad_output[p.output] * now.kernel[p.weight] for p in saw) == grad_image[pixel]
    for weight in gradients.places(now, "weight"):
        met = gradients.picked(now, "weight", weight)
        assert len(met) == now.output.size
        assert sum(now.grad_output[p.output] * now.image[p.pixel] for p in met) == grad_kernel[weight]


@pytest.mark.parametrize("case", CASES)
def test_the_rules_that_it_states_hold_in_scipy(case):
    now, stride = gradients.forward(*case), case[3]
    spread = np.zeros([(size - 1) * stride + 1 for size in now.output.shape], int)
    spread[::stride, ::stride] = now.grad_output
    grad_image, grad_kernel = gradients.gradients(now, now.products)
    full = signal.correlate2d(spread, now.kernel[::-1, ::-1], mode="full")
    rows, columns = full.shape  # a stride of 2 may leave the last pixels unseen
    np.testing.assert_array_equal(grad_image[:rows, :columns], full)
    assert np.count_nonzero(grad_image) == np.count_nonzero(full)
    np.testing.assert_array_equal(grad_kernel, signal.correlate2d(now.image[:rows, :columns], spread, mode="valid"))


def test_the_forward_pass_is_scipys_and_its_products_sum_to_it():
    now = gradients.forward(IMAGE, KERNEL, GRAD_OUTPUT)
    np.testing.assert_array_equal(now.output, signal.correlate2d(IMAGE, KERNEL, mode="valid"))
    for place, total in np.ndenumerate(now.output):
        parts = gradients.picked(now, "output", place)
        assert sum(now.image[p.pixel] * now.kernel[p.weight] for p in parts) == total


def test_a_gradient_too_small_is_repeated_and_one_too_large_is_cut_off():
    assert gradients.forward(IMAGE, KERNEL, [[7]]).grad_output.tolist() == [[7, 7], [7, 7]]
    np.testing.assert_array_equal(gradients.forward(IMAGE, KERNEL, IMAGE).grad_output, IMAGE[:2, :2])


def test_bytes_do_not_overflow_in_a_gradient():
    bright = np.full((3, 3), 255, np.uint8)
    assert gradients.gradients(now := gradients.forward(bright, bright, bright), now.products)[0].max() == 255**2


# --------------------------------------------------------------------------- gradient stepper: pages


def test_a_picked_pixel_shows_the_products_that_its_gradient_sums():
    page = gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, "pixel", position=6)
    text = re.sub(r"<rt>.</rt>|</?ruby>", "", page)
    assert "1·0 + 2·1 + (−1)·(−1) + 3·0 = <b>3</b>" in text
    assert "Pixel 7 of 16: row 1, column 2" in page
    assert "turned by 180°" in page


def test_the_letters_pair_each_output_with_the_weight_it_saw_the_pixel_through():
    page = gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, "pixel", position=5)
    letters = re.findall(r'class="partner"><small>(.)</small>', page)
    assert letters == ["d", "c", "b", "a", "a", "b", "c", "d"]  # the kernel's run backwards: turned by 180°


def test_a_picked_weight_shows_the_products_that_its_gradient_sums():
    page = gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, "weight", position=8)
    text = re.sub(r"<rt>.</rt>|</?ruby>", "", page)
    assert "1·0 + 2·2 + (−1)·2 + 3·1 = <b>5</b>" in text
    assert marked(page, "unknown") == IMAGE.size


def test_a_picked_output_shows_what_it_sends_and_fills_the_gradients_in():
    first, last = (gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, position=position) for position in (0, 3))
    text = re.sub(r"<rt>.</rt>|</?ruby>|&ensp;", "", last)
    assert "To the pixels: 3·1,3·0,3·(−1),3·2,3·1,3·0,3·0,3·1,3·(−2)</p>" in text
    assert "To the weights: 3·1,3·3,3·1,3·1,3·0,3·2,3·0,3·2,3·1</p>" in text
    assert marked(first, "received") == marked(last, "received") == 2 * KERNEL.size
    assert marked(last, "unknown") == 0
    expected = ops.conv2d_backward(GRAD_OUTPUT[None, :, :, None], IMAGE[None, :, :, None], KERNEL[:, :, None, None])
    for title, values in zip(("grad_image", "grad_kernel"), expected, strict=False):
        body = re.search(rf'aria-label="{title},.*?>(.*?)</table>', last).group(1)
        cells = re.findall(r"<td[^>]*>(?:<small>[^<]*</small>)?([^<]+)</td>", body)
        assert [int(cell.replace("−", "-")) for cell in cells] == values.ravel().tolist()


def test_a_pixel_that_no_output_saw_has_no_gradient():
    page = gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, "pixel", position=15, stride=2)
    assert "No output saw this pixel: its gradient is <b>0</b>" in page


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("what", gradients.PICKS)
def test_every_pick_gets_a_letter_for_each_of_its_products(case, what):
    image, kernel, grad_output, stride, padding = case
    now = gradients.forward(*case)
    for position, place in enumerate(gradients.places(now, what)):
        page = gradients.page(image, kernel, grad_output, what, position, stride, padding)
        terms = (2 if what == "output" else 1) * len(gradients.picked(now, what, place))
        assert page.count("<rt>") == terms


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"what": "bias"}, 'what must be "output", "pixel" or "weight", got \'bias\''),
        ({"position": 4}, "position must be from 0 to 3, the last output, got 4"),
        ({"position": -1}, "position must be from 0 to 3"),
    ],
)
def test_what_cannot_be_picked_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, **arguments)


# --------------------------------------------------------------------------- gradient stepper: panel


def test_the_gradient_stepper_shows_the_page_of_its_controls():
    panel = panels.gradient_stepper(IMAGE, KERNEL, GRAD_OUTPUT)
    for what, stride, padding in product(gradients.PICKS, (1, 2), (0, 1)):
        panel.pick.value, panel.stride.value, panel.padding.value = what, stride, padding
        panel.position.value = panel.position.max
        assert panel.problem.value == ""
        assert panel.page.value == gradients.page(IMAGE, KERNEL, GRAD_OUTPUT, what, panel.position.max, stride, padding)
    panel.again.click()
    assert panel.page.value == gradients.page(IMAGE, KERNEL, GRAD_OUTPUT)


def test_stepping_goes_from_pick_to_pick_and_stops_at_the_ends():
    panel = panels.gradient_stepper(IMAGE, KERNEL, GRAD_OUTPUT)
    assert panel.back.disabled
    for _ in range(9):
        panel.forward.click()
    assert "Output 4 of 4: row 1, column 1" in panel.page.value
    panel.pick.value = "pixel"
    assert "Pixel 1 of 16: row 0, column 0" in panel.page.value


def test_a_padding_that_the_kernel_needs_cannot_be_taken_away():
    panel = panels.gradient_stepper([[1, 2], [3, 4]], KERNEL, padding=1)
    before = panel.page.value
    panel.padding.value = 0
    assert "kernel of size 3 does not fit in 2 pixels" in panel.problem.value
    assert panel.page.value == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": np.zeros((6, 4))}, r"image .* 1 to 5 rows and columns .* got shape \(6, 4\)"),
        ({"kernel": np.zeros((4, 4))}, r"kernel .* 1 to 3 rows .* got shape \(4, 4\)"),
        ({"grad_output": np.zeros(4)}, r"grad_output must be two-dimensional .* got shape \(4,\)"),
        ({"image": np.full((4, 4), np.inf)}, "image must hold finite numbers"),
        ({"image": np.zeros((2, 2))}, "kernel of size 3 does not fit"),
        ({"stride": 3}, "stride must be one of 1, 2, got 3"),
        ({"padding": "same"}, "padding must be one of 0, 1, got 'same'"),
    ],
)
def test_what_does_not_fit_the_gradient_stepper_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.gradient_stepper(**arguments)


# --------------------------------------------------------------------------- both


def test_stored_outputs_of_both_are_the_same_every_time():
    for make, text in [
        (panels.shape_explorer, "Shape explorer: 8×8 image, 3×3 kernel, stride 2, padding same, dilation 1"),
        (panels.gradient_stepper, "Gradient stepper: 4×4 image, 3×3 kernel, stride 1, padding 0"),
    ]:
        assert repr(make()) == repr(make()) == text


@pytest.mark.parametrize(("make", "module"), [(panels.shape_explorer, explorer), (panels.gradient_stepper, gradients)])
def test_an_error_in_the_code_of_a_page_is_shown_and_raised(make, module, monkeypatch):
    panel = make()
    monkeypatch.setattr(module, "page", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.position.value = 1
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value
