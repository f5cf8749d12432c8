"""Questions for coming back to: about four a lesson, each wrong answer with its why. `recall` asks them.

They stand in questions.txt. Each begins with its name, which begins with its lesson. Below stand the right answer,
after a "+", or after "=" what works it out if it is a number, so that it cannot go stale; and the wrong answers, each
after a "-". What is said to whoever gives an answer follows after a "|". A line that goes on stands further to the
right.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlessons import exercises, ops


class Question(NamedTuple):
    name: str
    asks: str
    answer: str | float  # a text to choose, or a number
    why: str
    wrong: dict[str | float, str]  # each with what to say to whoever chose it

    @property
    def lesson(self) -> int:
        return int(self.name[:2])

    @property
    def choices(self) -> list[str]:
        """The texts to choose from, always in the same order; none where a number is asked."""
        if not isinstance(self.answer, str):
            return []
        texts = [self.answer, *self.wrong]
        order = np.random.default_rng(list(self.name.encode())).permutation(len(texts))
        return [texts[place] for place in order]


def _read(text):
    solutions = [exercises._find(name).solution for name in exercises.names()]
    known = {"np": np, "ops": ops} | {solution.__name__: solution for solution in solutions}
    for block in text.strip().split("\n\n"):
        asked, *answers = (" ".join(part.split()) for part in re.split(r"\n {4}(?=[=+-] )", block))
        a_number = answers[0].startswith("=")
        told = [each[2:].split(" | ") for each in answers]
        (answer, why), *wrong = [(float(eval(each, known)) if a_number else each, why) for each, why in told]
        yield Question(*asked.split(": ", 1), answer, why, dict(wrong))


QUESTIONS = tuple(_read(Path(__file__).with_name("questions.txt").read_text(encoding="utf-8")))
