"""The same of a Keras model: its layers by name, parts of it, and their gradients with another rule for ReLU."""

import keras
import numpy as np
from keras import layers, ops

from cnnlessons import keras_bridge


def _rectified(rule):
    """Return ReLU with one of `networks.RULES` as its gradient."""

    @ops.custom_gradient
    def rectify(maps):
        def back(grad, *_, **__):
            grad = grad if rule == "gradient" else ops.relu(grad)
            return grad if rule == "deconvnet" else ops.where(maps > 0, grad, ops.zeros_like(grad))

        return ops.relu(maps), back

    return rectify


def _with_rule(model, rule):
    """Return a copy of a model whose ReLUs have another gradient."""

    def copied(layer):
        settings = layer.get_config()
        if type(layer) is layers.ReLU:
            return layers.Activation(_rectified(rule), name=layer.name)
        if getattr(layer, "activation", None) is keras.activations.relu:
            settings["activation"] = _rectified(rule)
        return type(layer).from_config(settings)

    other = keras.models.clone_model(model, clone_function=copied)
    other.set_weights(model.get_weights())
    return other


class Part:
    """The layers of a Keras model from one place to another."""

    def __init__(self, start, stop):
        self.model = keras.Model(start, stop)

    def __call__(self, maps):
        """Return what the last of them makes of `maps`."""
        return ops.convert_to_numpy(self.model(ops.convert_to_tensor(maps), training=False))

    def gradient(self, maps, weights):
        """Return how much the sum of the outputs, times `weights`, grows with each of `maps`."""
        maps = np.asarray(maps, keras.backend.standardize_dtype(self.model.inputs[0].dtype))
        _, (found,) = keras_bridge.gradients(lambda at: ops.sum(self.model(at, training=False) * weights), [maps])
        return found


class Graph:
    """A Keras model whose layers can be asked for by name."""

    def __init__(self, model):
        if not isinstance(model, keras.Model):
            raise TypeError(f"model must be a network.Sequential or a keras.Model, got {type(model).__name__}")
        if not model.built or len(model.inputs) != 1:
            raise ValueError("model must be built and have one input; begin it with keras.Input(shape)")
        self.model = model
        self.layers = {layer.name: layer for layer in model.layers if not isinstance(layer, layers.InputLayer)}
        self.names = list(self.layers)
        self.input_shape = tuple(model.inputs[0].shape[1:])
        self.outputs = {name: tuple(layer.output.shape[1:]) for name, layer in self.layers.items()}

    def part(self, start, stop, rule="gradient"):
        """Return what lies behind the layer `start`, or the image if it is None, up to and with the layer `stop`."""
        model = self.model if rule == "gradient" else _with_rule(self.model, rule)
        begin = model.inputs[0] if start is None else model.get_layer(start).output
        try:
            return Part(begin, model.get_layer(stop).output)
        except ValueError:
            raise ValueError(f"layer must not lie in a branch: {stop!r} does not follow from {start!r} alone") from None

    def all_outputs(self, images, names):
        """Return the output of each of these layers, in one pass."""
        model = keras.Model(self.model.inputs[0], [self.layers[name].output for name in names])
        found = model(ops.convert_to_tensor(images), training=False)
        return [ops.convert_to_numpy(each) for each in keras.tree.flatten(found)]

    def before(self, name):
        """Return the names of the layers whose output a layer takes; None stands for the image."""
        made_by = {id(layer.output): other for other, layer in self.layers.items()}
        return [made_by.get(id(tensor)) for tensor in keras.tree.flatten(self.layers[name].input)]

    def geometry(self, name):
        """Return (size, stride, padding, dilation) of a layer with windows, or None."""
        layer = self.layers[name]
        if isinstance(layer, layers.ZeroPadding2D):
            return 1, 1, layer.padding, 1
        size = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
        if size is None and layer.output.shape[1:3] != keras.tree.flatten(layer.input)[0].shape[1:3]:
            raise ValueError(f"layer {name!r} moves pixels in a way that is not known here ({type(layer).__name__})")
        return None if size is None else (size, layer.strides, layer.padding, getattr(layer, "dilation_rate", 1))

    def is_relu(self, name):
        """Say whether a layer's output is cut at 0."""
        layer = self.layers[name]
        return isinstance(layer, layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu

    def has_weights(self, name):
        """Say whether a layer has anything to learn."""
        return bool(self.layers[name].weights)

    def randomised(self, images, names, draw):
        """Return a copy with fresh weights in some layers, and batch normalisation's averages measured."""
        other = keras.models.clone_model(self.model)
        other.set_weights(self.model.get_weights())
        for name in names:
            for weight in other.get_layer(name).weights:
                ones = weight.name in ("gamma", "moving_variance")
                weight.assign(draw(weight.shape) if len(weight.shape) > 1 else np.full(weight.shape, float(ones)))
        for layer in other.layers:
            if isinstance(layer, layers.BatchNormalization):
                maps = ops.convert_to_numpy(keras.Model(other.inputs[0], layer.input)(images, training=False))
                axes = tuple(range(maps.ndim - 1))
                layer.moving_mean.assign(maps.mean(axes))
                layer.moving_variance.assign(maps.var(axes))
        return other
