"""The operations, held against SciPy, scikit-image, TensorFlow, plain loops, central differences and their own laws."""

import numpy as np
import pytest
import scipy.signal
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnnlessons import ops, shapes
from cnnlessons.gradcheck import numerical_gradient, relative_error

rng = np.random.default_rng(0)
whole = st.integers(-9, 9)


def integers(*sides):
    return hnp.arrays(np.int64, st.tuples(*sides), elements=whole)


image_and_kernel = st.tuples(
    integers(st.integers(5, 9), st.integers(5, 9)), integers(st.integers(1, 5), st.integers(1, 5))
)
paddings = st.one_of(
    st.sampled_from(["valid", "same"]),
    st.integers(0, 2),
    st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
)


@st.composite
def layers(draw):
    """Images and a kernel that fits, with stride, padding and dilation: non-square and even-sized too."""
    stride, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    kernel_size = draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    room = [(size - 1) * gap + 1 for size, gap in zip(kernel_size, dilation, strict=True)]
    size = [draw(st.integers(least, least + 4)) for least in room]
    count, channels, filters = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 3, 9])), draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    images = generator.standard_normal((count, *size, channels))
    kernel = generator.standard_normal((*kernel_size, channels, filters))
    return images, kernel, {"stride": stride, "padding": draw(paddings), "dilation": dilation}


def conv2d_by_loops(images, kernel, stride, padding, dilation):
    """Say conv2d once more in the plainest words."""
    axes = list(zip(images.shape[1:3], kernel.shape[:2], stride, shapes.padding_pair(padding), dilation, strict=True))
    padded = np.pad(images, [(0, 0), *(shapes.padding_amounts(*axis) for axis in axes), (0, 0)])
    out = np.zeros((len(images), *(shapes.output_size(*axis) for axis in axes), kernel.shape[3]))
    for n, r, c, f in np.ndindex(out.shape):
        for i, j in np.ndindex(kernel.shape[:2]):
            pixel = padded[n, r * stride[0] + i * dilation[0], c * stride[1] + j * dilation[1]]
            out[n, r, c, f] += pixel @ kernel[i, j, :, f]
    return out


# --------------------------------------------------------------------------- one image, one kernel


@given(image_and_kernel)
def test_cross_correlate_and_convolve_are_scipys_and_exact_for_integers(arrays):
    image, kernel = arrays
    ours, theirs = ops.cross_correlate(image, kernel), scipy.signal.correlate2d(image, kernel, "valid")
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == np.int64
    np.testing.assert_array_equal(ops.convolve(image, kernel), scipy.signal.convolve2d(image, kernel, "valid"))


@given(image_and_kernel)
def test_same_keeps_the_size_and_agrees_with_conv2d(arrays):
    image, kernel = arrays
    out = ops.cross_correlate(image, kernel, "same")
    assert out.shape == image.shape
    np.testing.assert_array_equal(
        out, ops.conv2d(image[None, ..., None], kernel[..., None, None], padding="same")[0, ..., 0]
    )


def test_convolve_pads_as_cross_correlate_does():
    np.testing.assert_array_equal(ops.convolve(np.eye(3), np.ones((3, 3)), "same"), [[2, 2, 1], [2, 3, 2], [1, 2, 2]])


def test_a_kernel_that_is_not_symmetric_tells_the_two_apart():
    image, kernel = rng.integers(0, 9, (5, 6)), np.arange(6).reshape(2, 3)
    assert not np.array_equal(ops.cross_correlate(image, kernel), ops.convolve(image, kernel))


@given(image_and_kernel)
def test_a_shifted_image_shifts_the_output(arrays):
    image, kernel = arrays
    np.testing.assert_array_equal(
        ops.cross_correlate(image[1:, 1:], kernel[:4, :4]), ops.cross_correlate(image, kernel[:4, :4])[1:, 1:]
    )


@given(hnp.arrays(np.int64, (3, 3), elements=whole), whole)
def test_a_flat_image_has_no_edges(kernel, level):
    kernel[1, 1] -= kernel.sum()  # the weights now sum to zero
    assert not ops.cross_correlate(np.full((5, 6), level), kernel).any()


@given(image_and_kernel, integers(st.integers(1, 2), st.integers(1, 2)))
def test_convolution_is_associative(arrays, second):
    image, first = arrays
    first = first[:3, :3]
    one_after_the_other = ops.convolve(ops.convolve(image, first), second)
    at_once = ops.convolve(image, scipy.signal.convolve2d(first, second))
    np.testing.assert_array_equal(one_after_the_other, at_once)


# --------------------------------------------------------------------------- types


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_floating_types_are_kept(dtype):
    images, kernel = rng.standard_normal((2, 6, 5, 2)).astype(dtype), rng.standard_normal((3, 3, 2, 4)).astype(dtype)
    out = ops.conv2d(images, kernel, np.zeros(4, dtype), padding="same")
    assert out.dtype == dtype
    assert {grad.dtype for grad in ops.conv2d_backward(out, images, kernel, padding="same")} == {np.dtype(dtype)}
    assert ops.cross_correlate(images[0, :, :, 0], kernel[:, :, 0, 0]).dtype == dtype
    for pool, backward in POOLS:
        assert pool(images, 2).dtype == dtype
        assert backward(pool(images, 2), images, 2).dtype == dtype


def test_an_integer_kernel_leaves_a_float32_image_float32():
    image = rng.standard_normal((5, 5)).astype(np.float32)
    assert ops.cross_correlate(image, [[1, 0, -1]]).dtype == np.float32


@pytest.mark.parametrize(("dtype", "exact"), [(np.float32, 2**24), (np.float16, 2048)])
def test_integers_beside_floats_are_exact_as_far_as_the_floats_type_holds_them(dtype, exact):
    one = np.ones((1, 1), dtype)
    for product in (
        ops.cross_correlate,
        ops.dense,
        lambda image, kernel: ops.conv2d(image[None, ..., None], kernel[..., None, None]),
    ):
        held, lost = (product(np.array([[number]]), one) for number in (exact, exact + 1))
        assert (held.dtype, held.item(), lost.item()) == (dtype, exact, exact)
        assert product(np.array([[exact + 1]]), one.astype(float)).item() == exact + 1


def test_the_widest_floating_type_decides_whichever_argument_has_it():
    images, kernel = np.ones((1, 3, 3, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
    assert {grad.dtype for grad in ops.conv2d_backward(np.ones((1, 3, 3, 1)), images, kernel)} == {np.dtype(float)}
    assert ops.softmax_cross_entropy_backward(np.ones((2, 3), np.float32), [0, 1]).dtype == np.float32


def half(shape, value):
    return np.full(shape, value, np.float16)


@pytest.mark.parametrize(
    ("sums", "expected"),
    [  # in float16 2048 + 1 is 2048, 0.98 + 0.001 is 0.98, and what is beyond 65504 is infinite
        (lambda: ops.conv2d(half((1, 64, 64, 1), 0.1), half((64, 64, 1, 1), 1)), 409.6),
        (lambda: ops.dense(half((1, 4096), 0.1), half((4096, 1), 1)), 409.6),
        (lambda: ops.average_pool2d(half((1, 64, 64, 1), 0.1), 64), 0.1),
        (lambda: ops.average_pool2d_backward(half((1, 1, 1001, 1), 1), half((1, 1, 2001, 1), 0), (1, 1001), 1)
         [0, 0, 1000], 1),
        (lambda: ops.batch_norm(np.float16([[-300, 2048], [300, 2050]]), [1, 1], [0, 0])[1], 1),
        (lambda: ops.batch_norm_backward(half((4096, 2), 0.1), half((4096, 2), 0), [1, 1])[2], 409.6),
        (lambda: ops.softmax_cross_entropy(half((1, 70_000), 0), [0]), np.log(70_000)),
        (lambda: ops.softmax_cross_entropy_backward(half((70_000, 2), 0), np.zeros(70_000, int))[:, 1], 0.5 / 70_000),
    ],
)  # fmt: skip
def test_float16_is_summed_more_precisely_than_float16(sums, expected):
    np.testing.assert_allclose(np.asarray(sums(), float), expected, rtol=5e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.bool_])
def test_integers_never_overflow(dtype):
    largest = True if dtype is np.bool_ else np.iinfo(dtype).max
    images, kernel = np.full((1, 9, 9, 3), largest, dtype), np.full((9, 9, 3, 2), largest, dtype)
    expected = int(largest) ** 2 * 243
    assert ops.conv2d(images, kernel).tolist() == [[[[expected, expected]]]]
    assert ops.cross_correlate(images[0, :, :, 0], kernel[:, :, 0, 0]).tolist() == [[expected // 3]]


def test_a_dense_layer_sums_integers_exactly():
    inputs, weights = np.full((1, 300), 255, np.uint8), np.full((300, 1), 255, np.uint8)
    assert ops.dense(inputs, weights).tolist() == [[300 * 255**2]]
    grad_inputs, grad_weights, grad_bias = ops.dense_backward(np.array([[255]], np.uint8), inputs, weights)
    assert {grad_inputs.max(), grad_weights.max()} == {255.0**2}
    assert grad_bias.tolist() == [255.0]


def tower(*pixels):
    """One image of one column, and a kernel of ones that covers it."""
    return np.reshape(pixels, (1, -1, 1, 1)), np.ones((len(pixels), 1, 1, 1), int)


@pytest.mark.parametrize(
    ("call", "total"),
    [
        (lambda: ops.conv2d(*tower(2**53)), 2**53),
        (lambda: ops.conv2d(*tower(2**52, 2**52)), 2**53),
        (lambda: ops.conv2d(*tower(2**53 - 1), [1]), 2**53),
        (lambda: ops.dense([[2**26]], [[2**27]]), 2**53),
        (lambda: ops.cross_correlate([[2**40]], [[2**14]]), None),
        (lambda: ops.conv2d(*tower(-(2**63))), None),
        (lambda: ops.conv2d(*tower(2**53), [1]), None),
        (lambda: ops.conv2d(*tower(2**52, 2**52 + 1)), None),
        (lambda: ops.conv2d(*tower(2**52, 2**52), [1]), None),
        (lambda: ops.dense([[2**31]], [[2**31]]), None),
        (lambda: ops.dense([[2**53]], [[1]], [1]), None),
    ],
)
def test_integer_sums_are_exact_up_to_2_to_the_53_and_refused_beyond(call, total):
    if total is None:
        with pytest.raises(ValueError, match=r"below 2\*\*53 .* convert to float64"):
            call()
    else:
        assert call().item() == total


def test_the_smallest_int8_has_no_absolute_value_and_is_summed_all_the_same():
    assert ops.cross_correlate(np.full((2, 2), -128, np.int8), np.full((2, 2), -128, np.int8)).item() == 4 * 128**2


# --------------------------------------------------------------------------- convolutional layer


@given(layers())
def test_conv2d_is_its_loops(layer):
    images, kernel, options = layer
    np.testing.assert_allclose(
        ops.conv2d(images, kernel, **options), conv2d_by_loops(images, kernel, **options), atol=1e-12
    )


@settings(max_examples=30)
@given(layers())
def test_conv2d_backward_is_what_central_differences_say(layer):
    images, kernel, options = layer
    bias = np.arange(kernel.shape[3], dtype=float)
    grad_output = np.cos(np.arange(ops.conv2d(images, kernel, bias, **options).size))
    grad_output = grad_output.reshape(ops.conv2d(images, kernel, bias, **options).shape)
    grads = ops.conv2d_backward(grad_output, images, kernel, **options)
    # conv2d is linear in each of its arguments, so a wide step has no error and much less rounding
    numerical = (
        numerical_gradient(lambda x: ops.conv2d(x, kernel, bias, **options), images, grad_output, step=0.5),
        numerical_gradient(lambda w: ops.conv2d(images, w, bias, **options), kernel, grad_output, step=0.5),
        numerical_gradient(lambda b: ops.conv2d(images, kernel, b, **options), bias, grad_output, step=0.5),
    )
    for ours, theirs in zip(grads, numerical, strict=True):
        assert relative_error(ours, theirs) < 1e-10


@pytest.mark.parametrize("channels", [1, 3, 8, 16])
@pytest.mark.parametrize(
    ("stride", "padding", "size"), [((1, 1), "VALID", (3, 3)), ((2, 1), "SAME", (4, 3)), ((3, 2), "SAME", (2, 5))]
)
def test_conv2d_and_its_gradients_are_tensorflows(channels, stride, padding, size):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the oracle here and is not installed")
    images, kernel = rng.standard_normal((2, 11, 8, channels)), rng.standard_normal((*size, channels, 4))
    bias = rng.standard_normal(4)
    with tf.GradientTape() as tape:
        inputs = [tf.constant(array) for array in (images, kernel, bias)]
        tape.watch(inputs)
        out = tf.nn.conv2d(inputs[0], inputs[1], stride, padding) + inputs[2]
    grad_output = rng.standard_normal(out.shape)
    theirs = tape.gradient(out, inputs, tf.constant(grad_output))
    options = {"stride": stride, "padding": padding.lower()}
    np.testing.assert_allclose(ops.conv2d(images, kernel, bias, **options), out, atol=1e-11)
    for ours, grad in zip(ops.conv2d_backward(grad_output, images, kernel, **options), theirs, strict=True):
        np.testing.assert_allclose(ours, grad, atol=1e-11)


@pytest.mark.parametrize("channels", [2, 9])
def test_dilation_is_a_kernel_spread_with_zeros(channels):
    images, kernel = rng.standard_normal((2, 13, 14, channels)), rng.standard_normal((3, 2, channels, 3))
    spread = np.zeros((7, 3, channels, 3))
    spread[::3, ::2] = kernel
    np.testing.assert_allclose(ops.conv2d(images, kernel, dilation=(3, 2)), ops.conv2d(images, spread), atol=1e-12)


@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.parametrize("strip_bytes", [1, 10_000])
def test_the_size_of_the_strips_changes_nothing(monkeypatch, channels, strip_bytes):
    images, kernel = rng.standard_normal((3, 12, 9, channels)), rng.standard_normal((3, 2, channels, 4))
    options = {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (2, 1)}
    out = ops.conv2d(images, kernel, **options)
    grads = ops.conv2d_backward(out, images, kernel, **options)
    monkeypatch.setattr(ops, "_STRIP_BYTES", strip_bytes)
    np.testing.assert_allclose(ops.conv2d(images, kernel, **options), out, atol=1e-12)
    for cut, whole_ in zip(ops.conv2d_backward(out, images, kernel, **options), grads, strict=True):
        np.testing.assert_allclose(cut, whole_, atol=1e-11)


@given(layers())
@settings(max_examples=25)
def test_the_other_gradients_are_the_same_without_that_of_the_images(layer):
    images, kernel, options = layer
    grad_output = np.cos(ops.conv2d(images, kernel, **options))
    _, *both = ops.conv2d_backward(grad_output, images, kernel, **options)
    nothing, *without = ops.conv2d_backward(grad_output, images, kernel, **options, to_images=False)
    assert nothing is None
    for ours, expected in zip(without, both, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_nothing_that_is_passed_in_is_changed_and_no_memory_is_shared():
    images, grad_output = rng.standard_normal((2, 1, 4, 4, 1))
    kernel, one = np.ones((1, 1, 1, 1)), np.ones(1)
    arrays = images, grad_output, kernel, one
    before = [array.copy() for array in arrays]
    results = [
        ops.conv2d(images, kernel, one), *ops.conv2d_backward(grad_output, images, kernel),
        ops.max_pool2d(images, 1), ops.max_pool2d_backward(grad_output, images, 1, largest=images),
        ops.average_pool2d(images, 1), ops.average_pool2d_backward(grad_output, images, 1),
        ops.relu(images), ops.relu_backward(grad_output, images),
        ops.batch_norm(images, one, one), *ops.batch_norm_backward(grad_output, images, one),
        ops.batch_norm(images, one, one, mean=one, variance=one), *ops.channel_moments(images),
        *ops.batch_norm_backward(grad_output, images, one, mean=one, variance=one),
    ]  # fmt: skip
    for result in results:
        result += 1
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_what_is_refused_does_not_depend_on_what_was_asked_before():
    images, kernel = np.ones((1, 5, 5, 1)), np.ones((2, 2, 1, 1))
    for padding in (1, ((1, 1), (1, 1))):
        ops.conv2d(images, kernel, padding=padding)
    for padding in (True, 1.0, ((1, 1), (1, 1.0)), ((True, 1), (1, 1))):  # equal to those, but not whole numbers
        with pytest.raises(TypeError, match="must be a whole number"):
            ops.conv2d(images, kernel, padding=padding)


def test_a_stride_beyond_the_image_leaves_one_place_however_large_it_is():
    assert ops.conv2d(np.ones((1, 3, 3, 8)), np.ones((1, 1, 8, 1)), stride=2**62).tolist() == [[[[8.0]]]]


def test_a_pair_may_come_as_an_array():
    images, kernel, padding = np.ones((1, 5, 5, 1)), np.ones((2, 2, 1, 1)), ((1, 0), (0, 1))
    as_tuples = ops.conv2d(images, kernel, stride=(1, 2), padding=padding)
    as_arrays = ops.conv2d(images, kernel, stride=np.array([1, 2]), padding=np.array(padding))
    np.testing.assert_array_equal(as_arrays, as_tuples)


def test_views_with_strange_strides_give_the_same_numbers():
    images, kernel = rng.standard_normal((2, 8, 9, 9)), rng.standard_normal((3, 3, 9, 2))
    turned = images[:, ::-1, ::2]
    np.testing.assert_allclose(ops.conv2d(turned, kernel), ops.conv2d(turned.copy(), kernel))


# --------------------------------------------------------------------------- pooling

POOLS = [(ops.max_pool2d, ops.max_pool2d_backward), (ops.average_pool2d, ops.average_pool2d_backward)]


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
def test_pools_are_scikit_images_block_reduce(size):
    images = rng.standard_normal((2, 6, 8, 3))
    for pool, function in ((ops.max_pool2d, np.max), (ops.average_pool2d, np.mean)):
        np.testing.assert_allclose(pool(images, size), skimage.measure.block_reduce(images, (1, *size, 1), function))


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, None, "valid"), ((3, 2), (2, 1), "same"), (3, 2, "same")])
def test_pools_and_their_gradients_are_tensorflows(size, stride, padding):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is the oracle here and is not installed")
    images = tf.constant(rng.standard_normal((2, 7, 8, 3)))
    for (pool, backward), theirs in zip(POOLS, (tf.nn.max_pool2d, tf.nn.avg_pool2d), strict=True):
        with tf.GradientTape() as tape:
            tape.watch(images)
            out = theirs(images, size, stride or size, padding.upper())
        grad_output = rng.standard_normal(out.shape)
        np.testing.assert_allclose(pool(images.numpy(), size, stride, padding), out)
        np.testing.assert_allclose(
            backward(grad_output, images.numpy(), size, stride, padding),
            tape.gradient(out, images, tf.constant(grad_output)),
        )


@pytest.mark.parametrize(("pool", "backward"), POOLS)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3),
    st.one_of(st.sampled_from(["valid", "same"]), st.just(((0, 0), (0, 0)))), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=25)
def test_pool_gradients_are_what_central_differences_say(pool, backward, size, stride, padding, seed):
    images = np.random.default_rng(seed).permutation(5 * 6 * 2).reshape(1, 5, 6, 2).astype(float)  # no ties
    grad_output = np.sin(np.arange(pool(images, size, stride, padding).size)).reshape(
        pool(images, size, stride, padding).shape
    )
    numerical = numerical_gradient(lambda x: pool(x, size, stride, padding), images, grad_output, step=0.25)
    assert relative_error(backward(grad_output, images, size, stride, padding), numerical) < 1e-10


@st.composite
def pools(draw):
    """Images full of ties, some with NaN or the lowest number, windows that touch, overlap or leave gaps, padding."""
    size, stride = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    pads = st.tuples(*[st.tuples(st.integers(0, side - 1), st.integers(0, side - 1)) for side in size])
    values = draw(st.sampled_from([(0, 1), (-np.inf, 0, 1), (-1, np.nan, 2), (np.nan, np.inf), (-np.inf, np.nan)]))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    images = generator.choice(values, (2, draw(st.integers(3, 6)), draw(st.integers(3, 6)), 2))
    return images, size, stride, draw(st.one_of(st.sampled_from(["valid", "same"]), pads))


def max_pool2d_by_loops(images, size, stride, padding):
    """Say max_pool2d once more in the plainest words; also return its gradient, each window's being its number."""
    axes = list(zip(images.shape[1:3], size, stride, shapes.padding_pair(padding), strict=True))
    (top, _), (left, _) = (shapes.padding_amounts(*axis) for axis in axes)
    height, width = (shapes.output_size(*axis) for axis in axes)
    out, grad_images = np.empty((len(images), height, width, images.shape[3])), np.zeros(images.shape)
    for number, (n, r, c, channel) in enumerate(np.ndindex(out.shape), 1):
        rows, columns = range(r * stride[0] - top, r * stride[0] - top + size[0]), c * stride[1] - left
        places = [(n, i, j, channel) for i in rows for j in range(columns, columns + size[1])]
        inside = [place for place in places if 0 <= place[1] < images.shape[1] and 0 <= place[2] < images.shape[2]]
        winner = inside[np.argmax([images[place] for place in inside])]  # the first; NaN is above everything
        out[n, r, c, channel] = images[winner]
        grad_images[winner] += number
    return out, grad_images


@given(pools())
def test_max_pool_keeps_the_first_largest_pixel_that_is_not_padding_and_nan_is_the_largest(pool):
    out, grad_images = max_pool2d_by_loops(*pool)
    numbers = np.arange(1, out.size + 1).reshape(out.shape)
    np.testing.assert_array_equal(ops.max_pool2d(*pool), out)
    np.testing.assert_array_equal(ops.max_pool2d_backward(numbers, *pool), grad_images)
    np.testing.assert_array_equal(ops.max_pool2d_backward(numbers, *pool, largest=out), grad_images)


def test_a_tie_sends_the_whole_gradient_to_the_first_pixel():
    grad = ops.max_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 2, 2, 1)), 2)
    np.testing.assert_array_equal(grad[0, :, :, 0], [[1, 0], [0, 0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_, float])
def test_no_gradient_is_lost_in_the_padding(dtype):
    lowest = np.full((1, 3, 3, 1), ops._lowest(np.dtype(dtype)), dtype)
    assert ops.max_pool2d_backward(np.ones((1, 3, 3, 1)), lowest, 3, 1, "same").sum() == 9


def test_padding_is_never_the_largest_pixel_and_never_averaged():
    for dtype in (float, np.int8, np.uint8):
        images = np.full((1, 3, 3, 1), 7, dtype) if dtype is np.uint8 else np.full((1, 3, 3, 1), -7, dtype)
        assert (ops.max_pool2d(images, 2, padding="same") == images.flat[0]).all()
        assert (ops.average_pool2d(images, 2, padding="same") == images.flat[0]).all()


def test_integers_are_averaged_without_overflow():
    assert ops.average_pool2d(np.full((1, 4, 4, 1), 255, np.uint8), 4).item() == 255.0


# --------------------------------------------------------------------------- the other layers and the loss


def test_relu_is_unbounded_above_and_its_gradient_passes_where_the_input_is_positive():
    inputs = np.array([-2.0, -0.0, 0.5, 1e300])
    np.testing.assert_array_equal(ops.relu(inputs), [0, 0, 0.5, 1e300])
    np.testing.assert_array_equal(ops.relu_backward(np.full(4, 3.0), inputs), [0, 0, 3, 3])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gradient", [np.inf, -np.inf, np.nan])
def test_relu_stops_even_an_infinite_gradient(gradient):
    inputs = np.array([[-1.0, 0, 2, np.nan]])
    np.testing.assert_array_equal(ops.relu_backward(np.full((1, 4), gradient), inputs), [[0, 0, gradient, 0]])
    np.testing.assert_array_equal(ops.relu_backward(gradient, -1), 0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_gradients_of_integers_are_float64_and_beside_floats_of_their_type(dtype):
    maps, rows, kernel = np.ones((1, 2, 2, 1), dtype), np.ones((2, 2), dtype), np.ones((1, 1, 1, 1), dtype)
    grads = [
        ops.relu_backward(rows, rows),
        ops.max_pool2d_backward(maps[:, :1, :1], maps, 2),
        ops.average_pool2d_backward(maps[:, :1, :1], maps, 2),
        *ops.conv2d_backward(maps, maps, kernel),
        *ops.dense_backward(rows, rows, rows),
        *ops.batch_norm_backward(maps, maps, np.ones(1, dtype)),
        ops.softmax_cross_entropy_backward(rows, [0, 1]),
    ]
    assert {grad.dtype for grad in grads} == {np.dtype(float)}
    assert ops.relu_backward(rows, rows.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(ops.relu_backward([3, 4, 5], [1, 0, -1]), [3.0, 0, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_gradient_of_relu_has_the_type_of_what_comes_back(dtype):
    assert ops.relu_backward(np.array([1, 2], dtype), np.array([-1.0, 1.0])).dtype == dtype


def test_a_dense_layer_without_bias_is_the_matrix_product():
    np.testing.assert_array_equal(ops.dense([[1.0, 2.0]], [[3.0], [4.0]]), [[11]])


def test_the_dense_gradients_are_what_central_differences_say():
    inputs, weights, bias = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(3)
    grad_output = rng.standard_normal((5, 3))
    numerical = (
        numerical_gradient(lambda x: ops.dense(x, weights, bias), inputs, grad_output),
        numerical_gradient(lambda w: ops.dense(inputs, w, bias), weights, grad_output),
        numerical_gradient(lambda b: ops.dense(inputs, weights, b), bias, grad_output),
    )
    for ours, theirs in zip(ops.dense_backward(grad_output, inputs, weights), numerical, strict=True):
        assert relative_error(ours, theirs) < 1e-8


@pytest.mark.parametrize("shape", [(6, 3), (3, 4, 2, 3)])
def test_batch_norm_normalises_and_its_gradients_are_what_central_differences_say(shape):
    inputs, scale, shift = 5 + 2 * rng.standard_normal(shape), rng.standard_normal(3), rng.standard_normal(3)
    grad_output, batch = rng.standard_normal(shape), tuple(range(len(shape) - 1))
    normal = ops.batch_norm(inputs, np.ones(3), np.zeros(3), epsilon=1e-12)
    np.testing.assert_allclose(normal.mean(batch), 0, atol=1e-9)
    np.testing.assert_allclose(normal.std(batch), 1, atol=1e-9)
    numerical = (
        numerical_gradient(lambda x: ops.batch_norm(x, scale, shift), inputs, grad_output),
        numerical_gradient(lambda s: ops.batch_norm(inputs, s, shift), scale, grad_output),
        numerical_gradient(lambda s: ops.batch_norm(inputs, scale, s), shift, grad_output),
    )
    for ours, theirs in zip(ops.batch_norm_backward(grad_output, inputs, scale), numerical, strict=True):
        assert relative_error(ours, theirs) < 1e-7


@pytest.mark.parametrize("shape", [(6, 3), (3, 4, 2, 3), (2, 3, 2, 2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_channel_moments_are_mean_and_variance_and_may_be_given_to_the_gradient(shape, dtype):
    inputs, grad_output = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mean, variance = ops.channel_moments(inputs)
    batch = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(mean, inputs.mean(batch), atol=1e-6)
    np.testing.assert_allclose(variance, inputs.var(batch), rtol=1e-5)
    own = ops.batch_norm_backward(grad_output, inputs, [1, 2, 3])
    given_ = ops.batch_norm_backward(grad_output, inputs, [1, 2, 3], mean=mean, variance=variance)
    for grad, expected in zip(given_, own, strict=True):
        np.testing.assert_array_equal(grad, expected)
        assert grad.dtype == dtype


def test_a_large_mean_does_not_hide_a_small_variance():
    inputs = (1e4 + rng.standard_normal((32, 16, 16, 2))).astype(np.float32)  # squares have no room for the variance
    mean, variance = ops.channel_moments(inputs)
    assert mean.dtype == variance.dtype == np.float32
    np.testing.assert_allclose(variance, inputs.astype(float).var((0, 1, 2)), rtol=1e-4)
    normal = ops.batch_norm(inputs, np.ones(2), np.zeros(2))
    np.testing.assert_allclose(normal, ops.batch_norm(inputs.astype(float), np.ones(2), np.zeros(2)), atol=5e-3)


def test_many_equal_numbers_have_that_number_as_mean():
    level = np.float32(0.1)  # added up one by one in float32, so many of them miss the mean by a thousandth of it
    mean, variance = ops.channel_moments(np.full((256, 32, 32, 3), level))
    np.testing.assert_allclose(mean, level, rtol=1e-5)
    np.testing.assert_allclose(variance, 0, atol=1e-10)
    _, _, grad_bias = ops.conv2d_backward(np.full((256, 32, 32, 1), level), np.ones((256, 32, 32, 1), np.float32),
                                          np.ones((1, 1, 1, 1), np.float32))  # fmt: skip
    np.testing.assert_allclose(grad_bias, 256 * 32 * 32 * 0.1, rtol=1e-5)


def test_batch_norm_of_integers_is_that_of_floats():
    np.testing.assert_array_equal(
        ops.batch_norm([[0], [3]], [1], [0]), ops.batch_norm([[0.0], [3.0]], [1], [0]), strict=True
    )


def test_batch_norm_with_given_moments_is_a_fixed_scale_and_shift():
    inputs = rng.standard_normal((4, 2))
    out = ops.batch_norm(inputs, [2, 2], [1, 1], mean=[0, 1], variance=[4, 4], epsilon=0.0)
    np.testing.assert_allclose(out, inputs - [0, 1] + 1)


def test_cross_entropy_is_log_k_for_equal_scores_and_its_gradient_is_numerical():
    logits, labels = rng.standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])
    assert ops.softmax_cross_entropy(np.zeros((5, 4)), labels) == pytest.approx(np.log(4))
    numerical = numerical_gradient(lambda scores: ops.softmax_cross_entropy(scores, labels), logits)
    assert relative_error(ops.softmax_cross_entropy_backward(logits, labels), numerical) < 1e-8


def test_cross_entropy_of_huge_scores_neither_overflows_nor_loses_the_loss():
    assert ops.softmax_cross_entropy([[1e4, 0.0]], [1]) == 1e4
    assert ops.softmax_cross_entropy([[0.0, 0.0], [-1e4, -1e4]], [0, 0]) == pytest.approx(np.log(2))
    assert ops.softmax_cross_entropy([[0.0, -np.inf]], [0]) == 0


# --------------------------------------------------------------------------- errors are a teacher's voice

IMAGES, KERNEL = np.ones((1, 5, 6, 3)), np.ones((3, 3, 3, 2))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.cross_correlate(np.ones((4, 4, 3)), np.ones((3, 3))), ValueError,
         r"image must have 2 axes, \(H, W\), got 3 with shape \(4, 4, 3\); choose one channel"),
        (lambda: ops.cross_correlate(np.ones((4, 4)), np.ones(3)), ValueError, r"kernel must have 2 axes.*\(3,\)"),
        (lambda: ops.cross_correlate(np.ones((2, 2)), np.ones((3, 3))), ValueError, "kernel of size 3 does not fit"),
        (lambda: ops.cross_correlate("photo", np.ones((3, 3))), TypeError,
         "image must hold real numbers, got dtype <U5"),
        (lambda: ops.cross_correlate(np.ones((4, 4), complex), np.ones((3, 3))), TypeError, "real numbers.*complex128"),
        (lambda: ops.cross_correlate(np.ones((0, 4)), np.ones((3, 3))), ValueError,
         r"image must not be empty.*\(0, 4\)"),
        (lambda: ops.conv2d(IMAGES[0], KERNEL), ValueError,
         r"images must have 4 axes.*for one image write images\[None\]"),
        (lambda: ops.conv2d(IMAGES, KERNEL[..., 0]), ValueError, r"kernel must have 4 axes.*kernel\[\.\.\., None\]"),
        (lambda: ops.conv2d(IMAGES[..., :2], KERNEL), ValueError,
         r"as many input channels as the images: images \(1, 5, 6, 2\) have 2, kernel \(3, 3, 3, 2\) takes 3"),
        (lambda: ops.conv2d(IMAGES, KERNEL, stride=0), ValueError, "stride must be at least 1, got 0"),
        (lambda: ops.conv2d(IMAGES, KERNEL, stride=(1, 0.5)), TypeError,
         r"stride\[1\] must be a whole number, got 0.5"),
        (lambda: ops.conv2d(IMAGES, KERNEL, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: ops.conv2d(IMAGES, KERNEL, padding="full"), ValueError, 'must be "valid" or "same"'),
        (lambda: ops.conv2d(IMAGES, KERNEL, padding=(1, 2)), ValueError, r"write for example \(\(0, 1\), \(0, 1\)\)"),
        (lambda: ops.conv2d(IMAGES, KERNEL, dilation=3), ValueError, r"7 with dilation 3\) does not fit in 5 pixels"),
        (lambda: ops.conv2d(IMAGES, KERNEL, np.ones(3)), ValueError,
         r"bias must have the shape of .*\(2,\), got \(3,\)"),
        (lambda: ops.conv2d_backward(np.ones((1, 5, 6, 2)), IMAGES, KERNEL), ValueError,
         r"grad_output must have the shape of conv2d's output: \(1, 3, 4, 2\), got \(1, 5, 6, 2\)"),
        (lambda: ops.max_pool2d(IMAGES, 7), ValueError, "kernel of size 7 does not fit"),
        (lambda: ops.max_pool2d(IMAGES, 2, padding=2), ValueError, "padding of a pool must be smaller than its window"),
        (lambda: ops.max_pool2d_backward(np.ones((1, 2, 2, 3)), IMAGES, 2), ValueError,
         r"the pool's output: \(1, 2, 3, 3\)"),
        (lambda: ops.dense(np.ones((2, 3)), np.ones((4, 5))), ValueError, "have 3, weights .* have 4 rows"),
        (lambda: ops.batch_norm(np.ones((2, 3)), np.ones(2), np.ones(3)), ValueError,
         r"scale must have .*\(3,\), got \(2,\)"),
        (lambda: ops.batch_norm(IMAGES, np.ones(3), np.ones(3), mean=np.ones(3)), ValueError, "both or neither"),
        (lambda: ops.batch_norm_backward(IMAGES, IMAGES, np.ones(3), variance=np.ones(3)), ValueError,
         "both or neither"),
        (lambda: ops.batch_norm_backward(IMAGES, IMAGES, np.ones(3), mean=np.ones(2), variance=np.ones(3)), ValueError,
         r"mean must have .*\(3,\), got \(2,\)"),
        (lambda: ops.channel_moments(np.ones(3)), ValueError, r"inputs must have 2 axes, \(..., C\), got 1"),
        (lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0, 3]), ValueError, "labels must lie from 0 to 2.*0 to 3"),
        (lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0.0, 1.0]), TypeError, "labels must be whole numbers"),
        (lambda: ops.softmax_cross_entropy(np.ones((1, 3)), [-1]), ValueError, "labels must lie from 0 .*-1 to -1"),
        (lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0]), ValueError, r"one class a row.*\(2,\), got \(1,\)"),
        (lambda: ops.softmax_cross_entropy([[np.nan, 1.0]], [0]), ValueError, "must be finite, got nan in row 0"),
        (lambda: ops.softmax_cross_entropy([[0.0, 0.0], [np.inf, 0.0]], [0, 0]), ValueError, "got inf in row 1"),
        (lambda: ops.softmax_cross_entropy([[-np.inf, -np.inf]], [0]), ValueError, "got -inf in row 0"),
        (lambda: ops.dense_backward(np.ones((2, 1)), np.ones((2, 3)), np.ones((3, 5))), ValueError,
         r"shape of dense's output: \(2, 5\), got \(2, 1\)"),
        (lambda: ops.batch_norm_backward(np.ones((1, 3)), np.ones((2, 3)), np.ones(3)), ValueError,
         r"shape of batch_norm's output: \(2, 3\), got \(1, 3\)"),
        (lambda: ops.batch_norm(np.ones((2, 1)), [1], [0], epsilon=-1), ValueError, "not be negative.*got epsilon -1"),
        (lambda: ops.batch_norm(np.eye(2), [1, 1], [0, 0], epsilon=np.nan), ValueError, "epsilon .* got nan, which"),
        (lambda: ops.batch_norm(np.eye(2), [1, 1], [0, 0], epsilon=np.inf), ValueError, "epsilon .* got inf, which"),
        (lambda: ops.batch_norm(np.ones((2, 1)), [1], [0], epsilon=0), ValueError, "nor both zero"),
        (lambda: ops.batch_norm(np.ones((2, 1)), [1], [0], mean=[0], variance=[-1]), ValueError, "variances from -1"),
        (lambda: ops.relu_backward(np.ones((3, 1)), np.ones((1, 4))), ValueError,
         r"shape of relu's output: \(1, 4\), got \(3, 1\)"),
        (lambda: ops.relu("a"), TypeError, "array must hold real numbers, got dtype <U1"),
        (lambda: ops.conv2d(IMAGES, KERNEL, 5), ValueError, r"bias must have 1 axis, \(C_out,\), got 0"),
        (lambda: ops.conv2d(IMAGES, KERNEL, padding=(1, 2, 3)), ValueError, r"got \(1, 2, 3\); write for example"),
        (lambda: ops.cross_correlate([[1], [1, 2]], KERNEL[..., 0, 0]), ValueError,
         r"image must have rows of equal length, \(H, W\), got a ragged list"),
        (lambda: ops.cross_correlate(np.ma.masked_equal(np.eye(4), 1), KERNEL[..., 0, 0]), TypeError,
         r"image must not be masked, got shape \(4, 4\); fill it first, image.filled\(0\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_its_shape_and_a_remedy(call, error, words):
    with pytest.raises(error, match=words):
        call()
