"""The panel with two networks shows what the plain functions say, whatever a reader does."""

import re
from importlib import import_module

import numpy as np
import pytest

from cnnlessons import panels, plots

two = import_module("cnnlessons.panels.two_networks")
IMAGES = np.linspace(0, 1, 3 * 4 * 4).reshape(3, 4, 4, 1)


def left(images):
    return {"conv": np.concatenate([images, -images], axis=-1), "dense": images.reshape(1, -1)}


def right(images):
    return {name: array + (name == "dense") * 0.01 for name, array in left(images).items()}


@pytest.fixture
def panel():
    return panels.two_networks({"ours": left, "theirs": right}, IMAGES)


def squares(page):
    return re.findall(r"background: rgb\((\d+),(\d+),(\d+)\)", page)


def test_it_shows_the_image_and_a_map_of_each(panel):
    assert len(squares(panel.page.value)) == 3 * 16
    assert all(name in panel.page.value for name in ("the image", "ours", "theirs"))


def test_every_control_shows_what_the_function_draws(panel):
    panel.image.value, panel.layer.value = 2, "conv"
    panel.channel.value = 1
    one = IMAGES[2:3]
    assert panel.page.value == two.page(IMAGES[2], left(one), right(one), "conv", 1, ("ours", "theirs"))


def test_next_goes_round(panel):
    for expected in (1, 2, 0):
        panel.next.click()
        assert panel.image.value == expected
    assert panel.page.value == two.page(IMAGES[0], left(IMAGES[:1]), right(IMAGES[:1]), "conv", 0, ("ours", "theirs"))


def test_a_layer_with_fewer_maps_takes_the_slider_with_it(panel):
    panel.channel.value = 1
    panel.layer.value = "dense"
    assert (panel.channel.value, panel.channel.max) == (0, 0)
    panel.layer.value = "conv"
    assert panel.channel.max == 1
    assert panel.problem.value == ""


def test_equal_outputs_are_said_to_be_equal():
    assert two.sentence(np.ones((1, 3)), np.ones((1, 3)), "conv") == "conv: all 3 numbers are equal to the last bit."


def test_a_difference_is_said_relative_to_the_largest_number():
    assert "is 1e-01 of" in two.sentence(np.array([[10.0, 1.0]]), np.array([[10.0, 2.0]]), "conv")


def test_both_maps_share_one_scale_with_zero_in_the_middle():
    maps = {"conv": np.array([0.0, 1.0]).reshape(1, 1, 2, 1)}, {"conv": np.array([0.0, -2.0]).reshape(1, 1, 2, 1)}
    page = two.page(np.zeros((1, 1, 1)), *maps, "conv")
    colours = [tuple(map(int, square)) for square in squares(page)][1:]
    table = plots.colour_table("RdBu_r")
    places = [int(np.flatnonzero((table == colour).all(axis=1))[0]) for colour in colours]
    assert places[0] == places[2]  # both zeros
    assert abs(places[0] - 127.5) < 1
    assert places[1] - places[0] == pytest.approx((places[2] - places[3]) / 2, abs=1)


@pytest.mark.parametrize(
    ("networks", "images", "said"),
    [
        ({"one": left}, IMAGES, "networks must be two functions"),
        ({"one": left, "two": 3}, IMAGES, "networks must be two functions"),
        ([left, left], IMAGES, 'networks must be two functions by name, got .*; write {"ours": f, "theirs": g}'),
        (left, IMAGES, "networks must be two functions by name, got"),
        ({"one": left, "two": left}, IMAGES[0], r"images must have shape \(N, H, W, C\), got \(4, 4, 1\)"),
        ({"one": left, "two": lambda _: {"x": 1}}, IMAGES, "must have a layer name in common, got conv, dense and x"),
    ],
)
def test_what_cannot_be_shown_says_so(networks, images, said):
    with pytest.raises(ValueError, match=said):
        panels.two_networks(networks, images)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pool", 0), "ours has no layer 'pool'; its layers are: conv, dense"),
        (("conv", 2), "channel must be from 0 to 1 in 'conv', got 2"),
    ],
)
def test_a_page_that_cannot_be_drawn_says_so(arguments, said):
    one = IMAGES[:1]
    with pytest.raises(ValueError, match=said):
        two.page(IMAGES[0], left(one), right(one), *arguments, ("ours", "theirs"))


def test_its_text_says_what_it_shows(panel):
    assert repr(panel) == "Two networks: ours and theirs, layer conv, map 0"
