"""Layers: objects that hold the parameters around the operations of `ops`.

A layer is described first (``Conv2D(filters=8, kernel_size=3)``) and built when the shape of its input is known.
``forward`` remembers what its ``backward`` needs. ``parameters()`` and ``gradients()`` have the same keys;
``state()`` holds what is saved but not trained.

Taught in lesson 04.
"""

import math
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from cnnlessons import initializers, ops, shapes, threads


class Layer:
    """What every layer has; this one passes everything through unchanged."""

    trainable = True  #: whether an optimiser may change the parameters
    drawn = None  #: the checksums of the parameters that a network drew

    def build(self, input_shape, rng, dtype=np.float32):
        """Make the parameters for inputs of `input_shape` (without the batch axis) and return the output's shape."""
        return input_shape

    def forward(self, images, training=False):
        """Return the layer's output for a batch of inputs."""
        return images

    def backward(self, grad_output):
        """Return the gradient with respect to the inputs of the last `forward`; keep that of the parameters."""
        return grad_output

    def backward_to_parameters(self, grad_output):
        """Keep the gradient of the parameters only: no one needs that of the inputs, which are a network's images."""
        self.backward(grad_output)

    def parameters(self):
        """Return the arrays that training changes, by name: the arrays themselves, not copies."""
        return {}

    def gradients(self):
        """Return the gradient of each parameter after the last `backward`, under the same names."""
        return {}

    def state(self):
        """Return the arrays that are saved but not trained, by name."""
        return {}

    def settings(self):
        """Return the arguments that make another layer of this kind; an initializer of the reader's own is left out."""
        if not is_dataclass(self):
            return {}
        settings = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in settings.items() if not callable(value)}

    def _remembered(self, name):
        """Return what the last forward or backward pass left, or say that there was none."""
        try:
            return getattr(self, name)
        except AttributeError:
            need = "forward and backward need" if name == "_gradients" else "forward needs"
            raise RuntimeError(f"{type(self).__name__}: {need} to run first, nothing is remembered yet") from None


class _WithParameters(Layer):
    """A layer whose parameters are attributes, named in `_parameter_names`."""

    _parameter_names = ()

    def __getattr__(self, name):  # asked for what is not there
        built = self._parameter_names[0] in vars(self)
        remedy = "" if built else "; it gets its arrays from build(input_shape, rng), or as a part of a Sequential"
        raise AttributeError(f"{type(self).__name__} has no {name}{remedy}")

    def parameters(self):
        if not hasattr(self, self._parameter_names[0]):
            raise RuntimeError(f"{type(self).__name__} has no parameters before it is built for an input shape")
        arrays = {name: getattr(self, name) for name in self._parameter_names}
        return {name: array for name, array in arrays.items() if array is not None}

    def gradients(self):
        return {name: self._remembered("_gradients")[name] for name in self.parameters()}


@dataclass(eq=False)
class Conv2D(_WithParameters):
    """Cross-correlate with `filters` kernels over all channels and add a bias to each. Taught in lesson 04.

    Parameters
    ----------
    filters : int
    kernel_size, stride, dilation : int or (row, column)
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
    use_bias : bool
    initializer : str or function of (shape, rng)
        Draws the kernel; the bias starts at zero.

    Attributes
    ----------
    kernel : ndarray, shape (KH, KW, C_in, C_out)
    bias : ndarray, shape (C_out,), or None
    """

    filters: int
    kernel_size: int | tuple = 3
    stride: int | tuple = 1
    padding: str | int | tuple = "valid"
    dilation: int | tuple = 1
    use_bias: bool = True
    initializer: object = "glorot_uniform"
    _parameter_names = ("kernel", "bias")

    def build(self, input_shape, rng, dtype=np.float32):
        filters, channels = shapes.whole_number(self.filters, "filters", 1), _axes(input_shape, 3, "Conv2D")[2]
        shape = (*shapes.pair(self.kernel_size, "kernel_size"), channels, filters)
        counts = shapes.conv2d_counts(input_shape, shape, self.stride, self.padding, self.dilation)
        self.kernel = initializers.draw(self.initializer, shape, rng).astype(dtype)
        self.bias = np.zeros(filters, dtype) if self.use_bias else None
        return counts.output_shape

    def forward(self, images, training=False):
        self._images = images
        return ops.conv2d(images, self.kernel, self.bias, **self._geometry())

    def backward(self, grad_output, to_images=True):
        grad_images, grad_kernel, grad_bias = ops.conv2d_backward(
            grad_output, self._remembered("_images"), self.kernel, **self._geometry(), to_images=to_images
        )
        self._gradients = {"kernel": grad_kernel, "bias": grad_bias}
        return grad_images

    def backward_to_parameters(self, grad_output):
        self.backward(grad_output, to_images=False)

    def _geometry(self):
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}


@dataclass(eq=False)
class _Pool2D(Layer):
    """A layer that reduces each window of each channel to one number; its settings are those of `ops.max_pool2d`."""

    size: int | tuple = 2
    stride: int | tuple | None = None
    padding: str | int | tuple = "valid"

    def build(self, input_shape, rng, dtype=np.float32):
        one = np.zeros((1, *_axes(input_shape, 3, type(self).__name__)), bool)
        return ops.max_pool2d(one, *self._arguments()).shape[1:]  # refuses what a forward pass would refuse

    def _arguments(self):
        return self.size, self.stride, self.padding


class MaxPool2D(_Pool2D):
    """Keep the largest value of every window, channel by channel. Taught in lessons 02 and 04."""

    def forward(self, images, training=False):
        self._images = images
        self._largest = threads.in_parts(lambda part: ops.max_pool2d(part, *self._arguments()), images)
        return self._largest.copy()  # the next layer may write into what it gets

    def backward(self, grad_output):
        def of_part(grad_output, images, largest):
            return ops.max_pool2d_backward(grad_output, images, *self._arguments(), largest=largest)

        return threads.in_parts(of_part, grad_output, self._remembered("_images"), self._largest)


class AveragePool2D(_Pool2D):
    """Average every window, channel by channel. Taught in lessons 02 and 04."""

    def forward(self, images, training=False):
        self._images = images
        return ops.average_pool2d(images, *self._arguments())

    def backward(self, grad_output):
        return ops.average_pool2d_backward(grad_output, self._remembered("_images"), *self._arguments())


class GlobalAveragePool2D(Layer):
    """Average each channel over all positions: (N, H, W, C) -> (N, C). Taught in lesson 04."""

    def build(self, input_shape, rng, dtype=np.float32):
        return _axes(input_shape, 3, "GlobalAveragePool2D")[2:]

    def forward(self, images, training=False):
        self._shape = images.shape
        return images.mean(axis=(1, 2))  # (N, C)

    def backward(self, grad_output):
        count, height, width, channels = self._remembered("_shape")
        share = grad_output.reshape(count, 1, 1, channels) / (height * width)
        return np.tile(share, (1, height, width, 1))  # (N, H, W, C)


class ReLU(Layer):
    """Set negative values to zero. Taught in lesson 04."""

    def forward(self, images, training=False):
        self._images = images
        return ops.relu(images)

    def backward(self, grad_output):
        return ops.relu_backward(grad_output, self._remembered("_images"))


@dataclass(eq=False)
class BatchNorm(_WithParameters):
    """Give every channel of a batch mean 0 and variance 1, then scale and shift it.

    In training the batch's own moments are used, and a running average of them is kept for prediction.

    Taught in lesson 04. Keras calls scale and shift gamma and beta.

    Parameters
    ----------
    momentum : float, 0 to 1
        How much of the running average stays at each training step. Keras's default is 0.99; here 0.9, because the
        course's trainings are short.
    epsilon : float
        Added to the variance.

    Attributes
    ----------
    scale, shift : ndarray, shape (C,)
    moving_mean, moving_variance : ndarray, shape (C,)
    """

    momentum: float = 0.9
    epsilon: float = 1e-3
    _parameter_names = ("scale", "shift")

    def build(self, input_shape, rng, dtype=np.float32):
        shapes.number(self.momentum, "momentum", "a number from 0 to 1", lambda value: 0 <= value <= 1)
        shapes.number(self.epsilon, "epsilon", "a number from 0 up", lambda value: value >= 0)
        channels = input_shape[-1]
        self.scale, self.shift = np.ones(channels, dtype), np.zeros(channels, dtype)
        self.moving_mean, self.moving_variance = np.zeros(channels, dtype), np.ones(channels, dtype)
        self.places = math.prod(input_shape[:-1])  # values of a channel in an image
        return input_shape

    def forward(self, images, training=False):
        self._images, self._in_training = images, training
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = ops.channel_moments(images)
            self.moving_mean += (1 - self.momentum) * (mean - self.moving_mean)
            self.moving_variance += (1 - self.momentum) * (variance - self.moving_variance)
        self._moments = {"mean": mean, "variance": variance}
        return ops.batch_norm(images, self.scale, self.shift, **self._moments, epsilon=self.epsilon)

    def backward(self, grad_output):
        images = self._remembered("_images")
        if self._in_training:
            grads = ops.batch_norm_backward(grad_output, images, self.scale, **self._moments, epsilon=self.epsilon)
        else:  # the moments are constants, so each channel is only stretched and moved
            deviation = np.sqrt(self.moving_variance + self.epsilon)
            normal, batch = (images - self.moving_mean) / deviation, tuple(range(images.ndim - 1))
            grads = grad_output * self.scale / deviation, (grad_output * normal).sum(batch), grad_output.sum(batch)
        self._gradients = dict(zip(self._parameter_names, grads[1:], strict=True))
        return grads[0]

    def state(self):
        return {"moving_mean": self.moving_mean, "moving_variance": self.moving_variance}


class Flatten(Layer):
    """Lay every image out as one row: (N, H, W, C) -> (N, H·W·C). Taught in lesson 04."""

    def build(self, input_shape, rng, dtype=np.float32):
        return (int(np.prod(input_shape)),)

    def forward(self, images, training=False):
        self._shape = images.shape
        return images.reshape(len(images), -1)

    def backward(self, grad_output):
        return grad_output.reshape(self._remembered("_shape"))


@dataclass(eq=False)
class Dense(_WithParameters):
    """Multiply every input row by a weight matrix and add a bias. Taught in lessons 03 and 04.

    Parameters
    ----------
    units : int
        Outputs.
    use_bias : bool
    initializer : str or function of (shape, rng)

    Attributes
    ----------
    weights : ndarray, shape (D_in, units)
    bias : ndarray, shape (units,), or None
    """

    units: int
    use_bias: bool = True
    initializer: object = "glorot_uniform"
    _parameter_names = ("weights", "bias")

    def build(self, input_shape, rng, dtype=np.float32):
        (inputs,) = _axes(input_shape, 1, "Dense")
        units = shapes.whole_number(self.units, "units", 1)
        self.weights = initializers.draw(self.initializer, (inputs, units), rng).astype(dtype)
        self.bias = np.zeros(units, dtype) if self.use_bias else None
        return (units,)

    def forward(self, images, training=False):
        self._inputs = images
        return ops.dense(images, self.weights, self.bias)

    def backward(self, grad_output):
        grad_inputs, grad_weights, grad_bias = ops.dense_backward(
            grad_output, self._remembered("_inputs"), self.weights
        )
        self._gradients = {"weights": grad_weights, "bias": grad_bias}
        return grad_inputs


# --------------------------------------------------------------------------- kinds and checks

KINDS = (Conv2D, MaxPool2D, AveragePool2D, GlobalAveragePool2D, ReLU, BatchNorm, Flatten, Dense)


def _axes(input_shape, axes, name):
    """Return a layer's input shape, or say that another layer must come before it."""
    if len(input_shape) != axes:
        form, remedy = {
            1: ("(D_in,)", "put Flatten() or GlobalAveragePool2D() before it"),
            3: ("(H, W, C)", "put it before Flatten; a gray image has shape (H, W, 1)"),
        }[axes]
        raise ValueError(f"{name} takes inputs of shape {form}, got {tuple(input_shape)}; {remedy}")
    return tuple(input_shape)
