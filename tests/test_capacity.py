"""Filters that do the same job are found, whatever their scale, and merging them changes no output."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import capacity, ops
from cnnlessons.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from cnnlessons.network import Sequential


def layer(filters=5, seed=0, shape=(3, 3, 2)):
    random = np.random.default_rng(seed)
    return random.standard_normal((*shape, filters)), random.standard_normal(filters)


def with_copies(kernel, bias, of, factors):
    """Append multiples of one filter, with its bias."""
    copies = [kernel, *(factor * kernel[..., of : of + 1] for factor in factors)]
    return np.concatenate(copies, axis=-1), np.append(bias, [factor * bias[of] for factor in factors])


# --------------------------------------------------------------------------- similarities


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_a_positive_factor_changes_no_similarity(seed, factor):
    kernel, bias = layer(seed=seed)
    scaled = np.array([factor, 1, 1, 1, 1])
    np.testing.assert_allclose(
        capacity.similarities(kernel * scaled, bias * scaled), capacity.similarities(kernel, bias), atol=1e-12
    )


def test_a_similarity_is_the_cosine_of_the_weights_and_the_bias_together():
    kernel, bias = layer()
    one, other = (np.append(kernel[..., index].ravel(), bias[index]) for index in (1, 4))
    expected = one @ other / np.sqrt((one @ one) * (other @ other))
    assert capacity.similarities(kernel, bias)[1, 4] == pytest.approx(expected, abs=1e-12)


def test_the_opposite_filter_is_not_the_same_and_another_bias_tells_filters_apart():
    kernel = np.array([[1.0, -1.0, 1.0], [2.0, -2.0, 2.0]])
    assert capacity.similarities(kernel)[0] == pytest.approx([1, -1, 1])
    assert capacity.similarities(kernel, np.array([0.0, 0.0, 3.0]))[0, 2] == pytest.approx(5 / np.sqrt(5 * 14))


def test_a_filter_of_zeros_is_similar_to_none():
    similarities = capacity.similarities(np.array([[0.0, 1.0], [0.0, 2.0]]), np.zeros(2))
    assert similarities.tolist() == [[0, 0], [0, pytest.approx(1)]]


# --------------------------------------------------------------------------- duplicates


@given(st.integers(0, 1000), st.lists(st.floats(0.01, 100), min_size=1, max_size=4))
def test_every_exact_copy_is_found_and_the_longest_leads(seed, factors):
    kernel, bias = with_copies(*layer(seed=seed), of=2, factors=factors)
    (group,) = capacity.duplicates(kernel, bias, least=1)
    assert set(group) == {2, *range(5, 5 + len(factors))}
    lengths = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
    assert lengths[group[0]] == lengths[group].max()


def test_a_copy_in_float32_is_exact_enough():
    kernel, bias = with_copies(*layer(), of=0, factors=[1 / 3])
    assert capacity.duplicates(kernel.astype(np.float32), bias.astype(np.float32), least=1) == [[0, 5]]


def test_filters_drawn_at_random_are_no_duplicates():
    assert capacity.duplicates(*layer(filters=30)) == []


def test_every_filter_of_a_group_is_similar_to_its_leader_and_in_no_other_group():
    kernel, bias = layer(filters=40, shape=(1, 2, 1))  # three numbers each: many lie close together
    similar, groups = capacity.similarities(kernel, bias), capacity.duplicates(kernel, bias, least=0.9)
    members = [index for group in groups for index in group]
    assert len(groups) > 3
    assert len(members) == len(set(members))
    assert all(similar[group[0], other] >= 0.9 for group in groups for other in group)
    alone = sorted(set(range(40)) - set(members))
    assert all(similar[one, other] < 0.9 for one in alone for other in alone if one != other)


def test_a_lower_least_leaves_fewer_filters():
    kernel, bias = layer(filters=40, shape=(1, 2, 1))
    left = [
        40 - sum(len(group) - 1 for group in capacity.duplicates(kernel, bias, least)) for least in (1, 0.95, 0.7, 0.2)
    ]
    assert left == sorted(left, reverse=True)
    assert left[0] == 40
    assert left[-1] < 10


# --------------------------------------------------------------------------- merge


def outputs(images, kernel, bias, outgoing):
    """The layer, ReLU, and a dense layer over all positions."""
    maps = ops.relu(ops.conv2d(images, kernel, bias))
    return np.einsum("nhwc,pck->nk", maps, outgoing)


@given(st.integers(0, 1000), st.lists(st.floats(0.1, 10), min_size=1, max_size=3))
def test_merging_exact_copies_changes_no_output(seed, factors):
    random = np.random.default_rng(seed)
    kernel, bias = with_copies(*layer(seed=seed), of=1, factors=factors)
    outgoing, images = random.standard_normal((4, len(bias), 3)), random.standard_normal((2, 6, 5, 2))
    merged = capacity.merge(kernel, bias, outgoing, capacity.duplicates(kernel, bias, least=1))
    assert merged[0].shape[-1] == len(merged[1]) == merged[2].shape[1] == 5
    np.testing.assert_allclose(outputs(images, *merged), outputs(images, kernel, bias, outgoing), rtol=1e-9, atol=1e-9)


def test_merging_passes_pooling_and_a_second_convolution():
    random = np.random.default_rng(3)
    kernel, bias = with_copies(*layer(), of=0, factors=[2, 0.5])
    second, images = random.standard_normal((3, 3, 7, 4)), random.standard_normal((2, 12, 12, 2))

    def run(kernel, bias, second):
        return ops.conv2d(ops.max_pool2d(ops.relu(ops.conv2d(images, kernel, bias)), 2), second)

    merged = capacity.merge(kernel, bias, second, capacity.duplicates(kernel, bias))
    np.testing.assert_allclose(run(*merged), run(kernel, bias, second), rtol=1e-12)


def test_a_merged_network_of_layers_answers_as_before():
    random = np.random.default_rng(0)

    def network(filters):
        layers = [Conv2D(filters, padding="same"), ReLU(), MaxPool2D(2), Flatten(), Dense(10)]
        return Sequential(layers, input_shape=(8, 8, 2), dtype=np.float64)

    wide, narrow, images = network(7), network(5), random.random((20, 8, 8, 2))
    kernel, bias = with_copies(*layer(), of=3, factors=[3, 0.2])
    wide.set_parameters(wide.parameters() | {"conv2d_0.kernel": kernel, "conv2d_0.bias": bias})
    weights = wide.parameters()["dense_4.weights"]
    merged = capacity.merge(kernel, bias, weights.reshape(-1, 7, 10), capacity.duplicates(kernel, bias))
    names = ("conv2d_0.kernel", "conv2d_0.bias")
    narrow.set_parameters(
        dict(zip(names, merged[:2], strict=True))
        | {"dense_4.weights": merged[2].reshape(-1, 10), "dense_4.bias": wide.parameters()["dense_4.bias"]}
    )
    np.testing.assert_allclose(narrow.predict(images), wide.predict(images), rtol=1e-10, atol=1e-12)


def test_of_a_filter_that_is_only_similar_the_part_along_the_leader_is_kept():
    kernel = np.array([[3.0, 1.0], [0.0, 1.0]])
    _, _, outgoing = capacity.merge(kernel, np.zeros(2), np.array([[10.0], [6.0]]), [[0, 1]])
    assert outgoing.tolist() == [[10 + 6 / 3]]  # (1, 1) holds a third of (3, 0), and something across it


def test_merging_changes_none_of_its_arguments_and_keeps_float32():
    kernel, bias = (array.astype(np.float32) for array in with_copies(*layer(), of=0, factors=[2]))
    outgoing = np.ones((4, 6, 3), np.float32)
    before = [array.copy() for array in (kernel, bias, outgoing)]
    merged = capacity.merge(kernel, bias, outgoing, [[5, 0]])
    assert all(np.array_equal(*pair) for pair in zip(before, (kernel, bias, outgoing), strict=True))
    assert {array.dtype for array in merged} == {np.dtype(np.float32)}


def test_without_groups_nothing_is_merged():
    kernel, bias = layer()
    outgoing = np.arange(10).reshape(5, 2)
    merged = capacity.merge(kernel, bias, outgoing, [])
    assert all(np.array_equal(*pair) for pair in zip(merged, (kernel, bias, outgoing), strict=True))


# --------------------------------------------------------------------------- what is refused

KERNEL, BIAS = layer(filters=3)
OUTGOING = np.ones((4, 3, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: capacity.duplicates(np.ones(3)), r"kernel must have shape \(KH, KW, C_in, C_out\).*got \(3,\)"),
        (lambda: capacity.duplicates(np.ones((3, 0))), r"kernel must have shape .* got \(3, 0\)"),
        (lambda: capacity.duplicates(KERNEL, np.ones(2)), r"bias must have one number for each of 3 filters.*\(2,\)"),
        (lambda: capacity.duplicates(np.full((2, 2), np.nan)), "kernel must be finite, got NaN or infinity"),
        (lambda: capacity.duplicates(KERNEL, least=0), "least must be a cosine above 0 and at most 1, got 0"),
        (lambda: capacity.duplicates(KERNEL, least=95), "least must be a cosine .* got 95; try 0.95"),
        (lambda: capacity.merge(KERNEL, BIAS, np.ones((12, 2)), []), r"outgoing must .*reshape\(-1, 3, K\)"),
        (lambda: capacity.merge(KERNEL, BIAS, np.ones(3), []), r"outgoing must have shape \(\.\.\., 3, K\)"),
        (lambda: capacity.merge(KERNEL, BIAS, OUTGOING, [[0, 1], [1, 2]]), "groups must name each filter .* once"),
        (lambda: capacity.merge(KERNEL, BIAS, OUTGOING, [[0, 3]]), "groups must name each filter from 0 to 2"),
        (
            lambda: capacity.merge(np.array([[1, -1]]), np.zeros(2), np.ones((2, 1)), [[0, 1]]),
            "1 points away from 0; a negative factor does not pass a ReLU",
        ),
        (
            lambda: capacity.merge(np.array([[0, 1]]), np.zeros(2), np.ones((2, 1)), [[0, 1]]),
            "1 points away from 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_words_are_no_weights():
    with pytest.raises(TypeError, match="kernel must hold real numbers, got dtype"):
        capacity.similarities(np.array([["a"]]))
