"""Training Keras models: on what, from which seed, how fast.

The same code runs on a CPU and on a GPU, in float32, in float64 and in mixed precision.

Taught in lesson 07; freezing and drift in lesson 09.
"""

import itertools
import os
import sys
import time
from dataclasses import dataclass

import keras
import numpy as np

from cnnlessons import shapes
from cnnlessons.epochs import epoch_order

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16", "float64")

# --------------------------------------------------------------------------- what this machine trains on


@dataclass(frozen=True)
class Device:
    """What Keras trains on."""

    backend: str  #: of Keras: "tensorflow"
    kind: str  #: "CPU" or "GPU"
    name: str  #: as the driver names it
    precision: str  #: the present Keras policy, such as "float32" or "mixed_float16"

    def __str__(self):
        name = "" if self.name == self.kind else f" ({self.name})"
        return f"Keras on {self.backend}, {self.kind}{name}, {self.precision}"


def device():
    """Return the `Device` that training uses: the first GPU, if TensorFlow sees one. Taught in lesson 07."""
    backend = keras.backend.backend()
    gpu = _gpu() if backend == "tensorflow" else None
    return Device(backend, "GPU" if gpu else "CPU", gpu or "CPU", keras.mixed_precision.dtype_policy().name)


def _gpu():
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return found and tf.config.experimental.get_device_details(found[0]).get("device_name", found[0].name)


def prepare(seed=0, precision="auto"):
    """Seed everything that Keras draws, choose the precision of new models, and return the `Device` to train them on.

    Taught in lesson 07. The same seed gives the same numbers on the same machine; on another, sums may be ordered
    differently.

    Parameters
    ----------
    seed : int
    precision : {"auto", "float32", "mixed_float16", "mixed_bfloat16", "float64"}
        "auto" is mixed_float16 on a GPU, which has units made for it, and float32 on a CPU, most of which have not;
        the environment variable CNNLESSONS_PRECISION overrides it. In "float64" short trainings of small networks
        come out alike on all machines.
    """
    if precision == "auto":
        precision = os.environ.get("CNNLESSONS_PRECISION") or ("mixed_float16" if device().kind == "GPU" else "float32")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be auto, {', '.join(PRECISIONS)}, got {precision!r}")
    keras.utils.set_random_seed(shapes.whole_number(seed, "seed", 0))
    keras.config.set_floatx("float64" if precision == "float64" else "float32")  # in which losses are computed
    keras.mixed_precision.set_dtype_policy(precision)
    return device()


# --------------------------------------------------------------------------- training


def compiled(model, learning_rate=0.001, optimizer=None, watch=False):
    """Compile a model whose outputs are logits, for whole-number labels, and return it. Taught in lesson 07.

    The optimiser is Adam with this learning rate unless another is given. With `watch` it runs step by step as Python
    reads it, so that prints and debuggers see every number, rather than as a compiled graph.
    """
    model.compile(
        optimizer or keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        run_eagerly=watch,
    )
    return model


class Speed(keras.callbacks.Callback):
    """Measures the images a second of each epoch, validation left out; the first includes the time to compile."""

    def __init__(self, images):
        super().__init__()
        self.images, self.images_per_second = images, []

    def on_epoch_begin(self, epoch, logs=None):
        self._start, self._pause = time.perf_counter(), 0.0

    def on_test_begin(self, logs=None):
        self._test_start = time.perf_counter()

    def on_test_end(self, logs=None):
        self._pause += time.perf_counter() - self._test_start

    def on_epoch_end(self, epoch, logs=None):
        self.images_per_second.append(self.images / (time.perf_counter() - self._start - self._pause))


def fit(
    model,
    images,
    labels,
    epochs=1,
    batch_size=32,
    validation=None,
    seed=0,
    progress=True,
    callbacks=(),
    first_epoch=0,
    change=None,
):
    """Train a compiled model on labelled images; an epoch a line, with images a second.

    Each epoch has an order of its own, drawn from `seed` and the epoch as the NumPy network draws it, so two models
    with the same seed see the same batches. Taught in lesson 07.

    Parameters
    ----------
    model : keras.Model
        Compiled, see `compiled`.
    images : ndarray, shape (N, H, W, C)
    labels : ndarray of int, shape (N,)
    epochs, batch_size : int
    validation : (images, labels), optional
    seed : int
    progress : bool
        Whether to print a line for each epoch.
    callbacks : sequence of keras.callbacks.Callback
    first_epoch : int
        As many epochs have been trained before, and count: training goes on to `epochs` of them in all.
    change : function, optional
        From the images of a batch and a generator, one an epoch, to what is trained on in their place: flipped at
        random, say, or with noise.

    Returns
    -------
    dict of str to ndarray, shape (epochs - first_epoch,)
        "loss", "accuracy", with validation "val_loss" and "val_accuracy", and "images_per_second".
    """
    if not getattr(model, "compiled", False):
        kind = type(model).__name__
        raise ValueError(
            f"model must be compiled to be trained, got a {kind} that is not; write training.compiled(model)"
        )
    images, labels = np.asarray(images), np.asarray(labels)
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"labels must be as many as images, and at least one, got {len(labels)} for {len(images)}")
    batch_size, seed = shapes.whole_number(batch_size, "batch_size", 1), shapes.whole_number(seed, "seed", 0)
    if model.trainable_variables and not model.optimizer.built:
        # With these and the metrics there beforehand, Keras traces its training step once; otherwise twice.
        model.optimizer.build(model.trainable_variables)
    speed = Speed(len(images))
    told = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: _tell(epoch, epochs, logs, speed))]
    history = model.fit(
        batches(images, labels, batch_size, seed, first_epoch, change),
        steps_per_epoch=-(-len(images) // batch_size),
        shuffle=False,
        epochs=epochs,
        initial_epoch=first_epoch,
        validation_data=validation,
        verbose=0,
        callbacks=[speed, *callbacks, *(told if progress else [])],
    ).history
    return {name: np.array(values) for name, values in history.items()} | {
        "images_per_second": np.array(speed.images_per_second)
    }


def _tell(epoch, epochs, logs, speed):
    validation = f", validation accuracy {logs['val_accuracy']:.1%}" if "val_accuracy" in logs else ""
    sys.stdout.write(
        f"epoch {epoch + 1}/{epochs}: loss {logs['loss']:.3f}, accuracy {logs['accuracy']:.1%}{validation}, "
        f"{speed.images_per_second[-1]:,.0f} images/s\n"
    )


def batches(images, labels, batch_size=32, seed=0, first_epoch=0, change=None):
    """Yield batches without end, epoch after epoch, in the order in which `network.Sequential.fit` takes them.

    The arguments are those of `fit`. A batch is (images, labels); the last of an epoch may be smaller. Taught in lesson
    07.
    """
    for epoch in itertools.count(first_epoch):
        order, rng = epoch_order(seed, epoch, len(images)), np.random.default_rng([seed, epoch, 1])
        for start in range(0, len(images), batch_size):
            chosen = order[start : start + batch_size]
            yield images[chosen] if change is None else change(images[chosen], rng), labels[chosen]


def flipped(images, rng):
    """Return a batch of images (N, H, W, C), each turned over left to right with probability one half."""
    return np.where(rng.random(len(images))[:, None, None, None] < 0.5, images[:, :, ::-1], images)


# --------------------------------------------------------------------------- frozen at first, and how far kernels move


def fit_in_two_phases(
    model, images, labels, epochs, first_phase, frozen=(), rates=(0.003, 0.0006), callbacks=(), **options
):
    """Train at one learning rate, then at a lower one; layers may be frozen in the first phase.

    Each phase compiles the model anew, as Keras needs to when layers are frozen or set free, so that Adam begins again
    with each. With the same phases and no frozen layers it is what to compare with. Taught in lesson 09.

    Parameters
    ----------
    model, images, labels, callbacks, **options
        As in `fit`, and so is what is returned, of both phases.
    epochs, first_phase : int
        In all, and of these in the first phase.
    frozen : str or sequence of str
        The names of layers whose weights do not move in the first phase and do in the second.
    rates : (float, float)
        The learning rate of each phase.
    """
    if shapes.whole_number(first_phase, "first_phase", 0) > shapes.whole_number(epochs, "epochs", 1):
        raise ValueError(f"first_phase must be at most epochs, {epochs}, got {first_phase}")
    held = [model.get_layer(name) for name in shapes.listed(frozen)]
    for layer in held:
        if not layer.weights:
            raise ValueError(f"frozen must name layers with weights, and {layer.name!r} has none")
    histories = []
    for start, end, rate, trainable in ((0, first_phase, rates[0], False), (first_phase, epochs, rates[1], True)):
        for layer in held:
            layer.trainable = trainable
        if end > start:
            compiled(model, rate)
            histories.append(fit(model, images, labels, end, first_epoch=start, callbacks=callbacks, **options))
    return {name: np.concatenate([history[name] for history in histories]) for name in histories[0]}


def drift(start, kernel):
    """Return how far each filter has moved from where it started: 0 not at all, 1 as far as it was long.

    `start` and `kernel` are (KH, KW, C_in, C_out), the result is (C_out,). Taught in lesson 09.
    """
    start, kernel = np.asarray(start, float), np.asarray(kernel, float)
    if start.shape != kernel.shape or start.ndim != 4:
        raise ValueError(f"start and kernel must both be (KH, KW, C_in, C_out), got {start.shape} and {kernel.shape}")
    return np.sqrt(np.square(kernel - start).sum((0, 1, 2)) / np.square(start).sum((0, 1, 2)))


class Drift(keras.callbacks.Callback):
    """Measures after each epoch how far the filters of some convolutions, `layers`, are from where they started."""

    def __init__(self, layers):
        super().__init__()
        self.layers = list(layers)
        self.by_epoch = []  #: the `drift` of every filter of all these layers, in order: an array an epoch
        self._starts = [keras.ops.convert_to_numpy(layer.kernel) for layer in self.layers]

    def on_epoch_end(self, epoch, logs=None):
        moved = [
            drift(start, keras.ops.convert_to_numpy(layer.kernel))
            for start, layer in zip(self._starts, self.layers, strict=True)
        ]
        self.by_epoch.append(np.concatenate(moved))
