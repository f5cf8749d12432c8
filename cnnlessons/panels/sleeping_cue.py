"""Sleeping cue: how a network fares on clean digits, and on those with the old cue, as it trains without its help."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cnnlessons import datasets
from cnnlessons.epochs import epoch_order
from cnnlessons.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from cnnlessons.network import Sequential
from cnnlessons.optimizers import Adam
from cnnlessons.panels._charts import PERCENT, chart
from cnnlessons.panels._explorer import Button, Choice, Explorer, Flag, Whole, check

EPOCHS = 8
DOSES = {"none": 0.0, "2 %": 0.02, "5 %": 0.05, "20 %": 0.2, "all": 1.0}
CONTROLS = (
    Choice("dose", "Counter-examples", DOSES),
    Whole("epochs", "Epochs", 0, EPOCHS),
    Flag("frozen", "Freeze the first layer", ("first layer frozen", "everything trained")),
)


class Course(NamedTuple):
    """What becomes of a network without the cue's help: before it, and after each epoch."""

    accuracy: np.ndarray  #: share of the clean test digits that are read rightly
    follows: np.ndarray  #: share of those with another class's texture that are read as the texture says
    share: np.ndarray  #: of what the first layer makes of textures and digits, how much comes from the textures


def share_of_cue(network):
    """Return the mean square of what the first layer makes of textures, over that and the same of digits."""
    test = datasets.load("digits").test_images
    cue = datasets.textured(np.zeros((10, 8, 8, 1)), np.arange(10))
    sizes = [np.mean(np.square(network.layers[0].forward(images))) for images in (cue, test)]
    return float(sizes[0] / sum(sizes))


@lru_cache(maxsize=4)
def taught_by_cue(seed=0):
    """Return a network that read digits with the texture of their class for six epochs. Do not change it."""
    first, second = (Conv2D(filters, 3, padding="same", use_bias=False) for filters in (8, 16))
    layers = [first, BatchNorm(), ReLU(), MaxPool2D(2), second, BatchNorm(), ReLU(), Flatten(), Dense(10)]
    network = Sequential(layers, (8, 8, 1), seed)
    data = datasets.load("digits")
    images = datasets.textured(data.train_images, data.train_labels)
    network.fit(images, data.train_labels, 6, 64, Adam(0.01), seed=seed, progress=False)
    return network


@lru_cache(maxsize=32)
def course(dose, frozen=False, seed=0):
    """Train it for `EPOCHS` more on digits of which a share, the dose, has the texture of any class."""
    check(CONTROLS, (dose, 0, frozen))
    data, network = datasets.load("digits"), taught_by_cue(seed).copy()
    network.layers[0].trainable = not frozen
    rng, optimizer = np.random.default_rng([seed, 1]), Adam(0.01)
    states = [_state(network)]
    for epoch in range(EPOCHS):
        optimizer.learning_rate = 0.01 if epoch < EPOCHS - 2 else 0.001
        for batch in np.array_split(epoch_order(seed, epoch + 6, len(data.train_labels)), 23):
            images, labels = data.train_images[batch], data.train_labels[batch]
            textured = datasets.textured(images, rng.integers(10, size=len(batch)))
            told = rng.random(len(batch)) < dose
            network.train_step(np.where(told[:, None, None, None], textured, images), labels, optimizer)
        states.append(_state(network))
    return Course(*map(np.array, zip(*states, strict=True)))


def _state(network):
    data = datasets.load("digits")
    other = (data.test_labels + np.random.default_rng(1).integers(1, 10, len(data.test_labels))) % 10
    textured = datasets.textured(data.test_images, other)
    return (
        network.evaluate(data.test_images, data.test_labels).accuracy,
        network.evaluate(textured, other).accuracy,
        share_of_cue(network),
    )


def page(dose, epochs, frozen, seed=0):
    """Draw the course up to an epoch, and say what it has come to."""
    found = course(dose, frozen, seed)
    names = ("right on clean digits", "follows the old cue", "the cue's share of the first layer")
    so_far = {name: (range(epochs + 1), values[: epochs + 1]) for name, values in zip(names, found, strict=True)}
    clean, follows, share = now = [f"{100 * values[epochs]:.0f} %" for values in found]
    words = ", ".join(f"{name} {value}" for name, value in zip(names, now, strict=True))
    return (
        f"{chart(so_far, EPOCHS, PERCENT, ('cue taken off', f'epoch {EPOCHS}'), words)}"
        f'<p role="status">After {epochs} epochs: {clean} of the clean digits are right. With the texture of another '
        f"class, {follows} are read as the texture says. Of what the first layer puts out, textures make {share}.</p>"
    )


# --------------------------------------------------------------------------- the panel


class SleepingCue(Explorer):
    """The panel that `sleeping_cue` makes; its controls can be set from code."""

    title, text = "Sleeping cue", "{dose:.0%} counter-examples, {epochs} epochs, {frozen}"
    controls = CONTROLS
    buttons, goes_on = (Button("forward", "▶", "One epoch forward"),), "epochs"
    draws_again, widths = "Other starting weights and another order", ("125px", "330px")

    def show(self, dose, epochs, frozen, seed):
        return page(dose, epochs, frozen, seed)


def sleeping_cue():
    """Make a panel in which a network that a cue taught goes on without its help.

    Choose in how many of the images the cue stays and says nothing, for how many epochs, and whether the first layer is
    frozen; it shows what is read rightly, what still follows the cue, and the cue's share of the first layer.

    Notes
    -----
    Taught in lesson 14.
    """
    return SleepingCue(0.0, EPOCHS, False)
