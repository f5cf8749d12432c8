"""Panels whose controls are described as data: what can be chosen, and a page that the choices determine."""

from typing import NamedTuple

import ipywidgets as widgets
import numpy as np

from cnnlessons import shapes
from cnnlessons.panels._panel import LogSlider, Page, Panel, Slider, Unusable, WholeSlider, classed


class Choice(NamedTuple):
    """One of a few values, by buttons or from a list; `options` are values, or a dict from label to value."""

    name: str
    label: str
    options: tuple | dict
    listed: bool = False
    tooltips: tuple = ()

    def check(self, value):
        known = list(self.options.values() if isinstance(self.options, dict) else self.options)
        if value not in known:
            raise ValueError(f"{self.name} must be one of {', '.join(map(str, known))}, got {value!r}")

    def widget(self, value):
        options = tuple(self.options.items() if isinstance(self.options, dict) else self.options)
        if self.listed:
            return widgets.Dropdown(options=options, value=value)
        return widgets.ToggleButtons(options=options, value=value, tooltips=self.tooltips)


class Whole(NamedTuple):
    """A whole number from `low` to `high`, by a slider; one that is not `live` speaks when it is let go."""

    name: str
    label: str
    low: int
    high: int
    tooltip: str | None = None
    live: bool = True

    def check(self, value):
        if shapes.whole_number(value, self.name, self.low) > self.high:
            raise ValueError(f"{self.name} must be from {self.low} to {self.high}, got {value}")

    def widget(self, value):
        return WholeSlider(value, self.low, self.high, tooltip=self.tooltip, continuous_update=self.live)


class Number(NamedTuple):
    """A number from `low` to `high`, by a slider, which may be logarithmic: its steps are powers of ten then."""

    name: str
    label: str
    low: float
    high: float
    step: float
    form: str  # of the number beside the slider
    log: bool = False

    def check(self, value):
        rule = f"a number from {self.low:g} to {self.high:g}"
        shapes.number(value, self.name, rule, lambda number: self.low <= number <= self.high)

    def widget(self, value):
        low, high = np.log10([self.low, self.high]) if self.log else (self.low, self.high)
        kind = LogSlider if self.log else Slider
        return kind(float(value), min=low, max=high, step=self.step, readout_format=self.form)


class Flag(NamedTuple):
    """Yes or no, by a box beside the buttons; `words` say what it is, if so and if not."""

    name: str
    label: str
    words: tuple = ("", "")

    def check(self, value):
        if value not in (False, True):
            raise ValueError(f"{self.name} must be True or False, got {value!r}")

    def widget(self, value):
        return widgets.Checkbox(bool(value), description=self.label, indent=False)


class Button(NamedTuple):
    """What the reader may ask for: `action` names the method of the panel that does it, by default `go_on`."""

    name: str
    label: str
    tooltip: str
    action: str = "go_on"
    icon: str = ""

    def widget(self):
        return widgets.Button(description=self.label, tooltip=self.tooltip, icon=self.icon)


def check(controls, values):
    """Raise ValueError or TypeError if a value cannot be chosen."""
    for control, value in zip(controls, values, strict=True):
        control.check(value)


class Explorer(Panel):
    """A panel that is its choices and what `show` makes of them, one HTML page.

    A subclass lists `controls` and `buttons`, which become attributes of the panel. With `draws_again`, a tooltip,
    there is a button for another seed, and `show` is given it last. `go_on` moves the slider that `goes_on` names.
    """

    controls, buttons, draws_again, goes_on = (), (), "", ""
    reset_button = Button("again", "Reset", "Back to the first settings", "reset")
    columns, place = 2, None  # of the grid of controls, and where in it the buttons stand: at its end if None
    widths = "80px", "330px"  # of a label, and of a slider or a list with its label

    def __init__(self, *start, seed=0):
        check(self.controls, start)
        self._start, self._seed, self._first_seed = start, seed, seed
        for control, value in zip(self.controls, start, strict=True):
            setattr(self, control.name, self._looking(control, control.widget(value)))
        again = (Button("draw_again", "Draw again", self.draws_again, "draw_anew"),) if self.draws_again else ()
        self.buttons = *self.buttons, *again, self.reset_button
        for button in self.buttons:
            setattr(self, button.name, button.widget())
        self.page = self.make_page()
        super().__init__(self.parts())
        for control in self.controls:
            self.on(getattr(self, control.name), lambda name=control.name: self.changed(name))
        for button in self.buttons:
            self.on(getattr(self, button.name), getattr(self, button.action))
        self.act(self.begin)

    # ----- for a subclass to fill

    def show(self, *values):
        """Return the HTML that shows the values."""

    def fit(self):
        """Bring the ranges of some controls in line with the others."""

    def changed(self, name):
        """Answer the move of a control, before all is drawn."""

    def begin(self):
        """Do what has to be done before anything is drawn."""

    def make_page(self):
        """Return the widget that `draw` draws on."""
        return Page()

    # ----- what it does

    @property
    def values(self):
        """What is chosen, in the order of the controls."""
        return tuple(self._value(control) for control in self.controls)

    def said(self):
        values = {control.name: value for control, value in zip(self.controls, self.values, strict=True)}
        flags = {c.name: c.words[not values[c.name]] for c in self.controls if isinstance(c, Flag)}
        return values | flags

    def draw(self):
        self.fit()
        self.page.value = self.show(*self.values, *([self._seed] if self.draws_again else []))

    def go_on(self):
        """Move a slider one on, and from its end to its beginning."""
        slider = getattr(self, self.goes_on)
        slider.value = (slider.value + 1) % (slider.max + 1)
        self.changed(self.goes_on)

    def draw_anew(self):
        """Take the next seed."""
        self._seed += 1

    def reset(self):
        """Go back to the first settings."""
        self._seed = self._first_seed
        for control, value in zip(self.controls, self._start, strict=True):
            getattr(self, control.name).value = value
            self.fit()
            self.changed(control.name)

    def _value(self, control):
        value = getattr(self, control.name).value
        if isinstance(control, Number):  # the ends of a logarithmic slider come out a little beyond the numbers
            value = float(np.clip(value, control.low, control.high))
        return value

    # ----- how it looks

    def parts(self):
        """Return what the panel consists of, from top to bottom."""
        return [*self.above(), self.problem, self.page]

    def above(self):
        """Return what stands above the page."""
        flags = [getattr(self, control.name) for control in self.controls if isinstance(control, Flag)]
        grid = [getattr(self, control.name) for control in self.controls if not isinstance(control, Flag)]
        beside = widgets.HBox([*flags, *(getattr(self, button.name) for button in self.buttons)])
        grid.insert(len(grid) if self.place is None else self.place, beside)
        return [self.in_grid(grid)]

    def in_grid(self, children):
        """Return the grid in which the controls stand."""
        return classed(f"in-{self.columns}", classed("controls", widgets.GridBox(children)))

    def _looking(self, control, widget):
        """Give a control its label and its widths."""
        if not isinstance(control, Flag):
            widget.description, widget.style.description_width = control.label, self.widths[0]
            if not isinstance(widget, widgets.ToggleButtons):
                widget.layout.width = self.widths[1]
        return widget


class Walk(Explorer):
    """A panel with a page for each position, which some choices determine; where there are more, it starts again.

    A subclass says how many positions there are (`count`, of the values) and what to show at each (`show`, of the
    position, from 0, and the values).
    """

    columns, widths, interval = 3, ("initial", "240px"), 900  # milliseconds that Play rests at a position
    buttons = (
        Button("back", "", "One step back", "_back", "chevron-left"),
        Button("forward", "", "One step forward", "_forward", "chevron-right"),
    )

    def above(self):
        self.play = widgets.Play(interval=self.interval, show_repeat=False, tooltip="Walk over all positions")
        self.position = WholeSlider(description="Position", readout=False, tooltip="Position of the walk")
        self.position.style.description_width = "initial"
        widgets.link((self.play, "value"), (self.position, "value"))
        widgets.link((self.play, "max"), (self.position, "max"))
        self.on(self.position)
        self.again.tooltip = "Back to the first position and the first settings"
        walk = widgets.HBox([self.back, self.forward, self.play, self.position, self.again])
        return [walk, self.in_grid([getattr(self, control.name) for control in self.controls])]

    def draw(self):
        try:
            last = self.count(*self.values) - 1
        except ValueError as problem:
            raise Unusable(problem) from None
        if last != self.position.max:
            self.position.max, self.position.value = last, 0
        position = self.position.value
        self.page.value = self.show(position, *self.values)
        self.back.disabled, self.forward.disabled = position == 0, position == last

    def _back(self):
        self.position.value -= 1  # the slider stops at either end

    def _forward(self):
        self.position.value += 1

    def reset(self):
        self.play.playing = False
        super().reset()
        self.position.value = 0
