"""The NumPy network as a Keras model and back: same layers, same weights, same numbers; and Keras's own gradients.

Images and kernels are laid out alike on both sides, so weights are copied as they are; names differ:

============================  =========================================
NumPy network                 Keras
============================  =========================================
``Dense.weights``             ``Dense.kernel``
``BatchNorm.scale``           ``BatchNormalization.gamma``
``BatchNorm.shift``           ``BatchNormalization.beta``
``moving_mean``, ``..._variance``  the same
``stride``, ``dilation``      ``strides``, ``dilation_rate``
============================  =========================================

Taught in lesson 07.
"""

import inspect
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache

import keras
import numpy as np
from keras import layers as keras_layers

from cnnlessons import gradcheck, layers, ops, shapes
from cnnlessons.network import Sequential

# --------------------------------------------------------------------------- NumPy to Keras


def to_keras(network):
    """Return a `keras.Sequential` with the layers and weights of a NumPy network, which is built.

    Its layers are named as the network's parameters are, such as "conv2d_0". Padding given in pixels becomes a layer of
    its own, ``ZeroPadding2D``. Taught in lesson 07.
    """
    if not isinstance(network, Sequential):
        raise TypeError(f"network must be a Sequential of cnnlessons.network, got {_told(network, 'from_keras')}")
    if network.input_shape is None:
        raise ValueError("network must be built before it is transferred; give Sequential an input_shape")
    made = [keras.Input(network.input_shape, dtype=network.dtype.name)]
    for name, layer in network.named_layers().items():
        made += _keras_layers(layer, name, network.dtype.name)
    model = keras.Sequential(made)
    for name, layer in network.named_layers().items():
        model.get_layer(name).set_weights([*layer.parameters().values(), *layer.state().values()])
    return model


_COUNTERPARTS = {
    layers.Conv2D: keras_layers.Conv2D,
    layers.MaxPool2D: keras_layers.MaxPooling2D,
    layers.AveragePool2D: keras_layers.AveragePooling2D,
    layers.GlobalAveragePool2D: keras_layers.GlobalAveragePooling2D,
    layers.ReLU: keras_layers.ReLU,
    layers.BatchNorm: keras_layers.BatchNormalization,
    layers.Flatten: keras_layers.Flatten,
    layers.Dense: keras_layers.Dense,
}
_RENAMED = {"size": "pool_size", "stride": "strides", "dilation": "dilation_rate"}


def _settings_of(kind):
    """Return what Keras calls the settings of a kind of layer, by their names here."""
    names = [each.name for each in fields(kind) if each.name != "initializer"] if is_dataclass(kind) else []
    return {name: _RENAMED.get(name, name) for name in names}


def _told(model, other):
    """Return in words what was given in the place of a model, and the function that takes it, if one does."""
    if not isinstance(model, (Sequential, keras.Model)):
        return repr(model)
    library, _, _ = type(model).__module__.partition(".")
    return f"a {type(model).__name__} of {library}; give it to {other}"


def _keras_layers(layer, name, dtype):
    """Return the Keras layers, one or two, that do what `layer` does."""
    kind = next((kind for kind in _COUNTERPARTS if isinstance(layer, kind)), None)
    if kind is None:
        known = ", ".join(each.__name__ for each in _COUNTERPARTS)
        raise ValueError(f"network must be made of {known} to be transferred, got a {type(layer).__name__}")
    if kind is layers.BatchNorm and not layer.trainable:
        raise ValueError(
            "BatchNorm must be trainable to be transferred: Keras's, when frozen, uses its averages in training"
        )
    options = {theirs: getattr(layer, ours) for ours, theirs in _settings_of(kind).items()}
    for of_axes in ("kernel_size", *_RENAMED.values()):
        if options.get(of_axes) is not None:
            options[of_axes] = shapes.pair(options[of_axes], of_axes)
    padding, before = options.get("padding", "valid"), []
    if not isinstance(padding, str):
        before, options["padding"] = [_zero_padding(kind, padding, f"{name}_padding", dtype)], "valid"
    return [*before, _COUNTERPARTS[kind](**options, name=name, dtype=dtype, trainable=layer.trainable)]


def _zero_padding(kind, padding, name, dtype):
    if kind is not layers.Conv2D:
        raise ValueError(
            f'padding of a pool must be "valid" or "same" to be transferred, got {padding!r}; Keras has no pool that '
            "leaves padded pixels out"
        )
    amounts = tuple(shapes.padding_amounts(1, 1, padding=axis) for axis in shapes.padding_pair(padding))
    return keras_layers.ZeroPadding2D(amounts, name=name, dtype=dtype)


# --------------------------------------------------------------------------- Keras to NumPy


# Layers that hand on what they get but in training, whatever their options. (Keras's RandomCrop has another output.)
_ONLY_IN_TRAINING = {
    *(keras_layers.Dropout, keras_layers.SpatialDropout1D, keras_layers.SpatialDropout2D),
    *(keras_layers.SpatialDropout3D, keras_layers.AlphaDropout, keras_layers.GaussianDropout),
    *(keras_layers.GaussianNoise, keras_layers.RandomBrightness, keras_layers.RandomContrast),
    *(keras_layers.RandomFlip, keras_layers.RandomRotation, keras_layers.RandomTranslation, keras_layers.RandomZoom),
}
# What of a layer's configuration is carried over; every other option must be as Keras has it by default, unless it acts
# on nothing but training.
_CARRIED_OVER = {theirs: {*_settings_of(ours).values(), "activation"} for ours, theirs in _COUNTERPARTS.items()} | {
    keras_layers.InputLayer: {"batch_shape", "sparse", "ragged", "optional"},
    keras_layers.ZeroPadding2D: {"padding"},
    keras_layers.Activation: {"activation"},
}
_OPTIONS_IN_TRAINING = ("_initializer", "_regularizer", "_constraint", "synchronized")


def from_keras(model):
    """Return a NumPy network with the layers and weights of a Keras model, which predicts the same.

    The model is a chain of layers that have a counterpart in `layers`, built, with logits as outputs. What acts in
    training alone, such as dropout, noise, random flips and shifts, regularisers and constraints, is left out.
    Taught in lesson 07.
    """
    _require_chain(model)
    shape, dtype = _input_of(model)
    made, weights, padding = [], [], None
    for layer in model.layers:
        _require_known_options(layer, dtype)
        if padding is not None and type(layer) is not keras_layers.Conv2D:
            raise ValueError(f"ZeroPadding2D must be followed by Conv2D to be transferred, got {type(layer).__name__}")
        if type(layer) is keras_layers.ZeroPadding2D:
            padding = layer.padding  # for the convolution that follows
            continue
        found = _numpy_layers(layer, padding)
        padding = None
        made += found
        weights += [layer.get_weights(), *([] for _ in found[1:])] if found else []
    if padding is not None:
        raise ValueError("model must not end in ZeroPadding2D to be transferred: it belongs to a convolution after it")
    network = Sequential(made, shape, dtype=dtype)
    for layer, arrays in zip(made, weights, strict=True):
        for array, values in zip([*layer.parameters().values(), *layer.state().values()], arrays, strict=True):
            array[...] = values
    return network


def _require_chain(model):
    """Make sure that each layer is known, has the one before it as its only input, and is asked for nothing else."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Sequential or keras.Model, got {_told(model, 'to_keras')}")
    if not model.built or not model.layers:
        raise ValueError("model must be built before it is transferred; begin it with keras.Input(shape)")
    if not hasattr(model, "outputs"):  # a graph of its calls
        raise ValueError(_OWN_WAY.format(type(model).__name__))
    if not isinstance(model, keras.Sequential):
        with suppress(NotImplementedError):  # of a layer of one's own that cannot describe itself: it is named below
            _require_chained_calls(model.get_config()["layers"], {layer.name: layer for layer in model.layers})
    if len(model.outputs) != 1:
        raise ValueError(f"model must have one output to be transferred, got {len(model.outputs)}")
    for layer in model.layers:
        # A class derived from one of these may do something else.
        if type(layer) not in _CARRIED_OVER.keys() | _ONLY_IN_TRAINING:
            raise ValueError(f"the NumPy network has no counterpart of {type(layer).__name__} ({layer.name!r})")
    if type(model).call not in (keras.Sequential.call, type(keras.Model(model.inputs, model.outputs)).call):
        raise ValueError(_OWN_WAY.format(type(model).__name__))


_OWN_WAY = "model must be a keras.Sequential or keras.Model itself, got a {}, which may do more than its layers"


def _input_of(model):
    """Return shape and dtype of one image, if a NumPy network can begin with them."""
    shape, dtype = tuple(model.inputs[0].shape[1:]), model.inputs[0].dtype
    if None in shape:
        raise ValueError(
            f"model must begin with keras.Input of a fixed size to be transferred, got {shape}; say it there"
        )
    if dtype not in ("float16", "float32", "float64"):
        raise ValueError(
            f"model must begin with keras.Input of float16, float32 or float64 to be transferred, got {dtype}; give it "
            'dtype="float32", and images of that type'
        )
    return shape, dtype


def _require_chained_calls(described, layers):
    """Look at the calls in a functional model, each of which must be of a layer and follow the one before it."""
    before = None
    for layer in described:
        name = layer["name"]
        if name not in layers:  # such as 2 * maps
            raise ValueError(f"the NumPy network has no counterpart of {layer['class_name']} ({name!r})")
        calls = layer["inbound_nodes"] or [{"args": (), "kwargs": {}}]  # an input layer is not called
        tensors = [_comes_from(value) for value in calls[0]["args"][:1]]
        if len(calls) > 1 or tensors != [before] * (before is not None):
            raise ValueError(
                f"model must be a chain of layers to be transferred, but {name!r} does not follow {before!r} alone"
            )
        asked = [repr(value) for value in calls[0]["args"][1:]]
        usual = inspect.signature(layers[name].call).parameters  # Keras writes down what nobody asked for, too
        harmless = {key: (None, parameter.default) for key, parameter in usual.items()}
        asked += [f"{key}={value!r}" for key, value in calls[0]["kwargs"].items() if value not in harmless.get(key, ())]
        if asked:
            raise ValueError(f"{name!r} must be called with its input alone, got also {', '.join(asked)}")
        before = name


def _comes_from(value):
    """Return the name of the layer whose first output a described argument is, or None."""
    with suppress(KeyError, TypeError):
        name, call, output = value["config"]["keras_history"]
        return name if call == output == 0 else None


def _require_known_options(layer, dtype):
    """Ask about every option of a layer that is neither carried over nor known to be harmless."""
    defaults = inspect.signature(type(layer)).parameters
    for name, value in layer.get_config().items():
        if name == "dtype":
            value, expected = layer.dtype_policy.name, (dtype,)
        elif type(layer) in _ONLY_IN_TRAINING:
            continue
        elif name == "data_format":
            expected = ("channels_last",)
        elif name == "axis":
            expected = (-1, len(layer.input.shape) - 1)
        elif name == "trainable" and isinstance(layer, keras_layers.BatchNormalization):
            expected = (True,)  # frozen, it uses its averages in training too
        elif name in _CARRIED_OVER[type(layer)] | {"name", "trainable"} or name.endswith(_OPTIONS_IN_TRAINING):
            continue
        else:
            expected = (defaults[name].default,) if name in defaults else ()
        if value not in expected:
            rule = f"must have {name}={expected[0]!r}" if expected else f"must have no option {name!r}"
            like = ", as the model's input has it" if name == "dtype" else ""
            raise ValueError(f"{layer.name!r} {rule} to be transferred{like}, got {value!r}")


def _numpy_layers(layer, padding):
    """Return the layers, none to two, that do what a Keras layer does, with this padding in pixels, if there is one."""
    if padding is not None and layer.padding != "valid":
        raise ValueError(f'{layer.name!r} must have padding="valid" after ZeroPadding2D, got {layer.padding!r}')
    made = []
    for ours, theirs in _COUNTERPARTS.items():
        if type(layer) is theirs:
            settings = {name: getattr(layer, called) for name, called in _settings_of(ours).items()}
            made = [ours(**settings if padding is None else settings | {"padding": padding})]
    if hasattr(layer, "activation"):
        made += _activation(layer)
    for each in made:
        each.trainable = layer.trainable
    return made


def _activation(layer):
    if layer.activation is keras.activations.linear:
        return []
    if layer.activation is keras.activations.relu:
        return [layers.ReLU()]
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    remedy = "; leave it out and use the loss with from_logits=True" if name == "softmax" else ""
    raise ValueError(f"{layer.name!r} must have no activation or relu, got {name}{remedy}")


# --------------------------------------------------------------------------- Keras's own gradients


def gradients(function, arrays):
    """Return a function's value and its gradient with respect to each of its arguments, as TensorFlow finds them.

    The function takes as many tensors as there are arrays of floats, and returns a number as a tensor. The gradients
    are a list of arrays. Taught in lesson 07.
    """
    tf = _tensorflow()
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    found = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return float(value), [np.asarray(keras.ops.convert_to_numpy(gradient)) for gradient in found]


def image_gradient(model, images, one_hot, margin=False):
    """Return the gradient of each image's cross-entropy, or of its largest other logit minus that of its class."""
    tf = _tensorflow()
    return _image_gradient(model, margin)(tf.constant(images), tf.constant(one_hot)).numpy()


@lru_cache(maxsize=4)  # a function is compiled once for each model, and holds it
def _image_gradient(model, margin):
    tf = _tensorflow()

    @tf.function(reduce_retracing=True)
    def pulled(images, one_hot):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = model(images, training=False)
            others = keras.ops.where(one_hot, -np.inf, outputs) if margin else outputs
            most = keras.ops.max if margin else keras.ops.logsumexp
            wanted = most(others, axis=1) - keras.ops.sum(keras.ops.where(one_hot, outputs, 0), axis=1)
        return tape.gradient(wanted, images)

    return pulled


def _tensorflow():
    if (backend := keras.backend.backend()) != "tensorflow":
        raise NotImplementedError(
            f"Keras's backend must be tensorflow for gradients, got {backend!r}; set KERAS_BACKEND to it before keras "
            "is imported"
        )
    import tensorflow as tf

    return tf


def weight_gradients(model, loss, images, labels, training=True):
    """Return the loss of a model on a batch and its gradient with respect to every trainable weight.

    Taught in lesson 07.

    Parameters
    ----------
    model : keras.Model
    loss : keras.losses.Loss, or function of (labels, outputs)
    images, labels : array_like
    training : bool
        Whether batch normalisation uses the batch's own moments, and dropout drops.

    Returns
    -------
    value : float
    gradients : dict of str to ndarray
        By the path of the weight, such as "conv2d/kernel". The model itself is not changed.
    """
    images, labels = keras.ops.convert_to_tensor(images), keras.ops.convert_to_tensor(labels)

    def loss_of(*weights):
        outputs, _ = model.stateless_call(weights, model.non_trainable_variables, images, training=training)
        return loss(labels, outputs)

    value, found = gradients(loss_of, [weight.numpy() for weight in model.trainable_variables])
    return value, {weight.path: each for weight, each in zip(model.trainable_variables, found, strict=True)}


# --------------------------------------------------------------------------- are they the same?


def differences(network, model, images, labels):
    """Return how far a network and the Keras model made of it are apart on one training batch. Taught in lesson 07.

    Parameters
    ----------
    network, model
        And what `to_keras` made of it.
    images : ndarray, shape (N, H, W, C)
    labels : ndarray of int, shape (N,)

    Returns
    -------
    dict of str to float
        `gradcheck.relative_error` of "outputs" and of "loss"; for each parameter, by the network's name, the largest
        difference of its gradients over the largest entry of all gradients. (A bias in front of batch normalisation
        has gradient zero but for rounding, so each one's own largest entry would be no measure.)
    """
    network = network.copy()  # a pass in training mode moves batch normalisation's averages
    logits = network.forward(images, training=True)
    network.backward(ops.softmax_cross_entropy_backward(logits, labels))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=network.dtype.name)
    keras_loss, keras_gradients = weight_gradients(model, loss, images, labels)
    keras_logits, _ = model.stateless_call(
        model.trainable_variables, model.non_trainable_variables, keras.ops.convert_to_tensor(images), training=True
    )
    errors = {
        "outputs": gradcheck.relative_error(logits, keras.ops.convert_to_numpy(keras_logits)),
        "loss": gradcheck.relative_error(ops.softmax_cross_entropy(logits, labels), keras_loss),
    }
    largest = max(np.abs(gradient).max() for gradient in network.gradients().values())
    for name, gradient in network.gradients().items():
        errors[name] = float(np.abs(gradient - keras_gradients[variable(model, name).path]).max() / largest)
    return errors


def variable(model, name):
    """Return the Keras variable that a parameter such as "conv2d_0.kernel" became. Taught in lesson 07."""
    layer, _, parameter = name.partition(".")
    renamed = {"weights": "kernel", "scale": "gamma", "shift": "beta"}
    return getattr(model.get_layer(layer), renamed.get(parameter, parameter))
