"""Whole Keras models: stem + body + head.

A stem is a function from a Keras tensor to a Keras tensor, such as those of `stems` or any Keras layer; the body and
the head are the same for every stem, so that what differs between two models is the stem alone.

Taught in lesson 07; stems in lesson 09, costs in lesson 11.
"""

import itertools
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from cnnlessons import shapes


def classifier(stem, input_shape, classes, width=32, seed=None, pool=True, depth=1, body="plain"):
    """Return a small convolutional classifier around a first layer, a `keras.Model`.

    The stem is followed by batch normalisation, ReLU and pooling, then two blocks of 3×3 convolution, batch
    normalisation and ReLU with pooling between them, global average pooling, and a dense layer. Every layer has a name
    of its own, so that weights, outputs and gradients can be asked for by name. The model is not compiled; its outputs
    are logits, shape (N, classes), float32 under mixed precision too. Taught in lesson 07.

    Parameters
    ----------
    stem : callable
        Takes the images' tensor (N, H, W, C) and returns feature maps (N, H', W', F): no activation.
    input_shape : (H, W, C)
    classes : int
    width : int
        Filters of the first block; the second has ``3 * width // 2``.
    seed : int, optional
        Of the body's and the head's starting weights: with the same one they are the same behind every stem that has as
        many filters. Without it, Keras's own seed decides.
    pool : bool
        Whether the stem's maps are halved; not needed after a stem that has a stride.
    depth : int
        Convolutions in each block, each with batch normalisation and ReLU; with 0 the stem is the only one.
    body : {"plain", "residual", "dense"}
        The blocks above; or each with two convolutions and a shortcut around them; or in their place a dense layer of
        ``2 * width`` units with batch normalisation and ReLU on all that the stem hands on.
    """
    if not callable(stem):
        raise TypeError(f"stem must be a function from a tensor to a tensor, got {stem!r}; a Keras layer is one")
    width, classes = shapes.whole_number(width, "width", 1), shapes.whole_number(classes, "classes", 2)
    depth = shapes.whole_number(depth, "depth", 0)
    inputs = keras.Input(input_shape, name="images")
    maps = stem(inputs)
    if len(getattr(maps, "shape", ())) != 4:
        raise ValueError(f"stem must return feature maps (N, H, W, F), got {getattr(maps, 'shape', maps)!r}")
    maps = _normalised(maps, "stem")
    maps = _pooled(maps, "stem_pool") if pool else maps
    shapes.chosen(body, "body", list(BODIES))
    starts = _starts(seed, 2 * depth + 1 if body == "plain" else 7)
    features = BODIES[body](maps, width, depth, starts)
    return keras.Model(inputs, _logits(features, classes, next(starts)), name="classifier")


def _plain(maps, width, depth, starts):
    for block, filters in (("block1", width), ("block2", 3 * width // 2)):
        for name in [block, *(f"{block}_{place}" for place in range(2, depth + 1))][:depth]:
            maps = _normalised(_convolution(maps, filters, name, next(starts)), name)
        if depth and block == "block1":
            maps = _pooled(maps, "block1_pool")
    return layers.GlobalAveragePooling2D(name="features")(maps)


def _residual(maps, width, depth, starts):
    for block, filters in (("block1", width), ("block2", 3 * width // 2)):
        inner = _normalised(_convolution(maps, filters, block, next(starts)), block)
        inner = _normalised(_convolution(inner, filters, f"{block}_2", next(starts)), f"{block}_2", False)
        if maps.shape[-1] != filters:  # a shortcut needs as many channels as it is added to
            maps = layers.Conv2D(filters, 1, kernel_initializer=next(starts), name=f"{block}_shortcut")(maps)
        maps = layers.ReLU(name=f"{block}_2_relu")(layers.Add(name=f"{block}_add")([inner, maps]))
        maps = _pooled(maps, "block1_pool") if block == "block1" else maps
    return layers.GlobalAveragePooling2D(name="features")(maps)


def _dense(maps, width, depth, starts):
    flat = layers.Flatten(name="flat")(maps)
    units = layers.Dense(2 * width, use_bias=False, kernel_initializer=next(starts), name="features_dense")(flat)
    return _normalised(units, "features")


BODIES = {"plain": _plain, "residual": _residual, "dense": _dense}


def _starts(seed, count):
    """Yield an initializer for each layer, Keras's usual one."""
    drawn = itertools.repeat(None) if seed is None else np.random.default_rng(seed).integers(2**31, size=count).tolist()
    return (keras.initializers.GlorotUniform(layer_seed) for layer_seed in drawn)


def _convolution(maps, filters, name, start, stride=1):
    # No bias: batch normalisation follows and would take it off again.
    options = {"padding": "same", "use_bias": False, "kernel_initializer": start, "name": f"{name}_conv"}
    return layers.Conv2D(filters, 3, stride, **options)(maps)


def _normalised(maps, name, active=True):
    maps = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(maps)
    return layers.ReLU(name=f"{name}_relu")(maps) if active else maps


def _pooled(maps, name):
    """Halve the image, unless a stride has left no two pixels to choose from."""
    return layers.MaxPooling2D(tuple(min(2, side) for side in maps.shape[1:3]), name=name)(maps)


def _logits(features, classes, start):
    dtype = keras.config.floatx()  # float32 in mixed precision
    return layers.Dense(classes, name="logits", dtype=dtype, kernel_initializer=start)(features)


RELUS = {  # behind the stem, between the two convolutions of a block, behind each block
    "everywhere": (True, True, True),
    "between": (True, True, False),
    "after": (True, False, True),
    "stem": (True, False, False),
    "nowhere": (False, False, False),
}


def residual_network(input_shape, classes, width=32, blocks=2, relu="everywhere", shortcut=True, seed=None):
    """Return a residual network of one width, not compiled, in which ReLU and the shortcuts may be left out.

    A 3×3 convolution of stride 2, then twice `blocks` blocks of two 3×3 convolutions from `width` to `width` maps, the
    second half of them at half the size. Every convolution has batch normalisation. Images are averaged, not pooled by
    their maxima, so that without ReLU all of it is linear. K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning
    for image recognition" (2016). Taught in lesson 10.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes, width, blocks : int
    relu : {"everywhere", "between", "after", "stem", "nowhere"}
        Behind the first convolution and: between the two of each block and behind it; only between; only behind;
        nowhere else. Or not even there.
    shortcut : bool
        Whether what a block makes is added to what it was given.
    seed : int, optional
        Of all starting weights, which are the same for every choice of `relu` and `shortcut`.
    """
    at_stem, between, after = RELUS[shapes.chosen(relu, "relu", list(RELUS))]
    starts = _starts(seed, 4 * blocks + 2)

    def step(maps, name, stride=1, active=True):
        return _normalised(_convolution(maps, width, name, next(starts), stride), name, active)

    inputs = keras.Input(input_shape, name="images")
    maps = step(inputs, "stem", 2, at_stem)
    for block in range(1, 2 * blocks + 1):
        made = step(step(maps, f"block{block}_1", active=between), f"block{block}_2", active=False)
        maps = layers.Add(name=f"block{block}_add")([made, maps]) if shortcut else made
        maps = layers.ReLU(name=f"block{block}_relu")(maps) if after else maps
        maps = layers.AveragePooling2D(2, name="halved")(maps) if block == blocks else maps
    features = layers.GlobalAveragePooling2D(name="features")(maps)
    return keras.Model(inputs, _logits(features, classes, next(starts)), name="residual_network")


class Costs(NamedTuple):
    """What layers hold and do for one image."""

    parameters: int  #: weights and biases, trained or not, without the averages of batch normalisation
    multiply_adds: int  #: of convolutions and dense layers, each a multiplication with its addition
    activations: int  #: numbers that convolutions and dense layers put out


def costs(layers_of_model):
    """Add up what some layers of a model hold and do for one image, as `Costs`.

    Pooling, normalisation and activations count nothing: they are few operations, though not few milliseconds.
    *Activations* in the sense of I. Radosavovic et al., "Designing network design spaces" (2020), who found that they
    tell the time on an accelerator better than the multiply-adds do. Taught in lesson 11.

    Parameters
    ----------
    layers_of_model : sequence of keras layers
        ``model.layers``, or `stems.convolutions`. With a kernel they may be convolutions, also by channel, or dense.
    """
    weights = [weight for layer in layers_of_model for weight in layer.weights if not weight.name.startswith("moving_")]
    parameters = sum(int(np.prod(weight.shape)) for weight in weights)
    counted = [_counted(layer) for layer in layers_of_model]
    return Costs(parameters, sum(one for one, _ in counted), sum(other for _, other in counted))


def _counted(layer):
    """Return multiply-adds and activations of a layer, 0 and 0 if it has no kernel."""
    if isinstance(layer, layers.Dense):
        return int(np.prod(layer.kernel.shape)), layer.units
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)):
        *positions, maps = layer.output.shape[1:]
        positions = int(np.prod(positions))
        kernels = [weight.shape for weight in layer.weights if weight.name.endswith("kernel")]
        return positions * sum(int(np.prod(shape)) for shape in kernels), positions * maps
    if hasattr(layer, "kernel"):
        known = "Conv2D, DepthwiseConv2D, SeparableConv2D and Dense"
        raise ValueError(f"layers_of_model may hold, of layers with a kernel, {known}, got {type(layer).__name__}")
    return 0, 0
