"""Questions come back when they should, puzzles count every order that works, and notes never get in the way."""

import csv
import math

import pytest

from cnnlessons import cli, exercises
from cnnlessons.exercises import notes, puzzles, retrieval
from cnnlessons.exercises.questions import QUESTIONS
from cnnlessons.exercises.retrieval import BY_NAME, choose
from cnnlessons.notebooks import LESSONS

ONE_LINE = {"04.leaky_relu_backward", "12.guided_relu", "15.exam_images"}


@pytest.fixture
def place(monkeypatch, tmp_path):
    """The reader's folder, empty, as on a machine on which no test runs."""
    monkeypatch.setenv(notes.SETTING, str(tmp_path / "notes"))
    monkeypatch.setattr(notes, "_noted", set())
    return tmp_path / "notes"


def answered(*answers):
    return [{"recall": name, "lesson": lesson, "right": right} for name, lesson, right in answers]


def asked(lesson, *answers, count=99):
    return [question.name for question in choose(count, lesson, answered(*answers))]


# --------------------------------------------------------------------------- the questions


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_right_answer_is_right_and_each_wrong_one_is_told_why(question):
    given = question.answer if question.choices else f"{question.answer:.3g}"
    assert retrieval.Verdict(question, given).right
    assert question.wrong
    for wrong, why in question.wrong.items():
        verdict = retrieval.Verdict(question, wrong)
        assert not verdict.right
        assert verdict.message.startswith(why)
    assert len({*question.choices}) == len(question.choices)


def test_each_lesson_has_questions_under_names_of_their_own():
    lessons = {int(path.name[:2]) for path in LESSONS.glob("[0-9][0-9]_*.ipynb")}
    assert {question.lesson for question in QUESTIONS} == lessons - {0}
    assert len(BY_NAME) == len(QUESTIONS)


def test_one_question_is_from_the_lesson_before_and_one_is_older():
    assert [BY_NAME[name].lesson for name in asked(5, count=2)] == [4, 1]
    assert [BY_NAME[name].lesson for name in asked(2, count=2)] == [1, 1]
    with pytest.raises(ValueError, match="nothing comes before lesson 01"):
        choose(2, 1, [])


@pytest.mark.parametrize(("rights", "wait"), [([0], 1), ([1], 3), ([1, 1], 7), ([1, 0], 1), ([1, 1, 1], math.inf)])
def test_a_question_comes_back_after_one_three_or_seven_lessons(rights, wait):
    noted = answered(*(("01.bytes", 2 + number, right) for number, right in enumerate(rights)))
    assert retrieval._due(BY_NAME["01.bytes"], retrieval._state(noted)) == 1 + len(rights) + wait


def test_what_went_wrong_is_asked_before_what_is_new_and_what_is_not_due_comes_last():
    older = [name for name in asked(5, ("02.same", 3, 0), ("01.bytes", 4, 1)) if not name.startswith("04")]
    assert older[0] == "02.same"
    assert older[-1] == "01.bytes"


def test_answering_twice_in_one_lesson_counts_once():
    assert retrieval._state(answered(("01.bytes", 2, 0), ("01.bytes", 2, 1)))["01.bytes"] == (0, 2)


def test_without_a_mouse_questions_are_read_and_answered(place):
    printed = repr(exercises.recall(2, lesson=3))
    names = [question.name for question in choose(2, 3, [])]
    assert all(name in printed and BY_NAME[name].asks in printed for name in names)
    verdicts = exercises.recall(answers={"01.places": 49, "01.search": "d", "09.chance": "1/32"}, lesson=10)
    assert [verdict.right for verdict in verdicts] == [False, True, True]
    assert "One place is missing" in repr(verdicts)
    assert [(done["recall"], done["right"], done["lesson"]) for done in notes.noted()] == [
        ("01.places", 0, 10),
        ("01.search", 1, 10),
        ("09.chance", 1, 10),
    ]


def test_before_the_first_lesson_there_is_nothing_to_ask(place):
    with pytest.raises(ValueError, match="nothing comes before"):
        exercises.recall(2, lesson=0)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"01.nothing": 3}, "no question '01.nothing'"),
        ({"01.places": "many"}, "asks for a number"),
        ({"01.search": "e"}, "a letter from a to d"),
    ],
)
def test_an_answer_that_cannot_be_read_is_not_judged(place, answers, said):
    with pytest.raises(ValueError, match=said):
        exercises.recall(answers=answers)
    assert notes.noted() == []


def test_the_lesson_is_that_of_the_notebook_or_follows_what_was_done(place, monkeypatch):
    with pytest.raises(ValueError, match="say which lesson is next"):
        exercises.recall()
    notes.note(exercise="03.crop", status="not yet")
    assert retrieval.next_lesson(notes.noted()) == 4
    monkeypatch.setenv("JPY_SESSION_NAME", "/anywhere/notebooks/07_from_numpy_to_keras.ipynb")
    assert retrieval.next_lesson(notes.noted()) == 7


def test_cards_for_anki_hold_every_question(tmp_path, capsys):
    assert cli.main(["anki", str(tmp_path / "cards.txt")]) == 0
    lines = (tmp_path / "cards.txt").read_text(encoding="utf-8").splitlines()
    rows = [*csv.reader((line for line in lines if not line.startswith("#")), delimiter="\t", quoting=csv.QUOTE_NONE)]
    assert len(rows) == len({row[0] for row in rows}) == len(QUESTIONS)
    assert {len(row) for row in rows} == {4}
    assert cli.main(["anki", str(tmp_path / "cards.txt")]) == 1  # what is there stays
    told = capsys.readouterr().err
    assert "exists" in told
    assert "cards.txt" in told
    assert "Errno" not in told


# --------------------------------------------------------------------------- puzzles


@pytest.mark.parametrize("name", exercises.names())
def test_the_solution_s_order_passes_and_a_line_that_leads_astray_is_diagnosed(name):
    exercise = exercises._find(name)
    right = puzzles._statements(exercise.solution)[1:]
    if len(right) < 2:
        assert name in ONE_LINE
        with pytest.raises(ValueError, match="has one line only"):
            exercises.puzzle(name)
        return
    mixed = puzzles.lines(exercise)
    assert sorted(set(mixed) - set(right)) != []
    places = [mixed.index(line) + 1 for line in right]
    assert exercises.puzzle(name, places).status == "passed"
    for there, instead in puzzles.slips(exercise):
        (number,) = [number for number, line in enumerate(right) if there in line]
        wrong = right[number].replace(there, instead)
        assert wrong in mixed
        result = puzzles.judge(exercise, [*right[:number], wrong, *right[number + 1 :]])
        assert result.diagnosis in exercise.mistakes, result


def test_any_order_that_works_counts():
    exercise = exercises._find("01.cross_correlate")
    first, second, *others = puzzles._statements(exercise.solution)[1:]
    assert puzzles.judge(exercise, [second, first, *others]).status == "passed"


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ([], "not attempted", "No line"),
        (["    for row in range(3):", "    return 0"], "not yet", "Python cannot read line 3"),
        (["    while True:", "        pass"], "not yet", "loop that never ends"),
        (["    return turned"], "not yet", "NameError"),
    ],
)
def test_lines_that_do_not_work_are_told_why(lines, status, said):
    result = puzzles.judge(exercises._find("01.convolve"), lines, seconds=0.2)
    assert result.status == status
    assert said in result.message


def test_a_line_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="numbers from 1 to 5, got 6"):
        exercises.puzzle("01.convolve", [6])


# --------------------------------------------------------------------------- notes


def test_progress_shows_what_was_checked_answered_and_put_in_order(place, capsys):
    exercises.check("01.convolve", exercises._find("01.convolve").solution)
    exercises.check("01.cross_correlate", lambda image, kernel: image)
    exercises.check("02.conv2d", None)  # not attempted
    exercises.recall(answers={"01.bytes": 300})
    assert cli.main(["progress"]) == 0
    printed = capsys.readouterr().out
    assert "01  1 of 4 exercises solved, 1 tried, 0 of 1 answers right" in printed
    assert "02  0 of 4 exercises solved\n" in printed
    assert str(place) in printed


def test_nothing_is_noted_in_tests_or_when_it_is_switched_off(place, monkeypatch, capsys):
    cli.main(["progress", "--off"])
    assert not notes.note(exercise="01.convolve", status="passed")
    cli.main(["progress", "--on"])
    assert notes.note(exercise="01.convolve", status="passed")
    assert "Nothing is noted down" in capsys.readouterr().out
    monkeypatch.setenv(notes.SETTING, "off")
    assert notes.folder() is None
    monkeypatch.delenv(notes.SETTING)
    assert notes.folder() is None  # this is a test


def test_a_folder_that_cannot_be_written_is_nobody_s_mistake(place):
    place.write_text("a file in its place")
    assert exercises.check("01.convolve", exercises._find("01.convolve").solution).status == "passed"
    assert notes.noted() == []
    assert not exercises.recall(answers={"01.bytes": 300})[0].right


@pytest.mark.parametrize("broken", ["{", "[1]", '{"recall": [', "\xff", "[" * 100_000, '{"exercise": {}}', ""])
def test_a_broken_file_is_kept_and_the_rest_goes_on(place, broken):
    notes.note(exercise="01.convolve", status="passed")
    with (place / notes.NAME).open("ab") as file:
        file.write(broken.encode("latin-1") + b"\n")
    before = (place / notes.NAME).read_bytes()
    with pytest.warns(UserWarning, match="kept as progress.unreadable-1.jsonl"):
        assert notes.noted() == [{"exercise": "01.convolve", "status": "passed"}]
    assert (place / "progress.unreadable-1.jsonl").read_bytes() == before
    notes.note(recall="01.bytes", right=1, lesson=2)
    assert len(notes.noted()) == 2
