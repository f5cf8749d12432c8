"""The README tells of the lessons what the lessons say themselves."""

import json
import re
from collections import Counter

import pytest

from cnnlessons import __version__, exercises
from cnnlessons.notebooks import COURSE, LESSONS
from cnnlessons.teaching import edition

README = (COURSE / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"(?m)^\| \[\d\d [^\]]+\]\(notebooks/([^)]+)\) \| (.+?) \| (\d+)(?: \+ (\d+))? \|$", README)


def first_words(name):
    cells = json.loads((LESSONS / name).read_text(encoding="utf-8"))["cells"]
    return " ".join("".join(cells[0]["source"]).split())


def test_the_table_has_every_lesson():
    assert [name for name, *_ in ROWS] == sorted(path.name for path in LESSONS.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize(("name", "question"), [row[:2] for row in ROWS], ids=lambda word: word[:2])
def test_a_driving_question_stands_in_the_lesson_s_own_words(name, question):
    assert question == re.search(r"\*\*(.+?)\*\*", first_words(name))[1]


@pytest.mark.parametrize(("name", "reading", "solving"), [(row[0], *row[2:]) for row in ROWS[1:]])
def test_the_minutes_are_the_lesson_s_and_the_sum_of_its_exercises(name, reading, solving):
    assert f"About {reading} minutes" in first_words(name)
    assert int(solving) == sum(task.minutes for task in edition.read(name[:2]).tasks)


def test_the_hours_are_the_sum_of_the_minutes():
    reading, solving = (sum(int(row[column] or 0) for row in ROWS) / 60 for column in (2, 3))
    assert f"about {reading:.0f} hours, and {solving:.0f} of exercises" in README


def test_a_lesson_that_needs_another_one_is_said_to():
    told = README[README.index("**What needs what.**") : README.index("*A short course*")]
    for name, needs in {"08": "01 and 02", "09": "07 and 08", "11": "07 and 09", "15": "07, 11, 12 and 13"}.items():
        (lesson,) = (row[0] for row in ROWS if row[0].startswith(name))
        assert f"{name} needs {needs}" in told
        before = first_words(lesson).partition("You will be able to")[2].partition("exercises, after")[2]
        assert all(re.search(rf"lesson {number}|\[{number}\]", before) for number in re.findall(r"\d\d", needs))


def test_the_points_are_those_of_the_exercises():
    count = Counter(name[:2] for name in exercises.names())
    told = "1 in lesson 00; 4 each in 01, 02, 03, 05 and 06; 3 each in 04 and 07 to 11; 2 each in 12 to 15."
    assert told in " ".join(README.split())
    points = dict.fromkeys(("01", "02", "03", "05", "06"), 4) | dict.fromkeys(("04", "07", "08", "09", "10", "11"), 3)
    assert count == {"00": 1, **points, **dict.fromkeys(("12", "13", "14", "15"), 2)}


def test_the_citation_names_this_version_and_no_address():
    text = (COURSE / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {__version__}\n" in text
    assert "://" not in text
