"""Exercises that answer back: `check` an answer, ask for a `hint`, put a `puzzle` in order, look at the `solution`.

And questions from earlier lessons, which come back: `recall`.

A lesson that adds one writes a `FunctionExercise` into its module, as lesson_00.py does. The tests run the stub, the
solution, every known mistake, and answers that raise or return something else, without a further line.
"""

import difflib
import importlib
import inspect
import pkgutil
from numbers import Real

import numpy as np

from cnnlessons import shapes
from cnnlessons.exercises import notes, puzzles
from cnnlessons.exercises.cards import Hint, Result, Source, card
from cnnlessons.exercises.feedback import Exercise, numbers

__all__ = ["Result", "check", "compare", "hint", "names", "puzzle", "recall", "solution"]

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
        return len(answer) == {"none": 0, "both": 2}[word]
    each = list(prediction) if np.iterable(prediction) and not isinstance(prediction, str) else [prediction]
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
    seconds = shapes.number(seconds, "seconds", "a positive number", lambda seconds: seconds > 0)
    result = _find(name).check(answer, seconds)
    if result.status != "not attempted":
        notes.note(exercise=name, status=result.status)
    return result


def hint(name: str, number: int | None = None) -> Hint:
    """A general hint for an exercise: that of a number, or else the next; after the last, the last again."""
    hints = _find(name).hints
    if number is None:
        number = _hints_given[name] = _hints_given.get(name, 0) + 1
    number = min(shapes.whole_number(number, "number", 1), len(hints))
    return Hint(name, number, len(hints), hints[number - 1])


def solution(name: str) -> Source:
    """The source of one good answer. There are others: `check` knows."""
    return Source(_find(name).source)


def puzzle(name: str, lines: list[int] | None = None):
    """Show the lines of a solution in a mixed order, some lines too many, to be put in order; or check an order.

    Taught in lesson 00. Every order that works counts: what you put together is run and checked like any answer.

    Parameters
    ----------
    name : str
        Of an exercise whose solution has more than one line.
    lines : list of int, optional
        The numbers of the lines, in your order, as the puzzle prints them where there is no mouse.

    Returns
    -------
    Panel or Result
        A panel without `lines`; in a terminal it prints the lines and their numbers.

    Raises
    ------
    ValueError
        If there is no such exercise or line, or the solution has one line only.
    """
    exercise = _find(name)
    mixed = puzzles.lines(exercise)
    if lines is not None:
        return _assembled(exercise, mixed, _places(lines, len(mixed)))
    from cnnlessons.panels._forms import Puzzle  # widgets take a moment to load, and few need them

    def answer(_, places):
        result = _assembled(exercise, mixed, places)
        return card(result.status, f"{name}: {result.status}", result.message)

    return Puzzle(puzzles.first_line(exercise), mixed, answer, puzzles.as_text(exercise))


def _assembled(exercise, mixed, places):
    result = puzzles.judge(exercise, [mixed[place] for place in places])
    if result.status == "passed":
        notes.note(puzzle=exercise.name)
    return result


def _places(lines, count):
    given = list(lines) if np.iterable(lines) else []
    wrong = [each for each in given if not isinstance(each, Real) or each not in range(1, count + 1)]
    if wrong or not np.iterable(lines):
        raise ValueError(f"lines must be a list of numbers from 1 to {count}, got {[*wrong, lines][0]!r}")
    return [int(number) - 1 for number in given]


def recall(count: int = 2, lesson: int | None = None, answers: dict | None = None):
    """Ask questions from earlier lessons, one from the lesson before and one older, or judge answers.

    Taught in lesson 00. After a right answer a question comes back three lessons later, then seven; after a wrong one,
    in the next lesson. Answers are noted in a file of your own, and sent nowhere.

    Parameters
    ----------
    count : int
        How many.
    lesson : int, optional
        Before which lesson; else that of the notebook, or the one after the last in which you did something.
    answers : dict, optional
        Answers by the names of their questions: a number, or the letter of a choice. For use without a mouse.

    Returns
    -------
    Panel or list
        A panel, which in a terminal prints the questions; with `answers`, what they deserve.

    Raises
    ------
    ValueError
        If there is no earlier lesson or no such question, or an answer cannot be read.
    """
    count = shapes.whole_number(count, "count", 1)
    if lesson is not None:
        lesson = shapes.whole_number(lesson, "lesson", 0)
    if not isinstance(answers, dict | None):
        raise TypeError(f'answers must be a dict by the questions\' names, such as {{"01.bytes": 3}}, got {answers!r}')
    from cnnlessons.exercises import retrieval  # all questions: every lesson imports this module, few ask for them

    noted = notes.noted()
    number = retrieval.next_lesson(noted, answers) if lesson is None else lesson
    if answers is not None:
        return retrieval.judge(answers, number)
    questions = retrieval.choose(count, number, noted)
    from cnnlessons.panels._forms import Questions

    def answer(name, given):
        try:
            return retrieval.judge({name: given}, number)._repr_html_()
        except ValueError as error:
            return card("not yet", name, str(error).removeprefix("answers: "))

    entries = [{"name": each.name, "asks": each.asks, "choices": each.choices} for each in questions]
    return Questions(entries, answer, retrieval.as_text(questions), notes.where())


def _find(name):
    if isinstance(name, str) and name in _EXERCISES:
        return _EXERCISES[name]
    near = difflib.get_close_matches(str(name), _EXERCISES, n=1, cutoff=0.3)
    remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_EXERCISES)}"
    raise ValueError(f"name: there is no exercise {name!r}; {remedy}")
