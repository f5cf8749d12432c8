"""Panels: what they show is what the plain functions compute, whatever a reader does."""

import asyncio
import datetime
import logging
import re
from importlib import import_module

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image
from scipy import signal

from cnnlessons import datasets, kernels, ops, panels, plots
from cnnlessons.panels._drawings import coloured
from cnnlessons.panels._panel import Page, Unusable

editor = import_module("cnnlessons.panels.kernel_editor")  # the package's attribute of this name is the function
walker = import_module("cnnlessons.panels.stepper")

IMAGE = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 2], [1, 0, 2, 1]])
KERNEL = np.array([[1, 0, -1], [2, 1, 0], [0, 1, -2]])


@pytest.fixture(scope="module")
def photo():
    return datasets.photograph("camera", size=256, gray=True)


@pytest.fixture
def panel():
    return panels.kernel_editor()


def shown(pictures, name):
    """The picture that the browser makes of what it is sent."""
    picture = pictures.shown["pictures"][name]
    table = np.frombuffer(pictures.colours[picture["colours"]], np.uint8).reshape(256, 4)
    pixels = table[np.frombuffer(picture["levels"], np.uint8).reshape(picture["shape"])]
    assert (pixels[..., 3] == 255).all()  # nothing shines through
    return pixels[..., :3]


def filtered(photo, kernel, display="auto"):
    output = editor.filtered(photo, kernel)
    return coloured(output, editor.scale_of(output, kernel, display))


def gain_of(kernel):
    response = editor.gain(kernel)
    return coloured(response, editor.scale_from_zero(response))


def sent(panel):
    return panel.page.shown["pictures"]["photograph"]


def kernel_of(panel):
    size = panel.size.value
    return np.array([[editor.read_weight(field.value) for field in row[:size]] for row in panel.fields[:size]])


def type_in(panel, weights):
    def fill():
        for place, weight in np.ndenumerate(weights):
            panel.fields[place].value = str(weight)

    panel.act(fill)


# --------------------------------------------------------------------------- any panel


@pytest.mark.parametrize(
    ("make", "name"),
    [(panels.kernel_reader, "filter"), (panels.gabor_explorer, "orientation"), (panels.stem_explorer, "filters")],
)
def test_while_a_slider_is_dragged_words_may_wait_and_when_the_hand_rests_all_is_drawn(make, name, monkeypatch):
    dragged, moved, alone = make(), make(), make()
    monkeypatch.setattr(dragged, "rest", 0)
    draw, hurried = dragged.draw, []
    monkeypatch.setattr(dragged, "draw", lambda: (hurried.append(dragged.hurried), draw())[1])

    async def drag():
        for value in (5, 3, 6):
            getattr(dragged, name).set_state({"value": value})  # as the browser says it
        pale = str((dragged.page.value, dragged.page.shown["texts"]))
        for _ in range(10):  # passes of the event loop
            await asyncio.sleep(0)
        return pale

    assert '<div class="waiting">' in asyncio.run(drag())
    assert hurried == [True, True, True, False]
    getattr(moved, name).value = 6  # by code
    getattr(alone, name).set_state({"value": 6})  # where there is no event loop
    assert '"waiting"' not in str((moved.page.value, moved.page.shown["texts"]))
    for panel in (dragged, alone):
        assert (panel.page.value, panel.page.shown) == (moved.page.value, moved.page.shown)


# --------------------------------------------------------------------------- stepper


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("flip", [False, True])
def test_every_step_makes_the_number_that_scipy_makes(flip, padding):
    oracle = signal.convolve2d if flip else signal.correlate2d
    expected = oracle(IMAGE, KERNEL, mode=padding)
    for (row, column), total in np.ndenumerate(expected):
        now = walker.step(IMAGE, KERNEL, row, column, flip, padding)
        np.testing.assert_array_equal(now.products, now.patch * now.weights)
        assert now.total == now.products.sum() == total


def test_bytes_do_not_overflow():
    assert walker.step(np.full((3, 3), 255, np.uint8), np.full((3, 3), 255, np.uint8), 0, 0).total == 9 * 255**2


def test_a_step_outside_the_output_is_refused_with_the_positions_there_are():
    with pytest.raises(ValueError, match=r"position of the 2×2 output, got \(2, 0\).*rows count from 0 to 1"):
        walker.step(IMAGE, KERNEL, 2, 0)


def test_a_step_never_wraps_whole_numbers():
    for image, kernel in (([[2**40]], [[2**40]]), (np.array([[2**63]], np.uint64), [[1]])):
        with pytest.raises(ValueError, match=r"below 2\*\*53"):
            walker.step(image, kernel, 0, 0)


def test_the_page_shows_every_number_of_the_step():
    page = walker.page(IMAGE, KERNEL, position=1)
    assert "2·1 + 0·0 + 1·(−1) + 1·2 + 3·1 + 1·0 + 1·0 + 0·1 + 2·(−2) = <b>2</b>" in page
    assert "Position 2 of 4: output row 0, column 1" in page
    assert page.count('class="unknown"') == 2
    assert page.count('class="border"') == 0


def test_the_border_of_zeros_is_told_from_the_image():
    page = walker.page(IMAGE, KERNEL, padding="same")
    assert page.count('class="border"') == 6 * 6 - 4 * 4
    assert "Image with a border of zeros, 6 rows by 6 columns" in page


def test_a_turned_kernel_is_called_so():
    assert "turned by 180°" in walker.page(IMAGE, KERNEL, flip=True)
    assert "turned by 180°" not in walker.page(IMAGE, KERNEL)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (-3, "−3"), (0.5, "0.50"), (-0.001, "0.00"), (-0.0, "0"), (10**6, "1000000")],
)
def test_numbers_are_written_as_a_reader_writes_them(value, text):
    assert walker.number(value) == text


def test_the_panel_shows_the_page_of_its_controls():
    panel = panels.stepper(IMAGE, KERNEL)
    panel.padding.value, panel.flip.value, panel.position.value = "same", True, 5
    assert panel.page.value == walker.page(IMAGE, KERNEL, 5, flip=True, padding="same")
    panel.again.click()
    assert panel.page.value == walker.page(IMAGE, KERNEL)


def test_stepping_past_either_end_stays_there():
    panel = panels.stepper(IMAGE, KERNEL)
    panel.back.click()
    assert panel.position.value == 0
    assert panel.back.disabled
    for _ in range(9):
        panel.forward.click()
    assert panel.position.value == 3
    assert panel.forward.disabled
    assert "Position 4 of 4" in panel.page.value


def test_play_walks_the_kernel():
    panel = panels.stepper(IMAGE, KERNEL)
    panel.play.value = 2
    assert "Position 3 of 4" in panel.page.value
    panel.padding.value = "same"
    assert (panel.play.value, panel.play.max) == (0, 15)


def test_the_largest_image_and_kernel_and_the_smallest_are_drawn():
    random = np.random.default_rng(0)
    for image, kernel in [((8, 8), (5, 5)), ((1, 1), (1, 1)), ((2, 7), (2, 3))]:
        panel = panels.stepper(random.normal(size=image), random.normal(size=kernel), padding="same")
        panel.position.value = panel.position.max
        assert f"Position {np.prod(image)} of {np.prod(image)}" in panel.page.value


@pytest.mark.parametrize(
    ("image", "kernel", "words"),
    [
        (np.zeros((9, 4)), KERNEL, r"image .* 1 to 8 rows and columns .* got shape \(9, 4\)"),
        (IMAGE, np.zeros((6, 6)), r"kernel .* 1 to 5 rows .* got shape \(6, 6\)"),
        (IMAGE, np.zeros(3), r"kernel must be two-dimensional .* got shape \(3,\)"),
        (np.full((4, 4), np.nan), KERNEL, "image must hold finite numbers"),
        (np.zeros((2, 2)), KERNEL, "kernel"),
    ],
)
def test_what_does_not_fit_the_stepper_is_refused(image, kernel, words):
    with pytest.raises(ValueError, match=words):
        panels.stepper(image, kernel)


def test_words_are_no_image():
    with pytest.raises(TypeError, match="image must hold real numbers"):
        panels.stepper([["a"]])


# --------------------------------------------------------------------------- kernel editor: functions


@pytest.mark.parametrize("name", kernels.names())
def test_every_named_kernel_gives_the_editor_scipys_output(name, photo):
    kernel = kernels.named(name)
    expected = signal.correlate2d(np.pad(photo, 2), editor.resized(kernel, 5), mode="valid")
    np.testing.assert_allclose(editor.filtered(photo, editor.resized(kernel, 5)), expected, atol=1e-12)
    np.testing.assert_allclose(editor.filtered(photo, kernel), expected, atol=1e-12)


@pytest.mark.parametrize("name", datasets.photographs())
def test_every_photograph_is_drawn(name):
    photo = datasets.photograph(name, size=64, gray=True)
    for kernel in map(kernels.named, kernels.names()):
        picture = filtered(photo, kernel)
        assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)


def test_the_identity_shows_the_photograph(photo):
    expected = np.repeat(np.rint(photo * 255)[..., np.newaxis], 3, axis=2)
    assert abs(filtered(photo, kernels.named("identity")) - expected).max() <= 1  # gray is 256 even steps


def test_a_difference_is_shown_signed_and_a_mean_as_brightness(photo):
    for name, colours in [("sobel_vertical_edge", "RdBu_r"), ("box_3", "gray"), ("identity", "gray")]:
        kernel = kernels.named(name)
        assert editor.scale_of(editor.filtered(photo, kernel), kernel).colours == colours


def test_zero_has_the_middle_colour_and_signs_are_mirrored(photo):
    kernel = kernels.named("sobel_vertical_edge")
    output = editor.filtered(photo, kernel)
    scale = editor.scale_of(output, kernel)
    assert scale.low == -scale.high == -abs(output).max()
    assert abs(editor.levels(np.array([scale.low, 0, scale.high]), scale) - [0.0, 127.5, 255]).max() <= 0.5


def test_a_kernel_of_zeros_gives_a_plain_picture_and_a_plain_response(photo):
    nothing = np.zeros((3, 3))
    assert len(np.unique(filtered(photo, nothing).reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(gain_of(nothing).reshape(-1, 3), axis=0)) == 1


def test_a_huge_kernel_is_drawn_like_the_same_kernel_small(photo):
    kernel = kernels.named("laplacian_4")
    np.testing.assert_array_equal(filtered(photo, 1e6 * kernel), filtered(photo, kernel))


def test_the_gain_is_that_of_the_discrete_fourier_transform():
    kernel = np.random.default_rng(1).normal(size=(5, 5))
    expected = np.fft.fftshift(abs(np.fft.fft2(kernel, (64, 64))))
    np.testing.assert_allclose(editor.gain(kernel), expected, atol=1e-12)
    assert editor.gain(kernel)[32, 32] == pytest.approx(abs(kernel.sum()))


def test_growing_and_shrinking_keep_the_middle():
    np.testing.assert_array_equal(editor.resized(editor.resized(KERNEL, 5), 3), KERNEL)
    np.testing.assert_array_equal(
        editor.resized(np.arange(25).reshape(5, 5), 3), [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    )


def test_mixing_is_between_the_photograph_and_its_filtered_self(photo):
    kernel = kernels.named("sharpen")
    mixture = 0.25 * photo + 0.75 * ops.cross_correlate(photo, kernel, "same")
    np.testing.assert_allclose(editor.filtered(photo, editor.mixed(kernel, 0.75)), mixture, atol=1e-12)


@pytest.mark.parametrize(("text", "weight"), [("2", 2), ("−0.5", -0.5), (" 1/9 ", 1 / 9), ("-1e-3", -0.001)])
def test_weights_are_read_as_readers_type_them(text, weight):
    assert editor.read_weight(text) == weight


@pytest.mark.parametrize("text", ["", "abc", "NaN", "inf", "1e999", "1e999999999", "1/0", "1/", "2e9", "0x10", "1 2"])
def test_what_is_no_weight_is_refused(text):
    with pytest.raises(Unusable, match="is not a number between"):
        editor.read_weight(text)


def test_every_pixel_arrives_in_its_colour():
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    table = plots.colour_table("viridis")
    pictures = Page("", {"viridis": table, "gray": plots.colour_table("gray")})
    pictures.paint({"all": (levels, "viridis")}, {})
    np.testing.assert_array_equal(shown(pictures, "all"), table[levels])


def test_everything_in_the_page_that_changes_is_drawn(panel):
    names = re.findall('data-name="([^"]*)"', panel.page.value)
    assert sorted(names) == sorted([*panel.page.shown["pictures"], *panel.page.shown["texts"]])


# --------------------------------------------------------------------------- kernel editor: panel


def test_the_panel_shows_what_the_functions_make(panel, photo):
    type_in(panel, KERNEL)
    panel.mix.value, panel.display.value = 0.5, "signed"
    kernel = editor.mixed(KERNEL, 0.5)
    np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(photo, kernel, "signed"))
    np.testing.assert_array_equal(shown(panel.page, "gain"), gain_of(kernel))
    output = editor.filtered(photo, kernel)
    scales = editor.scale_of(output, kernel, "signed"), editor.Scale(0, editor.gain(kernel).max(), "viridis")
    assert panel.page.shown["texts"]["caption"] == editor.caption(kernel, output, *scales)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("place", [(0, 3), (100, 255), (60, 40)])
def test_who_points_at_the_photograph_sees_what_the_number_there_is_made_of(panel, size, place):
    panel.size.value, panel.mix.value = size, 0.7
    panel.page.pointed = list(place)
    text = panel.page.shown["texts"]["window"]
    number = editor.filtered(panel._photo, editor.mixed(panel._kernel, 0.7))[place]
    assert f"Sum of the products <b>{editor.write_weight(number)}</b>" in text
    outside = (
        size * size
        - np.pad(np.ones((256, 256)), size // 2)[place[0] : place[0] + size, place[1] : place[1] + size].sum()
    )
    assert text.count('<td class="border">') == 2 * outside
    panel.photograph.value = "moon"
    assert f"<b>{editor.write_weight(number)}</b></div></div>" not in panel.page.shown["texts"]["window"]


def test_a_weights_field_has_the_colour_of_its_sign(panel):
    panel.named.value = "sobel_vertical_edge"
    looks = [[field._dom_classes for field in row[:3]] for row in panel.fields[:3]]
    assert all("cnnlessons-negative" in row[0] and "cnnlessons-positive" in row[2] for row in looks)
    assert not any({"cnnlessons-negative", "cnnlessons-positive"} & set(row[1]) for row in looks)
    panel.turn.click()
    assert "cnnlessons-positive" in panel.fields[0, 0]._dom_classes
    assert "cnnlessons-negative" not in panel.fields[0, 0]._dom_classes


def test_choosing_another_photograph_filters_that_one(panel):
    panel.photograph.value = "coffee"
    photo = datasets.photograph("coffee", size=256, gray=True)
    np.testing.assert_array_equal(
        shown(panel.page, "photograph"), filtered(photo, kernels.named("sobel_vertical_edge"))
    )


def uploaded(panel, name, content):
    now = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    panel.upload.value = [{"name": name, "type": "", "size": len(content), "content": content, "last_modified": now}]


def test_a_photograph_of_the_reader_s_own_is_filtered_and_what_is_none_loses_nothing(panel, tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "own.png")
    content = (tmp_path / "own.png").read_bytes()
    uploaded(panel, "own.png", content)
    assert panel.photograph.value == "your own photograph"
    own = datasets.photograph(content, size=256, gray=True)
    np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(own, kernel_of(panel)))
    before = panel.page.shown
    uploaded(panel, "<b>.txt", b"words")
    assert "&lt;b&gt;.txt: this file is not a picture that Pillow reads" in panel.problem.value
    assert panel.page.shown == before
    panel.photograph.value = "coins"
    assert panel.problem.value == ""
    panel.photograph.value = "your own photograph"
    assert panel.page.shown == before
    panel.again.click()
    assert panel.photograph.value == "camera"


def test_the_editor_begins_with_a_file_of_the_reader_s_own(tmp_path):
    Image.fromarray(np.zeros((30, 20), np.uint8)).save(tmp_path / "own.png")
    own = panels.kernel_editor(tmp_path / "own.png")
    assert repr(own).endswith("on photograph your own photograph")
    own.photograph.value = "camera"
    own.again.click()
    assert own.photograph.value == "your own photograph"


def test_every_named_kernel_keeps_its_exact_weights_in_the_panel(panel, photo):
    for name in panel.named.options[1:]:
        panel.named.value = name
        assert panel.problem.value == ""
        assert panel.named.value == name
        np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(photo, kernels.named(name)))


def test_one_choice_draws_once(panel, monkeypatch):
    drawn = []
    monkeypatch.setattr(editor, "filtered", lambda *args: drawn.append(1) or ops.cross_correlate(*args, "same"))
    for change in (
        lambda: setattr(panel.named, "value", "gaussian_5"),
        lambda: setattr(panel.size, "value", 3),
        lambda: setattr(panel.drag, "value", 0.7),
        lambda: setattr(panel.fields[0, 0], "value", "3"),
        panel.turn.click,
        panel.divide.click,
        panel.again.click,
    ):
        drawn.clear()
        change()
        assert len(drawn) == 1


def test_a_move_of_the_slider_is_answered_by_two_messages(panel, monkeypatch):
    panel.drag.set_state({"value": 0.7})  # as the front end does; now the weights are the reader's own
    messages = []
    monkeypatch.setattr(widgets.Widget, "send_state", lambda widget, key=None: messages.append((widget, key)))
    panel.drag.set_state({"value": 0.8})
    assert messages == [(panel.fields[1, 1], "value"), (panel.page, "shown")]


def test_the_slider_moves_the_chosen_weight_only(panel):
    before = kernel_of(panel)
    panel.row.value, panel.column.value = 0, 2
    assert panel.drag.value == before[0, 2] / 10  # the slider reaches from −10 to 10
    panel.drag.value = -0.25
    before[0, 2] = -2.5
    np.testing.assert_array_equal(kernel_of(panel), before)
    assert panel.named.value == editor.OWN


def test_a_weight_between_two_steps_of_the_slider_is_not_rounded(panel, photo):
    panel.named.value = "box_3"
    panel.drag.value = 0.11  # what the front end makes of 1/9
    assert panel.named.value == "box_3"
    np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(photo, np.full((3, 3), 1 / 9)))


def test_the_slider_has_room_for_the_weights(panel):
    panel.fields[1, 1].value = "1e6"
    assert panel.drag.value == 0.1
    panel.drag.value = 1.0
    assert panel.fields[1, 1].value == "1e+07"
    panel.again.click()
    assert panel.drag.value == 0


def test_turning_twice_is_nothing_and_turning_once_is_convolution(panel, photo):
    type_in(panel, KERNEL)
    before = sent(panel)
    panel.turn.click()
    output = ops.convolve(photo, KERNEL, "same")
    scale = editor.scale_of(output, KERNEL)
    np.testing.assert_array_equal(
        shown(panel.page, "photograph"), plots.colour_table(scale.colours)[editor.levels(output, scale)]
    )
    panel.turn.click()
    assert sent(panel) == before


def test_the_middle_survives_a_larger_and_a_smaller_kernel(panel):
    type_in(panel, KERNEL)
    before = sent(panel)
    panel.size.value = 5
    assert sent(panel) == before
    assert len(panel.row.options) == len(panel.column.options) == 5
    panel.size.value = 3
    np.testing.assert_array_equal(kernel_of(panel), KERNEL)


def test_weights_divided_by_their_sum_sum_to_one(panel):
    type_in(panel, KERNEL)
    panel.divide.click()
    assert "Sum of the weights <b>1</b>" in panel.page.shown["texts"]["caption"]


def test_a_sum_of_zero_cannot_be_divided_by(panel):
    before = sent(panel)
    panel.divide.click()
    assert "The weights sum to 0" in panel.problem.value
    assert sent(panel) == before


def test_nonsense_is_explained_and_loses_nothing(panel):
    before = sent(panel)
    panel.fields[0, 1].value = "1e999"
    assert "Weight in row 0, column 1: “1e999” is not a number" in panel.problem.value
    assert (sent(panel), panel.fields[0, 1].value) == (before, "1e999")
    panel.fields[0, 1].value = "0"
    assert (panel.problem.value, sent(panel)) == ("", before)


def test_a_field_that_cannot_be_read_is_marked_and_all_else_goes_on(panel, photo):
    panel.fields[0, 1].value = "2,5"
    panel.fields[0, 0].value, panel.photograph.value, panel.mix.value = "7", "coffee", 0.5
    assert "2,5" in panel.problem.value
    assert [field.tooltip for field in panel.fields.flat if "cnnlessons-wrong" in field._dom_classes] == [
        "Weight in row 0, column 1"
    ]
    kernel = kernels.named("sobel_vertical_edge").astype(float)
    kernel[0, 0] = 7
    coffee = datasets.photograph("coffee", size=256, gray=True)
    np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(coffee, editor.mixed(kernel, 0.5)))


def test_the_weight_whose_field_is_clicked_is_the_one_that_the_slider_moves(panel):
    panel.page.focused = "Weight in row 0, column 2"  # as the front end says
    assert (panel.row.value, panel.column.value) == (0, 2)
    assert "cnnlessons-chosen" in panel.fields[0, 2]._dom_classes
    panel.drag.value = -0.25
    assert panel.fields[0, 2].value == "−2.5"
    panel.page.focused = "Weight in row 4, column 4"  # there is none in a kernel of 3×3
    assert (panel.row.value, panel.column.value) == (0, 2)


@pytest.mark.parametrize("name", [name for name in kernels.names() if len(kernels.named(name)) <= 5])
def test_what_mirrors_a_weight_is_written_with_its_digits_and_rounding_is_zero(panel, name):
    panel.named.value = name
    exact, size = kernels.named(name), panel.size.value
    written = [[field.value.replace("−", "") for field in row[:size]] for row in panel.fields[:size]]
    assert not any("e−" in text for row in written for text in row)
    mirrored = np.isclose(abs(exact), abs(exact[:, ::-1]))
    if exact.shape == (size, size):
        assert (np.array(written)[mirrored] == np.array(written)[:, ::-1][mirrored]).all()
    panel.named.value = "identity"
    panel.named.value = name
    assert panel.named.value == name


@pytest.mark.parametrize("scale", [1e-8, 1, 1e8])
def test_rounding_in_a_kernel_of_the_reader_s_own_is_a_white_zero(scale):
    panel = panels.kernel_editor("camera", scale * np.array([[1, 6e-17, -1], [2, 1e-11, -2], [1, -6e-17, -1]]))
    fields = panel.fields[:3, 1]
    assert [fields[0].value, fields[2].value] == ["0", "0"]
    looks = {"cnnlessons-negative", "cnnlessons-positive"}
    assert [bool(looks & set(field._dom_classes)) for field in fields] == [False, True, False]
    panel.again.click()
    assert panel.fields[0, 1].value == "0"


def test_a_sum_of_products_that_is_but_rounding_is_zero():
    assert "products <b>0</b>" in editor.window(np.ones((9, 9)), kernels.named("gabor_vertical_edge_5"), 4, 4)


@pytest.mark.parametrize("name", ["gaussian_5", "laplacian_of_gaussian_5", "gabor_vertical_edge_5"])
def test_every_weight_has_room_in_its_field_and_stays_exact(panel, photo, name):
    panel.named.value = name
    panel.fields[0, 0].value = "-0.000123456"
    exact = kernels.named(name).astype(float)
    exact[0, 0] = -0.000123456
    panel.size.value = 3  # the panel writes the fields anew
    panel.size.value = 5
    assert max(len(field.value) for field in panel.fields.flat) <= 7
    exact[[0, -1]] = exact[:, [0, -1]] = 0
    np.testing.assert_array_equal(shown(panel.page, "photograph"), filtered(photo, exact))


def test_what_is_typed_cannot_become_markup(panel):
    panel.fields[0, 0].value = "<b>"
    assert "<b>" not in panel.problem.value


def test_an_error_in_the_code_is_shown_and_raised(panel, monkeypatch):
    def broken(kernel):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(editor, "gain", broken)
    with pytest.raises(RuntimeError, match="on purpose"):
        panel.mix.value = 0.5
    assert "could not draw this (RuntimeError): broken on purpose" in panel.problem.value
    monkeypatch.undo()
    panel.mix.value = 0.25
    assert panel.problem.value == ""


def test_an_error_behind_a_button_is_shown_and_logged(panel, monkeypatch, caplog):
    monkeypatch.setattr(editor, "gain", lambda kernel: 1 / 0)
    with caplog.at_level(logging.WARNING):
        panel.turn.click()  # ipywidgets logs what a button's callback raises
    assert "ZeroDivisionError" in panel.problem.value
    assert "ZeroDivisionError" in caplog.text


def test_the_editor_takes_weights_of_your_own():
    panel = panels.kernel_editor("moon", [[1, -1]])
    assert (panel.named.value, panel.size.value) == (editor.OWN, 3)
    np.testing.assert_array_equal(kernel_of(panel), [[0, 0, 0], [0, 1, -1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no such photograph",), "no photograph named"),
        (("camera", "no such kernel"), "no such kernel"),
        (("camera", np.zeros((7, 7))), r"1 to 5 rows and columns .* got shape \(7, 7\)"),
        (("camera", [[1e300]]), "from −1e9 to 1e9, got 1e\\+300"),
    ],
)
def test_what_does_not_fit_the_editor_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.kernel_editor(*arguments)


# --------------------------------------------------------------------------- both


def test_stored_outputs_of_panels_are_the_same_every_time():
    for make, text in [
        (panels.stepper, "Stepper: 4×4 image, 3×3 kernel"),
        (panels.kernel_editor, "Kernel editor: sobel_vertical_edge, 3×3, on photograph camera"),
    ]:
        first, second = make(), make()
        assert repr(first) == repr(second) == text
        assert first._repr_mimebundle_()["text/plain"] == f"{text}\nRun this cell to bring the panel to life."


def test_pictures_have_words_for_those_who_cannot_see_them(panel):
    assert "camera" in panel.page.words["photograph"]
    panel.photograph.value = "coffee"
    assert "coffee" in panel.page.words["photograph"]
    assert "Gain" in panel.page.words["gain"]
    assert panel.fields[1, 2].tooltip == "Weight in row 1, column 2"
