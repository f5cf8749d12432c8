"""The experiment "robust": which first layers, and which trainings, do attacks not fool? Taught in lesson 13."""

import numpy as np

from cnnlessons import adversarial
from cnnlessons.experiments import classification

SIZES = {"attacked": 1, "attacked_twice": 2}  # times epsilon


def train_robust(
    *, stem, bank, trained_on, trained_steps, epsilon, filters=32, size=5, width=16, attack_steps=40, restarts=2, **run
):
    """Train a classifier with one stem, perhaps against an attack, and attack it: a run of the experiment "robust".

    Images stay from 0 to 1; the model standardises them itself, so an epsilon means the same everywhere. `stem` and
    `bank` are as in `train_first_layer`; "colour gabor" are the Gabor filters in the two colours without light. With an
    epsilon `trained_on` above 0 the images of each batch are made harder by `adversarial.harder`, in `trained_steps`
    steps (1 is FGSM). `epsilon` is that of the attacks that are measured, one for each loss, with `attack_steps` and
    `restarts`; any of them may fool the network. Of "digits" all test images are used. The rest is that of
    `classification.Raw`.

    "noisy_accuracy" is with random signs of size epsilon; "one_step" is left by FGSM; "attacked" and "attacked_twice"
    by the attacks with epsilon and with twice as much; "zero_gradients" is that of `adversarial.Checks`.
    """
    run = classification.Raw(**run)
    kernel = _kernel(bank, filters, size, run.data.train_images.shape[3])
    made = classification.stem(stem, kernel, filters=filters, size=size, seed=run.seed)
    model = run.model(made, width, run.seed)
    harder = adversarial.harder(model, trained_on, trained_steps, run.seed)
    _train(run, model, harder if trained_on else lambda images, labels: images)
    return _attacked(model, run.data, epsilon, attack_steps, restarts, run.seed) | {"data": run.checksum}


def _kernel(bank, filters, size, channels):
    """Return a bank by its name; of "colour gabor" those filters of "gabor" that do not see light."""
    from cnnlessons import kernels, stems

    if bank != "colour gabor":
        return bank
    every = stems.bank("gabor", 6 * kernels.bank("gabor", size).shape[-1], size, channels)
    return every[..., np.abs(every.sum(axis=2)).max(axis=(0, 1)) < 1e-6][..., :filters]


def _train(run, model, change):
    from cnnlessons import training

    batches, first = run.batches(), -(-run.epochs // 2)
    for epochs, rate in ((first, run.learning_rate), (run.epochs - first, run.learning_rate / 5)):
        training.compiled(model, rate)
        run.train_epochs(model, batches, epochs, change)


def _attacked(model, data, epsilon, steps, restarts, seed):
    """Return what is measured. An image that a smaller change has fooled is fooled by larger ones, too."""
    images, labels = data.test_images, data.test_labels
    found = {
        "accuracy": adversarial.accuracy(model, images, labels),
        "train_accuracy": adversarial.accuracy(model, data.train_images, data.train_labels),
        "noisy_accuracy": adversarial.accuracy(model, adversarial.noise(images, epsilon, seed=seed), labels),
        "one_step": adversarial.accuracy(model, adversarial.fgsm(model, images, labels, epsilon), labels),
    }
    safe = np.ones(len(images), bool)
    for name, times in SIZES.items():
        some = np.flatnonzero(safe)
        options = {"steps": steps, "restarts": restarts, "seed": seed}
        safe[some] = (
            adversarial.withstood(model, images[some], labels[some], times * epsilon, **options) if some.size else []
        )
        found[name] = float(safe.mean())
    return found | {"zero_gradients": adversarial.zero_gradients(model, images, labels)}


# What the row is called, the function of `stems`, bank.
_STEMS = (
    ("learned", "learned", "random"),
    ("fixed Gabor", "fixed", "gabor"),
    ("fixed derivatives", "fixed", "derivatives"),
    ("fixed DCT", "fixed", "dct"),
    ("fixed random", "fixed", "random"),
)
_GREY = tuple(each for each in _STEMS if each[2] != "derivatives")  # there are fewer than 32 of them in one channel
_COLOURS = (("fixed Gabor, grey only", "fixed", "grey gabor"), ("fixed Gabor, colour only", "fixed", "colour gabor"))


def _defences(*trained):
    return [("undefended", 0.0, 1), *((f"{'FGSM' if n == 1 else 'PGD'} {size}", size, n) for size, n in trained)]


# Data set, images a class, test images a class, size, epochs; epsilon of the stems; epsilon of the defences and these.
_DATA = (
    (("photo_patches", 100, 20, 16, 12), 0.01, _STEMS + _COLOURS, 0.01, _defences((0.01, 3))),
    (("digits", 100, 36, None, 12), 0.1, _GREY, 0.15, _defences((0.15, 1), (0.3, 1), (0.15, 5), (0.3, 5))),
    (("cifar10", 200, 30, None, 8), 0.005, _STEMS, None, ()),
)


def _settings():
    columns = ("dataset", "per_class", "test_per_class", "image_size", "epochs")
    for data, of_stems, contestants, of_defences, defences in _DATA:
        place = dict(zip(columns, data, strict=True))
        plain = {"trained_on": 0.0, "trained_steps": 1, "epsilon": of_stems}
        for name, stem, bank in contestants:
            yield {"setting": name, "group": "stems", "stem": stem, "bank": bank} | plain | place
        learned = {"stem": "learned", "bank": "random"}
        for name, size, steps in defences:
            trained = {"trained_on": size, "trained_steps": steps, "epsilon": of_defences}
            yield {"setting": name, "group": "defences"} | learned | trained | place


SETTINGS = list(_settings())
