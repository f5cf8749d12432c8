"""What exercises show in a notebook: results, hints and source, in JupyterLab's own colours."""

import html
import re
from dataclasses import dataclass, field

LOOKS = {  # symbol and border, beside the words: never colour alone
    "passed": ("✓", "var(--jp-success-color1, #009E73)"),
    "not attempted": ("○", "var(--jp-border-color1, #6B6B6B)"),
    "not yet": ("✗", "var(--jp-warn-color1, #D55E00)"),
    "hint": ("?", "var(--jp-info-color1, #0072B2)"),
}


@dataclass(frozen=True)
class Result:
    """The outcome of one check.

    Whoever can run Python can forge what is printed: a grader lets the answer run elsewhere and judges it itself.
    """

    exercise: str
    status: str  # "passed", "not attempted" or "not yet"
    diagnosis: str  # a short name, the same for all who made this mistake
    message: str
    score: float
    out_of: int = 1
    help: tuple[str, ...] = field(default=(), compare=False)  # hints and then a solution, folded away in a notebook

    def __repr__(self):
        return f"{self._heading()}\n{self.message}"

    def _heading(self):
        return f"{self.exercise}: {self.status} ({self.score:.2g}/{self.out_of})"

    def as_dict(self) -> dict:
        """The same as plain data, for a grader."""
        return {name: value for name, value in vars(self).items() if name != "help"}

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "text/plain": repr(self),
            "text/html": card(self.status, self._heading(), self.message, folded(self.help)),
            "application/vnd.cnnlessons.result+json": self.as_dict(),
        }


@dataclass(frozen=True)
class Hint:
    """One of the general hints of an exercise."""

    exercise: str
    number: int
    out_of: int
    text: str

    def __repr__(self):
        return f"{self._heading()}\n{self.text}"

    def _heading(self):
        return f"{self.exercise}: hint {self.number} of {self.out_of}"

    def _repr_html_(self):
        return card("hint", self._heading(), self.text)


class Source(str):
    """Python source, coloured as in a cell."""

    __slots__ = ()

    def __repr__(self):
        return str(self)

    def _repr_markdown_(self):
        return f"```python\n{self}```"


def card(look, heading, text, below=""):
    symbol, colour = LOOKS[look]
    style = f"border-left: 4px solid {colour}; padding: 2px 12px; white-space: pre-wrap"
    return f'<div style="{style}"><strong>{symbol} {html.escape(heading)}</strong><br>{_formatted(text)}{below}</div>'


def _formatted(text):
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"^ {4}(.+)$", r"    <code>\1</code>", text, flags=re.MULTILINE).replace("\n", "<br>")


def folded(texts):
    """Hints and a solution, each behind a fold inside the one before: whoever opens one is offered the next."""
    within = ""
    for number, text in reversed(list(enumerate(texts, 1))):
        last = number == len(texts)
        title = "Solution" if last else f"Hint {number} of {len(texts) - 1}"
        shown = f"<pre>{html.escape(text)}</pre>" if last else _formatted(text)
        summary = f'<summary style="cursor: pointer">{title}</summary>'
        within = f'<details data-lm-suppress-shortcuts="true">{summary}{shown}{within}</details>'
    return within
