"""The digit pad in a browser: mouse, finger and keys draw, and the network's answer follows."""

import nbformat
import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from drawn_digits import STYLES, fifty
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

import lab
from cnnlessons.notebooks import METADATA

pytestmark = pytest.mark.browser

CELL = """
from cnnlessons import datasets, panels
from cnnlessons.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from cnnlessons.network import Sequential
from cnnlessons.optimizers import Adam

digits = datasets.load("digits")
layers = [Conv2D(16, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2)]
layers += [Conv2D(32, 3, padding="same"), BatchNorm(), ReLU(), Flatten(), Dense(10)]
reader = Sequential(layers, (8, 8, 1), seed=0)
for epochs, rate in ((3, 0.01), (2, 0.001)):
    reader.fit(digits.train_images, digits.train_labels, epochs, optimizer=Adam(rate), progress=False)
pad = panels.digit_pad(reader)
pad
"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("pad")
    nbformat.write(new_notebook(cells=[new_code_cell(CELL)], metadata=METADATA), root / "pad.ipynb")
    with lab.running_lab(root) as address, browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        lab.open_notebook(page, address("pad.ipynb"))
        lab.restart_and_run_all(page)
        yield page


@pytest.fixture
def panel(page):
    panel = page.locator(".cnnlessons-digit-pad")
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Clear").click()
    expect(panel.get_by_role("status").last).to_contain_text("Nothing is drawn yet")
    return panel


def places(panel, stroke):
    """Where the points of a stroke lie in the window."""
    box = lab.resting_box(panel.locator(".cnnlessons-pad canvas"))
    return [(box["x"] + column * box["width"], box["y"] + row * box["height"]) for row, column in stroke]


def draw(page, panel, strokes):
    for first, *others in (places(panel, stroke) for stroke in strokes):
        page.mouse.move(*first)
        page.mouse.down()
        for place in others:
            page.mouse.move(*place)
        page.mouse.up()


def strokes_in_the_kernel(page, lengths):
    """Return the strokes that the kernel knows, once they have these lengths."""

    def strokes():
        return eval(lab.ask(page, "print(pad.pad.strokes)"))

    arrived = lab.last_answer(page, strokes, lambda strokes: [*map(len, strokes)] == lengths)
    assert [*map(len, arrived)] == lengths
    return arrived


@pytest.mark.parametrize(("digit", "strokes"), fifty(seed=0)[::7])
def test_a_digit_drawn_with_the_mouse_is_read(page, panel, digit, strokes):
    draw(page, panel, strokes)
    expect(panel.locator(".digit")).to_have_text(str(digit))
    expect(panel.locator(".first th")).to_have_text(str(digit))


def test_every_stroke_reaches_the_kernel_where_it_was_drawn(page, panel):
    strokes = STYLES[4][0]
    draw(page, panel, strokes)
    expect(panel.locator(".digit")).to_have_text("4")
    arrived = strokes_in_the_kernel(page, [*map(len, strokes)])
    for stroke, drawn in zip(arrived, strokes, strict=True):
        np.testing.assert_allclose(stroke, drawn, atol=0.01)


def test_undo_takes_one_stroke_back_and_a_stroke_may_follow_at_once(page, panel):
    draw(page, panel, STYLES[4][0])
    panel.get_by_role("button", name="Undo").click()
    draw(page, panel, STYLES[1][0])
    strokes_in_the_kernel(page, [len(STYLES[4][0][0]), len(STYLES[1][0][0])])
    panel.get_by_role("button", name="Clear").click()
    draw(page, panel, STYLES[1][0])
    expect(panel.locator(".digit")).to_have_text("1")


def test_a_hard_test_digit_is_shown_and_cleared(page, panel):
    panel.get_by_title("The next test digit that it finds hard").click()
    expect(panel.get_by_role("status").last).to_contain_text("in truth a")
    panel.get_by_role("button", name="Clear").click()
    expect(panel.get_by_role("status").last).to_contain_text("Nothing is drawn yet")


def test_a_finger_draws_and_does_not_scroll(page, panel):
    (stroke,) = STYLES[3][0]
    scrolled = panel.bounding_box()
    touch = page.context.new_cdp_session(page)
    points = [{"x": x, "y": y} for x, y in places(panel, stroke)]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    for point in points[1:]:
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(panel.locator(".digit")).to_have_text("3")
    assert panel.bounding_box() == scrolled


def test_the_keys_draw(page, panel):
    canvas = panel.get_by_role("application")
    canvas.focus()
    hint = panel.get_by_role("status").first

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)

    press(*["Home"] * 8)  # to the upper left
    press("Space")
    expect(hint).to_contain_text("Pen down")
    press(*["ArrowRight"] * 15)
    for arrow in ("ArrowDown", "ArrowLeft"):
        page.keyboard.down(arrow)  # the second of the two moves aslant
    press(*["End"] * 9)
    for arrow in ("ArrowDown", "ArrowLeft"):
        page.keyboard.up(arrow)
    press("Space")
    expect(hint).to_contain_text("Pen up")
    expect(panel.locator(".digit")).to_have_text("7")
    press("ArrowUp", "Backspace")
    expect(panel.locator(".digit")).to_have_text("?")


def test_the_canvas_shows_where_the_keyboard_is(page, panel):
    panel.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Shift+Tab")
    canvas = panel.get_by_role("application")
    expect(canvas).to_be_focused()
    assert canvas.evaluate("canvas => getComputedStyle(canvas).outlineStyle") == "solid"


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_when_a_digit_is_drawn(page, panel, theme):
    draw(page, panel, STYLES[8][0])
    expect(panel.locator(".digit")).to_have_text("8")
    page.evaluate(f"() => jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
    page.evaluate(AXE_SCRIPT)
    found = panel.evaluate("panel => axe.run(panel)")["violations"]
    assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
