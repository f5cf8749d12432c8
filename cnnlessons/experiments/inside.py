"""The networks that lesson 12 looks into, `recorded.readers`: `record` trains them again. Taught in lesson 12."""

from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from cnnlessons import atomic, datasets, optimizers, recorded

SEEDS = 4
_SHORTCUTS = {"parts": 0.0, "parts_often_told": 0.8, "parts_always_told": 1.0}


def data(name, seed):
    """Return training and test images of a reader, as it sees them, and their labels: two pairs."""
    if name == "photos":
        found = datasets.load("photo_patches", per_class=100, test_per_class=25, size=16)
        images = (6 * (part - 0.5) for part in (found.train_images, found.test_images))
    else:
        found = datasets.load("parts", shortcut=_SHORTCUTS[name], seed=seed)
        images = found.train_images, found.test_images
    return tuple(zip(images, (found.train_labels, found.test_labels), strict=True))


def train(network, images, labels, seed=0, epochs=12):
    """Train a network for some epochs, the second half of them at a fifth of the rate, and return it."""
    optimizer = optimizers.Adam(0.004)
    for last in (epochs // 2, epochs):
        network.fit(images, labels, last, optimizer=optimizer, seed=seed, progress=False, resume=True)
        optimizer.learning_rate /= 5
    return network


def record(folder=recorded.FOLDER / "inside", names=tuple(recorded.READERS), seeds=SEEDS):
    """Train readers and write their weights to a folder, a file a name: about two minutes of one core."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        with threadpool_limits(1):
            nets = [train(recorded.reader(name, seed), *data(name, seed)[0], seed) for seed in range(seeds)]
        kept = [{**net.parameters(), **net.state()} for net in nets]
        with atomic.writing(Path(folder) / f"{name}.npz") as file:
            np.savez_compressed(
                file, **{key: np.stack([one[key] for one in kept]).astype(np.float16) for key in kept[0]}
            )
