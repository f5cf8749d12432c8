"""What the panels share: the panel itself, pictures that follow a slider, checks, and what went wrong."""

import html
import threading

import anywidget
import ipywidgets as widgets
import numpy as np
from traitlets import CFloat, Dict, Unicode


class Unusable(ValueError):
    """The reader typed or asked for something that cannot be used. The message tells the reader what to do."""


class Panel(widgets.VBox):
    """A column of widgets that is drawn once for every change, and a line below it that says what went wrong.

    A subclass makes its controls, registers them with `on`, and draws everything in `draw`.
    """

    def __init__(self, children, name):
        self.problem = widgets.HTML()
        self._acting = False
        self._one_at_a_time = threading.RLock()  # JupyterLab may deliver two clicks in two threads
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
        with self._one_at_a_time:
            if not self._acting:  # else the panel itself moved this control
                self._act(action)

    def _act(self, action):
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


class Pictures(anywidget.AnyWidget):
    """Pictures, and the texts that change with them, redrawn by one message to the browser.

    Each message takes milliseconds that the reader's slider waits for, so all that one move changes travels in one.
    Of a picture only the places of its pixels in a table of colours are sent: the browser has the tables already.

    Parameters
    ----------
    page : str
        HTML in which each canvas and each changing text has its name in an attribute ``data-name``.
    colours : dict of str to ndarray of uint8, shape (256, 3)
        Tables of colours by their names.
    """

    page = Unicode().tag(sync=True)
    colours = Dict().tag(sync=True)  # bytes, 256 times red, green, blue, opacity
    words = Dict().tag(sync=True)  # say what a picture shows; a widget without `description` breaks with a `tooltip`
    shown = Dict({"pictures": {}, "texts": {}}).tag(sync=True)

    def __init__(self, page, colours):
        tables = {name: np.insert(table, 3, 255, axis=1).tobytes() for name, table in colours.items()}
        super().__init__(page=page, colours=tables)

    def paint(self, pictures, texts):
        """Send pictures and texts to the browser.

        Parameters
        ----------
        pictures : dict of str to (ndarray of uint8, shape (H, W), str)
            For each canvas, places in a table of colours, and the name of that table.
        texts : dict of str to str
            HTML.
        """
        sent = {
            name: {"levels": levels.tobytes(), "shape": list(levels.shape), "colours": colours}
            for name, (levels, colours) in pictures.items()
        }
        self.shown = {"pictures": sent, "texts": texts}

    _esm = """
    function bytes(view) {
      return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    }

    function paint(canvas, levels, [height, width], table) {
      const colours = new Uint32Array(bytes(table).slice().buffer);  // a copy begins where 32 bits may begin
      const pixels = new Uint32Array(height * width);
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[levels[i]];
      if (canvas.width !== width) canvas.width = width;  // to set it clears the canvas
      if (canvas.height !== height) canvas.height = height;
      canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
      canvas.dispatchEvent(new Event("load"));
    }

    function render({ model, el }) {
      el.innerHTML = model.get("page");
      const part = (name) => el.querySelector(`[data-name="${name}"]`);

      function say() {
        for (const [name, words] of Object.entries(model.get("words"))) {
          part(name).setAttribute("role", "img");
          part(name).setAttribute("aria-label", words);
          part(name).title = words;
        }
      }

      function draw() {
        const { pictures, texts } = model.get("shown");
        for (const [name, text] of Object.entries(texts)) part(name).innerHTML = text;
        for (const [name, { levels, shape, colours }] of Object.entries(pictures)) {
          paint(part(name), bytes(levels), shape, model.get("colours")[colours]);
        }
      }

      model.on("change:words", say);
      model.on("change:shown", draw);
      say();
      draw();
    }

    export default { render };
    """


class Slider(widgets.FloatSlider):
    """A slider whose moves are not sent back to the browser: one message fewer for every picture.

    The echo keeps several browsers on one kernel in step; here everything that a move changes is sent anyway.
    """

    value = CFloat(0.0).tag(sync=True, echo_update=False)


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
