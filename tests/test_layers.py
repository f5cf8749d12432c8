"""Layers, held against central differences, their operations, and what their build promised."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlessons import layers, ops
from cnnlessons.gradcheck import numerical_gradient, relative_error

few = settings(max_examples=25)
paddings = st.one_of(
    st.sampled_from(["valid", "same"]),
    st.integers(0, 2),
    st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
)
numbers_or_pairs = st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 3), st.integers(1, 3)))
shapes = st.tuples(st.integers(7, 9), st.integers(7, 9), st.integers(1, 3))


def rng(seed=0):
    return np.random.default_rng(seed)


def distinct(shape, seed=0):
    """Numbers of both signs that lie at least 0.1 from each other and 0.05 from zero: no tie, no kink nearby."""
    count = int(np.prod(shape))
    return (rng(seed).permutation(count) - count // 2 + 0.5).reshape(shape) / 10


def built(layer, input_shape, dtype=np.float64):
    output_shape = layer.build(input_shape, rng(1), dtype)
    return layer, output_shape


def assert_gradients_are_central_differences(layer, images, training=True, tolerance=1e-7):
    """Check the gradient of the images and of every parameter."""
    output = layer.forward(images, training)
    grad_output = rng(2).standard_normal(output.shape)
    grad_images = layer.backward(grad_output)
    gradients = {name: gradient.copy() for name, gradient in layer.gradients().items()}
    assert grad_images.shape == images.shape
    moved = numerical_gradient(partial(run, layer, training), images, grad_output)
    assert relative_error(grad_images, moved) < tolerance
    assert gradients.keys() == layer.parameters().keys()
    for name, array in layer.parameters().items():
        assert gradients[name].shape == array.shape
        moved = numerical_gradient(partial(run_with, layer, name, images, training), array, grad_output)
        assert relative_error(gradients[name], moved) < tolerance


def run(layer, training, images):
    return layer.forward(images, training)


def run_with(layer, name, images, training, value):
    """Run a layer with another value of one parameter, which is then put back."""
    array = layer.parameters()[name]
    before = array.copy()
    array[...] = value
    output = layer.forward(images, training)
    array[...] = before
    return output


@st.composite
def convolutions(draw):
    return layers.Conv2D(
        draw(st.integers(1, 3)),
        kernel_size=draw(numbers_or_pairs),
        stride=draw(numbers_or_pairs),
        padding=draw(paddings),
        dilation=draw(numbers_or_pairs),
        use_bias=draw(st.booleans()),
    )


@st.composite
def pools(draw):
    kind = draw(st.sampled_from([layers.MaxPool2D, layers.AveragePool2D]))
    size = draw(st.tuples(st.integers(2, 3), st.integers(2, 3)))
    padding = draw(st.sampled_from(["valid", "same", 0, 1, ((0, 1), (1, 0))]))
    return kind(size, draw(st.one_of(st.none(), numbers_or_pairs)), padding)


# --------------------------------------------------------------------------- gradients


@few
@given(convolutions(), shapes)
def test_a_convolutions_gradients_are_central_differences(layer, input_shape):
    layer, _ = built(layer, input_shape)
    if layer.use_bias:
        layer.bias[:] = rng(3).standard_normal(layer.bias.shape)
    assert_gradients_are_central_differences(layer, distinct((2, *input_shape)))


@few
@given(pools(), shapes)
def test_a_pools_gradients_are_central_differences(layer, input_shape):
    layer, _ = built(layer, input_shape)
    assert_gradients_are_central_differences(layer, distinct((2, *input_shape)))


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_dense_layers_gradients_are_central_differences(use_bias):
    layer, _ = built(layers.Dense(4, use_bias), (5,))
    assert_gradients_are_central_differences(layer, distinct((3, 5)))


@pytest.mark.parametrize("layer", [layers.Layer(), layers.ReLU(), layers.GlobalAveragePool2D(), layers.Flatten()])
def test_a_layer_without_weights_carries_its_gradient_back(layer):
    layer, _ = built(layer, (3, 4, 2))
    assert_gradients_are_central_differences(layer, distinct((2, 3, 4, 2)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 2, 2), (5, 3)])
def test_batch_norms_gradients_are_central_differences_in_both_modes(shape, training):
    layer, _ = built(layers.BatchNorm(), shape[1:])
    for array in (layer.scale, layer.shift, layer.moving_mean, layer.moving_variance):
        array[:] = rng(3).uniform(0.5, 2, array.shape)
    assert_gradients_are_central_differences(layer, rng().standard_normal(shape), training, tolerance=1e-6)


def test_the_two_modes_of_batch_norm_have_different_gradients():
    layer, _ = built(layers.BatchNorm(), (2,))
    images, grad_output = rng().standard_normal((6, 2)), rng(1).standard_normal((6, 2))
    grads = []
    for training in (True, False):
        layer.forward(images, training)
        grads.append(layer.backward(grad_output))
    np.testing.assert_allclose(grads[0].sum(0), 0, atol=1e-12)  # a shift common to the batch is taken off again
    assert np.abs(grads[1].sum(0)).min() > 0.01


def test_backward_is_that_of_the_last_forward():
    layer, _ = built(layers.Dense(2), (3,))
    first, last = distinct((4, 3), 1), distinct((2, 3), 2)
    layer.forward(first)
    layer.forward(last)
    layer.backward(np.ones((2, 2)))
    np.testing.assert_allclose(layer.gradients()["weights"], np.repeat(last.sum(0)[:, None], 2, axis=1))


def test_the_gradient_of_the_images_can_be_left_out():
    for make, input_shape in EVERY:
        layer, _ = built(make(), input_shape)
        output = layer.forward(distinct((2, *input_shape)), training=True)
        layer.backward(output)
        expected = {name: gradient.copy() for name, gradient in layer.gradients().items()}
        layer.backward(0 * output)
        assert layer.backward_to_parameters(output) is None
        for name, gradient in layer.gradients().items():
            np.testing.assert_array_equal(gradient, expected[name])


# --------------------------------------------------------------------------- what build promises

EVERY = (
    (lambda: layers.Layer(), (5, 6, 2)),
    (lambda: layers.Conv2D(3), (5, 6, 2)),
    (lambda: layers.MaxPool2D(), (5, 6, 2)),
    (lambda: layers.AveragePool2D(), (5, 6, 2)),
    (lambda: layers.GlobalAveragePool2D(), (5, 6, 2)),
    (lambda: layers.ReLU(), (5, 6, 2)),
    (lambda: layers.BatchNorm(), (5, 6, 2)),
    (lambda: layers.Flatten(), (5, 6, 2)),
    (lambda: layers.Dense(3), (6,)),
)
every = pytest.mark.parametrize(("make", "input_shape"), EVERY)
every_but_the_first = pytest.mark.parametrize(("make", "input_shape"), EVERY[1:])  # it has nothing to remember


def test_every_kind_is_tested_here():
    assert {type(make()) for make, _ in EVERY} == {*layers.KINDS, layers.Layer}


@few
@given(st.one_of(convolutions(), pools()), shapes)
def test_build_returns_the_shape_that_comes_out_whatever_the_geometry(layer, input_shape):
    layer, output_shape = built(layer, input_shape)
    assert layer.forward(np.ones((2, *input_shape))).shape == (2, *output_shape)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_type_are_kept_as_promised(make, input_shape, dtype):
    layer, output_shape = built(make(), input_shape, dtype)
    images = distinct((2, *input_shape)).astype(dtype)
    for training in (False, True):
        output = layer.forward(images, training)
        assert (output.shape, output.dtype) == ((2, *output_shape), dtype)
    assert layer.backward(output).dtype == dtype
    for arrays in (layer.parameters(), layer.gradients(), layer.state()):
        assert {array.dtype for array in arrays.values()} <= {np.dtype(dtype)}


@every
def test_parameters_and_gradients_have_the_same_keys_and_shapes(make, input_shape):
    layer, _ = built(make(), input_shape)
    layer.backward(layer.forward(distinct((2, *input_shape)), True))
    assert layer.parameters().keys() == layer.gradients().keys()
    for name, array in layer.parameters().items():
        assert layer.gradients()[name].shape == array.shape


@every
def test_settings_make_another_layer_of_the_same_kind(make, input_shape):
    layer = make()
    other = type(layer)(**layer.settings())
    assert other.settings() == layer.settings()
    assert other is not layer


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(3, (1, 2), 2, "same", 1, False, "zeros"), (3, (1, 2), 2, "same", 1, False, "zeros")),
        (layers.MaxPool2D(3, 1, "same"), (3, 1, "same")),
        (layers.AveragePool2D((1, 2)), ((1, 2), None, "valid")),
        (layers.BatchNorm(0.5, 0.1), (0.5, 0.1)),
        (layers.Dense(3, False), (3, False, "glorot_uniform")),
        (layers.Dense(3, initializer=lambda shape, rng: np.ones(shape)), (3, True)),
        (layers.ReLU(), ()),
    ],
)
def test_settings_hold_every_argument_but_a_function_of_the_readers_own(layer, expected):
    assert tuple(layer.settings().values()) == expected


@pytest.mark.parametrize("make", [lambda use: layers.Conv2D(3, use_bias=use), lambda use: layers.Dense(3, use)])
def test_a_bias_starts_at_zero_and_can_be_left_out(make):
    shape = (5, 5, 2) if isinstance(make(True), layers.Conv2D) else (4,)
    with_bias, without = built(make(True), shape)[0], built(make(False), shape)[0]
    assert not with_bias.parameters()["bias"].any()
    assert [*without.parameters()] == [*with_bias.parameters()][:1]
    np.testing.assert_array_equal(with_bias.forward(np.ones((1, *shape))), without.forward(np.ones((1, *shape))))
    with_bias.bias += 5
    assert (with_bias.forward(np.zeros((1, *shape))) == 5).all()


@pytest.mark.parametrize(("make", "shape"), [(layers.Conv2D, (5, 5, 2)), (layers.Dense, (4,))])
def test_the_initializer_draws_from_the_generator_that_build_was_given(make, shape):
    first, again, other = (make(3, initializer="he_normal") for _ in range(3))
    for layer, seed in ((first, 1), (again, 1), (other, 2)):
        layer.build(shape, rng(seed))
    weights = [next(iter(layer.parameters().values())) for layer in (first, again, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    ones = make(3, initializer=lambda shape, rng: np.ones(shape))
    ones.build(shape, rng())
    assert (next(iter(ones.parameters().values())) == 1).all()


def test_parameters_are_the_arrays_themselves_and_build_makes_new_ones():
    layer, _ = built(layers.Dense(2), (3,))
    before = layer.parameters()["weights"]
    before[:] = 7
    assert (layer.forward(np.ones((1, 3))) == 21).all()
    layer.build((4,), rng())
    assert layer.weights.shape == (4, 2)
    assert (before == 7).all()


# --------------------------------------------------------------------------- each layer for itself


@few
@given(convolutions(), shapes)
def test_a_convolution_is_conv2d_with_its_own_kernel_and_bias(layer, input_shape):
    layer, _ = built(layer, input_shape)
    images = distinct((2, *input_shape))
    expected = ops.conv2d(
        images, layer.kernel, layer.bias, stride=layer.stride, padding=layer.padding, dilation=layer.dilation
    )
    np.testing.assert_allclose(layer.forward(images), expected)


@few
@given(pools(), shapes)
def test_a_pool_is_its_operation_with_its_own_size_stride_and_padding(layer, input_shape):
    layer, _ = built(layer, input_shape)
    images = distinct((2, *input_shape))
    operation = ops.max_pool2d if isinstance(layer, layers.MaxPool2D) else ops.average_pool2d
    np.testing.assert_allclose(layer.forward(images), operation(images, layer.size, layer.stride, layer.padding))


def test_pools_take_the_largest_or_the_mean_of_touching_windows():
    image = np.array([[1.0, 2, 5, 0], [3, 4, 1, 2]])[None, :, :, None]
    for kind, expected in ((layers.MaxPool2D, [4, 5]), (layers.AveragePool2D, [2.5, 2])):
        layer, output_shape = built(kind(), (2, 4, 1))
        np.testing.assert_array_equal(layer.forward(image)[0, :, :, 0], [expected])
        assert output_shape == (1, 2, 1)


def test_a_global_average_is_each_channels_mean():
    images = distinct((2, 3, 4, 5))
    np.testing.assert_allclose(built(layers.GlobalAveragePool2D(), (3, 4, 5))[0].forward(images), images.mean((1, 2)))


def test_flatten_gives_every_image_a_row_and_dense_adds_up_rows():
    images = np.arange(12.0).reshape(2, 2, 3, 1)
    flat = built(layers.Flatten(), (2, 3, 1))[0].forward(images)
    np.testing.assert_array_equal(flat, [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    dense = built(layers.Dense(1, initializer="constant"), (6,))[0]
    np.testing.assert_allclose(dense.forward(flat), [[0.15], [0.51]])


def test_relu_keeps_what_is_positive():
    layer = layers.ReLU()
    np.testing.assert_array_equal(layer.forward(np.array([[-1.0, 0, 2]])), [[0, 0, 2]])
    np.testing.assert_array_equal(layer.backward(np.array([[5.0, 5, 5]])), [[0, 0, 5]])


def test_in_training_batch_norm_gives_every_channel_mean_shift_and_deviation_scale():
    layer, _ = built(layers.BatchNorm(epsilon=0), (4, 5, 2))
    layer.scale[:], layer.shift[:] = [2, 3], [-1, 10]
    output = layer.forward(rng().normal(7, 4, (6, 4, 5, 2)), training=True)
    np.testing.assert_allclose(output.mean((0, 1, 2)), [-1, 10])
    np.testing.assert_allclose(output.std((0, 1, 2)), [2, 3])


def test_in_prediction_batch_norm_uses_the_moving_averages_and_leaves_them_alone():
    layer, _ = built(layers.BatchNorm(epsilon=0.25), (2,))
    layer.moving_mean[:], layer.moving_variance[:] = [1, 2], [0.75, 3.75]
    np.testing.assert_allclose(layer.forward(np.array([[3.0, 2.0]])), [[2, 0]])
    np.testing.assert_array_equal([layer.moving_mean, layer.moving_variance], [[1, 2], [0.75, 3.75]])


def test_one_image_is_predicted_as_it_is_in_a_batch():
    layer, _ = built(layers.BatchNorm(), (3, 3, 2))
    images = distinct((4, 3, 3, 2))
    layer.forward(images, training=True)
    np.testing.assert_allclose(layer.forward(images)[:1], layer.forward(images[:1]))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.floats(0, 1))
def test_moving_averages_forget_at_the_rate_of_the_momentum(levels, momentum):
    layer, _ = built(layers.BatchNorm(momentum), (1,))
    mean, variance = 0.0, 1.0  # where Keras starts, too
    for level in levels:
        layer.forward(np.array([[level - 2.0], [level + 2.0]]), training=True)
        mean = momentum * mean + (1 - momentum) * level
        variance = momentum * variance + (1 - momentum) * 4  # of the batch as it is: divided by 2, not by 1
    np.testing.assert_allclose([layer.moving_mean[0], layer.moving_variance[0]], [mean, variance], atol=1e-12)


def test_moving_averages_end_where_the_images_moments_are():
    layer, _ = built(layers.BatchNorm(), (2,))
    images = distinct((8, 2))
    for _ in range(300):
        in_training = layer.forward(images, training=True)
    np.testing.assert_allclose(layer.forward(images), in_training)
    assert layer.state().keys() == {"moving_mean", "moving_variance"}


def test_the_moving_averages_are_state_and_not_parameters():
    layer, _ = built(layers.BatchNorm(), (2,))
    assert layer.parameters().keys() == {"scale", "shift"}
    assert layer.state()["moving_mean"] is layer.moving_mean
    assert layer.state()["moving_variance"] is layer.moving_variance


def test_layers_are_trainable_until_they_are_frozen_one_by_one():
    frozen, other = layers.Dense(2), layers.Dense(2)
    frozen.trainable = False
    assert (frozen.trainable, other.trainable, layers.Layer.trainable) == (False, True, True)


def test_a_layer_of_the_readers_own_needs_its_forward_and_backward_only():
    @dataclass(eq=False)
    class Doubled(layers.Layer):
        times: float = 2

        def forward(self, images, training=False):
            return self.times * images

        def backward(self, grad_output):
            return self.times * grad_output

    layer, output_shape = built(Doubled(3), (4,))
    assert output_shape == (4,)
    assert layer.settings() == {"times": 3}
    assert_gradients_are_central_differences(layer, distinct((2, 4)))


# --------------------------------------------------------------------------- errors


@every_but_the_first
def test_backward_before_forward_says_so(make, input_shape):
    layer, output_shape = built(make(), input_shape)
    with pytest.raises(RuntimeError, match=f"^{type(layer).__name__}: forward needs to run first"):
        layer.backward(np.ones((1, *output_shape)))


@pytest.mark.parametrize(("make", "input_shape"), [(lambda: layers.Dense(3), (6,)), (lambda: layers.BatchNorm(), (6,))])
def test_gradients_before_backward_say_so(make, input_shape):
    layer, _ = built(make(), input_shape)
    layer.forward(np.ones((2, *input_shape)))
    with pytest.raises(RuntimeError, match="forward and backward need to run first"):
        layer.gradients()


@pytest.mark.parametrize("layer", [layers.Conv2D(3), layers.Dense(3), layers.BatchNorm()])
def test_a_layer_used_before_it_is_built_says_so(layer):
    images = np.ones((1, 5, 5, 2)) if isinstance(layer, layers.Conv2D) else np.ones((1, 5))
    for training in (False, True):
        with pytest.raises(AttributeError, match=r"it gets its arrays from build\(input_shape, rng\)"):
            layer.forward(images, training)
    with pytest.raises(RuntimeError, match=f"{type(layer).__name__} has no parameters before it is built"):
        layer.parameters()


def test_a_misspelt_attribute_of_a_built_layer_is_not_blamed_on_build():
    layer, _ = built(layers.Dense(2), (3,))
    with pytest.raises(AttributeError, match=r"Dense has no wieghts$"):
        _ = layer.wieghts


@pytest.mark.parametrize(
    ("layer", "input_shape", "error", "words"),
    [
        (
            layers.Dense(3),
            (4, 4, 2),
            ValueError,
            r"\(D_in,\), got \(4, 4, 2\); put Flatten\(\) or .* before",
        ),
        (layers.Conv2D(3), (8,), ValueError, r"Conv2D takes .*\(H, W, C\), got \(8,\); put it before Flatten"),
        (layers.Conv2D(3), (8, 8), ValueError, r"got \(8, 8\); .*a gray image has shape \(H, W, 1\)"),
        (layers.MaxPool2D(), (8,), ValueError, "MaxPool2D takes inputs of shape"),
        (layers.AveragePool2D(), (8,), ValueError, "AveragePool2D takes inputs of shape"),
        (layers.GlobalAveragePool2D(), (8,), ValueError, "GlobalAveragePool2D takes .*put it before Flatten"),
        (layers.Conv2D(3, 9), (8, 8, 1), ValueError, 'kernel of size 9 does not fit .*padding="same"'),
        (layers.MaxPool2D(9), (8, 8, 1), ValueError, "kernel of size 9 does not fit in 8 pixels"),
        (layers.MaxPool2D(2, padding=2), (8, 8, 1), ValueError, "padding of a pool must be smaller than its window"),
        (layers.Conv2D(0), (8, 8, 1), ValueError, "filters must be at least 1, got 0"),
        (layers.Conv2D(2.0), (8, 8, 1), TypeError, "filters must be a whole number, got 2.0"),
        (layers.Conv2D(2, "3"), (8, 8, 1), TypeError, "kernel_size must be a whole number, got '3'"),
        (layers.Conv2D(2, stride=0), (8, 8, 1), ValueError, "stride must be at least 1, got 0"),
        (layers.Conv2D(2, padding="full"), (8, 8, 1), ValueError, 'padding must be "valid" or "same"'),
        (layers.Dense(0), (8,), ValueError, "units must be at least 1, got 0"),
        (layers.Dense(True), (8,), TypeError, "units must be a whole number, got True"),
        (layers.Dense(3, initializer="he"), (8,), ValueError, r"initializer must be .*he_normal.*got 'he'"),
        (layers.BatchNorm(1.5), (8,), ValueError, "momentum must be a number from 0 to 1, got 1.5"),
        (layers.BatchNorm("0.9"), (8,), ValueError, "momentum must be a number from 0 to 1, got '0.9'"),
        (layers.BatchNorm(epsilon=-1e-3), (8,), ValueError, "epsilon must be a number from 0 up, got -0.001"),
        (layers.BatchNorm(epsilon=np.nan), (8,), ValueError, "epsilon must be a number from 0 up, got nan"),
        (
            layers.BatchNorm(epsilon=np.inf),
            (8,),
            ValueError,
            "epsilon must be a number from 0 up, got inf, which is not",
        ),
    ],
)
def test_a_layer_in_the_wrong_place_or_with_wrong_arguments_says_what_to_do(layer, input_shape, error, words):
    with pytest.raises(error, match=words):
        built(layer, input_shape)


# --------------------------------------------------------------------------- a batch on all cores


@pytest.fixture
def three_workers(share_out):
    share_out(3)


@every
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_batch_that_is_shared_out_gives_what_a_whole_one_gives(make, input_shape, count, share_out):
    layer, _ = built(make(), input_shape)
    images = distinct((count, *input_shape))
    seen = []
    for workers in (1, 3):
        share_out(workers)
        output = layer.forward(images, training=True)
        seen.append([output, layer.backward(output), *layer.gradients().values()])
    for alone, shared in zip(*seen, strict=True):
        np.testing.assert_array_equal(shared, alone)


@pytest.mark.usefixtures("three_workers")
@pytest.mark.parametrize("layer", [layers.Conv2D(2), layers.MaxPool2D(), layers.AveragePool2D()])
def test_gradients_of_a_shared_batch_are_central_differences(layer):
    layer, _ = built(layer, (4, 4, 2))
    assert_gradients_are_central_differences(layer, distinct((4, 4, 4, 2)))


@pytest.mark.usefixtures("three_workers")
@pytest.mark.parametrize("make", [layers.Conv2D, lambda filters: layers.MaxPool2D()])
def test_a_worker_that_fails_says_so_and_the_next_batch_is_none_the_worse(make):
    layer, _ = built(make(3), (5, 6, 2))
    images = distinct((4, 5, 6, 2))
    expected = layer.forward(images)
    with pytest.raises((TypeError, ValueError)):
        layer.forward(images.astype(str))
    np.testing.assert_array_equal(layer.forward(images), expected)
