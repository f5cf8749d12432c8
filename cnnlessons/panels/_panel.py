"""What the panels share: the panel itself, the page on which it draws, checks, and what went wrong."""

import asyncio
import html
import re
import threading
from functools import cached_property
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
from traitlets import CFloat, CInt, Dict, List, Unicode

from cnnlessons import ops
from cnnlessons.threads import one_a_product


class Unusable(ValueError):
    """The reader typed or asked for something that cannot be used. The message tells the reader what to do."""


class Page(anywidget.AnyWidget):
    """What a panel shows: HTML, and in it pictures and texts that one message to the browser redraws.

    Its script also looks after the controls around it, and its style sheet is that of all panels. An element of the
    HTML with an attribute ``data-name`` is one that `paint` fills. Of a picture only the places of its pixels in a
    table of 256 colours travel: the browser has the tables already.
    """

    value = Unicode().tag(sync=True)
    colours = Dict().tag(sync=True)  # bytes by name, 256 times red, green, blue, opacity
    words = Dict().tag(sync=True)  # say what a picture shows; a widget without `description` breaks with a `tooltip`
    shown = Dict({"pictures": {}, "texts": {}}).tag(sync=True)
    focused = Unicode().tag(sync=True)  # the tooltip of the text field that the reader chose last
    pointed = List(CInt()).tag(sync=True)  # row and column of the pixel that the reader points at, once there is one

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")

    def __init__(self, value="", colours=()):
        tables = {name: np.insert(table, 3, 255, axis=1).tobytes() for name, table in dict(colours).items()}
        super().__init__(value=value, colours=tables)
        self.add_class("cnnlessons-page")

    def paint(self, pictures, texts):
        """Send pictures, name → (uint8 places in a table, name of the table), and texts, name → HTML."""
        sent = {
            name: {"levels": levels.tobytes(), "shape": list(levels.shape), "colours": colours}
            for name, (levels, colours) in pictures.items()
        }
        self.shown = {"pictures": sent, "texts": texts}


class Panel(widgets.VBox):
    """A column of widgets that is drawn once for every change; its `problem` says what went wrong.

    A subclass puts `problem` close to its controls, registers them with `on` and draws everything in `draw`; that may
    return what the reader has to mend although the rest could be drawn. If `draw` is slow for the sake of more than the
    pictures, the class sets `hurries`; where `hurried`, its `draw` leaves out what is slow, and is called once more
    when the hand rests.
    """

    title, text = "", ""  # what it is called, and what it shows in words: with `said` put in
    hurries = hurried = False
    rest = 0.12  # seconds without a move after which a hand rests

    def __init__(self, children):
        self._acting, self._resting = False, None
        self._one_at_a_time = threading.RLock()  # JupyterLab may deliver two clicks in two threads
        super().__init__(children)
        self.add_class("cnnlessons-panel")
        self.add_class("cnnlessons" + re.sub("([A-Z])", r"-\1", type(self).__name__).lower())

    def __repr__(self):
        return f"{self.title}: {self.text.format(**self.said())}"

    @cached_property
    def problem(self):
        """What went wrong, in a place of its own, which is not there until something does."""
        return classed("says", widgets.HTML())

    def said(self):
        """Return what is put into `text`, by name."""
        return {}

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] += "\nRun this cell to bring the panel to life."  # what a stored notebook shows
        return bundle

    def on(self, control, action=lambda: None):
        """Run `action`, then draw, when the reader presses or changes `control`."""

        def handle(_):
            self.act(action, dragged=getattr(control, "dragged", False))

        if isinstance(control, widgets.Button):
            control.on_click(handle)
        else:
            control.observe(handle, "value")

    def act(self, action=lambda: None, dragged=False):
        """Run `action`, however many controls it moves, then draw once. What goes wrong is said, and raised."""
        with self._one_at_a_time:
            if not self._acting:  # else the panel itself moved this control
                self.hurried = self._draws_again_at_rest(dragged and self.hurries)
                self._act(action)

    def _draws_again_at_rest(self, wanted):
        """Have everything drawn when the hand rests; say whether it will be, which takes a kernel's event loop."""
        if self._resting:
            self._resting.cancel()
        try:
            self._resting = asyncio.get_running_loop().call_later(self.rest, self.act) if wanted else None
        except RuntimeError:
            self._resting = None
        return self._resting is not None

    def _act(self, action):
        self._acting = True
        try:
            with one_a_product:  # the work is small, and on a busy machine threads wait for each other
                action()
                problem = self.draw()
            self.problem.value = sentence(problem) if problem else ""
        except Unusable as problem:
            self.problem.value = sentence(problem)  # the reader's to mend, so there is nothing to raise
        except Exception as error:
            self.problem.value = sentence(f"The panel could not draw this ({type(error).__name__}): {error}")
            raise
        finally:
            self._acting = False

    def draw(self):
        """Show the present state of the controls."""


class Dragged:
    """A slider that knows whether it is the browser that moves it, where more moves may follow at once.

    The moves are not sent back: one message fewer for every picture. The echo would keep several browsers on one
    kernel in step; here everything that a move changes is sent anyway.
    """

    dragged = False

    def set_state(self, sync_data):
        """Take what the browser says."""
        self.dragged = True
        try:
            super().set_state(sync_data)
        finally:
            self.dragged = False


class Slider(Dragged, widgets.FloatSlider):
    """A slider of numbers, without echo."""

    value = CFloat(0.0).tag(sync=True, echo_update=False)


class LogSlider(Dragged, widgets.FloatLogSlider):
    """A slider of numbers over a logarithmic scale, without echo."""

    value = CFloat(1.0).tag(sync=True, echo_update=False)


class WholeSlider(Dragged, widgets.IntSlider):
    """A slider of whole numbers, without echo."""

    value = CInt(0).tag(sync=True, echo_update=False)

    def end_at(self, last):
        """Let `last` be the largest number that can be chosen."""
        self.value = min(self.value, last)
        self.max = last


def classed(name, widget):
    """Return a widget with a class of the style sheet."""
    widget.add_class(f"cnnlessons-{name}")
    return widget


def checked(array, name, largest):
    """Return a two-dimensional array of finite numbers that fits the screen, or say what is wrong; bytes get room."""
    array = ops.numbers(array, name)
    if array.ndim != 2 or max(array.shape) > largest:
        raise ValueError(
            f"{name} must be two-dimensional with 1 to {largest} rows and columns to fit the screen, "
            f"got shape {array.shape}; cut a part out with {name}[:{largest}, :{largest}]"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers only, got NaN or infinity; replace them first")
    return array.astype(np.result_type(array, np.int64))


def sentence(message):
    """Return what went wrong as HTML, announced by screen readers."""
    return f'<div class="cnnlessons-problem" role="alert">{html.escape(str(message))}</div>'
