"""The kernel reader shows what the plain functions say of a layer, whatever a reader does."""

import base64
import io
import re
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d

from cnnlessons import datasets, kernels, panels, plots, recorded, spectra

reader = import_module("cnnlessons.panels.kernel_reader")
RNG = np.random.default_rng(3)
GRAY, COLOUR = kernels.bank("gabor", 5), kernels.bank("lines", 3, channels=3)
LARGEST = RNG.normal(size=(11, 11, 3, 32))
PHOTO = RNG.random((20, 30, 3))


@pytest.fixture
def panel():
    return panels.kernel_reader({"gray": GRAY, "colour": COLOUR, "largest": LARGEST}, photo=PHOTO)


def test_every_control_shows_what_the_function_draws(panel):
    panel.network.value, panel.filter.value, panel.photograph.value = "largest", 31, "coins"
    assert panel.page.value == reader.page(LARGEST, 31, datasets.photograph("coins", size=reader.SIDE))
    panel.network.value, panel.photograph.value = "gray", reader.OWN
    assert panel.page.value == reader.page(GRAY, 7, PHOTO)  # the last filter there is
    assert panel.problem.value == ""


def test_next_goes_round_all_filters(panel):
    panel.network.value = "colour"
    for expected in (1, 2, 3, 0):
        panel.next.click()
        assert panel.filter.value == expected
        assert panel.page.value == reader.page(COLOUR, expected, PHOTO)


@pytest.mark.parametrize(
    "kernel",
    [np.zeros((3, 3, 3, 2)), np.ones((1, 1, 1, 1)), -1e30 * np.ones((2, 4, 3, 1)), 1e-30 * GRAY, LARGEST[..., :1]],
    ids=["zeros", "one weight", "huge", "tiny", "largest"],
)
def test_the_extremes_can_be_drawn(kernel):
    page = reader.page(kernel, 0, PHOTO[:, :, 0])
    assert not re.search(r"\b(nan|inf)\b", re.sub(r'base64,[^"]+"', "", page))
    weights = kernel[..., 0]
    assert reader.words(spectra.describe(weights), weights.shape[2]) in page.replace("&#x27;", "'")


def test_the_page_says_what_describe_says_and_how_much_both_fits_leave():
    page, description = reader.page(GRAY, 2, PHOTO), spectra.describe(GRAY[..., 2])
    assert str(description).removesuffix(", luminance") in page
    for fit, words in (
        (description.derivative, reader.derivative_words),
        (description.gabor, reader.gabor_words),
    ):
        assert f"leaves {fit.residual:.1%}" in words(fit)
        assert words(fit) in page
    assert all(f"<th>{term}</th><td>{value}</td>" in page for term, value in reader.facts(description, 1)[:5])


def test_only_filters_of_colours_are_said_to_have_one():
    terms = {channels: dict(reader.facts(spectra.describe(COLOUR[..., 0]), channels)) for channels in (1, 3)}
    assert "colour: red" in terms[3]
    assert not any("colour" in term for term in terms[1])


def test_the_weights_in_their_colour_are_the_filter_itself_where_it_has_one_colour():
    gray = spectra.describe(GRAY[..., 3])
    np.testing.assert_allclose(reader.along_colour(gray), GRAY[:, :, 0, 3], atol=1e-12)
    pattern = kernels.named("sobel_vertical_edge")
    opponent = spectra.describe(np.multiply.outer(pattern, [0.6, -0.8, 0]))
    rebuilt = np.multiply.outer(reader.along_colour(opponent), opponent.colour_direction)
    np.testing.assert_allclose(rebuilt, np.multiply.outer(pattern, [0.6, -0.8, 0]), atol=1e-12)


def test_the_filtered_photograph_is_scipys():
    for kernel in (COLOUR[..., 2], LARGEST[..., 5]):
        expected = sum(correlate2d(PHOTO[:, :, c], kernel[:, :, c], mode="same") for c in range(3))
        np.testing.assert_allclose(reader.filtered(PHOTO, kernel), expected, atol=1e-4)


def test_a_gray_photograph_is_three_equal_colours_and_a_gray_filter_sees_the_mean():
    gray = PHOTO[:, :, 0]
    same = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    np.testing.assert_array_equal(reader.filtered(gray, LARGEST[..., 0]), reader.filtered(same, LARGEST[..., 0]))
    expected = correlate2d(PHOTO.mean(axis=2), GRAY[:, :, 0, 1], mode="same")
    np.testing.assert_allclose(reader.filtered(PHOTO, GRAY[..., 1]), expected, atol=1e-5)


def test_a_tile_of_the_mosaic_is_its_filter_and_zero_is_white_or_gray():
    signed = np.array([[0.0, 1.0, -1.0, 0.5]])[:, :, np.newaxis, np.newaxis]  # (1, 4, 1, 1)
    tiles, columns = reader.mosaic(signed)
    table = plots.colour_table("RdBu_r").astype(int)
    assert (tiles.shape, columns) == ((3, 6, 3), 1)
    assert tiles[1, 1].tolist() in table[[127, 128]].tolist()
    assert (tiles[1, 2].tolist(), tiles[1, 3].tolist()) == (table[255].tolist(), table[0].tolist())
    colours = np.zeros((1, 1, 3, 2))
    colours[0, 0, :, 1] = 1, 0, -1
    tiles, columns = reader.mosaic(colours)
    assert columns == 2
    assert tiles[1, 1].tolist() == [128, 128, 128]
    assert tiles[1, 3].tolist() == [255, 128, 0]


def test_the_frame_of_the_mosaic_is_around_the_chosen_filter():
    page = reader.page(LARGEST, 7, PHOTO)
    left, top = map(float, re.search(r'class="chosen" x="([\d.]+)" y="([\d.]+)"', page).groups())
    tile = int(top) + 1, int(left) + 1
    picture = re.search(r'<image href="data:image/png;base64,([^"]+)"', page)[1]
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
    reach = abs(LARGEST).max()
    corner = np.rint((LARGEST[0, 0, :, 7] / reach + 1) * 127.5)
    np.testing.assert_array_equal(drawn[tile], corner)


def test_small_kernels_have_their_numbers_and_large_ones_a_scale():
    numbers = re.findall(r">([−\d.]+)</text>", reader.cells(np.array([[-1.0, 0.25], [0, 3]]), 3.0))
    assert numbers == ["−1", "0.25", "0", "3"]
    assert "<text" not in reader.cells(np.ones((7, 7)), 1.0)


def test_the_longest_number_fits_its_cell_and_short_ones_are_large():
    sizes = [
        float(re.search('font-size="([^"]+)"', reader.cells(np.full((5, 5), weight), 1.0))[1])
        for weight in (0.25, -0.25, -10.25, -1234.25)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] > 0.28
    assert sizes[2] * 6 < 1.5 > sizes[3] * 8  # a letter is a little over half as wide as high


def test_recorded_networks_have_their_seeds_before_and_after_training(monkeypatch):
    trained, untrained = RNG.normal(size=(2, 3, 5, 5, 1, 8))
    kept = {"a": (trained, untrained), "b": (trained[:1, ..., :2], untrained[:1, ..., :2])}
    monkeypatch.setattr(recorded, "names", lambda: tuple(kept))
    monkeypatch.setattr(
        recorded,
        "kernels",
        lambda name: SimpleNamespace(trained=kept[name][0], untrained=kept[name][1], accuracies=np.full(3, 0.875)),
    )
    panel = panels.kernel_reader(photo=PHOTO)
    panel.seed.value = 2
    np.testing.assert_array_equal(panel.kernel, trained[2])
    assert "87.5%" in panel.about.value
    panel.state.value = "before training"
    np.testing.assert_array_equal(panel.kernel, untrained[2])
    assert "87.5%" not in panel.about.value
    panel.filter.value = 7
    panel.network.value = "b"
    assert (panel.seed.value, panel.seed.max, panel.filter.value, panel.filter.max) == (0, 0, 1, 1)
    np.testing.assert_array_equal(panel.kernel, untrained[0, ..., :2])
    assert panel.page.value == reader.page(untrained[0, ..., :2], 1, PHOTO)


@pytest.mark.parametrize("weights", [GRAY[..., 3], COLOUR[..., 1], 1e30 * LARGEST[..., 5], 0 * LARGEST[..., 5]])
def test_what_is_drawn_in_a_hurry_is_what_describe_finds(weights):
    drawn = reader.along_colour(reader.sketch(weights))
    np.testing.assert_array_equal(drawn, reader.along_colour(spectra.describe(weights)))


def test_a_reader_of_recorded_networks_opens_on_a_filter_that_has_a_name():
    panel = panels.kernel_reader()
    assert "no simple description" not in repr(panel)
    panel.filter.value += 1
    first = repr(panel)
    panel.again.click()
    assert "no simple description" not in repr(panel)
    assert repr(panel) != first
    nameless_first = np.concatenate([LARGEST[:5, :5, :1, :2], GRAY], axis=3)
    assert reader.first_named(nameless_first) == 2
    assert reader.first_named(nameless_first[..., :2]) == 0


def test_without_any_network_it_says_how_to_make_them(monkeypatch):
    monkeypatch.setattr(recorded, "names", tuple)
    with pytest.raises(FileNotFoundError, match="cnnlessons record-weights"):
        panels.kernel_reader()


@pytest.mark.parametrize("photo", [PHOTO, PHOTO[:, :, 0], (255 * PHOTO).astype(np.uint8), "coffee"])
def test_the_readers_own_photograph_is_taken(photo):
    panel = panels.kernel_reader({"gray": GRAY}, photo=photo)
    assert panel.photograph.value == (photo if isinstance(photo, str) else reader.OWN)
    assert panel.problem.value == ""


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ([[GRAY]], TypeError, "networks must be a dict from name to kernel"),
        ([{}], TypeError, "with at least one"),
        ([{"x": GRAY[..., 0]}], ValueError, r"kernel 'x' must have shape .*got shape \(5, 5, 1\).*layers\[0\]"),
        ([{"x": np.ones((3, 3, 8, 4))}], ValueError, "C 1 or 3"),
        ([{"x": np.ones((16, 3, 1, 4))}], ValueError, "at most 15"),
        ([{"x": np.full((3, 3, 1, 4), np.nan)}], ValueError, "finite numbers.*diverged"),
        ([{"x": GRAY * 1j}], TypeError, "real numbers"),
        ([{"x": GRAY}, "nobody"], ValueError, "no photograph named 'nobody'"),
        (
            [{"x": GRAY}, np.ones((4, 4, 4))],
            ValueError,
            r"photo must have shape .*\(4, 4, 4\).*photo\[:512, :512, :3\]",
        ),
        ([{"x": GRAY}, np.ones((600, 4))], ValueError, "at most 512"),
        ([{"x": GRAY}, 200 * np.ones((4, 4))], ValueError, "0 to 1, or uint8, got 200 to 200"),
        ([{"x": GRAY}, np.full((4, 4), np.nan)], ValueError, "0 to 1"),
        ([{"x": GRAY}, np.array([["a"]])], TypeError, "photo must hold real numbers"),
    ],
)
def test_what_cannot_be_read_says_so(arguments, error, said):
    with pytest.raises(error, match=said):
        panels.kernel_reader(*arguments)


@pytest.mark.parametrize("index", [-1, 8])
def test_a_filter_that_is_not_there_says_so(index):
    with pytest.raises(ValueError, match=f"index must be from 0 to 7, got {index}"):
        reader.page(GRAY, index, PHOTO)


def test_its_text_says_what_it_shows(panel):
    expected = reader.words(spectra.describe(GRAY[..., 0]), 1)
    assert repr(panel) == f"Kernel reader: gray, trained, seed 0, filter 0: {expected}"
