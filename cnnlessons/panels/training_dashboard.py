"""Training dashboard: loss, accuracy, first kernels and gradient sizes of a network, while it learns."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from cnnlessons import datasets, shapes
from cnnlessons.layers import Conv2D, Dense, Flatten, GlobalAveragePool2D, MaxPool2D, ReLU
from cnnlessons.network import Sequential
from cnnlessons.optimizers import SGD, Adam
from cnnlessons.panels._charts import PERCENT, chart, decades, svg, up_to
from cnnlessons.panels._drawings import coloured, figure, signed_scale
from cnnlessons.panels._explorer import Choice, Number
from cnnlessons.panels._panel import Unusable
from cnnlessons.panels._training import TrainingPanel

OPTIMIZERS = ("SGD", "momentum", "Adam")
BATCH_SIZES = (8, 32, 128)
PACES = {"slow": 1, "normal": 5, "fast": 10**6}  # steps for a picture, of which there are at most ten a second

# --------------------------------------------------------------------------- what is trained


DATA = ("digits", "lines")


@cache
def _load(data):
    return datasets.load(data, **({"size": 12, "count": 500} if data == "lines" else {}))


def network(data="digits", seed=0):
    """Return the untrained network of lesson 04 for "digits" or "lines"."""
    if shapes.chosen(data, "data", DATA) == "lines":
        return Sequential([Conv2D(8, 5), ReLU(), GlobalAveragePool2D(), Dense(2)], (12, 12, 1), seed=seed)
    layers = [Conv2D(8, 3, padding="same"), ReLU(), MaxPool2D(2), Conv2D(16, 3, padding="same"), ReLU()]
    return Sequential([*layers, Flatten(), Dense(10)], (8, 8, 1), seed=seed)


@dataclass
class Record:
    """What was seen of a training, a number a step."""

    losses: list = field(default_factory=list)
    accuracies: list = field(default_factory=list)
    gradients: dict = field(default_factory=dict)  # layer to the norm of its kernel's or weights' gradient
    tests: dict = field(default_factory=dict)  # step to accuracy on the test images, after each epoch


class Run:
    """A training that goes on as long as it is asked to; it knows of no widgets.

    `epochs` are the passes through the training images so far, `record` is what was seen; momentum is SGD's, 0.9.
    """

    def __init__(self, data="digits", optimizer="Adam", learning_rate=0.003, batch_size=32, seed=0):
        self.data, self.seed = data, seed
        self.network, self.record, self._seen = network(data, seed), Record(), 0
        self._kind = self._steps = None
        self.use(optimizer, learning_rate, batch_size)

    @property
    def epochs(self):
        return self._seen / len(_load(self.data).train_images) if self._seen else 0.0

    def use(self, optimizer, learning_rate, batch_size):
        """Go on with these settings, from the weights that are there."""
        if self._steps is not None and self._kind == (optimizer, batch_size):
            self.network.optimizer.learning_rate = learning_rate
        else:
            self._steps = None  # the next step begins a new training: the optimiser has nothing to remember
        self._kind, self._learning_rate = (optimizer, batch_size), learning_rate

    def advance(self, steps=1):
        """Make some steps and write them down, or raise FloatingPointError if the training diverges."""
        for _ in range(steps):
            step, before = self._step(), int(self.epochs)
            self._seen += step.images
            self._write_down(step)
            if int(self.epochs) > before:
                self._test()

    def _step(self):
        if self._steps is None:
            self._steps = self._begin()
        try:
            return next(self._steps)
        except FloatingPointError:
            self._steps = None  # an iterator that has raised is at its end
            raise

    def _begin(self):
        images, labels = _load(self.data).train_images, _load(self.data).train_labels
        (name, batch_size), rate = self._kind, self._learning_rate
        optimizer = Adam(rate) if name == "Adam" else SGD(rate, momentum=0.9 if name == "momentum" else 0.0)
        seed = self.seed + len(self.record.losses)  # another order of the images than before
        without_end = 10**9
        return self.network.training_steps(images, labels, without_end, batch_size, optimizer, seed=seed)

    def _write_down(self, step):
        self.record.losses.append(step.loss)
        self.record.accuracies.append(step.accuracy)
        for name, gradient in self.network.gradients().items():
            layer, _, array = name.partition(".")
            if array != "bias":
                size = np.linalg.norm(gradient.astype(float))  # float32 could overflow on the way to a divergence
                self.record.gradients.setdefault(layer, []).append(float(np.nan_to_num(size)))

    def _test(self):
        found = self.network.evaluate(_load(self.data).test_images, _load(self.data).test_labels)
        self.record.tests[len(self.record.losses)] = found.accuracy


# --------------------------------------------------------------------------- pictures


def thinned(values, most=120):
    """Return at most `most` steps and the means of the values up to each since the one before."""
    length = -(-len(values) // most) or 1
    starts = range(0, len(values), length)
    means = [np.mean(values[start : start + length]) for start in starts]
    return np.array([min(start + length, len(values)) for start in starts]), np.array(means)


def page(run):
    """Draw everything that a dashboard shows of a training."""
    record = run.record
    losses, accuracies = thinned(record.losses), thinned(record.accuracies)
    tests = np.array(list(record.tests)), np.array(list(record.tests.values()))
    gradients = {name: thinned(sizes) for name, sizes in record.gradients.items()}
    last = max(1, len(record.losses))
    drawings = {
        "Loss of the batch": chart({"": losses}, last, up_to(losses[1])),
        "Accuracy": chart({"batch": accuracies, "test images": tests}, last, PERCENT),
        "First layer's kernels": kernels_picture(run.network.layers[0].kernel),
        "Size of each layer's gradient": chart(gradients, last, _decades(gradients)),
    }
    figures = "".join(figure(*drawing) for drawing in drawings.items())
    return f'<div class="training"><p class="status">{status(run)}</p>{figures}</div>'


def status(run):
    """Say in a line where a training stands."""
    record = run.record
    if not record.losses:
        return "Not trained yet: the kernels are as they were drawn."
    recent = slice(-20, None)
    said = [
        f"Step <b>{len(record.losses):,}</b>",
        f"epoch <b>{run.epochs:.2f}</b>",
        f"loss <b>{np.mean(record.losses[recent]):.3f}</b>",
        f"accuracy <b>{np.mean(record.accuracies[recent]):.1%}</b> (mean of the last 20 batches)",
    ]
    if record.tests:
        said.append(f"on test images <b>{list(record.tests.values())[-1]:.1%}</b>")
    return ", ".join(said)


def kernels_picture(kernel):
    """Draw the kernels of a layer, of several channels the first, with one scale, white at zero, as SVG."""
    kernel = np.nan_to_num(kernel[:, :, 0], nan=0.0, posinf=0.0, neginf=0.0)  # (KH, KW, C_out); it may have diverged
    height, width, filters = kernel.shape
    scale = signed_scale(kernel)
    colours = coloured(kernel, scale)  # (KH, KW, C_out, 3)
    cells = [
        f'<rect x="{column}" y="{row}" width="1.02" height="1.02" fill="rgb({red},{green},{blue})"/>'  # no seams
        for row, column, number in np.ndindex(kernel.shape)
        for red, green, blue in [colours[row, column, number]]
    ]
    columns, drawn = -(-filters // 2), []
    for number in range(filters):
        down, across = divmod(number, columns)
        place = f"translate({across * _TILE} {down * _TILE}) scale({100 / width:.3f} {100 / height:.3f})"
        drawn.append(f'<g transform="{place}">{"".join(cells[number::filters])}</g>')
    picture = svg(columns * _TILE - 12, 2 * _TILE - 12, f"{filters} kernels", "".join(drawn))
    return f'{picture}<p class="note">blue −{scale.high:.2f}, white 0, red {scale.high:.2f}</p>'


_TILE = 112  # of a kernel with its margin, in units of the drawing


def _decades(gradients):
    """Return a logarithmic axis with whole powers of ten at its ends."""
    sizes = np.concatenate([[0.1, 1], *(values for _, values in gradients.values())])
    low, high = decades(np.maximum(sizes, _SMALLEST))
    ticks = [(10.0**power, f"{10.0**power:g}") for power in range(low, high + 1, -(-(high - low) // 5))]
    return (lambda value: (np.log10(np.maximum(value, _SMALLEST)) - low) / (high - low)), ticks


_SMALLEST = 1e-8  # what is smaller, 0 above all, is drawn as this: 0 has no logarithm


# --------------------------------------------------------------------------- the panel


class TrainingDashboard(TrainingPanel):
    """The panel that `training_dashboard` makes; its controls are attributes and can be set from code."""

    title = "Training dashboard"
    text = "{data}, {optimizer}, learning rate {learning_rate:g}, batches of {batch_size}"
    controls = (
        Number("learning_rate", "Learning rate", 0.0001, 1.0, 0.001, ".2g", log=True),
        Choice("data", "Data", DATA),
        Choice("optimizer", "Optimiser", OPTIMIZERS),
        Choice("batch_size", "Batch size", BATCH_SIZES),
        Choice("pace", "Pace", PACES),
    )

    def show(self, *_):
        return page(self.run)

    @property
    def steps_a_picture(self):
        return self.pace.value

    def changed(self, name):
        if name == "data":
            self.begin()
        elif name != "pace":
            self.run.use(*self._settings())

    def begin(self):
        super().begin()
        self.run = Run(self.data.value, *self._settings(), self._seed)

    def _settings(self):
        rate, _, optimizer, batch_size, _ = self.values
        return optimizer, rate, batch_size

    def advance(self, steps=1):
        try:
            super().advance(steps)
        except FloatingPointError as diverged:
            self._pause()
            self.draw()
            raise Unusable(f"Diverged: {diverged}. Choose a lower rate and press Reset.") from None


def training_dashboard(data="digits", optimizer="Adam", learning_rate=0.003, batch_size=32, seed=0):
    """Make a panel in which a network learns: start it, change what it learns by, stop it, go on.

    Its method ``step(n)`` trains without any click.

    Parameters
    ----------
    data : {"digits", "lines"}
    optimizer : {"SGD", "momentum", "Adam"}
    learning_rate : float, 0.0001 to 1
    batch_size : {8, 32, 128}
    seed : int
        Of the starting weights and of the order of the images.

    Notes
    -----
    Taught in lesson 04.
    """
    seed = shapes.whole_number(seed, "seed", 0)
    return TrainingDashboard(learning_rate, data, optimizer, batch_size, PACES["normal"], seed=seed)
