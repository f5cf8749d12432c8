"""Every notebook is stored as a reader would get it by running it, and every lesson has the course's shape."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

from cnnlessons.notebooks import INDEX, METADATA, QUESTION_IDS, headings, in_order

ROOT = Path(__file__).parents[2]
NOTEBOOKS = in_order(ROOT / "notebooks")
DEEPER = [path for path in NOTEBOOKS if path.parent.name == "deeper"]
LESSONS = [path for path in NOTEBOOKS if path not in DEEPER and path.name != INDEX and not path.name.startswith("00")]

TAGS = {
    "index",  # a table "question → lesson and section", in index_of_questions
    "setup",  # imports and seed
    "predict",  # the reader writes down a guess
    "panel",  # something to explore
    "exercise",  # a stub for the reader's own code
    "check",  # what the course says about that code
    "answer",  # a solution, folded away
    "recap",  # the driving question, answered
    "guard",  # only holds the prose to its numbers; folded
    "slow",  # takes more than five seconds
    "clock",  # shows what a clock told, so that it says something else when it is run again
    "nbval-ignore-output",  # differs between machines; the next cell asserts the claim
} | {f"Q-{question}" for question in QUESTION_IDS}

SILENCERS = r"%%capture|filterwarnings|simplefilter|catch_warnings|redirect_stderr"
PERSONAL_FOLDERS = r"(?<![\w.])/(tmp|home|root|Users|private|mnt)/|\b[A-Z]:\\"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


@pytest.fixture(params=DEEPER, ids=lambda path: path.stem)
def deeper(request):
    return nbformat.read(request.param, as_version=nbformat.NO_CONVERT)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def tagged(notebook, tag):
    """Positions of the cells that carry `tag`."""
    return [i for i, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]


def cells_that_ask(notebook):
    """Positions of the cells that ask the reader for a guess."""
    return [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown" and "**Predict" in cell.source]


def shows_picture(cell):
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def test_the_file_is_valid_and_every_cell_has_its_own_id(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_the_metadata_tells_nothing_of_the_machine(notebook):
    assert notebook.metadata == METADATA, "store the notebook with: cnnlessons store"
    assert not [cell.id for cell in notebook.cells if "execution" in cell.metadata]


def test_a_folded_cell_is_written_as_jupyterlab_writes_it_and_its_first_line_gives_nothing_away(notebook):
    folded = [cell for cell in notebook.cells if cell.metadata.get("jupyter", {}).get("outputs_hidden")]
    for cell in folded:
        assert cell.metadata.get("collapsed"), "store the notebook with: cnnlessons store"
        first = cell.outputs[0]  # JupyterLab shows its first line
        line = (first.get("text") or first.data["text/plain"]).splitlines()[0]
        assert line in ("No prediction written.", "What was measured:") or "answer" in cell.metadata.tags


def test_every_cell_ran_once_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "store the notebook with: cnnlessons store"


def test_there_is_no_empty_cell(notebook):
    assert not [i for i, cell in enumerate(notebook.cells) if not cell.source.strip()]


def test_no_cell_failed_or_warned(notebook):
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert not [output.text for output in outputs(notebook) if output.get("name") == "stderr"]


def test_the_file_is_smaller_than_a_megabyte(path):
    assert path.stat().st_size < 1_000_000


def test_a_panel_is_stored_as_its_plain_text(notebook):
    for output in outputs(notebook):
        kinds = set(output.get("data", {"text/plain"}))
        assert not [kind for kind in kinds if "jupyter.widget" in kind], "store the notebook with: cnnlessons store"
        assert "text/plain" in kinds


def test_no_output_names_a_folder_of_the_machine(notebook):
    for output in outputs(notebook):
        texts = [output.get("text", "")] + [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
        for text in texts:
            assert not re.search(PERSONAL_FOLDERS, text), text
            assert not any(folder in text for folder in (str(ROOT), sys.prefix)), text


def test_a_code_cell_is_at_most_25_lines(notebook):
    assert not [cell.source for cell in code_cells(notebook) if len(cell.source.splitlines()) > 25]


def test_every_question_to_predict_has_a_cell_for_the_guess(notebook):
    # After the title, which may speak of predictions; a picture may stand between the question and the cell.
    asked = [i for i in cells_that_ask(notebook) if i > 0]
    guesses = tagged(notebook, "predict")
    assert [cell for cell in guesses if "prediction = None" not in notebook.cells[cell].source] == []
    assert len(asked) == len(guesses)
    assert sorted(asked + guesses) == [i for pair in zip(asked, guesses, strict=True) for i in pair]


def test_no_warning_is_silenced(notebook):
    assert not [cell.source for cell in code_cells(notebook) if re.search(SILENCERS, cell.source)]


def test_every_picture_in_prose_has_alternative_text(notebook):
    for cell in markdown_cells(notebook):
        assert not re.search(r"!\[\s*\]", cell.source), cell.source
        for image in re.findall(r"<img\b[^>]*>", cell.source):
            assert re.search(r'\balt="[^"]', image), image


def generators(cell):
    """The names that a cell gives to random generators."""
    made = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Assign)]
    pairs = [
        pair
        for node in made
        for target in node.targets
        for pair in (
            zip(target.elts, node.value.elts, strict=False)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            else [(target, node.value)]
        )
    ]
    return {
        target.id
        for target, value in pairs
        if isinstance(target, ast.Name)
        and isinstance(value, ast.Call)
        and ast.unparse(value.func).endswith("default_rng")
    }


def test_what_is_drawn_has_its_generator_in_its_own_cell(notebook):
    names = set().union(*map(generators, code_cells(notebook)))
    for cell in code_cells(notebook):
        nodes = list(ast.walk(ast.parse(cell.source)))
        given = {node.arg for node in nodes if isinstance(node, ast.arg)}
        used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        assert used & names <= generators(cell) | given, f"this cell draws something else each time:\n{cell.source}"


def test_every_tag_is_known(notebook):
    used = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
    assert used <= TAGS


def test_every_heading_is_the_only_one_of_its_name(notebook):
    names = [name for cell in notebook.cells for name in headings(cell)]
    assert len(set(names)) == len(names), "a link leads to the first heading of its name"


def test_a_lesson_begins_with_its_title_its_goals_and_its_minutes(lesson):
    title = lesson.cells[0].source
    assert re.match(r"# \d\d ", title)
    assert "You will be able to" in title
    assert re.search(r"\d+ minutes", title)


def test_a_lesson_has_one_setup_cell_before_all_other_code(lesson):
    (setup,) = tagged(lesson, "setup")
    assert lesson.cells[setup] is code_cells(lesson)[0]


def test_a_panel_stands_below_its_static_picture(lesson):
    panels = tagged(lesson, "panel")
    assert panels
    for previous, panel in zip([0, *panels], panels, strict=False):
        assert any(shows_picture(cell) for cell in lesson.cells[previous:panel])


def test_a_lesson_has_two_to_four_exercises_each_with_its_check(lesson):
    exercises, checks = tagged(lesson, "exercise"), tagged(lesson, "check")
    assert 2 <= len(exercises) <= 4
    assert len(checks) == len(exercises)
    assert all("not attempted yet" in str(lesson.cells[check].outputs).lower() for check in checks)


def test_a_lesson_ends_with_a_recap_and_what_comes_next(lesson):
    assert tagged(lesson, "recap")
    assert lesson.cells[-1].cell_type == "markdown"
    assert re.search(r"\bnext\b", lesson.cells[-1].source, re.IGNORECASE)


def test_a_deeper_notebook_says_what_it_is_its_minutes_and_has_at_most_sixty_cells(deeper):
    assert re.match(r"# \d\d deeper: ", deeper.cells[0].source)
    assert re.search(r"\d+ minutes", deeper.cells[0].source)
    assert len(deeper.cells) <= 60
    (setup,) = tagged(deeper, "setup")
    assert deeper.cells[setup] is code_cells(deeper)[0]


def test_a_bare_assert_stands_in_a_folded_guard_only(notebook):
    for cell in code_cells(notebook):
        if re.search(r"^assert ", cell.source, re.MULTILINE):
            assert "guard" in cell.metadata.get("tags", []), cell.source
            assert cell.metadata.get("jupyter", {}).get("source_hidden"), cell.source


# --------------------------------------------------------------------------- the budget of a lesson that people finish

WORDS, CELLS, LINES, MINUTES, FIGURES = 2200, 48, 250, 55, 6
TABLES, ROWS, COLUMNS = 3, 6, 5
LONGEST, MEDIAN = 20, 8  # lines of a code cell
UNSPOKEN = r"```.*?```|\$\$.*?\$\$|<[^>]+>|\]\([^)]*\)|`"  # code, formulas, tags, where a link leads


def words(cells):
    prose = (re.sub(UNSPOKEN, "", cell.source, flags=re.DOTALL) for cell in cells)
    return sum(len(re.findall(r"\w[\w'’.-]*", text)) for text in prose)


def lines_of_code(cell):
    return len([line for line in cell.source.splitlines() if line.strip()])


def figures(cell):
    """How many pictures a cell shows, or has in its words."""
    kinds = ("image/png", "image/svg+xml")
    shown = [output for output in cell.get("outputs", []) if any(kind in output.get("data", {}) for kind in kinds)]
    drawn = re.findall(r"!\[|<img\b|<svg\b", cell.source) if cell.cell_type == "markdown" else []
    return len(shown) + len(drawn)


def over_budget(lesson):
    """Return what a lesson has too much or too little of, each in a few words."""
    code, prose = code_cells(lesson), markdown_cells(lesson)
    lengths = [lines_of_code(cell) for cell in code]
    spoken, lines = words(prose), sum(lengths)
    tables = [
        len(table.splitlines()) - 2 for cell in prose for table in re.findall(r"(?:^\|.*\n?)+", cell.source, re.M)
    ]
    columns = [row.count("|") - 1 for cell in prose for row in re.findall(r"^\|[ :|-]+\|$", cell.source, re.M)]
    limits = {
        "words": (spoken, WORDS),
        "cells": (len(lesson.cells), CELLS),
        "lines of code": (lines, LINES),
        "minutes of reading": (spoken / 200 + lines / 6, MINUTES),
        "lines in a cell": (max(lengths), LONGEST),
        "lines in the middle cell": (sorted(lengths)[len(lengths) // 2], MEDIAN),
        "tables": (len(tables), TABLES),
        "rows in a table": (max(tables, default=0), ROWS),
        "columns in a table": (max(columns, default=0), COLUMNS),
    }
    found = [f"{value:.0f} {what}, at most {limit}" for what, (value, limit) in limits.items() if value > limit]
    if sum(map(figures, lesson.cells)) < FIGURES:
        found.append(f"{sum(map(figures, lesson.cells))} figures, at least {FIGURES}")
    if not any(map(figures, lesson.cells[:6])):
        found.append("no figure in the first six cells")
    return found


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_keeps_the_budget_of_what_a_person_finishes(path):
    assert not over_budget(nbformat.read(path, as_version=nbformat.NO_CONVERT))
