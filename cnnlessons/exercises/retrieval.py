"""Which questions come back when, what an answer deserves, and the same questions as cards for Anki."""

import html
import math
import os
import re
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path

from cnnlessons.exercises import notes
from cnnlessons.exercises.cards import card
from cnnlessons.exercises.questions import QUESTIONS, Question

SPACING = (1, 3, 7)  # lessons until a question comes back: after a wrong answer, after one right one, after two
BY_NAME = {question.name: question for question in QUESTIONS}
LETTERS = "abcdefgh"

# --------------------------------------------------------------------------- which ones


def choose(count: int, lesson: int, noted: list[dict]) -> list[Question]:
    """Return questions to ask before a lesson: in turn one of the lesson before it and an older one."""
    earlier = [question for question in QUESTIONS if question.lesson < lesson]
    if not earlier:
        raise ValueError(f"lesson: nothing comes before lesson {lesson:02}; questions begin with lesson 02")
    state = _state(noted)

    def urgency(question):  # due before not due, asked before never asked, then the longest overdue
        due = _due(question, state)
        return due > lesson, question.name not in state, due

    newest = sorted((each for each in earlier if each.lesson == lesson - 1), key=urgency)
    older = sorted((each for each in earlier if each.lesson < lesson - 1), key=urgency)
    in_turn = [each for each in chain(*zip_longest(newest, older)) if each]
    return sorted(in_turn, key=lambda question: urgency(question)[0])[:count]


def _state(noted):
    """Right answers in a row, and the lesson of the last answer, by question; one answer a lesson counts."""
    state = {}
    for done in noted:
        name, lesson = done.get("recall"), done.get("lesson")
        streak, last = state.get(name, (0, None))
        if name in BY_NAME and isinstance(lesson, int) and lesson != last:
            state[name] = (streak + 1 if done.get("right") else 0, lesson)
    return state


def _due(question, state):
    """The lesson in which a question is asked again, or asked at all; infinity after three right answers."""
    streak, last = state.get(question.name, (0, question.lesson))
    return last + SPACING[streak] if streak < len(SPACING) else math.inf


def next_lesson(noted: list[dict], answers: dict | None = None) -> int:
    """Return the lesson whose notebook runs this, or else the one after the last in which something was done.

    `answers` that came from somewhere are to questions before it.
    """
    if (here := re.match(r"(\d\d)_", Path(os.environ.get("JPY_SESSION_NAME", "")).name)) and int(here[1]) > 1:
        return int(here[1])
    tried = [int(done["exercise"][:2]) + 1 for done in noted if re.match(r"\d\d\.", str(done.get("exercise")))]
    asked = [lesson for _, lesson in _state(noted).values()]
    asked += [BY_NAME[name].lesson + 1 for name in answers or () if name in BY_NAME]
    if not tried and not asked and answers is None:
        raise ValueError("lesson: nothing is noted yet; say which lesson is next, as in recall(2, lesson=5)")
    return max([2, *tried, *asked])


# --------------------------------------------------------------------------- asking


def as_text(questions: list[Question]) -> str:
    """The questions, and how to answer them without a mouse."""
    lines = []
    for question in questions:
        lines += [f"{question.name}: {question.asks}", *(f"    {option}" for option in _options(question))]
    example = ", ".join(f'"{question.name}": ' + ('"a"' if question.choices else "0") for question in questions)
    return "\n".join([*lines, f"To answer: exercises.recall(answers={{{example}}})"])


def _options(question):
    return [f"{letter}) {text}" for letter, text in zip(LETTERS, question.choices, strict=False)]


class Verdict:
    """What an answer deserves, as a card."""

    def __init__(self, question: Question, given):
        self.question = question
        value = _read(question, given)
        self.right = _same(value, question.answer)
        why = [why for wrong, why in question.wrong.items() if _same(value, wrong)]
        self.message = " ".join([*why, f"Answer: {_shown(question.answer)}. {question.why}"])

    def _heading(self):
        return f"{self.question.name}: {'right' if self.right else 'not yet'}"

    def __repr__(self):
        return f"{self._heading()}\n{self.message}"

    def _repr_html_(self):
        return card("passed" if self.right else "not yet", self._heading(), self.message)


class Verdicts(list):
    """Several, one below the other."""

    def __repr__(self):
        return "\n".join(map(repr, self))

    def _repr_html_(self):
        return "".join(each._repr_html_() for each in self)


def judge(answers: dict, lesson: int) -> Verdicts:
    """Return what answers deserve, by the names of their questions, and note it down."""
    if unknown := [name for name in answers if name not in BY_NAME]:
        raise ValueError(f"answers: there is no question {unknown[0]!r}; they are called like {QUESTIONS[0].name!r}")
    verdicts = Verdicts(Verdict(BY_NAME[name], given) for name, given in answers.items())
    for verdict in verdicts:
        notes.note(recall=verdict.question.name, right=int(verdict.right), lesson=lesson)
    return verdicts


def _read(question, given):
    choices = question.choices
    if not choices:
        text = str(given).replace("−", "-")
        try:
            return float(Fraction(text) if "/" in text else text)
        except (ValueError, ArithmeticError):
            raise ValueError(
                f"answers: {question.name} asks for a number, such as 12, 0.5 or 1/8, got {given!r}"
            ) from None
    text = str(given).strip()
    if len(text) == 1 and text.lower() in LETTERS[: len(choices)]:
        return choices[LETTERS.index(text.lower())]
    if text in choices:
        return text
    raise ValueError(f"answers: {question.name} asks for a letter from a to {LETTERS[len(choices) - 1]}, got {given!r}")


def _same(one, other):
    return one == other if isinstance(other, str) else math.isclose(one, other, rel_tol=0.01, abs_tol=1e-9)


def _shown(answer):
    return answer if isinstance(answer, str) else f"{answer:.6g}"


# --------------------------------------------------------------------------- elsewhere


def anki() -> str:
    """All questions as a text that Anki imports; a second import brings its cards up to date."""
    rows = []
    for question in QUESTIONS:
        front = "<br>".join(map(html.escape, [question.asks, *_options(question)]))
        wrong = [html.escape(f"not {_shown(each)}: {why}") for each, why in question.wrong.items()]
        back = "<br>".join([f"<b>{html.escape(_shown(question.answer))}</b>", html.escape(question.why), "", *wrong])
        rows.append("\t".join([f"cnnlessons {question.name}", front, back, f"cnnlessons lesson_{question.lesson:02}"]))
    head = ["#separator:tab", "#html:true", "#deck:cnnlessons", "#guid column:1", "#tags column:4"]
    return "\n".join([*head, *rows, ""])


def progress(names: list[str]) -> dict[str, str]:
    """Return what is noted, lesson by lesson: exercises solved of those that there are, and questions answered."""
    noted = notes.noted()
    return {lesson: _progress(lesson, names, noted) for lesson in sorted({name[:2] for name in names})}


def _progress(lesson, names, noted):
    own = {name for name in names if name.startswith(lesson)}
    tried = {done["exercise"] for done in noted if done.get("exercise") in own}
    solved = {done["exercise"] for done in noted if done.get("exercise") in own and done.get("status") == "passed"}
    ordered = {done["puzzle"] for done in noted if done.get("puzzle") in own}
    asked = {name for name in BY_NAME if name.startswith(lesson)}
    right = [bool(done.get("right")) for done in noted if done.get("recall") in asked]
    parts = [f"{len(solved)} of {len(own)} exercises solved"]
    parts += [f"{len(tried - solved)} tried"] if tried - solved else []
    parts += [f"{len(ordered)} put in order"] if ordered else []
    parts += [f"{sum(right)} of {len(right)} answers right"] if right else []
    return ", ".join(parts)
