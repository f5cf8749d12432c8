"""A network as a chain of layers: forward, loss, backward, step; over and over, with progress, until told to stop.

Taught in lesson 04.
"""

import copy
import json
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cnnlessons import layers as layer_kinds
from cnnlessons import ops, optimizers, shapes


class Evaluation(NamedTuple):
    """How well a network does on labelled images."""

    loss: float  #: mean softmax cross-entropy, in nats
    accuracy: float  #: share of the images whose largest output is the right class, 0 to 1


class Step(NamedTuple):
    """One step of a training, as `Sequential.training_steps` reports it."""

    epoch: int  #: from 0
    number: int  #: within the epoch, from 0
    images: int  #: in the batch
    loss: float  #: of the batch, before the step
    accuracy: float  #: of the batch, before the step


class Epoch(NamedTuple):
    """One pass through the training images."""

    epoch: int  #: from 0
    loss: float  #: mean over the epoch's batches, each before its step
    accuracy: float
    validation_loss: float | None  #: after the epoch; None without validation images
    validation_accuracy: float | None
    images_per_second: float  #: of training, validation left out


class History(list):
    """The `Epoch` rows of a training.

    Attributes
    ----------
    interrupted : bool
        Whether the training was stopped before its end.
    """

    interrupted = False

    def column(self, name):
        """Return one quantity of all epochs, such as "loss" or "validation_accuracy": ndarray (epochs,)."""
        if name not in Epoch._fields:
            raise ValueError(f"name must be one of {', '.join(Epoch._fields)}, got {name!r}")
        return np.array([getattr(row, name) for row in self], float)


@dataclass
class Training:
    """Where a training stands: enough to go on as if it had never stopped."""

    seed: int
    batch_size: int
    images: int
    epoch: int = 0
    step: int = 0  # within the epoch
    loss_sum: float = 0.0  # of the epoch so far, over images
    correct: int = 0
    seconds: float = 0.0
    history: History = field(default_factory=History)

    def rules(self):
        """Return what must be the same when the training is resumed."""
        return {"seed": self.seed, "batch_size": self.batch_size, "images": self.images}

    def batch(self):
        """Return the indices of the next batch. Each epoch has an order of its own, drawn from seed and epoch."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.images)
        return order[self.step * self.batch_size : (self.step + 1) * self.batch_size]

    def count(self, step, seconds):
        """Take note of a step that was made."""
        self.loss_sum += step.loss * step.images
        self.correct += round(step.accuracy * step.images)
        self.seconds += seconds
        self.step += 1

    @property
    def seen(self):
        """Images of this epoch so far."""
        return min(self.step * self.batch_size, self.images)

    @property
    def means(self):
        """Loss and accuracy of this epoch so far."""
        return self.loss_sum / self.seen, self.correct / self.seen

    def end_epoch(self, validation):
        """Write the epoch down, with its `Evaluation` if there is one, and begin the next."""
        row = Epoch(self.epoch, *self.means, *(validation or (None, None)), self.images / self.seconds)
        self.history.append(row)
        self.epoch, self.step, self.loss_sum, self.correct, self.seconds = self.epoch + 1, 0, 0.0, 0, 0.0


class Sequential:
    """A chain of layers that ends in one score (logit) for each class.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : (H, W, C), optional
        Without it, the network is built when it sees its first images.
    seed : int
        Of the starting weights.
    dtype : numpy float type
        Of the parameters. float32 trains about twice as fast as float64; gradients are checked in float64.

    Attributes
    ----------
    layers : list of Layer
    input_shape, output_shape : tuple or None
        Without the batch axis; None until the network is built.
    training : Training or None
        Where the last training stands.
    optimizer : Optimizer or None
        That of the last training.

    Notes
    -----
    Taught in lesson 04.
    """

    def __init__(self, layers, input_shape=None, seed=0, dtype=np.float32):
        self.layers = list(layers)
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise ValueError("layers must be different objects: one that appears twice would forget its first input")
        self.seed, self.dtype = shapes.whole_number(seed, "seed", 0), np.dtype(dtype)
        if self.dtype.kind != "f":
            raise ValueError(f"dtype must be a floating type, got {self.dtype}; np.float32 suits training")
        self.input_shape = self.output_shape = self.training = self.optimizer = None
        if input_shape is not None:
            self.build(input_shape)

    def build(self, input_shape):
        """Draw the starting weights of all layers for inputs of `input_shape`, without the batch axis."""
        rng = np.random.default_rng(self.seed)
        shape = tuple(shapes.whole_number(size, "input_shape", 1) for size in input_shape)
        self._shapes = [shape]
        for layer in self.layers:
            self._shapes.append(tuple(layer.build(self._shapes[-1], rng, self.dtype)))
        self.input_shape, self.output_shape = shape, self._shapes[-1]

    # ----- forward and backward

    def forward(self, images, training=False):
        """Return the logits of a batch: (N, H, W, C) -> (N, K)."""
        images = self._checked_images(images)
        for layer in self.layers:
            images = layer.forward(images, training)
        return images

    def backward(self, grad_logits):
        """Carry a gradient back through all layers and return that of the images: (N, K) -> (N, H, W, C)."""
        for layer in reversed(self.layers):
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
        _copy_into(self.parameters(), parameters, "parameters")

    def copy(self):
        """Return another network with the same layers, weights and training, which can go its own way."""
        return copy.deepcopy(self)

    def _collect(self, ask):
        self._require_built()
        names = [f"{type(layer).__name__.lower()}_{index}" for index, layer in enumerate(self.layers)]
        return {
            f"{layer_name}.{name}": array
            for layer_name, layer in zip(names, self.layers, strict=True)
            for name, array in ask(layer).items()
        }

    # ----- use

    def predict(self, images, batch_size=256):
        """Return the logits of any number of images, (N, K); the class is ``.argmax(axis=1)``."""
        images = self._checked_images(images)
        batch_size = shapes.whole_number(batch_size, "batch_size", 1)
        return np.concatenate(
            [self.forward(images[start : start + batch_size]) for start in range(0, len(images), batch_size)]
        )

    def evaluate(self, images, labels, batch_size=256):
        """Return loss and accuracy on labelled images, as an `Evaluation`."""
        logits = self.predict(images, batch_size)
        loss = ops.softmax_cross_entropy(logits, labels)
        return Evaluation(loss, float(np.mean(logits.argmax(axis=1) == labels)))

    # ----- training

    def train_step(self, images, labels, optimizer):
        """Make one step on one batch; return (loss, accuracy) of the batch before it."""
        logits = self.forward(images, training=True)
        if not np.isfinite(logits).all():
            raise FloatingPointError(
                "the network's outputs are no longer finite, so training has diverged; "
                f"begin again with a learning_rate below {optimizer.learning_rate:g}"
            )
        self.backward(ops.softmax_cross_entropy_backward(logits, labels))
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
        if validation is not None:
            validation = (
                (checked := self._checked_images(validation[0])),
                self._checked_labels(validation[1], len(checked)),
            )
        batch_size, seed = shapes.whole_number(batch_size, "batch_size", 1), shapes.whole_number(seed, "seed", 0)
        self._begin(Training(seed, batch_size, len(images)), optimizers.make(optimizer), resume)
        return self._train(images, labels, epochs, validation)

    def _begin(self, training, optimizer, resume):
        """Start a training, or make sure that it is the one to be resumed."""
        if not resume or self.training is None:
            self.training, self.optimizer = training, optimizer
            return
        now = training.rules() | {"optimizer": optimizer.settings()}
        before = self.training.rules() | {"optimizer": self.optimizer.settings()}
        for name, value in now.items():
            if value != before[name]:
                raise ValueError(
                    f"{name} must be what it was when the training stopped, {before[name]}, to resume it, got {value}; "
                    "leave out resume=True to begin a new training from the present weights"
                )

    def _train(self, images, labels, epochs, validation):
        now = self.training
        while now.epoch < epochs:
            start, batch = time.perf_counter(), now.batch()
            loss, accuracy = self.train_step(images[batch], labels[batch], self.optimizer)
            step = Step(now.epoch, now.step, len(batch), loss, accuracy)
            now.count(step, time.perf_counter() - start)
            if now.seen == now.images:
                now.end_epoch(validation and self.evaluate(*validation))
            yield step

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
        learned; pressed twice, it raises KeyboardInterrupt at once.

        Parameters
        ----------
        images : ndarray, shape (N, H, W, C)
        labels : ndarray of int, shape (N,)
        epochs : int
            Passes through the images, from here, or in all if a training is resumed.
        batch_size : int
        optimizer : Optimizer, "adam" or "sgd"
        validation : (images, labels), optional
            Evaluated after every epoch.
        seed : int
            Of the order of the images.
        progress : bool
            Whether to show a bar with loss, accuracy, images a second and the time left.
        resume : bool
            Whether to go on with an interrupted or loaded training, which gives the same numbers as if it had not
            stopped, rather than begin a new one from the present weights.

        Returns
        -------
        History
            One `Epoch` a row.

        Raises
        ------
        TypeError, ValueError
            If the arguments do not fit the network, or those of a resumed training differ from what they were.
        FloatingPointError
            If the training diverges.

        Notes
        -----
        Taught in lesson 04.
        """
        steps = self.training_steps(images, labels, epochs, batch_size, optimizer, validation, seed, resume)
        training = self.training
        with _stop_signal() as stopped, _bar(training, epochs, progress) as bar:
            for step in steps:
                loss, accuracy = training.means if training.step else training.history[-1][1:3]
                bar.set_description_str(
                    f"epoch {step.epoch + 1}/{epochs}, loss {loss:.3f}, accuracy {accuracy:.1%}", refresh=False
                )
                bar.update(step.images)
                if stopped:
                    break
        training.history.interrupted = training.epoch < epochs
        if training.history.interrupted:
            print(f"Stopped in epoch {training.epoch + 1}; what was learned is kept, fit(..., resume=True) goes on.")
        return training.history

    # ----- files

    def save(self, path):
        """Write layers, weights and the training so far to an npz file, whole or not at all.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        OSError
            If the file cannot be written; one that was there before stays as it was.

        Notes
        -----
        Taught in lesson 04. An initializer that is a function of your own is not saved, since the weights are.
        """
        self._require_built()
        arrays = {"parameters": self.parameters(), "state": self.state()}
        if self.optimizer is not None:
            arrays["optimizer"] = self.optimizer.state()
        named = {f"{kind}/{name}": array for kind, group in arrays.items() for name, array in group.items()}
        _write(Path(path), {_DESCRIPTION: np.array(json.dumps(self._description())), **named})

    @classmethod
    def load(cls, path, custom_layers=()):
        """Read a network that `save` wrote; ``fit(..., resume=True)`` goes on with its training.

        Parameters
        ----------
        path : str or Path
        custom_layers : sequence of classes
            Layers of your own that the network uses.

        Returns
        -------
        Sequential

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, or not a network's.

        Notes
        -----
        Taught in lesson 04. No code in a file is run (``allow_pickle=False``).
        """
        arrays = _read(Path(path))
        try:
            description = json.loads(str(arrays.pop(_DESCRIPTION)))
            return cls._described_by(description, _grouped(arrays), custom_layers)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} is not a network that this version of cnnlessons can read: {error}") from error

    def _description(self):
        training = self.training and asdict(self.training) | {"history": [list(row) for row in self.training.history]}
        optimizer = self.optimizer and {"settings": self.optimizer.settings(), "steps": self.optimizer.steps}
        return {
            "layers": [
                {"name": type(layer).__name__, "settings": layer.settings(), "trainable": layer.trainable}
                for layer in self.layers
            ],
            "input_shape": self.input_shape,
            "seed": self.seed,
            "dtype": self.dtype.name,
            "training": training,
            "optimizer": optimizer,
        }

    @classmethod
    def _described_by(cls, description, arrays, custom_layers):
        made = [_make_layer(entry, custom_layers) for entry in description["layers"]]
        network = cls(made, tuple(description["input_shape"]), description["seed"], description["dtype"])
        network.set_parameters(arrays["parameters"])
        _copy_into(network.state(), arrays["state"], "state")
        if description["training"]:
            training = description["training"]
            training["history"] = History(Epoch(*row) for row in training["history"])
            network.training = Training(**training)
            network.optimizer = optimizers.make(description["optimizer"]["settings"])
            network.optimizer.restore(description["optimizer"]["steps"], arrays["optimizer"])
        return network

    # ----- looks and checks

    def __repr__(self):
        """Return a table of the layers: output shape and number of parameters."""
        if self.input_shape is None:
            return f"Sequential of {len(self.layers)} layers, not built yet"
        counts = [sum(array.size for array in layer.parameters().values()) for layer in self.layers]
        rows = [
            (type(layer).__name__, " × ".join(map(str, shape)), f"{count:,}")
            for layer, shape, count in zip(self.layers, self._shapes[1:], counts, strict=True)
        ]
        rows = [("layer", "output", "parameters"), *rows, ("total", "", f"{sum(counts):,}")]
        return "\n".join(f"{name:<20}{shape:<16}{count:>12}" for name, shape, count in rows)

    def _require_built(self):
        if self.input_shape is None:
            raise RuntimeError("the network has no weights yet; give Sequential an input_shape or show it images")

    def _checked_images(self, images):
        images = np.asarray(images)
        if images.dtype.kind not in "fiub" or images.ndim < 2 or not len(images):
            raise ValueError(f"images must be numbers, shape (N, H, W, C), got {images.dtype}, shape {images.shape}")
        if self.input_shape is None:
            self.build(images.shape[1:])
        if images.shape[1:] != self.input_shape:
            one = images.shape == self.input_shape
            raise ValueError(
                f"images must have shape (N, {', '.join(map(str, self.input_shape))}), which this network was built "
                f"for, got {images.shape}{'; for one image write images[None]' if one else ''}"
            )
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            raise ValueError("images must be finite, got NaN or infinity; look for them with np.isfinite(images)")
        return images

    def _checked_labels(self, labels, count):
        labels, classes = np.asarray(labels), self.output_shape[-1]
        if labels.dtype.kind not in "iu" or labels.shape != (count,):
            raise ValueError(
                f"labels must be {count} whole numbers, one an image, got {labels.dtype} of shape {labels.shape}"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"labels must lie from 0 to {classes - 1}, since the network has {classes} outputs, got "
                f"{labels.min()} to {labels.max()}"
            )
        return labels


# --------------------------------------------------------------------------- progress


@contextmanager
def _stop_signal():
    """Turn the first interrupt into an entry of the list that is returned, so that no step is left half made."""
    asked = []

    def ask(*_):
        if asked:
            raise KeyboardInterrupt
        asked.append(True)

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield asked
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _bar(training, epochs, shown):
    """Return a progress bar over all images of all epochs that counts those of a resumed training as seen."""
    return tqdm(
        total=epochs * training.images,
        initial=training.epoch * training.images + training.seen,
        disable=not shown,
        file=sys.stdout,  # a notebook paints the other stream red
        unit=" images",
        unit_scale=True,
        mininterval=0.2,
        bar_format="{desc} {percentage:3.0f} %|{bar:20}| {rate_fmt}, {remaining} left",
    )


# --------------------------------------------------------------------------- files

_DESCRIPTION = "cnnlessons network"  # its presence says whose file it is


def _write(path, arrays):
    """Write an npz file beside `path` and put it in its place, so that nothing is lost if this fails midway."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            np.savez_compressed(file, **arrays)
            file.close()  # Windows moves closed files only
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged, or not a file that Sequential.save wrote ({error}); take another copy of it"
        ) from error
    if _DESCRIPTION not in arrays:
        raise ValueError(f"{path} holds arrays, but not a network; it was not written by Sequential.save")
    return arrays


def _grouped(arrays):
    """Return {"kind/name": array} as {"kind": {"name": array}}."""
    groups = {"parameters": {}, "state": {}, "optimizer": {}}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        groups[kind][rest] = array
    return groups


def _make_layer(entry, custom_layers):
    known = {kind.__name__: kind for kind in (*layer_kinds.KINDS, *custom_layers)}
    if entry["name"] not in known:
        raise ValueError(f"it has a layer {entry['name']!r}; give its class in custom_layers")
    layer = known[entry["name"]](**entry["settings"])
    layer.trainable = entry["trainable"]
    return layer


def _copy_into(arrays, values, name):
    """Copy values into the arrays of the same names, all of them or, if one does not fit, none."""
    if set(values) != set(arrays):
        differing = ", ".join(sorted(set(values) ^ set(arrays)))
        raise ValueError(f"{name} must have exactly the network's names; {differing} is only on one side")
    for key, array in arrays.items():
        if np.shape(values[key]) != array.shape or not np.isfinite(values[key]).all():
            raise ValueError(f"{name} {key} must be finite numbers of shape {array.shape}, got {np.shape(values[key])}")
    for key, array in arrays.items():
        array[...] = values[key]
