"""The experiment "cue": is a mark that gave the class away, and no longer does, unlearned? Taught in lesson 14."""

from functools import lru_cache

import numpy as np

from cnnlessons import adversarial, datasets
from cnnlessons.experiments import classification

CLASSES = 10
# Of twenty colours the second ten are the opposites of the first, which makes the same checkerboards.
MARK = {"side": 5, "count": 20}


def train_cue(*, setting, group, before, dose, trained, renewed, decay, first_epochs, epochs, **place):
    """Train on images that a mark gives away, then on images in which it does not: a run of the experiment "cue".

    The mark is the checkerboard of `datasets.marked`, at a place of its own in every image of every epoch.

    `before` says what the first phase is: "cue", with the mark of the right class in every image; "clean", without any;
    "nothing", without learning, but the averages of batch normalisation are measured. In the second phase a share
    `dose` of the images bears the mark of a class drawn at random, and `trained` says what learns: "all", "above" (all
    but the stem's kernel) or "last" (the last layer alone). `renewed`: all but the stem's kernel is drawn anew between
    the phases. `decay` is AdamW's weight decay in the second phase, on kernels alone. Each phase, of `first_epochs` and
    of `epochs`, has an AdamW of its own, its first half, rounded up, at `learning_rate` and the rest at a fifth of it.

    Accuracies are on images without a mark. "follows" is the share of the test images, each with the marks of the nine
    other classes in turn, that get the class of the mark; "withstands" the share that keep their own; "share" is how
    much of the stem's energy lies in the mark's pattern. "accuracy_before", "follows_before" and "share_before" are of
    the end of the first phase, "accuracy_by_epoch" and so on of each epoch of the second.
    """
    weights, found = _first_phase(before, first_epochs, **place)
    run, untrained = _begun(epochs, **place)
    model = untrained(run.seed)
    if renewed:
        weights = [*weights[:1], *untrained(run.seed + 1000).get_weights()[1:]]
    model.set_weights(weights)
    for layer in model.layers:
        layer.trainable = trained == "all" or layer.name == "logits" or (trained == "above" and layer.name != "stem")
    rng = np.random.default_rng([run.seed, 4])

    def dosed(images, labels):
        return _dosed(images, dose, rng)

    states = _train(run, model, run.learning_rate, decay, dosed, first_epochs)
    return _measured(model, run.data, run.seed) | _told([found, *states]) | {"data": run.checksum}


def _begun(epochs, filters=32, size=5, width=16, batch_size=25, **place):
    """Return a phase as a run, and a function from a seed to its untrained model."""
    run = classification.Raw(epochs=epochs, batch_size=batch_size, **place)

    def untrained(seed):
        stem = classification.stem("learned", filters=filters, size=size, length="glorot", seed=seed)
        return run.model(stem, width, seed)

    return run, untrained


@lru_cache(maxsize=3)
def _first_phase(before, epochs, **place):
    """Return the weights, and what `_state` says of them: the same for many settings, so they are kept."""
    run, untrained = _begun(epochs, **place)
    model, rng = untrained(run.seed), np.random.default_rng([run.seed, 3])

    def told(images, labels):
        return datasets.marked(images, labels, _drawn(rng), **MARK)[0] if before == "cue" else images

    states = _train(run, model, 0.0 if before == "nothing" else run.learning_rate, 0.0, told)
    return model.get_weights(), states[-1]


def _train(run, model, rate, decay, change, first_epoch=0):
    """Train on what `change` makes of each batch, and return what `_state` says after each epoch."""
    import keras

    from cnnlessons import training

    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    training.compiled(model, optimizer=optimizer)
    batches, states = run.batches(first_epoch), []
    for epoch in range(run.epochs):
        optimizer.learning_rate = rate if 2 * epoch < run.epochs else rate / 5
        run.train_epochs(model, batches, 1, change)
        states.append(_state(model, run.data))
    return states


def _drawn(rng):
    return int(rng.integers(2**31))


def _dosed(images, dose, rng):
    """Return images of which a share bears the mark of any class."""
    chosen = rng.random(len(images)) < dose
    if not chosen.any():
        return images
    images = images.copy()
    images[chosen] = datasets.marked(images[chosen], rng.integers(CLASSES, size=chosen.sum()), _drawn(rng), **MARK)[0]
    return images


def share(kernel):
    """Return the share of a kernel's energy (KH, KW, 3, F) in checkerboards of one colour and its opposite."""
    squares = (-1) ** np.indices(kernel.shape[:2]).sum(0)
    colour = kernel - kernel.mean(axis=2, keepdims=True)  # the mark has no light
    along = np.einsum("hw,hwcf->cf", squares, colour)
    return float(np.square(along).sum() / squares.size / np.square(kernel).sum())


def _state(model, data):
    """Return accuracy, follows and share; a test image has one mark here."""
    other = (data.test_labels + np.random.default_rng(5).integers(1, CLASSES, len(data.test_labels))) % CLASSES
    marked, _ = datasets.marked(data.test_images, other, 6, **MARK)
    accuracy = adversarial.accuracy(model, data.test_images, data.test_labels)
    return accuracy, adversarial.accuracy(model, marked, other), share(model.get_layer("stem").get_weights()[0])


def _measured(model, data, seed):
    follows, withstands = [], []
    for step in range(1, CLASSES):
        other = (data.test_labels + step) % CLASSES
        marked, _ = datasets.marked(data.test_images, other, step, **MARK)
        follows.append(adversarial.accuracy(model, marked, other))
        withstands.append(adversarial.accuracy(model, marked, data.test_labels))
    clean = classification.measured(model, data, classification.noise(data, 0.05, seed))
    found = {"follows": float(np.mean(follows)), "withstands": float(np.mean(withstands))}
    return clean | found | {"share": round(share(model.get_layer("stem").get_weights()[0]), 4)}


def _told(found):
    """Return, for each of the three that `_state` returns, its value after the first phase and by epoch."""
    named = dict(zip(("accuracy", "follows", "share"), zip(*found, strict=True), strict=True))
    before = {f"{name}_before": round(values[0], 4) for name, values in named.items()}
    return before | {f"{name}_by_epoch": classification.numbers(values[1:]) for name, values in named.items()}


# What the row is called; before, dose, trained, renewed, decay, epochs of the second phase.
_CONTESTANTS = (
    ("never", "clean", 0.0, "all", False, 0.0, 12),
    ("removed", "cue", 0.0, "all", False, 0.0, 12),
    ("removed, stem frozen", "cue", 0.0, "above", False, 0.0, 12),
    ("removed, weight decay", "cue", 0.0, "all", False, 1.0, 12),
    ("random in 5 %", "cue", 0.05, "all", False, 0.0, 12),
    ("random", "cue", 1.0, "all", False, 0.0, 12),
    ("random in 20 %", "cue", 0.2, "all", False, 0.0, 12),
    ("removed, last layer only", "cue", 0.0, "last", False, 0.0, 12),
    ("never, last layer only", "clean", 0.0, "last", False, 0.0, 12),
    ("untrained, last layer only", "nothing", 0.0, "last", False, 0.0, 12),
    ("removed, a third of the decay", "cue", 0.0, "all", False, 0.3, 12),
    ("removed, three times the decay", "cue", 0.0, "all", False, 3.0, 12),
    ("cue's stem, all above new", "cue", 0.0, "above", True, 0.0, 12),
    ("clean stem, all above new", "clean", 0.0, "above", True, 0.0, 12),
    ("removed, 40 epochs", "cue", 0.0, "all", False, 0.0, 40),
    ("clean, then random", "clean", 1.0, "all", False, 0.0, 12),
    ("clean, then random in 5 %", "clean", 0.05, "all", False, 0.0, 12),
)
_COLUMNS = ("setting", "before", "dose", "trained", "renewed", "decay", "epochs")
_PLACE = {
    "group": "cue",
    "dataset": "photo_patches",
    "per_class": 100,
    "test_per_class": 25,
    "image_size": 16,
    "first_epochs": 12,
}
SETTINGS = [dict(zip(_COLUMNS, row, strict=True)) | _PLACE for row in _CONTESTANTS]
