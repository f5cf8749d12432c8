"""Whole Keras models: stem + body + head.

A stem is a function from a Keras tensor to a Keras tensor, such as those of `stems` or any Keras layer; the body and
the head are the same for every stem, so that what differs between two models is the stem alone.

Taught in lesson 07; stems in lesson 09.
"""

import itertools

import keras
import numpy as np
from keras import layers

from cnnlessons import shapes


def classifier(stem, input_shape, classes, width=32, seed=None):
    """Return a small convolutional classifier around a first layer.

    The stem is followed by batch normalisation, ReLU and pooling, then two blocks of 3×3 convolution, batch
    normalisation and ReLU with pooling between them, global average pooling, and a dense layer. Every layer has a name
    of its own, so that weights, outputs and gradients can be asked for by name.

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

    Returns
    -------
    keras.Model
        Not compiled. Its outputs are logits, shape (N, classes), float32 under mixed precision too.

    Raises
    ------
    TypeError, ValueError
        If `stem` is no function, or does not return feature maps.

    Notes
    -----
    Taught in lesson 07.
    """
    if not callable(stem):
        raise TypeError(f"stem must be a function from a tensor to a tensor, got {stem!r}; a Keras layer is one")
    width, classes = shapes.whole_number(width, "width", 1), shapes.whole_number(classes, "classes", 2)
    inputs = keras.Input(input_shape, name="images")
    maps = stem(inputs)
    if len(getattr(maps, "shape", ())) != 4:
        raise ValueError(f"stem must return feature maps (N, H, W, F), got {getattr(maps, 'shape', maps)!r}")
    maps = _normalised(maps, "stem")
    maps = _pooled(maps, "stem_pool")
    starts = _starts(seed)
    maps = _normalised(_convolution(maps, width, "block1", next(starts)), "block1")
    maps = _pooled(maps, "block1_pool")
    maps = _normalised(_convolution(maps, 3 * width // 2, "block2", next(starts)), "block2")
    features = layers.GlobalAveragePooling2D(name="features")(maps)
    logits = layers.Dense(classes, name="logits", dtype="float32", kernel_initializer=next(starts))(features)
    return keras.Model(inputs, logits, name="classifier")


def _starts(seed):
    """Yield an initializer for each layer, Keras's usual one."""
    drawn = itertools.repeat(None) if seed is None else np.random.default_rng(seed).integers(2**31, size=3).tolist()
    return (keras.initializers.GlorotUniform(layer_seed) for layer_seed in drawn)


def _convolution(maps, filters, name, start):
    # No bias: batch normalisation follows and would take it off again.
    return layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=start, name=f"{name}_conv")(
        maps
    )


def _normalised(maps, name):
    maps = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(maps)
    return layers.ReLU(name=f"{name}_relu")(maps)


def _pooled(maps, name):
    """Halve the image, unless a stride has left no two pixels to choose from."""
    size = tuple(min(2, side) for side in maps.shape[1:3])
    return layers.MaxPooling2D(size, name=name)(maps)
