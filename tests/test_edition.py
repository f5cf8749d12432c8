"""The teacher's edition: its minutes add up, it holds each exercise, and the handout gives nothing away."""

import inspect
import re

import pytest

from cnnlessons import cli, exercises
from cnnlessons.notebooks import LESSONS
from cnnlessons.teaching import edition

NUMBERS = [
    path.name[:2] for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb")) if '"teacher"' in path.read_text("utf-8")
]
each_lesson = pytest.mark.parametrize("number", NUMBERS)


def test_lessons_01_to_14_have_teacher_s_notes():
    assert {f"{number:02}" for number in range(1, 15)} <= set(NUMBERS)


@each_lesson
@pytest.mark.parametrize("minutes", [45, 90])
def test_a_timetable_s_minutes_add_up_and_leave_time_for_an_exercise(number, minutes):
    rows = edition.timetable(edition.read(number), minutes)
    assert sum(length for length, *_ in rows) == minutes
    assert min(length for length, *_ in rows) > 0
    assert any(what.startswith("Exercise") for _, what, _ in rows)
    assert sum(length for length, what, _ in rows if what == "In reserve") <= 5


@each_lesson
def test_each_part_says_what_a_teacher_needs_and_no_wrong_answer_is_the_right_one(number):
    for part in edition.read(number).parts:
        assert part.note.keys() == {"goal", "minutes", "ask", "wrong", "board"}
        assert part.title
        right = {answer.removesuffix(".0") for _, answer in part.questions}
        assert right
        assert not right & set(part.note["wrong"])
        assert all(len(why) > 20 for why in part.note["wrong"].values())


@each_lesson
def test_the_edition_holds_every_exercise_with_its_mistakes_and_hints(number):
    page = edition.teachers_page(edition.read(number))
    own = [exercises._find(name) for name in exercises.names() if name.startswith(number)]
    assert own
    for exercise in own:
        assert f"`{exercise.name}`" in page
        for said in (*exercise.hints, *(said for *_, said in exercise.mistakes.values())):
            assert said in page
        assert inspect.getsource(exercise.solution).rstrip() in page


@each_lesson
def test_the_handout_has_the_exercises_and_neither_hints_nor_solutions(number):
    lesson = edition.read(number)
    page = edition.handout(lesson)
    assert [f"Exercise {n}" in page for n, _ in enumerate(lesson.tasks, start=1)] == [True] * len(lesson.tasks)
    for task in filter(lambda task: task.name, lesson.tasks):
        exercise = exercises._find(task.name)
        assert task.stub in page
        assert not [hint for hint in exercise.hints if hint in page]
        lines = inspect.getsource(exercise.solution).splitlines()[1:]
        assert not [line for line in lines if len(line.strip()) > 8 and line.strip() in page]


def test_the_command_writes_pages_that_need_nothing_else(tmp_path, capsys):
    assert cli.main(["teach", "01", "--out", str(tmp_path)]) == 0
    assert cli.main(["teach", "1", "--out", str(tmp_path), "--markdown"]) == 0
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"01_teacher.html", "01_handout.html", "01_teacher.md", "01_handout.md"}
    text = (tmp_path / "01_teacher.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=", text)
    assert "<td>01.cross_correlate" in text.replace("<code>", "")
    for number, said in (
        ("77", "there is no lesson '77'"),
        ("one", "as in 01"),
        ("00", "has no teacher's notes to make an edition of; take 01, 02"),
    ):
        assert cli.main(["teach", number, "--out", str(tmp_path)]) == 1
        assert said in capsys.readouterr().err


def test_all_lessons_with_notes_are_written_at_once(tmp_path, capsys):
    assert cli.main(["teach", "all", "--out", str(tmp_path), "--markdown"]) == 0
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {f"{number}_{kind}.md" for number in NUMBERS for kind in ("teacher", "handout")}


def test_only_lesson_01_has_no_questions_from_earlier_lessons():
    goals = {number: edition.timetable(edition.read(number), 45)[0][2] for number in ("01", "02")}
    assert goals["01"] == "the driving question"
    assert "earlier lessons" in goals["02"]


def test_edition_and_handout_end_with_the_licence():
    lesson = edition.read("01")
    for page in (edition.teachers_page(lesson), edition.handout(lesson)):
        last = page.splitlines()[-1]
        assert last.startswith("© 2026 the cnnlessons authors. Text and pictures CC BY 4.0, code BSD-3-Clause.")
        assert "data/README.md" in last
