"""The index "question → lesson and section" in lesson 00 tells the truth about every notebook."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from cnnlessons.notebooks import QUESTION_IDS, anchor, questions, sections

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = {path.name: nbformat.read(path, as_version=4) for path in sorted(FOLDER.glob("*.ipynb"))}
START = "00_start_here.ipynb"

ROW = re.compile(r"^\| *([A-Z]\d+) *\|(.+)\|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)#([^)\s]+)\)")


@pytest.fixture(scope="module")
def index():
    """Question id to the set of (notebook, anchor) to which its row links."""
    (table,) = (cell.source for cell in NOTEBOOKS[START].cells if "index" in cell.metadata.get("tags", []))
    rows = ROW.findall(table)
    lines = re.findall(r"^\|", table, re.MULTILINE)
    assert len(rows) == len(lines) - 2, "below the head, every row of the index is: | A1 | question | links |"
    links = {question: {(file, unquote(place)) for file, place in LINK.findall(row)} for question, row in rows}
    assert len(links) == len(rows), "a question has one row, with several links if need be"
    return links


@pytest.fixture(scope="module")
def answers():
    """Question id to the set of (notebook, anchor) where cells are tagged with it."""
    places = {}
    for file, notebook in NOTEBOOKS.items():
        for question, headings in questions(notebook).items():
            places.setdefault(question, set()).update((file, anchor(heading)) for heading in headings)
    return places


def test_the_index_names_exactly_the_sections_that_answer(index, answers):
    assert index == answers


def test_every_question_of_the_index_is_known(index):
    assert set(index) <= set(QUESTION_IDS)


def test_every_link_of_the_index_leads_to_a_heading(index):
    for file, place in set().union(*index.values()):
        assert place in map(anchor, sections(NOTEBOOKS[file])), f"{file}#{place}"


def test_every_question_is_answered_by_code_that_ran(answers):
    shown = {
        tag.removeprefix("Q-")
        for notebook in NOTEBOOKS.values()
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count and cell.outputs
        for tag in cell.metadata.get("tags", [])
        if tag.startswith("Q-")
    }
    assert shown == set(answers)


@pytest.mark.parametrize("folder", ["", "notebooks/"], ids=["lesson 00", "README"])
def test_the_table_of_lessons_has_every_lesson_in_order(folder):
    """A lesson that is not listed is not found."""
    if folder:
        text = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    else:
        text = next(cell.source for cell in NOTEBOOKS[START].cells if cell.source.startswith("## The lessons"))
    listed = re.findall(rf"^\| \[\d\d [^\]]+\]\({folder}([^)/]+\.ipynb)\)", text, re.MULTILINE)
    assert listed == [name for name in NOTEBOOKS if folder or name != START]
