"""The networks that lesson 12 looks into, `recorded.readers`: `record` trains them again. Taught in lesson 12."""

from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from cnnlessons import atomic, datasets, kernels, optimizers, recorded

SEEDS = 4
FEWER = {"photos_marked": 2, "photos_blind": 1}  # how many seeds, if not as many as usual
_SHORTCUTS = {"parts": 0.0, "parts_often_told": 0.8, "parts_always_told": 1.0}


def data(name, seed):
    """Return training and test images of a reader, as it sees them, and their labels: two pairs."""
    if name.startswith("photos"):
        found = datasets.load("photo_patches", per_class=100, test_per_class=25, size=16)
        images = found.train_images, found.test_images
        if name == "photos_marked":
            labels = found.train_labels, found.test_labels
            images = (datasets.marked(*part, k)[0] for k, part in enumerate(zip(images, labels, strict=True)))
        images = (6 * (part - 0.5) for part in images)
    else:
        found = datasets.load("parts", shortcut=_SHORTCUTS[name], seed=seed)
        images = found.train_images, found.test_images
    return tuple(zip(images, (found.train_labels, found.test_labels), strict=True))


def start(name, seed):
    """Return the untrained network of a reader; what it must not learn, it has already."""
    network = recorded.reader(name, seed)
    if name == "photos_blind":
        bank = np.tile(kernels.bank("gabor", 5) / 3, (1, 1, 3, 2))  # (5, 5, 3, 16): no colour has a weight of its own
        network.layers[0].kernel[...], network.layers[0].trainable = bank, False
    return network


def train(network, images, labels, seed=0, epochs=12):
    """Train a network for some epochs, the second half of them at a fifth of the rate, and return it."""
    optimizer = optimizers.Adam(0.004)
    for last in (epochs // 2, epochs):
        network.fit(images, labels, last, optimizer=optimizer, seed=seed, progress=False, resume=True)
        optimizer.learning_rate /= 5
    return network


def record(folder=recorded.FOLDER / "inside", names=tuple(recorded.READERS), seeds=SEEDS):
    """Train readers and write their weights to a folder, a file a name: about two minutes of one core."""
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with threadpool_limits(1):
            nets = [train(start(name, seed), *data(name, seed)[0], seed) for seed in range(FEWER.get(name, seeds))]
        kept = [{**net.parameters(), **net.state()} for net in nets]
        with atomic.writing(folder / f"{name}.npz") as file:
            np.savez_compressed(
                file, **{key: np.stack([one[key] for one in kept]).astype(np.float16) for key in kept[0]}
            )
