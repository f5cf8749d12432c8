"""Columns stepper: the matrix that it shows is the convolution, whatever the stride, padding and dilation."""

import re
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import ops, panels

stepper = import_module("cnnlessons.panels.columns_stepper")  # the package's attribute of this name is the function

IMAGE = np.array([[3, 1, 0, 2], [1, 2, 3, 0], [0, 1, 2, 4], [2, 0, 1, 1]])[:, :, np.newaxis]
KERNEL = np.array([[1, 0, -1], [2, 1, 0], [0, 1, -2]])[:, :, np.newaxis]


def cases():
    """All settings of the panel in which the kernel fits."""
    random = np.random.default_rng(6)
    for size, stride, padding, dilation, channels in product(
        stepper.KERNEL_SIZES, stepper.STRIDES, stepper.PADDINGS, stepper.DILATIONS, stepper.CHANNELS
    ):
        if (size - 1) * dilation + 1 <= 4 + 2 * padding:
            image, kernel = random.integers(-9, 10, (4, 4, channels)), random.integers(-9, 10, (size, size, channels))
            name = f"kernel{size}-stride{stride}-padding{padding}-dilation{dilation}-channels{channels}"
            yield pytest.param((image, kernel), (stride, padding, dilation), id=name)


every_setting = pytest.mark.parametrize(("arrays", "setting"), list(cases()))


def convolved(image, kernel, stride, padding, dilation):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    return ops.conv2d(image[np.newaxis], kernel[:, :, :, np.newaxis], **options)[0, :, :, 0]


def cells(page, title):
    """The text of every cell of a table, without the letters in the corners."""
    body = re.search(rf'aria-label="{title},.*?>(.*?)</table>', page).group(1)
    return [re.sub(r"<small>.*?</small>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", body)]


def letters(page, title):
    body = re.search(rf'aria-label="{title},.*?>(.*?)</table>', page).group(1)
    return re.findall(r"<small>(.)</small>", body)


# --------------------------------------------------------------------------- numbers


@every_setting
def test_rows_times_column_is_the_convolution(arrays, setting):
    now = stepper.columns(*arrays, *setting)
    expected = convolved(*arrays, *setting)
    np.testing.assert_array_equal(now.output, expected)
    assert now.rows.shape == (expected.size, arrays[1].size)


@given(st.data())
def test_oblong_images_and_kernels_are_convolved_too(data):
    draw = data.draw
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 2)))
    size = draw(st.tuples(st.integers(1, min(3, shape[0])), st.integers(1, min(3, shape[1]))))
    stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 1))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    image, kernel = random.integers(-9, 10, shape), random.integers(-9, 10, (*size, shape[2]))
    expected = convolved(image, kernel, stride, padding, 1)
    np.testing.assert_array_equal(stepper.columns(image, kernel, stride, padding).output, expected)


def test_a_row_is_a_window_in_reading_order_with_all_channels_of_a_pixel_together():
    image = np.arange(32).reshape(4, 4, 2)
    now = stepper.columns(image, np.ones((2, 2, 2), int))
    assert now.rows[0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert now.rows[-1].tolist() == image[2:, 2:].ravel().tolist()


@every_setting
def test_the_copies_of_all_pixels_are_the_numbers_in_the_matrix(arrays, setting):
    now = stepper.columns(*arrays, *setting)
    assert now.copies.sum() * arrays[0].shape[2] == now.rows.size
    np.testing.assert_array_equal(stepper.copies(now, 0), np.zeros(now.within.shape))
    ones = np.ones((1, 4, 4, 1))  # what comes back to a pixel if every place sends 1 through weights of 1
    grad = ops.conv2d_backward(
        np.ones((1, *now.output.shape, 1)), ones, np.ones((*arrays[1].shape[:2], 1, 1)),
        stride=setting[0], padding=setting[1], dilation=setting[2],
    )[0]  # fmt: skip
    np.testing.assert_array_equal(now.copies[now.within], grad.ravel())


def test_bytes_do_not_overflow():
    bright = np.full((3, 3, 1), 255, np.uint8)
    assert stepper.columns(bright, bright).output.item() == 9 * 255**2


# --------------------------------------------------------------------------- pages


def test_the_page_shows_window_row_product_and_what_the_copies_cost():
    page = stepper.page(IMAGE, KERNEL, position=1)
    text = re.sub(r"<rt>.</rt>|</?ruby>|</?b>", "", page).replace("</dt><dd>", ": ")
    assert "1·1 + 0·0 + 2·(−1) + 2·2 + 3·1 + 0·0 + 1·0 + 2·1 + 4·(−2) = 0" in text
    assert "Place 2 of 4: output row 0, column 1" in text
    assert "4 places · 9 weights = 36 numbers" in text
    assert "2.25 times: 288 bytes for 128" in text
    assert "Copies of a pixel: 0 to 2, in the end 1 to 4" in text


@every_setting
def test_the_matrix_and_the_output_are_filled_up_to_the_place(arrays, setting):
    now = stepper.columns(*arrays, *setting)
    for position in (0, len(now.rows) // 2, len(now.rows) - 1):
        page = stepper.page(*arrays, position, *setting)
        known = [stepper.number(value) for value in now.rows[: position + 1].ravel()]
        assert cells(page, "Matrix") == known + [""] * (now.rows.size - len(known))
        outputs = [stepper.number(value) for value in now.output.ravel()[: position + 1]]
        assert cells(page, "Output") == outputs + [""] * (now.output.size - len(outputs))


@every_setting
def test_pixel_matrix_weight_and_product_carry_the_same_letter(arrays, setting):
    image, kernel = arrays
    page = stepper.page(image, kernel, 0, *setting)
    names = list(stepper.ascii_letters[: kernel.size])
    title, channels = ("Padded image" if setting[1] else "Image"), image.shape[2]
    titles = [title] if channels == 1 else [f"{title}, channel {channel}" for channel in range(channels)]
    for channel, each in enumerate(titles):
        assert letters(page, each) == names[channel::channels]
    assert letters(page, "Matrix") == letters(page, "Kernel") == re.findall(r"<rt>(.)</rt>", page) == names


def test_the_padding_is_told_from_the_image():
    assert stepper.page(IMAGE, KERNEL, padding=1).count("border") - stepper.page(IMAGE, KERNEL).count("border") == 20


@pytest.mark.parametrize("position", [-1, 4])
def test_a_place_that_there_is_not_is_refused(position):
    with pytest.raises(ValueError, match=f"position must be from 0 to 3, the last place, got {position}"):
        stepper.page(IMAGE, KERNEL, position)


@pytest.mark.parametrize(
    ("image", "kernel", "words"),
    [
        (IMAGE[:, :, 0], KERNEL, r"image must have three axes.*got shape \(4, 4\); .*image\[:, :, None\]"),
        (np.zeros((4, 4, 3)), KERNEL, r"image must have three axes, the last with 1 or 2 channels"),
        (np.zeros((5, 4, 1)), KERNEL, r"image .* 1 to 4 rows and columns"),
        (IMAGE, np.zeros((4, 4, 1)), r"kernel .* 1 to 3 rows and columns"),
        (IMAGE, np.zeros((2, 2, 2)), r"kernel must have as many channels as the image, got kernel \(2, 2, 2\)"),
        (np.full((4, 4, 1), np.nan), KERNEL, "image must hold finite numbers"),
        (IMAGE[:2, :2], KERNEL, "kernel of size 3 does not fit in 2 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_refused(image, kernel, words):
    with pytest.raises(ValueError, match=words):
        stepper.page(image, kernel)


def test_words_are_no_image():
    with pytest.raises(TypeError, match="image must hold real numbers"):
        stepper.page([[["a"]]], KERNEL)


# --------------------------------------------------------------------------- panel


def test_the_panel_shows_the_page_of_its_controls():
    panel = panels.columns_stepper()
    image, kernel = stepper._IMAGE, stepper._KERNEL
    for size, stride, padding, dilation, channels in product(
        stepper.KERNEL_SIZES, stepper.STRIDES, stepper.PADDINGS, (1,), stepper.CHANNELS
    ):
        panel.kernel_size.value, panel.stride.value, panel.padding.value = size, stride, padding
        panel.dilation.value, panel.channels.value = dilation, channels
        panel.position.value = last = panel.position.max
        assert panel.problem.value == ""
        arrays = image[:, :, :channels], kernel[:size, :size, :channels]
        assert panel.page.value == stepper.page(*arrays, last, stride, padding, dilation)
    panel.again.click()
    assert panel.page.value == stepper.page(image[:, :, :1], kernel[:, :, :1])


def test_stepping_fills_the_matrix_and_stops_at_its_end():
    panel = panels.columns_stepper()
    assert panel.back.disabled
    before = panel.page.value
    panel.forward.click()
    assert "Place 2 of 4" in panel.page.value
    assert panel.page.value != before
    for _ in range(5):
        panel.forward.click()
    assert "Place 4 of 4" in panel.page.value
    assert panel.forward.disabled


def test_a_kernel_that_fits_nowhere_is_explained_and_the_page_stays():
    panel = panels.columns_stepper()
    before = panel.page.value
    panel.dilation.value = 2
    assert "kernel of size 3 (5 with dilation 2) does not fit in 4 pixels" in panel.problem.value
    assert panel.page.value == before
    panel.padding.value = 1
    assert panel.problem.value == ""
    assert "Place 1 of 4" in panel.page.value


def test_a_stored_notebook_says_what_the_panel_shows():
    panel = panels.columns_stepper(channels=2, stride=2, padding=1)
    assert repr(panel) == "Columns stepper: 4×4×2 image, 3×3×2 kernel, stride 2, padding 1, dilation 1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel_size": 5}, "kernel_size must be one of 2, 3, got 5"),
        ({"stride": 4}, "stride must be one of 1, 2, 3"),
        ({"padding": "same"}, "padding must be one of 0, 1, got 'same'"),
        ({"dilation": 3}, "dilation must be one of 1, 2"),
        ({"channels": 3}, "channels must be one of 1, 2"),
        ({"dilation": 2}, "does not fit in 4 pixels"),
        ({"image": IMAGE}, r"image must have shape \(H, W, 2\).*got \(4, 4, 1\)"),
        ({"kernel": KERNEL}, r"kernel must have shape \(3, 3, 2\).*got \(3, 3, 1\)"),
    ],
)
def test_what_the_panel_cannot_show_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.columns_stepper(**arguments)
