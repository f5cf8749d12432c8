"""What the panels share that walk over positions, one at a time: buttons, play, a slider, and a page for each."""

import ipywidgets as widgets

from cnnlessons.panels._parts import Panel

_THREE_IN_A_ROW = {"grid_template_columns": "repeat(3, max-content)", "grid_gap": "2px 24px", "align_items": "center",
                   "margin": "4px 0 12px"}  # fmt: skip


class Walk(Panel):
    """A panel with one page of HTML for each position, which some choices determine.

    A subclass makes the widgets of its choices, calls `__init__`, and says how many positions there are (`count`) and
    what to show at each (`show`). Where the choices change how many there are, the walk starts again.
    """

    def __init__(self, choices, name, interval):
        self._start = [(choice, choice.value) for choice in choices]
        self.back = widgets.Button(icon="chevron-left", tooltip="One step back", layout={"width": "48px"})
        self.forward = widgets.Button(icon="chevron-right", tooltip="One step forward", layout={"width": "48px"})
        self.play = widgets.Play(interval=interval, show_repeat=False, tooltip="Walk over all positions")
        self.position = widgets.IntSlider(description="Position", readout=False, tooltip="Position of the walk")
        self.position.style.description_width = "initial"
        self.again = widgets.Button(description="Reset", layout={"width": "80px"})
        self.again.tooltip = "Back to the first position and the first settings"
        self.page = widgets.HTML(layout={"width": "100%"})
        walk = widgets.HBox([self.back, self.forward, self.play, self.position, self.again])
        below = widgets.GridBox(choices, layout=_THREE_IN_A_ROW)
        super().__init__([walk, below, self.page], name)
        widgets.link((self.play, "value"), (self.position, "value"))
        widgets.link((self.play, "max"), (self.position, "max"))
        for control in (*choices, self.position):
            self.on(control)
        self.on(self.back, lambda: self._move(-1))
        self.on(self.forward, lambda: self._move(+1))
        self.on(self.again, self._reset)
        self.act()

    def draw(self):
        last = self.count() - 1
        if last != self.position.max:
            self.position.max, self.position.value = last, 0
        position = self.position.value
        self.page.value = self.show(position)
        self.back.disabled, self.forward.disabled = position == 0, position == last

    def count(self):
        """Return how many positions there are with the present choices."""
        raise NotImplementedError

    def show(self, position):
        """Return the HTML of a position, counted from 0."""
        raise NotImplementedError

    def _move(self, by):
        self.position.value += by  # the slider stops at either end

    def _reset(self):
        self.play.playing = False
        for choice, value in self._start:
            choice.value = value
        self.position.value = 0
