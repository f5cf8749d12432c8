"""The experiment "stems": first layers that are learned, handcrafted, frozen or mixed. Taught in lesson 09."""

import numpy as np

from cnnlessons.experiments import classification


def train_stem(
    *,
    stem,
    bank,
    share,
    frozen,
    dataset,
    per_class,
    epochs,
    seed,
    setting="",
    filters=32,
    size=5,
    width=32,
    batch_size=32,
    learning_rate=0.003,
    test_per_class=200,
    test_noise=0.05,
):
    """Train a classifier with one kind of stem, and measure it: a run of the experiment "stems".

    Parameters
    ----------
    stem, share, dataset, per_class, test_per_class, seed, setting, filters, size, width, batch_size, test_noise
        As in `train_first_layer`.
    bank : str
        Where its fixed kernel comes from or its trained one starts, see `stems`; "components" are the principal
        components of the training images.
    frozen : bool
        Whether the stem is frozen for the first half of the epochs; for "learned" and "edge_biased".
    epochs, learning_rate
        The first half of the epochs, rounded up, at `learning_rate`, the rest at a fifth of it.

    Returns
    -------
    dict
        As from `train_first_layer`, and "drift_by_filter".

    Raises
    ------
    ValueError
        If a stem is to be frozen at first that is never trained, or only in part.

    Notes
    -----
    Taught in lesson 09.
    """
    from cnnlessons import models, stems, training

    if frozen and stem not in ("learned", "edge_biased"):
        raise ValueError(f"frozen must be False for the stem {stem!r}: only learned and edge_biased are set free later")
    classification.begin(seed)
    data, noise, checksum = classification.load(dataset, per_class, test_per_class, test_noise, seed)
    kernel = stems.principal_components(data.train_images, filters, size) if bank == "components" else bank
    options = {"filters": filters, "size": size, "seed": seed} | ({} if share is None else {"share": share})
    options |= {"start": kernel} if stem == "learned" else {"bank": kernel}
    made = getattr(stems, stem)(**options)
    model = models.classifier(made, data.train_images.shape[1:], len(data.class_names), width, seed)
    convolutions = stems.convolutions(model)
    drift = training.Drift([layer for layer in convolutions if layer.trainable] or convolutions)
    options = {"frozen": ["stem"] if frozen else [], "callbacks": [drift], "batch_size": batch_size, "seed": seed}
    classification.train(model, data, epochs, learning_rate, **options)
    return classification.measured(model, data, noise) | {
        "drift": round(float(drift.by_epoch[-1].mean()), 4),
        "drift_by_epoch": _numbers(moved.mean() for moved in drift.by_epoch),
        "drift_by_filter": _numbers(drift.by_epoch[-1]),
        "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "data": checksum,
    }


def _numbers(values):
    return " ".join(f"{value:.3f}" for value in values)


# Stems of 32 filters, 5×5: what the row is called, the function of `stems`, bank, share, frozen at first.
_STEMS = (
    ("learned", "learned", "random", None, False),
    ("fixed derivatives", "fixed", "derivatives", None, False),
    ("fixed lines and curves", "fixed", "lines+curves", None, False),
    ("fixed Gabor", "fixed", "gabor", None, False),
    ("fixed DCT", "fixed", "dct", None, False),
    ("fixed random", "fixed", "random", None, False),
    ("1/4 Gabor", "split", "gabor", 0.25, False),
    ("1/2 Gabor", "split", "gabor", 0.5, False),
    ("3/4 Gabor", "split", "gabor", 0.75, False),
    ("Gabor and channels", "pass_through", "gabor", None, False),
    ("mixed derivatives", "basis", "derivatives", None, False),
    ("Gabor start", "learned", "gabor", None, False),
    ("Gabor start, frozen first", "learned", "gabor", None, True),
    ("edge-biased start", "edge_biased", "derivatives", 0.5, False),
)

# Data set, images a class, epochs. Most of the time goes into images seen, about 800 a second and core, and some
# seconds of each run into building and testing: all runs, 14 settings × 10 seeds, took six hours of two cores, beside
# other work. Few images are seen more often than many, or nothing would be learned from them.
_DATA = (
    ("photo_patches", 25, 24),
    ("photo_patches", 100, 12),
    ("photo_patches", 400, 5),
    ("cifar10", 100, 12),
    ("cifar10", 1000, 3),
    ("cifar10", 2000, 2),
)

_ALL_RUNS = {
    "filters": 32,
    "size": 5,
    "width": 32,
    "batch_size": 32,
    "learning_rate": 0.003,
    "test_per_class": 200,
    "test_noise": 0.05,
}

SETTINGS = [
    dict(zip(("setting", "stem", "bank", "share", "frozen"), named, strict=True))
    | dict(zip(("dataset", "per_class", "epochs"), data, strict=True))
    | _ALL_RUNS
    for data in _DATA
    for named in _STEMS
]
