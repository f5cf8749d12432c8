"""What the panels that train share: buttons that start and stop, and a training that lets clicks through."""

import asyncio
import time
from collections import deque

from cnnlessons.panels._explorer import Button, Explorer
from cnnlessons.panels._panel import Unusable

EPOCHS = 20  # in one go: a panel that was forgotten comes to rest
BURST = 0.1  # seconds of training between two pictures

_started = None  # the panel that was started last: two at once would share the processor


class TrainingPanel(Explorer):
    """A panel in which something trains while its controls can be used: Start, Pause, Step and Reset.

    A subclass makes ``self.run`` anew in `begin`, makes steps in `advance`, and shows the run in `show`. Reset leaves
    the settings as they are.
    """

    buttons = (
        Button("start", "Start", f"Train for {EPOCHS} epochs, or until Pause", "_start_training", "play"),
        Button("pause", "Pause", "Stop after the step being made; Start goes on from there", "_pause", "pause"),
        Button("forward", "Step", "One step forward", "advance", "step-forward"),
    )
    reset_button = Button("again", "Reset", "Back to the untrained network; the settings stay", "begin", "undo")
    place, widths = 0, ("initial", "330px")
    steps_a_picture = 10**6  # at most; a subclass may go slowly

    def __init__(self, *start, **options):
        if _started is not None:
            _started.stop()  # a cell may be run a second time, and the first panel is gone then
        self._task, self._going, self._waiting = None, None, deque()
        super().__init__(*start, **options)

    def begin(self):
        """Make ``self.run`` anew."""
        self._pause()

    def advance(self, steps=1):
        """Make some steps."""
        self.run.advance(steps)

    def step(self, steps=1):
        """Make some steps, here and now, and show where they led."""
        self.act(lambda: self.advance(steps))

    def act(self, action=lambda: None, dragged=False):
        """Run `action` and draw: now, or between two bursts of the training that goes on.

        JupyterLab may send a click to another thread than the one that trains, so that it comes in the midst of a step.
        """
        if self._going is None:
            super().act(action, dragged)
            return
        self._waiting.append(action)
        if self._going is None:  # the training came to rest just now, and may not have seen it
            super().act(self._do_waiting)

    def draw(self):
        super().draw()
        self.start.disabled, self.pause.disabled = self._going is not None, self._going is None

    def _start_training(self):
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
                enough = time.monotonic() + BURST
                super().act(lambda: self._turn(enough))  # noqa: B023 (called at once)
                await asyncio.sleep(0.01 + max(0, enough - time.monotonic()))  # here the clicks get through
        finally:
            if self._going is going:  # not stopped by the reader
                self._pause()
                super().act()
            if self._waiting:
                super().act(self._do_waiting)

    def _turn(self, enough):
        """Do what the reader asked for, and train for a tenth of a second: ten pictures a second at most."""
        try:
            self._do_waiting()
            for _ in range(self.steps_a_picture):
                if self._going is None or time.monotonic() >= enough:
                    break
                self.advance()
        except Exception:  # `act` says it, and nobody sees what a task raises: come to rest without another word
            self._pause()
            self.draw()
            raise

    def _do_waiting(self):
        while self._waiting:
            self._waiting.popleft()()
