"""What the panels share: the panel itself, pictures as PNG, checks, and what went wrong."""

import html
import io

import ipywidgets as widgets
import numpy as np
from PIL import Image
from traitlets import CFloat, Unicode


class Unusable(ValueError):
    """The reader typed or asked for something that cannot be used. The message tells the reader what to do."""


class Panel(widgets.VBox):
    """A column of widgets that is drawn once for every change, and a line below it that says what went wrong.

    A subclass makes its controls, registers them with `on`, and draws everything in `draw`.
    """

    def __init__(self, children, name):
        self.problem = widgets.HTML()
        self._acting = False
        super().__init__([widgets.HTML(STYLE, layout={"display": "none"}), *children, self.problem])
        self.add_class("cnnlessons-panel")
        self.add_class(name)

    def on(self, control, action=lambda: None):
        """Run `action`, then draw, when the reader presses or changes `control`."""

        def handle(_):
            self.act(action)

        if isinstance(control, widgets.Button):
            control.on_click(handle)
        else:
            control.observe(handle, "value")

    def act(self, action=lambda: None):
        """Run `action`, however many controls it moves, then draw once. What goes wrong is said, and raised."""
        if self._acting:  # the panel itself moved this control
            return
        self._acting = True
        try:
            action()
            self.draw()
            self.problem.value = ""
        except Unusable as problem:
            self.problem.value = sentence(problem)  # the reader's to mend, so there is nothing to raise
        except Exception as error:
            self.problem.value = sentence(f"The panel could not draw this ({type(error).__name__}): {error}")
            raise
        finally:
            self._acting = False

    def draw(self):
        """Show the present state of the controls."""
        raise NotImplementedError


class Picture(widgets.Image):
    """An image whose `tooltip` is its alternative text.

    The front end gives an image its tooltip only where there is a description that could be empty.
    """

    description = Unicode("").tag(sync=True)


class Slider(widgets.FloatSlider):
    """A slider whose moves are not sent back to the browser: one message fewer for every picture.

    The echo keeps several browsers on one kernel in step; here everything that a move changes is sent anyway.
    """

    value = CFloat(0.0).tag(sync=True, echo_update=False)


def png(levels, colours):
    """Encode a picture of at most 256 colours.

    A palette takes a third of the time and of the bytes that three channels take, and the panel redraws with every
    move of a slider; for the same reason it is hardly compressed.

    Parameters
    ----------
    levels : ndarray of uint8, shape (H, W)
    colours : ndarray of uint8, shape (256, 3)

    Returns
    -------
    bytes
    """
    picture = Image.fromarray(levels)
    picture.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def checked(array, name, largest):
    """Return a two-dimensional array of finite numbers that fits the screen, or say what is wrong with it."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got an array of {array.dtype}")
    if array.ndim != 2 or not 1 <= min(array.shape) <= max(array.shape) <= largest:
        raise ValueError(
            f"{name} must be two-dimensional with 1 to {largest} rows and columns to fit the screen, "
            f"got shape {array.shape}; cut a part out with {name}[:{largest}, :{largest}]"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers only, got NaN or infinity; replace them first")
    return array


def sentence(message):
    """Return what went wrong as HTML, announced by screen readers."""
    return f'<div class="cnnlessons-problem" role="alert">{html.escape(str(message))}</div>'


STYLE = """
<style>
.cnnlessons-panel { color: var(--jp-ui-font-color1, #222); padding: 4px 0 8px; overflow: visible; }
.cnnlessons-panel .widget-box { overflow: visible; }
.cnnlessons-panel .widget-html-content { line-height: 1.4; font-size: 14px; }
.cnnlessons-panel .widget-toggle-buttons { display: flex; align-items: center; }
.cnnlessons-panel .widget-toggle-buttons > div { display: flex; flex: 1; gap: 2px; }
.cnnlessons-panel .widget-label { margin-right: 8px; }
.cnnlessons-panel .widget-toggle-buttons .widget-toggle-button { width: auto; padding: 0 14px; margin: 0; }
.cnnlessons-panel .widget-toggle-buttons .mod-active { box-shadow: inset 0 -4px #0072b2; }
.cnnlessons-problem { border-left: 5px solid #d55e00; padding: 4px 12px; margin: 6px 0; font-size: 16px; }
</style>
"""
