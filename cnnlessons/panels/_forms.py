"""Two forms of the exercises, for mouse, keyboard and screen reader: questions, and lines to put in order."""

import html
from pathlib import Path

import anywidget
from traitlets import Dict, List

from cnnlessons.panels._panel import Page, Panel


class Form(anywidget.AnyWidget):
    """The form itself, in the browser; it sends what the reader hands in to `answer`, by message."""

    entries = List().tag(sync=True)
    shown = Dict().tag(sync=True)  # HTML, by the name of an entry

    _esm = Path(__file__).with_name("forms.js")

    def __init__(self, answer, **traits):
        super().__init__(**traits)
        self._answer = answer
        self.add_class("cnnlessons-form")
        self.on_msg(self._received)

    def _received(self, _, content, buffers):
        name = content["name"]
        self.shown = self.shown | {name: self._answer(name, content["answer"])}


class Questions(Panel):
    """Questions, each with its own button; `answer(name, given)` returns HTML."""

    title = "Questions"

    def __init__(self, entries, answer, plain, below=""):
        self._plain = plain
        self.form = Form(answer, entries=entries)
        page = Page(f"<p>{html.escape(below)}</p>")  # it looks after the form's keys, too
        super().__init__([self.form, self.problem, page])

    def __repr__(self):
        return self._plain


class Puzzle(Questions):
    """Lines to put in order below a first line; `answer(name, places)` returns HTML."""

    title = "Puzzle"

    def __init__(self, first, lines, answer, plain):
        super().__init__([{"name": "lines", "first": first, "lines": lines}], answer, plain)
