"""The forms of the exercises in a browser: questions, and lines to put in order, by keyboard and by mouse."""

import nbformat
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

import lab
from cnnlessons import exercises
from cnnlessons.exercises import puzzles
from cnnlessons.exercises.questions import QUESTIONS
from cnnlessons.notebooks import METADATA

pytestmark = pytest.mark.browser

BY_ASKS = {question.asks: question for question in QUESTIONS}
CONVOLVE = exercises._find("01.convolve")
RIGHT = puzzles._statements(CONVOLVE.solution)[1:]


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("forms")
    cells = ["from cnnlessons import exercises", "exercises.recall(2)", 'exercises.puzzle("01.convolve")']
    nbformat.write(new_notebook(cells=[*map(new_code_cell, cells)], metadata=METADATA), root / "05_forms.ipynb")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CNNLESSONS_PROGRESS", str(root / "notes"))
        with lab.running_lab(root) as address, browser.new_page(viewport={"width": 1280, "height": 900}) as page:
            lab.open_notebook(page, address("05_forms.ipynb"))
            lab.restart_and_run_all(page)
            yield page


def source(page):
    return page.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON().cells.map(({ source }) => source)")


def test_questions_are_answered_by_keyboard_and_noted(page):
    form, before = page.locator(".cnnlessons-questions"), source(page)
    questions = [BY_ASKS[text] for text in form.locator("legend").all_text_contents()]
    assert [question.lesson for question in questions] == [4, 1]  # the notebook's name says that this is lesson 05
    for question in questions:
        group = form.get_by_role("group", name=question.asks)
        if question.choices:
            group.get_by_role("radio", name=question.answer).focus()
            page.keyboard.press("Space")
        else:
            group.get_by_role("textbox").focus()
            page.keyboard.type(str(question.answer))
        page.keyboard.press("Enter")
        expect(group.get_by_role("status")).to_contain_text("right")
    assert source(page) == before
    printed = lab.ask(
        page, "from cnnlessons.exercises import notes\nprint(*(each['recall'] for each in notes.noted()))"
    )
    assert printed.split() == [question.name for question in questions]


def test_lines_are_put_in_order_by_keyboard(page):
    form, before = page.locator(".cnnlessons-puzzle"), source(page)
    for line in reversed(RIGHT):
        form.get_by_role("button", name=line.strip(), exact=True).focus()
        page.keyboard.press("Enter")
    inside = form.get_by_role("list", name="Your function, in order")
    assert inside.get_by_role("listitem").all_text_contents() == [*reversed(RIGHT)]
    page.keyboard.press("ArrowUp")  # the focus stays on the line that was put in last
    expect(form.get_by_role("status").first).to_have_text("Line 1 of 2")
    assert inside.get_by_role("listitem").all_text_contents() == RIGHT
    form.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    expect(form).to_contain_text("01.convolve: passed")
    assert source(page) == before


def test_a_line_is_dragged_out_and_another_one_in_and_the_mistake_is_named(page):
    form = page.locator(".cnnlessons-puzzle")
    inside = form.get_by_role("list", name="Your function, in order")
    outside = form.get_by_role("list", name="Lines left")
    for line in inside.get_by_role("button").all_text_contents():
        inside.get_by_role("button", name=line.strip(), exact=True).drag_to(outside)
    expect(inside.get_by_role("listitem")).to_have_count(0)
    for line in ("turned = kernel[::-1]", RIGHT[1].strip()):
        outside.get_by_role("button", name=line, exact=True).drag_to(inside)
    form.get_by_role("button", name="Check").click()
    expect(form).to_contain_text("not yet")
    expect(form).to_contain_text("Only the order of the kernel's rows is reversed")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing(page, theme):
    page.evaluate(f"() => jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
    page.evaluate(AXE_SCRIPT)
    for form in page.locator(".cnnlessons-panel").all():
        form.scroll_into_view_if_needed()
        found = form.evaluate("form => axe.run(form)")["violations"]
        assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
