"""What the runs of the course share: images, how they are trained on, what is measured. Taught in lessons 09 and 11."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

import numpy as np

from cnnlessons import datasets


def begin(seed):
    """Start a run anew: nothing is left of the one before it in this process, and all that Keras draws is seeded."""
    import keras

    from cnnlessons import training

    keras.utils.clear_session()
    training.prepare(seed, precision="float32")


# --------------------------------------------------------------------------- runs


@dataclass(kw_only=True)
class Run:
    """What the settings of several experiments say, and the images that follow from it."""

    setting: str = ""  #: what the row is called, and
    group: str = ""  #: for what it was made: they change nothing
    dataset: str  #: see `datasets.load`, as for the next two
    per_class: int
    test_per_class: int
    validation: int = 0  #: images a class held out of the training part, and tested on in the place of the test images
    epochs: int
    seed: int  #: of the images drawn, their order, all noise and all starting weights
    batch_size: int = 32
    test_noise: float = 0.05  #: standard deviation of the noise for "noisy_accuracy"; pixels are 0 to 1

    def __post_init__(self):
        begin(self.seed)
        self._load()
        self.shape = self.data.train_images.shape[1:], len(self.data.class_names)

    def _load(self):
        images = self.dataset, self.per_class, self.test_per_class, self.validation, self.seed
        self.data, self.scale, self.checksum = standardised(*images)

    def _train(self, model, first_phase, rates, **options):
        from cnnlessons import training

        images, labels = self.data.train_images, self.data.train_labels
        options |= {"batch_size": self.batch_size, "seed": self.seed, "progress": False}
        training.fit_in_two_phases(model, images, labels, self.epochs, first_phase, rates=rates, **options)
        return measured(model, self.data, noise(self.data, self.test_noise / self.scale, self.seed))

    def train_and_watch(self, model, frozen, **options):
        """Train a model whose stem may be frozen at first; return also how far its filters moved, and the `Drift`."""
        from cnnlessons import stems, training

        convolutions = stems.convolutions(model)
        drift = training.Drift([layer for layer in convolutions if layer.trainable] or convolutions)
        names = [layer.name for layer in convolutions] if frozen else []
        found = self.train(model, frozen=names, callbacks=[drift], **options)
        return found | {
            "drift": round(float(drift.by_epoch[-1].mean()), 4),
            "drift_by_epoch": numbers(moved.mean() for moved in drift.by_epoch),
        }, drift


@dataclass(kw_only=True)
class InHalves(Run):
    """A run with half of its epochs, rounded up, at `learning_rate` and the rest at a fifth of it."""

    learning_rate: float = 0.003

    def train(self, model, **options):
        """Train a model and return what is `measured`; the options are those of `training.fit_in_two_phases`."""
        return self._train(model, -(-self.epochs // 2), (self.learning_rate, self.learning_rate / 5), **options)


@dataclass(kw_only=True)
class InThirds(Run):
    """A run with a third of its epochs at `rate`, then, with Adam begun anew, a third at it and one at a fifth of it.

    What is frozen is set free after the first third, at the rate that everything else has.
    """

    rate: float
    flips: bool  #: whether training images are turned over left to right at random

    def train(self, model, train_noise=0.0, callbacks=(), **options):
        """Train a model and return what is `measured`; `train_noise` is added anew in every epoch, see `test_noise`."""
        import keras

        third, rate = self.epochs // 3, self.rate
        slower = keras.callbacks.LearningRateScheduler(lambda epoch: rate if epoch < 2 * third else rate / 5)
        options |= {"change": changes(self.flips, train_noise / self.scale), "callbacks": [slower, *callbacks]}
        return self._train(model, third, (rate, rate), **options)


@dataclass(kw_only=True)
class Raw(Run):
    """A run on images from 0 to 1, which are changed batch by batch; its model standardises them itself."""

    image_size: int | None  #: of "photo_patches"
    learning_rate: float = 0.003

    def _load(self):
        images = self.dataset, self.per_class, self.test_per_class, self.seed, self.image_size
        self.data, self.checksum = loaded(*images)

    def model(self, made, width, seed):
        """Return a classifier with a stem."""
        import keras

        from cnnlessons import models

        mean, scale = float(self.data.train_images.mean()), float(self.data.train_images.std())
        standardised = keras.layers.Rescaling(1 / scale, -mean / scale)
        return models.classifier(lambda images: made(standardised(images)), *self.shape, width, seed)

    def batches(self, first_epoch=0):
        from cnnlessons import training

        images, labels = self.data.train_images, self.data.train_labels
        return training.batches(images, labels, self.batch_size, self.seed, first_epoch)

    def train_epochs(self, model, batches, epochs, change):
        """Train for some epochs on what `change`, a function of images and labels, makes of the next batches."""
        steps = -(-len(self.data.train_images) // self.batch_size)
        for images, labels in islice(batches, epochs * steps):
            model.train_on_batch(change(images, labels), labels)


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
    parts = {"train": np.setdiff1d(np.arange(len(order)), test), "test": np.sort(test)}
    return replace(
        data,
        **{f"{name}_images": data.train_images[chosen] for name, chosen in parts.items()},
        **{f"{name}_labels": data.train_labels[chosen] for name, chosen in parts.items()},
    )


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
    some = np.random.default_rng(0).permutation(len(data.train_images))[:2000]  # every 25th would be of two classes
    parts = {
        "accuracy": (data.test_images, data.test_labels),
        "noisy_accuracy": (data.test_images + noise, data.test_labels),
        "train_accuracy": (data.train_images[some], data.train_labels[some]),
    }
    return {
        name: float(np.mean(model.predict(images, batch_size=200, verbose=0).argmax(axis=1) == labels))
        for name, (images, labels) in parts.items()
    }


# --------------------------------------------------------------------------- models


def stem(name, bank=None, **options):
    """Return a stem, a function of `stems`, by its name; options that are None are left out.

    `bank` is where the kernel of "learned" starts, and what the others call so.
    """
    from cnnlessons import stems

    options["start" if name == "learned" else "bank"] = bank
    return getattr(stems, name)(**{option: value for option, value in options.items() if value is not None})


def trained_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def numbers(values):
    """Return numbers as one field of a row."""
    return " ".join(f"{value:.3f}" for value in values)
