"""A network and its Keras twin are one network written twice; and the gradients that Keras finds."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cnnlessons import keras_bridge, layers, optimizers, training
from cnnlessons.gradcheck import numerical_gradient, relative_error
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
    errors = keras_bridge.differences(network, keras_bridge.to_keras(network), IMAGES, LABELS)
    assert set(errors) == {"outputs", "loss", *network.parameters()}
    assert max(errors.values()) < 1e-5


def test_in_float64_they_are_the_same_to_twelve_digits():
    network = every_kind(np.float64)
    errors = keras_bridge.differences(network, keras_bridge.to_keras(network), IMAGES.astype(np.float64), LABELS)
    assert max(errors.values()) < 1e-12


def test_a_wrong_gradient_is_not_taken_for_the_same():
    network = every_kind()
    model = keras_bridge.to_keras(network)
    network.layers[4].kernel[0, 0, 0, 0] += 0.1
    assert max(keras_bridge.differences(network, model, IMAGES, LABELS).values()) > 1e-3


def test_comparing_changes_neither():
    network = every_kind()
    model = keras_bridge.to_keras(network)
    before = [array.copy() for array in (*network.parameters().values(), *network.state().values())]
    weights = model.get_weights()
    keras_bridge.differences(network, model, IMAGES, LABELS)
    after = [*network.parameters().values(), *network.state().values()]
    assert all(map(np.array_equal, before, after))
    assert all(map(np.array_equal, weights, model.get_weights()))


def test_there_and_back_gives_the_same_network():
    network = every_kind()
    back = keras_bridge.from_keras(keras_bridge.to_keras(network))
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in network.layers]
    assert back.parameters().keys() == network.parameters().keys()
    np.testing.assert_array_equal(back.predict(IMAGES), network.predict(IMAGES))


def test_global_average_pooling_goes_there_and_back():
    network = Sequential([layers.Conv2D(3, 3), layers.GlobalAveragePool2D(), layers.Dense(5)], IMAGES.shape[1:])
    model = keras_bridge.to_keras(network)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), network.predict(IMAGES), atol=1e-6)
    np.testing.assert_array_equal(keras_bridge.from_keras(model).predict(IMAGES), network.predict(IMAGES))


def test_dilation_goes_there_and_back():
    network = Sequential([layers.Conv2D(3, 3, dilation=(2, 1)), layers.Flatten(), layers.Dense(5)], IMAGES.shape[1:])
    model = keras_bridge.to_keras(network)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), network.predict(IMAGES), atol=1e-5)
    np.testing.assert_array_equal(keras_bridge.from_keras(model).predict(IMAGES), network.predict(IMAGES))


def test_a_frozen_layer_stays_frozen():
    network = every_kind()
    network.layers[0].trainable = False
    model = keras_bridge.to_keras(network)
    assert not model.get_layer("conv2d_0").trainable
    errors = keras_bridge.differences(network, model, IMAGES, LABELS)
    assert not [name for name in errors if name.startswith("conv2d_0.")]
    assert max(errors.values()) < 1e-5


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_same_batches_give_the_same_training(momentum):
    network = every_kind(np.float64)
    model = training.compiled(keras_bridge.to_keras(network), optimizer=keras.optimizers.SGD(0.05, momentum))
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
    model = keras_bridge.to_keras(network)
    for name, array in network.parameters().items():
        np.testing.assert_array_equal(keras_bridge.variable(model, name).numpy(), array)


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
    network = keras_bridge.from_keras(model)
    assert [type(layer).__name__ for layer in network.layers] == ["Conv2D", "ReLU", "ReLU", "Flatten", "Dense"]
    images = rng.random((2, 8, 8, 1), np.float32)
    np.testing.assert_allclose(network.predict(images), model.predict(images, verbose=0), atol=1e-6)


IN_TRAINING_ALONE = [
    *(keras.layers.Dropout(0.5), keras.layers.SpatialDropout2D(0.5), keras.layers.AlphaDropout(0.5)),
    *(keras.layers.GaussianDropout(0.5), keras.layers.GaussianNoise(1), keras.layers.RandomFlip()),
    *(keras.layers.RandomRotation(0.3), keras.layers.RandomTranslation(0.4, 0.4), keras.layers.RandomZoom(0.4)),
    *(keras.layers.RandomContrast(0.5), keras.layers.RandomBrightness(0.5)),
    keras.layers.SpatialDropout2D(0.5, data_format="channels_first"),
]


@pytest.mark.parametrize("kind", [keras.Sequential, keras.Model])
@pytest.mark.parametrize("layer", IN_TRAINING_ALONE, ids=lambda layer: layer.name)
def test_what_acts_in_training_alone_is_left_out(kind, layer):
    images = rng.normal(size=(5, 6, 6, 3)).astype(np.float32)
    layer = type(layer).from_config(layer.get_config())
    inputs = keras.Input(images.shape[1:])
    model = keras.Sequential([inputs, layer, keras.layers.Flatten()])
    if kind is keras.Model:
        model = keras.Model(inputs, keras.layers.Flatten()(layer(inputs)))
    network = keras_bridge.from_keras(model)
    assert [type(each).__name__ for each in network.layers] == ["Flatten"]
    np.testing.assert_array_equal(network.predict(images), model.predict(images, verbose=0))


# ---- Keras's own gradients


def test_gradients_are_those_of_central_differences():
    array = np.random.default_rng(0).normal(size=(3, 4))
    value, (gradient,) = keras_bridge.gradients(lambda x: keras.ops.sum(keras.ops.sin(x) * x), [array])
    expected = numerical_gradient(lambda x: np.sum(np.sin(x) * x), array)
    assert value == pytest.approx(np.sum(np.sin(array) * array))
    assert relative_error(gradient, expected) < 1e-6


def test_an_argument_that_is_not_used_has_gradient_zero():
    _, (used, unused) = keras_bridge.gradients(lambda x, y: keras.ops.sum(x), [np.ones(3, "f"), np.ones(2, "f")])
    np.testing.assert_array_equal(used, np.ones(3))
    np.testing.assert_array_equal(unused, np.zeros(2))


def test_weight_gradients_have_a_place_for_every_trainable_weight_and_change_nothing():
    model = keras_bridge.to_keras(every_kind())
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value, gradients = keras_bridge.weight_gradients(model, loss, IMAGES, LABELS)
    assert list(gradients) == [weight.path for weight in model.trainable_variables]
    assert all(gradients[weight.path].shape == weight.shape for weight in model.trainable_variables)
    assert value > 0
    assert all(map(np.array_equal, before, model.get_weights()))


def test_a_backend_whose_gradients_are_not_asked_for_says_what_to_set(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(NotImplementedError, match="must be tensorflow for gradients, got 'numpy'; set KERAS_BACKEND"):
        keras_bridge.gradients(keras.ops.sum, [np.ones(3)])


# ---- what cannot be transferred says so


def test_a_network_that_is_not_built_says_so():
    with pytest.raises(ValueError, match=r"network must be built .* give Sequential an input_shape"):
        keras_bridge.to_keras(Sequential([layers.Flatten()]))


def test_a_layer_of_the_reader_s_own_says_so():
    class Mine(layers.Layer):
        pass

    with pytest.raises(ValueError, match=r"made of Conv2D, .* got a Mine"):
        keras_bridge.to_keras(Sequential([Mine(), layers.Flatten(), layers.Dense(2)], (4, 4, 1)))


def test_a_padded_pool_says_so():
    with pytest.raises(ValueError, match='padding of a pool must be "valid" or "same" to be transferred, got 1'):
        keras_bridge.to_keras(Sequential([layers.MaxPool2D(3, padding=1), layers.Flatten()], (6, 6, 1)))


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
        ([kl.ZeroPadding2D(1), kl.ZeroPadding2D(2), kl.Conv2D(2, 3)], "followed by Conv2D .* got ZeroPadding2D"),
        ([kl.BatchNormalization(axis=1)], "must have axis=-1 .* got 1"),
        ([kl.BatchNormalization(trainable=False)], "must have trainable=True .* got False"),
        ([kl.Flatten(data_format="channels_first")], "must have data_format='channels_last' .* got 'channels_first'"),
        ([kl.Conv2D(4, 3, dtype="mixed_float16")], "must have dtype='float32' .* got 'mixed_float16'"),
        ([kl.Conv2D(4, 3, activation=kl.ReLU(max_value=1))], "no activation or relu, got ReLU$"),
        ([type("Mine", (kl.Conv2D,), {})(4, 3)], "no counterpart of Mine"),
    ],
)
def test_a_keras_layer_without_counterpart_says_what_is_wrong(made, said):
    with pytest.raises(ValueError, match=said):
        keras_bridge.from_keras(chain(*made))


def test_a_graph_that_is_not_a_chain_says_where():
    inputs = keras.Input((8, 8, 1))
    left, right = kl.Conv2D(2, 3, name="left")(inputs), kl.Conv2D(2, 3, name="right")(inputs)
    model = keras.Model(inputs, kl.Flatten()(kl.concatenate([left, right])))
    with pytest.raises(ValueError, match=r"must be a chain of layers .*'right' does not follow 'left'"):
        keras_bridge.from_keras(model)


def test_a_model_that_is_not_built_says_so():
    with pytest.raises(ValueError, match=r"model must be built .* keras.Input"):
        keras_bridge.from_keras(keras.Sequential([kl.Dense(3)]))


def called(make, **arguments):
    inputs = keras.Input((8, 8, 2))
    return keras.Model(inputs, make(kl.Conv2D(2, 3)(inputs), **arguments))


@pytest.mark.parametrize("layer", [kl.Dropout(0.5), kl.GaussianNoise(1), kl.BatchNormalization()])
def test_a_layer_that_is_always_in_training_says_so(layer):
    with pytest.raises(ValueError, match="must be called with its input alone, got also training=True"):
        keras_bridge.from_keras(called(layer, training=True))


def test_what_is_done_between_layers_is_not_lost():
    with pytest.raises(ValueError, match=r"no counterpart of Multiply"):
        keras_bridge.from_keras(called(lambda maps: 2 * maps))


def test_a_second_output_is_not_lost():
    inputs = keras.Input((8, 8, 2))
    maps = kl.Conv2D(2, 3)(inputs)
    with pytest.raises(ValueError, match="must have one output to be transferred, got 2"):
        keras_bridge.from_keras(keras.Model(inputs, [maps, kl.Flatten()(maps)]))


def test_a_chain_may_be_called_a_second_time_or_looked_at_while_it_grows():
    model = chain(kl.Conv2D(2, 3))
    model.summary(print_fn=lambda *_, **__: None)
    model.add(kl.Flatten())
    again = keras.Input((8, 8, 2))
    images = rng.random((2, 8, 8, 2), np.float32)
    for each in (model, keras.Model(again, model.layers[1](model.layers[0](again)))):
        np.testing.assert_allclose(keras_bridge.from_keras(each).predict(images), model(images), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((8, 8, 2), "uint8", 'keras.Input of float16, float32 or float64 .* got uint8; give it dtype="float32"'),
        ((8, 8, 2), "bfloat16", "keras.Input of float16, float32 or float64 .* got bfloat16"),
        (
            (8, 8, 2),
            "float64",
            "must have dtype='float64' to be transferred, as the model's input has it, got 'float32'",
        ),
        ((None, None, 3), "float32", r"keras.Input of a fixed size to be transferred, got \(None, None, 3\)"),
    ],
)
def test_an_input_that_a_network_cannot_have_says_so(shape, dtype, said):
    with pytest.raises(ValueError, match=said):
        keras_bridge.from_keras(keras.Sequential([keras.Input(shape, dtype=dtype), kl.GlobalAveragePooling2D()]))


def test_what_is_no_network_or_goes_the_other_way_says_so():
    model, network = chain(kl.Flatten()), Sequential([layers.Flatten()], (8, 8, 2))
    for convert, other, said in (
        (keras_bridge.to_keras, model, "network must be .* got a Sequential of keras; give it to from_keras"),
        (keras_bridge.to_keras, "mine", "network must be a Sequential of cnnlessons.network, got 'mine'"),
        (keras_bridge.from_keras, network, "model must be .* got a Sequential of cnnlessons; give it to to_keras"),
        (keras_bridge.from_keras, "mine.keras", "model must be a keras.Sequential or keras.Model, got 'mine.keras'"),
        (keras_bridge.from_keras, None, "model must be a keras.Sequential or keras.Model, got None"),
    ):
        with pytest.raises(TypeError, match=said):
            convert(other)


def test_a_model_without_a_graph_of_its_layers_says_so():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = kl.Dense(2)

        def call(self, rows):
            return self.dense(rows)

    model = Mine()
    model(np.ones((1, 3), np.float32))
    with pytest.raises(ValueError, match=r"must be a keras.Sequential or keras.Model itself, got a Mine"):
        keras_bridge.from_keras(model)


def test_a_model_with_a_way_of_its_own_says_so():
    class Mine(keras.Model):
        def call(self, images):
            return 2 * super().call(images)

    inputs = keras.Input((8, 8, 2))
    with pytest.raises(ValueError, match=r"must be a keras.Sequential or keras.Model itself, got a Mine"):
        keras_bridge.from_keras(Mine(inputs, kl.Flatten()(inputs)))


def test_weights_of_a_low_rank_on_top_are_not_lost():
    model = chain(kl.Flatten(), kl.Dense(3))
    model.layers[-1].enable_lora(1)
    with pytest.raises(ValueError, match=r"must have lora_rank=None to be transferred, got 1"):
        keras_bridge.from_keras(model)


def test_batch_normalisation_that_is_frozen_says_so():
    network = every_kind()
    network.layers[1].trainable = False
    with pytest.raises(ValueError, match="BatchNorm must be trainable to be transferred"):
        keras_bridge.to_keras(network)


# ---- whatever the options of its layers, a model is refused or comes out the same

ACTIVATIONS = [None, "linear", "relu", "relu6", "leaky_relu", "softmax", "gelu", kl.ReLU(max_value=1), abs]
OPTIONS = {
    "activation": ACTIVATIONS,
    "axis": [-1, 1, 2, 3],
    "center": [True, False],
    "data_format": [None, "channels_last", "channels_first"],
    "dilation_rate": [1, 2, (2, 1)],
    "dtype": [None, "float32", "float64", "float16", "mixed_float16", "bfloat16"],
    "epsilon": [1e-3, 0.5],
    "filters": [2, 4],
    "groups": [1, 2],
    "keepdims": [False, True],
    "kernel_size": [1, 3, (2, 3)],
    "max_value": [None, 0.5],
    "momentum": [0.99, 0.5],
    "negative_slope": [0, 0.3],
    "noise_shape": [None],
    "padding": ["valid", "same"],
    "pool_size": [2, (1, 3)],
    "quantization_config": [None],
    "rate": [0.5],
    "renorm": [False, True],
    "renorm_clipping": [None, {"rmax": 2.0}],
    "renorm_momentum": [0.99, 0.5],
    "scale": [True, False],
    "seed": [None, 1],
    "strides": [1, 2, (2, 1)],
    "synchronized": [False, True],
    "threshold": [0, 0.2],
    "trainable": [True, False],
    "units": [3],
    "use_bias": [True, False],
}
OWN_OPTIONS = {(kl.ZeroPadding2D, "padding"): [1, ((1, 0), (2, 1))], (kl.Activation, "activation"): ACTIVATIONS[1:]}
SAMPLES = [
    kl.Conv2D(2, 3), kl.Dense(2), kl.BatchNormalization(), kl.MaxPooling2D(2), kl.AveragePooling2D(2), kl.Flatten(),
    kl.GlobalAveragePooling2D(), kl.ReLU(), kl.Activation("relu"), kl.Dropout(0.5), kl.ZeroPadding2D(1),
]  # fmt: skip


def choices(kind, name):
    of_weights = {"_initializer": ["ones"], "_regularizer": [None, "l2"], "_constraint": [None, "non_neg"]}
    _, underscore, ending = name.rpartition("_")
    return of_weights.get(underscore + ending) or OWN_OPTIONS.get((kind, name)) or OPTIONS[name]


@st.composite
def layers_of_keras(draw):
    """A layer with up to two options out of the ordinary; of an option that is new in Keras nothing is known here."""
    sample = draw(st.sampled_from(SAMPLES))
    names = sorted(sample.get_config().keys() - {"name"})
    needed = [name for name in ("filters", "kernel_size", "units", "pool_size", "rate") if name in names]
    needed += [name for kind, name in OWN_OPTIONS if kind is type(sample)]
    odd = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    options = {name: draw(st.sampled_from(choices(type(sample), name))) for name in {*needed, *odd}}
    return type(sample), options


def made_by_keras(chosen, shape, rng):
    """A model of these layers, with maps made flat where they have to be, whose weights are not those of the start."""
    model = keras.Sequential([keras.Input(shape)])
    for kind, options in [*chosen, (kl.Flatten, {})]:
        if kind in (kl.Dense, kl.Flatten) and len(model.output_shape) > 2 and options.keys() <= OPTIONS.keys():
            model.add(kind(**options) if kind is kl.Flatten else kl.Flatten())
        if kind is not kl.Flatten:
            model.add(kind(**options))
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 1, weight.shape))
    return model


@example(chosen=[(kl.BatchNormalization, {"axis": 1})])
@example(chosen=[(kl.Flatten, {"data_format": "channels_first"})])
@example(
    chosen=[
        (kl.ZeroPadding2D, {"padding": ((1, 0), (2, 1)), "data_format": "channels_first"}),
        (kl.Conv2D, {"filters": 2, "kernel_size": 1}),
    ]
)
@given(st.lists(layers_of_keras(), min_size=1, max_size=4))
@settings(max_examples=100)
def test_a_model_is_refused_or_comes_out_the_same(chosen):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 6, 6, 6)).astype(np.float32)  # as long each way: a wrong axis fits, too
    try:
        model = made_by_keras(chosen, images.shape[1:], rng)
        expected = keras.ops.convert_to_numpy(model(images, training=False))
    except Exception:  # whatever Keras itself refuses, or cannot compute on this machine
        assume(False)
    refused, network = "", None
    try:
        network = keras_bridge.from_keras(model)
    except ValueError as error:
        refused = str(error)
    if network is None:
        assert ", got " in refused or "no counterpart" in refused or "ZeroPadding2D" in refused
    else:
        np.testing.assert_allclose(network.predict(images), expected, rtol=1e-4, atol=1e-5)
