"""How fast a network trains in NumPy: images a second, against Keras.

Run it with ``python tests/benchmarks/training.py [--quick]``.

Both have the same layers and starting weights, and get the same images in batches of the same size; outputs, loss and
gradients are compared before anything is timed. Then they take turns, so that a machine that slows down for a while
slows both; a ratio is the median over the rounds.
"""

import os
import sys
import time
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cnnlessons.layers import BatchNorm, Conv2D, Dense, Flatten, GlobalAveragePool2D, MaxPool2D, ReLU
from cnnlessons.network import Sequential

try:
    import keras

    from cnnlessons import keras_bridge
except ImportError:
    keras = None

BATCH = 32


class Case(NamedTuple):
    """A network of the course, and how many images it is trained on in one turn."""

    name: str
    image: tuple  # (H, W, C)
    filters: tuple  # of the first convolution and of the second
    layers: tuple  # after each convolution; the last ones before the scores
    images: int

    def __str__(self):
        image, filters = ("×".join(map(str, self.image)), ", ".join(map(str, self.filters)))
        return f"{self.name:<20}{image:<9}{filters:>7}"

    def network(self):
        """Build it: two convolutions, each with what comes after it, and ten scores."""
        after_each, last = self.layers
        blocks = [[Conv2D(filters, 3, padding="same"), *(kind() for kind in after_each)] for filters in self.filters]
        return Sequential([*blocks[0], *blocks[1], last(), Dense(10)], self.image)


CASES = (
    Case("digits", (8, 8, 1), (16, 32), ((ReLU, MaxPool2D), Flatten), 4096),
    Case("colour", (32, 32, 3), (16, 32), ((ReLU, MaxPool2D), GlobalAveragePool2D), 1024),
    Case("colour, normalised", (32, 32, 3), (32, 64), ((BatchNorm, ReLU, MaxPool2D), GlobalAveragePool2D), 512),
)


def contestants(case):
    """Functions by name, NumPy's first, that each train once on all images."""
    rng, network = np.random.default_rng(0), case.network()
    images, labels = rng.random((case.images, *case.image), np.float32), rng.integers(10, size=case.images)
    fits = {"NumPy": lambda: network.fit(images, labels, batch_size=BATCH, optimizer="adam", progress=False)}
    if keras is not None:
        model = keras_model(network)
        require_agreement(keras_bridge.differences(network, model, images[:BATCH], labels[:BATCH]))
        fits["Keras"] = on_processor(lambda: model.fit(images, labels, batch_size=BATCH, verbose=0))
    return fits


def keras_model(network):
    """The network in Keras, with its weights, compiled as a reader would: Adam, and the accuracy that `fit` counts."""
    model = on_processor(keras_bridge.to_keras)(network)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"])
    return model


def on_processor(function):
    """Keep Keras off a GPU, which NumPy does not use."""

    def kept(*arguments):
        with keras.device("cpu:0"):
            return function(*arguments)

    return kept


def require_agreement(differences):
    """Refuse to time two networks that compute different things."""
    for name, difference in differences.items():
        if difference > 1e-4:
            raise AssertionError(f"NumPy and Keras differ in {name} by {difference:.1e} of its size")


def measure(fits, images, rounds):
    """Let the contestants take turns: images a second, (rounds, contestants)."""
    for fit in fits:
        fit()  # warm up, and let Keras compile
    return np.array([[images / duration(fit) for fit in fits] for _ in range(rounds)])


def duration(fit):
    start = time.perf_counter()
    fit()
    return time.perf_counter() - start


def compare(cases, rounds):
    """Print a line a case; return NumPy's images a second over Keras's, (cases,), or none without Keras."""
    names = ["NumPy"] if keras is None else ["NumPy", "Keras"]
    print(f"{'network':<20}{'images':<9}{'filters':>7}", *(f"{name:>9}" for name in names), end="")
    print("" if keras is None else "   NumPy ÷ Keras")
    ratios = []
    for case in cases:
        rates = measure(contestants(case).values(), case.images, rounds)
        print(case, *(f"{rate:9,.0f}" for rate in np.median(rates, axis=0)), end="")
        ratios += [np.median(rates[:, 0] / rates[:, 1])] if keras is not None else []
        print(*(f"{ratio:16.2f}" for ratio in ratios[-1:]), flush=True)
    return np.array(ratios)


def main(quick):
    print(f"training with Adam, batches of {BATCH}, float32, on the processor: images a second\n")
    compare([case._replace(images=case.images // 4) if quick else case for case in CASES], rounds=3 if quick else 7)
    if keras is None:
        print("Keras or its backend is not installed, so it is not in the table.")
    else:
        model = keras_model(CASES[0].network())
        print(f"Keras {keras.__version__} on {keras.backend.backend()}, jit_compile left as it is: {model.jit_compile}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
