"""Stem builder: a first layer with filters from a bank, frozen or not, learns beside one that begins from nothing."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cnnlessons import datasets
from cnnlessons.panels._charts import PERCENT, chart, up_to
from cnnlessons.panels._drawings import figure, image
from cnnlessons.panels._explorer import Choice, Whole
from cnnlessons.panels._training import TrainingPanel

BANKS = ("derivatives", "lines+curves", "gabor", "dct", "random")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
ALWAYS = 1000  # epochs
FROZEN = (0, 3, 6, ALWAYS)
SEEDS = (0, 9)
FILTERS, WIDTH, BATCH_SIZE, LEARNING_RATE = 32, 16, 32, 0.003  # as in the live runs of the lesson
NAMES = ("built", "learned")

# --------------------------------------------------------------------------- what is trained


class Setting(NamedTuple):
    """How a stem of 32 filters, 5×5, is built."""

    bank: str = "gabor"
    share: float = 0.5  # of the filters, from the bank
    frozen: int = 6  # epochs for which the bank's filters do not move
    seed: int = 0  # of the images, their order and the random weights


@lru_cache(maxsize=2)
def images_of(seed):
    """Return standardised crops, 16×16, and labels for training, then for testing: four arrays."""
    data = datasets.load("photo_patches", per_class=25, test_per_class=50, size=16, seed=seed)
    mean, scale = data.train_images.mean(axis=(0, 1, 2)), data.train_images.std()
    images, test_images = ((part - mean) / scale for part in (data.train_images, data.test_images))
    return images, data.train_labels, test_images, data.test_labels


def build(setting):
    """Return the classifier of a setting, not compiled, and those of its stem's convolutions that hold the bank."""
    from cnnlessons import models, stems  # here, since Keras takes seconds to load and the other panels need none

    bank, share, _, seed = setting
    if 0 < share < 1:
        stem = stems.split(bank, FILTERS, share=share, seed=seed)
    else:
        stem = stems.learned(FILTERS, start=bank if share else "random", seed=seed)
    model = models.classifier(stem, (16, 16, 3), classes=10, width=WIDTH, seed=seed)
    return model, stems.convolutions(model)[:1] if share else []


class Run:
    """Two trainings side by side of the same batches, "built", and "learned" with no filter from a bank.

    `tests` and `drifts` hold, after each epoch, the accuracy on the test images, and how far the filters have moved.
    """

    def __init__(self, setting):
        from cnnlessons import stems, training

        self.setting, self.steps, self.tests, self.drifts = setting, 0, [], []
        built, self._given = build(setting)
        learned, _ = build(Setting(share=0.0, seed=setting.seed))
        self.models = dict(zip(NAMES, (built, learned), strict=True))
        self._stems = {name: stems.convolutions(model) for name, model in self.models.items()}
        self._starts = {name: self.kernel(name) for name in NAMES}
        images, labels, *_ = images_of(setting.seed)
        self._steps_per_epoch = -(-len(images) // BATCH_SIZE)
        self._batches = training.batches(images, labels, BATCH_SIZE, setting.seed)

    @property
    def epochs(self):
        """How many passes through the training images have been made."""
        return self.steps / self._steps_per_epoch

    @property
    def frozen(self):
        """Whether the filters of the bank may not move at present."""
        return bool(self._given) and self.epochs < self.setting.frozen

    @property
    def slow(self):
        """Whether the next step takes seconds, because Keras has to compile it."""
        return self.steps in {0, self.setting.frozen * self._steps_per_epoch if self._given else 0}

    def kernel(self, name):
        """Return the kernel of a stem, of all its convolutions together, (5, 5, 3, 32)."""
        return np.concatenate([layer.get_weights()[0] for layer in self._stems[name]], axis=-1)

    def advance(self, steps=1):
        """Make some steps with both models."""
        for _ in range(steps):
            if self.slow:
                self._compile()
            images, labels = next(self._batches)
            for model in self.models.values():
                model.train_on_batch(images, labels)
            self.steps += 1
            if self.steps % self._steps_per_epoch == 0:
                self._measure()

    def _compile(self):
        from cnnlessons import training

        free = not self.frozen
        for layer in self._stems["built"]:
            layer.trainable = free or layer not in self._given
        for model in self.models.values():  # both, so that Adam begins again in both
            training.compiled(model, LEARNING_RATE)

    def _measure(self):
        *_, images, labels = images_of(self.setting.seed)
        found = {name: model.predict_on_batch(images).argmax(axis=1) for name, model in self.models.items()}
        self.tests.append({name: float(np.mean(classes == labels)) for name, classes in found.items()})
        self.drifts.append(self.drift())

    def drift(self):
        """Return the mean drift of the filters from the bank, of those beside them, and of the learned stem's."""
        from cnnlessons import training

        moved = {name: training.drift(self._starts[name], self.kernel(name)) for name in NAMES}
        count = round(FILTERS * self.setting.share)
        groups = {"from the bank": moved["built"][:count], "beside them": moved["built"][count:]}
        groups["learned"] = moved["learned"]
        return {name: float(values.mean()) for name, values in groups.items() if len(values)}


# --------------------------------------------------------------------------- pictures


def tiles(kernel):
    """Arrange an even number of filters, (KH, KW, 3, filters), in two rows, each at its own scale: gray is 0."""
    height, width, _, filters = kernel.shape
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    levels = np.rint(127.5 + 127.5 * kernel / np.where(largest > 0, largest, 1)).astype(np.uint8)
    levels = np.insert(levels, 3, 255, axis=2)  # opacity
    levels = np.pad(levels, [(0, 1), (0, 1), (0, 0), (0, 0)])  # transparent gaps: (KH + 1, KW + 1, 4, filters)
    rows = levels.reshape(height + 1, width + 1, 4, 2, filters // 2).transpose(3, 0, 4, 1, 2)
    return rows.reshape(2 * (height + 1), -1, 4)[:-1, :-1]


def status(run):
    """Say in a line where the two trainings stand."""
    if not run.steps:
        return "Not trained yet: the filters are as they were drawn."
    state = "the bank's filters are <b>frozen</b>" if run.frozen else "all filters are free"
    said = f"Step <b>{run.steps:,}</b>, epoch <b>{run.epochs:.2f}</b>, {state}"
    if not run.tests:
        return said
    found = run.tests[-1]
    return f"{said}. On test images: built <b>{found['built']:.0%}</b>, learned <b>{found['learned']:.0%}</b>"


def page(run, note=""):
    """Draw everything that a stem builder shows; the note ends the status line."""
    count = round(FILTERS * run.setting.share)
    begun = {0: "all random", FILTERS: f"all from {run.setting.bank}"}
    beginning = begun.get(count, f"the first {count} from {run.setting.bank}")
    last = max(run.steps, 1)
    epochs = np.arange(1, len(run.tests) + 1) * run._steps_per_epoch
    tests = {name: (epochs, np.array([found[name] for found in run.tests])) for name in NAMES}
    drifts = {name: (epochs, np.array([found[name] for found in run.drifts])) for name in run.drift()}
    furthest = max((max(found.values()) for found in run.drifts), default=0.1)
    drawings = {
        f"Built: {beginning}": image(tiles(run.kernel("built")), f"{FILTERS} filters"),
        "Learned, from the same seed": image(tiles(run.kernel("learned")), f"{FILTERS} filters"),
        "Accuracy on test images, after each epoch": chart(tests, last, PERCENT),
        "Drift, in lengths of the start": chart(drifts, last, up_to([furthest])),
    }
    figures = "".join(figure(*drawing) for drawing in drawings.items())
    warning = "One seed says little: try others." if run.tests else ""
    return (
        f'<div class="training"><p class="status">{status(run)} {note}</p>'
        f'{figures}<p class="status">{warning}</p></div>'
    )


# --------------------------------------------------------------------------- the panel


class StemBuilder(TrainingPanel):
    """The panel that `stem_builder` makes; its controls are attributes and can be set from code."""

    title = "Stem builder"
    controls = (
        Choice("bank", "Bank", BANKS),
        Choice("share", "From the bank", dict(zip(("none", "1/4", "1/2", "3/4", "all"), SHARES, strict=True))),
        Choice("frozen", "Frozen", dict(zip(("never", "3 epochs", "6 epochs", "always"), FROZEN, strict=True))),
        Whole("seed", "Seed", *SEEDS, live=False),
    )
    columns = 1

    def __repr__(self):
        bank, share, frozen, seed = self.setting
        length = {0: "never frozen", ALWAYS: "always frozen"}.get(frozen, f"frozen for {frozen} epochs")
        return f"Stem builder: {round(FILTERS * share)} of {FILTERS} filters from {bank}, {length}, seed {seed}"

    @property
    def setting(self):
        """What the controls say, as a `Setting`."""
        return Setting(*self.values)

    def show(self, *_):
        return page(self.run)

    def changed(self, name):
        self.begin()

    def begin(self):
        super().begin()
        self.run = Run(self.setting)

    def advance(self, steps=1):
        if self.run.slow:
            self.page.value = page(self.run, "Keras compiles the next step, which takes some seconds …")
        super().advance(steps)


def stem_builder(bank="gabor", share=0.5, frozen=6, seed=0):
    """Make a panel in which a stem that you build learns beside one that is learned from nothing, on photo patches.

    Its method ``step(n)`` trains without any click.

    Parameters
    ----------
    bank : {"derivatives", "lines+curves", "gabor", "dct", "random"}
        Where the given filters come from.
    share : {0, 0.25, 0.5, 0.75, 1}
        Of the 32 filters, how many come from the bank.
    frozen : {0, 3, 6, 1000}
        For how many epochs these do not move; 1000 is always.
    seed : int, 0 to 9
        Of the images, their order and the random weights of both networks.

    Notes
    -----
    Taught in lesson 09.
    """
    return StemBuilder(bank, float(share), frozen, seed)
