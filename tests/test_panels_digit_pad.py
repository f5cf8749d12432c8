"""The digit pad brings a drawing into the form of the data set, and shows what the network makes of it."""

from importlib import import_module

import numpy as np
import pytest
from drawn_digits import STYLES, fifty, line

from cnnlessons import datasets, panels, plots
from cnnlessons.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from cnnlessons.network import Sequential
from cnnlessons.optimizers import Adam

pad = import_module("cnnlessons.panels.digit_pad")
DIGITS = datasets.load("digits")
SEVEN = STYLES[7][0]


@pytest.fixture(scope="module")
def network():
    """The digit reader of lesson 04."""
    layers = [Conv2D(16, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2)]
    layers += [Conv2D(32, 3, padding="same"), BatchNorm(), ReLU(), Flatten(), Dense(10)]
    network = Sequential(layers, (8, 8, 1), seed=0)
    for epochs, rate in ((3, 0.01), (2, 0.001)):
        network.fit(DIGITS.train_images, DIGITS.train_labels, epochs, optimizer=Adam(rate), seed=0, progress=False)
    return network


@pytest.fixture
def panel(network):
    return panels.digit_pad(network)


def untrained(*layers, shape=(8, 8, 1)):
    return Sequential(layers or [Flatten(), Dense(10)], shape)


def sent(strokes):
    """Strokes as the browser sends them."""
    return [stroke.tolist() for stroke in strokes]


def shown(panel, name):
    """The picture that the browser makes of what it is sent."""
    picture = panel.page.shown["pictures"][name]
    table = np.frombuffer(panel.page.colours[picture["colours"]], np.uint8).reshape(256, 4)
    return table[np.frombuffer(picture["levels"], np.uint8).reshape(picture["shape"])][..., :3]


# --------------------------------------------------------------------------- it reads what is drawn


def test_nine_of_ten_drawn_digits_are_read_rightly(network):
    drawn = fifty(seed=0)
    wrong = [(digit, answer) for digit, strokes in drawn if (answer := read(network, strokes)) != digit]
    print(f"{len(drawn) - len(wrong)} of {len(drawn)} drawn digits are read rightly; wrong: {wrong}")
    assert len(wrong) <= 5


def read(network, strokes):
    return pad.read(network, pad.as_image(strokes)).answer


def test_digits_drawn_with_the_keys_are_read_too(network):
    corners = {
        0: [(0.2, 0.5), (0.3, 0.35), (0.7, 0.35), (0.8, 0.5), (0.7, 0.65), (0.3, 0.65), (0.2, 0.5)],
        2: [(0.3, 0.3), (0.2, 0.4), (0.2, 0.6), (0.3, 0.7), (0.45, 0.65), (0.8, 0.3), (0.8, 0.7)],
        3: [(0.25, 0.3), (0.2, 0.5), (0.33, 0.68), (0.48, 0.5), (0.63, 0.68), (0.8, 0.5), (0.75, 0.3)],
        7: [(0.2, 0.3), (0.2, 0.7), (0.8, 0.4)],
    }
    assert {digit: read(network, [by_keys(places)]) for digit, places in corners.items()} == {0: 0, 2: 2, 3: 3, 7: 7}


def by_keys(places, step=0.03):
    """The points of a pen that each press of an arrow moves one step, aslant where both arrows are held."""
    points = [np.array(places[0])]
    for place in places[1:]:
        while np.abs(place - points[-1]).max() > step / 2:
            left = place - points[-1]
            points.append(points[-1] + step * np.sign(left) * (np.abs(left) > step / 2))
    return np.array(points)


# --------------------------------------------------------------------------- the form of the image


@pytest.mark.parametrize(("digit", "strokes"), fifty(seed=1))
def test_a_drawing_is_as_tall_as_the_images_it_learned_from_has_as_much_ink_and_as_many_grays(digit, strokes):
    image = pad.as_image(strokes)
    assert (image.shape, image.dtype) == (DIGITS.train_images.shape[1:], DIGITS.train_images.dtype)
    np.testing.assert_array_equal(image * 16, np.rint(image * 16))
    assert image[0].any()
    assert image[7].any()
    ink = DIGITS.train_images.sum((1, 2, 3))
    assert np.quantile(ink, 0.01) < image.sum() < np.quantile(ink, 0.99)


def test_training_images_stand_upright_and_so_do_drawings():
    def left_ends(images):
        inked = images[..., 0] > 3 / 16
        return inked[:, 0].argmax(1) - inked[:, 7].argmax(1)  # of the first row against the last, in pixels

    drawn = np.array([pad.as_image(strokes) for _, strokes in fifty(seed=2)])
    for images in (DIGITS.train_images, drawn):
        assert np.abs(left_ends(images)).mean() < 0.3


@pytest.mark.parametrize("digit", STYLES)
def test_neither_place_nor_size_nor_proportion_change_what_is_seen(digit):
    strokes = STYLES[digit][-1]
    image = pad.as_image(strokes)
    for size in ([0.25, 0.3], [0.02, 0.02]):
        moved = [0.1 + size * stroke for stroke in strokes]
        assert np.abs(pad.as_image(moved) - image).max() <= 1 / 8


@pytest.mark.parametrize("slant", [-0.3, 0, 0.3])
def test_a_plain_one_stays_a_line_and_stands_upright_however_it_was_slanted(slant):
    image = pad.as_image([line((0.1, 0.5), (0.9, 0.5 + slant))])[..., 0]
    assert not image[:, :2].any()
    assert not image[:, 6:].any()


def test_the_order_of_points_and_strokes_does_not_count():
    strokes = STYLES[4][0]
    np.testing.assert_allclose(pad.as_image([s[::-1] for s in strokes[::-1]]), pad.as_image(strokes), atol=1 / 16)


def test_nothing_drawn_is_a_black_image():
    assert not pad.as_image([]).any()


@pytest.mark.parametrize(
    "stroke",
    [[[0.5, 0.5]], [[0.5, 0.5]] * 9, [[0.3, 0.1], [0.3, 0.9]], np.random.default_rng(0).uniform(size=(2000, 2))],
    ids=["a tap", "a long tap", "a level line", "scribble"],
)
def test_whatever_is_drawn_becomes_an_image(stroke):
    image = pad.as_image([stroke])
    assert 0 < image.max() <= 1


@pytest.mark.parametrize(
    ("strokes", "error", "said"),
    [
        (
            [[0.1, 0.2]],
            ValueError,
            r"strokes must be a list of lines.*got shape \(2,\) in strokes\[0\]; .* is \[line\]",
        ),
        ([np.zeros((3, 2)), np.zeros((4, 3))], ValueError, r"got shape \(4, 3\) in strokes\[1\]"),
        ([np.zeros((0, 2))], ValueError, r"got shape \(0, 2\)"),
        ([[[0.1, np.nan]]], ValueError, r"strokes\[0\] must be finite"),
        ([[["a", "b"]]], TypeError, r"strokes\[0\]"),
    ],
)
def test_what_is_no_drawing_says_so(strokes, error, said):
    with pytest.raises(error, match=said):
        pad.as_image(strokes)


# --------------------------------------------------------------------------- the answer


def test_a_reading_is_the_softmax_of_the_scores_and_the_first_layers_output(network):
    image = DIGITS.test_images[3]
    reading = pad.read(network, image)
    scores = network.predict(image[None])[0].astype(float)
    np.testing.assert_allclose(reading.probabilities, np.exp(scores) / np.exp(scores).sum(), rtol=1e-4)
    assert reading.answer == scores.argmax()
    np.testing.assert_array_equal(reading.maps, network.layers[0].forward(image[None])[0])


def test_the_first_maps_are_those_of_the_first_convolution():
    late = untrained(BatchNorm(), MaxPool2D(2), Conv2D(3, 3), Flatten(), Dense(10))
    assert pad.read(late, DIGITS.test_images[0]).maps.shape == (2, 2, 3)
    assert pad.read(untrained(), DIGITS.test_images[0]).maps is None


def test_huge_scores_do_not_overflow():
    network = untrained()
    network.layers[-1].weights[...] *= 1e6
    assert pad.read(network, DIGITS.test_images[0]).probabilities.sum() == pytest.approx(1)


def test_the_hardest_come_first():
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    assert pad.hardest(shares, np.array([0, 0, 1])).tolist() == [1, 2, 0]


def test_a_network_carried_over_from_keras_reads_the_same(network):
    pytest.importorskip("keras")
    from cnnlessons.keras_bridge import to_keras

    panel, keras_panel = panels.digit_pad(network), panels.digit_pad(to_keras(network))
    for each in (panel, keras_panel):
        each.pad.strokes = sent(SEVEN)
    np.testing.assert_allclose(keras_panel.reading.probabilities, panel.reading.probabilities, atol=1e-4)


def test_an_image_of_another_size_is_refused(network):
    with pytest.raises(ValueError, match=r"image must have shape \(8, 8, 1\), as `as_image` makes it, got \(8, 8\)"):
        pad.read(network, np.zeros((8, 8)))


@pytest.mark.parametrize(
    ("network", "error", "said"),
    [
        (print, TypeError, "network must be a cnnlessons.network.Sequential, or a Keras model.*got a builtin"),
        (Sequential([Flatten(), Dense(10)]), ValueError, r"network must be built.*Sequential\(layers, \(8, 8, 1\)\)"),
        (
            untrained(shape=(28, 28, 1)),
            ValueError,
            r"shape \(8, 8, 1\).*got \(28, 28, 1\); .*datasets.load\(\"digits\"\)",
        ),
        (untrained(Flatten(), Dense(2)), ValueError, r"ten scores an image.*got shape \(2,\); .*Dense\(10\)"),
        (untrained(Conv2D(10, 3)), ValueError, r"ten scores an image.*got shape \(6, 6, 10\)"),
    ],
)
def test_a_network_that_reads_no_digits_is_told_so(network, error, said):
    with pytest.raises(error, match=said):
        panels.digit_pad(network)


def test_a_network_that_has_diverged_is_told_so():
    network = untrained()
    network.layers[-1].weights[...] = np.nan
    with pytest.raises(
        ValueError, match="finite scores, got NaN or infinity: it has diverged; build and train it anew"
    ):
        panels.digit_pad(network)


# --------------------------------------------------------------------------- what is written


def test_a_network_that_is_not_sure_says_so():
    shares = np.array([0.45, 0.4, *[0.15 / 8] * 8])
    said = pad.verdict(pad.Reading(shares, None))
    assert '<b class="digit">0</b>' in said
    assert "not sure:<br>45.0%<br>next a 1, 40.0%" in said
    assert "not sure" not in pad.verdict(pad.Reading(np.eye(10)[3], None))


def test_no_probability_is_called_certain():
    assert "over 99.9%" in pad.verdict(pad.Reading(np.array([0.99999, 0.00001, *[0] * 8]), None))


def test_every_digit_has_a_bar_as_long_as_its_probability():
    shares = np.arange(10) / 45
    table = pad.bars(pad.Reading(shares, None))
    for digit, share in enumerate(shares):
        assert f'{digit}</th><td class="bar"><i style="width: {share:.1%}"></i></td><td>{share:.0%}</td>' in table
    assert table.count("class=first") == 1


def test_mistakes_with_the_present_answer_are_framed_and_right_answers_never():
    images, labels = np.zeros((4, 8, 8, 1)), np.array([3, 8, 1, 3])
    shares = np.eye(10)[[8, 3, 7, 3]]
    strip = pad.strip(images, labels, shares, present=3)
    assert strip.count("class=framed") == 2
    assert "3 as 8" in strip
    assert "Framed: mistakes between a 3 and another digit." in strip
    assert "Framed" not in pad.strip(images, labels, shares, present=5)


# --------------------------------------------------------------------------- the panel


def test_the_panel_shows_what_the_functions_make(panel, network):
    panel.pad.strokes = sent(SEVEN)
    image = pad.as_image(SEVEN)
    reading = pad.read(network, image)
    gray = plots.colour_table("gray")[np.rint(255 * image[..., 0]).astype(int)]
    np.testing.assert_array_equal(shown(panel, "seen"), gray)
    texts = panel.page.shown["texts"]
    assert (texts["answer"], texts["bars"]) == (pad.verdict(reading), pad.bars(reading))
    reach = np.abs(reading.maps).max()
    for number in range(16):
        places = np.rint((reading.maps[..., number] / reach + 1) * 127.5).astype(int)
        off = shown(panel, f"map{number}").astype(int) - plots.colour_table("RdBu_r")[places]
        assert np.abs(off).max() <= 6  # a place more or less, where a number lies between two
    assert panel.problem.value == ""


def test_everything_in_the_page_that_changes_is_drawn(panel):
    names = [*panel.page.shown["pictures"], *panel.page.shown["texts"]]
    assert all(panel.page.value.count(f'data-name="{name}"') == 1 for name in names)
    assert panel.page.value.count("data-name=") == len(names) + 1  # and the frame around the maps


def test_one_stroke_draws_once(panel, monkeypatch):
    drawn = []
    monkeypatch.setattr(panel.page, "paint", lambda *_: drawn.append(1))
    panel.pad.set_state({"strokes": sent(SEVEN)})
    panel.test.click()
    assert len(drawn) == 2


def test_before_anything_is_drawn_there_is_no_answer(panel):
    assert panel.reading is None
    assert "Nothing is drawn yet" in panel.page.shown["texts"]["answer"]
    assert "%</td>" not in panel.page.shown["texts"]["bars"]
    panel.pad.strokes = sent(SEVEN)
    panel.pad.strokes = []
    assert panel.reading is None
    assert repr(panel) == "Digit pad: nothing drawn"


def test_a_hard_test_digit_takes_the_place_of_the_drawing_and_the_next_stroke_takes_it_back(panel, network):
    panel.pad.strokes = sent(SEVEN)
    shares = pad.probabilities(network, DIGITS.test_images)
    for index in pad.hardest(shares, DIGITS.test_labels)[:3]:
        panel.test.click()
        assert panel.pad.strokes == []
        np.testing.assert_array_equal(panel.reading.probabilities.argmax(), shares[index].argmax())
        digit = DIGITS.test_labels[index]
        assert f"in truth {'an' if digit == 8 else 'a'} {digit}" in panel.page.shown["texts"]["answer"]
    panel.pad.strokes = sent(SEVEN)
    assert "in truth" not in panel.page.shown["texts"]["answer"]
    assert repr(panel) == "Digit pad: a drawing, read as a 7"


def test_clearing_an_empty_pad_takes_the_test_digit_away(panel):
    panel.test.click()
    panel.pad.set_state({"emptied": 1})
    assert panel.reading is None


def test_after_the_last_hard_test_digit_comes_the_first(panel):
    panel.test.click()
    first = panel.page.shown
    panel._hard = len(DIGITS.test_labels) - 1
    panel.test.click()
    assert panel.page.shown == first


def test_the_number_of_mistakes_is_that_of_the_test(panel, network):
    wrong = np.count_nonzero(network.predict(DIGITS.test_images).argmax(1) != DIGITS.test_labels)
    assert f"{wrong} of 364 are read wrongly<" in panel.page.value


def test_a_network_that_guesses_is_asked_whether_it_is_trained():
    assert "is it trained?" in panels.digit_pad(untrained()).page.value


def test_a_network_without_maps_and_one_with_many_are_shown():
    few, many = panels.digit_pad(untrained()), panels.digit_pad(untrained(Conv2D(40, 3), Flatten(), Dense(10)))
    for panel in (few, many):
        panel.pad.strokes = sent(SEVEN)
    assert "no convolution" in few.page.value
    assert "the first 32 of 40" in many.page.value
    assert len(many.page.shown["pictures"]) == 33
