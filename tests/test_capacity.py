"""What a layer holds is counted right: singular values, what can be had back, what is hidden, what is there twice."""

from itertools import product

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlessons import capacity, datasets, ops
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


def test_a_layer_without_bias_is_merged_without():
    kernel, outgoing = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]]), np.array([[4.0], [5.0], [6.0]])
    kernel, bias, outgoing = capacity.merge(kernel, None, outgoing, capacity.duplicates(kernel))
    assert bias is None
    assert (kernel.tolist(), outgoing.tolist()) == ([[2, 0], [2, 3]], [[5 + 4 / 2], [6]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e200, 1e300])
def test_how_large_all_weights_are_decides_nothing(size):
    kernel, bias = with_copies(*layer(), of=1, factors=[2, 0.5])
    groups, outgoing = capacity.duplicates(kernel, bias), np.ones((7, 1))
    np.testing.assert_allclose(capacity.similarities(size * kernel), capacity.similarities(kernel), atol=1e-12)
    assert capacity.duplicates(size * kernel, size * bias) == groups
    merged, expected = (capacity.merge(scale * kernel, scale * bias, outgoing, groups)[2] for scale in (size, 1))
    np.testing.assert_allclose(merged, expected)


@pytest.mark.filterwarnings("error")
def test_copies_among_filters_of_very_different_sizes_are_found_and_merged():
    kernel = np.array([[1, 1e-200, 3e-200], [0, 2e-200, 6e-200]])
    assert capacity.duplicates(kernel) == [[2, 1]]
    assert capacity.merge(kernel, None, np.ones((3, 1)), [[2, 1]])[2] == pytest.approx(np.array([[1], [1 + 1 / 3]]))


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
        (lambda: capacity.duplicates(np.ones((3, 0))), r"kernel must not be empty, got shape \(3, 0\)"),
        (lambda: capacity.duplicates(KERNEL, np.ones(2)), r"bias must have one number for each of 3 filters.*\(2,\)"),
        (lambda: capacity.duplicates(np.full((2, 2), np.nan)), "kernel must be finite, got NaN or infinity"),
        (lambda: capacity.duplicates(KERNEL, least=0), "least must be a cosine above 0 and at most 1, got 0"),
        (lambda: capacity.duplicates(KERNEL, least=95), "least must be a cosine .* got 95; try 0.95"),
        (lambda: capacity.merge(KERNEL, BIAS, np.ones((12, 2)), []), r"outgoing must .*reshape\(-1, 3, K\)"),
        (lambda: capacity.merge(KERNEL, BIAS, np.ones(3), []), r"outgoing must have shape \(\.\.\., 3, K\)"),
        (lambda: capacity.merge(KERNEL, BIAS, OUTGOING, [[0, 1], [1, 2]]), "groups must name each filter .* once"),
        (lambda: capacity.merge(KERNEL, BIAS, OUTGOING, [[0, 3]]), "groups must name each filter from 0 to 2"),
        *(
            (
                lambda groups=groups: capacity.merge(KERNEL, BIAS, OUTGOING, groups),
                "groups must .* lists of one or more",
            )
            for groups in ([[]], [[0, 1], []], [0, 1], [[0.0, 1.0]], [[True, False]], None)
        ),
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


# --------------------------------------------------------------------------- counting


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 3, 1, 8), (9, 8)), ((3, 3, 3, 32), (27, 32)), ((5, 5, 3, 32), (75, 32))]
)
def test_a_patch_times_the_matrix_is_the_convolution_there(shape, size):
    random = np.random.default_rng(0)
    kernel, image = random.standard_normal(shape), random.random((1, 9, 8, shape[2]))
    matrix = capacity.patch_matrix(kernel)
    assert matrix.shape == size
    side = shape[0]
    expected = ops.conv2d(image, kernel)[0]
    for row, column in np.ndindex(expected.shape[:2]):
        patch = image[0, row : row + side, column : column + side].ravel()
        np.testing.assert_allclose(patch @ matrix, expected[row, column], atol=1e-12)


def test_changing_the_matrix_leaves_the_kernel_alone():
    kernel = np.ones((3, 3, 1, 2))
    capacity.patch_matrix(kernel)[:] = 0
    assert kernel.all()


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 40), st.integers(1, 4), st.integers(1, 4)
)
def test_what_a_patch_loses_and_how_often_a_pixel_is_seen_make_up_the_ratio_of_the_image(
    kh, kw, channels, filters, s, t
):
    counts = capacity.stem_counts((kh, kw), channels, filters, (s, t))
    assert counts.image_ratio == pytest.approx(counts.patch_ratio * counts.windows_per_pixel)
    outputs = ops.conv2d(np.zeros((1, 10 * s, 10 * t, 1)), np.zeros((kh, kw, 1, 1)), stride=(s, t), padding="same").size
    assert counts.image_ratio == pytest.approx(outputs * filters / (10 * s * 10 * t * channels))
    assert counts.weights == counts.patch_inputs * filters == kh * kw * channels * filters


def test_the_kernel_size_does_not_change_how_many_numbers_come_out_of_an_image():
    ratios = {capacity.stem_counts(size, 3, 32, 2).image_ratio for size in (1, 3, 5, 7)}
    assert ratios == {32 / 12}


# --------------------------------------------------------------------------- the map of a whole image


@st.composite
def stems(draw, most_filters=7):
    """A kernel, a stride, and an image size that is a multiple of it: even kernels, large ones, narrow images."""
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    size = tuple(step * draw(st.integers(1, 4)) for step in stride)
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, most_filters)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.standard_normal(shape), stride, size


def by_definition(image, kernel, stride):
    """Every output as a sum over pixels, the index turned over at the border: (H, W, C) -> (H', W', F)."""
    height, width, _ = image.shape
    out = np.zeros((height // stride[0], width // stride[1], kernel.shape[3]))
    for row, column, i, j in product(*map(range, (*out.shape[:2], *kernel.shape[:2]))):
        out[row, column] += image[(row * stride[0] + i) % height, (column * stride[1] + j) % width] @ kernel[i, j]
    return out


@given(stems(), st.integers(0, 1000))
def test_an_image_goes_on_at_the_opposite_side(stem, seed):
    kernel, stride, size = stem
    image = np.random.default_rng(seed).standard_normal((*size, kernel.shape[2]))
    found = capacity.periodic_conv2d(image[None], kernel, np.arange(kernel.shape[3]), stride)
    np.testing.assert_allclose(found[0], by_definition(image, kernel, stride) + np.arange(kernel.shape[3]), atol=1e-12)


@given(stems())
def test_the_matrix_does_what_the_layer_does_and_its_transpose_carries_the_gradient(stem):
    kernel, stride, size = stem
    random = np.random.default_rng(1)
    images = random.standard_normal((2, *size, kernel.shape[2]))
    matrix = capacity.operator_matrix(kernel, stride, size)
    outputs = capacity.periodic_conv2d(images, kernel, stride=stride)
    np.testing.assert_allclose(images.reshape(2, -1) @ matrix.T, outputs.reshape(2, -1), atol=1e-12)
    grads = random.standard_normal(outputs.shape)
    back = capacity.periodic_conv2d_backward(grads, kernel, stride)
    np.testing.assert_allclose(grads.reshape(2, -1) @ matrix, back.reshape(2, -1), atol=1e-12)
    assert (outputs * grads).sum() == pytest.approx((images * back).sum(), abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(stems())
def test_the_singular_values_are_those_of_the_dense_matrix(stem):
    kernel, stride, size = stem
    matrix = capacity.operator_matrix(kernel, stride, size)
    spectrum = capacity.operator_spectrum(kernel, stride, size)
    assert (spectrum.outputs, spectrum.inputs) == matrix.shape
    expected = scipy.linalg.svdvals(matrix)
    np.testing.assert_allclose(spectrum.singular_values, expected, rtol=0, atol=1e-8)
    assert spectrum.rank == np.linalg.matrix_rank(matrix)
    assert spectrum.lost == scipy.linalg.null_space(matrix).shape[1]
    assert spectrum.condition_number == pytest.approx(expected[0] / expected[spectrum.rank - 1], rel=1e-6)


@given(stems(), st.integers(0, 3), st.integers(0, 3))
def test_each_frequency_has_the_gains_of_its_waves(stem, u, v):
    """With one filter and stride 1 a wave comes out as itself, multiplied by the singular value of its frequency."""
    kernel, _, _ = stem
    kernel, (height, width) = kernel[:, :, :1, :1], (4, 6)
    wave = np.exp(2j * np.pi * (np.arange(height)[:, None] * u / height + np.arange(width) * v / width))
    out = [capacity.periodic_conv2d(part[None, ..., None], kernel) for part in (wave.real, wave.imag)]
    gain = capacity.operator_spectrum(kernel, 1, (height, width)).by_frequency[u, v, 0]
    np.testing.assert_allclose(np.hypot(*out), gain, atol=1e-9)


def test_moving_the_kernel_changes_no_singular_value():
    kernel = np.random.default_rng(0).standard_normal((3, 2, 2, 5))
    moved = np.pad(kernel, ((1, 0), (2, 1), (0, 0), (0, 0)))
    plain, other = (capacity.operator_spectrum(k, 2, (8, 6)).singular_values for k in (kernel, moved))
    np.testing.assert_allclose(plain, other, atol=1e-12)


def random_stem(filters, size=5, channels=3, seed=0):
    return np.random.default_rng(seed).standard_normal((size, size, channels, filters))


@pytest.mark.parametrize(("filters", "lost"), [(8, 4), (11, 1), (12, 0), (13, 0), (32, 0)])
def test_what_decides_is_the_filters_against_the_new_numbers_of_each_position(filters, lost):
    for size in (2, 3, 5, 7):
        spectrum = capacity.operator_spectrum(random_stem(filters, size), 2, (16, 12))
        assert spectrum.lost == lost * 8 * 6
        assert spectrum.injective == (lost == 0)
        assert spectrum.rank == min(spectrum.inputs, spectrum.outputs)


def test_more_filters_than_needed_make_the_way_back_easier():
    conditions = [np.median([capacity.operator_spectrum(random_stem(filters, seed=seed), 2, 32).condition_number
                             for seed in range(5)]) for filters in (12, 16, 32, 64)]  # fmt: skip
    assert conditions == sorted(conditions, reverse=True)
    assert conditions[0] > 50
    assert conditions[2] < 10


def test_a_photograph_of_full_size_needs_no_matrix():
    spectrum = capacity.operator_spectrum(random_stem(4, 7), 4, 224)
    assert spectrum.singular_values.shape == (56 * 56 * 4,)
    assert spectrum.inputs == 224 * 224 * 3
    frobenius = 56 * 56 * (random_stem(4, 7) ** 2).sum()  # every weight stands once in the rows of every position
    assert (spectrum.by_frequency**2).sum() == pytest.approx(frobenius)


def test_strips_give_the_same_as_all_frequencies_at_once(monkeypatch):
    kernel = random_stem(6)
    whole = capacity.operator_spectrum(kernel, 2, (14, 10)).by_frequency
    monkeypatch.setattr(capacity.operator, "_MOST_NUMBERS", 1000)
    np.testing.assert_allclose(capacity.operator_spectrum(kernel, 2, (14, 10)).by_frequency, whole, atol=1e-12)


def test_copies_of_a_filter_add_nothing_to_the_rank_in_either_precision():
    for dtype in (np.float32, np.float64):
        kernel = random_stem(6).astype(dtype)
        kernel = np.concatenate([kernel, kernel / dtype(3), kernel.sum(3, keepdims=True)], axis=3)
        spectrum = capacity.operator_spectrum(kernel, 2, 8)
        assert spectrum.rank == 6 * 16


def test_filters_whose_weights_sum_to_zero_lose_the_mean_brightness_alone():
    kernel = random_stem(20, channels=1)
    kernel -= kernel.mean(axis=(0, 1, 2))
    spectrum = capacity.operator_spectrum(kernel, 1, 8)
    assert spectrum.lost == 1
    hidden = capacity.null_space_part(np.random.default_rng(0).random((1, 8, 8, 1)), kernel)
    assert np.ptp(hidden) < 1e-12


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("filters", "stride", "size"), [(4, 2, (7, 9)), (2, 1, (6, 6)), (5, (2, 3), (8, 9)), (40, 2, (6, 7))]
)
def test_with_true_padding_the_unseen_part_is_that_of_the_whole_matrix(padding, filters, stride, size):
    kernel = random_stem(filters, 3, 2)
    units = np.eye(size[0] * size[1] * 2).reshape(-1, *size, 2)
    matrix = ops.conv2d(units, kernel, stride=stride, padding=padding).reshape(len(units), -1).T
    blind = scipy.linalg.null_space(matrix)  # (inputs, lost)
    images = np.random.default_rng(0).random((2, *size, 2))
    found = capacity.null_space_part(images, kernel, stride, padding).reshape(2, -1)
    np.testing.assert_allclose(found, images.reshape(2, -1) @ blind @ blind.T, atol=1e-9)


def test_twins_with_true_padding_have_the_same_activations():
    kernel = random_stem(8).astype(np.float32)
    cat, coffee = (datasets.photograph(name, size=20) for name in ("chelsea", "coffee"))
    two = capacity.null_space_image(cat, coffee, kernel, 2, padding="same")
    both = np.stack([two.image, two.twin])
    one, other = ops.conv2d(both, kernel.astype(float), stride=2, padding="same")
    assert np.abs(one - other).max() < 1e-10
    assert two.difference > 0.02
    assert 0 <= both.min() <= both.max() <= 1
    with pytest.raises(ValueError, match="other must differ from image where the layer is blind"):
        capacity.null_space_image(cat, coffee, random_stem(32), 2, padding="same")
    with pytest.raises(ValueError, match="padding must be one of periodic, same, valid"):
        capacity.null_space_image(cat, coffee, kernel, 2, padding="zeros")


def test_a_kernel_of_zeros_has_no_rank_and_no_condition():
    spectrum = capacity.operator_spectrum(np.zeros((3, 3, 1, 2)), 1, 4)
    assert (spectrum.rank, spectrum.lost, spectrum.condition_number) == (0, 16, np.inf)


# --------------------------------------------------------------------------- images from activations


@given(stems())
def test_without_relu_both_ways_back_are_the_pseudo_inverse(stem):
    kernel, stride, size = stem
    random = np.random.default_rng(2)
    matrix = capacity.operator_matrix(kernel, stride, size)
    outputs = random.standard_normal((1, *np.floor_divide(size, stride), kernel.shape[3]))
    expected = np.linalg.pinv(matrix, rcond=1e-12) @ outputs.ravel()
    condition = capacity.operator_spectrum(kernel, stride, size).condition_number
    exact = capacity.invert(outputs, kernel, stride=stride, start=0)
    np.testing.assert_allclose(exact.ravel(), expected, rtol=0, atol=1e-11 * condition * (1 + abs(expected).max()))
    if condition < 100:
        found = capacity.reconstruct(outputs, kernel, stride=stride, start=0, tolerance=1e-13)
        np.testing.assert_allclose(found.images.ravel(), expected, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def photographs():
    return np.stack([datasets.photograph(name, size=32) for name in ("chelsea", "coffee")])


@pytest.mark.parametrize("filters", [12, 16, 32])
def test_a_stem_of_full_rank_gives_the_photograph_back(photographs, filters):
    kernel, bias = random_stem(filters), np.arange(filters)
    activations = capacity.periodic_conv2d(photographs, kernel, bias, 2)
    assert abs(capacity.invert(activations, kernel, bias, 2) - photographs).max() < 1e-6
    if filters > 12:  # with just enough filters the condition number is in the hundreds
        found = capacity.reconstruct(activations, kernel, bias, 2)
        assert abs(found.images - photographs).max() < 1e-6
        assert found.converged


@pytest.mark.parametrize("filters", [1, 8, 12, 32])
def test_a_small_ridge_changes_no_pixel_that_is_seen(photographs, filters):
    activations = capacity.periodic_conv2d(photographs, random_stem(filters), stride=2)
    exact, near, far = (
        capacity.invert(activations, random_stem(filters), stride=2, ridge=ridge) for ridge in (0, 1e-11, 1e-2)
    )
    assert 0 < abs(near - exact).max() < 1e-4
    assert abs(far - exact).max() > 1e-3


def test_a_worse_condition_number_takes_more_iterations(photographs):
    found = []
    for filters in (13, 16, 24, 48):
        kernel = random_stem(filters)
        found.append(capacity.reconstruct(capacity.periodic_conv2d(photographs, kernel, stride=2), kernel, stride=2))
    iterations = [one.iterations for one in found]
    assert iterations == sorted(iterations, reverse=True)
    assert iterations[0] > 3 * iterations[-1]


def test_what_the_activations_leave_open_stays_as_it_was(photographs):
    kernel = random_stem(8)
    activations = capacity.periodic_conv2d(photographs, kernel, stride=2)
    for back in (capacity.invert(activations, kernel, stride=2, start=0.25),
                 capacity.reconstruct(activations, kernel, stride=2, start=0.25).images):  # fmt: skip
        np.testing.assert_allclose(capacity.null_space_part(back - 0.25, kernel, 2), 0, atol=1e-6)
        np.testing.assert_allclose(capacity.periodic_conv2d(back, kernel, stride=2), activations, atol=1e-6)


def contradiction(images, activations, kernel, bias, stride):
    """Half the sum of squares that `reconstruct` makes small with ReLU, written by cases."""
    sums = capacity.periodic_conv2d(images, kernel, bias, stride)
    wrong = np.where(activations > 0, sums - activations, np.where(sums > 0, sums, 0))
    return (wrong**2).sum() / 2, capacity.periodic_conv2d_backward(wrong, kernel, stride)


@pytest.mark.parametrize("filters", [3, 12, 32, 64])
def test_after_relu_an_image_with_these_activations_is_found(photographs, filters):
    image, kernel, bias = photographs[:1], random_stem(filters), np.linspace(-1, 1, filters)
    activations = ops.relu(capacity.periodic_conv2d(image, kernel, bias, 2))
    found = capacity.reconstruct(activations, kernel, bias, 2, relu=True, tolerance=1e-6)
    again = ops.relu(capacity.periodic_conv2d(found.images, kernel, bias, 2))
    relative = np.linalg.norm(again - activations) / np.linalg.norm(activations)
    assert relative <= found.residual * (1 + 1e-6)
    assert found.residual < 1e-6
    assert found.converged


def test_after_relu_enough_filters_give_the_photograph_back_and_few_do_not(photographs):
    errors = {}
    for filters in (12, 64):
        kernel = random_stem(filters)
        activations = ops.relu(capacity.periodic_conv2d(photographs, kernel, stride=2))
        errors[filters] = abs(capacity.reconstruct(activations, kernel, stride=2, relu=True).images - photographs).max()
    assert errors[64] < 1e-6
    assert errors[12] > 0.1


def test_relu_loses_nothing_where_each_filter_has_its_opposite(photographs):
    kernel = random_stem(16)
    both = np.concatenate([kernel, -kernel], axis=3)
    activations = ops.relu(capacity.periodic_conv2d(photographs, both, stride=2))
    assert abs(capacity.reconstruct(activations, both, stride=2, relu=True).images - photographs).max() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_activations_that_no_image_has_are_met_as_closely_as_a_general_minimiser_meets_them(seed):
    random = np.random.default_rng(seed)
    kernel, bias = random.standard_normal((3, 2, 1, 4)), random.standard_normal(4)
    activations = np.maximum(random.standard_normal((1, 4, 3, 4)), 0)
    found = capacity.reconstruct(activations, kernel, bias, (1, 2), relu=True)
    reached, slope = contradiction(found.images, activations, kernel, bias, (1, 2))

    def objective(flat):
        value, grad = contradiction(flat.reshape(1, 4, 6, 1), activations, kernel, bias, (1, 2))
        return value, grad.ravel()

    best = scipy.optimize.minimize(objective, np.full(24, 0.5), jac=True, method="BFGS", options={"gtol": 1e-9}).fun
    assert reached == pytest.approx(best, rel=1e-6)
    assert found.residual == pytest.approx(np.sqrt(2 * reached) / np.linalg.norm(activations))
    assert abs(slope).max() < 1e-3


def test_a_search_that_runs_out_of_iterations_says_so(photographs):
    kernel = random_stem(14)
    activations = capacity.periodic_conv2d(photographs, kernel, stride=2)
    found = capacity.reconstruct(activations, kernel, stride=2, iterations=5)
    assert found.iterations == 5
    assert not found.converged
    assert found.residual > 1e-6


def test_a_start_that_is_right_needs_no_iteration(photographs):
    kernel = random_stem(14)
    activations = capacity.periodic_conv2d(photographs, kernel, stride=2)
    found = capacity.reconstruct(activations, kernel, stride=2, start=photographs)
    assert (found.iterations, found.converged) == (0, True)


# --------------------------------------------------------------------------- what a layer cannot see


@given(stems())
def test_the_unseen_part_is_the_projection_on_the_null_space(stem):
    kernel, stride, size = stem
    images = np.random.default_rng(3).random((2, *size, kernel.shape[2]))
    basis = scipy.linalg.null_space(capacity.operator_matrix(kernel, stride, size))
    expected = images.reshape(2, -1) @ basis @ basis.T
    found = capacity.null_space_part(images, kernel, stride)
    np.testing.assert_allclose(found.reshape(2, -1), expected, atol=1e-9)


@pytest.mark.parametrize(("filters", "strength", "least"), [(4, 1, 0.1), (11, 3, 0.01)])
def test_two_pictures_that_look_different_have_the_same_activations(photographs, filters, strength, least):
    kernel = random_stem(filters)
    pair = capacity.null_space_image(*photographs, kernel, 2, strength=strength)
    assert min(pair.image.min(), pair.twin.min()) >= 0
    assert max(pair.image.max(), pair.twin.max()) <= 1
    first, second = (capacity.periodic_conv2d(one[None], kernel, stride=2) for one in (pair.image, pair.twin))
    np.testing.assert_allclose(first, second, atol=1e-10)
    np.testing.assert_allclose(pair.image, 0.5 + pair.contrast * (photographs[0] - 0.5), atol=1e-12)
    assert pair.difference == pytest.approx(np.sqrt(((pair.twin - pair.image) ** 2).mean()))
    assert pair.difference > least


def test_a_blind_layer_takes_the_other_picture_for_the_first(photographs):
    pair = capacity.null_space_image(*photographs, np.zeros((3, 3, 3, 1)))
    np.testing.assert_allclose(pair.twin, photographs[1], atol=1e-12)
    assert pair.contrast == 1


# --------------------------------------------------------------------------- what activations repeat


@given(st.integers(0, 1000), st.integers(2, 6))
def test_the_effective_rank_is_the_entropy_of_the_singular_values(seed, channels):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((40, channels)) @ random.standard_normal((channels, channels)) + 5
    values = scipy.linalg.svdvals(rows - rows.mean(axis=0))
    shares = values / values.sum()
    expected = np.prod(shares**-shares)
    assert capacity.effective_rank(rows) == pytest.approx(expected, rel=1e-6)
    assert capacity.effective_rank(3 * rows[:, ::-1] + 1) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(capacity.variance_shares(rows), values**2 / (values**2).sum(), atol=1e-9)


def test_the_effective_rank_goes_from_one_to_the_number_of_channels():
    random = np.random.default_rng(0)
    assert capacity.effective_rank(random.random((50, 1)) * [1, -2, 3]) == pytest.approx(1, abs=1e-5)
    assert capacity.effective_rank(np.tile(np.eye(7), (9, 1)) - 1 / 7) == pytest.approx(6)  # they sum to zero
    assert capacity.effective_rank(np.vstack([np.eye(7), -np.eye(7)])) == pytest.approx(7)


def test_maps_count_position_by_position():
    maps = np.random.default_rng(0).random((2, 4, 5, 3))
    assert capacity.effective_rank(maps) == capacity.effective_rank(maps.reshape(-1, 3))
    np.testing.assert_array_equal(capacity.zero_shares(maps - maps[0, 0, 0]), np.full(3, 1 / 40))


def test_so_many_components_carry_so_much():
    rows = np.vstack([np.diag([3.0, 2.0, 1.0]), -np.diag([3.0, 2.0, 1.0])])  # variances 9 : 4 : 1
    counts = [capacity.components_that_carry(rows, share) for share in (0.5, 9 / 14, 0.65, 13 / 14, 0.95, 1)]
    assert counts == [1, 1, 2, 2, 3, 3]


def test_neighbours_of_noise_are_unrelated_and_those_of_stripes_are_alike_along_them():
    noise = np.random.default_rng(0).standard_normal((4, 60, 60, 3))
    assert np.abs(capacity.neighbour_correlation(noise)).max() < 0.02
    stripes = np.tile(np.arange(20) % 2.0, (20, 1))[None, ..., None]
    assert capacity.neighbour_correlation(stripes) == pytest.approx((1, -1), abs=1e-2)


def test_the_correlation_of_one_map_is_pearsons():
    image = datasets.photograph("camera", size=40)
    expected = np.corrcoef(image[:-1].ravel(), image[1:].ravel())[0, 1]
    assert capacity.neighbour_correlation(image[None, ..., None]).below == pytest.approx(expected)


def test_zeros_are_counted_channel_by_channel():
    maps = np.ones((1, 2, 2, 3))
    maps[0, 0, :, 0] = maps[..., 2] = 0
    assert capacity.zero_shares(maps).tolist() == [0.5, 0, 1]


# --------------------------------------------------------------------------- what cannot be counted is refused

STEM, IMAGES = random_stem(8), np.full((1, 8, 8, 3), 0.5)
OUTPUTS, PICTURE = np.zeros((1, 4, 4, 8)), np.full((8, 8, 3), 0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: capacity.patch_matrix(np.ones((3, 3))),
            r"kernel must have 4 axes, \(KH, KW, C_in, C_out\), got 2 with shape \(3, 3\)",
        ),
        (lambda: capacity.patch_matrix([[1, 2], [3]]), "kernel must have rows of equal length"),
        (lambda: capacity.stem_counts(0, 3, 8), r"kernel_size\[?0?\]? must be at least 1, got 0|kernel_size must be"),
        (lambda: capacity.stem_counts(3, 3, 0), "filters must be at least 1, got 0"),
        (
            lambda: capacity.operator_spectrum(STEM, 2, 15),
            "image_size must be a multiple of the stride.*got 15×15 with",
        ),
        (lambda: capacity.operator_spectrum(STEM, (3, 2), (8, 8)), "got 8×8 with stride 3×2; take for example 9×8"),
        (lambda: capacity.operator_spectrum(STEM * np.nan, 2, 8), "kernel must be finite"),
        (lambda: capacity.operator_matrix(STEM, 2, 128), "image_size must be small enough .* got 32,768 × 49,152"),
        (lambda: capacity.periodic_conv2d(IMAGES[0], STEM), r"images must have 4 axes.*one image write images\[None\]"),
        (lambda: capacity.periodic_conv2d(IMAGES[..., :1], STEM), "images must have the 3 channels that kernel"),
        (lambda: capacity.periodic_conv2d(IMAGES, STEM, stride=3), "image_size must be a multiple of the stride"),
        (
            lambda: capacity.periodic_conv2d_backward(OUTPUTS[..., 1:], STEM),
            "grad_output must have one map for each of 8",
        ),
        (lambda: capacity.reconstruct(OUTPUTS[..., 1:], STEM), r"activations must have one map for each of 8 filters"),
        (
            lambda: capacity.reconstruct(OUTPUTS - 1, STEM, relu=True),
            "activations must not be negative after ReLU, got -1",
        ),
        (
            lambda: capacity.reconstruct(OUTPUTS, STEM, start=PICTURE),
            r"start must be .* \(1, 4, 4, 3\), got \(8, 8, 3\)",
        ),
        (lambda: capacity.reconstruct(OUTPUTS, STEM, tolerance=0), "tolerance must be a number above 0 .*; try 1e-10"),
        (lambda: capacity.reconstruct(OUTPUTS, STEM, iterations=0), "iterations must be at least 1"),
        *(
            (lambda ridge=ridge: capacity.invert(OUTPUTS, STEM, ridge=ridge), f"ridge must be 0, or .* got {ridge}")
            for ridge in (np.nan, np.inf, -1, 1e-300, None)
        ),
        (lambda: capacity.invert(OUTPUTS, STEM, bias=np.ones(3)), "bias must have the shape of"),
        (lambda: capacity.null_space_part(IMAGES, STEM, 3), "image_size must be a multiple of the stride"),
        (
            lambda: capacity.null_space_image(PICTURE, PICTURE, STEM),
            "rank is 192 of 192 numbers .* fewer than 3 filters",
        ),
        (lambda: capacity.null_space_image(PICTURE, PICTURE, STEM, 2), "other must differ from image where the layer"),
        (lambda: capacity.null_space_image(PICTURE, PICTURE[1:], STEM, 2), r"the same shape .* got \(8, 8, 3\) and"),
        (
            lambda: capacity.null_space_image(PICTURE, 255 * PICTURE, STEM, 2),
            r"other must be in \[0, 1\], got 128 to 128",
        ),
        (lambda: capacity.null_space_image(PICTURE, PICTURE, STEM, 2, strength=0), "strength must be a number above 0"),
        (lambda: capacity.effective_rank(np.ones((3, 2))), "activations must vary, but all 3 positions are the same"),
        (lambda: capacity.effective_rank(np.ones(3)), r"activations must have shape \(N, H, W, C\) or .* got \(3,\)"),
        (lambda: capacity.zero_shares(np.full((2, 2), np.inf)), "activations must be finite"),
        (lambda: capacity.components_that_carry(np.eye(2), 99), "share must be a number .* got 99; 0.99 asks for 99 %"),
        (lambda: capacity.neighbour_correlation(np.ones((3, 2))), "activations must have shape .* H and W at least 2"),
        (lambda: capacity.neighbour_correlation(np.ones((1, 3, 3, 1))), "activations must vary, but all 9 positions"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e200, 1e305])
def test_how_large_all_activations_are_decides_nothing(size):
    maps = np.random.default_rng(0).normal(1, [1, 2, 3], (2, 5, 6, 3))
    for name in ("variance_shares", "effective_rank", "components_that_carry", "neighbour_correlation"):
        measure = getattr(capacity, name)
        np.testing.assert_allclose(measure(size * maps), measure(maps), rtol=1e-9)


@pytest.mark.parametrize("ridge", [0, 1e-15, 1e15])
def test_a_layer_of_zeros_leaves_the_images_that_inversion_begins_with(ridge):
    np.testing.assert_array_equal(
        capacity.invert(OUTPUTS, 0 * STEM, ridge=ridge), np.full((*OUTPUTS.shape[:3], 3), 0.5)
    )


def test_words_are_no_images_either():
    with pytest.raises(TypeError, match="images must hold real numbers"):
        capacity.periodic_conv2d(np.full((1, 8, 8, 3), "a"), STEM)
    with pytest.raises(TypeError, match="stride must be a whole number"):
        capacity.operator_spectrum(STEM, 1.5, 8)
