"""Initialisation explorer: the sizes follow the rule, both directions, and the panel shows what the functions say."""

import re
from importlib import import_module
from itertools import product

import numpy as np
import pytest

from cnnlessons import gradcheck, initializers, ops, panels

explorer = import_module("cnnlessons.panels.initialisation_explorer")  # the package's attribute is the function


def mean_factors(**arguments):
    """The factors of ten draws: of a product of many random numbers the mean of the logarithm is what settles."""
    draws = [explorer.factors(explorer.sizes_by_depth(seed=seed, **arguments)) for seed in range(10)]
    return np.exp(np.log(draws).mean(0))


# --------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("initializer", "activation", "expected"),
    [
        ("he_normal", "relu", 1),
        ("he_uniform", "relu", 1),
        ("glorot_uniform", "relu", np.sqrt(1 / 2)),
        ("glorot_normal", "none", 1),
        ("he_normal", "none", np.sqrt(2)),
        ("normal", "relu", 0.05 * np.sqrt(9 * 32 / 2)),
        ("uniform", "none", 0.05 * np.sqrt(9 * 32 / 3)),
    ],
)
def test_a_layer_multiplies_the_size_by_what_the_rule_says(initializer, activation, expected):
    arguments = {"initializer": initializer, "activation": activation, "width": 32}
    assert mean_factors(**arguments) == pytest.approx([expected, expected], rel=0.05)
    assert explorer.sizes_by_depth(**arguments).rule == pytest.approx(expected, rel=0.01)


def test_a_scale_multiplies_every_layer():
    once = explorer.sizes_by_depth("he_normal", 1.0, depth=5)
    twice = explorer.sizes_by_depth("he_normal", 2.0, depth=5)
    np.testing.assert_allclose(twice.forward, once.forward * 2.0 ** np.arange(1, 6))
    np.testing.assert_allclose(twice.backward, once.backward * 2.0 ** np.arange(4, -1, -1))


def test_tanh_holds_the_outputs_down_and_starves_the_gradient_where_weights_are_large():
    sizes = explorer.sizes_by_depth("he_normal", 10.0, depth=20, activation="tanh")
    assert 0.9 < sizes.forward.min() <= sizes.forward.max() < 1
    assert np.abs(sizes.last).max() <= 1
    assert explorer.factors(sizes)[1] < explorer.factors(explorer.sizes_by_depth("he_normal", 10.0, depth=20))[1] / 2


def test_the_gradient_is_that_of_the_layers():
    random = np.random.default_rng(0)
    maps, kernel, grad = (random.standard_normal(shape) for shape in ((1, 4, 4, 2), (3, 3, 2, 2), (1, 4, 4, 2)))
    derived = explorer._convolve(grad, kernel[::-1, ::-1].swapaxes(2, 3))
    moved = gradcheck.numerical_gradient(lambda x: explorer._convolve(x, kernel), maps, grad)
    assert gradcheck.relative_error(derived, moved) < 1e-7


@pytest.mark.parametrize("activation", explorer.ACTIVATIONS)
def test_the_way_back_through_an_activation_is_its_derivative(activation):
    apply, apply_backward, _ = explorer._ACTIVATIONS[activation]
    random = np.random.default_rng(1)
    sums, grad = random.standard_normal((2, 3, 5))
    moved = gradcheck.numerical_gradient(apply, sums, grad)
    assert gradcheck.relative_error(apply_backward(grad, sums), moved) < 1e-7


def test_the_first_layers_size_is_that_of_its_own_outputs():
    sizes = explorer.sizes_by_depth("glorot_uniform", 1.0, depth=2, width=4, seed=5)
    rng = np.random.default_rng(5)
    kernels = [initializers.glorot_uniform((3, 3, 4, 4), rng) for _ in range(2)]
    noise = rng.standard_normal((explorer.IMAGES, explorer.SIDE, explorer.SIDE, 4))
    maps = noise / np.sqrt(np.mean(noise**2))
    for kernel, size in zip(kernels, sizes.forward, strict=True):
        maps = ops.relu(ops.conv2d(np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap"), kernel))
        assert size == pytest.approx(np.sqrt(np.mean(maps**2)))
    np.testing.assert_allclose(sizes.last, maps.ravel(), atol=1e-12)


def test_every_extreme_gives_finite_sizes_and_a_page():
    ends = list(zip(explorer.DEPTHS, (4, 32), strict=True))
    for initializer, scale, activation, (depth, width) in product(
        explorer.INITIALIZERS, explorer.SCALES, explorer.ACTIVATIONS, ends
    ):
        sizes = explorer.sizes_by_depth(initializer, scale, depth, width, activation)
        assert sizes.forward.shape == sizes.backward.shape == (depth,)
        assert np.isfinite([*sizes.forward, *sizes.backward, *sizes.last]).all()
        assert sizes.backward[-1] == pytest.approx(1)
    for initializer, scale, activation in product(("zeros", "he_normal"), explorer.SCALES, explorer.ACTIVATIONS):
        page = explorer.page(initializer, scale, 30, 32, activation)
        assert page.count("<svg") == 2
        assert not re.search(r"\bnan\b|\binf\b", page)


def test_a_histogram_holds_all_values_with_zero_in_the_middle_bin():
    shares, reach = explorer.histogram(np.array([-4.0, 0, 0, 1]))
    assert (reach, shares[0], shares[15], shares.sum()) == (4, 0.25, 0.5, 1)
    assert explorer.histogram(np.zeros(3)) == (pytest.approx(np.eye(31)[15]), 1)


# --------------------------------------------------------------------------- words and pictures


@pytest.mark.parametrize(
    ("arguments", "forward", "backward"),
    [
        ({"initializer": "he_normal", "width": 32}, "level", "level"),
        ({"initializer": "normal"}, "fades", "fades"),
        ({"initializer": "he_normal", "scale": 3.0}, "explodes", "explodes"),
        ({"initializer": "he_normal", "scale": 3.0, "activation": "tanh"}, "level", "explodes"),
        ({"initializer": "zeros"}, "nothing arrives", "nothing arrives"),
    ],
)
def test_the_verdict_says_what_becomes_of_the_size(arguments, forward, backward):
    said = re.findall(r"<b>(.*?)</b>", explorer.verdict(explorer.sizes_by_depth(**arguments)))
    assert said == [forward, backward]


def test_the_verdict_holds_the_numbers_that_were_measured():
    sizes = explorer.Sizes(np.array([0.5, 0.25, 0.125]), np.array([4e-4, 2e-2, 1.0]), np.ones(1), rule=0.0123)
    text = explorer.verdict(sizes)
    assert "Forward: <b>fades</b>, 0.50 a layer; of a size of 1, 0.12 arrives at the last layer." in text
    assert "Backward: <b>fades</b>, 0.02 a layer; of a size of 1, 4.0·10<sup>−4</sup> arrives at layer 1." in text
    assert "0.012 a layer." in text


def test_where_no_rule_holds_none_is_given():
    for initializer, activation in (("constant", "relu"), ("zeros", "none"), ("he_normal", "tanh")):
        sizes = explorer.sizes_by_depth(initializer, activation=activation)
        assert sizes.rule is None
        assert "By the rule" not in explorer.verdict(sizes)


def test_each_layer_has_a_mark_on_either_curve_at_the_height_of_its_logarithm():
    sizes = explorer.Sizes(np.array([1.0, 0.1, 0.01]), np.array([1e-4, 1e-2, 1.0]), np.ones(1), None)
    chart = explorer._chart(sizes)
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', chart)]
    assert np.ptp(np.diff(heights)) < 0.2  # equal ratios, equal steps; written with one decimal
    assert heights == sorted(heights)
    squares = [float(y) for y in re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="8"', chart)]
    assert np.diff(squares) == pytest.approx(-2 * np.diff(heights), abs=0.3)


def test_sizes_of_zero_have_no_mark():
    chart = explorer._chart(explorer.sizes_by_depth("zeros", depth=7))
    assert chart.count("<circle") == 0
    assert chart.count('width="8"') == 1  # the gradient that is sent in at the end


# --------------------------------------------------------------------------- panel


def test_every_control_redraws_the_page():
    panel = panels.initialisation_explorer()
    assert panel.page.value == explorer.page()
    chosen = {"initializer": "uniform", "scale": 0.5, "depth": 7, "width": 32, "activation": "tanh"}
    for name, value in chosen.items():
        before = panel.page.value
        getattr(panel, name).value = value
        assert panel.page.value != before
    assert panel.page.value == explorer.page(**chosen)
    assert repr(panel) == "Initialisation explorer: uniform times 0.5, 7 layers of width 32, activation tanh"


def test_other_weights_are_drawn_on_demand_and_a_reset_brings_the_first_back():
    panel = panels.initialisation_explorer("glorot_normal", 2, depth=5, width=8, activation="none")
    first = panel.page.value
    panel.draw_again.click()
    assert panel.page.value == explorer.page("glorot_normal", 2.0, 5, 8, "none", seed=1) != first
    panel.depth.value, panel.activation.value = 20, "relu"
    panel.again.click()
    assert panel.page.value == first


def test_the_ends_of_the_sliders_can_be_reached():
    panel = panels.initialisation_explorer()
    for low, high in product((False, True), repeat=2):
        panel.scale.value = 10 ** (panel.scale.max if low else panel.scale.min)
        panel.depth.value = panel.depth.max if high else panel.depth.min
        assert panel.problem.value == ""


def test_an_error_is_shown_and_raised(monkeypatch):
    panel = panels.initialisation_explorer()
    monkeypatch.setattr(explorer, "page", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.depth.value = 3
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value


def test_the_stored_text_is_the_same_every_time():
    text = "Initialisation explorer: he_normal times 1, 16 layers of width 16, activation relu"
    assert repr(panels.initialisation_explorer()) == repr(panels.initialisation_explorer()) == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"initializer": "xavier"}, "initializer must be one of zeros, .*he_normal, got 'xavier'"),
        ({"initializer": "edge_biased"}, "initializer must be one of"),
        ({"scale": 0}, "scale must be a number from 0.1 to 10, got 0"),
        ({"scale": "1"}, "scale must be a number from 0.1 to 10, got '1'"),
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"depth": 31}, "depth must be from 2 to 30, got 31"),
        ({"width": 5}, "width must be one of 4, 8, 16, 32, got 5"),
        ({"activation": "sigmoid"}, "activation must be one of relu, none, tanh, got 'sigmoid'"),
    ],
)
def test_what_the_explorer_cannot_show_is_refused(arguments, words):
    for make in (panels.initialisation_explorer, explorer.sizes_by_depth):
        with pytest.raises(ValueError, match=words):
            make(**arguments)
