"""What the runs of the course share: the images, and what is measured in the end. Taught in lessons 09 and 11."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import numpy as np

from cnnlessons import datasets


def begin(seed):
    """Start a run anew: nothing is left of the one before it in this process, and all that Keras draws is seeded."""
    import keras

    from cnnlessons import training

    keras.utils.clear_session()
    training.prepare(seed, precision="float32")


def train(model, data, epochs, learning_rate, **options):
    """Train for half of the epochs, rounded up, at `learning_rate` and for the rest at a fifth of it.

    The options are those of `training.fit_in_two_phases`.
    """
    from cnnlessons import training

    options |= {"rates": (learning_rate, learning_rate / 5), "progress": False}
    training.fit_in_two_phases(model, data.train_images, data.train_labels, epochs, -(-epochs // 2), **options)


def train_in_thirds(model, data, epochs, rate, callbacks=(), **options):
    """Train for a third of the epochs, then, with Adam begun anew, for a third at the same rate and one at a fifth.

    What is frozen is set free after the first third, at the rate that everything else has. The options are those of
    `training.fit_in_two_phases`.
    """
    import keras

    from cnnlessons import training

    third = epochs // 3
    slower = keras.callbacks.LearningRateScheduler(lambda epoch: rate if epoch < 2 * third else rate / 5)
    options |= {"rates": (rate, rate), "callbacks": [slower, *callbacks], "progress": False}
    training.fit_in_two_phases(model, data.train_images, data.train_labels, epochs, third, **options)


def compete(model, data, scale, epochs, rate, flips, test_noise, seed, batch_size, train_noise=0.0, **options):
    """Train a model on `standardised` data for three thirds of the epochs, and return what is measured."""
    change = changes(flips, train_noise / scale)
    train_in_thirds(model, data, epochs, rate, batch_size=batch_size, seed=seed, change=change, **options)
    return measured(model, data, noise(data, test_noise / scale, seed))


def changes(flips, noise):
    """Return what is done to every training batch, as `training.fit` takes it, or None."""
    from cnnlessons import training

    def change(images, rng):
        images = training.flipped(images, rng) if flips else images
        return images + rng.normal(scale=noise, size=images.shape).astype(np.float32) if noise else images

    return change if flips or noise else None


def standardised(dataset, per_class, test_per_class, validation, seed):
    """Return standardised images, the spread they were divided by, and their checksum.

    With `validation`, as many images a class more are drawn from the training part, and are the test images. Without
    the mean taken off, a filter that sums to nearly zero answers most to how far from zero it is, and the averages that
    batch normalisation keeps for testing do not follow it.
    """
    data, checksum = loaded(dataset, per_class + validation, test_per_class, seed)
    if validation:
        data = _held_out(data, validation, seed)
    mean, scale = data.train_images.mean(axis=(0, 1, 2)), data.train_images.std()
    images = {part: (getattr(data, part) - mean) / scale for part in ("train_images", "test_images")}
    return replace(data, **images), scale, checksum


def _held_out(data, count, seed):
    """Return the data with `count` training images a class, drawn from the seed, in the place of the test images."""
    order = np.random.default_rng([seed, 2]).permutation(len(data.train_labels))
    labels = data.train_labels[order]
    test = np.concatenate([order[labels == label][:count] for label in np.unique(labels)])
    kept = np.setdiff1d(np.arange(len(order)), test)
    parts = {"train": np.sort(kept), "test": np.sort(test)}
    return replace(
        data,
        **{f"{name}_images": data.train_images[chosen] for name, chosen in parts.items()},
        **{f"{name}_labels": data.train_labels[chosen] for name, chosen in parts.items()},
    )


def load(dataset, per_class, test_per_class, test_noise, seed):
    """Return standardised images, noise for the test images on the same scale, and the checksum of the images."""
    data, scale, checksum = standardised(dataset, per_class, test_per_class, 0, seed)
    return data, noise(data, test_noise / scale, seed), checksum


def noise(data, scale, seed):
    """Return what is added to the test images."""
    drawn = np.random.default_rng([seed, 1]).normal(scale=scale, size=data.test_images.shape)
    return drawn.astype(np.float32)


def loaded(dataset, per_class, test_per_class, seed, size=None):
    """Return a data set as it is, `size` that of its crops, and its checksum; of "digits" the test images are all."""
    cut = _loaded.__wrapped__ if dataset == "cifar10" else _loaded  # crops take long to cut: kept for the next run
    return cut(dataset, per_class, test_per_class, seed, size)


@lru_cache(maxsize=1)
def _loaded(dataset, per_class, test_per_class, seed, size):
    options = {"per_class": per_class, "test_per_class": test_per_class} | ({} if size is None else {"size": size})
    if dataset == "spectrograms":  # a fifth of them are for testing
        options = {"count": len(datasets.INSTRUMENTS) * per_class * 5 // 4}
    data = _digits(per_class, seed) if dataset == "digits" else datasets.load(dataset, **options, seed=seed)
    digest = hashlib.sha256()
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        digest.update(np.round(255 * images).astype(np.uint8).tobytes() + labels.astype(np.uint8).tobytes())
    return data, f"sha256 {digest.hexdigest()[:16]}"


def _digits(per_class, seed):
    """Return the digits with as many training images of each class, drawn by the seed, in the order of the file."""
    data = datasets.load("digits")
    order = np.random.default_rng([seed, 3]).permutation(len(data.train_labels))
    of_class = [order[data.train_labels[order] == label][:per_class] for label in range(10)]
    kept = np.sort(np.concatenate(of_class))
    return replace(data, train_images=data.train_images[kept], train_labels=data.train_labels[kept])


def measured(model, data, noise):
    """Return the shares of test, noisy test and (at most 2,000) training images that are classified rightly."""
    some = slice(None, None, -(-len(data.train_images) // 2000))
    parts = {
        "accuracy": (data.test_images, data.test_labels),
        "noisy_accuracy": (data.test_images + noise, data.test_labels),
        "train_accuracy": (data.train_images[some], data.train_labels[some]),
    }
    return {
        name: float(np.mean(model.predict(images, batch_size=200, verbose=0).argmax(axis=1) == labels))
        for name, (images, labels) in parts.items()
    }
