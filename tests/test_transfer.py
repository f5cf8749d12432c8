"""Transfer: a network and its Keras twin are one network written twice."""

import os

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from cnnlessons import layers, optimizers, training, transfer
from cnnlessons.network import Sequential

rng = np.random.default_rng(0)
IMAGES = rng.random((12, 9, 8, 2), np.float32)
LABELS = rng.integers(0, 5, 12)


def every_kind(dtype=np.float32):
    """A network with every layer, every option that Keras has too, and none of the values that layers start with."""
    made = Sequential(
        [
            layers.Conv2D(4, (3, 2), stride=(2, 1), padding=((1, 0), (2, 1))),
            layers.BatchNorm(momentum=0.8, epsilon=0.01),
            layers.ReLU(),
            layers.MaxPool2D((2, 1), stride=1, padding="same"),
            layers.Conv2D(3, 3, padding="same", use_bias=False),
            layers.AveragePool2D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(6, use_bias=False),
            layers.ReLU(),
            layers.Dense(5),
        ],
        IMAGES.shape[1:],
        dtype=dtype,
    )
    return shaken(made)


def shaken(network):
    rng = np.random.default_rng(1)
    for array in network.parameters().values():
        array += rng.normal(scale=0.3, size=array.shape)
    for array in network.state().values():
        array += rng.uniform(0, 0.3, array.shape)  # variances stay positive
    network.layers[-1].bias += 1
    return network


def test_the_network_of_these_tests_is_alive():
    network = every_kind()
    assert np.ptp(network.predict(IMAGES), axis=0).min() > 0.01
    network.backward(np.random.default_rng(0).normal(size=(len(IMAGES), 5)))
    assert min(np.abs(gradient).max() for gradient in network.gradients().values()) > 1e-3


def test_outputs_loss_and_every_gradient_are_the_same():
    network = every_kind()
    errors = transfer.differences(network, transfer.to_keras(network), IMAGES, LABELS)
    assert set(errors) == {"outputs", "loss", *network.parameters()}
    assert max(errors.values()) < 1e-5


@pytest.mark.skipif(
    keras.backend.backend() == "jax" and not os.environ.get("JAX_ENABLE_X64"),
    reason="JAX computes in 32 bits unless JAX_ENABLE_X64 is set",
)
def test_in_float64_they_are_the_same_to_twelve_digits():
    network = every_kind(np.float64)
    errors = transfer.differences(network, transfer.to_keras(network), IMAGES.astype(np.float64), LABELS)
    assert max(errors.values()) < 1e-12


def test_a_wrong_gradient_is_not_taken_for_the_same():
    network = every_kind()
    model = transfer.to_keras(network)
    network.layers[4].kernel[0, 0, 0, 0] += 0.1
    assert max(transfer.differences(network, model, IMAGES, LABELS).values()) > 1e-3


def test_comparing_changes_neither():
    network = every_kind()
    model = transfer.to_keras(network)
    before = [array.copy() for array in (*network.parameters().values(), *network.state().values())]
    weights = model.get_weights()
    transfer.differences(network, model, IMAGES, LABELS)
    after = [*network.parameters().values(), *network.state().values()]
    assert all(map(np.array_equal, before, after))
    assert all(map(np.array_equal, weights, model.get_weights()))


def test_there_and_back_gives_the_same_network():
    network = every_kind()
    back = transfer.from_keras(transfer.to_keras(network))
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in network.layers]
    assert back.parameters().keys() == network.parameters().keys()
    np.testing.assert_array_equal(back.predict(IMAGES), network.predict(IMAGES))


def test_global_average_pooling_goes_there_and_back():
    network = Sequential([layers.Conv2D(3, 3), layers.GlobalAveragePool2D(), layers.Dense(5)], IMAGES.shape[1:])
    model = transfer.to_keras(network)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), network.predict(IMAGES), atol=1e-6)
    np.testing.assert_array_equal(transfer.from_keras(model).predict(IMAGES), network.predict(IMAGES))


def test_dilation_goes_there_and_back():
    network = Sequential([layers.Conv2D(3, 3, dilation=(2, 1)), layers.Flatten(), layers.Dense(5)], IMAGES.shape[1:])
    model = transfer.to_keras(network)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), network.predict(IMAGES), atol=1e-5)
    np.testing.assert_array_equal(transfer.from_keras(model).predict(IMAGES), network.predict(IMAGES))


def test_a_frozen_layer_stays_frozen():
    network = every_kind()
    network.layers[0].trainable = False
    model = transfer.to_keras(network)
    assert not model.get_layer("conv2d_0").trainable
    errors = transfer.differences(network, model, IMAGES, LABELS)
    assert not [name for name in errors if name.startswith("conv2d_0.")]
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_same_batches_give_the_same_training(momentum):
    network = every_kind(np.float64)
    model = training.compiled(transfer.to_keras(network), optimizer=keras.optimizers.SGD(0.05, momentum))
    images = IMAGES.astype(np.float64)
    history = network.fit(
        images, LABELS, epochs=3, batch_size=5, optimizer=optimizers.SGD(0.05, momentum), seed=4, progress=False
    )
    theirs = training.fit(model, images, LABELS, epochs=3, batch_size=5, seed=4, progress=False)
    np.testing.assert_allclose(theirs["loss"], history.column("loss"), rtol=1e-6)  # Keras averages in float32
    np.testing.assert_allclose(theirs["accuracy"], history.column("accuracy"), rtol=1e-6)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), network.predict(images), atol=1e-5
    )  # its loss is in float32, too


def test_each_parameter_finds_its_variable():
    network = every_kind()
    model = transfer.to_keras(network)
    for name, array in network.parameters().items():
        np.testing.assert_array_equal(transfer.variable(model, name).numpy(), array)


def test_activations_inside_layers_become_layers():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Activation("relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    network = transfer.from_keras(model)
    assert [type(layer).__name__ for layer in network.layers] == ["Conv2D", "ReLU", "ReLU", "Flatten", "Dense"]
    images = rng.random((2, 8, 8, 1), np.float32)
    np.testing.assert_allclose(network.predict(images), model.predict(images, verbose=0), atol=1e-6)


# ---- what cannot be transferred says so


def test_a_network_that_is_not_built_says_so():
    with pytest.raises(ValueError, match=r"network must be built .* give Sequential an input_shape"):
        transfer.to_keras(Sequential([layers.Flatten()]))


def test_a_layer_of_the_reader_s_own_says_so():
    class Mine(layers.Layer):
        pass

    with pytest.raises(ValueError, match=r"made of Conv2D, .* got a Mine"):
        transfer.to_keras(Sequential([Mine(), layers.Flatten(), layers.Dense(2)], (4, 4, 1)))


def test_a_padded_pool_says_so():
    with pytest.raises(ValueError, match='padding of a pool must be "valid" or "same" to be transferred, got 1'):
        transfer.to_keras(Sequential([layers.MaxPool2D(3, padding=1), layers.Flatten()], (6, 6, 1)))


def chain(*made, shape=(8, 8, 2)):
    return keras.Sequential([keras.Input(shape), *made])


kl = keras.layers


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([kl.Conv2D(4, 3, groups=2)], "must have groups=1 .* got 2"),
        ([kl.ReLU(max_value=6)], "must have max_value=None .* got 6"),
        ([kl.BatchNormalization(scale=False)], "must have scale=True .* got False"),
        ([kl.Flatten(), kl.Dense(3, activation="softmax")], "no activation or relu, got softmax; .*from_logits=True"),
        ([kl.Flatten(), kl.Dense(3, activation="tanh")], "no activation or relu, got tanh$"),
        ([kl.LayerNormalization()], "no counterpart of LayerNormalization"),
        ([kl.ZeroPadding2D(1), kl.MaxPooling2D(2)], "ZeroPadding2D must be followed by Conv2D .* got MaxPooling2D"),
        ([kl.ZeroPadding2D(1)], "must not end in ZeroPadding2D"),
        ([kl.ZeroPadding2D(1), kl.Conv2D(2, 3, padding="same")], 'must have padding="valid" after ZeroPadding2D'),
    ],
)
def test_a_keras_layer_without_counterpart_says_what_is_wrong(made, said):
    with pytest.raises(ValueError, match=said):
        transfer.from_keras(chain(*made))


def test_a_graph_that_is_not_a_chain_says_where():
    inputs = keras.Input((8, 8, 1))
    left, right = kl.Conv2D(2, 3, name="left")(inputs), kl.Conv2D(2, 3, name="right")(inputs)
    model = keras.Model(inputs, kl.Flatten()(kl.concatenate([left, right])))
    with pytest.raises(ValueError, match=r"must be a chain of layers .*'right' does not follow 'left'"):
        transfer.from_keras(model)


def test_a_model_that_is_not_built_says_so():
    with pytest.raises(ValueError, match=r"model must be built .* keras.Input"):
        transfer.from_keras(keras.Sequential([kl.Dense(3)]))
