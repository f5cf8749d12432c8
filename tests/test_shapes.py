"""The arithmetic of sizes, held against TensorFlow, against placing kernels one by one, and against counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import ops, shapes

small = st.integers(1, 12)
step = st.integers(1, 4)


def places(size, kernel_size, stride, before, after, dilation):
    """Place the kernel one step at a time and count, as lesson 02 does."""
    first = np.arange(-before, size + after, stride)
    return int(np.sum(first + (kernel_size - 1) * dilation < size + after))


@given(small, small, step, st.integers(0, 4), st.integers(0, 4), step)
def test_the_formula_counts_the_places_where_the_kernel_fits(size, kernel_size, stride, before, after, dilation):
    expected = places(size, kernel_size, stride, before, after, dilation)
    if expected == 0:
        with pytest.raises(ValueError, match="does not fit"):
            shapes.output_size(size, kernel_size, stride, (before, after), dilation)
    else:
        assert shapes.output_size(size, kernel_size, stride, (before, after), dilation) == expected


@given(small, small, step, step)
def test_same_gives_size_over_stride_rounded_up_and_pads_no_more_than_needed(size, kernel_size, stride, dilation):
    before, after = shapes.padding_amounts(size, kernel_size, stride, "same", dilation)
    outputs = shapes.output_size(size, kernel_size, stride, "same", dilation)
    assert outputs == -(-size // stride)
    assert after - before in (0, 1)
    if after:
        assert places(size, kernel_size, stride, before, after - 1, dilation) < outputs


def test_same_puts_padding_where_tensorflow_puts_it():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the oracle here and is not installed")
    for size in range(1, 12):
        for kernel_size in range(1, 6):
            for stride in range(1, 4):
                image = np.arange(1.0, size + 1).reshape(1, size, 1, 1)
                kernel = 10.0 ** np.arange(kernel_size).reshape(-1, 1, 1, 1)
                theirs = tf.nn.conv2d(image, kernel, [stride, 1], "SAME").numpy()
                np.testing.assert_allclose(ops.conv2d(image, kernel, stride=(stride, 1), padding="same"), theirs)


def test_the_classic_case_28_pixels_stride_2_pads_0_before_and_1_after():
    assert shapes.padding_amounts(28, 3, 2, "same", 1) == (0, 1)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=4))
def test_the_receptive_field_is_what_a_gradient_reaches(layers):
    field = shapes.receptive_field(layers)
    size = field.size + field.jump  # room for two outputs
    sizes = [size]
    for kernel_size, stride, dilation in layers:
        sizes.append(shapes.output_size(sizes[-1], kernel_size, stride, dilation=dilation))

    def reached(output):
        grad = np.zeros((1, sizes[-1], 1, 1))
        grad[0, output] = 1
        for (kernel_size, stride, dilation), before in zip(layers[::-1], sizes[-2::-1], strict=True):
            kernel = np.ones((kernel_size, 1, 1, 1))
            image = np.zeros((1, before, 1, 1))
            grad, _, _ = ops.conv2d_backward(grad, image, kernel, stride=(stride, 1), dilation=(dilation, 1))
        return np.flatnonzero(grad)

    first, second = reached(0), reached(1)
    assert first[-1] - first[0] + 1 == field.size
    assert (first[0] + first[-1]) / 2 == field.start
    assert second[0] - first[0] == field.jump


@given(
    st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)), st.integers(1, 3), st.integers(1, 3),
    st.integers(1, 4), step, st.booleans(),
)  # fmt: skip
def test_counts_are_what_counting_gives(image_shape, rows, columns, filters, stride, bias):
    kernel_shape = (rows, columns, image_shape[2], filters)
    counts = shapes.conv2d_counts(image_shape, kernel_shape, stride, bias=bias)
    products = ops.conv2d(np.ones((1, *image_shape), int), np.ones(kernel_shape, int), stride=stride)
    assert counts.output_shape == products.shape[1:]
    assert counts.multiply_adds == products.sum()  # with ones everywhere, a sum counts its products
    assert counts.activations == products.size
    assert counts.parameters == np.ones(kernel_shape).size + filters * bias


def test_counts_know_padding_and_dilation_and_count_products_with_padded_zeros():
    counts = shapes.conv2d_counts((8, 9, 1), (3, 3, 1, 1), padding="same", dilation=2)
    assert counts == ((8, 9, 1), 9 + 1, 9 * 8 * 9, 8 * 9)
    assert shapes.conv2d_counts((8, 9, 1), (3, 3, 1, 1), dilation=2).output_shape == (4, 5, 1)


def test_arrays_are_taken_as_pairs_are():
    assert shapes.pair(np.array([1, 2]), "stride") == (1, 2)
    assert shapes.padding_pair(np.array([[0, 1], [2, 3]])) == ((0, 1), (2, 3))
    assert shapes.padding_amounts(5, 3, padding=np.array([1, 2])) == (1, 2)
    assert shapes.output_size(np.int64(5), np.uint8(3), padding=np.int64(1)) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"size": 4, "kernel_size": 5}, ValueError, "kernel of size 5 does not fit in 4 pixels"),
        ({"size": 4, "kernel_size": 3, "dilation": 2}, ValueError, "5 with dilation 2"),
        ({"size": 4, "kernel_size": 3, "stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"size": 4, "kernel_size": 3, "stride": 1.5}, TypeError, "stride must be a whole number, got 1.5"),
        ({"size": 4, "kernel_size": 3, "stride": True}, TypeError, "stride must be a whole number, got True"),
        ({"size": 4, "kernel_size": 3, "padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ({"size": 4, "kernel_size": 3, "padding": "full"}, ValueError, '"valid" or "same".*got \'full\''),
        ({"size": 4, "kernel_size": 3, "padding": (0, -2)}, ValueError, "padding after must be at least 0, got -2"),
        ({"size": 4, "kernel_size": 3, "padding": (1, 2, 3)}, ValueError, r"of one axis must be .*got \(1, 2, 3\)"),
        ({"size": 0, "kernel_size": 3}, ValueError, "size must be at least 1, got 0"),
        ({"size": 4, "kernel_size": 3, "dilation": None}, TypeError, "dilation must be a whole number, got None"),
    ],
)
def test_bad_numbers_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        shapes.output_size(**arguments)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shapes.pair((1, 2, 3), "stride"), r"stride must be one whole number or a pair .*got 3 values"),
        (lambda: shapes.padding_pair((1, 2)), r"padding must be .*got \(1, 2\); write for example"),
        (lambda: shapes.receptive_field([(3, 1, 1, 1)]), r"a layer must be \(kernel_size, stride, dilation\)"),
        (lambda: shapes.conv2d_counts((8, 8), (3, 3, 1, 2)), r"image_shape must be \(H, W, C_in\), got \(8, 8\)"),
        (lambda: shapes.conv2d_counts(None, (3, 3, 1, 2)), r"image_shape must be \(H, W, C_in\), got None"),
        (lambda: shapes.conv2d_counts((8, 8, 3), (3, 3, 1, 2)), "is for 1 channels, but image_shape .* has 3"),
    ],
)
def test_bad_shapes_are_explained(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, np.float32("inf"), np.float16("nan"), pytest.param(10**400, id="huge")]
)
def test_a_number_is_finite_unless_infinity_is_allowed(value):
    with pytest.raises(ValueError, match=r"rate must be a number from 0 up, got .* not finite; try 1"):
        shapes.number(value, "rate", "a number from 0 up", remedy="try 1")
    assert shapes.number(np.inf, "end", "a number above 0", lambda end: end > 0, infinite=True) == np.inf
    with pytest.raises(ValueError, match="end must be a number above 0, got nan"):
        shapes.number(np.nan, "end", "a number above 0", infinite=True)


def test_a_single_name_is_a_list_of_one():
    assert shapes.listed("conv2d_0") == shapes.listed(["conv2d_0"]) == shapes.listed(("conv2d_0",)) == ["conv2d_0"]
    assert (shapes.listed([]), shapes.listed(3)) == ([], [3])


def test_a_chain_of_layers_is_a_list():
    with pytest.raises(TypeError, match=r"layers must be a list of \(kernel_size, stride, dilation\), got 5"):
        shapes.receptive_field(5)
