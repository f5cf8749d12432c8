"""The lessons as a reader meets them: in JupyterLab, in a browser, from a fresh kernel."""

import ast
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from playwright.sync_api import expect

import lab
from cnnlessons.notebooks import INDEX, in_order
from cnnlessons.teaching import guest

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = [  # of those that go deeper, the ones with a panel: the others are text and pictures, which nbval compares
    path.relative_to(NOTEBOOKS).as_posix()
    for path in in_order(NOTEBOOKS)
    if path.parent == NOTEBOOKS or '"panel"' in path.read_text(encoding="utf-8")
]

# The tests of the notebooks run every cell and compare what it shows. Here two lessons run whole, and of the others
# what their panels need; or all that there is, as each night.
WHOLE = ("00_start_here.ipynb", "01_convolution_by_hand.ipynb")
EVERY_CELL = "CNNLESSONS_EVERY_CELL" in os.environ

# JupyterLab itself says these when a kernel is restarted, the second if it has not answered all yet.
HARMLESS = ("Could not restore the debugger state", "Error: Canceled future for create_subshell_request message")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a copy of the lessons."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    return root


@pytest.fixture(scope="module")
def address(root):
    """A JupyterLab over the copy of the lessons."""
    with lab.running_lab(root) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, address):
    """JupyterLab, started once, for all lessons: it opens one after the other."""
    with browser.new_page(viewport={"width": 1400, "height": 1000}) as page:
        lab.open_notebook(page, address(f"notebooks/{INDEX}"))
        yield page


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_that_was_opened_and_saved_is_the_same_file(page, root, name):
    lab.open_also(page, f"notebooks/{name}")
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    assert (root / "notebooks" / name).read_bytes() == (NOTEBOOKS / name).read_bytes()
    lab.close(page)


def test_a_link_of_the_index_finds_its_section_at_the_second_click(page):
    lab.open_also(page, f"notebooks/{INDEX}")
    link = page.locator("a[href*='03_']", has_text="The gradient of the image").first
    link.click()
    page.wait_for_function("() => jupyterapp.shell.currentWidget.context.path.includes('03_')")
    lab.wait_until_idle(page)
    lab.open_also(page, f"notebooks/{INDEX}")
    link.click()
    expect(page.get_by_role("heading", name="The gradient of the image").first).to_be_in_viewport()
    lab.close(page)


@pytest.fixture(scope="module", params=[name for name in LESSONS if name != INDEX])
def lesson(page, root, request):
    """The page after "restart the kernel and run all cells", the notebook in it, and what the page complained about."""
    whole = request.param in WHOLE or EVERY_CELL
    name = f"notebooks/{request.param}" if whole else only_its_panels(root, request.param)
    complaints = []

    def heard(message):
        if getattr(message, "type", "error") == "error":  # of the console; or an error that nothing caught
            complaints.append(getattr(message, "text", str(message)))

    page.on("console", heard)
    page.on("pageerror", heard)
    lab.open_also(page, name)
    yield SimpleNamespace(page=page, notebook=lab.restart_and_run_all(page), complaints=complaints)
    page.remove_listener("console", heard)
    page.remove_listener("pageerror", heard)
    lab.close(page)


def only_its_panels(root, name):
    """Write a copy of a lesson whose code is its panels, and the statements they need; return where."""
    notebook = nbformat.read(root / "notebooks" / name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found, _ = guest.statements(enumerate(cell.source for cell in code))
    kept = set()
    for place, (number, statement) in enumerate(found):
        if "panel" in code[number].metadata.get("tags", []):
            kept |= {place, *guest.needed(place, guest.names_of(statement)[0], found)}
    for cell in code:
        cell.source = ""
    for place in sorted(kept):
        number, statement = found[place]
        code[number].source += ast.unparse(statement) + "\n"
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    path = root / "notebooks" / "panels" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return f"notebooks/panels/{name}"


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_cell_runs_without_an_error(lesson):
    cells = code_cells(lesson.notebook)
    assert [output["evalue"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"] == []
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


def test_every_panel_answers_the_reader(lesson):
    alive = lesson.page.locator(".cnnlessons-panel").all()
    for panel in alive:
        lab.move(lesson.page, panel)
    assert len(alive) == sum("panel" in cell["metadata"].get("tags", []) for cell in lesson.notebook["cells"])


def test_the_page_did_not_complain(lesson):
    living = lab.ask(lesson.page, "import ipywidgets; print(*ipywidgets.widgets.widget._instances)").split()
    assert not [text for text in lesson.complaints if not is_harmless(text, living)]


def is_harmless(complaint, living):
    """Whether JupyterLab says it of itself; of a comm, whether it belongs to none of the `living` widgets.

    After a restart it asks for the widgets' states on a comm of its own, which it forgets before a busy kernel answers.
    """
    comm = complaint.removeprefix("Comm not found for comm id ")
    return complaint.startswith(HARMLESS) or (comm != complaint and comm not in living)


def test_a_comm_that_is_not_found_is_harmless_only_if_it_is_no_widgets():
    assert is_harmless("Comm not found for comm id b", living=["a"])
    assert not is_harmless("Comm not found for comm id a", living=["a"])
    assert not is_harmless("Cannot read properties of undefined", living=["a"])
