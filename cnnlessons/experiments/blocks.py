"""The experiment "blocks": is ReLU doing all the work in a residual network? Taught in lesson 10."""

from cnnlessons.experiments import classification, tuning


def train_blocks(
    *,
    setting,
    group,
    relu,
    shortcut,
    rate,
    dataset,
    per_class,
    test_per_class,
    validation,
    epochs,
    flips,
    seed,
    width=32,
    batch_size=32,
    test_noise=0.05,
):
    """Train a residual network with some of its ReLUs and with or without shortcuts: a run of "blocks".

    Parameters
    ----------
    relu, shortcut, width
        See `models.residual_network`.
    setting, group, rate, dataset, per_class, test_per_class, validation, epochs, flips, seed, batch_size, test_noise
        As in `train_first_layer`.

    Returns
    -------
    dict
        "accuracy", "noisy_accuracy", "train_accuracy" and "data" as from `train_first_layer`.

    Notes
    -----
    Taught in lesson 10.
    """
    from cnnlessons import models

    classification.begin(seed)
    data, scale, checksum = classification.standardised(dataset, per_class, test_per_class, validation, seed)
    shape, classes = data.train_images.shape[1:], len(data.class_names)
    model = models.residual_network(shape, classes, width, relu=relu, shortcut=shortcut, seed=seed)
    found = classification.compete(model, data, scale, epochs, rate, flips, test_noise, seed, batch_size)
    return found | {"data": checksum}


_PLACE = {"dataset": "cifar10", "per_class": 1000, "test_per_class": 500, "epochs": 12, "flips": True}
_CONTESTANTS = [
    {"setting": f"ReLU {relu}{'' if shortcut else ', no shortcut'}", "relu": relu, "shortcut": shortcut}
    | _PLACE
    | tuning.COMMON
    for shortcut in (True, False)
    for relu in ("everywhere", "between", "after", "stem", "nowhere")
]


def tried():
    """Return the settings on which rates are chosen."""
    return tuning.tried(_CONTESTANTS, "blocks")


def settings():
    """Return the settings of "blocks" whose rates are chosen."""
    return tuning.planned("blocks", _CONTESTANTS)


def seeds(setting):
    """Return the seeds: eight resolve what is asked of them."""
    return range(8)
