"""Training dashboard: loss, accuracy, first kernels and gradient sizes of a network, while it learns.

Taught in lesson 04.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from functools import cache

import ipywidgets as widgets
import numpy as np

from cnnlessons import datasets, plots, shapes
from cnnlessons.layers import Conv2D, Dense, Flatten, GlobalAveragePool2D, MaxPool2D, ReLU
from cnnlessons.network import Sequential
from cnnlessons.optimizers import SGD, Adam
from cnnlessons.panels._drawings import coloured, signed_scale, svg, svg_text
from cnnlessons.panels._parts import Panel, Unusable

OPTIMIZERS = ("SGD", "momentum", "Adam")
LEARNING_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
BATCH_SIZES = (8, 32, 128)
EPOCHS = 20  # in one go: a dashboard that was forgotten comes to rest
BURST = 0.1  # seconds of training between two pictures

# --------------------------------------------------------------------------- what is trained


def _digits():
    return [Conv2D(8, 3, padding="same"), ReLU(), MaxPool2D(2), Conv2D(16, 3, padding="same"), ReLU(), Flatten()]


def _lines():
    return [Conv2D(8, 5), ReLU(), GlobalAveragePool2D()]


# Each data set: shape of an image, classes, all layers but the last, and options of `datasets.load`.
_TASKS = {
    "digits": ((8, 8, 1), 10, _digits, {}),
    "lines": ((12, 12, 1), 2, _lines, {"size": 12, "count": 500}),
}
DATA = tuple(_TASKS)


@cache
def _load(data):
    return datasets.load(data, **_TASKS[data][3])


def network(data="digits", seed=0):
    """Return the untrained network of lesson 04 for "digits" or "lines"."""
    shape, classes, make, _ = _TASKS[data]
    return Sequential([*make(), Dense(classes)], shape, seed=seed)


@dataclass
class Record:
    """What was seen of a training, a number a step."""

    losses: list = field(default_factory=list)
    accuracies: list = field(default_factory=list)
    gradients: dict = field(default_factory=dict)  # layer to the norm of its kernel's or weights' gradient
    tests: dict = field(default_factory=dict)  # step to accuracy on the test images, after each epoch


class Run:
    """A training that goes on as long as it is asked to; it knows of no widgets.

    Parameters
    ----------
    data : {"digits", "lines"}
    optimizer : {"SGD", "momentum", "Adam"}
        Momentum is SGD's, 0.9.
    learning_rate : float
    batch_size : int
    seed : int
        Of the starting weights and of the order of the images.

    Attributes
    ----------
    network : Sequential
    record : Record
    epochs : float
        Passes through the training images so far.

    Notes
    -----
    Taught in lesson 04.
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
        """Make some steps and write them down.

        Raises
        ------
        FloatingPointError
            If the training diverges.
        """
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

MOST_POINTS = 120


def thinned(values, most=MOST_POINTS):
    """Replace many numbers by the means of equally long runs of them.

    Parameters
    ----------
    values : sequence of float
        One for each step, the first step's first.
    most : int

    Returns
    -------
    steps, means : ndarray, shape (P,), with P at most `most`
        The last step of each run, and the mean over it. The last run may be shorter.

    Notes
    -----
    Taught in lesson 04.
    """
    length = -(-len(values) // most) or 1
    starts = range(0, len(values), length)
    means = [np.mean(values[start : start + length]) for start in starts]
    return np.array([min(start + length, len(values)) for start in starts]), np.array(means)


def page(run):
    """Draw everything that a dashboard shows of a training.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
        HTML with four drawings that fit the width they are given, in light and dark themes.

    Notes
    -----
    Taught in lesson 04.
    """
    record = run.record
    losses, accuracies = thinned(record.losses), thinned(record.accuracies)
    tests = np.array(list(record.tests)), np.array(list(record.tests.values()))
    gradients = {name: thinned(sizes) for name, sizes in record.gradients.items()}
    last = max(1, len(record.losses))
    drawings = {
        "Loss of the batch": _chart({"": losses}, last, _up_to(losses[1])),
        "Accuracy": _chart({"batch": accuracies, "test images": tests}, last, _PERCENT),
        "First layer's kernels": kernels_picture(run.network.layers[0].kernel),
        "Size of each layer's gradient": _chart(gradients, last, _decades(gradients)),
    }
    figures = "".join(
        f"<figure><figcaption>{title}</figcaption>{drawing}</figure>" for title, drawing in drawings.items()
    )
    return f'{_STYLE}<div class="training"><p class="status">{status(run)}</p>{figures}</div>'


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
    """Draw the kernels of a layer with one scale, white at zero, as SVG.

    Parameters
    ----------
    kernel : ndarray, shape (KH, KW, C_in, C_out)
        Of several channels the first is drawn.

    Returns
    -------
    str
    """
    kernel = np.nan_to_num(kernel[:, :, 0], nan=0.0, posinf=0.0, neginf=0.0)  # (KH, KW, C_out); it may have diverged
    height, width, filters = kernel.shape
    scale = signed_scale(kernel)
    colours = coloured(kernel, scale)  # (KH, KW, C_out, 3)
    cells = [
        f'<rect x="{column}" y="{row}" width="1.02" height="1.02" fill="rgb({red},{green},{blue})"/>'  # no seams
        for row, column, number in np.ndindex(kernel.shape)
        for red, green, blue in [colours[row, column, number]]
    ]
    columns = -(-filters // 2)
    drawn = []
    for number in range(filters):
        down, across = divmod(number, columns)
        place = f"translate({across * _TILE} {down * _TILE}) scale({100 / width:.3f} {100 / height:.3f})"
        drawn.append(f'<g transform="{place}">{"".join(cells[number::filters])}</g>')
    picture = svg(columns * _TILE - 12, 2 * _TILE - 12, f"{filters} kernels", "".join(drawn))
    return f'{picture}<p class="note">blue −{scale.high:.2f}, white 0, red {scale.high:.2f}</p>'


_TILE = 112  # of a kernel with its margin, in units of the drawing
_WIDE, _HIGH, _LEFT, _BELOW = 440, 190, 52, 26  # of a chart, in units of the drawing
_COLOURS, _DASHES = (plots.BLUE, plots.VERMILLION, plots.GREEN), {"solid": "", "dashed": "8 4", "dotted": "2 4"}


def _chart(series, last, axis):
    """Draw curves over steps 0 to `last`; `axis` says where a value lies from 0 to 1, and has ticks with labels."""
    place_of, ticks = axis
    inside = [_tick((1 - place_of(value)) * (_HIGH - _BELOW), label) for value, label in ticks]
    inside += [svg_text(_LEFT, _HIGH - 6, "start", "0"), svg_text(_WIDE, _HIGH - 6, "end", f"step {last:,}")]
    legend = []
    for (name, (steps, values)), colour, dash in zip(series.items(), _COLOURS, _DASHES, strict=False):
        across = _LEFT + np.asarray(steps) / last * (_WIDE - _LEFT)
        down = (1 - place_of(np.asarray(values))) * (_HIGH - _BELOW)
        inside.append(_curve(across, down, colour, _DASHES[dash]))
        legend.append(f'<span style="border-bottom: 3px {dash} {colour}">{name}</span>' if name else "")
    words = ", ".join(f"{name} {values[-1]:.3g}".strip() for name, (_, values) in series.items() if len(values))
    return f'{svg(_WIDE, _HIGH, words or "empty", "".join(inside))}<p class="note">{"".join(legend)}</p>'


def _curve(across, down, colour, dashes):
    places = list(zip(across, down, strict=True))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    curve = f'<polyline points="{points}" stroke="{colour}" stroke-dasharray="{dashes}"/>'
    if len(places) > 20:
        return curve
    return curve + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places)


def _up_to(values):
    """Return a linear axis from 0 to a round number above all values, with three to five ticks."""
    largest = max(float(np.max(values, initial=0.0)), 1e-3)
    power = 10.0 ** np.floor(np.log10(largest))
    step = next(round_step * power for round_step in (0.25, 0.5, 1, 2, 2.5) if largest <= 4 * round_step * power)
    count = int(np.ceil(largest / step))
    return (lambda value: value / (step * count)), [(step * k, f"{step * k:g}") for k in range(count + 1)]


_PERCENT = (lambda value: value), [(share / 4, f"{25 * share} %") for share in range(5)]


def _decades(gradients):
    """Return a logarithmic axis with whole powers of ten at its ends."""
    sizes = np.concatenate([[0.1, 1], *(values for _, values in gradients.values())])
    powers = np.log10(np.maximum(sizes, _SMALLEST))
    low, high = int(np.floor(powers.min())), int(np.ceil(powers.max()))
    ticks = [(10.0**power, f"{10.0**power:g}") for power in range(low, high + 1, -(-(high - low) // 5))]
    return (lambda value: (np.log10(np.maximum(value, _SMALLEST)) - low) / (high - low)), ticks


_SMALLEST = 1e-8  # what is smaller, 0 above all, is drawn as this: 0 has no logarithm


def _tick(down, label):
    line = f'<line x1="{_LEFT}" x2="{_WIDE}" y1="{down:.1f}" y2="{down:.1f}"/>'
    return line + svg_text(_LEFT - 6, down + 5, "end", label)


_STYLE = """
<style>
.cnnlessons-panel .training { display: grid; grid-template-columns: repeat(2, minmax(0, 460px)); gap: 8px 36px; }
.cnnlessons-panel .training .status { grid-column: 1 / 3; font-size: 16px; margin: 0; }
.cnnlessons-panel .training { font-variant-numeric: tabular-nums; }
.cnnlessons-panel .training figure { margin: 0; }
.cnnlessons-panel .training figcaption { font-size: 16px; margin-bottom: 4px; }
.cnnlessons-panel .training svg { display: block; width: 100%; overflow: visible; }
.cnnlessons-panel .training text { font-size: 14px; fill: var(--jp-ui-font-color1, #222); }
.cnnlessons-panel .training line { stroke: var(--jp-border-color2, #ccc); }
.cnnlessons-panel .training polyline { fill: none; stroke-width: 2.5; }
.cnnlessons-panel .training .note { font-size: 14px; margin: 2px 0; text-align: center; min-height: 20px; }
.cnnlessons-panel .training .note span { margin: 0 8px; }
</style>
"""

# --------------------------------------------------------------------------- widgets

_training = None  # the panel that was started last: two at once would share the processor


class TrainingPanel(Panel):
    """A panel in which something trains while its controls can be used: Start, Pause, Step and Reset.

    A subclass makes its own controls before it calls this constructor and places them below ``self.buttons`` in
    `_controls`; it makes ``self.run`` anew in `_reset`, makes steps in `_advance`, and shows the run in `draw`.
    """

    def __init__(self, name):
        if _training is not None:
            _training.stop()  # a cell may be run a second time, and the first panel is gone then
        self._task, self._going, self._waiting = None, None, deque()
        self.start = _button("Start", "play", f"Train for {EPOCHS} epochs, or until Pause")
        self.pause = _button("Pause", "pause", "Stop after the step being made; Start goes on from there")
        self.forward = _button("Step", "step-forward", "One step forward")
        self.again = _button("Reset", "undo", "Back to the untrained network; the settings stay")
        self.buttons = widgets.HBox([self.start, self.pause, self.forward, self.again])
        self.page = widgets.HTML(layout={"width": "100%"})
        super().__init__([self._controls(), self.page], name)
        self.on(self.start, self._start)
        self.on(self.pause, self._pause)
        self.on(self.forward, self._advance)
        self.on(self.again, self._reset)

    def step(self, steps=1):
        """Make some steps, here and now, and show where they led. Taught in lesson 04."""
        self.act(lambda: self._advance(steps))

    def act(self, action=lambda: None):
        """Run `action` and draw: now, or between two bursts of the training that goes on.

        JupyterLab may send a click to another thread than the one that trains, so that it comes in the midst of a step.
        """
        if self._going is None:
            super().act(action)
            return
        self._waiting.append(action)
        if self._going is None:  # the training came to rest just now, and may not have seen it
            super().act(self._do_waiting)

    def draw(self):
        self.start.disabled, self.pause.disabled = self._going is not None, self._going is None

    def _start(self):
        """Let the training go on in the loop that also brings the clicks, between them: no thread is needed."""
        global _training
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise Unusable("Nothing goes on in the background here; .step(100) makes a hundred steps.") from None
        if _training not in (None, self):
            _training.stop()
        _training, self._going = self, object()  # another object at each start
        self._task = loop.create_task(self._train(self._going))  # kept, or it might be collected

    def _pause(self):
        self._going = None

    def stop(self):
        """Come to rest after the step being made, as Pause does."""
        self.act(self._pause)

    async def _train(self, going):
        end = self.run.epochs + EPOCHS
        try:
            while self._going is going and self.run.epochs < end:
                super().act(self._turn)
                await asyncio.sleep(0.01)  # here the clicks get through
        finally:
            if self._going is going:  # not stopped by the reader
                self._pause()
                super().act()
            if self._waiting:
                super().act(self._do_waiting)

    def _turn(self):
        """Do what the reader asked for, and train for a tenth of a second: ten pictures a second at most."""
        try:
            self._do_waiting()
            enough = time.monotonic() + BURST
            while self._going is not None and time.monotonic() < enough:
                self._advance()
        except Exception:  # `act` says it, and nobody sees what a task raises: come to rest without another word
            self._pause()
            self.draw()
            raise

    def _do_waiting(self):
        while self._waiting:
            self._waiting.popleft()()


class TrainingDashboard(TrainingPanel):
    """The panel that `training_dashboard` makes; its controls are attributes and can be set from code."""

    def __init__(self, data, optimizer, learning_rate, batch_size, seed):
        self._seed = seed
        self.data = _choice("Data", DATA, data)
        self.optimizer = _choice("Optimiser", OPTIMIZERS, optimizer)
        self.batch_size = _choice("Batch size", BATCH_SIZES, batch_size)
        self.learning_rate = widgets.SelectionSlider(
            options=[(f"{rate:g}", rate) for rate in LEARNING_RATES], value=learning_rate, description="Learning rate"
        )
        self.learning_rate.style.description_width = "initial"
        super().__init__("cnnlessons-training-dashboard")
        for control in (self.optimizer, self.learning_rate, self.batch_size):
            self.on(control, self._use)
        self.on(self.data, self._reset)
        self.act(self._reset)

    def __repr__(self):
        optimizer, rate, batch_size = self._settings()
        return f"Training dashboard: {self.data.value}, {optimizer}, learning rate {rate:g}, batches of {batch_size}"

    def draw(self):
        self.page.value = page(self.run)
        super().draw()

    # ----- what it does

    def _use(self):
        self.run.use(*self._settings())

    def _reset(self):
        self._pause()
        self.run = Run(self.data.value, *self._settings(), self._seed)

    def _settings(self):
        return self.optimizer.value, self.learning_rate.value, self.batch_size.value

    def _advance(self, steps=1):
        try:
            self.run.advance(steps)
        except FloatingPointError as diverged:
            self._pause()
            self.draw()
            raise Unusable(f"Diverged: {diverged}. Choose a lower rate and press Reset.") from None

    def _controls(self):
        rows = [self.buttons, self.learning_rate, self.data, self.optimizer, self.batch_size]
        return widgets.GridBox(rows, layout={"grid_template_columns": "repeat(2, max-content)",
                                             "grid_gap": "4px 28px", "margin": "4px 0 12px"})  # fmt: skip


def training_dashboard(data="digits", optimizer="Adam", learning_rate=0.003, batch_size=32, seed=0):
    """Make a panel in which a network learns: start it, change what it learns by, stop it, go on.

    Parameters
    ----------
    data : {"digits", "lines"}
    optimizer : {"SGD", "momentum", "Adam"}
    learning_rate : float
        One of 0.0001, 0.0003, 0.001, … 1.
    batch_size : {8, 32, 128}
    seed : int
        Of the starting weights and of the order of the images.

    Returns
    -------
    TrainingDashboard
        An ipywidgets box at rest; its method ``step(n)`` trains without any click.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Notes
    -----
    Taught in lesson 04. What the panel shows is made by `Run` and `page` of ``cnnlessons.panels.training_dashboard``.
    """
    for name, value, known in (
        ("data", data, DATA),
        ("optimizer", optimizer, OPTIMIZERS),
        ("learning_rate", learning_rate, LEARNING_RATES),
        ("batch_size", batch_size, BATCH_SIZES),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
    return TrainingDashboard(data, optimizer, learning_rate, batch_size, shapes.whole_number(seed, "seed", 0))


def _choice(description, options, value):
    return widgets.ToggleButtons(
        options=options, value=value, description=description, style={"description_width": "initial"}
    )


def _button(description, icon, tooltip):
    return widgets.Button(description=description, icon=icon, tooltip=tooltip, layout={"width": "88px"})
