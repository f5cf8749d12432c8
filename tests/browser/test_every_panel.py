"""Every panel in a browser: by keyboard, by mouse, read aloud, on small screens, presented, and without a kernel."""

import inspect
import re
import string

import nbformat
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

import lab
from cnnlessons import panels
from cnnlessons.notebooks import METADATA

pytestmark = pytest.mark.browser

PANELS = sorted(name for name, each in vars(panels).items() if inspect.isfunction(each))

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
ARROWS = ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"]
SIZES = {"1440×900": (1440, 900), "1024×768": (1024, 768), "1440×900 at 200 %": (720, 450)}


NOTE = {"goal": "to guess", "minutes": {"45": 10, "90": 0}, "ask": "Who?", "wrong": {"guess": {"13": "They add."}}}
LESSON = [
    new_markdown_cell("# A lesson", metadata={"cnnlessons": {"teacher": NOTE}}),
    new_code_cell("import numpy as np\n\nfrom cnnlessons import plots\n\nx = 6"),
    new_markdown_cell(
        "## A guess\n\n**Predict.** Six\nby seven?", metadata={"cnnlessons": {"notes": "Wait for three hands."}}
    ),
    new_code_cell(
        "print('Answer:', 7 * x)",
        id="guess",
        metadata={"tags": ["predict"], "collapsed": True, "jupyter": {"outputs_hidden": True}},
    ),
    new_markdown_cell("It is forty-two.\n\n```python\n# no heading\n```"),
    new_markdown_cell("# A picture"),
    new_code_cell("plots.images([np.eye(3) - 0.5], ['a diagonal'], kind='signed')"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over a notebook with all panels, a heading and a cell each, and a short lesson."""
    root = tmp_path_factory.mktemp("panels")
    cells = [new_code_cell(SETUP)]
    for name in PANELS:
        cells += [
            new_markdown_cell(f"# {name}"),
            new_code_cell(f"{name} = panels.{name}({ARGUMENTS.get(name, '')})\n{name}"),
        ]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), root / "panels.ipynb")
    nbformat.write(new_notebook(cells=LESSON, metadata=METADATA), root / "lesson.ipynb")
    with lab.running_lab(root) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, address):
    """The notebook with all panels after all cells have run; the panels are named after their functions."""
    with browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        lab.open_notebook(page, address("panels.ipynb"))
        lab.restart_and_run_all(page)
        yield page


@pytest.fixture(params=PANELS)
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
    assert page.locator(".cnnlessons-panel").count() == len(PANELS)
    assert violations(page, ".cnnlessons-panel") == []


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


def begin_at(page, panel, width, height):
    """Give the window a size, and let the panel begin at the upper edge of the notebook in it."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function(
        "([width]) => document.querySelector('#jp-main-dock-panel').offsetWidth <= width", arg=[width]
    )
    panel.evaluate("panel => panel.scrollIntoView({ block: 'start' })")


def test_what_went_wrong_stands_in_sight(page, panel):
    name = panel.evaluate("panel => panel.className.match(/cnnlessons-(?!panel)[a-z-]+/)[0]")
    variable = name.removeprefix("cnnlessons-").replace("-", "_")
    expect(panel.locator(".cnnlessons-says")).to_be_hidden()
    lab.ask(page, f"from cnnlessons.panels._panel import sentence\n{variable}.problem.value = sentence('This way.')")
    alert = panel.get_by_role("alert")
    expect(alert).to_have_text("This way.")
    for width in (1280, 1024):

        def bottom(width=width):
            begin_at(page, panel, width, 800)
            return alert.evaluate("alert => alert.getBoundingClientRect().bottom / innerHeight")

        assert lab.last_answer(page, bottom, lambda bottom: bottom < 0.95) < 0.95
    lab.ask(page, f"{variable}.problem.value = ''")
    expect(panel.locator(".cnnlessons-says")).to_be_hidden()
    look(page, "Light", "1440×900")


def boxes(panel, *selectors):
    """Where parts of a panel lie in the window: left, top, right and bottom of each."""
    box = "each => (({ left, top, right, bottom }) => [left, top, right, bottom])(each.getBoundingClientRect())"
    return [panel.locator(selector).first.evaluate(box) for selector in selectors]


@pytest.mark.parametrize("kernel", ["sobel_vertical_edge", "gabor_vertical_edge_5"])
def test_where_there_is_room_the_gain_stands_beside_the_photograph(page, kernel):
    editor = page.locator(".cnnlessons-kernel-editor")
    editor.locator("select").nth(1).select_option(kernel)
    expect(editor.locator(".widget-text:visible")).to_have_count(25 if kernel.endswith("5") else 9)
    look(page, "Light", "1440×900")

    def laid_out():
        begin_at(page, editor, 1280, 800)
        return boxes(editor, ".cnnlessons-weights", "[data-name='photograph']", "[data-name='gain']")

    def beside(boxes):
        (_, _, weights, _), (left, top, right, _), (gain, gain_top, end, bottom) = boxes
        return weights <= left and right <= gain and abs(top - gain_top) < 4 and end <= 1280 and bottom <= 800

    assert beside(lab.last_answer(page, laid_out, beside))
    editor.get_by_role("button", name="Reset").click()
    look(page, "Light", "1440×900")


def test_all_that_an_attack_does_is_seen_at_once_beside_the_pad(page):
    attack = page.locator(".cnnlessons-attack-lab")

    def laid_out():
        begin_at(page, attack, 1280, 800)
        return boxes(attack, ".cnnlessons-pad", ".cnnlessons-page [role='status']", ".three")

    def in_sight(boxes):
        (_, _, pad, _), (verdict, _, _, above), (bars, top, right, bottom) = boxes
        return pad <= verdict and pad <= bars and above <= top and right <= 1280 and bottom <= 800

    assert in_sight(lab.last_answer(page, laid_out, in_sight))
    look(page, "Light", "1440×900")


# --------------------------------------------------------------------------- by mouse and by keyboard


def choose(editor, field):
    """Click on a weight, and wait until it alone is marked."""
    field.click()
    expect(editor.locator(f".cnnlessons-chosen [title='{field.get_attribute('title')}']")).to_be_visible()
    expect(editor.locator(".cnnlessons-chosen input")).to_have_count(1)  # for a moment there may be two


def test_clicking_a_weight_chooses_it(page):
    editor = page.locator(".cnnlessons-kernel-editor")
    corner, middle = editor.get_by_title("Weight in row 0, column 0"), editor.get_by_title("Weight in row 1, column 1")
    before = middle.input_value()
    choose(editor, corner)
    lab.drag(page, editor.locator(".cnnlessons-slider").first, places=[0.6, 0.9], steps=5)
    expect(corner).not_to_have_value("−1")
    assert middle.input_value() == before
    handle = editor.locator(".cnnlessons-slider .noUi-handle").first
    both = lab.last_answer(
        page, lambda: {handle.get_attribute("aria-valuetext"), corner.input_value()}, lambda both: len(both) == 1
    )
    assert len(both) == 1, both


def test_a_weight_is_dragged_up_in_its_field_and_a_click_leaves_it(page):
    editor = page.locator(".cnnlessons-kernel-editor")
    field = editor.get_by_title("Weight in row 2, column 0")
    handle = editor.locator(".cnnlessons-slider .noUi-handle").first
    choose(editor, field)  # until the answer is there: it writes the field anew
    field.fill("0.5")
    field.press("Enter")

    def weight(wanted):  # what the slider says comes from the kernel
        return lab.last_answer(page, lambda: handle.get_attribute("aria-valuetext"), lambda said: said == wanted)

    assert weight("0.5") == "0.5"
    box = lab.resting_box(field)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.down()
    page.mouse.move(x, y - 2)
    expect(field).to_have_value("0.5")
    page.mouse.move(x, y - 40, steps=8)
    assert weight("0.9") == "0.9"
    page.mouse.move(x, y + 100, steps=8)
    page.mouse.up()
    assert weight("−0.5") == "−0.5"
    page.mouse.move(x, y + 200)
    expect(field).to_have_value("−0.5")


def test_a_number_of_the_filtered_photograph_is_taken_apart_by_mouse_and_by_arrow_keys(page):
    editor = page.locator(".cnnlessons-kernel-editor")
    photograph, parts = editor.locator("[data-points]"), editor.locator(".window")
    photograph.hover(position={"x": 290 / 256 * 40.5, "y": 290 / 256 * 60.5})
    expect(parts).to_contain_text("Row 60, column 40")
    photograph.press("ArrowDown")
    photograph.press("Shift+ArrowRight")
    expect(parts).to_contain_text("Row 61, column 50")
    expect(parts).to_contain_text("Sum of the products")


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
        page.keyboard.type(string.ascii_letters)
        for key in ARROWS:
            page.keyboard.press(key)
        assert notebook() == before, control.evaluate("control => control.outerHTML")
    expect(panel).to_be_visible()


# --------------------------------------------------------------------------- on the whole screen, and as slides


def violations(page, place):
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("place => axe.run(place, { resultTypes: ['violations'] })", place)["violations"]
    return [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("name", ["kernel_editor", "gabor_explorer"])
def test_a_panel_fills_the_screen_and_comes_back(page, name):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_function("() => document.querySelector('#jp-main-content-panel').offsetWidth === innerWidth")
    panel = page.locator(f".cnnlessons-{name.replace('_', '-')}")
    before = panel.bounding_box()
    panel.get_by_role("button", name="Whole screen").click()
    expect(panel.get_by_role("button", name="Back")).to_be_focused()
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 720}
    assert panel.evaluate(
        "each => each.scrollHeight <= each.clientHeight + 2 && each.scrollWidth <= each.clientWidth + 2"
    )
    lab.move(page, panel)
    page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name="Whole screen")).to_be_focused()
    assert panel.bounding_box()["width"] == before["width"]


def test_on_the_whole_screen_nothing_is_smaller_than_in_the_lesson(page, panel):
    page.set_viewport_size({"width": 1024, "height": 768})
    panel.get_by_role("button", name="Whole screen").click()
    try:
        expect(panel.get_by_role("button", name="Back", exact=True)).to_be_focused()
        size = "each => [each.currentCSSZoom, each.scrollWidth - each.clientWidth]"
        zoom, hidden = lab.last_answer(page, lambda: panel.evaluate(size), lambda size: size[0] >= 1 and size[1] <= 2)
        assert zoom >= 1
        assert hidden <= 2
        if "cnnlessons-kernel-reader" in panel.get_attribute("class"):  # its weights are read from the last row
            letters = panel.locator(".cells text").evaluate_all(
                """all => all.map(each => [parseFloat(getComputedStyle(each).fontSize) * each.getScreenCTM().a,
                                           each.getBoundingClientRect().width / each.getScreenCTM().a])"""
            )
            assert letters
            assert all(high >= 13 and wide <= 1 for high, wide in letters)
    finally:  # the page is used again
        page.keyboard.press("Escape")
        expect(panel.get_by_role("button", name="Whole screen")).to_be_focused()
        look(page, "Light", "1440×900")


@pytest.fixture
def slides(page):
    """The notebook with all panels as slides, from its second cell, below which the first panel is; then left."""
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    page.get_by_role("button", name="Present").click()
    yield page.get_by_role("navigation", name="Presentation")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Escape")
    expect(page.locator(".cnn-bar")).to_have_count(0)


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768)])
def test_every_panel_is_presented_alive_and_no_wider_than_the_window(page, slides, size):
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))

    def page_down():
        page.keyboard.press("PageDown")  # a slide that is longer than the window is scrolled first
        return slides.get_by_role("status").text_content()

    for number, name in enumerate(PANELS, start=2):
        expect(slides.get_by_role("status")).to_have_text(f"{number} / {len(PANELS) + 1} · {name}")
        panel = page.locator(".cnnlessons-panel:visible")
        expect(panel).to_have_class(re.compile(f"cnnlessons-{name.replace('_', '-')}"))
        wide = "all => all.filter(each => each.getBoundingClientRect().right > innerWidth + 1).length"
        assert page.locator(".cnn-stage :visible").evaluate_all(wide) == 0
        lab.move(page, panel)
        if number <= len(PANELS):  # also from a control: it is what a remote pointer sends
            lab.last_answer(page, page_down, lambda now, number=number: not now.startswith(f"{number} /"))


def test_leaving_a_presentation_brings_everything_back(page):
    page.set_viewport_size({"width": 1280, "height": 720})

    def as_it_is():
        return page.evaluate(
            """() => {
                const { content } = jupyterapp.shell.currentWidget, { activeCellIndex, mode } = content;
                const { scrollTop, style } = content.node.querySelector(".jp-WindowedPanel-outer");
                const parts = ".jp-Cell, .jp-SideBar, #jp-left-stack, #jp-top-panel, #jp-bottom-panel, .jp-Toolbar > *";
                const box = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join();
                const boxes = [...document.querySelectorAll(parts)].map((each) => box(each.getBoundingClientRect()));
                const marked = document.querySelectorAll("[inert], .cnn-stage, .cnn-around, .cnn-away, .cnn-folded");
                return [activeCellIndex, mode, scrollTop, style.zoom, boxes, marked.length];
            }"""
        )

    page.locator(".jp-CodeCell .cm-content").nth(6).click()
    page.wait_for_timeout(500)  # until JupyterLab has scrolled there
    before = as_it_is()
    page.evaluate("() => jupyterapp.commands.execute('cnnlessons:present')")
    assert page.locator(".cnn-stage").bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 720}
    around = ".jp-SideBar, #jp-top-panel, #jp-bottom-panel"  # not even by Tab
    assert page.locator(around).evaluate_all("all => all.every(each => each.closest('[inert]'))")
    for key in ("ArrowRight", "ArrowRight", "+", "PageDown"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    assert lab.last_answer(page, as_it_is, lambda now: now == before) == before


@pytest.fixture(scope="module")
def presentation(browser, address):
    """The short lesson, opened as the command `cnnlessons present` opens one, when its cells have run."""
    with browser.new_page(viewport={"width": 1280, "height": 720}) as page:
        lab.open_notebook(page, address("lesson.ipynb").replace("/lab/", "/lab/workspaces/presenting/"))
        page.wait_for_selector(".cnn-bar")
        ran = "each => each.model.type !== 'code' || each.model.executionCount > 0"
        page.wait_for_function(f"() => jupyterapp.shell.currentWidget.content.widgets.every({ran})")
        yield page


@pytest.fixture
def lesson(presentation):
    """The short lesson on its first slide."""
    presentation.keyboard.press("Home")
    expect(presentation.get_by_role("status").first).to_have_text("1 / 3 · A lesson")
    return presentation


def test_the_answer_to_a_prediction_waits_until_the_teacher_runs_its_cell(lesson):
    lesson.keyboard.press("ArrowRight")
    expect(lesson.get_by_role("heading", name="A guess")).to_be_visible()
    answer, words = lesson.get_by_text("Answer: 42", exact=True), lesson.locator("p", has_text="It is forty-two.")
    assert answer.is_hidden()
    assert words.is_hidden()
    kept = lesson.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON().cells[3].metadata")
    assert kept == LESSON[3].metadata | {"trusted": True}  # although the cell has run already, with all others
    lesson.keyboard.press("Shift+Enter")
    expect(answer).to_be_visible()
    expect(words).to_be_visible()


def test_a_key_that_would_cut_a_cell_does_not_and_one_typed_into_an_editor_stays_there(lesson):
    for key in ("x", "d", "d", "a", "Enter", "n", "b", "Escape"):
        lesson.keyboard.press(key)
    cells = lesson.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON().cells.map(({ source }) => source)")
    assert len(cells) == len(LESSON)
    assert "nb" in cells[1]
    assert lesson.locator(".cnn-bar").is_visible()


def test_the_screen_is_blank_until_the_next_key(lesson):
    lesson.keyboard.press(".")
    blank = lesson.locator(".cnn-blank")
    assert blank.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 720}
    lesson.keyboard.press("PageDown")
    expect(blank).to_have_count(0)
    expect(lesson.get_by_role("status").first).to_have_text("1 / 3 · A lesson")


def test_the_second_window_shows_the_notes_and_what_comes_next_and_turns_the_slides(lesson):
    with lesson.expect_popup() as popup:
        lesson.keyboard.press("n")
    notes = popup.value
    expect(notes.locator("main")).to_contain_text("Next: A guess")
    expect(notes.locator("main")).to_contain_text("since the start")
    expect(notes.locator("main")).to_contain_text("Goal. to guessMinutes. 10 of 45Ask. Who?")
    expect(notes.locator("main")).not_to_contain_text("They add.")
    notes.keyboard.press("ArrowRight")
    expect(lesson.get_by_role("status").first).to_have_text("2 / 3 · A guess")
    expect(notes.locator("main")).to_contain_text("Wait for three hands.")
    expect(notes.locator("main")).to_contain_text("Goal. to guessMinutes. 10 of 45Predict.")  # of the part that goes on
    expect(notes.locator("main")).to_contain_text("Six by seven?Answer: 42Many will say 13: They add.")
    notes.keyboard.press("End")
    expect(notes.locator("main")).not_to_contain_text("Wait for three hands.")
    assert violations(notes, "html") == []
    notes.close()


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_axe_finds_nothing_in_what_the_presentation_adds(lesson, theme):
    look(lesson, theme, "1024×768")
    assert violations(lesson, ".cnn-bar") == []
    lesson.set_viewport_size({"width": 1280, "height": 720})


def test_jupyterlab_has_the_course_s_extension_enabled(lesson):
    for plugin in ("cnnlessons:present", "cnnlessons:descriptions"):
        assert lesson.evaluate(f"() => jupyterapp.isPluginActivated('{plugin}')"), plugin


def test_a_picture_has_the_words_that_are_stored_with_it(lesson):
    lesson.keyboard.press("End")
    metadata = lesson.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON().cells.at(-1).outputs[0].metadata")
    words = lesson.locator(".jp-RenderedImage img").get_attribute("alt")
    assert words == metadata["image/png"]["alt"]
    assert re.fullmatch(r"a diagonal: .*−0\.5.*\.", words)


# --------------------------------------------------------------------------- without a kernel


def test_where_the_kernel_is_gone_the_panel_says_what_to_do(page):
    page.evaluate("() => { jupyterapp.commands.execute('kernelmenu:shutdown'); }")
    for panel in page.locator(".cnnlessons-panel").all():
        expect(panel).to_have_class(re.compile("jupyter-widgets-disconnected"))
        said = panel.evaluate("panel => getComputedStyle(panel, '::after').content")
        assert said == '"Run this cell to bring the panel to life."'
        assert panel.locator("button:visible, .cnnlessons-page:visible").count() == 0
