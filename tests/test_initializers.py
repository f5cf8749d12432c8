"""Starting weights have the spread that their names promise, whatever Keras, SciPy or a formula is asked."""

import math
from functools import partial

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import initializers, kernels

SHAPE = (3, 3, 16, 400)  # the fans differ: 144 in, 3600 out
FAN_IN, FAN_OUT = 144, 3600
VARIANCES = {
    "normal": 0.05**2,
    "uniform": 0.05**2 / 3,
    "truncated_normal": 0.05**2,
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "he_uniform": 2 / FAN_IN,
    "he_normal": 2 / FAN_IN,
}
CUT = scipy.stats.truncnorm(-2, 2)  # a standard normal cut off at two standard deviations
_EVEN, _CUT = scipy.stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)), scipy.stats.truncnorm(-2, 2, scale=1 / CUT.std())
FAMILIES = {name: _EVEN if name.endswith("uniform") else _CUT for name in VARIANCES}  # scaled to variance 1
FAMILIES["normal"] = scipy.stats.norm()


def rng(seed=0):
    return np.random.default_rng(seed)


def draw(name, shape=SHAPE, seed=0):
    return initializers.draw(name, shape, rng(seed))


# --------------------------------------------------------------------------- spread


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance_are_those_of_the_formula(name, seed):
    weights, variance = draw(name, seed=seed), VARIANCES[name]
    kurtosis = FAMILIES[name].stats("k") + 3
    assert abs(weights.mean()) < 5 * math.sqrt(variance / weights.size)
    assert abs((weights**2).mean() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / weights.size)  # five errors


@pytest.mark.parametrize("name", VARIANCES)
def test_the_whole_distribution_is_the_named_one(name):
    weights = draw(name).ravel() / math.sqrt(VARIANCES[name])
    assert scipy.stats.kstest(weights, FAMILIES[name].cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", ["truncated_normal", "glorot_normal", "he_normal"])
def test_nothing_lies_beyond_two_standard_deviations_of_the_uncut_normal(name):
    uncut = math.sqrt(VARIANCES[name]) / CUT.std()
    assert 1.99 * uncut < np.abs(draw(name)).max() <= 2 * uncut


@pytest.mark.parametrize("name", ["uniform", "glorot_uniform", "he_uniform"])
def test_even_draws_fill_their_interval_to_both_ends_and_no_further(name):
    limit, weights = math.sqrt(3 * VARIANCES[name]), draw(name)
    assert -limit <= weights.min() < -0.999 * limit
    assert 0.999 * limit < weights.max() <= limit


def test_uncut_normal_draws_pass_two_standard_deviations_as_often_as_a_normal_does():
    share = np.mean(np.abs(draw("normal")) > 2 * 0.05)
    expected = 2 * scipy.stats.norm.sf(2)
    assert abs(share - expected) < 5 * math.sqrt(expected / math.prod(SHAPE))


@pytest.mark.parametrize("name", VARIANCES)
def test_neighbouring_weights_are_drawn_apart_along_every_axis(name):
    weights = draw(name, (30, 30, 30, 30))
    for axis in range(4):
        first, second = np.split(np.moveaxis(weights, axis, 0), 2)
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 5 / math.sqrt(first.size)


def test_the_arguments_set_the_spread():
    shape, generator = (300, 300), rng()
    assert initializers.normal(shape, generator, 2.0).std() == pytest.approx(2, rel=0.02)
    assert initializers.truncated_normal(shape, generator, 2.0).std() == pytest.approx(2, rel=0.02)
    assert np.abs(initializers.uniform(shape, generator, 2.0)).max() == pytest.approx(2, rel=0.02)
    assert not initializers.truncated_normal(shape, generator, 0.0).any()


def test_zeros_and_constant_start_every_filter_alike():
    assert not initializers.zeros((3, 3, 2, 4)).any()
    assert (initializers.constant((3, 3, 2, 4)) == 0.01).all()
    assert (initializers.constant((5, 2), value=-3) == -3).all()


# --------------------------------------------------------------------------- fans


@pytest.mark.parametrize(("shape", "expected"), [((3, 5, 16, 32), (240, 480)), ((64, 10), (64, 10)), ([2, 1], (2, 1))])
def test_a_fan_counts_the_numbers_that_are_summed_and_the_sums_that_one_goes_to(shape, expected):
    assert initializers.fans(shape) == expected


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_exchanging_inputs_and_outputs_exchanges_the_fans(shape):
    turned = [*shape[:-2], shape[-1], shape[-2]]
    assert initializers.fans(turned) == initializers.fans(shape)[::-1]


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras", reason="Keras is the oracle here and is not installed")


@pytest.mark.parametrize("shape", [(64, 10), (3, 3, 16, 32), (1, 7, 3, 5), (5, 16, 32)])
def test_fans_are_kerass(keras, shape):
    fans = pytest.importorskip("keras.src.initializers.random_initializers").compute_fans
    assert initializers.fans(shape) == fans(shape)


def kerass(keras, name):
    """Return Keras's initializer of the same name; its TruncatedNormal wants the deviation before cutting."""
    special = {
        "normal": lambda: keras.initializers.RandomNormal(stddev=0.05, seed=1),
        "uniform": lambda: keras.initializers.RandomUniform(-0.05, 0.05, seed=1),
        "truncated_normal": lambda: keras.initializers.TruncatedNormal(stddev=0.05 / CUT.std(), seed=1),
    }
    class_name = "".join(word.capitalize() for word in name.split("_"))
    return special[name]() if name in special else getattr(keras.initializers, class_name)(seed=1)


@pytest.mark.parametrize("name", VARIANCES)
def test_draws_cannot_be_told_from_kerass(keras, name):
    theirs = np.asarray(kerass(keras, name)(SHAPE)).ravel()
    assert scipy.stats.ks_2samp(draw(name).ravel(), theirs).pvalue > 1e-4


def test_keras_cuts_first_and_measures_never(keras):
    theirs = np.asarray(keras.initializers.TruncatedNormal(stddev=0.05, seed=1)(SHAPE))
    assert theirs.std() == pytest.approx(0.05 * CUT.std(), rel=0.02)  # which is why the docstring warns


# --------------------------------------------------------------------------- towards edges


def parts(share, bank="derivatives", shape=(5, 5, 3, 12), seed=4):
    """Return the weights, and the noise and the detectors that they are the sum of."""
    weights = initializers.edge_biased(shape, rng(seed), share, bank)
    noise = math.sqrt(1 - share) * initializers.he_normal(shape, rng(seed))
    return weights, noise, weights - noise


def energies(filters):
    return (filters**2).sum((0, 1, 2))


def cosines(filters, others):
    filters, others = (array.reshape(-1, array.shape[-1]) for array in (filters, others))
    return (filters * others).sum(0) / np.linalg.norm(filters, axis=0) / np.linalg.norm(others, axis=0)


def test_share_0_is_he_normal_number_for_number():
    weights, noise, _ = parts(0)
    np.testing.assert_array_equal(weights, noise)


@pytest.mark.parametrize("bank", kernels.banks())
@pytest.mark.parametrize("share", [0.3, 1])
def test_filters_lean_towards_the_bank_in_turn_with_either_sign(bank, share):
    shape = (5, 5, 3, 60)
    _, _, detectors = parts(share, bank, shape)
    filters = kernels.bank(bank, 5, 3)
    similar = cosines(detectors, filters[..., np.arange(60) % filters.shape[3]])
    np.testing.assert_allclose(np.abs(similar), 1)
    assert {*similar.round()} == {-1, 1}


@pytest.mark.parametrize("share", [0.1, 0.5, 1])
@pytest.mark.parametrize("channels", [1, 3])
def test_detectors_contribute_their_share_of_he_normals_energy_to_each_filter(share, channels):
    _, _, detectors = parts(share, shape=(5, 5, channels, 12))
    np.testing.assert_allclose(energies(detectors), 2 * share)  # fan_in weights of variance 2 / fan_in


@pytest.mark.parametrize("share", [0, 0.5, 0.9])
def test_the_mean_square_is_that_of_he_normal_whatever_the_share(share):
    weights = initializers.edge_biased((3, 3, 8, 3000), rng(), share)
    error = energies(weights).std() / math.sqrt(3000)
    assert abs(energies(weights).mean() - 2) < 5 * error + 1e-12


def test_signs_are_drawn_apart_from_the_noise_and_the_seed_decides_both():
    np.testing.assert_array_equal(parts(0.5)[0], parts(0.5)[0])
    assert not np.array_equal(np.sign(parts(1, seed=1)[0]), np.sign(parts(1, seed=2)[0]))


# --------------------------------------------------------------------------- by name


def test_every_name_draws_float64_of_the_shape_and_follows_the_seed():
    for name in initializers.names():
        weights = draw(name, (3, 3, 2, 6))
        assert (weights.shape, weights.dtype) == ((3, 3, 2, 6), np.float64)
        np.testing.assert_array_equal(weights, draw(name, (3, 3, 2, 6)))
        assert name in ("zeros", "constant") or not np.array_equal(weights, draw(name, (3, 3, 2, 6), seed=1))


def test_a_name_means_the_function_of_that_name():
    assert set(VARIANCES) | {"zeros", "constant", "edge_biased"} == set(initializers.names())
    for name in initializers.names():
        function = getattr(initializers, name)
        np.testing.assert_array_equal(draw(name, (3, 3, 2, 6)), function((3, 3, 2, 6), rng()))


def test_a_function_with_its_arguments_filled_in_draws_too():
    assert (initializers.draw(partial(initializers.constant, value=0.1), (4, 2), rng()) == 0.1).all()
    assert initializers.draw(lambda shape, rng: np.ones(shape, int), (4, 2), rng()).sum() == 8


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: initializers.fans((3,)), ValueError, r"shape must be \(KH, KW, C_in, C_out\) or \(D_in, D_out\), got"),
        (lambda: initializers.fans(7), ValueError, r"got \(7,\)"),
        (lambda: initializers.zeros((3, 0)), ValueError, r"shape\[1\] must be at least 1, got 0"),
        (lambda: initializers.zeros((3.0, 2)), TypeError, r"shape\[0\] must be a whole number, got 3.0"),
        (lambda: initializers.constant((2, 2), value="a"), ValueError, "value must be a finite number, got 'a'"),
        (lambda: initializers.constant((2, 2), value=np.nan), ValueError, "value must be a finite number, got nan"),
        (lambda: initializers.constant((2, 2), value=np.inf), ValueError, "a finite number, got inf"),
        (lambda: initializers.constant((2, 2), value=-np.inf), ValueError, "a finite number, got -inf"),
        (lambda: initializers.constant((2, 2), value=True), ValueError, "a finite number, got True"),
        (lambda: initializers.normal((2, 2), rng(), -1), ValueError, "standard_deviation must be a number from 0 up"),
        (lambda: initializers.truncated_normal((2, 2), rng(), np.inf), ValueError, "standard_deviation must be"),
        (lambda: initializers.uniform((2, 2), rng(), -0.1), ValueError, "limit must be a number from 0 up, got -0.1"),
        (lambda: initializers.normal((2, 2), 0), TypeError, r"rng must be .*got 0; write np.random.default_rng\(seed"),
        (lambda: initializers.he_normal((2, 2), None), TypeError, "rng must be a random generator, got None"),
        (lambda: initializers.uniform((2, 2), np.random), TypeError, "rng must be a random generator"),
        (lambda: initializers.edge_biased((3, 5, 1, 2), rng()), ValueError, r"\(size, size, C_in, C_out\).*\(3, 5, 1"),
        (lambda: initializers.edge_biased((3, 3), rng()), ValueError, r"edge-biased weights, got \(3, 3\)"),
        (lambda: initializers.edge_biased((4, 4, 1, 2), rng()), ValueError, "size must be odd"),
        (lambda: initializers.edge_biased((3, 3, 1, 2), rng(), 1.1), ValueError, "share must lie from 0 to 1, got 1.1"),
        (lambda: initializers.edge_biased((3, 3, 1, 2), rng(), -1), ValueError, "share must lie from 0 to 1, got -1"),
        (lambda: initializers.edge_biased((3, 3, 1, 2), rng(), "a"), ValueError, "share must be a finite number"),
        (lambda: initializers.edge_biased((3, 3, 1, 2), rng(), bank="b"), ValueError, "there is no bank named 'b'"),
        (lambda: draw("he"), ValueError, r"function of \(shape, rng\) or one of zeros, .*edge_biased, got 'he'"),
        (lambda: draw(None), ValueError, r"initializer must be a function .*got None"),
        (lambda: draw(["zeros"]), ValueError, r"initializer must be a function .*got \['zeros'\]"),
        (
            lambda: draw(lambda shape, rng: np.ones(2)),
            ValueError,
            r"of shape \(3, 3, 16, 400\), got float64 of .*\(2,\)",
        ),
        (lambda: draw(lambda shape, rng: np.full(shape, np.nan)), ValueError, "400\\) with NaN or infinity"),
        (lambda: draw(lambda shape, rng: np.full(shape, np.inf)), ValueError, "400\\) with NaN or infinity"),
        (lambda: draw(lambda shape, rng: np.ones(shape, complex)), ValueError, "must return finite.*got complex128"),
        (lambda: draw(lambda shape, rng: None), ValueError, "must return finite weights .*got object"),
    ],
)
def test_errors_say_argument_rule_and_what_came(call, error, words):
    with pytest.raises(error, match=words):
        call()
