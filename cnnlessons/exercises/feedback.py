"""What stands behind `check`: find out what an answer did, and say so as a teacher would.

A hint is a diagnosis. An exercise holds a solution, small probes (inputs on which mistakes give different numbers),
and the wrong answers that teachers know. When the student's values are not the solution's, the known wrong answers are
tried on the same probes: the one that gives the student's values tells what the student did.
"""

import inspect
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnnlessons.exercises.cards import Result
from cnnlessons.exercises.sandbox import MEMORY, Outcome, Trial, attempt, outcome

UNATTEMPTED = {
    "stub": "Not attempted yet. Write your answer in the place of the stub and run the cell again.",
    "returns nothing": "Not attempted yet? The function returns None: a stub, or is the `return` missing?",
}
STOPPED = {  # (diagnosis, message)
    "time": ("never ends", "Stopped after {seconds:g} s: is there a loop that never ends?"),
    "memory": (
        "never ends",
        f"Stopped when it had taken {MEMORY // 10**6} MB of memory, far more than these arrays need: is there a loop "
        "that never ends, and something in it that grows?",
    ),
    "exit": ("ends Python", "Python ended, or was ended, while it ran your function: does it call `exit`?"),
    "input": ("asks for input", "Your function asks for input. All that it needs are its arguments: {names}."),
    "check": (
        "asks for its own check",
        "Your function asks for a check while it is being checked: the line that checks, such as `exercises.check(…)`, "
        "stands inside it, or inside a function that it calls. Move it out: below the function, at the left margin.",
    ),
}
TRUTH = (
    "`if`, `and`, `or` and `not` take one truth value, not an array of them: use `np.where`, `&`, `|`, `~`, or a loop."
)
ADVICE = {
    IndexError: "An index left its array: print it, and the array's shape, just before this line.",
    MemoryError: "So large an array does not fit: print its shape just before this line.",
    NameError: "A name without a value: is it spelled as elsewhere, and did what makes it run before?",
    OverflowError: "The number does not fit into the array's type: uint8, for one, ends at 255.",
    RecursionError: "The function calls itself without end.",
    ValueError: "Do the shapes in this line fit together? Print them.",
}


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What both kinds of exercise share; `examine` gives (diagnosis, message) of what is wrong, or None.

    `wrong` holds the wrong answers that teachers know, by name: for a function, the answer itself, or several; for an
    array, an example, and what tells whether an array shows it. An answer that is the solution but for a piece of it is
    written "this → that". A function shows a mistake if it does on every probe what the wrong answer does; where that
    raises, anything goes.

    `said` is all that is said to students: a paragraph for each mistake, which begins with "name: " and goes on in
    indented lines; three or so that begin with "hint: ", from a nudge to nearly the answer; and "verified: ", what a
    passed check has shown. `astray` names the mistakes (or slips) whose lines the puzzle mixes in.
    """

    name: str
    solution: Callable
    wrong: dict[str, str | Callable | tuple]
    said: str
    astray: tuple[str, ...] = ()

    @cached_property
    def _paragraphs(self):
        paragraphs = re.split(r"\n(?! )", inspect.cleandoc(self.said))
        return [" ".join(paragraph.split()).split(": ", 1) for paragraph in paragraphs]

    @cached_property
    def hints(self):
        return tuple(text for name, text in self._paragraphs if name == "hint")

    @cached_property
    def verified(self):
        return dict(self._paragraphs)["verified"]

    @cached_property
    def mistakes(self):
        """What `wrong` holds, slips as answers, and then what is said of it, by name."""
        said = {name: text for name, text in self._paragraphs if name not in ("hint", "verified")}
        if lacking := said.keys() ^ self.wrong.keys():
            raise KeyError(f"{self.name}: a wrong answer and what is said of it belong together, not so {lacking}")
        return {name: (*self._answers(given), said[name]) for name, given in self.wrong.items()}

    def _answers(self, given):
        several = given if isinstance(given, tuple) else (given,)
        return [self.slip(each) if isinstance(each, str) else each for each in several]

    @cached_property
    def source(self):
        """The source of the solution."""
        return inspect.getsource(self.solution)

    def slip(self, written):
        """The solution with "this → that" done to its source."""
        this, that = written.split(" → ")
        if this not in self.source:
            raise ValueError(f"a slip must name a piece of the solution of {self.name}, got {this!r}")
        names = dict(self.solution.__globals__)
        exec(self.source.replace(this, that), names)
        return names[self.solution.__name__]

    def check(self, answer, seconds: float) -> Result:
        if answer is None or answer is ...:
            return self.result(("stub", UNATTEMPTED["stub"]))
        return self.result(self.examine(answer, seconds))

    def result(self, found, share: float = 0) -> Result:
        """What was found, if anything, as a result; `share` is the score of an answer that is partly right."""
        diagnosis, message = found or ("correct", f"Verified: {self.verified}.")
        status = "passed" if diagnosis == "correct" else "not attempted" if diagnosis in UNATTEMPTED else "not yet"
        help_ = (*self.hints, self.source) if status == "not yet" else ()
        score = {"passed": 1, "not yet": share}.get(status, 0)
        return Result(self.name, status, diagnosis, message, score, help=help_)


def shuffled(rng: np.random.Generator, probe: tuple) -> tuple:
    """A probe with the numbers of its arrays and the entries of its lists in another order."""
    return tuple(_shuffled(rng, value) for value in probe)


def _shuffled(rng, value):
    if isinstance(value, list):
        return [value[i] for i in rng.permutation(len(value))]
    return rng.permuted(value.ravel()).reshape(value.shape) if isinstance(value, np.ndarray) else value


@dataclass(frozen=True, kw_only=True)
class FunctionExercise(Exercise):
    """The answer is a function that does on every probe what `solution` does."""

    probes: tuple[tuple, ...]  # positional arguments, smallest first: the first that goes wrong is shown
    draw: Callable[[np.random.Generator, tuple], tuple] = shuffled  # another probe like a given one

    def examine(self, answer, seconds):
        if not callable(answer):
            return "not a function", f"Hand in the function itself, without parentheses; this is {_kind(answer)}."
        return self.judge(attempt(answer, self.probes, seconds), seconds)

    def judge(self, trial: Trial, seconds):
        """What is wrong with what an answer did on the probes, wherever it ran, or None."""
        received = trial.outcomes
        if len(received) < len(self.probes):
            diagnosis, message = STOPPED[trial.stopped]
            names = ", ".join(inspect.signature(self.solution).parameters)
            return diagnosis, message.format(seconds=seconds, names=names) + self._call(self.probes[len(received)])
        if isinstance(received[0].error, NotImplementedError):
            return "stub", UNATTEMPTED["stub"]
        if not received[0].error and (received[0].value is None or received[0].value is ...):
            return "returns nothing", UNATTEMPTED["returns nothing"]
        warning = f"\nNumPy warned on the way: {trial.warnings[0]}." if trial.warnings else ""
        for probe, theirs in zip(self.probes, received, strict=True):
            if found := _difference(outcome(self.solution, probe), theirs):
                break
        else:
            return None
        if known := self._known(received):
            diagnosis, message = known
            return diagnosis, message + warning
        diagnosis, message = found
        return diagnosis, message + warning + self._call(probe)

    def share(self, trial: Trial) -> float:
        """The share of the probes on which an answer is right; what a constant would get counts for nothing."""
        expected = [outcome(self.solution, probe) for probe in self.probes]
        right = sum(not _difference(*pair) for pair in zip(expected, trial.outcomes, strict=False))
        alike = max(sum(not _difference(one, other) for other in expected) for one in expected)
        by_chance = alike if alike > 1 else 0
        return max(right - by_chance, 0) / max(len(expected) - by_chance, 1)

    @np.errstate(all="ignore")  # what a known mistake divides by zero is no news to the student
    def _known(self, received):
        """Name and hint of the mistake that gives what was received, or None."""
        for name, (*answers, hint) in self.mistakes.items():
            if any(_alike([outcome(wrong, given) for given in self.probes], received) for wrong in answers):
                return name, hint

    def _call(self, probe):
        """The arguments of one probe, as lines to paste into a cell."""
        names = inspect.signature(self.solution).parameters
        lines = [f"    {name} = {_literal(value)}" for name, value in zip(names, probe, strict=True)]
        return "\n".join(["\nTry it with", *lines])


@dataclass(frozen=True, kw_only=True)
class ArrayExercise(Exercise):
    """The answer is any array for which all `requirements` hold; `solution` takes nothing and makes one."""

    shape: tuple[int, ...]
    requirements: dict[str, Callable[[np.ndarray], bool]]

    def slip(self, written):
        return super().slip(written)()

    def examine(self, answer, seconds):
        if found := _misfit(answer, self.shape):
            return found
        if not np.isfinite(answer).all():
            return "not finite", "There is a NaN or an infinity in it: every entry has to be an ordinary number."
        broken = [statement for statement, holds in self.requirements.items() if not holds(answer)]
        if not broken:
            return None
        for name, (_, shows, hint) in self.mistakes.items():
            if shows(answer):
                return name, hint
        return "requirement", f"This does not hold yet: {broken[0]}."

    def share(self, answer) -> float:
        """The share of the requirements that hold; nothing if only such hold that zeros meet, too."""
        if _misfit(answer, self.shape) or not np.isfinite(answer).all():
            return 0
        held = [holds for holds in self.requirements.values() if holds(answer)]
        return len(held) / len(self.requirements) * any(not holds(np.zeros(self.shape)) for holds in held)


# --------------------------------------------------------------------------- what is wrong, as (diagnosis, message)


def _difference(expected: Outcome, received: Outcome):
    """The first thing in which an outcome is not the expected one, or None."""
    if received.error:
        return error_of(received.error)
    if found := _misfit(received.value, np.shape(expected.value)):
        return found
    if any(received.changed):
        return "argument changed", "Your function wrote into its argument. Make a new array for the result."
    right, yours = np.asarray(expected.value, float), np.asarray(received.value, float)
    if _close(right, yours).all():
        return None
    place = tuple(map(int, np.argwhere(~_close(right, yours))[0]))
    values = f"{_at(place)}{right[place]:.6g} was expected, and yours is {yours[place]:.6g}."
    if np.isnan(yours[place]):
        return "not a number", f"{values} NaN comes from 0/0: which divisor can be zero?"
    if (right > 0).any() and _close(np.abs(right), yours).all():
        return (
            "sign lost",
            f"{values} All sizes are right and the signs lost: `np.abs`? Of an inverse FFT take `.real`.",
        )
    if np.isfinite(yours).all() and ((right - yours) % 256 == 0).all():
        return "overflow", f"{values} uint8 ends at 255 and goes on at 0: sum in a wider type, such as float."
    return "values", values


def _misfit(value, shape):
    """Why a value is not an array of numbers of this shape, or None; a tuple or list will do for a few numbers."""
    asked = f"an array of shape {shape}" if len(shape) > 1 else f"{shape[0]} numbers" if shape else "one number"
    expected = f"Expected {asked}; yours is"
    if numbers(value) is None:
        remedy = " An inverse FFT gives complex numbers: take `.real`." if _is_complex(value) else ""
        return "not numbers", f"{expected} {_kind(value)}.{remedy}"
    if shape and np.shape(value) == ():
        several = "in a function, does the `return` stand inside a loop?" if len(shape) > 1 else "return all of them."
        return "one number", f"{expected} one number: {several}"
    if len(shape) > 1 and not isinstance(value, np.ndarray):
        return "not an array", f"{expected} {_kind(value)}. `np.array(...)` makes an array of it."
    if np.shape(value) == shape:
        return None
    if np.shape(value) == shape[::-1]:
        turned = "its sides have changed places. `.T` exchanges rows and columns; `reshape` moves no number."
        return "shape swapped", f"{expected} {_kind(value)}: {turned}"
    return "shape", f"{expected} {_kind(value)}."


def error_of(error):
    text = _text(error)
    if not (place := _place(error)):
        return "cannot be called", f"`{text}`. Keep the stub's first line, with its arguments."
    number, line = place
    advice = TRUTH if "truth value of an array" in text else ""
    advice = advice or next((advice for kind, advice in ADVICE.items() if isinstance(error, kind)), "")
    return "raises", f"`{text}` in line {number}, `{line}`. {advice}".rstrip()


def _place(error):
    """The line of the student's function in which an error was raised, and its number; None if it was not in there."""
    if hasattr(error, "place"):
        return error.place  # it was raised elsewhere
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without `outcome`
    inside = [frame for frame in frames if frame.filename == frames[0].filename]  # not one inside NumPy
    return (inside[-1].lineno, inside[-1].line) if inside else None


# --------------------------------------------------------------------------- comparing


def _alike(wrong: list[Outcome], received: list[Outcome]) -> bool:
    """Does the wrong answer do what was received, on every probe where it does anything?"""
    known = [(ours, theirs) for ours, theirs in zip(wrong, received, strict=True) if not ours.error]
    return bool(known) and all(_same(ours, theirs) for ours, theirs in known)


def _same(ours, theirs):
    one, other = numbers(ours.value), numbers(theirs.value)
    if other is None or one.shape != other.shape or ours.changed != theirs.changed:
        return False
    unknown = np.isnan(other)  # 0/0 as a second mistake does not hide the first
    return bool((_close(one, other) | unknown).all()) and not (other.size and unknown.all())


def _close(one, other):
    return np.isclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True)  # float32 is good enough


def numbers(value):
    """Return a value as an array of real numbers, or None if it is none."""
    try:
        array = np.asarray(value)
    except Exception:  # rows of unequal length, or whatever a class of the student's raises
        return None
    return array if array.dtype.kind in "iuf" and not isinstance(value, np.ma.MaskedArray) else None


# --------------------------------------------------------------------------- wording


def _text(error):
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ raises
        return type(error).__name__


def _kind(value):
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}, {value.dtype}"
    if isinstance(value, tuple | list):
        return f"of type {type(value).__name__}, with {len(value)} entries"
    return f"of type {type(value).__name__}"


def _is_complex(value):
    return isinstance(value, complex) or str(getattr(value, "dtype", "")).startswith("complex")


def _at(place):
    if len(place) == 1:
        return f"At index {place[0]}, "
    if len(place) == 2:
        return f"At row {place[0]}, column {place[1]}, "
    return f"At {list(place)}, " if place else ""


def _literal(value):
    if not isinstance(value, np.ndarray):
        return repr(value)
    dtype = "" if value.dtype in (np.int64, np.float64) else f", np.{value.dtype}"
    return f"np.array({value.tolist()}{dtype})" if value.size <= 40 else f"...  # {_kind(value)}"
