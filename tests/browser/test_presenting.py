"""A lesson with stored results as slides: it shows them until there are new ones, and its file stays as it is."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import expect

import lab
from cnnlessons.notebooks import METADATA

pytestmark = pytest.mark.browser
NAMES = ("presented", "busy", "closed", "left", "own", "fails")


def ran(source, stored, **more):
    """A code cell that has run, and the text that it printed."""
    return new_code_cell(source, execution_count=1, outputs=[new_output("stream", text=stored)], **more)


WAITS = "import time\nfrom pathlib import Path\n\nwhile not Path('{}.go').exists():\n    time.sleep(0.05)\n"


def cells(name):
    third = {"fails": "1 / 0", "busy": WAITS.format("never")}.get(name, "print('new three')")
    return [
        new_markdown_cell("# One"),
        ran(WAITS.format(name) + "print('new one')", "stored one\n"),
        new_markdown_cell("Of the first slide.\n\n## Two\n\n**Predict.** Six by seven?"),
        ran("print('Answer: 42, new')", "Answer: 42\n", id="guess", metadata={"tags": ["predict"]}),
        new_markdown_cell(
            "Of the second slide.\n\n- A list.\n\n## Three\n\nOf the third slide.\n\n### A part\n\nMore."
        ),
        ran(third, "stored three\n"),
        ran("x = 1", "nothing any more\n"),
        ran("print('new last')", "stored last\n"),
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("presenting")
    for name in NAMES:
        nbformat.write(new_notebook(cells=cells(name), metadata=METADATA), root / f"{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def laboratory(browser, root):
    with lab.running_lab(root) as address, browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        yield address, context


@pytest.fixture
def opened(laboratory):
    """A function that opens a notebook, as slides or not, in a JupyterLab that saves every `seconds`."""
    address, context = laboratory

    def opened(name, seconds, presenting=True):
        page, where = context.new_page(), address(f"{name}.ipynb")
        lab.open_notebook(page, where)
        page.evaluate(
            "each => jupyterapp.serviceManager.settings.save('@jupyterlab/docmanager-extension:plugin', each)",
            f'{{"autosaveInterval": {seconds}}}',
        )
        lab.open_notebook(page, where.replace("/lab/", "/lab/workspaces/presenting/") if presenting else where)
        if presenting:
            page.wait_for_selector(".cnn-bar")
        return page

    yield opened
    for page in context.pages:
        page.close()


def printed(page, text):
    """What a cell shows below its code."""
    return page.locator(".jp-OutputArea-output", has_text=re.compile(f"^{text}\n$"))


def slide(page, key, name):
    page.keyboard.press(key)
    expect(page.get_by_role("status").first).to_contain_text(name)


def is_saved(page):
    """Whether JupyterLab has nothing to save; waited for longer than its saving takes."""
    page.wait_for_timeout(3000)
    return not page.evaluate("() => jupyterapp.shell.currentWidget.model.dirty")


def test_slides_show_what_is_stored_until_it_is_new_and_the_file_stays_the_same(opened, root):
    file = root / "presented.ipynb"
    before = file.read_bytes()
    page = opened("presented", seconds=1)
    expect(printed(page, "stored one")).to_be_visible()
    slide(page, "End", "Three")
    expect(printed(page, "stored three")).to_be_visible()
    slide(page, "ArrowLeft", "Two")
    answer = printed(page, "Answer: 42")
    expect(answer).to_be_hidden()
    page.keyboard.press("Shift+Enter")  # the run is still at the first cell
    expect(answer).to_be_visible()
    (root / "presented.go").touch()
    expect(printed(page, "Answer: 42, new")).to_be_visible()
    slide(page, "End", "Three")
    expect(printed(page, "new last")).to_be_visible()
    expect(printed(page, "nothing any more")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(printed(page, "new one")).to_be_visible()
    assert is_saved(page)
    assert file.read_bytes() == before


def test_closing_the_tab_in_the_middle_of_the_run_loses_nothing(opened, root):
    file = root / "closed.ipynb"
    before = file.read_bytes()
    page = opened("closed", seconds=1)
    page.wait_for_function("() => jupyterapp.shell.currentWidget.content.widgets[1].model.executionState === 'running'")
    assert is_saved(page)
    page.close()
    assert file.read_bytes() == before


def test_an_answer_that_is_there_does_not_wait_for_a_slow_cell_below(opened, root):
    (root / "busy.go").touch()
    page = opened("busy", seconds=3600)
    answer = printed(page, "Answer: 42, new")
    slide(page, "ArrowRight", "Two")
    expect(answer).to_have_count(1)
    expect(answer).to_be_hidden()
    page.wait_for_function("() => jupyterapp.shell.currentWidget.content.widgets[5].model.executionState === 'running'")
    page.keyboard.press("Shift+Enter")
    expect(answer).to_be_visible()
    assert page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets[3].model.executionState") == "idle"


def test_after_an_error_what_follows_keeps_its_results(opened, root):
    (root / "fails.go").touch()
    page = opened("fails", seconds=3600)
    slide(page, "End", "Three")
    expect(page.get_by_text("division by zero")).to_be_visible()
    lab.wait_until_idle(page)
    for text in ("nothing any more", "stored last"):
        expect(printed(page, text)).to_be_visible()


def write(page, text):
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Control+Home")
    page.keyboard.type(text)


def test_a_text_written_before_the_lesson_is_presented_is_saved_when_the_slides_are_left(opened, root):
    page = opened("own", seconds=3600, presenting=False)
    write(page, "mine = 1\n")
    page.get_by_role("button", name="Present").click()
    expect(page.locator(".cnn-bar")).to_have_count(1)
    page.keyboard.press("Escape")
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.model.dirty")
    kept = nbformat.read(root / "own.ipynb", as_version=4).cells
    assert kept[3].source.startswith("mine = 1\n")
    assert kept[5].outputs[0].text == "stored three\n"


def test_a_text_changed_on_the_slides_is_the_teacher_s_to_save_after_leaving(opened, root):
    file = root / "left.ipynb"
    before = file.read_bytes()
    page = opened("left", seconds=1)
    slide(page, "ArrowRight", "Two")
    write(page, "mine = 2\n")
    assert is_saved(page)
    assert file.read_bytes() == before
    page.locator(".cnn-bar").get_by_role("button", name="Leave").click()
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.model.dirty")
    kept = nbformat.read(file, as_version=4).cells
    assert kept[3].source.startswith("mine = 2\n")
    assert [len(cell.outputs) for cell in kept if cell.cell_type == "code"] == [1, 1, 1, 1, 1]


def test_what_stands_above_a_heading_ends_the_slide_before(opened, root):
    (root / "presented.go").touch()
    page = opened("presented", seconds=3600)
    words = {"One": "Of the first slide.", "Two": "Of the second slide.", "Three": "Of the third slide."}

    def in_sight(name):
        seen = [each for each in words.values() if page.locator("p", has_text=each).is_visible()]
        assert seen == [words[name]]

    expect(page.locator("p", has_text="Of the first slide.")).to_be_visible()
    expect(page.get_by_role("heading", name="Two")).to_be_hidden()
    expect(page.locator("p", has_text="Predict.")).to_be_hidden()
    in_sight("One")
    slide(page, "ArrowRight", "Two")
    expect(page.get_by_role("heading", name="Two")).to_be_visible()
    assert page.locator("p:visible", has_text="Of the").count() == 0  # below the prediction, which waits
    page.keyboard.press("Shift+Enter")
    expect(page.locator("li", has_text="A list.")).to_be_visible()
    in_sight("Two")
    assert page.get_by_role("heading", name="A part").is_hidden()
    slide(page, "ArrowRight", "Three")
    expect(page.get_by_role("heading", name="A part")).to_be_visible()
    in_sight("Three")
    assert page.locator("li", has_text="A list.").is_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("li", has_text="A list.")).to_be_visible()
