"""A network as a chain of layers: forward, loss, backward, step; over and over, with progress, until told to stop.

Taught in lesson 04.
"""

import copy
import json
import os
import signal
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cnnlessons import atomic, ops, optimizers, shapes, threads
from cnnlessons import layers as layer_kinds


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


@lru_cache(maxsize=4)  # every step of an epoch asks for it
def epoch_order(seed, epoch, images):
    """Return the order in which an epoch takes the images: indices (images,), not to be written to."""
    order = np.random.default_rng([seed, epoch]).permutation(images)
    order.flags.writeable = False
    return order


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
    half_made: bool = False  # whether a step was begun and not ended
    history: History = field(default_factory=History)

    def rules(self):
        """Return what must be the same when the training is resumed."""
        return {"seed": self.seed, "batch_size": self.batch_size, "number of images": self.images}

    def batch(self):
        """Return the indices of the next batch. Each epoch has an order of its own, drawn from seed and epoch."""
        order = epoch_order(self.seed, self.epoch, self.images)
        return order[self.step * self.batch_size : (self.step + 1) * self.batch_size]

    def count(self, step, seconds):
        """Take note of a step that was made."""
        self.loss_sum += step.loss * step.images
        self.correct += round(step.accuracy * step.images)
        self.seconds += seconds
        self.step += 1
        self.half_made = False

    def description(self):
        """Return all of it as numbers and lists; `described_by` makes a Training of them."""
        history = {"history": [list(row) for row in self.history], "interrupted": self.history.interrupted}
        return asdict(self) | history

    @classmethod
    def described_by(cls, description):
        """Return the training that `description` came from."""
        values = dict(description)
        history = History(Epoch(*row) for row in values.pop("history"))
        history.interrupted = values.pop("interrupted")
        return cls(**values, history=history)

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
        Of the parameters and of all that is computed from images, which are converted. float32 trains about twice as
        fast as float64; gradients are checked in float64.

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

        What was trained before is forgotten.
        """
        if np.ndim(input_shape) != 1 or not len(input_shape):
            raise ValueError(f"input_shape must be (H, W, C), the shape of one image, got {input_shape!r}")
        rng = np.random.default_rng(self.seed)
        made = [tuple(shapes.whole_number(size, "input_shape", 1) for size in input_shape)]
        for layer in self.layers:
            made.append(tuple(layer.build(made[-1], rng, self.dtype)))
        self._shapes, self.input_shape, self.output_shape = made, made[0], made[-1]
        self.training = self.optimizer = None

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
        self._begin(Training(seed, batch_size, len(images)), optimizers.make(optimizer), resume)
        return self._train(self.training, self.optimizer, (images, labels), epochs, validation)

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
        learned; pressed twice, it raises KeyboardInterrupt at once, and the training cannot be resumed.

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

        Raises
        ------
        TypeError, ValueError
            If the arguments do not fit the network, or those of a resumed training differ from what they were.
        FloatingPointError
            If the training diverges. The weights are then of no use; `build` draws new ones.

        Notes
        -----
        Taught in lesson 04.
        """
        steps = self.training_steps(images, labels, epochs, batch_size, optimizer, validation, seed, resume)
        training = self.training
        training.history.interrupted = True  # until it comes to its end
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
        if training.history.interrupted and progress:
            print(f"Stopped in epoch {training.epoch + 1}; what was learned is kept, fit(..., resume=True) goes on.")
        return training.history

    # ----- files

    def save(self, path):
        """Write layers, weights and the training so far to an npz file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file's name; nothing is added to it.

        Raises
        ------
        OSError
            If the file cannot be written; one that was there before stays as it was.
        FloatingPointError
            If a weight is NaN or infinite because the training has diverged; `load` would refuse the file.
        TypeError
            If the settings of a layer of your own are more than numbers, words and lists.

        Notes
        -----
        Taught in lesson 04. An initializer that is a function of your own is not saved, since the weights are.
        """
        self._require_built()
        arrays = {"parameters": self.parameters(), "state": self.state()}
        if self.optimizer is not None:
            arrays["optimizer"] = self.optimizer.state()
        named = {f"{kind}/{name}": array for kind, group in arrays.items() for name, array in group.items()}
        for name, array in named.items():
            if not np.isfinite(array).all():
                raise FloatingPointError(f"{name} holds NaN or infinity, so training has diverged; nothing is saved")
        description = json.dumps(self._description(), default=_plain)
        _write(Path(path), {_DESCRIPTION: np.array(description), **named})

    @classmethod
    def load(cls, path, custom_layers=(), custom_optimizers=()):
        """Read a network that `save` wrote; ``fit(..., resume=True)`` goes on with its training.

        Parameters
        ----------
        path : str or Path
        custom_layers, custom_optimizers : sequence of classes
            Layers and optimisers of your own that the network uses.

        Returns
        -------
        Sequential

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, or not a network's, or one of its layers is not known.

        Notes
        -----
        Taught in lesson 04. No code in a file is run (``allow_pickle=False``).
        """
        own_layers, own_optimizers = _kinds(custom_layers, "layers"), _kinds(custom_optimizers, "optimizers")
        arrays = _read(Path(path))
        try:
            description = _read_description(arrays.pop(_DESCRIPTION))
            made = [_make_layer(entry, own_layers) for entry in description["layers"]]
            network = cls(made, description["input_shape"], description["seed"], description["dtype"])
            network._restore(description, _grouped(arrays), own_optimizers)
        except Exception as error:  # a file that someone else made may hold anything
            said = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path} is not a network that this version of cnnlessons can read: {said}") from error
        return network

    def _description(self):
        """Return all but the arrays, as JSON can hold it."""
        return {
            "format": _FORMAT,
            "layers": [
                {"name": type(layer).__name__, "settings": layer.settings(), "trainable": layer.trainable}
                for layer in self.layers
            ],
            "input_shape": self.input_shape,
            "seed": self.seed,
            "dtype": self.dtype.name,
            "training": self.training and self.training.description(),
            "optimizer": self.optimizer
            and {
                "settings": self.optimizer.settings(),
                "steps": self.optimizer.steps,
                "arrays": list(self.optimizer.state()),
            },
        }

    def _restore(self, description, arrays, own_optimizers):
        self.set_parameters(arrays["parameters"])
        _copy_into(self.state(), arrays["state"], "state")
        if description["training"]:
            self.training = Training.described_by(description["training"])
        if entry := description["optimizer"]:
            self.optimizer = _make_optimizer(entry["settings"], own_optimizers)
            state = {name: np.zeros_like(self.parameters()[name.partition("/")[2]]) for name in entry["arrays"]}
            _copy_into(state, arrays["optimizer"], "optimizer")
            self.optimizer.restore(entry["steps"], state)

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

    def _checked_images(self, images, name="images"):
        images = _array(images, name)
        if images.dtype.kind not in "fiub":
            raise ValueError(f"{name} must be numbers, shape (N, H, W, C), got {images.dtype}, shape {images.shape}")
        if images.ndim < 2 or not images.size:
            raise ValueError(f"{name} must have shape (N, H, W, C) and be at least one, got shape {images.shape}")
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity; look for them with np.isfinite({name})")
        if self.input_shape is None:
            self.build(images.shape[1:])
        if images.shape[1:] != self.input_shape:
            one = images.shape == self.input_shape
            raise ValueError(
                f"{name} must have shape (N, {', '.join(map(str, self.input_shape))}), which this network was built "
                f"for, got {images.shape}{f'; for one image write {name}[None]' if one else ''}"
            )
        return images

    def _checked_labels(self, labels, count, name="labels"):
        labels, classes = _array(labels, name), self.output_shape[-1]
        if len(self.output_shape) != 1:
            raise ValueError(
                f"layers must end in one score for each class to be trained on labels, got outputs of shape "
                f"{self.output_shape}; end them with Dense(classes) or GlobalAveragePool2D()"
            )
        if labels.dtype.kind not in "iu" or labels.shape != (count,):
            raise ValueError(
                f"{name} must be {count} whole numbers, one an image, got {labels.dtype} of shape {labels.shape}"
                f"{_labels_remedy(labels.shape, count, name)}"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"{name} must lie from 0 to {classes - 1}, since the network has {classes} outputs, got "
                f"{labels.min()} to {labels.max()}"
            )
        return labels

    def _checked_validation(self, validation):
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise ValueError(f"validation must be a pair (images, labels), got {type(validation).__name__}")
        images = self._checked_images(validation[0], "validation images")
        return images, self._checked_labels(validation[1], len(images), "validation labels")


def _checked_layers(layers):
    if not isinstance(layers, (list, tuple)) or not layers:
        raise TypeError(f"layers must be a list of layers, at least one, got {layers!r}")
    for index, layer in enumerate(layers):
        if not isinstance(layer, layer_kinds.Layer):
            remedy = f"; write {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise TypeError(f"layers[{index}] must be a layer, such as ReLU(), got {layer!r}{remedy}")
    return list(layers)


def _array(array, name):
    """Return an ndarray, or say why there is none."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked, got shape {array.shape}; fill the gaps first, .filled(0)")
    try:
        return np.asarray(array)
    except ValueError:
        raise ValueError(f"{name} must all have one shape, got a ragged list") from None


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
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # None: it was not Python's to begin with


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
_FORMAT = 1  # goes up when a file can no longer be read by what is out


def _write(path, arrays):
    """Write an npz file, so that nothing is lost if this fails midway."""
    path = Path(os.path.realpath(path))  # the folder that counts is that of the file a link points to
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to save {path.name} in; make it first")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    with atomic.writing(path) as file:
        np.savez_compressed(file, **arrays)


def _read(path):
    """Return the arrays of a file that `_write` wrote."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file that Sequential.save wrote")
    with path.open("rb") as file:
        try:
            arrays = _unpacked(file)
        except Exception:  # zipfile and NumPy say in a dozen ways that a file is damaged, and some say: trust it
            raise ValueError(
                f"{path} is damaged, or not a file that Sequential.save wrote; take another copy of it"
            ) from None
    if _DESCRIPTION not in arrays:
        raise ValueError(f"{path} holds arrays, but not a network; it was not written by Sequential.save")
    return arrays


def _unpacked(file):
    with zipfile.ZipFile(file) as archive:
        changed = archive.testzip()  # np.load does not look at the checksum of what it reads only in part
    if changed is not None:
        raise zipfile.BadZipFile(f"the checksum of {changed} is wrong")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_description(array):
    description = json.loads(str(array))
    written = description["format"]
    if written > _FORMAT:
        raise ValueError(f"it has format {written}, newer than {_FORMAT}; update cnnlessons")
    return description


def _grouped(arrays):
    """Return {"kind/name": array} as {"kind": {"name": array}}."""
    groups = {"parameters": {}, "state": {}, "optimizer": {}}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        if kind not in groups:
            raise ValueError(f"its array {name!r} belongs to no network")
        groups[kind][rest] = array
    return groups


def _kinds(kinds, name):
    if isinstance(kinds, (list, tuple)) and all(isinstance(kind, type) for kind in kinds):
        return tuple(kinds)
    raise TypeError(f"custom_{name} must be a list of classes, got {kinds!r}")


def _make_layer(entry, own_layers):
    name, settings = entry["name"], entry["settings"]
    known = {kind.__name__: kind for kind in (*layer_kinds.KINDS, *own_layers)}
    if name not in known:
        raise ValueError(f"it has a layer {name!r}; give its class in custom_layers")
    try:
        layer = known[name](**settings)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from its settings {settings} ({error})") from error
    layer.trainable = entry["trainable"]
    return layer


def _make_optimizer(settings, own_optimizers):
    name = settings["name"]
    try:
        return optimizers.make(settings, own_optimizers)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from its settings {settings} ({error})") from error
    except ValueError as error:
        raise ValueError(f"its {error}; give the class of an optimizer of your own in custom_optimizers") from error


def _plain(value):
    """Return a NumPy number or array as JSON can write it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"settings() of a layer must return numbers, words and lists of them to be saved, got {value!r}")


def _copy_into(arrays, values, name):
    """Copy values into the arrays of the same names, all of them or, if one does not fit, none."""
    if set(values) != set(arrays):
        differing = ", ".join(sorted(set(values) ^ set(arrays)))
        raise ValueError(f"{name} must have exactly the network's names; {differing} is only on one side")
    fitting = {key: _fitting(values[key], array, f"{name} {key}") for key, array in arrays.items()}
    for key, array in arrays.items():
        array[...] = fitting[key]


def _fitting(value, array, name):
    """Return a value in the type of an array, whose shape it must have."""
    value = np.asarray(value)
    if value.dtype.kind not in "fiu" or value.shape != array.shape:
        raise ValueError(f"{name} must be numbers of shape {array.shape}, got {value.dtype} of shape {value.shape}")
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        value = value.astype(array.dtype)
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite in {array.dtype}, got NaN, infinity or a number too large")
    return value
