"""The index "question → lesson and section" tells the truth about every notebook."""

import re
import shutil
from urllib.parse import unquote

import nbformat
import pytest

from cnnlessons import notebooks
from cnnlessons.notebooks import INDEX, LESSONS, QUESTION_IDS, anchor, sections

NOTEBOOKS = {
    path.relative_to(LESSONS).as_posix(): nbformat.read(path, as_version=4) for path in notebooks.in_order(LESSONS)
}
START = "00_start_here.ipynb"
CORE = [name for name in NOTEBOOKS if re.fullmatch(r"\d\d_\w+\.ipynb", name)]

ROW = re.compile(r"^\| *([A-Z]\d+) *\|(.+)\|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)#([^)\s]+)\)")


@pytest.fixture(scope="module")
def index():
    """Question id to the set of (notebook, anchor) to which its row links."""
    links = {}
    for cell in NOTEBOOKS[INDEX].cells:
        if "index" in cell.metadata.get("tags", []):
            rows = ROW.findall(cell.source)
            lines = re.findall(r"^\|", cell.source, re.MULTILINE)
            assert len(rows) == len(lines) - 2, "below the head, every row is: | A1 | question | answer |"
            assert not {question for question, _ in rows} & set(links), "a question has one row"
            links |= {question: {(file, unquote(place)) for file, place in LINK.findall(row)} for question, row in rows}
    return links


@pytest.fixture(scope="module")
def answers():
    """Question id to the set of (notebook, anchor) where cells are tagged with it."""
    found = notebooks.answers(LESSONS)
    return {question: {(file, anchor(section)) for file, section in places} for question, places in found.items()}


def test_the_index_names_exactly_the_sections_that_answer(index, answers):
    assert {question: links for question, links in index.items() if links} == answers, "run: cnnlessons index"


def test_the_index_has_every_question_in_order(index):
    assert list(index) == list(QUESTION_IDS)


def test_every_answer_of_the_index_links_a_section_and_takes_its_numbers_from_there():
    rows = [row for cell in NOTEBOOKS[INDEX].cells for row in notebooks.ROW.findall(cell.source)]
    for _, question, answer in rows:
        ((file, place),) = LINK.findall(answer)
        told = section_of(NOTEBOOKS[file], unquote(place))
        said = re.sub(r"`[^`]*`", "", answer[: answer.index("[")])
        absent = [number for number in NUMBER.findall(said) if number not in NUMBER.findall(told)]
        assert not absent, f"{question}: {', '.join(absent)} stands nowhere in {file}#{place}"


NUMBER = re.compile(r"(?<![\w.])(?<!\w-)\d+(?:[.,]\d+)*(?!\w)")  # not that of CIFAR-10


def section_of(notebook, place):
    """The prose of a section, and what its code prints."""
    cells = zip(notebook.cells, sections(notebook), strict=True)
    inside = [cell for cell, section in cells if anchor(section) == place]
    printed = [output for cell in inside for output in cell.get("outputs", [])]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in printed]
    return "\n".join([cell.source for cell in inside] + texts)


def test_every_link_of_the_index_leads_to_a_heading(index):
    for file, place in set().union(*index.values()):
        assert place in map(anchor, sections(NOTEBOOKS[file])), f"{file}#{place}"


def test_the_index_is_as_the_command_writes_it(tmp_path):
    shutil.copytree(LESSONS, tmp_path / "notebooks")
    again = notebooks.write_index(tmp_path / "notebooks")
    assert again.read_bytes() == (LESSONS / INDEX).read_bytes(), "run: cnnlessons index"


def test_an_answer_to_a_question_without_a_row_is_told(tmp_path):
    for name, tags in ((INDEX, ["index"]), ("01_one.ipynb", ["Q-A1"])):
        source = "| A2 | which? | this |" if name == INDEX else "## Here"
        cell = nbformat.v4.new_markdown_cell(source, metadata={"tags": tags})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / name)
    with pytest.raises(notebooks.NotebookError, match="has no row for A1: write its question there first"):
        notebooks.write_index(tmp_path)


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


@pytest.mark.parametrize("file", NOTEBOOKS)
def test_every_link_to_a_notebook_of_the_course_leads_somewhere(file):
    """Also to its section, if it names one."""
    for cell in NOTEBOOKS[file].cells:
        prose = re.sub(r"`[^`]*`", "", cell.source) if cell.cell_type == "markdown" else ""
        for target, _, place in re.findall(r"\]\(([^)#\s:]+\.ipynb)(#([^)\s]+))?\)", prose):
            path = ((LESSONS / file).parent / unquote(target)).resolve().relative_to(LESSONS.resolve()).as_posix()
            assert path in NOTEBOOKS, target
            assert not place or unquote(place) in map(anchor, sections(NOTEBOOKS[path])), f"{target}#{place}"


@pytest.mark.parametrize("file", [name for name in NOTEBOOKS if name.startswith("deeper/")])
def test_a_deeper_notebook_is_linked_from_its_lesson(file):
    """What is not linked is not found."""
    (lesson,) = [name for name in CORE if name[:2] == file.removeprefix("deeper/")[:2]]
    assert any(f"]({file}" in cell.source for cell in NOTEBOOKS[lesson].cells)
    assert f"](../{lesson})" in NOTEBOOKS[file].cells[0].source
    assert f"](../{lesson})" in NOTEBOOKS[file].cells[-1].source


@pytest.mark.parametrize("folder", ["", "notebooks/"], ids=["lesson 00", "README"])
def test_the_table_of_lessons_has_every_lesson_in_order(folder):
    """A lesson that is not listed is not found."""
    if folder:
        text = (LESSONS.parent / "README.md").read_text(encoding="utf-8")
    else:
        text = next(cell.source for cell in NOTEBOOKS[START].cells if cell.source.startswith("## The lessons"))
    listed = re.findall(rf"^\| \[\d\d [^\]]+\]\({folder}([^)/]+\.ipynb)\)", text, re.MULTILINE)
    assert listed == [name for name in CORE if folder or name != START]
