"""Layers by name, whichever network they are of, and the window of the image that a number of theirs sees."""

from typing import NamedTuple

import numpy as np

from cnnlessons import ops, shapes, threads
from cnnlessons.layers import ReLU
from cnnlessons.network import Sequential, checksum, fitting_images

RULES = {  # what a ReLU lets back: of the layer, after its forward pass, and of what comes to it from above
    "gradient": lambda relu, grad: relu.backward(grad),
    "guided": lambda relu, grad: relu.backward(np.maximum(grad, 0)),
    "deconvnet": lambda relu, grad: np.maximum(grad, 0),
}


class Unit(NamedTuple):
    """One number of a layer, or one channel with all its places."""

    layer: str  #: its name, as `activations` gives it
    channel: int
    place: tuple | None = None  #: (row, column) in the feature map; None for where it answers most in each image


class Part(NamedTuple):
    """The layers of a NumPy network from one place to another."""

    layers: list
    dtype: np.dtype
    rule: str = "gradient"

    @threads.one_a_product
    def __call__(self, maps):
        """Return what the last of them makes of `maps`."""
        maps = np.asarray(maps, self.dtype)
        for layer in self.layers:
            maps = layer.forward(maps)
        return maps

    @threads.one_a_product
    def gradient(self, maps, weights):
        """Return how much the sum of the outputs, times `weights`, grows with each of `maps`."""
        self(maps)
        for layer in reversed(self.layers):
            weights = RULES[self.rule](layer, weights) if isinstance(layer, ReLU) else layer.backward(weights)
        return weights


class Chain:
    """A NumPy network whose layers can be asked for by name."""

    def __init__(self, network):
        if network.input_shape is None:
            raise ValueError("model must be built; give Sequential an input_shape or show it images")
        self.network = network
        self.layers = network.named_layers()
        self.names = list(self.layers)
        self.input_shape = network.input_shape
        self.outputs = dict(zip(self.names, network.output_shapes, strict=True))

    def part(self, start, stop, rule="gradient"):
        """Return what lies behind the layer `start`, or the image if it is None, up to and with the layer `stop`."""
        first = 0 if start is None else self.names.index(start) + 1
        return Part(self.network.layers[first : self.names.index(stop) + 1], self.network.dtype, rule)

    @threads.one_a_product
    def all_outputs(self, images, names):
        """Return the output of each of these layers, in one pass."""
        maps, outputs = np.asarray(images, self.network.dtype), {}
        for name, layer in self.layers.items():
            maps = outputs[name] = layer.forward(maps)
        return [outputs[name] for name in names]

    def before(self, name):
        """Return the names of the layers whose output a layer takes; None stands for the image."""
        place = self.names.index(name)
        return [self.names[place - 1] if place else None]

    def geometry(self, name):
        """Return (size, stride, padding, dilation) of a layer with windows, or None."""
        layer = self.layers[name]
        size = getattr(layer, "kernel_size", getattr(layer, "size", None))
        if size is None:
            return None
        stride = size if layer.stride is None else layer.stride
        return size, stride, layer.padding, getattr(layer, "dilation", 1)

    def is_relu(self, name):
        """Say whether a layer's output is cut at 0."""
        return isinstance(self.layers[name], ReLU)

    def has_weights(self, name):
        """Say whether a layer has anything to learn."""
        return bool(self.layers[name].parameters())

    def randomised(self, images, names, draw):
        """Return a copy with fresh weights in some layers, and batch normalisation's averages measured on `images`."""
        other = Chain(self.network.copy())
        for name in [name for name in self.names if name in names]:  # drawn in the order of the layers
            for parameter, array in other.layers[name].parameters().items():
                array[...] = draw(array.shape) if array.ndim > 1 else parameter == "scale"
            other.layers[name].drawn = checksum(other.layers[name])
        other.network.measure_averages(images)
        return other.network


def opened(model):
    """Return a `Chain` or a `graphs.Graph`, whose layers can be asked for by name."""
    if isinstance(model, Sequential):
        return Chain(model)
    from cnnlessons.introspection import graphs  # Keras takes seconds to import

    return graphs.Graph(model)


def checked_layer(net, name):
    """Return the name of a layer, if there is one of that name."""
    return shapes.chosen(name, "layer", net.names)


def checked_images(net, images):
    """Return images that the network takes."""
    return fitting_images(ops.finite(images, "images", "(N, H, W, C)"), net.input_shape)


def checked_unit(net, unit):
    """Return a unit whose layer, channel and place there are."""
    *places, channels = net.outputs[checked_layer(net, unit.layer)]
    if shapes.whole_number(unit.channel, "channel", 0) >= channels:
        raise ValueError(f"channel must be from 0 to {channels - 1} in {unit.layer}, got {unit.channel}")
    if unit.place is not None:
        place = shapes.pair(unit.place, "place", 0)
        if len(places) != 2 or not all(at < size for at, size in zip(place, places, strict=True)):
            raise ValueError(f"place must lie in a map of {places} in {unit.layer}, got {unit.place}")
    return unit


def activations(model, images, names=None, batch_size=256):
    """Return the outputs of a network's layers by name. Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
        In a NumPy network a layer is called after its kind and its place from 0, such as "conv2d_0", as
        `keras_bridge.to_keras` calls it; in Keras by its own name.
    images : ndarray, shape (N, H, W, C)
    names : str or sequence of str, optional
        By default all layers, in order.

    Returns
    -------
    dict of str to ndarray, each (N, …)
    """
    net = opened(model)
    images, names = checked_images(net, images), net.names if names is None else shapes.listed(names)
    names = [checked_layer(net, name) for name in names]
    size = shapes.whole_number(batch_size, "batch_size", 1)
    parts = [net.all_outputs(images[start : start + size], names) for start in range(0, len(images), size)]
    return {name: np.concatenate(outputs) for name, *outputs in zip(names, *parts, strict=True)}


def window(model, layer, place=(0, 0)):
    """Return which pixels can change a number of a layer: (top, left, height, width), inside the image.

    Each layer with windows, from the last to the first, widens the range of rows and of columns, and its padding moves
    it. What mixes all places sees the whole image. Taught in lesson 12.

    `place`, (row, column), lies in the feature map; it does not matter behind a layer that mixes all places.
    """
    net = opened(model)
    checked_unit(net, Unit(layer, 0, place if len(net.outputs[checked_layer(net, layer)]) == 3 else None))
    ranges = [_seen(net, layer, (at, at), axis) for axis, at in enumerate(shapes.pair(place, "place", 0))]
    tops, sizes = zip(*((first, last - first + 1) for first, last in ranges), strict=True)
    return (*tops, *sizes)


def _seen(net, name, ends, axis):
    """Return the first and the last row (axis 0) or column of the image that rows `ends` of a layer's output see."""
    if name is None:
        return ends
    found = []
    for before in net.before(name):
        shape = net.input_shape if before is None else net.outputs[before]
        found.append(_seen(net, before, _widened(net, name, shape, ends, axis), axis))
    return min(first for first, _ in found), max(last for _, last in found)


def _widened(net, name, shape, ends, axis):
    """Return which rows or columns of a layer's input, of this shape, those of its output see."""
    if len(shape) < 3:
        return ends
    if len(net.outputs[name]) < 3:
        return 0, shape[axis] - 1
    if (geometry := net.geometry(name)) is None:
        return ends
    size, stride, padding, dilation = geometry
    size, stride, dilation = (shapes.pair(each, "size")[axis] for each in (size, stride, dilation))
    before, _ = shapes.padding_amounts(shape[axis], size, stride, shapes.padding_pair(padding)[axis], dilation)
    first = ends[0] * stride - before
    last = ends[1] * stride - before + shapes.effective_kernel_size(size, dilation) - 1
    return max(first, 0), min(last, shape[axis] - 1)
