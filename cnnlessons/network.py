"""A network as a chain of layers: forward, loss, backward, step; over and over, with progress, until told to stop.

Taught in lesson 04.
"""

import copy
import time
import weakref
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from cnnlessons import layers as layer_kinds
from cnnlessons import ops, optimizers, saving, shapes, threads
from cnnlessons.epochs import Epoch, History, Step, Training, epoch_order, progress_bar, stop_signal

__all__ = ["Epoch", "Evaluation", "History", "Sequential", "Step", "epoch_order"]


class Evaluation(NamedTuple):
    """How well a network does on labelled images."""

    loss: float  #: mean softmax cross-entropy, in nats
    accuracy: float  #: share of the images whose largest output is the right class, 0 to 1


class Sequential:
    """A chain of layers that ends in one score (logit) for each class. Taught in lesson 04.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : (H, W, C), optional
        Without it, the network is built when it sees its first images.
    seed : int
        Of the starting weights.
    dtype : numpy float type
        Of the parameters and of all that is computed from images, which are converted. float32 trains about twice as
        fast as float64; gradients are checked in float64.

    Attributes
    ----------
    input_shape, output_shape : tuple or None
        Without the batch axis; None until the network is built.
    output_shapes : list of tuple
        Those of all layers.
    training : Training or None
        Where the last training stands.
    optimizer : Optimizer or None
        That of the last training.
    """

    _living: ClassVar[set] = set()  # a weak reference to every network, however it was made

    def __new__(cls, *arguments, **options):
        network = super().__new__(cls)
        cls._living.add(weakref.ref(network, cls._living.discard))
        return network

    def __init__(self, layers, input_shape=None, seed=0, dtype=np.float32):
        self.layers = _checked_layers(layers)
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise ValueError("layers must be different objects: one that appears twice would forget its first input")
        self.seed, self.dtype = shapes.whole_number(seed, "seed", 0), np.dtype(dtype)
        if self.dtype.kind != "f":
            raise ValueError(f"dtype must be a floating type, got {self.dtype}; np.float32 suits training")
        self.input_shape = self.output_shape = self.training = self.optimizer = None
        if input_shape is not None:
            self.build(input_shape)

    def build(self, input_shape):
        """Draw the starting weights of all layers for inputs of `input_shape`, without the batch axis.

        What was trained before is forgotten, unless that shape is refused: then all stays as it was. Weights that
        another network got since they were drawn, by training or by hand, are not drawn anew: see `copy`.
        """
        if np.ndim(input_shape) != 1 or not len(input_shape):
            raise ValueError(f"input_shape must be (H, W, C), the shape of one image, got {input_shape!r}")
        rng = np.random.default_rng(self.seed)
        made = [tuple(shapes.whole_number(size, "input_shape", 1) for size in input_shape)]
        with _all_or_nothing(self.layers), self._keeping_others():
            for layer in self.layers:
                made.append(tuple(layer.build(made[-1], rng, self.dtype)))
        for layer in self.layers:
            layer.drawn = checksum(layer)
        self.input_shape, self.output_shapes, self.output_shape = made[0], made[1:], made[-1]
        self.training = self.optimizer = None

    @contextmanager
    def _keeping_others(self):
        """Refuse in the end to have changed weights of another network that are not just as they were drawn."""
        others = [network for living in tuple(self._living) if (network := living()) not in (None, self)]
        theirs = {id(layer) for network in others if vars(network).get("input_shape") for layer in network.layers}
        before = {index: checksum(layer) for index, layer in enumerate(self.layers) if id(layer) in theirs}
        drawn = {index: self.layers[index].drawn for index in before}
        yield
        for index, held in before.items():
            if held not in (drawn[index], checksum(layer := self.layers[index])):
                raise ValueError(
                    f"layers must not be those of another network, whose weights would be lost, got its "
                    f"{type(layer).__name__} as layers[{index}]; give net.copy().layers to draw new weights, or go on "
                    "from them with net.copy(keep=-1, then=[Dense(3)])"
                )

    # ----- forward and backward

    @threads.one_a_product
    def forward(self, images, training=False):
        """Return the logits of a batch: (N, H, W, C) -> (N, K)."""
        images = self._checked_images(images).astype(self.dtype, copy=False)
        for layer in self.layers:
            images = layer.forward(images, training)
        return images

    @threads.one_a_product
    def backward(self, grad_logits, to_images=True):
        """Carry a gradient back through all layers and return that of the images: (N, K) -> (N, H, W, C).

        Without `to_images` it ends in the first layer's parameters, which is all that training needs.
        """
        for layer in reversed(self.layers):
            if layer is self.layers[0] and not to_images:
                return layer.backward_to_parameters(grad_logits)
            grad_logits = layer.backward(grad_logits)
        return grad_logits

    def parameters(self):
        """Return all arrays that training changes, such as "conv2d_0.kernel": the arrays themselves, not copies."""
        return self._collect(lambda layer: layer.parameters())

    def gradients(self):
        """Return the gradients of the parameters of all trainable layers, under the parameters' names."""
        return self._collect(lambda layer: layer.gradients() if layer.trainable else {})

    def state(self):
        """Return the arrays that are saved but not trained, such as "batchnorm_1.moving_mean"."""
        return self._collect(lambda layer: layer.state())

    def set_parameters(self, parameters):
        """Copy arrays into the parameters: the same names and shapes as `parameters` returns."""
        saving.copy_into(self.parameters(), parameters, "parameters")

    @threads.one_a_product
    def measure_averages(self, images):
        """Take the averages of every batch normalisation from these images, (N, H, W, C), at once; weights stay.

        In a training that is short or fast they lag behind the weights, and the network reads less than it has learned.
        Taught in lesson 11.
        """
        maps = self._checked_images(images).astype(self.dtype, copy=False)
        for layer in self.layers:
            if isinstance(layer, layer_kinds.BatchNorm):
                layer.moving_mean[...], layer.moving_variance[...] = ops.channel_moments(maps)
            maps = layer.forward(maps)

    def copy(self, keep=None, then=(), seed=0):
        """Return another network with the same layers, weights and training, which can go its own way.

        To go on from what was trained to other classes, write ``net.copy(keep=-1, then=[Dense(3)])``: it keeps the
        weights of ``net.layers[:keep]`` and draws those of the layers that `then` lists from the seed; its training
        begins anew. Where a layer is not ``trainable``, training leaves it as it is.
        """
        other = copy.deepcopy(self)
        if keep is None and not then:
            return other
        self._require_built()
        kept = other.layers[:keep]
        made = [self.input_shape, *self.output_shapes][: len(kept) + 1]
        new = Sequential(then, made[-1], seed, self.dtype) if then else None
        other.layers = _checked_layers(kept + (new.layers if new else []))
        made += new.output_shapes if new else []
        other.output_shapes, other.output_shape, other.training, other.optimizer = made[1:], made[-1], None, None
        return other

    def named_layers(self):
        """Return the layers by name: their kind and their place from 0, such as "conv2d_0"."""
        return {f"{type(layer).__name__.lower()}_{index}": layer for index, layer in enumerate(self.layers)}

    def _collect(self, ask):
        self._require_built()
        return {
            f"{layer_name}.{name}": array
            for layer_name, layer in self.named_layers().items()
            for name, array in ask(layer).items()
        }

    # ----- use

    def predict(self, images, batch_size=256):
        """Return the logits of any number of images, (N, K); the class is ``.argmax(axis=1)``."""
        images = self._checked_images(images)
        return in_batches(self.forward, images, size=shapes.whole_number(batch_size, "batch_size", 1))

    def evaluate(self, images, labels, batch_size=256):
        """Return loss and accuracy on labelled images, as an `Evaluation`."""
        images = self._checked_images(images)
        labels = self._checked_labels(labels, len(images))
        logits = self.predict(images, batch_size)
        _require_finite(logits, self.optimizer)
        loss = ops.softmax_cross_entropy(logits, labels)
        return Evaluation(loss, float(np.mean(logits.argmax(axis=1) == labels)))

    # ----- training

    def train_step(self, images, labels, optimizer):
        """Make one step on one batch; return (loss, accuracy) of the batch before it."""
        logits = self.forward(images, training=True)
        _require_finite(logits, optimizer)
        self.backward(ops.softmax_cross_entropy_backward(logits, labels), to_images=False)
        optimizer.update(self.parameters(), self.gradients())
        return ops.softmax_cross_entropy(logits, labels), float(np.mean(logits.argmax(axis=1) == labels))

    def training_steps(
        self, images, labels, epochs=1, batch_size=32, optimizer="adam", validation=None, seed=0, resume=False
    ):
        """Return an iterator that trains, a `Step` at a time: for loops that watch, draw or stop.

        Parameters are those of `fit`. Leaving the loop keeps what was learned, and where it was learned up to.
        """
        images = self._checked_images(images)
        labels = self._checked_labels(labels, len(images))
        epochs = shapes.whole_number(epochs, "epochs", 0)
        validation = validation if validation is None else self._checked_validation(validation)
        batch_size, seed = shapes.whole_number(batch_size, "batch_size", 1), shapes.whole_number(seed, "seed", 0)
        self._require_variance(batch_size, len(images))
        self._begin(Training(seed, batch_size, len(images)), optimizers.make(optimizer), resume)
        return self._train(self.training, self.optimizer, (images, labels), epochs, validation)

    def _require_variance(self, batch_size, count):
        """Refuse batches in which a normalised channel has a single value; a last batch of one image does no harm."""
        for layer in self.layers:
            if isinstance(layer, layer_kinds.BatchNorm) and min(batch_size, count) * layer.places == 1:
                raise ValueError(
                    "batch_size must be at least 2, and so must be the images, where BatchNorm sees one value of a "
                    f"channel an image: of a single one the variance is 0; got {batch_size} and {count} images"
                )

    def _begin(self, training, optimizer, resume):
        """Start a training, or make sure that it is the one to be resumed."""
        if not resume or self.training is None:
            if optimizer.steps:
                raise ValueError(
                    f"optimizer must be a new one to begin a training, this one has made {optimizer.steps} steps; "
                    f"write {type(optimizer).__name__}(...) once more, or resume=True to go on with its training"
                )
            self.training, self.optimizer = training, optimizer
            return
        if self.training.half_made:
            raise ValueError(
                "resume must be False: the training was broken off within a step, so it cannot go on as if it had not "
                "stopped; load a file that was saved before, or begin a new training from the present weights"
            )
        now = training.rules() | {"optimizer": optimizer.settings()}
        before = self.training.rules() | {"optimizer": self.optimizer.settings()}
        for name, value in now.items():
            if value != before[name]:
                raise ValueError(
                    f"{name} must be what it was when the training stopped, {before[name]}, to resume it, got {value}; "
                    "leave out resume=True to begin a new training from the present weights"
                )

    def _train(self, now, optimizer, labelled, epochs, validation):
        while now.epoch < epochs:
            # An error may have ended the validation after an epoch's last step, which is then made up for.
            step = self._step(now, optimizer, *labelled) if now.seen < now.images else None
            if now.seen == now.images:
                now.end_epoch(validation and self.evaluate(*validation))
            if step is not None:
                yield step

    def _step(self, now, optimizer, images, labels):
        start, batch = time.perf_counter(), now.batch()
        now.half_made = True
        loss, accuracy = self.train_step(images[batch], labels[batch], optimizer)
        step = Step(now.epoch, now.step, len(batch), loss, accuracy)
        now.count(step, time.perf_counter() - start)
        return step

    def fit(
        self,
        images,
        labels,
        epochs=1,
        batch_size=32,
        optimizer="adam",
        validation=None,
        seed=0,
        progress=True,
        resume=False,
    ):
        """Train on labelled images.

        Ctrl-C, or the stop button of a notebook, ends the training after the step being made and keeps what was
        learned; pressed twice, it raises KeyboardInterrupt at once, and the training cannot be resumed. One that
        diverges raises FloatingPointError: the weights are of no use then, `build` draws new ones. Taught in lesson 04.

        Parameters
        ----------
        images : ndarray, shape (N, H, W, C)
        labels : ndarray of int, shape (N,)
        epochs : int
            Passes through the images, from here, or in all if a training is resumed.
        batch_size : int
        optimizer : Optimizer, "adam" or "sgd"
            One that has made no step yet, unless a training is resumed.
        validation : (images, labels), optional
            Evaluated after every epoch.
        seed : int
            Of the order of the images.
        progress : bool
            Whether to show a bar with loss, accuracy, images a second and the time left, and to say where a training
            was stopped.
        resume : bool
            Whether to go on with an interrupted or loaded training, which gives the same numbers as if it had not
            stopped, rather than begin a new one from the present weights.

        Returns
        -------
        History
            One `Epoch` a row.
        """
        steps = self.training_steps(images, labels, epochs, batch_size, optimizer, validation, seed, resume)
        training = self.training
        training.history.interrupted = True  # until it comes to its end
        with stop_signal() as stopped, progress_bar(training, epochs, progress) as bar:
            for step in steps:
                loss, accuracy = training.means if training.step else training.history[-1][1:3]
                bar.set_description_str(
                    f"epoch {step.epoch + 1}/{epochs}, loss {loss:.3f}, accuracy {accuracy:.1%}", refresh=False
                )
                bar.update(step.images)
                if stopped:
                    break
        training.history.interrupted = training.epoch < epochs
        if training.history.interrupted and progress:
            print(f"Stopped in epoch {training.epoch + 1}; what was learned is kept, fit(..., resume=True) goes on.")
        return training.history

    # ----- files

    def save(self, path):
        """Write layers, weights and the training so far to an npz file, whole or not at all. Taught in lesson 04.

        If it cannot be written, a file that was there before stays as it was. A training that has diverged is not
        saved, nor is an initializer that is a function of your own, since the weights are. The settings of a layer of
        your own must be numbers, words and lists. Nothing is added to the file's name.
        """
        self._require_built()
        saving.save(self, Path(path).expanduser())

    @classmethod
    def load(cls, path, custom_layers=(), custom_optimizers=()):
        """Read a network that `save` wrote; ``fit(..., resume=True)`` goes on with its training. Taught in lesson 04.

        `custom_layers` and `custom_optimizers` are classes of your own that the network uses. No code in a file is run
        (``allow_pickle=False``); one that is damaged, or not a network's, is a ValueError.
        """
        return saving.load(cls, Path(path).expanduser(), custom_layers, custom_optimizers)

    # ----- looks and checks

    def __repr__(self):
        """Return a table of the layers: output shape and number of parameters."""
        if self.input_shape is None:
            return f"Sequential of {len(self.layers)} layers, not built yet"
        counts = [sum(array.size for array in layer.parameters().values()) for layer in self.layers]
        rows = [
            (type(layer).__name__, " × ".join(map(str, shape)), f"{count:,}")
            for layer, shape, count in zip(self.layers, self.output_shapes, counts, strict=True)
        ]
        rows = [("layer", "output", "parameters"), *rows, ("total", "", f"{sum(counts):,}")]
        return "\n".join(f"{name:<20}{shape:<16}{count:>12}" for name, shape, count in rows)

    def _require_built(self):
        if self.input_shape is None:
            raise RuntimeError("the network has no weights yet; give Sequential an input_shape or show it images")

    def _checked_images(self, images, name="images"):
        images = ops.finite(images, name, "(N, H, W, C)")
        if images.ndim < 2:
            raise ValueError(f"{name} must have shape (N, H, W, C), got shape {images.shape}")
        if self.input_shape is None:
            self.build(images.shape[1:])
        return fitting_images(images, self.input_shape, name)

    def _checked_labels(self, labels, count, name="labels"):
        if len(self.output_shape) != 1:
            raise ValueError(
                f"layers must end in one score for each class to be trained on labels, got outputs of shape "
                f"{self.output_shape}; end them with Dense(classes) or GlobalAveragePool2D()"
            )
        return fitting_labels(labels, count, self.output_shape[0], name)

    def _checked_validation(self, validation):
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise ValueError(f"validation must be a pair (images, labels), got {type(validation).__name__}")
        images = self._checked_images(validation[0], "validation images")
        return images, self._checked_labels(validation[1], len(images), "validation labels")


def in_batches(function, *arrays, size=256):
    """Return what a function makes of so many entries of the arrays at a time, in one piece."""
    starts = range(0, len(arrays[0]), size)
    return np.concatenate([function(*(array[start : start + size] for array in arrays)) for start in starts])


@contextmanager
def _all_or_nothing(layers):
    """Leave the layers as they were if the block fails."""
    themselves = {id(layer): layer for layer in layers}  # not copied where a layer refers to itself or to another
    before = [dict(vars(layer)) for layer in layers]
    with suppress(Exception):  # a layer of your own may hold what cannot be copied
        before = copy.deepcopy(before, themselves)  # build may write into arrays, or build layers inside of this one
    try:
        yield
    except BaseException:
        for layer, held in zip(layers, before, strict=True):
            vars(layer).clear()
            vars(layer).update(held)
        raise


def _checked_layers(layers):
    if not isinstance(layers, (list, tuple)) or not layers:
        raise TypeError(f"layers must be a list of layers, at least one, got {layers!r}")
    for index, layer in enumerate(layers):
        if not isinstance(layer, layer_kinds.Layer):
            remedy = f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise TypeError(f"layers[{index}] must be a layer, such as ReLU(), got {layer!r}{remedy}")
    return list(layers)


def checksum(layer):
    """Return numbers that tell whether the parameters of a layer that is built are still the same."""
    return [zlib.crc32(np.ascontiguousarray(array)) for array in layer.parameters().values()]


def fitting_images(images, input_shape, name="images"):
    """Return images, if they have the shape that a network was built for."""
    if images.shape[1:] != input_shape:
        one = images.shape == input_shape
        raise ValueError(
            f"{name} must have shape (N, {', '.join(map(str, input_shape))}), which this network was built for, got "
            f"{images.shape}{f'; for one image write {name}[None]' if one else ''}"
        )
    return images


def fitting_labels(labels, count, classes=None, name="labels"):
    """Return labels as an array, if they are one class an image, of so many classes."""
    labels = ops.whole_array(labels, name, "one whole number an image")
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise ValueError(
            f"{name} must be {count} whole numbers, one an image, got {labels.dtype} of shape {labels.shape}"
            f"{_labels_remedy(labels.shape, count, name)}"
        )
    if labels.min() < 0 or (classes and labels.max() >= classes):
        rule = f"lie from 0 to {classes - 1}, since the network has {classes} outputs" if classes else "be 0 or more"
        raise ValueError(f"{name} must {rule}, got {labels.min()} to {labels.max()}")
    return labels


def _labels_remedy(shape, count, name):
    if shape == (count,):
        return f"; use {name}.astype(int)"
    if shape == (count, 1):
        return f"; use {name}[:, 0]"
    return f"; from one-hot rows use {name}.argmax(axis=1)" if len(shape) == 2 and shape[0] == count else ""


def _require_finite(logits, optimizer):
    if not np.isfinite(logits).all():
        rate = f" with a learning_rate below {optimizer.learning_rate:g}" if optimizer else ""
        raise FloatingPointError(
            "the network's outputs are no longer finite, so training has diverged and the weights are of no use; "
            f"build it anew and begin again{rate}"
        )
