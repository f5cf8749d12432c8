"""The experiment "stems": first layers that are learned, handcrafted, frozen or mixed. Taught in lesson 09."""

from cnnlessons.experiments import classification


def train_stem(*, stem, bank, share, frozen, filters=32, size=5, width=32, **run):
    """Train a classifier with one kind of stem, and measure it: a run of the experiment "stems".

    As in `train_first_layer`, but `frozen` is for the first half of the epochs, and for "learned" and "edge_biased"
    only; the rest is that of `classification.InHalves`.
    """
    from cnnlessons import models, stems

    if frozen and stem not in ("learned", "edge_biased"):
        raise ValueError(f"frozen must be False for the stem {stem!r}: only learned and edge_biased are set free later")
    run = classification.InHalves(**run)
    if bank == "components":
        bank = stems.principal_components(run.data.train_images, filters, size)
    made = classification.stem(stem, bank, share=share, filters=filters, size=size, seed=run.seed)
    model = models.classifier(made, *run.shape, width, run.seed)
    found, drift = run.train_and_watch(model, frozen)
    return found | {
        "drift_by_filter": classification.numbers(drift.by_epoch[-1]),
        "parameters": classification.trained_parameters(model),
        "data": run.checksum,
    }


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
