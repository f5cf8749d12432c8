"""What the panels that train share: buttons that start and stop, a training that lets clicks through, and curves."""

import asyncio
import time
from collections import deque

import ipywidgets as widgets
import numpy as np

from cnnlessons import plots
from cnnlessons.panels._drawings import svg, svg_text
from cnnlessons.panels._parts import Panel, Unusable

EPOCHS = 20  # in one go: a panel that was forgotten comes to rest
BURST = 0.1  # seconds of training between two pictures

# --------------------------------------------------------------------------- pictures

WIDE, HIGH, LEFT, BELOW = 440, 190, 52, 26  # of a chart, in units of the drawing
_COLOURS, _DASHES = (plots.BLUE, plots.VERMILLION, plots.GREEN), {"solid": "", "dashed": "8 4", "dotted": "2 4"}


def chart(series, last, axis):
    """Draw curves over steps 0 to `last`; `axis` says where a value lies from 0 to 1, and has ticks with labels."""
    place_of, ticks = axis
    inside = [_tick((1 - place_of(value)) * (HIGH - BELOW), label) for value, label in ticks]
    inside += [svg_text(LEFT, HIGH - 6, "start", "0"), svg_text(WIDE, HIGH - 6, "end", f"step {last:,}")]
    legend = []
    for (name, (steps, values)), colour, dash in zip(series.items(), _COLOURS, _DASHES, strict=False):
        across = LEFT + np.asarray(steps) / last * (WIDE - LEFT)
        down = (1 - place_of(np.asarray(values))) * (HIGH - BELOW)
        inside.append(_curve(across, down, colour, _DASHES[dash]))
        legend.append(f'<span style="border-bottom: 3px {dash} {colour}">{name}</span>' if name else "")
    words = ", ".join(f"{name} {values[-1]:.3g}".strip() for name, (_, values) in series.items() if len(values))
    return f'{svg(WIDE, HIGH, words or "empty", "".join(inside))}<p class="note">{"".join(legend)}</p>'


def _curve(across, down, colour, dashes):
    places = list(zip(across, down, strict=True))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    curve = f'<polyline points="{points}" stroke="{colour}" stroke-dasharray="{dashes}"/>'
    if len(places) > 20:
        return curve
    return curve + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places)


def up_to(values):
    """Return a linear axis from 0 to a round number above all values, with three to five ticks."""
    largest = max(float(np.max(values, initial=0.0)), 1e-3)
    power = 10.0 ** np.floor(np.log10(largest))
    step = next(round_step * power for round_step in (0.25, 0.5, 1, 2, 2.5) if largest <= 4 * round_step * power)
    count = int(np.ceil(largest / step))
    return (lambda value: value / (step * count)), [(step * k, f"{step * k:g}") for k in range(count + 1)]


PERCENT = (lambda value: value), [(share / 4, f"{25 * share} %") for share in range(5)]


def _tick(down, label):
    line = f'<line x1="{LEFT}" x2="{WIDE}" y1="{down:.1f}" y2="{down:.1f}"/>'
    return line + svg_text(LEFT - 6, down + 5, "end", label)


STYLE = """
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

_started = None  # the panel that was started last: two at once would share the processor


class TrainingPanel(Panel):
    """A panel in which something trains while its controls can be used: Start, Pause, Step and Reset.

    A subclass makes its own controls before it calls this constructor and places them below ``self.buttons`` in
    `_controls`; it makes ``self.run`` anew in `_reset`, makes steps in `_advance`, and shows the run in `draw`.
    """

    def __init__(self, name):
        if _started is not None:
            _started.stop()  # a cell may be run a second time, and the first panel is gone then
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
        global _started
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise Unusable("Nothing goes on in the background here; .step(100) makes a hundred steps.") from None
        if _started not in (None, self):
            _started.stop()
        _started, self._going = self, object()  # another object at each start
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


def choice(description, options, value):
    return widgets.ToggleButtons(
        options=options, value=value, description=description, style={"description_width": "initial"}
    )


def _button(description, icon, tooltip):
    return widgets.Button(description=description, icon=icon, tooltip=tooltip, layout={"width": "88px"})
