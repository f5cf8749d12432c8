"""The experiment "blocks": is ReLU doing all the work in a residual network? Taught in lesson 10."""

from cnnlessons.experiments import classification, tuning


def train_blocks(*, relu, shortcut, width=32, **run):
    """Train a residual network with some of its ReLUs and with or without shortcuts; see `classification.InThirds`."""
    from cnnlessons import models

    run = classification.InThirds(**run)
    model = models.residual_network(*run.shape, width, relu=relu, shortcut=shortcut, seed=run.seed)
    return run.train(model) | {"data": run.checksum}


_PLACE = {"dataset": "cifar10", "per_class": 1000, "test_per_class": 500, "epochs": 12, "flips": True}
CONTESTANTS = [
    {"setting": f"ReLU {relu}{'' if shortcut else ', no shortcut'}", "relu": relu, "shortcut": shortcut}
    | _PLACE
    | tuning.COMMON
    for shortcut in (True, False)
    for relu in ("everywhere", "between", "after", "stem", "nowhere")
]
