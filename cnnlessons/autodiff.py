"""Gradients by Keras's backend: the one place that knows TensorFlow, JAX and PyTorch apart.

Taught in lesson 07.
"""

import keras
import numpy as np
from keras import ops


def gradients(function, arrays):
    """Return a function's value and its gradient with respect to each of its arguments.

    Parameters
    ----------
    function : callable
        Takes as many tensors as there are arrays and returns a number as a tensor. Written with `keras.ops`, it works
        with every backend.
    arrays : sequence of array_like of floats

    Returns
    -------
    value : float
    gradients : list of ndarray, each of the shape of its array

    Raises
    ------
    NotImplementedError
        If Keras runs on a backend without gradients, such as "numpy".

    Notes
    -----
    Taught in lesson 07.
    """
    backend = keras.backend.backend()
    if backend not in _BY_BACKEND:
        raise NotImplementedError(
            f"Keras's backend {backend!r} has no gradients; set KERAS_BACKEND to {', '.join(_BY_BACKEND)} before keras "
            "is imported"
        )
    value, found = _BY_BACKEND[backend](function, [ops.convert_to_tensor(array) for array in arrays])
    return float(value), [np.asarray(ops.convert_to_numpy(gradient)) for gradient in found]


def weight_gradients(model, loss, images, labels, training=True):
    """Return the loss of a model on a batch and its gradient with respect to every trainable weight.

    Parameters
    ----------
    model : keras.Model
    loss : callable
        Takes (labels, outputs) and returns a number: a `keras.losses.Loss`.
    images : array_like, shape (N, H, W, C)
    labels : array_like
    training : bool
        Whether batch normalisation uses the batch's own moments, and dropout drops.

    Returns
    -------
    value : float
    gradients : dict of str to ndarray
        By the path of the weight, such as "conv2d/kernel". The model itself is not changed.

    Notes
    -----
    Taught in lesson 07.
    """
    images, labels = ops.convert_to_tensor(images), ops.convert_to_tensor(labels)

    def loss_of(*weights):
        outputs, _ = model.stateless_call(weights, model.non_trainable_variables, images, training=training)
        return loss(labels, outputs)

    value, found = gradients(loss_of, [weight.numpy() for weight in model.trainable_variables])
    return value, {weight.path: each for weight, each in zip(model.trainable_variables, found, strict=True)}


def _tensorflow(function, tensors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return value, tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _jax(function, tensors):
    import jax

    return jax.value_and_grad(function, argnums=tuple(range(len(tensors))))(*tensors)


def _torch(function, tensors):
    import torch

    with torch.enable_grad():
        tensors = [tensor.detach().requires_grad_() for tensor in tensors]
        value = function(*tensors)
    return value, torch.autograd.grad(value, tensors, allow_unused=True, materialize_grads=True)


_BY_BACKEND = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
