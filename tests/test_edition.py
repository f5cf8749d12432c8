"""The teacher's edition: its minutes add up, it holds each exercise, and the handout gives nothing away."""

import inspect
import re

import nbformat
import pytest

from cnnlessons import cli, exercises, notebooks
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
        assert part.questions
        for question in part.questions:
            assert question.answer.removesuffix(".0")
            assert question.answer.removesuffix(".0") not in question.wrong
            assert all(len(why) > 20 for why in question.wrong.values())


@each_lesson
def test_each_wrong_answer_is_one_to_a_prediction_of_its_part(number):
    for part in edition.read(number).parts:
        found = {question.cell: question.wrong for question in part.questions if question.wrong}
        assert found == part.note["wrong"]
        assert all(found.values())


def test_the_edition_puts_each_wrong_answer_under_its_question():
    page = edition.teachers_page(edition.read("01"))
    order = ["**Answer: (4, 7)**", "*(16, 7)*", "*(4, 4)*", "**Answer: 44**", "*255*", "*300*", "**Board.**"]
    assert sorted(order, key=page.index) == order


def used(monkeypatch, tmp_path, number, said):
    """A copy of a lesson whose first prediction has printed something else, taken for the lesson."""
    path = tmp_path / notebooks.lesson(number).name
    lesson = nbformat.read(notebooks.lesson(number), as_version=4)
    cell = next(cell for cell in lesson.cells if "predict" in cell.metadata.get("tags", ()))
    cell.outputs = [nbformat.v4.new_output("stream", text=said)] if said else []
    nbformat.write(lesson, path)
    monkeypatch.setattr(notebooks, "lesson", lambda _: path)
    return cell.id, path


@pytest.mark.parametrize("prediction", [None, (4, 7), (16, 7)])
def test_the_answer_is_read_whatever_was_predicted(monkeypatch, tmp_path, capsys, prediction):
    exercises.compare(prediction, (4, 7))
    used(monkeypatch, tmp_path, "01", capsys.readouterr().out + "and more\n")
    assert edition.read("01").parts[0].questions[0].answer == "(4, 7)"


def test_a_lesson_with_cleared_outputs_is_told_its_cell_and_the_remedy(monkeypatch, tmp_path):
    cell, path = used(monkeypatch, tmp_path, "01", "")
    remedy = f"lesson: cell {cell} of {path.name} holds no answer to its prediction; run cnnlessons store {path}"
    with pytest.raises(ValueError, match=re.escape(remedy)):
        edition.read("01")


def test_one_lesson_with_cleared_outputs_does_not_stop_the_others(monkeypatch, tmp_path, capsys):
    of = notebooks.lesson
    _, path = used(monkeypatch, tmp_path, "02", "")
    monkeypatch.setattr(notebooks, "lesson", lambda number: path if number == "02" else of(number))
    assert cli.main(["teach", "all", "--out", str(tmp_path / "out"), "--markdown"]) == 1
    said = capsys.readouterr().err
    assert f"run cnnlessons store {path}" in said
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {f"{number}_{kind}.md" for number in NUMBERS if number != "02" for kind in ("teacher", "handout")}


def test_an_exercise_without_a_check_has_its_cells_a_goal_and_for_the_teacher_alone_its_answer():
    lesson = edition.read("13")
    teacher, students = edition.teachers_page(lesson), edition.handout(lesson)
    assert "patients = clinic(" in students
    assert "exercises.compare(prediction" in students
    assert "| Exercise 3 | *The defence clinic.* |" in teacher
    assert "**Who they are (afterwards).** A learned from one step" in teacher
    assert "**Answer: ['C']**" in teacher.partition("### Exercise 3")[2]
    for said in ("['C']", "afterwards", "A learned from one step", "<details>"):
        assert said not in students


@each_lesson
def test_the_edition_says_what_to_do_with_each_panel_and_which_cells_are_slow(number):
    cells, lesson = nbformat.read(notebooks.lesson(number), as_version=4).cells, edition.read(number)
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", ())]
    found = [each for part in lesson.parts for each in part.panels]
    assert len(found) == tags.count("panel")
    assert all(heading and len(task) > 40 for heading, task in found)
    assert edition.teachers_page(lesson).count("**Panel.**") == len(found)
    assert len(lesson.slow) == tags.count("slow")
    assert all(line.strip() and line in "".join(cell.source for cell in cells) for _, line in lesson.slow)


@each_lesson
def test_each_row_of_a_timetable_has_a_goal_and_nothing_of_a_page_is_html(number):
    lesson = edition.read(number)
    assert all(goal for minutes in (45, 90) for *_, goal in edition.timetable(lesson, minutes))
    assert "<details>" not in edition.teachers_page(lesson) + edition.handout(lesson)


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
