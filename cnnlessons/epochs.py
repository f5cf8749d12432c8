"""The epochs of a training: in which order the images come, what is written down, and how it is watched and stopped.

Taught in lesson 04.
"""

import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cnnlessons import shapes, threads


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
    """The `Epoch` rows of a training."""

    interrupted = False  #: whether the training was stopped before its end

    def column(self, name):
        """Return one quantity of all epochs, such as "loss" or "validation_accuracy": ndarray (epochs,)."""
        shapes.chosen(name, "name", Epoch._fields)
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


@contextmanager
def stop_signal():
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


def progress_bar(training, epochs, shown):
    """Return a progress bar over all images of all epochs that counts those of a resumed training as seen."""
    if not threads.can_start_threads():
        tqdm.monitor_interval = 0  # or it warns that it cannot start one
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
