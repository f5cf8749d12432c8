"""Storing a notebook, finding questions in it, and what ``pytest --nbval`` makes of it in this repository."""

import base64
import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import rerun
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cnnlessons import notebooks

ROOT = Path(__file__).parents[1]

SETUP = """\
import os
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from cnnlessons import plots

def draw(shift=0.0, function=np.sin, **style):
    turn = np.linspace(0, 6, 200)
    plt.plot(turn, function(turn + shift), **style)"""

# name: code when stored, code when tested, tag or metadata, what nbval has to say
CHANGES = {
    "nothing": (SETUP, SETUP, None, "PASSED"),
    "the last digit": ("print(0.125)", "print(0.126)", None, "FAILED"),
    "an output more": ("pass", "print(0)", None, "FAILED"),
    "an error": ("1 / 1;", "1 / 0;", None, "FAILED"),
    "a result hidden by a semicolon": ("6 * 7;", "6 * 7;", None, "PASSED"),
    "an address in memory": ("object()", "object()", None, "PASSED"),
    "a line that a library writes": ("os.write(2, b'log');", "os.write(2, b'log');", None, "PASSED"),
    "a panel": ("ipywidgets.IntSlider()", "ipywidgets.IntSlider()", None, "PASSED"),
    "a number that is not compared": ("print(0.125)", "print(0.126)", "nbval-ignore-output", "PASSED"),
    "nothing in a figure": ("draw();", "draw();", None, "PASSED"),
    "another function": ("draw();", "draw(function=np.cos);", None, "FAILED"),
    "a curve shifted by a hundredth of the axis": ("draw();", "draw(0.06);", None, "FAILED"),
    "another colour": ("draw(color='C0');", "draw(color='C1');", None, "FAILED"),
    "a slightly thicker line": ("draw(lw=1.5);", "draw(lw=1.7);", None, "PASSED"),
    "another frame": ("draw();", "draw(); plt.ylabel('sine');", None, "FAILED"),
    "a figure more": ("draw();", "draw(); plt.show(); draw();", None, "FAILED"),
    "a number within its tolerance": ("print('97.9 %')", "print('96.1 %')", {"tolerance": "2 points"}, "PASSED"),
    "a number beyond its tolerance": (
        "print('3 in 97.9 %')",
        "print('3 in 95.1 %')",
        {"tolerance": "2 points"},
        "FAILED",
    ),
    "a share within its tolerance": ("print(1_000, -2e-3)", "print(1_040, -2.08e-3)", {"tolerance": "5 %"}, "PASSED"),
    "another sign": ("print('+0.5')", "print('-0.5')", {"tolerance": "5 %"}, "FAILED"),
    "another word beside a number": ("print('up 1.0')", "print('down 1.0')", {"tolerance": "2 points"}, "FAILED"),
    "a number more": ("print(1.0)", "print(1.0, 1.0)", {"tolerance": "2 points"}, "FAILED"),
    "the number in a name": ("print('conv2')", "print('conv3')", {"tolerance": "2 points"}, "FAILED"),
    "a result within its tolerance": ("0.5", "0.51", {"tolerance": "0.02"}, "PASSED"),
    "a picture whose words are within its tolerance": (
        "plots.bars({'right': 97.9}, '%')",
        "plots.bars({'right': 90.0}, '%')",
        {"tolerance": "8 points"},
        "PASSED",
    ),
    "a picture whose words are not": (
        "plots.bars({'right': 97.9}, '%')",
        "plots.bars({'right': 80.0}, '%')",
        {"tolerance": "8 points"},
        "FAILED",
    ),
    "a picture without words": ("draw();", "draw(1.0);", {"tolerance": "8 points"}, "FAILED"),
    "wider columns": ("print('a   9.9')", "print('a  10.1')", {"tolerance": "5 %"}, "PASSED"),
}


def metadata(tag):
    return tag if isinstance(tag, dict) else {"tags": [tag] if tag else []}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook of the code to be stored, after ``store``."""
    cells = [
        new_code_cell(code, metadata=metadata(tag) | {"execution": {"started": "now"}})
        for code, _, tag, _ in CHANGES.values()
    ]
    path = tmp_path_factory.mktemp("notebooks") / "stored.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    notebooks.store(path)
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def nbval(stored, tmp_path_factory):
    """What pytest prints about the stored notebook after its code has changed."""
    changed = copy.deepcopy(stored)
    for cell, (_, code, _, _) in zip(changed.cells, CHANGES.values(), strict=True):
        cell.source = code
    path = tmp_path_factory.mktemp("notebooks") / "changed.ipynb"
    nbformat.write(changed, path)
    command = [sys.executable, "-m", "pytest", "-rA", "--color=no", "--config-file=pyproject.toml"]
    command += ["-p", "conftest", "--nbval", path]  # outside of the repository conftest.py has to be named
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8").stdout


@pytest.mark.parametrize("change", CHANGES)
def test_nbval_sees_what_a_reader_would_see(nbval, change):
    outcome, number = CHANGES[change][-1], list(CHANGES).index(change)
    assert re.search(rf"^{outcome} .*::Cell {number}\b", nbval, re.MULTILINE), nbval


def test_nbval_says_in_words_how_a_picture_differs(nbval):
    assert re.search(r"picture 1: mean difference \d+\.\d grey levels .* near pixel row \d+, column \d+", nbval)
    assert re.search(r"picture 1: stored \d+ × \d+ pixels, now \d+ × \d+", nbval)


def test_nbval_names_the_number_that_left_its_tolerance(nbval):
    assert "number 2: stored 97.9, now 95.1; at most 2 points away is forgiven" in nbval
    assert "stored 3" not in nbval


def test_a_stored_notebook_shows_its_outputs_and_nothing_of_the_machine(stored):
    assert [cell.execution_count for cell in stored.cells] == list(range(1, len(CHANGES) + 1))
    assert stored.cells[1].outputs[0].text == "0.125\n"
    assert stored.metadata == notebooks.METADATA
    assert all("execution" not in cell.metadata for cell in stored.cells)


def test_a_stored_panel_is_its_plain_text(stored):
    (panel,) = (cell for cell in stored.cells if "IntSlider" in cell.source)
    assert panel.outputs[0].data == {"text/plain": "IntSlider(value=0)"}


def test_a_stored_picture_has_its_words_with_or_without_pyplot(tmp_path):
    cells = [
        "import numpy as np\nfrom cnnlessons import plots\nplots.grids([[[7, -1], [4, 11]]], ['feature map'])",
        "%matplotlib inline\nimport matplotlib.pyplot\nplots.images([np.eye(2)], alt='white on the diagonal')",
        "display(plots.kinds({'layer': {'edges': 0.25, 'lines': 0.75}}))",
    ]
    path = tmp_path / "pictures.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code) for code in cells]), path)
    notebooks.store(path)
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.outputs]
    assert [output.metadata["image/png"]["alt"] for output in outputs] == [
        "feature map: 7 −1; 4 11.",
        "white on the diagonal",
        "Shares. layer: edges 25%, lines 75%.",
    ]
    assert all(output.data["image/png"].startswith("iVBOR") for output in outputs)  # a PNG in base64
    assert all(output.data["text/plain"].startswith("<Picture") for output in outputs)


@pytest.mark.parametrize("code", ["1 / 0", "import os; os._exit(1)"])
def test_a_notebook_that_fails_is_not_stored(tmp_path, code):
    path = tmp_path / "failing.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell(code)]), path)
    before = path.read_bytes()
    with pytest.raises(notebooks.NotebookError, match="cell 1 failed, nothing was stored"):
        notebooks.store(path)
    assert path.read_bytes() == before


def test_storing_without_nbclient_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    with pytest.raises(notebooks.NotebookError, match="package 'nbclient' is needed"):
        notebooks.store(tmp_path / "any.ipynb")


def test_a_question_is_found_under_the_nearest_heading_above():
    def tagged(cell, *tags):
        cell.metadata["tags"] = list(tags)
        return cell

    notebook = new_notebook(
        cells=[
            tagged(new_code_cell("0"), "setup", "Q-A1"),
            new_markdown_cell("# The *first* `kernel`\nText."),
            tagged(new_code_cell("1"), "Q-A1", "Q-B2"),
            tagged(new_markdown_cell("### Border"), "Q-B2"),
            tagged(new_code_cell("# comment"), "Q-B2"),
        ]
    )
    assert notebooks.questions(notebook) == {"A1": ["", "The first kernel"], "B2": ["The first kernel", "Border"]}
    assert notebooks.anchor("The first kernel") == "The-first-kernel"


def test_a_heading_within_a_cell_is_that_of_the_cells_below_it():
    cells = [
        new_markdown_cell("# One\ntext\n```\n# no heading\n```"),
        new_code_cell("# no heading"),
        new_markdown_cell("What was found.\n\n## Two `x`"),
        new_code_cell("1"),
    ]
    assert notebooks.sections(new_notebook(cells=cells)) == ["One", "One", "One", "Two x"]


# ---- Cells that are run again


def test_a_cell_that_is_not_the_same_when_it_is_run_again_is_found(tmp_path):
    cells = {
        "import numpy as np\nimport time\nrng, count, pool = np.random.default_rng(0), 3, [1]": None,
        "np.random.default_rng(0).random()": None,
        "rng.random()": "says",
        "pool.pop()": "fails: IndexError: pop from empty list",
        "count": "again, from the last cell up: says '4' where it was '3'",
        "count = 4": None,
        "seen = []": None,
        "seen.append(1)\nassert len(seen) < 3": "the third time in a row: fails: AssertionError",
        "print(time.perf_counter())": None,
        "time.perf_counter()": "says",
        "object()": None,
    }
    book = new_notebook(cells=[new_code_cell(code) for code in cells])
    book.cells[8].metadata["tags"] = ["clock"]
    nbformat.write(book, tmp_path / "book.ipynb")
    number, found = rerun.rerun(tmp_path / "book.ipynb")
    assert number == len(cells)
    for index, what in enumerate(cells.values()):
        told = [line for line in found if line.startswith(f"cell {index},")]
        assert any(what in line for line in told) if what else told == []


# --------------------------------------------------------------------------- as text


def test_as_text_a_notebook_is_its_words_its_code_and_what_it_says(stored, tmp_path):
    cells = [new_markdown_cell("# Title\ntext", id="one"), *stored.cells]
    nbformat.write(new_notebook(cells=cells), tmp_path / "any.ipynb")
    text = notebooks.as_text(tmp_path / "any.ipynb")
    assert text.startswith("--- markdown one {}\n# Title\ntext\n\n--- code ")
    assert "\nprint(0.125)\n\n  | 0.125\n--- code" in text
    assert '{"tolerance": "2 points"}\nprint(\'97.9 %\')\n\n  | 97.9 %\n' in text
    pictures = re.findall(r"^  \| picture, \d{3} × \d{3} pixels, checksum \w{8}$", text, re.MULTILINE)
    assert len(pictures) == sum(cell.source.startswith(("draw(", "plots.")) for cell in stored.cells)
    assert max(map(len, text.splitlines())) < 300


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_git_shows_a_change_in_words_and_that_a_picture_changed(stored, tmp_path):
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    changed = copy.deepcopy(stored)
    changed.cells[1].outputs[0].text = "0.126\n"
    drawn = next(cell.outputs[0] for cell in changed.cells if cell.source.startswith("draw("))
    drawn.data["image/png"] = base64.b64encode(base64.b64decode(drawn.data["image/png"]) + b"more").decode()
    drawn.metadata["image/png"] = {"alt": "a sine"}
    settings = {"user.name": "A", "user.email": "a@example.org", "commit.gpgsign": "false"}
    settings["diff.lesson.textconv"] = f'"{sys.executable}" -m cnnlessons.cli show'

    def git(*words):
        command = ["git", *(word for pair in settings.items() for word in ("-c", "=".join(pair))), *words]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.check_output(command, cwd=tmp_path, env=environment, encoding="utf-8")

    git("init", "--quiet")
    for notebook in (stored, changed):
        nbformat.write(notebook, tmp_path / "any.ipynb")
        git("add", "any.ipynb")
        if notebook is stored:
            git("commit", "--quiet", "--message=first")
    lines = [line for line in git("diff", "--cached", "--unified=0").splitlines() if re.match(r"[-+] ", line)]
    assert [re.sub(r"\d+ × \d+|\w{8}$", "…", line) for line in lines] == [
        "-  | 0.125",
        "+  | 0.126",
        "-  | picture, … pixels, checksum …",
        "+  | a sine",
        "+  | picture, … pixels, checksum …",
    ]


# --------------------------------------------------------------------------- a new lesson


def within_a_copy(course, *words):
    """Run Python in a copy of the course: its exit status, and what it said."""
    environment = os.environ | {"PYTHONPATH": str(course), "PYTHONUTF8": "1"}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def test_a_new_lesson_passes_the_tests_of_lessons_exercises_and_index(tmp_path):
    for name in ("cnnlessons", "notebooks", "tests/notebooks", "data/new_lesson"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("README.md", "pyproject.toml", "conftest.py", "tests/conftest.py", "tests/test_exercises.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    status, said = within_a_copy(tmp_path, "-m", "cnnlessons.cli", "new-lesson", "98", 'What is "same"?')
    assert status == 0, said
    new = [tmp_path / "notebooks" / "98_what_is_same.ipynb", tmp_path / "cnnlessons" / "exercises" / "lesson_98.py"]
    assert all(str(file) in said for file in new)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "(notebooks/98_what_is_same.ipynb) | Which one question does this lesson answer? | 50 + 30 |\n" in readme
    start = notebooks.as_text(tmp_path / "notebooks" / "00_start_here.ipynb")
    assert "(98_what_is_same.ipynb) | what it is about | its picture, map/98.png |\n" in start
    text = notebooks.as_text(new[0])
    assert '# 98 What is "same"?\n' in text
    assert "98.row_means" in text
    assert "  | loops and the course's function: equal in all 6 numbers\n" in text
    for words in (["check"], ["format", "--check"]):
        assert within_a_copy(tmp_path, "-m", "ruff", *words, *new)[0] == 0
    tests = "tests/notebooks/test_hygiene.py", "tests/notebooks/test_index.py", "tests/test_exercises.py"
    status, said = within_a_copy(tmp_path, "-m", "pytest", "-q", "-n", "0", *tests, "-k", "98 or index or every_lesson")
    assert status == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) > 40  # those of each kind were found


@pytest.mark.parametrize(
    ("number", "title", "said"),
    [
        (12, "Another", r"lesson 12 is there already \(.*12_one.ipynb\): choose another number"),
        (13, "Another", r"lesson 13 is there already \(.*lesson_13.py\): choose another number"),
        (0, "Zero", r"a number from 1 to 98 and a title without \| \[ \], got 0 and 'Zero'"),
        (97, "One | two", r"a title without \| \[ \], got 97 and 'One \| two'"),
        (97, "?", r"got 97 and '\?'"),
    ],
)
def test_a_lesson_that_cannot_be_begun_leaves_all_as_it_was(monkeypatch, tmp_path, number, title, said):
    monkeypatch.setattr(notebooks, "COURSE", tmp_path)
    files = [tmp_path / "notebooks" / "12_one.ipynb", tmp_path / "cnnlessons" / "exercises" / "lesson_13.py"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
    with pytest.raises(notebooks.NotebookError, match=said):
        notebooks.new_lesson(number, title)
    assert [path for path in tmp_path.rglob("*.*") if path.read_text() or path not in files] == []


def test_outside_of_the_course_s_folder_no_lesson_is_begun(monkeypatch, tmp_path):
    monkeypatch.setattr(notebooks, "SKELETON", tmp_path / "none")
    with pytest.raises(notebooks.NotebookError, match="get the course's folder, and begin the lesson in it"):
        notebooks.new_lesson(97, "Any")
