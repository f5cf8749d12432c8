"""Exercises that answer back: `check` an answer, ask for a `hint`, look at the `solution`.

A lesson that adds an exercise writes in its module, here for a lesson 02::

    def padded(image, margin):
        return np.pad(image, margin)  # zeros on all four sides, so that the border keeps its place

    PADDED = FunctionExercise(
        name="02.padded",
        solution=padded,
        probes=((np.array([[1, 2, 3], [4, 5, 6]]), 1), (np.array([[7]]), 2)),
        wrong={"one side": lambda image, margin: np.pad(image, (margin, 0)), …},
        said="one side: There is no border on the other side …",
        hints=("How many rows does the result have?", …),
        verified="border of one and two pixels, non-square images",
    )

and the tests run the stub, the solution, every known mistake, and answers that raise or return something else,
without a further line.
"""

import difflib
import importlib
import inspect
import pkgutil
from numbers import Real

import numpy as np

from cnnlessons import shapes
from cnnlessons.exercises.cards import Hint, Result, Source
from cnnlessons.exercises.feedback import Exercise, numbers

__all__ = ["Result", "check", "compare", "hint", "names", "solution"]

_EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for module in pkgutil.iter_modules(__path__)  # in alphabetical order
    if module.name.startswith("lesson_")
    for exercise in vars(importlib.import_module(f"{__name__}.{module.name}")).values()
    if isinstance(exercise, Exercise)
}
_hints_given: dict[str, int] = {}


def names() -> list[str]:
    """Names of all exercises, in the order of the lessons."""
    return list(_EXERCISES)


def compare(prediction, answer) -> None:
    """Print the answer to a question and whether the reader's prediction was the same. Taught in lesson 00.

    Parameters
    ----------
    prediction : object or None
        What the reader wrote down before; None if nothing.
    answer : object
        A number, a text or an array; or a set of names or numbers, which may come in any order, alone, or as "none".
    """
    shown = sorted(answer) if isinstance(answer, set) else answer  # in the same order on every run
    if prediction is None:
        print("No prediction written.")  # first, for JupyterLab shows the first line of a folded output
        print(f"Answer: {shown}")
    elif _same_set(prediction, answer) if isinstance(answer, set) else _same(prediction, answer):
        print(f"You predicted {prediction}.")
        print("That is the answer.")
    else:
        print(f"You predicted {prediction}.")
        print(f"Answer: {shown}. What did you assume that is not so?")


def _same_set(prediction, answer):
    word = str(prediction).strip().lower()
    if word in ("none", "both"):
        return len(answer) == ("none", None, "both").index(word)
    each = [prediction] if isinstance(prediction, str | Real) else list(prediction)
    return len(each) == len(answer) and all(any(_same(one, other) for one in each) for other in answer)


def _same(prediction, answer):
    if isinstance(prediction, str) or isinstance(answer, str):
        return str(prediction).strip().lower() == str(answer).strip().lower()
    one, other = numbers(prediction), numbers(answer)
    if one is None or other is None:
        return np.array_equal(prediction, answer)
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-7, atol=1e-12)  # 0.3 is 0.1 + 0.2


def check(name: str, answer, seconds: float = 5) -> Result:
    """Run an answer on small inputs and say whether it is right, or else what it did.

    Taught in lesson 00. A result can be forged by whoever can run Python: a grader checks again, in another process.

    Parameters
    ----------
    name : str
        Such as "01.cross_correlate"; `names` lists them.
    answer : function or array
        What the exercise asks for.
    seconds : float
        An answer that is still running then is stopped.
    """
    shapes.number(seconds, "seconds", "a positive number", lambda seconds: seconds > 0)
    return _find(name).check(answer, seconds)


def hint(name: str, number: int | None = None) -> Hint:
    """A general hint for an exercise: that of a number, or else the next; after the last, the last again."""
    hints = _find(name).hints
    if number is None:
        number = _hints_given[name] = _hints_given.get(name, 0) + 1
    number = min(max(number, 1), len(hints))
    return Hint(name, number, len(hints), hints[number - 1])


def solution(name: str) -> Source:
    """The source of one good answer. There are others: `check` knows."""
    return Source(inspect.getsource(_find(name).solution))


def _find(name):
    if isinstance(name, str) and name in _EXERCISES:
        return _EXERCISES[name]
    near = difflib.get_close_matches(str(name), _EXERCISES, n=1, cutoff=0.3)
    remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_EXERCISES)}"
    raise ValueError(f"name: there is no exercise {name!r}; {remedy}")
