"""Every panel in a browser: by keyboard, by mouse, read aloud, on small screens, and without a kernel."""

import re
import string

import nbformat
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

import lab
from cnnlessons import panels
from cnnlessons.notebooks import METADATA

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np

from cnnlessons import panels
from cnnlessons.layers import Conv2D, Dense, Flatten
from cnnlessons.network import Sequential


def maps(images):
    return {"conv2d_0": np.repeat(images, 3, axis=3), "flatten_1": images.reshape(1, -1)}
"""
ARGUMENTS = {
    "two_networks": "{'one': maps, 'other': maps}, np.ones((4, 8, 8, 1))",
    "attack_lab": "{'one': Sequential([Conv2D(4, 3), Flatten(), Dense(10)], (8, 8, 1))}",
    "digit_pad": "Sequential([Conv2D(16, 3), Flatten(), Dense(10)], (8, 8, 1))",
}
CONTROLS = "button:enabled, input:enabled, select:enabled, [contenteditable=true], [tabindex]"
KEYS = [*string.ascii_letters, "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"]
SIZES = {"1440×900": (1440, 900), "1024×768": (1024, 768), "1440×900 at 200 %": (720, 450)}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A notebook with all panels, one a cell, after all cells have run; the panels are named after their functions."""
    root = tmp_path_factory.mktemp("panels")
    cells = [f"{name} = panels.{name}({ARGUMENTS.get(name, '')})\n{name}" for name in panels.__all__]
    cells = [new_code_cell(cell) for cell in (SETUP, *cells)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), root / "panels.ipynb")
    with lab.running_lab(root) as address, browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        lab.open_notebook(page, address("panels.ipynb"))
        lab.restart_and_run_all(page)
        yield page


@pytest.fixture(params=panels.__all__)
def panel(page, request):
    """One panel after the other, in sight."""
    panel = page.locator(f".cnnlessons-{request.param.replace('_', '-')}")
    panel.scroll_into_view_if_needed()
    return panel


def look(page, theme, size):
    """Show the page in a theme and at a size."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(f"() => jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === 'JupyterLab {theme}'")


def marks(controls, name):
    return controls.evaluate_all(f"all => all.map(each => each.getAttribute('{name}'))")


# --------------------------------------------------------------------------- as it is


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(page, theme, size):
    look(page, theme, size)
    page.evaluate(AXE_SCRIPT)
    for panel in page.locator(".cnnlessons-panel").all():
        panel.scroll_into_view_if_needed()
        found = panel.evaluate("panel => axe.run(panel)")["violations"]
        assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_hidden_at_the_side(page, size):
    look(page, "Light", size)
    too_wide = (
        "all => all.filter(each => each.scrollWidth > each.clientWidth + 2).map(each => each.className)"  # a margin
    )
    panels = page.locator(".cnnlessons-panel")
    assert lab.last_answer(page, lambda: panels.evaluate_all(too_wide), lambda found: not found) == []
    look(page, "Light", "1440×900")


def test_every_control_has_a_name_a_state_and_a_value_that_can_be_read_aloud(panel):
    sliders = panel.locator(".widget-slider:has(.noUi-handle)")
    handles = sliders.locator(".noUi-handle")
    labels = sliders.locator(".widget-label").all_text_contents()
    assert marks(handles, "aria-label") == labels
    assert all(labels)
    for slider in panel.locator(".widget-slider:has(.widget-readout:visible)").all():
        readout = slider.locator(".widget-readout").text_content()
        assert slider.locator(".noUi-handle").get_attribute("aria-valuetext") == readout
    assert all(marks(panel.locator(".widget-play button"), "aria-label"))
    for toggles in panel.locator(".widget-toggle-buttons").all():
        assert toggles.get_attribute("aria-label")
        assert sorted(marks(toggles.locator("button"), "aria-pressed"))[-2:].count("true") == 1
    assert all(marks(panel.locator(".widget-text input"), "aria-label"))


# --------------------------------------------------------------------------- by mouse and by keyboard


def test_clicking_a_weight_chooses_it(page):
    editor = page.locator(".cnnlessons-kernel-editor")
    corner, middle = editor.get_by_title("Weight in row 0, column 0"), editor.get_by_title("Weight in row 1, column 1")
    before = middle.input_value()
    corner.click()
    expect(editor.locator(".cnnlessons-chosen input")).to_have_attribute("title", "Weight in row 0, column 0")
    lab.drag(page, editor.locator(".cnnlessons-slider").first, places=[0.6, 0.9], steps=5)
    expect(corner).not_to_have_value("−1")
    assert middle.input_value() == before
    handle = editor.locator(".cnnlessons-slider .noUi-handle").first
    both = lab.last_answer(
        page, lambda: {handle.get_attribute("aria-valuetext"), corner.input_value()}, lambda both: len(both) == 1
    )
    assert len(both) == 1, both


def test_every_weight_of_a_large_kernel_is_seen_whole(page):
    editor = page.locator(".cnnlessons-kernel-editor")
    editor.locator("select").nth(1).select_option("gaussian_5")
    expect(editor.locator(".widget-text:visible")).to_have_count(25)
    fields = editor.locator(".widget-text input:visible")
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.value)"
    assert lab.last_answer(page, lambda: fields.evaluate_all(cut), lambda cut: not cut) == []
    editor.get_by_role("button", name="Reset").click()


def test_a_typed_rate_counts(page):
    dashboard = page.locator(".cnnlessons-training-dashboard")
    rate = dashboard.get_by_role("textbox", name="Learning rate, number")
    rate.fill("0.37")
    rate.press("Enter")
    dashboard.get_by_role("button", name="Step").click()
    expect(dashboard).to_contain_text("epoch")
    rate = float(lab.ask(page, "print(training_dashboard.run.network.optimizer.learning_rate)"))
    assert rate == pytest.approx(0.37, rel=0.002)  # the slider has steps of a thousandth of a decade


def test_no_key_pressed_on_a_control_edits_the_notebook(page, panel):
    def notebook():
        return page.evaluate(
            """() => {
                const { model, content } = jupyterapp.shell.currentWidget;
                const cells = model.toJSON().cells.map(({ cell_type, source }) => [cell_type, source]);
                return [content.activeCellIndex, cells];
            }"""
        )

    controls = [control for control in panel.locator(CONTROLS).all() if control.is_visible()]
    assert controls
    for control in controls:
        control.focus()
        before = notebook()
        for key in KEYS:
            page.keyboard.press(key)
        assert notebook() == before, control.evaluate("control => control.outerHTML")
    expect(panel).to_be_visible()


# --------------------------------------------------------------------------- without a kernel


def test_where_the_kernel_is_gone_the_panel_says_what_to_do(page):
    page.evaluate("() => { jupyterapp.commands.execute('kernelmenu:shutdown'); }")
    for panel in page.locator(".cnnlessons-panel").all():
        expect(panel).to_have_class(re.compile("jupyter-widgets-disconnected"))
        said = panel.evaluate("panel => getComputedStyle(panel, '::after').content")
        assert said == '"Run this cell to bring the panel to life."'
        assert panel.locator("button:visible, .cnnlessons-page:visible").count() == 0
