"""The attack lab shows what the plain functions make, at the ends of its controls, on test digits and on drawings."""

import re
from importlib import import_module

import numpy as np
import pytest

from cnnlessons import adversarial, datasets, panels
from cnnlessons.layers import Conv2D, Dense, Flatten, ReLU
from cnnlessons.network import Sequential

lab = import_module("cnnlessons.panels.attack_lab")
FOUR = [[(0, 0.5), (0.6, 0.1), (0.6, 0.9)], [(0.3, 0.7), (1, 0.6)]]


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def network(digits):
    net = Sequential([Conv2D(8, 3), ReLU(), Flatten(), Dense(10)], (8, 8, 1))
    net.fit(digits.train_images, digits.train_labels, 8, progress=False)
    return net


@pytest.fixture
def panel(network):
    return panels.attack_lab({"trained": network, "untrained": Sequential(network.copy().layers, (8, 8, 1), seed=1)})


def pictures(page):
    return re.findall(r'<img src="([^"]+)"', page)


def test_what_is_tried_stays_within_epsilon_and_one_step_is_as_long_as_that(network, digits):
    image, label = digits.test_images[3], digits.test_labels[3]
    for epsilon in (0.0, 0.1, 0.5):
        for steps in (1, 40):
            found = lab.tried(network, image, label, epsilon, steps)
            assert np.array_equal(found.images[0], image)
            assert np.abs(found.images - image).max() <= epsilon + 1e-6
        one = adversarial.fgsm(network, image[None], digits.test_labels[3:4], epsilon)[0]
        assert np.array_equal(lab.tried(network, image, label, epsilon, 1).images[2], one)
    assert found.readings[2].answer != label
    assert found.readings[0].answer == label


def test_of_many_digits_noise_fools_few_and_the_attack_all(network, digits):
    images, labels = digits.test_images[:60], digits.test_labels[:60]
    clean, noisy, attacked = lab.counts(network, images, labels, 0.2)
    assert clean == round(60 * network.evaluate(images, labels).accuracy)
    assert min(clean, noisy) > 45 > 5 > attacked
    assert len(set(lab.counts(network, images, labels, 0.0))) == 1


def test_every_control_shows_what_the_functions_make(panel, network, digits):
    panel.epsilon.value, panel.steps.value, panel.loss.value, panel.digit.value = 0.3, 5, "margin", 7
    image, label = digits.test_images[7], int(digits.test_labels[7])
    some = slice(None, None, 7)
    counted = lab.counts(network, digits.test_images[some], digits.test_labels[some], 0.3, 5, "margin")
    found = lab.tried(network, image, label, 0.3, 5, "margin")
    assert panel.page.value == lab.page(found, label, False, counted, 52)
    assert repr(panel) == "Attack lab: trained, epsilon 0.30, 5 steps, margin, on test digit 7"
    trained = panel.page.value
    panel.network.value = "untrained"
    assert panel.page.value != trained


@pytest.mark.parametrize("epsilon", [0.0, 0.5])
@pytest.mark.parametrize("digit", [0, 363])
def test_the_ends_of_the_controls_can_be_drawn(panel, epsilon, digit):
    panel.epsilon.value, panel.digit.value = epsilon, digit
    assert len(pictures(panel.page.value)) == 3
    assert (len(set(pictures(panel.page.value))) == 1) == (epsilon == 0)
    assert panel.problem.value == ""


def test_a_drawing_takes_the_place_of_the_test_digit_until_the_next_one(panel):
    before = panel.page.value
    panel.pad.strokes = FOUR
    assert "Your drawing: attacked" in panel.page.value
    assert repr(panel).endswith("on a drawing")
    panel.next.click()
    assert panel.digit.value == 4
    assert panel.pad.strokes == []
    panel.pad.strokes = FOUR
    panel.again.click()
    assert panel.page.value == before
    panel.digit.value = 363
    panel.next.click()
    assert panel.digit.value == 0


def test_other_noise_changes_the_noise_alone(panel):
    before = pictures(panel.page.value)
    panel.draw_again.click()
    after = pictures(panel.page.value)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_the_verdict_stands_above_the_bars(panel):
    page = panel.page.value
    assert page.index('role="status"') < page.index("<img") < page.index("<table>") < page.index("test digits it reads")


def test_while_a_slider_is_dragged_the_many_digits_wait(network, digits):
    found = lab.tried(network, digits.test_images[0], 0, 0.1)
    assert "when the hand rests" in lab.page(found, 0)


@pytest.mark.parametrize(
    ("networks", "error", "said"),
    [
        ({}, TypeError, "networks must be a dict from name to network, at least one"),
        ([], TypeError, "networks must be a dict from name to network"),
        ({"a": None}, TypeError, "network must be a cnnlessons.network.Sequential"),
        ({"a": Sequential([Flatten(), Dense(3)], (8, 8, 1))}, ValueError, "network must have ten scores"),
    ],
)
def test_what_is_no_network_is_refused(networks, error, said):
    with pytest.raises(error, match=said):
        panels.attack_lab(networks)
